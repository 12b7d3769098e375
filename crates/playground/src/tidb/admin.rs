//! ADMIN CHECKSUM TABLE, ADMIN CHECK TABLE and ADMIN SHOW DDL JOBS.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use th_codec::{Checksum, PairKind, keys};
use th_types::Context;

use crate::cluster::Cluster;
use crate::tidb::catalog::Entry;
use crate::tidb::error::SqlError;
use crate::tidb::outcome::Outcome;
use crate::tidb::session::Session;
use crate::tidb::statement::TableName;
use crate::tidb::{rewrite, rows};

/// Physical ids of named partitions.
pub(crate) fn partition_ids(entry: &Entry, names: &[String]) -> Result<Vec<i64>, SqlError> {
    let definitions = entry.info.partition.as_ref().and_then(|partition| partition.definitions.as_ref());
    names
        .iter()
        .map(|name| {
            definitions
                .into_iter()
                .flatten()
                .find(|definition| definition.name.lower == name.to_lowercase())
                .map(|definition| definition.id)
                .ok_or_else(|| {
                    SqlError::new(
                        1735,
                        format!("Unknown partition '{name}' in table '{}'", entry.info.name.original),
                    )
                })
        })
        .collect()
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SqlError> + Send + 'static,
) -> Result<T, SqlError> {
    tokio::task::spawn_blocking(work).await.map_err(SqlError::unknown)?
}

/// Records and public indexes of every physical table, global indexes included.
fn checksum_of(cluster: &Cluster, entry: &Entry) -> Result<Checksum, SqlError> {
    let read_ts = cluster.timestamp()?;
    let mut sum = Checksum::default();
    let mut ids: BTreeSet<i64> = entry.physical_ids().into_iter().collect();
    ids.insert(entry.info.id);
    for id in ids {
        let mut ranges = vec![keys::record_range(id)];
        let public = entry.info.indexes.iter().filter(|index| index.state == th_schema::SchemaState::PUBLIC);
        ranges.extend(public.map(|index| keys::index_range(id, index.id)));
        for range in ranges {
            rows::scan_pairs(cluster, &range, read_ts, |key, value| {
                sum.update(key, value);
                ControlFlow::Continue(())
            })?;
        }
    }
    Ok(sum)
}

/// `ADMIN CHECKSUM TABLE`.
pub(crate) async fn checksum(session: &mut Session, names: &[TableName]) -> Result<Outcome, SqlError> {
    let mut answer = Vec::new();
    for name in names {
        let entry = session.table(name)?;
        let (cluster, of) = (Arc::clone(&session.tidb.cluster), Arc::clone(&entry));
        let sum = off_thread(move || checksum_of(&cluster, &of)).await?;
        let texts = [
            entry.db.clone(),
            entry.info.name.original.clone(),
            sum.crc64.to_string(),
            sum.pairs.to_string(),
            sum.bytes.to_string(),
        ];
        answer.push(texts.into_iter().map(Some).collect());
    }
    Ok(Outcome::table(&["Db_name", "Table_name", "Checksum_crc64_xor", "Total_kvs", "Total_bytes"], answer))
}

/// `ADMIN SHOW DDL JOBS`: definitions change at once here, so only pretended jobs run.
pub(crate) fn ddl_jobs(session: &Session) -> Outcome {
    let rows = session.tidb.cluster.guises.ddl_jobs().into_iter().enumerate().map(|(number, job)| {
        let [db, table, kind, state] = job;
        let id = (100 + number).to_string();
        let zero = || Some("0".to_owned());
        let schema_state = Some("write reorganization".to_owned());
        vec![
            Some(id),
            Some(db),
            Some(table),
            Some(kind),
            schema_state,
            zero(),
            zero(),
            zero(),
            None,
            None,
            None,
            Some(state),
        ]
    });
    let columns = [
        "JOB_ID",
        "DB_NAME",
        "TABLE_NAME",
        "JOB_TYPE",
        "SCHEMA_STATE",
        "SCHEMA_ID",
        "TABLE_ID",
        "ROW_COUNT",
        "CREATE_TIME",
        "START_TIME",
        "END_TIME",
        "STATE",
    ];
    Outcome::table(&columns, rows.collect())
}

/// `ADMIN CHECK TABLE`: every row's index entries are there, and no others.
pub(crate) async fn check(session: &mut Session, names: &[TableName]) -> Result<Outcome, SqlError> {
    for name in names {
        let entry = session.table(name)?;
        let (cluster, context) = (Arc::clone(&session.tidb.cluster), session.context());
        off_thread(move || check_table(&cluster, &context, &entry)).await?;
    }
    Ok(Outcome::done())
}

fn check_table(cluster: &Cluster, context: &Context, entry: &Entry) -> Result<(), SqlError> {
    let mut expected = Checksum::default();
    rewrite::each_row_encoded(cluster, context, entry, &entry.info, |_, pairs| {
        for pair in pairs.iter().filter(|pair| matches!(pair.kind, PairKind::Index(_))) {
            expected.update(pair.key, pair.value);
        }
        Ok(())
    })?;
    let read_ts = cluster.timestamp()?;
    let mut stored = Checksum::default();
    let mut ids: BTreeSet<i64> = entry.physical_ids().into_iter().collect();
    ids.insert(entry.info.id);
    for id in ids {
        for index in &entry.info.indexes {
            rows::scan_pairs(cluster, &keys::index_range(id, index.id), read_ts, |key, value| {
                stored.update(key, value);
                ControlFlow::Continue(())
            })?;
        }
    }
    if expected == stored {
        return Ok(());
    }
    Err(SqlError::new(
        8223,
        format!(
            "data inconsistency in table: {}, rows make {} index entries of {} bytes, stored are {} of {} bytes",
            entry.info.name.original, expected.pairs, expected.bytes, stored.pairs, stored.bytes
        ),
    ))
}
