//! `[thunderhead]`: keys that Lightning does not have.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::section::section;
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

/// Whose metadata service says that the machine will be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SpotNotices {
    /// Nobody's.
    Off,
    /// EC2: spot interruptions, and the Auto Scaling group's wish.
    Aws,
    /// Compute Engine: preemption.
    Gcp,
}

section! {
    /// `[thunderhead]`
    Thunderhead {
        /// URL or path of the ledger folder; empty = a folder beside the sort folder (one process only).
        ledger: String = String::new(),
        /// Queue URL; empty = in process.
        queue: String = String::new(),
        /// Endpoint of the queue service, where it is not AWS's.
        queue_endpoint: String = String::new(),
        /// Region of the queue service; empty = from the environment.
        queue_region: String = String::new(),
        /// How long a received job is hidden from other workers.
        queue_visibility: Span = Span(Duration::from_mins(1)),
        /// How often a job may be received before the import fails.
        max_receives: u32 = 5,
        /// Source bytes of a job; 0 = by the size of the dump.
        job_size: ByteSize = ByteSize(0),
        /// Whether large SQL and CSV files are cut where rows are seen to begin.
        split_files: bool = true,
        /// Jobs that one worker process does at once; 0 = one a CPU.
        concurrency: usize = 0,
        /// Most bytes that a job reads ahead.
        read_ahead: ByteSize = ByteSize(32 << 20),
        /// Memory of one process for sorting, shared by its jobs.
        sort_memory: ByteSize = ByteSize(256 << 20),
        /// Bytes of pairs ingested as one piece.
        piece_size: ByteSize = ByteSize(96 << 20),
        /// How pairs get into TiKV.
        ingest: Ingest = Ingest::Write,
        /// A job that makes no progress for so long is given to another worker.
        stall_timeout: Span = Span(Duration::from_mins(10)),
        /// Whose notices that the machine will be taken away are watched for.
        spot_notices: SpotNotices = SpotNotices::Off,
        /// The session time zone in which TIMESTAMP text is read; empty = the target's.
        time_zone: String = String::new(),
        /// A file with TiDB's password, such as a mounted secret; it wins over `tidb.password`.
        password_file: String = String::new(),
    }
}
