//! Cuts a large CSV file into pieces that can be read apart (`strict-format`).
//!
//! The user promises that the terminator never stands inside a field; so any terminator ends a record,
//! and a cut is the first position after one. The header is read once and its columns go with the plan.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::dump::{Compression, DataFile, Format};
use crate::error::{OptionError, ReadError, StorageFailure};
use crate::fetch::{PinnedObject, fetch_part};
use crate::options::ReadOptions;
use crate::row_reader::RowReader;
use crate::store::Store;

/// Bytes looked at in one request for a terminator.
const SEARCH_BLOCK: u64 = 64 << 10;

/// Where a file is cut.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cuts {
    /// Where the pieces after the first begin, ascending: offsets in the uncompressed file.
    pub at: Vec<u64>,
    /// Bytes of the uncompressed file.
    pub size: u64,
    /// Of a compressed file: the frame that holds each cut; empty for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<CutFrame>,
}

/// The frame of a compressed file in which a piece begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutFrame {
    /// Its bytes in the stored object.
    pub stored: Range<u64>,
    /// Offset of its first byte in the uncompressed file.
    pub base: u64,
}

impl Cuts {
    /// The bytes of the stored object that hold a piece (its ends are cuts, or the file's), and where the first
    /// of them is in the uncompressed file. `stored` is the object's size.
    pub(crate) fn stored(&self, piece: &Range<u64>, stored: u64) -> (Range<u64>, u64) {
        if self.frames.is_empty() {
            return (piece.clone(), piece.start);
        }
        let frame = |cut: u64| self.at.binary_search(&cut).ok().and_then(|index| self.frames.get(index));
        let (start, base) = frame(piece.start).map_or((0, 0), |frame| (frame.stored.start, frame.base));
        let end = frame(piece.end).map_or(stored, |frame| {
            if frame.base == piece.end { frame.stored.start } else { frame.stored.end }
        });
        (start..end, base)
    }
}

/// A file in pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Where they begin, each at the beginning of a record.
    pub cuts: Cuts,
    /// The header's columns, for the pieces that do not hold it.
    pub columns: Option<Vec<String>>,
    /// Whether the cuts are guesses: a piece then begins between two rows only if the one before says so
    /// ([`RowReader::open_piece`]).
    #[serde(default)]
    pub guessed: bool,
    /// Rows of each piece where the format says them; empty where they can only be estimated.
    #[serde(default)]
    pub rows: Vec<u64>,
}

/// Finds the cuts of a CSV file into pieces of about `piece` bytes; `None` for files that are not worth
/// it (at most 1.1 pieces) or cannot be cut (other formats, compressed ones).
///
/// # Errors
/// An empty terminator, a header that cannot be read, storage failures.
pub async fn split_csv(
    store: &Store,
    file: &DataFile,
    options: &ReadOptions,
    piece: u64,
) -> Result<Option<Split>, ReadError> {
    let piece = piece.max(1);
    if file.format != Format::Csv || file.compression != Compression::None || file.size <= piece + piece / 10
    {
        return Ok(None);
    }
    let terminator = options.csv.terminator.as_bytes();
    let terminator = options
        .data_character_set
        .encode(&options.csv.terminator)
        .filter(|_| !terminator.is_empty())
        .ok_or_else(|| OptionError {
            option: "mydumper.strict-format",
            problem: "needs a non-empty [mydumper.csv] terminator in the data's character set".to_owned(),
        })?;
    let (header_end, columns) =
        if options.csv.header { header(store, file, options).await? } else { (0, None) };

    let object = PinnedObject::of(store, file)?;
    let near = async |target| after_terminator(&object, target, &terminator, options).await;
    let cuts = cuts(header_end, file.size, piece, near).await?;
    let cuts = Cuts { at: cuts, size: file.size, frames: Vec::new() };
    Ok(Some(Split { cuts, columns, guessed: false, rows: Vec::new() }))
}

/// Cuts `start..end` into pieces of about `piece` bytes at what `near` finds at or after their ends.
pub(crate) async fn cuts(
    start: u64,
    end: u64,
    piece: u64,
    near: impl AsyncFn(u64) -> Result<Option<u64>, ReadError>,
) -> Result<Vec<u64>, ReadError> {
    let pieces = end.saturating_sub(start).div_ceil(piece).max(1);
    let length = end.saturating_sub(start).div_ceil(pieces);
    let mut cuts: Vec<u64> = Vec::new();
    for index in 1..pieces {
        let target = start + index * length;
        if cuts.last().is_some_and(|last| *last >= target) {
            continue;
        }
        let found = near(target).await?;
        cuts.extend(found.filter(|&cut| cut < end));
    }
    Ok(cuts)
}

/// Where the first row begins, and the header's columns.
pub(crate) async fn header(
    store: &Store,
    file: &DataFile,
    options: &ReadOptions,
) -> Result<(u64, Option<Vec<String>>), ReadError> {
    let name = store.display(&file.path).to_string();
    let (store, file, mut options) = (store.clone(), file.clone(), options.clone());
    options.io.prefetch = 1;
    options.io.read_block = options.io.read_block.min(1 << 20);
    let runtime = Handle::current();
    let read = tokio::task::spawn_blocking(move || {
        let mut reader = RowReader::open(&store, &file, None, &options, &runtime)?;
        let first = reader.next()?.map(|row| row.offset);
        let columns = reader.columns().1.map(<[String]>::to_vec);
        Ok((first.unwrap_or(file.size), columns))
    });
    match read.await {
        Ok(result) => result,
        Err(stopped) => {
            Err(ReadError::Storage { object: name, offset: 0, failure: StorageFailure::new(&stopped) })
        }
    }
}

/// The position after the first terminator at or after `from`; `None` when there is none.
async fn after_terminator(
    object: &PinnedObject,
    from: u64,
    terminator: &[u8],
    options: &ReadOptions,
) -> Result<Option<u64>, ReadError> {
    let finder = memchr::memmem::Finder::new(terminator);
    let overlap = terminator.len() as u64 - 1;
    let mut start = from;
    while start < object.size {
        let end = (start + SEARCH_BLOCK.max(2 * terminator.len() as u64)).min(object.size);
        let block = fetch_part(object, start..end, &options.io).await?;
        if let Some(found) = finder.find(&block) {
            return Ok(Some(start + found as u64 + terminator.len() as u64));
        }
        if end == object.size {
            return Ok(None);
        }
        if end - from > options.max_row_bytes {
            return Err(ReadError::Unsupported {
                object: object.name.to_string(),
                problem: format!(
                    "no terminator within {} bytes after byte {from}; check [mydumper.csv] terminator",
                    options.max_row_bytes
                ),
            });
        }
        start = end - overlap;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;
    use object_store::path::Path;

    use super::*;
    use crate::chunks::{ChunkOptions, plan_chunks_with_splits};
    use crate::discover::{Rules, discover};

    #[test]
    fn pieces_hold_every_record_once() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let store = Store::new(Arc::new(InMemory::new()), Path::default(), "mem://x");
        let rows: Vec<String> = (0..500).map(|i| format!("{i},\"row {i}\"")).collect();
        let text = format!("id,name\r\n{}\r\n", rows.join("\r\n"));
        let path = store.path("d.t.csv").unwrap();
        runtime.block_on(store.object_store.put(&path, text.clone().into())).unwrap();
        let dump = runtime.block_on(discover(&store, &Rules::default())).unwrap();
        let file = &dump.tables[0].data[0];
        let mut options = ReadOptions::default();
        assert!(runtime.block_on(split_csv(&store, file, &options, 1000)).is_err(), "no terminator");
        options.csv.terminator = "\r\n".into();
        assert_eq!(runtime.block_on(split_csv(&store, file, &options, 1 << 20)).unwrap(), None);
        for piece in [1, 30, 1000, 3000] {
            let split = runtime.block_on(split_csv(&store, file, &options, piece)).unwrap().unwrap();
            assert_eq!(split.columns.as_deref(), Some(&["id".to_owned(), "name".to_owned()][..]));
            let chunk_options = ChunkOptions { columns: 2, ..ChunkOptions::default() };
            let chunks =
                plan_chunks_with_splits(std::slice::from_ref(file), &[Some(split)], &chunk_options, 0)
                    .unwrap();
            assert!(chunks.len() > 1 && (piece > 100 || chunks.len() > 100));
            let mut read = Vec::new();
            for chunk in &chunks {
                let mut reader =
                    RowReader::open(&store, file, chunk.range(), &options, runtime.handle()).unwrap();
                if let Some(columns) = &chunk.columns {
                    reader = reader.with_columns(columns.clone());
                }
                let mut count = 0;
                while let Some(row) = reader.next().unwrap() {
                    assert_eq!(row.columns.map(<[String]>::len), Some(2));
                    read.push(String::from_utf8(row.text.to_vec()).unwrap());
                    count += 1;
                }
                assert!(count <= chunk.row_id_count, "{chunk:?}");
            }
            assert_eq!(read, rows, "piece {piece}");
        }
    }
}
