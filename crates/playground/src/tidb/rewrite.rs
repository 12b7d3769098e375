//! Rows that are there, encoded again: for new indexes, for checks, and to know the pairs of a row that goes.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use th_codec::decode::{RowDecoder, decode_index_value};
use th_codec::keys::{Handle, KeyParts, decode_key, int_bytes, int_from_bytes, record_prefix};
use th_codec::{Encoder, EncoderOptions, PairKind, Pairs};
use th_row::Value;
use th_schema::{ColumnInfo, Table, TableInfo};
use th_types::{Context, Datum, SqlMode};

use crate::cluster::Cluster;
use crate::tidb::catalog::Entry;
use crate::tidb::error::SqlError;
use crate::tidb::rows;
use crate::tidb::session::Session;
use crate::tidb::transaction::{self, Changes};

/// An encoder of a table.
pub(crate) fn encoder(
    cluster: &Cluster,
    context: Context,
    entry: &Entry,
    info: &TableInfo,
) -> Result<Encoder, SqlError> {
    let table = Arc::new(Table::new(entry.db.clone(), info.clone())?);
    let options = EncoderOptions { context, auto_random_seed: cluster.env.random_u64(), new_collation: true };
    Encoder::new(table, options).map_err(SqlError::unknown)
}

/// Decodes stored rows of a table and encodes them, as they are or changed.
pub(crate) struct Rewriter {
    decoder: RowDecoder,
    encoder: Encoder,
    context: Context,
    /// Columns that are stored as written, and where they are among all.
    columns: Vec<(usize, ColumnInfo)>,
    with_row_id: bool,
}

impl Rewriter {
    /// Rows stored under the entry's definition are encoded under `info`.
    pub(crate) fn new(
        cluster: &Cluster,
        context: &Context,
        entry: &Entry,
        info: &TableInfo,
    ) -> Result<Self, SqlError> {
        let table = Arc::new(Table::new(entry.db.clone(), info.clone())?);
        let decoder = RowDecoder::new(table).map_err(SqlError::unknown)?;
        // What is stored is right, whatever the session's mode refuses or changes on its way in.
        let as_stored = SqlMode::ALLOW_INVALID_DATES.0 | SqlMode::NO_AUTO_VALUE_ON_ZERO.0;
        let context = Context { mode: SqlMode(as_stored), ..context.clone() };
        let mut encoder = encoder(cluster, context.clone(), entry, info)?;
        let with_row_id = entry.has_implicit_row_id();
        let columns: Vec<(usize, ColumnInfo)> = decoder
            .columns()
            .enumerate()
            .filter(|(_, column)| !column.is_generated())
            .map(|(at, column)| (at, column.clone()))
            .collect();
        let mut names: Vec<String> = columns.iter().map(|(_, column)| column.name.lower.clone()).collect();
        if with_row_id {
            names.push("_tidb_rowid".into());
        }
        encoder.set_columns(Some(&names), &[]).map_err(SqlError::unknown)?;
        Ok(Self { decoder, encoder, context, columns, with_row_id })
    }

    /// All columns of a row.
    pub(crate) fn decode(&self, key: &[u8], value: &[u8]) -> Result<Vec<Datum<'static>>, SqlError> {
        self.decoder.decode_row(key, value, &self.context).map_err(SqlError::unknown)
    }

    /// The columns of a row.
    pub(crate) fn all_columns(&self) -> impl Iterator<Item = &ColumnInfo> {
        self.decoder.columns()
    }

    /// Columns that are stored as written: their places in a row, and their definitions.
    pub(crate) fn columns(&self) -> &[(usize, ColumnInfo)] {
        &self.columns
    }

    /// The pairs of a row.
    pub(crate) fn encode(&mut self, key: &[u8], row: &[Datum<'static>]) -> Result<&Pairs, SqlError> {
        let texts: Vec<Option<Vec<u8>>> = self
            .columns
            .iter()
            .map(|(at, column)| {
                row.get(*at).and_then(|datum| rows::text(datum, &column.field_type, &self.context))
            })
            .collect();
        let mut values: Vec<Value<'_>> =
            texts.iter().map(|text| text.as_deref().map_or(Value::Null, Value::Text)).collect();
        let handle = key.last_chunk::<8>().map_or(0, |bytes| int_from_bytes(*bytes));
        if self.with_row_id {
            values.push(Value::Int(handle));
        }
        self.encoder.encode(&values, handle).map_err(|error| {
            SqlError::new(if error.code == 0 { 1105 } else { error.code }, error.to_string())
        })
    }

    /// The pairs of a stored row.
    pub(crate) fn pairs(&mut self, key: &[u8], value: &[u8]) -> Result<&Pairs, SqlError> {
        let row = self.decode(key, value)?;
        self.encode(key, &row)
    }
}

/// The record key of the row that a unique pair belongs to.
pub(crate) fn record_of(key: &[u8], value: &[u8]) -> Result<Vec<u8>, SqlError> {
    let KeyParts::Index { table_id, .. } = decode_key(key).map_err(SqlError::unknown)? else {
        return Ok(key.to_vec());
    };
    let index = decode_index_value(value).map_err(SqlError::unknown)?;
    let mut record = record_prefix(index.partition_id.unwrap_or(table_id)).to_vec();
    match index.handle {
        Some(Handle::Int(handle)) => record.extend_from_slice(&int_bytes(handle)),
        Some(Handle::Common(handle)) => record.extend_from_slice(&handle),
        None => return Err(SqlError::unknown("an index entry names no row")),
    }
    Ok(record)
}

/// Entries of rows that are there, for indexes that are new in `info`.
pub(crate) fn fill_indexes(
    session: &Session,
    entry: &Entry,
    info: &TableInfo,
    added: &BTreeSet<i64>,
) -> Result<(), SqlError> {
    let cluster = Arc::clone(&session.tidb.cluster);
    let mut seen: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut changes = Changes::new();
    let context = session.context();
    each_row_encoded(&cluster, &context, entry, info, |row, pairs| {
        for pair in pairs.iter() {
            let PairKind::Index(id) = pair.kind else { continue };
            if !added.contains(&id) {
                continue;
            }
            if pair.unique && !seen.insert(pair.key.to_vec()) {
                return Err(duplicate(info, id, row, &context));
            }
            changes.insert(pair.key.to_vec(), Some(pair.value.to_vec()));
        }
        Ok(())
    })?;
    transaction::commit(&cluster, &changes)
}

/// `Duplicate entry '1-a' for key 't.k'`, with the values of a row.
fn duplicate(info: &TableInfo, id: i64, row: &[Datum<'static>], context: &Context) -> SqlError {
    let index = info.indexes.iter().find(|index| index.id == id);
    let text = |offset: usize| {
        let text = rows::text(row.get(offset)?, &info.columns.get(offset)?.field_type, context)?;
        Some(String::from_utf8_lossy(&text).into_owned())
    };
    let parts = index.iter().flat_map(|index| &index.columns);
    let values: Vec<String> =
        parts.map(|part| text(part.offset).unwrap_or_else(|| "NULL".to_owned())).collect();
    let index = index.map_or("", |index| index.name.original.as_str());
    let message = format!("Duplicate entry '{}' for key '{}.{index}'", values.join("-"), info.name.original);
    SqlError::new(1062, message)
}

/// Encodes every stored row again under a definition.
pub(crate) fn each_row_encoded(
    cluster: &Cluster,
    context: &Context,
    entry: &Entry,
    info: &TableInfo,
    mut visit: impl FnMut(&[Datum<'static>], &Pairs) -> Result<(), SqlError>,
) -> Result<(), SqlError> {
    let mut rewriter = Rewriter::new(cluster, context, entry, info)?;
    let read_ts = cluster.timestamp()?;
    for id in entry.physical_ids() {
        let mut failed = None;
        rows::scan_pairs(cluster, &th_codec::keys::record_range(id), read_ts, |key, value| {
            let visited = rewriter.decode(key, value).and_then(|row| {
                let pairs = rewriter.encode(key, &row)?;
                visit(&row, pairs)
            });
            match visited {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
    }
    Ok(())
}
