//! What a reader says when the object is not what it was, or its bytes are broken.

use std::io::Write;
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use th_dump::{DumpErrorKind, ReadError, ReadErrorKind, ReadOptions, RowReader, Rules, Store, discover};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn put(runtime: &tokio::runtime::Runtime, store: &Store, name: &str, bytes: &[u8]) {
    let path = store.path(name).unwrap();
    runtime.block_on(store.object_store.put(&path, bytes.to_vec().into())).unwrap();
}

fn store() -> Store {
    let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    Store::new(memory, Path::from("dump"), "s3://bucket/dump")
}

/// Reads the only data file with small blocks; rows read and the error.
fn read(runtime: &tokio::runtime::Runtime, store: &Store, change: impl FnOnce()) -> (u64, Option<ReadError>) {
    let dump = runtime.block_on(discover(store, &Rules::default())).unwrap();
    let file = &dump.tables[0].data[0];
    change();
    let mut options = ReadOptions::default();
    options.io.read_block = 64;
    options.io.retries = 0;
    let mut reader = RowReader::open(store, file, None, &options, runtime.handle()).unwrap();
    let mut rows = 0;
    loop {
        match reader.next() {
            Ok(Some(_)) => rows += 1,
            Ok(None) => return (rows, None),
            Err(error) => return (rows, Some(error)),
        }
    }
}

fn rows_text() -> String {
    let rows: Vec<String> = (0..200).map(|i| format!("({i},'row {i}')")).collect();
    format!("INSERT INTO t VALUES\n{};\n", rows.join(",\n"))
}

#[test]
fn an_object_that_was_rewritten_is_refused_by_name() {
    let runtime = runtime();
    let store = store();
    let text = rows_text();
    put(&runtime, &store, "d.t.sql", text.as_bytes());
    let other = text.replace("row 7'", "row 8'");
    let (_, error) = read(&runtime, &store, || put(&runtime, &store, "d.t.sql", other.as_bytes()));
    let error = error.unwrap();
    assert_eq!(error.kind(), ReadErrorKind::Changed, "{error}");
    assert!(error.to_string().starts_with("s3://bucket/dump/d.t.sql changed"), "{error}");
    let path = store.path("d.t.sql").unwrap();
    let (_, error) = read(&runtime, &store, || {
        runtime.block_on(store.object_store.delete(&path)).unwrap();
    });
    assert!(matches!(error, Some(ReadError::Missing { .. })), "{error:?}");
}

#[test]
fn compressed_streams_in_several_members_are_read_to_the_end() {
    let runtime = runtime();
    let text = rows_text();
    let (a, b) = text.as_bytes().split_at(1000);
    for (name, bytes) in [
        ("d.t.sql.gz", [gzip(a), gzip(b)].concat()),
        ("d.t.sql.zst", [zstandard(a), zstandard(b)].concat()),
        ("d.t.sql.snappy", [snappy(a), snappy(b)].concat()),
    ] {
        let store = store();
        put(&runtime, &store, name, &bytes);
        let (rows, error) = read(&runtime, &store, || ());
        assert!(error.is_none(), "{name}: {error:?}");
        assert_eq!(rows, 200, "{name}");
    }
}

#[test]
fn broken_and_truncated_streams_are_errors_with_the_object() {
    let runtime = runtime();
    let text = rows_text();
    for (name, bytes) in [
        ("d.t.sql.gz", gzip(text.as_bytes())),
        ("d.t.sql.zst", zstandard(text.as_bytes())),
        ("d.t.sql.snappy", snappy(text.as_bytes())),
    ] {
        for cut in [1, 5, 40, bytes.len() - 4] {
            let store = store();
            put(&runtime, &store, name, &bytes[..bytes.len() - cut]);
            let (_, error) = read(&runtime, &store, || ());
            let error = error.unwrap_or_else(|| panic!("{name} cut by {cut} was read without an error"));
            assert_eq!(error.kind(), ReadErrorKind::Data, "{name} {cut}: {error}");
            assert!(error.to_string().contains(&format!("s3://bucket/dump/{name}")), "{error}");
        }
        let mut broken = bytes.clone();
        let middle = broken.len() / 2;
        for byte in &mut broken[middle..middle + 8] {
            *byte ^= 0x5A;
        }
        let store = store();
        put(&runtime, &store, name, &broken);
        let (_, error) = read(&runtime, &store, || ());
        assert!(error.is_some(), "{name} broken in the middle was read without an error");
    }
}

#[test]
fn an_empty_prefix_is_an_empty_source() {
    let runtime = runtime();
    let error = runtime.block_on(discover(&store(), &Rules::default())).unwrap_err();
    assert_eq!(error.kind(), DumpErrorKind::EmptySource);
    assert!(error.to_string().starts_with("s3://bucket/dump holds nothing"), "{error}");
}

#[test]
fn an_empty_data_file_has_no_rows() {
    let runtime = runtime();
    let store = store();
    put(&runtime, &store, "d.t.csv", b"");
    let (rows, error) = read(&runtime, &store, || ());
    assert!(rows == 0 && error.is_none(), "{error:?}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn snappy(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.into_inner().unwrap()
}

/// With a checksum, as dumpling writes it; without one, zstd cannot notice every damage.
fn zstandard(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
