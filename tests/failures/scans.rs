//! Both ways of making files give the same pairs.

use th_env::Env;
use th_tests::{Target, small_dump};

use crate::import;

/// Every pair of every table of `f`, keys without the table's id.
async fn pairs(target: &Target) -> Vec<(Vec<u8>, Vec<u8>)> {
    let url = format!("http://127.0.0.1:{}/schema/f", target.playground.status_port());
    let mut tables: Vec<serde_json::Value> =
        reqwest::get(url).await.expect("the schema").json().await.expect("the schema as JSON");
    // Tables are made at the same time: their ids have any order.
    tables.sort_by_key(|table| table["name"]["L"].to_string());
    let mut ids: Vec<i64> = Vec::new();
    for table in &tables {
        match table["partition"]["definitions"].as_array() {
            Some(parts) => ids.extend(parts.iter().filter_map(|part| part["id"].as_i64())),
            None => ids.extend(table["id"].as_i64()),
        }
    }
    let client =
        tikv_client::TransactionClient::new(vec![target.playground.pd_addr()]).await.expect("a client");
    let now = client.current_timestamp().await.expect("a timestamp");
    let mut snapshot = client.snapshot(now, tikv_client::TransactionOptions::new_optimistic());
    let mut all = Vec::new();
    for id in ids {
        let (start, end) = th_codec::keys::table_range(id);
        let prefix = th_codec::keys::table_prefix(id).len();
        let found = snapshot.scan(start..end, 10_000).await.expect("a scan");
        all.extend(found.map(|pair| {
            let key: Vec<u8> = pair.0.into();
            (key.get(prefix..).unwrap_or_default().to_vec(), pair.1)
        }));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn write_and_upload_give_the_same_pairs() {
    let folder = tempfile::tempdir().expect("a folder");
    small_dump::write(folder.path());
    let mut found = Vec::new();
    for (ingest, seed) in [("write", 1), ("upload", 2)] {
        let target = Target::three_stores().await;
        assert_eq!(import::run(&target, folder.path(), ingest, Env::seeded(seed)).await, "verified");
        found.push(pairs(&target).await);
        target.playground.shutdown().await;
    }
    // A record of each row, and an entry of each index.
    let records: u64 = small_dump::TABLES.iter().map(|(_, rows)| rows).sum();
    let entries = small_dump::WIDE_ROWS + small_dump::SMALL_ROWS;
    assert_eq!(found[0].len() as u64, records + entries);
    assert_eq!(found[0].len(), found[1].len());
    let different = found[0].iter().zip(&found[1]).find(|(written, uploaded)| written != uploaded);
    assert_eq!(different, None);
}
