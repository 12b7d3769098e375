//! Command-line arguments that all services share, laid over the configuration file.

use std::path::PathBuf;

use clap::Args;
use th_config::{Config, Secret};
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
    /// Folder for sorting, on a fast local disk [tikv-importer.sorted-kv-dir]
    #[arg(long, value_name = "DIR")]
    pub sort_dir: Option<PathBuf>,
    /// Tables to import, like `db.tbl`, `!db.*`; repeatable [mydumper.filter]
    #[arg(short = 'f', long = "filter", value_name = "PATTERN")]
    pub filter: Vec<String>,
    /// Jobs at once [thunderhead.concurrency]
    #[arg(long, value_name = "N")]
    pub concurrency: Option<usize>,
}

impl CommonArgs {
    /// The configuration file under these flags.
    pub fn load(&self) -> Result<Config, Fault> {
        let mut config = match &self.config {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Fault::new(
                        Code::BadConfig,
                        format!("cannot read the configuration {}: {error}", path.display()),
                    )
                })?;
                th_config::parse(&path.display().to_string(), &text)
                    .map_err(|error| fault::of_config(&error))?
            }
            None => Config::default(),
        };
        let set = |target: &mut String, flag: &Option<String>| {
            if let Some(value) = flag {
                target.clone_from(value);
            }
        };
        set(&mut config.mydumper.data_source_dir, &self.source);
        set(&mut config.thunderhead.ledger, &self.ledger);
        set(&mut config.thunderhead.queue, &self.queue);
        set(&mut config.thunderhead.queue_endpoint, &self.queue_endpoint);
        set(&mut config.tidb.host, &self.tidb_host);
        set(&mut config.tidb.user, &self.tidb_user);
        set(&mut config.tidb.pd_addr, &self.pd_urls);
        if let Some(dir) = &self.sort_dir {
            config.tikv_importer.sorted_kv_dir = dir.display().to_string();
        }
        if let Some(password) = &self.tidb_password {
            config.tidb.password = Secret::new(password);
        }
        config.tidb.port = self.tidb_port.unwrap_or(config.tidb.port);
        config.tidb.status_port = self.tidb_status.unwrap_or(config.tidb.status_port);
        config.thunderhead.concurrency = self.concurrency.unwrap_or(config.thunderhead.concurrency);
        if !self.filter.is_empty() {
            config.mydumper.filter.clone_from(&self.filter);
        }
        Ok(config)
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
