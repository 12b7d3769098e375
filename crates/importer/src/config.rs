//! The configuration file of the old daemon, `tikv-importer.toml`.

use serde::Deserialize;
use th_config::{ByteSize, Config, Security};
use th_errors::{Code, Fault};

/// Where the old daemon listened by default in its deployments.
const ADDRESS: &str = "127.0.0.1:8287";

/// What of the old configuration has a meaning here. Keys are the old ones; those of what does not exist here
/// (RocksDB, thread pools, pushing metrics, log files) are accepted and have no effect.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ImporterConfig {
    /// `[server]`
    pub server: Server,
    /// `[import]`
    pub import: Import,
    /// `[security]`: TLS of the service, and towards PD and TiKV.
    pub security: Security,
    log_file: Option<toml::Value>,
    log_level: Option<toml::Value>,
    log_rotation_timespan: Option<toml::Value>,
    status_server_address: Option<toml::Value>,
    metric: Option<toml::Value>,
    rocksdb: Option<toml::Value>,
    storage: Option<toml::Value>,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Server {
    /// Where it listens, `host:port`.
    pub addr: String,
}

impl Default for Server {
    fn default() -> Self {
        Self { addr: ADDRESS.to_owned() }
    }
}

/// `[import]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Import {
    /// Folder for sorting.
    #[serde(rename = "import-dir")]
    pub folder: String,
    /// Most engines that are open at once.
    pub max_open_engines: usize,
    /// Region size to split for; absent = TiKV's own, which is what regions are cut to afterwards anyway.
    pub region_split_size: Option<ByteSize>,
    num_threads: Option<toml::Value>,
    num_import_jobs: Option<toml::Value>,
    num_import_sst_jobs: Option<toml::Value>,
    max_prepare_duration: Option<toml::Value>,
    stream_channel_window: Option<toml::Value>,
    upload_speed_limit: Option<toml::Value>,
    min_available_ratio: Option<toml::Value>,
}

impl Default for Import {
    fn default() -> Self {
        Self {
            folder: "/tmp/tikv/import".to_owned(),
            max_open_engines: 8,
            region_split_size: None,
            num_threads: None,
            num_import_jobs: None,
            num_import_sst_jobs: None,
            max_prepare_duration: None,
            stream_channel_window: None,
            upload_speed_limit: None,
            min_available_ratio: None,
        }
    }
}

impl ImporterConfig {
    /// Reads a file; `name` is what errors call it.
    pub fn parse(name: &str, text: &str) -> Result<Self, Fault> {
        let config: Self = toml::from_str(text).map_err(|error| {
            Fault::new(Code::BadConfig, format!("{name}: {}", error.to_string().trim_end()))
        })?;
        if config.import.max_open_engines == 0 {
            return Err(Fault::new(
                Code::BadConfig,
                format!("{name}: import.max-open-engines must be at least 1"),
            ));
        }
        Ok(config)
    }

    /// The same in the terms of the libraries that open the cluster and the sort folder.
    pub(crate) fn for_cluster(&self) -> Config {
        let mut config = Config { security: self.security.clone(), ..Config::default() };
        config.tikv_importer.sorted_kv_dir.clone_from(&self.import.folder);
        config.tikv_importer.region_split_size = self.import.region_split_size.unwrap_or(ByteSize(0));
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_old_daemon_is_read() {
        let text = r#"
            log-level = "info"
            status-server-address = "0.0.0.0:8286"
            [server]
            addr = "0.0.0.0:8287"
            grpc-concurrency = 16
            [metric]
            job = "tikv-importer"
            [rocksdb]
            max-background-jobs = 32
            [rocksdb.defaultcf]
            write-buffer-size = "1GB"
            [security]
            ca-path = "ca.pem"
            [import]
            import-dir = "/mnt/ssd"
            num-threads = 16
            max-prepare-duration = "5m"
            region-split-size = "512MB"
            max-open-engines = 3
            min-available-ratio = 0.05
        "#;
        let config = ImporterConfig::parse("importer.toml", text).expect("it is right");
        assert_eq!(config.server.addr, "0.0.0.0:8287");
        assert_eq!((config.import.folder.as_str(), config.import.max_open_engines), ("/mnt/ssd", 3));
        let cluster = config.for_cluster();
        assert_eq!(cluster.security.ca_path, "ca.pem");
        assert_eq!(cluster.tikv_importer.region_split_size, ByteSize(512_000_000));
        assert_eq!(ImporterConfig::default().server.addr, ADDRESS);
    }

    #[test]
    fn a_key_that_nobody_knows_is_an_error_that_names_it() {
        for (text, part) in [
            ("[import]\nimport-dri = \"x\"\n", "import-dri"),
            ("[import]\nmax-open-engines = 0\n", "max-open-engines"),
        ] {
            let error = ImporterConfig::parse("i.toml", text).expect_err("it is wrong");
            assert!(error.code == Code::BadConfig && error.message.contains(part), "{}", error.message);
        }
    }
}
