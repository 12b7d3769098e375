//! One import's plan and connections, shared by all its jobs in this process.

use std::path::Path;
use std::sync::Arc;

use th_cluster::{Cluster, ImportLease, LeaseOptions, PauseScope};
use th_config::Config;
use th_connect::fault;
use th_dump::Store;
use th_env::Env;
use th_errors::{Code, Fault};
use th_ingest::{Delivery, Importer};
use th_ledger::{ConflictStrategy, Ledger, Plan, PlannedTable};
use th_schema::Table;

/// From so many regions on, as in TiDB Lightning, TiKV is asked to cut its files at their borders.
const MANY_REGIONS: u64 = 100;

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
    /// The way of sorted pairs into the cluster.
    pub(crate) delivery: Delivery,
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
        check_source(&plan, &source)?;
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
        let piece_bytes = config.thunderhead.piece_size.0;
        let delivery = if config.tikv_importer.backend == "importer" {
            Delivery::to_importer(Importer::new(config, &cluster.pd.endpoints(), &env)?, piece_bytes, &env)
        } else {
            let cluster = Arc::clone(&cluster);
            Delivery::to_cluster(config, cluster, sort_dir, &plan.import_id, piece_bytes, &env).await?
        };
        Ok(Self { env, plan, ledger, source, cluster, delivery, tables })
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
        options.partitioned = self.large_ranges().await;
        if config.tikv_importer.pause_pd_scheduler_scope == "global" {
            options.pause = PauseScope::Cluster;
        }
        if self.plan.conflict.strategy == ConflictStrategy::Replace {
            // Which rows have equal keys is seen by the versions that they leave.
            options.safe_point = Some(self.plan.first_commit_ts.saturating_sub(1));
        }
        self.cluster.lease(options).await.map(Some).map_err(|error| fault::of_cluster(&error))
    }

    /// Ranges of tables that become so many regions that TiKV should cut its files at their borders.
    async fn large_ranges(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let region_bytes = match self.cluster.smallest_region_config().await {
            Ok(stores) => stores.region_split_size,
            Err(error) => {
                tracing::debug!(%error, "the stores' region size is not known");
                return Vec::new();
            }
        };
        let large = region_bytes.saturating_mul(MANY_REGIONS);
        let is_large = |planned: &PlannedTable, table: &Table| {
            planned.source_bytes / (table.key_ids().len() as u64).max(1) >= large
        };
        let tables = self.plan.tables.iter().zip(&self.tables);
        let tables = tables.filter(|(planned, table)| is_large(planned, table));
        th_connect::key_ranges(tables.map(|(_, table)| &**table))
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
}

/// The plan must be for the source that this worker reads.
pub(crate) fn check_source(plan: &Plan, source: &Store) -> Result<(), Fault> {
    if source.display_base == plan.source {
        return Ok(());
    }
    let message =
        format!("the plan reads {}, this worker is configured for {}", plan.source, source.display_base);
    Err(Fault::new(Code::BadConfig, message))
}
