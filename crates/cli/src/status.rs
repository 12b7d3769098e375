//! `thunderhead status`: how far an import is, from its ledger alone.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use clap::Args;
use th_connect::CommonArgs;
use th_env::Env;
use th_errors::{Code, Fault};
use th_status::{ImportStatus, Server, Site, State, Watcher, text};

/// Time between two looks on a terminal.
const REDRAW: Duration = Duration::from_secs(2);
/// Time between two looks elsewhere.
const LINE: Duration = Duration::from_secs(10);

/// Reads the ledger and says how far the import is.
#[derive(Debug, Clone, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// As JSON; with --watch, an object a line
    #[arg(long)]
    json: bool,
    /// Look until it is decided; the exit code is the outcome's
    #[arg(long)]
    watch: bool,
    /// Serve a status page, /api/status and /metrics at HOST:PORT or :PORT, until Ctrl-C
    #[arg(long, value_name = "ADDR")]
    web: Option<String>,
}

/// Runs the command.
pub(crate) async fn run(args: StatusArgs, env: Env) -> Result<(), Fault> {
    let config = args.common.load()?;
    let import_id = args.common.required_import_id()?;
    let ledger = th_connect::ledger(&config, import_id)?;
    let server = match &args.web {
        Some(addr) => serve(Site::new(import_id, &ledger, &env), addr).await?,
        None => None,
    };
    let watcher = Watcher::new(ledger, env.clone());
    if args.watch {
        return watch(&watcher, args.json, &env).await;
    }
    if server.is_some() {
        let _ = tokio::signal::ctrl_c().await;
        return Ok(());
    }
    let status = watcher.status(Duration::ZERO).await?;
    if args.json {
        let text = serde_json::to_string_pretty(&*status).map_err(not_json)?;
        println!("{text}");
    } else {
        print!("{}", text::lines(&status));
    }
    Ok(())
}

async fn serve(site: Site, addr: &str) -> Result<Option<Server>, Fault> {
    site.show_import(None);
    let server = site.serve(addr).await?;
    if let Some(server) = &server {
        println!("page\thttp://{}/", server.addr);
    }
    Ok(server)
}

fn not_json(error: serde_json::Error) -> Fault {
    Fault::new(Code::Internal, format!("the status cannot be written as JSON: {error}"))
}

/// Looks until the import is decided; a failed one is an error.
async fn watch(watcher: &Watcher, json: bool, env: &Env) -> Result<(), Fault> {
    let redraw = std::io::stdout().is_terminal() && !json;
    let mut shown = String::new();
    let mut known = false;
    loop {
        let status = match watcher.status(Duration::ZERO).await {
            Ok(status) => status,
            // A ledger that was there comes back.
            Err(found) if known && found.is_retryable() => {
                tracing::warn!(fault = %found.message, "cannot look; trying again");
                env.sleep(LINE, "the ledger cannot be read").await;
                continue;
            }
            Err(found) => return Err(found),
        };
        known = true;
        let now = if json {
            serde_json::to_string(&*status).map_err(not_json)?
        } else if redraw {
            // Home, each line to its end, then whatever was below.
            format!("\x1b[H{}\x1b[J", text::lines(&status).replace('\n', "\x1b[K\n"))
        } else {
            text::line(&status)
        };
        if redraw {
            let clear = if shown.is_empty() { "\x1b[2J" } else { "" };
            print!("{clear}{now}");
            let _ = std::io::stdout().flush();
        } else if now != shown {
            println!("{now}");
        }
        shown = now;
        if status.state.is_final() {
            return outcome(&status);
        }
        env.sleep(if redraw { REDRAW } else { LINE }, "next look at the ledger").await;
    }
}

fn outcome(status: &ImportStatus) -> Result<(), Fault> {
    match status.state {
        State::Failed => {
            let unnamed = || Fault::new(Code::Internal, "the import failed without a reason");
            Err(status.faults.first().cloned().unwrap_or_else(unnamed))
        }
        _ => Ok(()),
    }
}
