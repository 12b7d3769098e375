//! Keys and values in words.

use std::fmt::Write as _;

use th_codec::decode::{
    IndexEntry, datum_text, decode_column, decode_index_key, decode_index_value, decode_key_values,
};
use th_codec::keys::{Handle, KeyParts, decode_key};
use th_codec::row::{RowView, VERSION};
use th_schema::{ColumnInfo, IndexInfo, Table};
use th_sst::mvcc::{WriteKind, decode_write};
use th_types::{Context, Datum, FieldType};

use super::bytes::UserKey;

/// Shows keys and values, by name where the table is known.
pub(super) struct Shower {
    pub(super) table: Option<Table>,
    pub(super) context: Context,
}

impl Shower {
    /// One line on a key.
    pub(super) fn key(&self, key: &UserKey) -> String {
        let mut text = match decode_key(&key.bytes) {
            Ok(KeyParts::Record { table_id, handle }) => {
                format!("{}, record of {}", self.table_name(table_id), self.handle(&handle))
            }
            Ok(KeyParts::Index { table_id, index_id, values }) => {
                format!("{}, {}", self.table_name(table_id), self.index_key(index_id, &key.bytes, values))
            }
            Err(_) => format!("not a key of a table: {}", hex(&key.bytes)),
        };
        if let Some(keyspace) = key.keyspace {
            let _ = write!(text, ", keyspace {keyspace}");
        }
        if let Some(timestamp) = key.timestamp {
            let _ = write!(text, ", timestamp {timestamp}");
        }
        text
    }

    /// A value as TiDB made it.
    pub(super) fn value(&self, key: Option<&UserKey>, value: &[u8]) -> String {
        let kind = key.and_then(|key| decode_key(&key.bytes).ok());
        let is_row = match kind {
            Some(KeyParts::Record { .. }) => true,
            Some(KeyParts::Index { .. }) => false,
            None => value.first() == Some(&VERSION),
        };
        if is_row { self.row(value) } else { self.index_value(value) }
    }

    /// A value as an SST file holds it: a write record, or a long value by itself.
    pub(super) fn stored(&self, key: &UserKey, value: &[u8]) -> String {
        let Ok(record) = decode_write(value) else { return self.value(Some(key), value) };
        let kind = match record.kind {
            WriteKind::Put => "put",
            WriteKind::Delete => "delete",
            WriteKind::Lock => "lock",
            WriteKind::Rollback => "rollback",
        };
        let what = match record.short_value {
            Some(short) => self.value(Some(key), short),
            None if record.kind == WriteKind::Put => "value in the default column family".to_owned(),
            None => "no value".to_owned(),
        };
        format!("{kind} started at {}: {what}", record.start_ts)
    }

    fn table_name(&self, id: i64) -> String {
        match &self.table {
            Some(table) if table.info.id == id => format!("table `{}` ({id})", table.info.name.original),
            Some(table) => format!("partition {id} of table `{}`", table.info.name.original),
            None => format!("table {id}"),
        }
    }

    fn columns(&self) -> &[ColumnInfo] {
        self.table.as_ref().map_or(&[], |table| &table.info.columns)
    }

    fn handle(&self, handle: &Handle) -> String {
        let encoded = match handle {
            Handle::Int(handle) => return format!("handle {handle}"),
            Handle::Common(encoded) => encoded,
        };
        let columns = self.table.as_ref().map(Table::common_handle_columns).unwrap_or_default();
        format!("handle {}", self.key_values(encoded, &columns))
    }

    /// Encoded datums, named by the columns as far as those are known.
    fn key_values(&self, encoded: &[u8], columns: &[&ColumnInfo]) -> String {
        let types: Vec<&FieldType> = columns.iter().map(|column| &column.field_type).collect();
        let Ok(values) = decode_key_values(encoded, &types, &self.context) else { return hex(encoded) };
        let shown = values.iter().enumerate().map(|(index, value)| match columns.get(index) {
            Some(column) => format!("{}={}", column.name.original, self.key_datum(value, column)),
            None => untyped(value),
        });
        format!("({})", shown.collect::<Vec<_>>().join(", "))
    }

    fn index_key(&self, id: i64, key: &[u8], values: &[u8]) -> String {
        let Some((table, index)) = self.index(id) else {
            return format!("entry of index {id}: {}", self.key_values(values, &[]));
        };
        let name = format!("entry of index `{}` ({id})", index.name.original);
        let (datums, entry) = match decode_index_key(table, index, key, &self.context) {
            Ok(decoded) => decoded,
            Err(error) => return format!("{name}: {error}: {}", hex(values)),
        };
        let parts = index.columns.iter().zip(&datums).map(|(part, datum)| {
            let shown = self.columns().get(part.offset).map(|column| self.key_datum(datum, column));
            format!("{}={}", part.name.original, shown.unwrap_or_default())
        });
        let parts: Vec<String> = parts.collect();
        format!("{name}: ({}){}", parts.join(", "), self.entry(&entry))
    }

    fn index(&self, id: i64) -> Option<(&Table, &IndexInfo)> {
        let table = self.table.as_ref()?;
        Some((table, table.info.indexes.iter().find(|index| index.id == id)?))
    }

    /// A value out of a key: strings of most collations are only weights there.
    fn key_datum(&self, datum: &Datum<'_>, column: &ColumnInfo) -> String {
        let is_text = ["binary", "utf8mb4_bin", "utf8_bin", "ascii_bin", "latin1_bin", "utf8mb4_0900_bin"]
            .contains(&column.field_type.collate.as_str());
        match datum {
            Datum::Bytes(weights) if !is_text => format!("weights:{}", hex(weights)),
            _ => self.datum(datum, &column.field_type),
        }
    }

    fn datum(&self, datum: &Datum<'_>, field_type: &FieldType) -> String {
        let Some(text) = datum_text(datum, field_type, &self.context.zone) else { return "NULL".to_owned() };
        match (datum, std::str::from_utf8(&text)) {
            (Datum::Int(_) | Datum::Uint(_) | Datum::Float32(_) | Datum::Float64(_), Ok(text)) => text.into(),
            (Datum::Decimal(_) | Datum::Json(_) | Datum::Vector(_), Ok(text)) => text.into(),
            (Datum::Bit(_), _) | (_, Err(_)) => format!("0x{}", hex(&text)),
            (_, Ok(text)) => format!("{text:?}"),
        }
    }

    fn row(&self, value: &[u8]) -> String {
        let row = match RowView::new(value) {
            Ok(row) => row,
            Err(error) => return format!("{error}: {}", hex(value)),
        };
        let columns = row.ids().map(|id| {
            let id = i64::from(id);
            let column = self.columns().iter().find(|column| column.id == id);
            let name = column.map_or_else(|| format!("column {id}"), |column| column.name.original.clone());
            let shown = match (row.get(id).flatten(), column) {
                (None, _) => "NULL".to_owned(),
                (Some(bytes), Some(column)) => {
                    match decode_column(bytes, &column.field_type, &self.context) {
                        Some(datum) => self.datum(&datum, &column.field_type),
                        None => format!("not of its type: {}", hex(bytes)),
                    }
                }
                (Some(bytes), None) => hex(bytes),
            };
            format!("{name}={shown}")
        });
        let columns: Vec<String> = columns.collect();
        format!("row: {}", if columns.is_empty() { "no columns".to_owned() } else { columns.join(", ") })
    }

    fn index_value(&self, value: &[u8]) -> String {
        match decode_index_value(value) {
            Ok(entry) => format!("index value of version {}{}", entry.version, self.entry(&entry)),
            Err(error) => format!("{error}: {}", hex(value)),
        }
    }

    fn entry(&self, entry: &IndexEntry) -> String {
        let mut text = String::new();
        if let Some(partition) = entry.partition_id {
            let _ = write!(text, ", partition {partition}");
        }
        if let Some(handle) = &entry.handle {
            let _ = write!(text, ", {}", self.handle(handle));
        }
        if let Some(restored) = &entry.restored {
            let _ = write!(text, ", restored {}", self.row(restored));
        }
        text
    }
}

/// A value of a column that is not known.
fn untyped(datum: &Datum<'_>) -> String {
    match datum {
        Datum::Null => "NULL".to_owned(),
        Datum::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => format!("{text:?}"),
            Err(_) => format!("0x{}", hex(bytes)),
        },
        Datum::Int(number) => number.to_string(),
        Datum::Uint(number) => number.to_string(),
        Datum::Float64(number) => number.to_string(),
        Datum::Decimal(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::inspect::bytes::unwrap_key;
    use th_codec::{Encoder, EncoderOptions};
    use th_row::Value;
    use th_schema::{DdlOptions, parse_create_table};

    const DDL: &str = "CREATE TABLE t (a VARCHAR(9) COLLATE utf8mb4_general_ci, b INT, c TIMESTAMP NULL,
        PRIMARY KEY (b, a) CLUSTERED, UNIQUE KEY kc (c))";

    /// What is shown of the pairs of one row.
    fn shown(known: bool) -> Vec<String> {
        let info = parse_create_table(DDL, &DdlOptions { table_id: 10, ..DdlOptions::default() })
            .expect("the definition is valid");
        let table = Table::new("d", info).expect("the definition is supported");
        let context = Context::default();
        let options = EncoderOptions { context: context.clone(), auto_random_seed: 0, new_collation: true };
        let mut encoder = Encoder::new(Arc::new(table.clone()), options).expect("the table compiles");
        let row = [Value::Text(b"x "), Value::Int(-3), Value::Text(b"2024-01-02 03:04:05")];
        let pairs = encoder.encode(&row, 1).expect("the row is good");
        let shower = Shower { table: known.then_some(table), context };
        let show = |key: &[u8], value: &[u8]| {
            let key = unwrap_key(&th_sst::mvcc::encode_data_key(key, 7));
            [shower.key(&key), shower.value(Some(&key), value)]
        };
        pairs.iter().flat_map(|pair| show(pair.key, pair.value)).collect()
    }

    #[test]
    fn a_known_table_gives_names() {
        assert_eq!(
            shown(true),
            [
                "table `t` (10), record of handle (b=-3, a=weights:0058), timestamp 7",
                "row: a=\"x \", c=\"2024-01-02 03:04:05\"",
                "table `t` (10), entry of index `kc` (2): (c=\"2024-01-02 03:04:05\"), timestamp 7",
                "index value of version 1, handle (b=-3, a=weights:0058), restored row: a=\"x \"",
            ]
        );
    }

    #[test]
    fn an_unknown_table_still_shows_ids_and_bytes() {
        let shown = shown(false);
        assert_eq!(shown[0], "table 10, record of handle (-3, \"\\0X\"), timestamp 7");
        assert!(shown[1].starts_with("row: column 1=7820, column 3="), "{}", shown[1]);
        assert!(shown[3].starts_with("index value of version 1, handle (-3, "), "{}", shown[3]);
    }
}
