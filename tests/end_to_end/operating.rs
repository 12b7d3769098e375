//! What an operator uses: status, metrics, health, notices, dead letters, a scheduled finalizer, JSON logs.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, put};
use th_queue::{Queue, SqsOptions, SqsQueue};
use th_tests::{DEADLINE, Running};

use crate::processes::{Split, slow_ingests};

/// A port that nobody listens at.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

/// The answer of a server that is starting.
async fn page(url: &str) -> (u16, String) {
    let asked = tokio::time::timeout(DEADLINE, async {
        loop {
            if let Ok(answer) = reqwest::get(url).await {
                return (answer.status().as_u16(), answer.text().await.expect("a body"));
            }
            tokio::task::yield_now().await;
        }
    });
    asked.await.expect("it answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_finalizer_looks_once_and_says_what_is_missing() {
    let split = Split::with(30, "worker-price = 3600.0").await;
    split.run("plan").await.succeeded();
    let early = split.run("finalize --once").await;
    assert_eq!(early.code, Some(75), "{}", early.err);
    for part in ["error[TH0033]", "jobs have no result", "no worker has reported yet"] {
        assert!(early.err.contains(part), "no `{part}` in {}", early.err);
    }
    let worked = split.run("work --log-format json").await.succeeded();
    let done: Vec<serde_json::Value> = worked
        .err
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .filter(|event: &serde_json::Value| event["message"] == "job done")
        .collect();
    assert_eq!(done.len() as u64, split.finished_jobs().await);
    for event in &done {
        let span = &event["span"];
        assert_eq!(span["import_id"], "split", "{event}");
        assert!(
            span["job"].is_string() && span["table"].as_str().is_some_and(|table| table.contains('.')),
            "{event}"
        );
    }
    split.run("finalize --once").await.succeeded();
    split.verify().await;
    let marker = split.cloud.read("ledger/split/COMPLETE.json").await.expect("the marker");
    let marker: serde_json::Value = serde_json::from_slice(&marker).expect("JSON");
    let used = &marker["usage"];
    assert_eq!(used["workers"], 1, "{marker}");
    let (cost, seconds) =
        (used["cost"].as_f64().expect("a cost"), used["worker_seconds"].as_f64().expect("a time"));
    assert!(seconds > 0.0 && (cost - seconds).abs() < 1e-9, "a second costs one: {used}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_nobody_works_on_is_given_up_and_that_is_said() {
    let split = Split::start(30).await;
    split.run("plan").await.succeeded();
    let port = free_port();
    let mut arguments = vec!["finalize".to_owned(), format!("--status-addr=127.0.0.1:{port}")];
    arguments.extend(split.flags.iter().cloned());
    let mut environment = split.cloud.environment();
    environment.push(("THUNDERHEAD_THUNDERHEAD__STALL_TIMEOUT", "1s".to_owned()));
    let finalizer = Running::start(&arguments, &environment);
    let turned = tokio::time::timeout(DEADLINE, async {
        while page(&format!("http://127.0.0.1:{port}/health")).await.0 != 503 {}
    });
    turned.await.expect("health turns");
    let ended = finalizer.wait().await;
    ended.failed_with("TH0032", &["no job has finished for", "no worker has reported yet"]);
    assert!(ended.err.contains("WARN"), "it was said before: {}", ended.err);
    let status = split.run("status").await.succeeded();
    assert!(
        status.out.contains("state\tfailed\n") && status.out.contains("fault\tTH0032\t"),
        "{}",
        status.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_shows_itself_while_it_works_and_a_watcher_sees_the_end() {
    let split = Split::start(30).await;
    split.run("plan").await.succeeded();
    split.target.playground.faults().add(slow_ingests(0));
    let port = free_port();
    let worker = split.spawn(&format!("work --name it-1 --status-addr 127.0.0.1:{port}"));
    let url = format!("http://127.0.0.1:{port}");
    assert_eq!(page(&format!("{url}/health")).await, (200, "ok\n".to_owned()));
    let shows_jobs = tokio::time::timeout(DEADLINE, async {
        while !page(&format!("{url}/metrics"))
            .await
            .1
            .contains("thunderhead_rows_total{import_id=\"split\",table=")
        {}
    });
    shows_jobs.await.expect("rows are counted while the worker works");
    let (code, body) = page(&format!("{url}/api/status")).await;
    let status: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((code, status["workers"][0]["worker"].as_str()), (200, Some("it-1")), "{body}");
    let watcher = split.spawn("status --watch");
    split.run("finalize").await.succeeded();
    worker.wait().await.succeeded();
    let watched = watcher.wait().await.succeeded();
    let last = watched.out.lines().last().unwrap_or_default();
    assert!(last.starts_with("complete ") && last.contains("100.0 %, 28507 rows"), "{}", watched.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_whose_machine_is_taken_away_gives_its_jobs_back() {
    let split = Split::start(120).await;
    split.run("plan").await.succeeded();
    split.target.playground.faults().add(slow_ingests(0));
    // The time of the action has come, so jobs are given back at once.
    let action = r#"{"action": "terminate", "time": "2026-01-01T00:00:00Z"}"#;
    let metadata = Router::new()
        .route("/latest/api/token", put(|| async { "token" }))
        .route("/latest/meta-data/spot/instance-action", get(move || async move { action }))
        .fallback(|| async { StatusCode::NOT_FOUND });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(async move { axum::serve(listener, metadata).await });
    let mut arguments: Vec<String> = ["work", "--spot-notices", "aws"].map(str::to_owned).into();
    arguments.extend(split.flags.iter().cloned());
    let mut environment = split.cloud.environment();
    environment.push(("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint));
    let doomed = Running::start(&arguments, &environment).wait().await.succeeded();
    assert!(doomed.err.contains("the machine will be taken away"), "{}", doomed.err);
    let before = split.finished_jobs().await;
    // What it had in hand is there at once, not after the two minutes of the queue's visibility.
    let survivor = split.spawn("work");
    let finalized = tokio::time::timeout(Duration::from_secs(100), split.run("finalize"));
    finalized.await.expect("nothing stays hidden").succeeded();
    survivor.wait().await.succeeded();
    assert!(split.finished_jobs().await > before, "the notice left jobs to do");
    split.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_named_and_sent_again() {
    let split = Split::start(30).await;
    split.run("plan").await.succeeded();
    // A job that kills five workers.
    let at = split.flags.iter().position(|flag| flag == "--queue").expect("a queue");
    let options = SqsOptions {
        url: split.flags[at + 1].clone(),
        region: Some("us-east-1".into()),
        endpoint: Some(split.cloud.endpoint()),
    };
    let queue = SqsQueue::connect(options).await;
    let mut unlucky: Option<String> = None;
    let mut receptions = 0;
    while receptions < 6 {
        let messages = queue.receive(1, Duration::from_secs(1)).await.expect("receive");
        let Some(message) = messages.first() else { break };
        if *unlucky.get_or_insert_with(|| message.body.clone()) == message.body {
            receptions += 1;
            queue.extend(&message.receipt, Duration::ZERO).await.expect("give back");
        }
    }
    let before = queue.depth().await.expect("depth");
    assert_eq!(before.dead, 1, "{before:?}");
    let named = split.run("queue status").await.succeeded();
    assert!(
        named.out.contains("dead\t1\n") && named.out.contains("dead letter\timport split\tjob "),
        "{}",
        named.out
    );
    let again = split.run("queue redrive").await.succeeded();
    assert_eq!(again.out, "redriven\t1 messages\n");
    assert_eq!(queue.depth().await.expect("depth").dead, 0);
    let worker = split.spawn("work");
    split.run("finalize").await.succeeded();
    worker.wait().await.succeeded();
    split.run("queue redrive").await.failed_with("TH0041", &["is decided"]);
}
