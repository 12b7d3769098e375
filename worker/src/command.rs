//! `thunderhead work`, also `thunderhead-worker`.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use th_config::Config;
use th_connect::telemetry::follow;
use th_connect::{CommonArgs, fault};
use th_env::Env;
use th_errors::{Code, Fault};
use th_queue::VisibilityOptions;
use th_status::Site;
use tracing::Instrument as _;

use crate::{Assignment, Progress, Resources, Stop, probe, watch_for_notices};

/// Takes jobs of an import until it is over.
#[derive(Debug, Clone, Args)]
pub struct WorkArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// Name in results and logs; host name and process id if not given
    #[arg(long)]
    name: Option<String>,
}

/// Runs the command until the import is over, or the process is told to stop (SIGINT, SIGTERM).
pub async fn run(args: WorkArgs, env: Env) -> Result<(), Fault> {
    let config = args.common.load()?;
    let import_id = args.common.required_import_id()?;
    th_connect::required_queue(&config)?;
    let ledger = th_connect::ledger(&config, import_id)?;
    let site = Site::new(import_id, &ledger, &env);
    let _server = site.serve(&config.lightning.status_addr).await?;
    let plan = ledger.plan().await.map_err(|error| fault::of_ledger(&error))?.ok_or_else(|| {
        Fault::new(
            Code::LedgerConflict,
            format!("{} has no plan; run `thunderhead plan` first", ledger.display()),
        )
    })?;
    let source_url = if config.mydumper.data_source_dir.is_empty() {
        &plan.source
    } else {
        &config.mydumper.data_source_dir
    };
    let source = th_connect::source(source_url)?;
    probe::source(&plan, &ledger, &source).await?;
    let target = th_connect::target(&config, Some(&plan), false, &env).await?;
    let queue = th_connect::queue(&config).await;
    let stop = Stop::default();
    stop_on_signals(stop.clone());
    watch_for_notices(config.thunderhead.spot_notices, &stop, &env)?;
    let name = args.name.unwrap_or_else(worker_name);
    let progress = Arc::new(Progress::default());
    let assignment = Assignment { env, plan, ledger, source, target, queue, progress, stop, site, name };
    let span = follow(tracing::info_span!("work", %import_id), import_id);
    let finished = assignment.work(&config).instrument(span).await?;
    println!("finished\t{finished} jobs");
    Ok(())
}

/// What this process may use, by configuration and machine.
pub fn resources(config: &Config, sort_dir: &Path) -> Resources {
    let own = &config.thunderhead;
    Resources {
        sort_dir: sort_dir.to_owned(),
        slots: th_connect::slots(config),
        sort_memory: own.sort_memory.0,
        disk_quota: config.tikv_importer.disk_quota.map(|quota| quota.0),
        visibility: VisibilityOptions { visibility: own.queue_visibility.0, stall: own.stall_timeout.0 },
        max_receives: own.max_receives,
    }
}

/// Host name and process id.
pub fn worker_name() -> String {
    format!("{}-{}", host_name(), std::process::id())
}

pub(crate) fn host_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    if host.is_empty() { "worker" } else { host }.to_owned()
}

/// Sets the stop at the first SIGINT or SIGTERM.
pub fn stop_on_signals(stop: Stop) {
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("told to stop; jobs are given back");
        stop.set();
    });
}
