//! Waiting for the jobs, with a reason for every outcome.

use std::time::Duration;

use th_connect::fault;
use th_errors::{Code, Fault};
use th_ledger::{REPORT_EVERY, Results, Verdict};

use crate::Finalizer;
use crate::workers::Workers;

/// A stalled import is given up after so many stall timeouts.
const PATIENCE: u32 = 6;
/// Time without a finished job after which workers' reports are read.
const LISTEN_AFTER: Duration = Duration::from_secs(60);

/// How the waiting ended.
#[derive(Debug)]
pub(crate) enum Waited {
    /// Every job has a result.
    Finished(Results),
    /// The import cannot succeed any more.
    Failed(Vec<Fault>),
    /// Another finalizer was faster.
    Decided(Verdict),
}

/// What is remembered between two looks.
struct Waiting {
    finished: usize,
    results: Results,
    last_change: i64,
    last_listened: i64,
    workers: Workers,
    warned: bool,
}

impl Waiting {
    fn changed(&mut self, finished: usize, now: i64) {
        self.finished = finished;
        self.last_change = now;
        self.warned = false;
    }

    /// Says something once, until a job finishes.
    fn warn(&mut self, message: &str) {
        if !std::mem::replace(&mut self.warned, true) {
            tracing::warn!("{message}");
        }
    }
}

fn between(earlier: i64, later: i64) -> Duration {
    Duration::from_micros(u64::try_from(later - earlier).unwrap_or(0))
}

impl<T> Finalizer<'_, T> {
    pub(crate) async fn wait(&self) -> Result<Waited, Fault> {
        let mut waiting = Waiting {
            finished: usize::MAX,
            results: Results::default(),
            last_change: self.env.now_micros(),
            last_listened: 0,
            workers: Workers::default(),
            warned: false,
        };
        loop {
            let looked = self.env.now_micros();
            if let Some(waited) = self.look(&mut waiting.results).await? {
                return Ok(waited);
            }
            let finished = waiting.results.len();
            if self.once {
                return Err(self.not_finished(finished).await?);
            }
            if finished != waiting.finished {
                tracing::info!(finished, jobs = self.plan.jobs, "waiting for jobs");
                waiting.changed(finished, self.env.now_micros());
                self.health.set("finalizer", None);
            }
            if let Some(faults) = self.stalled(&mut waiting).await? {
                return Ok(Waited::Failed(faults));
            }
            // A long list is not looked at all the time.
            let pause = self.poll.max(between(looked, self.env.now_micros()) * 4);
            self.env.sleep(pause, "jobs are not finished").await;
        }
    }

    /// One look at the ledger: reads what is new, and says how the waiting ends if it does.
    async fn look(&self, results: &mut Results) -> Result<Option<Waited>, Fault> {
        let ledger = |error| fault::of_ledger(&error);
        if let Some(verdict) = self.ledger.verdict().await.map_err(ledger)? {
            return Ok(Some(Waited::Decided(verdict)));
        }
        let failed = self.ledger.failed_jobs().await.map_err(ledger)?;
        if !failed.is_empty() {
            let mut faults = Vec::new();
            for job in failed.into_iter().take(20) {
                faults.extend(self.ledger.failure(job).await.map_err(ledger)?.map(|failure| failure.fault));
            }
            return Ok(Some(Waited::Failed(faults)));
        }
        let jobs = self.plan.jobs;
        results.read_new(self.ledger, jobs).await.map_err(ledger)?;
        if let Err(error) = results.fold(self.ledger, jobs).await {
            tracing::warn!(%error, "results cannot be joined; whoever reads them takes longer");
        }
        Ok((results.len() >= jobs as usize).then(|| Waited::Finished(std::mem::take(results))))
    }

    /// What is missing, for whoever does not wait.
    async fn not_finished(&self, finished: usize) -> Result<Fault, Fault> {
        let depth = self.queue.depth().await.map_err(|error| fault::of_queue(&error))?;
        let workers = self.listen(Workers::default()).await;
        let message = format!(
            "{} of {} jobs have no result: {} messages waiting, {} in flight, {} dead; {}",
            self.plan.jobs as usize - finished,
            self.plan.jobs,
            depth.waiting,
            depth.in_flight,
            depth.dead,
            workers.in_words(self.env.now_micros())
        );
        Ok(Fault::new(Code::NotFinished, message))
    }

    /// Reads the workers' reports. They are advice: if they cannot be read, the old ones stay.
    async fn listen(&self, mut workers: Workers) -> Workers {
        match self.ledger.workers().await {
            Ok(reports) => workers.hear(reports, self.env.now_micros()),
            Err(error) => tracing::debug!(%error, "the workers' reports cannot be read"),
        }
        workers
    }

    /// Why nothing moves, once it has not moved for the stall timeout and no worker gets on.
    async fn stalled(&self, waiting: &mut Waiting) -> Result<Option<Vec<Fault>>, Fault> {
        let limit = self.config.thunderhead.stall_timeout.0;
        let now = self.env.now_micros();
        let idle = between(waiting.last_change, now);
        if idle >= LISTEN_AFTER.min(limit) && between(waiting.last_listened, now) >= REPORT_EVERY {
            waiting.last_listened = now;
            waiting.workers = self.listen(std::mem::take(&mut waiting.workers)).await;
            if waiting.workers.alive(now).next().is_none() {
                waiting.warn(&waiting.workers.in_words(now));
            }
        }
        if idle < limit {
            return Ok(None);
        }
        if waiting.workers.get_on(now, limit) {
            self.health.set("finalizer", None);
            return Ok(None);
        }
        let depth = self.queue.depth().await.map_err(|error| fault::of_queue(&error))?;
        let open = self.plan.jobs as usize - waiting.finished;
        let workers = waiting.workers.in_words(now);
        if depth.dead > 0 && depth.waiting + depth.in_flight == 0 {
            let message = format!(
                "{open} jobs have no result and {} messages are dead letters of {}; {workers}",
                depth.dead,
                self.queue.name()
            );
            return Ok(Some(vec![Fault::new(Code::JobFailed, message)]));
        }
        let message = format!(
            "no job has finished for {} s: {open} open, {} messages waiting, {} in flight, {} dead; {workers}",
            idle.as_secs(),
            depth.waiting,
            depth.in_flight,
            depth.dead
        );
        if depth.in_flight == 0 && idle >= limit * PATIENCE {
            return Ok(Some(vec![Fault::new(Code::Stalled, message)]));
        }
        waiting.warn(&message);
        self.health.set("finalizer", Some(message));
        Ok(None)
    }
}
