//! The server: a pool of connections with one session.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use mysql_async::{Conn, DriverError, Opts, OptsBuilder, PoolConstraints, PoolOpts, SslOpts};
use th_env::Env;
use th_tls::Certificates;

use crate::connection::bounded;
use crate::sessions::verified;
use crate::{Connection, Dialect, ServerOptions, Sessions, SqlError, Tls};

/// Tries of a connection and of a statement outside a transaction.
const ATTEMPTS: u32 = 5;
/// MySQL's number of a denied login, and of a value that a variable cannot have.
const ACCESS_DENIED: u16 = 1045;
const WRONG_VALUE_FOR_VARIABLE: u16 = 1231;
/// Between two signs of life of a connection on which nothing happens.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Prepared statements that a connection keeps, those that were used last.
const PREPARED: usize = 16;
/// The word of usual SQL modes that newer servers do not know; it is about GRANT.
const FORGOTTEN_MODE: &str = "NO_AUTO_CREATE_USER";

/// Session variables of an import, set where the server knows them. Transactions are pessimistic on TiDB, too:
/// an update of the books locks them, and a duplicate is an error of its statement, not of the commit. Statements of
/// a transaction follow at once: one that stands still (in seconds) is of a worker that does, and its locks would
/// keep its job from others.
const SESSION: [(&str, &str); 9] = [
    ("autocommit", "1"),
    ("foreign_key_checks", "0"),
    ("tidb_txn_mode", "'pessimistic'"),
    ("tidb_constraint_check_in_place_pessimistic", "1"),
    ("allow_auto_random_explicit_insert", "1"),
    ("tidb_opt_write_row_id", "1"),
    ("tidb_request_source_type", "'lightning'"),
    ("tidb_idle_transaction_timeout", "60"),
    ("idle_transaction_timeout", "60"),
];

/// A MySQL-compatible server. Cheap to clone.
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

struct Inner {
    env: Env,
    sessions: Sessions,
    endpoint: Arc<str>,
    connect_timeout: Duration,
    statement_timeout: Duration,
    version: String,
    dialect: Dialect,
    max_statement: u64,
}

impl Server {
    /// Connects, and finds out what of the session the server knows.
    pub async fn connect(env: Env, options: &ServerOptions) -> Result<Self, SqlError> {
        let endpoint: Arc<str> = format!("{}:{}", options.host, options.port).into();
        let certificates = options.tls.certificates(&env)?;
        let mut attempt = 0;
        let (base, setup, facts) = loop {
            let (base, conn) = first_connection(&env, &endpoint, options, certificates.as_deref()).await?;
            let mut first =
                Connection { inner: conn, endpoint: Arc::clone(&endpoint), limit: options.connect_timeout };
            let learned = async {
                let setup = setup(&mut first, options).await?;
                Ok((setup, first.rows("SELECT VERSION(), @@max_allowed_packet").await?))
            };
            let learned: Result<_, SqlError> = learned.await;
            first.close().await;
            match learned {
                Ok((setup, facts)) => break (base, setup, facts),
                Err(error) if error.is_retryable() && attempt + 1 < ATTEMPTS => {
                    back_off(&env, attempt, &error).await;
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        };
        let fact = |at: usize| facts.first().and_then(|row| row.get(at)).cloned().flatten();
        let version = fact(0).unwrap_or_default();
        let server_packet = fact(1).and_then(|text| text.parse::<u64>().ok()).unwrap_or(u64::MAX);
        let max_packet = server_packet.min(options.max_allowed_packet).max(1 << 10);
        let constraints = PoolConstraints::new(0, options.connections.max(1)).unwrap_or_default();
        let pool_options = PoolOpts::default().with_constraints(constraints).with_reset_connection(false);
        let builder = base
            .setup(setup)
            .stmt_cache_size(Some(PREPARED))
            // Our own limits are told apart from the server's before anything is sent.
            .max_allowed_packet(Some(usize::try_from(max_packet).unwrap_or(usize::MAX)));
        let inner = Inner {
            env,
            sessions: Sessions::new(builder, pool_options, certificates),
            endpoint,
            connect_timeout: options.connect_timeout,
            statement_timeout: options.statement_timeout,
            version,
            dialect: Dialect::of_mode(&options.sql_mode),
            // The command's byte, and some reserve.
            max_statement: max_packet.saturating_sub(64),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// `host:port`.
    pub fn endpoint(&self) -> &str {
        &self.inner.endpoint
    }

    /// What `VERSION()` says.
    pub fn version(&self) -> &str {
        &self.inner.version
    }

    /// How literals are written for the session.
    pub fn dialect(&self) -> Dialect {
        self.inner.dialect
    }

    /// Most bytes of one statement.
    pub fn max_statement(&self) -> u64 {
        self.inner.max_statement
    }

    /// A connection, once one is free.
    pub async fn connection(&self) -> Result<Connection, SqlError> {
        let inner = &self.inner;
        let mut attempt = 0;
        loop {
            let pool = inner.sessions.pool();
            match bounded(&inner.endpoint, inner.connect_timeout, pool.get_conn()).await {
                Ok(conn) => {
                    let endpoint = Arc::clone(&inner.endpoint);
                    return Ok(Connection { inner: conn, endpoint, limit: inner.statement_timeout });
                }
                Err(error) if error.is_retryable() && attempt + 1 < ATTEMPTS => {
                    back_off(&inner.env, attempt, &error).await;
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Runs statements that may be run twice, on one connection with `db` as its database if given, again from
    /// the first when it broke or the server was busy. Returns the last one's rows.
    pub async fn query(
        &self,
        db: Option<&str>,
        statements: &[&str],
        limit: Duration,
    ) -> Result<Vec<Vec<Option<String>>>, SqlError> {
        let mut attempt = 0;
        loop {
            let error = match self.query_once(db, statements, limit).await {
                Err(error) if error.is_retryable() && attempt + 1 < ATTEMPTS => error,
                result => return result,
            };
            back_off(&self.inner.env, attempt, &error).await;
            attempt += 1;
        }
    }

    async fn query_once(
        &self,
        db: Option<&str>,
        statements: &[&str],
        limit: Duration,
    ) -> Result<Vec<Vec<Option<String>>>, SqlError> {
        let mut connection = self.connection().await?;
        connection.limit = limit;
        let run = async {
            let mut rows = Vec::new();
            if let Some(db) = db {
                connection.run(format!("USE {}", crate::quote_name(db)).as_bytes()).await?;
            }
            for statement in statements {
                rows = connection.rows(statement).await?;
            }
            Ok(rows)
        };
        let result = run.await;
        // Neither a current database nor a statement under way may reach the next user.
        if db.is_some() || result.is_err() {
            connection.close().await;
        }
        result
    }

    /// A short query.
    pub async fn ask(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, SqlError> {
        self.query(None, &[sql], self.inner.statement_timeout).await
    }

    /// A system variable of our session; `None` if the server does not know it.
    pub async fn variable(&self, name: &str) -> Result<Option<String>, SqlError> {
        match self.ask(&format!("SELECT @@{name}")).await {
            Ok(rows) => Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten()),
            Err(SqlError::Server { code: 1193, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

async fn back_off(env: &Env, attempt: u32, error: &SqlError) {
    tracing::warn!(%error, attempt, "the server is tried again");
    let delay = env.backoff(attempt, Duration::from_millis(200), Duration::from_secs(5));
    env.sleep(delay, "the server did not answer or was busy").await;
}

/// The first connection, and the options that made it: for a server that may speak no TLS, and a password that may
/// be in base64. What may pass is tried again. `certificates` are those of [`Tls::certificates`].
pub async fn first_connection(
    env: &Env,
    endpoint: &str,
    options: &ServerOptions,
    certificates: Option<&Certificates>,
) -> Result<(OptsBuilder, Conn), SqlError> {
    let mut encrypted = !matches!(options.tls, Tls::Off);
    let mut password = options.password.clone();
    let mut decoded = base64::engine::general_purpose::STANDARD
        .decode(&options.password)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .filter(|text| !text.is_empty());
    let mut attempt = 0;
    loop {
        let base = base_options(options, certificates, &password, encrypted);
        let connecting = tokio::time::timeout(options.connect_timeout, Conn::new(Opts::from(base.clone())));
        let error = match connecting.await {
            Ok(Ok(conn)) => return Ok((base, conn)),
            Ok(Err(mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer)))
                if options.tls == Tls::Preferred && encrypted =>
            {
                tracing::warn!(endpoint, "the server speaks no tls; the connection is not encrypted");
                encrypted = false;
                continue;
            }
            Ok(Err(error)) => SqlError::new(endpoint, error),
            Err(_) => SqlError::Timeout { endpoint: endpoint.to_owned(), limit: options.connect_timeout },
        };
        if error.code() == Some(ACCESS_DENIED)
            && let Some(plain) = decoded.take()
        {
            password = plain;
            continue;
        }
        if !error.is_retryable() || attempt + 1 >= ATTEMPTS {
            return Err(error);
        }
        back_off(env, attempt, &error).await;
        attempt += 1;
    }
}

fn base_options(
    options: &ServerOptions,
    certificates: Option<&Certificates>,
    password: &str,
    encrypted: bool,
) -> OptsBuilder {
    let ssl = encrypted.then(|| match certificates {
        Some(certificates) => verified(&certificates.current().1),
        None => {
            SslOpts::default().with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true)
        }
    });
    OptsBuilder::default()
        .ip_or_hostname(options.host.as_str())
        .tcp_port(options.port)
        .user(Some(options.user.as_str()))
        .pass((!password.is_empty()).then_some(password))
        .prefer_socket(false)
        .tcp_nodelay(true)
        // A statement may take hours without a byte: what is between must not forget the connection meanwhile, and one
        // that is gone must be noticed.
        .tcp_keepalive(Some(KEEP_ALIVE))
        .ssl_opts(ssl)
        .max_allowed_packet(Some(usize::try_from(options.max_allowed_packet).unwrap_or(usize::MAX)))
        .wait_timeout(Some(28800))
}

/// The statements that every connection begins with: those that must work, and those the server knows.
async fn setup(first: &mut Connection, options: &ServerOptions) -> Result<Vec<String>, SqlError> {
    let dialect = Dialect { backslash_escapes: true };
    let mut setup = vec!["SET NAMES utf8mb4".to_owned()];
    first.run(b"SET NAMES utf8mb4").await?;
    for (name, value) in SESSION {
        let statement = format!("SET SESSION {name} = {value}");
        match first.run(statement.as_bytes()).await {
            Ok(_) => setup.push(statement),
            Err(error @ SqlError::Server { .. }) => tracing::debug!(%error, statement, "not set"),
            Err(error) => return Err(error),
        }
    }
    let mut named: Vec<(String, String)> = Vec::new();
    if !options.time_zone.is_empty() {
        named.push(("time_zone".to_owned(), options.time_zone.clone()));
    }
    named.extend(options.session_vars.clone());
    for (name, value) in named {
        let statement = format!("SET SESSION {} = {}", crate::quote_name(&name), dialect.text(&value));
        match first.run(statement.as_bytes()).await {
            Ok(_) => setup.push(statement),
            Err(error @ SqlError::Server { .. }) => {
                tracing::warn!(%error, statement, "the server refuses a session variable; it is left as it is");
            }
            Err(error) => return Err(error),
        }
    }
    // Last, because it decides how the texts above are read.
    let mode = |mode: &str| format!("SET SESSION sql_mode = {}", dialect.text(mode));
    let mut statement = mode(&options.sql_mode);
    match first.run(statement.as_bytes()).await {
        Err(SqlError::Server { code: WRONG_VALUE_FOR_VARIABLE, .. }) => {
            let known: Vec<&str> = options
                .sql_mode
                .split(',')
                .map(str::trim)
                .filter(|word| !word.eq_ignore_ascii_case(FORGOTTEN_MODE))
                .collect();
            statement = mode(&known.join(","));
            first.run(statement.as_bytes()).await.map_err(|error| match error {
                SqlError::Server { code: WRONG_VALUE_FOR_VARIABLE, message, .. } => {
                    SqlError::Options(format!("tidb.sql-mode: {message}"))
                }
                other => other,
            })?;
        }
        other => drop(other?),
    }
    setup.push(statement);
    Ok(setup)
}
