//! One import in this process, into one cluster.

use std::collections::BTreeMap;
use std::path::Path;

use th_config::Config;
use th_env::Env;
use th_ledger::{Outcome, Verdict};
use th_playground::PlaygroundOptions;
use th_tests::{Digest, Target, digests};
use thunderhead::import::{import, use_playground};

/// A cluster of three stores with three replicas.
pub(crate) async fn three_stores() -> Target {
    Target::with(PlaygroundOptions { stores: 3, replicas: 3, ..PlaygroundOptions::default() }).await
}

/// The configuration of an import of `source`: small regions and pieces, so that there are several.
pub(crate) fn config(target: &Target, source: &Path, ingest: &str) -> Config {
    let text = format!(
        "[lightning]\ncheck-requirements = false\n[mydumper]\ndata-source-dir = \"{source}\"\n[tikv-importer]\nsorted-kv-dir = \"{folder}\"\n\
         region-split-size = \"1MiB\"\n[thunderhead]\nledger = \"{ledger}\"\npiece-size = \"1MiB\"\n\
         concurrency = 1\ningest = \"{ingest}\"\n",
        source = source.display(),
        folder = target.folder.path().display(),
        ledger = target.path("ledger").display(),
    );
    let mut config = th_config::parse("test", &text).expect("a configuration");
    use_playground(&mut config, &target.playground);
    config
}

/// How an import ended, in a word or two.
pub(crate) async fn run(target: &Target, source: &Path, ingest: &str, env: Env) -> String {
    let config = config(target, source, ingest);
    let ledger = match th_connect::ledger(&config, "it") {
        Ok(ledger) => ledger,
        Err(fault) => return format!("no ledger: {fault}"),
    };
    match import(&config, &env, "it", &ledger).await {
        Ok(verdict) => of_verdict(&verdict),
        Err(fault) => format!("ended: {fault}"),
    }
}

fn of_verdict(verdict: &Verdict) -> String {
    match &verdict.outcome {
        Outcome::Complete(complete) => {
            match complete.tables.iter().find(|table| table.verdict != "verified" || table.found.is_none()) {
                None => "verified".to_owned(),
                Some(table) => format!("{}.{}: {}", table.db, table.name, table.verdict),
            }
        }
        Outcome::Failed(failed) => match failed.faults.first() {
            Some(fault) => format!("failed: {}: {}", fault.code, fault.message),
            None => "failed for no reason".to_owned(),
        },
    }
}

/// What SQL reads back.
pub(crate) async fn read_back(target: &Target) -> BTreeMap<String, Digest> {
    digests(target.playground.tidb_port()).await
}

/// State of ours that the cluster still holds: nothing, when an import has ended.
pub(crate) async fn left_behind(target: &Target) -> String {
    let url = format!("http://{}/playground/state", target.playground.pd_addr());
    let state: serde_json::Value =
        reqwest::get(url).await.expect("the cluster answers").json().await.expect("JSON");
    let pd = &state["pd"];
    let mut left: Vec<String> = Vec::new();
    for (what, list, ours) in [
        ("import mode", &state["import_mode_stores"], 0),
        ("label rules", &pd["label_rules"], 0),
        ("paused schedulers", &pd["paused_schedulers"], 0),
        ("temporary configuration", &pd["ttl_config"], 0),
        // The garbage collector's own.
        ("safe points", &pd["safe_points"], 1),
    ] {
        if list.as_array().map_or(usize::MAX, Vec::len) != ours {
            left.push(format!("{what} {list}"));
        }
    }
    left.join(", ")
}
