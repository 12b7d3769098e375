//! Spans for an OpenTelemetry collector, if the environment names one.
//!
//! `OTEL_EXPORTER_OTLP_ENDPOINT` (or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`) switches them on; that and the other variables of the
//! OpenTelemetry specification (headers, timeout, service name, attributes, sampler) mean what they mean everywhere. The protocol
//! is OTLP over HTTP. All processes of an import share one trace, because its id is made from the import's ([`follow`]).

use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::{Level, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;

/// What is still to be sent is sent when this is dropped.
#[derive(Debug, Default)]
#[must_use = "spans are sent as long as this is kept"]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.0
            && let Err(error) = provider.shutdown()
        {
            eprintln!("warning: not all spans could be sent: {error}");
        }
    }
}

fn is_wanted() -> bool {
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
        && std::env::var_os("OTEL_SDK_DISABLED").is_none_or(|value| value != "true")
}

fn provider() -> Option<SdkTracerProvider> {
    if !is_wanted() {
        return None;
    }
    let exporter = match SpanExporter::builder().with_http().build() {
        Ok(exporter) => exporter,
        Err(error) => {
            eprintln!("warning: no spans are sent: {error}");
            return None;
        }
    };
    let mut resource =
        Resource::builder().with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("thunderhead");
    }
    Some(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build())
}

/// The layer that makes spans, and what keeps it going. Only spans of ours are sent.
pub(crate) fn layer<S>() -> (Option<impl Layer<S>>, Telemetry)
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let provider = provider();
    let layer = provider.as_ref().map(|provider| {
        let tracer: SdkTracer = provider.tracer("thunderhead");
        let ours = filter_fn(|of| {
            of.level() <= &Level::INFO
                && (of.target().starts_with("th_") || of.target().starts_with("thunderhead"))
        });
        tracing_opentelemetry::layer().with_tracer(tracer).with_filter(ours)
    });
    (layer, Telemetry(provider))
}

/// Makes a span part of its import's trace.
pub fn follow(span: Span, import_id: &str) -> Span {
    // Without a collector nobody listens.
    let _ = span.set_parent(Context::new().with_remote_span_context(import(import_id)));
    span
}

/// The place of an import as a whole: 16 and 8 bytes, the same in every process (FNV-1a; an id need not be unguessable).
fn import(import_id: &str) -> SpanContext {
    let hash = import_id.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    let span = SpanId::from((hash >> 64) as u64 | 1);
    SpanContext::new(TraceId::from(hash | 1), span, TraceFlags::SAMPLED, true, TraceState::NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_one_trace_and_two_are_two() {
        assert_eq!(import("nightly"), import("nightly"));
        assert_ne!(import("nightly").trace_id(), import("nightly2").trace_id());
        assert!(import("").is_valid());
    }
}
