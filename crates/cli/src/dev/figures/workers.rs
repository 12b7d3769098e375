//! The same import by more and more worker processes: what they use together should not grow.

use std::path::PathBuf;

use clap::Args;

use super::process::{Cluster, Process, arguments};
use super::{dump, scratch};

/// What is imported, and by whom.
#[derive(Debug, Clone, Args)]
pub struct WorkersFigures {
    /// Megabytes of `lineitem` as SQL
    #[arg(long, default_value_t = 512)]
    megabytes: u64,
    /// Numbers of worker processes
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8])]
    workers: Vec<usize>,
    /// How often each
    #[arg(long, default_value_t = 3)]
    times: usize,
    /// An empty queue, such as that of `localstack/seed`
    #[arg(long, value_name = "URL", env = "THUNDERHEAD_QUEUE")]
    queue: String,
    /// Endpoint of the queue service
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL")]
    queue_endpoint: String,
    /// Folder for dump, sort folders, ledger and the playground's data; a temporary one if not given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &WorkersFigures) -> anyhow::Result<()> {
    let folder = scratch(args.dir.as_ref())?;
    let path = |name: &str| folder.path().join(name);
    dump(&path("dump"), args.megabytes)?;
    std::fs::create_dir_all(path("sort"))?;
    let config = path("config.toml");
    // So many jobs that eight workers have equal shares.
    std::fs::write(&config, "[thunderhead]\njob-size = \"4MiB\"\nconcurrency = 1\n")?;
    println!("lineitem SQL, {} MB, jobs of 4 MiB, median of {}", args.megabytes, args.times);
    println!("workers | CPU s of all workers | least, most | relative to the first | wall s");
    let mut first = None;
    for &workers in &args.workers {
        let mut runs = Vec::new();
        for time in 0..args.times {
            let id = format!("workers-{workers}-{time}");
            let playground = path(&format!("playground-{id}"));
            let cluster = Cluster::start(&playground)?;
            let mut flags = vec![
                ("--config", config.display().to_string()),
                ("--ledger", path("ledger").display().to_string()),
                ("--queue", args.queue.clone()),
                ("--queue-endpoint", args.queue_endpoint.clone()),
                ("--import-id", id),
                ("--source", path("dump").display().to_string()),
            ];
            Process::run(&arguments("plan", &flags, &cluster.flags), folder.path())?;
            let finalizer = Process::start(&arguments("finalize", &flags, &cluster.flags), folder.path())?;
            flags.push(("--sort-dir", path("sort").display().to_string()));
            let work = arguments("work", &flags, &cluster.flags);
            let running: Vec<Process> =
                (0..workers).map(|_| Process::start(&work, folder.path())).collect::<Result<_, _>>()?;
            // Each is looked at until it ends, side by side.
            let waiting: Vec<_> =
                running.into_iter().map(|worker| std::thread::spawn(move || worker.wait())).collect();
            let (mut cpu, mut wall) = (0.0, 0.0_f64);
            for worker in waiting {
                let used = worker.join().map_err(|_| anyhow::anyhow!("a measurement has panicked"))??;
                cpu += used.cpu;
                wall = wall.max(used.wall);
            }
            finalizer.wait()?;
            runs.push((cpu, wall));
            drop(cluster);
            std::fs::remove_dir_all(playground)?;
        }
        runs.sort_by(|left, right| left.0.total_cmp(&right.0));
        let (Some(&(cpu, wall)), Some(least), Some(most)) =
            (runs.get(runs.len() / 2), runs.first(), runs.last())
        else {
            continue;
        };
        let base = *first.get_or_insert(cpu);
        println!("{workers} | {cpu:.2} | {:.2}, {:.2} | {:.3} | {wall:.1}", least.0, most.0, cpu / base);
    }
    Ok(())
}
