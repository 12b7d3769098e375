//! A worker's reports: `workers/<name>.json` in the ledger, every [`REPORT_EVERY`].
//!
//! They tell people what the worker is at, and the finalizer that somebody lives. A report that cannot be
//! written is only logged: no job waits for it. With each, results that fall to this worker are joined.

use std::sync::Arc;
use std::time::Duration;

use th_ledger::{FORMAT, Finished, REPORT_EVERY, WorkerReport, WorkerState};
use th_status::Health;
use tokio::task::JoinHandle;

use crate::{Progress, Stop, Work, Worker};

/// Longest wait for the last report.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Writes reports until [`Reporter::end`], or until it is dropped.
pub(crate) struct Reporter<W> {
    speaker: Arc<Speaker<W>>,
    task: JoinHandle<()>,
}

struct Speaker<W> {
    import: Arc<W>,
    progress: Arc<Progress>,
    finished: Arc<Finished>,
    stop: Stop,
    health: Health,
    name: String,
    slots: usize,
    /// A job without progress for so long does not get on.
    stall: Duration,
    started: i64,
}

impl<W: Work> Reporter<W> {
    /// Starts with a first report.
    pub(crate) fn start(worker: &Worker<W>) -> Self {
        let speaker = Arc::new(Speaker {
            import: Arc::clone(&worker.import),
            progress: Arc::clone(&worker.progress),
            finished: Arc::clone(&worker.finished),
            stop: worker.stop.clone(),
            health: worker.health.clone(),
            name: worker.name.clone(),
            slots: worker.resources.slots.max(1),
            stall: worker.resources.visibility.stall,
            started: worker.import.env().now_micros(),
        });
        let speaking = Arc::clone(&speaker);
        let task = tokio::spawn(async move {
            // The first ones come faster: whoever has just started a worker looks now.
            let mut pause = Duration::from_secs(1);
            loop {
                speaking.speak(None).await;
                speaking.import.env().sleep(pause, "next report").await;
                pause = (pause * 2).min(REPORT_EVERY);
            }
        });
        Self { speaker, task }
    }

    /// Says that the worker is done.
    pub(crate) async fn end(mut self) {
        self.task.abort();
        // An aborted write must not come after the last one.
        let _ = (&mut self.task).await;
        if tokio::time::timeout(LAST_WORDS, self.speaker.speak(Some(WorkerState::Done))).await.is_err() {
            tracing::warn!("the last report could not be written in time");
        }
    }
}

impl<W> Drop for Reporter<W> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl<W: Work> Speaker<W> {
    fn report(&self, state: Option<WorkerState>) -> WorkerReport {
        let now = if self.stop.is_draining() { WorkerState::Draining } else { WorkerState::Working };
        WorkerReport {
            format: FORMAT,
            worker: self.name.clone(),
            host: crate::command::host_name(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state: state.unwrap_or(now),
            started_micros: self.started,
            seen_micros: self.import.env().now_micros(),
            slots: self.slots as u32,
            finished_jobs: self.progress.finished_jobs(),
            jobs: self.progress.in_hand(),
        }
    }

    async fn speak(&self, state: Option<WorkerState>) {
        let report = self.report(state);
        let ended = report.state == WorkerState::Done;
        let draining = report.state == WorkerState::Draining;
        self.progress.metrics.set_state(report.jobs.len(), self.slots, draining);
        self.progress.metrics.set_store_limits(&self.import.store_limits());
        self.health.set("worker", if ended { None } else { stalled(&report, self.stall) });
        if let Err(error) = self.import.ledger().write_worker(&report).await {
            tracing::warn!(%error, "this worker's report could not be written; the work goes on");
        }
        if let Err(error) = self.finished.join(self.import.ledger(), self.import.plan().jobs).await {
            tracing::warn!(%error, "results could not be joined; whoever reads them reads them one by one");
        }
    }
}

/// Why the worker does not get on: all its jobs stand still.
fn stalled(report: &WorkerReport, limit: Duration) -> Option<String> {
    let last = report.jobs.iter().max_by_key(|job| job.advanced_micros)?;
    (!report.gets_on(limit)).then(|| {
        format!(
            "no job in hand has got on for {} s, the last was job {} ({})",
            (report.seen_micros - last.advanced_micros) / 1_000_000,
            last.job,
            last.stage.name()
        )
    })
}

#[cfg(test)]
mod tests {
    use th_ledger::{JobId, JobInHand, Stage};

    use super::*;

    fn report(advanced: &[i64]) -> WorkerReport {
        let jobs = advanced.iter().enumerate().map(|(number, seconds)| JobInHand {
            job: JobId(number as u32),
            table: 0,
            stage: Stage::Ingest,
            started_micros: 0,
            advanced_micros: seconds * 1_000_000,
            source_bytes: 1,
            read_bytes: 1,
            rows: 1,
            pair_bytes: 1,
            ingested_bytes: 0,
        });
        WorkerReport {
            format: FORMAT,
            worker: "w".into(),
            host: "h".into(),
            version: "1".into(),
            state: WorkerState::Working,
            started_micros: 0,
            seen_micros: 1_000_000_000,
            slots: 2,
            finished_jobs: 0,
            jobs: jobs.collect(),
        }
    }

    #[test]
    fn a_worker_is_stalled_when_every_job_in_hand_stands_still() {
        let limit = Duration::from_secs(600);
        assert_eq!(stalled(&report(&[]), limit), None, "an idle worker is well");
        assert_eq!(stalled(&report(&[100, 900]), limit), None, "one job gets on");
        let reason = stalled(&report(&[100, 350]), limit).unwrap();
        assert!(reason.contains("650 s") && reason.contains("00000001"), "{reason}");
    }
}
