//! Client of TiDB: SQL, and the HTTP status API for what SQL does not show.

pub mod alter;
mod ids;
mod query;
mod session;
mod status;

use std::sync::Arc;
use std::time::Duration;

use mysql_async::{PoolConstraints, PoolOpts};
use th_env::Env;
use th_mysql::{ServerOptions, Sessions};

pub use self::ids::{IdKind, NextId, RebaseTo};
use self::query::{bounded, query_on, usable};
pub use self::session::SqlSession;
pub use self::status::{Settings, tidb_settings};
use crate::net::Http;
use crate::options::TidbOptions;
use crate::{ClusterError, ClusterOptions, ErrorKind, RangeChecksum};

/// Tries to get a connection, and of a statement whose connection broke.
const ATTEMPTS: u32 = 4;
/// TiDB's numbers for a database, a table and a key that exist: after a lost answer they are our own.
const DONE_ALREADY: [u16; 3] = [1007, 1050, 1061];

/// Session variables of an import, set where the server knows them.
const SESSION: [(&str, &str); 10] = [
    ("autocommit", "1"),
    ("tidb_txn_mode", "'optimistic'"),
    ("foreign_key_checks", "0"),
    ("allow_auto_random_explicit_insert", "1"),
    ("tidb_opt_write_row_id", "1"),
    ("tidb_request_source_type", "'lightning'"),
    ("tidb_build_stats_concurrency", "20"),
    ("tidb_distsql_scan_concurrency", "15"),
    ("tidb_index_serial_scan_concurrency", "20"),
    ("tidb_checksum_table_concurrency", "2"),
];

/// Client of one TiDB server. Cheap to clone.
#[derive(Clone)]
pub struct Tidb {
    inner: Arc<Inner>,
}

struct Inner {
    env: Env,
    sessions: Sessions,
    http: Http,
    endpoint: String,
    status_address: String,
    timeout: Duration,
}

/// Rows of a query, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SqlRows {
    /// Column names.
    pub columns: Vec<String>,
    /// Cells; `None` is NULL.
    pub rows: Vec<Vec<Option<String>>>,
}

impl SqlRows {
    /// The cell of a row under a column name (in any case).
    pub fn cell(&self, row: usize, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|name| name.eq_ignore_ascii_case(column))?;
        self.rows.get(row)?.get(at)?.as_deref()
    }

    /// The first cell of the first row.
    pub fn single(&self) -> Option<&str> {
        self.rows.first()?.first()?.as_deref()
    }
}

/// Quotes a name for SQL.
pub fn quote_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// `db`.`table`, quoted.
pub fn quote_table(db: &str, table: &str) -> String {
    format!("{}.{}", quote_name(db), quote_name(table))
}

/// Quotes a text for SQL (backslash escapes included, so not for `NO_BACKSLASH_ESCAPES` sessions).
pub fn quote_text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

impl Tidb {
    /// Connects, and finds out which session variables the server knows.
    pub(crate) async fn connect(
        env: Env,
        http: Http,
        options: &TidbOptions,
        cluster: &ClusterOptions,
    ) -> Result<Self, ClusterError> {
        let status_address = format!("{}:{}", options.host, options.status_port);
        let port = if options.port != 0 {
            options.port
        } else {
            status::settings(&http, &status_address).await?.port
        };
        let endpoint = format!("{}:{port}", options.host);
        let timeout = cluster.request_timeout;
        let server = ServerOptions {
            host: options.host.clone(),
            port,
            user: options.user.clone(),
            password: options.password.clone(),
            tls: options.tls.clone(),
            connect_timeout: timeout,
            // Known beforehand, it saves a round trip on connecting; statements here are small.
            max_allowed_packet: 64 << 20,
            ..ServerOptions::default()
        };
        let mut wanted: Vec<String> =
            SESSION.iter().map(|(name, value)| format!("SET SESSION {name} = {value}")).collect();
        if let Some(mode) = &options.sql_mode {
            wanted.push(format!("SET SESSION sql_mode = {}", quote_text(mode)));
        }
        for (name, value) in &options.session_vars {
            wanted.push(format!("SET SESSION {} = {}", quote_name(name), quote_text(value)));
        }
        let certificates =
            server.tls.certificates(&env).map_err(|error| ClusterError::from_sql(&endpoint, &error))?;
        let mut attempt = 0;
        let (base, setup) = loop {
            let connected =
                th_mysql::first_connection(&env, &endpoint, &server, certificates.as_deref()).await;
            let (base, connection) = connected.map_err(|error| ClusterError::from_sql(&endpoint, &error))?;
            match usable(&endpoint, timeout, connection, wanted.clone()).await {
                Ok(setup) => break (base, setup),
                Err(error) if error.is_retryable() && attempt + 1 < ATTEMPTS => {
                    let wait = env.backoff(attempt, Duration::from_millis(200), Duration::from_secs(5));
                    env.sleep(wait, "the connection broke while its session was set").await;
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        };
        let constraints = PoolConstraints::new(0, options.connections.max(1)).unwrap_or_default();
        let pool_options = PoolOpts::default().with_constraints(constraints).with_reset_connection(false);
        let sessions = Sessions::new(base.setup(setup), pool_options, certificates);
        Ok(Self { inner: Arc::new(Inner { env, sessions, http, endpoint, status_address, timeout }) })
    }

    /// `host:port` of the SQL port.
    pub fn endpoint(&self) -> &str {
        &self.inner.endpoint
    }

    /// Closes all connections; without it they end when the last clone is dropped.
    pub async fn close(self) {
        let _ = tokio::time::timeout(self.inner.timeout, self.inner.sessions.pool().disconnect()).await;
    }

    async fn connection(&self) -> Result<mysql_async::Conn, ClusterError> {
        let mut attempt = 0;
        loop {
            let pool = self.inner.sessions.pool();
            let connecting = bounded(&self.inner.endpoint, "connect", self.inner.timeout, pool.get_conn());
            match connecting.await {
                Err(error) if error.is_retryable() && attempt + 1 < ATTEMPTS => {
                    self.back_off(attempt, &error, "connecting to tidb is tried again").await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    /// Runs a query within the usual deadline.
    pub async fn query(&self, sql: &str) -> Result<SqlRows, ClusterError> {
        self.query_within(sql, self.inner.timeout).await
    }

    /// Runs a query within `limit`, and again when the connection broke or TiDB was busy: every statement
    /// of an import may be run twice. What a lost answer had made already ([`DONE_ALREADY`]) is done.
    pub async fn query_within(&self, sql: &str, limit: Duration) -> Result<SqlRows, ClusterError> {
        let mut attempt = 0;
        loop {
            let error = match self.query_once(sql, limit).await {
                Err(error) => error,
                rows => return rows,
            };
            if attempt > 0 && DONE_ALREADY.iter().any(|&code| error.kind() == (ErrorKind::Sql { code })) {
                return Ok(SqlRows::default());
            }
            // A statement that took longer than its limit would do so again.
            if !error.is_retryable() || error.kind() == ErrorKind::Timeout || attempt + 1 >= ATTEMPTS {
                return Err(error);
            }
            self.back_off(attempt, &error, "a statement is run again").await;
            attempt += 1;
        }
    }

    async fn query_once(&self, sql: &str, limit: Duration) -> Result<SqlRows, ClusterError> {
        let mut connection = self.connection().await?;
        let result = query_on(&self.inner.endpoint, &mut connection, sql, limit).await;
        if let Err(error) = &result
            && !matches!(error.kind(), ErrorKind::Sql { .. })
        {
            // What the server still does with the statement would be the next one's surprise.
            drop(tokio::time::timeout(Duration::from_secs(1), connection.disconnect()).await);
        }
        result
    }

    async fn back_off(&self, attempt: u32, error: &ClusterError, reason: &str) {
        tracing::warn!(%error, attempt, reason);
        let env = &self.inner.env;
        env.sleep(env.backoff(attempt, Duration::from_millis(200), Duration::from_secs(5)), reason).await;
    }

    /// Runs statements that return no rows, one after the other, on one connection.
    pub async fn execute_all(&self, statements: &[String], limit: Duration) -> Result<(), ClusterError> {
        let mut connection = self.connection().await?;
        for statement in statements {
            query_on(&self.inner.endpoint, &mut connection, statement, limit).await?;
        }
        Ok(())
    }

    /// Runs a statement within the usual deadline.
    pub async fn execute(&self, sql: &str) -> Result<(), ClusterError> {
        self.query(sql).await.map(drop)
    }

    /// Runs a statement that may take long (DDL, ANALYZE).
    pub async fn execute_within(&self, sql: &str, limit: Duration) -> Result<(), ClusterError> {
        self.query_within(sql, limit).await.map(drop)
    }

    /// Creates a database unless it exists; `options` follow the name (`CHARACTER SET …`).
    pub async fn create_database(&self, db: &str, options: &str) -> Result<(), ClusterError> {
        self.execute(&format!("CREATE DATABASE IF NOT EXISTS {} {options}", quote_name(db))).await
    }

    /// Runs a `CREATE TABLE` (or VIEW) statement with `db` as the current database. A table that exists already is no
    /// error; whether it is the same is for the caller to see in its [`Tidb::table_info`].
    pub async fn create_table(&self, db: &str, statement: &str, limit: Duration) -> Result<(), ClusterError> {
        let mut attempt = 0;
        loop {
            match self.create_table_once(db, statement, limit).await {
                Err(error) if error.kind() == (ErrorKind::Sql { code: 1050 }) => return Ok(()),
                Err(error)
                    if error.is_retryable()
                        && error.kind() != ErrorKind::Timeout
                        && attempt + 1 < ATTEMPTS =>
                {
                    self.back_off(attempt, &error, "a table is created again").await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    async fn create_table_once(
        &self,
        db: &str,
        statement: &str,
        limit: Duration,
    ) -> Result<(), ClusterError> {
        let mut connection = self.connection().await?;
        let endpoint = &self.inner.endpoint;
        query_on(endpoint, &mut connection, &format!("USE {}", quote_name(db)), limit).await?;
        query_on(endpoint, &mut connection, statement, limit).await.map(drop)
    }

    /// Whether a table has no row that SQL can see.
    pub async fn is_empty(&self, db: &str, table: &str) -> Result<bool, ClusterError> {
        let sql = format!("SELECT 1 FROM {} USE INDEX() LIMIT 1", quote_table(db, table));
        Ok(self.query(&sql).await?.rows.is_empty())
    }

    /// A global variable; `None` if the server does not know it.
    pub async fn global_variable(&self, name: &str) -> Result<Option<String>, ClusterError> {
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(ClusterError::invalid(format!("{name:?} is no variable name")));
        }
        match self.query(&format!("SELECT @@global.{name}")).await {
            Ok(rows) => Ok(rows.single().map(ToOwned::to_owned)),
            Err(error) if error.kind() == (ErrorKind::Sql { code: 1193 }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A value of the system table `mysql.tidb`.
    pub async fn system_value(&self, name: &str) -> Result<Option<String>, ClusterError> {
        let rows = self.query("SELECT VARIABLE_NAME, VARIABLE_VALUE FROM mysql.tidb").await?;
        let value = rows.rows.iter().find_map(|row| match row.as_slice() {
            [Some(key), value] if key == name => value.clone(),
            _ => None,
        });
        Ok(value)
    }

    /// Whether the cluster was made with new collations, on which every string key depends.
    pub async fn new_collation_enabled(&self) -> Result<bool, ClusterError> {
        let value = self.system_value("new_collation_enabled").await?;
        Ok(value.is_some_and(|value| value.eq_ignore_ascii_case("true")))
    }

    /// The time zone TiDB calls `SYSTEM`.
    pub async fn system_time_zone(&self) -> Result<Option<String>, ClusterError> {
        self.system_value("system_tz").await
    }

    /// TiDB's version, e.g. `9.0.0-alpha` of `8.0.11-TiDB-v9.0.0-alpha`.
    pub async fn version(&self) -> Result<String, ClusterError> {
        let rows = self.query("SELECT VERSION()").await?;
        rows.single()
            .and_then(|text| text.split_once("-TiDB-"))
            .map(|(_, version)| version.trim_start_matches('v').to_owned())
            .ok_or_else(|| ClusterError::protocol(&self.inner.endpoint, "the server is no tidb"))
    }

    /// `ADMIN CHECKSUM TABLE`: all pairs of the table, indexes and partitions included.
    pub async fn admin_checksum(
        &self,
        db: &str,
        table: &str,
        limit: Duration,
    ) -> Result<RangeChecksum, ClusterError> {
        let sql = format!("ADMIN CHECKSUM TABLE {}", quote_table(db, table));
        let rows = self.query_within(&sql, limit).await?;
        let number = |column: &str| {
            rows.cell(0, column).and_then(|text| text.parse::<u64>().ok()).ok_or_else(|| {
                ClusterError::protocol(&self.inner.endpoint, format!("the checksum has no {column}"))
            })
        };
        Ok(RangeChecksum {
            crc64_xor: number("Checksum_crc64_xor")?,
            pairs: number("Total_kvs")?,
            bytes: number("Total_bytes")?,
        })
    }

    /// `ADMIN CHECK TABLE`: whether rows and index entries agree.
    pub async fn admin_check(&self, db: &str, table: &str, limit: Duration) -> Result<(), ClusterError> {
        self.execute_within(&format!("ADMIN CHECK TABLE {}", quote_table(db, table)), limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!(quote_table("my`db", "t"), "`my``db`.`t`");
        assert_eq!(quote_text("it's \\ so"), "'it''s \\\\ so'");
    }

    #[test]
    fn cells_are_found_by_name_in_any_case() {
        let rows = SqlRows {
            columns: vec!["Total_kvs".to_owned(), "x".to_owned()],
            rows: vec![vec![Some("6".to_owned()), None]],
        };
        assert_eq!(rows.cell(0, "total_KVS"), Some("6"));
        assert_eq!((rows.cell(0, "x"), rows.cell(1, "x"), rows.cell(0, "y")), (None, None, None));
        assert_eq!(rows.single(), Some("6"));
    }
}
