//! TiDB's HTTP status API.

use serde::Deserialize;
use th_env::Env;

use super::Tidb;
use crate::net::{Http, percent};
use crate::{ClusterError, ClusterOptions};

/// Settings of a TiDB server that tell where the rest of the cluster is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Settings {
    /// SQL port.
    pub port: u16,
    /// Storage engine; `tikv`, or `unistore` for a server without a cluster.
    #[serde(default)]
    pub store: String,
    /// PD addresses, comma-separated.
    #[serde(default)]
    pub path: String,
    /// Name of the keyspace, if any.
    #[serde(default, rename = "keyspace-name")]
    pub keyspace_name: String,
}

impl Settings {
    /// PD addresses.
    pub fn pd_endpoints(&self) -> Vec<String> {
        self.path.split(',').map(str::trim).filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect()
    }
}

/// The settings of the TiDB server at a status address, for whoever needs no more of the cluster.
pub async fn tidb_settings(
    status_address: &str,
    options: &ClusterOptions,
    env: &Env,
) -> Result<Settings, ClusterError> {
    let http =
        Http::new(crate::certificates(env, options)?, options.connect_timeout, options.request_timeout)?;
    settings(&http, status_address).await
}

pub(crate) async fn settings(http: &Http, status_address: &str) -> Result<Settings, ClusterError> {
    http.get_json(status_address, "/settings").await
}

impl Tidb {
    async fn status_text(&self, path: &str) -> Result<String, ClusterError> {
        self.inner.http.send(reqwest::Method::GET, &self.inner.status_address, path, None).await
    }

    /// The server's settings.
    pub async fn settings(&self) -> Result<Settings, ClusterError> {
        settings(&self.inner.http, &self.inner.status_address).await
    }

    /// A table's definition: TiDB's own `TableInfo` JSON, unparsed.
    pub async fn table_info(&self, db: &str, table: &str) -> Result<String, ClusterError> {
        self.status_text(&format!("/schema/{}/{}", percent(db.as_bytes()), percent(table.as_bytes()))).await
    }

    /// Definitions of all tables of a database: a JSON list of `TableInfo`.
    pub async fn schema(&self, db: &str) -> Result<String, ClusterError> {
        self.status_text(&format!("/schema/{}", percent(db.as_bytes()))).await
    }

    /// All databases: a JSON list of `DBInfo`.
    pub async fn databases(&self) -> Result<String, ClusterError> {
        self.status_text("/schema").await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pd_is_found_in_the_settings() {
        let settings: Settings = serde_json::from_str(
            r#"{"host": "0.0.0.0", "port": 4000, "store": "tikv", "path": "pd1:2379, pd2:2379,", "lease": "45s"}"#,
        )
        .unwrap();
        assert_eq!(settings.pd_endpoints(), ["pd1:2379", "pd2:2379"]);
        assert_eq!(settings.port, 4000);
    }
}
