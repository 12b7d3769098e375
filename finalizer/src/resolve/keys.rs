//! Which keys are in conflict: those that jobs met twice, and those that TiKV holds in several versions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::{StreamExt as _, TryStreamExt as _};
use th_cluster::Version;
use th_connect::fault;
use th_errors::{Code, Fault};
use th_ledger::{Conflict, Job, JobResult, PlannedTable};
use th_schema::Table;
use th_sorter::{Sorted, Sorter};

use super::before;
use super::filter::KeyFilter;
use super::room::Room;
use crate::Finalizer;

/// Job documents read at once.
const CONCURRENCY: usize = 16;
/// Keys in conflict of rows that must not conflict, of which so many are named.
const MOST_NAMED: usize = 10_000;
/// Where there are too many keys in conflict, some are named: those of the first so many jobs.
const NAMING_JOBS: usize = 8;

/// Keys in conflict.
pub(super) struct Found {
    /// All of them, and now and then another.
    pub(super) keys: KeyFilter,
    /// The records of rows that the table held before the import and that lose a key to it (`before`).
    pub(super) before: Sorted,
    /// Whether somebody else has written such keys since the import began.
    pub(super) others: bool,
    /// There are more of them than this, which is more than rows that may conflict can have.
    pub(super) too_many: Option<u64>,
    /// The jobs with rows that have them, by number; some of them if there are too many.
    pub(super) jobs: BTreeMap<u32, Job>,
}

/// What is collected.
struct Finding<'a> {
    keys: KeyFilter,
    before: Sorter,
    others: bool,
    wanted: BTreeSet<u32>,
    /// The first few of `wanted`.
    naming: BTreeSet<u32>,
    by_ts: &'a HashMap<u64, u32>,
    first_commit_ts: u64,
    failure: Option<Fault>,
}

/// Collects the keys in conflict of a table.
pub(super) async fn find(
    finalizer: &Finalizer<'_>,
    room: &Room,
    planned: &PlannedTable,
    table: &Table,
    results: &[JobResult],
) -> Result<Found, Fault> {
    let policy = finalizer.plan.conflict;
    let limit = policy.threshold.saturating_mul(table.info.indexes.len() as u64 + 1).max(MOST_NAMED as u64);
    let jobs: Vec<Job> = futures::stream::iter(planned.jobs.clone())
        .map(|job| async move { finalizer.ledger.job(finalizer.plan, th_ledger::JobId(job)).await })
        .buffer_unordered(CONCURRENCY)
        .try_collect()
        .await
        .map_err(|error| fault::of_ledger(&error))?;
    let by_ts: HashMap<u64, u32> = jobs.iter().map(|job| (job.commit_ts, job.job.0)).collect();
    let mut finding = Finding {
        keys: KeyFilter::new(limit, room.of_keys()),
        before: room.sorter("before"),
        others: false,
        wanted: BTreeSet::new(),
        naming: BTreeSet::new(),
        by_ts: &by_ts,
        first_commit_ts: finalizer.plan.first_commit_ts,
        failure: None,
    };
    for result in results.iter().filter(|result| result.conflicts > 0) {
        let damaged = || {
            Fault::new(Code::LedgerConflict, format!("the conflict keys of job {} are damaged", result.job))
        };
        for part in 0.. {
            let lines = finalizer.ledger.conflict_keys(result.job, part).await;
            let Some(lines) = lines.map_err(|error| fault::of_ledger(&error))? else {
                if part == 0 {
                    return Err(damaged());
                }
                break;
            };
            for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                finding.keys.insert(&key_of_line(line).ok_or_else(damaged)?);
            }
        }
        finding.want(std::iter::once(result.job.0));
    }
    if jobs.len() > 1 || planned.before.pairs > 0 || finalizer.plan.shared.is_some() {
        let mut of_key: Vec<Version> = Vec::new();
        for (start, end) in th_connect::key_ranges([table]) {
            finalizer
                .cluster
                .tikv
                .duplicates(&start, &end, 0, false, |version| {
                    if of_key.first().is_some_and(|first| first.key != version.key) {
                        finding.add(&mut of_key);
                    }
                    if finding.keys.len <= limit && finding.failure.is_none() {
                        of_key.push(version);
                    }
                })
                .await
                .map_err(|error| fault::of_cluster(&error))?;
            finding.add(&mut of_key);
        }
    }
    let Finding { keys, before, others, mut wanted, naming, failure, .. } = finding;
    if let Some(found) = failure {
        return Err(found);
    }
    let too_many = (keys.len > limit).then_some(limit);
    if too_many.is_some() {
        wanted = naming;
    }
    let jobs = jobs.into_iter().map(|job| (job.job.0, job)).filter(|(job, _)| wanted.contains(job)).collect();
    Ok(Found { keys, before: before.finish(), others, too_many, jobs })
}

/// The keys in conflict that a job failed for.
pub(super) fn of_failed(room: &Room, job: Job, conflicts: &[Conflict]) -> Found {
    let mut keys = KeyFilter::new(conflicts.len() as u64, room.of_keys());
    for key in conflicts.iter().filter_map(|conflict| key_of_line(conflict.key.as_bytes())) {
        keys.insert(&key);
    }
    let before = room.sorter("before").finish();
    Found { keys, before, others: false, too_many: None, jobs: BTreeMap::from([(job.job.0, job)]) }
}

impl Finding<'_> {
    fn want(&mut self, jobs: impl Iterator<Item = u32> + Clone) {
        if self.naming.len() < NAMING_JOBS {
            self.naming.extend(jobs.clone());
        }
        self.wanted.extend(jobs);
    }

    /// Takes the versions of one key. Those that are empty are deletions, by a finalizer that was here before.
    fn add(&mut self, versions: &mut Vec<Version>) {
        versions.retain(|version| !version.value.is_empty());
        let by_ts = self.by_ts;
        let ours = versions.iter().filter_map(|version| by_ts.get(&version.commit_ts)).copied();
        let count = ours.clone().count();
        if count > 0
            && let [first, _, ..] = versions.as_slice()
        {
            self.want(ours);
            self.keys.insert(&first.key);
            let foreign = versions.iter().find(|version| !self.by_ts.contains_key(&version.commit_ts));
            match foreign {
                Some(version) if version.commit_ts < self.first_commit_ts => {
                    if let Err(error) = before::note(&mut self.before, &version.key, &version.value) {
                        self.failure.get_or_insert_with(|| fault::of_sort(&error));
                    }
                }
                Some(_) => self.others = true,
                None => {}
            }
        }
        versions.clear();
    }
}

fn key_of_line(line: &[u8]) -> Option<Box<[u8]>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    line.chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use th_sorter::SortOptions;

    #[test]
    fn a_key_line_is_hexadecimal() {
        assert_eq!(key_of_line(b"7480ff").as_deref(), Some([0x74, 0x80, 0xff].as_slice()));
        assert_eq!(key_of_line(b"7"), None);
        assert_eq!(key_of_line(b"7g"), None);
    }

    #[test]
    fn versions_of_two_jobs_and_of_the_time_before_make_a_conflict_and_deletions_none() {
        const KEY: &[u8] = b"t\x80\0\0\0\0\0\0\x01_r\x80\0\0\0\0\0\0\x01";
        let folder = tempfile::tempdir().expect("a folder");
        let version = |ts, value: &[u8]| Version { key: KEY.to_vec(), value: value.to_vec(), commit_ts: ts };
        let by_ts = HashMap::from([(20, 0), (10, 1)]);
        let mut finding = Finding {
            keys: KeyFilter::new(10, 0),
            before: Sorter::new(SortOptions {
                dir: folder.path().to_owned(),
                name: "before".to_owned(),
                memory: 1 << 16,
                disk_quota: None,
            }),
            others: false,
            wanted: BTreeSet::new(),
            naming: BTreeSet::new(),
            by_ts: &by_ts,
            first_commit_ts: 8,
            failure: None,
        };
        finding.add(&mut vec![version(30, b""), version(10, b"a")]);
        assert!(finding.keys.len == 0 && finding.wanted.is_empty());
        finding.add(&mut vec![version(20, b"b"), version(10, b"a")]);
        assert!(finding.keys.len == 1 && finding.before.memory() == 0);
        assert_eq!(finding.wanted, BTreeSet::from([0, 1]));
        finding.add(&mut vec![version(20, b"b"), version(5, b"old")]);
        assert!(finding.before.memory() > 0 && !finding.others);
        finding.add(&mut vec![version(40, b"new"), version(20, b"b")]);
        assert!(finding.others && finding.failure.is_none());
    }
}
