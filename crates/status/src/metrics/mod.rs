//! Metrics for Prometheus, in the OpenMetrics text format. The one place that knows the library.
//!
//! Counters only grow: work that is done twice counts twice. Totals of an import, where nothing counts
//! twice, are the `thunderhead_import_…` gauges, which are read from its ledger. Every name is used by the
//! dashboard or the alert rules in `infra/observability`, and they use no other (a test holds them to it).

mod import;
mod worker;

use std::fmt;

use prometheus_client::encoding::text;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub use import::ImportMetrics;
pub use worker::{JobOutcome, TableCounters, WorkerMetrics};

/// The `Content-Type` of [`Metrics::encode`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One label and its value.
type Label = [(&'static str, String); 1];

fn label(name: &'static str, value: &str) -> Label {
    [(name, value.to_owned())]
}

/// All metrics of this process.
pub struct Metrics {
    registry: Registry,
    stalled: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Those that every process has. All carry the import's id as a label.
    pub fn new(import_id: &str) -> Self {
        let labels = [("import_id".into(), import_id.to_owned().into())];
        let mut registry = Registry::with_prefix_and_labels("thunderhead", labels.into_iter());
        let build: Family<Label, Gauge> = Family::default();
        build.get_or_create(&label("version", env!("CARGO_PKG_VERSION"))).set(1);
        registry.register("build_info", "Version of the program", build);
        let stalled = Gauge::default();
        registry.register("stalled", "1 while the process does not get on", stalled.clone());
        Self { registry, stalled }
    }

    /// Where more metrics are registered; names begin with `thunderhead_` by themselves.
    pub(crate) fn registry(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// The text that Prometheus reads.
    pub(crate) fn encode(&self, stalled: bool) -> String {
        self.stalled.set(i64::from(stalled));
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}
