//! What an import tells the cluster and asks of it while it works.

use th_cluster::{Cluster, ClusterOptions};
use th_env::{CRASH_AT, Env};
use th_playground::{Effect, RequestKind};
use th_tests::{Running, Target, small_dump};

use crate::processes::Split;

async fn with_small_dump(config: &str) -> (Target, std::path::PathBuf, String) {
    let target = Target::start().await;
    let (dump, path) = (target.path("dump"), target.path("config.toml"));
    std::fs::create_dir_all(&dump).expect("a folder");
    small_dump::write(&dump);
    std::fs::write(&path, config).expect("a configuration");
    (target, dump, path.display().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_registered_where_other_tools_look_until_it_ends() {
    let (target, dump, _) = with_small_dump("").await;
    let died = target.start_import_in(&dump, &[], &[(CRASH_AT, "work.leased".to_owned())]).wait().await;
    assert_eq!(died.code, None, "{}", died.err);
    let left = target.left_behind().await;
    assert!(left.contains("registrations [\"/tidb/brie/import/lightning/thunderhead-it/"), "{left}");
    target.env.move_on(std::time::Duration::from_mins(6));
    let left = target.left_behind().await;
    assert!(!left.contains("registrations"), "it ends by itself: {left}");
    target.import(&dump, &[]).await.succeeded();
    assert_eq!(target.left_behind().await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_that_are_never_switched_are_asked_before_they_get_files() {
    let (target, dump, config) = with_small_dump("[cron]\nswitch-mode = \"0s\"\n").await;
    target.playground.faults().inject(RequestKind::Ingest, 1, Effect::ServerIsBusy { backoff_ms: 1 });
    let outcome = target.import(&dump, &["--config", &config]).await.succeeded();
    assert!(outcome.err.contains("a piece is sent again error=\"ServerIsBusy\""), "{}", outcome.err);
    assert!(!outcome.err.contains("the same files are ingested again"), "no file was made: {}", outcome.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_pd_whose_rules_would_stay_for_ever_gets_none() {
    let (target, dump, _) = with_small_dump("").await;
    target.playground.guises().claim_pd_version("5.4.3");
    let died = target.start_import_in(&dump, &[], &[(CRASH_AT, "work.leased".to_owned())]).wait().await;
    assert_eq!(died.code, None, "{}", died.err);
    let left = target.left_behind().await;
    assert!(!left.contains("label rules") && left.contains("paused schedulers"), "{left}");
    target.env.move_on(std::time::Duration::from_mins(11));
    assert_eq!(target.left_behind().await, "");
    target.import(&dump, &[]).await.succeeded();
    assert_eq!(target.left_behind().await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finalizer_gives_back_what_a_dead_worker_paused_of_the_whole_cluster() {
    let split = Split::with(30, "[tikv-importer]\npause-pd-scheduler-scope = \"global\"\n").await;
    let planned = split.run("plan").await.succeeded();
    let jobs = split.jobs().await;
    let mut environment = split.cloud.environment();
    environment.push((CRASH_AT, format!("work.job-acknowledged:{jobs}")));
    let arguments: Vec<String> = ["work".to_owned()].into_iter().chain(split.flags.clone()).collect();
    let died = Running::start(&arguments, &environment).wait().await;
    assert_eq!(died.code, None, "{}{}", planned.out, died.err);
    let left = split.target.left_behind().await;
    assert!(left.contains("paused schedulers") && left.contains("temporary configuration"), "{left}");
    split.run("finalize").await.succeeded();
    assert_eq!(split.target.left_behind().await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn regions_are_cut_at_a_number_of_keys_if_that_comes_sooner_than_their_bytes() {
    let (target, dump, config) = with_small_dump("[tikv-importer]\nregion-split-keys = 150\n").await;
    target.import(&dump, &["--config", &config]).await.succeeded();
    let mut options = ClusterOptions::new([target.playground.pd_addr()]);
    options.tidb = Some(th_cluster::TidbOptions {
        port: target.playground.tidb_port(),
        status_port: target.playground.status_port(),
        ..th_cluster::TidbOptions::default()
    });
    let cluster = Cluster::connect(Env::real(), options).await.expect("the cluster answers");
    let regions = async |table: &str| {
        let info = cluster.tidb().expect("tidb").table_info("f", table).await.expect("a table");
        let info: serde_json::Value = serde_json::from_str(&info).expect("JSON");
        let (start, end) = th_codec::keys::table_range(info["id"].as_i64().expect("an id"));
        cluster.pd.scan_regions(&start, &end).await.expect("regions").len()
    };
    let wide = regions("wide").await;
    assert!((6..=16).contains(&wide), "900 rows and their index entries in pieces of 150: {wide} regions");
    assert!(regions("plain").await <= 2, "60 rows need no cut of their own");
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_that_cannot_be_had_are_left_to_do_unless_they_are_required() {
    let refuse = |target: &Target| {
        let effect = Effect::Error { message: "no memory for statistics".to_owned() };
        target.playground.faults().inject(RequestKind::Analyze, 1, effect);
    };
    let (target, dump, _) = with_small_dump("").await;
    refuse(&target);
    let outcome = target.import(&dump, &[]).await.succeeded();
    assert!(
        outcome.out.contains("Left to do in the target:\n  ANALYZE TABLE `f`.`parts`;\n"),
        "{}",
        outcome.out
    );
    let marker = target.document("COMPLETE.json").expect("a marker");
    assert_eq!(marker["left_to_do"], serde_json::json!(["ANALYZE TABLE `f`.`parts`"]));

    let (target, dump, config) = with_small_dump("[post-restore]\nanalyze = \"required\"\n").await;
    refuse(&target);
    target.import(&dump, &["--config", &config]).await.failed_with("TH0008", &["no memory", "f.parts"]);
    assert!(target.document("FAILED.json").is_none(), "nothing is decided");
    let outcome = target.import(&dump, &["--config", &config]).await.succeeded();
    assert!(!outcome.out.contains("Left to do"), "{}", outcome.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyspace_is_named_and_refused() {
    let (target, dump, _) = with_small_dump("").await;
    target.playground.guises().claim_keyspace("tenant_7");
    let outcome = target.import(&dump, &[]).await;
    outcome.failed_with("TH0001", &["the keyspace `tenant_7`", "API v2"]);
}
