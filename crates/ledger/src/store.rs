//! Writing once, reading back.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use serde::Serialize;
use serde::de::DeserializeOwned;
use th_env::Step;

use crate::{
    Complete, Conflict, CutFile, FORMAT, Failed, Job, JobFailure, JobId, JobParts, JobResult, Layout,
    Outcome, Plan, Reject, Resolution, SharedEntry, Verdict, WorkerReport,
};

/// Requests in flight while many objects are read or written.
pub(crate) const CONCURRENCY: usize = 32;

/// A failure of the ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The store failed.
    #[error("cannot {action} {object}: {source}")]
    Store {
        /// `read`, `write`, `list`.
        action: &'static str,
        /// The object's URL.
        object: String,
        /// The store's answer.
        source: object_store::Error,
    },
    /// The store has no conditional put, so nothing could be written once.
    #[error(
        "the store of {ledger} does not refuse to overwrite an object on request (conditional put), which the ledger needs; use another store for the ledger"
    )]
    NoConditionalPut {
        /// The ledger's URL.
        ledger: String,
    },
    /// An object is not what it should be.
    #[error("{object} is not a valid ledger document: {message}")]
    Damaged {
        /// The object's URL.
        object: String,
        /// What is wrong.
        message: String,
    },
    /// A document of a newer version.
    #[error(
        "{object} has format {found}, this program knows {FORMAT}; use the version of Thunderhead that wrote it"
    )]
    NewerFormat {
        /// The object's URL.
        object: String,
        /// Its format.
        found: u64,
    },
    /// Another writer wrote something else.
    #[error("{object} was written before with other contents; another run uses this ledger")]
    Conflict {
        /// The object's URL.
        object: String,
    },
    /// There is no such document.
    #[error("{object} does not exist")]
    Missing {
        /// The object's URL.
        object: String,
    },
}

/// What became of a conditional put.
#[derive(Debug, Clone, PartialEq)]
pub enum Put<T> {
    /// It is ours.
    Created,
    /// Somebody was first; this is theirs.
    Existing(T),
}

/// The ledger of one import.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) layout: Layout,
    display: String,
}

impl Ledger {
    /// The ledger of `import_id` in a folder of a store. `display` is the folder's URL without secrets.
    pub fn new(store: Arc<dyn ObjectStore>, folder: &Path, display: &str, import_id: &str) -> Self {
        Self {
            store,
            layout: Layout::new(folder, import_id),
            display: format!("{}/{import_id}", display.trim_end_matches('/')),
        }
    }

    /// The ledger's URL, without secrets.
    pub fn display(&self) -> &str {
        &self.display
    }

    fn url(&self, path: &Path) -> String {
        let root = self.layout.root().as_ref();
        let rest = path.as_ref().strip_prefix(root).unwrap_or(path.as_ref());
        format!("{}/{}", self.display, rest.trim_start_matches('/'))
    }

    pub(crate) fn store_error(
        &self,
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(object_store::Error) -> LedgerError {
        let object = self.url(path);
        move |source| LedgerError::Store { action, object, source }
    }

    /// Proves that the store refuses to overwrite on request.
    pub async fn probe(&self) -> Result<(), LedgerError> {
        let path = self.layout.root().clone().join("probe.json");
        self.create(&path, Bytes::from_static(b"{}")).await?;
        if self.create(&path, Bytes::from_static(b"{\"again\":true}")).await? {
            return Err(LedgerError::NoConditionalPut { ledger: self.display.clone() });
        }
        Ok(())
    }

    /// [`Ledger::probe`] without a trace: the object is removed again. For an import id of its own.
    pub async fn try_out(&self) -> Result<(), LedgerError> {
        self.probe().await?;
        let path = self.layout.root().clone().join("probe.json");
        self.read(&path).await?.ok_or_else(|| LedgerError::Missing { object: self.url(&path) })?;
        self.store.delete(&path).await.map_err(self.store_error("remove", &path))
    }

    /// Conditional put; false if the object exists.
    async fn create(&self, path: &Path, body: Bytes) -> Result<bool, LedgerError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(path, PutPayload::from(body), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(false)
            }
            Err(object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }) => {
                Err(LedgerError::NoConditionalPut { ledger: self.display.clone() })
            }
            Err(source) => Err(self.store_error("write", path)(source)),
        }
    }

    /// Writes a document once. A put whose answer was lost, or that the client retried by itself, is
    /// recognised as one's own by its contents.
    pub(crate) async fn put_once<T: Serialize + DeserializeOwned>(
        &self,
        path: &Path,
        document: &T,
    ) -> Result<Put<T>, LedgerError> {
        let body =
            Bytes::from(serde_json::to_vec_pretty(document).map_err(|error| LedgerError::Damaged {
                object: self.url(path),
                message: error.to_string(),
            })?);
        let outcome = self.create(path, body.clone()).await;
        if let Ok(true) = outcome {
            return Ok(Put::Created);
        }
        match self.read(path).await {
            Ok(Some(existing)) if existing == body => Ok(Put::Created),
            Ok(Some(existing)) => Ok(Put::Existing(self.parse(path, &existing)?)),
            Ok(None) => match outcome {
                Err(error) => Err(error),
                Ok(_) => Err(LedgerError::Missing { object: self.url(path) }),
            },
            Err(error) => Err(outcome.err().unwrap_or(error)),
        }
    }

    async fn read(&self, path: &Path) -> Result<Option<Bytes>, LedgerError> {
        match self.store.get(path).await {
            Ok(found) => found.bytes().await.map(Some).map_err(self.store_error("read", path)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.store_error("read", path)(source)),
        }
    }

    fn parse<T: DeserializeOwned>(&self, path: &Path, body: &[u8]) -> Result<T, LedgerError> {
        #[derive(serde::Deserialize)]
        struct Head {
            format: Option<u64>,
        }
        let damaged = |error: serde_json::Error| LedgerError::Damaged {
            object: self.url(path),
            message: error.to_string(),
        };
        let head: Head = serde_json::from_slice(body).map_err(damaged)?;
        if let Some(found) = head.format.filter(|&found| found > u64::from(FORMAT)) {
            return Err(LedgerError::NewerFormat { object: self.url(path), found });
        }
        serde_json::from_slice(body).map_err(damaged)
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, LedgerError> {
        match self.read(path).await? {
            Some(body) => Ok(Some(self.parse(path, &body)?)),
            None => Ok(None),
        }
    }

    async fn must_get<T: DeserializeOwned>(&self, path: &Path) -> Result<T, LedgerError> {
        self.get(path).await?.ok_or_else(|| LedgerError::Missing { object: self.url(path) })
    }

    /// The plan, if there is one.
    pub async fn plan(&self) -> Result<Option<Plan>, LedgerError> {
        self.get(&self.layout.plan()).await
    }

    /// Writes all jobs and the files that were cut by looking, then the plan that makes them count.
    pub async fn write_plan(&self, plan: &Plan, jobs: &[Job], cuts: &[CutFile]) -> Result<(), LedgerError> {
        futures::stream::iter((0..).zip(cuts))
            .map(|(number, file)| self.put_own(self.layout.cut_file(&plan.attempt, number), file))
            .buffer_unordered(CONCURRENCY)
            .try_collect::<()>()
            .await?;
        futures::stream::iter(jobs)
            .map(|job| async move {
                self.put_own(self.layout.job(&plan.attempt, job.job), job).await?;
                Step::JobWritten.reached();
                Ok(())
            })
            .buffer_unordered(CONCURRENCY)
            .try_collect::<()>()
            .await?;
        Step::JobsWritten.reached();
        self.put_own(self.layout.plan(), plan).await
    }

    /// Writes a document that nobody else may have written otherwise.
    async fn put_own<T: Serialize + DeserializeOwned>(
        &self,
        path: Path,
        document: &T,
    ) -> Result<(), LedgerError> {
        match self.put_once(&path, document).await? {
            Put::Created => Ok(()),
            Put::Existing(_) => Err(LedgerError::Conflict { object: self.url(&path) }),
        }
    }

    /// A file that was cut by looking.
    pub async fn cut_file(&self, plan: &Plan, number: u32) -> Result<CutFile, LedgerError> {
        self.must_get(&self.layout.cut_file(&plan.attempt, number)).await
    }

    /// What is known of such a file's pieces: from where each begins to where the next really begins (or the file
    /// ends). Pieces that begin inside a row are among them; none that begins right leads there.
    pub async fn found_cuts(&self, plan: &Plan, number: u32) -> Result<BTreeMap<u64, u64>, LedgerError> {
        let folder = self.layout.found_cuts(&plan.attempt, number);
        let range = |path: &Path| {
            let (start, end) = path.filename()?.split_once('-')?;
            Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
        };
        self.store
            .list(Some(&folder))
            .try_filter_map(|object| std::future::ready(Ok(range(&object.location))))
            .try_collect()
            .await
            .map_err(self.store_error("list", &folder))
    }

    /// Notes what was found of a piece: every reader finds the same.
    pub async fn write_found_cut(
        &self,
        plan: &Plan,
        number: u32,
        start: u64,
        end: u64,
    ) -> Result<(), LedgerError> {
        let path = self.layout.found_cut(&plan.attempt, number, start, end);
        self.create(&path, Bytes::new()).await.map(|_| ())
    }

    /// A job of the plan.
    pub async fn job(&self, plan: &Plan, job: JobId) -> Result<Job, LedgerError> {
        self.must_get(&self.layout.job(&plan.attempt, job)).await
    }

    /// A job's result, if it is done.
    pub async fn result(&self, job: JobId) -> Result<Option<JobResult>, LedgerError> {
        self.get(&self.layout.result(job)).await
    }

    /// Writes a job's result; [`Put::Existing`] if another run of the job was first.
    pub async fn write_result(&self, result: &JobResult) -> Result<Put<JobResult>, LedgerError> {
        self.put_once(&self.layout.result(result.job), result).await
    }

    /// What a job wrote, by index; `None` if nobody has noted it.
    pub async fn job_parts(&self, job: JobId) -> Result<Option<JobParts>, LedgerError> {
        #[derive(serde::Deserialize)]
        struct Written {
            parts: Option<JobParts>,
        }
        let written: Written = self.must_get(&self.layout.result(job)).await?;
        Ok(written.parts)
    }

    /// Which jobs have a result.
    pub async fn finished_jobs(&self) -> Result<Vec<JobId>, LedgerError> {
        self.finished_from(JobId(0)).await
    }

    /// Which jobs from `first` on have a result, in order.
    pub async fn finished_from(&self, first: JobId) -> Result<Vec<JobId>, LedgerError> {
        self.list_jobs(&self.layout.results(), first).await
    }

    /// Which jobs have failed for good.
    pub async fn failed_jobs(&self) -> Result<Vec<JobId>, LedgerError> {
        self.list_jobs(&self.layout.failures(), JobId(0)).await
    }

    async fn list_jobs(&self, folder: &Path, first: JobId) -> Result<Vec<JobId>, LedgerError> {
        let listed = match first.0.checked_sub(1) {
            Some(before) => self
                .store
                .list_with_offset(Some(folder), &folder.clone().join(format!("{}.json", JobId(before)))),
            None => self.store.list(Some(folder)),
        };
        let mut jobs: Vec<JobId> = listed
            .try_filter_map(|object| async move { Ok(JobId::of_object(&object.location)) })
            .try_collect()
            .await
            .map_err(self.store_error("list", folder))?;
        jobs.sort_unstable();
        Ok(jobs)
    }

    /// The parts of results that are there.
    pub(crate) async fn result_parts(&self) -> Result<Vec<u32>, LedgerError> {
        let parts = self.list_jobs(&self.layout.folded(), JobId(0)).await?;
        Ok(parts.into_iter().map(|number| number.0).collect())
    }

    /// The results of a part.
    pub(crate) async fn read_result_part(&self, part: u32) -> Result<Vec<JobResult>, LedgerError> {
        let path = self.layout.part(part);
        let body = self.read(&path).await?.ok_or_else(|| LedgerError::Missing { object: self.url(&path) })?;
        let lines = body.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| self.parse(&path, line)).collect()
    }

    /// Writes a part; whoever was first has written the same.
    pub(crate) async fn write_result_part(&self, part: u32, lines: Bytes) -> Result<(), LedgerError> {
        self.create(&self.layout.part(part), lines).await.map(|_| ())
    }

    /// The results of these jobs, in no particular order.
    pub async fn results(&self, jobs: &[JobId]) -> Result<Vec<JobResult>, LedgerError> {
        futures::stream::iter(jobs.iter().copied())
            .map(|job| async move { self.must_get(&self.layout.result(job)).await })
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await
    }

    /// Writes why a job cannot succeed. The first reason stays.
    pub async fn write_failure(&self, failure: &JobFailure) -> Result<(), LedgerError> {
        self.put_once(&self.layout.failure(failure.job), failure).await.map(|_| ())
    }

    /// Why a job cannot succeed.
    pub async fn failure(&self, job: JobId) -> Result<Option<JobFailure>, LedgerError> {
        self.get(&self.layout.failure(job)).await
    }

    /// Writes a job's conflicts. Every run of the job finds the same.
    pub async fn write_conflicts(&self, job: JobId, conflicts: &[Conflict]) -> Result<(), LedgerError> {
        let body = serde_json::to_vec_pretty(conflicts).unwrap_or_default();
        self.create(&self.layout.conflicts(job), Bytes::from(body)).await.map(|_| ())
    }

    /// A job's conflicts; none if it left none.
    pub async fn conflicts(&self, job: JobId) -> Result<Vec<Conflict>, LedgerError> {
        Ok(self.get_list(&self.layout.conflicts(job)).await?.unwrap_or_default())
    }

    /// The rows that a job left out, as far as they are recorded.
    pub async fn rejects(&self, job: JobId) -> Result<Vec<Reject>, LedgerError> {
        Ok(self.get_list(&self.layout.rejects(job)).await?.unwrap_or_default())
    }

    /// The rows that a job left out by SQL because their key was there, as far as they are recorded.
    pub async fn duplicates(&self, job: JobId) -> Result<Vec<Reject>, LedgerError> {
        Ok(self.get_list(&self.layout.duplicates(job)).await?.unwrap_or_default())
    }

    /// The entries in conflict of a table that are to be recorded.
    pub async fn shared_entries(&self, table: u32) -> Result<Vec<SharedEntry>, LedgerError> {
        Ok(self.get_list(&self.layout.shared_entries(table)).await?.unwrap_or_default())
    }

    /// Writes the entries in conflict of a table, before any of them is deleted; the first words stay.
    pub async fn write_shared_entries(&self, table: u32, entries: &[SharedEntry]) -> Result<(), LedgerError> {
        let body = serde_json::to_vec_pretty(entries).unwrap_or_default();
        self.create(&self.layout.shared_entries(table), Bytes::from(body)).await.map(|_| ())
    }

    /// A part of a table's conflicts, if it is there.
    pub async fn table_conflicts(&self, table: u32, part: u32) -> Result<Option<Vec<Conflict>>, LedgerError> {
        self.get_list(&self.layout.table_conflicts(table, part)).await
    }

    /// A document that is a list, which says nothing of its format.
    async fn get_list<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<Vec<T>>, LedgerError> {
        let Some(body) = self.read(path).await? else { return Ok(None) };
        let damaged = |error: serde_json::Error| LedgerError::Damaged {
            object: self.url(path),
            message: error.to_string(),
        };
        serde_json::from_slice(&body).map(Some).map_err(damaged)
    }

    /// Writes a part of the keys that several rows of a job have, a hexadecimal line each. Every run of the job finds
    /// the same.
    pub async fn write_conflict_keys(
        &self,
        job: JobId,
        part: u32,
        lines: Vec<u8>,
    ) -> Result<(), LedgerError> {
        self.create(&self.layout.conflict_keys(job, part), Bytes::from(lines)).await.map(|_| ())
    }

    /// The lines of [`Ledger::write_conflict_keys`]; `None` behind the last part.
    pub async fn conflict_keys(&self, job: JobId, part: u32) -> Result<Option<Bytes>, LedgerError> {
        self.read(&self.layout.conflict_keys(job, part)).await
    }

    /// Writes a part of a table's conflicts. Whoever resolves them finds the same.
    pub async fn write_table_conflicts(
        &self,
        table: u32,
        part: u32,
        conflicts: &[Conflict],
    ) -> Result<(), LedgerError> {
        let body = serde_json::to_vec_pretty(conflicts).unwrap_or_default();
        self.create(&self.layout.table_conflicts(table, part), Bytes::from(body)).await.map(|_| ())
    }

    /// Writes what was removed from a table; the first words stay.
    pub async fn write_resolution(&self, resolution: &Resolution) -> Result<(), LedgerError> {
        self.put_once(&self.layout.resolution(resolution.table), resolution).await.map(|_| ())
    }

    /// What was removed from a table, if it is done.
    pub async fn resolution(&self, table: u32) -> Result<Option<Resolution>, LedgerError> {
        self.get(&self.layout.resolution(table)).await
    }

    /// Writes the rows that a job left out. Every run of the job leaves out the same.
    pub async fn write_rejects(&self, job: JobId, rejects: &[Reject]) -> Result<(), LedgerError> {
        let body = serde_json::to_vec_pretty(rejects).unwrap_or_default();
        self.create(&self.layout.rejects(job), Bytes::from(body)).await.map(|_| ())
    }

    /// Writes the rows that a job left out by SQL because their key was there; the first words stay.
    pub async fn write_duplicates(&self, job: JobId, duplicates: &[Reject]) -> Result<(), LedgerError> {
        let body = serde_json::to_vec_pretty(duplicates).unwrap_or_default();
        self.create(&self.layout.duplicates(job), Bytes::from(body)).await.map(|_| ())
    }

    /// Writes a worker's report over its last one.
    pub async fn write_worker(&self, report: &WorkerReport) -> Result<(), LedgerError> {
        let path = self.layout.worker(&report.worker);
        let body = Bytes::from(serde_json::to_vec_pretty(report).unwrap_or_default());
        self.store.put(&path, PutPayload::from(body)).await.map_err(self.store_error("write", &path))?;
        Ok(())
    }

    /// The last report of every worker that made one, by name. What cannot be understood is left out:
    /// these documents are advice.
    pub async fn workers(&self) -> Result<Vec<WorkerReport>, LedgerError> {
        let folder = self.layout.workers();
        let found: Vec<_> =
            self.store.list(Some(&folder)).try_collect().await.map_err(self.store_error("list", &folder))?;
        let mut reports: Vec<WorkerReport> = futures::stream::iter(found)
            .map(|object| async move {
                match self.get(&object.location).await {
                    Err(LedgerError::Damaged { .. } | LedgerError::NewerFormat { .. }) => Ok(None),
                    read => read,
                }
            })
            .buffer_unordered(CONCURRENCY)
            .try_filter_map(|report| async move { Ok(report) })
            .try_collect()
            .await?;
        reports.sort_by(|left, right| left.worker.cmp(&right.worker));
        Ok(reports)
    }

    /// Decides the outcome. If another finalizer was first, theirs is returned and stands.
    pub async fn decide(&self, verdict: &Verdict) -> Result<Verdict, LedgerError> {
        let decided = match self.put_once(&self.layout.verdict(), verdict).await? {
            Put::Created => verdict.clone(),
            Put::Existing(existing) => existing,
        };
        Step::VerdictWritten.reached();
        self.mark(&decided.outcome).await?;
        Step::Marked.reached();
        Ok(decided)
    }

    /// Writes the marker of an outcome that is decided.
    async fn mark(&self, outcome: &Outcome) -> Result<(), LedgerError> {
        match outcome {
            Outcome::Complete(complete) => {
                self.put_once(&self.layout.complete(), complete).await?;
            }
            Outcome::Failed(failed) => {
                self.put_once(&self.layout.failed(), failed).await?;
            }
        }
        Ok(())
    }

    /// The outcome, if it is decided. A marker that its finalizer could not write any more is written.
    pub async fn verdict(&self) -> Result<Option<Verdict>, LedgerError> {
        let verdict: Option<Verdict> = self.get(&self.layout.verdict()).await?;
        if let Some(verdict) = &verdict {
            self.mark(&verdict.outcome).await?;
        }
        Ok(verdict)
    }

    /// `COMPLETE.json`, if it is there.
    pub async fn complete(&self) -> Result<Option<Complete>, LedgerError> {
        self.get(&self.layout.complete()).await
    }

    /// `FAILED.json`, if it is there.
    pub async fn failed(&self) -> Result<Option<Failed>, LedgerError> {
        self.get(&self.layout.failed()).await
    }
}
