//! `thunderhead check` on clusters, dumps and machines that are bad in every way that it looks for, and on a good one.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mysql_async::prelude::Queryable as _;
use serde_json::Value;
use th_playground::{PlaygroundOptions, StoreGuise};
use th_tests::{Outcome, Target, connect, data};

const MIB: u64 = 1 << 20;
const SCHEMA: &str = "CREATE TABLE `t` (`id` BIGINT PRIMARY KEY, `small` TINYINT, `name` VARCHAR(10));\n";

/// A dump of `shop.t` in CSV, with a cluster to check it against.
struct Case {
    target: Target,
    dump: PathBuf,
}

impl Case {
    async fn with(options: PlaygroundOptions, files: &[(&str, &str)]) -> Self {
        let target = Target::with(options).await;
        let dump = target.path("dump");
        std::fs::create_dir(&dump).expect("a folder");
        let case = Self { target, dump };
        case.write("shop-schema-create.sql", "CREATE DATABASE `shop`;\n");
        for (name, contents) in files {
            case.write(name, contents);
        }
        case
    }

    async fn start(files: &[(&str, &str)]) -> Self {
        Self::with(PlaygroundOptions::default(), files).await
    }

    /// The usual table with some rows.
    async fn usual() -> Self {
        Self::start(&[("shop.t-schema.sql", SCHEMA), ("shop.t.csv", "id,small,name\n1,1,one\n2,2,two\n")])
            .await
    }

    fn write(&self, name: &str, contents: &str) {
        std::fs::write(self.dump.join(name), contents).expect("a file");
    }

    fn config(&self, text: &str) -> String {
        let path = self.target.path("config.toml");
        std::fs::write(&path, text).expect("a configuration");
        path.display().to_string()
    }

    /// The line of a check, after making all of them.
    async fn line(&self, check: &str, more: &[&str]) -> Value {
        line_of(&self.target.command("check", &self.dump, &[more, &["--json"]].concat()).await, check)
    }

    /// The check fails: with these words in its numbers, and so does the command.
    async fn fails(&self, check: &str, parts: &[&str], more: &[&str]) {
        let outcome = self.target.command("check", &self.dump, &[more, &["--json"]].concat()).await;
        assert_eq!(outcome.code, Some(1), "{}\n{}", outcome.out, outcome.err);
        says(&line_of(&outcome, check), "fail", parts);
    }

    /// The check warns with these words, and the command succeeds.
    async fn warns(&self, check: &str, parts: &[&str], more: &[&str]) {
        let outcome =
            self.target.command("check", &self.dump, &[more, &["--json"]].concat()).await.succeeded();
        says(&line_of(&outcome, check), "warn", parts);
    }

    async fn sql(&self, statements: &[&str]) {
        let mut conn = connect(self.target.playground.tidb_port()).await;
        for statement in statements {
            conn.query_drop(*statement).await.expect(statement);
        }
    }
}

fn lines(outcome: &Outcome) -> Vec<Value> {
    let report: Value = serde_json::from_str(&outcome.out)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", outcome.out, outcome.err));
    report["lines"].as_array().expect("lines").clone()
}

fn line_of(outcome: &Outcome, check: &str) -> Value {
    let lines = lines(outcome);
    let found = lines.iter().find(|line| line["check"] == check);
    found.unwrap_or_else(|| panic!("no line {check} in {lines:#?}")).clone()
}

#[track_caller]
fn says(line: &Value, level: &str, parts: &[&str]) {
    assert_eq!(line["level"], level, "{line}");
    let text = format!("{} | {}", line["measured"].as_str().unwrap(), line["threshold"].as_str().unwrap());
    for part in parts {
        assert!(text.contains(part), "no `{part}` in {line}");
    }
    assert!(!line["advice"].as_str().unwrap().is_empty(), "no advice in {line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_cluster_passes_every_check_and_nothing_is_changed() {
    let target = Target::start().await;
    let outcome = target.command("check", &data("dumps/csv"), &["--json"]).await.succeeded();
    let lines = lines(&outcome);
    let names: Vec<&str> = lines.iter().map(|line| line["check"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "ledger",
            "queue",
            "checkpoint",
            "source-permission",
            "definitions",
            "target-tables",
            "source-columns",
            "source-stability",
            "dump-metadata",
            "large-files",
            "collations",
            "source-order",
            "sample-values",
            "sample-conflicts",
            "auto-ids",
            "versions",
            "same-cluster",
            "stores",
            "available-space",
            "headroom",
            "tiflash-space",
            "empty-regions",
            "region-distribution",
            "change-capture",
            "other-imports",
            "lightning-metadata",
            "schema-changes",
            "privileges",
            "gc-life-time",
            "clock",
            "sort-space",
            "sort-disk",
            "open-files",
        ]
    );
    for line in &lines {
        assert_eq!(line["level"], "pass", "{line}");
    }
    let space = line_of(&outcome, "available-space");
    assert!(space["threshold"].as_str().unwrap().contains("tables sampled"), "{space}");
    assert!(!target.path("ledger").exists(), "the ledger's folder was made");
    let mut conn = connect(target.playground.tidb_port()).await;
    let databases: Vec<String> = conn.query("SHOW DATABASES").await.expect("databases");
    assert!(!databases.contains(&"app".to_owned()), "{databases:?}");
    // As a table for people.
    let table = target.command("check", &data("dumps/csv"), &[]).await.succeeded();
    assert!(table.out.starts_with("result  check "), "{}", table.out);
    assert!(table.out.contains("\npass    versions "), "{}", table.out);
}

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

/// A line that passes has no advice, which [`says`] wants.
fn passing(mut line: Value) -> Value {
    assert_eq!(line["advice"], "");
    line["advice"] = "none".into();
    line
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
    case.fails("other-imports", &["import nightly"], &[]).await;
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
async fn bad_dumps_are_described() {
    let case = Case::start(&[("shop.t.csv", "id,small,name\n1,1,one\n")]).await;
    case.fails("definitions", &["shop.t.csv", "neither the dump nor the target defines it"], &[]).await;
    case.write("shop.t-schema.sql", SCHEMA);
    case.write("shop.t.csv", "id,small,colour\n1,1,red\n");
    case.fails("source-columns", &["shop.t.csv", "colour", "shop.t"], &[]).await;
    // A header where none is configured: as a row it does not fit.
    case.write("shop.t.csv", "id,small,name\n1,1,one\n");
    let headless = case.config("[mydumper.csv]\nheader = false\n");
    case.fails(
        "csv-header",
        &["shop.t.csv begins with the column names id,small,name"],
        &["--config", &headless],
    )
    .await;
    case.write("shop.t.csv", "id,small,name\n3,300,one\n1,1,one\n1,2,two\n");
    case.write("metadata", "Started dump at: 2026-01-01 00:00:00\n");
    let outcome = case.target.command("check", &case.dump, &["--json"]).await.succeeded();
    says(&line_of(&outcome, "dump-metadata"), "warn", &["no `Finished dump at`"]);
    says(&line_of(&outcome, "sample-values"), "warn", &["shop.t: 1 of 3 rows, first", "shop.t.csv:2", "300"]);
    says(&line_of(&outcome, "sample-conflicts"), "warn", &["shop.t: 1 of 3 rows, first", "shop.t.csv:4"]);
    // A file that cannot be cut: a hole of twelve gibibytes.
    let large = std::fs::File::create(case.dump.join("shop.t.1.csv.gz")).expect("a file");
    large.set_len(12 << 30).expect("a sparse file");
    case.warns("large-files", &["shop.t.1.csv.gz has 12.0 GiB and is compressed", "10.0 GiB"], &[]).await;
    let outcome = case.target.command("check", &case.target.path("nowhere"), &["--json"]).await;
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    says(&line_of(&outcome, "source-permission"), "fail", &["nowhere"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_that_is_still_written_is_not_imported() {
    let case = Case::usual().await;
    let (stop, path) = (Arc::new(AtomicBool::new(false)), case.dump.join("shop.t.2.csv"));
    let writer = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            let mut rows = 10;
            while !stop.load(Ordering::Relaxed) {
                rows = if rows > 1000 { 10 } else { rows + 1 };
                let text: String = (10..rows).map(|id| format!("{id},1,x\n")).collect();
                std::fs::write(&path, format!("id,small,name\n{text}")).expect("a file");
            }
        }
    });
    let line = case.line("source-stability", &[]).await;
    stop.store(true, Ordering::Relaxed);
    writer.join().expect("the writer ends");
    says(&line, "fail", &["changed between two listings: ", "shop.t.2.csv"]);
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

#[track_caller]
fn outcome_code(outcome: &Outcome, code: i32) {
    assert_eq!(outcome.code, Some(code), "{}\n{}", outcome.out, outcome.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn this_machines_limits_are_measured() {
    let case = Case::usual().await;
    let arguments = case.target.arguments("check", &case.dump, &["--json"]);
    let few = th_tests::run_under("ulimit -n 60; exec \"$@\"", &arguments).await;
    says(&line_of(&few, "open-files"), "fail", &["60", "at least"]);
    // A sort folder on a file system of its own, which is smaller than the dump.
    let rows: String = (1..=60_000).map(|id| format!("{id},{},name\n", id % 100)).collect();
    case.write("shop.t.csv", &format!("id,small,name\n{rows}"));
    let disk = case.target.path("disk");
    std::fs::create_dir(&disk).expect("a folder");
    let folder = disk.display().to_string();
    let small = case.target.arguments("check", &case.dump, &["--json", "--sort-dir", &folder]);
    let outcome = th_tests::run_on_small_disk(&disk, &small).await;
    says(&line_of(&outcome, "sort-space"), "fail", &["256.0 KiB free in ", "disk", "MiB for the jobs"]);
    let quota = case.config("[tikv-importer]\ndisk-quota = \"200KiB\"\n");
    let limited =
        case.target.arguments("check", &case.dump, &["--json", "--sort-dir", &folder, "--config", &quota]);
    let outcome = th_tests::run_on_small_disk(&disk, &limited).await;
    says(&line_of(&outcome, "sort-space"), "warn", &["256.0 KiB free in "]);
    // A large file, most of it a hole, beside the sort folder; more unsorted rows than a sample has.
    let rows: String = (1..=20_000).map(|id| format!("{},{},name\n", id ^ 1, id % 100)).collect();
    case.write("shop.t.csv", &format!("id,small,name\n{rows}"));
    let file = std::fs::File::options().write(true).open(case.dump.join("shop.t.csv")).expect("the file");
    file.set_len(2 << 30).expect("a sparse file");
    let told = case.config("[thunderhead]\njob-size = \"1MiB\"\n");
    let beside = case.dump.display().to_string();
    let more = ["--sort-dir", &beside, "--config", &told];
    case.warns("sort-disk", &["both are on one disk, for 2.0 GiB"], &more).await;
    says(&case.line("source-order", &more).await, "warn", &["shop.t: ", "rows are not", "beyond 1.0 GiB"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_or_a_queue_that_cannot_be_used_is_named() {
    let case = Case::usual().await;
    case.write("blocker", "a file where a folder should be");
    let ledger = case.dump.join("blocker").join("ledger").display().to_string();
    case.fails("ledger", &["blocker"], &["--ledger", &ledger]).await;
    let queue = ["--queue", "http://127.0.0.1:9/000000000000/jobs", "--queue-endpoint", "http://127.0.0.1:9"];
    let mut environment =
        vec![("AWS_ACCESS_KEY_ID", "k".to_owned()), ("AWS_SECRET_ACCESS_KEY", "s".to_owned())];
    environment.push(("AWS_REGION", "us-east-1".to_owned()));
    let arguments = case.target.arguments("check", &case.dump, &[&queue[..], &["--json"]].concat());
    let outcome = th_tests::Running::start(&arguments, &environment).wait().await;
    says(&line_of(&outcome, "queue"), "fail", &["127.0.0.1:9"]);
    // Workers elsewhere sort elsewhere.
    assert!(!lines(&outcome).iter().any(|line| line["check"] == "sort-space"), "{}", outcome.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_with_another_plan_or_a_changed_source_is_refused_by_name() {
    let case = Case::usual().await;
    let stopped = case.config("[conflict]\nstrategy = \"error\"\n");
    case.write("shop.t.csv", "id,small,name\n1,1,one\n1,2,two\n");
    case.target.import(&case.dump, &["--config", &stopped]).await.failed_with("TH0020", &["PRIMARY"]);
    case.fails("checkpoint", &["has failed before"], &[]).await;
    // A plan that is not done, of an import that was made for another source.
    let plan = case.target.path("ledger/it/plan.json");
    for name in ["verdict.json", "FAILED.json"] {
        std::fs::remove_file(case.target.path("ledger/it").join(name)).expect(name);
    }
    assert!(plan.exists());
    let other = case.target.path("elsewhere");
    std::fs::create_dir(&other).expect("a folder");
    let outcome = case.target.command("check", &other, &["--json"]).await;
    says(&line_of(&outcome, "checkpoint"), "fail", &["holds a plan for the source"]);
    case.write("shop.t.csv", "id,small,name\n1,1,one\n1,2,two\n3,3,three\n");
    case.fails("inputs", &["the plan was made for 30 bytes of this table, the source has 40 now"], &[]).await;
    case.target.import(&case.dump, &[]).await.failed_with("TH0010", &["made for 30 bytes", "shop.t"]);
    case.write("shop.t.csv", "id,small,name\n1,1,one\n1,2,two\n");
    case.write("shop.more-schema.sql", "CREATE TABLE `more` (`id` INT);\n");
    case.write("shop.more.csv", "id\n1\n");
    case.fails("inputs", &["0 bytes of this table", "shop.more"], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_does_not_start_when_a_check_fails_unless_it_is_told_to() {
    let case = Case::usual().await;
    let guises = case.target.playground.guises();
    guises.put_key("/tidb/br-stream/info/pitr", "x");
    let refused = case.target.import(&case.dump, &[]).await;
    refused.failed_with("TH0016", &["the check `change-capture` failed: log backup pitr", "no log backup"]);
    let mut conn = connect(case.target.playground.tidb_port()).await;
    let databases: Vec<String> = conn.query("SHOW DATABASES").await.expect("databases");
    assert!(!databases.contains(&"shop".to_owned()), "something was made: {databases:?}");
    assert!(case.target.document("FAILED.json").is_some() && case.target.document("plan.json").is_none());
    let told = case.config("[lightning]\ncheck-requirements = false\n");
    let more = ["--config", &told, "--import-id", "told"];
    case.target.import(&case.dump, &more).await.succeeded();
    // What is looked at all the same.
    guises.clear();
    let more = ["--config", &told, "--import-id", "again"];
    case.target.import(&case.dump, &more).await.failed_with("TH0007", &["shop", "holds rows"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_by_sql_makes_only_the_checks_that_concern_it() {
    let case = Case::usual().await;
    let guises = case.target.playground.guises();
    guises.put_key("/tidb/br-stream/info/pitr", "x");
    let outcome =
        case.target.command("check", &case.dump, &["--backend", "tidb", "--json"]).await.succeeded();
    let lines = lines(&outcome);
    let names: Vec<&str> = lines.iter().map(|line| line["check"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "ledger",
            "queue",
            "checkpoint",
            "source-permission",
            "definitions",
            "source-columns",
            "source-stability",
            "dump-metadata",
            "large-files",
            "versions",
            "privileges",
        ]
    );
    guises.claim_grants(&["GRANT ALL PRIVILEGES ON `shop`.* TO 'u'@'%'"]);
    let parts = ["missing: CREATE on tidb_lightning_checkpoint.*"];
    case.fails("privileges", &parts, &["--backend", "tidb"]).await;
}
