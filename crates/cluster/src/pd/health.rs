//! How the cluster is: what PD knows of its stores and of regions that want something, over HTTP.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Pd;
use crate::{ClusterError, keys, parse_size};

/// A store as PD sees it at the moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreStatus {
    /// Store id.
    pub id: u64,
    /// Where requests go.
    pub address: String,
    /// Version, without a leading `v`.
    pub version: String,
    /// `Up`, `Disconnected` (silent for a while), `Down` (for long), `Offline` (being removed), `Tombstone`.
    pub state: String,
    /// Whether it is TiFlash.
    pub is_tiflash: bool,
    /// Bytes of its disk, or what it may use of it.
    pub capacity: u64,
    /// Bytes that are free.
    pub available: u64,
    /// Regions it has a peer of.
    pub regions: u64,
}

/// A label rule and the user keys that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelRange {
    /// The rule's name.
    pub id: String,
    /// Half-open ranges of user keys; an empty border is none.
    pub ranges: Vec<(Vec<u8>, Vec<u8>)>,
}

#[derive(Deserialize)]
struct Stores {
    #[serde(default)]
    stores: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    store: Meta,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
struct Meta {
    id: u64,
    #[serde(default)]
    address: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    state_name: String,
    #[serde(default)]
    labels: Vec<Label>,
}

#[derive(Deserialize)]
struct Label {
    key: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    capacity: String,
    #[serde(default)]
    available: String,
    #[serde(default)]
    region_count: u64,
}

#[derive(Deserialize)]
struct Regions {
    #[serde(default)]
    count: u64,
    #[serde(default)]
    regions: Option<Vec<Region>>,
}

#[derive(Deserialize)]
struct Region {
    #[serde(default)]
    peers: Vec<Peer>,
}

#[derive(Deserialize)]
struct Peer {
    #[serde(default)]
    store_id: u64,
}

#[derive(Deserialize)]
struct Rule {
    id: String,
    #[serde(default)]
    data: serde_json::Value,
}

impl Entry {
    fn status(self) -> StoreStatus {
        let is_tiflash = self
            .store
            .labels
            .iter()
            .any(|label| label.key.eq_ignore_ascii_case("engine") && label.value.starts_with("tiflash"));
        StoreStatus {
            id: self.store.id,
            address: self.store.address,
            version: self.store.version.trim_start_matches('v').to_owned(),
            state: self.store.state_name,
            is_tiflash,
            capacity: parse_size(&self.status.capacity).unwrap_or(0),
            available: parse_size(&self.status.available).unwrap_or(0),
            regions: self.status.region_count,
        }
    }
}

impl Pd {
    /// All stores but those that are gone for good.
    pub async fn store_statuses(&self) -> Result<Vec<StoreStatus>, ClusterError> {
        let answer: Stores = self.http_json("/pd/api/v1/stores").await?;
        let statuses = answer.stores.into_iter().map(Entry::status);
        Ok(statuses.filter(|store| store.state != "Tombstone").collect())
    }

    /// Regions with (almost) no data, by the stores that have a peer of them.
    pub async fn empty_regions(&self) -> Result<BTreeMap<u64, u64>, ClusterError> {
        let answer: Regions = self.http_json("/pd/api/v1/regions/check/empty-region").await?;
        let mut by_store = BTreeMap::new();
        for peer in answer.regions.into_iter().flatten().flat_map(|region| region.peers) {
            *by_store.entry(peer.store_id).or_insert(0) += 1;
        }
        Ok(by_store)
    }

    /// How many regions PD lists under a check: `down-peer`, `pending-peer`, `miss-peer`.
    pub async fn regions_with(&self, check: &str) -> Result<u64, ClusterError> {
        let answer: Regions = self.http_json(&format!("/pd/api/v1/regions/check/{check}")).await?;
        Ok(answer.count)
    }

    /// The label rules whose names start with `prefix`, with their ranges. Rules that are not about keys have none.
    pub async fn label_ranges(&self, prefix: &str) -> Result<Vec<LabelRange>, ClusterError> {
        let rules: Vec<Rule> = self.http_json("/pd/api/v1/config/region-label/rules").await?;
        let of_prefix = rules.into_iter().filter(|rule| rule.id.starts_with(prefix));
        Ok(of_prefix.map(|rule| LabelRange { ranges: ranges(&rule.data), id: rule.id }).collect())
    }

    /// The id of the cluster that another PD address belongs to.
    pub async fn cluster_id_at(&self, endpoint: &str) -> Result<u64, ClusterError> {
        self.members_according_to(endpoint).await.map(|members| members.cluster_id)
    }
}

fn ranges(data: &serde_json::Value) -> Vec<(Vec<u8>, Vec<u8>)> {
    let border = |range: &serde_json::Value, name: &str| -> Option<Vec<u8>> {
        let bytes = keys::unhex(range.get(name)?.as_str()?)?;
        if bytes.is_empty() { Some(bytes) } else { keys::decode(&bytes) }
    };
    let list = data.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|range| Some((border(range, "start_key")?, border(range, "end_key")?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_read_as_pd_prints_them() {
        let text = r#"{"count": 2, "stores": [
            {"store": {"id": 1, "address": "kv:20160", "version": "8.5.1", "state_name": "Up"},
             "status": {"capacity": "20GiB", "available": "19.5GiB", "region_count": 86}},
            {"store": {"id": 9, "labels": [{"key": "engine", "value": "tiflash"}], "version": "v8.5.1", "state_name": "Down"},
             "status": {}}]}"#;
        let stores: Stores = serde_json::from_str(text).unwrap();
        let stores: Vec<StoreStatus> = stores.stores.into_iter().map(Entry::status).collect();
        assert_eq!((stores[0].capacity, stores[0].available, stores[0].regions), (20 << 30, 39 << 29, 86));
        assert!(stores[1].is_tiflash && !stores[0].is_tiflash);
        assert_eq!((stores[1].version.as_str(), stores[1].state.as_str()), ("8.5.1", "Down"));
    }

    #[test]
    fn a_rules_ranges_are_user_keys_again() {
        let data = serde_json::json!([
            {"start_key": "7480000000000000ff8d00000000000000f8", "end_key": "7480000000000000ff8e00000000000000f8"},
            {"start_key": "", "end_key": ""},
            {"start_key": "zz", "end_key": ""}
        ]);
        let found = ranges(&data);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].0, [b"t\x80\0\0\0\0\0\0".as_slice(), &[0x8d]].concat());
        assert_eq!(ranges(&serde_json::json!(null)), []);
    }
}
