//! The ledger's documents to a status: pure.

use std::collections::BTreeMap;

use serde::Serialize;
use th_errors::Fault;
use th_ledger::{
    Complete, Failed, JobFailure, JobId, JobInHand, JobResult, Outcome, Plan, SILENT_AFTER, Stage, Verdict,
    WorkerReport, WorkerState,
};

use crate::rate::{Span, bytes_per_second};

/// What the ledger holds of an import.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The outcome, if it is decided.
    pub verdict: Option<&'a Verdict>,
    /// Results by job.
    pub results: &'a BTreeMap<JobId, JobResult>,
    /// Jobs that failed for good.
    pub failures: &'a BTreeMap<JobId, JobFailure>,
    /// Workers' last reports.
    pub workers: &'a [WorkerReport],
}

/// Where an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Jobs are open.
    #[default]
    Working,
    /// All jobs have results, the finalizer has not decided.
    Verifying,
    /// A job has failed for good, the finalizer has not decided.
    Failing,
    /// `COMPLETE.json` is there.
    Complete,
    /// `FAILED.json` is there.
    Failed,
}

impl State {
    /// All states.
    pub const ALL: [State; 5] =
        [State::Working, State::Verifying, State::Failing, State::Complete, State::Failed];

    /// `working`, `verifying`, `failing`, `complete`, `failed`.
    pub fn name(self) -> &'static str {
        match self {
            State::Working => "working",
            State::Verifying => "verifying",
            State::Failing => "failing",
            State::Complete => "complete",
            State::Failed => "failed",
        }
    }

    /// Whether it will never change.
    pub fn is_final(self) -> bool {
        matches!(self, State::Complete | State::Failed)
    }
}

/// How far an import is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ImportStatus {
    /// The import.
    pub import_id: String,
    /// Where it is.
    pub state: State,
    /// The dump.
    pub source: String,
    /// The target's version.
    pub target: String,
    /// Number of jobs.
    pub jobs: u32,
    /// Jobs with a result.
    pub finished_jobs: usize,
    /// Jobs that failed for good.
    pub failed_jobs: usize,
    /// Jobs that living workers have in hand.
    pub jobs_in_hand: usize,
    /// Rows of finished jobs.
    pub rows: u64,
    /// Source bytes of all jobs.
    pub source_bytes: u64,
    /// Source bytes of finished jobs.
    pub finished_bytes: u64,
    /// Source bytes of finished jobs, and of jobs in hand as far as they are: encoding is one half of a
    /// job, ingesting the other.
    pub done_bytes: u64,
    /// Bytes of pairs that TiKV has taken.
    pub ingested_bytes: u64,
    /// Seconds since the plan was made, until the outcome if there is one.
    pub seconds: f64,
    /// Source bytes a second of late; over all the time for a decided import.
    pub bytes_per_second: f64,
    /// Seconds until all jobs are finished at this rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta_seconds: Option<f64>,
    /// What has to happen next, as long as it is not decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// Tables, in the plan's order.
    pub tables: Vec<TableStatus>,
    /// Workers, by name.
    pub workers: Vec<WorkerStatus>,
    /// Why it failed, or is about to.
    pub faults: Vec<Fault>,
    /// Statements that give the target's tables what they have not got back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_to_do: Vec<String>,
}

/// How far a table is.
#[derive(Debug, Clone, Serialize)]
pub struct TableStatus {
    /// `db.table`.
    pub table: String,
    /// Number of jobs.
    pub jobs: usize,
    /// Jobs with a result.
    pub finished_jobs: usize,
    /// Rows of finished jobs.
    pub rows: u64,
    /// Rows of finished jobs that were left out.
    pub rejected: u64,
    /// Source bytes of all jobs.
    pub source_bytes: u64,
    /// As [`ImportStatus::done_bytes`].
    pub done_bytes: u64,
    /// What the checksum said, once it is decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
}

/// What is known of a worker.
#[derive(Debug, Clone, Serialize)]
pub struct WorkerStatus {
    /// Its name.
    pub worker: String,
    /// The machine.
    pub host: String,
    /// Version of the program.
    pub version: String,
    /// `working`, `draining`, `done`, or `silent` for one that has not been heard for long.
    pub state: &'static str,
    /// Seconds since its last report.
    pub silent_seconds: f64,
    /// Jobs whose result is its.
    pub finished_jobs: usize,
    /// Jobs in hand, as far as they have no result yet.
    pub jobs: Vec<JobStatus>,
}

/// A job in hand.
#[derive(Debug, Clone, Serialize)]
pub struct JobStatus {
    /// The job.
    pub job: JobId,
    /// `db.table`.
    pub table: String,
    /// `encode`, `split`, `ingest`.
    pub stage: &'static str,
    /// Seconds since it was taken, at the report.
    pub seconds: f64,
    /// Seconds without any progress, at the report.
    pub idle_seconds: f64,
    /// Source bytes of all its chunks.
    pub source_bytes: u64,
    /// Source bytes read.
    pub read_bytes: u64,
    /// Rows encoded.
    pub rows: u64,
    /// Bytes of pairs that TiKV has taken.
    pub ingested_bytes: u64,
}

fn seconds(micros: i64) -> f64 {
    micros.max(0) as f64 / 1e6
}

/// What of a worker's report still holds at `now`. Nobody works on an import that is decided, whatever
/// the last reports said.
fn state_of(report: &WorkerReport, decided: bool, now: i64) -> &'static str {
    if decided {
        return WorkerState::Done.name();
    }
    let silent = now - report.seen_micros > SILENT_AFTER.as_micros() as i64;
    if silent && report.state != WorkerState::Done { "silent" } else { report.state.name() }
}

/// Source bytes' worth of work that is done of a job in hand.
fn done_bytes(job: &JobInHand) -> f64 {
    let ingested = match job.stage {
        Stage::Ingest => job.ingested_bytes as f64 / job.pair_bytes.max(1) as f64,
        Stage::Encode | Stage::Split => 0.0,
    };
    let read = job.read_bytes.min(job.source_bytes) as f64;
    f64::midpoint(read, job.source_bytes as f64 * ingested.min(1.0))
}

/// Says how far the import is at `now` (microseconds since 1970-01-01 UTC).
pub fn summarize(facts: &Facts<'_>, now: i64) -> ImportStatus {
    let Facts { plan, verdict, results, failures, workers } = *facts;
    let outcome = verdict.map(|verdict| &verdict.outcome);
    let names: Vec<String> = plan.tables.iter().map(|table| format!("{}.{}", table.db, table.name)).collect();
    // Of two runs of a job, the one that is farther counts.
    let mut in_hand: BTreeMap<JobId, (f64, &WorkerReport, &JobInHand)> = BTreeMap::new();
    let alive =
        |report: &&WorkerReport| matches!(state_of(report, verdict.is_some(), now), "working" | "draining");
    for report in workers.iter().filter(alive) {
        for job in report.jobs.iter().filter(|job| !results.contains_key(&job.job)) {
            let done = done_bytes(job);
            if in_hand.get(&job.job).is_none_or(|(other, _, _)| *other < done) {
                in_hand.insert(job.job, (done, report, job));
            }
        }
    }
    let state = match outcome {
        Some(Outcome::Complete(_)) => State::Complete,
        Some(Outcome::Failed(_)) => State::Failed,
        None if !failures.is_empty() => State::Failing,
        None if results.len() >= plan.jobs as usize => State::Verifying,
        None => State::Working,
    };
    let finished_bytes: u64 = results.values().map(|result| result.source_bytes).sum();
    let done = (finished_bytes as f64 + in_hand.values().map(|(done, _, _)| done).sum::<f64>()) as u64;
    let end = match outcome {
        Some(Outcome::Complete(complete)) => complete.finished_micros,
        Some(Outcome::Failed(failed)) => failed.finished_micros,
        None => now,
    };
    let elapsed = seconds(end - plan.created_micros);
    let rate = if state.is_final() {
        if elapsed > 0.0 { finished_bytes as f64 / elapsed } else { 0.0 }
    } else {
        let finished = results.values().map(|result| Span {
            start: result.started_micros,
            end: result.finished_micros,
            bytes: result.source_bytes as f64,
        });
        let working = in_hand.values().map(|(done, report, job)| Span {
            start: job.started_micros,
            end: report.seen_micros,
            bytes: *done,
        });
        bytes_per_second(&finished.chain(working).collect::<Vec<_>>(), now)
    };
    let left = plan.source_bytes.saturating_sub(done) as f64;
    let ingested_in_hand: u64 = in_hand.values().map(|(_, _, job)| job.ingested_bytes).sum();
    let mut status = ImportStatus {
        import_id: plan.import_id.clone(),
        state,
        source: plan.source.clone(),
        target: plan.target.version.clone(),
        jobs: plan.jobs,
        finished_jobs: results.len(),
        failed_jobs: failures.len(),
        jobs_in_hand: in_hand.len(),
        rows: results.values().map(|result| result.rows).sum(),
        source_bytes: plan.source_bytes,
        finished_bytes,
        done_bytes: done,
        ingested_bytes: results.values().map(|result| result.pairs.bytes).sum::<u64>() + ingested_in_hand,
        seconds: elapsed,
        bytes_per_second: rate,
        eta_seconds: (state == State::Working && rate > 0.0).then(|| left / rate),
        waiting_for: None,
        tables: tables(facts, &names, &in_hand),
        workers: workers.iter().map(|report| worker(facts, report, &names, now)).collect(),
        faults: match outcome {
            Some(Outcome::Failed(failed)) => failed.faults.clone(),
            Some(Outcome::Complete(_)) => Vec::new(),
            None => failures.values().map(|failure| failure.fault.clone()).collect(),
        },
        left_to_do: match outcome {
            Some(
                Outcome::Complete(Complete { left_to_do, .. }) | Outcome::Failed(Failed { left_to_do, .. }),
            ) => left_to_do.clone(),
            None => Vec::new(),
        },
    };
    status.waiting_for = waiting_for(&status);
    status
}

fn tables(
    facts: &Facts<'_>,
    names: &[String],
    in_hand: &BTreeMap<JobId, (f64, &WorkerReport, &JobInHand)>,
) -> Vec<TableStatus> {
    let reports = match facts.verdict.map(|verdict| &verdict.outcome) {
        Some(Outcome::Complete(complete)) => complete.tables.as_slice(),
        Some(Outcome::Failed(failed)) => failed.tables.as_slice(),
        None => &[],
    };
    let status = facts.plan.tables.iter().zip(names).map(|(table, name)| {
        let jobs = JobId(table.jobs.start)..JobId(table.jobs.end.max(table.jobs.start));
        let mut status = TableStatus {
            table: name.clone(),
            jobs: table.jobs.len(),
            finished_jobs: 0,
            rows: 0,
            rejected: 0,
            source_bytes: table.source_bytes,
            done_bytes: 0,
            verdict: reports
                .iter()
                .find(|report| (&report.db, &report.name) == (&table.db, &table.name))
                .map(|report| report.verdict.clone()),
        };
        for (_, result) in facts.results.range(jobs.clone()) {
            status.finished_jobs += 1;
            status.rows += result.rows;
            status.rejected += result.rejected;
            status.done_bytes += result.source_bytes;
        }
        status.done_bytes += in_hand.range(jobs).map(|(_, (done, _, _))| *done).sum::<f64>() as u64;
        status
    });
    status.collect()
}

fn worker(facts: &Facts<'_>, report: &WorkerReport, names: &[String], now: i64) -> WorkerStatus {
    let decided = facts.verdict.is_some();
    WorkerStatus {
        worker: report.worker.clone(),
        host: report.host.clone(),
        version: report.version.clone(),
        state: state_of(report, decided, now),
        silent_seconds: seconds(now - report.seen_micros),
        finished_jobs: facts.results.values().filter(|result| result.worker == report.worker).count(),
        jobs: report
            .jobs
            .iter()
            .filter(|job| !decided && !facts.results.contains_key(&job.job))
            .map(|job| JobStatus {
                job: job.job,
                table: names.get(job.table as usize).cloned().unwrap_or_default(),
                stage: job.stage.name(),
                seconds: seconds(report.seen_micros - job.started_micros),
                idle_seconds: seconds(report.seen_micros - job.advanced_micros),
                source_bytes: job.source_bytes,
                read_bytes: job.read_bytes,
                rows: job.rows,
                ingested_bytes: job.ingested_bytes,
            })
            .collect(),
    }
}

/// What has to happen next, in a few words.
fn waiting_for(status: &ImportStatus) -> Option<String> {
    let open = status.jobs as usize - status.finished_jobs.min(status.jobs as usize);
    let alive = status.workers.iter().filter(|worker| matches!(worker.state, "working" | "draining"));
    let alive = alive.count();
    match status.state {
        State::Complete | State::Failed => None,
        State::Verifying => Some("the finalizer's verdict".to_owned()),
        State::Failing => Some("the finalizer, to say that the import has failed".to_owned()),
        State::Working if alive > 0 => {
            Some(format!("{open} jobs, {} of them in hand of {alive} workers", status.jobs_in_hand))
        }
        State::Working => {
            let last = status
                .workers
                .iter()
                .min_by(|left, right| left.silent_seconds.total_cmp(&right.silent_seconds));
            Some(match last {
                None => format!("a worker: none has reported, {open} jobs are open"),
                Some(last) => format!(
                    "a worker: the last one, {}, reported {:.0} s ago, {open} jobs are open",
                    last.worker, last.silent_seconds
                ),
            })
        }
    }
}
