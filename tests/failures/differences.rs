//! A target that does not hold what was written to it: the finalizer says where.

use std::fmt::Write as _;

use mysql_async::prelude::Queryable as _;
use serde_json::Value;
use th_codec::keys;
use th_env::{CRASH_AT, Step};
use th_playground::Spoil;
use th_tests::{Target, connect};

/// Rows of each file.
const ROWS: u64 = 100;

/// Three files of `d.t`, two of the partitioned `d.p`, a job each.
fn write_dump(folder: &std::path::Path) {
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("the test's folder can be written");
    };
    write("d-schema-create.sql", "CREATE DATABASE `d`;\n");
    write(
        "d.t-schema.sql",
        "CREATE TABLE `t` (`id` BIGINT NOT NULL PRIMARY KEY CLUSTERED, `k` INT, `v` VARCHAR(300), KEY `by_k` (`k`));\n",
    );
    write(
        "d.p-schema.sql",
        "CREATE TABLE `p` (`id` INT NOT NULL, `u` VARCHAR(20), KEY `by_u` (`u`)) \
         PARTITION BY HASH (`id`) PARTITIONS 3;\n",
    );
    for (table, files) in [("t", 3), ("p", 2)] {
        for file in 0..files {
            let mut text = format!("INSERT INTO `{table}` VALUES\n");
            for id in file * ROWS + 1..=(file + 1) * ROWS {
                let end = if id == (file + 1) * ROWS { ";\n" } else { ",\n" };
                match table {
                    "t" => _ = write!(text, "({id},{},'{}'){end}", id * 7 % 1000, "x".repeat(280)),
                    _ => _ = write!(text, "({id},'u{:03}'){end}", 999 - id),
                }
            }
            write(&format!("d.{table}.00000000{file}.sql"), &text);
        }
    }
}

async fn table_info(target: &Target, name: &str) -> Value {
    let url = format!("http://127.0.0.1:{}/schema/d/{name}", target.playground.status_port());
    reqwest::get(url).await.expect("the schema").json().await.expect("JSON")
}

/// What is said of a difference: index, origin, source, pairs expected and found.
fn said(difference: &Value) -> (String, String, String, u64, u64) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (
        text(&difference["index"]),
        text(&difference["origin"]),
        text(&difference["source"][0]),
        difference["expected"]["pairs"].as_u64().expect("a number"),
        difference["found"]["pairs"].as_u64().expect("a number"),
    )
}

#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_altered_and_deleted_pairs_are_named_with_index_job_and_source() {
    let target = Target::three_stores().await;
    let (source, config) = (target.path("dump"), target.path("config.toml"));
    std::fs::create_dir_all(&source).expect("a folder");
    write_dump(&source);
    std::fs::write(&config, "[thunderhead]\njob-size = \"1B\"\n").expect("a configuration");
    let arguments = ["--config", config.to_str().expect("a path")];
    // All jobs are done, and nobody has looked at the tables yet.
    let crash = [(CRASH_AT, Step::JobsFinished.label().to_owned())];
    let died = target.start_import_in(&source, &arguments, &crash).wait().await;
    assert_eq!(died.code, None, "{}", died.err);

    let (t, p) = (table_info(&target, "t").await, table_info(&target, "p").await);
    let id = |value: &Value| value["id"].as_i64().expect("an id");
    let spoil = |(start, end): (Vec<u8>, Vec<u8>), nth, how| {
        target.playground.spoil(&start, &end, nth, how).expect("a store").expect("such a pair")
    };
    let altered = spoil(keys::record_range(id(&t)), 249, Spoil::Alter);
    // Entries of `by_k` are in another order than the rows: that of id 143 has the smallest value.
    let lost = spoil(keys::index_range(id(&t), 1), 0, Spoil::Lose);
    spoil(keys::record_range(id(&p["partition"]["definitions"][2])), 0, Spoil::Lose);
    let mut session = connect(target.playground.tidb_port()).await;
    session.query_drop("DELETE FROM `d`.`t` WHERE `id` = 5").await.expect("rows can be deleted");

    let failed = target.import(&source, &arguments).await;
    failed.failed_with("TH0030", &["checksum mismatch"]);
    let document = target.document("FAILED.json").expect("it failed");
    assert!(target.document("COMPLETE.json").is_none());
    let of_table = |name: &str| {
        let tables = document["tables"].as_array().expect("tables");
        let table = tables.iter().find(|table| table["name"] == name).expect("the table");
        assert_eq!(table["verdict"], "mismatch");
        table["differences"].as_array().expect("differences").clone()
    };
    let row = |index: &str, origin: &str, source: &str, expected, found| {
        (index.to_owned(), origin.to_owned(), source.to_owned(), expected, found)
    };
    let size = |name: &str| std::fs::metadata(source.join(name)).expect("the file").len();
    let whole = |name: &str| format!("{name} bytes 0..{}", size(name));
    let differences = of_table("t");
    assert_eq!(
        differences.iter().map(said).collect::<Vec<_>>(),
        [
            row("PRIMARY", "later", "", 300, 299),
            row("by_k", "later", "", 299, 298),
            row("PRIMARY", "job", &whole("d.t.000000002.sql"), 100, 100),
            row("by_k", "job", &whole("d.t.000000001.sql"), 100, 99),
        ]
    );
    let within = |difference: &Value, key: &[u8]| {
        let bound = |name: &str| difference["keys"][name].as_str().expect("a key").to_owned();
        let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        bound("start") <= key && key < bound("end")
    };
    assert!(within(&differences[2], &altered) && within(&differences[3], &lost));
    let (first, last) = (keys::encode_int_handle(id(&t), 200), keys::encode_int_handle(id(&t), 301));
    assert!(!within(&differences[2], &first) && !within(&differences[2], &last), "the job's own rows only");
    assert_eq!(
        of_table("p").iter().map(said).collect::<Vec<_>>(),
        [row("PRIMARY", "job", &whole("d.p.000000000.sql"), 100, 99)]
    );
    let faults = document["faults"].as_array().expect("faults");
    let message = |table: &str| {
        let of_table = faults.iter().find(|fault| fault["table"] == table).expect("a fault of the table");
        of_table["message"].as_str().expect("a message").to_owned()
    };
    for part in [
        "changed by somebody else since they were imported: 300 pairs expected, 299 found",
        "(d.t.000000002.sql bytes 0..",
        ": 100 pairs expected, 100 found with other contents",
        "1 more differences",
    ] {
        assert!(message("d.t").contains(part), "no `{part}` in {}", message("d.t"));
    }
    assert!(message("d.p").contains("index PRIMARY, keys 7480"), "{}", message("d.p"));
    target.playground.shutdown().await;
}
