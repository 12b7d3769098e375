//! Results to totals: pure.

use th_errors::{Code, Fault};
use th_ledger::{Bases, Pairs, Plan, Results};

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
