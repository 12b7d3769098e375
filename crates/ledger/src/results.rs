//! All results of an import, each read once.
//!
//! `results/` is the truth, one object a job. A hundred thousand small objects take long to list and to read, so whoever waits
//! for all of them joins every [`PART`] into one object of `folded/`, a result a line, as soon as they are all there. Parts say
//! nothing that the results do not say: without them everything is the same, but slower.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

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
        let finished = ledger.finished_jobs().await?;
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
            let mut lines = Vec::with_capacity(size * 400);
            for (_, result) in self.known.range(range) {
                // A document of ours is always JSON.
                if serde_json::to_writer(&mut lines, result).is_ok() {
                    lines.push(b'\n');
                }
            }
            ledger.write_result_part(part, Bytes::from(lines)).await?;
            self.parts.insert(part);
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
