//! A store that has too much to do for a while.

use serde_json::Value;
use th_playground::{Effect, Fault, RequestKind};
use th_tests::{Target, digests, small_dump};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_store_is_sent_less_until_it_is_well_and_everything_arrives() {
    let target = Target::three_stores().await;
    let (source, config) = (target.path("dump"), target.path("config.toml"));
    std::fs::create_dir_all(&source).expect("a folder");
    small_dump::write(&source);
    let text = "[tikv-importer]\nregion-split-size = \"1MiB\"\nrange-concurrency = 2\n\
                [thunderhead]\npiece-size = \"1MiB\"\nconcurrency = 2\n";
    std::fs::write(&config, text).expect("a configuration");
    // Every region has a peer on every store.
    let effect = Effect::Error { message: "ResourceNotEnough(\"memory\")".to_owned() };
    let fault = Fault { on: RequestKind::Write, region: None, store: Some(2), skip: 1, times: 3, effect };
    target.playground.faults().add(fault);
    let config = config.to_str().expect("a path");
    let import = target.import(&source, &["--config", config, "--log-format", "json"]).await.succeeded();
    assert_eq!(target.playground.faults().struck(), 3);
    assert!(target.document("COMPLETE.json").is_some());
    let found = digests(target.playground.tidb_port()).await;
    let rows: Vec<(&str, u64)> = found.iter().map(|(name, digest)| (name.as_str(), digest[0])).collect();
    assert_eq!(rows, small_dump::TABLES);

    let told: Vec<(Option<u64>, Option<u64>, Value)> = import
        .err
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|entry| entry["message"].as_str().is_some_and(|text| text.starts_with("the store ")))
        .map(|entry| (entry["store"].as_u64(), entry["limit"].as_u64(), entry["error"].clone()))
        .collect();
    let halved = (Some(2), Some(1), Value::from("ResourceNotEnough"));
    let well = (Some(2), Some(2), Value::Null);
    assert_eq!(told, [halved, well], "{}", import.err);
    target.playground.shutdown().await;
}
