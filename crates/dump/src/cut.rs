//! Cuts large SQL and CSV files by looking at small parts of them: uncompressed ones, and those in zstd with a seek
//! table.
//!
//! Near every place where a piece should end, the first position is taken at which a statement (SQL) or a
//! record (CSV) seems to begin and whose following rows can be read. It may be wrong: text that looks like rows
//! can stand inside a string. That is found by whoever reads the piece before
//! ([`RowReader::open_piece`]): if a piece ends inside a row, its reader goes on to the next cut that is right, and
//! what begins at the wrong one is no row. So rows are neither lost nor read twice, provided that nobody uses
//! a piece's rows before the pieces before it say that it begins where one of them ends.

use std::io::Cursor;

use bytes::Bytes;

use crate::dump::{Compression, DataFile, Format};
use crate::error::ReadError;
use crate::fetch::{PinnedObject, fetch_part};
use crate::frames::Frames;
use crate::options::{IoOptions, ReadOptions};
use crate::row_reader::RowReader;
use crate::split::{CutFrame, Cuts, Split, cuts, header};
use crate::store::Store;

/// Bytes that are looked at first; doubled until a beginning is found.
const FIRST_LOOK: u64 = 256 << 10;
/// Bytes in which a beginning must be found; otherwise the two pieces stay together.
const LAST_LOOK: u64 = 16 << 20;
/// Bytes of rows after a beginning that must be readable, unless the file ends.
const PROOF: usize = 64 << 10;
/// Beginnings that are tried in one look.
const MOST_TRIED: usize = 16;
/// What compression makes of a byte at best, as far as it matters here.
const MOST_COMPRESSED: u64 = 1000;

/// Finds the cuts of an SQL or CSV file into pieces of about `piece` bytes, uncompressed; `None` for files that
/// are not worth it (at most 1.5 pieces) or cannot be cut.
///
/// # Errors
/// A CSV header that cannot be read, storage failures.
pub async fn cut_by_looking(
    store: &Store,
    file: &DataFile,
    options: &ReadOptions,
    piece: u64,
) -> Result<Option<Split>, ReadError> {
    let piece = piece.max(1);
    if !matches!(file.format, Format::Sql | Format::Csv) {
        return Ok(None);
    }
    let object = PinnedObject::of(store, file)?;
    let frames = match file.compression {
        Compression::None => None,
        // A compressed file that is no larger than this is not worth a request.
        Compression::Zstd if file.size > piece / MOST_COMPRESSED => {
            match Frames::read(&object, &options.io).await? {
                Some(frames) => Some(frames),
                None => return Ok(None),
            }
        }
        _ => return Ok(None),
    };
    let size = frames.as_ref().map_or(file.size, |frames| frames.size);
    if size <= piece + piece / 2 {
        return Ok(None);
    }
    let (first_row, columns, fields) = match file.format {
        Format::Csv => {
            let (first_row, columns) = header(store, file, options).await?;
            let listed = columns.as_ref().map(Vec::len);
            let columns = columns.filter(|_| options.csv.header);
            (first_row, columns, listed)
        }
        _ => (0, None, None),
    };
    let looked = Looked { object, frames, size };
    let near = async |target| near(&looked, file.format, target, fields, options).await;
    let at = cuts(first_row, size, piece, near).await?;
    if at.is_empty() {
        return Ok(None);
    }
    let holding = |frames: &Frames| {
        let frame = |&cut: &u64| {
            let frame = frames.holding(cut)?;
            Some(CutFrame { stored: frame.start..frame.end, base: frame.base })
        };
        at.iter().filter_map(frame).collect()
    };
    let frames = looked.frames.as_ref().map_or_else(Vec::new, holding);
    Ok(Some(Split { cuts: Cuts { at, size, frames }, columns, guessed: true, rows: Vec::new() }))
}

/// A file that is looked into.
struct Looked {
    object: PinnedObject,
    frames: Option<Frames>,
    /// Bytes of the uncompressed file.
    size: u64,
}

impl Looked {
    /// At most `count` bytes of the uncompressed file from `target` on, or from where one can begin to look after
    /// that, and where they begin. `None` at the file's end.
    async fn look(&self, target: u64, count: u64, io: &IoOptions) -> Result<Option<(u64, Bytes)>, ReadError> {
        let Some(frames) = &self.frames else {
            let end = (target + count).min(self.size);
            return Ok(Some((target, fetch_part(&self.object, target..end, io).await?)));
        };
        let Some(frame) = frames.from(target) else { return Ok(None) };
        let bytes = frames.look(&self.object, frame, count, io).await?;
        Ok(Some((frame.base, bytes)))
    }
}

/// The first position after `target` at which rows seem to begin.
async fn near(
    file: &Looked,
    format: Format,
    target: u64,
    fields: Option<usize>,
    options: &ReadOptions,
) -> Result<Option<u64>, ReadError> {
    let mut look = FIRST_LOOK;
    loop {
        let Some((start, bytes)) = file.look(target, look, &options.io).await? else { return Ok(None) };
        let at_end = start + bytes.len() as u64 == file.size;
        let found = beginnings(format, &bytes)
            .take(MOST_TRIED)
            .filter(|&at| at_end || bytes.len() - at >= PROOF)
            .find(|&at| is_readable(bytes.slice(at..), format, at_end, fields, options));
        if let Some(at) = found {
            return Ok(Some(start + at as u64));
        }
        if at_end || look >= LAST_LOOK {
            return Ok(None);
        }
        look *= 2;
    }
}

/// Where statements or records may begin: at the beginnings of lines.
fn beginnings(format: Format, bytes: &[u8]) -> impl Iterator<Item = usize> {
    memchr::memchr2_iter(b'\n', b'\r', bytes).map(|at| at + 1).filter(move |&at| {
        let (before, after) = bytes.split_at(at);
        match format {
            Format::Sql => {
                let statement_ended = before.trim_ascii_end().ends_with(b";");
                let word = after.split(|byte| !byte.is_ascii_alphabetic()).next().unwrap_or_default();
                statement_ended
                    && (word.eq_ignore_ascii_case(b"INSERT") || word.eq_ignore_ascii_case(b"REPLACE"))
            }
            // Between the two characters of a line's end no record begins.
            _ => !(after.is_empty() || before.ends_with(b"\r") && after.starts_with(b"\n")),
        }
    })
}

/// Whether the rows from here on can be read, and have as many values as the file's first.
fn is_readable(
    bytes: Bytes,
    format: Format,
    at_end: bool,
    fields: Option<usize>,
    options: &ReadOptions,
) -> bool {
    let mut options = options.clone();
    options.csv.header = false;
    let length = bytes.len().min(if at_end { usize::MAX } else { PROOF });
    let proof = Cursor::new(bytes.slice(..length));
    let Ok(mut reader) = RowReader::from_read(Box::new(proof), format, "probe", &options) else {
        return false;
    };
    let (mut rows, mut fields) = (0, fields);
    loop {
        match reader.next() {
            Ok(Some(row)) => {
                // A CSV record that the look cut off is shorter.
                let cut_off = !at_end && row.end as usize >= length;
                if !cut_off && fields.is_some_and(|fields| fields != row.values.len()) {
                    return false;
                }
                if format == Format::Csv {
                    fields = fields.or(Some(row.values.len()));
                }
                rows += 1;
            }
            Ok(None) => return rows > 0,
            // The look ends in the middle of a row.
            Err(ReadError::PrematureEnd { .. }) => return rows > 0 && !at_end,
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::ObjectStoreExt as _;
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use proptest::prelude::*;

    use super::*;
    use crate::chunks::{ChunkOptions, plan_chunks_with_splits};
    use crate::discover::{Rules, discover};
    use crate::frames::tests::seekable;

    struct Fixture {
        runtime: tokio::runtime::Runtime,
        store: Store,
        file: DataFile,
    }

    fn fixture(name: &str, text: impl Into<Vec<u8>>) -> Fixture {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let store = Store::new(Arc::new(InMemory::new()), Path::default(), "mem://x");
        let path = store.path(name).unwrap();
        runtime.block_on(store.object_store.put(&path, text.into().into())).unwrap();
        let dump = runtime.block_on(discover(&store, &Rules::default())).unwrap();
        let file = dump.tables[0].data[0].clone();
        Fixture { runtime, store, file }
    }

    impl Fixture {
        /// All rows, piece by piece; the number of pieces that hold some.
        fn by_pieces(&self, options: &ReadOptions, piece: u64) -> Result<(Vec<String>, usize), ReadError> {
            let split = self.runtime.block_on(cut_by_looking(&self.store, &self.file, options, piece))?;
            let cuts = split.as_ref().map(|split| split.cuts.clone()).unwrap_or_default();
            let files = std::slice::from_ref(&self.file);
            let chunks = plan_chunks_with_splits(files, &[split], &ChunkOptions::default(), 0).unwrap();
            let (mut rows, mut begins, mut pieces) = (Vec::new(), Some(0), 0);
            for chunk in &chunks {
                if begins != Some(chunk.start) {
                    continue;
                }
                let (store, file, handle) = (&self.store, &self.file, self.runtime.handle());
                let mut reader = match chunk.range() {
                    Some(range) => RowReader::open_piece(store, file, range, &cuts, options, handle)?,
                    None => RowReader::open(store, file, None, options, handle)?,
                };
                if let Some(columns) = &chunk.columns {
                    reader = reader.with_columns(columns.clone());
                }
                while let Some(row) = reader.next()? {
                    rows.push(String::from_utf8_lossy(row.text).into_owned());
                }
                begins = reader.end();
                pieces += 1;
            }
            assert_eq!(begins, None, "the last piece that holds rows ends with the file");
            Ok((rows, pieces))
        }
    }

    /// Statements of many rows each, larger than a look.
    fn statements(count: usize, text: &str) -> String {
        let mut sql = "/*!40101 SET NAMES binary*/;\n".to_owned();
        for statement in 0..count {
            sql.push_str("INSERT INTO `t` (`a`,`b`) VALUES\n");
            let rows: Vec<String> =
                (0..500).map(|row| format!("({},'{text}')", statement * 500 + row)).collect();
            sql.push_str(&rows.join(",\n"));
            sql.push_str(";\n");
        }
        sql
    }

    #[test]
    fn a_dump_is_cut_between_statements() {
        let text = statements(200, "some text that fills the row");
        let it = fixture("d.t.sql", text.as_str());
        let options = ReadOptions::default();
        let whole = it.by_pieces(&options, 1 << 40).unwrap();
        assert_eq!((whole.0.len(), whole.1), (100_000, 1));
        let pieces = it.by_pieces(&options, 400_000).unwrap();
        assert_eq!(pieces.0, whole.0);
        assert!(pieces.1 > 5, "{} pieces", pieces.1);
    }

    #[test]
    fn records_with_line_ends_in_their_fields_are_cut_between_records() {
        let mut text = "a,b\r\n".to_owned();
        for row in 0..60_000 {
            text.push_str(&format!("{row},\"two\r\nlines, \"\"quoted\"\"\"\r\n"));
        }
        let it = fixture("d.t.csv", text.as_str());
        let options = ReadOptions::default();
        let whole = it.by_pieces(&options, 1 << 40).unwrap();
        let pieces = it.by_pieces(&options, 200_000).unwrap();
        assert_eq!(pieces.0, whole.0);
        assert!(pieces.1 > 5, "{} pieces", pieces.1);
    }

    #[test]
    fn a_cut_inside_a_string_is_found_and_read_over() {
        // Strings that hold statements which look right for longer than anybody looks.
        let inner = "\nINSERT INTO `t` (`a`,`b`) VALUES\n(1,2);".repeat(20_000);
        let outer = "INSERT INTO `t` (`a`,`b`) VALUES\n(7,'plain');\n".repeat(20_000);
        let text = format!("{outer}INSERT INTO `t` (`a`,`b`) VALUES\n(7,';{inner}');\n{outer}");
        let lines = "1,2\n".repeat(200_000);
        let csv = format!("a,b\n{lines}1,\"{lines}\"\n{lines}");
        let options = ReadOptions::default();
        let packed = |text: &str| seekable(text.as_bytes(), 50_000);
        for (name, file, count) in [
            ("d.t.sql", text.clone().into_bytes(), 40_001),
            ("d.t.csv", csv.clone().into_bytes(), 400_001),
            ("d.t.sql.zst", packed(&text), 40_001),
            ("d.t.csv.zst", packed(&csv), 400_001),
        ] {
            let it = fixture(name, file);
            let whole = it.by_pieces(&options, 1 << 40).unwrap();
            assert_eq!((whole.0.len(), whole.1), (count, 1));
            let planned =
                it.runtime.block_on(cut_by_looking(&it.store, &it.file, &options, 200_000)).unwrap();
            let pieces = it.by_pieces(&options, 200_000).unwrap();
            assert!(pieces.0 == whole.0, "{name}: other rows");
            let cuts = planned.unwrap().cuts.at.len();
            assert!(pieces.1 > 5 && pieces.1 < cuts, "{name}: {} pieces of {cuts} cuts", pieces.1);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn pieces_give_the_same_rows(
            texts in proptest::collection::vec("[a-c,;()'\"\\\\\nINSERT ]{0,40}", 1..40),
            piece in 50u64..2000,
            repeat in 1usize..30,
        ) {
            let quoted = |text: &String, quote: &str| text.replace('\\', "\\\\").replace(quote, &quote.repeat(2));
            let mut sql = String::new();
            let mut csv = "x,y\n".to_owned();
            for text in texts.iter().cycle().take(texts.len() * repeat) {
                sql.push_str(&format!("INSERT INTO t VALUES (1,'{}');\n", quoted(text, "'")));
                csv.push_str(&format!("1,\"{}\"\n", quoted(text, "\"")));
            }
            let packed = |text: &str| seekable(text.as_bytes(), piece as usize);
            for (name, file) in [
                ("d.t.sql", sql.clone().into_bytes()),
                ("d.t.csv", csv.clone().into_bytes()),
                ("d.t.sql.zst", packed(&sql)),
                ("d.t.csv.zst", packed(&csv)),
            ] {
                let it = fixture(name, file);
                let options = ReadOptions::default();
                let whole = it.by_pieces(&options, 1 << 40).unwrap();
                prop_assert_eq!(whole.0.len(), texts.len() * repeat);
                prop_assert_eq!(it.by_pieces(&options, piece).unwrap().0, whole.0);
            }
        }
    }
}
