//! A ledger in memory, what is said about it, and what is served.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use object_store::path::Path;
use serde_json::json;
use th_env::Env;
use th_errors::{Code, Fault};
use th_ledger::{
    Complete, FORMAT, Job, JobFailure, JobId, JobInHand, JobResult, Ledger, Outcome, Plan, Stage, Usage,
    Verdict, WorkerReport, WorkerState,
};
use th_queue::LocalQueue;
use th_status::metrics::{JobOutcome, WorkerMetrics};
use th_status::{ImportStatus, Server, Site, State, Watcher, text};

const SECOND: i64 = 1_000_000;

/// An import of two tables in four jobs of 100 bytes each, planned `ago` seconds ago.
struct World {
    env: Env,
    ledger: Ledger,
}

impl World {
    async fn new(ago: i64) -> Self {
        let env = Env::real();
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let ledger = Ledger::new(store, &Path::default(), "memory://", "it");
        let world = Self { env, ledger };
        let table = |name: &str, jobs: std::ops::Range<u32>| json!({"db": "app", "name": name, "info": {}, "source_bytes": jobs.len() * 100, "jobs": jobs, "row_id_end": 0});
        let plan = json!({
            "format": FORMAT, "import_id": "it", "version": "1", "created_micros": world.ago(ago), "source": "s3://b/dump",
            "target": {"pd": [], "cluster_id": 1, "version": "8.0.11-TiDB-v8.5.0"},
            "session": {"sql_mode": "", "time_zone": "UTC", "now_micros": 0, "new_collation": true},
            "read": th_dump::ReadOptions::default(), "tables": [table("t", 0..3), table("u", 3..4)], "jobs": 4,
            "source_bytes": 400,
        });
        // By way of text, which raw JSON wants.
        let plan: Plan = serde_json::from_str(&plan.to_string()).unwrap();
        let jobs = (0..4).map(|job| Job {
            format: FORMAT,
            import_id: "it".into(),
            job: JobId(job),
            table: u32::from(job == 3),
            chunks: Vec::new(),
            commit_ts: 1,
            source_bytes: 100,
        });
        world.ledger.write_plan(&plan, &jobs.collect::<Vec<_>>(), &[]).await.unwrap();
        world
    }

    fn ago(&self, seconds: i64) -> i64 {
        self.env.now_micros() - seconds * SECOND
    }

    /// A job was done from `start` to `end` seconds ago.
    async fn finish(&self, job: u32, start: i64, end: i64) {
        let result: JobResult = serde_json::from_value(json!({
            "format": FORMAT, "import_id": "it", "job": job, "table": u32::from(job == 3), "rows": 10,
            "pairs": {"crc64": "1", "pairs": 20, "bytes": 300},
            "bases": {"row_id": 0, "auto_increment": 0, "auto_random": 0}, "source_bytes": 100, "worker": "w",
            "started_micros": self.ago(start), "finished_micros": self.ago(end), "spilled_bytes": 0, "pieces": 1,
            "retries": 0,
        }))
        .unwrap();
        self.ledger.write_result(&result).await.unwrap();
    }

    /// A worker said `seen` seconds ago that it has these jobs in hand, half read.
    async fn report(&self, worker: &str, state: WorkerState, seen: i64, jobs: &[(u32, Stage)]) {
        let jobs = jobs.iter().map(|&(job, stage)| JobInHand {
            job: JobId(job),
            table: u32::from(job == 3),
            stage,
            started_micros: self.ago(seen + 10),
            advanced_micros: self.ago(seen),
            source_bytes: 100,
            read_bytes: if stage == Stage::Encode { 50 } else { 100 },
            rows: 5,
            pair_bytes: 150,
            ingested_bytes: if stage == Stage::Ingest { 75 } else { 0 },
        });
        let report = WorkerReport {
            format: FORMAT,
            worker: worker.into(),
            host: "host".into(),
            version: "1".into(),
            state,
            started_micros: self.ago(100),
            seen_micros: self.ago(seen),
            slots: 2,
            finished_jobs: 1,
            jobs: jobs.collect(),
        };
        self.ledger.write_worker(&report).await.unwrap();
    }

    async fn status(&self) -> Arc<ImportStatus> {
        let watcher = Watcher::new(self.ledger.clone(), self.env.clone());
        watcher.status(Duration::ZERO).await.unwrap()
    }

    async fn complete(&self) {
        let complete = Complete {
            format: FORMAT,
            import_id: "it".into(),
            source: "s3://b/dump".into(),
            finished_micros: self.ago(0),
            seconds: 1.0,
            version: "1".into(),
            tables: Vec::new(),
            rows: 40,
            source_bytes: 400,
            target_version: "v".into(),
            usage: Usage::default(),
            left_to_do: Vec::new(),
        };
        let verdict = Verdict { format: FORMAT, finalizer: "f".into(), outcome: Outcome::Complete(complete) };
        self.ledger.decide(&verdict).await.unwrap();
    }
}

#[tokio::test]
async fn jobs_in_hand_count_by_halves_and_jobs_of_silent_workers_do_not() {
    let world = World::new(100).await;
    world.finish(0, 100, 60).await;
    // Job 0 is finished, whatever the report still says.
    world.report("a", WorkerState::Working, 5, &[(0, Stage::Ingest), (1, Stage::Encode)]).await;
    world.report("b", WorkerState::Draining, 5, &[(2, Stage::Ingest)]).await;
    world.report("c", WorkerState::Working, 300, &[(3, Stage::Ingest)]).await;
    let status = world.status().await;
    assert_eq!((status.finished_jobs, status.jobs_in_hand, status.failed_jobs), (1, 2, 0));
    // 100 finished, 50/2 of the one that is read, (100 + 50)/2 of the one that is ingested.
    assert_eq!((status.finished_bytes, status.done_bytes), (100, 200));
    assert_eq!(status.tables.iter().map(|table| table.done_bytes).collect::<Vec<_>>(), [200, 0]);
    assert_eq!(status.ingested_bytes, 300 + 75);
    let states: Vec<&str> = status.workers.iter().map(|worker| worker.state).collect();
    assert_eq!(states, ["working", "draining", "silent"]);
    assert_eq!(status.waiting_for.as_deref(), Some("3 jobs, 2 of them in hand of 2 workers"));
    // 200 bytes in 100 seconds; as many are left.
    assert!((status.bytes_per_second - 2.0).abs() < 0.2, "{}", status.bytes_per_second);
    assert!((status.eta_seconds.unwrap() - 100.0).abs() < 10.0, "{:?}", status.eta_seconds);
    let shown = text::lines(&status);
    assert!(shown.contains("job\t00000002\tapp.t\tingest\t100.0 % read"), "{shown}");
    assert!(
        text::line(&status).starts_with("working 1 of 4 jobs, 50.0 %, 10 rows"),
        "{}",
        text::line(&status)
    );
}

#[tokio::test]
async fn it_is_said_who_is_waited_for() {
    let world = World::new(10).await;
    let status = world.status().await;
    assert_eq!(status.waiting_for.as_deref(), Some("a worker: none has reported, 4 jobs are open"));
    world.report("a", WorkerState::Done, 300, &[]).await;
    let waits = world.status().await.waiting_for.clone().unwrap();
    assert!(waits.contains("the last one, a, reported 300 s ago"), "{waits}");
    for job in 0..4 {
        world.finish(job, 9, 8).await;
    }
    let status = world.status().await;
    assert_eq!(
        (status.state, status.waiting_for.as_deref()),
        (State::Verifying, Some("the finalizer's verdict"))
    );
    world.complete().await;
    let status = world.status().await;
    assert_eq!((status.state, status.waiting_for.as_deref()), (State::Complete, None));
    assert_eq!(status.eta_seconds, None);
}

#[tokio::test]
async fn a_failure_is_named_before_the_import_has_failed() {
    let world = World::new(10).await;
    let fault = Fault::new(Code::BadValue, "value 300 is out of range");
    let failure = JobFailure { format: FORMAT, job: JobId(2), fault, worker: "w".into(), micros: 1 };
    world.ledger.write_failure(&failure).await.unwrap();
    let status = world.status().await;
    assert_eq!((status.state, status.failed_jobs), (State::Failing, 1));
    assert!(text::lines(&status).contains("fault\tTH0013\tvalue 300 is out of range"));
}

#[tokio::test]
async fn a_ledger_without_an_import_is_an_error() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let watcher = Watcher::new(Ledger::new(store, &Path::default(), "memory://", "it"), Env::real());
    let found = watcher.status(Duration::ZERO).await.unwrap_err();
    assert!(found.code == Code::LedgerConflict && found.message.contains("holds no import"), "{found}");
}

async fn get(server: &Server, path: &str) -> (u16, String, String) {
    let answer = reqwest::get(format!("http://{}{path}", server.addr)).await.unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (answer.status().as_u16(), kind, answer.text().await.unwrap())
}

/// A process that is everything at once, as `thunderhead import` is.
async fn site(world: &World) -> (Site, WorkerMetrics, Server) {
    let site = Site::new("it", &world.ledger, &world.env);
    let worker = WorkerMetrics::default();
    site.show_worker(&worker, std::path::Path::new("/nowhere"));
    site.show_import(Some(Arc::new(LocalQueue::new(Duration::from_secs(60), 5))));
    let server = site.serve("127.0.0.1:0").await.unwrap().unwrap();
    (site, worker, server)
}

#[tokio::test]
async fn health_turns_when_a_part_does_not_get_on_and_back() {
    let world = World::new(10).await;
    let (site, _, server) = site(&world).await;
    assert_eq!(get(&server, "/health").await.0, 200);
    site.health().set("worker", Some("no job gets on".into()));
    site.health().set("finalizer", None);
    let (code, _, body) = get(&server, "/health").await;
    assert_eq!((code, body.as_str()), (503, "stalled: worker: no job gets on\n"));
    assert!(get(&server, "/metrics").await.2.contains("thunderhead_stalled{import_id=\"it\"} 1"));
    site.health().set("worker", None);
    assert_eq!(get(&server, "/health").await.0, 200);
}

#[tokio::test]
async fn the_page_loads_nothing_but_its_own_data() {
    let world = World::new(10).await;
    let (_, _, server) = site(&world).await;
    let (code, kind, page) = get(&server, "/").await;
    assert_eq!((code, kind.as_str()), (200, "text/html; charset=utf-8"));
    for outside in ["http://", "https://", "src=", "href=", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let (code, kind, body) = get(&server, "/api/status").await;
    assert_eq!((code, kind.as_str()), (200, "application/json"));
    let status: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status["state"].as_str(), status["jobs"].as_u64()), (Some("working"), Some(4)));
}

#[tokio::test]
async fn an_address_that_cannot_be_listened_at_is_named() {
    let world = World::new(10).await;
    let site = Site::new("it", &world.ledger, &world.env);
    assert!(site.serve("").await.unwrap().is_none());
    let everywhere = site.serve(":0").await.unwrap().unwrap();
    let health = format!("http://127.0.0.1:{}/health", everywhere.addr.port());
    assert_eq!(reqwest::get(health).await.unwrap().status().as_u16(), 200);
    let found = site.serve("127.0.0.1:notaport").await.unwrap_err();
    assert!(found.code == Code::BadConfig && found.message.contains("127.0.0.1:notaport"), "{found}");
}

/// Names of metrics in a text: `thunderhead_` and what follows.
fn names(text: &str) -> BTreeSet<String> {
    let is_name =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
    let parts = text.split("thunderhead_").skip(1);
    parts.map(|rest| rest.chars().take_while(|&character| is_name(character)).collect()).collect()
}

#[tokio::test]
async fn every_metric_is_used_by_the_dashboard_or_the_alerts_and_they_use_no_other() {
    let world = World::new(10).await;
    let (_, worker, server) = site(&world).await;
    worker.table("app.t").rows.inc();
    worker.job(JobOutcome::Done);
    worker.stage(Stage::Encode, 1.0);
    worker.refused(&[("EpochNotMatch", 2)].into());
    worker.set_store_limits(&[(4, 8)]);
    worker.set_state(1, 2, false);
    let (code, kind, text) = get(&server, "/metrics").await;
    assert_eq!((code, kind.as_str()), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(text.ends_with("# EOF\n"), "{text}");
    for line in [
        "thunderhead_rows_total{import_id=\"it\",table=\"app.t\"} 1",
        "thunderhead_jobs_total{import_id=\"it\",outcome=\"done\"} 1",
        "thunderhead_ingest_refusals_total{import_id=\"it\",reason=\"EpochNotMatch\"} 2",
        "thunderhead_store_requests{import_id=\"it\",store=\"4\"} 8",
        "thunderhead_job_seconds_count{import_id=\"it\",stage=\"encode\"} 1",
        "thunderhead_import_jobs{import_id=\"it\",state=\"open\"} 4",
        "thunderhead_queue_messages{import_id=\"it\",state=\"dead\"} 0",
        "thunderhead_sort_bytes{import_id=\"it\"} 0",
    ] {
        assert!(text.lines().any(|found| found == line), "no `{line}` in\n{text}");
    }
    let exported: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE thunderhead_")?.split_once(' '))
        .flat_map(|(name, kind)| match kind {
            "counter" => vec![format!("{name}_total")],
            "histogram" => vec![format!("{name}_bucket")],
            _ => vec![name.to_owned()],
        })
        .collect();
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/observability");
    let mut used = BTreeSet::new();
    for file in ["dashboard.json", "alerts.yaml"] {
        used.extend(names(&std::fs::read_to_string(folder.join(file)).unwrap()));
    }
    assert_eq!(exported, used);
}
