//! `thunderhead-finalizer`: the same as `thunderhead finalize`, for images that hold one service each.

use std::process::ExitCode;

use clap::Parser;
use th_connect::service::LogArgs;
use th_finalizer::command::{FinalizeArgs, run};

/// thunderhead finalize
#[derive(Debug, Parser)]
#[command(version)]
struct Command {
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    args: FinalizeArgs,
}

fn main() -> ExitCode {
    let command = Command::parse();
    th_connect::service::main(command.log, |env| run(command.args, env))
}
