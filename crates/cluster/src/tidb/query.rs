//! One statement on one connection, under a deadline.

use std::future::Future;
use std::time::Duration;

use mysql_async::Value;
use mysql_async::prelude::Queryable as _;

use super::SqlRows;
use crate::{ClusterError, ErrorKind};

/// The statements that the server accepts; one it refuses (an older server, fewer privileges) is left out.
pub(super) async fn usable(
    endpoint: &str,
    timeout: Duration,
    mut connection: mysql_async::Conn,
    wanted: Vec<String>,
) -> Result<Vec<String>, ClusterError> {
    let mut usable = Vec::with_capacity(wanted.len());
    for statement in wanted {
        match query_on(endpoint, &mut connection, &statement, timeout).await {
            Ok(_) => usable.push(statement),
            Err(error) if matches!(error.kind(), ErrorKind::Sql { .. } | ErrorKind::Rejected) => {
                tracing::debug!(%error, statement, "a session variable is not set");
            }
            Err(error) => return Err(error),
        }
    }
    drop(tokio::time::timeout(timeout, connection.disconnect()).await);
    Ok(usable)
}

pub(super) async fn query_on(
    endpoint: &str,
    connection: &mut mysql_async::Conn,
    sql: &str,
    limit: Duration,
) -> Result<SqlRows, ClusterError> {
    // The beginning says what it was; the rest may be a whole table definition.
    let what: String = sql.chars().take(100).collect();
    let run = async {
        let mut result = connection.query_iter(sql).await?;
        let columns = result
            .columns()
            .map(|columns| columns.iter().map(|column| column.name_str().into_owned()).collect())
            .unwrap_or_default();
        let rows = result.collect::<mysql_async::Row>().await?;
        result.drop_result().await?;
        let cells = |row: mysql_async::Row| row.unwrap().into_iter().map(text_of).collect();
        Ok(SqlRows { columns, rows: rows.into_iter().map(cells).collect() })
    };
    bounded(endpoint, &what, limit, run).await
}

/// Servers answer text queries with bytes; other forms are printed.
fn text_of(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(
            String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into()),
        ),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        other => Some(other.as_sql(true).trim_matches('\'').to_owned()),
    }
}

pub(super) async fn bounded<T>(
    endpoint: &str,
    what: &str,
    limit: Duration,
    run: impl Future<Output = Result<T, mysql_async::Error>>,
) -> Result<T, ClusterError> {
    match tokio::time::timeout(limit, run).await {
        Ok(result) => result.map_err(|error| ClusterError::from_mysql(endpoint, what, &error)),
        Err(_) => Err(ClusterError::timeout(endpoint, what, limit)),
    }
}
