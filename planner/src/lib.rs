//! The planner: dump → plan + jobs.
//!
//! ```text
//! list the dump ─▶ make the schemas ─▶ read definitions back ─▶ check ─▶ cut into jobs ─▶ ledger ─▶ queue
//! ```
//! Everything that could differ between two runs of a job is fixed here: the exact objects and bytes,
//! row-id ranges, one commit timestamp a job, the session. The plan is written after all its jobs, so a
//! ledger with a `plan.json` is whole; until then nothing of the import counts. What is decided is in
//! pure functions ([`jobs`]); this module only carries it out.

pub mod checks;
pub mod command;
mod deferred;
mod failure;
pub mod jobs;
mod probe;
mod schemas;
mod sharing;
mod sql;
mod statement;

pub use failure::plan_failed;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use probe::Cutting;
use serde_json::value::RawValue;
use th_cluster::{Cluster, LeaseOptions, PauseScope, Tidb};
use th_codec::Encoder;
use th_config::Config;
use th_connect::{Target as Opened, fault};
use th_dump::{Dump, Store, TableFiles};
use th_env::{Env, Step};
use th_errors::{Code, Fault};
use th_job::encoder_options;
use th_ledger::{
    Backend, ConflictPolicy, ConflictStrategy, FORMAT, Job, JobId, Ledger, Outcome, Pairs, Plan,
    PlannedTable, Session, Shared, Target,
};
use th_queue::Queue;
use th_schema::Table;
use tracing::Instrument as _;

use crate::sharing::Sharing;

/// Time in which workers should begin.
const UNTIL_WORKERS: Duration = Duration::from_hours(2);

/// What the planner works with. `T` is what is planned for: a cluster, a server, or either of both.
pub struct Planner<'a, T = Cluster> {
    /// The configuration.
    pub config: &'a Config,
    /// Clock and randomness.
    pub env: &'a Env,
    /// The dump.
    pub source: &'a Store,
    /// The target.
    pub cluster: &'a T,
    /// Where the plan goes.
    pub ledger: &'a Ledger,
    /// Where the jobs go.
    pub queue: &'a dyn Queue,
    /// The import's id.
    pub import_id: &'a str,
}

/// A message of the queue: which job of which import. A pointer, never data.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct JobMessage {
    /// The import.
    pub import_id: String,
    /// The job.
    pub job: JobId,
}

impl Planner<'_, Opened> {
    /// Makes the plan and enqueues its jobs. If the ledger holds a plan already, that one is taken and
    /// its unfinished jobs are enqueued again.
    pub async fn run(&self) -> Result<Plan, Fault> {
        match self.cluster {
            Opened::Cluster(cluster) => self.of(&**cluster).run().await,
            Opened::Server(server) => self.of(server).run().await,
        }
    }
}

impl<T> Planner<'_, T> {
    /// The same for one kind of target.
    fn of<'b, U>(&'b self, cluster: &'b U) -> Planner<'b, U> {
        let &Self { config, env, source, cluster: _, ledger, queue, import_id } = self;
        Planner { config, env, source, cluster, ledger, queue, import_id }
    }

    /// Whether the ledger can take a plan, and the one it has already.
    async fn begin(&self) -> Result<Option<Plan>, Fault> {
        self.ledger.probe().await.map_err(|error| fault::of_ledger(&error))?;
        let plan = self.resumable().await?;
        if let Some(plan) = &plan {
            tracing::info!(import = %plan.import_id, jobs = plan.jobs, "resuming the plan in the ledger");
        }
        Ok(plan)
    }

    /// The plan that the ledger has already, unless it cannot be gone on with.
    async fn resumable(&self) -> Result<Option<Plan>, Fault> {
        self.check_open().await?;
        let plan = self.ledger.plan().await.map_err(|error| fault::of_ledger(&error))?;
        if let Some(plan) = &plan {
            self.check_source(plan)?;
        }
        Ok(plan)
    }

    fn conflict_policy(&self) -> ConflictPolicy {
        let configured = &self.config.conflict;
        let strategy = match configured.strategy.as_str() {
            "replace" => ConflictStrategy::Replace,
            "ignore" => ConflictStrategy::Ignore,
            _ => ConflictStrategy::Error,
        };
        ConflictPolicy { strategy, threshold: u64::try_from(configured.threshold).unwrap_or(0) }
    }

    fn other_backend(&self, backend: &str) -> Fault {
        Fault::new(
            Code::LedgerConflict,
            format!("{} holds a plan for the backend `{backend}`", self.ledger.display()),
        )
    }

    /// Whether the import has its outcome.
    async fn is_decided(&self) -> Result<bool, Fault> {
        self.ledger.verdict().await.map(|found| found.is_some()).map_err(|error| fault::of_ledger(&error))
    }

    /// An import that has failed stays so: its marker is never taken back.
    async fn check_open(&self) -> Result<(), Fault> {
        let verdict = self.ledger.verdict().await.map_err(|error| fault::of_ledger(&error))?;
        match verdict.map(|verdict| verdict.outcome) {
            Some(Outcome::Failed(_)) => Err(Fault::new(
                Code::LedgerConflict,
                format!(
                    "the import {} has failed before, {}/FAILED.json says why; start anew with another import id",
                    self.import_id,
                    self.ledger.display()
                ),
            )),
            _ => Ok(()),
        }
    }

    /// A plan that is there is only taken when it is for the same source.
    fn check_source(&self, plan: &Plan) -> Result<(), Fault> {
        if plan.source != self.source.display_base {
            return Err(Fault::new(
                Code::LedgerConflict,
                format!(
                    "{} holds a plan for the source {}, not {}",
                    self.ledger.display(),
                    plan.source,
                    self.source.display_base
                ),
            ));
        }
        Ok(())
    }

    /// Lists the dump, without touching the target.
    pub async fn discover(&self) -> Result<Dump, Fault> {
        let dump = th_dump::discover(self.source, &th_connect::rules(self.config))
            .await
            .map_err(|error| fault::of_dump(&error))?;
        for (path, reason) in &dump.ignored {
            tracing::info!(path, reason, "ignored");
        }
        Step::Listed.reached();
        tracing::info!(
            tables = dump.tables.len(),
            files = dump.tables.iter().map(|table| table.data.len()).sum::<usize>(),
            bytes = dump.tables.iter().map(TableFiles::size).sum::<u64>(),
            "listed the dump"
        );
        Ok(dump)
    }

    /// A table that has data files, and that neither the dump nor the target defines.
    fn undefined(&self, files: &TableFiles) -> Fault {
        let first =
            files.data.first().map_or_else(String::new, |file| self.source.display(&file.path).to_string());
        Fault::new(
            Code::SchemaMissing,
            format!(
                "table `{}`.`{}` has data but neither the dump nor the target defines it",
                files.db, files.table
            ),
        )
        .at(first)
        .of_table(&files.db, &files.table)
    }

    /// Bytes of a piece of a large file, and how it is cut off.
    fn cutting(&self, sizes: jobs::JobSize) -> (u64, Cutting) {
        match (self.config.mydumper.strict_format, self.config.thunderhead.split_files) {
            (true, _) => (self.config.mydumper.max_region_size.0, Cutting::StrictFormat),
            (false, true) => (sizes.0, Cutting::ByLooking),
            (false, false) => (sizes.0, Cutting::No),
        }
    }

    fn ignored_columns(&self, db: &str, table: &str) -> Vec<String> {
        let same = |left: &str, right: &str| left.eq_ignore_ascii_case(right);
        self.config
            .mydumper
            .ignore_data_columns
            .iter()
            .filter(|entry| {
                let by_filter = !entry.table_filter.is_empty()
                    && th_dump::TableFilter::compile(
                        &entry.table_filter,
                        self.config.mydumper.case_sensitive,
                    )
                    .is_ok_and(|filter| filter.matches_table(db, table));
                by_filter || (same(&entry.db, db) && same(&entry.table, table))
            })
            .flat_map(|entry| entry.columns.iter().map(|column| column.to_lowercase()))
            .collect()
    }

    /// Enqueues every job without a result, the largest first, so that the tail is short.
    async fn enqueue(&self, plan: &Plan) -> Result<(), Fault> {
        if self.is_decided().await? {
            return Ok(());
        }
        let finished = self.ledger.finished_jobs().await.map_err(|error| fault::of_ledger(&error))?;
        let mut open: Vec<(u64, u32)> = plan
            .tables
            .iter()
            .flat_map(|table| {
                let count = u64::from(table.jobs.end - table.jobs.start).max(1);
                table.jobs.clone().map(move |job| (table.source_bytes / count, job))
            })
            .filter(|(_, job)| finished.binary_search(&JobId(*job)).is_err())
            .collect();
        open.sort_by_key(|&(bytes, job)| (std::cmp::Reverse(bytes), job));
        let bodies: Vec<String> = open
            .iter()
            .filter_map(|&(_, job)| {
                serde_json::to_string(&JobMessage { import_id: plan.import_id.clone(), job: JobId(job) }).ok()
            })
            .collect();
        self.queue.send(&bodies).await.map_err(|error| fault::of_queue(&error))?;
        Step::Enqueued.reached();
        tracing::info!(jobs = bodies.len(), queue = self.queue.name(), "jobs enqueued");
        Ok(())
    }
}

impl Planner<'_> {
    /// See [`Planner::run`].
    pub async fn run(&self) -> Result<Plan, Fault> {
        let plan = match self.begin().await? {
            Some(plan) => {
                let plan = self.check_same(plan)?;
                self.check_before_resume(&plan).await?;
                plan
            }
            None => self.make().await?,
        };
        self.enqueue(&plan).await?;
        Ok(plan)
    }

    /// A plan that is there is only taken when it is for the same cluster.
    fn check_same(&self, plan: Plan) -> Result<Plan, Fault> {
        if plan.backend != Backend::Local {
            return Err(self.other_backend("tidb"));
        }
        if plan.target.cluster_id != self.cluster.pd.cluster_id() {
            return Err(Fault::new(
                Code::LedgerConflict,
                format!(
                    "{} holds a plan for cluster {}, this is cluster {}",
                    self.ledger.display(),
                    plan.target.cluster_id,
                    self.cluster.pd.cluster_id()
                ),
            ));
        }
        Ok(plan)
    }

    async fn make(&self) -> Result<Plan, Fault> {
        let mut sharing = self.sharing()?;
        let made = self.make_shared(&mut sharing).await;
        if let (Err(_), Some(sharing)) = (&made, sharing) {
            sharing.leave_unplanned().await;
        }
        made
    }

    async fn make_shared(&self, sharing: &mut Option<Sharing>) -> Result<Plan, Fault> {
        let mut read = th_connect::read_options(self.config)?;
        let mut dump = self.discover().await?;
        let tidb = self.tidb()?;
        self.refuse_keyspaces(tidb).await?;
        self.check_before_plan(&dump).await?;
        let version = tidb.version().await.map_err(|error| fault::of_cluster(&error))?;
        let replicas = schemas::create(self, tidb, &dump).await?;
        Step::SchemasMade.reached();
        let deferred = self.put_off(&dump, replicas).await?;
        let session = self.session(tidb).await?;
        read.time_zone.clone_from(&session.time_zone);
        let mut tables = Vec::with_capacity(dump.tables.len());
        let mut made = jobs::Jobs::default();
        let sizes = jobs::JobSize::choose(self.config.thunderhead.job_size.0, &dump);
        let source_bytes = dump.tables.iter().map(TableFiles::size).sum();
        for files in std::mem::take(&mut dump.tables) {
            let span = tracing::info_span!("table", import_id = %self.import_id, table = %format!("{}.{}", files.db, files.table));
            let planning = self.plan_table(files, &session, &read, sizes, tables.len(), &mut made, sharing);
            let mut planned = planning.instrument(span).await?;
            let noted = deferred.as_ref().and_then(|noted| noted.table(&planned.db, &planned.name));
            planned.gets_indexes = noted.is_some_and(|noted| !noted.indexes.is_empty());
            tables.push(planned);
        }
        let first_commit_ts = self.give_timestamps(&mut made.jobs).await?;
        Step::TimestampsGiven.reached();
        let conflict = self.conflict_policy();
        if conflict.strategy == ConflictStrategy::Replace {
            self.hold_versions(first_commit_ts).await?;
            Step::VersionsHeld.reached();
        }
        let plan = Plan {
            format: FORMAT,
            import_id: self.import_id.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            created_micros: self.env.now_micros(),
            source: self.source.display_base.clone(),
            backend: Backend::Local,
            target: Target {
                pd: self.cluster.pd.endpoints(),
                cluster_id: self.cluster.pd.cluster_id(),
                version,
            },
            session,
            read,
            max_rejected: self.config.max_type_errors(),
            conflict,
            first_commit_ts,
            shared: sharing.is_some().then(|| Shared { books_schema: self.config.checkpoint.schema.clone() }),
            source_bytes,
            tables,
            jobs: made.jobs.len() as u32,
            attempt: self.env.uuid(),
        };
        if let Some(sharing) = sharing {
            sharing.begin_writing().await?;
        }
        let written = self.ledger.write_plan(&plan, &made.jobs, &made.cut_files).await;
        written.map_err(|error| fault::of_ledger(&error))?;
        Step::PlanWritten.reached();
        tracing::info!(import = %plan.import_id, tables = plan.tables.len(), jobs = plan.jobs, "plan written");
        schemas::create_views(self, tidb, &dump).await?;
        Step::ViewsMade.reached();
        Ok(plan)
    }

    /// Keys of a keyspace (API v2) begin with its number, which nothing here writes.
    async fn refuse_keyspaces(&self, tidb: &Tidb) -> Result<(), Fault> {
        let settings = tidb.settings().await.map_err(|error| fault::of_cluster(&error))?;
        let what = if settings.keyspace_name.is_empty() {
            match self.cluster.smallest_region_config().await {
                Ok(stores) if stores.api_version == 2 => "TiKV's `storage.api-version` is 2".to_owned(),
                Ok(_) => return Ok(()),
                Err(error) => {
                    tracing::warn!(%error, "the stores' api version is not known");
                    return Ok(());
                }
            }
        } else {
            format!("TiDB works in the keyspace `{}`", settings.keyspace_name)
        };
        let message = format!(
            "{what}: keyspaces (API v2) are not supported by a physical import; use `tikv-importer.backend = \"tidb\"`"
        );
        Err(Fault::new(Code::BadConfig, message))
    }

    fn tidb(&self) -> Result<&th_cluster::Tidb, Fault> {
        self.cluster.tidb().map_err(|error| fault::of_cluster(&error))
    }

    /// Keeps garbage collection away from the import's versions until workers and finalizer hold them.
    async fn hold_versions(&self, first_commit_ts: u64) -> Result<(), Fault> {
        let mut options = LeaseOptions::new(self.import_id, "planner", Vec::new());
        options.import_mode = false;
        options.pause = PauseScope::None;
        options.safe_point = Some(first_commit_ts.saturating_sub(1));
        options.ttl = UNTIL_WORKERS;
        // Dropped, not released: it expires.
        self.cluster.lease(options).await.map(drop).map_err(|error| fault::of_cluster(&error))
    }

    /// The session rows are encoded in, as far as it is not configured: the target's.
    async fn session(&self, tidb: &Tidb) -> Result<Session, Fault> {
        let asked = async {
            let zone = tidb.global_variable("time_zone").await?.unwrap_or_default();
            let zone =
                if zone.is_empty() || zone == "SYSTEM" { tidb.system_time_zone().await? } else { Some(zone) };
            Ok((zone, tidb.new_collation_enabled().await?))
        };
        let (zone, new_collation) = asked.await.map_err(|error| fault::of_cluster(&error))?;
        // As Lightning: what expressions depend on is the target's, unless it is set for the session.
        let set = &self.config.tidb.session_vars;
        let own = |name: &str| {
            set.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
        };
        let mut variables = BTreeMap::new();
        for name in th_job::VARIABLES {
            let value = match own(name) {
                Some(value) => Some(value),
                None => tidb.global_variable(name).await.map_err(|error| fault::of_cluster(&error))?,
            };
            variables.extend(value.map(|value| (name.to_owned(), value)));
        }
        let configured = Some(self.config.thunderhead.time_zone.clone()).filter(|zone| !zone.is_empty());
        let time_zone = configured.or_else(|| own("time_zone")).or(zone).unwrap_or_else(|| "UTC".to_owned());
        let session = Session {
            sql_mode: self.config.tidb.sql_mode.clone(),
            variables,
            time_zone,
            now_micros: self.env.now_seconds() * 1_000_000,
            new_collation,
        };
        th_job::context(&session)?;
        Ok(session)
    }

    async fn plan_table(
        &self,
        files: TableFiles,
        session: &Session,
        read: &th_dump::ReadOptions,
        sizes: jobs::JobSize,
        number: usize,
        made: &mut jobs::Jobs,
        sharing: &mut Option<Sharing>,
    ) -> Result<PlannedTable, Fault> {
        let (db, name) = (&files.db.clone(), &files.table.clone());
        let tidb = self.tidb()?;
        let json =
            tidb.table_info(db, name).await.map_err(|error| fault::of_cluster(&error).of_table(db, name))?;
        let table =
            Table::from_json(db, json.as_bytes()).map_err(|error| fault::of_schema(&error, db, name))?;
        let table = Arc::new(table);
        let mut encoder = Encoder::new(Arc::clone(&table), encoder_options(session)?)
            .map_err(|error| fault::of_plan(&error, db, name))?;
        let ignored_columns = self.ignored_columns(db, name);
        match sharing {
            _ if files.data.is_empty() => {}
            Some(sharing) => sharing.join(self, &table).await?,
            None => self.check_alone(&table).await?,
        }
        let columns = probe::source_columns(self.source, &files, read, &ignored_columns).await?;
        self.fit_columns(&files, &mut encoder, &columns, &ignored_columns)?;
        let first_base = match sharing {
            // Known once it is known how many are wanted.
            Some(_) => 0,
            None => {
                let next = tidb.next_ids(db, name).await.map_err(|error| fault::of_cluster(&error))?;
                next.iter().map(|id| id.next.saturating_sub(1)).max().unwrap_or(0)
            }
        };
        let column_count = columns.names.map_or(table.info.columns.len(), |names| names.len());
        let (piece, how) = self.cutting(sizes);
        let splits = probe::splits(self.source, &files, read, piece, how).await?;
        let source_bytes = files.size();
        let (first_job, first_cut_file) = (made.jobs.len() as u32, made.cut_files.len());
        let row_id_end = jobs::cut(
            self.import_id,
            number as u32,
            files,
            &splits,
            column_count as u64,
            first_base,
            sizes,
            made,
        )
        .map_err(|error| Fault::from_error(Code::BadConfig, &error).of_table(db, name))?;
        let mut planned = PlannedTable {
            db: db.clone(),
            name: name.clone(),
            info: RawValue::from_string(json).map_err(|error| {
                Fault::new(Code::Internal, format!("the table definition is not JSON: {error}"))
                    .of_table(db, name)
            })?,
            columns: Vec::new(),
            ignored_columns,
            source_bytes,
            jobs: first_job..made.jobs.len() as u32,
            row_id_end,
            before: Pairs::default(),
            gets_indexes: false,
        };
        if let (Some(sharing), false) = (sharing, planned.jobs.is_empty()) {
            let move_by = |by| made.move_row_ids(first_job as usize, first_cut_file, by);
            sharing.reserve(&table, &mut planned, move_by).await?;
        }
        Ok(planned)
    }

    /// Whether the columns that the source names are those of the table, and the others have a value.
    fn fit_columns(
        &self,
        files: &TableFiles,
        encoder: &mut Encoder,
        columns: &probe::SourceColumns,
        ignored: &[String],
    ) -> Result<(), Fault> {
        let (Some(columns), Some(file)) = (&columns.names, files.data.first()) else { return Ok(()) };
        let constants: Vec<(String, Vec<u8>)> =
            file.constants.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
        encoder
            .set_columns(Some(columns), ignored)
            .and_then(|()| encoder.set_constants(&constants))
            .and_then(|()| encoder.check_defaults())
            .map_err(|error| {
                Fault::from_error(Code::BadColumns, &error)
                    .at(self.source.display(&file.path))
                    .of_table(&files.db, &files.table)
            })
    }

    /// One timestamp a job, from as few requests as PD allows: the first job has the latest, so that of pairs
    /// with equal keys the first in the source is the one that is seen. Returns the earliest.
    async fn give_timestamps(&self, jobs: &mut [Job]) -> Result<u64, Fault> {
        const MOST: usize = 200_000;
        let mut earliest = 0;
        for part in jobs.rchunks_mut(MOST) {
            let first =
                self.cluster.pd.tso(part.len() as u32).await.map_err(|error| fault::of_cluster(&error))?;
            for (ts, job) in (first..).zip(part.iter_mut().rev()) {
                job.commit_ts = ts;
            }
            earliest = if earliest == 0 { first } else { earliest };
        }
        Ok(earliest)
    }
}

/// The target table is to be empty, and is not.
fn holds_rows(db: &str, name: &str) -> Fault {
    Fault::new(Code::TargetNotEmpty, format!("the target table `{db}`.`{name}` holds rows"))
        .of_table(db, name)
}
