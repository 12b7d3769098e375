//! `thunderhead ctl`, the verbs of tidb-lightning-ctl: what they say and do, from the ledger.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use mysql_async::prelude::Queryable as _;
use th_tests::{Outcome, Running, Target, connect, run_program};

const DATABASE: &str = "CREATE DATABASE `shop`;\n";
const GOOD: &str = "CREATE TABLE `good` (`id` INT PRIMARY KEY, `v` INT);\n";
const BAD: &str = "CREATE TABLE `bad` (`id` INT PRIMARY KEY, `small` TINYINT);\n";

/// A dump of two tables, one of which cannot be imported at first.
struct Case {
    target: Target,
    dump: PathBuf,
}

impl Case {
    /// Of `bad` alone, or with `good` beside it; the import `it` has failed.
    async fn failed(with_good: bool) -> Self {
        let target = Target::start().await;
        let dump = target.path("dump");
        std::fs::create_dir(&dump).expect("a folder");
        let case = Self { target, dump };
        case.write("shop-schema-create.sql", DATABASE);
        case.write("shop.bad-schema.sql", BAD);
        case.write("shop.bad.csv", "id,small\n1,1\n2,300\n");
        if with_good {
            case.write("shop.good-schema.sql", GOOD);
            case.write("shop.good.csv", "id,v\n1,1\n2,2\n3,3\n");
        }
        case.target.import(&case.dump, &[]).await.failed_with("TH0013", &["shop.bad.csv:3"]);
        case
    }

    fn write(&self, name: &str, contents: &str) {
        std::fs::write(self.dump.join(name), contents).expect("a file");
    }

    /// `thunderhead ctl` with this test's ledger and cluster.
    async fn ctl(&self, more: &[&str]) -> Outcome {
        Running::start(&self.arguments("ctl", more), &[]).wait().await
    }

    fn arguments(&self, command: &str, more: &[&str]) -> Vec<String> {
        let playground = &self.target.playground;
        let mut all: Vec<String> = vec![
            command.to_owned(),
            format!("--ledger={}", self.target.path("ledger").display()),
            "-d".to_owned(),
            self.dump.display().to_string(),
            format!("--pd-urls={}", playground.pd_addr()),
            "-tidb-host".to_owned(),
            "127.0.0.1".to_owned(),
            format!("-tidb-port={}", playground.tidb_port()),
            format!("-tidb-status={}", playground.status_port()),
            "--tidb-user=root".to_owned(),
            format!("-sorted-kv-dir={}", self.target.folder.path().display()),
        ];
        all.extend(more.iter().map(|&flag| flag.to_owned()));
        all
    }

    async fn tables(&self) -> Vec<String> {
        let mut conn = connect(self.target.playground.tidb_port()).await;
        conn.query("SHOW TABLES FROM shop").await.expect("tables")
    }
}

fn csv(folder: &Path, name: &str) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(folder.join(name)).expect(name);
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// The cells of a column.
fn column(table: &[Vec<String>], name: &str) -> Vec<String> {
    let at =
        table[0].iter().position(|head| head == name).unwrap_or_else(|| panic!("no {name} in {table:?}"));
    table[1..].iter().map(|row| row[at].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_import_is_dumped_reopened_and_goes_on_to_its_end() {
    let case = Case::failed(true).await;
    let folder = case.target.path("checkpoints");
    let dumped = case.ctl(&["--checkpoint-dump", &folder.display().to_string()]).await.succeeded();
    assert!(dumped.out.contains("chunks.csv"), "{}", dumped.out);
    let tables = csv(&folder, "tables.csv");
    assert_eq!(column(&tables, "table_name"), ["`shop`.`bad`", "`shop`.`good`"]);
    assert_eq!(column(&tables, "task_id"), ["it", "it"]);
    assert_eq!(column(&tables, "status")[0], "3", "failed when it was loaded");
    let engines = csv(&folder, "engines.csv");
    assert_eq!(column(&engines, "status")[0], "3");
    let chunks = csv(&folder, "chunks.csv");
    assert_eq!(column(&chunks, "path"), ["shop.bad.csv", "shop.good.csv"]);
    assert_eq!(column(&chunks, "end_offset"), ["19", "17"]);
    assert_eq!(column(&chunks, "type"), ["csv", "csv"]);
    // As it is, the import stays failed; with its errors forgotten it is refused what it cannot have.
    case.target.import(&case.dump, &[]).await.failed_with("TH0041", &["has failed before"]);
    let ignored = case.ctl(&["-checkpoint-error-ignore=`shop`.`bad`"]).await.succeeded();
    assert!(ignored.out.contains("ignored\tit\tTH0013\t"), "{}", ignored.out);
    assert!(ignored.out.contains("reopened\tit\t1 failed jobs"), "{}", ignored.out);
    assert!(case.target.document("FAILED.json").is_none() && case.target.document("verdict.json").is_none());
    case.target.import(&case.dump, &[]).await.failed_with("TH0013", &["shop.bad.csv:3"]);
    // The column is widened; a plan keeps the definition it was made for, so a new one is made.
    case.ctl(&["-checkpoint-remove", "all"]).await.succeeded();
    case.write("shop.bad.csv", "id,small\n1,1\n2,30\n");
    let mut conn = connect(case.target.playground.tidb_port()).await;
    conn.query_drop("TRUNCATE TABLE shop.good").await.expect("empty again");
    case.target.import(&case.dump, &[]).await.succeeded();
    case.ctl(&["-checkpoint-dump", &folder.display().to_string()]).await.succeeded();
    assert_eq!(column(&csv(&folder, "tables.csv"), "status"), ["210", "210"]);
    let complete = case.ctl(&["-checkpoint-error-ignore=all"]).await.succeeded();
    assert_eq!(complete.out, "not failed\tit\n");
}

/// What failed for a reason that is gone is all that is done again.
#[tokio::test(flavor = "multi_thread")]
async fn a_reopened_import_keeps_what_was_done() {
    let case = Case::failed(true).await;
    // The row that does not fit is one that may be left out, from now on.
    let plan = case.target.path("ledger/it/plan.json");
    let text = std::fs::read_to_string(&plan).expect("a plan");
    assert!(text.contains("\"max_rejected\": 0"), "{text}");
    std::fs::write(&plan, text.replace("\"max_rejected\": 0", "\"max_rejected\": 1")).expect("a plan");
    case.ctl(&["-checkpoint-error-ignore=all", "-import-id", "it"]).await.succeeded();
    case.target.import(&case.dump, &[]).await.succeeded();
    let complete = case.target.document("COMPLETE.json").expect("it is complete");
    assert_eq!(complete["rows"], 4, "{complete}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_import_is_destroyed_with_its_tables() {
    let case = Case::failed(false).await;
    let strange = case.ctl(&["-checkpoint-error-destroy=`shop`.`nope`"]).await;
    strange.failed_with("TH0001", &["no import of the ledger has a table `shop`.`nope`"]);
    assert_eq!(case.tables().await, ["bad"]);
    let destroyed = case.ctl(&["-checkpoint-error-destroy=`shop`.`bad`"]).await.succeeded();
    assert!(destroyed.out.contains("dropped\tshop.bad\n"), "{}", destroyed.out);
    assert!(destroyed.out.contains("removed\tit\t"), "{}", destroyed.out);
    assert_eq!(case.tables().await, Vec::<String>::new());
    assert!(case.target.document("plan.json").is_none());
    // The same id begins anew.
    case.write("shop.bad.csv", "id,small\n1,1\n");
    case.target.import(&case.dump, &[]).await.succeeded();
    let gone = case.ctl(&["-checkpoint-remove=all", "-import-id=other"]).await;
    gone.failed_with("TH0001", &["has no import with the id other"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_could_not_be_planned_may_be_tried_again_under_its_name() {
    let case = Case::failed(false).await;
    std::fs::remove_file(case.dump.join("shop.bad-schema.sql")).expect("the schema");
    case.write("shop.other.csv", "id,small\n1,1\n");
    let more = ["--import-id", "unplanned"];
    case.target.import(&case.dump, &more).await.failed_with("TH0004", &["shop.other"]);
    case.target.import(&case.dump, &more).await.failed_with("TH0041", &["has failed before"]);
    let ignored = case.ctl(&["-checkpoint-error-ignore=all", "-import-id=unplanned"]).await.succeeded();
    assert!(ignored.out.starts_with("ignored\tunplanned\tTH0004\t"), "{}", ignored.out);
    case.write("shop.other-schema.sql", &BAD.replace("bad", "other"));
    case.write("shop.bad.csv", "id,small\n1,1\n");
    case.target.import(&case.dump, &more).await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_of_several_tables_is_not_taken_apart() {
    let case = Case::failed(true).await;
    for verb in ["-checkpoint-remove", "-checkpoint-error-destroy"] {
        let refused = case.ctl(&[verb, "`shop`.`bad`"]).await;
        refused.failed_with("TH0001", &["one plan for 2 tables", "=all"]);
    }
    assert_eq!(case.tables().await, ["bad", "good"]);
    assert!(case.target.document("plan.json").is_some());
    let removed = case.ctl(&["-checkpoint-remove", "all"]).await.succeeded();
    assert!(removed.out.starts_with("removed\tit\t"), "{}", removed.out);
    assert!(case.target.document("plan.json").is_none() && case.target.document("FAILED.json").is_none());
    assert_eq!(case.tables().await, ["bad", "good"], "tables are not the ledger's");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_somebody_works_on_is_not_forgotten() {
    let case = Case::failed(false).await;
    let folder = case.target.path("ledger/it");
    for name in ["verdict.json", "FAILED.json"] {
        std::fs::remove_file(folder.join(name)).expect(name);
    }
    // What a worker wrote a moment ago, that was killed or works on.
    let workers: Vec<_> = std::fs::read_dir(folder.join("workers")).expect("reports").collect();
    let path = workers[0].as_ref().expect("a report").path();
    let text = std::fs::read_to_string(&path).expect("a report");
    std::fs::write(&path, text.replace("\"done\"", "\"working\"")).expect("a report");
    case.ctl(&["-checkpoint-remove=all"]).await.failed_with("TH0041", &["the import it runs: worker "]);
    assert!(case.target.document("plan.json").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn modes_are_switched_and_fetched_and_stores_compacted() {
    let case = Case::failed(false).await;
    let store = &case.target.playground.tikv_addrs()[0];
    let mode = |outcome: Outcome| outcome.succeeded().out;
    assert_eq!(mode(case.ctl(&["-fetch-mode"]).await), format!("{store:<30} | Normal mode\n"));
    assert_eq!(mode(case.ctl(&["-switch-mode=import"]).await), format!("{store:<30} | Import mode\n"));
    assert_eq!(mode(case.ctl(&["--fetch-mode"]).await), format!("{store:<30} | Import mode\n"));
    case.ctl(&["-switch-mode", "normal"]).await.succeeded();
    assert_eq!(mode(case.ctl(&["-fetch-mode"]).await), format!("{store:<30} | Normal mode\n"));
    case.ctl(&["-switch-mode=fast"]).await.failed_with("TH0001", &["not `fast`"]);
    assert_eq!(mode(case.ctl(&["-compact"]).await), format!("{store:<30} | compacted\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn verbs_about_engines_are_explained_and_dead_sort_folders_shown() {
    let case = Case::failed(false).await;
    for flag in ["--import-engine=`shop`.`bad`:0", "--cleanup-engine=b1a2-uuid"] {
        case.ctl(&[flag]).await.failed_with("TH0001", &["there are no engines"]);
    }
    let none = case.ctl(&["-check-local-storage"]).await.succeeded();
    assert!(none.out.starts_with("0 left"), "{}", none.out);
    let dead = case.target.path("thunderhead-00000000000000aa");
    std::fs::create_dir(&dead).expect("a folder");
    std::fs::write(dead.with_extension("lock"), "").expect("a lock file");
    let one = case.ctl(&["-check-local-storage"]).await.succeeded();
    assert!(one.out.contains(&format!("left\t{}\n1 left", dead.display())), "{}", one.out);
    // Under the other program's name, and without a verb.
    let link = case.target.path("tidb-lightning-ctl");
    symlink(th_tests::program(), &link).expect("a link");
    let fetched = run_program(&link, &case.arguments("-fetch-mode", &[])).await.succeeded();
    assert!(fetched.out.contains("| Normal mode"), "{}", fetched.out);
    let help = run_program(&link, &[]).await.succeeded();
    assert!(help.out.contains("-checkpoint-error-destroy VALUE"), "{}", help.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_after_success_is_as_configured() {
    let case = Case::failed(false).await;
    case.write("shop.bad.csv", "id,small\n1,1\n");
    let config = case.target.path("config.toml");
    for (id, keep, jobs) in
        [("kept", "\"origin\"", true), ("thin", "\"remove\"", false), ("no", "false", false)]
    {
        let mut conn = connect(case.target.playground.tidb_port()).await;
        conn.query_drop("TRUNCATE TABLE shop.bad").await.expect("empty again");
        std::fs::write(&config, format!("[checkpoint]\nkeep-after-success = {keep}\n"))
            .expect("a configuration");
        let more = ["--import-id", id, "--config", &config.display().to_string()];
        case.target.import(&case.dump, &more).await.succeeded();
        let folder = case.target.path("ledger").join(id);
        for document in ["plan.json", "verdict.json", "COMPLETE.json"] {
            assert!(folder.join(document).exists(), "{id}: no {document}");
        }
        // Of one attempt, in a folder of its own.
        let attempts = std::fs::read_dir(folder.join("jobs")).into_iter().flatten();
        let left: usize = attempts
            .map(|attempt| std::fs::read_dir(attempt.expect("an entry").path()).map_or(0, Iterator::count))
            .sum();
        assert_eq!(left > 0, jobs, "{id}: {left} jobs");
        // Once more is no second import.
        case.target.import(&case.dump, &more).await.succeeded();
        let status = Running::start(
            &["status", "--import-id", id, "--ledger", &case.target.path("ledger").display().to_string()]
                .map(str::to_owned),
            &[],
        );
        let status = status.wait().await.succeeded();
        assert!(status.out.contains("state\tcomplete\n"), "{id}: {}", status.out);
    }
}
