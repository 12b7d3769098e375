//! Rows that the table held before the import, whose keys the import has written.

use std::collections::BTreeMap;

use th_codec::decode::decode_index_value;
use th_codec::keys::{Handle, KeyParts, decode_key, encode_int_handle, record_prefix};
use th_connect::fault;
use th_errors::Fault;
use th_ledger::PlannedTable;

use super::keys::Found;
use crate::Finalizer;

/// Their records, as they were before the import.
pub(super) async fn records(
    finalizer: &Finalizer<'_>,
    planned: &PlannedTable,
    found: &Found,
) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Fault> {
    let mut records = BTreeMap::new();
    let mut wanted = Vec::new();
    for (key, value) in &found.before {
        match decode_key(key) {
            Ok(KeyParts::Record { .. }) => {
                records.insert(key.to_vec(), value.clone());
            }
            Ok(KeyParts::Index { table_id, .. }) => wanted.extend(record_of(table_id, value)),
            Err(_) => {}
        }
    }
    wanted.sort_unstable();
    wanted.dedup();
    wanted.retain(|key| !records.contains_key(key));
    let keys: Vec<&[u8]> = wanted.iter().map(Vec::as_slice).collect();
    let values = finalizer
        .cluster
        .tikv
        .get(&keys, finalizer.plan.first_commit_ts.saturating_sub(1))
        .await
        .map_err(|error| fault::of_cluster(&error).of_table(&planned.db, &planned.name))?;
    records.extend(wanted.iter().zip(values).filter_map(|(key, value)| Some((key.clone(), value?))));
    Ok(records)
}

/// The record key that the value of a unique index's entry leads to. Entries of other indexes hold the handle
/// in their key: their rows' records are in conflict themselves.
fn record_of(table_id: i64, value: &[u8]) -> Option<Vec<u8>> {
    let entry = decode_index_value(value).ok()?;
    let table_id = entry.partition_id.unwrap_or(table_id);
    Some(match entry.handle? {
        Handle::Int(handle) => encode_int_handle(table_id, handle).to_vec(),
        Handle::Common(handle) => [record_prefix(table_id).as_slice(), &handle].concat(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_of_a_unique_index_leads_to_its_row() {
        let value = 7i64.to_be_bytes();
        assert_eq!(record_of(50, &value), Some(encode_int_handle(50, 7).to_vec()));
        // A plain index's value is one character.
        assert_eq!(record_of(50, b"0"), None);
    }
}
