//! Command-line arguments that all services share, laid over the configuration file.

use std::path::{Path, PathBuf};

use clap::Args;
use th_config::{Config, Override};
use th_errors::{Code, Fault};

use crate::fault;

/// What names an import and its surroundings. Flags win over the file.
#[derive(Debug, Clone, Default, Args)]
pub struct CommonArgs {
    /// Configuration file: a tidb-lightning.toml, with our own keys under [thunderhead]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Names the import in ledger, queue and logs
    #[arg(long, value_name = "ID", env = "THUNDERHEAD_IMPORT_ID")]
    pub import_id: Option<String>,
    /// The dump: a folder, s3://…, gs://…, azure://… [mydumper.data-source-dir]
    #[arg(short = 'd', long, value_name = "URL")]
    pub source: Option<String>,
    /// The ledger: a folder or bucket URL [thunderhead.ledger]
    #[arg(long, value_name = "URL", env = "THUNDERHEAD_LEDGER")]
    pub ledger: Option<String>,
    /// The queue's URL; without one, jobs stay in this process [thunderhead.queue]
    #[arg(long, value_name = "URL", env = "THUNDERHEAD_QUEUE")]
    pub queue: Option<String>,
    /// Endpoint of the queue service, for emulators [thunderhead.queue-endpoint]
    #[arg(long, value_name = "URL", env = "THUNDERHEAD_QUEUE_ENDPOINT")]
    pub queue_endpoint: Option<String>,
    /// TiDB's host [tidb.host]
    #[arg(long, value_name = "HOST")]
    pub tidb_host: Option<String>,
    /// TiDB's SQL port [tidb.port]
    #[arg(long, value_name = "PORT")]
    pub tidb_port: Option<u16>,
    /// TiDB's status port [tidb.status-port]
    #[arg(long, value_name = "PORT")]
    pub tidb_status: Option<u16>,
    /// TiDB's user [tidb.user]
    #[arg(long, value_name = "USER")]
    pub tidb_user: Option<String>,
    /// TiDB's password [tidb.password]; better in the environment than on the command line
    #[arg(long, value_name = "PASSWORD", env = "TIDB_PASSWORD", hide_env_values = true)]
    pub tidb_password: Option<String>,
    /// PD endpoints, comma-separated [tidb.pd-addr]
    #[arg(long, value_name = "HOST:PORT,…")]
    pub pd_urls: Option<String>,
    /// How rows get into the target: local (ingested by TiKV), tidb (by SQL), importer [tikv-importer.backend]
    #[arg(long, value_name = "BACKEND")]
    pub backend: Option<String>,
    /// Folder for sorting, on a fast local disk [tikv-importer.sorted-kv-dir]
    #[arg(long, value_name = "DIR")]
    pub sort_dir: Option<PathBuf>,
    /// Tables to import, like `db.tbl`, `!db.*`; repeatable [mydumper.filter]
    #[arg(short = 'f', long = "filter", value_name = "PATTERN")]
    pub filter: Vec<String>,
    /// Jobs at once [thunderhead.concurrency]
    #[arg(long, value_name = "N")]
    pub concurrency: Option<usize>,
    /// Serve /health, /metrics and a status page at HOST:PORT or :PORT [lightning.status-addr]
    #[arg(long, value_name = "ADDR")]
    pub status_addr: Option<String>,
    /// Give jobs back when the machine is about to be taken away: off, aws, gcp [thunderhead.spot-notices]
    #[arg(long, value_name = "CLOUD")]
    pub spot_notices: Option<String>,
}

impl CommonArgs {
    /// The configuration file under environment variables (`THUNDERHEAD_SECTION__KEY`) under these flags.
    pub fn load(&self) -> Result<Config, Fault> {
        load_config(self.config.as_deref(), &self.overrides())
    }

    /// What the flags set.
    fn overrides(&self) -> Vec<Override> {
        let mut set = Vec::new();
        let texts = [
            ("mydumper.data-source-dir", &self.source),
            ("thunderhead.ledger", &self.ledger),
            ("thunderhead.queue", &self.queue),
            ("thunderhead.queue-endpoint", &self.queue_endpoint),
            ("tidb.host", &self.tidb_host),
            ("tidb.user", &self.tidb_user),
            ("tidb.password", &self.tidb_password),
            ("tidb.pd-addr", &self.pd_urls),
            ("tikv-importer.backend", &self.backend),
            ("lightning.status-addr", &self.status_addr),
            ("thunderhead.spot-notices", &self.spot_notices),
        ];
        for (key, value) in texts {
            set.extend(value.as_ref().map(|value| Override::new(key, value.as_str())));
        }
        for (key, value) in [("tidb.port", self.tidb_port), ("tidb.status-port", self.tidb_status)] {
            set.extend(value.map(|value| Override::new(key, i64::from(value))));
        }
        set.extend(
            self.sort_dir
                .as_ref()
                .map(|dir| Override::new("tikv-importer.sorted-kv-dir", dir.display().to_string())),
        );
        set.extend(self.concurrency.map(|jobs| Override::new("thunderhead.concurrency", jobs as i64)));
        if !self.filter.is_empty() {
            set.push(Override::new("mydumper.filter", self.filter.clone()));
        }
        set
    }

    /// The import's id, which these commands cannot do without.
    pub fn required_import_id(&self) -> Result<&str, Fault> {
        self.import_id.as_deref().ok_or_else(|| {
            Fault::new(
                Code::BadConfig,
                "no import is named: use `--import-id` (`thunderhead plan` prints it)",
            )
        })
    }
}

/// A configuration file (or the defaults) under environment variables under `overrides`, with the files
/// that it refers to read. Keys without effect are logged.
pub fn load_config(path: Option<&Path>, overrides: &[Override]) -> Result<Config, Fault> {
    let (name, text) = match path {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Fault::new(
                    Code::BadConfig,
                    format!("cannot read the configuration {}: {error}", path.display()),
                )
            })?;
            (path.display().to_string(), text)
        }
        None => ("the defaults".to_owned(), String::new()),
    };
    let load = || {
        let mut all = th_config::from_environment(std::env::vars())?;
        all.extend_from_slice(overrides);
        let mut config = th_config::load(&name, &text, &all)?;
        th_config::resolve(&mut config)?;
        for (key, line, note) in th_config::remarks(&name, &text)? {
            tracing::info!(key, line, "{note}");
        }
        Ok(config)
    };
    load().map_err(|error| fault::of_config(&error))
}
