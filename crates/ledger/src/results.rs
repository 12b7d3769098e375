//! All results of an import, each read once.
//!
//! `results/` is the truth, one object a job. A hundred thousand small objects take long to list and to read, so every [`PART`]
//! are joined into one object of `folded/`, a result a line, as soon as they are all there: by the worker that has finished the
//! last of them by number ([`Finished`]), or by whoever waits for all ([`Results::fold`]). Parts say nothing that the results do
//! not say: without them everything is the same, but slower.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};

use crate::store::{CONCURRENCY, Ledger, LedgerError};
use crate::{JobId, JobResult};

/// Jobs whose results are one object; imports of no more jobs have no parts.
const PART: u32 = 1000;

/// The results that are known so far.
#[derive(Debug, Default)]
pub struct Results {
    known: BTreeMap<JobId, JobResult>,
    /// Parts that were read or written.
    parts: BTreeSet<u32>,
}

fn jobs_of(part: u32, jobs: u32) -> Range<JobId> {
    let start = part.saturating_mul(PART).min(jobs);
    JobId(start)..JobId(start.saturating_add(PART).min(jobs))
}

impl Results {
    /// Number of jobs with a result.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether no job has a result.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// By job.
    pub fn by_job(&self) -> &BTreeMap<JobId, JobResult> {
        &self.known
    }

    /// Those of some jobs, in order.
    pub fn of(&self, jobs: Range<u32>) -> impl Iterator<Item = &JobResult> {
        let jobs = JobId(jobs.start)..JobId(jobs.end.max(jobs.start));
        self.known.range(jobs).map(|(_, result)| result)
    }

    /// Reads what is new, of an import of `jobs` jobs.
    pub async fn read_new(&mut self, ledger: &Ledger, jobs: u32) -> Result<(), LedgerError> {
        if self.known.len() >= jobs as usize {
            return Ok(());
        }
        if jobs > PART {
            self.read_parts(ledger).await?;
        }
        // Parts of all jobs spare the long list.
        if self.known.len() >= jobs as usize {
            return Ok(());
        }
        let first = (0..).zip(self.known.keys()).find(|(number, job)| job.0 != *number);
        let first = first.map_or(self.known.len() as u32, |(number, _)| number);
        let finished = ledger.finished_from(JobId(first)).await?;
        let new: Vec<JobId> = finished.into_iter().filter(|job| !self.known.contains_key(job)).collect();
        let read = ledger.results(&new).await?;
        self.known.extend(read.into_iter().map(|result| (result.job, result)));
        Ok(())
    }

    async fn read_parts(&mut self, ledger: &Ledger) -> Result<(), LedgerError> {
        let there = ledger.result_parts().await?;
        let new: Vec<u32> = there.into_iter().filter(|part| !self.parts.contains(part)).collect();
        let mut read = futures::stream::iter(new)
            .map(|part| async move { Ok::<_, LedgerError>((part, ledger.read_result_part(part).await?)) })
            .buffer_unordered(CONCURRENCY);
        while let Some((part, results)) = read.try_next().await? {
            self.known.extend(results.into_iter().map(|result| (result.job, result)));
            self.parts.insert(part);
        }
        Ok(())
    }

    /// Writes the parts that are whole and not written yet, of an import of `jobs` jobs.
    pub async fn fold(&mut self, ledger: &Ledger, jobs: u32) -> Result<(), LedgerError> {
        if jobs <= PART {
            return Ok(());
        }
        for part in (0..jobs.div_ceil(PART)).filter(|part| !self.parts.contains(part)).collect::<Vec<_>>() {
            let range = jobs_of(part, jobs);
            let size = (range.end.0 - range.start.0) as usize;
            if self.known.range(range.clone()).count() < size {
                continue;
            }
            let lines = lines(self.known.range(range).map(|(_, result)| result));
            ledger.write_result_part(part, lines).await?;
            self.parts.insert(part);
        }
        Ok(())
    }
}

fn lines<'a>(results: impl Iterator<Item = &'a JobResult>) -> Bytes {
    let mut lines = Vec::with_capacity(PART as usize * 400);
    for result in results {
        // A document of ours is always JSON.
        if serde_json::to_writer(&mut lines, result).is_ok() {
            lines.push(b'\n');
        }
    }
    Bytes::from(lines)
}

/// What a worker knows of an import's finished jobs: as little as tells whether all are, and the parts it is to join.
#[derive(Debug, Default)]
pub struct Finished(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// All jobs below have results.
    below: u32,
    /// Parts whose last job was finished here.
    open: BTreeSet<u32>,
}

impl Finished {
    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether each of `jobs` jobs has a result. Only what is beyond the first job without one is asked for.
    pub async fn all(&self, ledger: &Ledger, jobs: u32) -> Result<bool, LedgerError> {
        let below = self.known().below;
        let beyond = ledger.finished_from(JobId(below)).await?;
        let whole = (below..).zip(&beyond).take_while(|(number, job)| job.0 == *number).count() as u32;
        let mut known = self.known();
        known.below = known.below.max(below + whole);
        Ok(u64::from(below) + beyond.len() as u64 >= u64::from(jobs))
    }

    /// This worker has finished a job of `jobs`.
    pub fn add(&self, job: JobId, jobs: u32) {
        let part = job.0 / PART;
        if jobs > PART && jobs_of(part, jobs).end.0 == job.0 + 1 {
            self.known().open.insert(part);
        }
    }

    /// Joins the parts that fall to this worker and are whole, of an import of `jobs` jobs.
    pub async fn join(&self, ledger: &Ledger, jobs: u32) -> Result<(), LedgerError> {
        let open = self.known().open.clone();
        let Some(&first) = open.first() else { return Ok(()) };
        let finished = ledger.finished_from(jobs_of(first, jobs).start).await?;
        let joined = ledger.result_parts().await?;
        for part in open {
            let Range { start, end } = jobs_of(part, jobs);
            let position = |job: JobId| finished.partition_point(|finished| *finished < job);
            let finished = finished.get(position(start)..position(end)).unwrap_or_default();
            if finished.len() < (end.0 - start.0) as usize {
                continue;
            }
            if !joined.contains(&part) {
                let mut results = ledger.results(finished).await?;
                results.sort_unstable_by_key(|result| result.job);
                ledger.write_result_part(part, lines(results.iter())).await?;
            }
            self.known().open.remove(&part);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_ends_with_the_jobs() {
        assert_eq!(jobs_of(0, 2500), JobId(0)..JobId(1000));
        assert_eq!(jobs_of(2, 2500), JobId(2000)..JobId(2500));
        assert_eq!(jobs_of(3, 2500), JobId(2500)..JobId(2500));
    }
}
