//! What a worker says of itself while it works.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::JobId;

/// Time between two reports of a worker.
pub const REPORT_EVERY: Duration = Duration::from_secs(15);

/// A worker that has said nothing for so long is taken for dead.
pub const SILENT_AFTER: Duration = Duration::from_secs(60);

/// `workers/<name>.json`: a worker's report, written anew every [`REPORT_EVERY`]. Nothing is decided by it
/// but how patient the finalizer is; a lost report does no harm. All times are the worker's own clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerReport {
    /// See [`crate::FORMAT`].
    pub format: u32,
    /// Its name, as in results.
    pub worker: String,
    /// The machine.
    pub host: String,
    /// Version of the program.
    pub version: String,
    /// What it is about to do.
    pub state: WorkerState,
    /// When it started, microseconds since 1970-01-01 UTC.
    pub started_micros: i64,
    /// When it wrote this, microseconds since 1970-01-01 UTC.
    pub seen_micros: i64,
    /// Jobs it works on at once.
    pub slots: u32,
    /// Jobs it has finished.
    pub finished_jobs: u64,
    /// Jobs in hand, by number.
    pub jobs: Vec<JobInHand>,
}

impl WorkerReport {
    /// Whether a job in hand has got on within `limit` before the report.
    pub fn gets_on(&self, limit: Duration) -> bool {
        let limit = i64::try_from(limit.as_micros()).unwrap_or(i64::MAX);
        self.jobs.iter().any(|job| self.seen_micros - job.advanced_micros < limit)
    }
}

/// What a worker is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkerState {
    /// Takes jobs.
    Working,
    /// Takes no more jobs.
    Draining,
    /// Has ended.
    Done,
}

impl WorkerState {
    /// `working`, `draining`, `done`.
    pub fn name(self) -> &'static str {
        match self {
            WorkerState::Working => "working",
            WorkerState::Draining => "draining",
            WorkerState::Done => "done",
        }
    }
}

/// A job that a worker has in hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobInHand {
    /// The job.
    pub job: JobId,
    /// Index into [`crate::Plan::tables`].
    pub table: u32,
    /// What it is at.
    pub stage: Stage,
    /// When it was taken, microseconds since 1970-01-01 UTC.
    pub started_micros: i64,
    /// When it last got on, microseconds since 1970-01-01 UTC.
    pub advanced_micros: i64,
    /// Bytes of its chunks as they are stored.
    pub source_bytes: u64,
    /// Bytes of them read.
    pub read_bytes: u64,
    /// Rows encoded.
    pub rows: u64,
    /// Bytes of pairs encoded.
    pub pair_bytes: u64,
    /// Bytes of pairs ingested.
    pub ingested_bytes: u64,
}

/// What a job is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Source bytes become sorted pairs.
    Encode,
    /// Regions are split and scattered.
    Split,
    /// Pairs go to TiKV.
    Ingest,
}

impl Stage {
    /// All stages, in order.
    pub const ALL: [Stage; 3] = [Stage::Encode, Stage::Split, Stage::Ingest];

    /// `encode`, `split`, `ingest`.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Encode => "encode",
            Stage::Split => "split",
            Stage::Ingest => "ingest",
        }
    }
}
