//! Large files are cut by looking at parts of them. Cuts that prove wrong cost time, not rows.

use std::collections::BTreeMap;
use std::path::Path;

use th_tests::{Digest, Target, digests};

/// A table in one SQL file and one in CSV, both with values that look like many rows.
fn dump(folder: &Path) {
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).expect("a file");
    write("d-schema-create.sql", "CREATE DATABASE d;".to_owned());
    for table in ["s", "c"] {
        write(
            &format!("d.{table}-schema.sql"),
            format!("CREATE TABLE {table} (a INT, b LONGTEXT, UNIQUE KEY (a));"),
        );
    }
    let (mut sql, mut csv) = (String::new(), "a,b\n".to_owned());
    for number in 0..60 {
        for row in 0..400 {
            let id = number * 1000 + row;
            sql.push_str(&format!("INSERT INTO `s` VALUES ({id},'plain text of row {id}');\n"));
            csv.push_str(&format!("{id},plain text of row {id}\n"));
        }
        let id = number * 1000 + 999;
        if number % 20 == 10 {
            // Whoever looks here for 64 KiB sees rows, with values that other rows have.
            let statements = ";\nINSERT INTO `s` VALUES (1,2);\n".repeat(12_000);
            sql.push_str(&format!("INSERT INTO `s` VALUES ({id},'{statements}');\n"));
            csv.push_str(&format!("{id},\"{}\"\n", "1,text\n".repeat(50_000)));
        }
    }
    write("d.s.sql", sql);
    write("d.c.csv", csv);
}

async fn imported(folder: &Path, more: &[&str], thunderhead: &str) -> (Target, BTreeMap<String, Digest>) {
    let target = Target::start().await;
    let config = target.path("config.toml");
    std::fs::write(&config, format!("[thunderhead]\n{thunderhead}\n")).expect("a configuration");
    let more = [more, &["--config", config.to_str().expect("a path")]].concat();
    target.import(folder, &more).await.succeeded();
    let digests = digests(target.playground.tidb_port()).await;
    (target, digests)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_inside_a_value_is_found_and_no_row_is_lost_or_doubled() {
    let folder = tempfile::tempdir().expect("a folder");
    dump(folder.path());
    let small = "job-size = \"100KiB\"\nconcurrency = 3";
    let (_, whole) = imported(folder.path(), &[], "split-files = false").await;
    for backend in [&[][..], &["--backend", "tidb"]] {
        let (target, pieces) = imported(folder.path(), backend, small).await;
        assert_eq!(pieces, whole, "{backend:?}");
        let complete = target.document("COMPLETE.json").expect("complete");
        assert_eq!(complete["rows"], 2 * (60 * 400 + 3), "{backend:?}");
        let jobs = target.finished_jobs();
        assert!(jobs > 10, "{jobs} jobs");
        // What begins at a wrong cut is no row.
        let empty = (0..jobs)
            .filter_map(|job| target.document(&format!("results/{job:08}.json")))
            .filter(|result| result["rows"] == 0)
            .count();
        assert!(empty > 2, "{backend:?}: {empty} of {jobs} jobs begin at a wrong cut");
    }
}
