//! Connections: gRPC channels by address, an HTTP client, and deadlines for both.
//!
//! Channels connect on first use and reconnect by themselves. No HTTP/2 pings are sent: TiKV's gRPC
//! server counts frequent pings as abuse; TCP keep-alive and deadlines find dead peers instead.
//!
//! Both are made anew when the certificates change; requests under way end on what they began with.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use th_tls::{Certificates, Made, Material};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::options::url_of;
use crate::{ClusterError, ErrorKind};

/// gRPC channels by address, several for each so that large streams do not share one flow-control window.
pub(crate) struct Channels {
    made: Made<Arc<Open>, ClusterError>,
    connect_timeout: Duration,
    per_address: usize,
    turn: AtomicUsize,
}

/// What was opened with one state of the certificates.
struct Open {
    tls: Option<ClientTlsConfig>,
    channels: Mutex<HashMap<String, Vec<Channel>>>,
}

impl Channels {
    pub(crate) fn new(
        certificates: Option<Arc<Certificates>>,
        connect_timeout: Duration,
        per_address: usize,
    ) -> Result<Self, ClusterError> {
        let made = Made::new(certificates, |material| {
            Ok(Arc::new(Open { tls: material.map(tls), channels: Mutex::default() }))
        })?;
        Ok(Self { made, connect_timeout, per_address: per_address.max(1), turn: AtomicUsize::new(0) })
    }

    /// A channel to `address`; errors only when the address or the certificates are malformed.
    pub(crate) fn get(&self, address: &str) -> Result<Channel, ClusterError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let open = self.made.get();
        let mut known = open.channels.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(channels) = known.get(address)
            && let Some(channel) = channels.get(turn % channels.len().max(1))
        {
            return Ok(channel.clone());
        }
        let bad = |error: tonic::transport::Error| {
            ClusterError::new(ErrorKind::InvalidInput, address, format!("not a usable address: {error:?}"))
        };
        let mut endpoint = Endpoint::from_shared(url_of(address, open.tls.is_some()))
            .map_err(bad)?
            .connect_timeout(self.connect_timeout)
            .tcp_keepalive(Some(Duration::from_secs(10)))
            .tcp_nodelay(true)
            .initial_stream_window_size(2 << 20)
            .initial_connection_window_size(8 << 20);
        if let Some(tls) = &open.tls {
            endpoint = endpoint.tls_config(tls.clone()).map_err(bad)?;
        }
        let channels: Vec<_> = (0..self.per_address).map(|_| endpoint.connect_lazy()).collect();
        let channel = channels.first().cloned().unwrap_or_else(|| endpoint.connect_lazy());
        known.insert(address.to_owned(), channels);
        Ok(channel)
    }
}

fn tls(material: &Material) -> ClientTlsConfig {
    let mut config = ClientTlsConfig::new();
    if let Some(ca) = &material.ca {
        config = config.ca_certificate(Certificate::from_pem(ca));
    }
    match &material.identity {
        Some((cert, key)) => config.identity(Identity::from_pem(cert, key)),
        None => config,
    }
}

/// Runs a call under a deadline; a missed deadline is a status too, so that one table classifies both.
pub(crate) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
) -> Result<T, tonic::Status> {
    match tokio::time::timeout(limit, call).await {
        Ok(result) => result.map(tonic::Response::into_inner),
        Err(_) => Err(tonic::Status::deadline_exceeded(format!("no answer within {limit:?}"))),
    }
}

/// HTTP requests to PD, TiKV and TiDB.
#[derive(Clone)]
pub(crate) struct Http {
    client: Arc<Made<reqwest::Client, ClusterError>>,
    tls: bool,
}

impl Http {
    pub(crate) fn new(
        certificates: Option<Arc<Certificates>>,
        connect_timeout: Duration,
        timeout: Duration,
    ) -> Result<Self, ClusterError> {
        let tls = certificates.is_some();
        let make = move |material: Option<&Material>| client(material, connect_timeout, timeout);
        Ok(Self { client: Arc::new(Made::new(certificates, make)?), tls })
    }

    /// Sends a request to `address` and returns the body of a successful answer.
    pub(crate) async fn send(
        &self,
        method: reqwest::Method,
        address: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<String, ClusterError> {
        let what = format!("{method} {path}");
        let mut request = self.client.get().request(method, format!("{}{path}", url_of(address, self.tls)));
        if let Some(body) = body {
            request = request.json(body);
        }
        let failed = |error: reqwest::Error| ClusterError::from_reqwest(address, &what, &error.without_url());
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let text = response.text().await.map_err(failed)?;
        if status.is_success() {
            return Ok(text);
        }
        let lower = text.to_lowercase();
        let kind = match status.as_u16() {
            401 | 403 => ErrorKind::Rejected,
            404 => ErrorKind::NotFound,
            429 => ErrorKind::Busy,
            502..=504 => ErrorKind::Unreachable,
            _ if ["not found", "notfound", "doesn't exist", "unknown database"]
                .iter()
                .any(|sign| lower.contains(sign)) =>
            {
                ErrorKind::NotFound
            }
            500..=599 if lower.contains("not leader") || lower.contains("no leader") => {
                ErrorKind::Unreachable
            }
            _ => ErrorKind::Protocol,
        };
        let shown: String = text.trim().trim_matches('"').chars().take(300).collect();
        Err(ClusterError::new(kind, address, format!("{what} answered {status}: {shown}")))
    }

    /// `GET` of a JSON document.
    pub(crate) async fn get_json<T: serde::de::DeserializeOwned>(
        &self,
        address: &str,
        path: &str,
    ) -> Result<T, ClusterError> {
        let text = self.send(reqwest::Method::GET, address, path, None).await?;
        parse(address, path, &text)
    }
}

fn client(
    material: Option<&Material>,
    connect_timeout: Duration,
    timeout: Duration,
) -> Result<reqwest::Client, ClusterError> {
    let bad =
        |error: reqwest::Error| ClusterError::from_reqwest("tls", "cannot use the certificates", &error);
    let mut builder = reqwest::Client::builder().connect_timeout(connect_timeout).timeout(timeout).no_proxy();
    if let Some(ca) = material.and_then(|material| material.ca.as_ref()) {
        builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(ca).map_err(bad)?);
    }
    if let Some((cert, key)) = material.and_then(|material| material.identity.as_ref()) {
        let pem = [cert.as_slice(), b"\n", key.as_slice()].concat();
        builder = builder.identity(reqwest::Identity::from_pem(&pem).map_err(bad)?);
    }
    builder.build().map_err(bad)
}

pub(crate) fn parse<T: serde::de::DeserializeOwned>(
    address: &str,
    path: &str,
    text: &str,
) -> Result<T, ClusterError> {
    serde_json::from_str(text)
        .map_err(|error| ClusterError::protocol(address, format!("{path} answered unexpected json: {error}")))
}

/// Escapes bytes for a path segment or a query value.
pub(crate) fn percent(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
