//! What a statement answers.

use tokio::sync::mpsc;

use crate::tidb::error::SqlError;

/// How a column's text travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// As a string in this client's character set.
    Text,
    /// As bytes without a character set.
    Bytes,
    /// As a signed integer.
    Int,
    /// As an unsigned integer.
    Uint,
    /// As a double.
    Double,
    /// As a decimal.
    Decimal,
}

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResultColumn {
    pub(crate) name: String,
    pub(crate) wire: Wire,
}

impl ResultColumn {
    /// A text column.
    pub(crate) fn text(name: impl Into<String>) -> Self {
        Self { name: name.into(), wire: Wire::Text }
    }
}

/// A row: text of each value, `None` for NULL.
pub(crate) type ResultRow = Vec<Option<Vec<u8>>>;

/// Where a result's rows come from.
pub(crate) enum ResultRows {
    /// All here.
    Ready(Vec<ResultRow>),
    /// They come while the table is read; the bound of the channel bounds the memory.
    Stream(mpsc::Receiver<Result<ResultRow, SqlError>>),
}

/// The answer of a statement.
pub(crate) enum Outcome {
    /// Done.
    Done { affected: u64, last_insert_id: u64, warnings: u16 },
    /// A result set.
    Rows { columns: Vec<ResultColumn>, rows: ResultRows },
}

impl Outcome {
    /// Done without more to say.
    pub(crate) fn done() -> Self {
        Outcome::Done { affected: 0, last_insert_id: 0, warnings: 0 }
    }

    /// A result of text columns that is all here.
    pub(crate) fn table(columns: &[&str], rows: Vec<Vec<Option<String>>>) -> Self {
        Outcome::Rows {
            columns: columns.iter().map(|name| ResultColumn::text(*name)).collect(),
            rows: ResultRows::Ready(
                rows.into_iter()
                    .map(|row| row.into_iter().map(|value| value.map(String::into_bytes)).collect())
                    .collect(),
            ),
        }
    }
}
