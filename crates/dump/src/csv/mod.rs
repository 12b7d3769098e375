//! Reads the records of a CSV file in any of Lightning's dialects.
//!
//! A record is found and its fields noted in one pass; a field without escapes and doubled quotes
//! stays where it is. A table of 256 entries says which bytes can begin a separator, quote,
//! terminator or escape; everything else is passed over. Where two of them begin at one byte, the
//! terminator is tried first, then the separator, the quote, the escape, as Lightning does.
//!
//! With a character set such as GBK, whole characters are stepped over, so that a second byte that
//! looks like a backslash or a separator is not taken for one (Lightning does take it).

mod dialect;
mod field;

use crate::fields::{ParsedRow, Problem, Step};
use crate::options::ReadOptions;
use crate::scan::find_either;
use dialect::{Dialect, ESCAPE, Match, QUOTE, SEPARATOR, TERMINATOR};
use field::RawField;

const IN_RECORD: &str = "in a record";
const IN_QUOTES: &str = "in a quoted field";

#[derive(Debug)]
pub(crate) struct CsvParser {
    dialect: Dialect,
    /// The next record is the header.
    header_pending: bool,
    columns: Option<Vec<String>>,
    columns_version: u64,
    /// Space for fields that are decoded from another character set.
    encoded: Vec<u8>,
    decoded: Vec<u8>,
}

/// What follows a field.
enum Ending {
    /// A separator; the next field begins there.
    Separator(usize),
    /// A terminator; the next record begins there.
    Terminator(usize),
    /// The end of the stream.
    Stream,
}

/// A field, or what is missing to say where it ends.
enum Scanned {
    Field(RawField, Ending),
    More { at: usize, within: &'static str },
}

macro_rules! matched {
    ($found:expr, $at:expr, $within:expr) => {
        match $found {
            Match::Yes(length) => Some(length),
            Match::No => None,
            Match::More => return Ok(Scanned::More { at: $at, within: $within }),
        }
    };
}

impl CsvParser {
    /// `at_start`: the stream begins at the file's first byte, where the header stands if there is one.
    pub(crate) fn new(options: &ReadOptions, at_start: bool) -> Result<Self, crate::error::OptionError> {
        Ok(Self {
            dialect: Dialect::new(options)?,
            header_pending: options.csv.header && at_start,
            columns: None,
            columns_version: 0,
            encoded: Vec::new(),
            decoded: Vec::new(),
        })
    }

    pub(crate) fn columns(&self) -> (u64, Option<&[String]>) {
        (self.columns_version, self.columns.as_deref())
    }

    pub(crate) fn set_columns(&mut self, columns: Vec<String>) {
        self.columns = Some(columns);
        self.columns_version += 1;
    }

    /// Goes on at the beginning of `bytes`, which is the beginning of a record.
    pub(crate) fn step(&mut self, bytes: &[u8], at_end: bool, row: &mut ParsedRow) -> Result<Step, Problem> {
        let mut start = 0;
        loop {
            if start >= bytes.len() {
                return Ok(match (start, at_end) {
                    (0, true) => Step::End,
                    (0, false) => Step::More { at: 0, within: IN_RECORD },
                    _ => Step::Skip(start),
                });
            }
            match self.record(bytes, start, at_end, row)? {
                Record::Blank(next) => start = next,
                // What was passed is blank; there is no need to look at it again.
                Record::More { .. } if start > 0 => return Ok(Step::Skip(start)),
                Record::More { at, within } => return Ok(Step::More { at, within }),
                Record::Found { end, next } => {
                    if self.header_pending {
                        self.header_pending = false;
                        self.take_header(bytes, start, row);
                        return Ok(Step::Skip(next));
                    }
                    return Ok(Step::Row { start, end, next });
                }
            }
        }
    }

    fn take_header(&mut self, bytes: &[u8], start: usize, row: &ParsedRow) {
        if !self.dialect.header_schema_match {
            return;
        }
        let record = bytes.get(start..).unwrap_or_default();
        let names = row.fields.iter().map(|field| match field.value(record, &row.scratch) {
            th_row::Value::Text(name) => String::from_utf8_lossy(name).trim().to_lowercase(),
            _ => String::new(),
        });
        let names = names.collect();
        self.set_columns(names);
    }

    fn record(
        &mut self,
        bytes: &[u8],
        start: usize,
        at_end: bool,
        row: &mut ParsedRow,
    ) -> Result<Record, Problem> {
        row.clear();
        let mut at = start;
        loop {
            at = self.short_fields(bytes, at, start, row);
            let (field, ending) = match self.scan_field(bytes, at, at_end)? {
                Scanned::Field(field, ending) => (field, ending),
                Scanned::More { at, within } => return Ok(Record::More { at, within }),
            };
            let (end, next) = match ending {
                Ending::Separator(next) => {
                    self.push_field(bytes, start, &field, row);
                    at = next;
                    continue;
                }
                Ending::Terminator(next) => (field.whole_end, next),
                Ending::Stream => (field.whole_end, bytes.len()),
            };
            let only = row.fields.is_empty() && !field.quoted;
            if only && self.is_blank(bytes, &field, &ending) {
                return Ok(Record::Blank(next));
            }
            let trimmed = self.dialect.trim_last_separator && field.start == field.end;
            if !trimmed {
                self.push_field(bytes, start, &field, row);
            }
            return Ok(Record::Found { end, next });
        }
    }

    /// Takes fields as long as they are of the common kind: without escapes and doubled quotes, followed
    /// by a separator. Returns where the first other field begins.
    #[inline]
    fn short_fields(&self, bytes: &[u8], mut at: usize, row_start: usize, row: &mut ParsedRow) -> usize {
        let Some(short) = &self.dialect.short else { return at };
        loop {
            let quoted = bytes.get(at) == Some(&short.quote) && short.quote != short.separator;
            let (start, end, next) = if quoted {
                let Some(stop) = find_either(bytes, at + 1, short.quote, short.escape) else { return at };
                if bytes.get(stop) != Some(&short.quote) || bytes.get(stop + 1) != Some(&short.separator) {
                    return at;
                }
                (at + 1, stop, stop + 2)
            } else {
                let Some(stop) = short.special.find_in_words(bytes, at) else { return at };
                if bytes.get(stop) != Some(&short.separator) {
                    return at;
                }
                (at, stop, stop + 1)
            };
            self.push_plain(bytes, row_start, start..end, quoted, row);
            at = next;
        }
    }

    /// Whether a record of one unquoted field is no record.
    fn is_blank(&self, bytes: &[u8], field: &RawField, ending: &Ending) -> bool {
        let raw = bytes.get(field.start..field.end).unwrap_or_default();
        if self.dialect.allow_empty_line {
            return raw.is_empty() && matches!(ending, Ending::Stream);
        }
        // Blanks that no terminator follows are a record.
        raw.is_empty()
            || !matches!(ending, Ending::Stream)
                && raw
                    .first()
                    .is_some_and(|first| first.is_ascii_whitespace() || *first == 0x0B || !first.is_ascii())
                && std::str::from_utf8(raw).is_ok_and(|text| text.trim().is_empty())
    }

    #[inline]
    fn scan_field(&self, bytes: &[u8], at: usize, at_end: bool) -> Result<Scanned, Problem> {
        if let Some(&first) = bytes.get(at)
            && self.dialect.class(first) & QUOTE != 0
        {
            // A terminator or separator that begins like the quote comes first.
            let other = matched!(self.dialect.terminator_at(bytes, at, at_end), at, IN_RECORD).or(matched!(
                self.dialect.separator_at(bytes, at, at_end),
                at,
                IN_RECORD
            ));
            if other.is_none()
                && let Some(length) = matched!(self.dialect.quote_at(bytes, at, at_end), at, IN_RECORD)
            {
                return self.scan_quoted(bytes, at, at + length, at_end);
            }
        }
        self.scan_unquoted(bytes, at, at_end)
    }

    fn scan_unquoted(&self, bytes: &[u8], start: usize, at_end: bool) -> Result<Scanned, Problem> {
        let dialect = &self.dialect;
        let mut escapes = false;
        let mut at = start;
        let field = |end: usize, escapes: bool, ending: Ending| {
            Ok(Scanned::Field(
                RawField { start, end, whole_end: end, quoted: false, escapes, doubled: false },
                ending,
            ))
        };
        loop {
            let Some(&byte) = bytes.get(at) else {
                return if at_end {
                    field(at, escapes, Ending::Stream)
                } else {
                    Ok(Scanned::More { at: start, within: IN_RECORD })
                };
            };
            let class = dialect.class(byte);
            if class == 0 {
                at += 1;
                continue;
            }
            if class & TERMINATOR != 0
                && let Some(length) = matched!(dialect.terminator_at(bytes, at, at_end), start, IN_RECORD)
            {
                return field(at, escapes, Ending::Terminator(at + length));
            }
            if class & SEPARATOR != 0
                && let Some(length) = matched!(dialect.separator_at(bytes, at, at_end), start, IN_RECORD)
            {
                return field(at, escapes, Ending::Separator(at + length));
            }
            if class & QUOTE != 0
                && let Some(length) = matched!(dialect.quote_at(bytes, at, at_end), start, IN_RECORD)
            {
                if !dialect.unescaped_quote {
                    return Err(Problem::new(at, "a quote within an unquoted field"));
                }
                at += length;
                continue;
            }
            if class & ESCAPE != 0 {
                match dialect.escaped_length(bytes, at, at_end) {
                    Some(0) => return Err(Problem::new(at, "no character after the escape character")),
                    Some(length) => {
                        escapes = true;
                        at += 1 + length;
                    }
                    None => return Ok(Scanned::More { at: start, within: IN_RECORD }),
                }
                continue;
            }
            // A whole character, unless it was one of the above (which may begin with a lead byte).
            match dialect.character_length(bytes, at, at_end) {
                Some(length) => at += length,
                None => return Ok(Scanned::More { at: start, within: IN_RECORD }),
            }
        }
    }

    fn scan_quoted(
        &self,
        bytes: &[u8],
        opening: usize,
        start: usize,
        at_end: bool,
    ) -> Result<Scanned, Problem> {
        let dialect = &self.dialect;
        let more = Ok(Scanned::More { at: opening, within: IN_QUOTES });
        let quote = dialect.first_quote_byte();
        let escape = dialect.escape.unwrap_or(quote);
        let (mut escapes, mut doubled) = (false, false);
        let mut at = start;
        loop {
            let stop = if dialect.multi_byte() {
                dialect.find_in_characters(bytes, at, quote, escape, at_end)
            } else {
                find_either(bytes, at, quote, escape)
            };
            // At the end of the stream, the caller reports the unfinished field.
            let Some(stop) = stop else { return more };
            if let Some(length) = matched!(dialect.quote_at(bytes, stop, at_end), opening, IN_QUOTES) {
                let after = stop + length;
                if let Some(again) = matched!(dialect.quote_at(bytes, after, at_end), opening, IN_QUOTES) {
                    doubled = true;
                    at = after + again;
                    continue;
                }
                let ending = match self.ending_at(bytes, after, at_end) {
                    Ok(Some(ending)) => ending,
                    Ok(None) if dialect.unescaped_quote => {
                        doubled = true;
                        at = after;
                        continue;
                    }
                    Ok(None) => {
                        return Err(Problem::new(
                            after,
                            "after the closing quote only a separator or the end of the record may follow",
                        ));
                    }
                    Err(NeedMore) => return more,
                };
                let field = RawField { start, end: stop, whole_end: after, quoted: true, escapes, doubled };
                return Ok(Scanned::Field(field, ending));
            }
            if bytes.get(stop) == Some(&escape) && dialect.escape.is_some() {
                match dialect.escaped_length(bytes, stop, at_end) {
                    Some(0) => return Err(Problem::new(stop, "no character after the escape character")),
                    Some(length) => {
                        escapes = true;
                        at = stop + 1 + length;
                    }
                    None => return more,
                }
            } else {
                at = stop + 1;
            }
        }
    }

    /// What ends a field at `at`, if anything does.
    fn ending_at(&self, bytes: &[u8], at: usize, at_end: bool) -> Result<Option<Ending>, NeedMore> {
        if at >= bytes.len() {
            return if at_end { Ok(Some(Ending::Stream)) } else { Err(NeedMore) };
        }
        match self.dialect.terminator_at(bytes, at, at_end) {
            Match::Yes(length) => return Ok(Some(Ending::Terminator(at + length))),
            Match::More => return Err(NeedMore),
            Match::No => {}
        }
        match self.dialect.separator_at(bytes, at, at_end) {
            Match::Yes(length) => Ok(Some(Ending::Separator(at + length))),
            Match::More => Err(NeedMore),
            Match::No => Ok(None),
        }
    }
}

struct NeedMore;

enum Record {
    Found {
        end: usize,
        next: usize,
    },
    /// Nothing but blanks up to there.
    Blank(usize),
    More {
        at: usize,
        within: &'static str,
    },
}

#[cfg(test)]
mod tests;
