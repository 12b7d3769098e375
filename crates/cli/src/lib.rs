//! The command line: argument types and what ties the services together.
//!
//! Data goes to standard output, talk to standard error. [`import`] runs planner, worker and finalizer
//! in one process, over the same ledger and the same code as separate processes.

pub mod dev;
pub mod import;
mod inspect;
mod playground;
mod progress;
mod status;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use th_connect::service;
use th_errors::Code;

/// Imports dumps from buckets into TiDB
#[derive(Debug, Parser)]
#[command(name = "thunderhead", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Import a dump: plan, work and finalize in this process
    Import(Box<import::ImportArgs>),
    /// Make a plan, write it to the ledger, enqueue its jobs
    Plan(Box<th_planner::command::PlanArgs>),
    /// Take jobs of an import until it is over
    Work(Box<th_worker::command::WorkArgs>),
    /// Wait for an import's jobs, verify, write the outcome
    Finalize(Box<th_finalizer::command::FinalizeArgs>),
    /// Say how far an import is, from its ledger alone
    Status(Box<status::StatusArgs>),
    /// Start an embedded cluster to try things on
    Playground(playground::PlaygroundArgs),
    /// Look at stored bytes: keys, values, SST files
    #[command(subcommand)]
    Inspect(inspect::InspectCommand),
    /// Explain an error code
    Explain {
        /// Like TH0007
        code: Code,
    },
    /// Tools for developing Thunderhead itself
    #[command(subcommand)]
    Dev(dev::DevCommand),
}

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Import(args) => {
            // The progress display owns the terminal; the log speaks only of trouble.
            service::log(if progress::on_terminal() { "warn" } else { "info" });
            service::run(|env| import::run(*args, env))
        }
        Command::Plan(args) => service::main(|env| th_planner::command::run(*args, env)),
        Command::Work(args) => service::main(|env| th_worker::command::run(*args, env)),
        Command::Finalize(args) => service::main(|env| th_finalizer::command::run(*args, env)),
        Command::Status(args) => service::main(|env| status::run(*args, env)),
        Command::Playground(args) => service::main(|_| playground::run(args)),
        Command::Inspect(command) => inspect::run(command),
        Command::Explain { code } => {
            print!("{}", code.page());
            ExitCode::SUCCESS
        }
        Command::Dev(command) => dev::run(command),
    }
}
