//! The ledger's documents. All carry [`FORMAT`]; a reader refuses a newer one.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use th_dump::{Cuts, DataFile, ReadOptions};
use th_errors::Fault;

use crate::{Difference, JobId, JobParts};

/// Version of the documents' format.
pub const FORMAT: u32 = 1;

/// Everything that is decided once. Written last by the planner: a ledger with a plan has all its jobs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    /// See [`FORMAT`].
    pub format: u32,
    /// Names the import everywhere: in the ledger, in leases, in logs.
    pub import_id: String,
    /// Version of the planner.
    pub version: String,
    /// When the plan was made, microseconds since 1970-01-01 UTC.
    pub created_micros: i64,
    /// The dump's URL, without secrets.
    pub source: String,
    /// How rows get into the target.
    #[serde(default)]
    pub backend: Backend,
    /// The cluster.
    pub target: Target,
    /// The session that rows are encoded in.
    pub session: Session,
    /// How files are read.
    pub read: ReadOptions,
    /// Rows with values that do not fit that may be left out; more of them fail the import.
    #[serde(default)]
    pub max_rejected: u64,
    /// What becomes of rows with equal keys.
    #[serde(default)]
    pub conflict: ConflictPolicy,
    /// The smallest of the jobs' commit timestamps; earlier versions in the target are not this import's.
    #[serde(default)]
    pub first_commit_ts: u64,
    /// Whether other imports write to its tables, too, and where they meet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<Shared>,
    /// Tables, in the order of their numbers.
    pub tables: Vec<PlannedTable>,
    /// Number of jobs; they are `0..jobs`.
    pub jobs: u32,
    /// Names the folder of its jobs, for this plan alone: whoever began to plan before and died has left others.
    #[serde(default)]
    pub attempt: String,
    /// Bytes of all data files as they are stored.
    pub source_bytes: u64,
}

/// How rows get into the target.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// As sorted key-value pairs that TiKV ingests.
    #[default]
    Local,
    /// By SQL.
    Tidb(SqlPlan),
}

/// What is decided once about an import that shares its tables with others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shared {
    /// Database of the target in which the imports write down what they do.
    pub books_schema: String,
}

/// What is decided once about an import by SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlPlan {
    /// The server, `host:port`, as the planner reached it.
    pub server: String,
    /// Database of the books in the target.
    pub books_schema: String,
    /// The books' id, of this plan alone.
    pub books: String,
}

/// What becomes of rows with equal keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConflictPolicy {
    /// Who wins, if anybody.
    pub strategy: ConflictStrategy,
    /// Most rows that may conflict, winners included (by SQL, where the winner is not known to us, without it);
    /// more fail the import.
    pub threshold: u64,
}

/// Who wins where rows have equal keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConflictStrategy {
    /// Nobody: the import fails.
    #[default]
    Error,
    /// A row stays if it is the first of the source at every key that it has; every other goes, with all its
    /// pairs. Rows that the table held before go for those of the source.
    Replace,
    /// The row of the source is left out. By SQL only.
    Ignore,
}

/// Where the cluster is. Secrets are never here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// PD endpoints, `host:port`.
    pub pd: Vec<String>,
    /// The cluster's id by PD; another cluster at the same address is refused.
    pub cluster_id: u64,
    /// TiDB's version text.
    pub version: String,
}

/// The session that rows are encoded in: equal for every run of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// `sql_mode`, comma-separated.
    pub sql_mode: String,
    /// `time_zone`.
    pub time_zone: String,
    /// What CURRENT_TIMESTAMP means, microseconds since 1970-01-01 UTC.
    pub now_micros: i64,
    /// Whether the cluster uses the new collation framework.
    pub new_collation: bool,
    /// Further variables that decide what expressions answer, such as `block_encryption_mode`; by SQL, all that
    /// are configured.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
}

/// A table to import.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlannedTable {
    /// Database in the target.
    pub db: String,
    /// Table in the target.
    pub name: String,
    /// TiDB's `TableInfo`, as its status API gave it; `null` where rows are written by SQL.
    pub info: Box<RawValue>,
    /// The columns in order, where rows are written by SQL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<PlannedColumn>,
    /// Columns of the source that are read and dropped, lower case.
    #[serde(default)]
    pub ignored_columns: Vec<String>,
    /// Bytes of its data files as they are stored.
    pub source_bytes: u64,
    /// Its jobs' numbers.
    pub jobs: Range<u32>,
    /// Row ids given out to chunks end here; allocators are rebased beyond the largest one used.
    pub row_id_end: i64,
    /// What the table held before, which the final checksum contains too. Zero where imports share tables: what
    /// the table held before the first of them is not in anybody's plan.
    #[serde(default)]
    pub before: Pairs,
    /// Whether the table gets indexes again when it has its rows: those of `deferred.json`. They are none of `info`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gets_indexes: bool,
}

/// A column that is written by SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedColumn {
    /// Its name, lower case.
    pub name: String,
    /// Whether bytes that are no UTF-8 can be written to it in hexadecimal.
    #[serde(default)]
    pub bytes: bool,
    /// Whether the server computes it.
    #[serde(default)]
    pub generated: bool,
    /// Whether a row without column list has no value for it.
    #[serde(default)]
    pub invisible: bool,
}

/// A sum over key-value pairs, as TiDB's `ADMIN CHECKSUM TABLE` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pairs {
    /// XOR of the pairs' CRC-64/XZ, as decimal text (JSON numbers are not safe for 64 bits).
    #[serde(with = "decimal_text")]
    pub crc64: u64,
    /// Number of pairs.
    pub pairs: u64,
    /// Sum of key and value lengths.
    pub bytes: u64,
}

impl Pairs {
    /// Adds another sum.
    pub fn add(&mut self, other: Pairs) {
        self.crc64 ^= other.crc64;
        self.pairs = self.pairs.wrapping_add(other.pairs);
        self.bytes = self.bytes.wrapping_add(other.bytes);
    }

    /// Takes a part out of the sum.
    pub fn remove(&mut self, part: Pairs) {
        self.crc64 ^= part.crc64;
        self.pairs = self.pairs.wrapping_sub(part.pairs);
        self.bytes = self.bytes.wrapping_sub(part.bytes);
    }
}

/// A part of a source object that one job reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Chunk {
    /// The object, pinned to the version that the planner saw.
    pub file: DataFile,
    /// Bytes `start..end` of the uncompressed file; the whole file if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Range<u64>>,
    /// Column list that holds at the chunk's start, if the chunk does not start with its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// The first row gets row id `row_id_base + 1`.
    pub row_id_base: i64,
    /// Row ids reserved for the chunk.
    pub row_id_count: i64,
    /// Number of the [`CutFile`] that the chunk is a piece of, if its ends are guesses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_file: Option<u32>,
}

/// A file that was cut by looking at parts of it. A cut may be inside a row; the piece before it then goes on to
/// the next one that is right.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CutFile {
    /// See [`FORMAT`].
    pub format: u32,
    /// The file.
    pub file: DataFile,
    /// Where its pieces seem to begin.
    pub cuts: Cuts,
    /// Row ids reserved for all its pieces end here.
    pub row_id_end: i64,
}

/// One unit of work: chunks of one table. A pure function from these facts to pairs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// See [`FORMAT`].
    pub format: u32,
    /// The import.
    pub import_id: String,
    /// Its number.
    pub job: JobId,
    /// Index into [`Plan::tables`].
    pub table: u32,
    /// What to read, in order.
    pub chunks: Vec<Chunk>,
    /// Timestamp of all the job's pairs, in every run.
    pub commit_ts: u64,
    /// Bytes of its chunks as they are stored.
    pub source_bytes: u64,
}

/// Largest ids used, for the allocators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bases {
    /// `_tidb_rowid` (and AUTO_INCREMENT unless AUTO_ID_CACHE is 1).
    pub row_id: i64,
    /// AUTO_INCREMENT; unsigned columns may exceed `i64`.
    pub auto_increment: u64,
    /// AUTO_RANDOM's incremental part.
    pub auto_random: u64,
}

impl Bases {
    /// The larger of both, each.
    pub fn max(&mut self, other: Bases) {
        self.row_id = self.row_id.max(other.row_id);
        self.auto_increment = self.auto_increment.max(other.auto_increment);
        self.auto_random = self.auto_random.max(other.auto_random);
    }
}

/// What a job did. All runs of a job agree on everything above `worker`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobResult {
    /// See [`FORMAT`].
    pub format: u32,
    /// The import.
    pub import_id: String,
    /// The job.
    pub job: JobId,
    /// Index into [`Plan::tables`].
    pub table: u32,
    /// Rows encoded.
    pub rows: u64,
    /// Rows left out because a value does not fit.
    #[serde(default)]
    pub rejected: u64,
    /// The sum over all pairs of its rows.
    pub pairs: Pairs,
    /// Pairs that were not ingested because an earlier one of the job has the same key; by SQL, rows that met an
    /// equal key and were left out or took the other's place.
    #[serde(default)]
    pub conflicts: u64,
    /// Largest ids used.
    pub bases: Bases,
    /// Source bytes read, as stored.
    pub source_bytes: u64,
    /// Who did it.
    pub worker: String,
    /// Start, microseconds since 1970-01-01 UTC.
    pub started_micros: i64,
    /// End, microseconds since 1970-01-01 UTC.
    pub finished_micros: i64,
    /// Bytes of sorted runs written to the sort folder.
    pub spilled_bytes: u64,
    /// Region-sized pieces ingested.
    pub pieces: u64,
    /// Requests to TiKV that were repeated.
    pub retries: u64,
    /// What it wrote, by index: written once, and read only by [`Ledger::job_parts`](crate::Ledger::job_parts), so
    /// that the results of many jobs stay small.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub parts: Option<Box<JobParts>>,
}

/// Why a job cannot succeed, however often it is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    /// See [`FORMAT`].
    pub format: u32,
    /// The job.
    pub job: JobId,
    /// What is wrong, and where.
    pub fault: Fault,
    /// Who found it.
    pub worker: String,
    /// When, microseconds since 1970-01-01 UTC.
    pub micros: i64,
}

/// Two source rows that would write the same key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// Index name, `PRIMARY` for the row itself.
    pub index: String,
    /// The key, hexadecimal.
    pub key: String,
    /// Place of the first row.
    pub first: String,
    /// Offset of the first row in its file.
    #[serde(default)]
    pub first_offset: u64,
    /// Place of the second row.
    pub second: String,
    /// Offset of the second row in its file.
    #[serde(default)]
    pub second_offset: u64,
}

/// An entry whose key several rows have. Bytes are hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedEntry {
    /// Index name, `PRIMARY` for the row itself.
    pub index: String,
    /// The key.
    pub key: String,
    /// The value of one of the rows.
    pub value: String,
    /// The key of the record that it leads to.
    pub handle: String,
    /// That record, as it was before any was deleted.
    pub row: String,
    /// The handle, for people.
    pub key_data: String,
    /// The record, for people.
    pub row_data: String,
}

/// What was removed from a table because of equal keys. Written after it is removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// See [`FORMAT`].
    pub format: u32,
    /// Index into [`Plan::tables`].
    pub table: u32,
    /// Rows that shared a key with another, those that stayed included.
    pub conflicting: u64,
    /// Rows of the source that were removed.
    pub removed_rows: u64,
    /// The sum over all pairs of removed rows, those that the table held before included.
    pub removed: Pairs,
}

/// A row that was left out because a value does not fit its column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Where it stands.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
    /// The row as the source has it, cut if it is long.
    pub row: String,
    /// The offset behind it in its file.
    #[serde(default)]
    pub end: u64,
}

/// A table in the outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableReport {
    /// Database.
    pub db: String,
    /// Table.
    pub name: String,
    /// Rows imported.
    pub rows: u64,
    /// Rows left out; `rejects/` in the ledger has them with their reasons.
    #[serde(default)]
    pub rejected: u64,
    /// Rows that gave way to others with equal keys; `conflicts/` in the ledger has them with their places, unless
    /// rows were written by SQL.
    #[serde(default)]
    pub replaced: u64,
    /// What the workers encoded, and what the table held before, without what was removed.
    pub expected: Pairs,
    /// What TiKV computed; absent where the checksum was switched off.
    pub found: Option<Pairs>,
    /// `verified`, `mismatch`, `not checked`; `left to the last` of several imports into one table; `written` by SQL,
    /// where the server answers for the rows.
    pub verdict: String,
    /// Other imports into the table: those whose pairs are part of `expected`, or those that the comparison is left
    /// to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<String>,
    /// Where the table differs from what was expected, as far as it was found out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// Seconds from the first job's start to the verdict.
    pub seconds: f64,
    /// Source bytes.
    pub source_bytes: u64,
}

/// `COMPLETE.json`: everything is in the target and checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Complete {
    /// See [`FORMAT`].
    pub format: u32,
    /// The import.
    pub import_id: String,
    /// The dump.
    pub source: String,
    /// When, microseconds since 1970-01-01 UTC.
    pub finished_micros: i64,
    /// Seconds since the plan.
    pub seconds: f64,
    /// Version of the finalizer.
    pub version: String,
    /// The tables.
    pub tables: Vec<TableReport>,
    /// Rows of all tables.
    pub rows: u64,
    /// Source bytes of all tables.
    pub source_bytes: u64,
    /// The target's version.
    pub target_version: String,
    /// What it took.
    #[serde(default)]
    pub usage: Usage,
    /// Statements that the target has refused for now: replicas in TiFlash that are not set again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_to_do: Vec<String>,
}

/// What an import took, by the jobs' own clocks. Runs of jobs that were lost are not in it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Workers that finished a job.
    pub workers: u64,
    /// Seconds of all workers together, each from the start of its first job to the end of its last.
    pub worker_seconds: f64,
    /// Seconds of all jobs together; several run at once in a worker.
    pub job_seconds: f64,
    /// `worker_seconds` at the configured price of an hour (`thunderhead.worker-price`); absent if that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

/// `FAILED.json`: the import ended without success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// See [`FORMAT`].
    pub format: u32,
    /// The import.
    pub import_id: String,
    /// The dump.
    pub source: String,
    /// When, microseconds since 1970-01-01 UTC.
    pub finished_micros: i64,
    /// The reasons; the first is the one that counts.
    pub faults: Vec<Fault>,
    /// The tables as far as they are known.
    #[serde(default)]
    pub tables: Vec<TableReport>,
    /// Statements that give the target's tables back what was taken away from them for the import.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_to_do: Vec<String>,
}

/// `verdict.json`: the fence. Whoever writes it first decides the outcome; the markers repeat it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// See [`FORMAT`].
    pub format: u32,
    /// Who decided.
    pub finalizer: String,
    /// The outcome.
    pub outcome: Outcome,
}

/// How an import ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All is well.
    Complete(Complete),
    /// It is not.
    Failed(Failed),
}

mod decimal_text {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
