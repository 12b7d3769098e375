//! Source bytes to sorted pairs, on a thread of its own.

use std::sync::Arc;

use th_codec::Checksum;
use th_connect::fault;
use th_errors::{Code, Fault};
use th_job::{Done, EncodedRow, Found, JobContext, Pieces, Sink};
use th_ledger::{Bases, Job, Pairs, Reject};
use th_sorter::{SortOptions, Sorted, Sorter};

use crate::progress::JobProgress;
use crate::{Import, Stop};

/// Rejected rows that a job records; further ones are only counted.
const MOST_REJECTS: usize = 10_000;
/// Bytes of a rejected row that are recorded.
const REJECT_BYTES: usize = 4096;

/// A job's rows, encoded and sorted.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) sorted: Sorted,
    pub(crate) rows: u64,
    /// Rows left out, and the first of them.
    pub(crate) rejected: u64,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) pairs: Pairs,
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
        checksum: Checksum::default(),
        pair_bytes_reported: 0,
        rows: 0,
        rejected: 0,
        rejects: Vec::new(),
        source_bytes: 0,
    };
    let Done { bases, found } = th_job::encode(of, &task.job, &mut sorting)?;
    let Sorting { sorter, checksum, rows, rejected, rejects, source_bytes, .. } = sorting;
    Ok(Encoded {
        sorted: sorter.finish(),
        rows,
        rejected,
        rejects,
        pairs: Pairs { crc64: checksum.crc64, pairs: checksum.pairs, bytes: checksum.bytes },
        bases,
        source_bytes,
        found,
    })
}

struct Sorting<'a> {
    task: &'a EncodeTask,
    sorter: Sorter,
    checksum: Checksum,
    pair_bytes_reported: u64,
    rows: u64,
    rejected: u64,
    rejects: Vec<Reject>,
    source_bytes: u64,
}

impl Sink for Sorting<'_> {
    fn row(&mut self, row: &EncodedRow<'_>) -> Result<(), Fault> {
        row.pairs.add_to(&mut self.checksum);
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
        let pair_bytes = self.checksum.bytes - self.pair_bytes_reported;
        self.pair_bytes_reported = self.checksum.bytes;
        self.task.progress.encoded(source_bytes, rows, pair_bytes);
        self.task.stop.check()
    }
}
