//! Waiting for the jobs, with a reason for every outcome.

use std::time::Duration;

use th_connect::fault;
use th_errors::{Code, Fault};
use th_ledger::Verdict;

use crate::Finalizer;

/// A stalled import is given up after so many stall timeouts.
const PATIENCE: u32 = 6;

/// How the waiting ended.
#[derive(Debug)]
pub(crate) enum Waited {
    /// Every job has a result.
    Finished,
    /// The import cannot succeed any more.
    Failed(Vec<Fault>),
    /// Another finalizer was faster.
    Decided(Verdict),
}

impl<T> Finalizer<'_, T> {
    pub(crate) async fn wait(&self) -> Result<Waited, Fault> {
        let ledger = |error| fault::of_ledger(&error);
        let mut finished_before = usize::MAX;
        let mut last_change = self.env.now_micros();
        let mut warned = false;
        loop {
            if let Some(verdict) = self.ledger.verdict().await.map_err(ledger)? {
                return Ok(Waited::Decided(verdict));
            }
            let failed = self.ledger.failed_jobs().await.map_err(ledger)?;
            if !failed.is_empty() {
                let mut faults = Vec::new();
                for job in failed.into_iter().take(20) {
                    faults
                        .extend(self.ledger.failure(job).await.map_err(ledger)?.map(|failure| failure.fault));
                }
                return Ok(Waited::Failed(faults));
            }
            let finished = self.ledger.finished_jobs().await.map_err(ledger)?.len();
            if finished >= self.plan.jobs as usize {
                return Ok(Waited::Finished);
            }
            if finished != finished_before {
                tracing::info!(finished, jobs = self.plan.jobs, "waiting for jobs");
                finished_before = finished;
                last_change = self.env.now_micros();
                warned = false;
            }
            let idle = Duration::from_micros(u64::try_from(self.env.now_micros() - last_change).unwrap_or(0));
            if let Some(faults) = self.stalled(idle, finished, &mut warned).await? {
                return Ok(Waited::Failed(faults));
            }
            self.env.sleep(self.poll, "jobs are not finished").await;
        }
    }

    /// Why nothing moves, once it has not moved for the stall timeout.
    async fn stalled(
        &self,
        idle: Duration,
        finished: usize,
        warned: &mut bool,
    ) -> Result<Option<Vec<Fault>>, Fault> {
        let limit = self.config.thunderhead.stall_timeout.0;
        if idle < limit {
            return Ok(None);
        }
        let depth = self.queue.depth().await.map_err(|error| fault::of_queue(&error))?;
        let open = self.plan.jobs as usize - finished;
        if depth.dead > 0 && depth.waiting + depth.in_flight == 0 {
            let message = format!(
                "{open} jobs have no result and {} messages are dead letters of {}",
                depth.dead,
                self.queue.name()
            );
            return Ok(Some(vec![Fault::new(Code::JobFailed, message)]));
        }
        let message = format!(
            "no job has finished for {} s: {open} open, {} messages waiting, {} in flight, {} dead",
            idle.as_secs(),
            depth.waiting,
            depth.in_flight,
            depth.dead
        );
        if depth.in_flight == 0 && idle >= limit * PATIENCE {
            return Ok(Some(vec![Fault::new(Code::Stalled, message)]));
        }
        if !*warned {
            tracing::warn!("{message}");
            *warned = true;
        }
        Ok(None)
    }
}
