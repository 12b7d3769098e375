//! Line numbers found afterwards, by reading a file again: for reports that come when the reader is gone.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::runtime::Handle;

use crate::decompress::{decoder, decoder_problem};
use crate::dump::{Compression, DataFile, Format};
use crate::error::{ReadError, StorageFailure};
use crate::fetch::{FetchError, ObjectBytes, PinnedObject};
use crate::options::IoOptions;
use crate::store::Store;

/// Lines (from 1) of offsets in the uncompressed file, in the order asked for. Reads the file up to the
/// largest offset; an offset past the end gets the last line. A Parquet file's lines are its rows.
pub async fn line_of(
    store: &Store,
    file: &DataFile,
    offsets: &[u64],
    io: &IoOptions,
) -> Result<Vec<u64>, ReadError> {
    if file.format == Format::Parquet {
        // Its offsets are row numbers already.
        return Ok(offsets.iter().map(|row| row + 1).collect());
    }
    let (store, file, io) = (store.clone(), file.clone(), io.clone());
    let name = store.display(&file.path);
    let mut order: Vec<usize> = (0..offsets.len()).collect();
    let offsets = offsets.to_vec();
    order.sort_by_key(|index| offsets.get(*index).copied());
    let runtime = Handle::current();
    let object = name.to_string();
    let counted =
        tokio::task::spawn_blocking(move || count(&store, &file, &name, &offsets, &order, &io, &runtime));
    match counted.await {
        Ok(result) => result,
        Err(stopped) => Err(ReadError::Storage { object, offset: 0, failure: StorageFailure::new(&stopped) }),
    }
}

fn count(
    store: &Store,
    file: &DataFile,
    name: &Arc<str>,
    offsets: &[u64],
    order: &[usize],
    io: &IoOptions,
    runtime: &Handle,
) -> Result<Vec<u64>, ReadError> {
    let mut lines = vec![1; offsets.len()];
    let Some(last) = offsets.iter().copied().max() else { return Ok(lines) };
    let failed = |offset: u64, error: std::io::Error| match error.downcast::<FetchError>() {
        Ok(FetchError(error)) => error,
        Err(error) if file.compression == Compression::None => {
            ReadError::Storage { object: name.to_string(), offset, failure: StorageFailure::new(&error) }
        }
        Err(error) => ReadError::Corrupt {
            object: name.to_string(),
            compression: file.compression.name(),
            compressed_offset: 0,
            offset,
            problem: decoder_problem(&error),
        },
    };
    let pinned = PinnedObject::of(store, file)?;
    let end = if file.compression == Compression::None { file.size.min(last) } else { file.size };
    let bytes = ObjectBytes::start(pinned, 0..end, io, Arc::new(AtomicU64::new(0)), runtime);
    let mut source = decoder(file.compression, bytes).map_err(|e| failed(0, e))?;

    let mut buffer = vec![0; 64 << 10];
    let (mut position, mut newlines) = (0_u64, 0_u64);
    let mut waiting = order.iter().copied().peekable();
    loop {
        let count = source.read(&mut buffer).map_err(|e| failed(position, e))?;
        let block = buffer.get(..count).unwrap_or_default();
        while let Some(index) = waiting.peek().copied() {
            let offset = offsets.get(index).copied().unwrap_or_default();
            if count > 0 && offset > position + count as u64 {
                break;
            }
            let before = usize::try_from(offset - position).unwrap_or(usize::MAX).min(count);
            let newlines_before = memchr::memchr_iter(b'\n', block.get(..before).unwrap_or_default()).count();
            if let Some(line) = lines.get_mut(index) {
                *line = newlines + newlines_before as u64 + 1;
            }
            waiting.next();
        }
        if count == 0 || waiting.peek().is_none() {
            return Ok(lines);
        }
        newlines += memchr::memchr_iter(b'\n', block).count() as u64;
        position += count as u64;
    }
}
