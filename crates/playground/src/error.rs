//! Why a playground cannot start or keep its state.

/// A failure of the playground itself; clients get protocol errors instead.
#[derive(Debug, thiserror::Error)]
pub enum PlaygroundError {
    /// A folder or file could not be used.
    #[error("cannot use {path}: {source}")]
    Io {
        /// The path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A port could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Host and port.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// RocksDB refused.
    #[error("rocksdb: {0}")]
    Rocks(#[from] rocksdb::Error),
    /// What was stored cannot be read back.
    #[error("the playground's stored state is unreadable at {key}: {message}")]
    State {
        /// Key in the metadata store.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// The options contradict each other or the folder.
    #[error("{0}")]
    Options(String),
}

/// Shorthand inside the crate.
pub(crate) type Result<T, E = PlaygroundError> = std::result::Result<T, E>;

pub(crate) fn io_error(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> PlaygroundError + '_ {
    move |source| PlaygroundError::Io { path: path.display().to_string(), source }
}
