//! Rows of one data file, one after the other, borrowed from the reader.
//!
//! The reader blocks (it is meant for a worker thread, not for an async task): bytes come from the
//! object store through a bounded channel, are decompressed, and slide through a [`Window`]. A row's
//! values point into that window or into scratch space until the next row is asked for. Parquet files have
//! no window: their rows are made of column values in scratch space, and their offsets are row numbers.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bumpalo::Bump;
use th_row::{Place, Value};
use tokio::runtime::Handle;

use crate::csv::CsvParser;
use crate::decompress::{Stretch, decoder, decoder_problem};
use crate::dump::{Compression, DataFile, Format};
use crate::error::{ReadError, StorageFailure};
use crate::fetch::{FetchError, ObjectBytes, PinnedObject};
use crate::fields::{ParsedRow, Problem, Step};
use crate::options::{IoOptions, ReadOptions};
use crate::parquet::ParquetRows;
use crate::split::Cuts;
use crate::sql::SqlParser;
use crate::store::Store;
use crate::window::Window;

/// The limit of positions within a row, whatever the options say.
const MAX_ROW_BYTES: u64 = 1 << 30;

/// One row of the source, valid until the next one is asked for.
#[derive(Debug, Clone, Copy)]
pub struct SourceRow<'a> {
    /// The values, in the order of the column list.
    pub values: &'a [Value<'a>],
    /// The row as it stands in the file: a tuple with its parentheses, a record without its terminator.
    pub text: &'a [u8],
    /// Offset of the row's first byte in the (uncompressed) file; the row's number, from 0, in Parquet.
    pub offset: u64,
    /// Offset after the row, for a CSV record after its terminator; reading can go on there.
    pub end: u64,
    /// Changes whenever another column list begins to hold.
    pub columns_version: u64,
    /// The column list that holds, in lower case; `None` for "all columns by position".
    pub columns: Option<&'a [String]>,
}

/// Reads the rows of a data file. Blocking: do not call [`RowReader::next`] from an async task.
pub struct RowReader {
    window: Window,
    parser: Parser,
    row: ParsedRow,
    values: Bump,
    object: Arc<str>,
    compression: Compression,
    /// Bytes of the stored object that were read.
    taken: Option<Arc<AtomicU64>>,
    max_row_bytes: u64,
    /// Where the piece ends, and what follows it.
    onward: Option<Onward>,
    /// A byte order mark may stand here.
    at_file_start: bool,
    /// The stream failed; what it would give next cannot be trusted.
    failed: bool,
}

/// The file around a piece whose end was guessed: read on if the end turns out to be inside a row.
struct Onward {
    object: PinnedObject,
    compression: Compression,
    cuts: Cuts,
    io: IoOptions,
    runtime: Handle,
    taken: Arc<AtomicU64>,
    /// Where the part that is being read ends: at a cut, or with the file.
    end: u64,
}

enum Parser {
    Sql(SqlParser),
    Csv(Box<CsvParser>),
    Parquet(Box<ParquetRows>),
}

impl RowReader {
    /// Opens a data file, or a range of an uncompressed one that begins and ends at row boundaries (in
    /// Parquet: the row groups that begin in it).
    ///
    /// The object's version is pinned to what was listed. Fetching starts at once on `runtime`.
    ///
    /// # Errors
    /// Options that cannot work, a range of a compressed file.
    pub fn open(
        store: &Store,
        file: &DataFile,
        range: Option<Range<u64>>,
        options: &ReadOptions,
        runtime: &Handle,
    ) -> Result<Self, ReadError> {
        let object = store.display(&file.path);
        let unsupported = |problem: String| ReadError::Unsupported { object: object.to_string(), problem };
        if range.is_some() && file.compression != Compression::None {
            return Err(unsupported("a compressed file cannot be read from its middle".to_owned()));
        }
        let range = range.unwrap_or(0..file.size);
        let range = range.start.min(file.size)..range.end.min(file.size);
        let taken = Arc::new(AtomicU64::new(0));
        let pinned = PinnedObject::of(store, file)?;
        let start = range.start;
        if file.format == Format::Parquet {
            let rows = ParquetRows::new(pinned, range, options, Arc::clone(&taken), runtime)?;
            let (parser, nothing) = (Parser::Parquet(Box::new(rows)), Box::new(io::empty()));
            return Ok(Self::new(nothing, parser, object, start, Some(taken), file.compression, options));
        }
        let parser = Parser::new(file.format, options, start == 0, &object)?;
        let bytes = ObjectBytes::start(pinned, range, &options.io, Arc::clone(&taken), runtime);
        let source = decoder(file.compression, bytes).map_err(|e| unsupported(e.to_string()))?;
        Ok(Self::new(source, parser, object, start, Some(taken), file.compression, options))
    }

    /// Opens a piece of a file that was cut by looking ([`crate::cut_by_looking`]); `cuts` are all the file's.
    ///
    /// The rows that begin in the piece end at its end if the cut there is right. If it is inside a row, the
    /// reader goes on to the next cut that is right: whatever begins at a wrong cut is no row.
    /// [`RowReader::end`] says where it ended.
    ///
    /// # Errors
    /// As [`RowReader::open`].
    pub fn open_piece(
        store: &Store,
        file: &DataFile,
        piece: Range<u64>,
        cuts: &Cuts,
        options: &ReadOptions,
        runtime: &Handle,
    ) -> Result<Self, ReadError> {
        let object = store.display(&file.path);
        let parser = Parser::new(file.format, options, piece.start == 0, &object)?;
        let onward = Onward {
            object: PinnedObject::of(store, file)?,
            compression: file.compression,
            cuts: cuts.clone(),
            io: options.io.clone(),
            runtime: runtime.clone(),
            taken: Arc::new(AtomicU64::new(0)),
            end: piece.end,
        };
        let unsupported =
            |e: io::Error| ReadError::Unsupported { object: object.to_string(), problem: e.to_string() };
        let source = onward.part(piece.clone()).map_err(unsupported)?;
        let taken = Some(Arc::clone(&onward.taken));
        let mut reader =
            Self::new(source, parser, Arc::clone(&object), piece.start, taken, file.compression, options);
        reader.onward = Some(onward);
        Ok(reader)
    }

    /// Reads rows of SQL or CSV from any stream of uncompressed bytes that begins at a file's beginning.
    pub fn from_read(
        source: Box<dyn Read + Send>,
        format: Format,
        name: &str,
        options: &ReadOptions,
    ) -> Result<Self, ReadError> {
        let object = Arc::from(name);
        let parser = Parser::new(format, options, true, &object)?;
        Ok(Self::new(source, parser, object, 0, None, Compression::None, options))
    }

    fn new(
        source: Box<dyn Read + Send>,
        parser: Parser,
        object: Arc<str>,
        start: u64,
        taken: Option<Arc<AtomicU64>>,
        compression: Compression,
        options: &ReadOptions,
    ) -> Self {
        Self {
            window: Window::new(source, start, options.io.read_block),
            parser,
            row: ParsedRow::default(),
            values: Bump::new(),
            object,
            compression,
            taken,
            max_row_bytes: options.max_row_bytes.min(MAX_ROW_BYTES),
            onward: None,
            at_file_start: start == 0,
            failed: false,
        }
    }

    /// Sets the column list of a piece of a CSV file that does not begin with its header.
    #[must_use]
    pub fn with_columns(mut self, columns: Vec<String>) -> Self {
        if let Parser::Csv(parser) = &mut self.parser {
            parser.set_columns(columns);
        }
        self
    }

    /// Does not read the columns of these lower-case names, where the format allows to pass them over
    /// (Parquet). To be said before the first row.
    #[must_use]
    pub fn without_columns(mut self, names: &[String]) -> Self {
        if let Parser::Parquet(rows) = &mut self.parser {
            rows.without(names);
        }
        self
    }

    /// The next row; `None` at the end of the file.
    ///
    /// After a syntax error the same error comes again; nothing is skipped.
    #[allow(clippy::should_implement_trait)] // a lending iterator
    pub fn next(&mut self) -> Result<Option<SourceRow<'_>>, ReadError> {
        let Some((offset, length, end)) = self.advance()? else { return Ok(None) };
        self.values.reset();
        let text = self.window.bytes_from(offset);
        let text = text.get(..length).unwrap_or(text);
        let scratch = self.row.scratch.as_slice();
        let values =
            self.values.alloc_slice_fill_iter(self.row.fields.iter().map(|field| field.value(text, scratch)));
        let (columns_version, columns) = self.parser.columns();
        Ok(Some(SourceRow { values, text, offset, end, columns_version, columns }))
    }

    /// The column list that holds since the last row: (version, lower-case names). The version changes
    /// whenever an INSERT statement or a header brings another list.
    pub fn columns(&self) -> (u64, Option<&[String]>) {
        self.parser.columns()
    }

    /// The place of an offset: with line and column while its bytes are in the buffer (the last row's
    /// are) and the file was read from its beginning, else the offset alone.
    pub fn place(&self, offset: u64) -> Place {
        if let Parser::Parquet(_) = self.parser {
            return Place { line: offset + 1, ..Place::at_offset(Arc::clone(&self.object), offset) };
        }
        self.window.place(&self.object, offset)
    }

    /// Bytes of the stored object read so far (compressed ones of a compressed file).
    pub fn bytes_read(&self) -> u64 {
        match &self.taken {
            Some(taken) => taken.load(Ordering::Relaxed),
            None => self.position(),
        }
    }

    /// Offset in the uncompressed file up to which rows have been read.
    pub fn position(&self) -> u64 {
        self.window.offset()
    }

    /// After the last row of a piece ([`RowReader::open_piece`]): where the next piece really begins. `None` at the
    /// file's end and for readers of other kinds.
    pub fn end(&self) -> Option<u64> {
        self.onward.as_ref().filter(|onward| onward.is_at_cut()).map(|onward| onward.end)
    }

    /// Finds the next row: its offset, its length, the offset after it.
    fn advance(&mut self) -> Result<Option<(u64, usize, u64)>, ReadError> {
        if self.failed {
            return Err(ReadError::Unsupported {
                object: self.object.to_string(),
                problem: "the stream failed before; open the file again".to_owned(),
            });
        }
        if let Parser::Parquet(rows) = &mut self.parser {
            return Ok(rows.next(&mut self.row)?.map(|number| (number, 0, number + 1)));
        }
        if self.at_file_start {
            self.skip_byte_order_mark()?;
        }
        loop {
            let (bytes, ended) = (self.window.bytes(), self.window.at_end());
            let at_cut = ended && self.onward.as_ref().is_some_and(Onward::is_at_cut);
            let at_end = ended && !at_cut;
            let step = match &mut self.parser {
                Parser::Sql(parser) => parser.step(bytes, at_end, &mut self.row),
                Parser::Csv(parser) => parser.step(bytes, at_end, &mut self.row),
                Parser::Parquet(_) => Ok(Step::End),
            };
            match step {
                Ok(Step::Row { start, end, next }) => {
                    let offset = self.window.offset() + start as u64;
                    let after = self.window.offset() + next as u64;
                    if (end - start) as u64 > self.max_row_bytes {
                        return Err(self.row_too_long(offset));
                    }
                    self.window.consume(next);
                    return Ok(Some((offset, end - start, after)));
                }
                Ok(Step::Skip(count)) => self.window.consume(count),
                Ok(Step::End) => return Ok(None),
                Ok(Step::More { at, within }) => {
                    let offset = self.window.offset() + at as u64;
                    if bytes.len() as u64 > self.max_row_bytes {
                        return Err(self.row_too_long(self.window.offset()));
                    }
                    if at_end {
                        return Err(ReadError::PrematureEnd { place: self.place(offset), within });
                    }
                    if !at_cut {
                        self.grow()?;
                    } else if bytes.is_empty() && self.parser.is_between_rows() {
                        return Ok(None);
                    } else if let Some(next) = self.onward.as_mut().map(Onward::next) {
                        self.window.go_on(next.map_err(|error| self.stream_error(error))?);
                    }
                }
                Err(Problem { at, text }) => {
                    let place = self.place(self.window.offset() + at as u64);
                    return Err(ReadError::Syntax { place, problem: text });
                }
            }
        }
    }

    fn skip_byte_order_mark(&mut self) -> Result<(), ReadError> {
        while self.window.bytes().len() < 3 && !self.window.at_end() {
            self.grow()?;
        }
        self.at_file_start = false;
        if self.window.bytes().starts_with(b"\xEF\xBB\xBF") {
            self.window.consume(3);
        }
        Ok(())
    }

    fn row_too_long(&self, offset: u64) -> ReadError {
        ReadError::RowTooLong { place: self.place(offset), limit: self.max_row_bytes }
    }

    fn grow(&mut self) -> Result<(), ReadError> {
        self.window.grow().map_err(|error| {
            self.failed = true;
            self.stream_error(error)
        })
    }

    fn stream_error(&self, error: io::Error) -> ReadError {
        let offset = self.window.offset() + self.window.bytes().len() as u64;
        let error = match error.downcast::<FetchError>() {
            Ok(FetchError(error)) => return error,
            Err(error) => error,
        };
        let object = self.object.to_string();
        if self.compression == Compression::None {
            return ReadError::Storage { object, offset, failure: StorageFailure::new(&error) };
        }
        ReadError::Corrupt {
            object,
            compression: self.compression.name(),
            compressed_offset: self.bytes_read(),
            offset,
            problem: decoder_problem(&error),
        }
    }
}

impl Onward {
    /// Whether what is read ends with a guess.
    fn is_at_cut(&self) -> bool {
        self.end < self.cuts.size
    }

    /// The bytes up to the next cut.
    fn next(&mut self) -> io::Result<Box<dyn Read + Send>> {
        let start = self.end;
        self.end = self.cuts.at.iter().copied().find(|&cut| cut > start).unwrap_or(self.cuts.size);
        tracing::info!(object = %self.object.name, cut = start, next = self.end, "a cut is inside a row; reading on");
        self.part(start..self.end)
    }

    /// The uncompressed bytes between two cuts.
    fn part(&self, part: Range<u64>) -> io::Result<Box<dyn Read + Send>> {
        let (stored, base) = self.cuts.stored(&part, self.object.size);
        let taken = Arc::clone(&self.taken);
        let bytes = ObjectBytes::start(self.object.clone(), stored, &self.io, taken, &self.runtime);
        if self.cuts.frames.is_empty() {
            return Ok(Box::new(bytes));
        }
        // A frame can hold rows of the piece before, too.
        let bytes = decoder(self.compression, bytes)?;
        Ok(Box::new(Stretch { source: bytes, before: part.start - base, left: part.end - part.start }))
    }
}

impl Parser {
    /// Whether what was read so far ends between two statements or records.
    fn is_between_rows(&self) -> bool {
        match self {
            Self::Sql(parser) => parser.is_between_statements(),
            Self::Csv(_) | Self::Parquet(_) => true,
        }
    }

    fn new(format: Format, options: &ReadOptions, at_start: bool, object: &str) -> Result<Self, ReadError> {
        Ok(match format {
            Format::Sql => Self::Sql(SqlParser::new(options.no_backslash_escapes)),
            Format::Csv => Self::Csv(Box::new(CsvParser::new(options, at_start)?)),
            Format::Parquet => {
                return Err(ReadError::Unsupported {
                    object: object.to_owned(),
                    problem: "a parquet file cannot be read as a stream".to_owned(),
                });
            }
        })
    }

    fn columns(&self) -> (u64, Option<&[String]>) {
        match self {
            Self::Sql(parser) => parser.columns(),
            Self::Csv(parser) => parser.columns(),
            Self::Parquet(rows) => rows.columns(),
        }
    }
}
