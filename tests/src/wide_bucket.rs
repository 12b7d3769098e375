//! A bucket of very many small objects, which exist only as far as somebody asks for them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use th_env::Env;

/// Objects that one listing request gives.
const PAGE: usize = 1000;
const SCHEMA: &str = "CREATE TABLE t (a INT, b VARCHAR(20))";

/// A CSV dump of `tables` tables with `files` files of one row each, served as S3 serves it.
#[derive(Debug)]
pub struct WideBucket {
    /// Its URL for `--source`.
    pub url: String,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    tables: usize,
    files: usize,
    page_time: Duration,
    listing: AtomicUsize,
    most_listing: AtomicUsize,
    pages: AtomicUsize,
}

impl WideBucket {
    /// Serves the bucket on loopback; every page of a listing takes `page_time`.
    pub async fn start(tables: usize, files: usize, page_time: Duration) -> Self {
        let inner = Arc::new(Inner {
            tables,
            files,
            page_time,
            listing: AtomicUsize::new(0),
            most_listing: AtomicUsize::new(0),
            pages: AtomicUsize::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let app = axum::Router::new()
            .route("/wide", get(list))
            .route("/wide/", get(list))
            .route("/wide/{*key}", get(object))
            .with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url: format!("s3://wide/dump?endpoint=http://127.0.0.1:{port}&region=us-east-1"), inner }
    }

    /// Listing requests so far, and the most of them at one time.
    pub fn listings(&self) -> (usize, usize) {
        (self.inner.pages.load(Ordering::Relaxed), self.inner.most_listing.load(Ordering::Relaxed))
    }
}

impl Inner {
    fn objects(&self) -> usize {
        1 + self.tables * (1 + self.files)
    }

    /// The names in order; `-` comes before `.`.
    fn name(&self, object: usize) -> String {
        let Some(object) = object.checked_sub(1) else { return "dump/wide-schema-create.sql".to_owned() };
        let table = object / (1 + self.files);
        match object % (1 + self.files) {
            0 => format!("dump/wide.t{table:05}-schema.sql"),
            file => format!("dump/wide.t{table:05}.{:09}.csv", file - 1),
        }
    }

    fn body(&self, object: usize) -> String {
        match object.checked_sub(1) {
            None => "CREATE DATABASE wide;".to_owned(),
            Some(object) if object % (1 + self.files) == 0 => {
                let table = object / (1 + self.files);
                SCHEMA.replace(" t ", &format!(" `t{table:05}` "))
            }
            Some(object) => format!("a,b\n{object},row {object}\n"),
        }
    }

    /// The first object whose name is greater.
    fn after(&self, name: &str) -> usize {
        let (mut low, mut high) = (0, self.objects());
        while low < high {
            let middle = low.midpoint(high);
            if self.name(middle).as_str() > name { high = middle } else { low = middle + 1 }
        }
        low
    }
}

async fn list(State(bucket): State<Arc<Inner>>, Query(query): Query<HashMap<String, String>>) -> Response {
    let now = bucket.listing.fetch_add(1, Ordering::Relaxed) + 1;
    bucket.most_listing.fetch_max(now, Ordering::Relaxed);
    bucket.pages.fetch_add(1, Ordering::Relaxed);
    Env::real().sleep(bucket.page_time, "as a distant store").await;
    let start = match (query.get("continuation-token"), query.get("start-after")) {
        (Some(token), _) => token.parse().unwrap_or(0),
        (None, Some(name)) => bucket.after(name),
        (None, None) => 0,
    };
    let end = (start + PAGE).min(bucket.objects());
    let mut page = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult>");
    let truncated = end < bucket.objects();
    let _ = write!(page, "<IsTruncated>{truncated}</IsTruncated>");
    if truncated {
        let _ = write!(page, "<NextContinuationToken>{end}</NextContinuationToken>");
    }
    for object in start..end {
        let _ = write!(
            page,
            "<Contents><Key>{}</Key><LastModified>2024-05-01T00:00:00.000Z</LastModified><ETag>&quot;{object:032x}&quot;</ETag><Size>{}</Size></Contents>",
            bucket.name(object),
            bucket.body(object).len(),
        );
    }
    page.push_str("</ListBucketResult>");
    bucket.listing.fetch_sub(1, Ordering::Relaxed);
    ([(header::CONTENT_TYPE, "application/xml")], page).into_response()
}

async fn object(State(bucket): State<Arc<Inner>>, Path(key): Path<String>, headers: HeaderMap) -> Response {
    let number = bucket.after(&key).wrapping_sub(1);
    if number >= bucket.objects() || bucket.name(number) != key {
        return StatusCode::NOT_FOUND.into_response();
    }
    let body = bucket.body(number).into_bytes();
    let etag = format!("\"{number:032x}\"");
    let modified = "Wed, 01 May 2024 00:00:00 GMT".to_owned();
    let own = [(header::ETAG, etag), (header::LAST_MODIFIED, modified)];
    let range = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok()?.strip_prefix("bytes=")?.split_once('-'));
    let Some((start, end)) = range else { return (own, body).into_response() };
    let start: usize = start.parse().unwrap_or(0);
    let end = end.parse().map_or(body.len(), |end: usize| (end + 1).min(body.len()));
    let of_whole = format!("bytes {start}-{}/{}", end - 1, body.len());
    let part = body.get(start..end).unwrap_or_default().to_vec();
    (StatusCode::PARTIAL_CONTENT, own, [(header::CONTENT_RANGE, of_whole)], part).into_response()
}
