//! What every process does around its work: logging, runtime, exit code.

use std::future::Future;
use std::process::ExitCode;

use th_env::Env;
use th_errors::Fault;
use tracing_subscriber::EnvFilter;

/// Logs to standard error: `THUNDERHEAD_LOG` chooses levels (default `default_level`), and
/// `THUNDERHEAD_LOG_FORMAT=json` the form.
pub fn log(default_level: &str) {
    let filter = EnvFilter::try_from_env("THUNDERHEAD_LOG").unwrap_or_else(|_| EnvFilter::new(default_level));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let json = std::env::var("THUNDERHEAD_LOG_FORMAT").is_ok_and(|format| format == "json");
    // A second initialisation (in tests) changes nothing.
    let _ = if json { builder.json().try_init() } else { builder.with_ansi(false).try_init() };
}

/// Runs a service on a fresh runtime; a fault goes to standard error and makes the exit code 1.
pub fn main<F: Future<Output = Result<(), Fault>>>(work: impl FnOnce(Env) -> F) -> ExitCode {
    log("info");
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
            ExitCode::FAILURE
        }
    }
}
