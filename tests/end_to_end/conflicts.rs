//! Rows with equal keys: refused with both their places, or all but the first removed with all their pairs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

use mysql_async::prelude::Queryable as _;
use th_generate::conflicts::{Conflicts, DEFINITION, TABLE};
use th_tests::{Outcome, Target, connect};

type Row = (String, String, i64, String);

/// Tables that keep their rows and their unique keys in every way there is. The columns are alike.
const TABLES: [(&str, &str); 5] = [
    ("clustered", "PRIMARY KEY (a) CLUSTERED, UNIQUE KEY ub (b), KEY kc (c)"),
    ("nonclustered", "PRIMARY KEY (a) NONCLUSTERED, UNIQUE KEY ub (b), KEY kc (c)"),
    ("common", "PRIMARY KEY (a, b) CLUSTERED, UNIQUE KEY uc (b, c), KEY kd (d)"),
    ("two", "UNIQUE KEY ua (a), UNIQUE KEY ub (b), KEY kc (c)"),
    ("parts", "PRIMARY KEY (a) CLUSTERED, KEY kc (c)) PARTITION BY HASH (a) PARTITIONS 3 -- "),
];

/// The columns that are unique together, by table.
fn keys_of(table: &str, row: &Row) -> Vec<(u8, String)> {
    let (a, b, c, _) = row;
    match table {
        "common" => vec![(0, format!("{a}/{b}")), (1, format!("{b}/{c}"))],
        "parts" => vec![(0, a.clone())],
        _ => vec![(0, a.clone()), (1, b.clone())],
    }
}

/// What stays: rows that are the first at every key they have.
fn survivors(table: &str, rows: &[Row]) -> Vec<Row> {
    let mut taken = BTreeSet::new();
    let mut stay = Vec::new();
    for row in rows {
        let first: Vec<bool> = keys_of(table, row).into_iter().map(|key| taken.insert(key)).collect();
        if first.iter().all(|&first| first) {
            stay.push(row.clone());
        }
    }
    stay.sort();
    stay
}

/// Rows whose keys meet now and then, always the same.
fn rows(count: u64, keys: u64) -> Vec<Row> {
    let mut state = 7u64;
    let mut next = |limit: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    (0..count)
        .map(|number| {
            (
                next(keys).to_string(),
                next(keys).to_string(),
                next(5) as i64,
                format!("row {number} of the dump"),
            )
        })
        .collect()
}

/// A dump of the tables, each in so many files, and a configuration.
struct Conflicting {
    target: Target,
    dump: PathBuf,
    config: PathBuf,
}

impl Conflicting {
    async fn start(config: &str) -> Self {
        let target = Target::start().await;
        let (dump, path) = (target.path("dump"), target.path("config.toml"));
        std::fs::create_dir(&dump).expect("a folder");
        std::fs::write(dump.join("c-schema-create.sql"), "CREATE DATABASE `c`;\n").expect("a file");
        std::fs::write(&path, config).expect("a file");
        Self { target, dump, config: path }
    }

    fn table(&self, name: &str, definition: &str) {
        let statement = format!(
            "CREATE TABLE `{name}` (a INT NOT NULL, b VARCHAR(20) NOT NULL, c INT, d VARCHAR(40), {definition}\n);\n"
        );
        let statement = statement.replace(" -- \n)", "");
        std::fs::write(self.dump.join(format!("c.{name}-schema.sql")), statement).expect("a file");
    }

    fn data(&self, name: &str, file: usize, rows: &[Row]) {
        let mut text = format!("INSERT INTO `{name}` VALUES\n");
        for (number, (a, b, c, d)) in rows.iter().enumerate() {
            let separator = if number + 1 == rows.len() { ";\n" } else { ",\n" };
            write!(text, "({a},'{b}',{c},'{d}'){separator}").expect("text");
        }
        std::fs::write(self.dump.join(format!("c.{name}.{file:04}.sql")), text).expect("a file");
    }

    async fn import(&self, more: &[&str]) -> Outcome {
        let config = self.config.display().to_string();
        self.target.import(&self.dump, &[&["--config", &config], more].concat()).await
    }

    async fn stored(&self, table: &str) -> Vec<Row> {
        let mut conn = connect(self.target.playground.tidb_port()).await;
        let query = format!("SELECT a, b, c, d FROM c.{table}");
        let found: Vec<(i64, String, i64, String)> = conn.query(query).await.expect("rows");
        let mut rows: Vec<Row> = found.into_iter().map(|(a, b, c, d)| (a.to_string(), b, c, d)).collect();
        rows.sort();
        rows
    }

    fn report(&self) -> serde_json::Value {
        self.target.document("COMPLETE.json").expect("COMPLETE.json is written")
    }

    /// All conflicts that the finalizer wrote down, by table number.
    fn conflicts(&self) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        let entries =
            std::fs::read_dir(self.target.path("ledger/it/conflicts")).expect("conflicts are written");
        for entry in entries {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let Some(table) = name.strip_prefix("table-") else { continue };
            let text = std::fs::read(&path).expect("a document");
            let list: Vec<serde_json::Value> = serde_json::from_slice(&text).expect("a list");
            for conflict in &list {
                for place in ["first", "second"] {
                    let place = conflict[place].as_str().expect("a place");
                    assert!(place.contains(".sql:"), "no line in {conflict}");
                }
            }
            *found.entry(table[..4].to_owned()).or_default() += list.len();
        }
        found
    }
}

/// Every table, in files of one job or of many.
async fn only_the_first_rows_stay(job_size: &str) {
    let config = format!(
        "[conflict]\nstrategy = \"replace\"\n[tikv-importer]\nbackend = \"local\"\n[thunderhead]\njob-size = \"{job_size}\"\n"
    );
    let it = Conflicting::start(&config).await;
    let rows = rows(600, 400);
    for (name, definition) in TABLES {
        it.table(name, definition);
        for (file, part) in rows.chunks(100).enumerate() {
            it.data(name, file, part);
        }
    }
    it.import(&[]).await.succeeded();
    let report = it.report();
    for (number, (name, _)) in TABLES.iter().enumerate() {
        let stay = survivors(name, &rows);
        assert!(stay.len() < rows.len() && stay.len() > 50, "{name} has {} rows", stay.len());
        assert_eq!(it.stored(name).await, stay, "{name}");
        let table = report["tables"]
            .as_array()
            .and_then(|tables| tables.iter().find(|table| table["name"] == *name))
            .expect("the table is reported");
        assert_eq!(table["verdict"], "verified", "{number}: {table}");
        assert_eq!(table["rows"], stay.len() as u64);
        assert_eq!(table["replaced"], (rows.len() - stay.len()) as u64);
    }
    assert_eq!(it.conflicts().len(), TABLES.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_equal_rows_in_one_job_the_first_stays() {
    only_the_first_rows_stay("1GiB").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_equal_rows_in_many_jobs_the_first_stays() {
    only_the_first_rows_stay("1KiB").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_rows_in_two_jobs_are_refused_with_both_places() {
    let it = Conflicting::start("[thunderhead]\njob-size = \"1B\"\n").await;
    it.table("clustered", TABLES[0].1);
    let row = |a: &str, b: &str| (a.to_owned(), b.to_owned(), 1, "x".to_owned());
    it.data("clustered", 0, &[row("1", "1"), row("2", "2")]);
    it.data("clustered", 1, &[row("3", "3"), row("4", "2")]);
    let outcome = it.import(&[]).await;
    outcome.failed_with("TH0020", &["c.clustered.0000.sql:3", "c.clustered.0001.sql:3", "ub"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_conflicts_than_the_threshold_fail_the_import() {
    let config = "[conflict]\nstrategy = \"replace\"\nthreshold = 3\n[thunderhead]\njob-size = \"1B\"\n";
    let it = Conflicting::start(config).await;
    it.table("clustered", TABLES[0].1);
    let row = |a: &str, b: &str| (a.to_owned(), b.to_owned(), 1, "x".to_owned());
    it.data("clustered", 0, &[row("1", "1"), row("2", "2")]);
    it.data("clustered", 1, &[row("1", "3"), row("4", "2")]);
    let outcome = it.import(&[]).await;
    outcome.failed_with("TH0020", &["4 rows conflict", "threshold", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_keys_in_conflict_than_are_looked_at_end_the_import_with_some_of_them_named() {
    let config = "[conflict]\nstrategy = \"replace\"\nthreshold = 10\n[lightning]\ntask-info-schema-name = \"\"\n\
                  [thunderhead]\njob-size = \"200KiB\"\n";
    let it = Conflicting::start(config).await;
    it.table("clustered", TABLES[0].1);
    for file in 0..2 {
        let row = |n: u32| (n.to_string(), format!("{file}/{n}"), 1, "x".to_owned());
        it.data("clustered", file, &(0..10_500).map(row).collect::<Vec<_>>());
    }
    let outcome = it.import(&[]).await;
    outcome
        .failed_with("TH0020", &["more than 10000 keys", "`conflict.threshold` allows 10 rows", "PRIMARY"]);
    assert!(it.target.document("FAILED.json").is_some(), "it is not decided that the import failed");
    assert!(it.conflicts().values().sum::<usize>() > 9_000, "{:?}", it.conflicts());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_the_dump_replace_those_that_the_table_held_before() {
    let config = "[conflict]\nstrategy = \"replace\"\n[tikv-importer]\nparallel-import = true\n";
    let it = Conflicting::start(config).await;
    let mut expected: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    let old: Vec<Row> =
        (0..40).map(|n| (n.to_string(), format!("old{n}"), n % 3, "before".to_owned())).collect();
    let new: Vec<Row> = (30..60)
        .map(|n: i64| {
            // Some meet an old row by `a`, some by `b`.
            let b = if n % 2 == 0 { format!("old{}", n - 30) } else { format!("new{n}") };
            (n.to_string(), b, n % 3, "import".to_owned())
        })
        .collect();
    for (name, definition) in TABLES {
        it.table(name, definition);
        it.data(name, 0, &old);
    }
    it.import(&["--import-id", "first"]).await.succeeded();
    for (name, _) in TABLES {
        it.data(name, 0, &new);
        let taken: BTreeSet<_> = new.iter().flat_map(|row| keys_of(name, row)).collect();
        let stay = old.iter().filter(|row| keys_of(name, row).iter().all(|key| !taken.contains(key)));
        let mut rows: Vec<Row> = stay.chain(&new).cloned().collect();
        rows.sort();
        expected.insert(name, rows);
    }
    it.import(&[]).await.succeeded();
    for (name, rows) in expected {
        assert_eq!(it.stored(name).await, rows, "{name}");
    }
    assert!(it.report()["tables"].as_array().is_some_and(|tables| {
        tables.iter().all(|table| table["verdict"] == "verified" && table["replaced"] == 0)
    }));
}

/// Memory of a process beside that for sorting and for pieces: program, buffers of reading, what of the allocator is
/// not given back.
const MARGIN: u64 = 160 << 20;

/// One file's row at a place: by offset, and the line in which it is.
fn row_at(dump: &std::path::Path, conflict: &serde_json::Value, which: &str) -> (i64, String) {
    let place = conflict[which].as_str().expect("a place");
    let offset = conflict[format!("{which}_offset")].as_u64().expect("an offset") as usize;
    let (object, line) = place.rsplit_once(':').expect("a line");
    let name = std::path::Path::new(object).file_name().expect("a file");
    let text = std::fs::read_to_string(dump.join(name)).expect("the file is of the dump");
    let line: usize = line.parse().expect("a line");
    assert_eq!(text[..offset].matches('\n').count() + 1, line, "{conflict}");
    let mut fields = text[offset..].trim_start_matches('(').split(',');
    let mut next = || fields.next().expect("a field").to_owned();
    (next().parse().expect("an id"), next())
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_rows_in_conflict_are_all_named_in_bounded_memory() {
    let conflicts = Conflicts::new(20_000, 8);
    let config = "[conflict]\nstrategy = \"replace\"\nthreshold = 20000\n[thunderhead]\njob-size = \"256KiB\"\n\
                  sort-memory = \"4MiB\"\npiece-size = \"1MiB\"\nconcurrency = 2\n";
    let it = Conflicting::start(config).await;
    std::fs::write(it.dump.join(format!("c.{TABLE}-schema.sql")), DEFINITION).expect("a file");
    for file in 0..conflicts.files() {
        let mut text = Vec::new();
        conflicts.write_file(&mut text, file).expect("text");
        std::fs::write(it.dump.join(format!("c.{TABLE}.{file:04}.sql")), text).expect("a file");
    }
    let config = it.config.display().to_string();
    let running = it.target.start_import(&it.dump, &["--config", &config]);
    let memory = running.watch_memory();
    running.wait().await.succeeded();
    let peak = memory.peak_bytes().await;
    assert!(peak < (4 << 20) + 4 * (1 << 20) + MARGIN, "{} MiB", peak >> 20);

    let table = &it.report()["tables"][0];
    assert_eq!((&table["verdict"], &table["found"]), (&"verified".into(), &table["expected"]), "{table}");
    assert_eq!(
        (&table["rows"], &table["replaced"]),
        (&conflicts.staying().into(), &conflicts.pairs().into())
    );
    assert!(it.target.finished_jobs() > 4, "{} jobs", it.target.finished_jobs());

    let mut second_rows = BTreeSet::new();
    let (mut by_id, mut by_code) = (0, 0);
    for part in 0.. {
        let Some(list) = it.target.document(&format!("conflicts/table-0000-{part:05}.json")) else { break };
        for (number, conflict) in list.as_array().expect("a list").iter().enumerate() {
            assert!(second_rows.insert(conflict["second"].as_str().expect("a place").to_owned()));
            match conflict["index"].as_str() {
                Some("PRIMARY") => by_id += 1,
                Some("by_code") => by_code += 1,
                other => panic!("no unique key is called {other:?}"),
            }
            // Reading all files again for each takes long.
            if number % 100 == 0 {
                let (first, second) =
                    (row_at(&it.dump, conflict, "first"), row_at(&it.dump, conflict, "second"));
                let same = (first.0 == second.0, first.1 == second.1);
                let by_primary = conflict["index"] == "PRIMARY";
                assert_eq!(same, (by_primary, !by_primary), "{conflict}: {first:?}, {second:?}");
            }
        }
    }
    assert_eq!((by_id, by_code), (conflicts.pairs() / 2, conflicts.pairs() / 2));
}
