//! Rows that were left out are in TiDB Lightning's tables in the target, too.

use mysql_async::prelude::Queryable as _;
use th_tests::{Target, connect};

const ROWS: &str = "id,name\n1,one\ntwo,two\n3,three\n1,again\n5,three\n6,six\n";

async fn imported(schema: &str) -> (Target, mysql_async::Conn) {
    let target = Target::start().await;
    let dump = target.path("dump");
    std::fs::create_dir(&dump).expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(dump.join(name), text).expect("a file");
    write(
        "d.t-schema.sql",
        "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(10), UNIQUE KEY by_name (name));",
    );
    write("d.t.csv", ROWS);
    let config = target.path("config.toml");
    let text = format!(
        "[lightning]\nmax-error = 1\ntask-info-schema-name = \"{schema}\"\n[conflict]\nstrategy = \"replace\"\n"
    );
    std::fs::write(&config, text).expect("a configuration");
    let outcome = target.import(&dump, &["--config", config.to_str().expect("a path")]).await.succeeded();
    assert!(outcome.out.contains("COMPLETE: 1 tables, 3 rows"), "{}", outcome.out);
    let connection = connect(target.playground.tidb_port()).await;
    (target, connection)
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
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_name_nothing_is_recorded_in_the_target() {
    let (_target, mut connection) = imported("").await;
    let databases: Vec<String> = connection.query("SHOW DATABASES").await.expect("databases");
    assert!(!databases.iter().any(|name| name.contains("task_info")), "{databases:?}");
}
