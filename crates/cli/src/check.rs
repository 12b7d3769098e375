//! `thunderhead check`: what an import would look at before it writes anything.

use clap::Args;
use th_connect::CommonArgs;
use th_env::Env;
use th_errors::{Code, Fault};

use crate::import::default_ledger;

/// Makes all checks of an import and changes nothing.
#[derive(Debug, Clone, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command; a line that failed is an error, after the table.
pub(crate) async fn run(args: CheckArgs, env: Env) -> Result<(), Fault> {
    let mut config = args.common.load()?;
    // One process needs no ledger to be named.
    if config.thunderhead.ledger.is_empty() && config.thunderhead.queue.is_empty() {
        config.thunderhead.ledger = default_ledger();
    }
    let report = th_planner::checks::check(&config, &env, args.common.import_id.as_deref()).await;
    if args.json {
        let text = serde_json::to_string_pretty(&report).map_err(|error| {
            Fault::new(Code::Internal, format!("the checks cannot be written as JSON: {error}"))
        })?;
        println!("{text}");
    } else {
        print!("{report}");
    }
    report.fault().map_or(Ok(()), Err)
}
