//! What can go wrong with a cluster: one error type with a kind to decide on, the endpoint that failed
//! and advice for a person. It never holds a password.

use std::fmt;
use std::time::Duration;

use th_mysql::SqlError;

/// What sort of failure it is; callers decide on this, never on the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nobody answers at the endpoint, or the connection broke.
    Unreachable,
    /// The thing asked for does not exist (region, store, table, schema).
    NotFound,
    /// The server is overloaded or has suspended imports.
    Busy,
    /// A store has no disk space left.
    DiskFull,
    /// The answer (or our request, in the server's eyes) is not what the protocol promises.
    Protocol,
    /// TiDB refused a statement.
    Sql {
        /// MySQL error code, e.g. 1146.
        code: u16,
    },
    /// No answer within the deadline.
    Timeout,
    /// The server understood and refuses: wrong credentials, flashback in progress, wrong cluster.
    Rejected,
    /// The caller's input cannot be imported: keys out of order, zero timestamp, bad option.
    InvalidInput,
}

impl ErrorKind {
    /// Whether the same call may succeed later without anybody changing anything.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::Unreachable | Self::Busy | Self::Timeout => true,
            // TiDB passes on that PD or TiKV timed out, is busy or has no region; a lock wait, a deadlock, a write
            // conflict, locks that expired, a schema that changed meanwhile and a spent quota pass by themselves.
            Self::Sql { code } => matches!(
                code,
                9001..=9007 | 9011 | 1205 | 1213 | 8002 | 8005 | 8022 | 8027 | 8028 | 8229 | 8252
            ),
            _ => false,
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            Self::Unreachable => "check that the address is reachable from here and the server is up",
            Self::NotFound => "it was dropped, moved or never existed; check the name",
            Self::Busy => "lower the concurrency or wait until the server has caught up",
            Self::DiskFull => "add disk space or stores, then run again",
            Self::Protocol => {
                "check that the server's version is supported and the endpoint is the right one"
            }
            Self::Sql { .. } => "check the statement, the user's privileges and the object's state",
            Self::Timeout => "check the server's load and the network between here and there",
            Self::Rejected => "check credentials, certificates and the state of the cluster",
            Self::InvalidInput => "the data or the options are wrong; trying again does not help",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable => f.write_str("unreachable"),
            Self::NotFound => f.write_str("not found"),
            Self::Busy => f.write_str("busy"),
            Self::DiskFull => f.write_str("disk full"),
            Self::Protocol => f.write_str("protocol error"),
            Self::Sql { code } => write!(f, "sql error {code}"),
            Self::Timeout => f.write_str("timeout"),
            Self::Rejected => f.write_str("rejected"),
            Self::InvalidInput => f.write_str("invalid input"),
        }
    }
}

/// A failed conversation with the cluster.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{endpoint}: {kind}: {message}; {}", .kind.hint())]
pub struct ClusterError {
    kind: ErrorKind,
    endpoint: String,
    message: String,
}

impl ClusterError {
    /// An error of `kind` at `endpoint` (an address, or a name like `pd`), with what happened.
    pub fn new(kind: ErrorKind, endpoint: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, endpoint: endpoint.into(), message: message.into() }
    }

    /// What sort of failure.
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where it happened.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What happened, without endpoint and advice.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What a person can do about it.
    pub const fn hint(&self) -> &'static str {
        self.kind.hint()
    }

    /// Whether the same call may succeed later.
    pub const fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }

    pub(crate) fn timeout(endpoint: &str, what: &str, limit: Duration) -> Self {
        Self::new(ErrorKind::Timeout, endpoint, format!("{what} got no answer within {limit:?}"))
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, "import", message)
    }

    pub(crate) fn protocol(endpoint: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Protocol, endpoint, message)
    }

    /// From a gRPC status that is not about a region (those are diagnosed in [`crate::ingest`]).
    pub(crate) fn from_status(endpoint: &str, what: &str, status: &tonic::Status) -> Self {
        use tonic::Code;
        let text = status.message();
        let kind = match status.code() {
            Code::Unavailable | Code::Cancelled | Code::Aborted => ErrorKind::Unreachable,
            Code::DeadlineExceeded => ErrorKind::Timeout,
            Code::ResourceExhausted => ErrorKind::Busy,
            Code::NotFound => ErrorKind::NotFound,
            Code::PermissionDenied | Code::Unauthenticated | Code::FailedPrecondition => ErrorKind::Rejected,
            Code::InvalidArgument | Code::OutOfRange => ErrorKind::InvalidInput,
            Code::Unknown if text.contains("not found") => ErrorKind::NotFound,
            // What tonic says when the connection breaks while a call is under way.
            Code::Unknown if is_broken_connection(text) => ErrorKind::Unreachable,
            _ => ErrorKind::Protocol,
        };
        let code = status.code();
        Self::new(kind, endpoint, format!("{what} failed with {code:?}: {text}{}", source_chain(status)))
    }

    pub(crate) fn from_reqwest(endpoint: &str, what: &str, error: &reqwest::Error) -> Self {
        let kind = if error.is_timeout() {
            ErrorKind::Timeout
        } else if error.is_decode() || error.is_builder() {
            ErrorKind::Protocol
        } else {
            ErrorKind::Unreachable
        };
        Self::new(kind, endpoint, format!("{what}: {error}{}", source_chain(error)))
    }

    /// Of the first connection to TiDB.
    pub(crate) fn from_sql(endpoint: &str, error: &SqlError) -> Self {
        let kind = match error {
            SqlError::Server { code: 1045 | 1044 | 1698, .. } => ErrorKind::Rejected,
            SqlError::Server { code, .. } => ErrorKind::Sql { code: *code },
            SqlError::Connection { .. } => ErrorKind::Unreachable,
            SqlError::Timeout { .. } => ErrorKind::Timeout,
            SqlError::Options(_) => ErrorKind::InvalidInput,
        };
        Self::new(kind, endpoint, format!("connect: {error}"))
    }

    pub(crate) fn from_mysql(endpoint: &str, what: &str, error: &mysql_async::Error) -> Self {
        match error {
            mysql_async::Error::Server(server) => {
                let kind = match server.code {
                    1045 | 1044 | 1698 => ErrorKind::Rejected,
                    code => ErrorKind::Sql { code },
                };
                Self::new(kind, endpoint, format!("{what}: ({}) {}", server.code, server.message))
            }
            mysql_async::Error::Url(_) => Self::new(ErrorKind::InvalidInput, endpoint, error.to_string()),
            other => Self::new(ErrorKind::Unreachable, endpoint, format!("{what}: {other}")),
        }
    }
}

pub(crate) fn is_broken_connection(text: &str) -> bool {
    ["transport error", "h2 protocol error", "Service was not ready", "connection error", "broken pipe"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// The causes of an error, each after a colon, because the outermost text of network libraries says little.
fn source_chain(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_of_pd_get_the_kind_a_caller_decides_on() {
        let kind =
            |code, text: &str| ClusterError::from_status("pd", "x", &tonic::Status::new(code, text)).kind();
        assert_eq!(kind(tonic::Code::Unavailable, "not leader"), ErrorKind::Unreachable);
        assert_eq!(
            kind(tonic::Code::FailedPrecondition, "mismatch cluster id, need 7 but got 42"),
            ErrorKind::Rejected
        );
        assert_eq!(
            kind(tonic::Code::Unknown, "[PD:region:ErrRegionNotFound]region %v not found"),
            ErrorKind::NotFound
        );
        assert_eq!(kind(tonic::Code::Unimplemented, ""), ErrorKind::Protocol);
    }

    #[test]
    fn an_error_names_endpoint_cause_and_advice() {
        let error = ClusterError::timeout("10.0.0.1:2379", "GetMembers", Duration::from_secs(3));
        assert!(error.is_retryable());
        assert_eq!(
            error.to_string(),
            "10.0.0.1:2379: timeout: GetMembers got no answer within 3s; \
             check the server's load and the network between here and there"
        );
    }
}
