//! What the finalizer makes of workers' reports: pure.
//!
//! A worker lives while its reports change, by the finalizer's own clock; whether its jobs get on is judged
//! within one report, by the worker's. So clocks that differ mislead nobody, except about reports that were
//! there before the finalizer looked.

use std::collections::BTreeMap;
use std::time::Duration;

use th_ledger::{SILENT_AFTER, WorkerReport, WorkerState};

/// The workers' last reports, and when each was new.
#[derive(Debug, Default)]
pub(crate) struct Workers(BTreeMap<String, (i64, WorkerReport)>);

impl Workers {
    /// Takes reports that were read at `now`.
    pub(crate) fn hear(&mut self, reports: Vec<WorkerReport>, now: i64) {
        for report in reports {
            let heard = match self.0.get(&report.worker) {
                Some((heard, last)) if last.seen_micros == report.seen_micros => *heard,
                Some(_) => now,
                None => report.seen_micros.min(now),
            };
            self.0.insert(report.worker.clone(), (heard, report));
        }
    }

    /// Workers that are heard and have not ended.
    pub(crate) fn alive(&self, now: i64) -> impl Iterator<Item = &WorkerReport> {
        let limit = SILENT_AFTER.as_micros() as i64;
        self.0
            .values()
            .filter(move |(heard, report)| report.state != WorkerState::Done && now - heard <= limit)
            .map(|(_, report)| report)
    }

    /// Whether a living worker has a job in hand that got on within `limit`.
    pub(crate) fn get_on(&self, now: i64, limit: Duration) -> bool {
        self.alive(now).any(|report| report.gets_on(limit))
    }

    /// Who lives, in a few words.
    pub(crate) fn in_words(&self, now: i64) -> String {
        let (mut alive, mut in_hand) = (0, 0);
        for report in self.alive(now) {
            alive += 1;
            in_hand += report.jobs.len();
        }
        if alive > 0 {
            return format!("{alive} workers are alive with {in_hand} jobs in hand");
        }
        match self.0.values().max_by_key(|(heard, _)| *heard) {
            None => "no worker has reported yet".to_owned(),
            Some((heard, last)) => format!(
                "no worker is alive; the last one, {}, reported {} s ago",
                last.worker,
                (now - heard).max(0) / 1_000_000
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use th_ledger::{FORMAT, JobId, JobInHand, Stage};

    use super::*;

    const SECOND: i64 = 1_000_000;
    const LIMIT: Duration = Duration::from_secs(600);

    /// A report at a second of the worker's clock, with a job that last got on at another.
    fn report(worker: &str, seen: i64, advanced: i64) -> WorkerReport {
        let job = JobInHand {
            job: JobId(0),
            table: 0,
            stage: Stage::Encode,
            started_micros: 0,
            advanced_micros: advanced * SECOND,
            source_bytes: 10,
            read_bytes: 5,
            rows: 1,
            pair_bytes: 7,
            ingested_bytes: 0,
        };
        WorkerReport {
            format: FORMAT,
            worker: worker.into(),
            host: "h".into(),
            version: "1".into(),
            state: WorkerState::Working,
            started_micros: 0,
            seen_micros: seen * SECOND,
            slots: 1,
            finished_jobs: 0,
            jobs: vec![job],
        }
    }

    #[test]
    fn a_worker_lives_as_long_as_its_reports_change_whatever_its_clock_says() {
        let mut workers = Workers::default();
        // Its clock is ten minutes behind.
        workers.hear(vec![report("w", 400, 400)], 1000 * SECOND);
        assert_eq!(workers.alive(1000 * SECOND).count(), 0, "an old report is taken for what it says");
        workers.hear(vec![report("w", 415, 410)], 1015 * SECOND);
        assert!(workers.get_on(1015 * SECOND, LIMIT));
        workers.hear(vec![report("w", 415, 410)], 1070 * SECOND);
        assert_eq!(workers.alive(1076 * SECOND).count(), 0, "it has fallen silent");
        assert_eq!(workers.in_words(1076 * SECOND), "no worker is alive; the last one, w, reported 61 s ago");
    }

    #[test]
    fn a_living_worker_whose_jobs_stand_still_does_not_get_on() {
        let mut workers = Workers::default();
        workers.hear(vec![report("w", 1000, 300)], 1000 * SECOND);
        assert_eq!(workers.alive(1000 * SECOND).count(), 1);
        assert!(!workers.get_on(1000 * SECOND, LIMIT));
        assert_eq!(workers.in_words(1000 * SECOND), "1 workers are alive with 1 jobs in hand");
    }

    #[test]
    fn a_worker_that_has_ended_is_not_alive() {
        let mut workers = Workers::default();
        assert_eq!(workers.in_words(0), "no worker has reported yet");
        workers.hear(vec![WorkerReport { state: WorkerState::Done, ..report("w", 10, 10) }], 10 * SECOND);
        assert_eq!(workers.alive(10 * SECOND).count(), 0);
    }
}
