//! The import's state as metrics, read from its ledger when they are asked for.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use th_queue::Depth;

use super::{Label, Metrics, label};
use crate::summary::{ImportStatus, State};

/// An import's metrics.
#[derive(Debug, Default)]
pub struct ImportMetrics {
    state: Family<Label, Gauge>,
    jobs: Family<Label, Gauge>,
    source_bytes: Family<Label, Gauge>,
    rows: Gauge,
    ingested_bytes: Gauge,
    workers: Family<Label, Gauge>,
    queue: Family<Label, Gauge>,
}

impl ImportMetrics {
    pub(crate) fn register(&self, metrics: &mut Metrics) {
        let registry = metrics.registry();
        let families = [
            ("import_state", "1 for the state that the import is in", &self.state),
            ("import_jobs", "Jobs by state", &self.jobs),
            ("import_source_bytes", "Source bytes by state", &self.source_bytes),
            ("import_workers", "Workers by state", &self.workers),
            ("queue_messages", "Messages of the job queue by state, about", &self.queue),
        ];
        for (name, help, family) in families {
            registry.register(name, help, family.clone());
        }
        registry.register("import_rows", "Rows of finished jobs", self.rows.clone());
        registry.register(
            "import_ingested_bytes",
            "Bytes of pairs that TiKV has taken",
            self.ingested_bytes.clone(),
        );
    }

    pub(crate) fn set(&self, status: &ImportStatus) {
        let set = |family: &Family<Label, Gauge>, state: &str, value: u64| {
            family.get_or_create(&label("state", state)).set(value as i64);
        };
        for state in State::ALL {
            set(&self.state, state.name(), u64::from(state == status.state));
        }
        let ended = status.finished_jobs + status.failed_jobs;
        let open = (status.jobs as usize).saturating_sub(ended + status.jobs_in_hand);
        for (state, jobs) in [
            ("open", open),
            ("in_hand", status.jobs_in_hand),
            ("finished", status.finished_jobs),
            ("failed", status.failed_jobs),
        ] {
            set(&self.jobs, state, jobs as u64);
        }
        set(&self.source_bytes, "done", status.done_bytes);
        set(&self.source_bytes, "open", status.source_bytes.saturating_sub(status.done_bytes));
        for state in ["working", "draining", "silent", "done"] {
            let workers = status.workers.iter().filter(|worker| worker.state == state).count();
            set(&self.workers, state, workers as u64);
        }
        self.rows.set(status.rows as i64);
        self.ingested_bytes.set(status.ingested_bytes as i64);
    }

    pub(crate) fn set_queue(&self, depth: Depth) {
        for (state, messages) in
            [("waiting", depth.waiting), ("in_flight", depth.in_flight), ("dead", depth.dead)]
        {
            self.queue.get_or_create(&label("state", state)).set(messages as i64);
        }
    }
}
