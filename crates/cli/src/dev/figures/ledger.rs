//! Finalizer and status with a plan of very many jobs, all of them finished, in a local ledger.
//!
//! A table of one row is imported; its plan and result are then written again with more jobs, which have done nothing.
//! So the finalizer's sums are those that TiKV finds, and its run is whole.

use std::path::PathBuf;

use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _};
use th_ledger::{Bases, Finished, Job, JobId, JobResult, Ledger, Pairs};

use super::import::open;
use super::process::{Cluster, Process, arguments};
use super::scratch;

/// How many jobs.
#[derive(Debug, Clone, Args)]
pub struct LedgerFigures {
    /// Jobs in the plan
    #[arg(long, default_value_t = 100_000)]
    jobs: u32,
    /// Folder for the ledger and the playground's data; a temporary one if not given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &LedgerFigures) -> anyhow::Result<()> {
    let folder = scratch(args.dir.as_ref())?;
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("dump"))?;
    std::fs::write(path("dump").join("f-schema-create.sql"), "CREATE DATABASE `f`;\n")?;
    std::fs::write(path("dump").join("f.t-schema.sql"), "CREATE TABLE `t` (`id` INT PRIMARY KEY);\n")?;
    std::fs::write(path("dump").join("f.t.000000000.sql"), "INSERT INTO `t` VALUES (1);\n")?;
    let cluster = Cluster::start(&path("playground"))?;
    let ledger = path("ledger").display().to_string();
    let flags = [
        ("--source", path("dump").display().to_string()),
        ("--ledger", ledger.clone()),
        ("--import-id", "one".to_owned()),
    ];
    Process::run(&arguments("import", &flags, &cluster.flags), folder.path())?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(multiply(&open(&path("ledger"), "one")?, &open(&path("ledger"), "many")?, args.jobs))?;
    println!("{} jobs, all finished, in a local ledger", args.jobs);
    println!("what | wall s | CPU s | peak memory MiB");
    // Nobody asks the queue once all jobs are finished.
    let nowhere = "http://127.0.0.1:9/none".to_owned();
    let of_ledger = [("--ledger", ledger), ("--import-id", "many".to_owned())];
    let mut finalize = of_ledger.to_vec();
    finalize.extend([("--queue", nowhere.clone()), ("--queue-endpoint", nowhere)]);
    let status = arguments("status", &of_ledger, &[]);
    let finalize = arguments("finalize", &finalize, &cluster.flags);
    let line = |what: &str, arguments: &[String]| -> anyhow::Result<()> {
        let used = Process::run(arguments, folder.path())?;
        let memory = used.memory as f64 / f64::from(1 << 20);
        println!("{what} | {:.2} | {:.2} | {memory:.0}", used.wall, used.cpu);
        Ok(())
    };
    line("status, each result an object", &status)?;
    runtime.block_on(join(&open(&path("ledger"), "many")?, args.jobs))?;
    line("status, results joined by workers", &status)?;
    line("finalize", &finalize)?;
    line("status of what is complete", &status)
}

/// What workers do while they finish jobs.
async fn join(ledger: &Ledger, jobs: u32) -> anyhow::Result<()> {
    let worker = Finished::default();
    (0..jobs).for_each(|job| worker.add(JobId(job), jobs));
    Ok(worker.join(ledger, jobs).await?)
}

/// Writes the plan of `one` with `jobs` jobs into `many`, and a result for each.
async fn multiply(one: &Ledger, many: &Ledger, jobs: u32) -> anyhow::Result<()> {
    let missing = || anyhow::anyhow!("the first import has left no plan and result");
    let mut plan = one.plan().await?.ok_or_else(missing)?;
    let job = one.job(&plan, JobId(0)).await?;
    let result = one.result(JobId(0)).await?.ok_or_else(missing)?;
    plan.import_id = "many".to_owned();
    plan.jobs = jobs;
    plan.tables.first_mut().ok_or_else(missing)?.jobs = 0..jobs;
    let all: Vec<Job> = (0..jobs).map(|number| Job { job: JobId(number), ..job.clone() }).collect();
    many.write_plan(&plan, &all, &[]).await?;
    futures::stream::iter(0..jobs)
        .map(|number| {
            let mut done =
                JobResult { job: JobId(number), import_id: plan.import_id.clone(), ..result.clone() };
            if number > 0 {
                done = JobResult { rows: 0, pairs: Pairs::default(), bases: Bases::default(), ..done };
            }
            async move { many.write_result(&done).await.map(drop) }
        })
        .buffer_unordered(64)
        .try_collect::<()>()
        .await?;
    Ok(())
}
