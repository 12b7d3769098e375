//! One import in this process, into one cluster.

use std::collections::BTreeMap;
use std::path::Path;

use th_config::Config;
use th_env::Env;
use th_ledger::{Outcome, Verdict};
use th_tests::{Digest, Target, digests};
use thunderhead::import::{import, use_playground};

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
