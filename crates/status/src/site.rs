//! The HTTP server of a process: `/health`, `/metrics`, the status page and its data.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use th_env::Env;
use th_errors::{Code, Fault};
use th_ledger::Ledger;
use th_queue::Queue;

use crate::metrics::{CONTENT_TYPE, ImportMetrics, Metrics, WorkerMetrics};
use crate::{Health, Watcher};

const PAGE: &str = include_str!("page.html");
/// The page is whole in itself and may load nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'";
/// How old what is shown may be: any number of onlookers cost the ledger one look in this time.
const AGE: Duration = Duration::from_secs(2);
/// Longest wait for ledger and queue in one request.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a process shows of itself and its import. Clones share it.
#[derive(Clone)]
pub struct Site(Arc<Inner>);

struct Inner {
    watcher: Watcher,
    health: Health,
    metrics: Mutex<Metrics>,
    import: Mutex<Option<Arc<ImportMetrics>>>,
    queue: Mutex<Option<Arc<dyn Queue>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Site {
    /// Shows an import, as far as there is one in the ledger.
    pub fn new(import_id: &str, ledger: &Ledger, env: &Env) -> Self {
        Self(Arc::new(Inner {
            watcher: Watcher::new(ledger.clone(), env.clone()),
            health: Health::default(),
            metrics: Mutex::new(Metrics::new(import_id)),
            import: Mutex::default(),
            queue: Mutex::default(),
        }))
    }

    /// Where the process says that it does not get on.
    pub fn health(&self) -> Health {
        self.0.health.clone()
    }

    /// Also exports a worker's metrics.
    pub fn show_worker(&self, worker: &WorkerMetrics, sort_dir: &Path) {
        worker.register(&mut lock(&self.0.metrics), sort_dir);
    }

    /// Also exports the import's metrics, and its queue's. For one process of an import, since all would
    /// say the same.
    pub fn show_import(&self, queue: Option<Arc<dyn Queue>>) {
        let import = Arc::new(ImportMetrics::default());
        import.register(&mut lock(&self.0.metrics));
        *lock(&self.0.import) = Some(import);
        *lock(&self.0.queue) = queue;
    }

    /// Serves at `host:port`, `:port` (all interfaces) or nowhere if `addr` is empty. Port 0 takes a free one.
    ///
    /// # Errors
    /// The address cannot be listened at.
    pub async fn serve(&self, addr: &str) -> Result<Option<Server>, Fault> {
        if addr.is_empty() {
            return Ok(None);
        }
        let bad = |error: std::io::Error| {
            Fault::new(Code::BadConfig, format!("lightning.status-addr: cannot listen at `{addr}`: {error}"))
        };
        let listener = if addr.starts_with(':') {
            // IPv6's wildcard takes IPv4 too, where there is IPv6.
            match tokio::net::TcpListener::bind(format!("[::]{addr}")).await {
                Ok(listener) => listener,
                Err(_) => tokio::net::TcpListener::bind(format!("0.0.0.0{addr}")).await.map_err(bad)?,
            }
        } else {
            tokio::net::TcpListener::bind(addr).await.map_err(bad)?
        };
        let addr = listener.local_addr().map_err(bad)?;
        tracing::info!(url = %format!("http://{addr}/"), "status page");
        let routes = self.routes();
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::warn!(%error, "the status page has ended");
            }
        });
        Ok(Some(Server { addr, task }))
    }

    fn routes(&self) -> Router {
        Router::new()
            .route("/", get(page))
            .route("/health", get(health))
            .route("/metrics", get(metrics))
            .route("/api/status", get(status))
            .with_state(self.clone())
    }
}

/// The running server; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub addr: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Response {
    let headers: [(HeaderName, &'static str); 2] =
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")];
    (status, headers, body).into_response()
}

const TEXT: &str = "text/plain; charset=utf-8";

async fn page() -> Response {
    let headers: [(HeaderName, &'static str); 2] =
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    (headers, PAGE).into_response()
}

async fn health(State(site): State<Site>) -> Response {
    match site.0.health.stalled() {
        None => answer(StatusCode::OK, TEXT, "ok\n".to_owned()),
        Some(reason) => answer(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("stalled: {reason}\n")),
    }
}

async fn status(State(site): State<Site>) -> Response {
    let read = tokio::time::timeout(PATIENCE, site.0.watcher.status(AGE)).await;
    let (code, body) = match read {
        Ok(Ok(status)) => (StatusCode::OK, serde_json::to_string(&*status)),
        Ok(Err(fault)) => {
            let code = match fault.code {
                Code::LedgerConflict => StatusCode::NOT_FOUND,
                _ => StatusCode::BAD_GATEWAY,
            };
            (code, serde_json::to_string(&serde_json::json!({"code": fault.code, "error": fault.message})))
        }
        Err(_) => (
            StatusCode::GATEWAY_TIMEOUT,
            serde_json::to_string(&serde_json::json!({"error": "the ledger does not answer"})),
        ),
    };
    answer(code, "application/json", body.unwrap_or_default())
}

async fn metrics(State(site): State<Site>) -> Response {
    let import = lock(&site.0.import).clone();
    if let Some(import) = import {
        // Metrics that cannot be had now keep their last values.
        match tokio::time::timeout(PATIENCE, site.0.watcher.status(AGE)).await {
            Ok(Ok(status)) => import.set(&status),
            Ok(Err(fault)) => tracing::debug!(fault = %fault.message, "no status for the metrics"),
            Err(_) => tracing::debug!("the ledger does not answer in time for the metrics"),
        }
        let queue = lock(&site.0.queue).clone();
        if let Some(queue) = queue {
            match tokio::time::timeout(PATIENCE, queue.depth()).await {
                Ok(Ok(depth)) => import.set_queue(depth),
                Ok(Err(error)) => tracing::debug!(%error, "no depth of the queue for the metrics"),
                Err(_) => tracing::debug!("the queue does not answer in time for the metrics"),
            }
        }
    }
    let stalled = site.0.health.stalled().is_some();
    let text = lock(&site.0.metrics).encode(stalled);
    answer(StatusCode::OK, CONTENT_TYPE, text)
}
