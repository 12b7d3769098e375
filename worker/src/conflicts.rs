//! Rows of one job with equal keys.
//!
//! Where they fail the import they are named with both their places. Where the first of them stays, the
//! job leaves the keys in the ledger: which rows go is decided when all jobs are known, by the finalizer.

use std::fmt::Write as _;

use th_connect::fault;
use th_errors::{Code, Fault};
use th_ingest::Duplicates;
use th_job::index_name;
use th_ledger::{Conflict, ConflictPolicy, ConflictStrategy, Job, JobId, Ledger, LedgerError};
use th_sorter::Duplicate;
use tokio::runtime::Handle;

use crate::Import;

/// Collisions of a job that are recorded with their places; further ones are only counted.
const MOST_RECORDED: usize = 10_000;
/// Bytes of keys in one object of the ledger.
const KEYS_A_PART: usize = 4 << 20;

/// Two tags with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Collision {
    key: Vec<u8>,
    first: u64,
    second: u64,
}

/// What a job's merge finds. Keys go to the ledger as they come, so that many of them take no memory.
pub(crate) struct Collisions {
    ledger: Ledger,
    job: JobId,
    /// For writing from the merge's thread.
    runtime: Handle,
    policy: ConflictPolicy,
    /// Collisions that cannot come from fewer rows than may conflict.
    limit: u64,
    first: Vec<Collision>,
    /// Pairs left out.
    pub(crate) count: u64,
    last_key: Vec<u8>,
    /// The keys of the next part, each once, a hexadecimal line each.
    lines: String,
    parts: u32,
    failure: Option<LedgerError>,
}

impl Duplicates for Collisions {
    fn add(&mut self, found: &Duplicate<'_>) {
        self.count += 1;
        if self.first.len() < MOST_RECORDED {
            self.first.push(Collision { key: found.key.to_vec(), first: found.first, second: found.second });
        }
        let wanted = self.policy.strategy == ConflictStrategy::Replace && self.count <= self.limit;
        if wanted && self.last_key != found.key {
            self.last_key.clear();
            self.last_key.extend_from_slice(found.key);
            for byte in found.key {
                let _ = write!(self.lines, "{byte:02x}");
            }
            self.lines.push('\n');
            if self.lines.len() >= KEYS_A_PART && self.failure.is_none() {
                let lines = std::mem::take(&mut self.lines).into_bytes();
                let written = self.ledger.write_conflict_keys(self.job, self.parts, lines);
                self.failure = self.runtime.block_on(written).err();
                self.parts += 1;
            }
        }
    }
}

impl Collisions {
    pub(crate) fn new(import: &Import, job: &Job) -> Result<Self, Fault> {
        let (_, table) = import.table(job.table)?;
        let policy = import.plan.conflict;
        let keys_of_row = table.info.indexes.len() as u64 + 1;
        Ok(Self {
            ledger: import.ledger.clone(),
            job: job.job,
            runtime: Handle::current(),
            policy,
            limit: policy.threshold.saturating_mul(keys_of_row),
            first: Vec::new(),
            count: 0,
            last_key: Vec::new(),
            lines: String::new(),
            parts: 0,
            failure: None,
        })
    }

    /// Leaves the collisions in the ledger.
    ///
    /// # Errors
    /// The fault that names the first of them, if rows must not conflict or too many do.
    pub(crate) async fn settle(self, import: &Import, job: &Job) -> Result<(), Fault> {
        if self.count == 0 {
            return Ok(());
        }
        if let Some(error) = &self.failure {
            return Err(fault::of_ledger(error));
        }
        if self.policy.strategy == ConflictStrategy::Replace && self.count <= self.limit {
            if self.lines.is_empty() {
                return Ok(());
            }
            let written = import.ledger.write_conflict_keys(job.job, self.parts, self.lines.into_bytes());
            return written.await.map_err(|error| fault::of_ledger(&error));
        }
        Err(self.report(import, job).await.unwrap_or_else(|found| found))
    }

    /// Writes the collisions with their places and returns the fault that names the first.
    async fn report(&self, import: &Import, job: &Job) -> Result<Fault, Fault> {
        let (planned, table) = import.table(job.table)?;
        let tags = self.first.iter().flat_map(|collision| [collision.first, collision.second]).collect();
        let places = th_job::places(&import.source, &import.plan.read, job, tags).await?;
        let place = |tag: u64| {
            let found = places.binary_search_by_key(&tag, |(tag, _)| *tag).ok().and_then(|at| places.get(at));
            found.map_or_else(Default::default, |(_, place)| (place.to_string(), place.offset))
        };
        let conflicts: Vec<Conflict> = self
            .first
            .iter()
            .map(|collision| {
                let (first, first_offset) = place(collision.first);
                let (second, second_offset) = place(collision.second);
                Conflict {
                    index: index_name(table, &collision.key),
                    key: collision.key.iter().map(|byte| format!("{byte:02x}")).collect(),
                    first,
                    first_offset,
                    second,
                    second_offset,
                }
            })
            .collect();
        import.ledger.write_conflicts(job.job, &conflicts).await.map_err(|error| fault::of_ledger(&error))?;
        let found = match conflicts.first() {
            Some(first) => Fault::new(Code::DuplicateKeys, self.message(first)).at(&first.second),
            None => Fault::new(Code::DuplicateKeys, format!("{} pairs have equal keys", self.count)),
        };
        Ok(found.of_table(&planned.db, &planned.name))
    }

    fn message(&self, first: &Conflict) -> String {
        let more = match self.count {
            0 | 1 => String::new(),
            count => format!("; {} more conflicts in this job", count - 1),
        };
        let limit = match self.policy.strategy {
            ConflictStrategy::Error | ConflictStrategy::Ignore => String::new(),
            ConflictStrategy::Replace => {
                format!("; that is more than `conflict.threshold` = {} allows", self.policy.threshold)
            }
        };
        format!(
            "the same key of index {} is written by the rows at {} and {}{more}{limit}",
            first.index, first.first, first.second
        )
    }
}
