//! Where in the source a row or a value stands.

use std::fmt;
use std::sync::Arc;

/// A position in a source object, for messages: `s3://bucket/db.t.001.sql:18231:77`.
///
/// `line` and `column` count from 1 (column in bytes); zero means unknown, in which case the byte
/// offset is printed instead. Offsets of compressed objects count uncompressed bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The object's full URL or path, without credentials.
    pub object: Arc<str>,
    /// Byte offset from the start of the (uncompressed) object.
    pub offset: u64,
    /// Line, counted from 1; 0 when unknown.
    pub line: u64,
    /// Byte within the line, counted from 1; 0 when unknown.
    pub column: u64,
}

impl Place {
    /// A place known by its byte offset only.
    pub fn at_offset(object: Arc<str>, offset: u64) -> Self {
        Self { object, offset, line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(f, "{}@{}", self.object, self.offset),
            (line, 0) => write!(f, "{}:{line}", self.object),
            (line, column) => write!(f, "{}:{line}:{column}", self.object),
        }
    }
}
