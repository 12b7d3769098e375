//! `thunderhead import`: planner, worker and finalizer in one process, over the same ledger.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use th_config::Config;
use th_connect::telemetry::follow;
use th_connect::{CommonArgs, Target};
use th_env::Env;
use th_errors::{Code, Fault};
use th_finalizer::Finalizer;
use th_ledger::{Ledger, Outcome, Plan, Verdict};
use th_planner::{Planner, command::new_import_id};
use th_playground::{Playground, PlaygroundOptions};
use th_queue::Queue;
use th_status::Site;
use th_worker::command::{stop_on_signals, worker_name};
use th_worker::{Assignment, Progress, Stop, watch_for_notices};
use tracing::Instrument as _;

use crate::{playground, progress};

/// Longest wait for a worker whose import is complete.
const LAST_STEPS: Duration = Duration::from_secs(15);

/// Imports a dump in this process.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// Import into a fresh embedded cluster instead of a real one
    #[arg(long)]
    playground: bool,
    /// Folder for the playground's data; a temporary one, removed at the end, if not given
    #[arg(long, value_name = "DIR", requires = "playground")]
    playground_dir: Option<PathBuf>,
    #[command(flatten)]
    playground_size: playground::SizeArgs,
    /// Keep the playground running afterwards, until Ctrl-C
    #[arg(long, requires = "playground")]
    keep: bool,
}

/// Runs the command. A failed import is an error, after its summary.
pub async fn run(args: ImportArgs, env: Env) -> Result<(), Fault> {
    let mut config = args.common.load()?;
    let import_id = args.common.import_id.clone().unwrap_or_else(|| new_import_id(&env));
    if config.thunderhead.ledger.is_empty() {
        config.thunderhead.ledger = default_ledger();
    }
    let embedded = if args.playground {
        let options =
            PlaygroundOptions { dir: args.playground_dir.clone(), ..args.playground_size.options()? };
        let started = playground::start(options).await?;
        use_playground(&mut config, &started);
        Some(started)
    } else if let Some(flag) = args.playground_size.given() {
        let message = format!("`{flag}` is about the embedded cluster, which `--playground` starts");
        return Err(Fault::new(Code::BadConfig, message));
    } else {
        None
    };
    let ledger = th_connect::ledger(&config, &import_id)?;
    let result = import(&config, &env, &import_id, &ledger).await;
    let result = match result {
        Ok(verdict) => {
            print!("{}", th_finalizer::summary::table(&verdict));
            println!("ledger: {}", ledger.display());
            th_finalizer::command::outcome(verdict)
        }
        Err(found) => Err(found),
    };
    if let Some(embedded) = embedded {
        if args.keep {
            eprint!("{}", playground::describe(&embedded));
            eprintln!("the playground runs until Ctrl-C");
            let _ = tokio::signal::ctrl_c().await;
        } else {
            eprintln!(
                "the playground is gone; with `--keep` it stays, for `mysql -h 127.0.0.1 -P … -u root`"
            );
        }
        embedded.shutdown().await;
    }
    result
}

/// Points a configuration to a playground.
pub fn use_playground(config: &mut Config, playground: &Playground) {
    config.tidb.host = "127.0.0.1".to_owned();
    config.tidb.port = playground.tidb_port();
    config.tidb.status_port = playground.status_port();
    config.tidb.user = "root".to_owned();
    config.tidb.password = th_config::Secret::default();
    config.tidb.pd_addr = playground.pd_addr();
}

/// Where ledgers go when nothing is configured: the user's state folder.
pub(crate) fn default_ledger() -> String {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let state = var("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| var("HOME").map(|home| PathBuf::from(home).join(".local/state")));
    state.unwrap_or_else(std::env::temp_dir).join("thunderhead/ledger").display().to_string()
}

/// Plans, works and finalizes. An outcome that is decided, also a failed one, is `Ok`.
pub async fn import(config: &Config, env: &Env, import_id: &str, ledger: &Ledger) -> Result<Verdict, Fault> {
    let site = Site::new(import_id, ledger, env);
    let server = site.serve(&config.lightning.status_addr).await?;
    if let Some(server) = &server
        && progress::on_terminal()
    {
        eprintln!("status page: http://{}/", server.addr);
    }
    let planned = async {
        let source = th_connect::source(&config.mydumper.data_source_dir)?;
        let target = th_connect::target(config, None, true, env).await?;
        let queue = th_connect::queue(config).await;
        let planner =
            Planner { config, env, source: &source, cluster: &target, ledger, queue: &*queue, import_id };
        let plan =
            planner.run().instrument(follow(tracing::info_span!("plan", %import_id), import_id)).await?;
        Ok((source, target, queue, plan))
    };
    let (source, target, queue, plan) = match planned.await {
        Ok(planned) => planned,
        Err(found) => return th_planner::plan_failed(config, env, import_id, ledger, found).await,
    };
    site.show_import(Some(Arc::clone(&queue)));
    let worked = work(config, env, ledger, source, &target, &queue, &plan, &site);
    let finalizer = Finalizer {
        config,
        env,
        ledger,
        queue: Arc::clone(&queue),
        cluster: &target,
        plan: &plan,
        poll: Duration::from_millis(200),
        once: false,
        health: site.health(),
        name: format!("finalizer-{}", env.uuid()),
    };
    let mut worked = std::pin::pin!(worked);
    let mut finalized = std::pin::pin!(
        finalizer.run().instrument(follow(tracing::info_span!("finalize", %import_id), import_id))
    );
    // The worker ends before the finalizer, except when it is told to stop or cannot go on.
    let stopped = tokio::select! {
        verdict = &mut finalized => {
            // A worker that sees the end gives back what it holds of the cluster.
            if let Ok(Verdict { outcome: Outcome::Complete(_), .. }) = &verdict
                && schedulers_are_paused(&target).await
                && tokio::time::timeout(LAST_STEPS, &mut worked).await.is_err()
            {
                tracing::warn!("the worker does not end; what it holds of the cluster expires by itself");
            }
            return verdict;
        }
        stopped = &mut worked => stopped?,
    };
    if stopped {
        return Err(Fault::new(
            Code::Interrupted,
            format!("told to stop; resume with `--import-id {import_id}`"),
        ));
    }
    finalized.await
}

/// Whether a worker may hold schedulers of PD, which nobody else knows to be its own.
async fn schedulers_are_paused(target: &Target) -> bool {
    match target {
        Target::Cluster(cluster) => {
            cluster.pd.paused_schedulers().await.is_ok_and(|paused| !paused.is_empty())
        }
        Target::Server(_) => false,
    }
}

/// Runs the worker; true if it was told to stop.
async fn work(
    config: &Config,
    env: &Env,
    ledger: &Ledger,
    source: th_dump::Store,
    target: &Target,
    queue: &Arc<dyn Queue>,
    plan: &Plan,
    site: &Site,
) -> Result<bool, Fault> {
    let stop = Stop::default();
    stop_on_signals(stop.clone());
    watch_for_notices(config.thunderhead.spot_notices, &stop, env)?;
    let progress = Arc::new(Progress::default());
    let _display = progress::Display::start(plan, Arc::clone(&progress), env.clone());
    let assignment = Assignment {
        env: env.clone(),
        plan: plan.clone(),
        ledger: ledger.clone(),
        source,
        target: target.clone(),
        queue: Arc::clone(queue),
        progress,
        stop: stop.clone(),
        site: site.clone(),
        name: worker_name(),
    };
    assignment.work(config).await?;
    Ok(stop.is_draining())
}
