//! Cuts a table's files into chunks and gives each a range of row ids.
//!
//! Row ids become `_tidb_rowid` or generated AUTO_INCREMENT values, so no two rows of a table may share
//! one, and nobody counts the rows beforehand: a chunk gets as many ids as it can hold rows at most.
//! The shortest possible rows give the bound (Lightning's divisors): a CSV row of `n` fields has at
//! least `n` bytes, an INSERT's tuple of `n` values at least `2n + 2` (Lightning says `n + 2`).

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::dump::{Compression, DataFile, Format};
use crate::error::OptionError;
use crate::split::Split;

/// How files are cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkOptions {
    /// Columns of a source row: those of the file's column list if it has one, else of the table. At
    /// least 1 is assumed.
    pub columns: u64,
    /// The largest expansion assumed of a compressed file. A reader that meets more rows than ids must
    /// stop with an error, never run into the next range.
    pub expansion: u64,
}

impl Default for ChunkOptions {
    fn default() -> Self {
        Self { columns: 1, expansion: 100 }
    }
}

/// A piece of one data file that one job reads from beginning to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Index into the table's `data`.
    pub file_index: usize,
    /// Its first byte: of the uncompressed file for a piece of a file in frames, else of the stored object.
    pub start: u64,
    /// One past its last byte.
    pub end: u64,
    /// Bytes of the stored object.
    pub stored: u64,
    /// Whether the file is in pieces.
    pub is_piece: bool,
    /// The rows' ids are `row_id_base + 1`, `row_id_base + 2`, …
    pub row_id_base: u64,
    /// How many ids there are.
    pub row_id_count: u64,
    /// The column list, for a piece of a CSV file that does not begin with its header.
    pub columns: Option<Vec<String>>,
}

impl Chunk {
    /// The range to open a reader with; `None` when the chunk is the whole file.
    pub fn range(&self) -> Option<Range<u64>> {
        self.is_piece.then_some(self.start..self.end)
    }
}

/// One chunk a file, in order, with ids from `first_base + 1` on.
///
/// Parquet files get one id for each assumed byte; their footers know better ([`crate::parquet_split`]).
///
/// # Errors
/// When the ids would exceed 63 bits.
pub fn plan_chunks(
    files: &[DataFile],
    options: &ChunkOptions,
    first_base: u64,
) -> Result<Vec<Chunk>, OptionError> {
    plan_chunks_with_splits(files, &[], options, first_base)
}

/// As [`plan_chunks`], with some files cut into pieces: `splits[i]`, if there is one, belongs to
/// `files[i]` (see [`crate::split_csv`]).
///
/// # Errors
/// When the ids would exceed 63 bits.
pub fn plan_chunks_with_splits(
    files: &[DataFile],
    splits: &[Option<Split>],
    options: &ChunkOptions,
    first_base: u64,
) -> Result<Vec<Chunk>, OptionError> {
    let mut base = first_base;
    let mut chunks = Vec::with_capacity(files.len());
    for (file_index, file) in files.iter().enumerate() {
        let split = splits.get(file_index).and_then(Option::as_ref);
        let cuts = split.map_or(&[][..], |split| split.cuts.at.as_slice());
        let ends = cuts.iter().copied().chain([split.map_or(file.size, |split| split.cuts.size)]);
        let starts = [0].into_iter().chain(cuts.iter().copied());
        for (piece, (start, end)) in starts.zip(ends).enumerate() {
            let exact = split.and_then(|split| split.rows.get(piece).copied());
            let stored = split.map_or(start..end, |split| split.cuts.stored(&(start..end), file.size).0);
            let compressed = split.is_none_or(|split| split.cuts.frames.is_empty());
            let compression = if compressed { file.compression } else { Compression::None };
            let count =
                exact.unwrap_or_else(|| row_id_count(file, compression, end.saturating_sub(start), options));
            let columns = split.filter(|_| start > 0).and_then(|split| split.columns.clone());
            chunks.push(Chunk {
                file_index,
                start,
                end,
                stored: stored.end - stored.start,
                is_piece: !cuts.is_empty(),
                row_id_base: base,
                row_id_count: count,
                columns,
            });
            base =
                base.checked_add(count).filter(|end| i64::try_from(*end).is_ok()).ok_or_else(|| OptionError {
                    option: "mydumper.data-source-dir",
                    problem: format!(
                        "the files of `{}`.`{}` may hold more rows than there are row ids; import them in parts",
                        file.source.0, file.source.1
                    ),
                })?;
        }
    }
    Ok(chunks)
}

/// The most rows that `bytes` of a file can hold.
fn row_id_count(file: &DataFile, compression: Compression, bytes: u64, options: &ChunkOptions) -> u64 {
    let columns = options.columns.max(1);
    let size = match compression {
        Compression::None if file.format != Format::Parquet => bytes,
        _ => bytes.saturating_mul(options.expansion.max(1)),
    };
    let shortest_row = match file.format {
        Format::Csv => columns,
        Format::Sql => columns.saturating_add(2),
        Format::Parquet => 1,
    };
    // The last row may lack its terminator.
    size.div_ceil(shortest_row).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(format: Format, compression: Compression, size: u64) -> DataFile {
        DataFile {
            path: "d.t.sql".into(),
            size,
            etag: None,
            version: None,
            last_modified: 0,
            format,
            compression,
            sort_key: String::new(),
            source: ("d".into(), "t".into()),
            constants: Vec::new(),
        }
    }

    #[test]
    fn ranges_follow_each_other_and_hold_the_shortest_rows() {
        let text = "(1,2),(1,2),(1,2);";
        let files = [
            file(Format::Sql, Compression::None, text.len() as u64),
            file(Format::Csv, Compression::None, 9),
            file(Format::Csv, Compression::Gzip, 10),
        ];
        let options = ChunkOptions { columns: 2, expansion: 100 };
        let chunks = plan_chunks(&files, &options, 7).unwrap();
        assert_eq!(chunks[0].row_id_base, 7);
        assert!(chunks[0].row_id_count >= 3);
        // "1,\n" is the shortest line of two fields; the last lacks its newline.
        assert!(chunks[1].row_id_count >= 5);
        assert_eq!(chunks[2].row_id_count, 501);
        for pair in chunks.windows(2) {
            assert_eq!(pair[0].row_id_base + pair[0].row_id_count, pair[1].row_id_base);
        }
        assert_eq!(chunks[1].range(), None);
        assert_eq!(Chunk { end: 4, is_piece: true, ..chunks[1].clone() }.range(), Some(0..4));
        let text = serde_json::to_string(&chunks).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Chunk>>(&text).unwrap(), chunks);
    }

    #[test]
    fn ids_that_do_not_fit_are_an_error() {
        let files =
            [file(Format::Csv, Compression::None, u64::MAX / 2), file(Format::Csv, Compression::None, 9)];
        assert!(plan_chunks(&files, &ChunkOptions::default(), 0).is_err());
    }
}
