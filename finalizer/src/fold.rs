//! Results to totals: pure.

use std::collections::BTreeMap;

use th_errors::{Code, Fault};
use th_ledger::{Bases, JobResult, Pairs, Plan, Results, Usage};

/// What all jobs of a table did together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct TableTotal {
    /// Rows encoded.
    pub rows: u64,
    /// Rows left out.
    pub rejected: u64,
    /// Pairs that were left out because of equal keys.
    pub conflicts: u64,
    /// What the table must hold now: what the jobs wrote and what was there before.
    pub expected: Pairs,
    /// Largest ids used.
    pub bases: Bases,
    /// Source bytes read.
    pub source_bytes: u64,
    /// Start of the first job, microseconds since 1970-01-01 UTC; 0 without jobs.
    pub started_micros: i64,
}

/// Sums the results by table, in the plan's order. The order of results does not matter.
pub fn fold(plan: &Plan, results: &Results) -> Vec<TableTotal> {
    let mut totals: Vec<TableTotal> = plan
        .tables
        .iter()
        .map(|table| TableTotal { expected: table.before, ..TableTotal::default() })
        .collect();
    for result in results.by_job().values() {
        let Some(total) = totals.get_mut(result.table as usize) else { continue };
        total.rows += result.rows;
        total.rejected += result.rejected;
        total.conflicts += result.conflicts;
        total.expected.add(result.pairs);
        total.bases.max(result.bases);
        total.source_bytes += result.source_bytes;
        if total.started_micros == 0 || result.started_micros < total.started_micros {
            total.started_micros = result.started_micros;
        }
    }
    totals
}

/// What the jobs took. `price` is that of a worker's hour, 0 if it is unknown.
pub fn usage<'a>(results: impl Iterator<Item = &'a JobResult>, price: f64) -> Usage {
    let mut workers: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    let mut job_micros = 0;
    for result in results {
        let (start, end) = (result.started_micros, result.finished_micros);
        job_micros += (end - start).max(0);
        let span = workers.entry(&result.worker).or_insert((start, end));
        *span = (span.0.min(start), span.1.max(end));
    }
    let worker_micros: i64 = workers.values().map(|(start, end)| (end - start).max(0)).sum();
    let worker_seconds = worker_micros as f64 / 1e6;
    Usage {
        workers: workers.len() as u64,
        worker_seconds,
        job_seconds: job_micros as f64 / 1e6,
        cost: (price > 0.0).then_some(worker_seconds / 3600.0 * price),
    }
}

/// The fault of an import that left out more rows than it may.
pub fn too_many_rejected(plan: &Plan, totals: &[TableTotal]) -> Option<Fault> {
    let rejected: u64 = totals.iter().map(|total| total.rejected).sum();
    (rejected > plan.max_rejected).then(|| {
        Fault::new(
            Code::BadValue,
            format!(
                "{rejected} rows have values that do not fit, `lightning.max-error` allows {}; `rejects/` in the ledger names them",
                plan.max_rejected
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use th_ledger::{FORMAT, JobId};

    use super::*;

    fn result(job: u32, worker: &str, seconds: (i64, i64)) -> JobResult {
        JobResult {
            format: FORMAT,
            import_id: "it".into(),
            job: JobId(job),
            table: 0,
            rows: 1,
            rejected: 0,
            pairs: Pairs::default(),
            conflicts: 0,
            bases: Bases::default(),
            source_bytes: 1,
            worker: worker.into(),
            started_micros: seconds.0 * 1_000_000,
            finished_micros: seconds.1 * 1_000_000,
            spilled_bytes: 0,
            pieces: 1,
            retries: 0,
            parts: None,
        }
    }

    #[test]
    fn a_worker_counts_from_its_first_job_to_its_last() {
        let results = [result(0, "a", (10, 20)), result(1, "b", (10, 110)), result(2, "a", (15, 70))];
        let used = usage(results.iter(), 3.6);
        assert_eq!((used.workers, used.worker_seconds, used.job_seconds), (2, 160.0, 165.0));
        assert!(used.cost.is_some_and(|cost| (cost - 0.16).abs() < 1e-9), "{used:?}");
        assert_eq!(usage([].iter(), 0.0), Usage::default());
    }
}
