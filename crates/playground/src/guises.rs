//! What the playground pretends to be, where it cannot be made so: old versions, full disks, TiFlash, registered
//! change feeds, a user with few privileges, a clock that is wrong.
//!
//! Guises change answers only; what is imported lies in the true stores all the same.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Capacity that a store claims without a guise.
const CAPACITY: u64 = 20 << 30;

/// What a store pretends; what is `None` is as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreGuise {
    /// Version, without a leading `v`.
    pub version: Option<String>,
    /// Bytes of its disk.
    pub capacity: Option<u64>,
    /// Bytes that are free.
    pub available: Option<u64>,
    /// `Up`, `Disconnected`, `Down`, `Offline`.
    pub state: Option<String>,
}

/// The guises; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Guises {
    inner: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    stores: BTreeMap<u64, StoreGuise>,
    tiflash: BTreeMap<u64, StoreGuise>,
    pd_version: Option<String>,
    tidb_version: Option<String>,
    etcd: BTreeMap<Vec<u8>, Vec<u8>>,
    grants: Option<Vec<String>>,
    ddl_jobs: Vec<[String; 4]>,
    import_jobs: Vec<[String; 2]>,
    clock_ms: i64,
    keyspace: String,
}

impl Guises {
    /// Dresses a store.
    pub fn store(&self, id: u64, guise: StoreGuise) {
        self.state(|state| state.stores.insert(id, guise));
    }

    /// Pretends a TiFlash store of this id, which no true store has.
    pub fn tiflash(&self, id: u64, guise: StoreGuise) {
        self.state(|state| state.tiflash.insert(id, guise));
    }

    /// PD's version.
    pub fn claim_pd_version(&self, version: &str) {
        self.state(|state| state.pd_version = Some(version.to_owned()));
    }

    /// What `VERSION()` answers, whole.
    pub fn claim_tidb_version(&self, version: &str) {
        self.state(|state| state.tidb_version = Some(version.to_owned()));
    }

    /// The keyspace that TiDB says it works in.
    pub fn claim_keyspace(&self, name: &str) {
        self.state(|state| state.keyspace = name.to_owned());
    }

    /// Puts a key into PD's etcd.
    pub fn put_key(&self, key: &str, value: &str) {
        self.state(|state| state.etcd.insert(key.into(), value.into()));
    }

    /// Removes a key from PD's etcd.
    pub fn remove_key(&self, key: &str) {
        self.state(|state| state.etcd.remove(key.as_bytes()));
    }

    /// What `SHOW GRANTS` answers. The playground allows everything all the same.
    pub fn claim_grants(&self, grants: &[&str]) {
        self.state(|state| state.grants = Some(grants.iter().map(|grant| (*grant).to_owned()).collect()));
    }

    /// A job in `ADMIN SHOW DDL JOBS`: database, table, type, state.
    pub fn ddl_job(&self, db: &str, table: &str, kind: &str, job_state: &str) {
        let job = [db, table, kind, job_state].map(str::to_owned);
        self.state(|state| state.ddl_jobs.push(job));
    }

    /// A job in `SHOW IMPORT JOBS`: its quoted table and its status.
    pub fn import_job(&self, table: &str, job_status: &str) {
        let job = [table, job_status].map(str::to_owned);
        self.state(|state| state.import_jobs.push(job));
    }

    /// Moves the clock of PD's timestamps; they never go back behind what was given.
    pub fn move_clock(&self, millis: i64) {
        self.state(|state| state.clock_ms = millis);
    }

    /// Takes all of it back.
    pub fn clear(&self) {
        self.state(|state| *state = State::default());
    }

    pub(crate) fn of_store(&self, id: u64) -> StoreGuise {
        self.state(|state| state.stores.get(&id).or(state.tiflash.get(&id)).cloned().unwrap_or_default())
    }

    /// Capacity and free space of a store that uses this many bytes.
    pub(crate) fn space(&self, id: u64, used: u64) -> (u64, u64) {
        let guise = self.of_store(id);
        let capacity = guise.capacity.unwrap_or(CAPACITY);
        (capacity, guise.available.unwrap_or_else(|| capacity.saturating_sub(used)))
    }

    pub(crate) fn tiflash_stores(&self) -> Vec<(u64, StoreGuise)> {
        self.state(|state| state.tiflash.iter().map(|(id, guise)| (*id, guise.clone())).collect())
    }

    pub(crate) fn pd_version(&self) -> Option<String> {
        self.state(|state| state.pd_version.clone())
    }

    pub(crate) fn tidb_version(&self) -> Option<String> {
        self.state(|state| state.tidb_version.clone())
    }

    /// Keys in `[start, end)` with their values; an empty end means this key alone, as etcd has it.
    pub(crate) fn etcd_range(&self, start: &[u8], end: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.state(|state| {
            let keys = state.etcd.range(start.to_vec()..);
            keys.take_while(
                |(key, _)| if end.is_empty() { key.as_slice() == start } else { key.as_slice() < end },
            )
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
        })
    }

    pub(crate) fn keyspace(&self) -> String {
        self.state(|state| state.keyspace.clone())
    }

    pub(crate) fn grants(&self) -> Option<Vec<String>> {
        self.state(|state| state.grants.clone())
    }

    pub(crate) fn ddl_jobs(&self) -> Vec<[String; 4]> {
        self.state(|state| state.ddl_jobs.clone())
    }

    pub(crate) fn import_jobs(&self) -> Vec<[String; 2]> {
        self.state(|state| state.import_jobs.clone())
    }

    pub(crate) fn clock(&self, now_ms: u64) -> u64 {
        self.state(|state| now_ms.saturating_add_signed(state.clock_ms))
    }

    fn state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
