//! One import's plan and connections, shared by all its jobs in this process.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use th_cluster::{
    Cluster, ImportLease, IngestMode, IngestOptions, Ingester, LeaseOptions, PauseScope, SplitOptions,
};
use th_config::{Config, Ingest};
use th_connect::fault;
use th_dump::Store;
use th_env::Env;
use th_errors::{Code, Fault};
use th_ledger::{ConflictStrategy, Ledger, Plan, PlannedTable};
use th_schema::Table;

use crate::upload::UploadBuilder;

/// No region smaller than this is asked for.
const SMALLEST_REGION: u64 = 1 << 20;

/// An import that this worker works for.
pub struct Import {
    /// Clock and randomness.
    pub env: Env,
    /// The plan.
    pub plan: Plan,
    /// The ledger.
    pub ledger: Ledger,
    /// The dump.
    pub source: Store,
    /// The target: PD and TiKV.
    pub cluster: Arc<Cluster>,
    /// Ingests pieces; knows the regions met so far.
    pub(crate) ingester: Ingester,
    /// Bytes of pairs that make a region.
    pub(crate) region_bytes: u64,
    tables: Vec<Arc<Table>>,
}

impl Import {
    /// Checks that plan, source and cluster belong together.
    pub async fn new(
        env: Env,
        config: &Config,
        plan: Plan,
        ledger: Ledger,
        source: Store,
        cluster: Arc<Cluster>,
        sort_dir: &Path,
    ) -> Result<Self, Fault> {
        if source.display_base != plan.source {
            return Err(Fault::new(
                Code::BadConfig,
                format!(
                    "the plan reads {}, this worker is configured for {}",
                    plan.source, source.display_base
                ),
            ));
        }
        if cluster.pd.cluster_id() != plan.target.cluster_id {
            return Err(Fault::new(
                Code::BadConfig,
                format!(
                    "the plan is for cluster {}, this worker is connected to cluster {}",
                    plan.target.cluster_id,
                    cluster.pd.cluster_id()
                ),
            ));
        }
        let tables = plan
            .tables
            .iter()
            .map(|table| {
                Table::from_json(table.db.as_str(), table.info.get().as_bytes())
                    .map(Arc::new)
                    .map_err(|error| fault::of_schema(&error, &table.db, &table.name))
            })
            .collect::<Result<_, _>>()?;
        // A session that cannot be is found before any job is taken.
        th_job::context(&plan.session)?;
        let mode = match config.thunderhead.ingest {
            Ingest::Write => IngestMode::Write,
            Ingest::Upload => IngestMode::Upload(Arc::new(UploadBuilder {
                dir: sort_dir.to_owned(),
                builds: AtomicU64::new(0),
            })),
        };
        let ingester = cluster.ingester(mode, IngestOptions::default());
        let region_bytes = match config.tikv_importer.region_split_size.0 {
            0 => {
                let stores =
                    cluster.smallest_region_config().await.map_err(|error| fault::of_cluster(&error))?;
                stores.region_split_size.max(SMALLEST_REGION)
            }
            configured => configured.max(SMALLEST_REGION),
        };
        Ok(Self { env, plan, ledger, source, cluster, ingester, region_bytes, tables })
    }

    /// Takes the cluster state that an import needs, for the tables that have jobs; none if nothing is
    /// to be imported.
    pub(crate) async fn lease(&self, config: &Config, holder: &str) -> Result<Option<ImportLease>, Fault> {
        let working =
            self.plan.tables.iter().zip(&self.tables).filter(|(planned, _)| !planned.jobs.is_empty());
        let ranges = th_connect::key_ranges(working.map(|(_, table)| &**table));
        if ranges.is_empty() {
            return Ok(None);
        }
        let mut options = LeaseOptions::new(self.plan.import_id.as_str(), holder, ranges);
        options.import_mode = !config.cron.switch_mode.0.is_zero();
        if config.tikv_importer.pause_pd_scheduler_scope == "global" {
            options.pause = PauseScope::Cluster;
        }
        if self.plan.conflict.strategy == ConflictStrategy::Replace {
            // Which rows have equal keys is seen by the versions that they leave.
            options.safe_point = Some(self.plan.first_commit_ts.saturating_sub(1));
        }
        self.cluster.lease(options).await.map(Some).map_err(|error| fault::of_cluster(&error))
    }

    /// Makes regions end at these keys, and spreads the new ones.
    pub(crate) async fn split(&self, keys: &[Vec<u8>]) -> Result<(), Fault> {
        let (Some(first), Some(last)) = (keys.first(), keys.last()) else { return Ok(()) };
        let splitter = self.cluster.splitter(SplitOptions::default());
        let ingest_fault = |error: th_cluster::ClusterError| fault::of_ingest(&error);
        let split = splitter.split(keys).await.map_err(ingest_fault)?;
        // The last key is the border of a region, too.
        let end = th_cluster::keys::next(last);
        let scattered = splitter.scatter(first, &end, &self.plan.import_id).await.map_err(ingest_fault)?;
        tracing::info!(
            keys = split.keys,
            existed = split.existed,
            regions = scattered.regions,
            unfinished = scattered.unfinished,
            imbalance = scattered.imbalance,
            skipped = scattered.skipped,
            "split and scattered"
        );
        Ok(())
    }

    /// A table of the plan.
    pub fn table(&self, number: u32) -> Result<(&PlannedTable, &Arc<Table>), Fault> {
        self.plan.tables.get(number as usize).zip(self.tables.get(number as usize)).ok_or_else(|| {
            Fault::new(
                Code::LedgerConflict,
                format!("a job names table {number}, the plan has {}", self.tables.len()),
            )
        })
    }

    /// Whether there is nothing left to do: the outcome is decided, or every job has a result.
    pub async fn is_over(&self) -> Result<bool, Fault> {
        let check = async {
            if self.ledger.verdict().await?.is_some() || !self.ledger.failed_jobs().await?.is_empty() {
                return Ok(true);
            }
            Ok(self.ledger.finished_jobs().await?.len() >= self.plan.jobs as usize)
        };
        check.await.map_err(|error| fault::of_ledger(&error))
    }
}
