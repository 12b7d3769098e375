//! The description of a dump: databases, tables with their files, views, sequences.
//!
//! Pure data, made by [`crate::discover`] and stored in the plan, so a job knows exactly which version
//! of which object it reads.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::metadata::Metadata;

/// A data file's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// INSERT statements.
    Sql,
    /// Comma-separated values in any dialect.
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// How a file is compressed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, several members allowed.
    Gzip,
    /// Zstandard, several frames allowed.
    Zstd,
    /// Snappy's framing format.
    Snappy,
}

impl Compression {
    /// The name for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Snappy => "snappy",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A file that holds a statement (schema files).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Path relative to the store's prefix.
    pub path: String,
    /// Size in bytes, as stored.
    pub size: u64,
    /// How it is compressed.
    pub compression: Compression,
}

/// A file that holds rows, pinned to the version that was listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Path relative to the store's prefix.
    pub path: String,
    /// Size in bytes, as stored (compressed).
    pub size: u64,
    /// The object's entity tag when it was listed; reading another version is refused.
    pub etag: Option<String>,
    /// The object's version, where the store keeps versions.
    pub version: Option<String>,
    /// Time of the last change, in milliseconds since 1970 UTC.
    pub last_modified: i64,
    /// What it holds.
    pub format: Format,
    /// How it is compressed.
    pub compression: Compression,
    /// Order among the table's files, compared as text.
    pub sort_key: String,
    /// The table's name in the dump, before routing: (database, table).
    pub source: (String, String),
    /// Columns that every row of the file gets from the names of its source: (column, value).
    pub constants: Vec<(String, String)>,
}

/// A target database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// The file with `CREATE DATABASE`; without one, the database is made with defaults.
    pub schema_file: Option<File>,
}

/// A target table and the files that fill it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFiles {
    /// Target database.
    pub db: String,
    /// Target table.
    pub table: String,
    /// The file with `CREATE TABLE` (under its source name); without one, the table must exist.
    pub schema_file: Option<File>,
    /// The files, by sort key, then path.
    pub data: Vec<DataFile>,
}

impl TableFiles {
    /// Bytes over all data files, as stored.
    pub fn size(&self) -> u64 {
        self.data.iter().map(|file| file.size).sum()
    }
}

/// A view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Target database.
    pub db: String,
    /// Target view.
    pub view: String,
    /// The file with `CREATE VIEW`.
    pub schema_file: File,
    /// The file with the placeholder table that dumping tools write first.
    pub placeholder: File,
}

/// A sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// Target database.
    pub db: String,
    /// Target sequence.
    pub sequence: String,
    /// The file with `CREATE SEQUENCE`.
    pub schema_file: File,
}

/// A dump, sorted out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dump {
    /// Target databases by name.
    pub databases: BTreeMap<String, Database>,
    /// Target tables, by database, then name.
    pub tables: Vec<TableFiles>,
    /// Views, by database, then name.
    pub views: Vec<View>,
    /// Sequences, by database, then name.
    pub sequences: Vec<Sequence>,
    /// Objects that are left alone, and why.
    pub ignored: Vec<(String, &'static str)>,
    /// What the dumping tool noted about its run.
    pub metadata: Option<Metadata>,
}
