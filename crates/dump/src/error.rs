//! Errors of this crate, each with the object (and place) it is about.
//!
//! Every enum has a `kind()` that says what the operator must do; the texts never contain secrets:
//! whatever comes from the storage client passes through [`StorageFailure`], which cuts URL queries.

use std::error::Error as StdError;
use std::fmt;

use th_row::Place;

/// What a storage client said, flattened to one line, with the query part of any URL removed
/// (signed URLs and SAS tokens live there).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageFailure(String);

impl StorageFailure {
    /// Flattens an error and its sources, leaving out repeated parts and URL queries.
    pub fn new(error: &(dyn StdError + 'static)) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            let inner_text = inner.to_string();
            if !text.contains(&inner_text) {
                text.push_str(": ");
                text.push_str(&inner_text);
            }
            source = inner.source();
        }
        Self(without_url_queries(&text))
    }
}

impl fmt::Display for StorageFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for StorageFailure {}

fn without_url_queries(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(scheme) = rest.find("://") {
        let (head, tail) = rest.split_at(scheme + 3);
        out.push_str(head);
        let end = tail.find(|c: char| c.is_whitespace() || "\"')>".contains(c)).unwrap_or(tail.len());
        let (url, after) = tail.split_at(end);
        match url.split_once('?') {
            Some((base, _)) => {
                out.push_str(base);
                out.push_str("?…");
            }
            None => out.push_str(url),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Why a storage URL was refused or could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocationError {
    /// The text is empty.
    #[error("the storage location is empty; give a local path or a URL like s3://bucket/prefix")]
    Empty,
    /// A scheme that is not supported.
    #[error(
        "storage scheme {scheme:?} is not supported; use a local path, file://, s3://, gs:// or azure://"
    )]
    UnknownScheme {
        /// The scheme as written.
        scheme: String,
    },
    /// No bucket or container.
    #[error("{scheme}:// needs a {what}: {scheme}://<{what}>/<prefix>")]
    NoBucket {
        /// The scheme as written.
        scheme: String,
        /// `bucket` or `container`.
        what: &'static str,
    },
    /// A parameter whose value makes no sense, or that needs another one.
    #[error("storage parameter {key}: {problem}")]
    Parameter {
        /// The parameter, normalised.
        key: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The path cannot be an object path.
    #[error("{location} is not a usable path: {problem}")]
    Path {
        /// The location without secrets.
        location: String,
        /// What is wrong.
        problem: String,
    },
    /// The local folder is missing or unreadable.
    #[error("cannot open {location}: {problem}")]
    Local {
        /// The folder.
        location: String,
        /// What the system said.
        problem: String,
    },
    /// The storage client could not be built.
    #[error("cannot open {location}: {failure}")]
    Client {
        /// The location without secrets.
        location: String,
        /// What the client said.
        failure: StorageFailure,
    },
}

/// An option that cannot work, by its Lightning name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {problem}")]
pub struct OptionError {
    /// The option's name as in `tidb-lightning.toml`, with its section.
    pub option: &'static str,
    /// What is wrong and what to do.
    pub problem: String,
}

/// What the operator must do about a [`DumpError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DumpErrorKind {
    /// The source holds nothing to import: check the location and the filter.
    EmptySource,
    /// The credentials do not allow listing or reading.
    Permission,
    /// The bucket or folder is not there.
    NotFound,
    /// The storage did not answer; try again.
    Unavailable,
    /// A configured rule, route or filter is wrong.
    Config,
    /// The files contradict each other or cannot be read by this program.
    Invalid,
}

/// Why a dump could not be made out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    /// Nothing to import.
    #[error(
        "{location} holds nothing to import: {objects} objects listed, {ignored} of them ignored or filtered out"
    )]
    EmptySource {
        /// Where.
        location: String,
        /// How many objects were listed.
        objects: usize,
        /// How many of them no rule takes, or the filter excludes.
        ignored: usize,
    },
    /// Listing or reading was refused.
    #[error("no permission to read {location}: {failure}")]
    Permission {
        /// Object or location.
        location: String,
        /// What the storage said.
        failure: StorageFailure,
    },
    /// The bucket, folder or object is missing.
    #[error("{location} does not exist: {failure}")]
    NotFound {
        /// Object or location.
        location: String,
        /// What the storage said.
        failure: StorageFailure,
    },
    /// The storage failed.
    #[error("cannot read {location}: {failure}")]
    Storage {
        /// Object or location.
        location: String,
        /// What the storage said.
        failure: StorageFailure,
    },
    /// The storage did not answer in time.
    #[error("{location} did not answer within {seconds} s")]
    Timeout {
        /// Object or location.
        location: String,
        /// The limit, in seconds.
        seconds: u64,
    },
    /// A `[[mydumper.files]]` rule cannot be used.
    #[error("mydumper.files rule {index}: {problem}")]
    FileRule {
        /// Position in the list, from 1.
        index: usize,
        /// What is wrong.
        problem: String,
    },
    /// A file matched a rule whose captured values make no sense.
    #[error("{object}: {problem}")]
    File {
        /// The object.
        object: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A table filter pattern cannot be used.
    #[error("mydumper.filter {pattern:?}: {problem}")]
    Filter {
        /// The pattern.
        pattern: String,
        /// What is wrong.
        problem: String,
    },
    /// A `[[routes]]` rule cannot be used.
    #[error("routes rule {index}: {problem}")]
    Route {
        /// Position in the list, from 1.
        index: usize,
        /// What is wrong.
        problem: String,
    },
    /// A table that several routes of one class match.
    #[error(
        "`{db}`.`{table}` is matched by routes {first} and {second}; make the patterns exclude each other"
    )]
    AmbiguousRoute {
        /// Source database.
        db: String,
        /// Source table; empty for a database.
        table: String,
        /// Position of the first match, from 1.
        first: usize,
        /// Position of the second match, from 1.
        second: usize,
    },
    /// Two schema files for one source table, view or database.
    #[error("two schema files for `{db}`.`{table}`: {first} and {second}; remove one")]
    DuplicateSchema {
        /// Database.
        db: String,
        /// Table; empty for a database.
        table: String,
        /// The first file.
        first: String,
        /// The second file.
        second: String,
    },
    /// A view's schema file without the placeholder table's.
    #[error(
        "{object} defines view `{db}`.`{view}` but its placeholder {db}.{view}-schema.sql is missing; \
         dump the view again or exclude it with a filter"
    )]
    ViewWithoutTable {
        /// The view's schema file.
        object: String,
        /// Database.
        db: String,
        /// View.
        view: String,
    },
}

impl DumpError {
    /// What the operator must do.
    pub fn kind(&self) -> DumpErrorKind {
        match self {
            Self::EmptySource { .. } => DumpErrorKind::EmptySource,
            Self::Permission { .. } => DumpErrorKind::Permission,
            Self::NotFound { .. } => DumpErrorKind::NotFound,
            Self::Storage { .. } | Self::Timeout { .. } => DumpErrorKind::Unavailable,
            Self::FileRule { .. }
            | Self::Filter { .. }
            | Self::Route { .. }
            | Self::AmbiguousRoute { .. } => DumpErrorKind::Config,
            Self::File { .. } | Self::DuplicateSchema { .. } | Self::ViewWithoutTable { .. } => {
                DumpErrorKind::Invalid
            }
        }
    }

    /// Sorts a storage client's error by what can be done about it.
    pub(crate) fn from_storage(location: String, error: &object_store::Error) -> Self {
        let failure = StorageFailure::new(error);
        match error {
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
                Self::Permission { location, failure }
            }
            object_store::Error::NotFound { .. } => Self::NotFound { location, failure },
            _ => Self::Storage { location, failure },
        }
    }
}

/// What the operator must do about a [`ReadError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The file's content is wrong at the place given.
    Data,
    /// The object is not the one that was planned.
    Changed,
    /// The credentials do not allow reading.
    Permission,
    /// The storage did not answer; try again.
    Unavailable,
    /// An option does not fit.
    Config,
}

/// Why rows could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The text does not follow the format.
    #[error("{place}: syntax error: {problem}")]
    Syntax {
        /// Where.
        place: Place,
        /// What is wrong.
        problem: String,
    },
    /// The file ends within something.
    #[error("{place}: premature end of file {within}; the file is cut off or its quoting is broken")]
    PrematureEnd {
        /// Where the unfinished thing begins.
        place: Place,
        /// What was unfinished, e.g. `in a string`.
        within: &'static str,
    },
    /// One row is larger than `max_row_bytes`.
    #[error("{place}: a row is larger than {limit} bytes; the quoting is broken or the row cannot be stored")]
    RowTooLong {
        /// Where the row begins.
        place: Place,
        /// The limit in bytes.
        limit: u64,
    },
    /// A compressed stream is broken or ends too early.
    #[error(
        "{object}: broken {compression} stream near compressed byte {compressed_offset} (byte {offset} uncompressed): {problem}"
    )]
    Corrupt {
        /// The object.
        object: String,
        /// The compression's name.
        compression: &'static str,
        /// Compressed bytes read when it was noticed.
        compressed_offset: u64,
        /// Uncompressed bytes got until then.
        offset: u64,
        /// What the decoder said.
        problem: String,
    },
    /// The object is another one than was listed when the import was planned.
    #[error(
        "{object} changed since it was planned ({problem}); plan the import again from a source that stays"
    )]
    Changed {
        /// The object.
        object: String,
        /// What differs.
        problem: String,
    },
    /// The object is gone.
    #[error("{object} does not exist any more; plan the import again from a source that stays")]
    Missing {
        /// The object.
        object: String,
    },
    /// Reading was refused.
    #[error("no permission to read {object}: {failure}")]
    Permission {
        /// The object.
        object: String,
        /// What the storage said.
        failure: StorageFailure,
    },
    /// The storage did not answer in time.
    #[error("{object}: no answer within {seconds} s at byte {offset}")]
    Timeout {
        /// The object.
        object: String,
        /// Offset of the request in the object.
        offset: u64,
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The storage failed.
    #[error("{object}: cannot read at byte {offset}: {failure}")]
    Storage {
        /// The object.
        object: String,
        /// Offset in the object.
        offset: u64,
        /// What the storage said.
        failure: StorageFailure,
    },
    /// A column of the file cannot be one of any table.
    #[error("{object}: column `{column}` {problem}; leave it out with `mydumper.ignore-data-columns`")]
    Column {
        /// The object.
        object: String,
        /// The column's path.
        column: String,
        /// What is wrong with it.
        problem: String,
    },
    /// This reader cannot read the file.
    #[error("{object}: {problem}")]
    Unsupported {
        /// The object.
        object: String,
        /// What and why.
        problem: String,
    },
    /// An option is wrong.
    #[error(transparent)]
    Option(#[from] OptionError),
}

impl ReadError {
    /// What the operator must do.
    pub fn kind(&self) -> ReadErrorKind {
        match self {
            Self::Syntax { .. }
            | Self::PrematureEnd { .. }
            | Self::RowTooLong { .. }
            | Self::Column { .. }
            | Self::Corrupt { .. } => ReadErrorKind::Data,
            Self::Changed { .. } | Self::Missing { .. } => ReadErrorKind::Changed,
            Self::Permission { .. } => ReadErrorKind::Permission,
            Self::Timeout { .. } | Self::Storage { .. } => ReadErrorKind::Unavailable,
            Self::Unsupported { .. } | Self::Option(_) => ReadErrorKind::Config,
        }
    }

    /// The place, for errors in the data.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Syntax { place, .. }
            | Self::PrematureEnd { place, .. }
            | Self::RowTooLong { place, .. } => Some(place),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_of_urls_are_cut_from_messages() {
        let text = "GET https://a.blob.core.windows.net/c/x?sv=1&sig=SECRET failed (see http://h/p)";
        assert_eq!(
            without_url_queries(text),
            "GET https://a.blob.core.windows.net/c/x?… failed (see http://h/p)"
        );
    }
}
