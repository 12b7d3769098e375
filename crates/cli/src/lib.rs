//! The command line: argument types and what ties the services together.
//!
//! Data goes to standard output, talk to standard error. [`import`] runs planner, worker and finalizer
//! in one process, over the same ledger and the same code as separate processes.

mod check;
mod cluster;
mod config;
mod ctl;
pub mod dev;
pub mod import;
mod inspect;
mod lightning;
mod playground;
mod progress;
mod queue;
mod status;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use th_connect::service;
use th_errors::Code;

/// Imports dumps from buckets into TiDB
#[derive(Debug, Parser)]
#[command(name = "thunderhead", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    log: service::LogArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Import a dump: plan, work and finalize in this process
    Import(Box<import::ImportArgs>),
    /// Look at source, target and surroundings as an import would first, and change nothing
    Check(Box<check::CheckArgs>),
    /// Make a plan, write it to the ledger, enqueue its jobs
    Plan(Box<th_planner::command::PlanArgs>),
    /// Take jobs of an import until it is over
    Work(Box<th_worker::command::WorkArgs>),
    /// Wait for an import's jobs, verify, write the outcome
    Finalize(Box<th_finalizer::command::FinalizeArgs>),
    /// Import with the flags of tidb-lightning, as a drop-in
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Lightning {
        /// -c FILE, -d URL, …; `-h` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
        flags: Vec<String>,
    },
    /// The verbs of tidb-lightning-ctl, as a drop-in: checkpoints and modes
    #[command(disable_help_flag = true, disable_version_flag = true)]
    Ctl {
        /// -checkpoint-dump DIR, -switch-mode normal, …; `-h` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
        flags: Vec<String>,
    },
    /// Look at configurations: are they right, what do they amount to
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Say how far an import is, from its ledger alone
    Status(Box<status::StatusArgs>),
    /// Look at the job queue; send dead letters again
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// Show what imports hold in the target cluster, or give it back
    #[command(subcommand)]
    Cluster(cluster::ClusterCommand),
    /// Serve clients of the retired tikv-importer: take unsorted pairs, sort and ingest them
    Importer(Box<th_importer::command::ImporterArgs>),
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
///
/// Under the names `tidb-lightning` and `tidb-lightning-ctl` (links), all arguments are those commands'.
pub fn main() -> ExitCode {
    let mut args = std::env::args();
    let name = args.next().unwrap_or_default();
    let name = std::path::Path::new(&name).file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    match name {
        "tidb-lightning" => return lightning::main(args),
        "tidb-lightning-ctl" => return ctl::main(args),
        _ => {}
    }
    let Cli { log, command } = Cli::parse();
    match command {
        Command::Import(args) => {
            // The progress display owns the terminal; the log speaks only of trouble.
            let _telemetry = log.start(if progress::on_terminal() { "warn" } else { "info" });
            service::run(|env| import::run(*args, env))
        }
        Command::Check(args) => {
            let _telemetry = log.start("warn");
            service::run(|env| check::run(*args, env))
        }
        Command::Plan(args) => service::main(log, |env| th_planner::command::run(*args, env)),
        Command::Work(args) => service::main(log, |env| th_worker::command::run(*args, env)),
        Command::Finalize(args) => service::main(log, |env| th_finalizer::command::run(*args, env)),
        Command::Lightning { flags } => lightning::main(flags),
        Command::Ctl { flags } => ctl::main(flags),
        Command::Config(command) => config::run(command),
        Command::Status(args) => service::main(log, |env| status::run(*args, env)),
        Command::Queue(command) => service::main(log, |env| queue::run(command, env)),
        Command::Cluster(command) => service::main(log, |env| cluster::run(command, env)),
        Command::Importer(args) => service::main(log, |env| th_importer::command::run(*args, env)),
        Command::Playground(args) => service::main(log, |_| playground::run(args)),
        Command::Inspect(command) => inspect::run(command),
        Command::Explain { code } => {
            print!("{}", code.page());
            ExitCode::SUCCESS
        }
        Command::Dev(command) => dev::run(command),
    }
}
