//! The entries that several rows have, as TiDB Lightning records them in `conflict_error_v4` when one of the rows is to
//! stay: each of them with key and value, the record that it leads to, and what both say to people.

use std::sync::Arc;

use th_codec::decode::{RowDecoder, datum_text, decode_index_key, decode_key_values};
use th_codec::keys::{Handle, KeyParts, decode_key};
use th_connect::fault;
use th_errors::Fault;
use th_job::index_name;
use th_ledger::{PlannedTable, SharedEntry};
use th_schema::Table;
use th_types::{Context, Datum, FieldType};

use super::before::{record_key, record_of};
use crate::Finalizer;

/// Most of them that are recorded of a table, and most bytes.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 16 << 20;

/// Entries that are to be recorded, in the order of their keys.
#[derive(Debug, Default)]
pub(super) struct Entries {
    found: Vec<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
    /// Whether the last key's first entry is among them.
    has_first: Vec<u8>,
}

impl Entries {
    /// Takes the entries of two rows with one key; those of a third come with the first once more.
    pub(super) fn add(&mut self, key: &[u8], first: &[u8], second: &[u8]) {
        if self.has_first != key {
            self.has_first.clear();
            self.has_first.extend_from_slice(key);
            self.push(key, first);
        }
        self.push(key, second);
    }

    fn push(&mut self, key: &[u8], value: &[u8]) {
        let bytes = self.bytes + key.len() + value.len();
        if self.found.len() < MOST && bytes <= MOST_BYTES {
            self.bytes = bytes;
            self.found.push((key.to_vec(), value.to_vec()));
        }
    }

    /// Reads the records that the entries lead to, while all are there, and writes everything to the ledger. Whoever
    /// comes after somebody who has deleted some already finds them written.
    pub(super) async fn write(
        self,
        finalizer: &Finalizer<'_>,
        number: u32,
        planned: &PlannedTable,
        table: &Arc<Table>,
    ) -> Result<(), Fault> {
        let of_table = |error| fault::of_cluster(&error).of_table(&planned.db, &planned.name);
        let context = th_job::context(&finalizer.plan.session)?;
        let rows = RowDecoder::new(Arc::clone(table))
            .map_err(|error| fault::of_plan(&error, &planned.db, &planned.name))?;
        let read_ts = finalizer.cluster.pd.tso(1).await.map_err(of_table)?;
        let mut entries = Vec::with_capacity(self.found.len());
        let mut bytes = 0;
        for (key, value) in self.found {
            let handle = handle_of(table, &key, &value, &context);
            let record = match &handle {
                Some((_, record)) if *record == key => value.clone(),
                Some((_, record)) => {
                    let read = finalizer.cluster.tikv.get(&[record], read_ts).await.map_err(of_table)?;
                    read.into_iter().next().flatten().unwrap_or_default()
                }
                None => Vec::new(),
            };
            let (key_data, record_key) = match handle {
                Some((handle, record)) => (handle_text(table, &handle, &context), record),
                None => Default::default(),
            };
            let row_data = if record.is_empty() {
                String::new()
            } else {
                row_text(&rows, &record_key, &record, &context)
            };
            bytes += key.len() + value.len() + record.len() + row_data.len();
            if bytes > 2 * MOST_BYTES {
                break;
            }
            entries.push(SharedEntry {
                index: index_name(table, &key),
                key: hex(&key),
                value: hex(&value),
                handle: hex(&record_key),
                row: hex(&record),
                key_data,
                row_data,
            });
        }
        let written = finalizer.ledger.write_shared_entries(number, &entries).await;
        written.map_err(|error| fault::of_ledger(&error))
    }
}

/// The handle of an entry's row, and the key of the row's record.
fn handle_of(table: &Table, key: &[u8], value: &[u8], context: &Context) -> Option<(Handle, Vec<u8>)> {
    match decode_key(key).ok()? {
        KeyParts::Record { handle, .. } => Some((handle, key.to_vec())),
        KeyParts::Index { table_id, index_id, .. } => {
            if let Some(found) = record_of(table_id, value) {
                return Some(found);
            }
            let index = table.info.indexes.iter().find(|index| index.id == index_id)?;
            let handle = decode_index_key(table, index, key, context).ok()?.1.handle?;
            let record = record_key(table_id, &handle);
            Some((handle, record))
        }
    }
}

/// `7`, or `{a, 7}` for a clustered key of several columns (texts as sort keys).
fn handle_text(table: &Table, handle: &Handle, context: &Context) -> String {
    let encoded = match handle {
        Handle::Int(number) => return number.to_string(),
        Handle::Common(encoded) => encoded,
    };
    let primary = table.info.indexes.iter().find(|index| index.is_primary);
    let types: Vec<&FieldType> = primary
        .iter()
        .flat_map(|index| &index.columns)
        .filter_map(|part| table.info.columns.get(part.offset).map(|column| &column.field_type))
        .collect();
    let values = decode_key_values(encoded, &types, context).unwrap_or_default();
    let texts: Vec<String> =
        values.iter().zip(&types).map(|(value, of)| text_of(value, of, context)).collect();
    format!("{{{}}}", texts.join(", "))
}

/// `(1, "text", NULL)`; one column stands alone.
fn row_text(rows: &RowDecoder, key: &[u8], record: &[u8], context: &Context) -> String {
    let values = match rows.decode_row(key, record, context) {
        Ok(values) => values,
        Err(error) => return format!("/* ERROR: {error} */"),
    };
    let texts: Vec<String> = values
        .iter()
        .zip(rows.columns())
        .map(|(value, column)| match value {
            Datum::Bytes(_) => format!("\"{}\"", text_of(value, &column.field_type, context)),
            _ => text_of(value, &column.field_type, context),
        })
        .collect();
    if texts.len() == 1 { texts.concat() } else { format!("({})", texts.join(", ")) }
}

fn text_of(value: &Datum<'_>, of: &FieldType, context: &Context) -> String {
    let text = datum_text(value, of, &context.zone);
    text.map_or_else(|| "NULL".to_owned(), |text| String::from_utf8_lossy(&text).into_owned())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_three_rows_with_one_key_all_entries_are_taken_once() {
        let mut entries = Entries::default();
        entries.add(b"a", b"1", b"2");
        entries.add(b"a", b"1", b"3");
        entries.add(b"b", b"4", b"5");
        let found: Vec<&[u8]> = entries.found.iter().map(|(_, value)| value.as_slice()).collect();
        assert_eq!(found, [b"1", b"2", b"3", b"4", b"5"]);
    }
}
