//! Region label rules and paused schedulers: how an import asks PD to leave its data alone for a time.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{PdHttp, bad, internal};
use crate::hex;
use crate::pd::labels::LabelRule;
use crate::pd::state::SCHEDULERS;

/// Where PD cuts regions so that no region is under a rule with a part of itself only.
fn bounds<'r>(rules: impl IntoIterator<Item = &'r LabelRule>) -> Vec<Vec<u8>> {
    let keys =
        rules.into_iter().flat_map(|rule| &rule.data).flat_map(|range| [&range.start_key, &range.end_key]);
    keys.filter_map(|key| hex::parse(key)).filter(|key| !key.is_empty()).collect()
}

pub(super) async fn label_rules(State(state): State<PdHttp>) -> Json<Value> {
    let mut rules = vec![json!({
        "id": "keyspaces/0",
        "index": 0,
        "labels": [{"key": "id", "value": "0"}],
        "rule_type": "key-range",
        "data": [{"start_key": "7800000000000000fb", "end_key": "7800000100000000fb"}],
    })];
    rules.extend(state.cluster.pd.look(state.now(), |data| {
        data.label_rules.values().filter_map(|rule| serde_json::to_value(rule).ok()).collect::<Vec<_>>()
    }));
    Json(Value::Array(rules))
}

pub(super) async fn label_rule(State(state): State<PdHttp>, Path(id): Path<String>) -> Response {
    match state.cluster.pd.look(state.now(), |data| data.label_rules.get(&id).cloned()) {
        Some(rule) => Json(rule).into_response(),
        None => (
            StatusCode::NOT_FOUND,
            Json(format!("[PD:region:ErrRegionRuleNotFound]region label rule not found for id {id}")),
        )
            .into_response(),
    }
}

pub(super) async fn set_label_rule(State(state): State<PdHttp>, body: Bytes) -> Response {
    let mut rule: LabelRule = match serde_json::from_slice(&body) {
        Ok(rule) => rule,
        Err(error) => return bad(error.to_string()),
    };
    if let Err(text) = rule.start(state.now()) {
        return bad(text);
    }
    let bounds = bounds([&rule]);
    let stored = state.cluster.pd.change(&state.cluster.meta, state.now(), |data| {
        data.label_rules.insert(rule.id.clone(), rule);
    });
    let stored = stored.and_then(|()| state.cluster.split_at(&bounds));
    stored.map_or_else(internal, |_| Json("Update region label rule successfully.").into_response())
}

pub(super) async fn delete_label_rule(State(state): State<PdHttp>, Path(id): Path<String>) -> Response {
    let removed = state
        .cluster
        .pd
        .change(&state.cluster.meta, state.now(), |data| data.label_rules.remove(&id).is_some());
    match removed {
        Ok(true) => Json("Delete region label rule successfully.").into_response(),
        Ok(false) => (
            StatusCode::NOT_FOUND,
            Json(format!("[PD:region:ErrRegionRuleNotFound]region label rule not found for id {id}")),
        )
            .into_response(),
        Err(error) => internal(error),
    }
}

pub(super) async fn patch_label_rules(State(state): State<PdHttp>, body: Bytes) -> Response {
    #[derive(serde::Deserialize)]
    struct Patch {
        #[serde(default)]
        sets: Vec<LabelRule>,
        #[serde(default)]
        deletes: Vec<String>,
    }
    let mut patch: Patch = match serde_json::from_slice(&body) {
        Ok(patch) => patch,
        Err(error) => return bad(error.to_string()),
    };
    for rule in &mut patch.sets {
        if let Err(text) = rule.start(state.now()) {
            return bad(text);
        }
    }
    let bounds = bounds(&patch.sets);
    let stored = state.cluster.pd.change(&state.cluster.meta, state.now(), |data| {
        for id in &patch.deletes {
            data.label_rules.remove(id);
        }
        for rule in patch.sets {
            data.label_rules.insert(rule.id.clone(), rule);
        }
    });
    let stored = stored.and_then(|()| state.cluster.split_at(&bounds));
    stored.map_or_else(internal, |_| Json("Update region label rules successfully.").into_response())
}

pub(super) async fn safe_points(State(state): State<PdHttp>) -> Json<Value> {
    Json(state.cluster.pd.look(state.now(), |data| {
        let services: Vec<Value> = data
            .services
            .iter()
            .map(|(id, held)| {
                json!({"service_id": id, "expired_at": held.expires_at, "safe_point": held.safe_point})
            })
            .collect();
        json!({"service_gc_safe_points": services, "gc_safe_point": data.gc_safe_point})
    }))
}

pub(super) async fn schedulers(
    State(state): State<PdHttp>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Json<Value> {
    let paused = query.get("status").is_some_and(|status| status == "paused");
    let names: Vec<&str> = state.cluster.pd.look(state.now(), |data| {
        SCHEDULERS.into_iter().filter(|name| !paused || data.paused.contains_key(*name)).collect()
    });
    Json(json!(names))
}

pub(super) async fn pause_scheduler(
    State(state): State<PdHttp>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    let request: Value = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => return bad(error.to_string()),
    };
    let Some(delay) = request.get("delay").and_then(Value::as_i64) else { return bad("missing pause time") };
    if !SCHEDULERS.contains(&name.as_str()) {
        let text = "[PD:scheduler:ErrSchedulerNotFound]scheduler not found";
        return (StatusCode::INTERNAL_SERVER_ERROR, Json(text)).into_response();
    }
    let now = state.now();
    let stored = state.cluster.pd.change(&state.cluster.meta, now, |data| {
        if delay > 0 {
            data.paused.insert(name, now.saturating_add(delay));
        } else {
            data.paused.remove(&name);
        }
    });
    stored.map_or_else(internal, |()| Json("Pause or resume the scheduler successfully.").into_response())
}
