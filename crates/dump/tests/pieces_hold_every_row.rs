//! A CSV file that is cut at its terminators: the pieces together hold the rows of the whole, each once.

use std::ops::Range;
use std::sync::Arc;

use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use proptest::prelude::*;
use th_dump::{
    ChunkOptions, Compression, CsvOptions, DataFile, Format, ReadOptions, RowReader, Store,
    plan_chunks_with_splits, split_csv,
};
use th_row::Value;

type Rows = Vec<(u64, Vec<Option<Vec<u8>>>)>;

fn rows(
    runtime: &tokio::runtime::Runtime,
    (store, file): (&Store, &DataFile),
    range: Option<Range<u64>>,
    columns: Option<Vec<String>>,
    options: &ReadOptions,
) -> Rows {
    let mut reader = RowReader::open(store, file, range, options, runtime.handle()).unwrap();
    if let Some(columns) = columns {
        reader = reader.with_columns(columns);
    }
    let mut out = Vec::new();
    while let Some(row) = reader.next().unwrap() {
        let values = row.values.iter().map(|value| match value {
            Value::Text(text) => Some(text.to_vec()),
            _ => None,
        });
        out.push((row.offset, values.collect()));
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn pieces_of_any_size_hold_every_row_once(
        fields in proptest::collection::vec(("[a-z中\\\\\",]{0,5}", proptest::option::of("[0-9 ]{0,4}")), 1..40),
        terminator in prop_oneof![Just("\n"), Just("\r\n"), Just("|+|\n"), Just("，，")],
        header in any::<bool>(),
        byte_order_mark in any::<bool>(),
        piece in 1_u64..120,
        block in 1_usize..50,
    ) {
        let mut text = String::from(if byte_order_mark { "\u{FEFF}" } else { "" });
        if header {
            text.push_str("A,b");
            text.push_str(terminator);
        }
        for (first, second) in &fields {
            let first = first.replace('\\', "\\\\").replace('"', "\"\"");
            let second = second.as_deref().map_or("\\N".to_owned(), |second| format!("\"{second}\""));
            text.push_str(&format!("\"{first}\",{second}{terminator}"));
        }
        let mut options = ReadOptions {
            csv: CsvOptions { terminator: terminator.to_owned(), header, ..CsvOptions::default() },
            ..ReadOptions::default()
        };
        options.io.read_block = block;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let memory = InMemory::new();
        let size = text.len() as u64;
        runtime.block_on(memory.put(&Path::from("d.t.csv"), text.clone().into_bytes().into())).unwrap();
        let store = Store::new(Arc::new(memory), Path::default(), "mem://");
        let file = DataFile {
            path: "d.t.csv".to_owned(),
            size,
            etag: None,
            version: None,
            last_modified: 0,
            format: Format::Csv,
            compression: Compression::None,
            sort_key: String::new(),
            source: ("d".to_owned(), "t".to_owned()),
            constants: Vec::new(),
        };
        let whole = rows(&runtime, (&store, &file), None, None, &options);
        prop_assert_eq!(whole.len(), fields.len(), "{:?}", text);
        let split = runtime.block_on(split_csv(&store, &file, &options, piece)).unwrap();
        let files = [file];
        let chunks =
            plan_chunks_with_splits(&files, &[split], &ChunkOptions { columns: 2, ..ChunkOptions::default() }, 0)
                .unwrap();
        let mut joined = Vec::new();
        for chunk in chunks {
            let found =
                rows(&runtime, (&store, &files[0]), chunk.range(), chunk.columns.clone(), &options);
            prop_assert!(found.len() as u64 <= chunk.row_id_count, "{chunk:?} has {} rows", found.len());
            joined.extend(found);
        }
        prop_assert_eq!(joined, whole, "{:?}", text);
    }
}
