//! What tables get back when they have their rows: indexes (`add-index-by-sql`) and replicas in TiFlash.
//!
//! The ledger's [`Deferred`] says what there was before anything is taken away. Each direction compares that with the
//! target as it is: it can be begun again from any point, loses no index and makes none twice.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use th_cluster::{Cluster, ClusterError, ErrorKind, Tidb, alter};
use th_env::Env;
use th_errors::{Code, Fault};
use th_ledger::{Deferred, DeferredIndex, DeferredTable, TiflashReplicas};
use th_schema::{SchemaState, Table, TableInfo};

use crate::{LONG_STATEMENT, LONGEST_STATEMENT, fault};

/// Tables whose definitions are changed at once: TiDB changes one after the other, but waits overlap.
const CONCURRENCY: usize = 8;
/// Time between two looks at a table whose indexes somebody else adds.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// Longest wait before adding indexes is tried again.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// How long it may take PD to remove TiFlash's peers from the regions of an empty table.
const REMOVAL: Duration = Duration::from_secs(30);
/// Statements that may fail for nothing that they say.
const ATTEMPTS: u32 = 10;

/// MySQL's numbers for an index that cannot go: it is not there, a foreign key needs it, tables must have a primary key,
/// or TiDB does not support it.
const STAYS: [u16; 4] = [1091, 1553, 3750, UNSUPPORTED];
/// MySQL's numbers for an index that is there: its name, a primary key, a unique key.
const IS_THERE: [u16; 3] = [1061, 1068, 1169];
/// TiDB's number for what it does not support: before 6.2, several changes in one statement.
const UNSUPPORTED: u16 = 8200;
/// MySQL's number for two rows with one key.
const DUPLICATE: u16 = 1062;

/// The statements that make all that the tables had, one or two a table.
pub fn statements(tables: &[DeferredTable]) -> Vec<String> {
    tables.iter().flat_map(|table| of_table(table, &table.indexes.iter().collect::<Vec<_>>(), true)).collect()
}

fn of_table(table: &DeferredTable, indexes: &[&DeferredIndex], replicas: bool) -> Vec<String> {
    let adding = (!indexes.is_empty()).then(|| add_text(table, indexes));
    let setting = table.tiflash.as_ref().filter(|_| replicas).map(|wanted| replicas_text(table, wanted));
    adding.into_iter().chain(setting).collect()
}

fn add_text(table: &DeferredTable, indexes: &[&DeferredIndex]) -> String {
    alter::add_indexes(&table.db, &table.name, indexes.iter().map(|index| index.add.as_str()))
}

fn replicas_text(table: &DeferredTable, wanted: &TiflashReplicas) -> String {
    alter::set_tiflash_replicas(&table.db, &table.name, wanted.count, &wanted.location_labels)
}

/// The replicas in TiFlash that a definition asks for.
pub fn replicas_of(info: &TableInfo) -> Option<TiflashReplicas> {
    let replica = info.rest.get("tiflash_replica")?;
    let count = replica.get("Count")?.as_u64().filter(|&count| count > 0)?;
    let labels = replica.get("LocationLabels").and_then(|labels| labels.as_array());
    let labels = labels.into_iter().flatten().filter_map(|label| label.as_str().map(ToOwned::to_owned));
    Some(TiflashReplicas { count, location_labels: labels.collect() })
}

/// How far a table is from having its indexes.
#[derive(Debug, PartialEq)]
struct Progress<'a> {
    /// Indexes that the table has not.
    missing: Vec<&'a DeferredIndex>,
    /// Some are there and not public yet, or not gone yet.
    changing: bool,
}

fn progress<'a>(wanted: &'a [DeferredIndex], info: &TableInfo) -> Progress<'a> {
    let state = |wanted: &DeferredIndex| {
        let lower = wanted.name.to_lowercase();
        info.indexes.iter().find(|index| index.name.lower == lower).map(|index| index.state)
    };
    Progress {
        missing: wanted.iter().filter(|index| state(index).is_none()).collect(),
        changing: wanted.iter().any(|index| state(index).is_some_and(|state| state != SchemaState::PUBLIC)),
    }
}

fn blame(table: &DeferredTable) -> impl Fn(&ClusterError) -> Fault {
    |error| fault::of_cluster(error).of_table(&table.db, &table.name)
}

fn is_one_of(error: &ClusterError, codes: &[u16]) -> bool {
    matches!(error.kind(), ErrorKind::Sql { code } if codes.contains(&code))
}

/// The target's definition of a table, in whatever state it is.
pub async fn definition(tidb: &Tidb, db: &str, name: &str) -> Result<TableInfo, Fault> {
    let json =
        tidb.table_info(db, name).await.map_err(|error| fault::of_cluster(&error).of_table(db, name))?;
    serde_json::from_str(&json).map_err(|error| {
        let message = format!("the target's definition cannot be read: {error}");
        Fault::new(Code::BadSchema, message).of_table(db, name)
    })
}

/// Takes away what the tables still have of it. What the target does not let go stays, and is imported with the rows.
pub async fn take_away(cluster: &Cluster, env: &Env, deferred: &Deferred) -> Result<(), Fault> {
    let tidb = cluster.tidb().map_err(|error| fault::of_cluster(&error))?;
    let taken: Vec<Option<TableInfo>> = futures::stream::iter(&deferred.tables)
        .map(|table| take_from(tidb, table))
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await?;
    // Changes of regions would get in the way of the import's own.
    let tables = taken.into_iter().flatten().filter_map(|info| Table::new("", info).ok());
    let ranges = crate::key_ranges(&tables.collect::<Vec<_>>());
    let mut waited = Duration::ZERO;
    while !ranges.is_empty() && waited < REMOVAL && has_learners(cluster, &ranges).await? {
        env.sleep(LOOK_AGAIN, "tiflash still has peers of empty tables").await;
        waited += LOOK_AGAIN;
    }
    Ok(())
}

/// Takes what there is from a table; its definition if TiFlash had replicas.
async fn take_from(tidb: &Tidb, table: &DeferredTable) -> Result<Option<TableInfo>, Fault> {
    let (db, name) = (table.db.as_str(), table.name.as_str());
    let info = definition(tidb, db, name).await?;
    for wanted in &table.indexes {
        if info.indexes.iter().all(|index| index.name.lower != wanted.name.to_lowercase()) {
            continue;
        }
        match tidb.execute_within(&alter::drop_index(db, name, &wanted.name), LONG_STATEMENT).await {
            Ok(()) => {
                tracing::info!(db, name, index = wanted.name, "the index is added again after the import")
            }
            Err(error) if is_one_of(&error, &STAYS) => {
                tracing::info!(db, name, index = wanted.name, %error, "the index stays and is imported with the rows");
            }
            Err(error) => return Err(blame(table)(&error)),
        }
    }
    if table.tiflash.is_none() || replicas_of(&info).is_none() {
        return Ok(None);
    }
    match tidb.execute_within(&alter::set_tiflash_replicas(db, name, 0, &[]), LONG_STATEMENT).await {
        Ok(()) => {
            tracing::info!(db, name, "replicas in tiflash are set again after the import");
            Ok(Some(info))
        }
        Err(error) if matches!(error.kind(), ErrorKind::Sql { .. }) && !error.is_retryable() => {
            tracing::warn!(db, name, %error, "replicas in tiflash stay during the import");
            Ok(None)
        }
        Err(error) => Err(blame(table)(&error)),
    }
}

async fn has_learners(cluster: &Cluster, ranges: &[(Vec<u8>, Vec<u8>)]) -> Result<bool, Fault> {
    let looking = async {
        let stores = cluster.pd.stores().await?;
        let tiflash: Vec<u64> =
            stores.iter().filter(|store| store.is_tiflash).map(|store| store.id).collect();
        for (start, end) in ranges {
            let regions = cluster.pd.scan_regions(start, end).await?;
            let mut peers = regions.iter().flat_map(|region| &region.region.peers);
            if peers.any(|peer| tiflash.contains(&peer.store_id)) {
                return Ok(true);
            }
        }
        Ok(false)
    };
    looking.await.map_err(|error: ClusterError| fault::of_cluster(&error))
}

/// Adds the indexes that tables have not, one table after the other. Returns why, if the target refuses.
///
/// # Errors
/// A fault if the target cannot be asked: the same again may succeed.
pub async fn add_indexes(tidb: &Tidb, env: &Env, deferred: &Deferred) -> Result<Option<Fault>, Fault> {
    for table in deferred.tables.iter().filter(|table| !table.indexes.is_empty()) {
        if let Some(refused) = add_to(tidb, env, table).await? {
            return Ok(Some(refused));
        }
    }
    Ok(None)
}

/// A statement whose answer was lost may still be at work: so the table is looked at after each.
async fn add_to(tidb: &Tidb, env: &Env, table: &DeferredTable) -> Result<Option<Fault>, Fault> {
    let (db, name) = (table.db.as_str(), table.name.as_str());
    let (begun, mut attempt, mut one_by_one) = (env.now_micros(), 0, false);
    loop {
        let info = definition(tidb, db, name).await?;
        let Progress { mut missing, changing } = progress(&table.indexes, &info);
        if missing.is_empty() && !changing {
            return Ok(None);
        }
        let late = u128::try_from(env.now_micros() - begun).unwrap_or(0) > LONGEST_STATEMENT.as_micros();
        if attempt >= ATTEMPTS || late {
            let message = format!("the target does not get on with {}", add_text(table, &missing));
            return Err(Fault::new(Code::TargetUnreachable, message).of_table(db, name));
        }
        if changing {
            env.sleep(LOOK_AGAIN, "somebody adds or drops indexes of the table").await;
            continue;
        }
        if one_by_one {
            missing.truncate(1);
        }
        let text = add_text(table, &missing);
        tracing::info!(db, name, statement = text, "adding indexes");
        match crate::long_statement(tidb, env, &text, LONGEST_STATEMENT).await {
            Ok(()) => tracing::info!(db, name, indexes = missing.len(), "indexes added"),
            // Another statement that adds them was first, and perhaps only some of them.
            Err(error) if is_one_of(&error, &IS_THERE) => one_by_one = true,
            Err(error) if missing.len() > 1 && is_one_of(&error, &[UNSUPPORTED]) => one_by_one = true,
            Err(error) if error.is_retryable() => {
                tracing::warn!(%error, "adding indexes is tried again");
                env.sleep(env.backoff(attempt, LOOK_AGAIN, LONGEST_WAIT), "indexes could not be added").await;
            }
            Err(error) => return Ok(Some(refused(table, &error))),
        }
        attempt += 1;
    }
}

fn refused(table: &DeferredTable, error: &ClusterError) -> Fault {
    let code = if is_one_of(error, &[DUPLICATE]) { Code::DuplicateKeys } else { Code::TargetSql };
    let message = format!(
        "the rows are imported, but the table's indexes cannot be added again: {}; correct that and run what is left to do",
        error.message()
    );
    Fault::new(code, message).of_table(&table.db, &table.name)
}

/// Sets the replicas in TiFlash again. What the target refuses is said, and stays to do.
pub async fn set_replicas(tidb: &Tidb, deferred: &Deferred) {
    for table in &deferred.tables {
        let Some(wanted) = &table.tiflash else { continue };
        let setting = async {
            let info = definition(tidb, &table.db, &table.name).await?;
            if replicas_of(&info).as_ref() == Some(wanted) {
                return Ok(());
            }
            let text = replicas_text(table, wanted);
            tidb.execute_within(&text, LONG_STATEMENT).await.map_err(|error| blame(table)(&error))
        };
        if let Err(found) = setting.await {
            let (db, name) = (&table.db, &table.name);
            tracing::warn!(%db, %name, fault = %found.message, "replicas in tiflash are not set again");
        }
    }
}

/// What the tables have not got back, as statements. A table that cannot be looked at has got nothing.
pub async fn left_to_do(tidb: &Tidb, deferred: &Deferred) -> Vec<String> {
    let mut left = Vec::new();
    for table in &deferred.tables {
        match definition(tidb, &table.db, &table.name).await {
            Ok(info) => {
                let missing = progress(&table.indexes, &info).missing;
                left.extend(of_table(table, &missing, replicas_of(&info) != table.tiflash));
            }
            Err(_) => left.extend(statements(std::slice::from_ref(table))),
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use th_schema::{DdlOptions, parse_create_table};

    use super::*;

    fn index(name: &str) -> DeferredIndex {
        DeferredIndex { name: name.into(), add: format!("ADD KEY `{name}` (`a`)") }
    }

    #[test]
    fn a_table_says_by_its_states_what_it_has_not_got_back() {
        let text = "CREATE TABLE t (a INT, KEY `There` (a), KEY half (a))";
        let mut info = parse_create_table(text, &DdlOptions::default()).expect("a table");
        let wanted = [index("there"), index("half"), index("none")];
        let names = |progress: &Progress<'_>| -> Vec<String> {
            progress.missing.iter().map(|index| index.name.clone()).collect()
        };
        let all_there = progress(&wanted, &info);
        assert_eq!((names(&all_there), all_there.changing), (vec!["none".to_owned()], false));
        info.indexes[1].state = SchemaState::WRITE_REORG;
        assert!(progress(&wanted, &info).changing);
    }

    #[test]
    fn what_is_left_to_do_is_one_statement_for_indexes_and_one_for_replicas() {
        let table = DeferredTable {
            db: "d".into(),
            name: "t".into(),
            indexes: vec![index("x"), index("y")],
            tiflash: Some(TiflashReplicas { count: 2, location_labels: vec!["zone".into()] }),
        };
        assert_eq!(
            statements(&[table]),
            [
                "ALTER TABLE `d`.`t` ADD KEY `x` (`a`), ADD KEY `y` (`a`)",
                "ALTER TABLE `d`.`t` SET TIFLASH REPLICA 2 LOCATION LABELS 'zone'",
            ]
        );
    }

    #[test]
    fn replicas_are_read_from_tidbs_definition() {
        let mut info = parse_create_table("CREATE TABLE t (a INT)", &DdlOptions::default()).expect("a table");
        assert_eq!(replicas_of(&info), None);
        let said = serde_json::json!({"Count": 1, "LocationLabels": ["zone"], "Available": true});
        info.rest.insert("tiflash_replica".into(), said);
        let wanted = TiflashReplicas { count: 1, location_labels: vec!["zone".into()] };
        assert_eq!(replicas_of(&info), Some(wanted));
        info.rest.insert("tiflash_replica".into(), serde_json::json!({"Count": 0, "LocationLabels": null}));
        assert_eq!(replicas_of(&info), None);
    }
}
