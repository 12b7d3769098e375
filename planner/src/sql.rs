//! Planning an import by SQL: the same dump, jobs and ledger, but columns instead of key layouts, and books in
//! the target instead of timestamps. Neither PD nor TiKV is asked anything, and tables may hold rows.

use serde_json::value::RawValue;
use th_connect::fault;
use th_dump::{Dump, TableFiles};
use th_env::Step;
use th_errors::{Code, Fault};
use th_ledger::{Backend, FORMAT, Plan, PlannedColumn, PlannedTable, Session, SqlPlan, Target};
use th_mysql::{Books, Server, TableFacts};
use th_types::TimeZone;

use crate::{Planner, jobs, probe, schemas};

/// TiDB's column of the hidden row id, which an INSERT may name.
const ROW_ID: &str = "_tidb_rowid";

impl Planner<'_, Server> {
    /// See [`Planner::run`].
    pub async fn run(&self) -> Result<Plan, Fault> {
        let plan = match self.begin().await? {
            Some(plan) if matches!(plan.backend, Backend::Tidb(_)) => {
                self.check_inputs_again(&plan).await?;
                plan
            }
            Some(_) => return Err(self.other_backend("local")),
            None => self.make().await?,
        };
        self.enqueue(&plan).await?;
        Ok(plan)
    }

    async fn make(&self) -> Result<Plan, Fault> {
        let server = self.cluster;
        let mut read = th_connect::read_options(self.config)?;
        let mut dump = self.discover().await?;
        self.check_before_plan(&dump).await?;
        schemas::create(self, server, &dump).await?;
        Step::SchemasMade.reached();
        read.time_zone = self.reading_zone().await?;
        let mut tables = Vec::with_capacity(dump.tables.len());
        let mut made = jobs::Jobs::default();
        let sizes = jobs::JobSize::choose(self.config.thunderhead.job_size.0, &dump);
        let source_bytes = dump.tables.iter().map(TableFiles::size).sum();
        for files in std::mem::take(&mut dump.tables) {
            tables.push(self.plan_table(files, &read, sizes, tables.len(), &mut made).await?);
        }
        let books = self.env.uuid().replace('-', "");
        let plan = Plan {
            format: FORMAT,
            import_id: self.import_id.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            created_micros: self.env.now_micros(),
            source: self.source.display_base.clone(),
            backend: Backend::Tidb(SqlPlan {
                server: server.endpoint().to_owned(),
                books_schema: self.config.checkpoint.schema.clone(),
                books,
            }),
            target: Target { pd: Vec::new(), cluster_id: 0, version: server.version().to_owned() },
            session: Session {
                sql_mode: self.config.tidb.sql_mode.clone(),
                variables: self.config.tidb.session_vars.clone(),
                // What is not configured is left to the server.
                time_zone: self.config.thunderhead.time_zone.clone(),
                now_micros: self.env.now_seconds() * 1_000_000,
                new_collation: true,
            },
            read,
            max_rejected: self.config.max_type_errors(),
            conflict: self.conflict_policy(),
            first_commit_ts: 0,
            shared: None,
            source_bytes,
            tables,
            jobs: made.jobs.len() as u32,
            attempt: self.env.uuid(),
        };
        self.commit(&plan, &made, &dump).await?;
        Ok(plan)
    }

    /// The books first: a plan that is there has its books.
    async fn commit(&self, plan: &Plan, made: &jobs::Jobs, dump: &Dump) -> Result<(), Fault> {
        if let Backend::Tidb(sql) = &plan.backend {
            let books = Books::new(&sql.books_schema, &sql.books);
            books
                .open(self.cluster, self.ledger.display(), plan.jobs)
                .await
                .map_err(|error| fault::of_sql(&error))?;
            Step::BooksOpened.reached();
        }
        let written = self.ledger.write_plan(plan, &made.jobs, &made.cut_files).await;
        written.map_err(|error| fault::of_ledger(&error))?;
        Step::PlanWritten.reached();
        tracing::info!(import = %plan.import_id, tables = plan.tables.len(), jobs = plan.jobs, "plan written");
        schemas::create_views(self, self.cluster, dump).await?;
        Step::ViewsMade.reached();
        Ok(())
    }

    /// The zone that moments of Parquet files, which count from UTC, are written out in: the session's.
    async fn reading_zone(&self) -> Result<String, Fault> {
        let configured = &self.config.thunderhead.time_zone;
        if !configured.is_empty() {
            TimeZone::parse(configured)
                .map_err(|error| Fault::new(Code::BadConfig, format!("thunderhead.time-zone: {error}")))?;
            return Ok(configured.clone());
        }
        let ask = |name: &'static str| async move {
            self.cluster.variable(name).await.map_err(|error| fault::of_sql(&error))
        };
        let mut zone = ask("time_zone").await?.unwrap_or_default();
        if zone.is_empty() || zone.eq_ignore_ascii_case("system") {
            zone = ask("system_time_zone").await?.unwrap_or_default();
        }
        if TimeZone::parse(&zone).is_ok() {
            return Ok(zone);
        }
        tracing::warn!(zone, "the server's time zone is not known here; parquet moments are written in UTC");
        Ok("UTC".to_owned())
    }

    async fn plan_table(
        &self,
        files: TableFiles,
        read: &th_dump::ReadOptions,
        sizes: jobs::JobSize,
        number: usize,
        made: &mut jobs::Jobs,
    ) -> Result<PlannedTable, Fault> {
        let (db, name) = (&files.db.clone(), &files.table.clone());
        let facts = self.cluster.table(db, name).await.map_err(|error| fault::of_sql(&error))?;
        let facts = facts.ok_or_else(|| {
            Fault::new(Code::SchemaMissing, "the target has no such table").of_table(db, name)
        })?;
        if !facts.is_transactional() {
            tracing::warn!(db, name, engine = %facts.engine, "the table's engine has no transactions: rows of a job that is interrupted can be written twice");
        }
        let ignored_columns = self.ignored_columns(db, name);
        let columns = probe::source_columns(self.source, &files, read, &ignored_columns).await?;
        self.named_columns_fit(&files, &facts, &columns, &ignored_columns)?;
        let (piece, how) = self.cutting(sizes);
        let splits = probe::splits(self.source, &files, read, piece, how).await?;
        let source_bytes = files.size();
        let first_job = made.jobs.len() as u32;
        let row_id_end = jobs::cut(
            self.import_id,
            number as u32,
            files,
            &splits,
            facts.columns.len() as u64,
            0,
            sizes,
            made,
        )
        .map_err(|error| Fault::from_error(Code::BadConfig, &error).of_table(db, name))?;
        let columns = facts.columns.into_iter().map(|column| PlannedColumn {
            name: column.name.to_lowercase(),
            bytes: column.bytes,
            generated: column.generated,
            invisible: column.invisible,
        });
        Ok(PlannedTable {
            db: db.clone(),
            name: name.clone(),
            info: RawValue::NULL.to_owned(),
            columns: columns.collect(),
            ignored_columns,
            source_bytes,
            jobs: first_job..made.jobs.len() as u32,
            row_id_end,
            before: th_ledger::Pairs::default(),
            gets_indexes: false,
        })
    }
}

pub(crate) fn has(facts: &TableFacts, name: &str) -> bool {
    name == ROW_ID || facts.columns.iter().any(|column| column.name.to_lowercase() == *name)
}
