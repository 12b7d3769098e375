//! A parsed row before it is handed out: where each value lies, in the window or in scratch space.
//!
//! The parsers work on a slice that may turn out too short; so they note positions, and the values that
//! borrow are made of them once the row is complete.

use th_row::Value;

/// A piece of the window or of the scratch space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Positions are below 2^32: text rows are bounded by `max_row_bytes`, Parquet values by their pages.
    #[inline]
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    #[inline]
    pub(crate) fn of<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Field {
    Null,
    Default,
    Int(i64),
    Uint(u64),
    Float32(f32),
    Float64(f64),
    /// Text that lies in the row as it is (offsets from the row's start).
    Text(Span),
    Binary(Span),
    /// Text that had to be rewritten.
    ScratchText(Span),
    ScratchBinary(Span),
}

/// The row being parsed; reused for every row.
#[derive(Debug, Default)]
pub(crate) struct ParsedRow {
    pub(crate) fields: Vec<Field>,
    pub(crate) scratch: Vec<u8>,
}

impl ParsedRow {
    pub(crate) fn clear(&mut self) {
        self.fields.clear();
        self.scratch.clear();
    }
}

impl Field {
    #[inline]
    pub(crate) fn value<'b>(&self, row: &'b [u8], scratch: &'b [u8]) -> Value<'b> {
        match self {
            Self::Null => Value::Null,
            Self::Default => Value::Default,
            Self::Int(value) => Value::Int(*value),
            Self::Uint(value) => Value::Uint(*value),
            Self::Float32(value) => Value::Float32(*value),
            Self::Float64(value) => Value::Float64(*value),
            Self::Text(span) => Value::Text(span.of(row)),
            Self::Binary(span) => Value::Binary(span.of(row)),
            Self::ScratchText(span) => Value::Text(span.of(scratch)),
            Self::ScratchBinary(span) => Value::Binary(span.of(scratch)),
        }
    }
}

/// How far a parser got.
#[derive(Debug)]
pub(crate) enum Step {
    /// A row (or CSV record) lies at `start..end` of the bytes looked at; `next` follows it.
    Row { start: usize, end: usize, next: usize },
    /// That many bytes hold nothing of a row; go on after them.
    Skip(usize),
    /// The bytes end within something: more of them are needed.
    More {
        /// Where the unfinished thing begins.
        at: usize,
        /// What it is, for the message if there is no more: `in a string`.
        within: &'static str,
    },
    /// The stream is over, cleanly.
    End,
}

/// A violation of the grammar.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Position in the bytes looked at.
    pub(crate) at: usize,
    pub(crate) text: String,
}

impl Problem {
    #[cold]
    pub(crate) fn new(at: usize, text: impl Into<String>) -> Self {
        Self { at, text: text.into() }
    }
}
