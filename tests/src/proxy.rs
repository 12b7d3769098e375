//! An HTTP proxy before the local cloud that misbehaves on demand.
//!
//! As in the playground, a fault waits for requests of a kind, lets some pass, and strikes a number of times.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;
use th_env::Env;

/// Largest body of a request.
const LARGEST: usize = 256 << 20;
/// Pieces of a slow answer.
const PIECES: usize = 10;

/// Which requests a fault waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpRequest {
    /// An object of the source is read.
    SourceGet,
    /// A document of the ledger is read.
    LedgerGet,
    /// A document of the ledger is written.
    LedgerPut,
    /// A folder is listed.
    List,
    /// Messages are received.
    Receive,
    /// Messages are hidden for longer, or shown.
    Extend,
    /// A message is removed.
    Acknowledge,
    /// Messages are sent.
    Send,
}

/// What a fault does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpEffect {
    /// The request is not done; this is the status of the answer.
    Refuse(u16),
    /// The request *is* done, and the answer says 500.
    LoseAnswer,
    /// The request is done later.
    Delay {
        /// By how much.
        millis: u64,
    },
    /// Nothing is done and nothing answered for a while; then the answer breaks off.
    Hang {
        /// For how long.
        millis: u64,
    },
    /// The answer's body ends half-way.
    Truncate,
    /// The answer's body comes in pieces.
    Slow {
        /// Time until it is whole.
        millis: u64,
    },
}

/// A misbehaviour that waits for its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpFault {
    /// Requests it waits for.
    pub on: HttpRequest,
    /// Requests that pass before it strikes.
    pub skip: u32,
    /// How often it strikes.
    pub times: u32,
    /// What it does.
    pub effect: HttpEffect,
}

/// A running proxy; it ends with the value.
pub struct Proxy {
    endpoint: String,
    shared: Arc<Shared>,
    server: tokio::task::JoinHandle<()>,
}

struct Shared {
    behind: String,
    client: reqwest::Client,
    env: Env,
    waiting: Mutex<Vec<HttpFault>>,
    struck: AtomicU64,
    away: AtomicBool,
}

impl Proxy {
    /// Starts a proxy before `behind`, `http://host:port`.
    pub async fn start(behind: &str, faults: Vec<HttpFault>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared {
            behind: behind.to_owned(),
            client: reqwest::Client::new(),
            env: Env::real(),
            waiting: Mutex::new(faults),
            struck: AtomicU64::new(0),
            away: AtomicBool::new(false),
        });
        let app = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("the proxy serves");
        });
        Self { endpoint, shared, server }
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Refuses everything, as in an outage, or ends that.
    pub fn set_away(&self, away: bool) {
        self.shared.away.store(away, Ordering::Relaxed);
    }

    /// How often any fault has struck.
    pub fn struck(&self) -> u64 {
        self.shared.struck.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn kind(request: &Request) -> Option<HttpRequest> {
    let action = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok());
    if let Some(action) = action {
        return Some(match action.rsplit('.').next()? {
            "ReceiveMessage" => HttpRequest::Receive,
            "ChangeMessageVisibility" | "ChangeMessageVisibilityBatch" => HttpRequest::Extend,
            "DeleteMessage" => HttpRequest::Acknowledge,
            "SendMessageBatch" => HttpRequest::Send,
            _ => return None,
        });
    }
    let lists = request.uri().query().is_some_and(|query| query.contains("list-type"));
    let of_ledger = request.uri().path().contains("/ledger");
    match *request.method() {
        Method::GET if lists => Some(HttpRequest::List),
        Method::GET if of_ledger => Some(HttpRequest::LedgerGet),
        Method::GET => Some(HttpRequest::SourceGet),
        Method::PUT if of_ledger => Some(HttpRequest::LedgerPut),
        _ => None,
    }
}

impl Shared {
    fn strike(&self, on: HttpRequest) -> Option<HttpEffect> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let position = waiting.iter_mut().position(|fault| {
            if fault.on != on {
                return false;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                return false;
            }
            true
        })?;
        let fault = &mut waiting[position];
        let effect = fault.effect;
        fault.times -= 1;
        if fault.times == 0 {
            waiting.remove(position);
        }
        self.struck.fetch_add(1, Ordering::Relaxed);
        Some(effect)
    }

    async fn wait(&self, millis: u64) {
        self.env.sleep(Duration::from_millis(millis), "injected").await;
    }

    /// Status, headers and body that the cloud answers.
    async fn forward(&self, request: Request) -> Option<(StatusCode, HeaderMap, Bytes)> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = parts.headers;
        for name in [HOST, CONTENT_LENGTH, CONNECTION, TRANSFER_ENCODING] {
            headers.remove(name);
        }
        let body = axum::body::to_bytes(body, LARGEST).await.ok()?;
        let url = format!("{}{path}", self.behind);
        let answer = self.client.request(parts.method, url).headers(headers).body(body).send().await.ok()?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        for name in [CONNECTION, TRANSFER_ENCODING] {
            headers.remove(name);
        }
        Some((status, headers, answer.bytes().await.ok()?))
    }
}

/// A body that breaks off after `bytes`, although the head promises more.
fn broken(status: StatusCode, mut headers: HeaderMap, bytes: Bytes) -> Response {
    let promised = headers.get(CONTENT_LENGTH).cloned().unwrap_or_else(|| (bytes.len() + 1).into());
    headers.insert(CONTENT_LENGTH, promised);
    let pieces = [Ok(bytes), Err(std::io::Error::other("injected"))];
    (status, headers, Body::from_stream(futures::stream::iter(pieces))).into_response()
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if shared.away.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "injected outage").into_response();
    }
    let effect = kind(&request).and_then(|kind| shared.strike(kind));
    match effect {
        Some(HttpEffect::Refuse(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return (status, "injected").into_response();
        }
        Some(HttpEffect::Hang { millis }) => {
            shared.wait(millis).await;
            return broken(StatusCode::OK, HeaderMap::new(), Bytes::new());
        }
        Some(HttpEffect::Delay { millis }) => shared.wait(millis).await,
        _ => {}
    }
    let Some((status, headers, body)) = shared.forward(request).await else {
        return (StatusCode::BAD_GATEWAY, "the cloud does not answer").into_response();
    };
    match effect {
        Some(HttpEffect::LoseAnswer) => (StatusCode::INTERNAL_SERVER_ERROR, "injected").into_response(),
        Some(HttpEffect::Truncate) if !body.is_empty() => {
            broken(status, headers, body.slice(..body.len() / 2))
        }
        Some(HttpEffect::Slow { millis }) => {
            let size = body.len().div_ceil(PIECES).max(1);
            let pieces: Vec<Bytes> =
                (0..body.len()).step_by(size).map(|at| body.slice(at..body.len().min(at + size))).collect();
            let stream = futures::stream::iter(pieces).then(move |piece| {
                let shared = Arc::clone(&shared);
                async move {
                    shared.wait(millis / PIECES as u64).await;
                    Ok::<_, std::io::Error>(piece)
                }
            });
            (status, headers, Body::from_stream(stream)).into_response()
        }
        _ => (status, headers, body).into_response(),
    }
}
