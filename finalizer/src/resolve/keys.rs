//! Which keys are in conflict: those that jobs met twice, and those that TiKV holds in several versions.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use futures::{StreamExt as _, TryStreamExt as _};
use th_cluster::Version;
use th_connect::fault;
use th_errors::{Code, Fault};
use th_ledger::{Job, JobResult, PlannedTable};
use th_schema::Table;

use crate::Finalizer;

/// Job documents read at once.
const CONCURRENCY: usize = 16;
/// Keys in conflict of rows that must not conflict, of which so many are named.
const MOST_NAMED: usize = 10_000;

/// Keys in conflict.
#[derive(Default)]
pub(super) struct Found {
    /// All of them.
    pub(super) keys: HashSet<Box<[u8]>>,
    /// Those that the table held before the import, with their values then.
    pub(super) before: HashMap<Box<[u8]>, Vec<u8>>,
    /// Whether somebody else has written such keys since the import began.
    pub(super) others: bool,
    /// The jobs with rows that have them, by number.
    pub(super) jobs: BTreeMap<u32, Job>,
}

/// Collects the keys in conflict of a table.
///
/// # Errors
/// There are more than rows that may conflict can have.
pub(super) async fn find(
    finalizer: &Finalizer<'_>,
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
    let first_commit_ts = finalizer.plan.first_commit_ts;
    let mut found = Found::default();
    let mut wanted: BTreeSet<u32> = BTreeSet::new();
    for result in results.iter().filter(|result| result.conflicts > 0) {
        let lines =
            finalizer.ledger.conflict_keys(result.job).await.map_err(|error| fault::of_ledger(&error))?;
        let keys = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(key_of_line);
        for key in keys {
            found.keys.insert(key.ok_or_else(|| {
                Fault::new(
                    Code::LedgerConflict,
                    format!("the conflict keys of job {} are damaged", result.job),
                )
            })?);
        }
        wanted.insert(result.job.0);
    }
    if jobs.len() > 1 || planned.before.pairs > 0 || finalizer.plan.shared.is_some() {
        let mut of_key: Vec<Version> = Vec::new();
        for (start, end) in th_connect::key_ranges([table]) {
            let mut too_many = false;
            finalizer
                .cluster
                .tikv
                .duplicates(&start, &end, 0, false, |version| {
                    if of_key.first().is_some_and(|first| first.key != version.key) {
                        found.add(&mut of_key, &by_ts, first_commit_ts, &mut wanted);
                    }
                    too_many |= found.keys.len() as u64 > limit;
                    if !too_many {
                        of_key.push(version);
                    }
                })
                .await
                .map_err(|error| fault::of_cluster(&error))?;
            found.add(&mut of_key, &by_ts, first_commit_ts, &mut wanted);
        }
    }
    if found.keys.len() as u64 > limit {
        return Err(Fault::new(
            Code::DuplicateKeys,
            format!(
                "more than {limit} keys are those of several rows; `conflict.threshold` allows {} rows",
                policy.threshold
            ),
        )
        .of_table(&planned.db, &planned.name));
    }
    found.jobs =
        jobs.into_iter().map(|job| (job.job.0, job)).filter(|(job, _)| wanted.contains(job)).collect();
    Ok(found)
}

impl Found {
    /// Takes the versions of one key. Those that are empty are deletions, by a finalizer that was here before.
    fn add(
        &mut self,
        versions: &mut Vec<Version>,
        by_ts: &HashMap<u64, u32>,
        first_commit_ts: u64,
        wanted: &mut BTreeSet<u32>,
    ) {
        versions.retain(|version| !version.value.is_empty());
        let ours = versions.iter().filter_map(|version| by_ts.get(&version.commit_ts));
        let count = ours.clone().count();
        if count > 0 && versions.len() > 1 {
            wanted.extend(ours);
            if let Some(key) = versions.first().map(|version| Box::from(version.key.as_slice())) {
                let foreign = versions.iter().find(|version| !by_ts.contains_key(&version.commit_ts));
                match foreign {
                    Some(version) if version.commit_ts < first_commit_ts => {
                        self.before.insert(Box::clone(&key), version.value.clone());
                    }
                    Some(_) => self.others = true,
                    None => {}
                }
                self.keys.insert(key);
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

    #[test]
    fn a_key_line_is_hexadecimal() {
        assert_eq!(key_of_line(b"7480ff").as_deref(), Some([0x74, 0x80, 0xff].as_slice()));
        assert_eq!(key_of_line(b"7"), None);
        assert_eq!(key_of_line(b"7g"), None);
    }

    #[test]
    fn versions_of_two_jobs_and_of_the_time_before_make_a_conflict_and_deletions_none() {
        let version = |ts, value: &[u8]| Version { key: b"k".to_vec(), value: value.to_vec(), commit_ts: ts };
        let by_ts = HashMap::from([(20, 0), (10, 1)]);
        let (mut found, mut wanted) = (Found::default(), BTreeSet::new());
        found.add(&mut vec![version(30, b""), version(10, b"a")], &by_ts, 8, &mut wanted);
        assert!(found.keys.is_empty() && wanted.is_empty());
        found.add(&mut vec![version(20, b"b"), version(10, b"a")], &by_ts, 8, &mut wanted);
        assert_eq!((found.keys.len(), found.before.len()), (1, 0));
        assert_eq!(wanted, BTreeSet::from([0, 1]));
        found.add(&mut vec![version(20, b"b"), version(5, b"old")], &by_ts, 8, &mut wanted);
        assert_eq!(found.before.get(b"k".as_slice()).map(Vec::as_slice), Some(b"old".as_slice()));
        assert!(!found.others);
        found.add(&mut vec![version(40, b"new"), version(20, b"b")], &by_ts, 8, &mut wanted);
        assert!(found.others);
    }
}
