//! What is not in order, as a gRPC status.
//!
//! The old daemon answered every error with the status `UNKNOWN` and the error's name in front, and clients look for
//! the names (`FileExists` when they open or close an engine again): both are kept.

use tonic::Status;
use uuid::Uuid;

/// A request that cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// Nobody has opened it, or it is closed already; or the importer was restarted.
    #[error(
        "EngineNotFound({0}): it is not open, or the importer was restarted; open it and write everything again"
    )]
    EngineNotFound(Uuid),
    /// Somebody writes to it, closes it or imports it.
    #[error("EngineInUse({0}): it is {1}")]
    EngineInUse(Uuid, &'static str),
    /// It was closed; an engine is opened once.
    #[error("FileExists({0}): the engine was closed already; import it or clean it up")]
    Closed(Uuid),
    /// It was opened with another prefix.
    #[error("EnginePrefixNotMatch({0}): it was opened with the prefix {1}, not {2}")]
    EnginePrefixNotMatch(Uuid, String, String),
    /// There are as many engines open as may be.
    #[error(
        "ResourceTemporarilyUnavailable(Too many open engines): {0} are open, `import.max-open-engines` allows no more"
    )]
    TooManyEngines(usize),
    /// Not what the protocol has here.
    #[error("InvalidChunk: {0}")]
    InvalidChunk(String),
    /// No 16 bytes.
    #[error("Uuid(ParseError): an engine is named by 16 bytes, not {0}")]
    Uuid(usize),
    /// Pairs of the engine have equal keys and different values.
    #[error(
        "DuplicateKeys({uuid}): {count} pairs have a key that another has with another value, the first is {key}"
    )]
    DuplicateKeys {
        /// The engine.
        uuid: Uuid,
        /// Pairs beyond the first of their key.
        count: u64,
        /// The first of the keys, hexadecimal.
        key: String,
    },
    /// The sort folder failed.
    #[error("Io: {0}")]
    Sort(String),
    /// The cluster cannot be asked or did not take the pairs.
    #[error("ImportJobFailed({0})")]
    Import(String),
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        Status::unknown(error.to_string())
    }
}

/// The engine that a request names.
pub(crate) fn engine_of(bytes: &[u8]) -> Result<Uuid, Error> {
    Uuid::from_slice(bytes).map_err(|_| Error::Uuid(bytes.len()))
}
