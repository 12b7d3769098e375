//! The configuration: a default PD's, changed for good or for a time.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{PdHttp, bad, internal};
use crate::cluster::VERSION;

const CONFIG: &str = include_str!("../config.json");

impl PdHttp {
    /// The configuration: a default PD's, this cluster's addresses, and what was changed for good.
    fn config(&self) -> Value {
        let mut config: Value = serde_json::from_str(CONFIG).unwrap_or_default();
        let store_limits: BTreeMap<String, Value> = self
            .cluster
            .stores
            .iter()
            .map(|store| (store.id.to_string(), json!({"add-peer": 15, "remove-peer": 15})))
            .collect();
        for (pointer, value) in [
            ("/client-urls", json!(self.seat.url())),
            ("/peer-urls", json!(self.seat.url())),
            ("/advertise-client-urls", json!(self.seat.url())),
            ("/advertise-peer-urls", json!(self.seat.url())),
            ("/initial-cluster", json!(format!("{}={}", self.seat.name(), self.seat.url()))),
            ("/cluster-version", json!(VERSION)),
            ("/replication/max-replicas", json!(self.cluster.replicas)),
            ("/schedule/store-limit", json!(store_limits)),
        ] {
            set(&mut config, pointer, value);
        }
        let changes = self.cluster.pd.look(self.now(), |data| data.config.clone());
        for (key, value) in changes {
            let pointer = match key.contains('.') {
                true => format!("/{}", key.replace('.', "/")),
                false if config.pointer(&format!("/schedule/{key}")).is_some() => format!("/schedule/{key}"),
                false if config.pointer(&format!("/replication/{key}")).is_some() => {
                    format!("/replication/{key}")
                }
                false => format!("/{key}"),
            };
            set(&mut config, &pointer, value);
        }
        config
    }

    fn section(&self, pointer: &str) -> Json<Value> {
        Json(self.config().pointer_mut(pointer).map(Value::take).unwrap_or_default())
    }
}

fn set(config: &mut Value, pointer: &str, value: Value) {
    if let Some(slot) = config.pointer_mut(pointer) {
        *slot = value;
    }
}

pub(super) async fn config(State(state): State<PdHttp>) -> Json<Value> {
    Json(state.config())
}

pub(super) async fn config_schedule(State(state): State<PdHttp>) -> Json<Value> {
    state.section("/schedule")
}

pub(super) async fn config_replicate(State(state): State<PdHttp>) -> Json<Value> {
    state.section("/replication")
}

/// With `ttlSecond` the change ends by itself (0 ends it now); without, it stays.
pub(super) async fn set_config(
    State(state): State<PdHttp>,
    Query(query): Query<BTreeMap<String, String>>,
    body: Bytes,
) -> Response {
    let changes: BTreeMap<String, Value> = match serde_json::from_slice(&body) {
        Ok(changes) => changes,
        Err(error) => return bad(error.to_string()),
    };
    let now = state.now();
    let Some(ttl) = query.get("ttlSecond") else {
        let stored = state.cluster.pd.change(&state.cluster.meta, now, |data| data.config.extend(changes));
        return stored.map_or_else(internal, |()| Json("The config is updated.").into_response());
    };
    let Ok(ttl) = ttl.parse::<i64>() else {
        return bad(format!("strconv.Atoi: parsing \"{ttl}\": invalid syntax"));
    };
    let stored = state.cluster.pd.change(&state.cluster.meta, now, |data| {
        for (key, value) in changes {
            if ttl > 0 {
                data.ttl_config.insert(key, (value, now.saturating_add(ttl)));
            } else {
                data.ttl_config.remove(&key);
            }
        }
    });
    let text = if ttl > 0 { "The ttl config is updated." } else { "The ttl config is deleted." };
    stored.map_or_else(internal, |()| Json(text).into_response())
}
