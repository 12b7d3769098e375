//! Imports by SQL: into the embedded cluster's SQL front, and into a real MariaDB.

use std::path::PathBuf;

use mysql_async::Conn;
use mysql_async::prelude::{FromRow, Queryable as _};
use th_playground::{Effect, Fault, RequestKind};
use th_tests::{DEADLINE, MariaDb, Outcome, Running, Target, connect, data, digests, digests_in, expected};

const BY_SQL: [&str; 2] = ["--backend", "tidb"];

/// A dump of one database, written file by file, and a folder for the ledger.
struct Small {
    folder: tempfile::TempDir,
}

impl Small {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("dump")).expect("a folder");
        for (name, contents) in files {
            std::fs::write(folder.path().join("dump").join(name), contents).expect("a file");
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts `thunderhead import` of it; `config` is TOML.
    fn start(&self, target: &[String], config: &str) -> Running {
        std::fs::write(self.path("config.toml"), config).expect("a configuration");
        let mut arguments = vec!["import".to_owned()];
        for (flag, value) in [
            ("--source", self.path("dump")),
            ("--ledger", self.path("ledger")),
            ("--config", self.path("config.toml")),
            ("--import-id", "it".into()),
        ] {
            arguments.extend([flag.to_owned(), value.display().to_string()]);
        }
        arguments.extend_from_slice(target);
        Running::start(&arguments, &[])
    }

    async fn import(&self, target: &[String], config: &str) -> Outcome {
        self.start(target, config).wait().await
    }

    fn document(&self, name: &str) -> serde_json::Value {
        let text = std::fs::read(self.path("ledger/it").join(name)).expect("the document is in the ledger");
        serde_json::from_slice(&text).expect("JSON")
    }
}

async fn rows<T: FromRow + Send + 'static>(conn: &mut Conn, sql: &str) -> Vec<T> {
    conn.query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

async fn run(conn: &mut Conn, statements: &[&str]) {
    for statement in statements {
        conn.query_drop(*statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// Waits for a number that a query answers to become positive.
async fn until(conn: &mut Conn, sql: &str) {
    let waiting = async {
        while conn.query_first::<u64, _>(sql).await.expect("an answer").unwrap_or(0) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("{sql} stays zero"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_written_by_sql_has_the_rows_that_ingesting_gives_it() {
    for dump in ["dumps/sql", "dumps/csv"] {
        let target = Target::start().await;
        let outcome = target.import(&data(dump), &BY_SQL).await.succeeded();
        assert!(outcome.out.contains("COMPLETE: 12 tables, 28507 rows"), "{}", outcome.out);
        // The books are gone, too: they would be a database more.
        assert_eq!(
            digests(target.playground.tidb_port()).await,
            expected(&data("dumps/expected.json")),
            "{dump}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_values_written_by_sql_are_those_that_ingesting_gives() {
    let (written, ingested) = (Target::start().await, Target::start().await);
    written.import(&data("dumps/parquet"), &BY_SQL).await.succeeded();
    ingested.import(&data("dumps/parquet"), &[]).await.succeeded();
    let ports = [&written, &ingested].map(|target| target.playground.tidb_port());
    let found = digests(ports[0]).await;
    assert!(found.contains_key("pq.types"), "{found:?}");
    assert_eq!(found, digests(ports[1]).await);
}

/// All tables whose definitions MariaDB understands.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_tidb_is_written_to_mariadb() {
    let mariadb = MariaDb::shared().await;
    let ledger = tempfile::tempdir().expect("a folder");
    let mut arguments = vec!["import".to_owned()];
    for (flag, value) in [
        ("--source", data("dumps/sql").display().to_string()),
        ("--ledger", ledger.path().display().to_string()),
        ("--filter", "*.*".to_owned()),
        ("--filter", "!app.events".to_owned()),
        ("--filter", "!app.users".to_owned()),
    ] {
        arguments.extend([flag.to_owned(), value]);
    }
    arguments.extend(mariadb.flags());
    let outcome = Running::start(&arguments, &[]).wait().await.succeeded();
    assert!(outcome.out.contains("COMPLETE: 10 tables, 21507 rows"), "{}", outcome.out);
    // Other tests' imports make and drop their books meanwhile.
    let found = digests_in(mariadb.port(), |name| ["app", "sb", "tpcc", "tpch"].contains(&name)).await;
    for (table, digest) in expected(&data("dumps/expected.json")) {
        if !["app.events", "app.users"].contains(&table.as_str()) {
            assert_eq!(found.get(&table), Some(&digest), "{table}");
        }
    }
}

/// Answers get lost, before and after the server has done what it was told, also those of commits.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_keys_has_each_row_once_whatever_answers_are_lost() {
    let values: Vec<String> = (0..400).map(|n| format!("({n},'row {n}')")).collect();
    let small = Small::new(&[
        ("d-schema-create.sql", "CREATE DATABASE `d`;\n"),
        ("d.t-schema.sql", "CREATE TABLE `t` (`n` INT, `v` VARCHAR(20));\n"),
        ("d.t.sql", &format!("INSERT INTO `t` VALUES {};\n", values.join(","))),
    ]);
    let target = Target::start().await;
    // Behind the planner's statements, now and then among the worker's.
    for (number, skip) in (80..520).step_by(37).enumerate() {
        let effect = if number % 2 == 0 { Effect::LoseAnswer } else { Effect::Unavailable };
        let fault = Fault { on: RequestKind::Sql, region: None, store: None, skip, times: 1, effect };
        target.playground.faults().add(fault);
    }
    let mut flags = target.flags();
    flags.extend(BY_SQL.map(str::to_owned));
    let config = "[tikv-importer]\nlogical-import-batch-rows = 1\n[thunderhead]\nconcurrency = 1\n";
    small.import(&flags, config).await.succeeded();
    let mut conn = connect(target.playground.tidb_port()).await;
    assert_eq!(rows::<u64>(&mut conn, "SELECT COUNT(*) FROM d.t").await, [400]);
    let distinct: Vec<u64> = rows(&mut conn, "SELECT COUNT(DISTINCT n) FROM d.t").await;
    assert_eq!(distinct, [400]);
    let result = small.document("results/00000000.json");
    assert!(result["retries"].as_u64() > Some(5), "too few answers were lost: {result}");
}

/// Rows of many types, some with values that can only be written as text, to the same table with and without
/// prepared statements.
#[tokio::test(flavor = "multi_thread")]
async fn prepared_statements_write_the_rows_that_text_writes() {
    const COLUMNS: &str = "`id` INT PRIMARY KEY, `i` BIGINT UNSIGNED, `n` DECIMAL(20,5), `f` DOUBLE, `t` VARCHAR(60), \
                           `b` VARBINARY(20), `bits` BIT(9), `d` DATE, `at` DATETIME(3), `ts` TIMESTAMP NULL, \
                           `e` ENUM('one','two'), `s` SET('a','b','c'), `j` JSON, `y` YEAR, `o` INT DEFAULT 7";
    let row = |n: u32| {
        let (bytes, other) =
            if n / 100 == 3 { ("x'00ff5c27'", "DEFAULT") } else { ("'it\\'s \\\\'", "NULL") };
        format!(
            "({n},{},{n}.12345,{}.5e-3,'größe \\'{n}\\' \\\\ ?',{bytes},{},'2024-02-{:02}','2024-02-03 04:05:06.{:03}',\
             '2024-07-01 12:00:00','two','a,c','{{\"n\": [{n}, null]}}',{},{other})",
            u64::MAX - u64::from(n),
            n % 7,
            n % 512,
            n % 28 + 1,
            n % 1000,
            1990 + n % 50
        )
    };
    let values: Vec<String> = (0..1_000).map(row).collect();
    let data = format!("INSERT INTO `t` VALUES {};\n", values.join(",\n"));
    let mariadb = MariaDb::shared().await;
    let playground = Target::start().await;
    let mut by_sql = playground.flags();
    by_sql.extend(BY_SQL.map(str::to_owned));
    for (port, flags) in [(mariadb.port(), mariadb.flags()), (playground.playground.tidb_port(), by_sql)] {
        let mut conn = connect(port).await;
        for (db, prepared) in [("as_text", false), ("as_prepared", true)] {
            let small = Small::new(&[
                (&format!("{db}-schema-create.sql"), &format!("CREATE DATABASE `{db}`;\n")),
                (&format!("{db}.t-schema.sql"), &format!("CREATE TABLE `t` ({COLUMNS});\n")),
                (&format!("{db}.t.sql"), &data),
            ]);
            let config = format!(
                "[tikv-importer]\nlogical-import-batch-size = \"8KiB\"\nlogical-import-prep-stmt = {prepared}\n"
            );
            small.import(&flags, &config).await.succeeded();
        }
        let found = digests_in(port, |name| name.starts_with("as_")).await;
        assert_eq!(found.get("as_text.t"), found.get("as_prepared.t"), "{found:?}");
        assert!(found.contains_key("as_text.t"), "{found:?}");
        let differing = "SELECT COUNT(*) FROM as_text.t JOIN as_prepared.t USING (id) \
                         WHERE HEX(as_text.t.b) <> HEX(as_prepared.t.b) OR as_text.t.bits + 0 <> as_prepared.t.bits + 0";
        if port == mariadb.port() {
            assert_eq!(rows::<u64>(&mut conn, differing).await, [0]);
            let executed: Vec<(String, u64)> =
                rows(&mut conn, "SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'").await;
            assert!(executed[0].1 >= 3, "{executed:?}");
        }
    }
}

/// A table that holds rows, and a dump that brings some of them again.
fn populated(db: &str) -> (Small, [String; 3]) {
    let small = Small::new(&[
        (
            &format!("{db}.t-schema.sql"),
            "CREATE TABLE `t` (`id` INT PRIMARY KEY, `u` INT UNIQUE, `v` VARCHAR(20));\n",
        ),
        (
            &format!("{db}.t.sql"),
            "INSERT INTO `t` VALUES (1,10,'new'),(2,20,'new'),\n(3,31,'it''s \\\\ new'),(4,40,NULL);\n",
        ),
    ]);
    let before = [
        format!("CREATE DATABASE {db}"),
        format!("CREATE TABLE {db}.t (id INT PRIMARY KEY, u INT UNIQUE, v VARCHAR(20))"),
        format!("INSERT INTO {db}.t VALUES (1,10,'old'),(9,20,'old'),(7,70,'old')"),
    ];
    (small, before)
}

type TestRow = (i32, i32, Option<String>);

fn row(id: i32, u: i32, v: &str) -> TestRow {
    (id, u, Some(v.to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn replace_ignore_and_error_decide_about_rows_that_are_there() {
    let mariadb = MariaDb::shared().await;
    let playground = Target::start().await;
    let mut by_sql = playground.flags();
    by_sql.extend(BY_SQL.map(str::to_owned));
    let targets = [
        (mariadb.connect().await, mariadb.flags()),
        (connect(playground.playground.tidb_port()).await, by_sql),
    ];
    for (mut conn, flags) in targets {
        let all = |db: &str| format!("SELECT id, u, v FROM {db}.t ORDER BY id");

        let (small, before) = populated("replaced");
        run(&mut conn, &before.each_ref().map(String::as_str)).await;
        small.import(&flags, "[conflict]\nstrategy = \"replace\"\n").await.succeeded();
        let expected = [
            row(1, 10, "new"),
            row(2, 20, "new"),
            row(3, 31, "it's \\ new"),
            (4, 40, None),
            row(7, 70, "old"),
        ];
        assert_eq!(rows::<TestRow>(&mut conn, &all("replaced")).await, expected);

        let (small, before) = populated("ignored");
        run(&mut conn, &before.each_ref().map(String::as_str)).await;
        small.import(&flags, "[conflict]\nstrategy = \"ignore\"\n").await.succeeded();
        let expected = [
            row(1, 10, "old"),
            row(3, 31, "it's \\ new"),
            (4, 40, None),
            row(7, 70, "old"),
            row(9, 20, "old"),
        ];
        assert_eq!(rows::<TestRow>(&mut conn, &all("ignored")).await, expected);
        assert_eq!(small.document("results/00000000.json")["conflicts"], 2);

        let (small, before) = populated("limited");
        run(&mut conn, &before.each_ref().map(String::as_str)).await;
        let outcome = small.import(&flags, "[conflict]\nstrategy = \"ignore\"\nthreshold = 1\n").await;
        outcome.failed_with("TH0020", &["2 rows", "`conflict.threshold` allows 1", "(table limited.t)"]);

        let (small, before) = populated("refused");
        run(&mut conn, &before.each_ref().map(String::as_str)).await;
        let outcome = small.import(&flags, "").await;
        outcome
            .failed_with("TH0020", &["refused.t.sql:1", "Duplicate entry '1'", "1062", "(table refused.t)"]);
        assert_eq!(
            rows::<u64>(&mut conn, "SELECT COUNT(*) FROM refused.t").await,
            [3],
            "nothing is half-done"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_with_values_that_do_not_fit_are_left_out_and_named() {
    let mariadb = MariaDb::shared().await;
    let playground = Target::start().await;
    let mut by_sql = playground.flags();
    by_sql.extend(BY_SQL.map(str::to_owned));
    for (number, flags) in [mariadb.flags(), by_sql].iter().enumerate() {
        let small = Small::new(&[
            ("bent-schema-create.sql", "CREATE DATABASE `bent`;\n"),
            ("bent.t-schema.sql", "CREATE TABLE `t` (`id` INT PRIMARY KEY, `small` TINYINT NOT NULL);\n"),
            ("bent.t.csv", "id,small\n1,1\n2,300\n3,3\nfour,4\n5,5\n6,\\N\n"),
        ]);
        // INSERT IGNORE would bend the values; they must be found all the same.
        let config = "[lightning]\nmax-error = 3\n[conflict]\nstrategy = \"ignore\"\n";
        small.import(flags, config).await.succeeded();
        let rejects = small.document("rejects/00000000.json");
        let places: Vec<&str> = rejects
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|reject| reject["place"].as_str())
            .collect();
        assert_eq!(places.len(), 3, "{rejects}");
        for (place, line) in places.iter().zip([3, 5, 7]) {
            assert!(place.ends_with(&format!("bent.t.csv:{line}")), "target {number}: {place}");
        }
        let complete = small.document("COMPLETE.json");
        assert_eq!(
            (&complete["rows"], &complete["tables"][0]["rejected"]),
            (&3.into(), &3.into()),
            "{complete}"
        );

        let again = Small::new(&[("bent.t.csv", "id,small\n7,7\n8,800\n")]);
        again.import(flags, "").await.failed_with("TH0013", &["bent.t.csv:3", "(table bent.t)"]);
    }
}

/// The import is killed in the middle of a transaction; the same command goes on behind the last row that is
/// there.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_import_into_a_table_without_keys_is_resumed_exactly() {
    let mariadb = MariaDb::shared().await;
    let mut conn = mariadb.connect().await;
    let values: Vec<String> = (0..5_000).map(|n| format!("({n},'row {n}')")).collect();
    let small = Small::new(&[("killed.t.sql", &format!("INSERT INTO `t` VALUES {};\n", values.join(",\n")))]);
    // The server stops at this row until the test lets it go on.
    let gate = "CREATE TRIGGER killed.gate BEFORE INSERT ON killed.t FOR EACH ROW BEGIN \
                DECLARE got INT; IF NEW.n = 3000 THEN SET got = GET_LOCK('gate', 170); END IF; END";
    let before = ["CREATE DATABASE killed", "CREATE TABLE killed.t (n INT, v VARCHAR(20))", gate];
    run(&mut conn, &before).await;
    run(&mut conn, &["DO GET_LOCK('gate', 0)"]).await;
    let config = "[tikv-importer]\nlogical-import-batch-rows = 50\n[thunderhead]\nconcurrency = 1\n";
    let mut doomed = small.start(&mariadb.flags(), config);
    let mut watcher = mariadb.connect().await;
    // Imports of other tests wait for the lock of their books.
    let stopped = "SELECT COUNT(*) FROM information_schema.PROCESSLIST \
                   WHERE STATE = 'User lock' AND INFO NOT LIKE '%thunderhead books%'";
    until(&mut watcher, stopped).await;
    doomed.kill();
    doomed.wait().await;
    let written: Vec<u64> = rows(&mut watcher, "SELECT COUNT(*) FROM killed.t").await;
    assert!(written > vec![0] && written < vec![3_000], "the kill comes in the middle: {written:?}");
    run(&mut conn, &["DO RELEASE_LOCK('gate')"]).await;
    small.import(&mariadb.flags(), config).await.succeeded();
    let counted: Vec<(u64, u64, u64)> =
        rows(&mut conn, "SELECT COUNT(*), COUNT(DISTINCT n), CAST(SUM(n) AS UNSIGNED) FROM killed.t").await;
    assert_eq!(counted, [(5_000, 5_000, 12_497_500)], "no row twice, none lost");
    let complete = small.document("COMPLETE.json");
    assert_eq!(complete["rows"], 5_000);
}

/// What the import relies on, in the embedded cluster as in any server: transactions that nobody sees before
/// their end, writers that wait for each other, and keys that are kept.
#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_cluster_has_named_locks_and_locks_by_table() {
    let target = Target::start().await;
    let port = target.playground.tidb_port();
    let (mut one, mut two) = (connect(port).await, connect(port).await);
    assert_eq!(rows::<i32>(&mut one, "SELECT GET_LOCK('a b', 0)").await, [1]);
    assert_eq!(rows::<i32>(&mut one, "SELECT get_lock('A B', 0)").await, [1], "it is its own already");
    assert_eq!(rows::<i32>(&mut two, "SELECT GET_LOCK('a b', 0)").await, [0]);
    assert_eq!(rows::<Option<i32>>(&mut two, "SELECT RELEASE_LOCK('a b')").await, [None]);
    assert_eq!(rows::<i32>(&mut one, "SELECT RELEASE_LOCK('a b')").await, [1]);
    assert_eq!(rows::<i32>(&mut two, "SELECT GET_LOCK('a b', 0)").await, [0], "it was taken twice");
    assert_eq!(rows::<i32>(&mut two, "SELECT GET_LOCK('c', 0)").await, [1], "another name");
    // It ends with its session.
    one.disconnect().await.expect("an end");
    assert_eq!(rows::<i32>(&mut two, "SELECT GET_LOCK('a b', 30)").await, [1]);

    let mut one = connect(port).await;
    run(&mut one, &["CREATE DATABASE x", "CREATE TABLE x.t (id INT)", "CREATE TABLE x.u (id INT)"]).await;
    run(&mut one, &["BEGIN", "SELECT id FROM x.t FOR UPDATE"]).await;
    // Whoever writes to another table does not wait.
    run(&mut two, &["INSERT INTO x.u VALUES (1)"]).await;
    run(&mut one, &["COMMIT"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_cluster_has_transactions() {
    let target = Target::start().await;
    let port = target.playground.tidb_port();
    let (mut one, mut two) = (connect(port).await, connect(port).await);
    let count = "SELECT COUNT(*) FROM x.t";
    let table = "CREATE TABLE x.t (id INT PRIMARY KEY, u VARCHAR(10), n INT, UNIQUE KEY uk (u))";
    run(&mut one, &["CREATE DATABASE x", table, "INSERT INTO x.t VALUES (1,'a',1),(2,'b',1)"]).await;

    run(&mut one, &["BEGIN", "INSERT INTO x.t VALUES (3,'c',1)", "DELETE FROM x.t WHERE id = 1"]).await;
    assert_eq!(rows::<u64>(&mut one, "SELECT id FROM x.t ORDER BY id").await, [2, 3], "its own changes");
    assert_eq!(rows::<u64>(&mut two, "SELECT id FROM x.t ORDER BY id").await, [1, 2], "not the other's");
    run(&mut one, &["ROLLBACK"]).await;
    assert_eq!(rows::<u64>(&mut one, count).await, [2]);

    // The second writer waits, and then finds the row changed.
    run(&mut one, &["BEGIN", "SELECT n FROM x.t WHERE id = 1 FOR UPDATE"]).await;
    let second = tokio::spawn(async move {
        let result = two.query_iter("UPDATE x.t SET n = 9 WHERE id = 1 AND n = 1").await.expect("an update");
        let affected = result.affected_rows();
        result.drop_result().await.expect("no rows");
        (two, affected)
    });
    run(&mut one, &["UPDATE x.t SET n = 2, u = 'z' WHERE id = 1 AND n = 1", "COMMIT"]).await;
    let (mut two, affected) = second.await.expect("the second writer");
    assert_eq!(affected, 0);
    let changed: Vec<(String, i32)> = rows(&mut two, "SELECT u, n FROM x.t WHERE id = 1").await;
    assert_eq!(changed, [("z".to_owned(), 2)]);

    // One row takes the place of two.
    let replaced = one.query_iter("REPLACE INTO x.t VALUES (1,'b',7)").await.expect("a replacement");
    assert_eq!(replaced.affected_rows(), 3);
    replaced.drop_result().await.expect("no rows");
    assert_eq!(rows::<u64>(&mut one, count).await, [1]);
    let ignored = one.query_iter("INSERT IGNORE INTO x.t VALUES (1,'q',1),(5,'e',99999999999)").await;
    let ignored = ignored.expect("an insert");
    assert_eq!((ignored.affected_rows(), ignored.warnings()), (1, 2), "an equal key and a bent value");
    ignored.drop_result().await.expect("no rows");

    let duplicate = one.query_drop("INSERT INTO x.t VALUES (6,'f',1),(7,'b',1)").await;
    let mysql_async::Error::Server(error) = duplicate.expect_err("a duplicate") else { panic!("no answer") };
    assert_eq!((error.code, error.message.as_str()), (1062, "Duplicate entry 'b' for key 't.uk'"));
    assert_eq!(rows::<u64>(&mut one, count).await, [2], "a statement that fails leaves nothing");
    run(&mut one, &["ADMIN CHECK TABLE x.t"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_cluster_takes_what_is_stored_as_it_is() {
    let target = Target::start().await;
    let mut conn = connect(target.playground.tidb_port()).await;
    run(
        &mut conn,
        &[
            "CREATE DATABASE x",
            "CREATE TABLE x.t (id INT PRIMARY KEY AUTO_INCREMENT, d DATE NOT NULL, e ENUM('a'), n INT, UNIQUE KEY (d), KEY (e))",
            "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
            "INSERT INTO x.t VALUES (0,'0000-00-00','z',1),(2,'2024-01-02','a',2)",
            "SET sql_mode = 'STRICT_TRANS_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE'",
            "ADMIN CHECK TABLE x.t",
            "UPDATE x.t SET n = 3 WHERE id = 0",
            "ALTER TABLE x.t ADD INDEX n (n, d)",
            "ADMIN CHECK TABLE x.t",
        ],
    )
    .await;
    for refused in ["UPDATE x.t SET d = '0000-00-00'", "UPDATE x.t SET d = NULL", "UPDATE x.t SET n = 'x'"] {
        conn.query_drop(refused).await.expect_err(refused);
    }
    run(&mut conn, &["DELETE FROM x.t WHERE id = 0", "ADMIN CHECK TABLE x.t"]).await;
    assert_eq!(rows::<u64>(&mut conn, "SELECT COUNT(*) FROM x.t").await, [1]);
}
