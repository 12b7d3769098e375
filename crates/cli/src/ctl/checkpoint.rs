//! Verbs about imports in the ledger.

use std::ops::Range;

use th_cluster::quote_table;
use th_config::Config;
use th_connect::{LONG_STATEMENT, Target, fault};
use th_dump::Location;
use th_env::Env;
use th_errors::{Code, Fault};
use th_ledger::{Backend, Failed, Ledger, Outcome, Plan, PlannedTable, SILENT_AFTER, Verdict, WorkerState};
use th_mysql::Books;

use super::Which;

/// An import of the ledger.
pub(super) struct Found {
    pub(super) id: String,
    pub(super) ledger: Ledger,
    pub(super) plan: Option<Plan>,
    pub(super) verdict: Option<Verdict>,
}

impl Found {
    fn failed(&self) -> Option<&Failed> {
        match &self.verdict.as_ref()?.outcome {
            Outcome::Failed(failed) => Some(failed),
            Outcome::Complete(_) => None,
        }
    }

    /// The same; that it has not failed is said.
    fn failed_or_say(&self) -> Option<&Failed> {
        let failed = self.failed();
        if failed.is_none() {
            println!("not failed\t{}", self.id);
        }
        failed
    }

    /// Takes its errors back, those of some tables or all.
    async fn reopen(&self, which: &Which, failed: &Failed) -> Result<(), Fault> {
        let jobs: Option<Vec<Range<u32>>> = (*which != Which::All).then(|| {
            let wanted = self.tables().iter().filter(|table| which.has(&table.db, &table.name));
            wanted.map(|table| table.jobs.clone()).collect()
        });
        for fault in &failed.faults {
            println!("ignored\t{}\t{}\t{}", self.id, fault.code, fault.message);
        }
        let failures = self.ledger.reopen(jobs.as_deref()).await.map_err(|error| fault::of_ledger(&error))?;
        println!(
            "reopened\t{}\t{failures} failed jobs; go on with `thunderhead import --import-id {}`",
            self.id, self.id
        );
        Ok(())
    }

    /// The tables that are not known to be good, which must be its own.
    fn tables_to_drop(&self, failed: &Failed) -> Result<Vec<&PlannedTable>, Fault> {
        let is_good = |table: &&PlannedTable| {
            let mut reports = failed.tables.iter();
            reports.any(|report| {
                report.db == table.db && report.name == table.name && report.verdict == "verified"
            })
        };
        let bad: Vec<&PlannedTable> = self.tables().iter().filter(|table| !is_good(table)).collect();
        // An import into tables that held rows, or may have: they are not ours to drop.
        let shared = bad.iter().find(|table| table.before.pairs > 0);
        let by_sql = self.plan.as_ref().is_some_and(|plan| plan.backend != Backend::Local);
        if shared.is_some() || by_sql {
            let why = shared.map_or_else(
                || "rows were written by SQL, beside those that were there".to_owned(),
                |table| format!("`{}`.`{}` held rows before the import", table.db, table.name),
            );
            let advice = "remove what it wrote by hand, then use -checkpoint-remove";
            return Err(Fault::new(
                Code::LedgerConflict,
                format!("the tables of {} are not dropped: {why}; {advice}", self.id),
            ));
        }
        Ok(bad)
    }

    fn tables(&self) -> &[PlannedTable] {
        self.plan.as_ref().map_or(&[], |plan| &plan.tables)
    }

    fn has(&self, which: &Which) -> bool {
        *which == Which::All || self.tables().iter().any(|table| which.has(&table.db, &table.name))
    }

    /// What is to be forgotten must be forgotten whole.
    fn must_be_whole(&self, which: &Which, verb: &str) -> Result<(), Fault> {
        if *which == Which::All || self.tables().len() <= 1 {
            return Ok(());
        }
        Err(Fault::new(
            Code::BadConfig,
            format!(
                "the import {} has one plan for {} tables, which is not taken apart: use -{verb}=all, then import what \
                 is wanted with -f under a new import id",
                self.id,
                self.tables().len()
            ),
        ))
    }

    /// Nobody may work on it.
    async fn must_be_idle(&self, env: &Env) -> Result<(), Fault> {
        if self.verdict.is_some() {
            return Ok(());
        }
        let silent = i64::try_from(SILENT_AFTER.as_micros()).unwrap_or(i64::MAX);
        let workers = self.ledger.workers().await.map_err(|error| fault::of_ledger(&error))?;
        let now = env.now_micros();
        let alive = workers
            .iter()
            .find(|worker| worker.state != WorkerState::Done && now - worker.seen_micros < silent);
        match alive {
            None => Ok(()),
            Some(worker) => Err(Fault::new(
                Code::LedgerConflict,
                format!(
                    "the import {} runs: worker {} reported {} s ago; stop it, then wait {} s",
                    self.id,
                    worker.worker,
                    (now - worker.seen_micros) / 1_000_000,
                    SILENT_AFTER.as_secs()
                ),
            )),
        }
    }
}

/// The imports that a command line means.
pub(super) async fn find(config: &Config, import_id: Option<&str>) -> Result<Vec<Found>, Fault> {
    let ids = match import_id {
        Some(id) => vec![id.to_owned()],
        None => th_connect::imports(config).await?,
    };
    let base = |url: &str| Location::parse(url).map_or_else(|_| url.to_owned(), |at| at.display_base());
    let configured = &config.mydumper.data_source_dir;
    let wanted = (import_id.is_none() && !configured.is_empty()).then(|| base(configured));
    let mut all = Vec::new();
    for id in ids {
        let ledger = th_connect::ledger(config, &id)?;
        let plan = ledger.plan().await.map_err(|error| fault::of_ledger(&error))?;
        let verdict = ledger.verdict().await.map_err(|error| fault::of_ledger(&error))?;
        let source = match (&plan, &verdict) {
            (Some(plan), _) => plan.source.clone(),
            (None, Some(Verdict { outcome: Outcome::Failed(failed), .. })) => failed.source.clone(),
            // Not an import's folder, or one that was hardly begun.
            _ => continue,
        };
        if wanted.as_ref().is_none_or(|wanted| base(&source) == *wanted) {
            all.push(Found { id, ledger, plan, verdict });
        }
    }
    if all.is_empty() {
        let of = import_id.map_or_else(|| "for this source".to_owned(), |id| format!("with the id {id}"));
        let message = format!("the ledger {} has no import {of}", base(&config.thunderhead.ledger));
        return Err(Fault::new(Code::BadConfig, message));
    }
    Ok(all)
}

/// What a verb about imports is asked to do.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) config: &'a Config,
    pub(super) env: &'a Env,
    pub(super) import_id: Option<&'a str>,
    pub(super) which: &'a Which,
}

impl Asked<'_> {
    /// The imports that have the tables; none is an error.
    async fn found(&self) -> Result<Vec<Found>, Fault> {
        let mut found = find(self.config, self.import_id).await?;
        found.retain(|import| import.has(self.which));
        match (found.is_empty(), self.which) {
            (true, Which::Table(db, table)) => Err(Fault::new(
                Code::BadConfig,
                format!("no import of the ledger has a table `{db}`.`{table}`"),
            )),
            _ => Ok(found),
        }
    }

    /// `-checkpoint-remove`: the next import begins anew.
    pub(super) async fn remove(self) -> Result<(), Fault> {
        let found = self.found().await?;
        for import in &found {
            import.must_be_whole(self.which, "checkpoint-remove")?;
            import.must_be_idle(self.env).await?;
        }
        for import in &found {
            forget(self.config, self.env, import).await?;
        }
        Ok(())
    }

    /// `-checkpoint-error-ignore`: a failed import goes on where it was, as far as its errors let it.
    pub(super) async fn ignore_errors(self) -> Result<(), Fault> {
        for import in self.found().await? {
            import.must_be_idle(self.env).await?;
            if let Some(failed) = import.failed_or_say() {
                import.reopen(self.which, failed).await?;
            }
        }
        Ok(())
    }

    /// `-checkpoint-error-destroy`: the tables of a failed import go, and so does the import.
    pub(super) async fn destroy(self) -> Result<(), Fault> {
        for import in self.found().await? {
            let Some(failed) = import.failed_or_say() else { continue };
            import.must_be_whole(self.which, "checkpoint-error-destroy")?;
            let bad = import.tables_to_drop(failed)?;
            drop_tables(self.config, self.env, &import, &bad).await?;
            forget(self.config, self.env, &import).await?;
        }
        Ok(())
    }
}

async fn forget(config: &Config, env: &Env, import: &Found) -> Result<(), Fault> {
    if let Some(plan) = &import.plan
        && let Backend::Tidb(sql) = &plan.backend
        && !matches!(&import.verdict, Some(Verdict { outcome: Outcome::Complete(_), .. }))
    {
        // Without the ledger nobody would ask for the notes again.
        let closed = match th_connect::target(config, Some(plan), true, env).await {
            Ok(Target::Server(server)) => Books::new(&sql.books_schema, &sql.books)
                .close(&server, import.ledger.display())
                .await
                .map_err(|error| fault::of_sql(&error)),
            Ok(Target::Cluster(_)) => Ok(()),
            Err(found) => Err(found),
        };
        if let Err(found) = closed {
            tracing::warn!(schema = %sql.books_schema, problem = %found.message, "the import's notes stay in the target");
        }
    }
    let objects = import.ledger.remove().await.map_err(|error| fault::of_ledger(&error))?;
    println!("removed\t{}\t{objects} objects", import.id);
    Ok(())
}

async fn drop_tables(
    config: &Config,
    env: &Env,
    import: &Found,
    tables: &[&PlannedTable],
) -> Result<(), Fault> {
    if tables.is_empty() {
        return Ok(());
    }
    let Target::Cluster(cluster) = th_connect::target(config, import.plan.as_ref(), true, env).await? else {
        return Ok(());
    };
    let tidb = cluster.tidb().map_err(|error| fault::of_cluster(&error))?;
    for table in tables {
        let statement = format!("DROP TABLE IF EXISTS {}", quote_table(&table.db, &table.name));
        tidb.execute_within(&statement, LONG_STATEMENT).await.map_err(|error| fault::of_cluster(&error))?;
        println!("dropped\t{}.{}", table.db, table.name);
    }
    Ok(())
}
