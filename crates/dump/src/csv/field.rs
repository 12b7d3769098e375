//! From the raw bytes of a field to its value: doubled quotes, character set, NULL, escapes.

use std::ops::Range;

use super::CsvParser;
use super::dialect::Dialect;
use crate::fields::{Field, ParsedRow, Span};
use crate::sql::unescaped;

/// A field as it lies in the file.
pub(super) struct RawField {
    /// The content, without quotes.
    pub(super) start: usize,
    pub(super) end: usize,
    /// The end with the closing quote.
    pub(super) whole_end: usize,
    pub(super) quoted: bool,
    /// It has escape characters.
    pub(super) escapes: bool,
    /// It has quotes that stand for themselves (doubled, or alone where that is allowed).
    pub(super) doubled: bool,
}

impl CsvParser {
    /// Appends the field's value. Positions in `row` count from `row_start`.
    #[inline]
    pub(super) fn push_field(&mut self, bytes: &[u8], row_start: usize, raw: &RawField, row: &mut ParsedRow) {
        if !raw.escapes && !raw.doubled && self.dialect.character_set.passes_through() {
            self.push_plain(bytes, row_start, raw.start..raw.end, raw.quoted, row);
            return;
        }
        let content = bytes.get(raw.start..raw.end).unwrap_or_default();
        let field = self.rewritten(content, raw, row);
        row.fields.push(field);
    }

    /// Appends a field that stands in the file as it is.
    #[inline]
    pub(super) fn push_plain(
        &self,
        bytes: &[u8],
        row_start: usize,
        content: Range<usize>,
        quoted: bool,
        row: &mut ParsedRow,
    ) {
        let span = Span::new(content.start - row_start, content.end - row_start);
        let null = content.len() <= self.dialect.longest_null
            && self.dialect.is_null(bytes.get(content).unwrap_or_default(), quoted);
        row.fields.push(if null { Field::Null } else { Field::Text(span) });
    }

    fn rewritten(&mut self, content: &[u8], raw: &RawField, row: &mut ParsedRow) -> Field {
        let dialect = &self.dialect;
        // Before unescaping: `\N` is NULL, `\\N` is a backslash and an N.
        if dialect.escaped_null
            && matches!((content, dialect.escape), ([first, b'N'], Some(escape)) if *first == escape)
        {
            return Field::Null;
        }
        let start = row.scratch.len();
        if dialect.character_set.passes_through() {
            dialect.collapse_and_unescape(content, raw, &mut row.scratch);
        } else {
            let encoded: &[u8] = if raw.doubled {
                self.encoded.clear();
                dialect.collapse(content, &mut self.encoded);
                &self.encoded
            } else {
                content
            };
            if raw.escapes {
                self.decoded.clear();
                dialect.character_set.decode_into(encoded, &dialect.replacement, &mut self.decoded);
                dialect.unescape(&self.decoded, &mut row.scratch);
            } else {
                dialect.character_set.decode_into(encoded, &dialect.replacement, &mut row.scratch);
            }
        }
        let text = row.scratch.get(start..).unwrap_or_default();
        if dialect.is_null(text, raw.quoted) {
            row.scratch.truncate(start);
            return Field::Null;
        }
        Field::ScratchText(Span::new(start, row.scratch.len()))
    }
}

impl Dialect {
    /// Whether an unescaped text means NULL.
    #[inline]
    fn is_null(&self, text: &[u8], quoted: bool) -> bool {
        if text.len() > self.longest_null || self.nulls.is_empty() {
            return false;
        }
        if quoted && self.quoted_null_is_text {
            return false;
        }
        if self.escaped_null
            && matches!((text, self.escape), ([first, b'N'], Some(escape)) if *first == escape)
        {
            // An unescaped text that looks so was written `\\N`.
            return false;
        }
        self.nulls.iter().any(|null| null == text)
    }

    /// One pass for files whose bytes pass as they are.
    fn collapse_and_unescape(&self, content: &[u8], raw: &RawField, out: &mut Vec<u8>) {
        let mut at = 0;
        while let Some(&byte) = content.get(at) {
            if raw.doubled && self.quote_length(content, at) > 0 {
                at += self.take_quotes(content, at, out);
            } else if self.escape == Some(byte) {
                match content.get(at + 1) {
                    Some(next) => out.push(unescaped(*next)),
                    None => out.push(byte),
                }
                at += 2;
            } else {
                out.push(byte);
                at += 1;
            }
        }
    }

    /// Quotes to single ones, escapes kept, whole characters passed.
    fn collapse(&self, content: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        while at < content.len() {
            if self.quote_length(content, at) > 0 {
                at += self.take_quotes(content, at, out);
                continue;
            }
            let mut length = self.character_length(content, at, true).unwrap_or(1);
            if content.get(at).copied() == self.escape && length == 1 {
                length += self.escaped_length(content, at, true).unwrap_or(0);
            }
            out.extend_from_slice(content.get(at..at + length).unwrap_or_default());
            at += length;
        }
    }

    fn unescape(&self, text: &[u8], out: &mut Vec<u8>) {
        let mut bytes = text.iter();
        while let Some(&byte) = bytes.next() {
            if self.escape != Some(byte) {
                out.push(byte);
            } else if let Some(next) = bytes.next() {
                out.push(unescaped(*next));
            } else {
                out.push(byte);
            }
        }
    }

    fn quote_length(&self, content: &[u8], at: usize) -> usize {
        match self.quote_at(content, at, true) {
            super::Match::Yes(length) => length,
            _ => 0,
        }
    }

    /// Copies one quote and returns how many bytes it took: two quotes, or one that stands alone.
    fn take_quotes(&self, content: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
        let length = self.quote_length(content, at);
        out.extend_from_slice(content.get(at..at + length).unwrap_or_default());
        length + self.quote_length(content, at + length)
    }
}
