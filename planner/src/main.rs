//! `thunderhead-planner`: the same as `thunderhead plan`, for images that hold one service each.

use std::process::ExitCode;

use clap::Parser;
use th_connect::service::LogArgs;
use th_planner::command::{PlanArgs, run};

/// thunderhead plan
#[derive(Debug, Parser)]
#[command(version)]
struct Command {
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    args: PlanArgs,
}

fn main() -> ExitCode {
    let command = Command::parse();
    th_connect::service::main(command.log, |env| run(command.args, env))
}
