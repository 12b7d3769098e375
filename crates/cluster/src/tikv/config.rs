//! A store's own settings, over its HTTP status API.

use serde::Deserialize;
use serde_json::Value;

use super::{ImportMode, Tikv};
use crate::{ClusterError, StoreInfo};

/// Settings that decide how large regions may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreConfig {
    /// Bytes at which a region is split.
    pub region_split_size: u64,
    /// Keys at which a region is split.
    pub region_split_keys: u64,
    /// Whether every region has a RocksDB of its own, with which import mode is set by key range.
    pub is_partitioned: bool,
    /// API version: 1, or 2 with keyspaces.
    pub api_version: u64,
}

impl Default for StoreConfig {
    /// What TiKV used before it said.
    fn default() -> Self {
        Self {
            region_split_size: 96 << 20,
            region_split_keys: 960_000,
            is_partitioned: false,
            api_version: 1,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Document {
    #[serde(default)]
    coprocessor: Coprocessor,
    #[serde(default)]
    storage: Storage,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Coprocessor {
    region_split_size: Option<Value>,
    region_split_keys: Option<u64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
struct Storage {
    engine: Option<String>,
    api_version: Option<u64>,
}

impl StoreConfig {
    fn from_document(document: Document) -> Self {
        let usual = Self::default();
        let size = document.coprocessor.region_split_size.and_then(|size| match size {
            Value::String(text) => parse_size(&text),
            other => other.as_u64(),
        });
        Self {
            region_split_size: size.filter(|&bytes| bytes > 0).unwrap_or(usual.region_split_size),
            region_split_keys: document
                .coprocessor
                .region_split_keys
                .filter(|&keys| keys > 0)
                .unwrap_or(usual.region_split_keys),
            is_partitioned: document.storage.engine.is_some_and(|engine| engine == "partitioned-raft-kv"),
            api_version: document.storage.api_version.unwrap_or(1),
        }
    }
}

impl Tikv {
    /// Settings of one store.
    pub async fn store_config(&self, store: &StoreInfo) -> Result<StoreConfig, ClusterError> {
        if store.status_address.is_empty() {
            return Ok(StoreConfig::default());
        }
        let document: Document = self.inner.http.get_json(&store.status_address, "/config").await?;
        Ok(StoreConfig::from_document(document))
    }
}

impl Tikv {
    /// Whether a store is in import mode, by the metric that import mode sets to nothing: nobody can ask for the
    /// mode itself.
    pub async fn mode(&self, store: &StoreInfo) -> Result<ImportMode, ClusterError> {
        let at = &store.status_address;
        let metrics = self.inner.http.send(reqwest::Method::GET, at, "/metrics", None).await?;
        mode_of(&metrics).ok_or_else(|| {
            ClusterError::protocol(
                at,
                "/metrics has no hard_pending_compaction_bytes_limit of the default family",
            )
        })
    }
}

fn mode_of(metrics: &str) -> Option<ImportMode> {
    let line = metrics.lines().find(|line| {
        line.starts_with("tikv_config_rocksdb{")
            && line.contains(r#"cf="default""#)
            && line.contains(r#"name="hard_pending_compaction_bytes_limit""#)
    })?;
    let limit: f64 = line.rsplit(' ').next()?.parse().ok()?;
    Some(if limit == 0.0 { ImportMode::Import } else { ImportMode::Normal })
}

/// Bytes of a size as TiKV and PD print it: `256MiB`, `19.71GiB`, `1024`, `96MB`.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(unit_at)?;
    // All of TiKV's units are binary, whatever they are called.
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        "p" | "pb" | "pib" => 50,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(1 << shift);
    }
    let fraction = number.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0)?;
    Some((fraction * (1_u64 << shift) as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_binary_whatever_they_are_called() {
        assert_eq!(parse_size("256MiB"), Some(256 << 20));
        assert_eq!(parse_size("96 MB"), Some(96 << 20));
        assert_eq!(parse_size("0KiB"), Some(0));
        assert_eq!(parse_size("1.5GiB"), Some(3 << 29));
        assert_eq!(parse_size("4096"), Some(4096));
        for odd in ["", "MiB", "12 parsecs", "-3MiB", "99999999999999999999GiB1"] {
            assert_eq!(parse_size(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn the_mode_is_read_from_a_metric() {
        let metrics = |limit: &str| {
            format!(
                "# TYPE tikv_config_rocksdb gauge\n\
                 tikv_config_rocksdb{{cf=\"write\",name=\"hard_pending_compaction_bytes_limit\"}} 7\n\
                 tikv_config_rocksdb{{cf=\"default\",name=\"hard_pending_compaction_bytes_limit\"}} {limit}\n"
            )
        };
        assert_eq!(mode_of(&metrics("0")), Some(ImportMode::Import));
        assert_eq!(mode_of(&metrics("1.099511627776e+12")), Some(ImportMode::Normal));
        assert_eq!(mode_of("tikv_other 1"), None);
    }

    #[test]
    fn region_sizes_come_from_the_document_and_default_without() {
        let read = |text: &str| StoreConfig::from_document(serde_json::from_str(text).unwrap());
        let config = read(
            r#"{"coprocessor": {"region-split-size": "256MiB", "region-split-keys": 2560000},
                "storage": {"engine": "raft-kv", "api-version": 1}, "import": {"num-threads": 8}}"#,
        );
        assert_eq!((config.region_split_size, config.region_split_keys), (256 << 20, 2_560_000));
        assert!(!config.is_partitioned);
        assert_eq!(read("{}"), StoreConfig::default());
        assert!(read(r#"{"storage": {"engine": "partitioned-raft-kv"}}"#).is_partitioned);
    }
}
