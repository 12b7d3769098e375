//! What can go wrong between a source row and its pairs.

use std::fmt;

use th_expr::ExprError;
use th_types::TypeError;

/// A row (or a column list) that cannot be encoded. The caller adds the place in the source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct EncodeError {
    /// MySQL's error number; 0 where TiDB itself gives none.
    pub code: u16,
    /// The table's column, as the definition writes it; `None` if no single column is to blame.
    pub column: Option<String>,
    /// The value's number in the source row, from 1; `None` if the row has no value for the column.
    pub column_number: Option<usize>,
    /// What is wrong, without the column.
    pub message: String,
}

impl EncodeError {
    pub(crate) fn new(code: u16, message: impl Into<String>) -> Self {
        Self { code, column: None, column_number: None, message: message.into() }
    }

    pub(crate) fn of_column(error: TypeError, column: &str, number: Option<usize>) -> Self {
        Self {
            code: error.code,
            column: Some(column.to_owned()),
            column_number: number,
            message: error.message,
        }
    }
}

impl From<TypeError> for EncodeError {
    fn from(error: TypeError) -> Self {
        Self::new(error.code, error.message)
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.column, self.column_number) {
            (Some(column), Some(number)) => write!(f, "column `{column}` (value {number} of the row): ")?,
            (Some(column), None) => write!(f, "column `{column}`: ")?,
            (None, _) => {}
        }
        f.write_str(&self.message)?;
        if self.code != 0 {
            write!(f, " (error {})", self.code)?;
        }
        Ok(())
    }
}

/// A table that the encoder or the decoder cannot be made for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The definition uses something that changes bytes and is not supported.
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
    /// An expression cannot be used.
    #[error("table `{table}`: expression of {of}")]
    Expression {
        /// Table name.
        table: String,
        /// Whose expression it is: a column, an index, the partitioning.
        of: String,
        /// What is wrong with it.
        #[source]
        source: ExprError,
    },
    /// A constant of the definition (a partition bound) cannot be evaluated.
    #[error("table `{table}`: {of}: {message}")]
    Constant {
        /// Table name.
        table: String,
        /// Whose constant it is.
        of: String,
        /// What is wrong with it.
        message: String,
    },
}

/// Stored bytes that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The key is not one of this table's.
    #[error("not a key of table `{table}`")]
    OtherTable {
        /// Table name.
        table: String,
    },
    /// The key is damaged.
    #[error("damaged key")]
    Key(#[from] crate::keys::KeyError),
    /// The row value is damaged.
    #[error("damaged row value")]
    Row(#[from] crate::row::RowFormatError),
    /// The index value is damaged.
    #[error("the index value ends inside its {part}")]
    IndexValue {
        /// The part that is cut off.
        part: &'static str,
    },
    /// A column's bytes are not of its type.
    #[error("the bytes of column `{column}` are no {kind}")]
    Column {
        /// Column name.
        column: String,
        /// What they should be.
        kind: &'static str,
    },
    /// A stored row cannot be encoded again.
    #[error("the row cannot be encoded again: {message}")]
    Again {
        /// Why.
        message: String,
    },
    /// A virtual column or a default cannot be computed.
    #[error("column `{column}` cannot be computed: {message}")]
    Computed {
        /// Column name.
        column: String,
        /// Why.
        message: String,
    },
}
