//! Names of the ledger's objects.

use std::fmt;

use object_store::path::Path;
use serde::{Deserialize, Serialize};

/// A job's number within its import, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub u32);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}", self.0)
    }
}

impl JobId {
    /// The job that an object `…/00000042.json` is about.
    pub fn of_object(path: &Path) -> Option<Self> {
        path.filename()?.strip_suffix(".json")?.parse().ok().map(JobId)
    }
}

/// Names of one import's objects below the ledger's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: Path,
}

impl Layout {
    /// `folder` may be empty; `import_id` names the import's subfolder.
    pub fn new(folder: &Path, import_id: &str) -> Self {
        Self { root: folder.clone().join(import_id) }
    }

    /// The import's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `plan.json`.
    pub fn plan(&self) -> Path {
        self.root.clone().join("plan.json")
    }

    /// What of the target's definitions is put off.
    pub fn deferred(&self) -> Path {
        self.root.clone().join("deferred.json")
    }

    /// The folder of all plans' jobs.
    pub fn jobs(&self) -> Path {
        self.root.clone().join("jobs")
    }

    /// A job of a plan, which its attempt names.
    pub fn job(&self, attempt: &str, job: JobId) -> Path {
        let folder = if attempt.is_empty() { self.jobs() } else { self.jobs().join(attempt) };
        folder.join(format!("{job}.json"))
    }

    /// The folder of files that were cut by looking, of all plans.
    pub fn cuts(&self) -> Path {
        self.root.clone().join("cuts")
    }

    /// A file that was cut by looking.
    pub fn cut_file(&self, attempt: &str, number: u32) -> Path {
        self.cuts().join(attempt).join(format!("{number:06}.json"))
    }

    /// The folder of what is known of such a file's cuts.
    pub fn found_cuts(&self, attempt: &str, number: u32) -> Path {
        self.cuts().join(attempt).join(format!("{number:06}"))
    }

    /// A piece of such a file begins at `start`, and the next one really at `end`.
    pub fn found_cut(&self, attempt: &str, number: u32, start: u64, end: u64) -> Path {
        self.found_cuts(attempt, number).join(format!("{start:016x}-{end:016x}"))
    }

    /// The folder of results.
    pub fn results(&self) -> Path {
        self.root.clone().join("results")
    }

    /// A job's result.
    pub fn result(&self, job: JobId) -> Path {
        self.results().join(format!("{job}.json"))
    }

    /// The folder of parts, each many results.
    pub fn folded(&self) -> Path {
        self.root.clone().join("folded")
    }

    /// A part.
    pub fn part(&self, part: u32) -> Path {
        self.folded().join(format!("{part:08}.json"))
    }

    /// The folder of failures.
    pub fn failures(&self) -> Path {
        self.root.clone().join("failures")
    }

    /// Why a job cannot succeed.
    pub fn failure(&self, job: JobId) -> Path {
        self.failures().join(format!("{job}.json"))
    }

    /// Pairs of rows with equal keys that a job met.
    pub fn conflicts(&self, job: JobId) -> Path {
        self.root.clone().join("conflicts").join(format!("{job}.json"))
    }

    /// A part of the keys that several rows of a job have.
    pub fn conflict_keys(&self, job: JobId, part: u32) -> Path {
        let name = if part == 0 { format!("{job}.keys") } else { format!("{job}-{part:05}.keys") };
        self.root.clone().join("conflicts").join(name)
    }

    /// A part of a table's conflicts.
    pub fn table_conflicts(&self, table: u32, part: u32) -> Path {
        self.root.clone().join("conflicts").join(format!("table-{table:04}-{part:05}.json"))
    }

    /// Entries of a table in conflict.
    pub fn shared_entries(&self, table: u32) -> Path {
        self.root.clone().join("conflicts").join(format!("entries-{table:04}.json"))
    }

    /// What was removed from a table because of its conflicts.
    pub fn resolution(&self, table: u32) -> Path {
        self.root.clone().join("resolved").join(format!("{table:04}.json"))
    }

    /// Rows that a job left out.
    pub fn rejects(&self, job: JobId) -> Path {
        self.root.clone().join("rejects").join(format!("{job}.json"))
    }

    /// Rows that a job left out by SQL because their key was there.
    pub fn duplicates(&self, job: JobId) -> Path {
        self.root.clone().join("rejects").join(format!("{job}-duplicates.json"))
    }

    /// The folder of workers' reports.
    pub fn workers(&self) -> Path {
        self.root.clone().join("workers")
    }

    /// A worker's report; what a path cannot hold of the name is escaped.
    pub fn worker(&self, name: &str) -> Path {
        self.workers().join(format!("{name}.json"))
    }

    /// The fenced outcome.
    pub fn verdict(&self) -> Path {
        self.root.clone().join("verdict.json")
    }

    /// The completion marker.
    pub fn complete(&self) -> Path {
        self.root.clone().join("COMPLETE.json")
    }

    /// The failure marker.
    pub fn failed(&self) -> Path {
        self.root.clone().join("FAILED.json")
    }
}
