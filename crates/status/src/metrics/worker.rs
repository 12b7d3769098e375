//! What a worker counts.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use th_ledger::Stage;

use super::{Label, Metrics, label};

/// Counters of one table, to be kept by whoever counts often.
#[derive(Debug, Clone, Default)]
pub struct TableCounters {
    /// Source bytes read, as stored.
    pub source_bytes: Counter,
    /// Rows encoded.
    pub rows: Counter,
    /// Bytes of pairs encoded.
    pub pair_bytes: Counter,
    /// Pairs that TiKV has taken.
    pub pairs: Counter,
    /// Bytes of pairs that TiKV has taken.
    pub ingested_bytes: Counter,
}

/// How a worker's run of a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobOutcome {
    /// With a result.
    Done,
    /// It is to be tried again.
    Retried,
    /// It was given back, because the worker was told to stop.
    GivenBack,
    /// It cannot succeed.
    Failed,
}

impl JobOutcome {
    const ALL: [JobOutcome; 4] =
        [JobOutcome::Done, JobOutcome::Retried, JobOutcome::GivenBack, JobOutcome::Failed];

    fn name(self) -> &'static str {
        match self {
            JobOutcome::Done => "done",
            JobOutcome::Retried => "retried",
            JobOutcome::GivenBack => "given_back",
            JobOutcome::Failed => "failed",
        }
    }
}

/// A worker's metrics. Clones share them.
#[derive(Clone)]
pub struct WorkerMetrics {
    source_bytes: Family<Label, Counter>,
    rows: Family<Label, Counter>,
    pair_bytes: Family<Label, Counter>,
    pairs: Family<Label, Counter>,
    ingested_bytes: Family<Label, Counter>,
    jobs: Family<Label, Counter>,
    job_seconds: Family<Label, Histogram>,
    refusals: Family<Label, Counter>,
    store_requests: Family<Label, Gauge>,
    jobs_in_hand: Gauge,
    job_slots: Gauge,
    draining: Gauge,
}

impl fmt::Debug for WorkerMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkerMetrics")
    }
}

impl Default for WorkerMetrics {
    fn default() -> Self {
        // From a tenth of a second to almost an hour.
        let buckets = || Histogram::new(exponential_buckets(0.1, 2.0, 15));
        let metrics = Self {
            source_bytes: Family::default(),
            rows: Family::default(),
            pair_bytes: Family::default(),
            pairs: Family::default(),
            ingested_bytes: Family::default(),
            jobs: Family::default(),
            job_seconds: Family::new_with_constructor(buckets),
            refusals: Family::default(),
            store_requests: Family::default(),
            jobs_in_hand: Gauge::default(),
            job_slots: Gauge::default(),
            draining: Gauge::default(),
        };
        // Known label values are there from the start, so that the first event is an increase.
        for outcome in JobOutcome::ALL {
            metrics.jobs.get_or_create_owned(&label("outcome", outcome.name()));
        }
        for stage in Stage::ALL {
            metrics.job_seconds.get_or_create_owned(&label("stage", stage.name()));
        }
        metrics
    }
}

impl WorkerMetrics {
    /// The counters of `db.table`.
    pub fn table(&self, name: &str) -> TableCounters {
        let table = label("table", name);
        TableCounters {
            source_bytes: self.source_bytes.get_or_create_owned(&table),
            rows: self.rows.get_or_create_owned(&table),
            pair_bytes: self.pair_bytes.get_or_create_owned(&table),
            pairs: self.pairs.get_or_create_owned(&table),
            ingested_bytes: self.ingested_bytes.get_or_create_owned(&table),
        }
    }

    /// A run of a job has ended.
    pub fn job(&self, outcome: JobOutcome) {
        self.jobs.get_or_create(&label("outcome", outcome.name())).inc();
    }

    /// A job has left a stage, finished or not.
    pub fn stage(&self, stage: Stage, seconds: f64) {
        self.job_seconds.get_or_create(&label("stage", stage.name())).observe(seconds);
    }

    /// TiKV has refused to take pairs, so often for each reason.
    pub fn refused(&self, refusals: &BTreeMap<&'static str, u64>) {
        for (reason, &times) in refusals {
            self.refusals.get_or_create(&label("reason", reason)).inc_by(times);
        }
    }

    /// How many requests each store may be given at once, by store.
    pub fn set_store_limits(&self, limits: &[(u64, u32)]) {
        for (store, limit) in limits {
            self.store_requests.get_or_create(&label("store", &store.to_string())).set(i64::from(*limit));
        }
    }

    /// What the worker is at.
    pub fn set_state(&self, jobs_in_hand: usize, slots: usize, draining: bool) {
        self.jobs_in_hand.set(jobs_in_hand as i64);
        self.job_slots.set(slots as i64);
        self.draining.set(i64::from(draining));
    }

    pub(crate) fn register(&self, metrics: &mut Metrics, sort_dir: &Path) {
        let registry = metrics.registry();
        let counters = [
            ("source_bytes", "Source bytes read, as stored", &self.source_bytes),
            ("rows", "Rows encoded", &self.rows),
            ("pair_bytes", "Bytes of pairs encoded", &self.pair_bytes),
            ("pairs", "Pairs that TiKV has taken", &self.pairs),
            ("ingested_bytes", "Bytes of pairs that TiKV has taken", &self.ingested_bytes),
            ("jobs", "Runs of jobs by their outcome", &self.jobs),
            ("ingest_refusals", "Refusals of TiKV that were overcome, by reason", &self.refusals),
        ];
        for (name, help, family) in counters {
            registry.register(name, help, family.clone());
        }
        let help = "Requests that a store may be given at once; fewer than ever while it is busy";
        registry.register("store_requests", help, self.store_requests.clone());
        registry.register("job_seconds", "Time of jobs by stage", self.job_seconds.clone());
        registry.register("jobs_in_hand", "Jobs being worked on", self.jobs_in_hand.clone());
        registry.register("job_slots", "Jobs that may be worked on at once", self.job_slots.clone());
        registry.register("draining", "1 while no more jobs are taken", self.draining.clone());
        registry.register_collector(Box::new(SortFolder(sort_dir.to_owned())));
    }
}

/// Measures the sort folder when it is asked for.
#[derive(Debug)]
struct SortFolder(PathBuf);

impl Collector for SortFolder {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let gauge = ConstGauge::new(folder_bytes(&self.0) as i64);
        let metric =
            encoder.encode_descriptor("sort_bytes", "Bytes in the sort folder", None, MetricType::Gauge)?;
        gauge.encode(metric)
    }
}

/// Bytes of the files below a folder; files that vanish meanwhile are none.
fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => folder_bytes(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}
