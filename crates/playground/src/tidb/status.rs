//! TiDB's status API: schema as JSON, settings, regions of a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::regions::{Peer, Region};
use crate::tidb::catalog::{Database, Entry};
use crate::tidb::error::SqlError;
use crate::tidb::session::{Tidb, server_version};

const SETTINGS: &str = include_str!("settings.json");
/// Ids of the virtual databases.
const VIRTUAL: [(i64, &str); 3] = [
    (4_611_686_018_427_387_905, "INFORMATION_SCHEMA"),
    (4_611_686_018_427_407_904, "METRICS_SCHEMA"),
    (4_611_686_018_427_397_904, "PERFORMANCE_SCHEMA"),
];

/// All routes.
pub(crate) fn routes(tidb: Arc<Tidb>) -> Router {
    Router::new()
        .route("/status", get(status))
        .route("/info", get(info))
        .route("/settings", get(settings))
        .route("/schema", get(schema))
        .route("/schema/{db}", get(schema_of_database))
        .route("/schema/{db}/{table}", get(schema_of_table))
        .route("/tables/{db}/{table}/regions", get(regions))
        .with_state(tidb)
}

/// `[schema:1146]Table 'probe.nope' doesn't exist` with status 400.
fn refuse(error: &SqlError) -> Response {
    (StatusCode::BAD_REQUEST, format!("[schema:{}]{}", error.code, error.message)).into_response()
}

async fn status(State(tidb): State<Arc<Tidb>>) -> Json<Value> {
    Json(json!({
        "connections": tidb.connections.load(std::sync::atomic::Ordering::Relaxed),
        "version": server_version(),
        "git_hash": "playground",
        "status": {"init_stats_percentage": 100},
    }))
}

async fn info(State(tidb): State<Arc<Tidb>>) -> Json<Value> {
    let (ip, port, status_port) = tidb
        .addresses
        .get()
        .map_or_else(Default::default, |at| (at.sql.ip().to_string(), at.sql.port(), at.status.port()));
    Json(json!({
        "is_owner": true,
        "max_procs": 0,
        "gogc": 0,
        "version": server_version(),
        "git_hash": "playground",
        "ddl_id": "playground",
        "ip": ip,
        "listening_port": port,
        "status_port": status_port,
        "lease": "45s",
        "start_timestamp": tidb.cluster.started_micros.div_euclid(1_000_000),
    }))
}

async fn settings(State(tidb): State<Arc<Tidb>>) -> Json<Value> {
    let mut settings: Value = serde_json::from_str(SETTINGS).unwrap_or_default();
    if let Some(addresses) = tidb.addresses.get() {
        for (pointer, value) in [
            ("/keyspace-name", json!(tidb.cluster.guises.keyspace())),
            ("/host", json!(addresses.sql.ip().to_string())),
            ("/advertise-address", json!(addresses.sql.ip().to_string())),
            ("/port", json!(addresses.sql.port())),
            ("/path", json!(addresses.pd.to_string())),
            ("/status/status-host", json!(addresses.status.ip().to_string())),
            ("/status/status-port", json!(addresses.status.port())),
        ] {
            if let Some(slot) = settings.pointer_mut(pointer) {
                *slot = value;
            }
        }
    }
    Json(settings)
}

fn database_json(database: &Database, state: u8) -> Value {
    json!({
        "id": database.id,
        "db_name": {"O": database.name, "L": database.name.to_lowercase()},
        "charset": database.charset,
        "collate": database.collate,
        "Deprecated": {},
        "state": state,
        "policy_ref_info": null,
    })
}

/// All databases, or one table by id.
async fn schema(State(tidb): State<Arc<Tidb>>, Query(query): Query<BTreeMap<String, String>>) -> Response {
    let ids: Vec<&str> = match (query.get("table_id"), query.get("table_ids")) {
        (Some(id), _) => vec![id],
        (None, Some(ids)) => ids.split(',').collect(),
        (None, None) => {
            let mut databases: Vec<Value> =
                tidb.catalog.databases().iter().map(|database| database_json(database, 5)).collect();
            databases.extend(VIRTUAL.iter().map(|(id, name)| {
                let database = Database {
                    id: *id,
                    name: (*name).into(),
                    charset: "utf8mb4".into(),
                    collate: "utf8mb4_bin".into(),
                };
                database_json(&database, 0)
            }));
            return Json(databases).into_response();
        }
    };
    let mut found = BTreeMap::new();
    for id in ids {
        let Ok(number) = id.trim().parse::<i64>() else {
            return (StatusCode::BAD_REQUEST, "Wrong table id".to_owned()).into_response();
        };
        let entry = tidb
            .catalog
            .all_tables()
            .into_iter()
            .find(|entry| entry.info.id == number || entry.physical_ids().contains(&number));
        match entry {
            Some(entry) => found.insert(number.to_string(), table_json(&entry)),
            None => {
                let error = SqlError::new(1146, format!("Table which ID = {number} does not exist."));
                return refuse(&error);
            }
        };
    }
    if query.contains_key("table_id") {
        return Json(found.into_values().next().unwrap_or_default()).into_response();
    }
    Json(found).into_response()
}

fn table_json(entry: &Entry) -> Value {
    let mut json = serde_json::to_value(&entry.info).unwrap_or_default();
    // Go writes a list that was never made as null.
    if entry.info.indexes.is_empty()
        && let Some(indexes) = json.get_mut("index_info")
    {
        *indexes = Value::Null;
    }
    json
}

async fn schema_of_database(
    State(tidb): State<Arc<Tidb>>,
    Path(db): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    if !tidb.catalog.database_exists(&db) {
        return refuse(&SqlError::unknown_database(&db));
    }
    let tables = tidb.catalog.tables(&db);
    if query.contains_key("id_name_only") {
        let names: Vec<Value> =
            tables.iter().map(|entry| json!({"id": entry.info.id, "name": entry.info.name})).collect();
        return Json(names).into_response();
    }
    Json(tables.iter().map(|entry| table_json(entry)).collect::<Vec<_>>()).into_response()
}

async fn schema_of_table(
    State(tidb): State<Arc<Tidb>>,
    Path((db, table)): Path<(String, String)>,
) -> Response {
    if !tidb.catalog.database_exists(&db) {
        return refuse(&SqlError::unknown_database(&db));
    }
    match tidb.catalog.table(&db, &table) {
        Ok(entry) => Json(table_json(&entry)).into_response(),
        Err(error) => refuse(&error),
    }
}

async fn regions(State(tidb): State<Arc<Tidb>>, Path((db, table)): Path<(String, String)>) -> Response {
    let entry = match tidb.catalog.table(&db, &table) {
        Ok(entry) => entry,
        Err(error) => return refuse(&error),
    };
    let part = |name: &str, id: i64| {
        let regions = |range: (Vec<u8>, Vec<u8>)| -> Vec<Value> {
            let (start, end) =
                (th_sst::memcomparable::encode(&range.0), th_sst::memcomparable::encode(&range.1));
            tidb.cluster.regions().scan(&start, &end, 0).into_iter().map(region_json).collect()
        };
        let indices: Vec<Value> = entry
            .info
            .indexes
            .iter()
            .map(|index| {
                json!({
                    "name": index.name.original,
                    "id": index.id,
                    "regions": regions(th_codec::keys::index_range(id, index.id)),
                })
            })
            .collect();
        json!({
            "name": name,
            "id": id,
            "record_regions": regions(th_codec::keys::record_range(id)),
            "indices": indices,
        })
    };
    let definitions = entry.info.partition.as_ref().and_then(|partition| partition.definitions.as_ref());
    match definitions {
        Some(definitions) => {
            let parts: Vec<Value> =
                definitions.iter().map(|definition| part(&definition.name.original, definition.id)).collect();
            Json(parts).into_response()
        }
        None => Json(part(&entry.info.name.original, entry.info.id)).into_response(),
    }
}

fn region_json(region: &Region) -> Value {
    let peer = |peer: &Peer| json!({"id": peer.id, "store_id": peer.store_id});
    json!({
        "region_id": region.id,
        "leader": region.leader().as_ref().map(peer),
        "peers": region.peers.iter().map(peer).collect::<Vec<_>>(),
        "region_epoch": {"conf_ver": region.conf_ver, "version": region.version},
    })
}

/// What the settings say of the version; a test keeps them in step.
#[cfg(test)]
mod tests {
    #[test]
    fn the_settings_template_is_json_and_the_version_is_one_of_tidb_nine() {
        let settings: serde_json::Value = serde_json::from_str(super::SETTINGS).unwrap();
        assert_eq!(settings["store"], "tikv");
        assert!(super::server_version().starts_with("8.0.11-TiDB-v9.0.0"));
    }
}
