//! The server: paths, headers and status codes.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Query as Parameters, State};
use axum::http::header::{
    AUTHORIZATION, CONTENT_RANGE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE,
    LAST_MODIFIED, RANGE,
};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use bytes::Bytes;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::bucket::{Bucket, Conditions, Object, Query, Refusal};
use crate::xml;

/// The token that its metadata server gives; objects want it once [`GcsDouble::require_token`] was called.
pub const TOKEN: &str = "token-of-the-machine";

const GENERATION: &str = "x-goog-generation";
const ONLY_IF: &str = "x-goog-if-generation-match";
const KEPT: [&str; 5] =
    ["content-type", "cache-control", "content-disposition", "content-encoding", "content-language"];

/// A running double, empty at first. Dropping it ends it, and all that it holds is gone.
#[derive(Debug)]
pub struct GcsDouble {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    buckets: Mutex<BTreeMap<String, Bucket>>,
    wants_token: AtomicBool,
}

impl GcsDouble {
    /// Starts it on loopback; port 0 takes a free one.
    ///
    /// # Errors
    /// The port is not free.
    pub async fn start(port: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let app =
            Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { addr, shared, task })
    }

    /// `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Makes an empty bucket, if there is none of the name.
    pub fn make_bucket(&self, name: &str) {
        self.shared.buckets().entry(name.to_owned()).or_default();
    }

    /// From now on, requests for objects without [`TOKEN`] are refused.
    pub fn require_token(&self) {
        self.shared.wants_token.store(true, Ordering::Relaxed);
    }
}

impl Drop for GcsDouble {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn buckets(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Answer = Result<Response<Body>, Refusal>;

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    uri: Uri,
    Parameters(parameters): Parameters<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    if uri.path().starts_with("/computeMetadata/") {
        return metadata(&headers);
    }
    let Some((bucket, key)) = names(uri.path()) else { return refused(Refusal::InvalidArgument) };
    let token = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if shared.wants_token.load(Ordering::Relaxed) && token != Some(&format!("Bearer {TOKEN}")) {
        return refused(Refusal::Unauthenticated);
    }
    let request = Request { key: &key, parameters: &parameters, headers: &headers, body };
    let mut buckets = shared.buckets();
    if key.is_empty() && method == Method::PUT {
        buckets.entry(bucket).or_default();
        return plain(StatusCode::OK, Body::empty());
    }
    let source = headers.get("x-goog-copy-source").and_then(|value| value.to_str().ok());
    let copied = match source.map(|source| copied(&buckets, source)).transpose() {
        Ok(copied) => copied,
        Err(refusal) => return refused(refusal),
    };
    let Some(found) = buckets.get_mut(&bucket) else { return refused(Refusal::NoSuchBucket) };
    let answered = match method {
        Method::GET if key.is_empty() => Ok(request.list(found)),
        Method::GET | Method::HEAD => request.get(found),
        Method::PUT => request.put(found, copied),
        Method::POST => request.post(found),
        Method::DELETE => request.delete(found),
        _ => Err(Refusal::InvalidArgument),
    };
    answered.unwrap_or_else(refused)
}

/// What a machine's metadata server says about its service account.
fn metadata(headers: &HeaderMap) -> Response<Body> {
    if headers.get("metadata-flavor").is_none_or(|flavor| flavor != "Google") {
        return plain(StatusCode::FORBIDDEN, Body::empty());
    }
    let token = format!("{{\"access_token\":\"{TOKEN}\",\"expires_in\":3599,\"token_type\":\"Bearer\"}}");
    let mut answer = plain(StatusCode::OK, Body::from(token));
    answer.headers_mut().insert("content-type", axum::http::HeaderValue::from_static("application/json"));
    answer
}

/// Bucket and key of `/bucket/key`; the key is empty where a bucket itself is meant.
fn names(path: &str) -> Option<(String, String)> {
    let path = path.strip_prefix('/')?;
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned);
    Some((decoded(bucket)?, decoded(key)?))
}

fn copied(buckets: &BTreeMap<String, Bucket>, source: &str) -> Result<Object, Refusal> {
    let (bucket, key) =
        names(&format!("/{}", source.trim_start_matches('/'))).ok_or(Refusal::InvalidArgument)?;
    let bucket = buckets.get(&bucket).ok_or(Refusal::NoSuchBucket)?;
    bucket.get(&key, &Conditions::default()).cloned()
}

struct Request<'a> {
    key: &'a str,
    parameters: &'a HashMap<String, String>,
    headers: &'a HeaderMap,
    body: Bytes,
}

impl Request<'_> {
    fn header(&self, name: impl axum::http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// Headers that the object keeps.
    fn kept(&self) -> Vec<(String, String)> {
        let keeps = |name: &str| {
            KEPT.contains(&name) || name.starts_with("x-goog-meta-") || name == "x-goog-storage-class"
        };
        let kept = self.headers.iter().filter(|(name, _)| keeps(name.as_str()));
        kept.filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect()
    }

    fn list(&self, bucket: &Bucket) -> Response<Body> {
        let after = self.parameter("continuation-token").or(self.parameter("start-after"));
        let page = bucket.list(&Query {
            prefix: self.parameter("prefix").unwrap_or_default(),
            delimiter: self.parameter("delimiter").unwrap_or_default(),
            after: after.unwrap_or_default(),
            most: self.parameter("max-keys").and_then(|most| most.parse().ok()),
        });
        plain(StatusCode::OK, Body::from(xml::listing(&page)))
    }

    fn get(&self, bucket: &Bucket) -> Answer {
        let time = |name| rfc2822::parse(self.header(name)?).ok().map(|zoned| zoned.timestamp());
        let generation = self.parameter("generation").map(str::parse).transpose();
        let object = bucket.get(
            self.key,
            &Conditions {
                if_match: self.header(IF_MATCH),
                if_none_match: self.header(IF_NONE_MATCH),
                if_modified_since: time(IF_MODIFIED_SINCE),
                if_unmodified_since: time(IF_UNMODIFIED_SINCE),
                generation: generation.map_err(|_| Refusal::InvalidArgument)?,
            },
        )?;
        let size = object.body.len() as u64;
        let Some(range) = self.header(RANGE) else {
            return Ok(with_object(StatusCode::OK, object, object.body.clone()));
        };
        let Some((start, end)) = range_of(range, size) else {
            let mut answer = plain(StatusCode::RANGE_NOT_SATISFIABLE, Body::empty());
            set(&mut answer, CONTENT_RANGE.as_str(), &format!("bytes */{size}"));
            return Ok(answer);
        };
        let body = object.body.slice(start as usize..end as usize);
        let mut answer = with_object(StatusCode::PARTIAL_CONTENT, object, body);
        set(&mut answer, CONTENT_RANGE.as_str(), &format!("bytes {start}-{}/{size}", end - 1));
        Ok(answer)
    }

    fn put(&self, bucket: &mut Bucket, copied: Option<Object>) -> Answer {
        if let Some(upload) = self.parameter("uploadId") {
            let number = self.parameter("partNumber").and_then(|number| number.parse().ok());
            let etag = bucket.put_part(upload, number.ok_or(Refusal::InvalidArgument)?, self.body.clone())?;
            let mut answer = plain(StatusCode::OK, Body::empty());
            set(&mut answer, ETAG.as_str(), &etag);
            return Ok(answer);
        }
        let only_if = match self.header(ONLY_IF) {
            Some(generation) => Some(generation.parse().map_err(|_| Refusal::InvalidArgument)?),
            None => None,
        };
        let (body, headers) = match copied {
            Some(object) => (object.body, object.headers),
            None => (self.body.clone(), self.kept()),
        };
        let object = bucket.put(self.key, body, headers, only_if)?;
        Ok(with_object(StatusCode::OK, object, Bytes::new()))
    }

    fn post(&self, bucket: &mut Bucket) -> Answer {
        if self.parameters.contains_key("uploads") {
            let id = bucket.begin(self.key, self.kept());
            let text = xml::answer("InitiateMultipartUploadResult", "UploadId", &id);
            return Ok(plain(StatusCode::OK, Body::from(text)));
        }
        let upload = self.parameter("uploadId").ok_or(Refusal::InvalidArgument)?;
        let text = std::str::from_utf8(&self.body).map_err(|_| Refusal::InvalidArgument)?;
        let parts = xml::parts(text).ok_or(Refusal::InvalidArgument)?;
        let object = bucket.finish(upload, &parts)?;
        let text = xml::answer("CompleteMultipartUploadResult", "ETag", &object.etag);
        Ok(with_object(StatusCode::OK, object, Bytes::from(text)))
    }

    fn delete(&self, bucket: &mut Bucket) -> Answer {
        match self.parameter("uploadId") {
            Some(upload) => bucket.abort(upload)?,
            None => bucket.delete(self.key)?,
        }
        Ok(plain(StatusCode::NO_CONTENT, Body::empty()))
    }
}

/// The bytes of `bytes=a-b`, `bytes=a-` or `bytes=-n`; `None` if there are none.
fn range_of(header: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) => (first, last.saturating_add(1).min(size)),
        (Ok(first), Err(_)) => (first, size),
        (Err(_), Ok(count)) => (size.saturating_sub(count), size),
        (Err(_), Err(_)) => return None,
    };
    (start < end).then_some((start, end))
}

fn plain(status: StatusCode, body: Body) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
}

fn set(answer: &mut Response<Body>, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (name.parse::<axum::http::HeaderName>(), value.parse()) {
        answer.headers_mut().insert(name, value);
    }
}

fn with_object(status: StatusCode, object: &Object, body: Bytes) -> Response<Body> {
    let mut answer = plain(status, Body::from(body));
    for (name, value) in &object.headers {
        set(&mut answer, name, value);
    }
    set(&mut answer, ETAG.as_str(), &object.etag);
    set(&mut answer, GENERATION, &object.generation.to_string());
    set(&mut answer, LAST_MODIFIED.as_str(), &http_date(object.modified));
    answer
}

fn http_date(time: Timestamp) -> String {
    rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap_or_default()
}

fn refused(refusal: Refusal) -> Response<Body> {
    let (status, code) = match refusal {
        Refusal::NoSuchBucket => (StatusCode::NOT_FOUND, "NoSuchBucket"),
        Refusal::NoSuchKey => (StatusCode::NOT_FOUND, "NoSuchKey"),
        Refusal::NoSuchUpload => (StatusCode::NOT_FOUND, "NoSuchUpload"),
        Refusal::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "PreconditionFailed"),
        Refusal::NotModified => return plain(StatusCode::NOT_MODIFIED, Body::empty()),
        Refusal::InvalidPart => (StatusCode::BAD_REQUEST, "InvalidPart"),
        Refusal::InvalidArgument => (StatusCode::BAD_REQUEST, "InvalidArgument"),
        Refusal::Unauthenticated => (StatusCode::UNAUTHORIZED, "AuthenticationRequired"),
    };
    plain(status, Body::from(xml::answer("Error", "Code", code)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_end_with_the_object() {
        assert_eq!(range_of("bytes=0-0", 10), Some((0, 1)));
        assert_eq!(range_of("bytes=4-100", 10), Some((4, 10)));
        assert_eq!(range_of("bytes=7-", 10), Some((7, 10)));
        assert_eq!(range_of("bytes=-3", 10), Some((7, 10)));
        assert_eq!(range_of("bytes=10-", 10), None);
        assert_eq!(range_of("rows=1-2", 10), None);
    }
}
