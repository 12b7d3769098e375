//! What a dump is: a folder of objects that a dumping tool wrote, and how its rows are read.
//!
//! The crate answers three questions, in this order:
//!
//! 1. *Where?* [`Location`] parses `--source` (local path, `s3://`, `gs://`, `azure://` with TiDB
//!    Lightning's URL parameters) and opens a [`Store`].
//! 2. *What?* [`discover`] lists the store, sorts each object into schema, view, sequence, data or
//!    ignored by its name ([`FileRule`]), filters ([`TableFilter`]) and routes ([`Route`]) tables, and
//!    returns a [`Dump`]. [`plan_chunks`] cuts a table's data files into [`Chunk`]s with row id ranges.
//! 3. *Which rows?* [`RowReader`] streams one data file (or a range of it): object → bounded prefetch →
//!    decompression → a window of bytes → rows parsed in place, borrowed until the next one is asked for.
//!    Parquet files are read column by column instead, a batch of rows at a time.
//!
//! Invariants: nothing here panics on what it reads; every network wait has a timeout; memory for a
//! reader is bounded by its prefetch, its window and the largest row; an object that changed after it
//! was listed is an error by that name, never a silent mix of two versions; messages carry the object
//! and the place, and no secret.

mod aws;
mod charset;
mod chunks;
mod csv;
mod cut;
mod decompress;
mod discover;
mod dump;
mod error;
mod fetch;
mod fields;
mod file_rules;
mod filter;
mod frames;
mod glob;
mod lines;
mod listing;
mod location;
mod metadata;
mod open;
mod options;
mod parquet;
mod read_ahead;
mod route;
mod row_reader;
mod scan;
mod split;
mod sql;
mod store;
mod window;

pub use charset::CharacterSet;
pub use chunks::{Chunk, ChunkOptions, plan_chunks, plan_chunks_with_splits};
pub use cut::cut_by_looking;
pub use discover::{Rules, discover};
pub use dump::{Compression, DataFile, Database, Dump, File, Format, Sequence, TableFiles, View};
pub use error::{
    DumpError, DumpErrorKind, LocationError, OptionError, ReadError, ReadErrorKind, StorageFailure,
};
pub use fetch::read_one_byte;
pub use file_rules::{FileKind, FileRouter, FileRule, RoutedFile};
pub use filter::TableFilter;
pub use lines::line_of;
pub use location::Location;
pub use metadata::Metadata;
pub use options::{CsvOptions, IoOptions, ReadOptions};
pub use parquet::parquet_split;
pub use route::{Extractor, Route, Routed, Router};
pub use row_reader::{RowReader, SourceRow};
pub use split::{CutFrame, Cuts, Split, split_csv};
pub use store::Store;
