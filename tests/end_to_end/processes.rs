//! Planner, workers and finalizer as processes of their own, over S3 and SQS.

use std::time::Duration;

use th_playground::{Effect, Fault, RequestKind};
use th_queue::{Queue, SqsOptions, SqsQueue, conformance};
use th_tests::{
    Cloud, DEADLINE, HttpEffect, HttpFault, HttpRequest, Outcome, Proxy, Running, Target, data, digests,
    environment_of, expected,
};

/// An import that is split over processes.
pub(crate) struct Split {
    pub(crate) cloud: Cloud,
    pub(crate) target: Target,
    pub(crate) flags: Vec<String>,
}

impl Split {
    pub(crate) async fn start(queue_visibility: u32) -> Self {
        Self::with(queue_visibility, "").await
    }

    /// The same with more configuration.
    pub(crate) async fn with(queue_visibility: u32, more: &str) -> Self {
        let (cloud, target) = (Cloud::start().await, Target::start().await);
        let source = cloud.upload(&data("dumps/sql"), "dump").await;
        let queue = cloud.queue("jobs", queue_visibility, 5).await;
        let config = target.path("config.toml");
        let text = format!(
            "[thunderhead]\njob-size = \"100KiB\"\nconcurrency = 1\nqueue-visibility = \"{queue_visibility}s\"\n{more}"
        );
        std::fs::write(&config, text).expect("a configuration");
        let mut flags: Vec<String> = [
            ("--config", config.display().to_string()),
            ("--source", source),
            ("--ledger", "s3://bucket/ledger".to_owned()),
            ("--queue", queue),
            ("--queue-endpoint", cloud.endpoint()),
            ("--import-id", "split".to_owned()),
            ("--sort-dir", target.folder.path().display().to_string()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect();
        flags.extend(target.flags());
        Self { cloud, target, flags }
    }

    /// Starts a command, which may have flags of its own.
    pub(crate) fn spawn(&self, command: &str) -> Running {
        let mut arguments: Vec<String> = command.split(' ').map(str::to_owned).collect();
        arguments.extend(self.flags.iter().cloned());
        Running::start(&arguments, &self.cloud.environment())
    }

    pub(crate) async fn run(&self, command: &str) -> Outcome {
        self.spawn(command).wait().await
    }

    pub(crate) async fn finished_jobs(&self) -> u64 {
        self.status("finished_jobs").await
    }

    pub(crate) async fn jobs(&self) -> u64 {
        self.status("jobs").await
    }

    async fn status(&self, number: &str) -> u64 {
        let mut arguments = vec!["status".to_owned(), "--json".to_owned()];
        arguments.extend(self.flags.iter().cloned());
        let outcome = Running::start(&arguments, &self.cloud.environment()).wait().await.succeeded();
        let status: serde_json::Value = serde_json::from_str(&outcome.out).expect("status as JSON");
        status[number].as_u64().expect("a number")
    }

    pub(crate) async fn verify(&self) {
        assert_eq!(digests(self.target.playground.tidb_port()).await, expected(&data("dumps/expected.json")));
    }
}

/// From some ingest on, a few take long.
pub(crate) fn slow_ingests(skip: u32) -> Fault {
    let effect = Effect::Delay { millis: 1_500 };
    Fault { on: RequestKind::Ingest, region: None, store: None, skip, times: 4, effect }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_an_import() {
    let split = Split::start(30).await;
    split.run("plan").await.succeeded();
    let workers = [split.spawn("work"), split.spawn("work")];
    let finalized = split.run("finalize").await.succeeded();
    assert!(finalized.out.contains("COMPLETE: 12 tables, 28507 rows"), "{}", finalized.out);
    let mut jobs = 0;
    for worker in workers {
        let ended = worker.wait().await.succeeded();
        let number = ended.out.trim().strip_prefix("finished\t").and_then(|rest| rest.strip_suffix(" jobs"));
        jobs += number.and_then(|number| number.parse::<u64>().ok()).expect("a number of jobs");
    }
    assert_eq!(jobs, split.finished_jobs().await, "no job was done twice");
    split.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_changes_nothing_but_the_time() {
    let split = Split::start(5).await;
    split.run("plan").await.succeeded();
    // Slow ingests, so that the kill hits a job half-way.
    split.target.playground.faults().add(slow_ingests(3));
    let mut doomed = split.spawn("work");
    let patient = tokio::time::timeout(DEADLINE, async {
        while split.finished_jobs().await == 0 {
            tokio::task::yield_now().await;
        }
    });
    patient.await.expect("a first job is done");
    doomed.kill();
    let killed = doomed.wait().await;
    assert_eq!(killed.code, None, "it was killed: {}", killed.err);
    let before = split.finished_jobs().await;
    let survivor = split.spawn("work");
    split.run("finalize").await.succeeded();
    survivor.wait().await.succeeded();
    assert!(split.finished_jobs().await > before, "the kill left jobs to do");
    split.verify().await;
}

/// Some tables have no key: a row that is written twice would be there twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_while_it_writes_by_sql_leaves_each_row_once() {
    let split =
        Split::with(5, "[tikv-importer]\nbackend = \"tidb\"\nlogical-import-batch-rows = 100\n").await;
    split.run("plan").await.succeeded();
    // Slow statements, so that the kill hits a job half-way.
    let effect = Effect::Delay { millis: 1_500 };
    let fault = Fault { on: RequestKind::Sql, region: None, store: None, skip: 150, times: 4, effect };
    split.target.playground.faults().add(fault);
    let mut doomed = split.spawn("work");
    let patient = tokio::time::timeout(DEADLINE, async {
        while split.finished_jobs().await == 0 {
            tokio::task::yield_now().await;
        }
    });
    patient.await.expect("a first job is done");
    doomed.kill();
    doomed.wait().await;
    let workers = [split.spawn("work"), split.spawn("work")];
    split.run("finalize").await.succeeded();
    for worker in workers {
        worker.wait().await.succeeded();
    }
    split.verify().await;
}

/// `thunderhead import` is killed between two jobs; the same command takes up where it ended.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_killed_is_resumed() {
    let target = Target::start().await;
    let config = target.path("config.toml");
    std::fs::write(&config, "[thunderhead]\njob-size = \"100KiB\"\nconcurrency = 1\n")
        .expect("a configuration");
    let more = ["--config", config.to_str().expect("a path")];
    target.playground.faults().add(slow_ingests(4));
    let mut doomed = target.start_import(&data("dumps/sql"), &more);
    let patient = tokio::time::timeout(DEADLINE, async {
        while target.finished_jobs() < 2 {
            tokio::task::yield_now().await;
        }
    });
    patient.await.expect("two jobs are done");
    doomed.kill();
    doomed.wait().await;
    let before = target.finished_jobs();
    let resumed = target.import(&data("dumps/sql"), &more).await.succeeded();
    assert!(target.finished_jobs() > before, "the kill left jobs to do");
    let done_again = resumed.err.lines().filter(|line| line.contains("job done")).count();
    assert_eq!(done_again, target.finished_jobs() - before, "finished jobs are not done again");
    assert_eq!(digests(target.playground.tidb_port()).await, expected(&data("dumps/expected.json")));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_finalizers_agree() {
    let split = Split::start(30).await;
    split.run("plan").await.succeeded();
    let worker = split.spawn("work");
    let (first, second) = tokio::join!(split.run("finalize"), split.run("finalize"));
    assert_eq!(first.succeeded().out, second.succeeded().out);
    worker.wait().await.succeeded();
    split.verify().await;
}

/// As with another endpoint or other credentials than the planner's: no job is lost a reception.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_cannot_read_the_source_ends_before_it_takes_a_job() {
    let split = Split::start(30).await;
    split.run("plan").await.succeeded();
    let refusing =
        HttpFault { on: HttpRequest::SourceGet, skip: 0, times: u32::MAX, effect: HttpEffect::Refuse(403) };
    let proxy = Proxy::start(&split.cloud.endpoint(), vec![refusing]).await;
    let mut arguments = vec!["work".to_owned()];
    arguments.extend(split.flags.iter().cloned());
    let refused = Running::start(&arguments, &environment_of(proxy.endpoint())).wait().await;
    refused.failed_with("TH0002", &["s3://bucket/dump/", "permission"]);
    assert!(!refused.err.contains("job taken"), "{}", refused.err);
    let worker = split.spawn("work");
    split.run("finalize").await.succeeded();
    let worked = worker.wait().await.succeeded();
    let again = worked.err.lines().find(|line| line.contains("job taken") && !line.contains("receives=1"));
    assert_eq!(again, None, "a reception was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_does_not_exist_is_said_at_once() {
    let split = Split::start(30).await;
    split.run("plan").await.succeeded();
    let mut arguments = vec!["work".to_owned()];
    arguments.extend(split.flags.iter().map(|flag| flag.replace("/jobs", "/no-such-queue")));
    let refused = Running::start(&arguments, &split.cloud.environment()).wait().await;
    refused.failed_with("TH0042", &["no-such-queue does not exist"]);
    assert!(!refused.err.contains("trying again"), "{}", refused.err);
}

/// SQS keeps the queue's contract: each reception once, hidden, extended, given back, dead letters.
#[tokio::test(flavor = "multi_thread")]
async fn the_sqs_queue_conforms() {
    conforms(Cloud::start().await).await;
}

/// The same with the emulator whose limits are the strictest.
#[tokio::test(flavor = "multi_thread")]
async fn the_sqs_queue_conforms_at_elasticmq() {
    conforms(Cloud::of("elasticmq").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sqs_queue_conforms_at_moto() {
    conforms(Cloud::of("moto").await).await;
}

async fn conforms(cloud: Cloud) {
    let number = std::sync::atomic::AtomicU32::new(0);
    let visibility = Duration::from_secs(3);
    let make = || async {
        let name = format!("q{}", number.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let url = cloud.queue(&name, 3, 3).await;
        let options = SqsOptions { url, region: Some("us-east-1".into()), endpoint: Some(cloud.endpoint()) };
        Box::new(SqsQueue::connect(options).await) as Box<dyn Queue>
    };
    conformance::run(make, visibility, 3).await;
}
