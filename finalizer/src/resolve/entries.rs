//! The entries that several rows have, as TiDB Lightning records them in `conflict_error_v4`: each of them with key and
//! value, the record of its row, and what both say to people.

use std::collections::HashMap;
use std::sync::Arc;

use th_codec::decode::{RowDecoder, datum_text, decode_key_values};
use th_codec::keys::{Handle, KeyParts, decode_key};
use th_connect::fault;
use th_errors::Fault;
use th_job::index_name;
use th_ledger::{Plan, PlannedTable, SharedEntry};
use th_schema::Table;
use th_sorter::{Duplicate, Sorted, merge};
use th_types::{Context, Datum, FieldType};

/// Most of them that are recorded of a table, and most bytes.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 16 << 20;

/// Entries that are to be recorded, in the order of their keys.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// Keys, values and the numbers of their rows.
    found: Vec<(Vec<u8>, Vec<u8>, u64)>,
    bytes: usize,
    /// Whether the last key's first entry is among them.
    has_first: Vec<u8>,
    /// Keys and values of the records of these rows.
    records: HashMap<u64, (Vec<u8>, Vec<u8>)>,
}

impl Entries {
    /// Takes the entries of two rows with one key; those of a third come with the first once more.
    pub(super) fn add(&mut self, pair: &Duplicate<'_>) {
        if self.has_first != pair.key {
            self.has_first.clear();
            self.has_first.extend_from_slice(pair.key);
            self.push(pair.key, pair.first_value, pair.first);
        }
        self.push(pair.key, pair.second_value, pair.second);
    }

    fn push(&mut self, key: &[u8], value: &[u8], row: u64) {
        let bytes = self.bytes + key.len() + value.len();
        if self.found.len() < MOST && bytes <= MOST_BYTES {
            self.bytes = bytes;
            self.found.push((key.to_vec(), value.to_vec(), row));
            self.records.entry(row).or_default();
        }
    }

    /// Takes the records of the entries' rows from all pairs of rows in conflict, as far as there is room for them.
    pub(super) fn take_records(&mut self, pairs: Sorted) -> Result<(), Fault> {
        let mut room = MOST_BYTES;
        let mut take = |records: &mut HashMap<u64, (Vec<u8>, Vec<u8>)>, key: &[u8], value: &[u8], row| {
            let Some(record) = records.get_mut(&row) else { return };
            let bytes = key.len() + value.len();
            if bytes <= room && matches!(decode_key(key), Ok(KeyParts::Record { .. })) {
                room -= bytes;
                *record = (key.to_vec(), value.to_vec());
            }
        };
        let mut merged = merge(vec![pairs]).map_err(|error| fault::of_sort(&error))?;
        let records = &mut self.records;
        loop {
            let next = merged
                .next(|pair| take(records, pair.key, pair.second_value, pair.second))
                .map_err(|error| fault::of_sort(&error))?;
            let Some((key, value, row)) = next else { return Ok(()) };
            take(records, key, value, row);
        }
    }

    /// The entries as they are recorded; those whose record found no room are left out.
    pub(super) fn shared(
        self,
        plan: &Plan,
        planned: &PlannedTable,
        table: &Arc<Table>,
    ) -> Result<Vec<SharedEntry>, Fault> {
        let context = th_job::context(&plan.session)?;
        let rows = RowDecoder::new(Arc::clone(table))
            .map_err(|error| fault::of_plan(&error, &planned.db, &planned.name))?;
        let mut entries = Vec::with_capacity(self.found.len());
        for (key, value, row) in self.found {
            let Some((record_key, record)) = self.records.get(&row) else { continue };
            let Ok(KeyParts::Record { handle, .. }) = decode_key(record_key) else { continue };
            entries.push(SharedEntry {
                index: index_name(table, &key),
                key: hex(&key),
                value: hex(&value),
                handle: hex(record_key),
                row: hex(record),
                key_data: handle_text(table, &handle, &context),
                row_data: row_text(&rows, record_key, record, &context),
            });
        }
        Ok(entries)
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
        let pair = |key: &'static [u8], first, first_value: &'static [u8], second, second_value| Duplicate {
            key,
            first,
            first_value,
            second,
            second_value,
        };
        entries.add(&pair(b"a", 1, b"1", 2, b"2"));
        entries.add(&pair(b"a", 1, b"1", 3, b"3"));
        entries.add(&pair(b"b", 4, b"4", 5, b"5"));
        let found: Vec<u64> = entries.found.iter().map(|(.., row)| *row).collect();
        assert_eq!(found, [1, 2, 3, 4, 5]);
    }
}
