//! The worker: job → sorted pairs → ingested regions → one result in the ledger.
//!
//! A worker keeps nothing that matters. It takes a job from the queue, reads the job's exact bytes,
//! encodes and sorts on the local disk, ingests, writes `results/<job>.json`, and only then
//! acknowledges the message. Killed at any point, it leaves a message that comes back and files that
//! nobody needs; whoever repeats the job writes the same keys at the same timestamp.
//!
//! ```text
//! Worker (slots) ─ receive ─▶ job::run ─▶ encode (thread) ─▶ deliver (th-ingest) ─▶ result
//! ```

pub mod command;
mod conflicts;
mod encode;
mod import;
mod job;
mod probe;
mod progress;
mod report;
mod spot;
mod sql;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use th_config::Config;
use th_connect::fault;
use th_connect::telemetry::follow;
use th_env::Step;
use th_errors::{Code, Fault};
use th_ledger::{FORMAT, Finished, JobFailure, Put};
use th_planner::JobMessage;
use th_queue::{Message, Queue, QueueError, Visibility, VisibilityOptions};
use th_status::Health;
use th_status::metrics::JobOutcome;
use tracing::Instrument as _;

pub use import::Import;
pub use progress::{Progress, TableProgress};
pub use spot::watch_for_notices;
pub use sql::SqlImport;
pub use work::{Assignment, Work};

/// Longest wait for a message before the ledger is asked whether the import is over.
const POLL: Duration = Duration::from_secs(2);

/// What this process may use.
#[derive(Debug, Clone)]
pub struct Resources {
    /// Folder for sorted runs; it must exist and belong to this worker.
    pub sort_dir: PathBuf,
    /// Jobs at once.
    pub slots: usize,
    /// Memory for sorting, all jobs together, in bytes.
    pub sort_memory: u64,
    /// Most bytes of runs on disk.
    pub disk_quota: Option<u64>,
    /// How messages are kept hidden.
    pub visibility: VisibilityOptions,
    /// Receptions of a job after which it is given up.
    pub max_receives: u32,
}

/// Told to all parts of a worker: first that no more jobs are taken, then that those in hand are given back.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicU8>);

impl Stop {
    const DRAIN: u8 = 1;
    const STOP: u8 = 2;

    /// Asks that no more jobs are taken; those in hand go on.
    pub fn drain(&self) {
        self.0.fetch_max(Self::DRAIN, Ordering::Relaxed);
    }

    /// Asks that jobs are given back.
    pub fn set(&self) {
        self.0.fetch_max(Self::STOP, Ordering::Relaxed);
    }

    /// Whether no more jobs are to be taken.
    pub fn is_draining(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= Self::DRAIN
    }

    /// Whether jobs are to be given back.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= Self::STOP
    }

    /// Ends what is in hand if jobs are to be given back.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        if self.is_set() { Err(Fault::new(Code::Interrupted, "told to stop")) } else { Ok(()) }
    }
}

/// Takes jobs of one import until it is over or the worker is told to stop.
pub struct Worker<W = Import> {
    /// The import and its connections.
    pub import: Arc<W>,
    /// The queue.
    pub queue: Arc<dyn Queue>,
    /// What may be used.
    pub resources: Resources,
    /// Progress for whoever shows it.
    pub progress: Arc<Progress>,
    /// Which jobs are finished, by whomever.
    pub finished: Arc<Finished>,
    /// Told to stop.
    pub stop: Stop,
    /// Where it says that it does not get on.
    pub health: Health,
    /// This worker's name in results, reports and logs.
    pub name: String,
}

impl<W: Work> Worker<W> {
    /// Works until every job has a result, the outcome is decided, or the stop is set. Returns the
    /// number of jobs this worker finished.
    pub async fn run(self, config: &Config) -> Result<u64, Fault> {
        if self.is_over().await? {
            // Nothing to do, so nothing is asked of the cluster.
            return Ok(0);
        }
        let reporter = report::Reporter::start(&self);
        let finished = self.run_leased(config).await;
        reporter.end().await;
        finished
    }

    /// Whether there is nothing left to do: the outcome is decided, or every job has a result.
    async fn is_over(&self) -> Result<bool, Fault> {
        let ledger = self.import.ledger();
        let check = async {
            if ledger.verdict().await?.is_some() || !ledger.failed_jobs().await?.is_empty() {
                return Ok(true);
            }
            self.finished.all(ledger, self.import.plan().jobs).await
        };
        check.await.map_err(|error| fault::of_ledger(&error))
    }

    async fn run_leased(self, config: &Config) -> Result<u64, Fault> {
        let lease = self.import.lease(config, &self.name).await?;
        Step::Leased.reached();
        let finished = self.run_slots().await;
        if let Some(lease) = lease
            && let Err(error) = lease.release().await
        {
            tracing::warn!(%error, "the cluster's normal mode could not be restored now; it comes back by itself");
        }
        finished
    }

    async fn run_slots(self) -> Result<u64, Fault> {
        let worker = Arc::new(self);
        let finished = Arc::new(AtomicU64::new(0));
        let quota = worker.resources.disk_quota.map(|bytes| Arc::new(AtomicU64::new(bytes)));
        let mut slots = tokio::task::JoinSet::new();
        for slot in 0..worker.resources.slots.max(1) {
            let (worker, finished, quota) = (Arc::clone(&worker), Arc::clone(&finished), quota.clone());
            slots.spawn(async move { worker.slot(slot, &finished, quota.as_ref()).await });
        }
        let mut outcome = Ok(());
        while let Some(slot) = slots.join_next().await {
            let result = slot.unwrap_or_else(|error| {
                Err(Fault::new(Code::Internal, format!("a worker task ended unexpectedly: {error}")))
            });
            if result.is_err() {
                worker.stop.set();
                outcome = outcome.and(result);
            }
        }
        outcome.map(|()| finished.load(Ordering::Relaxed))
    }

    async fn slot(
        &self,
        slot: usize,
        finished: &AtomicU64,
        quota: Option<&Arc<AtomicU64>>,
    ) -> Result<(), Fault> {
        let mut queue_failures = 0;
        while !self.stop.is_draining() {
            let messages = match self.queue.receive(1, POLL).await {
                Ok(messages) => messages,
                Err(error) if queue_failures < 5 && !matches!(error, QueueError::NotFound(_)) => {
                    queue_failures += 1;
                    tracing::warn!(%error, "cannot receive; trying again");
                    let delay = self.import.env().backoff(
                        queue_failures,
                        Duration::from_millis(500),
                        Duration::from_secs(20),
                    );
                    self.import.env().sleep(delay, "the queue did not answer").await;
                    continue;
                }
                Err(error) => return Err(fault::of_queue(&error)),
            };
            queue_failures = 0;
            if messages.is_empty() && self.is_over().await? {
                return Ok(());
            }
            for message in messages {
                if self.stop.is_draining() {
                    self.hand_back(&message, Duration::ZERO).await?;
                } else if self.take(slot, &message, quota).await? {
                    finished.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }

    /// Does the job of one message. True if this run wrote or confirmed the result. Only failures of
    /// ledger and queue end the worker; those of the job are the job's.
    async fn take(
        &self,
        slot: usize,
        message: &Message,
        quota: Option<&Arc<AtomicU64>>,
    ) -> Result<bool, Fault> {
        let Ok(pointer) = serde_json::from_str::<JobMessage>(&message.body) else {
            tracing::error!(body = %message.body, "a message that is not a job is dropped");
            self.queue.acknowledge(&message.receipt).await.map_err(|error| fault::of_queue(&error))?;
            return Ok(false);
        };
        if pointer.import_id != self.import.plan().import_id {
            tracing::warn!(import = %pointer.import_id, "a job of another import is left to its workers");
            return self.hand_back(message, Duration::ZERO).await.map(|()| false);
        }
        let plan = self.import.plan();
        let table = plan.tables.iter().find(|table| table.jobs.contains(&pointer.job.0));
        let table = table.map(|table| format!("{}.{}", table.db, table.name));
        let span = follow(
            tracing::info_span!("job", import_id = %plan.import_id, job = %pointer.job, table = table.map(tracing::field::display)),
            &plan.import_id,
        );
        self.work_on(slot, &pointer, message, quota).instrument(span).await
    }

    /// Lets a message come back to the queue after `delay`.
    async fn hand_back(&self, message: &Message, delay: Duration) -> Result<(), Fault> {
        match self.queue.extend(&message.receipt, delay).await {
            Ok(()) | Err(QueueError::StaleReceipt) => Ok(()),
            Err(error) => Err(fault::of_queue(&error)),
        }
    }

    async fn work_on(
        &self,
        slot: usize,
        pointer: &JobMessage,
        message: &Message,
        quota: Option<&Arc<AtomicU64>>,
    ) -> Result<bool, Fault> {
        let visibility = Visibility::start(
            Arc::clone(&self.queue),
            message,
            self.resources.visibility,
            self.import.env().clone(),
        );
        let ledger = self.import.ledger();
        let check = async {
            // A job of an import that is decided would write rows behind its back.
            Ok(ledger.result(pointer.job).await?.is_some() || ledger.verdict().await?.is_some())
        };
        if check.await.map_err(|error| fault::of_ledger(&error))? {
            visibility.acknowledge().await.map_err(|error| fault::of_queue(&error))?;
            return Ok(false);
        }
        let started = self.import.env().now_micros();
        tracing::info!(receives = message.receives, slot, "job taken");
        Step::JobTaken.reached();
        let done = W::job(self, slot, pointer.job, started, &visibility, quota).await;
        let ended = |outcome| self.progress.metrics.job(outcome);
        match done {
            Ok(result) => {
                let put = ledger.write_result(&result).await.map_err(|error| fault::of_ledger(&error))?;
                if let Put::Existing(other) = put {
                    let same = (other.rows, other.pairs) == (result.rows, result.pairs);
                    tracing::info!(other = %other.worker, same, "another run of the job was first");
                }
                Step::ResultWritten.reached();
                self.finished.add(pointer.job, self.import.plan().jobs);
                visibility.acknowledge().await.map_err(|error| fault::of_queue(&error))?;
                Step::JobAcknowledged.reached();
                self.progress.finish_job(result.table);
                ended(JobOutcome::Done);
                tracing::info!(rows = result.rows, pairs = result.pairs.pairs, "job done");
                Ok(true)
            }
            Err(found) if found.code == Code::Interrupted => {
                ended(JobOutcome::GivenBack);
                tracing::info!("job given back");
                visibility.give_back().await.map_err(|error| fault::of_queue(&error))?;
                Ok(false)
            }
            Err(found) if found.is_retryable() && message.receives < self.resources.max_receives => {
                ended(JobOutcome::Retried);
                tracing::warn!(receives = message.receives, fault = %found.message, "job failed; it will be tried again");
                let delay = self.import.env().backoff(
                    message.receives,
                    Duration::from_millis(250),
                    Duration::from_secs(30),
                );
                drop(visibility);
                self.hand_back(message, delay).await.map(|()| false)
            }
            Err(found) => {
                ended(JobOutcome::Failed);
                tracing::error!(fault = %found.message, place = found.place, "job failed for good");
                let failure = JobFailure {
                    format: FORMAT,
                    job: pointer.job,
                    fault: found,
                    worker: self.name.clone(),
                    micros: self.import.env().now_micros(),
                };
                ledger.write_failure(&failure).await.map_err(|error| fault::of_ledger(&error))?;
                visibility.acknowledge().await.map_err(|error| fault::of_queue(&error))?;
                Ok(false)
            }
        }
    }
}
