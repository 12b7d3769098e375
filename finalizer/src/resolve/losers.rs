//! Who goes, and the end of their pairs.

use std::sync::Arc;

use th_cluster::{IngestMode, IngestOptions, PairBuffer};
use th_codec::Checksum;
use th_codec::keys::{KeyParts, decode_key};
use th_connect::fault;
use th_errors::{Code, Fault};
use th_job::index_name;
use th_ledger::{Conflict, Ledger, Pairs};
use th_schema::Table;
use th_sorter::{SortError, Sorted, merge};

use super::entries::Entries;
use super::room::{Marks, Room};
use super::rows::Rows;
use crate::Finalizer;

/// Conflicts in one object of the ledger.
const CONFLICTS_A_PART: usize = 10_000;
/// Bytes of keys deleted at once.
const DELETE_BYTES: usize = 4 << 20;

/// Who goes.
pub(super) struct Decided {
    /// Rows that share a key with another, those that stay included.
    pub(super) conflicting: u64,
    /// Rows of the source that go.
    pub(super) removed_rows: u64,
    /// The first conflict.
    pub(super) first: Option<Conflict>,
    /// Entries in conflict to be recorded.
    pub(super) entries: Entries,
    /// By the rows' numbers.
    goes: Marks,
    pairs: Sorted,
    room: Room,
}

/// Decides who goes and writes all conflicts to the ledger.
pub(super) async fn decide(
    finalizer: &Finalizer<'_>,
    number: u32,
    table: &Arc<Table>,
    rows: Rows,
) -> Result<Decided, Fault> {
    let runtime = tokio::runtime::Handle::current();
    let report = Report {
        ledger: finalizer.ledger.clone(),
        runtime,
        number,
        table: Arc::clone(table),
        parts: 0,
        open: Vec::new(),
        first: None,
        entries: Entries::default(),
    };
    tokio::task::spawn_blocking(move || decide_blocking(rows, report))
        .await
        .map_err(|error| Fault::new(Code::Internal, format!("resolving ended unexpectedly: {error}")))?
}

fn decide_blocking(rows: Rows, mut report: Report) -> Result<Decided, Fault> {
    let Rows { places, pairs, before, room } = rows;
    let (mut conflicts, mut goes) = (Marks::new(places.len()), Marks::new(places.len()));
    let mut merged = merge(vec![pairs.clone()]).map_err(|error| fault::of_sort(&error))?;
    loop {
        let mut failed = Ok(());
        let next = merged
            .next(|pair| {
                conflicts.set(pair.first);
                conflicts.set(pair.second);
                goes.set(pair.second);
                report.entries.add(&pair);
                if failed.is_ok() {
                    failed =
                        report.add(pair.key, || Ok((places.text(pair.first)?, places.text(pair.second)?)));
                }
            })
            .map_err(|error| fault::of_sort(&error))?;
        failed?;
        if next.is_none() {
            break;
        }
    }
    report.flush()?;
    report.entries.take_records(pairs.clone())?;
    Ok(Decided {
        conflicting: conflicts.count(places.len()),
        removed_rows: goes.count(before),
        first: report.first,
        entries: report.entries,
        goes,
        pairs,
        room,
    })
}

/// The entries that several of the rows have.
pub(super) async fn entries(rows: Rows) -> Result<Entries, Fault> {
    let Rows { pairs, room, .. } = rows;
    let looking = tokio::task::spawn_blocking(move || {
        let mut entries = Entries::default();
        let mut merged = merge(vec![pairs.clone()]).map_err(|error| fault::of_sort(&error))?;
        while merged.next(|pair| entries.add(&pair)).map_err(|error| fault::of_sort(&error))?.is_some() {}
        entries.take_records(pairs)?;
        drop(room);
        Ok(entries)
    });
    looking
        .await
        .map_err(|error| Fault::new(Code::Internal, format!("resolving ended unexpectedly: {error}")))?
}

/// Writes conflicts to the ledger, part by part.
struct Report {
    ledger: Ledger,
    runtime: tokio::runtime::Handle,
    number: u32,
    table: Arc<Table>,
    parts: u32,
    open: Vec<Conflict>,
    first: Option<Conflict>,
    entries: Entries,
}

impl Report {
    fn add(
        &mut self,
        key: &[u8],
        places: impl FnOnce() -> Result<((String, u64), (String, u64)), Fault>,
    ) -> Result<(), Fault> {
        // Two rows with one handle have equal keys in plain indexes, too, which says nothing more.
        if let Ok(KeyParts::Index { index_id, .. }) = decode_key(key)
            && self.table.info.indexes.iter().any(|index| index.id == index_id && !index.is_unique)
        {
            return Ok(());
        }
        let ((first, first_offset), (second, second_offset)) = places()?;
        let key_text = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let index = index_name(&self.table, key);
        let conflict = Conflict { index, key: key_text, first, first_offset, second, second_offset };
        self.first.get_or_insert_with(|| conflict.clone());
        self.open.push(conflict);
        if self.open.len() >= CONFLICTS_A_PART { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Fault> {
        if self.open.is_empty() {
            return Ok(());
        }
        let written =
            self.runtime.block_on(self.ledger.write_table_conflicts(self.number, self.parts, &self.open));
        self.open.clear();
        self.parts += 1;
        written.map_err(|error| fault::of_ledger(&error))
    }
}

/// Deletes the pairs of the rows that go, but for keys at which another row stays. Returns the sum over all
/// pairs of these rows, as their jobs counted them.
pub(super) async fn delete(finalizer: &Finalizer<'_>, decided: Decided) -> Result<Pairs, Fault> {
    let cluster = finalizer.cluster;
    let commit_ts = cluster.pd.tso(1).await.map_err(|error| fault::of_cluster(&error))?;
    let ingester = cluster.ingester(IngestMode::Delete, IngestOptions::default());
    let (sender, mut receiver) = tokio::sync::mpsc::channel::<PairBuffer>(1);
    let merging = tokio::task::spawn_blocking(move || doomed(decided, &sender));
    let mut outcome = Ok(());
    while let Some(keys) = receiver.recv().await {
        outcome = ingester.ingest_range(keys.pairs(), commit_ts).await.map(drop);
        if outcome.is_err() {
            break;
        }
    }
    drop(receiver);
    let removed = merging
        .await
        .map_err(|error| Fault::new(Code::Internal, format!("deleting ended unexpectedly: {error}")))??;
    outcome.map_err(|error| fault::of_ingest(&error))?;
    Ok(removed)
}

/// Hands over the keys to delete, in order, and sums up the pairs of the rows that go.
fn doomed(decided: Decided, keys: &tokio::sync::mpsc::Sender<PairBuffer>) -> Result<Pairs, Fault> {
    let Decided { goes, pairs, room, .. } = decided;
    let sort_fault = |error: SortError| fault::of_sort(&error);
    let mut removed = Checksum::default();
    let mut open = PairBuffer::new();
    let mut merged = merge(vec![pairs]).map_err(sort_fault)?;
    loop {
        // All rows at a key but its first go.
        let next = merged.next(|pair| removed.update(pair.key, pair.second_value)).map_err(sort_fault)?;
        let Some((key, value, row)) = next else { break };
        if !goes.has(row) {
            continue;
        }
        removed.update(key, value);
        open.push(key, b"").map_err(|error| fault::of_ingest(&error))?;
        if open.bytes() >= DELETE_BYTES && keys.blocking_send(std::mem::take(&mut open)).is_err() {
            break;
        }
    }
    if !open.is_empty() {
        // A closed channel means that deleting failed, which is reported there.
        let _ = keys.blocking_send(open);
    }
    drop(room);
    Ok(Pairs { crc64: removed.crc64, pairs: removed.pairs, bytes: removed.bytes })
}
