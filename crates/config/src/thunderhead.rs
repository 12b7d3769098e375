//! `[thunderhead]`: keys that Lightning does not have.

use serde::{Deserialize, Serialize};

use crate::types::{ByteSize, Span};

/// How sorted pairs get into TiKV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ingest {
    /// TiKV builds the SSTs from streamed pairs.
    Write,
    /// The worker builds the SSTs and uploads them.
    Upload,
}

/// `[thunderhead]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Thunderhead {
    /// URL or path of the ledger folder; empty = a folder beside the sort folder (one process only).
    pub ledger: String,
    /// Queue URL; empty = in process.
    pub queue: String,
    /// Endpoint of the queue service, where it is not AWS's.
    pub queue_endpoint: String,
    /// Region of the queue service; empty = from the environment.
    pub queue_region: String,
    /// How long a received job is hidden from other workers.
    pub queue_visibility: Span,
    /// How often a job may be received before the import fails.
    pub max_receives: u32,
    /// Source bytes of a job; 0 = by the size of the dump.
    pub job_size: ByteSize,
    /// Jobs that one worker process does at once; 0 = one a CPU.
    pub concurrency: usize,
    /// Memory of one process for sorting, shared by its jobs.
    pub sort_memory: ByteSize,
    /// Bytes of pairs ingested as one piece.
    pub piece_size: ByteSize,
    /// How pairs get into TiKV.
    pub ingest: Ingest,
    /// A job that makes no progress for so long is given to another worker.
    pub stall_timeout: Span,
    /// The session time zone in which TIMESTAMP text is read; empty = the target's.
    pub time_zone: String,
}

impl Default for Thunderhead {
    fn default() -> Self {
        Self {
            ledger: String::new(),
            queue: String::new(),
            queue_endpoint: String::new(),
            queue_region: String::new(),
            queue_visibility: Span(std::time::Duration::from_secs(60)),
            max_receives: 5,
            job_size: ByteSize(0),
            concurrency: 0,
            sort_memory: ByteSize(256 << 20),
            piece_size: ByteSize(96 << 20),
            ingest: Ingest::Write,
            stall_timeout: Span(std::time::Duration::from_secs(600)),
            time_zone: String::new(),
        }
    }
}
