//! What can go wrong with a server, and what that means for the statement.

use std::time::Duration;

use mysql_async::Error;

/// TiDB's number for whatever has none.
const UNKNOWN: u16 = 1105;

/// What a caller can do about an error; decided from the number, never from the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The same transaction may succeed later: a deadlock, a busy server, a lost connection.
    Retry,
    /// A row with an equal unique key is there.
    Duplicate,
    /// A value does not fit its column, or a check of the table refuses the row.
    Value,
    /// The column list does not match the table.
    Columns,
    /// The database or table is not there.
    Missing,
    /// It concerns every statement of this kind: privileges, a read-only server, a full disk.
    Refused,
    /// Anything else that the server says about a statement.
    Other,
}

/// A failed conversation with a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// The server refuses a statement.
    #[error("{message} (error {code}, sqlstate {state})")]
    Server {
        /// MySQL's number.
        code: u16,
        /// Five characters of class and kind.
        state: String,
        /// The server's words.
        message: String,
    },
    /// The connection cannot be made or broke.
    #[error("{endpoint}: {problem}")]
    Connection {
        /// `host:port`.
        endpoint: String,
        /// What happened.
        problem: String,
    },
    /// No answer within the deadline.
    #[error("{endpoint} did not answer within {limit:?}")]
    Timeout {
        /// `host:port`.
        endpoint: String,
        /// The deadline.
        limit: Duration,
    },
    /// The options cannot work.
    #[error("{0}")]
    Options(String),
}

impl SqlError {
    pub(crate) fn new(endpoint: &str, error: Error) -> Self {
        match error {
            Error::Server(server) => {
                Self::Server { code: server.code, state: server.state, message: server.message }
            }
            Error::Url(error) => Self::Options(error.to_string()),
            other => Self::Connection { endpoint: endpoint.to_owned(), problem: other.to_string() },
        }
    }

    /// MySQL's number, if the server answered.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Server { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// What can be done about it.
    pub fn class(&self) -> Class {
        match self {
            Self::Server { code, state, .. } => class(*code, state),
            Self::Connection { .. } | Self::Timeout { .. } => Class::Retry,
            Self::Options(_) => Class::Refused,
        }
    }

    /// Whether the server has no name for the error: it may be about the moment, or about a row.
    pub fn is_unknown(&self) -> bool {
        self.code() == Some(UNKNOWN)
    }

    /// Whether it is about preparing a statement, not about what it says: too many statements are prepared, one has
    /// too many parameters, the server does not prepare such a one, or has forgotten it.
    pub fn is_about_preparing(&self) -> bool {
        matches!(self.code(), Some(1243 | 1295 | 1390 | 1461 | 1615 | 8111))
    }

    /// Whether the same may succeed later.
    pub fn is_retryable(&self) -> bool {
        self.class() == Class::Retry
    }
}

/// Numbers are MySQL's, MariaDB's and (8000 and above) TiDB's.
fn class(code: u16, state: &str) -> Class {
    match code {
        // Lock waits, deadlocks, rows that changed since the transaction's snapshot (MariaDB), commits that a group's
        // other members refuse, servers that go away or have too many guests.
        1205
        | 1213
        | 1020
        | 1637
        | 3101
        | 1040
        | 1053
        | 1077
        | 1079
        | 1152
        | 1158..=1161
        | 1184
        | 1203
        | 1317
        | 1927
        | 2006
        | 2013
        | 4031 => Class::Retry,
        // TiDB: write conflicts, locks and transactions that have expired, a schema that changed meanwhile, too little
        // memory or quota at the moment, PD or TiKV slow or busy, and what it has no number for, such as a part that
        // did not answer.
        UNKNOWN
        | 8002
        | 8005
        | 8020
        | 8022
        | 8024
        | 8027
        | 8028
        | 8113
        | 8120
        | 8176
        | 8180
        | 8229
        | 8245
        | 8252
        | 9001..=9013 => Class::Retry,
        1062 | 1022 | 1169 | 1586 | 1761 | 1762 => Class::Duplicate,
        1054 | 1110 | 1136 => Class::Columns,
        1049 | 1146 | 1051 => Class::Missing,
        1044 | 1045 | 1142 | 1143 | 1227 | 1698 | 8121 | 1036 | 1290 | 1792 | 1836 | 1021 | 1114 | 1064
        | 1193 | 1231 | 1235 => Class::Refused,
        // Without a class of their own in SQLSTATE: default missing, wrong value, no partition, generated
        // column, JSON, CHECK constraints.
        1364 | 1366 | 1526 | 1411 | 1863 | 3105 | 3140..=3158 | 3819 | 4025 => Class::Value,
        _ if ["22", "23", "01"].iter().any(|class| state.starts_with(class)) => Class::Value,
        _ => Class::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_what_can_be_done() {
        for (code, state, expected) in [
            (1213, "40001", Class::Retry),
            (9007, "HY000", Class::Retry),
            (1020, "HY000", Class::Retry),
            (8229, "HY000", Class::Retry),
            (8175, "HY000", Class::Other),
            (8141, "HY000", Class::Other),
            (1062, "23000", Class::Duplicate),
            (1048, "23000", Class::Value),
            (1264, "22003", Class::Value),
            (1406, "22001", Class::Value),
            (1366, "HY000", Class::Value),
            (1054, "42S22", Class::Columns),
            (1146, "42S02", Class::Missing),
            (1142, "42000", Class::Refused),
            (1235, "42000", Class::Refused),
            (1815, "HY000", Class::Other),
        ] {
            assert_eq!(class(code, state), expected, "{code}");
        }
        let lost = SqlError::Connection { endpoint: "h:1".into(), problem: "closed".into() };
        assert!(lost.is_retryable());
    }
}
