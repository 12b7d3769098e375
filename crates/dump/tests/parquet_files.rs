//! Parquet files: what each type becomes, pieces of row groups, broken files.

use std::sync::Arc;

use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use object_store::path::Path;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray, Int96};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;
use th_dump::{
    Compression, DataFile, Format, ReadError, ReadErrorKind, ReadOptions, RowReader, Store, parquet_split,
};
use th_row::Value;

/// A column's values of one row group, without the NULLs, and which are there.
enum Cells {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Int96(Vec<Int96>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Vec<ByteArray>),
    Fixed(Vec<FixedLenByteArray>),
}

/// Writes a file; `levels` is for OPTIONAL columns.
fn file(schema: &str, codec: Codec, groups: &[Vec<(Cells, Option<Vec<i16>>)>]) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().set_compression(codec).build());
    let mut out = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut out, schema, properties).unwrap();
    for group in groups {
        let mut row_group = writer.next_row_group().unwrap();
        for (cells, levels) in group {
            let levels = levels.as_deref();
            let mut column = row_group.next_column().unwrap().unwrap();
            match (column.untyped(), cells) {
                (ColumnWriter::BoolColumnWriter(w), Cells::Bool(v)) => w.write_batch(v, levels, None),
                (ColumnWriter::Int32ColumnWriter(w), Cells::Int32(v)) => w.write_batch(v, levels, None),
                (ColumnWriter::Int64ColumnWriter(w), Cells::Int64(v)) => w.write_batch(v, levels, None),
                (ColumnWriter::Int96ColumnWriter(w), Cells::Int96(v)) => w.write_batch(v, levels, None),
                (ColumnWriter::FloatColumnWriter(w), Cells::Float(v)) => w.write_batch(v, levels, None),
                (ColumnWriter::DoubleColumnWriter(w), Cells::Double(v)) => w.write_batch(v, levels, None),
                (ColumnWriter::ByteArrayColumnWriter(w), Cells::Bytes(v)) => w.write_batch(v, levels, None),
                (ColumnWriter::FixedLenByteArrayColumnWriter(w), Cells::Fixed(v)) => {
                    w.write_batch(v, levels, None)
                }
                _ => panic!("the cells are of another type"),
            }
            .unwrap();
            column.close().unwrap();
        }
        row_group.close().unwrap();
    }
    writer.close().unwrap();
    out
}

/// Puts bytes into a store in memory.
fn stored(runtime: &tokio::runtime::Runtime, bytes: Vec<u8>) -> (Store, DataFile) {
    let store = InMemory::new();
    let size = bytes.len() as u64;
    runtime.block_on(store.put(&Path::from("d.t.parquet"), bytes.into())).unwrap();
    let file = DataFile {
        path: "d.t.parquet".to_owned(),
        size,
        etag: None,
        version: None,
        last_modified: 0,
        format: Format::Parquet,
        compression: Compression::None,
        sort_key: String::new(),
        source: ("d".to_owned(), "t".to_owned()),
        constants: Vec::new(),
    };
    (Store::new(Arc::new(store), Path::default(), "mem://"), file)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    }
}

/// All rows as (offset, values) of a piece of the file.
fn rows(
    runtime: &tokio::runtime::Runtime,
    (store, file): &(Store, DataFile),
    range: Option<std::ops::Range<u64>>,
    options: &ReadOptions,
    ignored: &[String],
) -> Result<Vec<(u64, Vec<String>)>, ReadError> {
    let mut reader = RowReader::open(store, file, range, options, runtime.handle())?.without_columns(ignored);
    let mut out = Vec::new();
    while let Some(row) = reader.next()? {
        out.push((row.offset, row.values.iter().map(shown).collect()));
    }
    Ok(out)
}

#[test]
fn every_type_becomes_the_value_that_its_annotation_says() {
    let schema = "message m {
        REQUIRED BOOLEAN a;
        REQUIRED INT32 b (INTEGER(8,true));
        REQUIRED INT32 c (INTEGER(32,false));
        REQUIRED INT64 d (INTEGER(64,false));
        REQUIRED FLOAT e;
        REQUIRED DOUBLE f;
        REQUIRED BYTE_ARRAY g (STRING);
        REQUIRED BYTE_ARRAY h;
        REQUIRED INT32 i (DECIMAL(9,3));
        REQUIRED FIXED_LEN_BYTE_ARRAY (16) j (DECIMAL(38,10));
        REQUIRED INT32 k (DATE);
        REQUIRED INT32 l (TIME(MILLIS,true));
        REQUIRED INT64 m (TIME(NANOS,false));
        REQUIRED INT64 n (TIMESTAMP(NANOS,false));
        REQUIRED INT64 o (TIMESTAMP(MICROS,true));
        REQUIRED INT96 p;
        OPTIONAL INT64 q;
        REQUIRED FIXED_LEN_BYTE_ARRAY (2) r (FLOAT16);
    }";
    let mut int96 = Int96::new();
    int96.set_data(0, 0, 2_440_589);
    let required = |cells| (cells, None);
    let group = vec![
        required(Cells::Bool(vec![true])),
        required(Cells::Int32(vec![-5])),
        required(Cells::Int32(vec![-1])),
        required(Cells::Int64(vec![-1])),
        required(Cells::Float(vec![1.5])),
        required(Cells::Double(vec![-2.25])),
        required(Cells::Bytes(vec!["héllo".into()])),
        required(Cells::Bytes(vec![ByteArray::from(vec![0, 0xFF])])),
        required(Cells::Int32(vec![-1234])),
        required(Cells::Fixed(vec![ByteArray::from((-1_i128).to_be_bytes().to_vec()).into()])),
        required(Cells::Int32(vec![19_782])),
        required(Cells::Int32(vec![47_159_250])),
        required(Cells::Int64(vec![1])),
        required(Cells::Int64(vec![-1])),
        required(Cells::Int64(vec![1_719_792_000_000_001])),
        required(Cells::Int96(vec![int96])),
        (Cells::Int64(vec![]), Some(vec![0])),
        required(Cells::Fixed(vec![ByteArray::from(vec![0x00, 0x3C]).into()])),
    ];
    let runtime = runtime();
    let stored = stored(&runtime, file(schema, Codec::SNAPPY, &[group]));
    let options = ReadOptions { time_zone: "+02:00".to_owned(), ..ReadOptions::default() };
    let found = rows(&runtime, &stored, None, &options, &[]).unwrap();
    let expected = [
        "Uint(1)",
        "Int(-5)",
        "Uint(4294967295)",
        "Uint(18446744073709551615)",
        "Float32(1.5)",
        "Float64(-2.25)",
        "héllo",
        "\0\u{FFFD}",
        "-1.234",
        "-0.0000000001",
        "2024-02-29",
        "13:05:59.250",
        "00:00:00.000000001",
        "1969-12-31 23:59:59.999999999",
        "2024-07-01 02:00:00.000001",
        "1970-01-02 02:00:00",
        "Null",
        "Float32(1.0)",
    ];
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1, expected);
}

/// A file of two columns in row groups of these sizes; every third value is NULL.
fn numbered(codec: Codec, groups: &[usize]) -> Vec<u8> {
    let mut next = 0;
    let groups: Vec<_> = groups
        .iter()
        .map(|&size| {
            let numbers: Vec<i64> = (next..next + size as i64).collect();
            next += size as i64;
            let levels: Vec<i16> = numbers.iter().map(|number| i16::from(number % 3 != 0)).collect();
            let texts = numbers.iter().filter(|number| *number % 3 != 0).map(|number| {
                ByteArray::from(format!("text {number} {}", "x".repeat(*number as usize % 50)).as_str())
            });
            vec![(Cells::Bytes(texts.collect()), Some(levels)), (Cells::Int64(numbers.clone()), None)]
        })
        .collect();
    file("message m { OPTIONAL BYTE_ARRAY s (STRING); REQUIRED INT64 N; }", codec, &groups)
}

#[test]
fn pieces_together_hold_every_row_once_with_its_number() {
    let runtime = runtime();
    let codecs = [
        Codec::UNCOMPRESSED,
        Codec::SNAPPY,
        Codec::ZSTD(ZstdLevel::default()),
        Codec::GZIP(Default::default()),
        Codec::LZ4_RAW,
        Codec::BROTLI(Default::default()),
    ];
    for codec in codecs {
        let groups = [1500, 1, 1024, 2049];
        let total: usize = groups.iter().sum();
        let stored = stored(&runtime, numbered(codec, &groups));
        // Small requests, so that pages are met in parts.
        let mut options = ReadOptions::default();
        options.io.read_block = 1000;
        let whole = rows(&runtime, &stored, None, &options, &[]).unwrap();
        assert_eq!(whole.len(), total, "{codec}");
        for (number, (offset, values)) in whole.iter().enumerate() {
            assert_eq!(*offset, number as u64);
            assert_eq!(values[1], format!("Int({number})"));
            assert_eq!(values[0] == "Null", number % 3 == 0, "{codec} {number}");
        }
        let split = runtime.block_on(parquet_split(&stored.0, &stored.1, &options, 1)).unwrap();
        assert_eq!(split.rows, [1500, 1, 1024, 2049]);
        let starts: Vec<u64> = [0].into_iter().chain(split.cuts.at.clone()).collect();
        let ends: Vec<u64> = split.cuts.at.iter().copied().chain([stored.1.size]).collect();
        let mut joined = Vec::new();
        for (start, end) in starts.into_iter().zip(ends) {
            joined.extend(rows(&runtime, &stored, Some(start..end), &options, &[]).unwrap());
        }
        assert_eq!(joined, whole, "{codec}");
    }
}

#[test]
fn a_nested_column_is_refused_by_its_name_unless_it_is_left_out() {
    let schema =
        "message m { REQUIRED INT64 a; REPEATED INT64 Tags; REQUIRED group g { REQUIRED INT32 x; } }";
    let group = vec![
        (Cells::Int64(vec![7]), None),
        (Cells::Int64(vec![]), Some(vec![0])),
        (Cells::Int32(vec![1]), None),
    ];
    let runtime = runtime();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).unwrap();
    let mut row_group = writer.next_row_group().unwrap();
    for (cells, levels) in &group {
        let mut column = row_group.next_column().unwrap().unwrap();
        match (column.untyped(), cells) {
            (ColumnWriter::Int64ColumnWriter(w), Cells::Int64(v)) => {
                w.write_batch(v, levels.as_deref(), levels.as_ref().map(|_| &[0][..]))
            }
            (ColumnWriter::Int32ColumnWriter(w), Cells::Int32(v)) => w.write_batch(v, None, None),
            _ => panic!("the cells are of another type"),
        }
        .unwrap();
        column.close().unwrap();
    }
    row_group.close().unwrap();
    writer.close().unwrap();
    let stored = stored(&runtime, bytes);
    let options = ReadOptions::default();
    let error = rows(&runtime, &stored, None, &options, &[]).unwrap_err();
    assert!(error.to_string().contains("`Tags` is nested"), "{error}");
    assert_eq!(error.kind(), ReadErrorKind::Data);
    let found = rows(&runtime, &stored, None, &options, &["tags".to_owned(), "g".to_owned()]).unwrap();
    assert_eq!(found, [(0, vec!["Int(7)".to_owned()])]);
}

#[test]
fn only_wanted_columns_are_fetched() {
    let runtime = runtime();
    let wide: Vec<ByteArray> = (0..3000_u32)
        .map(|number| {
            let noise =
                (0..100_u32).map(|at| (number.wrapping_mul(2_654_435_761).rotate_left(at % 31) >> 7) as u8);
            ByteArray::from(noise.collect::<Vec<u8>>())
        })
        .collect();
    let group = vec![(Cells::Bytes(wide), None), (Cells::Int64((0..3000).collect()), None)];
    let bytes = file("message m { REQUIRED BYTE_ARRAY s; REQUIRED INT64 n; }", Codec::UNCOMPRESSED, &[group]);
    let size = bytes.len() as u64;
    let stored = stored(&runtime, bytes);
    let mut reader = RowReader::open(&stored.0, &stored.1, None, &ReadOptions::default(), runtime.handle())
        .unwrap()
        .without_columns(&["s".to_owned()]);
    let mut count = 0;
    while reader.next().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, 3000);
    assert!(reader.bytes_read() < size / 2, "{} of {size}", reader.bytes_read());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever stands in the file: rows or an error, never a panic or an endless loop.
    #[test]
    fn a_damaged_file_is_an_error_or_other_rows(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = numbered(Codec::SNAPPY, &[40, 7]);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let runtime = runtime();
        let stored = stored(&runtime, bytes);
        if let Ok(found) = rows(&runtime, &stored, None, &ReadOptions::default(), &[]) {
            prop_assert!(found.len() < 1_000_000);
        }
        let _ = runtime.block_on(parquet_split(&stored.0, &stored.1, &ReadOptions::default(), 1));
    }
}
