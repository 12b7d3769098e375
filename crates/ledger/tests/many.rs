//! Results of many jobs are joined, and read from what was joined.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use th_ledger::{
    Bases, FORMAT, Finished, IndexPairs, JobId, JobParts, JobResult, KeyRange, Ledger, Pairs, Results,
};

const JOBS: u32 = 2500;

fn ledger() -> (Arc<InMemory>, Ledger) {
    let store = Arc::new(InMemory::new());
    let ledger =
        Ledger::new(Arc::clone(&store) as Arc<dyn ObjectStore>, &Path::from("runs"), "memory:///runs/", "it");
    (store, ledger)
}

fn result(number: u32) -> JobResult {
    JobResult {
        format: FORMAT,
        import_id: "it".into(),
        job: JobId(number),
        table: 0,
        rows: u64::from(number),
        rejected: 0,
        pairs: Pairs { crc64: u64::MAX - u64::from(number), pairs: 6, bytes: 60 },
        conflicts: 0,
        bases: Bases::default(),
        source_bytes: 5,
        worker: "w".into(),
        started_micros: 1,
        finished_micros: 2,
        spilled_bytes: 0,
        pieces: 1,
        retries: 0,
        parts: None,
    }
}

async fn names(store: &InMemory, folder: &str) -> Vec<Path> {
    let folder = Path::from(format!("runs/it/{folder}"));
    let mut names: Vec<Path> =
        store.list(Some(&folder)).map_ok(|object| object.location).try_collect().await.expect("a list");
    names.sort();
    names
}

async fn joined(store: &InMemory) -> Vec<String> {
    let parts = names(store, "folded").await;
    parts.iter().filter_map(|part| part.filename().map(str::to_owned)).collect()
}

#[tokio::test]
async fn only_whole_parts_are_joined_and_they_stand_for_their_results() {
    let (store, ledger) = ledger();
    // One job of the second thousand is open.
    for number in (0..JOBS).filter(|number| *number != 1700) {
        ledger.write_result(&result(number)).await.expect("written");
    }
    let mut results = Results::default();
    results.read_new(&ledger, JOBS).await.expect("read");
    assert_eq!(results.len(), JOBS as usize - 1);
    results.fold(&ledger, JOBS).await.expect("joined");
    assert_eq!(joined(&store).await, ["00000000.json", "00000002.json"]);

    ledger.write_result(&result(1700)).await.expect("written");
    results.read_new(&ledger, JOBS).await.expect("read");
    results.fold(&ledger, JOBS).await.expect("joined");
    // Whoever comes later needs the parts alone.
    for name in names(&store, "results").await {
        store.delete(&name).await.expect("removed");
    }
    let mut later = Results::default();
    later.read_new(&ledger, JOBS).await.expect("read");
    assert_eq!(later.len(), JOBS as usize);
    assert_eq!(later.by_job(), results.by_job());
    assert_eq!(later.of(1699..1701).map(|result| result.rows).collect::<Vec<_>>(), [1699, 1700]);
}

#[tokio::test]
async fn a_small_import_has_no_parts() {
    let (store, ledger) = ledger();
    let all = futures::stream::iter(0..1000);
    all.for_each(|number| {
        let ledger = &ledger;
        async move {
            ledger.write_result(&result(number)).await.expect("written");
        }
    })
    .await;
    let mut results = Results::default();
    results.read_new(&ledger, 1000).await.expect("read");
    results.fold(&ledger, 1000).await.expect("nothing to join");
    assert_eq!(results.len(), 1000);
    assert_eq!(names(&store, "folded").await, []);
}

#[tokio::test]
async fn who_finishes_the_last_job_of_a_part_joins_it_once_it_is_whole() {
    let (store, ledger) = ledger();
    let worker = Finished::default();
    for number in (0..2500).filter(|number| *number != 1700) {
        ledger.write_result(&result(number)).await.expect("written");
    }
    // 998 and 2499 may be any worker's; the parts are those of 999, 1999 and 2499.
    for number in [998, 1999, 2499] {
        worker.add(JobId(number), JOBS);
    }
    worker.join(&ledger, JOBS).await.expect("joined");
    assert_eq!(joined(&store).await, ["00000002.json"]);
    ledger.write_result(&result(1700)).await.expect("written");
    worker.join(&ledger, JOBS).await.expect("joined");
    assert_eq!(joined(&store).await, ["00000001.json", "00000002.json"]);

    let mut results = Results::default();
    for number in 1000..2500 {
        store.delete(&Path::from(format!("runs/it/results/{number:08}.json"))).await.expect("removed");
    }
    results.read_new(&ledger, JOBS).await.expect("read");
    assert_eq!(results.by_job().values().map(|result| result.rows).sum::<u64>(), (0..2500).sum::<u64>());
}

#[tokio::test]
async fn jobs_known_to_be_finished_are_not_listed_again() {
    let (store, ledger) = ledger();
    let finished = Finished::default();
    for number in [0, 1, 3] {
        ledger.write_result(&result(number)).await.expect("written");
    }
    assert!(!finished.all(&ledger, 5).await.expect("listed"));
    for number in [0, 1] {
        store.delete(&Path::from(format!("runs/it/results/{number:08}.json"))).await.expect("removed");
    }
    ledger.write_result(&result(2)).await.expect("written");
    assert!(!finished.all(&ledger, 5).await.expect("listed"));
    ledger.write_result(&result(4)).await.expect("written");
    assert!(finished.all(&ledger, 5).await.expect("listed"));
}

#[tokio::test]
async fn what_jobs_wrote_by_index_is_kept_beside_the_results_and_not_in_them() {
    let (store, ledger) = ledger();
    let sum = |index| IndexPairs { index, pairs: Pairs { crc64: u64::MAX, pairs: 3, bytes: 30 } };
    let parts = JobParts {
        commit_ts: 468_000_000_000_000_001,
        records: Some(KeyRange { start: "7480".into(), end: "7481".into() }),
        sums: vec![sum(0), sum(2)],
    };
    for number in 0..JOBS {
        let parts = Some(Box::new(parts.clone()));
        ledger.write_result(&JobResult { parts, ..result(number) }).await.expect("written");
    }
    let mut results = Results::default();
    results.read_new(&ledger, JOBS).await.expect("read");
    results.fold(&ledger, JOBS).await.expect("joined");
    assert!(results.by_job().values().all(|result| result.parts.is_none()));
    for part in names(&store, "folded").await {
        let body = store.get(&part).await.expect("a part").bytes().await.expect("its body");
        assert!(!body.windows(5).any(|text| text == b"parts"));
    }
    assert_eq!(ledger.job_parts(JobId(7)).await.expect("read"), Some(parts.clone()));
    assert_eq!((parts.of(2).pairs, parts.of(9)), (3, Pairs::default()));
    // Somebody did not note it.
    ledger.write_result(&result(JOBS)).await.expect("written");
    assert_eq!(ledger.job_parts(JobId(JOBS)).await.expect("read"), None);
}
