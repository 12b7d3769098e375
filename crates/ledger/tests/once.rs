//! Every document is written once: the first writer wins, everybody else learns of it.

use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use th_errors::{Code, Fault};
use th_ledger::{
    Backend, Bases, Chunk, FORMAT, Failed, Job, JobFailure, JobId, JobResult, Ledger, LedgerError, Outcome,
    Pairs, Plan, Put, Session, Target, Verdict, WorkerReport, WorkerState,
};

fn ledger() -> (Arc<InMemory>, Ledger) {
    let store = Arc::new(InMemory::new());
    let ledger =
        Ledger::new(Arc::clone(&store) as Arc<dyn ObjectStore>, &Path::from("runs"), "memory:///runs/", "it");
    (store, ledger)
}

fn plan(source: &str, jobs: u32) -> Plan {
    Plan {
        format: FORMAT,
        import_id: "it".into(),
        version: "1".into(),
        created_micros: 1,
        source: source.into(),
        backend: Backend::default(),
        target: Target { pd: vec!["pd:2379".into()], cluster_id: 7, version: "v8.5.0".into() },
        session: Session {
            sql_mode: String::new(),
            time_zone: "UTC".into(),
            now_micros: 1,
            new_collation: true,
            variables: Default::default(),
        },
        read: th_dump::ReadOptions::default(),
        tables: Vec::new(),
        jobs,
        attempt: "a".into(),
        source_bytes: 0,
        max_rejected: 0,
        conflict: th_ledger::ConflictPolicy::default(),
        first_commit_ts: 0,
        shared: None,
    }
}

fn job(number: u32) -> Job {
    Job {
        format: FORMAT,
        import_id: "it".into(),
        job: JobId(number),
        table: 0,
        chunks: Vec::<Chunk>::new(),
        commit_ts: 100 + u64::from(number),
        source_bytes: 5,
    }
}

fn result(number: u32, worker: &str) -> JobResult {
    JobResult {
        format: FORMAT,
        import_id: "it".into(),
        job: JobId(number),
        table: 0,
        rows: 3,
        rejected: 0,
        pairs: Pairs { crc64: u64::MAX, pairs: 6, bytes: 60 },
        conflicts: 0,
        bases: Bases::default(),
        source_bytes: 5,
        worker: worker.into(),
        started_micros: 1,
        finished_micros: 2,
        spilled_bytes: 0,
        pieces: 1,
        retries: 0,
        parts: None,
    }
}

fn verdict(finalizer: &str) -> Verdict {
    Verdict {
        format: FORMAT,
        finalizer: finalizer.into(),
        outcome: Outcome::Failed(Failed {
            format: FORMAT,
            import_id: "it".into(),
            source: "s3://b/d".into(),
            finished_micros: 1,
            faults: vec![Fault::new(Code::Stalled, format!("found by {finalizer}"))],
            tables: Vec::new(),
            left_to_do: Vec::new(),
        }),
    }
}

#[tokio::test]
async fn a_plan_and_its_jobs_are_read_back() {
    let (_, ledger) = ledger();
    assert!(ledger.plan().await.expect("read").is_none());
    let jobs: Vec<Job> = (0..100).map(job).collect();
    ledger.write_plan(&plan("s3://b/d", 100), &jobs, &[]).await.expect("written");
    assert_eq!(ledger.plan().await.expect("read").expect("a plan").jobs, 100);
    assert_eq!(ledger.job(&plan("s3://b/d", 100), JobId(42)).await.expect("a job").commit_ts, 142);
    // The same planner may write the same again, as after an answer that was lost.
    ledger.write_plan(&plan("s3://b/d", 100), &jobs, &[]).await.expect("the same again");
}

#[test]
fn a_plan_that_names_no_backend_is_ingested() {
    let mut text = serde_json::to_value(plan("s3://b/d", 0)).expect("JSON");
    assert!(text.as_object_mut().expect("an object").remove("backend").is_some());
    let plan: Plan = serde_json::from_value(text).expect("a plan");
    assert_eq!(plan.backend, Backend::Local);
}

#[tokio::test]
async fn another_plan_in_the_same_place_is_refused_by_name() {
    let (_, ledger) = ledger();
    ledger.write_plan(&plan("s3://b/d", 0), &[], &[]).await.expect("written");
    let error = ledger.write_plan(&plan("s3://b/other", 0), &[], &[]).await.expect_err("refused");
    assert!(
        matches!(&error, LedgerError::Conflict { object } if object == "memory:///runs/it/plan.json"),
        "{error}"
    );
}

#[tokio::test]
async fn the_first_result_of_a_job_stays() {
    let (_, ledger) = ledger();
    assert_eq!(ledger.write_result(&result(1, "a")).await.expect("written"), Put::Created);
    assert_eq!(ledger.write_result(&result(1, "a")).await.expect("written"), Put::Created);
    assert_eq!(ledger.write_result(&result(1, "b")).await.expect("written"), Put::Existing(result(1, "a")));
    ledger.write_result(&result(0, "b")).await.expect("written");
    assert_eq!(ledger.finished_jobs().await.expect("listed"), [JobId(0), JobId(1)]);
    let mut results = ledger.results(&[JobId(0), JobId(1)]).await.expect("read");
    results.sort_by_key(|result| result.job);
    assert_eq!(results, [result(0, "b"), result(1, "a")]);
}

#[tokio::test]
async fn the_first_reason_of_a_failure_stays() {
    let (_, ledger) = ledger();
    let failure = |text: &str| JobFailure {
        format: FORMAT,
        job: JobId(3),
        fault: Fault::new(Code::BadValue, text),
        worker: "a".into(),
        micros: 1,
    };
    ledger.write_failure(&failure("first")).await.expect("written");
    ledger.write_failure(&failure("second")).await.expect("written");
    assert_eq!(ledger.failed_jobs().await.expect("listed"), [JobId(3)]);
    let read = ledger.failure(JobId(3)).await.expect("read").expect("a failure");
    assert_eq!(read.fault.message, "first");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_finalizers_one_decides_and_all_agree() {
    let (_, ledger) = ledger();
    let finalizers = (0..16).map(|number| {
        let ledger = ledger.clone();
        tokio::spawn(async move { ledger.decide(&verdict(&format!("finalizer-{number}"))).await })
    });
    let mut decided = Vec::new();
    for finalizer in finalizers.collect::<Vec<_>>() {
        decided.push(finalizer.await.expect("runs").expect("decides"));
    }
    let winner = ledger.verdict().await.expect("read").expect("a verdict");
    assert!(decided.iter().all(|verdict| *verdict == winner), "{decided:?}");
    let Outcome::Failed(failed) = winner.outcome else { panic!("not what was decided") };
    assert_eq!(ledger.failed().await.expect("read"), Some(failed));
    assert_eq!(ledger.complete().await.expect("read"), None);
}

#[tokio::test]
async fn a_marker_that_its_finalizer_could_not_write_is_written_by_the_next_reader() {
    let (store, ledger) = ledger();
    let body = serde_json::to_vec(&verdict("dead")).expect("JSON");
    store.put(&Path::from("runs/it/verdict.json"), PutPayload::from(body)).await.expect("stored");
    assert!(ledger.failed().await.expect("read").is_none());
    assert_eq!(ledger.verdict().await.expect("read").expect("a verdict").finalizer, "dead");
    assert!(ledger.failed().await.expect("read").is_some());
}

#[tokio::test]
async fn a_document_of_a_newer_version_is_refused_by_name() {
    let (store, ledger) = ledger();
    let body = format!("{{\"format\": {}, \"something\": \"new\"}}", FORMAT + 1);
    store.put(&Path::from("runs/it/plan.json"), PutPayload::from(body)).await.expect("stored");
    let error = ledger.plan().await.expect_err("refused");
    assert!(error.to_string().starts_with("memory:///runs/it/plan.json has format 2"), "{error}");
}

#[tokio::test]
async fn a_damaged_document_is_named() {
    let (store, ledger) = ledger();
    for body in ["", "{", "[1]", "{\"format\": 1}", "\u{0}"] {
        store
            .put(&Path::from("runs/it/results/00000007.json"), PutPayload::from(body))
            .await
            .expect("stored");
        let error = ledger.result(JobId(7)).await.expect_err("refused");
        assert!(
            matches!(&error, LedgerError::Damaged { object, .. } if object.ends_with("it/results/00000007.json"))
        );
    }
    let error = ledger.job(&plan("s3://b/d", 100), JobId(9)).await.expect_err("missing");
    assert!(matches!(&error, LedgerError::Missing { object } if object.ends_with("it/jobs/a/00000009.json")));
}

#[tokio::test]
async fn a_store_proves_that_it_refuses_to_overwrite() {
    let (_, ledger) = ledger();
    ledger.probe().await.expect("memory refuses");
    ledger.probe().await.expect("and does again");
    let folder = tempfile::tempdir().expect("a folder");
    let store = object_store::local::LocalFileSystem::new_with_prefix(folder.path()).expect("a store");
    Ledger::new(Arc::new(store), &Path::default(), "folder", "it").probe().await.expect("a folder refuses");
}

fn report(worker: &str, finished_jobs: u64) -> WorkerReport {
    WorkerReport {
        format: FORMAT,
        worker: worker.into(),
        host: "host".into(),
        version: "1".into(),
        state: WorkerState::Working,
        started_micros: 1,
        seen_micros: 2,
        slots: 2,
        finished_jobs,
        jobs: Vec::new(),
    }
}

#[tokio::test]
async fn a_workers_report_replaces_its_last_one_and_only_its_own() {
    let (store, ledger) = ledger();
    assert_eq!(ledger.workers().await.unwrap(), []);
    for (worker, finished) in [("b", 1), ("a/../verdict", 2), ("b", 3)] {
        ledger.write_worker(&report(worker, finished)).await.unwrap();
    }
    let broken = Path::from("runs/it/workers/c.json");
    store.put(&broken, PutPayload::from_static(b"{")).await.unwrap();
    let reports = ledger.workers().await.unwrap();
    assert_eq!(reports, [report("a/../verdict", 2), report("b", 3)]);
    assert_eq!(ledger.verdict().await.unwrap(), None, "a name does not leave the folder");
}
