//! Indexes and replicas in TiFlash that tables get when they have their rows.

use std::fmt::Write as _;
use std::path::PathBuf;

use mysql_async::Row;
use mysql_async::prelude::Queryable as _;
use th_env::CRASH_AT;
use th_playground::{Effect, RequestKind, StoreGuise};
use th_tests::{Target, connect, digests};

const BY_SQL: &str = "[tikv-importer]\nadd-index-by-sql = true\n";

/// A dump of files in the target's folder, and a configuration beside it.
fn write(target: &Target, files: &[(&str, &str)], config: &str) -> (PathBuf, String) {
    let dump = target.path("dump");
    std::fs::create_dir_all(&dump).expect("a folder");
    for (name, text) in files {
        std::fs::write(dump.join(name), text).expect("a file");
    }
    let path = target.path("config.toml");
    std::fs::write(&path, config).expect("a configuration");
    (dump, path.display().to_string())
}

async fn rows(target: &Target, sql: &str) -> Vec<Vec<String>> {
    let mut conn = connect(target.playground.tidb_port()).await;
    let rows: Vec<Row> = conn.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let cell = |value| String::from_utf8(mysql_async::from_value(value)).expect("text");
    rows.into_iter().map(|row| row.unwrap().into_iter().map(cell).collect()).collect()
}

async fn run(target: &Target, statements: &[&str]) {
    let mut conn = connect(target.playground.tidb_port()).await;
    for sql in statements {
        conn.query_drop(*sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// TiDB's definition of a table.
async fn definition(target: &Target, table: &str) -> serde_json::Value {
    let url = format!("http://127.0.0.1:{}/schema/d/{table}", target.playground.status_port());
    reqwest::get(url).await.expect("the server answers").json().await.expect("JSON")
}

async fn replicas(target: &Target, table: &str) -> serde_json::Value {
    definition(target, table).await["tiflash_replica"].clone()
}

const USUAL: &str = "CREATE TABLE `t` (`id` BIGINT NOT NULL, `name` VARCHAR(60), `at` DATETIME, `j` JSON,
    PRIMARY KEY (`id`) NONCLUSTERED,
    UNIQUE KEY `short` (`name`(20), `at`) COMMENT 'it''s short',
    KEY `low` ((lower(`name`))) INVISIBLE,
    KEY `many` ((CAST(`j`->'$.a' AS UNSIGNED ARRAY))));\n";
const PARTS: &str = "CREATE TABLE `parts` (`id` INT NOT NULL AUTO_INCREMENT, `b` INT, `c` VARCHAR(9),
    KEY `own` (`id`), UNIQUE KEY `all` (`b`) GLOBAL, KEY `some` (`c`) WHERE `b` > 5)
    PARTITION BY HASH (`id`) PARTITIONS 3;\n";

fn usual_files() -> [(&'static str, String); 4] {
    let rows = |table: &str, row: &dyn Fn(u32) -> String| {
        let mut text = format!("INSERT INTO `{table}` VALUES\n");
        for n in 1..=200 {
            let _ = write!(text, "{}{}", row(n), if n == 200 { ";\n" } else { ",\n" });
        }
        text
    };
    let usual =
        |n| format!("({n},'Name number {n}','2026-01-01 00:{:02}:00','{{\"a\": [{n}, {}]}}')", n % 60, n + 1);
    [
        ("d.t-schema.sql", USUAL.to_owned()),
        ("d.t.000.sql", rows("t", &usual)),
        ("d.parts-schema.sql", PARTS.to_owned()),
        ("d.parts.000.sql", rows("parts", &|n| format!("({n},{},'c{}')", n * 2, n % 7))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn indexes_that_are_added_by_sql_hold_what_ingested_ones_hold() {
    let (with, without) = (Target::start().await, Target::start().await);
    let files = usual_files();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let (dump, config) = write(&with, &files, BY_SQL);
    // Tables made one after the other have the same ids in both, which are in the keys.
    for target in [&with, &without] {
        let made = [
            "CREATE DATABASE `d`",
            &USUAL.replace("`t`", "`d`.`t`"),
            &PARTS.replace("`parts`", "`d`.`parts`"),
        ];
        run(target, &made).await;
    }
    with.import(&dump, &["--config", &config]).await.succeeded();
    without.import(&dump, &[]).await.succeeded();

    let document = with.document("deferred.json").expect("it says what was taken away");
    let statements: Vec<&str> =
        document["statements"].as_array().expect("a list").iter().filter_map(|text| text.as_str()).collect();
    assert_eq!(
        statements,
        [
            "ALTER TABLE `d`.`parts` ADD UNIQUE KEY `all` (`b`) /*T![global_index] GLOBAL */, \
             ADD KEY `some` (`c`) WHERE `b` > 5",
            "ALTER TABLE `d`.`t` ADD PRIMARY KEY (`id`) /*T![clustered_index] NONCLUSTERED */, \
             ADD UNIQUE KEY `short` (`name`(20),`at`) COMMENT 'it''s short', \
             ADD KEY `low` ((lower(`name`))) /*!80000 INVISIBLE */, \
             ADD KEY `many` ((cast(json_extract(`j`, _utf8mb4'$.a') as unsigned array)))",
        ]
    );
    assert!(without.document("deferred.json").is_none());
    assert_eq!(digests(with.playground.tidb_port()).await, digests(without.playground.tidb_port()).await);
    // What the same statements make of rows whose indexes were ingested: the ids of indexes are new in both.
    run(
        &without,
        &[
            "ALTER TABLE `d`.`parts` DROP INDEX `all`, DROP INDEX `some`",
            "ALTER TABLE `d`.`t` DROP PRIMARY KEY, DROP INDEX `short`, DROP INDEX `low`, DROP INDEX `many`",
        ],
    )
    .await;
    run(&without, &statements).await;
    for table in ["t", "parts"] {
        let checksum = format!("ADMIN CHECKSUM TABLE d.{table}");
        assert_eq!(rows(&with, &checksum).await, rows(&without, &checksum).await, "{table}");
        run(&with, &[&format!("ADMIN CHECK TABLE d.{table}")]).await;
        let show = format!("SHOW CREATE TABLE d.{table}");
        assert_eq!(rows(&with, &show).await, rows(&without, &show).await);
    }
    assert_eq!(with.left_behind().await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_unique_index_refuses_fail_the_import_with_what_is_left_to_do() {
    let target = Target::start().await;
    let schema =
        "CREATE TABLE `t` (`id` INT PRIMARY KEY, `u` INT, `v` INT, UNIQUE KEY `u` (`u`), KEY `v` (`v`));\n";
    let data = "INSERT INTO `t` VALUES (1,10,1),(2,20,2),(3,10,3);\n";
    let (dump, config) = write(&target, &[("d.t-schema.sql", schema), ("d.t.0.sql", data)], BY_SQL);
    let outcome = target.import(&dump, &["--config", &config]).await;
    outcome.failed_with("TH0020", &["Duplicate entry '10' for key 't.u'"]);
    let statement = "ALTER TABLE `d`.`t` ADD UNIQUE KEY `u` (`u`), ADD KEY `v` (`v`)";
    assert!(outcome.out.contains(&format!("Left to do in the target:\n  {statement};\n")), "{}", outcome.out);
    assert_eq!(
        target.document("FAILED.json").expect("a marker")["left_to_do"],
        serde_json::json!([statement])
    );
    assert_eq!(rows(&target, "SELECT COUNT(*) FROM d.t").await, [["3"]], "all rows are there");
    run(&target, &["DELETE FROM d.t WHERE id = 3", statement, "ADMIN CHECK TABLE d.t"]).await;
    assert_eq!(target.left_behind().await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_replaced_by_unique_indexes_which_stay_and_so_do_those_of_foreign_keys() {
    let target = Target::start().await;
    let parent = "CREATE TABLE `p` (`id` INT PRIMARY KEY);\n";
    let schema = "CREATE TABLE `t` (`id` INT PRIMARY KEY, `u` INT, `v` INT, `w` INT, UNIQUE KEY `u` (`u`),
        KEY `v` (`v`), KEY `w` (`w`), CONSTRAINT `fk` FOREIGN KEY (`w`) REFERENCES `p` (`id`));\n";
    let data = "INSERT INTO `t` VALUES (1,10,1,NULL),(2,20,2,NULL),(3,10,3,NULL);\n";
    let config = format!("{BY_SQL}[conflict]\nstrategy = \"replace\"\n");
    let files = [("d.p-schema.sql", parent), ("d.t-schema.sql", schema), ("d.t.0.sql", data)];
    let (dump, config) = write(&target, &files, &config);
    target.import(&dump, &["--config", &config]).await.succeeded();
    let document = target.document("deferred.json").expect("it says what was to be taken away");
    let names: Vec<&serde_json::Value> = document["tables"][0]["indexes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|index| &index["name"])
        .collect();
    assert_eq!(names, ["v", "w"]);
    let ids: Vec<(String, i64)> = definition(&target, "t").await["index_info"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|index| {
            (
                index["idx_name"]["O"].as_str().expect("a name").to_owned(),
                index["id"].as_i64().expect("an id"),
            )
        })
        .collect();
    // Only one has a new id: `w` was refused and never gone.
    assert_eq!(ids, [("u".to_owned(), 1), ("w".to_owned(), 3), ("v".to_owned(), 4)]);
    assert_eq!(rows(&target, "SELECT id FROM d.t").await, [["1"], ["2"]]);
    run(&target, &["ADMIN CHECK TABLE d.t"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_fails_gives_back_what_it_has_taken() {
    let target = Target::start().await;
    target.playground.guises().tiflash(9, StoreGuise::default());
    let schema = "CREATE TABLE d.t (id INT PRIMARY KEY, v INT, KEY v (v))";
    run(&target, &["CREATE DATABASE d", schema, "ALTER TABLE d.t SET TIFLASH REPLICA 1"]).await;
    // No job can have a timestamp.
    let refuse = Effect::Error { message: "no timestamps today".to_owned() };
    target.playground.faults().inject(RequestKind::Tso, 1, refuse);
    let config = format!("{BY_SQL}[lightning]\ncheck-requirements = false\n");
    let (dump, config) = write(&target, &[("d.t.csv", "id,v\n1,2\n")], &config);
    let outcome = target.import(&dump, &["--config", &config]).await;
    outcome.failed_with("TH0006", &["no timestamps today"]);
    let noted = target.document("deferred.json").expect("it was noted");
    assert_eq!(noted["statements"].as_array().map(Vec::len), Some(2));
    assert!(target.document("FAILED.json").expect("a marker")["left_to_do"].is_null());
    let info = definition(&target, "t").await;
    // The index is another one than before.
    assert_eq!(
        (&info["index_info"][0]["idx_name"]["O"], &info["index_info"][0]["id"]),
        (&"v".into(), &2.into())
    );
    assert_eq!(info["tiflash_replica"]["Count"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_in_tiflash_are_set_after_the_import_to_what_they_were_or_the_dump_says() {
    let target = Target::start().await;
    let guises = target.playground.guises();
    guises.tiflash(9, StoreGuise::default());
    run(
        &target,
        &[
            "CREATE DATABASE d",
            "CREATE TABLE d.t (id INT PRIMARY KEY)",
            "ALTER TABLE d.t SET TIFLASH REPLICA 1 LOCATION LABELS 'zone', 'rack'",
        ],
    )
    .await;
    let dumped = "CREATE TABLE `n` (`id` INT PRIMARY KEY);\nALTER TABLE `x`.`n` SET TIFLASH REPLICA 1;\n";
    let files = [
        ("d.t.csv", "id\n1\n"),
        ("d.n-schema.sql", dumped),
        ("d.n.csv", "id\n1\n2\n"),
        ("d.o.csv", "id\n1\n"),
    ];
    let (dump, _) = write(&target, &files, "");
    run(&target, &["CREATE TABLE d.o (id INT PRIMARY KEY)"]).await;
    let crash = [(CRASH_AT, "plan.definitions-reduced".to_owned())];
    let died = target.start_import_in(&dump, &[], &crash).wait().await;
    assert_eq!(died.code, None, "{}", died.err);
    for table in ["t", "n"] {
        assert!(replicas(&target, table).await.is_null(), "{table} has no replica while it is empty");
    }
    // The server of the replicas goes away meanwhile: what cannot be set is said, and the import is whole.
    guises.clear();
    let outcome = target.import(&dump, &[]).await.succeeded();
    let left = [
        "ALTER TABLE `d`.`n` SET TIFLASH REPLICA 1",
        "ALTER TABLE `d`.`t` SET TIFLASH REPLICA 1 LOCATION LABELS 'zone', 'rack'",
    ];
    assert_eq!(target.document("COMPLETE.json").expect("a marker")["left_to_do"], serde_json::json!(left));
    assert!(
        outcome.out.ends_with(&format!("  {};\nledger: {}\n", left[1], target.path("ledger/it").display())),
        "{}",
        outcome.out
    );

    guises.tiflash(9, StoreGuise::default());
    run(&target, &["DROP DATABASE d", "CREATE DATABASE d", "CREATE TABLE d.o (id INT PRIMARY KEY)"]).await;
    run(&target, &["CREATE TABLE d.t (id INT PRIMARY KEY)", left[1]]).await;
    target.import(&dump, &["--import-id", "again"]).await.succeeded();
    assert_eq!(replicas(&target, "t").await["LocationLabels"], serde_json::json!(["zone", "rack"]));
    assert_eq!(
        (&replicas(&target, "n").await["Count"], replicas(&target, "o").await.is_null()),
        (&1.into(), true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_import_says_which_indexes_an_abandoned_one_has_left_a_table_without() {
    let target = Target::start().await;
    let table = "CREATE TABLE `t` (`id` INT PRIMARY KEY, `a` INT, `b` INT, KEY `by_a` (`a`), KEY `by_b` (`b`));\n\
                 ALTER TABLE `t` ADD UNIQUE KEY `both` (`a`, `b`);\n";
    let (dump, config) = write(&target, &[("d.t-schema.sql", table), ("d.t.csv", "id,a,b\n1,2,3\n")], BY_SQL);
    let crash = [(CRASH_AT, "plan.definitions-reduced".to_owned())];
    let died = target.start_import_in(&dump, &["--config", &config], &crash).wait().await;
    assert_eq!(died.code, None, "{}", died.err);
    let line = async |import_id| {
        let more = ["--json", "--import-id", import_id];
        // A table that has its rows is no target of another import: the command may fail, with the same lines.
        let outcome = target.command("check", &dump, &more).await;
        let report: serde_json::Value = serde_json::from_str(&outcome.out).expect("JSON");
        let lines = report["lines"].as_array().expect("lines");
        lines.iter().find(|line| line["check"] == "indexes").expect("a line").clone()
    };
    assert_eq!(line("it").await["level"], "pass", "the import itself knows what it has put off");
    let warned = line("another").await;
    assert_eq!(
        (warned["level"].as_str(), warned["measured"].as_str()),
        (Some("warn"), Some("d.t lacks by_a, by_b, both"))
    );
    assert!(warned["advice"].as_str().is_some_and(|advice| advice.contains("deferred.json")), "{warned}");

    target.import(&dump, &["--config", &config]).await.succeeded();
    assert_eq!(line("another").await["level"], "pass", "all are back");
}
