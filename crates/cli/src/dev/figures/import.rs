//! One import at several numbers of threads.

use std::path::PathBuf;

use clap::Args;
use th_ledger::{Ledger, Results};

use super::process::{Cluster, Process, arguments};
use super::{dump, scratch, size};

/// What is imported, and how.
#[derive(Debug, Clone, Args)]
pub struct ImportFigures {
    /// Megabytes of `lineitem` as SQL
    #[arg(long, default_value_t = 1000)]
    megabytes: u64,
    /// Jobs at once, each a thread that encodes
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
    threads: Vec<usize>,
    /// Memory for sorting, like 16MiB; as much as an import has otherwise, if not given
    #[arg(long, value_name = "SIZE")]
    sort_memory: Option<String>,
    /// Folder for dump, sort folder, ledger and the playground's data; a temporary one if not given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &ImportFigures) -> anyhow::Result<()> {
    let folder = scratch(args.dir.as_ref())?;
    let path = |name: &str| folder.path().join(name);
    dump(&path("dump"), args.megabytes)?;
    let bytes = size(&path("dump"))?;
    let config = path("config.toml");
    let memory = args.sort_memory.as_ref().map(|size| format!("sort-memory = \"{size}\"\n"));
    std::fs::write(&config, format!("[thunderhead]\n{}", memory.unwrap_or_default()))?;
    let memory = args.sort_memory.as_deref().unwrap_or("by the machine");
    println!("lineitem SQL, {:.0} MB, memory for sorting: {memory}", bytes as f64 / 1e6);
    println!(
        "threads | wall s | importer CPU s | playground CPU s | peak memory MiB | source MB per importer CPU s | pairs GB | sort folder bytes per pair byte"
    );
    for &threads in &args.threads {
        let id = format!("threads-{threads}");
        let cluster = Cluster::start(&path(&format!("playground-{id}")))?;
        let before = cluster.cpu();
        let flags = [
            ("--config", config.display().to_string()),
            ("--source", path("dump").display().to_string()),
            ("--ledger", path("ledger").display().to_string()),
            ("--sort-dir", path("sort").display().to_string()),
            ("--import-id", id.clone()),
            ("--concurrency", threads.to_string()),
        ];
        std::fs::create_dir_all(path("sort"))?;
        let used = Process::run(&arguments("import", &flags, &cluster.flags), folder.path())?;
        let playground = cluster.cpu() - before;
        let (pairs, spilled) = written(&path("ledger"), &id)?;
        println!(
            "{threads} | {:.1} | {:.1} | {playground:.1} | {:.0} | {:.1} | {:.2} | {:.2}",
            used.wall,
            used.cpu,
            used.memory as f64 / f64::from(1 << 20),
            bytes as f64 / 1e6 / used.cpu,
            pairs as f64 / 1e9,
            spilled as f64 / pairs as f64
        );
        drop(cluster);
        std::fs::remove_dir_all(path(&format!("playground-{id}")))?;
    }
    Ok(())
}

/// Bytes of an import's pairs, and of the runs written to the sort folder, by its ledger.
fn written(ledger: &std::path::Path, id: &str) -> anyhow::Result<(u64, u64)> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let ledger = open(ledger, id)?;
        let plan = ledger.plan().await?.ok_or_else(|| anyhow::anyhow!("there is no plan"))?;
        let mut results = Results::default();
        results.read_new(&ledger, plan.jobs).await?;
        let sum = |of: fn(&th_ledger::JobResult) -> u64| results.by_job().values().map(of).sum();
        Ok((sum(|result| result.pairs.bytes), sum(|result| result.spilled_bytes)))
    })
}

/// The ledger of an import in a local folder.
pub(super) fn open(folder: &std::path::Path, id: &str) -> anyhow::Result<Ledger> {
    let mut config = th_config::parse("figures", "")?;
    config.thunderhead.ledger = folder.display().to_string();
    th_connect::ledger(&config, id).map_err(|fault| anyhow::anyhow!("{fault}"))
}
