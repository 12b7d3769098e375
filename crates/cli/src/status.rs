//! `thunderhead status`: how far an import is, from its ledger alone.

use clap::Args;
use serde::Serialize;
use th_connect::{CommonArgs, fault};
use th_env::Env;
use th_errors::{Code, Fault};
use th_ledger::{JobId, Outcome};

/// Reads the ledger and says how far the import is.
#[derive(Debug, Clone, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Default, Serialize)]
struct Status {
    import_id: String,
    state: &'static str,
    jobs: u32,
    finished_jobs: usize,
    failed_jobs: usize,
    rows: u64,
    source_bytes: u64,
    finished_bytes: u64,
    tables: Vec<TableStatus>,
    faults: Vec<Fault>,
}

#[derive(Debug, Serialize)]
struct TableStatus {
    table: String,
    jobs: usize,
    finished_jobs: usize,
    source_bytes: u64,
}

/// Runs the command.
pub(crate) async fn run(args: StatusArgs, _env: Env) -> Result<(), Fault> {
    let config = args.common.load()?;
    let import_id = args.common.required_import_id()?;
    let ledger = th_connect::ledger(&config, import_id)?;
    let read = |error| fault::of_ledger(&error);
    let verdict = ledger.verdict().await.map_err(read)?;
    let faults = match &verdict {
        Some(verdict) => match &verdict.outcome {
            Outcome::Failed(failed) => failed.faults.clone(),
            Outcome::Complete(_) => Vec::new(),
        },
        None => Vec::new(),
    };
    let Some(plan) = ledger.plan().await.map_err(read)? else {
        if faults.is_empty() {
            return Err(Fault::new(Code::LedgerConflict, format!("{} holds no import", ledger.display())));
        }
        let failed = Status { import_id: import_id.to_owned(), state: "failed", faults, ..Status::default() };
        return show(&failed, args.json);
    };
    let finished = ledger.finished_jobs().await.map_err(read)?;
    let failed = ledger.failed_jobs().await.map_err(read)?;
    let results = ledger.results(&finished).await.map_err(read)?;
    let status = Status {
        import_id: plan.import_id.clone(),
        state: match &verdict {
            Some(verdict) if matches!(verdict.outcome, Outcome::Complete(_)) => "complete",
            Some(_) => "failed",
            None if !failed.is_empty() => "failing",
            None if finished.len() >= plan.jobs as usize => "verifying",
            None => "working",
        },
        jobs: plan.jobs,
        finished_jobs: finished.len(),
        failed_jobs: failed.len(),
        rows: results.iter().map(|result| result.rows).sum(),
        source_bytes: plan.source_bytes,
        finished_bytes: results.iter().map(|result| result.source_bytes).sum(),
        tables: plan
            .tables
            .iter()
            .map(|table| TableStatus {
                table: format!("{}.{}", table.db, table.name),
                jobs: table.jobs.len(),
                finished_jobs: table
                    .jobs
                    .clone()
                    .filter(|&job| finished.binary_search(&JobId(job)).is_ok())
                    .count(),
                source_bytes: table.source_bytes,
            })
            .collect(),
        faults,
    };
    show(&status, args.json)
}

fn show(status: &Status, json: bool) -> Result<(), Fault> {
    if json {
        let text = serde_json::to_string_pretty(status)
            .map_err(|error| Fault::new(Code::Internal, error.to_string()))?;
        println!("{text}");
        return Ok(());
    }
    println!(
        "import\t{}\nstate\t{}\njobs\t{} of {} finished, {} failed",
        status.import_id, status.state, status.finished_jobs, status.jobs, status.failed_jobs
    );
    println!("rows\t{}\nbytes\t{} of {}", status.rows, status.finished_bytes, status.source_bytes);
    for table in &status.tables {
        println!(
            "table\t{}\t{} of {} jobs\t{} bytes",
            table.table, table.finished_jobs, table.jobs, table.source_bytes
        );
    }
    for found in &status.faults {
        println!("fault\t{}\t{found}", found.code);
    }
    Ok(())
}
