//! Writing rows: INSERT of literals, DELETE of everything, and filling new indexes.
//!
//! Every statement commits its pairs at one fresh timestamp on every replica.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use rocksdb::WriteBatch;
use th_codec::decode::RowDecoder;
use th_codec::{Encoder, EncoderOptions, PairKind};
use th_row::Value;
use th_schema::{Table, TableInfo};
use th_sst::memcomparable;
use th_sst::mvcc::{self as records, WriteKind, WriteRecord};
use th_types::Context;

use crate::cluster::Cluster;
use crate::tidb::catalog::Entry;
use crate::tidb::error::SqlError;
use crate::tidb::outcome::Outcome;
use crate::tidb::rows;
use crate::tidb::session::Session;
use crate::tidb::statement::{Insert, TableName};
use crate::tidb::token::{Kind, tokenize};
use crate::tikv::mvcc;

/// Changes of keys: a value, or `None` to delete.
type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// A literal of a VALUES list.
enum Literal {
    Null,
    Default,
    Int(i64),
    Uint(u64),
    Text(Vec<u8>),
    Binary(Vec<u8>),
}

impl Literal {
    fn value(&self) -> Value<'_> {
        match self {
            Literal::Null => Value::Null,
            Literal::Default => Value::Default,
            Literal::Int(n) => Value::Int(*n),
            Literal::Uint(n) => Value::Uint(*n),
            Literal::Text(text) => Value::Text(text),
            Literal::Binary(bytes) => Value::Binary(bytes),
        }
    }
}

fn literal(text: &str) -> Result<Literal, SqlError> {
    let unsupported = || SqlError::unsupported(format!("the expression {text} in VALUES"));
    let kinds: Vec<Kind> = tokenize(text)?.into_iter().map(|token| token.kind).collect();
    Ok(match kinds.as_slice() {
        [Kind::Word(word)] if word.eq_ignore_ascii_case("null") => Literal::Null,
        [Kind::Word(word)] if word.eq_ignore_ascii_case("default") => Literal::Default,
        [Kind::Word(word)] if word.eq_ignore_ascii_case("true") => Literal::Uint(1),
        [Kind::Word(word)] if word.eq_ignore_ascii_case("false") => Literal::Uint(0),
        [Kind::Text(text)] => Literal::Text(text.clone().into_bytes()),
        [Kind::Word(word), Kind::Text(text)] if word.eq_ignore_ascii_case("x") => {
            Literal::Binary(crate::hex::parse(text).ok_or_else(unsupported)?)
        }
        [Kind::Word(word), Kind::Text(text)] if word.starts_with('_') => {
            Literal::Text(text.clone().into_bytes())
        }
        [Kind::Number(number)] => match (number.strip_prefix("0x"), number.parse()) {
            (Some(hex), _) => Literal::Binary(crate::hex::parse(hex).ok_or_else(unsupported)?),
            (None, Ok(number)) => Literal::Uint(number),
            (None, Err(_)) => Literal::Text(number.clone().into_bytes()),
        },
        [Kind::Symbol("-"), Kind::Number(number)] => {
            let text = format!("-{number}");
            text.parse().map_or_else(|_| Literal::Text(text.into_bytes()), Literal::Int)
        }
        _ => return Err(unsupported()),
    })
}

fn encoder(
    cluster: &Cluster,
    context: Context,
    entry: &Entry,
    info: &TableInfo,
) -> Result<Encoder, SqlError> {
    let table = Arc::new(Table::new(entry.db.clone(), info.clone())?);
    let options = EncoderOptions { context, auto_random_seed: cluster.env.random_u64(), new_collation: true };
    Encoder::new(table, options).map_err(SqlError::unknown)
}

pub(crate) fn insert(session: &mut Session, statement: &Insert) -> Result<Outcome, SqlError> {
    let tidb = Arc::clone(&session.tidb);
    let entry = session.table(&statement.table)?;
    if entry.view.is_some() {
        return Err(SqlError::unsupported("inserting into views"));
    }
    let mut encoder = encoder(&tidb.cluster, session.context(), &entry, &entry.info)?;
    if let Some(columns) = &statement.columns {
        let columns: Vec<String> = columns.iter().map(|column| column.to_lowercase()).collect();
        encoder.set_columns(Some(&columns), &[]).map_err(|error| SqlError::new(error.code, error.message))?;
    }
    let count = statement.rows.len() as u64;
    let first = tidb.catalog.change_table(&tidb.cluster, &entry.db, &statement.table.table, |entry| {
        let allocators = &mut entry.allocators;
        let first = allocators.row_id.max(allocators.auto_increment).max(allocators.auto_random);
        Ok(first)
    })?;
    let mut changes: Changes = Vec::new();
    let mut unique: BTreeSet<Vec<u8>> = BTreeSet::new();
    let read_ts = tidb.cluster.timestamp()?;
    let mut affected = 0;
    for (number, row) in statement.rows.iter().enumerate() {
        let literals = row.iter().map(|text| literal(text)).collect::<Result<Vec<_>, _>>()?;
        if let Some(columns) = statement.columns.as_ref().filter(|columns| columns.len() != row.len()) {
            let _ = columns;
            return Err(SqlError::new(
                1136,
                format!("Column count doesn't match value count at row {}", number + 1),
            ));
        }
        let values: Vec<Value<'_>> = literals.iter().map(Literal::value).collect();
        let row_id = i64::try_from(first + number as u64).unwrap_or(i64::MAX);
        let pairs = encoder.encode(&values, row_id).map_err(|error| {
            SqlError::new(if error.code == 0 { 1105 } else { error.code }, error.to_string())
        })?;
        let conflict = pairs.iter().find(|pair| {
            pair.unique && (unique.contains(pair.key) || exists(&tidb.cluster, pair.key, read_ts))
        });
        if let Some(pair) = conflict {
            if statement.ignore {
                continue;
            }
            if statement.replace {
                return Err(SqlError::unsupported("REPLACE of a row that is there already"));
            }
            let index = match pair.kind {
                PairKind::Record => "PRIMARY".to_owned(),
                PairKind::Index(id) => entry
                    .info
                    .indexes
                    .iter()
                    .find(|index| index.id == id)
                    .map_or_else(|| "PRIMARY".to_owned(), |index| index.name.original.clone()),
            };
            return Err(SqlError::new(
                1062,
                format!(
                    "Duplicate entry of row {} for key '{}.{index}'",
                    number + 1,
                    entry.info.name.original
                ),
            ));
        }
        for pair in pairs.iter() {
            if pair.unique {
                unique.insert(pair.key.to_vec());
            }
            changes.push((pair.key.to_vec(), Some(pair.value.to_vec())));
        }
        affected += 1;
    }
    let bases = encoder.bases();
    commit(&tidb.cluster, &changes)?;
    tidb.catalog.change_table(&tidb.cluster, &entry.db, &statement.table.table, |entry| {
        let next = |base: i64| u64::try_from(base).unwrap_or(0).saturating_add(1);
        let allocators = &mut entry.allocators;
        allocators.row_id = allocators.row_id.max(next(bases.row_id)).max(first + count);
        allocators.auto_increment = allocators.auto_increment.max(next(bases.auto_increment));
        allocators.auto_random = allocators.auto_random.max(next(bases.auto_random));
        Ok(())
    })?;
    if entry.auto_increment_column().is_some() {
        session.last_insert_id = first;
    }
    Ok(Outcome::Done { affected, last_insert_id: session.last_insert_id, warnings: 0 })
}

fn exists(cluster: &Cluster, user_key: &[u8], read_ts: u64) -> bool {
    let encoded = memcomparable::encode(user_key);
    let regions = cluster.regions();
    let store = regions.containing(&encoded).and_then(|region| cluster.store(region.leader_store));
    store.is_some_and(|store| mvcc::get(store, user_key, read_ts).ok().flatten().is_some())
}

/// Commits changes at one timestamp on every replica of their regions.
fn commit(cluster: &Cluster, changes: &Changes) -> Result<(), SqlError> {
    let ts = cluster.timestamp()?;
    let regions = cluster.regions();
    for store in &cluster.stores {
        let mut batch = WriteBatch::default();
        let write_cf =
            store.write_cf().ok_or_else(|| SqlError::unknown("the store has no write column family"))?;
        for (key, value) in changes {
            let encoded = memcomparable::encode(key);
            if regions.containing(&encoded).is_none_or(|region| region.peer_on(store.id).is_none()) {
                continue;
            }
            let data_key = records::encode_data_key(key, ts);
            let short_value = value.as_deref().filter(|value| records::is_short_value(value));
            if let Some(long) = value.as_deref().filter(|value| !records::is_short_value(value)) {
                batch.put(&data_key, long);
            }
            let kind = if value.is_some() { WriteKind::Put } else { WriteKind::Delete };
            let mut record = Vec::new();
            records::encode_write_into(
                &WriteRecord { kind, start_ts: ts, short_value, txn_source: 0 },
                &mut record,
            );
            batch.put_cf(write_cf, &data_key, record);
        }
        store.db.write(batch).map_err(SqlError::unknown)?;
    }
    Ok(())
}

/// `DELETE FROM t` without WHERE.
pub(crate) fn delete_all(
    session: &mut Session,
    name: &TableName,
    filter: Option<&str>,
) -> Result<Outcome, SqlError> {
    if filter.is_some() {
        return Err(SqlError::unsupported("DELETE with WHERE"));
    }
    let entry = session.table(name)?;
    let cluster = Arc::clone(&session.tidb.cluster);
    let read_ts = cluster.timestamp()?;
    let mut affected = 0;
    for id in entry.physical_ids() {
        let mut changes: Changes = Vec::new();
        let records = th_codec::keys::record_prefix(id);
        rows::scan_pairs(&cluster, &th_codec::keys::table_range(id), read_ts, |key, _| {
            affected += u64::from(key.starts_with(&records));
            changes.push((key.to_vec(), None));
            ControlFlow::Continue(())
        })?;
        commit(&cluster, &changes)?;
    }
    Ok(Outcome::Done { affected, last_insert_id: 0, warnings: 0 })
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
    let mut changes: Changes = Vec::new();
    each_row_encoded(&cluster, &session.context(), entry, info, |pairs| {
        for pair in pairs.iter() {
            if !matches!(pair.kind, PairKind::Index(id) if added.contains(&id)) {
                continue;
            }
            if pair.unique && !seen.insert(pair.key.to_vec()) {
                return Err(SqlError::new(1062, "Duplicate entry for the new unique index"));
            }
            changes.push((pair.key.to_vec(), Some(pair.value.to_vec())));
        }
        Ok(())
    })?;
    commit(&cluster, &changes)
}

/// Encodes every stored row again under a definition.
pub(crate) fn each_row_encoded(
    cluster: &Cluster,
    context: &Context,
    entry: &Entry,
    info: &TableInfo,
    mut visit: impl FnMut(&th_codec::Pairs) -> Result<(), SqlError>,
) -> Result<(), SqlError> {
    let table = Arc::new(Table::new(entry.db.clone(), info.clone())?);
    let decoder = RowDecoder::new(Arc::clone(&table)).map_err(SqlError::unknown)?;
    let mut encoder = encoder(cluster, context.clone(), entry, info)?;
    let with_row_id = entry.has_implicit_row_id();
    let columns: Vec<_> = decoder.columns().filter(|column| !column.is_generated()).cloned().collect();
    let positions: Vec<usize> = decoder
        .columns()
        .enumerate()
        .filter(|(_, column)| !column.is_generated())
        .map(|(at, _)| at)
        .collect();
    let mut names: Vec<String> = columns.iter().map(|column| column.name.lower.clone()).collect();
    if with_row_id {
        names.push("_tidb_rowid".into());
    }
    encoder.set_columns(Some(&names), &[]).map_err(SqlError::unknown)?;
    let read_ts = cluster.timestamp()?;
    for id in entry.physical_ids() {
        let mut failed = None;
        rows::scan_pairs(cluster, &th_codec::keys::record_range(id), read_ts, |key, value| {
            let mut one = || -> Result<(), SqlError> {
                let row = decoder.decode_row(key, value, context).map_err(SqlError::unknown)?;
                let texts: Vec<Option<Vec<u8>>> = positions
                    .iter()
                    .zip(&columns)
                    .map(|(at, column)| {
                        row.get(*at).and_then(|datum| rows::text(datum, &column.field_type, context))
                    })
                    .collect();
                let mut values: Vec<Value<'_>> =
                    texts.iter().map(|text| text.as_deref().map_or(Value::Null, Value::Text)).collect();
                let handle = key.last_chunk::<8>().map_or(0, |bytes| th_codec::keys::int_from_bytes(*bytes));
                if with_row_id {
                    values.push(Value::Int(handle));
                }
                let pairs = encoder.encode(&values, handle).map_err(SqlError::unknown)?;
                visit(pairs)
            };
            match one() {
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
