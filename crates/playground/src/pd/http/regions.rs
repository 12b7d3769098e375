//! Regions as PD shows them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{MIB, PdHttp, bad};
use crate::hex;
use crate::regions::{Peer, Region};
use crate::tikv::store::StoreNode;

impl PdHttp {
    fn region_json(&self, region: &Region) -> Value {
        let peer = |peer: &Peer| json!({"role_name": "Voter", "id": peer.id, "store_id": peer.store_id});
        let bytes = self.region_bytes(region);
        json!({
            "id": region.id,
            "start_key": hex::upper(&region.start),
            "end_key": hex::upper(&region.end),
            "epoch": {"conf_ver": region.conf_ver, "version": region.version},
            "peers": region.peers.iter().map(peer).collect::<Vec<_>>(),
            "leader": region.leader().as_ref().map(peer),
            "cpu_usage": 0,
            "written_bytes": 0,
            "read_bytes": 0,
            "written_keys": 0,
            "read_keys": 0,
            "approximate_size": (bytes / MIB).max(1),
            "approximate_keys": bytes / 100,
            "approximate_kv_size": 0,
            "approximate_columnar_kv_size": 0,
        })
    }

    /// Bytes of the region's commit records and values on its leader, as RocksDB estimates them.
    fn region_bytes(&self, region: &Region) -> u64 {
        let Some(store) = self.cluster.store(region.leader_store) else { return 0 };
        let start = crate::tikv::store::prefixed(&region.start);
        let end =
            if region.end.is_empty() { b"{".to_vec() } else { crate::tikv::store::prefixed(&region.end) };
        ["default", "write"]
            .iter()
            .filter_map(|name| store.cf(name))
            .map(|cf| {
                store
                    .db
                    .get_approximate_sizes_cf(cf, &[rocksdb::Range::new(&start, &end)])
                    .iter()
                    .sum::<u64>()
            })
            .sum()
    }

    fn region_list(&self, regions: &[&Region]) -> Json<Value> {
        let regions: Vec<Value> = regions.iter().map(|region| self.region_json(region)).collect();
        Json(json!({"count": regions.len(), "regions": regions}))
    }
}

pub(super) async fn region_by_id(State(state): State<PdHttp>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<u64>() else {
        return bad(format!("strconv.ParseUint: parsing \"{id}\": invalid syntax"));
    };
    let regions = state.cluster.regions();
    regions.get(id).map_or_else(
        || {
            (StatusCode::NOT_FOUND, Json(format!("[PD:region:ErrRegionNotFound]region {id} not found")))
                .into_response()
        },
        |region| Json(state.region_json(region)).into_response(),
    )
}

pub(super) async fn region_by_key(State(state): State<PdHttp>, Path(key): Path<String>) -> Response {
    let key = hex::parse(&key).unwrap_or_else(|| key.into_bytes());
    let regions = state.cluster.regions();
    regions.containing(&key).map_or_else(
        || Json(Value::Null).into_response(),
        |region| Json(state.region_json(region)).into_response(),
    )
}

pub(super) async fn regions(State(state): State<PdHttp>) -> Json<Value> {
    let regions = state.cluster.regions();
    state.region_list(&regions.iter().collect::<Vec<_>>())
}

pub(super) async fn regions_by_key(
    State(state): State<PdHttp>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Json<Value> {
    let key = |name: &str| {
        query
            .get(name)
            .map(|text| hex::parse(text).unwrap_or_else(|| text.clone().into_bytes()))
            .unwrap_or_default()
    };
    let limit = query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(16);
    let regions = state.cluster.regions();
    state.region_list(&regions.scan(&key("key"), &key("end_key"), limit))
}

pub(super) async fn empty_regions(State(state): State<PdHttp>) -> Json<Value> {
    let regions = state.cluster.regions();
    let empty: Vec<&Region> = regions.iter().filter(|region| state.region_bytes(region) < MIB).collect();
    state.region_list(&empty)
}

/// Regions with a peer on a store that is down: PD calls such a peer down, and pending, too.
pub(super) async fn regions_with_down_peers(State(state): State<PdHttp>) -> Json<Value> {
    let regions = state.cluster.regions();
    let is_down = |peer: &Peer| state.cluster.faults.is_store_down(peer.store_id);
    let found: Vec<&Region> = regions.iter().filter(|region| region.peers.iter().any(is_down)).collect();
    state.region_list(&found)
}

pub(super) async fn regions_with_missing_peers(State(state): State<PdHttp>) -> Json<Value> {
    let regions = state.cluster.regions();
    let found: Vec<&Region> =
        regions.iter().filter(|region| region.peers.len() < state.cluster.replicas).collect();
    state.region_list(&found)
}

pub(super) async fn region_stats(State(state): State<PdHttp>) -> Json<Value> {
    let regions = state.cluster.regions();
    let bytes: Vec<u64> = regions.iter().map(|region| state.region_bytes(region)).collect();
    let size: u64 = bytes.iter().map(|bytes| (bytes / MIB).max(1)).sum();
    let keys: u64 = bytes.iter().map(|bytes| bytes / 100).sum();
    let by_store = |of: &dyn Fn(&StoreNode) -> u64| -> BTreeMap<String, u64> {
        state.cluster.stores.iter().map(|store| (store.id.to_string(), of(store))).collect()
    };
    let leaders =
        |store: &StoreNode| regions.iter().filter(|region| region.leader_store == store.id).count() as u64;
    let peers =
        |store: &StoreNode| regions.iter().filter(|region| region.peer_on(store.id).is_some()).count() as u64;
    Json(json!({
        "count": bytes.len(),
        "empty_count": bytes.iter().filter(|&&bytes| bytes < MIB).count(),
        "storage_size": size,
        "user_storage_size": 0,
        "user_columnar_storage_size": 0,
        "storage_keys": keys,
        "store_leader_count": by_store(&leaders),
        "store_peer_count": by_store(&peers),
        "store_leader_size": by_store(&leaders),
        "store_leader_keys": by_store(&|_| keys),
        "store_peer_size": by_store(&peers),
        "store_peer_keys": by_store(&|_| keys),
    }))
}
