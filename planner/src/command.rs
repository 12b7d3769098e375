//! `thunderhead plan`, also `thunderhead-planner`.

use clap::Args;
use th_config::Config;
use th_connect::CommonArgs;
use th_connect::telemetry::follow;
use th_env::Env;
use th_errors::Fault;
use th_ledger::{Ledger, Plan};
use th_status::Site;
use tracing::Instrument as _;

use crate::Planner;

/// Makes a plan, writes it to the ledger and enqueues its jobs.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// List what would be imported, without touching ledger, queue or target
    #[arg(long)]
    dry_run: bool,
}

/// A fresh import id: when, and something random.
pub fn new_import_id(env: &Env) -> String {
    format!("{:x}-{:08x}", env.now_seconds(), env.random_u64() as u32)
}

/// Runs the command; the plan goes to standard output as one line a table.
pub async fn run(args: PlanArgs, env: Env) -> Result<(), Fault> {
    let config = args.common.load()?;
    if args.dry_run {
        let source = th_connect::source(&config.mydumper.data_source_dir)?;
        let dump = th_dump::discover(&source, &th_connect::rules(&config))
            .await
            .map_err(|error| th_connect::fault::of_dump(&error))?;
        for table in &dump.tables {
            println!("{}.{}\t{} files\t{} bytes", table.db, table.table, table.data.len(), table.size());
        }
        for (path, reason) in &dump.ignored {
            println!("ignored\t{path}\t{reason}");
        }
        return Ok(());
    }
    th_connect::required_queue(&config)?;
    let import_id = args.common.import_id.clone().unwrap_or_else(|| new_import_id(&env));
    let ledger = th_connect::ledger(&config, &import_id)?;
    let site = Site::new(&import_id, &ledger, &env);
    let _server = site.serve(&config.lightning.status_addr).await?;
    let span = follow(tracing::info_span!("plan", %import_id), &import_id);
    match plan(&config, &env, &import_id, &ledger).instrument(span).await {
        Ok(plan) => {
            print(&plan, &ledger);
            Ok(())
        }
        Err(found) => {
            crate::plan_failed(&config, &env, &import_id, &ledger, found.clone()).await?;
            eprintln!("ledger: {}", ledger.display());
            Err(found)
        }
    }
}

async fn plan(config: &Config, env: &Env, import_id: &str, ledger: &Ledger) -> Result<Plan, Fault> {
    let source = th_connect::source(&config.mydumper.data_source_dir)?;
    let queue = th_connect::queue(config).await;
    let target = th_connect::target(config, None, true, env).await?;
    Planner { config, env, source: &source, cluster: &target, ledger, queue: &*queue, import_id }.run().await
}

fn print(plan: &Plan, ledger: &Ledger) {
    for table in &plan.tables {
        println!("{}.{}\t{} jobs\t{} bytes", table.db, table.name, table.jobs.len(), table.source_bytes);
    }
    println!("import-id\t{}", plan.import_id);
    println!("ledger\t{}", ledger.display());
}
