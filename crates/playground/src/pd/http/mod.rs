//! PD's HTTP API, as far as an import and its operator ask it, and the playground's own switches.

mod config;
mod leases;
mod regions;
mod stores;
mod switches;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::cluster::{Cluster, VERSION};
use crate::faults::{Effect, RequestKind};
use crate::pd::members::Seat;
use crate::time_text::Civil;

/// Sizes of regions are told in these.
const MIB: u64 = 1 << 20;

/// What the handlers need.
#[derive(Clone)]
pub(crate) struct PdHttp {
    pub(crate) cluster: Arc<Cluster>,
    /// The member that it is.
    pub(crate) seat: Seat,
}

/// All routes.
pub(crate) fn routes(state: PdHttp) -> Router {
    let v1 = Router::new()
        .route("/version", get(version))
        .route("/status", get(version))
        .route("/health", get(health))
        .route("/members", get(members))
        .route("/leader", get(leader))
        .route("/stores", get(stores::stores))
        .route("/store/{id}", get(stores::store))
        .route("/config", get(config::config).post(config::set_config))
        .route("/config/schedule", get(config::config_schedule))
        .route("/config/replicate", get(config::config_replicate))
        .route("/config/region-label/rules", get(leases::label_rules).patch(leases::patch_label_rules))
        .route("/config/region-label/rule", post(leases::set_label_rule))
        .route("/config/region-label/rule/{id}", get(leases::label_rule).delete(leases::delete_label_rule))
        .route("/gc/safepoint", get(leases::safe_points))
        .route("/schedulers", get(leases::schedulers))
        .route("/schedulers/{name}", post(leases::pause_scheduler))
        .route("/cluster", get(cluster_info))
        .route("/cluster/status", get(cluster_status))
        .route("/region/id/{id}", get(regions::region_by_id))
        .route("/region/key/{key}", get(regions::region_by_key))
        .route("/regions", get(regions::regions))
        .route("/regions/key", get(regions::regions_by_key))
        .route("/regions/check/empty-region", get(regions::empty_regions))
        .route("/regions/check/down-peer", get(regions::regions_with_down_peers))
        .route("/regions/check/miss-peer", get(regions::regions_with_missing_peers))
        .route("/regions/check/pending-peer", get(regions::regions_with_down_peers))
        .route("/stats/region", get(regions::region_stats));
    Router::new()
        .nest("/pd/api/v1", v1)
        .layer(middleware::from_fn_with_state(state.clone(), meet_faults))
        .route(
            "/playground/fault",
            get(switches::list_faults).post(switches::add_fault).delete(switches::clear_faults),
        )
        .route("/playground/store/{id}/{state}", post(switches::switch_store))
        .route("/playground/state", get(switches::playground_state))
        .with_state(state)
}

async fn meet_faults(State(state): State<PdHttp>, request: Request, next: Next) -> Response {
    // A member that does not lead passes a request on to the one that does.
    if state.seat.is_down() || !state.seat.has_leader() {
        return (StatusCode::SERVICE_UNAVAILABLE, "no leader").into_response();
    }
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
}

async fn version(State(state): State<PdHttp>) -> Json<Value> {
    let version = state.cluster.guises.pd_version().unwrap_or_else(|| VERSION.to_owned());
    Json(json!({"version": format!("v{version}"), "build_time": "", "hash": "", "branch": ""}))
}

async fn health(State(state): State<PdHttp>) -> Json<Value> {
    let (members, _) = state.seat.listed_as_json();
    let health = members.into_iter().enumerate().map(|(number, member)| {
        json!({
            "name": member["name"],
            "member_id": member["member_id"],
            "client_urls": member["client_urls"],
            "health": state.seat.is_up(number),
        })
    });
    Json(health.collect())
}

async fn members(State(state): State<PdHttp>) -> Json<Value> {
    let full = |mut member: Value| {
        if let Some(member) = member.as_object_mut() {
            member.insert("deploy_path".into(), "/opt/thunderhead".into());
            member.insert("binary_version".into(), format!("v{VERSION}").into());
            member.insert("git_hash".into(), "playground".into());
        }
        member
    };
    let (members, leader) = state.seat.listed_as_json();
    let leader = full(leader);
    Json(json!({
        "header": {"cluster_id": state.cluster.id},
        "members": members.into_iter().map(full).collect::<Vec<_>>(),
        "leader": leader,
        "etcd_leader": leader,
    }))
}

async fn leader(State(state): State<PdHttp>) -> Json<Value> {
    Json(state.seat.listed_as_json().1)
}

async fn cluster_info(State(state): State<PdHttp>) -> Json<Value> {
    Json(json!({"id": state.cluster.id, "max_peer_count": state.cluster.replicas}))
}

async fn cluster_status(State(state): State<PdHttp>) -> Json<Value> {
    let time = Civil::from_unix(state.cluster.started_micros.div_euclid(1_000_000)).rfc3339();
    Json(json!({"raft_bootstrap_time": time, "is_initialized": true, "replication_status": ""}))
}
