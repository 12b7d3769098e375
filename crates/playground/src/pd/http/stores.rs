//! Stores as PD shows them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{PdHttp, bad};
use crate::cluster::VERSION;
use crate::pd::grpc::store_meta;
use crate::tikv::store::StoreNode;
use crate::time_text::Civil;

impl PdHttp {
    fn store_json(&self, store: &StoreNode) -> Value {
        let cluster = &self.cluster;
        let meta = store_meta(cluster, store);
        let regions = cluster.regions();
        let count = regions.iter().filter(|region| region.peer_on(store.id).is_some()).count();
        let leaders = regions.iter().filter(|region| region.leader_store == store.id).count();
        let used = store.used_size();
        let (capacity, available) = cluster.guises.space(store.id, used);
        let state = cluster.guises.of_store(store.id).state.unwrap_or_else(|| {
            if cluster.faults.is_store_down(store.id) { "Disconnected" } else { "Up" }.to_owned()
        });
        let heartbeat = cluster.env.now_micros();
        let uptime =
            std::time::Duration::from_micros(u64::try_from(heartbeat - cluster.started_micros).unwrap_or(0));
        json!({
            "store": {
                "id": meta.id,
                "address": meta.address,
                "version": meta.version,
                "peer_address": meta.peer_address,
                "status_address": meta.status_address,
                "git_hash": meta.git_hash,
                "start_timestamp": meta.start_timestamp,
                "deploy_path": meta.deploy_path,
                "last_heartbeat": meta.last_heartbeat,
                "node_state": meta.node_state,
                "state_name": state,
            },
            "status": {
                "capacity": byte_size(capacity),
                "available": byte_size(available),
                "used_size": byte_size(used),
                "leader_count": leaders,
                "leader_weight": 1,
                "leader_score": leaders,
                "leader_size": leaders,
                "region_count": count,
                "region_weight": 1,
                "region_score": count,
                "region_size": count,
                "slow_score": 1,
                "slow_trend": {"cause_value": 0, "cause_rate": 0, "result_value": 0, "result_rate": 0},
                "start_ts": Civil::from_unix(meta.start_timestamp).rfc3339(),
                "last_heartbeat_ts": Civil::from_unix(heartbeat.div_euclid(1_000_000)).rfc3339(),
                "uptime": format!("{uptime:?}"),
            },
        })
    }
}

impl PdHttp {
    /// A TiFlash store that is only pretended: it has no region.
    fn tiflash_json(&self, id: u64) -> Value {
        let guise = self.cluster.guises.of_store(id);
        let (capacity, available) = self.cluster.guises.space(id, 0);
        json!({
            "store": {
                "id": id,
                "address": format!("tiflash-{id}:3930"),
                "labels": [{"key": "engine", "value": "tiflash"}],
                "version": guise.version.unwrap_or_else(|| VERSION.to_owned()),
                "peer_address": format!("tiflash-{id}:20170"),
                "state_name": guise.state.unwrap_or_else(|| "Up".to_owned()),
            },
            "status": {
                "capacity": byte_size(capacity),
                "available": byte_size(available),
                "used_size": "0B",
                "leader_count": 0,
                "region_count": 0,
            },
        })
    }
}

/// `19.71GiB`, `20GiB`, `293.5MiB`, `0B`: two digits, no trailing zeros.
fn byte_size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let digits = format!("{size:.2}");
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits}{}", UNITS.get(unit).copied().unwrap_or_default())
}

pub(super) async fn stores(State(state): State<PdHttp>) -> Json<Value> {
    let mut stores: Vec<Value> = state.cluster.stores.iter().map(|store| state.store_json(store)).collect();
    stores.extend(state.cluster.guises.tiflash_stores().iter().map(|(id, _)| state.tiflash_json(*id)));
    Json(json!({"count": stores.len(), "stores": stores}))
}

pub(super) async fn store(State(state): State<PdHttp>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<u64>() else {
        return bad(format!("strconv.ParseUint: parsing \"{id}\": invalid syntax"));
    };
    match state.cluster.store(id) {
        Some(store) => Json(state.store_json(store)).into_response(),
        None => (StatusCode::NOT_FOUND, Json(format!("[PD:core:ErrStoreNotFound]store {id} not found")))
            .into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::byte_size;

    #[test]
    fn sizes_are_printed_with_two_digits_at_most() {
        assert_eq!(byte_size(21_474_836_480), "20GiB");
        assert_eq!(byte_size(21_167_054_770), "19.71GiB");
        assert_eq!(byte_size(307_781_710), "293.52MiB");
        assert_eq!(byte_size(0), "0B");
    }
}
