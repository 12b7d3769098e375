//! What can go wrong while files are built or records are read.

/// A failure of building an SST or reading an MVCC record.
#[derive(Debug, thiserror::Error)]
pub enum SstError {
    /// A key is not greater than the one before it.
    #[error(
        "keys must be added in strict ascending order: entry {entry} is not greater than the one before it"
    )]
    NotAscending {
        /// Number of the offending entry, from 0.
        entry: u64,
    },
    /// Commit timestamp 0 is never valid in TiKV.
    #[error("commit timestamp 0 is not valid: take one from PD")]
    ZeroCommitTs,
    /// RocksDB refused.
    #[error("rocksdb: {0}")]
    Rocks(#[from] rocksdb::Error),
    /// The file system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A key that is not memcomparable.
    #[error("not a TiKV key: {0}")]
    Key(#[from] th_memcomparable::Broken),
    /// Bytes that are not what TiKV writes.
    #[error("not a TiKV record: {0}")]
    Corrupt(&'static str),
}
