//! What a worker has done and has in hand: for whoever shows progress, and for its reports and metrics.
//!
//! Nobody waits for these counters. Progress of a failed run is taken back here, so that nothing counts
//! twice; the metrics, which may only grow, keep it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use th_cluster::IngestStats;
use th_env::Env;
use th_ingest::Watch;
use th_ledger::{Job, JobId, JobInHand, Stage};
use th_status::metrics::{TableCounters, WorkerMetrics};

use crate::Stop;

/// Progress of all tables that this process works on.
#[derive(Debug, Default)]
pub struct Progress {
    tables: Mutex<BTreeMap<u32, Arc<TableProgress>>>,
    in_hand: Mutex<Vec<Weak<JobProgress>>>,
    /// The same for Prometheus.
    pub metrics: WorkerMetrics,
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

    /// Jobs finished.
    pub fn finished_jobs(&self) -> u64 {
        self.tables().iter().map(|(_, table)| table.finished_jobs.load(Ordering::Relaxed)).sum()
    }

    /// Jobs in hand, by number.
    pub fn in_hand(&self) -> Vec<JobInHand> {
        let jobs = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        let mut jobs: Vec<JobInHand> =
            jobs.iter().filter_map(Weak::upgrade).map(|job| job.snapshot()).collect();
        jobs.sort_by_key(|job| job.job);
        jobs
    }

    /// A run of a job begins, of the table of this name; it is in hand until the answer is dropped.
    /// `heartbeat` moves with everything that is done.
    pub(crate) fn start(
        &self,
        env: &Env,
        job: &Job,
        table: &str,
        heartbeat: Arc<AtomicU64>,
    ) -> Arc<JobProgress> {
        let now = env.now_micros();
        let progress = Arc::new(JobProgress {
            env: env.clone(),
            table: self.table(job.table),
            metrics: self.metrics.clone(),
            counters: self.metrics.table(table),
            heartbeat,
            job: (job.job, job.table, job.source_bytes),
            started: now,
            stage: AtomicU8::new(0),
            stage_started: AtomicI64::new(now),
            advanced: AtomicI64::new(now),
            source_bytes: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            pair_bytes: AtomicU64::new(0),
            ingested_bytes: AtomicU64::new(0),
        });
        let mut in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        in_hand.retain(|job| job.strong_count() > 0);
        in_hand.push(Arc::downgrade(&progress));
        progress
    }

    pub(crate) fn finish_job(&self, table: u32) {
        self.table(table).finished_jobs.fetch_add(1, Ordering::Relaxed);
    }
}

/// What one run of a job has added; taken back if the run fails.
#[derive(Debug)]
pub(crate) struct JobProgress {
    env: Env,
    table: Arc<TableProgress>,
    metrics: WorkerMetrics,
    counters: TableCounters,
    heartbeat: Arc<AtomicU64>,
    /// Number, table and source bytes.
    job: (JobId, u32, u64),
    started: i64,
    /// Index into [`Stage::ALL`].
    stage: AtomicU8,
    stage_started: AtomicI64,
    advanced: AtomicI64,
    source_bytes: AtomicU64,
    rows: AtomicU64,
    pair_bytes: AtomicU64,
    ingested_bytes: AtomicU64,
}

impl JobProgress {
    fn advance(&self) {
        self.heartbeat.fetch_add(1, Ordering::Relaxed);
        self.advanced.store(self.env.now_micros(), Ordering::Relaxed);
    }

    fn stage(&self) -> Stage {
        Stage::ALL.get(usize::from(self.stage.load(Ordering::Relaxed))).copied().unwrap_or(Stage::Ingest)
    }

    /// The stage that begins now ends the one before.
    pub(crate) fn enter(&self, stage: Stage) {
        self.advance();
        self.leave();
        let index = Stage::ALL.iter().position(|&known| known == stage).unwrap_or(0);
        self.stage.store(index as u8, Ordering::Relaxed);
    }

    fn leave(&self) {
        let now = self.env.now_micros();
        let began = self.stage_started.swap(now, Ordering::Relaxed);
        self.metrics.stage(self.stage(), (now - began).max(0) as f64 / 1e6);
    }

    pub(crate) fn encoded(&self, source_bytes: u64, rows: u64, pair_bytes: u64) {
        self.advance();
        for (counter, total, own, added) in [
            (&self.counters.source_bytes, &self.table.source_bytes, &self.source_bytes, source_bytes),
            (&self.counters.rows, &self.table.rows, &self.rows, rows),
            (&self.counters.pair_bytes, &self.table.pair_bytes, &self.pair_bytes, pair_bytes),
        ] {
            counter.inc_by(added);
            total.fetch_add(added, Ordering::Relaxed);
            own.fetch_add(added, Ordering::Relaxed);
        }
    }

    pub(crate) fn ingested(&self, stats: &IngestStats) {
        self.advance();
        self.counters.pairs.inc_by(stats.pairs);
        self.counters.ingested_bytes.inc_by(stats.bytes);
        self.metrics.refused(&stats.refusals);
        self.table.ingested_bytes.fetch_add(stats.bytes, Ordering::Relaxed);
        self.ingested_bytes.fetch_add(stats.bytes, Ordering::Relaxed);
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

    fn snapshot(&self) -> JobInHand {
        let (job, table, source_bytes) = self.job;
        JobInHand {
            job,
            table,
            stage: self.stage(),
            started_micros: self.started,
            advanced_micros: self.advanced.load(Ordering::Relaxed),
            source_bytes,
            read_bytes: self.source_bytes.load(Ordering::Relaxed),
            rows: self.rows.load(Ordering::Relaxed),
            pair_bytes: self.pair_bytes.load(Ordering::Relaxed),
            ingested_bytes: self.ingested_bytes.load(Ordering::Relaxed),
        }
    }
}

/// What a delivery of the job's pairs tells and asks.
#[derive(Debug)]
pub(crate) struct Watching {
    pub(crate) progress: Arc<JobProgress>,
    pub(crate) stop: Stop,
}

impl Watch for Watching {
    fn splitting(&self) {
        self.progress.enter(Stage::Split);
    }

    fn ingesting(&self) {
        self.progress.enter(Stage::Ingest);
    }

    fn waiting(&self) {
        self.progress.advance();
    }

    fn ingested(&self, stats: &IngestStats) {
        self.progress.ingested(stats);
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_set()
    }
}

impl Drop for JobProgress {
    fn drop(&mut self) {
        self.leave();
    }
}
