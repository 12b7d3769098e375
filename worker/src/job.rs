//! One job, from its pointer to its result.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use th_connect::fault;
use th_env::Step;
use th_errors::{Code, Fault};
use th_job::Pieces;
use th_ledger::{FORMAT, Job, JobId, JobResult};
use th_queue::Visibility;
use th_sorter::SortOptions;

use crate::conflicts::Collisions;
use crate::encode::{self, EncodeTask, Encoded};
use crate::progress::{JobProgress, Watching};
use crate::{Worker, work};

/// How long workers that read the pieces before one's own are waited for, before they are read once more.
const PATIENCE: Duration = Duration::from_secs(20);

/// Does a job. Everything it returns but `worker`, times and retries is the same for every run.
pub(crate) async fn run(
    worker: &Worker,
    slot: usize,
    id: JobId,
    started_micros: i64,
    visibility: &Visibility,
    quota: Option<&Arc<AtomicU64>>,
) -> Result<JobResult, Fault> {
    let import = &worker.import;
    let job = Arc::new(import.ledger.job(&import.plan, id).await.map_err(|error| fault::of_ledger(&error))?);
    let (planned, _) = import.table(job.table)?;
    let name = format!("{}.{}", planned.db, planned.name);
    let progress = worker.progress.start(&import.env, &job, &name, visibility.progress());
    let result = async {
        let encoded = encoded(worker, slot, &job, &progress, quota).await?;
        Step::Encoded.reached();
        let Encoded { sorted, rows, rejected, rejects, pairs, parts, bases, source_bytes, found: _ } =
            encoded;
        if !rejects.is_empty() {
            import.ledger.write_rejects(id, &rejects).await.map_err(|error| fault::of_ledger(&error))?;
        }
        let spilled_bytes = sorted.spilled_bytes();
        let collisions = Collisions::new(import, &job)?;
        let watch = Arc::new(Watching { progress: Arc::clone(&progress), stop: worker.stop.clone() });
        let (delivered, collisions) = import.delivery.run(sorted, job.commit_ts, collisions, watch).await?;
        Step::JobIngested.reached();
        let conflicts = collisions.count;
        collisions.settle(import, &job).await?;
        Ok(JobResult {
            format: FORMAT,
            import_id: import.plan.import_id.clone(),
            job: id,
            table: job.table,
            rows,
            rejected,
            pairs,
            conflicts,
            bases,
            source_bytes,
            worker: worker.name.clone(),
            started_micros,
            finished_micros: import.env.now_micros(),
            spilled_bytes,
            pieces: delivered.pieces,
            retries: delivered.retries,
            parts: Some(Box::new(parts)),
        })
    }
    .await;
    if result.is_err() {
        progress.take_back();
    }
    result
}

/// Encodes and sorts a job's rows; those of pieces that begin inside a row, again without them.
async fn encoded(
    worker: &Worker,
    slot: usize,
    job: &Arc<Job>,
    progress: &Arc<JobProgress>,
    quota: Option<&Arc<AtomicU64>>,
) -> Result<Encoded, Fault> {
    let import = &worker.import;
    let mut pieces = Pieces::of(&import.ledger, &import.plan, job).await?;
    loop {
        let sort = SortOptions {
            dir: worker.resources.sort_dir.clone(),
            // Unique in the folder: a slot does one job at a time, and a run's file is gone with the run.
            name: format!(
                "{}-{}-{slot}-{:08x}",
                import.plan.import_id,
                job.job,
                import.env.random_u64() as u32
            ),
            memory: usize::try_from(worker.resources.sort_memory).unwrap_or(usize::MAX)
                / worker.resources.slots.max(1),
            disk_quota: quota.cloned(),
        };
        let task = EncodeTask {
            import: Arc::clone(import),
            job: Arc::clone(job),
            pieces: pieces.clone(),
            sort,
            progress: Arc::clone(progress),
            stop: worker.stop.clone(),
            runtime: tokio::runtime::Handle::current(),
        };
        let span = tracing::Span::current();
        let encoded = tokio::task::spawn_blocking(move || span.in_scope(|| encode::run(&task)))
            .await
            .map_err(|error| Fault::new(Code::Internal, format!("encoding ended unexpectedly: {error}")))?;
        match &encoded {
            Ok(encoded) => th_job::record(&import.ledger, &import.plan, &encoded.found).await?,
            // Anything else may be the fault of a wrong beginning.
            Err(fault) if fault.is_retryable() => return encoded,
            Err(_) => {}
        }
        if !work::settle(worker, &import.source, progress, &mut pieces, PATIENCE).await? {
            return encoded;
        }
        progress.take_back();
    }
}
