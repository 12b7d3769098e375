//! PD's HTTP API, as far as an import and its operator ask it, and the playground's own switches.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::cluster::{Cluster, VERSION};
use crate::faults::{Effect, Fault, RequestKind};
use crate::hex;
use crate::pd::grpc::{MEMBER_ID, MEMBER_NAME, store_meta};
use crate::pd::labels::LabelRule;
use crate::pd::state::SCHEDULERS;
use crate::regions::{Peer, Region};
use crate::tikv::store::{CAPACITY, StoreNode};
use crate::time_text::Civil;

const CONFIG: &str = include_str!("config.json");
const MIB: u64 = 1 << 20;

/// What the handlers need.
#[derive(Clone)]
pub(crate) struct PdHttp {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) client_url: String,
}

/// All routes.
pub(crate) fn routes(state: PdHttp) -> Router {
    let v1 = Router::new()
        .route("/version", get(version))
        .route("/status", get(version))
        .route("/health", get(health))
        .route("/members", get(members))
        .route("/leader", get(leader))
        .route("/stores", get(stores))
        .route("/store/{id}", get(store))
        .route("/config", get(config).post(set_config))
        .route("/config/schedule", get(config_schedule))
        .route("/config/replicate", get(config_replicate))
        .route("/config/region-label/rules", get(label_rules).patch(patch_label_rules))
        .route("/config/region-label/rule", post(set_label_rule))
        .route("/config/region-label/rule/{id}", get(label_rule).delete(delete_label_rule))
        .route("/schedulers", get(schedulers))
        .route("/schedulers/{name}", post(pause_scheduler))
        .route("/cluster", get(cluster_info))
        .route("/cluster/status", get(cluster_status))
        .route("/region/id/{id}", get(region_by_id))
        .route("/region/key/{key}", get(region_by_key))
        .route("/regions", get(regions))
        .route("/regions/key", get(regions_by_key))
        .route("/regions/check/empty-region", get(empty_regions))
        .route("/stats/region", get(region_stats));
    Router::new()
        .nest("/pd/api/v1", v1)
        .layer(middleware::from_fn_with_state(state.clone(), meet_faults))
        .route("/playground/fault", get(list_faults).post(add_fault).delete(clear_faults))
        .route("/playground/store/{id}/{state}", post(switch_store))
        .route("/playground/state", get(playground_state))
        .with_state(state)
}

async fn meet_faults(State(state): State<PdHttp>, request: Request, next: Next) -> Response {
    match state.cluster.strike(RequestKind::PdHttp, None, None).await {
        None => next.run(request).await,
        Some(Effect::LoseAnswer) => {
            next.run(request).await;
            StatusCode::BAD_GATEWAY.into_response()
        }
        Some(Effect::Error { message }) => (StatusCode::INTERNAL_SERVER_ERROR, Json(message)).into_response(),
        Some(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn internal(error: impl std::fmt::Display) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, Json(error.to_string())).into_response()
}

fn bad(text: impl Into<String>) -> Response {
    (StatusCode::BAD_REQUEST, Json(text.into())).into_response()
}

impl PdHttp {
    fn now(&self) -> i64 {
        self.cluster.env.now_seconds()
    }

    fn member(&self, full: bool) -> Value {
        let mut member = json!({
            "name": MEMBER_NAME,
            "member_id": MEMBER_ID,
            "peer_urls": [self.client_url],
            "client_urls": [self.client_url],
        });
        if full && let Some(member) = member.as_object_mut() {
            member.insert("deploy_path".into(), "/opt/thunderhead".into());
            member.insert("binary_version".into(), format!("v{VERSION}").into());
            member.insert("git_hash".into(), "playground".into());
        }
        member
    }

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
            ("/client-urls", json!(self.client_url)),
            ("/peer-urls", json!(self.client_url)),
            ("/advertise-client-urls", json!(self.client_url)),
            ("/advertise-peer-urls", json!(self.client_url)),
            ("/initial-cluster", json!(format!("{MEMBER_NAME}={}", self.client_url))),
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

    fn store_json(&self, store: &StoreNode) -> Value {
        let cluster = &self.cluster;
        let meta = store_meta(cluster, store);
        let regions = cluster.regions();
        let count = regions.iter().filter(|region| region.peer_on(store.id).is_some()).count();
        let leaders = regions.iter().filter(|region| region.leader_store == store.id).count();
        let used = store.used_size();
        let down = cluster.faults.is_store_down(store.id);
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
                "state_name": if down { "Disconnected" } else { "Up" },
            },
            "status": {
                "capacity": byte_size(CAPACITY),
                "available": byte_size(CAPACITY.saturating_sub(used)),
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

fn set(config: &mut Value, pointer: &str, value: Value) {
    if let Some(slot) = config.pointer_mut(pointer) {
        *slot = value;
    }
}

/// `19.71GiB`, `20GiB`, `293.5MiB`, `0B`: two digits, no trailing zeros.
pub(crate) fn byte_size(bytes: u64) -> String {
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

async fn version() -> Json<Value> {
    Json(json!({"version": format!("v{VERSION}"), "build_time": "", "hash": "", "branch": ""}))
}

async fn health(State(state): State<PdHttp>) -> Json<Value> {
    Json(
        json!([{"name": MEMBER_NAME, "member_id": MEMBER_ID, "client_urls": [state.client_url], "health": true}]),
    )
}

async fn members(State(state): State<PdHttp>) -> Json<Value> {
    let member = state.member(true);
    Json(json!({
        "header": {"cluster_id": state.cluster.id},
        "members": [member],
        "leader": member,
        "etcd_leader": member,
    }))
}

async fn leader(State(state): State<PdHttp>) -> Json<Value> {
    Json(state.member(false))
}

async fn stores(State(state): State<PdHttp>) -> Json<Value> {
    let stores: Vec<Value> = state.cluster.stores.iter().map(|store| state.store_json(store)).collect();
    Json(json!({"count": stores.len(), "stores": stores}))
}

async fn store(State(state): State<PdHttp>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse::<u64>() else {
        return bad(format!("strconv.ParseUint: parsing \"{id}\": invalid syntax"));
    };
    match state.cluster.store(id) {
        Some(store) => Json(state.store_json(store)).into_response(),
        None => (StatusCode::NOT_FOUND, Json(format!("[PD:core:ErrStoreNotFound]store {id} not found")))
            .into_response(),
    }
}

async fn config(State(state): State<PdHttp>) -> Json<Value> {
    Json(state.config())
}

async fn config_schedule(State(state): State<PdHttp>) -> Json<Value> {
    state.section("/schedule")
}

async fn config_replicate(State(state): State<PdHttp>) -> Json<Value> {
    state.section("/replication")
}

/// With `ttlSecond` the change ends by itself (0 ends it now); without, it stays.
async fn set_config(
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

async fn label_rules(State(state): State<PdHttp>) -> Json<Value> {
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

async fn label_rule(State(state): State<PdHttp>, Path(id): Path<String>) -> Response {
    match state.cluster.pd.look(state.now(), |data| data.label_rules.get(&id).cloned()) {
        Some(rule) => Json(rule).into_response(),
        None => (
            StatusCode::NOT_FOUND,
            Json(format!("[PD:region:ErrRegionRuleNotFound]region label rule not found for id {id}")),
        )
            .into_response(),
    }
}

async fn set_label_rule(State(state): State<PdHttp>, body: Bytes) -> Response {
    let mut rule: LabelRule = match serde_json::from_slice(&body) {
        Ok(rule) => rule,
        Err(error) => return bad(error.to_string()),
    };
    if let Err(text) = rule.start(state.now()) {
        return bad(text);
    }
    let stored = state.cluster.pd.change(&state.cluster.meta, state.now(), |data| {
        data.label_rules.insert(rule.id.clone(), rule);
    });
    stored.map_or_else(internal, |()| Json("Update region label rule successfully.").into_response())
}

async fn delete_label_rule(State(state): State<PdHttp>, Path(id): Path<String>) -> Response {
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

async fn patch_label_rules(State(state): State<PdHttp>, body: Bytes) -> Response {
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
    let stored = state.cluster.pd.change(&state.cluster.meta, state.now(), |data| {
        for id in &patch.deletes {
            data.label_rules.remove(id);
        }
        for rule in patch.sets {
            data.label_rules.insert(rule.id.clone(), rule);
        }
    });
    stored.map_or_else(internal, |()| Json("Update region label rules successfully.").into_response())
}

async fn schedulers(
    State(state): State<PdHttp>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Json<Value> {
    let paused = query.get("status").is_some_and(|status| status == "paused");
    let names: Vec<&str> = state.cluster.pd.look(state.now(), |data| {
        SCHEDULERS.into_iter().filter(|name| !paused || data.paused.contains_key(*name)).collect()
    });
    Json(json!(names))
}

async fn pause_scheduler(State(state): State<PdHttp>, Path(name): Path<String>, body: Bytes) -> Response {
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

async fn cluster_info(State(state): State<PdHttp>) -> Json<Value> {
    Json(json!({"id": state.cluster.id, "max_peer_count": state.cluster.replicas}))
}

async fn cluster_status(State(state): State<PdHttp>) -> Json<Value> {
    let time = Civil::from_unix(state.cluster.started_micros.div_euclid(1_000_000)).rfc3339();
    Json(json!({"raft_bootstrap_time": time, "is_initialized": true, "replication_status": ""}))
}

async fn region_by_id(State(state): State<PdHttp>, Path(id): Path<String>) -> Response {
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

async fn region_by_key(State(state): State<PdHttp>, Path(key): Path<String>) -> Response {
    let key = hex::parse(&key).unwrap_or_else(|| key.into_bytes());
    let regions = state.cluster.regions();
    regions.containing(&key).map_or_else(
        || Json(Value::Null).into_response(),
        |region| Json(state.region_json(region)).into_response(),
    )
}

async fn regions(State(state): State<PdHttp>) -> Json<Value> {
    let regions = state.cluster.regions();
    state.region_list(&regions.iter().collect::<Vec<_>>())
}

async fn regions_by_key(
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

async fn empty_regions(State(state): State<PdHttp>) -> Json<Value> {
    let regions = state.cluster.regions();
    let empty: Vec<&Region> = regions.iter().filter(|region| state.region_bytes(region) < MIB).collect();
    state.region_list(&empty)
}

async fn region_stats(State(state): State<PdHttp>) -> Json<Value> {
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

async fn list_faults(State(state): State<PdHttp>) -> Json<Value> {
    Json(json!({"waiting": state.cluster.faults.waiting(), "struck": state.cluster.faults.struck()}))
}

async fn add_fault(State(state): State<PdHttp>, body: Bytes) -> Response {
    match serde_json::from_slice::<Fault>(&body) {
        Ok(fault) => {
            state.cluster.faults.add(fault);
            Json("added").into_response()
        }
        Err(error) => bad(error.to_string()),
    }
}

async fn clear_faults(State(state): State<PdHttp>) -> Json<Value> {
    state.cluster.faults.clear();
    Json(json!("cleared"))
}

async fn switch_store(State(state): State<PdHttp>, Path((id, what)): Path<(u64, String)>) -> Response {
    match what.as_str() {
        "down" => state.cluster.faults.store_down(id),
        "up" => state.cluster.faults.store_up(id),
        _ => return bad("a store goes up or down"),
    }
    Json("done").into_response()
}

/// What leases stand now: for tests that check a cluster was left as it was found.
async fn playground_state(State(state): State<PdHttp>) -> Json<Value> {
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
        })
    });
    Json(json!({"import_mode_stores": import_mode, "pd": leases}))
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
