//! Spans at an OpenTelemetry collector.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use th_tests::Running;

use crate::processes::Split;

type Spans = Arc<Mutex<Vec<Span>>>;

async fn take(State(spans): State<Spans>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).expect("a request of the protocol");
    let found = request.resource_spans.into_iter().flat_map(|of| of.scope_spans).flat_map(|of| of.spans);
    spans.lock().expect("no panic").extend(found);
}

/// A collector; its address and what it was sent.
async fn collector() -> (String, Spans) {
    let spans = Spans::default();
    let app = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&spans));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}"), spans)
}

#[tokio::test(flavor = "multi_thread")]
async fn planner_workers_and_finalizer_send_one_trace() {
    let split = Split::start(30).await;
    let (endpoint, spans) = collector().await;
    let mut environment = split.cloud.environment();
    environment.push(("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint));
    for command in ["plan", "work", "finalize"] {
        let mut arguments = vec![command.to_owned()];
        arguments.extend(split.flags.iter().cloned());
        Running::start(&arguments, &environment).wait().await.succeeded();
    }
    let spans = spans.lock().expect("no panic").clone();
    let traces: BTreeSet<&[u8]> = spans.iter().map(|span| &*span.trace_id).collect();
    assert_eq!(traces.len(), 1, "all processes are in one trace");
    let mut names: BTreeMap<&str, u64> = BTreeMap::new();
    for span in &spans {
        *names.entry(&span.name).or_default() += 1;
    }
    assert_eq!((names.get("plan"), names.get("work"), names.get("finalize")), (Some(&1), Some(&1), Some(&1)));
    assert_eq!(names.get("job"), Some(&split.finished_jobs().await), "{names:?}");
    let job = spans.iter().find(|span| span.name == "job").expect("a job");
    let keys: BTreeSet<&str> = job.attributes.iter().map(|attribute| &*attribute.key).collect();
    assert!(keys.is_superset(&BTreeSet::from(["import_id", "job", "table"])), "{keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_does_no_harm() {
    let split = Split::start(30).await;
    let mut environment = split.cloud.environment();
    // The port of nobody.
    environment.push(("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9".to_owned()));
    for command in ["plan", "work", "finalize"] {
        let mut arguments = vec![command.to_owned()];
        arguments.extend(split.flags.iter().cloned());
        Running::start(&arguments, &environment).wait().await.succeeded();
    }
    split.verify().await;
}
