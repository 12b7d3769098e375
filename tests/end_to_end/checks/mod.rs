//! `thunderhead check` on clusters, dumps and machines that are bad in every way that it looks for, and on a good one.

mod cluster;
mod source;

use std::path::PathBuf;

use mysql_async::prelude::Queryable as _;
use serde_json::Value;
use th_playground::PlaygroundOptions;
use th_tests::{Outcome, Target, connect, data};

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
            "indexes",
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

/// A line that passes has no advice, which [`says`] wants.
fn passing(mut line: Value) -> Value {
    assert_eq!(line["advice"], "");
    line["advice"] = "none".into();
    line
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
    // Who goes on with a plan may have set up a change feed since.
    guises.clear();
    case.write("shop.t.csv", "id,small,name\n1,1,one\n2,300,two\n");
    case.sql(&["TRUNCATE TABLE shop.t"]).await;
    case.target.import(&case.dump, &["--import-id", "later"]).await.failed_with("TH0013", &["300"]);
    for name in ["verdict.json", "FAILED.json"] {
        std::fs::remove_file(case.target.path("ledger/later").join(name)).expect(name);
    }
    guises.put_key("/tidb/cdc/default/default/changefeed/info/new", r#"{"state": "normal"}"#);
    let resumed = case.target.import(&case.dump, &["--import-id", "later"]).await;
    resumed.failed_with("TH0016", &["change feed default/default/new (normal)"]);
    case.sql(&["INSERT INTO shop.t VALUES (1, 1, 'one')"]).await;
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
