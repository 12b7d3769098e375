//! What can be wrong with a table definition.

/// A table definition that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The DDL text cannot be parsed.
    #[error("cannot parse the table definition at line {line}, column {column}: {message}")]
    Syntax {
        /// Line, from 1.
        line: u64,
        /// Byte in the line, from 1.
        column: u64,
        /// What was expected or found.
        message: String,
    },
    /// The definition uses something that changes encoded bytes and is not supported.
    #[error("table `{table}`: {what} is not supported")]
    Unsupported {
        /// Table name.
        table: String,
        /// The unsupported thing, by name.
        what: String,
    },
    /// The definition contradicts itself.
    #[error("table `{table}`: {message}")]
    Invalid {
        /// Table name.
        table: String,
        /// What is wrong.
        message: String,
    },
    /// The JSON is not a TableInfo.
    #[error("not a TableInfo JSON: {0}")]
    Json(String),
}
