//! How to reach a server. `Debug` redacts the password.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use th_env::Env;
use th_tls::{Certificates, PemFiles};

use crate::SqlError;

/// Whether and how the connection is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Tls {
    /// It is not.
    #[default]
    Off,
    /// With a certificate of these authorities, or of a public one; sessions opened after the files have changed use
    /// what they hold then.
    Verified(PemFiles),
    /// With whatever certificate the server has.
    Unverified,
    /// Like [`Tls::Unverified`] if the server speaks TLS, in plain text if not.
    Preferred,
}

impl Tls {
    /// The certificates it takes.
    ///
    /// # Errors
    /// A file cannot be read, or does not belong to the others.
    pub fn certificates(&self, env: &Env) -> Result<Option<Arc<Certificates>>, SqlError> {
        let Self::Verified(files) = self else { return Ok(None) };
        let opened = Certificates::open(files.clone(), env);
        opened
            .map(|certificates| Some(Arc::new(certificates)))
            .map_err(|error| SqlError::Options(error.to_string()))
    }
}

/// Where the server is, who we are there, and the session of our connections.
#[derive(Clone)]
pub struct ServerOptions {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User name.
    pub user: String,
    /// Password, plain or (tried second) in base64; never printed.
    pub password: String,
    /// Encryption.
    pub tls: Tls,
    /// `sql_mode`, comma-separated.
    pub sql_mode: String,
    /// `time_zone`; empty leaves the server's.
    pub time_zone: String,
    /// Further session variables, set after ours.
    pub session_vars: Vec<(String, String)>,
    /// Most connections.
    pub connections: usize,
    /// Most bytes of a statement that we send; the server's own limit may be lower.
    pub max_allowed_packet: u64,
    /// Deadline of connecting.
    pub connect_timeout: Duration,
    /// Deadline of a statement that writes rows or reads a few.
    pub statement_timeout: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 4000,
            user: "root".to_owned(),
            password: String::new(),
            tls: Tls::Off,
            sql_mode: String::new(),
            time_zone: String::new(),
            session_vars: Vec::new(),
            connections: 8,
            max_allowed_packet: 64 << 20,
            connect_timeout: Duration::from_secs(15),
            statement_timeout: Duration::from_mins(5),
        }
    }
}

impl fmt::Debug for ServerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerOptions")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("password", &if self.password.is_empty() { "" } else { "(redacted)" })
            .field("tls", &self.tls)
            .field("sql_mode", &self.sql_mode)
            .field("time_zone", &self.time_zone)
            .finish_non_exhaustive()
    }
}
