//! Clusters that are bad in each way.

use mysql_async::prelude::Queryable as _;
use th_playground::{PlaygroundOptions, StoreGuise};
use th_tests::{Target, connect};

use super::{Case, SCHEMA, line_of, outcome_code, passing, says};

const MIB: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn old_servers_and_full_stores_are_named_with_their_numbers() {
    let case = Case::usual().await;
    let guises = case.target.playground.guises();
    let store = |guise: StoreGuise| {
        guises.clear();
        guises.store(1, guise);
    };
    store(StoreGuise { version: Some("3.0.20".into()), ..StoreGuise::default() });
    case.fails("versions", &["too old: TiKV 3.0.20", "4.0.0 to"], &[]).await;
    guises.clear();
    guises.claim_tidb_version("5.7.25-TiDB-v3.1.0");
    guises.claim_pd_version("3.1.2");
    guises.tiflash(9, StoreGuise { version: Some("4.0.4".into()), ..StoreGuise::default() });
    case.fails("versions", &["TiDB 3.1.0, PD 3.1.2, TiFlash 4.0.4"], &[]).await;
    guises.clear();
    guises.claim_pd_version("11.0.0");
    case.warns("versions", &["not known: PD 11.0.0"], &[]).await;
    store(StoreGuise { capacity: Some(1000 * MIB), available: Some(99 * MIB), ..StoreGuise::default() });
    case.warns("headroom", &["store 1 has 9 %", "10 % free"], &[]).await;
    store(StoreGuise { capacity: Some(1000 * MIB), available: Some(150 * MIB), ..StoreGuise::default() });
    case.warns("headroom", &["about 1", "% of 1000.0 MiB will be left", "20 % for compaction"], &[]).await;
    store(StoreGuise { state: Some("Down".into()), ..StoreGuise::default() });
    case.fails("stores", &["store 1 is Down"], &[]).await;
    store(StoreGuise { state: Some("Offline".into()), ..StoreGuise::default() });
    case.warns("stores", &["store 1 is Offline"], &[]).await;
    guises.clear();
    guises.move_clock(3_600_000);
    case.warns("clock", &["s behind PD's", "at most 10 s"], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn space_is_compared_with_a_sample_of_the_source_times_replicas() {
    let rows: String = (1..=40_000).map(|id| format!("{id},{},'name {id}'\n", id % 100)).collect();
    let schema = "CREATE TABLE `t` (`id` BIGINT PRIMARY KEY, `a` INT, `b` VARCHAR(40), KEY (`a`, `b`));\n";
    let data = format!("id,a,b\n{rows}");
    let options = PlaygroundOptions { stores: 3, replicas: 3, ..PlaygroundOptions::default() };
    let case = Case::with(options, &[("shop.t-schema.sql", schema), ("shop.t.csv", &data)]).await;
    let guises = case.target.playground.guises();
    let full = || StoreGuise { capacity: Some(2 * MIB), available: Some(MIB), ..StoreGuise::default() };
    for id in 1..=3 {
        guises.store(id, full());
    }
    let line = case.line("available-space", &[]).await;
    says(&line, "warn", &["3.0 MiB available", "(1 of 1 table sampled)", "3 replicas"]);
    let wanted = line["threshold"].as_str().unwrap();
    // Two pairs a row of some sixty and forty bytes, from 20 bytes of source.
    let need: f64 = wanted.split(' ').next().unwrap().parse().unwrap();
    assert!(wanted.contains(" MiB: 3 replicas of a third of ") && (3.0..6.0).contains(&need), "{wanted}");
    // A table that is there, with replicas in TiFlash.
    guises.tiflash(9, full());
    case.sql(&["CREATE DATABASE shop", "USE shop", schema, "ALTER TABLE t SET TIFLASH REPLICA 1"]).await;
    says(&case.line("tiflash-space", &[]).await, "warn", &["1.0 MiB available", " for 1 table"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_and_uneven_regions_and_stores_that_are_down_are_counted() {
    let options = PlaygroundOptions { stores: 2, ..PlaygroundOptions::default() };
    let case =
        Case::with(options, &[("shop.t-schema.sql", SCHEMA), ("shop.t.csv", "id,small,name\n1,1,a\n")]).await;
    let borders: Vec<Vec<u8>> = (0..1200u16).map(|n| [b"m".as_slice(), &n.to_be_bytes()].concat()).collect();
    case.target.playground.split_at(&borders[..600]).expect("regions are cut");
    case.warns("empty-regions", &["store 1 has 603", "below the limit of 1000", "at most 500"], &[]).await;
    says(&passing(case.line("region-distribution", &[]).await), "pass", &["store 1 has 603"]);
    case.target.playground.split_at(&borders).expect("regions are cut");
    case.warns("empty-regions", &["store 1 has 1203", "beyond the limit of 1000"], &[]).await;
    let parts = ["store 2 has 0 regions, store 1 has 1203: 0 %, very uneven", "75 %"];
    case.warns("region-distribution", &parts, &[]).await;
    case.target.playground.faults().store_down(1);
    case.fails("stores", &["store 1 is Disconnected", "down 1203, pending 1203, missing 0"], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_at_work_on_the_tables_are_named() {
    let case = Case::usual().await;
    let guises = case.target.playground.guises();
    let feed = "/tidb/cdc/default/default/changefeed/info/to-kafka";
    guises.put_key(feed, r#"{"sink-uri": "kafka://k", "state": "warning"}"#);
    guises.put_key("/tidb/cdc/changefeed/info/old", r#"{"state": "stopped"}"#);
    guises.put_key("/tidb/br-stream/info/pitr", "\u{a}\u{4}pitr");
    let parts =
        ["change feed old (stopped)", "change feed default/default/to-kafka (warning)", "log backup pitr"];
    case.fails("change-capture", &parts, &[]).await;
    guises.clear();
    guises.put_key(feed, r#"{"state": "finished"}"#);
    assert_eq!(case.line("change-capture", &[]).await["level"], "pass");
    guises.clear();
    case.sql(&[
        "CREATE DATABASE lightning_metadata",
        "CREATE TABLE lightning_metadata.table_meta (task_id BIGINT UNSIGNED, table_id BIGINT, table_name VARCHAR(64), \
         status VARCHAR(32), PRIMARY KEY (table_id, task_id))",
    ])
    .await;
    case.warns("lightning-metadata", &["`lightning_metadata` exists, with 0 rows"], &[]).await;
    case.sql(&["INSERT INTO lightning_metadata.table_meta VALUES (1, 2, '`shop`.`t`', 'restore')"]).await;
    case.fails("lightning-metadata", &["Lightning imports `shop`.`t` (restore)"], &[]).await;
    case.sql(&["DROP DATABASE lightning_metadata", "CREATE DATABASE shop", "USE shop", SCHEMA]).await;
    guises.ddl_job("shop", "t", "add index", "running");
    guises.ddl_job("shop", "other", "add index", "running");
    case.fails("schema-changes", &["add index of shop.t (running)"], &[]).await;
    guises.clear();
    case.sql(&["SET GLOBAL tidb_gc_life_time = '5m0s'"]).await;
    case.warns("gc-life-time", &["5m0s", "10m0s"], &[]).await;
    guises.claim_grants(&["GRANT USAGE ON *.* TO 'u'@'%'", "GRANT SELECT,INSERT ON `shop`.* TO 'u'@'%'"]);
    let parts = ["missing: ALTER on shop.t, SELECT on mysql.tidb", "4 privileges"];
    case.fails("privileges", &parts, &[]).await;
    guises.claim_grants(&[
        "GRANT ALL PRIVILEGES ON `shop`.* TO 'u'@'%'",
        "GRANT SELECT ON `mysql`.`tidb` TO 'u'@'%'",
        "GRANT CREATE,SELECT,INSERT,UPDATE ON `tidb_lightning_checkpoint`.* TO 'u'@'%'",
    ]);
    assert_eq!(case.line("privileges", &[]).await["level"], "pass");
    let shared = case.config("[tikv-importer]\nparallel-import = true\n");
    let parts = ["missing: DROP on tidb_lightning_checkpoint.*, DELETE on tidb_lightning_checkpoint.*"];
    case.fails("privileges", &parts, &["--config", &shared]).await;
    guises.clear();
    // Another import of ours holds the table's range.
    let table_id: i64 = {
        let mut conn = connect(case.target.playground.tidb_port()).await;
        let sql = "SELECT TIDB_TABLE_ID FROM information_schema.tables WHERE TABLE_SCHEMA = 'shop'";
        conn.query_first(sql).await.expect("an id").expect("a row")
    };
    let rule = serde_json::json!({
        "id": "thunderhead/nightly/worker-1", "rule_type": "key-range",
        "labels": [{"key": "schedule", "value": "deny", "ttl": "300s"}],
        "data": [{
            "start_key": format!("7480000000000000ff{table_id:02x}00000000000000f8"),
            "end_key": format!("7480000000000000ff{:02x}00000000000000f8", table_id + 1),
        }],
    });
    let url = format!("http://{}/pd/api/v1/config/region-label/rule", case.target.playground.pd_addr());
    let answer = reqwest::Client::new().post(url).json(&rule).send().await.expect("PD answers");
    assert!(answer.status().is_success(), "{answer:?}");
    guises.import_job("`shop`.`t`", "running");
    guises.import_job("`shop`.`other`", "running");
    let parts = ["IMPORT INTO job 1 on `shop`.`t`, import nightly"];
    case.fails("other-imports", &parts, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pd_of_another_cluster_is_told_by_its_id() {
    let case = Case::usual().await;
    let other = Target::start().await;
    let pd = other.playground.pd_addr();
    let (ours, theirs) = (other.playground.cluster_id(), case.target.playground.cluster_id());
    let parts = [format!("our PD is of cluster {ours}"), format!("of cluster {theirs}")];
    case.fails("same-cluster", &parts.each_ref().map(String::as_str), &["--pd-urls", &pd]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_the_target_that_do_not_fit_are_named() {
    let case = Case::start(&[
        (
            "shop.t-schema.sql",
            "CREATE TABLE `t` (`name` VARCHAR(10) COLLATE utf8mb4_bin PRIMARY KEY, `small` TINYINT);\n",
        ),
        ("shop.t.csv", "name,small\na,1\nA,2\n"),
        ("shop.n-schema.sql", "CREATE TABLE `n` (`id` TINYINT AUTO_INCREMENT PRIMARY KEY, `v` INT);\n"),
        ("shop.n.csv", &format!("v\n{}", "1\n".repeat(200))),
    ])
    .await;
    case.fails("auto-ids", &["shop.n.id has 127 ids left for about 20", "ids for all rows"], &[]).await;
    case.sql(&[
        "CREATE DATABASE shop",
        "CREATE TABLE shop.t (name VARCHAR(10) COLLATE utf8mb4_general_ci PRIMARY KEY, small TINYINT)",
        "INSERT INTO shop.t VALUES ('z', 1)",
    ])
    .await;
    let outcome = case.target.command("check", &case.dump, &["--json"]).await;
    outcome_code(&outcome, 1);
    says(&line_of(&outcome, "target-tables"), "fail", &["the target table `shop`.`t` holds rows"]);
    assert_eq!(line_of(&outcome, "target-tables")["fault"]["code"], "TH0007");
    let parts = ["shop.t.name is utf8mb4_bin in the dump, utf8mb4_general_ci in the target"];
    says(&line_of(&outcome, "collations"), "warn", &parts);
    says(&line_of(&outcome, "sample-conflicts"), "warn", &["shop.t: 1 of 2 rows", "shop.t.csv:3"]);
    let shared = case.config("[tikv-importer]\nparallel-import = true\n");
    assert_eq!(case.line("target-tables", &["--config", &shared]).await["level"], "pass");
}
