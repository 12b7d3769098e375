//! Measuring what [`th_checks`] decides on, before a plan is made and for `thunderhead check`.
//!
//! The target is only asked, never told anything; the ledger is tried with an object that is removed again. The
//! same functions guard the plan itself, so a line here and a refusal there never disagree.

mod by_sql;
mod here;
mod look;
mod sample;
mod tables;
mod target;

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use th_checks::{Level, Line, Report};
use th_config::Config;
use th_connect::{Target, fault};
use th_dump::{Dump, TableFiles};
use th_env::Env;
use th_errors::{Code, Fault};
use th_ledger::{Backend, Ledger, Plan};
use th_mysql::Server;

use crate::Planner;

/// What `source-permission` wants to hear of.
pub(crate) type Seen = Result<(usize, Option<String>), Fault>;

/// Makes all checks of an import and changes nothing.
///
/// Without `import_id` a new import is meant; with one, the import that the ledger holds, if it does.
pub async fn check(config: &Config, env: &Env, import_id: Option<&str>) -> Report {
    let mut report = Report::default();
    let ledger = match here::try_ledger(config, env).await {
        Ok(()) => {
            report.add(Line::pass("ledger", "written once, refused twice, removed", here::LEDGER));
            match import_id.filter(|_| here::ledger_exists(config)) {
                Some(id) => th_connect::ledger(config, id).ok(),
                None => None,
            }
        }
        Err(found) => {
            report.add(Line::of_fault("ledger", here::LEDGER, found));
            None
        }
    };
    // A new import has an empty ledger, and so has one whose ledger cannot be opened.
    let ledger =
        ledger.unwrap_or_else(|| Ledger::new(Arc::new(InMemory::new()), &Path::default(), "memory", "check"));
    let queue = th_connect::queue(config).await;
    report.add(here::queue(config, &*queue).await);
    let source = match th_connect::source(&config.mydumper.data_source_dir) {
        Ok(source) => source,
        Err(found) => {
            report.add(th_checks::source_permission(Err(found)));
            return report;
        }
    };
    let target = match th_connect::target(config, None, true, env).await {
        Ok(target) => target,
        Err(found) => {
            report.add(Line::of_fault("target", "PD, TiKV and TiDB answer", found));
            return report;
        }
    };
    let planner = Planner {
        config,
        env,
        source: &source,
        cluster: &target,
        ledger: &ledger,
        queue: &*queue,
        import_id: import_id.unwrap_or("check"),
    };
    let made = match &target {
        Target::Cluster(cluster) => planner.of(&**cluster).fill(&mut report).await,
        Target::Server(server) => planner.of(server).fill(&mut report).await,
    };
    if let Err(found) = made {
        report.add(Line::of_fault("target", "it answers what an import asks", found));
    }
    report
}

/// Writes lines to the log, and gives the fault of those that failed.
pub(crate) fn conclude(report: &Report) -> Result<(), Fault> {
    for line in &report.lines {
        let Line { check, measured, threshold, advice, .. } = line;
        match line.level {
            Level::Pass => tracing::debug!(check, measured, wanted = threshold, "check passed"),
            Level::Warn => tracing::warn!(check, measured, wanted = threshold, advice, "check"),
            Level::Fail => tracing::error!(check, measured, wanted = threshold, advice, "check failed"),
        }
    }
    report.fault().map_or(Ok(()), Err)
}

impl<T> Planner<'_, T> {
    /// What the ledger holds, as a line; the plan, if there is one to go on with.
    async fn checkpoint(&self, same: impl FnOnce(Plan) -> Result<Plan, Fault>) -> (Line, Option<Plan>) {
        const CHECK: &str = "checkpoint";
        const WANTED: &str = "no plan, or one of this source and target that has not failed";
        let found = self.resumable().await.and_then(|plan| plan.map(same).transpose());
        match found {
            Ok(None) => (Line::pass(CHECK, "no plan yet", WANTED), None),
            Ok(Some(plan)) => {
                let measured = format!("a plan of {} jobs to go on with", plan.jobs);
                (Line::pass(CHECK, measured, WANTED), Some(plan))
            }
            Err(found) => (Line::of_fault(CHECK, WANTED, found), None),
        }
    }

    /// The dump, and whether all that is wanted of it can be had.
    async fn seen(&self) -> (Seen, Option<Dump>) {
        match self.discover().await {
            Ok(dump) => (self.read_one(&dump).await, Some(dump)),
            Err(found) => (Err(found), None),
        }
    }

    /// Whether the dump holds what the plan was made from: files of the plan's tables may be neither more nor fewer
    /// nor others.
    pub(crate) fn check_inputs(&self, plan: &Plan, dump: &Dump) -> Result<(), Fault> {
        let changed = |db: &str, name: &str, before: u64, now: u64| {
            Fault::new(
                Code::SourceChanged,
                format!("the plan was made for {before} bytes of this table, the source has {now} now"),
            )
            .at(&self.source.display_base)
            .of_table(db, name)
        };
        for planned in &plan.tables {
            let is_same = |files: &&TableFiles| files.db == planned.db && files.table == planned.name;
            let now = dump.tables.iter().find(is_same).map_or(0, TableFiles::size);
            if now != planned.source_bytes {
                return Err(changed(&planned.db, &planned.name, planned.source_bytes, now));
            }
        }
        let is_new = |files: &&TableFiles| {
            !plan.tables.iter().any(|planned| planned.db == files.db && planned.name == files.table)
        };
        match dump.tables.iter().find(is_new) {
            Some(files) => Err(changed(&files.db, &files.table, 0, files.size())),
            None => Ok(()),
        }
    }

    /// [`Planner::check_inputs`] before a plan is gone on with, if it is not done yet.
    pub(crate) async fn check_inputs_again(&self, plan: &Plan) -> Result<(), Fault> {
        if self.config.lightning.check_requirements && self.has_open_jobs(plan).await? {
            let dump = self.discover().await?;
            self.check_inputs(plan, &dump)?;
        }
        Ok(())
    }

    pub(crate) async fn has_open_jobs(&self, plan: &Plan) -> Result<bool, Fault> {
        if self.is_decided().await? {
            return Ok(false);
        }
        let finished = self.ledger.finished_jobs().await.map_err(|error| fault::of_ledger(&error))?;
        Ok(finished.len() < plan.jobs as usize)
    }

    /// Lines about the source alone.
    async fn source_lines(&self, report: &mut Report, dump: &Dump) {
        report.add(th_checks::stability(self.relist(dump).await));
        let metadata = dump.metadata.as_ref().map(|found| (found.path.as_str(), found.finished.as_deref()));
        report.add(th_checks::dump_metadata(metadata));
        report.add(th_checks::large_files(&self.uncut(dump)));
    }
}

impl Planner<'_> {
    /// All lines of an import past SQL.
    async fn fill(&self, report: &mut Report) -> Result<(), Fault> {
        let (line, plan) = self.checkpoint(|plan| self.check_same(plan)).await;
        report.add(line);
        let (seen, dump) = self.seen().await;
        report.add(th_checks::source_permission(seen));
        let Some(dump) = dump else { return Ok(()) };
        match plan {
            Some(plan) => {
                report.add(inputs(self.check_inputs(&plan, &dump)));
                report.add(self.change_capture().await);
            }
            None => self.lines(report, &dump, true).await?,
        }
        Ok(())
    }

    /// Before a plan is made: what Lightning would check, or with `check-requirements = false` what it checks all
    /// the same.
    pub(crate) async fn check_before_plan(&self, dump: &Dump) -> Result<(), Fault> {
        let mut report = Report::default();
        self.lines(&mut report, dump, self.config.lightning.check_requirements).await?;
        conclude(&report)
    }

    /// Before a plan is gone on with: feeds and backups may have been set up since.
    pub(crate) async fn check_before_resume(&self, plan: &Plan) -> Result<(), Fault> {
        self.check_inputs_again(plan).await?;
        if self.config.lightning.check_requirements && self.has_open_jobs(plan).await? {
            let mut report = Report::default();
            report.add(self.change_capture().await);
            conclude(&report)?;
        }
        Ok(())
    }
}

impl Planner<'_, Server> {
    /// All lines of an import by SQL.
    async fn fill(&self, report: &mut Report) -> Result<(), Fault> {
        let same = |plan: Plan| match plan.backend {
            Backend::Tidb(_) => Ok(plan),
            Backend::Local => Err(self.other_backend("local")),
        };
        let (line, plan) = self.checkpoint(same).await;
        report.add(line);
        let (seen, dump) = self.seen().await;
        report.add(th_checks::source_permission(seen));
        let Some(dump) = dump else { return Ok(()) };
        match plan {
            Some(plan) => report.add(inputs(self.check_inputs(&plan, &dump))),
            None => self.lines(report, &dump, true).await?,
        }
        Ok(())
    }

    /// Before a plan is made.
    pub(crate) async fn check_before_plan(&self, dump: &Dump) -> Result<(), Fault> {
        let mut report = Report::default();
        self.lines(&mut report, dump, self.config.lightning.check_requirements).await?;
        conclude(&report)
    }
}

fn inputs(found: Result<(), Fault>) -> Line {
    th_checks::reached("inputs", "the source is as the plan saw it", found.map(|()| "unchanged".to_owned()))
}
