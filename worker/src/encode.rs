//! Source bytes to sorted pairs, on a thread of its own.

use std::sync::Arc;

use th_codec::{Checksum, PairKind, Sums, keys};
use th_connect::fault;
use th_errors::{Code, Fault};
use th_job::{Done, EncodedRow, Found, JobContext, Pieces, Sink};
use th_ledger::{Bases, IndexPairs, Job, JobParts, KeyRange, Pairs, Reject};
use th_sorter::{SortOptions, Sorted, Sorter};

use crate::progress::JobProgress;
use crate::{Import, Stop};

/// Rejected rows that a job records; further ones are only counted.
const MOST_REJECTS: usize = 10_000;
/// Bytes of a rejected row that are recorded.
const REJECT_BYTES: usize = 4096;
/// Bytes of a record's key that the ledger keeps.
const LONGEST_BOUND: usize = 64;

/// A job's rows, encoded and sorted.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) sorted: Sorted,
    pub(crate) rows: u64,
    /// Rows left out, and the first of them.
    pub(crate) rejected: u64,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) pairs: Pairs,
    /// The same by index.
    pub(crate) parts: JobParts,
    pub(crate) bases: Bases,
    pub(crate) source_bytes: u64,
    /// Where pieces that were cut off by looking really end.
    pub(crate) found: Vec<Found>,
}

/// What the loop needs.
pub(crate) struct EncodeTask {
    pub(crate) import: Arc<Import>,
    pub(crate) job: Arc<Job>,
    pub(crate) pieces: Pieces,
    pub(crate) sort: SortOptions,
    pub(crate) progress: Arc<JobProgress>,
    pub(crate) stop: Stop,
    pub(crate) runtime: tokio::runtime::Handle,
}

/// Reads, encodes and sorts all chunks of a job, in order.
pub(crate) fn run(task: &EncodeTask) -> Result<Encoded, Fault> {
    let import = &task.import;
    let (planned, table) = import.table(task.job.table)?;
    let of = JobContext {
        source: &import.source,
        plan: &import.plan,
        planned,
        table,
        pieces: &task.pieces,
        runtime: &task.runtime,
    };
    let mut sorting = Sorting {
        task,
        sorter: Sorter::new(task.sort.clone()),
        sums: Sums::default(),
        pair_bytes_reported: 0,
        rows: 0,
        rejected: 0,
        rejects: Vec::new(),
        source_bytes: 0,
    };
    let Done { bases, found } = th_job::encode(of, &task.job, &mut sorting)?;
    let Sorting { sorter, sums, rows, rejected, rejects, source_bytes, .. } = sorting;
    Ok(Encoded {
        sorted: sorter.finish(),
        rows,
        rejected,
        rejects,
        pairs: pairs_of(&sums.total()),
        parts: parts_of(&sums, task.job.commit_ts),
        bases,
        source_bytes,
        found,
    })
}

fn pairs_of(sum: &Checksum) -> Pairs {
    Pairs { crc64: sum.crc64, pairs: sum.pairs, bytes: sum.bytes }
}

/// What the ledger keeps of a job's sums: long keys are cut, so that it stays small.
fn parts_of(sums: &Sums, commit_ts: u64) -> JobParts {
    let cut = |key| <[u8]>::get(key, ..LONGEST_BOUND).unwrap_or(key);
    let records = sums.records().map(|(first, last)| KeyRange {
        start: th_cluster::keys::hex(cut(first)),
        end: th_cluster::keys::hex(&keys::prefix_range(cut(last)).1),
    });
    let mut sums: Vec<IndexPairs> = sums
        .parts()
        .iter()
        .map(|(kind, sum)| {
            let index = if let PairKind::Index(id) = kind { *id } else { 0 };
            IndexPairs { index, pairs: pairs_of(sum) }
        })
        .collect();
    sums.sort_unstable_by_key(|part| part.index);
    JobParts { commit_ts, records, sums }
}

struct Sorting<'a> {
    task: &'a EncodeTask,
    sorter: Sorter,
    sums: Sums,
    pair_bytes_reported: u64,
    rows: u64,
    rejected: u64,
    rejects: Vec<Reject>,
    source_bytes: u64,
}

impl Sink for Sorting<'_> {
    fn row(&mut self, row: &EncodedRow<'_>) -> Result<(), Fault> {
        self.sums.add(row.pairs);
        for pair in row.pairs.iter() {
            self.sorter.push(pair.key, pair.value, row.tag).map_err(|error| fault::of_sort(&error))?;
        }
        self.rows += 1;
        Ok(())
    }

    /// Leaves a row out, as long as the import may.
    fn misfit(&mut self, found: Fault, end: u64, text: &[u8]) -> Result<(), Fault> {
        let most = self.task.import.plan.max_rejected;
        if found.code != Code::BadValue || self.rejected >= most {
            return Err(found);
        }
        self.rejected += 1;
        if self.rejects.len() < MOST_REJECTS {
            let row = text.get(..REJECT_BYTES).unwrap_or(text);
            self.rejects.push(Reject {
                place: found.place.unwrap_or_default(),
                reason: found.message,
                row: String::from_utf8_lossy(row).into_owned(),
                end,
            });
        }
        Ok(())
    }

    fn progress(&mut self, source_bytes: u64, rows: u64) -> Result<(), Fault> {
        self.source_bytes += source_bytes;
        let total = self.sums.total().bytes;
        let pair_bytes = total - self.pair_bytes_reported;
        self.pair_bytes_reported = total;
        self.task.progress.encoded(source_bytes, rows, pair_bytes);
        self.task.stop.check()
    }
}
