//! A connection of its own: for transactions, and for locks that all sessions know.
//!
//! It is not one of the pool's: what is given up half-way ends with the connection, and nobody else inherits it.

use std::time::Duration;

use mysql_async::Conn;

use super::{ATTEMPTS, SqlRows, Tidb, bounded, query_on, quote_text};
use crate::{ClusterError, ErrorKind};

/// MySQL's numbers for a function that is not there, and for one that does nothing: GET_LOCK in TiDB before 6.1.
const NO_LOCKS: [u16; 2] = [1305, 1235];
/// A statement may wait for another transaction's lock for TiDB's 50 s, GET_LOCK for a minute.
const LIMIT: Duration = Duration::from_secs(90);

/// A session of ours. Dropping it ends it, with its transaction undone and its lock free.
#[derive(Debug)]
pub struct SqlSession {
    connection: Conn,
    endpoint: String,
}

impl Tidb {
    async fn session(&self) -> Result<SqlSession, ClusterError> {
        let inner = &self.inner;
        let mut attempt = 0;
        loop {
            let connecting = Conn::new(inner.sessions.options());
            match bounded(&inner.endpoint, "connect", inner.timeout, connecting).await {
                Ok(connection) => return Ok(SqlSession { connection, endpoint: inner.endpoint.clone() }),
                Err(error) if error.is_retryable() && attempt + 1 < ATTEMPTS => {
                    self.back_off(attempt, &error, "connecting to tidb is tried again").await;
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Begins a pessimistic transaction. Only its locking reads see what others committed after it began.
    pub async fn begin(&self) -> Result<SqlSession, ClusterError> {
        let mut session = self.session().await?;
        session.query("BEGIN PESSIMISTIC").await?;
        Ok(session)
    }

    /// A session that holds the lock of this name, alone of all sessions; false if the server has no such locks.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if somebody else holds it for a minute.
    pub(crate) async fn lock(&self, name: &str) -> Result<(SqlSession, bool), ClusterError> {
        let mut session = self.session().await?;
        match session.query(&format!("SELECT GET_LOCK({}, 60)", quote_text(name))).await {
            Err(error) if NO_LOCKS.iter().any(|&code| error.kind() == ErrorKind::Sql { code }) => {
                Ok((session, false))
            }
            Ok(rows) if rows.single() == Some("1") => Ok((session, true)),
            Ok(_) => {
                let message = format!("another session has held the lock '{name}' for a minute");
                Err(ClusterError::new(ErrorKind::Busy, self.endpoint(), message))
            }
            Err(error) => Err(error),
        }
    }
}

impl SqlSession {
    /// Runs a statement.
    pub async fn query(&mut self, sql: &str) -> Result<SqlRows, ClusterError> {
        query_on(&self.endpoint, &mut self.connection, sql, LIMIT).await
    }

    /// Commits its transaction. After an error it is not known whether it lasts.
    pub async fn commit(mut self) -> Result<(), ClusterError> {
        self.query("COMMIT").await?;
        self.close().await;
        Ok(())
    }

    /// Ends it, before the caller goes on.
    pub async fn close(self) {
        // The server notices by itself if it does not hear this.
        drop(tokio::time::timeout(Duration::from_secs(1), self.connection.disconnect()).await);
    }
}
