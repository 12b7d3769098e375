//! Configuration: `tidb-lightning.toml` as users have it, plus our own keys under `[thunderhead]`.
//!
//! Every key of TiDB Lightning is known here with Lightning's default; an unknown key is an error that
//! names it, its line and the key that may be meant. Settings from flags and the environment are laid
//! over the parsed file ([`Override`]) before it becomes one typed value, [`Config`]; whoever needs a part
//! of it gets that part. Keys that do nothing here are explained ([`remarks`]). Secrets are [`Secret`]s:
//! they print as `***`.

mod adjust;
mod keys;
mod lightning;
mod load;
mod loader;
mod notes;
mod overrides;
mod section;
mod thunderhead;
mod types;

pub use keys::UnknownKey;
pub use lightning::{
    Checkpoint, Conflict, Cron, Csv, Extractor, FileRule, IgnoreColumns, Lightning, Mydumper, PostRestore,
    Route, Security, Tidb, TikvImporter,
};
pub use load::{ConfigError, all_keys, load, parse, remarks, resolve};
pub use loader::from_loader;
pub use overrides::{Override, from_environment};
pub use thunderhead::{Ingest, SpotNotices, Thunderhead, TiflashReplicas};
pub use types::{ByteSize, Level, OneOrMany, Secret, Span};

use serde::{Deserialize, Serialize};

/// A whole configuration file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// `[lightning]`
    pub lightning: Lightning,
    /// `[security]`
    pub security: Security,
    /// `[checkpoint]`
    pub checkpoint: Checkpoint,
    /// `[conflict]`
    pub conflict: Conflict,
    /// `[tikv-importer]`
    pub tikv_importer: TikvImporter,
    /// `[mydumper]`
    pub mydumper: Mydumper,
    /// `[[routes]]`
    pub routes: Vec<Route>,
    /// `[tidb]`
    pub tidb: Tidb,
    /// `[post-restore]`
    pub post_restore: PostRestore,
    /// `[cron]`
    pub cron: Cron,
    /// `[thunderhead]`: what Lightning has no key for.
    pub thunderhead: Thunderhead,
}

impl Config {
    /// Rows with values that do not fit that may be left out: `lightning.max-error`, a number or its `type`.
    pub fn max_type_errors(&self) -> u64 {
        let configured = match &self.lightning.max_error {
            Some(toml::Value::Table(classes)) => classes.get("type").and_then(toml::Value::as_integer),
            Some(value) => value.as_integer(),
            None => None,
        };
        configured.and_then(|most| u64::try_from(most).ok()).unwrap_or(0)
    }
}
