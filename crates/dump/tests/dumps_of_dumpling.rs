//! Real dumps, in every format dumpling writes, read as a whole: discovered, opened, counted.
//!
//! All variants hold the same rows, so besides the counts the texts are compared between variants.

use std::collections::BTreeMap;
use std::path::PathBuf;

use th_dump::{
    CharacterSet, ChunkOptions, CsvOptions, Dump, Location, ReadOptions, RowReader, Rules, Store, discover,
    line_of, plan_chunks,
};
use th_row::Value;

fn folder(variant: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/dumps").join(variant)
}

fn store(variant: &str) -> Store {
    Location::parse(folder(variant).to_str().unwrap()).unwrap().open().unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn expected_rows() -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(folder("expected.json")).unwrap();
    let tables: BTreeMap<String, [u64; 3]> = serde_json::from_str(&text).unwrap();
    tables.into_iter().map(|(table, [rows, _, _])| (table, rows)).collect()
}

/// Rows and a sum over all values, told apart by kind only where CSV and SQL agree.
fn read_all(
    runtime: &tokio::runtime::Runtime,
    store: &Store,
    dump: &Dump,
    options: &ReadOptions,
) -> BTreeMap<String, (u64, Vec<Vec<String>>)> {
    let mut tables = BTreeMap::new();
    for table in &dump.tables {
        let mut rows = Vec::new();
        let chunks = plan_chunks(&table.data, &ChunkOptions { columns: 1, expansion: 100 }, 0).unwrap();
        for (file, chunk) in table.data.iter().zip(&chunks) {
            let mut reader = RowReader::open(store, file, chunk.range(), options, runtime.handle()).unwrap();
            let mut last_end = 0;
            let mut count = 0;
            while let Some(row) = reader.next().unwrap_or_else(|e| panic!("{e}")) {
                assert!(row.offset >= last_end && row.end > row.offset);
                last_end = row.end;
                count += 1;
                rows.push(row.values.iter().map(text_of).collect());
            }
            assert!(count <= chunk.row_id_count);
            assert_eq!(reader.bytes_read(), file.size, "{} was read to its end", file.path);
        }
        tables.insert(format!("{}.{}", table.db, table.table), (rows.len() as u64, rows));
    }
    tables
}

fn text_of(value: &Value<'_>) -> String {
    match value {
        Value::Null => "~".to_owned(),
        Value::Int(i) => i.to_string(),
        Value::Uint(u) => u.to_string(),
        Value::Text(text) | Value::Binary(text) => {
            text.iter()
                .map(|byte| {
                    if byte.is_ascii_graphic() {
                        char::from(*byte).to_string()
                    } else {
                        format!("%{byte:02X}")
                    }
                })
                .collect()
        }
        other => format!("{other:?}"),
    }
}

fn no_header_options() -> ReadOptions {
    ReadOptions {
        csv: CsvOptions {
            separator: "|+|".into(),
            delimiter: String::new(),
            header: false,
            ..CsvOptions::default()
        },
        ..ReadOptions::default()
    }
}

#[test]
fn every_variant_holds_the_same_rows() {
    let runtime = runtime();
    let expected = expected_rows();
    let mut first: Option<BTreeMap<String, (u64, Vec<Vec<String>>)>> = None;
    for variant in ["sql", "sql-gzip", "sql-zstd", "csv", "csv-snappy", "csv-noheader"] {
        let store = store(variant);
        let dump = runtime.block_on(discover(&store, &Rules::default())).unwrap();
        assert_eq!(dump.databases.keys().collect::<Vec<_>>(), ["app", "sb", "tpcc", "tpch"], "{variant}");
        assert!(dump.databases.values().all(|db| db.schema_file.is_some()));
        assert!(dump.tables.iter().all(|table| table.schema_file.is_some()), "{variant}");
        assert!(dump.metadata.as_ref().is_some_and(|m| m.finished.is_some()), "{variant}");
        assert_eq!(dump.ignored, [], "{variant}");
        let options = if variant == "csv-noheader" { no_header_options() } else { ReadOptions::default() };
        let tables = read_all(&runtime, &store, &dump, &options);
        for (table, rows) in &expected {
            assert_eq!(tables.get(table).map(|(count, _)| *count), Some(*rows), "{variant} {table}");
        }
        match &first {
            None => first = Some(tables),
            Some(first) => {
                for (table, (_, rows)) in &tables {
                    assert!(*rows == first[table].1, "{variant} {table} differs");
                }
            }
        }
    }
}

#[test]
fn small_blocks_and_a_range_give_the_same_rows() {
    let runtime = runtime();
    let store = store("csv");
    let dump = runtime.block_on(discover(&store, &Rules::default())).unwrap();
    let table = dump.tables.iter().find(|table| table.table == "orders").unwrap();
    let file = &table.data[0];
    let mut options = ReadOptions::default();
    options.io.read_block = 1000;
    let mut reader = RowReader::open(&store, file, None, &options, runtime.handle()).unwrap();
    let mut whole = Vec::new();
    let mut columns = None;
    while let Some(row) = reader.next().unwrap() {
        columns = row.columns.map(<[String]>::to_vec);
        whole.push((row.offset, row.end, row.text.to_vec()));
    }
    let columns = columns.unwrap();
    assert_eq!(columns[0], "o_orderkey");
    let middle = whole[whole.len() / 2].0;
    let mut pieces = Vec::new();
    for range in [0..middle, middle..file.size] {
        let mut reader =
            RowReader::open(&store, file, Some(range.clone()), &options, runtime.handle()).unwrap();
        if range.start > 0 {
            reader = reader.with_columns(columns.clone());
        }
        while let Some(row) = reader.next().unwrap() {
            assert_eq!(row.columns, Some(columns.as_slice()));
            pieces.push((row.offset, row.end, row.text.to_vec()));
        }
        assert_eq!(reader.bytes_read(), range.end - range.start);
    }
    assert!(pieces == whole);

    let offsets = [whole[3].0, whole[0].0, whole[10].0 + 5];
    let lines = runtime.block_on(line_of(&store, file, &offsets, &options.io)).unwrap();
    assert_eq!(lines, [5, 2, 12]);
}

#[test]
fn lines_of_compressed_files_are_found_again() {
    let runtime = runtime();
    let store = store("sql-gzip");
    let dump = runtime.block_on(discover(&store, &Rules::default())).unwrap();
    let table = dump.tables.iter().find(|table| table.table == "events").unwrap();
    let mut reader =
        RowReader::open(&store, &table.data[0], None, &ReadOptions::default(), runtime.handle()).unwrap();
    let mut known = Vec::new();
    while let Some(row) = reader.next().unwrap() {
        let offset = row.offset;
        let place = reader.place(offset);
        known.push((offset, place.line));
    }
    assert_eq!(known[0].1, 4);
    let offsets: Vec<u64> = known.iter().rev().map(|(offset, _)| *offset).collect();
    let lines =
        runtime.block_on(line_of(&store, &table.data[0], &offsets, &ReadOptions::default().io)).unwrap();
    assert!(lines.iter().eq(known.iter().rev().map(|(_, line)| line)));
}

#[test]
fn parquet_files_hold_the_rows_that_their_footers_count() {
    let runtime = runtime();
    let store = store("parquet");
    let dump = runtime.block_on(discover(&store, &Rules::default())).unwrap();
    let options = ReadOptions::default();
    let files: Vec<_> = dump.tables.iter().flat_map(|table| &table.data).collect();
    assert_eq!(files.len(), 5);
    for file in files {
        let split = runtime.block_on(th_dump::parquet_split(&store, file, &options, 1)).unwrap();
        let mut reader = RowReader::open(&store, file, None, &options, runtime.handle()).unwrap();
        let mut rows = 0;
        while let Some(row) = reader.next().unwrap() {
            assert_eq!(row.offset, rows);
            assert_eq!(row.values.len(), row.columns.unwrap().len());
            rows += 1;
        }
        assert_eq!(rows, split.rows.iter().sum::<u64>(), "{}", file.path);
        assert!(rows > 0, "{}", file.path);
    }
}

#[test]
fn schema_files_are_read_as_text() {
    let runtime = runtime();
    for variant in ["sql", "sql-zstd", "csv-snappy"] {
        let store = store(variant);
        let dump = runtime.block_on(discover(&store, &Rules::default())).unwrap();
        let table = dump.tables.iter().find(|table| table.table == "odd `name`").unwrap();
        let file = table.schema_file.as_ref().unwrap();
        for set in [None, Some(CharacterSet::Utf8mb4), Some(CharacterSet::Binary)] {
            let text = runtime.block_on(file.read_text(&store, set)).unwrap();
            assert!(text.contains("CREATE TABLE"), "{variant}: {text}");
        }
    }
}
