//! Imports in which very many rows of several jobs have equal keys.

use std::path::{Path, PathBuf};

use clap::Args;
use th_generate::conflicts::{Conflicts, DEFINITION, TABLE};
use th_ledger::Outcome;

use super::import::open;
use super::process::{Cluster, Process, arguments};
use super::scratch;

/// Rows in conflict for each file: some megabytes.
const ROWS_A_FILE: u64 = 31_250;

/// How many rows, and in how much memory.
#[derive(Debug, Clone, Args)]
pub struct ConflictsFigures {
    /// Rows that have a key in common with another; as many rows again stay alone or give way
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    rows: Vec<u64>,
    /// Memory for sorting
    #[arg(long, value_name = "SIZE", default_value = "16MiB")]
    sort_memory: String,
    /// Size of a piece on its way to TiKV
    #[arg(long, value_name = "SIZE", default_value = "2MiB")]
    piece_size: String,
    /// Bytes of the source in one job
    #[arg(long, value_name = "SIZE", default_value = "2MiB")]
    job_size: String,
    /// Folder for dump, sort folder, ledger and the playground's data; a temporary one if not given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &ConflictsFigures) -> anyhow::Result<()> {
    let folder = scratch(args.dir.as_ref())?;
    let path = |name: &str| folder.path().join(name);
    let ConflictsFigures { sort_memory, piece_size, job_size, .. } = args;
    println!("two threads, {sort_memory} of memory for sorting, pieces of {piece_size}, jobs of {job_size}");
    println!(
        "rows in conflict | rows of the dump | jobs | conflicts recorded | rows that gave way | checksum | wall s | CPU s | peak memory MiB"
    );
    for &rows in &args.rows {
        // Files of one size, so that reading takes the same memory however many rows there are.
        let conflicts = Conflicts::new(rows, rows.div_ceil(ROWS_A_FILE).max(4));
        let id = format!("conflicts-{rows}");
        let dump = path(&format!("dump-{id}"));
        write(&dump, conflicts)?;
        let config = path("config.toml");
        let text = format!(
            "[conflict]\nstrategy = \"replace\"\nthreshold = {}\n[thunderhead]\nsort-memory = \"{sort_memory}\"\npiece-size = \"{piece_size}\"\njob-size = \"{job_size}\"\n",
            conflicts.rows()
        );
        std::fs::write(&config, text)?;
        std::fs::create_dir_all(path("sort"))?;
        let playground = path(&format!("playground-{id}"));
        let cluster = Cluster::start(&playground)?;
        let flags = [
            ("--config", config.display().to_string()),
            ("--source", dump.display().to_string()),
            ("--ledger", path("ledger").display().to_string()),
            ("--sort-dir", path("sort").display().to_string()),
            ("--import-id", id.clone()),
            ("--concurrency", "2".to_owned()),
        ];
        let used = Process::run(&arguments("import", &flags, &cluster.flags), folder.path())?;
        let Found { jobs, recorded, replaced, verdict } = found(&path("ledger"), &id)?;
        println!(
            "{} | {} | {jobs} | {recorded} | {replaced} | {verdict} | {:.1} | {:.1} | {:.0}",
            conflicts.rows(),
            conflicts.staying() + conflicts.pairs(),
            used.wall,
            used.cpu,
            used.memory as f64 / f64::from(1 << 20)
        );
        anyhow::ensure!(
            (recorded, replaced) == (conflicts.pairs(), conflicts.pairs()) && verdict == "verified",
            "{} conflicts should be recorded and as many rows give way",
            conflicts.pairs()
        );
        drop(cluster);
        std::fs::remove_dir_all(playground)?;
        std::fs::remove_dir_all(dump)?;
    }
    Ok(())
}

/// Writes the dump.
fn write(folder: &Path, conflicts: Conflicts) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("c-schema-create.sql"), "CREATE DATABASE `c`;\n")?;
    std::fs::write(folder.join(format!("c.{TABLE}-schema.sql")), DEFINITION)?;
    for file in 0..conflicts.files() {
        let path = folder.join(format!("c.{TABLE}.{file:09}.sql"));
        let mut out = std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create(path)?);
        conflicts.write_file(&mut out, file)?;
        std::io::Write::flush(&mut out)?;
    }
    Ok(())
}

/// What the ledger says.
struct Found {
    jobs: u32,
    recorded: u64,
    replaced: u64,
    verdict: String,
}

fn found(ledger: &Path, id: &str) -> anyhow::Result<Found> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let ledger = open(ledger, id)?;
        let missing = || anyhow::anyhow!("the import has no outcome");
        let plan = ledger.plan().await?.ok_or_else(missing)?;
        let Outcome::Complete(complete) = ledger.verdict().await?.ok_or_else(missing)?.outcome else {
            anyhow::bail!("the import has failed");
        };
        let table = complete.tables.first().ok_or_else(missing)?;
        let mut recorded = 0;
        for part in 0.. {
            let Some(conflicts) = ledger.table_conflicts(0, part).await? else { break };
            recorded += conflicts.len() as u64;
        }
        Ok(Found { jobs: plan.jobs, recorded, replaced: table.replaced, verdict: table.verdict.clone() })
    })
}
