//! `thunderhead finalize`, also `thunderhead-finalizer`.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use th_connect::telemetry::follow;
use th_connect::{CommonArgs, fault};
use th_env::Env;
use th_errors::{Code, Fault};
use th_ledger::{Outcome, Verdict};
use th_status::Site;
use tracing::Instrument as _;

use crate::Finalizer;

/// Waits for an import's jobs, verifies, and writes the outcome.
#[derive(Debug, Clone, Args)]
pub struct FinalizeArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// Look once instead of waiting: exit code 75 while jobs are open, for a scheduler that comes back
    #[arg(long)]
    once: bool,
}

/// Runs the command; a failed import is an error.
pub async fn run(args: FinalizeArgs, env: Env) -> Result<(), Fault> {
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
    let target = th_connect::target(&config, Some(&plan), true, &env).await?;
    let queue = th_connect::queue(&config).await;
    site.show_import(Some(Arc::clone(&queue)));
    let finalizer = Finalizer {
        config: &config,
        env: &env,
        ledger: &ledger,
        queue,
        cluster: &target,
        plan: &plan,
        poll: Duration::from_secs(1),
        once: args.once,
        health: site.health(),
        name: format!("finalizer-{}", env.uuid()),
    };
    let span = follow(tracing::info_span!("finalize", %import_id), import_id);
    let verdict = finalizer.run().instrument(span).await?;
    print!("{}", crate::summary::table(&verdict));
    outcome(verdict)
}

/// A failed import's first fault.
pub fn outcome(verdict: Verdict) -> Result<(), Fault> {
    match verdict.outcome {
        Outcome::Complete(_) => Ok(()),
        Outcome::Failed(failed) => Err(failed
            .faults
            .into_iter()
            .next()
            .unwrap_or_else(|| Fault::new(Code::Internal, "the import failed without a reason"))),
    }
}
