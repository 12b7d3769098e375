//! The end of an import by SQL: the server answers for the rows it took, so there is nothing to compare,
//! rebase or analyze. The jobs' counts are folded, the outcome is decided, and the books go.

use th_env::Step;
use th_errors::{Code, Fault};
use th_ledger::{Backend, Outcome, Plan, PlannedTable, TableReport, Verdict};
use th_mysql::{Books, Server};

use crate::fold::TableTotal;
use crate::summary::WRITTEN;
use crate::{Finalizer, fold, wait};

impl Finalizer<'_, Server> {
    /// See [`Finalizer::run`].
    pub async fn run(&self) -> Result<Verdict, Fault> {
        let Backend::Tidb(sql) = &self.plan.backend else {
            return Err(Fault::new(Code::BadConfig, "the plan is not for an import by SQL"));
        };
        let verdict = self.outcome().await?;
        // After the verdict, whoever decided it: who dies between them leaves books that say nothing wrong.
        if matches!(verdict.outcome, Outcome::Complete(_)) && !self.keeps_books() {
            let books = Books::new(&sql.books_schema, &sql.books);
            if let Err(error) = books.close(self.cluster, self.ledger.display()).await {
                tracing::warn!(%error, schema = %sql.books_schema, "the import's books cannot be removed from the target; drop them by hand");
            }
            Step::BooksClosed.reached();
        }
        Ok(verdict)
    }

    async fn outcome(&self) -> Result<Verdict, Fault> {
        let results = match self.wait().await? {
            wait::Waited::Decided(verdict) => return Ok(verdict),
            wait::Waited::Failed(faults) => {
                self.write_records(None).await;
                return self.decide(self.failed(faults, Vec::new(), Vec::new())).await;
            }
            wait::Waited::Finished(results) => results,
        };
        Step::JobsFinished.reached();
        let totals = fold::fold(self.plan, &results);
        Step::ResultsFolded.reached();
        let reports = self.reports(&totals);
        self.write_records(Some(&results)).await;
        let too_many =
            fold::too_many_rejected(self.plan, &totals).or_else(|| too_many_conflicts(self.plan, &totals));
        if let Some(found) = too_many {
            return self.decide(self.failed(vec![found], reports, Vec::new())).await;
        }
        self.decide(self.complete(reports, &results, Vec::new())).await
    }

    fn reports(&self, totals: &[TableTotal]) -> Vec<TableReport> {
        let now = self.env.now_micros();
        let report = |(planned, total): (&PlannedTable, &TableTotal)| TableReport {
            db: planned.db.clone(),
            name: planned.name.clone(),
            rows: total.rows,
            rejected: total.rejected,
            replaced: total.conflicts,
            expected: total.expected,
            found: None,
            verdict: WRITTEN.to_owned(),
            peers: Vec::new(),
            differences: Vec::new(),
            seconds: if total.started_micros > 0 { (now - total.started_micros) as f64 / 1e6 } else { 0.0 },
            source_bytes: total.source_bytes,
        };
        self.plan.tables.iter().zip(totals).map(report).collect()
    }

    /// `checkpoint.keep-after-success`: `remove` and `false` are the default.
    fn keeps_books(&self) -> bool {
        self.config.checkpoint.keeps().unwrap_or(false)
    }
}

/// The fault of an import whose rows met more equal keys than they may.
fn too_many_conflicts(plan: &Plan, totals: &[TableTotal]) -> Option<Fault> {
    let conflicts: u64 = totals.iter().map(|total| total.conflicts).sum();
    (conflicts > plan.conflict.threshold).then(|| {
        Fault::new(
            Code::DuplicateKeys,
            format!(
                "{conflicts} rows have keys that others have, `conflict.threshold` allows {}",
                plan.conflict.threshold
            ),
        )
    })
}
