//! Rows that were left out are in TiDB Lightning's tables in the target, too.

use std::path::Path;

use mysql_async::prelude::Queryable as _;
use th_tests::{MariaDb, Outcome, Running, Target, connect};

const ROWS: &str = "id,name\n1,one\ntwo,two\n3,three\n1,again\n5,three\n6,six\n";

/// An import of one table that has these rows.
async fn run(target: &Target, rows: &str, config: &str) -> Outcome {
    let dump = target.path("dump");
    std::fs::create_dir(&dump).expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(dump.join(name), text).expect("a file");
    write(
        "d.t-schema.sql",
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(10), UNIQUE KEY by_name (name));",
    );
    write("d.t.csv", rows);
    let path = target.path("config.toml");
    let text = format!("[checkpoint]\nkeep-after-success = \"origin\"\n{config}");
    std::fs::write(&path, text).expect("a configuration");
    target.import(&dump, &["--config", path.to_str().expect("a path")]).await
}

async fn imported(schema: &str) -> (Target, mysql_async::Conn) {
    let target = Target::start().await;
    let config = format!(
        "[lightning]\nmax-error = 1\ntask-info-schema-name = \"{schema}\"\n[conflict]\nstrategy = \"replace\"\n"
    );
    let outcome = run(&target, ROWS, &config).await.succeeded();
    assert!(outcome.out.contains("COMPLETE: 1 tables, 3 rows"), "{}", outcome.out);
    let connection = connect(target.playground.tidb_port()).await;
    (target, connection)
}

/// Three finalizers at a time of an import that has ended, as if whoever ended it had died before its verdict. The
/// folder has its `config.toml` and its `ledger`.
async fn finalized_again(folder: &Path, flags: Vec<String>) -> Vec<Outcome> {
    let ledger = folder.join("ledger");
    for name in ["verdict.json", "COMPLETE.json", "FAILED.json"] {
        let removed = std::fs::remove_file(ledger.join("it").join(name));
        assert!(removed.is_ok() || name != "verdict.json", "the import has not ended");
    }
    let (config, ledger) = (folder.join("config.toml").display().to_string(), ledger.display().to_string());
    let nowhere = "http://127.0.0.1:9/none";
    let mut arguments: Vec<String> = vec!["finalize".to_owned()];
    for (flag, value) in [
        ("--config", config.as_str()),
        ("--ledger", &ledger),
        ("--import-id", "it"),
        ("--queue", nowhere),
        ("--queue-endpoint", nowhere),
    ] {
        arguments.extend([flag.to_owned(), value.to_owned()]);
    }
    arguments.extend(flags);
    let finalizers: Vec<Running> = (0..3).map(|_| Running::start(&arguments, &[])).collect();
    let mut outcomes = Vec::new();
    for finalizer in finalizers {
        outcomes.push(finalizer.wait().await);
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_left_out_is_recorded_in_the_target_with_its_place() {
    let (_target, mut connection) = imported("task_info").await;
    type Record = (i64, String, String, u64, String, String);
    let columns = "task_id, table_name, path, offset, error, row_data";
    let errors: Vec<Record> = connection
        .query(format!("SELECT {columns} FROM task_info.type_error_v2 ORDER BY id"))
        .await
        .expect("the errors");
    let conflicts: Vec<Record> = connection
        .query(format!("SELECT {columns} FROM task_info.conflict_records_v2 ORDER BY id"))
        .await
        .expect("the conflicts");
    let offset = |row: &str| ROWS.find(row).expect("the row") as u64;
    let [(task, table, path, at, error, row)] = errors.as_slice() else { panic!("{errors:?}") };
    // As in TiDB Lightning, the offset is that behind the row.
    let behind = offset("two,two") + "two,two\n".len() as u64;
    assert_eq!((table.as_str(), *at, row.as_str()), ("`d`.`t`", behind, "two,two"));
    assert!(path == "d.t.csv" && error.contains("d.t.csv:3:1: column `id`"), "{path}: {error}");
    let mut found: Vec<(u64, bool, bool)> = conflicts
        .iter()
        .map(|(of, table, path, at, error, _)| {
            assert_eq!((of, table.as_str()), (task, "`d`.`t`"));
            assert!(path == "d.t.csv" && error.matches("d.t.csv:").count() == 2, "{path}: {error}");
            (*at, error.contains("PRIMARY"), error.contains("by_name"))
        })
        .collect();
    found.sort_unstable();
    assert_eq!(found, [(offset("1,again"), true, false), (offset("5,three"), false, true)]);

    // All entries of the keys that two rows have, those of the rows that stay, too.
    type Entry = (i64, String, String, String, String, u8);
    let columns = "task_id, table_name, index_name, key_data, row_data, kv_type";
    let entries: Vec<Entry> = connection
        .query(format!("SELECT {columns} FROM task_info.conflict_error_v4 ORDER BY kv_type, row_data"))
        .await
        .expect("the entries");
    let entry = |index: &str, key: &str, row: &str, kind| {
        (*task, "`d`.`t`".to_owned(), index.to_owned(), key.to_owned(), row.to_owned(), kind)
    };
    assert_eq!(
        entries,
        [
            entry("by_name", "3", "(3, \"three\")", 0),
            entry("by_name", "5", "(5, \"three\")", 0),
            entry("PRIMARY", "1", "(1, \"again\")", 1),
            entry("PRIMARY", "1", "(1, \"one\")", 1),
        ]
    );
    type Raw = (Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>);
    let raw: Vec<Raw> = connection
        .query("SELECT raw_key, raw_value, raw_handle, raw_row FROM task_info.conflict_error_v4 WHERE kv_type = 1")
        .await
        .expect("the entries");
    assert!(raw.len() == 2 && raw.iter().all(|(key, value, handle, row)| key == handle && value == row));
    assert!(raw.iter().all(|(key, ..)| key.ends_with(b"_r\x80\0\0\0\0\0\0\x01")), "{raw:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_there_once_however_many_finalizers_write_them() {
    let (target, mut connection) = imported("task_info").await;
    for outcome in finalized_again(target.folder.path(), target.flags()).await {
        outcome.succeeded();
    }
    for (table, rows) in [("type_error_v2", 1), ("conflict_records_v2", 2), ("conflict_error_v4", 4)] {
        let found: Option<u64> = connection
            .query_first(format!("SELECT COUNT(*) FROM task_info.{table}"))
            .await
            .expect("the records");
        assert_eq!(found, Some(rows), "{table}");
    }
}

/// Whether no rows may conflict, or too many do: they are found while a job is sorted, and the job fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_for_its_conflicts_leaves_records_of_them_once() {
    let rows = "id,name\n1,one\n2,two\n3,three\n1,again\n5,three\n2,2\n";
    for conflict in ["strategy = \"error\"", "strategy = \"replace\"\nthreshold = 1"] {
        let target = Target::start().await;
        let outcome = run(&target, rows, &format!("[conflict]\n{conflict}\n")).await;
        outcome.failed_with("TH0020", &["2 more conflicts in this job"]);
        for outcome in finalized_again(target.folder.path(), target.flags()).await {
            outcome.failed_with("TH0020", &["2 more conflicts in this job"]);
        }
        let mut connection = connect(target.playground.tidb_port()).await;
        let mut asked =
            async |sql: &str| -> Vec<(String, String)> { connection.query(sql).await.expect("the records") };
        let entries = asked(
            "SELECT index_name, row_data FROM lightning_task_info.conflict_error_v4 ORDER BY index_name, row_data",
        );
        let entries = entries.await;
        let expected = [
            ("PRIMARY", "(1, \"again\")"),
            ("PRIMARY", "(1, \"one\")"),
            ("PRIMARY", "(2, \"2\")"),
            ("PRIMARY", "(2, \"two\")"),
            ("by_name", "(3, \"three\")"),
            ("by_name", "(5, \"three\")"),
        ];
        let mut found: Vec<(&str, &str)> =
            entries.iter().map(|(index, row)| (index.as_str(), row.as_str())).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{conflict}");
        let places = asked("SELECT path, error FROM lightning_task_info.conflict_records_v2").await;
        assert_eq!(places.len(), 3, "{conflict}: {places:?}");
    }
}

/// By SQL: `ignore` names every row whose key was there, `error` the one that ended it, `replace` none.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_by_sql_records_what_it_left_out_like_lightning() {
    let mariadb = MariaDb::shared().await;
    let playground = Target::start().await;
    let mut by_sql = playground.flags();
    by_sql.extend(["--backend", "tidb"].map(str::to_owned));
    for (server, flags, mut connection) in [
        ("mariadb", mariadb.flags(), mariadb.connect().await),
        ("playground", by_sql, connect(playground.playground.tidb_port()).await),
    ] {
        for strategy in ["ignore", "error", "replace"] {
            let folder = tempfile::tempdir().expect("a folder");
            let path = |name: &str| folder.path().join(name).display().to_string();
            std::fs::create_dir(path("dump")).expect("a folder");
            let (db, schema) = (format!("recorded_{strategy}"), format!("info_{strategy}"));
            let write = |name: String, text: &str| std::fs::write(path(&name), text).expect("a file");
            write(format!("dump/{db}-schema-create.sql"), &format!("CREATE DATABASE `{db}`;\n"));
            write(
                format!("dump/{db}.t-schema.sql"),
                "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(10), UNIQUE KEY by_name (name));\n",
            );
            write(format!("dump/{db}.t.csv"), ROWS);
            write(
                "config.toml".to_owned(),
                &format!(
                    "[checkpoint]\nkeep-after-success = \"origin\"\nschema = \"books_of_records\"\n[lightning]\nmax-error = 1\n\
                     task-info-schema-name = \"{schema}\"\n[conflict]\nstrategy = \"{strategy}\"\n\
                     # As newer MariaDB has it: who waited for a lock is told to begin again.\n\
                     [tidb.session-vars]\ninnodb_snapshot_isolation = \"ON\"\n"
                ),
            );
            let mut arguments = vec!["import".to_owned()];
            for (flag, value) in [
                ("--source", path("dump")),
                ("--ledger", path("ledger")),
                ("--config", path("config.toml")),
                ("--import-id", "it".to_owned()),
            ] {
                arguments.extend([flag.to_owned(), value]);
            }
            arguments.extend(flags.clone());
            let outcome = Running::start(&arguments, &[]).wait().await;
            assert_eq!(outcome.code == Some(0), strategy != "error", "{server}, {strategy}: {}", outcome.err);

            type Record = (String, String, u64, String, String);
            let columns = "table_name, path, offset, error, row_data";
            let behind = |row: &str| (ROWS.find(row).expect("the row") + row.len() + 1) as u64;
            let records = async |connection: &mut mysql_async::Conn, table: &str| -> Vec<Record> {
                let columns = columns.replace("offset", "`offset`");
                let query = format!("SELECT {columns} FROM {schema}.{table} ORDER BY id");
                connection.query(query).await.unwrap_or_default()
            };
            let errors = records(&mut connection, "type_error_v2").await;
            if strategy != "error" {
                let [(table, path, at, error, row)] = errors.as_slice() else {
                    panic!("{server}: {errors:?}")
                };
                assert_eq!((table, path), (&format!("`{db}`.`t`"), &format!("{db}.t.csv")));
                assert_eq!((*at, row.as_str()), (behind("two,two"), "('two','two')"), "{server}: {error}");
            }
            let expected: &[(&str, &str)] = match strategy {
                "ignore" => &[("1,again", "('1','again')"), ("5,three", "('5','three')")],
                "error" => &[("1,again", "('1','again')")],
                _ => &[],
            };
            let wanted: Vec<(u64, &str)> = expected.iter().map(|(row, text)| (behind(row), *text)).collect();
            for again in [false, true] {
                if again {
                    for outcome in finalized_again(folder.path(), flags.clone()).await {
                        assert_eq!(outcome.code == Some(0), strategy != "error", "{}", outcome.err);
                    }
                }
                let conflicts = records(&mut connection, "conflict_records_v2").await;
                let found: Vec<(u64, &str)> =
                    conflicts.iter().map(|(.., at, _, row)| (*at, row.as_str())).collect();
                assert_eq!(found, wanted, "{server}, {strategy}, again: {again}");
                let duplicate = |(.., error, _): &Record| error.contains("Duplicate entry");
                assert!(conflicts.iter().all(duplicate), "{conflicts:?}");
            }
            if server == "mariadb" && strategy == "ignore" {
                let of_view: Vec<(u8, u64)> = connection
                    .query(format!(
                        "SELECT is_precheck_conflict, COUNT(*) FROM {schema}.conflict_view GROUP BY 1"
                    ))
                    .await
                    .expect("the view");
                assert_eq!(of_view, [(1, 2)]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_name_nothing_is_recorded_in_the_target() {
    let (_target, mut connection) = imported("").await;
    let databases: Vec<String> = connection.query("SHOW DATABASES").await.expect("databases");
    assert!(!databases.iter().any(|name| name.contains("task_info")), "{databases:?}");
}
