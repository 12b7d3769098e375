//! What every process does around its work: allocator, logging, runtime, exit code.

use std::future::Future;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use th_env::Env;
use th_errors::Fault;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};

use crate::telemetry::{self, Telemetry};

/// Keeps what large read buffers give back, where the C library's returns it to the system and faults it in again, and does
/// not keep it for long.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How a process logs.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct LogArgs {
    /// Form of the log, on standard error
    #[arg(long, global = true, value_name = "FORM", env = "THUNDERHEAD_LOG_FORMAT", default_value = "text")]
    log_format: LogFormat,
}

/// Forms of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// A line for people
    #[default]
    Text,
    /// A JSON object a line; `span` has `import_id`, `job` and `table`
    Json,
}

impl LogArgs {
    /// Without flags: what `THUNDERHEAD_LOG_FORMAT` says, for a command line that is not ours.
    pub fn from_environment() -> Self {
        let json = std::env::var("THUNDERHEAD_LOG_FORMAT").is_ok_and(|format| format == "json");
        Self { log_format: if json { LogFormat::Json } else { LogFormat::Text } }
    }

    /// Logs to standard error: `THUNDERHEAD_LOG` chooses levels, without it they are `default_level`. Sends spans, too, if
    /// the environment asks for it.
    pub fn start(self, default_level: &str) -> Telemetry {
        let filter =
            EnvFilter::try_from_env("THUNDERHEAD_LOG").unwrap_or_else(|_| EnvFilter::new(default_level));
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
        let lines = match self.log_format {
            LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
            LogFormat::Text => lines.with_ansi(false).boxed(),
        };
        let (spans, telemetry) = telemetry::layer();
        // A second initialisation (in tests) changes nothing.
        let _ = Registry::default().with(lines.with_filter(filter)).with(spans).try_init();
        telemetry
    }
}

/// Runs a service on a fresh runtime; a fault goes to standard error and makes the exit code.
pub fn main<F: Future<Output = Result<(), Fault>>>(log: LogArgs, work: impl FnOnce(Env) -> F) -> ExitCode {
    let _telemetry = log.start("info");
    run(work)
}

/// Like [`main`], with logging set up already.
pub fn run<F: Future<Output = Result<(), Fault>>>(work: impl FnOnce(Env) -> F) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(work(Env::real())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error[{}]: {fault}", fault.code);
            ExitCode::from(fault.code.exit_code())
        }
    }
}
