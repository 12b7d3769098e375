//! How to reach a cluster. `Debug` redacts the password.

use std::fmt;
use std::time::Duration;

use th_mysql::Tls;
use th_tls::PemFiles;

/// How to reach a cluster, and how long to wait for it.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// PD addresses, `host:port` or URLs; when empty, TiDB's status API is asked for them.
    pub pd_endpoints: Vec<String>,
    /// TiDB, for those who need SQL.
    pub tidb: Option<TidbOptions>,
    /// Certificates, when the cluster speaks TLS; read again when the files change.
    pub tls: Option<PemFiles>,
    /// Time to open a connection.
    pub connect_timeout: Duration,
    /// Deadline of a small request.
    pub request_timeout: Duration,
    /// Deadline of one write or upload stream to one store.
    pub write_timeout: Duration,
    /// Connections to one store; data streams share them.
    pub connections_per_store: usize,
    /// Whether data streams are compressed with gzip: less traffic between zones, more CPU at both ends.
    pub compress_writes: bool,
    /// Most bytes a second to one store, of pairs or files before compression; 0 is no limit.
    pub store_write_limit: u64,
    /// Most writes, uploads and ingests of this process that are with one store at once; fewer while it is busy.
    pub store_requests: u32,
    /// What TiKV's resource control sees as the source of our requests. The last part after `_` is the
    /// task type, `lightning` being the one operators already limit.
    pub request_source: String,
    /// Resource group our requests are charged to; empty is the default group.
    pub resource_group: String,
}

impl ClusterOptions {
    /// Options with usual timeouts for a cluster at these PD addresses, without TiDB and TLS.
    pub fn new(pd_endpoints: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            pd_endpoints: pd_endpoints.into_iter().map(Into::into).collect(),
            tidb: None,
            tls: None,
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_mins(15),
            connections_per_store: 4,
            compress_writes: false,
            store_write_limit: 0,
            store_requests: 16,
            request_source: "external_thunderhead_lightning".to_owned(),
            resource_group: String::new(),
        }
    }
}

/// Where TiDB is and who we are there.
#[derive(Clone)]
pub struct TidbOptions {
    /// Host name or address.
    pub host: String,
    /// SQL port; 0 asks the status API.
    pub port: u16,
    /// Port of the HTTP status API.
    pub status_port: u16,
    /// User name.
    pub user: String,
    /// Password; never printed.
    pub password: String,
    /// Largest number of connections.
    pub connections: usize,
    /// Whether and how SQL connections are encrypted.
    pub tls: Tls,
    /// `sql_mode` of our sessions; `None` leaves the server's default.
    pub sql_mode: Option<String>,
    /// Further session variables, set after ours.
    pub session_vars: Vec<(String, String)>,
}

impl Default for TidbOptions {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 4000,
            status_port: 10080,
            user: "root".to_owned(),
            password: String::new(),
            connections: 8,
            tls: Tls::Off,
            sql_mode: None,
            session_vars: Vec::new(),
        }
    }
}

impl fmt::Debug for TidbOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TidbOptions")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("status_port", &self.status_port)
            .field("user", &self.user)
            .field("password", &if self.password.is_empty() { "" } else { "(redacted)" })
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// `http(s)://host:port` of an address that may or may not carry a scheme.
pub(crate) fn url_of(address: &str, tls: bool) -> String {
    let address = address.trim().trim_end_matches('/');
    let bare = address
        .strip_prefix("http://")
        .or_else(|| address.strip_prefix("https://"))
        .or_else(|| address.strip_prefix("grpc://"))
        .unwrap_or(address);
    format!("{}://{bare}", if tls { "https" } else { "http" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_in_the_debug_form() {
        let mut options = ClusterOptions::new(["pd:2379"]);
        options.tidb = Some(TidbOptions { password: "hunter2".to_owned(), ..TidbOptions::default() });
        let text = format!("{options:?}");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("redacted"), "{text}");
    }

    #[test]
    fn addresses_become_urls_whatever_scheme_they_come_with() {
        assert_eq!(url_of("pd:2379", false), "http://pd:2379");
        assert_eq!(url_of("http://pd:2379/", true), "https://pd:2379");
        assert_eq!(url_of(" https://pd:2379", false), "http://pd:2379");
    }
}
