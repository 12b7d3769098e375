//! One connection: statements under a deadline.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Params, Value};

use crate::{Parameters, SqlError};

/// What a statement without rows did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// Rows inserted, changed or removed. REPLACE counts a row it removes, too.
    pub affected: u64,
    /// Warnings, at most 65535.
    pub warnings: u16,
}

/// A connection with the import's session. Dropping it gives it back; [`Connection::close`] ends it.
pub struct Connection {
    pub(crate) inner: Conn,
    pub(crate) endpoint: Arc<str>,
    pub(crate) limit: Duration,
}

impl Connection {
    /// Runs a statement that returns no rows.
    pub async fn run(&mut self, sql: &[u8]) -> Result<Done, SqlError> {
        let inner = &mut self.inner;
        let run = async {
            let result = inner.query_iter(sql).await?;
            let done = Done { affected: result.affected_rows(), warnings: result.warnings() };
            result.drop_result().await?;
            Ok(done)
        };
        bounded(&self.endpoint, self.limit, run).await
    }

    /// Runs a statement with parameters for its question marks, prepared once for as long as the connection's few
    /// last used statements keep it.
    pub async fn run_prepared(&mut self, sql: &str, parameters: &Parameters) -> Result<Done, SqlError> {
        let inner = &mut self.inner;
        let run = async {
            let result = inner.exec_iter(sql, Params::Positional(parameters.0.clone())).await?;
            let done = Done { affected: result.affected_rows(), warnings: result.warnings() };
            result.drop_result().await?;
            Ok(done)
        };
        bounded(&self.endpoint, self.limit, run).await
    }

    /// The rows of a query, as text; `None` is NULL.
    pub async fn rows(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, SqlError> {
        let inner = &mut self.inner;
        let run = async {
            let rows: Vec<mysql_async::Row> = inner.query(sql).await?;
            Ok(rows.into_iter().map(|row| row.unwrap().into_iter().map(text_of).collect()).collect())
        };
        bounded(&self.endpoint, self.limit, run).await
    }

    /// Ends the connection, and with it whatever the server still does for it.
    pub async fn close(self) {
        // The server notices by itself if it does not hear this.
        drop(tokio::time::timeout(Duration::from_secs(1), self.inner.disconnect()).await);
    }
}

/// Servers answer text queries with bytes; other forms are printed.
fn text_of(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        other => Some(other.as_sql(true).trim_matches('\'').to_owned()),
    }
}

pub(crate) async fn bounded<T>(
    endpoint: &str,
    limit: Duration,
    run: impl Future<Output = Result<T, mysql_async::Error>>,
) -> Result<T, SqlError> {
    match tokio::time::timeout(limit, run).await {
        Ok(result) => result.map_err(|error| SqlError::new(endpoint, error)),
        Err(_) => Err(SqlError::Timeout { endpoint: endpoint.to_owned(), limit }),
    }
}
