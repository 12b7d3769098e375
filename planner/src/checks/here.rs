//! This machine, the ledger and the queue.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use th_checks::{Line, SortSpace};
use th_config::Config;
use th_connect::fault;
use th_dump::{Compression, Dump};
use th_env::Env;
use th_errors::Fault;
use th_queue::Queue;

use crate::Planner;
use crate::jobs::JobSize;

/// What the ledger has to do.
pub(super) const LEDGER: &str = "objects can be written, read, and not be overwritten";
/// Files that a process has open besides those of sorting: connections, logs, libraries.
const OPEN_ANYWAY: u64 = 128;
/// Files of a job besides its runs.
const OPEN_BY_JOB: u64 = 16;

/// Tries the ledger out below a name of its own, and removes all traces.
pub(super) async fn try_ledger(config: &Config, env: &Env) -> Result<(), Fault> {
    let folder = local_folder(&config.thunderhead.ledger);
    let made: Vec<PathBuf> = folder
        .iter()
        .flat_map(|folder| folder.ancestors())
        .take_while(|ancestor| !ancestor.exists())
        .map(Path::to_owned)
        .collect();
    let trial = format!("check-{}", env.uuid());
    let result = async {
        let ledger = th_connect::ledger(config, &trial)?;
        ledger.try_out().await.map_err(|error| fault::of_ledger(&error))
    }
    .await;
    // Folders are not objects; only those that are empty go.
    for folder in folder.map(|folder| folder.join(&trial)).iter().chain(&made) {
        let _ = std::fs::remove_dir(folder);
    }
    result
}

/// Whether there can be an import in the ledger: a local folder that is not there is not made to look into.
pub(super) fn ledger_exists(config: &Config) -> bool {
    local_folder(&config.thunderhead.ledger).is_none_or(|folder| folder.exists())
}

/// The folder of a location on this machine.
fn local_folder(location: &str) -> Option<PathBuf> {
    let location = th_dump::Location::parse(location).ok()?.display_base();
    (!location.contains("://")).then(|| PathBuf::from(location))
}

/// Whether the queue answers.
pub(super) async fn queue(config: &Config, queue: &dyn Queue) -> Line {
    const CHECK: &str = "queue";
    const WANTED: &str = "it answers";
    if config.thunderhead.queue.is_empty() {
        return Line::pass(CHECK, "jobs stay in this process", WANTED);
    }
    let depth = queue.depth().await.map_err(|error| fault::of_queue(&error));
    let say = |depth: th_queue::Depth| {
        format!("{} waiting, {} in flight, {} dead", depth.waiting, depth.in_flight, depth.dead)
    };
    th_checks::reached(CHECK, WANTED, depth.map(say))
}

/// The soft limit of open files, where the system says it in the usual place.
fn open_files_limit() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

/// The nearest folder above `path` that exists.
fn existing(path: &Path) -> Option<&Path> {
    path.ancestors().find(|ancestor| ancestor.is_dir())
}

impl<T> Planner<'_, T> {
    /// Lines about the machine that sorts, which is this one where jobs stay in this process. `ratio`: pairs' bytes
    /// for a source byte.
    pub(super) fn machine_lines(&self, dump: &Dump, ratio: f64) -> Vec<Line> {
        let config = self.config;
        if !config.thunderhead.queue.is_empty() {
            return Vec::new();
        }
        let total: u64 = dump.tables.iter().map(th_dump::TableFiles::size).sum();
        let job = JobSize::choose(config.thunderhead.job_size.0, dump).0;
        let slots = th_connect::slots(config) as u64;
        let at_once = (total.min(job.saturating_mul(slots)) as f64 * ratio) as u64;
        let mut lines = vec![self.sort_space(dump, at_once)];
        let base = self.sort_base();
        let device =
            |path: &Path| existing(path).and_then(|path| path.metadata().ok()).map(|found| found.dev());
        let same = (!self.source.display_base.contains("://"))
            .then(|| (device(&base), device(Path::new(&self.source.display_base))));
        lines.push(th_checks::sort_disk(same.map(|(sort, source)| sort.is_some() && sort == source), total));
        let share = (th_connect::sort_memory(config) / slots.max(1)).max(1);
        let runs = ((job as f64 * ratio) as u64).div_ceil(share);
        let need = OPEN_ANYWAY + slots * (OPEN_BY_JOB + runs);
        lines.push(th_checks::open_files(open_files_limit(), need));
        lines
    }

    fn sort_base(&self) -> PathBuf {
        let base = th_connect::sort_base(self.config);
        std::path::absolute(&base).unwrap_or(base)
    }

    fn sort_space(&self, dump: &Dump, need: u64) -> Line {
        let base = self.sort_base();
        let space = existing(&base).and_then(|folder| rustix::fs::statvfs(folder).ok());
        let Some(space) = space else {
            return Line::unknown("sort-space", "", format!("{} is no folder", base.display()));
        };
        let compressed = |file: &th_dump::DataFile| {
            file.compression != Compression::None || file.format == th_dump::Format::Parquet
        };
        th_checks::sort_space(&SortSpace {
            folder: base.display().to_string(),
            free: space.f_bavail.saturating_mul(space.f_frsize),
            need,
            quota: self.config.tikv_importer.disk_quota.map(|quota| quota.0),
            rough: dump.tables.iter().flat_map(|table| &table.data).any(compressed),
        })
    }
}
