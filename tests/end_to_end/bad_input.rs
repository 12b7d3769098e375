//! Bad input and bad surroundings: a clear error with its place, an exit code, `FAILED.json`, and nothing
//! half-done.

use std::io::Write as _;
use std::path::PathBuf;

use axum::http::StatusCode;
use flate2::write::GzEncoder;
use mysql_async::prelude::Queryable as _;
use th_tests::{Outcome, Target, connect, run_on_small_disk};

const SCHEMA: &str = "CREATE TABLE `t` (`id` INT PRIMARY KEY, `small` TINYINT, `name` VARCHAR(10));\n";
const GOOD: &str = "INSERT INTO `t` VALUES\n(1,1,'one'),\n(2,2,'two');\n";

/// A dump of `shop.t`, written file by file.
struct Bad {
    target: Target,
    dump: PathBuf,
}

impl Bad {
    async fn start(files: &[(&str, &[u8])]) -> Self {
        let target = Target::start().await;
        let dump = target.path("dump");
        std::fs::create_dir(&dump).expect("a folder");
        for (name, contents) in files {
            std::fs::write(dump.join(name), contents).expect("a file");
        }
        Self { target, dump }
    }

    /// The usual dump, with other data than the good ones.
    async fn with_data(name: &str, contents: &[u8]) -> Self {
        Self::start(&[
            ("shop-schema-create.sql", b"CREATE DATABASE `shop`;\n"),
            ("shop.t-schema.sql", SCHEMA.as_bytes()),
            (name, contents),
        ])
        .await
    }

    async fn import(&self, more: &[&str]) -> Outcome {
        self.target.import(&self.dump, more).await
    }

    /// The import fails while it is planned: nothing but the marker is in the ledger, no job, no row.
    async fn cannot_be_planned(&self, more: &[&str], code: &str, parts: &[&str]) {
        self.import(more).await.failed_with(code, parts);
        self.marker_says(code, parts);
        assert!(self.target.document("plan.json").is_none(), "a plan was written");
        assert!(!self.target.path("ledger/it/jobs").exists(), "jobs were written");
    }

    /// The import fails while a job runs; nothing of the table is in the cluster.
    async fn fails_at_work(&self, more: &[&str], code: &str, parts: &[&str]) {
        self.import(more).await.failed_with(code, parts);
        self.marker_says(code, parts);
        assert_eq!(self.rows().await, 0, "rows were ingested");
    }

    fn marker_says(&self, code: &str, parts: &[&str]) {
        let failed = self.target.document("FAILED.json").expect("FAILED.json is written");
        assert!(self.target.document("COMPLETE.json").is_none());
        let fault = &failed["faults"][0];
        assert_eq!(fault["code"], code, "{failed}");
        for part in parts {
            assert!(fault.to_string().contains(part), "no `{part}` in {fault}");
        }
    }

    async fn rows(&self) -> u64 {
        let mut conn = connect(self.target.playground.tidb_port()).await;
        conn.query_first("SELECT COUNT(*) FROM `shop`.`t`").await.expect("a count").expect("a row")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_schema() {
    let bad = Bad::start(&[
        ("shop-schema-create.sql", b"CREATE DATABASE `shop`;\n"),
        ("shop.t.000000000.sql", GOOD.as_bytes()),
    ])
    .await;
    bad.cannot_be_planned(&[], "TH0004", &["shop.t"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_database() {
    let bad = Bad::start(&[("shop.t.000000000.sql", GOOD.as_bytes())]).await;
    bad.cannot_be_planned(&[], "TH0004", &["shop.t"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_no_statement() {
    let bad = Bad::start(&[
        ("shop-schema-create.sql", b"CREATE DATABASE `shop`;\n"),
        ("shop.t-schema.sql", b"CREATE TABLE `t` (`id` INT PRIMARY KEY, `x` NOSUCHTYPE);\n"),
        ("shop.t.000000000.sql", GOOD.as_bytes()),
    ])
    .await;
    bad.cannot_be_planned(&[], "TH0005", &["shop.t-schema.sql"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_source() {
    Bad::start(&[]).await.cannot_be_planned(&[], "TH0003", &["dump"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_not_there() {
    let target = Target::start().await;
    let outcome = target.import(&target.path("nowhere"), &[]).await;
    outcome.failed_with("TH0002", &["nowhere"]);
    assert!(target.document("FAILED.json").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_without_permission() {
    let denied = axum::Router::new().fallback(|| async {
        let body =
            "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        (StatusCode::FORBIDDEN, [("content-type", "application/xml")], body)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    tokio::spawn(async move { axum::serve(listener, denied).await });
    let target = Target::start().await;
    let url = format!(
        "s3://secret-bucket/dump?endpoint={endpoint}&access-key=AKIDEXAMPLE&secret-access-key=topsecretvalue&region=us-east-1"
    );
    let outcome = target.import(std::path::Path::new(&url), &[]).await;
    outcome.failed_with("TH0002", &["s3://secret-bucket/dump"]);
    let marker = target.document("FAILED.json").expect("FAILED.json is written").to_string();
    for text in [&outcome.err, &outcome.out, &marker] {
        assert!(!text.contains("topsecretvalue"), "a secret is shown: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_not_empty() {
    let bad = Bad::with_data("shop.t.000000000.sql", GOOD.as_bytes()).await;
    bad.import(&[]).await.succeeded();
    bad.import(&["--import-id", "second"]).await.failed_with("TH0007", &["shop.t"]);
    assert!(bad.target.path("ledger/second/FAILED.json").exists());
    assert_eq!(bad.rows().await, 2, "the rows of before are untouched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_size_of_the_playground_without_one() {
    let bad = Bad::with_data("shop.t.000000000.sql", GOOD.as_bytes()).await;
    bad.import(&["--stores", "3"]).await.failed_with("TH0001", &["`--stores`", "`--playground`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_cannot_be_reached() {
    let bad = Bad::with_data("shop.t.000000000.sql", GOOD.as_bytes()).await;
    let closed =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a port");
    let port = closed.port().to_string();
    bad.cannot_be_planned(&["--tidb-port", &port], "TH0006", &[&port]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file() {
    let bad = Bad::with_data("shop.t.000000000.sql", &GOOD.as_bytes()[..GOOD.len() - 6]).await;
    bad.fails_at_work(&[], "TH0011", &["shop.t.000000000.sql:3:", "shop.t"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_csv_file() {
    let bad = Bad::with_data("shop.t.000000000.csv", b"id,small,name\n1,1,\"one\"\n2,2,\"tw").await;
    bad.fails_at_work(&[], "TH0011", &["shop.t.000000000.csv:3:", "shop.t"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_gzip_stream() {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    let rows: String =
        (3..3000).map(|id| format!(",\n({id},{},'{}')", id % 100, id * 7919 % 100_000)).collect();
    write!(encoder, "INSERT INTO `t` VALUES\n(1,1,'one'),\n(2,2,'two'){rows};\n").expect("compressed");
    let mut file = encoder.finish().expect("compressed");
    let middle = file.len() / 2;
    file[middle..middle + 16].fill(0xa5);
    let bad = Bad::with_data("shop.t.000000000.sql.gz", &file).await;
    bad.cannot_be_planned(&[], "TH0011", &["shop.t.000000000.sql.gz"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gzip_stream_that_ends_early() {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(GOOD.as_bytes()).expect("compressed");
    let file = encoder.finish().expect("compressed");
    let bad = Bad::with_data("shop.t.000000000.sql.gz", &file[..file.len() - 10]).await;
    bad.cannot_be_planned(&[], "TH0011", &["shop.t.000000000.sql.gz"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_is_no_insert() {
    let bad =
        Bad::with_data("shop.t.000000000.sql", b"INSERT INTO `t` VALUES\n(1,1,'one'),\n(2,,2);\n").await;
    bad.fails_at_work(&[], "TH0012", &["shop.t.000000000.sql:3:"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_number_of_columns() {
    let bad = Bad::with_data("shop.t.000000000.sql", b"INSERT INTO `t` VALUES\n(1,1,'one'),\n(2,2);\n").await;
    bad.fails_at_work(&[], "TH0014", &["shop.t.000000000.sql:3:", "shop.t"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_column() {
    let bad = Bad::with_data("shop.t.000000000.sql", b"INSERT INTO `t` (`id`,`nose`) VALUES\n(1,1);\n").await;
    bad.cannot_be_planned(&[], "TH0014", &["shop.t.000000000.sql", "nose"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_out_of_range() {
    let bad =
        Bad::with_data("shop.t.000000000.sql", b"INSERT INTO `t` VALUES\n(1,1,'one'),\n(2,300,'two');\n")
            .await;
    bad.fails_at_work(&[], "TH0013", &["shop.t.000000000.sql:3:", "small", "300"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_utf8() {
    let bad =
        Bad::with_data("shop.t.000000000.sql", b"INSERT INTO `t` VALUES\n(1,1,'one'),\n(2,2,'t\xffo');\n")
            .await;
    bad.fails_at_work(&[], "TH0013", &["shop.t.000000000.sql:3:", "name"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_keys() {
    let rows = b"INSERT INTO `t` VALUES\n(1,1,'one'),\n(2,2,'two'),\n(1,3,'uno');\n";
    let bad = Bad::with_data("shop.t.000000000.sql", rows).await;
    let parts = ["PRIMARY", "shop.t.000000000.sql:2", "shop.t.000000000.sql:4"];
    bad.import(&[]).await.failed_with("TH0020", &parts);
    bad.marker_says("TH0020", &parts);
}

/// The sort folder is a file system of its own, too small for the runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_under_the_sort_folder() {
    let rows: String = (1..=60_000u64)
        .map(|id| {
            format!(
                "{}({id},{},'{:010}')",
                if id > 1 { ",\n" } else { "" },
                id % 100,
                id * 7_919_777 % 9_999_999
            )
        })
        .collect();
    let bad =
        Bad::with_data("shop.t.000000000.sql", format!("INSERT INTO `t` VALUES\n{rows};\n").as_bytes()).await;
    let small = bad.target.path("small");
    std::fs::create_dir(&small).expect("a folder");
    let config = bad.target.path("config.toml");
    std::fs::write(
        &config,
        "[lightning]\ncheck-requirements = false\n[thunderhead]\nsort-memory = \"1MiB\"\nconcurrency = 1\n",
    )
    .expect("a configuration");
    let (folder, config) = (small.display().to_string(), config.display().to_string());
    let arguments = bad.target.arguments("import", &bad.dump, &["--sort-dir", &folder, "--config", &config]);
    let outcome = run_on_small_disk(&small, &arguments).await;
    outcome.failed_with("TH0021", &["small"]);
    bad.marker_says("TH0021", &["small"]);
    assert_eq!(bad.rows().await, 0, "rows were ingested");
}
