//! Reads the ledger over and over, each document that cannot change only once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use th_connect::fault;
use th_env::Env;
use th_errors::{Code, Fault};
use th_ledger::{JobFailure, JobId, Ledger, Outcome, Plan, Results};
use tokio::sync::Mutex;

use crate::summary::{Facts, ImportStatus, State, summarize};

/// Failures that are read; the rest is only counted.
const MOST_FAILURES: usize = 20;

/// An import's ledger, as far as it was read.
#[derive(Debug)]
pub struct Watcher {
    ledger: Ledger,
    env: Env,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    plan: Option<Plan>,
    results: Results,
    failures: BTreeMap<JobId, JobFailure>,
    last: Option<(i64, Arc<ImportStatus>)>,
}

impl Watcher {
    /// Reads nothing yet.
    pub fn new(ledger: Ledger, env: Env) -> Self {
        Self { ledger, env, known: Mutex::default() }
    }

    /// The import's status, not older than `age`. However many ask, the ledger is read once in that time.
    ///
    /// # Errors
    /// There is no import in the ledger, or the ledger cannot be read.
    pub async fn status(&self, age: Duration) -> Result<Arc<ImportStatus>, Fault> {
        let mut known = self.known.lock().await;
        let now = self.env.now_micros();
        if let Some((micros, status)) = &known.last
            && (status.state.is_final() || now - micros < age.as_micros() as i64)
        {
            return Ok(Arc::clone(status));
        }
        let status = Arc::new(self.read(&mut known, now).await?);
        known.last = Some((now, Arc::clone(&status)));
        Ok(status)
    }

    async fn read(&self, known: &mut Known, now: i64) -> Result<ImportStatus, Fault> {
        let of_ledger = |error| fault::of_ledger(&error);
        let verdict = self.ledger.verdict().await.map_err(of_ledger)?;
        if known.plan.is_none() {
            known.plan = self.ledger.plan().await.map_err(of_ledger)?;
        }
        let Some(plan) = &known.plan else {
            let Some(Outcome::Failed(failed)) = verdict.map(|verdict| verdict.outcome) else {
                let message = format!("{} holds no import", self.ledger.display());
                return Err(Fault::new(Code::LedgerConflict, message));
            };
            return Ok(ImportStatus {
                import_id: failed.import_id,
                state: State::Failed,
                source: failed.source,
                faults: failed.faults,
                left_to_do: failed.left_to_do,
                ..ImportStatus::default()
            });
        };
        known.results.read_new(&self.ledger, plan.jobs).await.map_err(of_ledger)?;
        for job in self.ledger.failed_jobs().await.map_err(of_ledger)?.into_iter().take(MOST_FAILURES) {
            if !known.failures.contains_key(&job)
                && let Some(failure) = self.ledger.failure(job).await.map_err(of_ledger)?
            {
                known.failures.insert(job, failure);
            }
        }
        let workers = self.ledger.workers().await.map_err(of_ledger)?;
        let facts = Facts {
            plan,
            verdict: verdict.as_ref(),
            results: known.results.by_job(),
            failures: &known.failures,
            workers: &workers,
        };
        Ok(summarize(&facts, now))
    }
}
