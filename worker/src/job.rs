//! One job, from its pointer to its result.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use th_connect::fault;
use th_errors::{Code, Fault};
use th_ledger::{FORMAT, JobId, JobResult};
use th_queue::Visibility;
use th_sorter::SortOptions;

use crate::Worker;
use crate::conflicts::Collisions;
use crate::encode::{self, EncodeTask, Encoded};
use crate::progress::Watching;

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
    let job = Arc::new(import.ledger.job(id).await.map_err(|error| fault::of_ledger(&error))?);
    let (planned, _) = import.table(job.table)?;
    let name = format!("{}.{}", planned.db, planned.name);
    let progress = worker.progress.start(&import.env, &job, &name, visibility.progress());
    let sort = SortOptions {
        dir: worker.resources.sort_dir.clone(),
        // Unique in the folder: a slot does one job at a time, and a run's file is gone with the run.
        name: format!("{}-{id}-{slot}-{:08x}", import.plan.import_id, import.env.random_u64() as u32),
        memory: usize::try_from(worker.resources.sort_memory).unwrap_or(usize::MAX)
            / worker.resources.slots.max(1),
        disk_quota: quota.cloned(),
    };
    let task = EncodeTask {
        import: Arc::clone(import),
        job: Arc::clone(&job),
        sort,
        progress: Arc::clone(&progress),
        stop: worker.stop.clone(),
        runtime: tokio::runtime::Handle::current(),
    };
    let result = async {
        let span = tracing::Span::current();
        let encoded = tokio::task::spawn_blocking(move || span.in_scope(|| encode::run(&task)))
            .await
            .map_err(|error| Fault::new(Code::Internal, format!("encoding ended unexpectedly: {error}")))??;
        let Encoded { sorted, rows, rejected, rejects, pairs, bases, source_bytes } = encoded;
        if !rejects.is_empty() {
            import.ledger.write_rejects(id, &rejects).await.map_err(|error| fault::of_ledger(&error))?;
        }
        let spilled_bytes = sorted.spilled_bytes();
        let collisions = Collisions::new(import, &job)?;
        let watch = Arc::new(Watching { progress: Arc::clone(&progress), stop: worker.stop.clone() });
        let (delivered, collisions) = import.delivery.run(sorted, job.commit_ts, collisions, watch).await?;
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
        })
    }
    .await;
    if result.is_err() {
        progress.take_back();
    }
    result
}
