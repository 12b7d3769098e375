//! Dumps of very many small files.

use std::time::{Duration, Instant};

use th_tests::{Cloud, Running, Target, WideBucket};

#[tokio::test(flavor = "multi_thread")]
async fn many_small_files_are_listed_side_by_side_and_share_jobs() {
    let bucket = WideBucket::start(3, 4_000, Duration::from_millis(20)).await;
    let target = Target::start().await;
    let more = ["--source", &bucket.url, "--filter", "wide.t00001"];
    let outcome = target.import_from(&more).await.succeeded();
    assert!(outcome.out.contains("COMPLETE: 1 tables, 4000 rows"), "{}", outcome.out);
    assert_eq!(target.finished_jobs(), 1);
    let (pages, together) = bucket.listings();
    assert!(together > 3, "{together} listing requests at one time");
    // 12 pages if it were done one after the other; guesses that meet nothing cost one request each. It is listed
    // twice, to see whether somebody still writes to it.
    assert!((26..120).contains(&pages), "{pages} listing requests");
}

/// The figure of a plan for a million objects: `make figures` prints it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints a figure, for `make figures`"]
async fn planning_a_million_objects() {
    let (tables, files) = (100, 10_000);
    let bucket = WideBucket::start(tables, files, Duration::from_millis(50)).await;
    let (cloud, target) = (Cloud::start().await, Target::start().await);
    let queue = cloud.queue("jobs", 30, 5).await;
    let mut arguments: Vec<String> = [
        ("--source", bucket.url.clone()),
        ("--ledger", target.path("ledger").display().to_string()),
        ("--queue", queue),
        ("--queue-endpoint", cloud.endpoint()),
        ("--import-id", "it".to_owned()),
    ]
    .into_iter()
    .flat_map(|(flag, value)| [flag.to_owned(), value])
    .collect();
    arguments.insert(0, "plan".to_owned());
    arguments.extend(target.flags());
    let began = Instant::now();
    let planning = Running::start(&arguments, &cloud.environment());
    let memory = planning.watch_memory();
    planning.wait().await.succeeded();
    let (pages, together) = bucket.listings();
    println!(
        "{} objects: planned in {:.1} s, peak RSS {} MB, {pages} listing requests of 50 ms, {together} at one time",
        tables * files,
        began.elapsed().as_secs_f64(),
        memory.peak_bytes().await / 1_000_000,
    );
    let plan = target.document("plan.json").expect("a plan");
    assert_eq!(plan["tables"].as_array().map(Vec::len), Some(tables));
    assert_eq!(plan["jobs"], tables);
}
