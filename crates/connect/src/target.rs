//! Questions and orders to the cluster that several services have.

use std::time::Duration;

use th_cluster::{Cluster, ClusterError};
use th_codec::keys;
use th_errors::Fault;
use th_ledger::Pairs;
use th_schema::Table;

use crate::fault;

/// Regions of one table that are asked at once.
pub const CHECKSUM_CONCURRENCY: usize = 8;
/// Deadline of a statement that may take long.
pub const LONG_STATEMENT: Duration = Duration::from_secs(3600);

/// What TiKV holds of a table now, all partitions and indexes: what `ADMIN CHECKSUM TABLE` says.
pub async fn table_checksum(cluster: &Cluster, table: &Table) -> Result<Pairs, Fault> {
    let name = |error: &ClusterError| fault::of_cluster(error).of_table(&table.db, &table.info.name.original);
    let ts = cluster.pd.tso(1).await.map_err(|error| name(&error))?;
    let mut total = Pairs::default();
    for id in table.key_ids() {
        let (start, end) = keys::table_range(id);
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
