//! Where a table differs from what its jobs wrote: in which index, of which job.
//!
//! All pairs of a job have its own timestamp. So what TiKV shows at that timestamp, without what it shows just before it,
//! is what the job has written, in whatever order its keys lie among those of others; what changed after the last job's
//! timestamp was somebody else. Each question is a checksum by the stores: first one for each index, then halves of the
//! jobs (see [`Search`]), for rows within the keys of those jobs alone. Time and the number of differences are limited,
//! and memory by the number of jobs: some hundred bytes each.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use th_codec::keys;
use th_connect::{CHECKSUM_CONCURRENCY, fault};
use th_errors::{Code, Fault};
use th_ledger::{Difference, JobId, JobParts, KeyRange, LedgerError, Origin, Pairs, PlannedTable};
use th_schema::Table;

use crate::Finalizer;
use crate::search::Search;

/// Time after which what is known has to do.
const LIMIT: Duration = Duration::from_mins(30);
/// Jobs named for one index, and indexes looked into.
const MOST_JOBS: usize = 10;
const MOST_INDEXES: usize = 8;
/// Objects of a job that are named.
const MOST_OBJECTS: usize = 3;
/// Results read at once.
const CONCURRENCY: usize = 16;
/// Differences in a message; all of them are in the table's report.
const IN_MESSAGE: usize = 3;
/// The id that stands for the rows themselves.
const ROWS: i64 = 0;

/// Looks for the differences of a table. What cannot be found out is only logged: that the table differs is known.
pub(crate) async fn differences(
    finalizer: &Finalizer<'_>,
    planned: &PlannedTable,
    table: &Table,
) -> Vec<Difference> {
    let mut found = Vec::new();
    let looking = async {
        let mut place = Place::new(finalizer, planned, table).await?;
        place.look(&mut found).await
    };
    match tokio::time::timeout(LIMIT, looking).await {
        Ok(Ok(())) => {}
        Ok(Err(problem)) => {
            tracing::warn!(%problem, "it cannot be said in full where the table differs");
        }
        Err(_) => tracing::warn!("the search for where the table differs is ended after {LIMIT:?}"),
    }
    found
}

/// The differences in a sentence's rest; empty if there are none.
pub(crate) fn in_words(differences: &[Difference]) -> String {
    let mut text = String::new();
    for difference in differences.iter().take(IN_MESSAGE) {
        let Difference { index, job, source, keys, expected, found, .. } = difference;
        let whose = match (difference.origin, job) {
            (Origin::Job, Some(job)) => format!("of job {job} ({})", source.join(", ")),
            (Origin::Before, _) => "older than the import".to_owned(),
            _ => "changed by somebody else since they were imported".to_owned(),
        };
        text.push_str(&format!(
            "; index {index}, keys {}..{}, {whose}: {} pairs expected, {} found",
            keys.start, keys.end, expected.pairs, found.pairs
        ));
        if expected.pairs == found.pairs {
            text.push_str(" with other contents");
        }
    }
    match differences.len().saturating_sub(IN_MESSAGE) {
        0 => {}
        more => text.push_str(&format!("; {more} more differences are in the report")),
    }
    text
}

/// A job in the order of timestamps.
struct Written {
    commit_ts: u64,
    job: u32,
    /// Where its records lie.
    records: Option<(Vec<u8>, Vec<u8>)>,
}

/// A table and what its jobs wrote to it.
struct Place<'a> {
    finalizer: &'a Finalizer<'a>,
    planned: &'a PlannedTable,
    table: &'a Table,
    /// By timestamp.
    jobs: Vec<Written>,
    /// Of each index.
    expected: BTreeMap<i64, Pairs>,
}

/// An index that differs.
struct Differing {
    index: i64,
    /// What there is of all jobs.
    found: Pairs,
    /// What each of them wrote.
    expected: Vec<Pairs>,
}

fn less(mut whole: Pairs, part: Pairs) -> Pairs {
    whole.remove(part);
    whole
}

fn of_ledger(error: LedgerError) -> Fault {
    fault::of_ledger(&error)
}

impl<'a> Place<'a> {
    async fn new(
        finalizer: &'a Finalizer<'a>,
        planned: &'a PlannedTable,
        table: &'a Table,
    ) -> Result<Self, Fault> {
        let mut place = Self { finalizer, planned, table, jobs: Vec::new(), expected: BTreeMap::new() };
        let (mut jobs, mut expected) = (Vec::new(), BTreeMap::new());
        place
            .each_part(|job, parts| {
                for part in &parts.sums {
                    expected.entry(part.index).or_insert_with(Pairs::default).add(part.pairs);
                }
                let records = parts.records.as_ref().and_then(|range| {
                    let bound = |text: &str| th_cluster::keys::unhex(text);
                    Some((bound(&range.start)?, bound(&range.end)?))
                });
                jobs.push(Written { commit_ts: parts.commit_ts, job, records });
            })
            .await?;
        jobs.sort_unstable_by_key(|written| written.commit_ts);
        (place.jobs, place.expected) = (jobs, expected);
        Ok(place)
    }

    /// Reads what each job wrote, in any order.
    async fn each_part(&self, mut take: impl FnMut(u32, JobParts)) -> Result<(), Fault> {
        let ledger = self.finalizer.ledger;
        let mut parts = futures::stream::iter(self.planned.jobs.clone())
            .map(|job| async move { Ok::<_, LedgerError>((job, ledger.job_parts(JobId(job)).await?)) })
            .buffer_unordered(CONCURRENCY);
        while let Some((job, part)) = parts.try_next().await.map_err(of_ledger)? {
            let part = part.ok_or_else(|| {
                let message = format!("the result of job {} does not say what it wrote by index", JobId(job));
                Fault::new(Code::LedgerConflict, message)
            })?;
            take(job, part);
        }
        Ok(())
    }

    async fn look(&mut self, differences: &mut Vec<Difference>) -> Result<(), Fault> {
        let (Some(first), Some(last)) = (self.jobs.first(), self.jobs.last()) else { return Ok(()) };
        let (first, last) = (first.commit_ts, last.commit_ts);
        let now = self.finalizer.cluster.pd.tso(1).await.map_err(|error| fault::of_cluster(&error))?;
        let indexes = self.table.info.indexes.iter().map(|index| index.id);
        let mut differing: Vec<Differing> = Vec::new();
        let mut held_before = Pairs::default();
        for index in std::iter::once(ROWS).chain(indexes) {
            let ranges = self.ranges(index);
            let expected = self.expected.get(&index).copied().unwrap_or_default();
            let at_now = self.sum(&ranges, now).await?;
            if self.planned.before == Pairs::default() && at_now == expected {
                continue;
            }
            let before = self.sum(&ranges, first - 1).await?;
            held_before.add(before);
            if self.planned.before == Pairs::default() && before != Pairs::default() {
                differences.push(self.difference(index, Origin::Before, Pairs::default(), before));
            }
            let written = less(at_now, before);
            if written == expected {
                continue;
            }
            let at_last = self.sum(&ranges, last).await?;
            if at_last != at_now {
                differences.push(self.difference(index, Origin::Later, at_last, at_now));
            }
            let found = less(at_last, before);
            if found != expected && differing.len() < MOST_INDEXES {
                differing.push(Differing { index, found, expected: vec![Pairs::default(); self.jobs.len()] });
            }
        }
        if self.planned.before != Pairs::default() && held_before != self.planned.before {
            differences.push(self.difference(ROWS, Origin::Before, self.planned.before, held_before));
        }
        if differing.is_empty() {
            return Ok(());
        }
        let at: HashMap<u32, usize> =
            self.jobs.iter().enumerate().map(|(at, written)| (written.job, at)).collect();
        self.each_part(|job, parts| {
            for differing in &mut differing {
                if let Some(expected) = at.get(&job).and_then(|&at| differing.expected.get_mut(at)) {
                    *expected = parts.of(differing.index);
                }
            }
        })
        .await?;
        for index in &differing {
            self.look_for_jobs(index, differences).await?;
        }
        Ok(())
    }

    async fn look_for_jobs(
        &self,
        differing: &Differing,
        differences: &mut Vec<Difference>,
    ) -> Result<(), Fault> {
        let mut search = Search::new(&differing.expected, differing.found);
        // What the whole index held at a timestamp; the end of one run is the beginning of the next.
        let mut known: HashMap<u64, Pairs> = HashMap::new();
        while let Some(run) = search.question(MOST_JOBS) {
            let Some(jobs) = self.jobs.get(run) else { break };
            let (Some(first), Some(last)) = (jobs.first(), jobs.last()) else { break };
            let (before, until) = (first.commit_ts - 1, last.commit_ts);
            let found = if differing.index == ROWS {
                let ranges = within(self.ranges(ROWS), hull(jobs));
                less(self.sum(&ranges, until).await?, self.sum(&ranges, before).await?)
            } else {
                let ranges = self.ranges(differing.index);
                for ts in [before, until] {
                    if let Entry::Vacant(unknown) = known.entry(ts) {
                        unknown.insert(self.sum(&ranges, ts).await?);
                    }
                }
                let at = |ts| known.get(&ts).copied().unwrap_or_default();
                less(at(until), at(before))
            };
            search.answer(found);
        }
        for (at, found) in search.differing() {
            let (Some(written), Some(expected)) = (self.jobs.get(at), differing.expected.get(at)) else {
                continue;
            };
            let mut difference = self.difference(differing.index, Origin::Job, *expected, found);
            difference.job = Some(JobId(written.job));
            difference.source = self.source_of(written.job).await?;
            if let Some(records) = written.records.as_ref().filter(|_| differing.index == ROWS) {
                difference.keys = key_range(records);
            }
            differences.push(difference);
        }
        Ok(())
    }

    /// The parts of objects that a job read.
    async fn source_of(&self, job: u32) -> Result<Vec<String>, Fault> {
        let (ledger, plan) = (self.finalizer.ledger, self.finalizer.plan);
        let job = ledger.job(plan, JobId(job)).await.map_err(of_ledger)?;
        let mut named: Vec<String> = job
            .chunks
            .iter()
            .take(MOST_OBJECTS)
            .map(|chunk| match &chunk.range {
                Some(Range { start, end }) => format!("{} bytes {start}..{end}", chunk.file.path),
                None => format!("{} bytes 0..{}", chunk.file.path, chunk.file.size),
            })
            .collect();
        if let more @ 1.. = job.chunks.len().saturating_sub(MOST_OBJECTS) {
            named.push(format!("{more} more"));
        }
        Ok(named)
    }

    /// Where an index lies, or the rows: in each partition.
    fn ranges(&self, index: i64) -> Vec<(Vec<u8>, Vec<u8>)> {
        let of = |id| if index == ROWS { keys::record_range(id) } else { keys::index_range(id, index) };
        self.table.key_ids().into_iter().map(of).collect()
    }

    async fn sum(&self, ranges: &[(Vec<u8>, Vec<u8>)], ts: u64) -> Result<Pairs, Fault> {
        let mut total = Pairs::default();
        for (start, end) in ranges {
            let found = self.finalizer.cluster.tikv.checksum(start, end, ts, CHECKSUM_CONCURRENCY).await;
            let found = found.map_err(|error| fault::of_cluster(&error))?;
            total.add(Pairs { crc64: found.crc64_xor, pairs: found.pairs, bytes: found.bytes });
        }
        Ok(total)
    }

    fn difference(&self, index: i64, origin: Origin, expected: Pairs, found: Pairs) -> Difference {
        let ranges = self.ranges(index);
        let start = ranges.iter().map(|(start, _)| start).min().cloned().unwrap_or_default();
        let end = ranges.iter().map(|(_, end)| end).max().cloned().unwrap_or_default();
        let known = self.table.info.indexes.iter().find(|known| known.id == index);
        Difference {
            index: known.map_or_else(|| "PRIMARY".to_owned(), |known| known.name.original.clone()),
            index_id: index,
            origin,
            job: None,
            source: Vec::new(),
            keys: key_range(&(start, end)),
            expected,
            found,
        }
    }
}

/// The parts of ranges that lie within another. (From one partition's rows to another's there are indexes, too.)
fn within(ranges: Vec<(Vec<u8>, Vec<u8>)>, hull: Option<(Vec<u8>, Vec<u8>)>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let Some((first, last)) = hull else { return ranges };
    let clipped = ranges.into_iter().map(|(start, end)| (start.max(first.clone()), end.min(last.clone())));
    clipped.filter(|(start, end)| start < end).collect()
}

/// The range of all records of these jobs; `None` if they have none.
fn hull(jobs: &[Written]) -> Option<(Vec<u8>, Vec<u8>)> {
    let ranges: Vec<_> = jobs.iter().filter_map(|written| written.records.as_ref()).collect();
    let start = ranges.iter().map(|(start, _)| start).min()?;
    let end = ranges.iter().map(|(_, end)| end).max()?;
    Some((start.clone(), end.clone()))
}

fn key_range((start, end): &(Vec<u8>, Vec<u8>)) -> KeyRange {
    KeyRange { start: th_cluster::keys::hex(start), end: th_cluster::keys::hex(end) }
}
