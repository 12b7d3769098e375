//! What can go wrong while sorting.

use std::io;
use std::path::PathBuf;

/// An error of the sort folder.
#[derive(Debug, thiserror::Error)]
pub enum SortError {
    /// The disk of the sort folder is full.
    #[error(
        "no space left in the sort folder {path}: {needed} bytes more were needed; give the job a larger disk or a smaller job size"
    )]
    DiskFull {
        /// The file that could not grow.
        path: PathBuf,
        /// Bytes that could not be written.
        needed: u64,
    },
    /// The runs would exceed the configured quota.
    #[error(
        "the sort folder {path} would exceed its quota of {quota} bytes; raise the quota or use a smaller job size"
    )]
    Quota {
        /// The sort folder.
        path: PathBuf,
        /// The quota in bytes.
        quota: u64,
    },
    /// Any other error of the file system.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried: `create`, `write`, `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A block read back is not what was written.
    #[error(
        "block at offset {offset} of {path} is damaged ({what}); the disk returned other bytes than were written"
    )]
    Damaged {
        /// The run.
        path: PathBuf,
        /// Offset of the block in the file.
        offset: u64,
        /// Which check failed.
        what: &'static str,
    },
    /// One pair alone does not fit the format.
    #[error("a pair of {bytes} bytes is too large to sort (limit {limit})")]
    PairTooLarge {
        /// Size of key and value.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

impl SortError {
    /// Wraps an I/O error, telling a full disk apart.
    pub(crate) fn io(action: &'static str, path: &std::path::Path, needed: u64, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::StorageFull {
            SortError::DiskFull { path: path.to_owned(), needed }
        } else {
            SortError::Io { action, path: path.to_owned(), source }
        }
    }
}
