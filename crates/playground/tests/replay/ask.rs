//! Asking one recorded question: over gRPC, HTTP or MySQL, as its name says.

use std::collections::HashMap;

use mysql_async::prelude::Queryable;
use protox::prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use serde_json::{Map, Value as Json, json};
use th_playground::Playground;
use tonic::Code;
use tonic::transport::Channel;

use crate::dynamic;
use crate::files;
use crate::same::Mapping;

/// The recorded cluster's id.
pub(crate) const RECORDED_CLUSTER: u64 = 7_710_570_828_053_675_501;
/// The latest timestamp of the recording.
const RECORDED_NOW: i64 = 470_615_935_144_427_521;
/// Id of the recorded table: ids go into checksums, so the playground's table gets the same.
const RECORDED_TABLE: u64 = 141;
/// Columns of SQL results that hold ids.
const ID_COLUMNS: [&str; 4] = ["region_id", "leader_id", "peers", "tidb_table_id"];

/// Connections to everything that answers.
pub(crate) struct Asker {
    pool: DescriptorPool,
    pd: Channel,
    tikv: Channel,
    sql: mysql_async::Conn,
    http: reqwest::Client,
    urls: HashMap<&'static str, String>,
    places: Vec<(String, String)>,
    cluster_id: u64,
    ids_used_up: bool,
}

async fn channel(address: &str) -> Channel {
    Channel::from_shared(format!("http://{address}")).expect("an address").connect().await.expect("a server")
}

impl Asker {
    /// Connects.
    pub(crate) async fn new(playground: &Playground) -> Self {
        let (pd, host) = (playground.pd_addr(), playground.host());
        let (tikv, tikv_status) =
            (playground.tikv_addrs().remove(0), playground.tikv_status_addrs().remove(0));
        let sql = mysql_async::OptsBuilder::default()
            .ip_or_hostname(host)
            .tcp_port(playground.tidb_port())
            .user(Some("root"))
            .prefer_socket(false);
        let tidb = format!("{host}:{}", playground.tidb_port());
        let status = format!("{host}:{}", playground.status_port());
        let cluster_id = playground.cluster_id().to_string();
        let recorded_cluster = RECORDED_CLUSTER.to_string();
        let places = [
            (recorded_cluster.as_str(), cluster_id.as_str()),
            ("127.0.0.1:20160", tikv.as_str()),
            ("127.0.0.1:20180", &tikv_status),
            ("127.0.0.1:2379", &pd),
            ("127.0.0.1:2380", &pd),
            ("127.0.0.1:4000", &tidb),
            ("127.0.0.1:10080", &status),
            ("9.0.0-alpha", "9.0.0-playground"),
            ("9.0.0-beta.2", "9.0.0-playground"),
        ];
        Self {
            pool: dynamic::descriptors(),
            pd: channel(&pd).await,
            tikv: channel(&tikv).await,
            sql: mysql_async::Conn::new(sql).await.expect("a SQL session"),
            http: reqwest::Client::new(),
            places: places.map(|(from, to)| (from.to_owned(), to.to_owned())).to_vec(),
            urls: HashMap::from([
                ("{pd}", format!("http://{pd}")),
                ("{tidb-status}", format!("http://{status}")),
                ("{tikv-status}", format!("http://{tikv_status}")),
            ]),
            cluster_id: playground.cluster_id(),
            ids_used_up: false,
        }
    }

    /// Texts of the recording and what stands for them here.
    pub(crate) fn places(&self) -> Vec<(String, String)> {
        self.places.clone()
    }

    /// How much later it is here.
    pub(crate) async fn time_distance(&self) -> i64 {
        let answer = self.pd_call("Tso", json!({"count": 1})).await;
        let part = |name: &str| answer["timestamp"][name].as_i64().unwrap_or(0);
        ((part("physical") << 18) | part("logical")) - RECORDED_NOW
    }

    /// Asks and gives the answer in the recording's form: the fields that hold an answer.
    pub(crate) async fn ask(&mut self, question: &Json, mapping: &mut Mapping) -> Json {
        let name = question["name"].as_str().unwrap_or_default();
        match name.split('.').nth(1) {
            Some("sql") => self.sql(question["request"].as_str().unwrap_or_default()).await,
            Some("http") => self.http(question, mapping).await,
            _ => self.grpc(name, question, mapping).await,
        }
    }

    async fn sql(&mut self, text: &str) -> Json {
        if text == "CREATE DATABASE probe" && !std::mem::replace(&mut self.ids_used_up, true) {
            self.use_up_ids().await;
        }
        let mut result = match self.sql.query_iter(text).await {
            Ok(result) => result,
            Err(mysql_async::Error::Server(error)) => return json!({"error": [error.code, error.message]}),
            Err(error) => panic!("{text}: {error}"),
        };
        let names: Vec<String> =
            result.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
        let rows: Vec<mysql_async::Row> = match result.collect().await {
            Ok(rows) => rows,
            Err(mysql_async::Error::Server(error)) => return json!({"error": [error.code, error.message]}),
            Err(error) => panic!("{text}: {error}"),
        };
        let rows: Vec<Json> = rows
            .into_iter()
            .map(|row| {
                let values = row.unwrap().into_iter();
                values
                    .map(|value| {
                        mysql_async::from_value::<Option<String>>(value).map_or(Json::Null, Json::String)
                    })
                    .collect()
            })
            .collect();
        json!({"columns": if names.is_empty() { Json::Null } else { json!(names) }, "rows": rows})
    }

    /// Takes ids until the next table but one gets the recorded table's.
    async fn use_up_ids(&self) {
        loop {
            let answer = self.pd_call("AllocID", json!({})).await;
            let id = answer["id"].as_u64().expect("an id");
            assert!(id < RECORDED_TABLE - 1, "a fresh playground has used {id} ids already");
            if id == RECORDED_TABLE - 2 {
                return;
            }
        }
    }

    async fn http(&self, question: &Json, mapping: &Mapping) -> Json {
        let mut url = question["url"].as_str().unwrap_or_default().to_owned();
        for (place, here) in &self.urls {
            url = url.replace(place, here);
        }
        if let Some((head, id)) = url.rsplit_once("/id/") {
            let id = id.parse().expect("an id");
            url = format!("{head}/id/{}", mapping.ids.get(&id).copied().unwrap_or(id));
        }
        let method = question["method"].as_str().unwrap_or_default().parse().expect("a method");
        let mut request = self.http.request(method, url);
        if !question["body"].is_null() {
            request = request.json(&question["body"]);
        }
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let body = response.text().await.expect("a body");
        let answer = serde_json::from_str(&body).unwrap_or(Json::String(body));
        json!({"status": status, "answer": answer})
    }

    async fn pd_call(&self, method: &str, mut request: Json) -> Json {
        request["header"] = json!({"cluster_id": self.cluster_id});
        let method = self.method("pd", method);
        let message = dynamic::to_message(&method.input(), &request);
        let answers = dynamic::call(&self.pd, &path(&method), vec![dynamic::encode(&message)]).await;
        let answer = answers.expect("an answer").remove(0);
        dynamic::to_json(&DynamicMessage::decode(method.output(), answer.as_slice()).expect("a message"))
    }

    fn method(&self, server: &str, name: &str) -> MethodDescriptor {
        self.pool
            .services()
            .filter(|service| (service.full_name() == "pdpb.PD") == (server == "pd"))
            .find_map(|service| service.methods().find(|method| method.name() == name))
            .unwrap_or_else(|| panic!("no service of {server} has {name}"))
    }

    async fn grpc(&mut self, name: &str, question: &Json, mapping: &mut Mapping) -> Json {
        let mut parts = name.split('.');
        let (server, method) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        if name == "tikv.SplitRegion" {
            self.learn_region(&question["request"], mapping).await;
        }
        let method = self.method(server, method);
        let mut requests = match mapping.request(&question["request"]) {
            Json::Array(requests) => requests,
            one => vec![one],
        };
        if let Some(bytes) = files::bytes_for(name, (RECORDED_NOW + mapping.time_distance) as u64) {
            files::fill(&mut requests, &bytes, name);
        }
        let requests =
            requests.iter().map(|fields| dynamic::encode(&dynamic::to_message(&method.input(), fields)));
        let channel = if server == "pd" { &self.pd } else { &self.tikv };
        let answers = match dynamic::call(channel, &path(&method), requests.collect()).await {
            Ok(answers) => answers,
            Err(status) => {
                let code = match status.code() {
                    Code::FailedPrecondition => "FAILED_PRECONDITION",
                    Code::Unimplemented => "UNIMPLEMENTED",
                    Code::Unknown => "UNKNOWN",
                    other => panic!("{name}: {other:?} {}", status.message()),
                };
                return json!({"grpc_status": {"code": code, "message": status.message()}});
            }
        };
        let mut answers: Vec<Json> = answers
            .iter()
            .map(|answer| DynamicMessage::decode(method.output(), answer.as_slice()).expect("a message"))
            .map(|message| dynamic::to_json(&message))
            .collect();
        if question["response"].is_array() {
            json!({"response": answers})
        } else {
            json!({"response": answers.remove(0)})
        }
    }

    /// The recording did not ask for the region that it splits; here it has to be found.
    async fn learn_region(&self, request: &Json, mapping: &mut Mapping) {
        let context = &request["context"];
        let user_key = dynamic::unhex(request["split_keys"][0].as_str().unwrap_or_default());
        let key = dynamic::hex(&th_sst::memcomparable::encode(&user_key));
        let region = self.pd_call("GetRegion", json!({"region_key": key})).await["region"].clone();
        let number = |value: &Json| value.as_u64().expect("a number");
        mapping.ids.insert(number(&context["region_id"]), number(&region["id"]));
        mapping.ids.insert(number(&context["peer"]["id"]), number(&region["peers"][0]["id"]));
        let version = |epoch: &Json| epoch["version"].as_i64().expect("a version");
        mapping.version_distance = version(&region["region_epoch"]) - version(&context["region_epoch"]);
    }
}

fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// An answer with rows as objects by column, so that columns are compared as fields are.
pub(crate) fn by_column(answer: &Json) -> Json {
    let Some(columns) = answer["columns"].as_array() else { return answer.clone() };
    let object = |row: &Json| -> Json {
        let mut fields = Map::new();
        for (column, value) in columns.iter().zip(row.as_array().into_iter().flatten()) {
            let name = column.as_str().unwrap_or_default().to_lowercase();
            let id = value.as_str().and_then(|text| text.parse::<u64>().ok());
            let value = match id {
                Some(id) if ID_COLUMNS.contains(&name.as_str()) => json!(id),
                _ => value.clone(),
            };
            fields.insert(name, value);
        }
        Json::Object(fields)
    };
    let rows: Vec<Json> = answer["rows"].as_array().into_iter().flatten().map(object).collect();
    json!({"columns": columns, "rows": rows})
}
