//! Rows that the table held before the import, whose keys the import has written: noted in a sorter, so that their
//! number costs no memory.

use futures::{StreamExt as _, TryStreamExt as _};
use th_cluster::{ClusterError, Tikv};
use th_codec::decode::decode_index_value;
use th_codec::keys::{Handle, KeyParts, decode_key, encode_int_handle, record_prefix};
use th_connect::fault;
use th_errors::Fault;
use th_sorter::{SortError, Sorted, Sorter, merge};

/// Records read at once.
const CONCURRENCY: usize = 16;
/// Records handed over together: so many, or of so many bytes.
const BATCH: usize = 1000;
const BATCH_BYTES: usize = 1 << 20;
/// Tags: a record that is known goes before the same one that is only asked for.
const KNOWN: u64 = 0;
const WANTED: u64 = 1;

/// Notes an entry that an import's row has taken, as it was before: the record itself, or that of the row it leads to.
pub(super) fn note(records: &mut Sorter, key: &[u8], value: &[u8]) -> Result<(), SortError> {
    match decode_key(key) {
        Ok(KeyParts::Record { .. }) => records.push(key, value, KNOWN),
        Ok(KeyParts::Index { table_id, .. }) => match record_of(table_id, value) {
            Some((_, record)) => records.push(&record, b"", WANTED),
            None => Ok(()),
        },
        Err(_) => Ok(()),
    }
}

/// Hands over the records noted, each once, in the order of their keys, as they were at `read_ts`.
pub(super) fn each(
    runtime: &tokio::runtime::Handle,
    tikv: &Tikv,
    read_ts: u64,
    noted: Sorted,
    mut take: impl FnMut(&[u8], &[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut merged = merge(vec![noted]).map_err(|error| fault::of_sort(&error))?;
    loop {
        let mut batch: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH && bytes < BATCH_BYTES {
            let next = merged.next(|_| {}).map_err(|error| fault::of_sort(&error))?;
            let Some((key, value, _)) = next else { break };
            bytes += key.len() + value.len();
            batch.push((key.to_vec(), value.to_vec()));
        }
        if batch.is_empty() {
            return Ok(());
        }
        let reading = futures::stream::iter(batch)
            .map(|(key, value)| async move {
                let value = if value.is_empty() {
                    tikv.get(&[&key], read_ts).await?.pop().flatten().unwrap_or_default()
                } else {
                    value
                };
                Ok::<_, ClusterError>((key, value))
            })
            .buffered(CONCURRENCY)
            .try_collect::<Vec<_>>();
        for (key, value) in runtime.block_on(reading).map_err(|error| fault::of_cluster(&error))? {
            // A record that is not there is of an index entry that leads nowhere.
            if !value.is_empty() {
                take(&key, &value)?;
            }
        }
    }
}

/// The record key that the value of a unique index's entry leads to. Entries of other indexes hold the handle
/// in their key: their rows' records are in conflict themselves.
pub(super) fn record_of(table_id: i64, value: &[u8]) -> Option<(Handle, Vec<u8>)> {
    let entry = decode_index_value(value).ok()?;
    let handle = entry.handle?;
    let record = record_key(entry.partition_id.unwrap_or(table_id), &handle);
    Some((handle, record))
}

/// The key of a row's record.
pub(super) fn record_key(table_id: i64, handle: &Handle) -> Vec<u8> {
    match handle {
        Handle::Int(handle) => encode_int_handle(table_id, *handle).to_vec(),
        Handle::Common(handle) => [record_prefix(table_id).as_slice(), handle].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_a_unique_index_leads_to_its_row() {
        let value = 7i64.to_be_bytes();
        assert_eq!(record_of(50, &value), Some((Handle::Int(7), encode_int_handle(50, 7).to_vec())));
        // A plain index's value is one character.
        assert_eq!(record_of(50, b"0"), None);
    }
}
