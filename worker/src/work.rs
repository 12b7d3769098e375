//! What a worker does its jobs with: TiKV or SQL.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use th_cluster::ImportLease;
use th_config::Config;
use th_connect::{SortDir, Target};
use th_dump::Store;
use th_env::Env;
use th_errors::Fault;
use th_job::{Pieces, Proof};
use th_ledger::{JobId, JobResult, Ledger, Plan};
use th_queue::{Queue, Visibility};
use th_status::Site;

use crate::command::resources;
use crate::progress::JobProgress;
use crate::{Import, Progress, SqlImport, Stop, Worker, job};

/// Finds out where a job's pieces begin, while it is known that the job gets on. Others are waited for as long as
/// `patience`. True if they begin elsewhere than believed.
pub(crate) async fn settle<W: Work>(
    worker: &Worker<W>,
    source: &Store,
    progress: &JobProgress,
    pieces: &mut Pieces,
    patience: Duration,
) -> Result<bool, Fault> {
    let import = &worker.import;
    let alive = || {
        progress.encoded(0, 0, 0);
        worker.stop.check()
    };
    let (env, ledger, plan) = (import.env(), import.ledger(), import.plan());
    pieces.settle(&Proof { env, ledger, source, plan, patience, alive: &alive }).await
}

/// An import and a way to do its jobs.
pub trait Work: Send + Sync + Sized + 'static {
    /// Clock and randomness.
    fn env(&self) -> &Env;
    /// The plan.
    fn plan(&self) -> &Plan;
    /// The ledger.
    fn ledger(&self) -> &Ledger;

    /// Takes the cluster state that the import needs; none if it needs none.
    fn lease(
        &self,
        config: &Config,
        holder: &str,
    ) -> impl Future<Output = Result<Option<ImportLease>, Fault>> + Send;

    /// Does a job. Everything it returns but `worker`, times and retries is the same for every run.
    fn job(
        worker: &Worker<Self>,
        slot: usize,
        id: JobId,
        started_micros: i64,
        visibility: &Visibility,
        quota: Option<&Arc<AtomicU64>>,
    ) -> impl Future<Output = Result<JobResult, Fault>> + Send;

    /// How many requests each store is given at once, by store; none where no store is written to.
    fn store_limits(&self) -> Vec<(u64, u32)> {
        Vec::new()
    }
}

impl Work for Import {
    fn env(&self) -> &Env {
        &self.env
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn store_limits(&self) -> Vec<(u64, u32)> {
        self.cluster.tikv.store_limits()
    }

    async fn lease(&self, config: &Config, holder: &str) -> Result<Option<ImportLease>, Fault> {
        Import::lease(self, config, holder).await
    }

    async fn job(
        worker: &Worker,
        slot: usize,
        id: JobId,
        started_micros: i64,
        visibility: &Visibility,
        quota: Option<&Arc<AtomicU64>>,
    ) -> Result<JobResult, Fault> {
        job::run(worker, slot, id, started_micros, visibility, quota).await
    }
}

/// An import to work for, and who works.
pub struct Assignment {
    /// Clock and randomness.
    pub env: Env,
    /// The plan.
    pub plan: Plan,
    /// The ledger.
    pub ledger: Ledger,
    /// The dump.
    pub source: Store,
    /// Where the plan's rows go.
    pub target: Target,
    /// The queue.
    pub queue: Arc<dyn Queue>,
    /// Progress for whoever shows it.
    pub progress: Arc<Progress>,
    /// Told to stop.
    pub stop: Stop,
    /// Shows the worker's state.
    pub site: Site,
    /// The worker's name in results and logs.
    pub name: String,
}

impl Assignment {
    /// Works until the import is over or the stop is set. Returns the number of jobs finished here.
    pub async fn work(self, config: &Config) -> Result<u64, Fault> {
        let Self { env, plan, ledger, source, target, queue, progress, stop, site, name } = self;
        let health = site.health();
        let finished = Arc::default();
        match target {
            Target::Cluster(cluster) => {
                let sort_dir = SortDir::create(config, &env)?;
                site.show_worker(&progress.metrics, &sort_dir.path);
                let resources = resources(config, &sort_dir.path);
                let import = Import::new(env, config, plan, ledger, source, cluster, &sort_dir.path).await?;
                let import = Arc::new(import);
                Worker { import, queue, resources, progress, finished, stop, health, name }.run(config).await
            }
            Target::Server(server) => {
                // Nothing is sorted.
                let resources = resources(config, &PathBuf::new());
                let import = Arc::new(SqlImport::new(env, config, plan, ledger, source, server)?);
                Worker { import, queue, resources, progress, finished, stop, health, name }.run(config).await
            }
        }
    }
}
