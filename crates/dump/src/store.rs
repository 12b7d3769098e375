//! An opened storage location: the client, the prefix, and the name to show.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::path::Path;

use crate::error::LocationError;

/// An object store and the prefix below which the dump (or the ledger) lives.
///
/// Paths elsewhere in this crate ([`crate::DataFile::path`], [`crate::File::path`]) are relative to the
/// prefix; [`Store::path`] makes them absolute within the store.
#[derive(Clone, Debug)]
pub struct Store {
    /// The client.
    pub object_store: Arc<dyn ObjectStore>,
    /// Where in the store; empty for its root.
    pub prefix: Path,
    /// The location to show, without secrets: `s3://bucket/prefix`.
    pub display_base: String,
    /// Whether a listing can begin after any name and ends after a page: then ranges are listed side by side.
    pub begins_anywhere: bool,
}

impl Store {
    /// Wraps a client that is open already (tests, other services).
    pub fn new(object_store: Arc<dyn ObjectStore>, prefix: Path, display_base: impl Into<String>) -> Self {
        Self { object_store, prefix, display_base: display_base.into(), begins_anywhere: false }
    }

    /// The object's path in the store.
    pub fn path(&self, relative: &str) -> Result<Path, LocationError> {
        let joined =
            if self.prefix.is_root() { relative.to_owned() } else { format!("{}/{relative}", self.prefix) };
        Path::parse(&joined).map_err(|e| LocationError::Path {
            location: self.display(relative).to_string(),
            problem: e.to_string(),
        })
    }

    /// The object's full name for messages: `s3://bucket/prefix/db.t.001.sql`.
    pub fn display(&self, relative: &str) -> Arc<str> {
        Arc::from(format!("{}/{relative}", self.display_base.trim_end_matches('/')))
    }

    /// The path relative to the prefix; `None` when it lies elsewhere.
    pub fn relative<'a>(&self, path: &'a Path) -> Option<&'a str> {
        let full = path.as_ref();
        if self.prefix.is_root() {
            return Some(full);
        }
        full.strip_prefix(self.prefix.as_ref())?.strip_prefix('/')
    }
}
