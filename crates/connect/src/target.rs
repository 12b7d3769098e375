//! Questions and orders to the cluster that several services have.

use std::pin::pin;
use std::time::Duration;

use th_cluster::{Cluster, ClusterError, Tidb};
use th_codec::keys;
use th_env::Env;
use th_errors::Fault;
use th_ledger::Pairs;
use th_schema::Table;

use crate::fault;

/// Regions of one table that are asked at once.
pub const CHECKSUM_CONCURRENCY: usize = 8;
/// Deadline of a statement that may take long.
pub const LONG_STATEMENT: Duration = Duration::from_secs(3600);
/// Longest that anything done with all rows of a table is waited for: adding its indexes, its statistics.
pub const LONGEST_STATEMENT: Duration = Duration::from_hours(48);
/// Between two words that such a statement still runs.
const SAY_SO: Duration = Duration::from_mins(1);

/// Runs a statement for as long as it takes, up to `limit`, and says in the log that it does.
pub async fn long_statement(tidb: &Tidb, env: &Env, text: &str, limit: Duration) -> Result<(), ClusterError> {
    let mut running = pin!(tidb.execute_within(text, limit));
    loop {
        tokio::select! {
            done = &mut running => return done,
            () = env.sleep(SAY_SO, "a long statement runs") => {
                tracing::info!(statement = text, "the statement still runs");
            }
        }
    }
}

/// What TiKV holds of a table now, all partitions and indexes: what `ADMIN CHECKSUM TABLE` says.
pub async fn table_checksum(cluster: &Cluster, table: &Table) -> Result<Pairs, Fault> {
    sum(cluster, table, table.key_ids().into_iter().map(keys::table_range)).await
}

/// What TiKV holds of a table's rows and of the indexes that this definition has, whatever the table got since.
pub async fn definition_checksum(cluster: &Cluster, table: &Table) -> Result<Pairs, Fault> {
    let rows = table.physical_ids().into_iter().map(keys::record_range);
    let indexes = table.writable_indexes().flat_map(|index| {
        let ids = if index.is_global { vec![table.info.id] } else { table.physical_ids() };
        ids.into_iter().map(|id| keys::index_range(id, index.id))
    });
    sum(cluster, table, rows.chain(indexes)).await
}

async fn sum(
    cluster: &Cluster,
    table: &Table,
    ranges: impl Iterator<Item = (Vec<u8>, Vec<u8>)>,
) -> Result<Pairs, Fault> {
    let name = |error: &ClusterError| fault::of_cluster(error).of_table(&table.db, &table.info.name.original);
    let ts = cluster.pd.tso(1).await.map_err(|error| name(&error))?;
    let mut total = Pairs::default();
    for (start, end) in ranges {
        let found = cluster
            .tikv
            .checksum(&start, &end, ts, CHECKSUM_CONCURRENCY)
            .await
            .map_err(|error| name(&error))?;
        total.add(Pairs { crc64: found.crc64_xor, pairs: found.pairs, bytes: found.bytes });
    }
    Ok(total)
}

/// The key ranges that an import of these tables writes to: all their partitions' rows and indexes.
pub fn key_ranges<'a>(tables: impl IntoIterator<Item = &'a Table>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let ids = tables.into_iter().flat_map(Table::key_ids);
    ids.map(keys::table_range).collect()
}
