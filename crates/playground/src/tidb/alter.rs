//! ALTER TABLE: allocators are moved here, definitions by the schema crate, and new indexes are filled.

use std::collections::BTreeSet;
use std::sync::Arc;

use th_codec::keys::index_range;
use th_schema::{IndexInfo, TableInfo, apply_alter};
use th_sst::memcomparable;

use crate::tidb::error::SqlError;
use crate::tidb::outcome::Outcome;
use crate::tidb::session::Session;
use crate::tidb::statement::{AlterSpec, TableName};
use crate::tidb::{ddl, rewrite, rows};

pub(crate) fn alter_table(
    session: &mut Session,
    name: &TableName,
    specs: &[AlterSpec],
    text: &str,
) -> Result<Outcome, SqlError> {
    if specs.contains(&AlterSpec::Definition) {
        return alter_definition(session, name, text);
    }
    for spec in specs {
        apply(session, name, spec)?;
    }
    session.table(name).map(|_| Outcome::done())
}

/// A base is taken when it is higher than what the allocator would give next, or when forced.
fn rebase(next: &mut u64, base: u64, force: bool) {
    if force || base > *next {
        *next = base.max(1);
    }
}

fn apply(session: &mut Session, name: &TableName, spec: &AlterSpec) -> Result<(), SqlError> {
    let tidb = Arc::clone(&session.tidb);
    let db = session.table(name)?.db.clone();
    let change = |act: &mut dyn FnMut(&mut crate::tidb::catalog::Entry) -> Result<(), SqlError>| {
        tidb.catalog.change_table(&tidb.cluster, &db, &name.table, act)
    };
    match spec {
        AlterSpec::AutoIncrement { base, force } => change(&mut |entry| {
            if entry.separate_auto_increment() && entry.auto_increment_column().is_some() {
                rebase(&mut entry.allocators.auto_increment, *base, *force);
            } else {
                rebase(&mut entry.allocators.row_id, *base, *force);
            }
            entry.info.auto_inc_id = i64::try_from(*base).unwrap_or(i64::MAX);
            revise(&mut entry.info);
            Ok(())
        }),
        AlterSpec::AutoRandomBase { base, force } => change(&mut |entry| {
            if entry.info.auto_random_bits == 0 {
                return Err(SqlError::new(
                    8216,
                    "Invalid auto random: alter auto_random_base of a non auto_random table",
                ));
            }
            rebase(&mut entry.allocators.auto_random, *base, *force);
            entry.info.auto_rand_id = i64::try_from(*base).unwrap_or(i64::MAX);
            revise(&mut entry.info);
            Ok(())
        }),
        AlterSpec::Rename(to) => {
            let to = TableName { db: to.db.clone().or(Some(db)), table: to.table.clone() };
            ddl::rename(session, &[(name.clone(), to)]).map(|_| ())
        }
        AlterSpec::TiflashReplica(count, labels) => {
            let servers = tidb.cluster.guises.tiflash_stores().len() as u64;
            if *count > servers {
                return Err(SqlError::unknown(format!(
                    "the tiflash replica count: {count} should be less than the total tiflash server count: {servers}"
                )));
            }
            change(&mut |entry| {
                let replica = match count {
                    0 => serde_json::Value::Null,
                    _ => serde_json::json!({
                        "Count": count, "LocationLabels": labels, "Available": false, "AvailablePartitionIDs": null,
                    }),
                };
                entry.info.rest.insert("tiflash_replica".into(), replica);
                revise(&mut entry.info);
                Ok(())
            })
        }
        AlterSpec::Nothing | AlterSpec::Definition => Ok(()),
    }
}

/// Ids of a definition's indexes.
fn index_ids(info: &TableInfo) -> BTreeSet<i64> {
    info.indexes.iter().map(|index| index.id).collect()
}

fn alter_definition(session: &mut Session, name: &TableName, text: &str) -> Result<Outcome, SqlError> {
    let tidb = Arc::clone(&session.tidb);
    let entry = session.table(name)?;
    if entry.view.is_some() {
        return Err(SqlError::new(1347, format!("'{}.{}' is not BASE TABLE", entry.db, name.table)));
    }
    let options = ddl::ddl_options(session, &entry.db, entry.info.id)?;
    let mut info = entry.info.clone();
    apply_alter(&mut info, text.trim().trim_end_matches(';'), &options).map_err(|error| of_index(&error))?;
    let added: BTreeSet<i64> = index_ids(&info).difference(&index_ids(&entry.info)).copied().collect();
    let dropped: BTreeSet<i64> = index_ids(&entry.info).difference(&index_ids(&info)).copied().collect();
    refuse_to_drop_what_keys_need(&entry.info, &info)?;
    // Hidden columns hold nothing: they come and go with the indexes of expressions.
    let shown = entry.info.columns.iter().filter(|column| !column.hidden);
    let before: Vec<_> = shown.map(|column| (column.id, &column.field_type.tp)).collect();
    let stays = before
        .iter()
        .all(|(id, tp)| info.columns.iter().any(|column| column.id == *id && column.field_type.tp == **tp));
    let has_rows = rows_exist(session, &entry)?;
    if has_rows && !stays {
        return Err(SqlError::unsupported("dropping or converting columns of a table that has rows"));
    }
    if has_rows && !added.is_empty() {
        rewrite::fill_indexes(session, &entry, &info, &added)?;
    }
    info.rest.insert("update_timestamp".into(), tidb.cluster.timestamp()?.into());
    revise(&mut info);
    tidb.catalog.change_table(&tidb.cluster, &entry.db, &name.table, |entry| {
        entry.info = info;
        Ok(())
    })?;
    let ids = || entry.physical_ids().into_iter().chain([entry.info.id]);
    for (start, end) in dropped.iter().flat_map(|&index| ids().map(move |id| index_range(id, index))) {
        for store in &tidb.cluster.stores {
            store.destroy_range(&memcomparable::encode(&start), &memcomparable::encode(&end))?;
        }
    }
    Ok(Outcome::done())
}

/// An index goes only if the table's own foreign keys have another that begins with their columns.
fn refuse_to_drop_what_keys_need(before: &TableInfo, after: &TableInfo) -> Result<(), SqlError> {
    let keys = before.rest.get("fk_info").and_then(serde_json::Value::as_array);
    for key in keys.into_iter().flatten() {
        let columns = key.get("cols").and_then(serde_json::Value::as_array);
        let columns: Vec<&str> =
            columns.into_iter().flatten().filter_map(|name| name.get("L")?.as_str()).collect();
        let serves = |index: &&IndexInfo| {
            let parts = index.columns.iter().map(|part| part.name.lower.as_str());
            index.columns.len() >= columns.len() && parts.zip(&columns).all(|(part, column)| part == *column)
        };
        if let Some(index) = before.indexes.iter().find(serves)
            && !after.indexes.iter().any(|index| serves(&index))
        {
            let name = &index.name.original;
            let message = format!("Cannot drop index '{name}': needed in a foreign key constraint");
            return Err(SqlError::new(1553, message));
        }
    }
    Ok(())
}

/// A stored definition counts its changes.
fn revise(info: &mut TableInfo) {
    let revision = info.rest.get("revision").and_then(serde_json::Value::as_u64).unwrap_or(0);
    info.rest.insert("revision".into(), (revision + 1).into());
}

fn rows_exist(session: &Session, entry: &crate::tidb::catalog::Entry) -> Result<bool, SqlError> {
    let read_ts = session.tidb.cluster.timestamp()?;
    let mut found = false;
    for id in entry.physical_ids() {
        rows::scan_pairs(&session.tidb.cluster, &th_codec::keys::record_range(id), read_ts, |_, _| {
            found = true;
            std::ops::ControlFlow::Break(())
        })?;
    }
    Ok(found)
}

/// TiDB's own errors for an index name that is taken or unknown, however the schema crate words it.
fn of_index(error: &th_schema::SchemaError) -> SqlError {
    let message = error.to_string();
    let name = message.rsplit('`').nth(1).unwrap_or_default();
    if message.contains("two keys have the name") {
        SqlError::duplicate_key_name(name)
    } else if message.contains("there is no index") {
        SqlError::new(1091, format!("index {name} doesn't exist"))
    } else {
        error.clone().into()
    }
}
