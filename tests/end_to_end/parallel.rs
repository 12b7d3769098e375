//! Several imports into one table: row ids that never meet, and one comparison at the end.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable as _;
use th_cluster::{Cluster, ClusterOptions, RangeChecksum, SharedTable, TidbOptions, Turn};
use th_env::Env;
use th_playground::{Effect, Fault, RequestKind};
use th_tests::{DEADLINE, Outcome, Running, Target, connect};

/// Tables whose rows get an id that the dump does not have, and the id's name.
const TABLES: [(&str, &str, &str); 3] = [
    ("plain", "_tidb_rowid", "v VARCHAR(40), n BIGINT, KEY(n)"),
    ("counted", "id", "id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, v VARCHAR(40), n BIGINT"),
    ("random", "id", "id BIGINT NOT NULL AUTO_RANDOM(5) PRIMARY KEY, v VARCHAR(40), n BIGINT, UNIQUE KEY(v)"),
];
/// Files of each table in a shard, and rows of each file.
const FILES: usize = 3;
const ROWS: usize = 200;
/// The database in which imports meet.
const BOOKS: &str = "tidb_lightning_checkpoint";

struct Shards {
    target: Target,
}

impl Shards {
    async fn start() -> Self {
        Self { target: Target::start().await }
    }

    /// Writes the dump of a shard: the same tables, its own rows.
    fn dump(&self, shard: &str) -> PathBuf {
        let folder = self.target.path(shard);
        std::fs::create_dir(&folder).expect("a folder");
        for (table, _, columns) in TABLES {
            let definition = format!("CREATE TABLE `{table}` ({columns});\n");
            std::fs::write(folder.join(format!("d.{table}-schema.sql")), definition).expect("a definition");
            for file in 0..FILES {
                let mut text = format!("INSERT INTO `{table}` (`v`,`n`) VALUES\n");
                for row in 0..ROWS {
                    let end = if row + 1 == ROWS { ";" } else { "," };
                    let _ = writeln!(text, "('{shard} {file} {row}',{row}){end}");
                }
                std::fs::write(folder.join(format!("d.{table}.{file}.sql")), text).expect("a data file");
            }
        }
        folder
    }

    fn spawn(&self, shard: &str, sharing: bool) -> Running {
        let config = self.target.path(if sharing { "shared.toml" } else { "alone.toml" });
        let importer = if sharing { "[tikv-importer]\nincremental-import = true\n" } else { "" };
        let text = format!("{importer}[thunderhead]\njob-size = \"1B\"\nconcurrency = 1\n");
        std::fs::write(&config, text).expect("a configuration");
        let source = self.target.path(shard);
        self.target
            .start_import(&source, &["--config", config.to_str().expect("a path"), "--import-id", shard])
    }

    async fn import(&self, shard: &str) -> Outcome {
        self.spawn(shard, true).wait().await
    }

    async fn results(&self, shard: &str, number: usize) {
        let folder = self.target.path("ledger").join(shard).join("results");
        let patient = tokio::time::timeout(DEADLINE, async {
            while std::fs::read_dir(&folder).map_or(0, Iterator::count) < number {
                tokio::task::yield_now().await;
            }
        });
        patient.await.unwrap_or_else(|_| panic!("{shard} has {number} results"));
    }

    /// The tables of an import's outcome.
    fn reports(&self, shard: &str) -> Vec<serde_json::Value> {
        let path = self.target.path("ledger").join(shard).join("COMPLETE.json");
        let text = std::fs::read(path).expect("the outcome");
        let outcome: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        outcome["tables"].as_array().expect("tables").clone()
    }

    /// Every report of an import has this verdict and names these others.
    #[track_caller]
    fn reported(&self, shard: &str, verdict: &str, others: &[&str]) {
        let reports = self.reports(shard);
        assert_eq!(reports.len(), TABLES.len());
        for report in reports {
            assert_eq!(report["verdict"], verdict, "{shard}: {report}");
            let peers: Vec<&str> =
                report["peers"].as_array().into_iter().flatten().filter_map(|peer| peer.as_str()).collect();
            assert_eq!(peers, others, "{shard}: {report}");
        }
    }

    async fn connect(&self) -> Conn {
        connect(self.target.playground.tidb_port()).await
    }

    /// All rows of so many shards are there, each with an id of its own below the allocators, and nothing is left
    /// of the meeting.
    async fn whole(&self, shards: usize, before: usize) {
        let mut conn = self.connect().await;
        for (table, id, _) in TABLES {
            let sql = format!("SELECT COUNT(*), COUNT(DISTINCT {id}), COUNT(DISTINCT v) FROM d.{table}");
            let counts: (usize, usize, usize) = conn.query_first(sql).await.expect("counts").expect("a row");
            let rows = shards * FILES * ROWS + before;
            assert_eq!(counts, (rows, rows, rows), "{table}");
            conn.query_drop(format!("ADMIN CHECK TABLE d.{table}")).await.expect("rows and indexes agree");
            // AUTO_RANDOM has five shard bits below the sign.
            let highest: i64 = conn
                .query_first(format!("SELECT MAX({id} & {}) FROM d.{table}", (1i64 << 58) - 1))
                .await
                .expect("the highest id")
                .expect("a row");
            let next: Vec<(String, String, String, i64, String)> =
                conn.query(format!("SHOW TABLE d.{table} NEXT_ROW_ID")).await.expect("allocators");
            assert!(!next.is_empty() && next.iter().all(|next| next.3 > highest), "{table}: {next:?}");
        }
        let books: Option<String> =
            conn.query_first(format!("SHOW DATABASES LIKE '{BOOKS}'")).await.expect("databases");
        assert_eq!(books, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_shards_share_tables_one_killed_and_resumed_one_started_when_another_had_finished() {
    let shards = Shards::start().await;
    for shard in ["s1", "s2", "s3"] {
        shards.dump(shard);
    }
    let effect = Effect::Delay { millis: 200 };
    let slow = Fault { on: RequestKind::Ingest, region: None, store: None, skip: 0, times: 40, effect };
    shards.target.playground.faults().add(slow);
    let first = shards.spawn("s1", true);
    let mut doomed = shards.spawn("s2", true);
    shards.results("s2", 2).await;
    doomed.kill();
    doomed.wait().await;
    let finished = first.wait().await.succeeded();
    assert!(
        finished.out.contains("d.plain is compared by the last import into it; others: s2"),
        "{}",
        finished.out
    );
    shards.reported("s1", "left to the last", &["s2"]);
    // Who does not know of the others is told of them.
    shards.spawn("s3", false).wait().await.failed_with("TH0034", &["the import s2", "`d`."]);
    std::fs::remove_dir_all(shards.target.path("ledger").join("s3")).expect("the failed import's ledger");
    shards.import("s3").await.succeeded();
    shards.reported("s3", "left to the last", &["s2"]);
    shards.import("s2").await.succeeded();
    shards.reported("s2", "verified", &["s1", "s3"]);
    for report in shards.reports("s2") {
        assert_eq!(report["expected"], report["found"]);
        assert_eq!(report["rows"], FILES * ROWS);
    }
    shards.whole(3, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_table_held_before_is_part_of_what_the_last_import_expects() {
    let shards = Shards::start().await;
    let mut conn = shards.connect().await;
    conn.query_drop("CREATE DATABASE d").await.expect("a database");
    for (table, _, columns) in TABLES {
        conn.query_drop(format!("CREATE TABLE d.{table} ({columns})")).await.expect("a table");
        conn.query_drop(format!("INSERT INTO d.{table} (v, n) VALUES ('old 1', 1), ('old 2', 2)"))
            .await
            .expect("rows");
    }
    shards.dump("s1");
    shards.dump("s2");
    let (first, second) = tokio::join!(shards.import("s1"), shards.import("s2"));
    first.succeeded();
    second.succeeded();
    // Whoever came last at a table has compared it.
    let reports: Vec<_> = ["s1", "s2"].iter().flat_map(|shard| shards.reports(shard)).collect();
    for (table, _, _) in TABLES {
        let verified = reports.iter().any(|it| it["name"] == table && it["verdict"] == "verified");
        assert!(verified, "{reports:?}");
    }
    shards.whole(2, 2).await;
}

/// An import whose rows meet a peer's by a unique key is the last one's to find.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_two_imports_both_have_fail_the_last_of_them() {
    let shards = Shards::start().await;
    let folder = shards.dump("s1");
    shards.import("s1").await.succeeded();
    shards.reported("s1", "verified", &[]);
    let again = shards.target.path("s2");
    std::fs::rename(folder, &again).expect("the same dump under another name");
    let outcome = shards.import("s2").await;
    outcome.failed_with("TH0020", &["the same key of index v", "s2/d.random.0.sql:2", "1200 rows conflict"]);
    // Nothing is left of the meeting after a failure, either.
    let books: Option<String> = shards
        .connect()
        .await
        .query_first(format!("SHOW DATABASES LIKE '{BOOKS}'"))
        .await
        .expect("databases");
    assert_eq!(books, None);
}

/// An import that has died and is not to come back holds up the comparison until it is forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_not_to_come_back_is_forgotten() {
    let shards = Shards::start().await;
    for shard in ["s1", "s2", "s3"] {
        shards.dump(shard);
    }
    let effect = Effect::Delay { millis: 400 };
    let slow = Fault { on: RequestKind::Ingest, region: None, store: None, skip: 0, times: 20, effect };
    shards.target.playground.faults().add(slow);
    let mut doomed = shards.spawn("s1", true);
    shards.results("s1", 1).await;
    doomed.kill();
    doomed.wait().await;
    shards.target.playground.faults().clear();
    shards.import("s2").await.succeeded();
    shards.reported("s2", "left to the last", &["s1"]);
    let mut arguments = ["cluster", "forget", "--import-id", "s1"].map(str::to_owned).to_vec();
    arguments.extend(shards.target.flags());
    let forgotten = Running::start(&arguments, &[]).wait().await.succeeded();
    assert!(forgotten.out.contains("forgotten\td.plain"), "{}", forgotten.out);
    // Nobody is left at the tables, so the next import begins with what they hold.
    shards.import("s3").await.succeeded();
    shards.reported("s3", "verified", &[]);
}

async fn cluster(target: &Target) -> Cluster {
    let mut options = ClusterOptions::new([target.playground.pd_addr()]);
    options.tidb = Some(TidbOptions {
        port: target.playground.tidb_port(),
        status_port: target.playground.status_port(),
        ..TidbOptions::default()
    });
    Cluster::connect(Env::real(), options).await.expect("the cluster")
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_while_it_sums_a_table_is_replaced_and_one_that_was_only_slow_is_refused() {
    let target = Target::start().await;
    let mut conn = connect(target.playground.tidb_port()).await;
    conn.query_drop("CREATE DATABASE d").await.expect("a database");
    conn.query_drop("CREATE TABLE d.t (id INT PRIMARY KEY)").await.expect("a table");
    conn.query_drop("INSERT INTO d.t VALUES (1)").await.expect("a row");
    let cluster = cluster(&target).await;
    let lease = Duration::from_millis(600);
    let seat = |import| cluster.meeting("meeting", import).expect("a seat").with_lease(lease);
    let (slow, next, third) = (seat("slow"), seat("next"), seat("third"));
    let table = SharedTable { id: 7, db: "d".to_owned(), name: "t".to_owned() };
    let sum = |pairs| RangeChecksum { crc64_xor: pairs << 4, pairs, bytes: 10 * pairs };
    assert!(slow.join(&table).await.expect("it joins"), "it is the first, and there is a row");
    // It says nothing, so another waits until its lease ends, and sums in its place. That one renews its lease.
    assert!(next.join(&table).await.expect("it joins"));
    let refused = slow.set_base(&table, sum(1)).await.expect_err("it has lost its turn");
    assert!(refused.to_string().contains("another import went on"), "{refused}");
    let summing = next.while_summing(&table, async {
        let waits = tokio::time::timeout(lease * 3, third.join(&table)).await;
        assert!(waits.is_err(), "nobody joins while the table is summed");
    });
    summing.await;
    next.set_base(&table, sum(1)).await.expect("its turn");
    assert!(!third.join(&table).await.expect("it joins"), "what was there is known");
    slow.begin_writing(std::slice::from_ref(&table)).await.expect_err("it is not one of them any more");
    for seat in [&next, &third] {
        seat.begin_writing(std::slice::from_ref(&table)).await.expect("it is one of them");
    }
    let left = next.finish(&table, sum(2), true).await.expect("its turn");
    assert_eq!(left, Turn::Left(vec!["third".to_owned()]));
    next.leave(std::slice::from_ref(&table), false).await.expect("it leaves");
    let last = third.finish(&table, sum(4), true).await.expect("its turn");
    let mut expected = sum(1);
    expected.add(sum(2));
    expected.add(sum(4));
    assert_eq!(last, Turn::Last { expected, with: vec!["next".to_owned()], failed: Vec::new() });
    // Another finalizer of the same import, when the first has died: it takes over, and the first is refused.
    let again = seat("third");
    assert_eq!(again.finish(&table, sum(4), true).await.expect("its turn"), last);
    third.conclude(&table, true).await.expect_err("it has lost its turn");
    again.conclude(&table, true).await.expect("its turn");
    let settled = third.finish(&table, sum(4), true).await.expect("its turn");
    assert_eq!(settled, Turn::Settled { verified: true });
    again.leave(std::slice::from_ref(&table), false).await.expect("it leaves");
    assert_eq!(third.finish(&table, sum(4), true).await.expect("an answer"), Turn::Forgotten);
    let books: Option<String> = conn.query_first("SHOW DATABASES LIKE 'meeting'").await.expect("databases");
    assert_eq!(books, None, "the books are gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_are_reserved_at_the_same_time_never_meet() {
    let target = Target::start().await;
    let mut conn = connect(target.playground.tidb_port()).await;
    conn.query_drop("CREATE DATABASE d").await.expect("a database");
    let separate = "id BIGINT AUTO_INCREMENT, v INT, PRIMARY KEY (id) NONCLUSTERED) AUTO_ID_CACHE=1";
    let tables = TABLES.map(|(table, _, columns)| (table, format!("{columns})")));
    for (number, (table, definition)) in
        (1i64..).zip(tables.into_iter().chain([("separate", separate.to_owned())]))
    {
        conn.query_drop(format!("CREATE TABLE d.{table} ({definition}")).await.expect("a table");
        let cluster = cluster(&target).await;
        let shared = SharedTable { id: number, db: "d".to_owned(), name: table.to_owned() };
        const COUNT: u64 = 1000;
        let reservations = (0..6).map(|import| {
            let (cluster, shared) = (cluster.clone(), shared.clone());
            async move {
                let meeting = cluster.meeting("meeting", &format!("i{import}")).expect("a seat");
                assert!(!meeting.join(&shared).await.expect("it joins"), "the table is empty");
                meeting.reserve(&shared, COUNT, Some(u64::MAX)).await.expect("ids")
            }
        });
        let mut bases = futures::future::join_all(reservations).await;
        bases.sort_unstable();
        for pair in bases.windows(2) {
            assert!(pair[1] - pair[0] >= COUNT, "{table}: {bases:?}");
        }
        let tidb = cluster.tidb().expect("tidb");
        let next = tidb.next_ids("d", table).await.expect("allocators");
        let end = bases.last().expect("a base") + COUNT;
        assert!(!next.is_empty() && next.iter().all(|id| id.next > end), "{table}: {next:?}");
    }
}
