//! The finalizer: results → verified, rebased, normal, marked.
//!
//! ```text
//! wait for all results ─▶ fold ─▶ checksum by TiKV ─▶ compare ─▶ (rows with equal keys) ─▶ rebase ids ─▶ (indexes) ─▶ analyze ─▶ normal mode ─▶ verdict
//! ```
//! It is the one authority on how an import ended. Two finalizers may run: whoever writes `verdict.json`
//! first decides, the other reports the winner's words. What is decided from the ledger is in pure
//! functions ([`fold`]); this module carries it out.

mod analyze;
pub mod command;
mod compact;
mod deferred;
pub mod fold;
mod locate;
mod records;
mod resolve;
mod search;
mod sharing;
mod sql;
pub mod summary;
mod verify;
mod wait;
mod workers;

use std::sync::Arc;
use std::time::Duration;

use th_cluster::{Cluster, ImportLease, LeaseOptions, PauseScope};
use th_config::Config;
use th_connect::{Target, fault};
use th_env::{Env, Step};
use th_errors::Fault;
use th_ledger::{
    Complete, ConflictStrategy, FORMAT, Failed, Ledger, Outcome, Plan, Results, TableReport, Verdict,
};
use th_queue::Queue;
use th_status::Health;

use crate::sharing::Seat;

/// What the finalizer works with. `T` is what was imported into: a cluster, a server, or either of both.
pub struct Finalizer<'a, T = Cluster> {
    /// The configuration.
    pub config: &'a Config,
    /// Clock and randomness.
    pub env: &'a Env,
    /// The ledger.
    pub ledger: &'a Ledger,
    /// The queue, for dead letters.
    pub queue: Arc<dyn Queue>,
    /// The target.
    pub cluster: &'a T,
    /// The plan.
    pub plan: &'a Plan,
    /// Time between two looks at the ledger.
    pub poll: Duration,
    /// Look once: an import with open jobs is [`Code::NotFinished`](th_errors::Code::NotFinished) instead of
    /// waited for.
    pub once: bool,
    /// Where it says that the import does not get on.
    pub health: Health,
    /// Who this is, in the verdict.
    pub name: String,
}

impl Finalizer<'_, Target> {
    /// Waits for the jobs, verifies, and decides. Returns the outcome that stands, whoever decided it.
    /// An error means that nothing was decided; the same again may succeed.
    pub async fn run(&self) -> Result<Verdict, Fault> {
        let verdict = match self.cluster {
            Target::Cluster(cluster) => self.of(&**cluster).run().await,
            Target::Server(server) => self.of(server).run().await,
        }?;
        self.thin_out(&verdict).await;
        Ok(verdict)
    }

    /// `checkpoint.keep-after-success = "remove"`: what only a resume would need goes. Nothing hangs on it.
    async fn thin_out(&self, verdict: &Verdict) {
        let is_complete = matches!(verdict.outcome, Outcome::Complete(_));
        if !is_complete || self.config.checkpoint.keeps() != Some(false) {
            return;
        }
        match self.ledger.thin_out().await {
            Ok(objects) => tracing::info!(objects, "jobs and results are removed from the ledger"),
            Err(error) => tracing::warn!(%error, "jobs and results cannot be removed from the ledger"),
        }
    }
}

impl<T> Finalizer<'_, T> {
    fn complete(&self, tables: Vec<TableReport>, results: &Results, left_to_do: Vec<String>) -> Outcome {
        let now = self.env.now_micros();
        Outcome::Complete(Complete {
            format: FORMAT,
            import_id: self.plan.import_id.clone(),
            source: self.plan.source.clone(),
            finished_micros: now,
            seconds: (now - self.plan.created_micros) as f64 / 1e6,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            rows: tables.iter().map(|table| table.rows).sum(),
            source_bytes: self.plan.source_bytes,
            tables,
            target_version: self.plan.target.version.clone(),
            usage: fold::usage(results.by_job().values(), self.config.thunderhead.worker_price),
            left_to_do,
        })
    }

    fn failed(&self, faults: Vec<Fault>, tables: Vec<TableReport>, left_to_do: Vec<String>) -> Outcome {
        Outcome::Failed(Failed {
            format: FORMAT,
            import_id: self.plan.import_id.clone(),
            source: self.plan.source.clone(),
            finished_micros: self.env.now_micros(),
            faults,
            tables,
            left_to_do,
        })
    }

    /// The same for one kind of target.
    fn of<'b, U>(&'b self, cluster: &'b U) -> Finalizer<'b, U> {
        let &Self { config, env, ledger, ref queue, cluster: _, plan, poll, once, ref health, ref name } =
            self;
        Finalizer {
            config,
            env,
            ledger,
            queue: Arc::clone(queue),
            cluster,
            plan,
            poll,
            once,
            health: health.clone(),
            name: name.clone(),
        }
    }

    async fn decide(&self, outcome: Outcome) -> Result<Verdict, Fault> {
        let verdict = Verdict { format: FORMAT, finalizer: self.name.clone(), outcome };
        let decided = self.ledger.decide(&verdict).await.map_err(|error| fault::of_ledger(&error))?;
        if decided.finalizer != self.name {
            tracing::warn!(winner = %decided.finalizer, "another finalizer decided first; its outcome stands");
        }
        Ok(decided)
    }
}

impl Finalizer<'_> {
    /// See [`Finalizer::run`].
    pub async fn run(&self) -> Result<Verdict, Fault> {
        let lease = self.hold_versions().await?;
        let seat = self.seat()?;
        let alive = seat.as_ref().map(|seat| seat.meeting.keep_alive());
        let verdict = self.run_held(seat.as_ref()).await;
        drop(alive);
        if let (Some(seat), Ok(verdict)) = (&seat, &verdict) {
            let failed = matches!(verdict.outcome, Outcome::Failed(_));
            if let Err(error) = seat.meeting.leave(&seat.tables, failed).await {
                tracing::warn!(%error, "the books of the shared tables are not in order; finalize again");
            }
        }
        if let Some(lease) = lease
            && let Err(error) = lease.release().await
        {
            tracing::warn!(%error, "the hold on garbage collection could not be released; it expires by itself");
        }
        verdict
    }

    /// Keeps garbage collection from removing the versions by which rows with equal keys are found.
    async fn hold_versions(&self) -> Result<Option<ImportLease>, Fault> {
        if self.plan.conflict.strategy == ConflictStrategy::Error {
            return Ok(None);
        }
        let mut options = LeaseOptions::new(self.plan.import_id.as_str(), self.name.as_str(), Vec::new());
        options.import_mode = false;
        options.pause = PauseScope::None;
        options.safe_point = Some(self.plan.first_commit_ts.saturating_sub(1));
        self.cluster.lease(options).await.map(Some).map_err(|error| fault::of_cluster(&error))
    }

    async fn run_held(&self, seat: Option<&Seat>) -> Result<Verdict, Fault> {
        let results = match self.wait().await? {
            wait::Waited::Decided(verdict) => return Ok(verdict),
            wait::Waited::Failed(faults) => return self.fail(faults, Vec::new(), None).await,
            wait::Waited::Finished(results) => results,
        };
        Step::JobsFinished.reached();
        let totals = fold::fold(self.plan, &results);
        Step::ResultsFolded.reached();
        if let Some(fault) = fold::too_many_rejected(self.plan, &totals) {
            return self.fail(vec![fault], Vec::new(), Some(&results)).await;
        }
        let (reports, faults) = verify::tables(self, seat, &totals, &results).await?;
        if !faults.is_empty() {
            return self.fail(faults, reports, Some(&results)).await;
        }
        Step::TablesVerified.reached();
        compact::compact(self).await?;
        verify::rebase(self, &totals).await?;
        Step::IdsRebased.reached();
        let put_off = self.put_off().await?;
        if let Some(noted) = &put_off
            && let Some(refused) = self.add_indexes(noted).await?
        {
            return self.fail(vec![refused], reports, Some(&results)).await;
        }
        let mut left_to_do = self.analyze().await?;
        Step::TablesAnalyzed.reached();
        self.write_records(Some(&results), &reports).await;
        self.normal_mode().await?;
        Step::ModeRestored.reached();
        left_to_do.extend(self.set_replicas(put_off.as_ref()).await);
        self.decide(self.complete(reports, &results, left_to_do)).await
    }

    async fn fail(
        &self,
        faults: Vec<Fault>,
        tables: Vec<TableReport>,
        results: Option<&Results>,
    ) -> Result<Verdict, Fault> {
        self.write_records(results, &tables).await;
        // The verdict matters more than the mode, which expires by itself.
        if let Err(error) = self.normal_mode().await {
            tracing::warn!(fault = %error.message, "cannot give the cluster back its normal mode now; it returns to it by itself within ten minutes");
        }
        let left_to_do = match self.put_off().await {
            Ok(put_off) => self.set_replicas(put_off.as_ref()).await,
            Err(error) => {
                tracing::warn!(fault = %error.message, "it cannot be said what tables get back; `deferred.json` says it");
                Vec::new()
            }
        };
        self.decide(self.failed(faults, tables, left_to_do)).await
    }

    async fn normal_mode(&self) -> Result<(), Fault> {
        let tables = self.plan.tables.iter().map(verify::table).collect::<Result<Vec<_>, _>>()?;
        let ranges = th_connect::key_ranges(&tables);
        let (pd, tikv) = (&self.cluster.pd, &self.cluster.tikv);
        th_cluster::release_import(pd, tikv, &self.plan.import_id, &ranges)
            .await
            .map_err(|error| fault::of_cluster(&error))
    }
}
