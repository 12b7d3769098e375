//! `thunderhead-worker`: the same as `thunderhead work`, for images that hold one service each.

use std::process::ExitCode;

use clap::Parser;
use th_connect::service::LogArgs;
use th_worker::command::{WorkArgs, run};

/// thunderhead work
#[derive(Debug, Parser)]
#[command(version)]
struct Command {
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    args: WorkArgs,
}

fn main() -> ExitCode {
    let command = Command::parse();
    th_connect::service::main(command.log, |env| run(command.args, env))
}
