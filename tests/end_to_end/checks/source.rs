//! Dumps that are bad in each way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Case, SCHEMA, line_of, says};

#[tokio::test(flavor = "multi_thread")]
async fn bad_dumps_are_described() {
    let case = Case::start(&[("shop.t.csv", "id,small,name\n1,1,one\n")]).await;
    case.fails("definitions", &["shop.t.csv", "neither the dump nor the target defines it"], &[]).await;
    case.write("shop.t-schema.sql", SCHEMA);
    case.write("shop.t.csv", "id,small,colour\n1,1,red\n");
    case.fails("source-columns", &["shop.t.csv", "colour", "shop.t"], &[]).await;
    let ignoring = "[[mydumper.ignore-data-columns]]\ndb = \"shop\"\ntable = \"t\"\ncolumns = [\"colour\"]\n";
    let ignoring = case.config(ignoring);
    assert_eq!(case.line("source-columns", &["--config", &ignoring]).await["level"], "pass");
    let without_default =
        "CREATE TABLE `t` (`id` INT PRIMARY KEY, `small` INT, `name` VARCHAR(9) NOT NULL);\n";
    case.write("shop.t-schema.sql", without_default);
    case.fails("source-columns", &["name", "shop.t"], &["--config", &ignoring]).await;
    let generated = "CREATE TABLE `t` (`id` INT PRIMARY KEY, `small` INT, `name` INT AS (`id` + 1));\n";
    case.write("shop.t-schema.sql", generated);
    assert_eq!(case.line("source-columns", &["--config", &ignoring]).await["level"], "pass");
    case.write("shop.t-schema.sql", SCHEMA);
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
