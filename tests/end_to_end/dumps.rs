//! Every dump that dumpling writes is imported, verified, and read back as it was exported.

use std::path::Path;

use mysql_async::prelude::Queryable as _;
use th_tests::{Target, connect, data, digests, expected};

async fn imports(dump: &str, more: &[&str]) {
    let target = Target::start().await;
    let outcome = target.import(&data("dumps").join(dump), more).await.succeeded();
    let complete = target.document("COMPLETE.json").expect("COMPLETE.json is written");
    for table in complete["tables"].as_array().expect("tables") {
        assert_eq!(table["verdict"], "verified", "{table}");
        assert_eq!(table["expected"], table["found"], "{table}");
    }
    assert!(outcome.out.contains("COMPLETE: 12 tables, 28507 rows"), "{}", outcome.out);
    assert_eq!(digests(target.playground.tidb_port()).await, expected(&data("dumps/expected.json")));
    let left: Vec<_> = std::fs::read_dir(target.folder.path())
        .expect("the sort folder's parent")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(left, ["ledger"], "the sort folder is removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn insert_statements() {
    imports("sql", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip() {
    imports("sql-gzip", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zstd() {
    imports("sql-zstd", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn csv() {
    imports("csv", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_in_snappy() {
    imports("csv-snappy", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_without_header_by_its_configuration() {
    let config = data("dumps/csv-noheader.toml");
    imports("csv-noheader", &["--config", config.to_str().expect("a path")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn small_budgets_change_nothing() {
    let target = Target::start().await;
    let config = target.path("config.toml");
    std::fs::write(
        &config,
        "[thunderhead]\njob-size = \"200KiB\"\npiece-size = \"1MiB\"\nsort-memory = \"4MiB\"\nconcurrency = 3\n",
    )
    .expect("a configuration");
    target.import(&data("dumps/sql"), &["--config", config.to_str().expect("a path")]).await.succeeded();
    assert_eq!(digests(target.playground.tidb_port()).await, expected(&data("dumps/expected.json")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_complete_says_so_again() {
    let target = Target::start().await;
    let first = target.import(&data("dumps/sql"), &["--filter", "tpcc.*"]).await.succeeded();
    let again = target.import(&data("dumps/sql"), &["--filter", "tpcc.*"]).await.succeeded();
    let verified = |out: &str| out.lines().filter(|line| line.contains("verified")).count();
    assert_eq!(verified(&first.out), 2);
    assert_eq!(verified(&again.out), 2);
}

/// The official client reads, through PD, keys that an import ingested.
#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_reads_what_was_ingested() {
    let target = Target::start().await;
    target.import(&data("dumps/sql"), &["--filter", "sb.sbtest1"]).await.succeeded();
    let url = format!("http://127.0.0.1:{}/schema/sb/sbtest1", target.playground.status_port());
    let info: serde_json::Value =
        reqwest::get(url).await.expect("the schema").json().await.expect("the schema as JSON");
    let id = info["id"].as_i64().expect("a table id");
    let client =
        tikv_client::TransactionClient::new(vec![target.playground.pd_addr()]).await.expect("a client");
    let mut snapshot = client.snapshot(
        client.current_timestamp().await.expect("a timestamp"),
        tikv_client::TransactionOptions::new_optimistic(),
    );
    let rows = {
        let (start, end) = th_codec::keys::record_range(id);
        snapshot.scan(start..end, 10_000).await.expect("a scan").count()
    };
    let listed = expected(Path::new(&data("dumps/expected.json")));
    assert_eq!(rows as u64, listed["sb.sbtest1"][0]);
}

/// `VALUES ()` is a row of defaults, as in SQL.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_without_values_has_all_defaults() {
    let target = Target::start().await;
    let dump = target.path("dump");
    std::fs::create_dir(&dump).expect("a folder");
    for (name, text) in [
        ("d-schema-create.sql", "CREATE DATABASE `d`;"),
        ("d.t-schema.sql", "CREATE TABLE `t` (`id` INT PRIMARY KEY AUTO_INCREMENT, `n` INT DEFAULT 7);"),
        ("d.t.sql", "INSERT INTO `t` VALUES ();"),
    ] {
        std::fs::write(dump.join(name), text).expect("a file");
    }
    target.import(&dump, &[]).await.succeeded();
    let mut conn = connect(target.playground.tidb_port()).await;
    let rows: Vec<i64> = conn.query("SELECT `n` FROM `d`.`t`").await.expect("rows");
    assert_eq!(rows, [7]);
}
