//! Transactions: changes that wait for their COMMIT.
//!
//! One session writes to a table at a time: its first write (or `SELECT … FOR UPDATE`) waits for the others'
//! transactions to end, as all writers of one row would in TiDB. What a transaction has changed, it also reads.
//! Changes become visible to others at once, at one timestamp on every replica.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;
use std::time::Duration;

use rocksdb::WriteBatch;
use th_sst::memcomparable;
use th_sst::mvcc::{self as records, WriteKind, WriteRecord};
use tokio::sync::OwnedMutexGuard;

use crate::cluster::Cluster;
use crate::tidb::error::SqlError;
use crate::tidb::rows;
use crate::tidb::session::Session;
use crate::tidb::statement::TableName;
use crate::tikv::mvcc;

/// Changes of keys: a value, or `None` to delete.
pub(crate) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A session's open transaction.
#[derive(Default)]
pub(crate) struct Transaction {
    pub(crate) changes: Arc<Changes>,
    /// By the tables they are of.
    locks: BTreeMap<String, OwnedMutexGuard<()>>,
}

/// What a statement reads and changes: its own changes over its transaction's over what is committed.
pub(crate) struct Overlay {
    base: Arc<Changes>,
    pub(crate) own: Changes,
    pub(crate) read_ts: u64,
}

impl Overlay {
    /// What is stored under a key.
    pub(crate) fn get(&self, cluster: &Cluster, key: &[u8]) -> Option<Vec<u8>> {
        if let Some(change) = self.own.get(key).or_else(|| self.base.get(key)) {
            return change.clone();
        }
        let encoded = memcomparable::encode(key);
        let regions = cluster.regions();
        let store = regions.containing(&encoded).and_then(|region| cluster.store(region.leader_store))?;
        mvcc::get(store, key, self.read_ts).ok().flatten()
    }

    /// Visits the pairs of a range that were there before the statement, in order.
    pub(crate) fn scan(
        &self,
        cluster: &Cluster,
        range: &(Vec<u8>, Vec<u8>),
        visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), SqlError> {
        scan(cluster, range, self.read_ts, &self.base, visit)
    }
}

/// Visits the pairs of `[start, end)` (user keys) at a timestamp as a transaction with these changes sees
/// them, in order.
pub(crate) fn scan(
    cluster: &Cluster,
    (start, end): &(Vec<u8>, Vec<u8>),
    read_ts: u64,
    changes: &Changes,
    mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
) -> Result<(), SqlError> {
    let upper = if end.is_empty() { Bound::Unbounded } else { Bound::Excluded(end.clone()) };
    let mut changed = changes.range((Bound::Included(start.clone()), upper)).peekable();
    let mut broken = false;
    rows::scan_pairs(cluster, &(start.clone(), end.clone()), read_ts, |key, value| {
        while let Some((new, change)) = changed.next_if(|(new, _)| new.as_slice() < key) {
            if change.as_ref().is_some_and(|value| visit(new, value).is_break()) {
                broken = true;
                return ControlFlow::Break(());
            }
        }
        let flow = match changed.next_if(|(new, _)| new.as_slice() == key) {
            Some((_, None)) => ControlFlow::Continue(()),
            Some((_, Some(value))) => visit(key, value),
            None => visit(key, value),
        };
        broken |= flow.is_break();
        flow
    })?;
    for (new, change) in changed {
        if broken || change.as_ref().is_some_and(|value| visit(new, value).is_break()) {
            break;
        }
    }
    Ok(())
}

impl Session {
    /// Waits until no other session writes to the table. The guard is for a statement outside a transaction;
    /// within one, the transaction keeps it.
    pub(crate) async fn lock_writes(
        &mut self,
        table: &TableName,
    ) -> Result<Option<OwnedMutexGuard<()>>, SqlError> {
        let name = format!("{}.{}", self.database_of(table)?, table.table).to_lowercase();
        if self.transaction.is_none() && self.variable("autocommit").is_some_and(|(_, value)| value == "OFF")
        {
            self.begin()?;
        }
        if self.transaction.as_ref().is_some_and(|transaction| transaction.locks.contains_key(&name)) {
            return Ok(None);
        }
        let patience = self.variable("innodb_lock_wait_timeout").and_then(|(_, value)| value.parse().ok());
        let waiting = self.tidb.writers.get(&name).lock_owned();
        let lock = tokio::time::timeout(Duration::from_secs(patience.unwrap_or(50)), waiting)
            .await
            .map_err(|_| SqlError::new(1205, "Lock wait timeout exceeded; try restarting transaction"))?;
        match &mut self.transaction {
            Some(transaction) => {
                transaction.locks.insert(name, lock);
                Ok(None)
            }
            None => Ok(Some(lock)),
        }
    }

    /// BEGIN: what was open is committed.
    pub(crate) fn begin(&mut self) -> Result<(), SqlError> {
        self.commit()?;
        self.transaction = Some(Transaction::default());
        Ok(())
    }

    /// COMMIT, also that of every statement that changes a definition.
    pub(crate) fn commit(&mut self) -> Result<(), SqlError> {
        match self.transaction.take() {
            Some(transaction) => commit(&self.tidb.cluster, &transaction.changes),
            None => Ok(()),
        }
    }

    /// ROLLBACK.
    pub(crate) fn roll_back(&mut self) {
        self.transaction = None;
    }

    /// What the open transaction has changed.
    pub(crate) fn uncommitted(&self) -> Arc<Changes> {
        self.transaction.as_ref().map(|transaction| Arc::clone(&transaction.changes)).unwrap_or_default()
    }

    /// The view of a statement that writes; the lock must be held.
    pub(crate) fn overlay(&self) -> Result<Overlay, SqlError> {
        let read_ts = self.tidb.cluster.timestamp()?;
        Ok(Overlay { base: self.uncommitted(), own: Changes::new(), read_ts })
    }

    /// A statement that writes is done: its changes wait for the COMMIT, or are committed.
    pub(crate) fn apply(&mut self, overlay: Overlay) -> Result<(), SqlError> {
        let Overlay { base, own, .. } = overlay;
        drop(base);
        match &mut self.transaction {
            Some(transaction) => {
                Arc::make_mut(&mut transaction.changes).extend(own);
                Ok(())
            }
            None => commit(&self.tidb.cluster, &own),
        }
    }
}

/// Commits changes at one timestamp on every replica of their regions.
pub(crate) fn commit(cluster: &Cluster, changes: &Changes) -> Result<(), SqlError> {
    if changes.is_empty() {
        return Ok(());
    }
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
