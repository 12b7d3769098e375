//! The playground's own switches, under `/playground`: faults, stores down and up, and what leases stand.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{PdHttp, bad};
use crate::faults::Fault;

pub(super) async fn list_faults(State(state): State<PdHttp>) -> Json<Value> {
    Json(json!({"waiting": state.cluster.faults.waiting(), "struck": state.cluster.faults.struck()}))
}

pub(super) async fn add_fault(State(state): State<PdHttp>, body: Bytes) -> Response {
    match serde_json::from_slice::<Fault>(&body) {
        Ok(fault) => {
            state.cluster.faults.add(fault);
            Json("added").into_response()
        }
        Err(error) => bad(error.to_string()),
    }
}

pub(super) async fn clear_faults(State(state): State<PdHttp>) -> Json<Value> {
    state.cluster.faults.clear();
    Json(json!("cleared"))
}

pub(super) async fn switch_store(
    State(state): State<PdHttp>,
    Path((id, what)): Path<(u64, String)>,
) -> Response {
    match what.as_str() {
        "down" => state.cluster.faults.store_down(id),
        "up" => state.cluster.faults.store_up(id),
        _ => return bad("a store goes up or down"),
    }
    Json("done").into_response()
}

/// What leases stand now: for tests that check a cluster was left as it was found.
pub(super) async fn playground_state(State(state): State<PdHttp>) -> Json<Value> {
    let now_ms = state.cluster.now_ms();
    let import_mode: Vec<u64> = state
        .cluster
        .stores
        .iter()
        .filter(|store| store.import.is_import_mode(now_ms))
        .map(|store| store.id)
        .collect();
    let leases = state.cluster.pd.look(state.now(), |data| {
        json!({
            "label_rules": data.label_rules.keys().collect::<Vec<_>>(),
            "paused_schedulers": data.paused.keys().collect::<Vec<_>>(),
            "ttl_config": data.ttl_config.keys().collect::<Vec<_>>(),
            "safe_points": data.services.keys().collect::<Vec<_>>(),
            "registrations": data.etcd.keys().collect::<Vec<_>>(),
        })
    });
    Json(json!({"import_mode_stores": import_mode, "pd": leases}))
}
