//! A range of an object as the Parquet library reads it: at any place, a window at a time.

use std::future::Future;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use tokio::runtime::Handle;

use crate::error::ReadError;
use crate::fetch::{FetchError, PinnedObject, fetch_part};
use crate::options::{IoOptions, ReadOptions};

/// Most bytes of one request for a column: many columns are read side by side.
const WINDOW: u64 = 1 << 20;
/// The end of a file that is fetched for its footer.
const FOOTER: u64 = 64 << 10;
/// A page header is shorter, even with statistics.
const HEADER: u64 = 64 << 10;

/// Where a column chunk (or the footer) lies, and the part of it that was fetched last.
pub(super) struct ObjectRange {
    object: Arc<PinnedObject>,
    range: Range<u64>,
    window_size: u64,
    io: IoOptions,
    taken: Arc<AtomicU64>,
    runtime: Handle,
    window: Mutex<(u64, Bytes)>,
}

impl ObjectRange {
    pub(super) fn new(
        object: &Arc<PinnedObject>,
        range: Range<u64>,
        options: &ReadOptions,
        taken: &Arc<AtomicU64>,
        runtime: &Handle,
    ) -> Self {
        Self {
            object: Arc::clone(object),
            range,
            window_size: WINDOW.min(options.io.read_block as u64).max(1),
            io: options.io.clone(),
            taken: Arc::clone(taken),
            runtime: runtime.clone(),
            window: Mutex::new((0, Bytes::new())),
        }
    }

    /// The whole file, its end fetched already: most footers are in it.
    pub(super) fn footer(
        object: &Arc<PinnedObject>,
        options: &ReadOptions,
        taken: &Arc<AtomicU64>,
        runtime: &Handle,
    ) -> Result<Self, ReadError> {
        let range = Self::new(object, 0..object.size, options, taken, runtime);
        range.bytes(object.size.saturating_sub(FOOTER), FOOTER)?;
        Ok(range)
    }

    /// Bytes from `start`, at least `length` of them unless the range ends before.
    fn bytes(&self, start: u64, length: u64) -> Result<Bytes, ReadError> {
        if let Some(bytes) = self.held(start, length) {
            return Ok(bytes);
        }
        let fetched = self.runtime.block_on(self.fetch(start, length))?;
        self.keep(start, fetched.clone());
        Ok(fetched)
    }

    fn held(&self, start: u64, length: u64) -> Option<Bytes> {
        let window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, bytes) = &*window;
        let wanted = length.min(self.range.end.saturating_sub(start));
        let from = usize::try_from(start.checked_sub(*at)?).ok()?;
        let enough = bytes.len().checked_sub(from)? as u64 >= wanted;
        (enough && from <= bytes.len()).then(|| bytes.slice(from..))
    }

    fn keep(&self, start: u64, bytes: Bytes) {
        *self.window.lock().unwrap_or_else(PoisonError::into_inner) = (start, bytes);
    }

    fn fetch(&self, start: u64, length: u64) -> impl Future<Output = Result<Bytes, ReadError>> + use<'_> {
        let start = start.min(self.range.end);
        let end = start.saturating_add(length.max(self.window_size)).min(self.range.end);
        async move {
            if start >= end {
                return Ok(Bytes::new());
            }
            let bytes = fetch_part(&self.object, start..end, &self.io).await?;
            self.taken.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            Ok(bytes)
        }
    }
}

/// Fetches the first window of every range, all at once.
pub(super) fn prefetch(ranges: &[ObjectRange], runtime: &Handle) -> Result<(), ReadError> {
    let fetches = ranges.iter().map(|range| async {
        let start = range.range.start;
        range.fetch(start, 1).await.map(|bytes| range.keep(start, bytes))
    });
    runtime.block_on(futures::future::try_join_all(fetches)).map(drop)
}

fn external(error: ReadError) -> ParquetError {
    ParquetError::External(Box::new(FetchError(error)))
}

impl Length for ObjectRange {
    fn len(&self) -> u64 {
        self.object.size
    }
}

impl ChunkReader for ObjectRange {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(self.bytes(start, HEADER).map_err(external)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let bytes = self.bytes(start, length as u64).map_err(external)?;
        if bytes.len() < length {
            let error =
                io::Error::new(io::ErrorKind::UnexpectedEof, "it ends too early; the file is cut off");
            return Err(ParquetError::External(Box::new(error)));
        }
        Ok(bytes.slice(..length))
    }
}
