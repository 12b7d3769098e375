//! An object's bytes for a blocking reader: range requests run ahead on the runtime, bounded, in order.
//!
//! ```text
//!   parts of the range ──▶ one task a part, as many as `ReadAhead` says ──▶ channel ──▶ BufRead
//! ```
//!
//! Each part is a task of its own, so it goes on while the reader is busy and its timeout measures the
//! storage, not the reader. Every answer is compared with what was listed (entity tag, size): a store
//! that ignores `If-Match` is caught as well.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io::{self, BufRead, Read};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::dump::DataFile;
use crate::error::{ReadError, StorageFailure};
use crate::options::IoOptions;
use crate::read_ahead::ReadAhead;
use crate::store::Store;

/// A [`ReadError`] on its way through `std::io::Read`.
#[derive(Debug)]
pub(crate) struct FetchError(pub(crate) ReadError);

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for FetchError {}

/// The version of an object that was planned.
#[derive(Debug, Clone)]
pub(crate) struct PinnedObject {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) path: Path,
    /// For messages.
    pub(crate) name: Arc<str>,
    pub(crate) size: u64,
    pub(crate) etag: Option<String>,
    pub(crate) version: Option<String>,
}

impl PinnedObject {
    /// A data file as it was listed.
    pub(crate) fn of(store: &Store, file: &DataFile) -> Result<Self, ReadError> {
        let name = store.display(&file.path);
        let path = store
            .path(&file.path)
            .map_err(|e| ReadError::Unsupported { object: name.to_string(), problem: e.to_string() })?;
        Ok(Self {
            store: Arc::clone(&store.object_store),
            path,
            name,
            size: file.size,
            etag: file.etag.clone(),
            version: file.version.clone(),
        })
    }
}

/// Bytes of a range of an object, in order, to be read on a thread that may block.
#[derive(Debug)]
pub(crate) struct ObjectBytes {
    parts: mpsc::Receiver<Result<Bytes, ReadError>>,
    current: Bytes,
    /// Bytes still to come from the channel.
    expected: u64,
    name: Arc<str>,
    position: u64,
    taken: Arc<AtomicU64>,
    ahead: Arc<ReadAhead>,
    /// Nothing has come yet.
    is_new: bool,
    feeder: JoinHandle<()>,
}

impl ObjectBytes {
    /// Starts fetching. `taken` counts the bytes that were handed out.
    pub(crate) fn start(
        object: PinnedObject,
        range: Range<u64>,
        io: &IoOptions,
        taken: Arc<AtomicU64>,
        runtime: &Handle,
    ) -> Self {
        let (sender, parts) = mpsc::channel(1);
        let name = Arc::clone(&object.name);
        let (position, expected) = (range.start, range.end.saturating_sub(range.start));
        let ahead = Arc::new(ReadAhead::new(io.prefetch));
        let feeder = runtime.spawn(feed(Arc::new(object), range, io.clone(), Arc::clone(&ahead), sender));
        Self { parts, current: Bytes::new(), expected, name, position, taken, ahead, is_new: true, feeder }
    }

    fn next_part(&mut self) -> io::Result<()> {
        while self.current.is_empty() && self.expected > 0 {
            let ready = self.parts.try_recv().ok();
            let waited = ready.is_none();
            match ready.or_else(|| self.parts.blocking_recv()) {
                Some(Ok(bytes)) => {
                    // For the first part everybody waits.
                    if !std::mem::take(&mut self.is_new) {
                        self.ahead.taken(waited);
                    }
                    self.expected = self.expected.saturating_sub(bytes.len() as u64);
                    self.current = bytes;
                }
                Some(Err(error)) => return Err(io::Error::other(FetchError(error))),
                None => {
                    return Err(io::Error::other(FetchError(ReadError::Storage {
                        object: self.name.to_string(),
                        offset: self.position,
                        failure: StorageFailure::new(&io::Error::other("the runtime was shut down")),
                    })));
                }
            }
        }
        Ok(())
    }
}

impl BufRead for ObjectBytes {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.next_part()?;
        Ok(&self.current)
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.current.len());
        bytes::Buf::advance(&mut self.current, amount);
        self.position += amount as u64;
        self.taken.fetch_add(amount as u64, Ordering::Relaxed);
    }
}

impl Read for ObjectBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), available.get(..count)) {
            to.copy_from_slice(from);
        }
        self.consume(count);
        Ok(count)
    }
}

impl Drop for ObjectBytes {
    fn drop(&mut self) {
        self.feeder.abort();
    }
}

/// A task that ends when it is not wanted any more.
struct AbortOnDrop(JoinHandle<Result<Bytes, ReadError>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Future for AbortOnDrop {
    type Output = Result<Result<Bytes, ReadError>, tokio::task::JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

async fn feed(
    object: Arc<PinnedObject>,
    range: Range<u64>,
    io: IoOptions,
    ahead: Arc<ReadAhead>,
    sender: mpsc::Sender<Result<Bytes, ReadError>>,
) {
    let part = io.read_block.max(1) as u64;
    let mut next = range.start;
    let mut under_way = VecDeque::new();
    loop {
        while under_way.len() < ahead.depth() && next < range.end {
            let bytes = next..(next + part).min(range.end);
            next = bytes.end;
            let (object, io) = (Arc::clone(&object), io.clone());
            under_way
                .push_back(AbortOnDrop(tokio::spawn(async move { fetch_part(&object, bytes, &io).await })));
        }
        let Some(first) = under_way.pop_front() else { return };
        let part = first.await.unwrap_or_else(|stopped| {
            Err(ReadError::Storage {
                object: object.name.to_string(),
                offset: range.start,
                failure: StorageFailure::new(&stopped),
            })
        });
        let failed = part.is_err();
        if sender.send(part).await.is_err() || failed {
            return;
        }
    }
}

/// Reads the first byte of an object, as a proof that the store can be reached and read.
pub async fn read_one_byte(store: &Store, file: &DataFile) -> Result<(), ReadError> {
    let io = IoOptions { retries: 0, ..IoOptions::default() };
    fetch_part(&PinnedObject::of(store, file)?, 0..1, &io).await.map(drop)
}

/// Fetches one part, again after failures that may pass. The storage client has waited between its own
/// attempts already, so there is no further wait here.
pub(crate) async fn fetch_part(
    object: &PinnedObject,
    range: Range<u64>,
    io: &IoOptions,
) -> Result<Bytes, ReadError> {
    let mut attempt = 0;
    loop {
        let result = match tokio::time::timeout(io.request_timeout, fetch_once(object, range.clone())).await {
            Ok(result) => result,
            Err(_) => Err(ReadError::Timeout {
                object: object.name.to_string(),
                offset: range.start,
                seconds: io.request_timeout.as_secs(),
            }),
        };
        match result {
            Err(error @ (ReadError::Timeout { .. } | ReadError::Storage { .. })) if attempt < io.retries => {
                attempt += 1;
                tracing::warn!(%error, attempt, "reading the source failed, trying again");
            }
            other => return other,
        }
    }
}

async fn fetch_once(object: &PinnedObject, range: Range<u64>) -> Result<Bytes, ReadError> {
    let options = GetOptions {
        if_match: object.etag.clone(),
        version: object.version.clone(),
        range: Some(GetRange::Bounded(range.clone())),
        ..GetOptions::default()
    };
    let failed = |error: object_store::Error| sort_error(object, range.start, &error);
    let answer = object.store.get_opts(&object.path, options).await.map_err(failed)?;
    let changed = |problem: String| ReadError::Changed { object: object.name.to_string(), problem };
    if answer.meta.size != object.size {
        return Err(changed(format!("it has {} bytes instead of {}", answer.meta.size, object.size)));
    }
    if let (Some(planned), Some(found)) = (&object.etag, &answer.meta.e_tag)
        // Some servers leave the quotes out of listings.
        && planned.trim_matches('"') != found.trim_matches('"')
    {
        return Err(changed(format!("its entity tag is {found} instead of {planned}")));
    }
    let bytes = answer.bytes().await.map_err(failed)?;
    if bytes.len() as u64 != range.end - range.start {
        return Err(ReadError::Storage {
            object: object.name.to_string(),
            offset: range.start,
            failure: StorageFailure::new(&io::Error::other(format!(
                "asked for {} bytes, got {}",
                range.end - range.start,
                bytes.len()
            ))),
        });
    }
    Ok(bytes)
}

fn sort_error(object: &PinnedObject, offset: u64, error: &object_store::Error) -> ReadError {
    let name = object.name.to_string();
    match error {
        object_store::Error::Precondition { .. } | object_store::Error::NotModified { .. } => {
            ReadError::Changed { object: name, problem: "its entity tag is another one".to_owned() }
        }
        object_store::Error::NotFound { source, .. } if !names_bucket(&source.to_string()) => {
            ReadError::Missing { object: name }
        }
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            ReadError::Permission { object: name, failure: StorageFailure::new(error) }
        }
        _ => ReadError::Storage { object: name, offset, failure: StorageFailure::new(error) },
    }
}

/// Whether what is not found is the bucket: S3, Google Cloud Storage, Azure.
fn names_bucket(answer: &str) -> bool {
    ["NoSuchBucket", "bucket does not exist", "ContainerNotFound"].iter().any(|word| answer.contains(word))
}
