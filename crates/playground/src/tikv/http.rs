//! A store's status server: its configuration, and what of its metrics import tools read.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::tikv::store::StoreNode;

const CONFIG: &str = include_str!("config.json");

#[derive(Clone)]
struct Status {
    cluster: Arc<Cluster>,
    store: Arc<StoreNode>,
}

/// `/config` and `/status`.
pub(crate) fn routes(cluster: Arc<Cluster>, store: Arc<StoreNode>) -> Router {
    Router::new()
        .route("/config", get(config))
        .route("/status", get(|| async { "" }))
        .route("/metrics", get(metrics))
        .route("/playground/mode", get(mode))
        .with_state(Status { cluster, store })
}

/// What a TiKV 9.0 with default settings says, with this store's addresses and folder.
async fn config(State(status): State<Status>) -> Json<Value> {
    let mut config: Value = serde_json::from_str(CONFIG).unwrap_or_default();
    let address = status.store.address();
    let status_address = status.store.status_address();
    for (pointer, value) in [
        ("/storage/data-dir", status.store.dir.display().to_string()),
        ("/server/addr", address.to_owned()),
        ("/server/advertise-addr", address.to_owned()),
        ("/server/status-addr", status_address.to_owned()),
        ("/server/advertise-status-addr", status_address.to_owned()),
    ] {
        if let Some(slot) = config.pointer_mut(pointer) {
            *slot = Value::String(value);
        }
    }
    Json(config)
}

/// The metric by which tools tell import mode, which lifts the limit.
async fn metrics(State(status): State<Status>) -> String {
    let import = status.store.import.is_import_mode(status.cluster.now_ms());
    let limit = if import { "0" } else { "1.099511627776e+12" };
    ["default", "lock", "raft", "write"]
        .map(|cf| {
            format!(
                "tikv_config_rocksdb{{cf=\"{cf}\",name=\"hard_pending_compaction_bytes_limit\"}} {limit}\n"
            )
        })
        .concat()
}

/// Not TiKV's: tells a test whether the store is in import mode.
async fn mode(State(status): State<Status>) -> Json<Value> {
    let now = status.cluster.now_ms();
    Json(serde_json::json!({
        "import_mode": status.store.import.is_import_mode(now),
        "suspended_ms": status.store.import.suspended_for(now),
        "partition_ranges": status.store.import.partition_ranges(now),
    }))
}
