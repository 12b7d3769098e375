//! Counters that whoever shows progress reads; nobody waits for them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Progress of all tables that this process works on.
#[derive(Debug, Default)]
pub struct Progress {
    tables: Mutex<BTreeMap<u32, Arc<TableProgress>>>,
}

/// Progress of one table.
#[derive(Debug, Default)]
pub struct TableProgress {
    /// Source bytes read, as stored.
    pub source_bytes: AtomicU64,
    /// Rows encoded.
    pub rows: AtomicU64,
    /// Bytes of pairs sorted.
    pub pair_bytes: AtomicU64,
    /// Bytes of pairs ingested.
    pub ingested_bytes: AtomicU64,
    /// Jobs finished.
    pub finished_jobs: AtomicU64,
}

impl Progress {
    /// A table's counters.
    pub fn table(&self, number: u32) -> Arc<TableProgress> {
        Arc::clone(self.tables.lock().unwrap_or_else(PoisonError::into_inner).entry(number).or_default())
    }

    /// All tables' counters, by number.
    pub fn tables(&self) -> Vec<(u32, Arc<TableProgress>)> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.iter().map(|(&number, table)| (number, Arc::clone(table))).collect()
    }

    pub(crate) fn finish_job(&self, table: u32) {
        self.table(table).finished_jobs.fetch_add(1, Ordering::Relaxed);
    }
}

/// What one run of a job has added; taken back if the run fails.
#[derive(Debug)]
pub(crate) struct JobProgress {
    table: Arc<TableProgress>,
    heartbeat: Arc<AtomicU64>,
    source_bytes: AtomicU64,
    rows: AtomicU64,
    pair_bytes: AtomicU64,
    ingested_bytes: AtomicU64,
}

impl JobProgress {
    /// `heartbeat` moves with every addition.
    pub(crate) fn new(table: Arc<TableProgress>, heartbeat: Arc<AtomicU64>) -> Self {
        Self {
            table,
            heartbeat,
            source_bytes: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            pair_bytes: AtomicU64::new(0),
            ingested_bytes: AtomicU64::new(0),
        }
    }

    pub(crate) fn encoded(&self, source_bytes: u64, rows: u64, pair_bytes: u64) {
        self.heartbeat.fetch_add(1, Ordering::Relaxed);
        for (total, own, added) in [
            (&self.table.source_bytes, &self.source_bytes, source_bytes),
            (&self.table.rows, &self.rows, rows),
            (&self.table.pair_bytes, &self.pair_bytes, pair_bytes),
        ] {
            total.fetch_add(added, Ordering::Relaxed);
            own.fetch_add(added, Ordering::Relaxed);
        }
    }

    pub(crate) fn ingested(&self, bytes: u64) {
        self.heartbeat.fetch_add(1, Ordering::Relaxed);
        self.table.ingested_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.ingested_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The run failed: its work will be done again.
    pub(crate) fn take_back(&self) {
        for (total, own) in [
            (&self.table.source_bytes, &self.source_bytes),
            (&self.table.rows, &self.rows),
            (&self.table.pair_bytes, &self.pair_bytes),
            (&self.table.ingested_bytes, &self.ingested_bytes),
        ] {
            total.fetch_sub(own.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}
