//! The importer: by a client that has nothing but the protocol, and by our own workers.

use std::path::PathBuf;

use mysql_async::prelude::Queryable as _;
use th_cluster::{Cluster, ClusterOptions};
use th_codec::Checksum;
use th_env::Env;
use th_proto::import_kvpb::import_kv_client::ImportKvClient;
use th_proto::import_kvpb::{self as kv, write_engine_request::Chunk};
use th_proto::import_sstpb;
use th_tests::{DEADLINE, Running, Target, connect, data, digests, expected};
use tonic::transport::Channel;

use crate::processes::{Split, slow_ingests};

/// `thunderhead importer` on a port of its own.
struct Daemon {
    port: u16,
    folder: PathBuf,
    running: Running,
}

impl Daemon {
    fn free_port() -> u16 {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("its address").port()
    }

    async fn start(target: &Target, port: u16) -> Self {
        let folder = target.path("importer");
        let daemon = Self { port, running: Self::spawn(port, &folder), folder };
        daemon.client().await;
        daemon
    }

    fn spawn(port: u16, folder: &std::path::Path) -> Running {
        let flags = ["--addr", &format!("127.0.0.1:{port}"), "--memory", "8MiB", "--import-dir"];
        let config = folder.with_extension("toml");
        // Fewer engines than a worker does jobs.
        std::fs::write(&config, "log-level = \"info\"\n[import]\nmax-open-engines = 2\n")
            .expect("a configuration");
        let config = config.display().to_string();
        let mut arguments = vec!["importer".to_owned(), "--config".to_owned(), config];
        arguments.extend(flags.map(str::to_owned));
        arguments.push(folder.display().to_string());
        Running::start(&arguments, &[])
    }

    /// Kills it as a machine that vanishes would, and starts another at its place.
    async fn replace(&mut self) {
        self.running.kill();
        let killed = std::mem::replace(&mut self.running, Self::spawn(self.port, &self.folder));
        killed.wait().await;
        // The one that died may still have had the port.
        if tokio::time::timeout(DEADLINE / 10, self.client()).await.is_err() {
            self.running = Self::spawn(self.port, &self.folder);
            self.client().await;
        }
    }

    async fn client(&self) -> ImportKvClient<Channel> {
        let connecting = async {
            loop {
                if let Ok(client) = ImportKvClient::connect(format!("http://127.0.0.1:{}", self.port)).await {
                    return client;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, connecting).await.expect("the importer answers")
    }

    /// The sum of a metric, whatever its labels.
    async fn gauge(&self, name: &str) -> u64 {
        let metrics = self.client().await.get_metrics(kv::GetMetricsRequest {}).await.expect("metrics");
        let text = metrics.into_inner().prometheus;
        let values = text.lines().filter(|line| line.starts_with(name));
        values.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    }

    /// Engines that are open, closed or being imported.
    async fn engines(&self) -> u64 {
        self.gauge("thunderhead_importer_engines").await
    }
}

/// A table's rows as pairs, built from the description of the layouts alone.
struct Rows {
    table: i64,
    index: i64,
}

impl Rows {
    fn key(number: i64) -> [u8; 8] {
        (number as u64 ^ 1 << 63).to_be_bytes()
    }

    /// The record and the index entry of the row (`id`, `v`).
    fn pairs(&self, id: i64, v: i16) -> [(Vec<u8>, Vec<u8>); 2] {
        let table = [b"t".as_slice(), &Self::key(self.table)].concat();
        let record = [&table, b"_r".as_slice(), &Self::key(id)].concat();
        let small = i8::try_from(v).map_or_else(|_| v.to_le_bytes().to_vec(), |v| v.to_le_bytes().to_vec());
        // Version, flags, one column that is not null, none that is; its id, where it ends, its bytes.
        let value = [&[0x80, 0, 1, 0, 0, 0, 2, small.len() as u8, 0], small.as_slice()].concat();
        let entry = [
            table.as_slice(),
            b"_i",
            &Self::key(self.index),
            &[3],
            &Self::key(i64::from(v)),
            &[3],
            &Self::key(id),
        ];
        [(record, value), (entry.concat(), b"0".to_vec())]
    }
}

fn mutation((key, value): (Vec<u8>, Vec<u8>)) -> kv::Mutation {
    kv::Mutation { op: 0, key: key.into(), value: value.into() }
}

fn chunk(chunk: Chunk) -> kv::WriteEngineRequest {
    kv::WriteEngineRequest { chunk: Some(chunk) }
}

/// What a stream of batches brings.
fn chunks(uuid: &[u8], commit_ts: u64, batches: Vec<Vec<kv::Mutation>>) -> Vec<kv::WriteEngineRequest> {
    let head = Chunk::Head(kv::WriteHead { uuid: uuid.to_vec() });
    let batches = batches.into_iter().map(|mutations| Chunk::Batch(kv::WriteBatch { commit_ts, mutations }));
    std::iter::once(head).chain(batches).map(chunk).collect()
}

fn stream(
    uuid: &[u8],
    commit_ts: u64,
    batches: Vec<Vec<kv::Mutation>>,
) -> futures::stream::Iter<std::vec::IntoIter<kv::WriteEngineRequest>> {
    futures::stream::iter(chunks(uuid, commit_ts, batches))
}

/// A table to import into, and the cluster's clients.
async fn table(target: &Target) -> (Rows, Cluster) {
    let mut conn = connect(target.playground.tidb_port()).await;
    conn.query_drop("CREATE DATABASE d").await.expect("a database");
    conn.query_drop("CREATE TABLE d.t (id BIGINT PRIMARY KEY, v BIGINT, KEY(v))").await.expect("a table");
    let url = format!("http://127.0.0.1:{}/schema/d/t", target.playground.status_port());
    let text = reqwest::get(url).await.expect("the definition").text().await.expect("its text");
    let info: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let number = |value: &serde_json::Value| value.as_i64().expect("an id");
    let rows = Rows { table: number(&info["id"]), index: number(&info["index_info"][0]["id"]) };
    let options = ClusterOptions::new([target.playground.pd_addr()]);
    (rows, Cluster::connect(Env::real(), options).await.expect("the cluster"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knows_only_the_protocol_streams_a_table() {
    let target = Target::start().await;
    let daemon = Daemon::start(&target, Daemon::free_port()).await;
    let (rows, cluster) = table(&target).await;
    let commit_ts = cluster.pd.tso(1).await.expect("a timestamp");
    let mut client = daemon.client().await;
    let pd_addr = target.playground.pd_addr();
    let mode = |mode| kv::SwitchModeRequest {
        pd_addr: pd_addr.clone(),
        request: Some(import_sstpb::SwitchModeRequest { mode, ..Default::default() }),
    };
    client.switch_mode(mode(i32::from(import_sstpb::SwitchMode::Import))).await.expect("import mode");
    let uuid = vec![7u8; 16];
    let open = kv::OpenEngineRequest { uuid: uuid.clone(), key_prefix: Vec::new() };
    client.open_engine(open.clone()).await.expect("it opens");
    client.open_engine(open).await.expect("it is open");
    // Rows in no order, by two streams at once and by single calls; some batches are sent twice.
    const COUNT: i64 = 30_000;
    let mut checksum = Checksum::default();
    let mut batches: Vec<Vec<(Vec<u8>, Vec<u8>)>> = Vec::new();
    let ids: Vec<i64> = (0..COUNT).map(|n| n * 7_919 % COUNT - COUNT / 2).collect();
    for ids in ids.chunks(500) {
        let pairs: Vec<_> = ids.iter().flat_map(|id| rows.pairs(*id, (id % 300) as i16)).collect();
        for (key, value) in &pairs {
            checksum.update(key, value);
        }
        batches.push(pairs);
    }
    let third = batches.len() / 3;
    let mutations = |batches: &[Vec<(Vec<u8>, Vec<u8>)>]| -> Vec<Vec<kv::Mutation>> {
        batches.iter().map(|pairs| pairs.iter().cloned().map(mutation).collect()).collect()
    };
    let (first, second) = (mutations(&batches[..third]), mutations(&batches[third..2 * third]));
    let mut other = client.clone();
    let (first, second) = tokio::join!(
        client.write_engine(stream(&uuid, commit_ts, first)),
        other.write_engine(stream(&uuid, commit_ts, second)),
    );
    assert_eq!(first.expect("a stream").into_inner().error, None);
    assert_eq!(second.expect("a stream").into_inner().error, None);
    for pairs in batches[2 * third..].iter().chain(&batches[..2]) {
        let pairs = pairs
            .iter()
            .map(|(key, value)| kv::KvPair { key: key.clone().into(), value: value.clone().into() });
        let request = kv::WriteEngineV3Request { uuid: uuid.clone(), commit_ts, pairs: pairs.collect() };
        assert_eq!(client.write_engine_v3(request).await.expect("a batch").into_inner().error, None);
    }
    let closed = client.close_engine(kv::CloseEngineRequest { uuid: uuid.clone() }).await.expect("it closes");
    assert_eq!(closed.into_inner().error, None);
    let import = kv::ImportEngineRequest { uuid: uuid.clone(), pd_addr: pd_addr.clone() };
    client.import_engine(import.clone()).await.expect("it is imported");
    client.import_engine(import).await.expect("it is imported again, which changes nothing");
    client.cleanup_engine(kv::CleanupEngineRequest { uuid }).await.expect("it goes");
    client.switch_mode(mode(i32::from(import_sstpb::SwitchMode::Normal))).await.expect("normal mode");
    let compact = kv::CompactClusterRequest {
        pd_addr,
        request: Some(import_sstpb::CompactRequest { output_level: -1, ..Default::default() }),
    };
    client.compact_cluster(compact).await.expect("a compaction");
    let version = client.get_version(kv::GetVersionRequest {}).await.expect("a version").into_inner();
    assert_eq!(version.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(daemon.engines().await, 0);
    let entries = std::fs::read_dir(&daemon.folder).expect("its folder");
    let folders = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir());
    let runs = folders.flat_map(|path| std::fs::read_dir(path).expect("its sort folder")).count();
    assert_eq!(runs, 0, "its runs are gone");
    let mut conn = connect(target.playground.tidb_port()).await;
    let found: (String, String, u64, u64, u64) =
        conn.query_first("ADMIN CHECKSUM TABLE d.t").await.expect("a checksum").expect("a row");
    assert_eq!((found.2, found.3, found.4), (checksum.crc64, checksum.pairs, checksum.bytes));
    conn.query_drop("ADMIN CHECK TABLE d.t").await.expect("rows and indexes agree");
    let sum: (i64, i64, i64) =
        conn.query_first("SELECT COUNT(*), MIN(id), MAX(v) FROM d.t").await.expect("rows").expect("a row");
    assert_eq!(sum, (COUNT, -COUNT / 2, 299));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_out_of_order_are_answered_as_the_old_daemon_did() {
    let target = Target::start().await;
    let daemon = Daemon::start(&target, Daemon::free_port()).await;
    let (rows, cluster) = table(&target).await;
    let commit_ts = cluster.pd.tso(1).await.expect("a timestamp");
    let pd_addr = target.playground.pd_addr();
    let mut client = daemon.client().await;
    let uuid = vec![1u8; 16];
    let not_found =
        Some(kv::Error { engine_not_found: Some(kv::error::EngineNotFound { uuid: uuid.clone() }) });
    let one = || vec![rows.pairs(1, 1).map(mutation).to_vec()];
    let open = kv::OpenEngineRequest { uuid: uuid.clone(), key_prefix: Vec::new() };
    let close = kv::CloseEngineRequest { uuid: uuid.clone() };
    let import = kv::ImportEngineRequest { uuid: uuid.clone(), pd_addr: pd_addr.clone() };
    let clean = kv::CleanupEngineRequest { uuid: uuid.clone() };
    // Errors are UNKNOWN, with their old names in front.
    let named = |status: tonic::Status, name: &str| {
        assert_eq!(status.code(), tonic::Code::Unknown, "{status}");
        assert!(status.message().starts_with(name), "{status}");
    };
    // Nothing is open yet.
    let written = client.write_engine(stream(&uuid, commit_ts, one())).await.expect("an answer");
    assert_eq!(written.into_inner().error, not_found);
    assert_eq!(client.close_engine(close.clone()).await.expect("an answer").into_inner().error, not_found);
    named(client.import_engine(import.clone()).await.expect_err("no engine"), "EngineNotFound");
    client.cleanup_engine(clean.clone()).await.expect("what is not there is clean");
    let short = kv::OpenEngineRequest { uuid: vec![1], key_prefix: Vec::new() };
    named(client.open_engine(short).await.expect_err("no uuid"), "Uuid");
    // Open.
    client.open_engine(open.clone()).await.expect("it opens");
    let other = kv::OpenEngineRequest { uuid: uuid.clone(), key_prefix: b"t".to_vec() };
    named(client.open_engine(other).await.expect_err("another prefix"), "EnginePrefixNotMatch");
    named(client.import_engine(import.clone()).await.expect_err("it is open"), "EngineInUse");
    let headless = futures::stream::iter(chunks(&uuid, commit_ts, one()).split_off(1));
    named(client.write_engine(headless).await.expect_err("no head"), "InvalidChunk");
    named(client.write_engine(stream(&uuid, 0, one())).await.expect_err("no timestamp"), "InvalidChunk");
    // Somebody writes: the stream does not end until the sender is dropped.
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let pending = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    });
    let mut writing = client.clone();
    let writing = tokio::spawn(async move { writing.write_engine(pending).await });
    for part in chunks(&uuid, commit_ts, one()) {
        sender.send(part).await.expect("the stream is open");
    }
    let began = async {
        while daemon.gauge("thunderhead_importer_streams").await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, began).await.expect("the stream is there");
    named(client.close_engine(close.clone()).await.expect_err("somebody writes"), "EngineInUse");
    named(client.cleanup_engine(clean.clone()).await.expect_err("somebody writes"), "EngineInUse");
    drop(sender);
    assert_eq!(writing.await.expect("a task").expect("a stream").into_inner().error, None);
    // Another value under a key that is there.
    let mut twice = rows.pairs(1, 1).map(mutation).to_vec();
    twice[0].value = rows.pairs(1, 2)[0].1.clone().into();
    let written = client.write_engine(stream(&uuid, commit_ts, vec![twice])).await.expect("an answer");
    assert_eq!(written.into_inner().error, None);
    // Closed.
    assert_eq!(client.close_engine(close.clone()).await.expect("an answer").into_inner().error, None);
    assert_eq!(client.close_engine(close.clone()).await.expect("an answer").into_inner().error, not_found);
    named(client.open_engine(open.clone()).await.expect_err("it is closed"), "FileExists");
    let nowhere = kv::ImportEngineRequest { uuid: uuid.clone(), pd_addr: String::new() };
    named(client.import_engine(nowhere).await.expect_err("no PD"), "ImportJobFailed");
    named(client.import_engine(import).await.expect_err("two values of one key"), "DuplicateKeys");
    client.cleanup_engine(clean).await.expect("it goes");
    client.open_engine(open).await.expect("its name is free again");
}

fn importer_config(port: u16) -> String {
    format!("[tikv-importer]\nbackend = \"importer\"\naddr = \"127.0.0.1:{port}\"\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_imports_by_way_of_the_importer() {
    let target = Target::start().await;
    let daemon = Daemon::start(&target, Daemon::free_port()).await;
    let config = target.path("config.toml");
    let more = "[thunderhead]\njob-size = \"100KiB\"\nconcurrency = 4\n";
    std::fs::write(&config, importer_config(daemon.port) + more).expect("a configuration");
    let outcome =
        target.import(&data("dumps/sql"), &["--config", config.to_str().expect("a path")]).await.succeeded();
    assert!(outcome.out.contains("verified"), "{}", outcome.out);
    assert_eq!(daemon.engines().await, 0, "every engine is cleaned up");
    assert_eq!(digests(target.playground.tidb_port()).await, expected(&data("dumps/expected.json")));
}

/// Every job is delivered twice, to two workers, and the importer is killed in the middle and started again.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_come_twice_and_an_importer_that_dies_change_nothing() {
    let port = Daemon::free_port();
    let split = Split::with(10, &importer_config(port)).await;
    let mut daemon = Daemon::start(&split.target, port).await;
    // A plan that is there is enqueued again.
    split.run("plan").await.succeeded();
    split.run("plan").await.succeeded();
    split.target.playground.faults().add(slow_ingests(2));
    let workers = [split.spawn("work"), split.spawn("work")];
    let patient = tokio::time::timeout(DEADLINE, async {
        while split.finished_jobs().await < 2 {
            tokio::task::yield_now().await;
        }
    });
    patient.await.expect("jobs are done");
    daemon.replace().await;
    split.run("finalize").await.succeeded();
    for worker in workers {
        worker.wait().await.succeeded();
    }
    split.verify().await;
}
