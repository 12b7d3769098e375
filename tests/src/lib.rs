//! What the end-to-end tests share: an embedded cluster to import into, the program as a process, the
//! local cloud, and digests of tables.

mod cloud;
mod digest;
mod mariadb;
mod process;
mod proxy;
pub mod small_dump;
mod wide_bucket;

use std::path::{Path, PathBuf};

use th_env::Env;
use th_playground::{Playground, PlaygroundOptions};

pub use cloud::{Cloud, Emulator, environment_of};
pub use digest::{Digest, connect, digests, digests_in, expected};
pub use mariadb::MariaDb;
pub use process::{DEADLINE, Memory, Outcome, Running, program, run_on_small_disk, run_program, run_under};
pub use proxy::{HttpEffect, HttpFault, HttpRequest, Proxy};
pub use wide_bucket::WideBucket;

/// A file or folder of the test data.
pub fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(path)
}

/// An embedded cluster, and a folder for the ledger and whatever else a test writes.
pub struct Target {
    /// The cluster.
    pub playground: Playground,
    /// Its clock.
    pub env: Env,
    /// The test's own folder.
    pub folder: tempfile::TempDir,
}

impl Target {
    /// Starts a cluster of one store.
    pub async fn start() -> Self {
        Self::with(PlaygroundOptions::default()).await
    }

    /// Starts a cluster of three stores with three replicas.
    pub async fn three_stores() -> Self {
        Self::with(PlaygroundOptions { stores: 3, replicas: 3, ..PlaygroundOptions::default() }).await
    }

    /// Starts a cluster.
    pub async fn with(options: PlaygroundOptions) -> Self {
        let env = Env::real();
        Self {
            playground: Playground::start_in(options, env.clone()).await.expect("the playground starts"),
            env,
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// A path in the test's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The flags that name the cluster.
    pub fn flags(&self) -> Vec<String> {
        [
            ("--tidb-host", "127.0.0.1".to_owned()),
            ("--tidb-port", self.playground.tidb_port().to_string()),
            ("--tidb-status", self.playground.status_port().to_string()),
            ("--tidb-user", "root".to_owned()),
            ("--pd-urls", self.playground.pd_addr()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect()
    }

    /// `thunderhead import` of a source into the cluster, with the ledger in the test's folder.
    pub async fn import(&self, source: &Path, more: &[&str]) -> Outcome {
        self.command("import", source, more).await
    }

    /// Another command with the flags of an import.
    pub async fn command(&self, command: &str, source: &Path, more: &[&str]) -> Outcome {
        process::run(&process::program(), &self.arguments(command, source, more), &[]).await
    }

    /// The same with a source among the flags.
    pub async fn import_from(&self, more: &[&str]) -> Outcome {
        self.import(Path::new(""), more).await
    }

    /// Starts the same import and does not wait for it.
    pub fn start_import(&self, source: &Path, more: &[&str]) -> Running {
        self.start_import_in(source, more, &[])
    }

    /// The same with more in the environment.
    pub fn start_import_in(&self, source: &Path, more: &[&str], environment: &[(&str, String)]) -> Running {
        Running::start(&self.arguments("import", source, more), environment)
    }

    /// State of ours that the cluster still holds, in words: nothing, when an import has ended.
    pub async fn left_behind(&self) -> String {
        let url = format!("http://{}/playground/state", self.playground.pd_addr());
        let state: serde_json::Value =
            reqwest::get(url).await.expect("the cluster answers").json().await.expect("JSON");
        let pd = &state["pd"];
        let mut left: Vec<String> = Vec::new();
        for (what, list, ours) in [
            ("import mode", &state["import_mode_stores"], 0),
            ("label rules", &pd["label_rules"], 0),
            ("paused schedulers", &pd["paused_schedulers"], 0),
            ("temporary configuration", &pd["ttl_config"], 0),
            ("registrations", &pd["registrations"], 0),
            // The garbage collector's own.
            ("safe points", &pd["safe_points"], 1),
        ] {
            if list.as_array().map_or(usize::MAX, Vec::len) != ours {
                left.push(format!("{what} {list}"));
            }
        }
        left.join(", ")
    }

    /// How many jobs have their result in the ledger.
    pub fn finished_jobs(&self) -> usize {
        std::fs::read_dir(self.path("ledger/it/results")).map_or(0, Iterator::count)
    }

    /// The arguments of such a command.
    pub fn arguments(&self, command: &str, source: &Path, more: &[&str]) -> Vec<String> {
        let mut arguments = vec![command.to_owned()];
        // A flag that is given twice would be an error.
        let mut flags = self.flags();
        for (flag, value) in [
            ("--source", source.display().to_string()),
            ("--ledger", self.path("ledger").display().to_string()),
            ("--sort-dir", self.folder.path().display().to_string()),
        ] {
            flags.extend([flag.to_owned(), value]);
        }
        let defaults = flags.chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_str()));
        for (flag, value) in defaults.chain([("--import-id", "it")]).filter(|(flag, _)| !more.contains(flag))
        {
            arguments.extend([flag.to_owned(), value.to_owned()]);
        }
        arguments.extend(more.iter().map(|&argument| argument.to_owned()));
        arguments
    }

    /// A document of the ledger that [`import`](Self::import) wrote.
    pub fn document(&self, name: &str) -> Option<serde_json::Value> {
        let text = std::fs::read(self.path("ledger").join("it").join(name)).ok()?;
        Some(serde_json::from_slice(&text).expect("a ledger document is JSON"))
    }
}
