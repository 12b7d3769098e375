//! Snapshot reads of committed data: the newest version of a key at or before a timestamp.
//!
//! There are no locks to meet: the playground commits at once whatever it writes.

use std::ops::ControlFlow;

use rocksdb::{Direction, IteratorMode, ReadOptions};
use th_sst::mvcc::{self, WriteKind, WriteRecord};
use th_sst::{SstError, memcomparable};

use crate::tikv::store::{StoreNode, prefixed};

/// Why a read failed: the store's files are not readable as TiKV data.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// RocksDB refused.
    #[error("{0}")]
    Rocks(#[from] rocksdb::Error),
    /// A record is not TiKV's.
    #[error("{0}")]
    Record(#[from] SstError),
    /// A key is not TiKV's.
    #[error("{0}")]
    Key(#[from] memcomparable::Broken),
    /// A commit record's long value is missing.
    #[error("default value not found for a key of {0} bytes")]
    ValueMissing(usize),
}

/// A version of a key.
pub(crate) struct Version {
    pub(crate) commit_ts: u64,
    /// `None`: deleted.
    pub(crate) value: Option<Vec<u8>>,
}

/// The value of a raw user key at a timestamp.
pub(crate) fn get(store: &StoreNode, user_key: &[u8], read_ts: u64) -> Result<Option<Vec<u8>>, ReadError> {
    let mut start = memcomparable::encode(user_key);
    let mut end = start.clone();
    // Versions are eight bytes, newest first: from the wanted one to beyond the oldest.
    start.extend_from_slice(&(!read_ts).to_be_bytes());
    end.extend_from_slice(&[0xFF; 9]);
    let mut found = None;
    scan(store, &start, &end, read_ts, |key, value| {
        if key == user_key {
            found = Some(value.to_vec());
        }
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// Visits the pairs (raw user key, value) that stand in `[start, end)` (memcomparable; empty end =
/// no bound) at a timestamp, in key order, until the visitor breaks.
pub(crate) fn scan(
    store: &StoreNode,
    start: &[u8],
    end: &[u8],
    read_ts: u64,
    mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    // Set when the current key's version has been found, so that older ones are skipped.
    let mut done_key: Vec<u8> = Vec::new();
    walk(store, start, end, |encoded, commit_ts, record| {
        if commit_ts > read_ts || (!done_key.is_empty() && done_key == encoded) {
            return Ok(ControlFlow::Continue(()));
        }
        match record.kind {
            WriteKind::Lock | WriteKind::Rollback => return Ok(ControlFlow::Continue(())),
            WriteKind::Delete => {}
            WriteKind::Put => {
                let (user_key, _) = memcomparable::decode(encoded)?;
                let flow = match record.short_value {
                    Some(value) => visit(&user_key, value),
                    None => visit(&user_key, &long_value(store, encoded, record.start_ts)?),
                };
                if flow.is_break() {
                    return Ok(flow);
                }
            }
        }
        done_key.clear();
        done_key.extend_from_slice(encoded);
        Ok(ControlFlow::Continue(()))
    })
}

/// The pairs of `[start, end)` backwards: at most `limit`.
pub(crate) fn scan_backwards(
    store: &StoreNode,
    start: &[u8],
    end: &[u8],
    read_ts: u64,
    limit: usize,
) -> Result<Vec<(Vec<u8>, Vec<u8>)>, ReadError> {
    // Reverse scans are rare and small here; reading forwards keeps one way of reading versions.
    let mut window = std::collections::VecDeque::new();
    scan(store, start, end, read_ts, |key, value| {
        if window.len() == limit {
            window.pop_front();
        }
        window.push_back((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(window.into_iter().rev().take(limit).collect())
}

/// Visits every key in `[start, end)` with all its put and deleted versions, newest first.
pub(crate) fn scan_versions(
    store: &StoreNode,
    start: &[u8],
    end: &[u8],
    mut visit: impl FnMut(&[u8], Vec<Version>) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let mut current: Vec<u8> = Vec::new();
    let mut versions: Vec<Version> = Vec::new();
    let mut broken = false;
    walk(store, start, end, |encoded, commit_ts, record| {
        if encoded != current.as_slice() {
            if !versions.is_empty() {
                let (user_key, _) = memcomparable::decode(&current)?;
                if visit(&user_key, std::mem::take(&mut versions)).is_break() {
                    broken = true;
                    return Ok(ControlFlow::Break(()));
                }
            }
            current.clear();
            current.extend_from_slice(encoded);
        }
        let value = match record.kind {
            WriteKind::Lock | WriteKind::Rollback => return Ok(ControlFlow::Continue(())),
            WriteKind::Delete => None,
            WriteKind::Put => Some(match record.short_value {
                Some(value) => value.to_vec(),
                None => long_value(store, encoded, record.start_ts)?,
            }),
        };
        versions.push(Version { commit_ts, value });
        Ok(ControlFlow::Continue(()))
    })?;
    if !broken && !versions.is_empty() {
        let (user_key, _) = memcomparable::decode(&current)?;
        let _ = visit(&user_key, versions);
    }
    Ok(())
}

/// Visits every commit record in `[start, end)`, a key's newest first, until the visitor breaks.
pub(crate) fn walk(
    store: &StoreNode,
    start: &[u8],
    end: &[u8],
    mut visit: impl FnMut(&[u8], u64, WriteRecord<'_>) -> Result<ControlFlow<()>, ReadError>,
) -> Result<(), ReadError> {
    let Some(write_cf) = store.write_cf() else { return Ok(()) };
    let mut options = ReadOptions::default();
    if end.is_empty() {
        // The data prefix's successor.
        options.set_iterate_upper_bound(b"{".to_vec());
    } else {
        options.set_iterate_upper_bound(prefixed(end));
    }
    let first = prefixed(start);
    let mode = IteratorMode::From(&first, Direction::Forward);
    for entry in store.db.iterator_cf_opt(write_cf, options, mode) {
        let (data_key, record) = entry?;
        let (encoded, commit_ts) = mvcc::split_data_key(&data_key)?;
        if visit(encoded, commit_ts, mvcc::decode_write(&record)?)?.is_break() {
            return Ok(());
        }
    }
    Ok(())
}

fn long_value(store: &StoreNode, encoded: &[u8], start_ts: u64) -> Result<Vec<u8>, ReadError> {
    let mut data_key = prefixed(encoded);
    data_key.extend_from_slice(&(!start_ts).to_be_bytes());
    store.db.get(&data_key)?.ok_or(ReadError::ValueMissing(encoded.len()))
}
