//! Layouts that few tables have, byte for byte.

use std::sync::Arc;

use th_codec::{Encoder, EncoderOptions, PlanError};
use th_row::Value;
use th_schema::{DdlOptions, Table, TableInfo, parse_create_table};
use th_types::{Context, SqlMode};

fn info(ddl: &str) -> TableInfo {
    let options = DdlOptions { table_id: 10, ..DdlOptions::default() };
    parse_create_table(ddl, &options).expect("the definition is valid")
}

fn options(new_collation: bool) -> EncoderOptions {
    EncoderOptions { context: Context::default(), auto_random_seed: 3, new_collation }
}

fn encoder(info: TableInfo, new_collation: bool) -> Result<Encoder, PlanError> {
    let table = Table::new("db", info).expect("the definition is supported");
    Encoder::new(Arc::new(table), options(new_collation))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Keys and values of a row, in hexadecimal.
fn pairs(encoder: &mut Encoder, row: &[Value<'_>], row_id: i64) -> Vec<(String, String)> {
    let pairs = encoder.encode(row, row_id).expect("the row is good");
    pairs.iter().map(|pair| (hex(pair.key), hex(pair.value))).collect()
}

#[test]
fn a_global_index_of_version_1_has_the_partition_before_the_handle() {
    let mut info =
        info("CREATE TABLE t (a INT, g INT, UNIQUE KEY ug (g) GLOBAL) PARTITION BY HASH (a) PARTITIONS 2");
    let index = info.indexes.first_mut().expect("there is an index");
    index.rest.insert("global_index_version".to_owned(), 1.into());
    let partition =
        info.partition.as_ref().and_then(|partition| partition.definitions.as_ref()).expect("partitions")[1]
            .id;
    let partition = hex(&((partition as u64) ^ 1 << 63).to_be_bytes());
    let mut encoder = encoder(info, true).expect("the table compiles");
    let with_null = pairs(&mut encoder, &[Value::Uint(1), Value::Null], 5);
    let key = format!("74800000000000000a5f698000000000000001007e{partition}038000000000000005");
    assert_eq!(with_null[1], (key, format!("007e{partition}")));
    let unique = pairs(&mut encoder, &[Value::Uint(1), Value::Uint(2)], 5);
    let key = "74800000000000000a5f698000000000000001038000000000000002".to_owned();
    assert_eq!(unique[1], (key, format!("087e{partition}0000000000000005")));
}

#[test]
fn a_global_index_of_version_1_is_refused_on_a_clustered_table() {
    let mut info = info(
        "CREATE TABLE t (a INT PRIMARY KEY CLUSTERED, g INT, UNIQUE KEY ug (g) GLOBAL) PARTITION BY HASH (a) PARTITIONS 2",
    );
    for index in &mut info.indexes {
        index.rest.insert("global_index_version".to_owned(), 1.into());
    }
    let Ok(table) = Table::new("db", info) else { return };
    let refused = Encoder::new(Arc::new(table), options(true));
    assert!(matches!(refused, Err(PlanError::Unsupported { .. })));
}

#[test]
fn a_list_partition_takes_null_and_the_rest() {
    let info = info(
        "CREATE TABLE t (a INT) PARTITION BY LIST (a) (PARTITION p0 VALUES IN (1, NULL),
            PARTITION p1 VALUES IN (2, -3), PARTITION p2 VALUES IN (DEFAULT))",
    );
    let mut encoder = encoder(info, true).expect("the table compiles");
    for (value, partition) in [
        (Value::Null, 11),
        (Value::Uint(1), 11),
        (Value::Int(-3), 12),
        (Value::Uint(2), 12),
        (Value::Uint(9), 13),
    ] {
        let record = &pairs(&mut encoder, &[value], 1)[0].0;
        assert_eq!(record[2..18], format!("80000000000000{partition:02x}"), "{value:?}");
    }
}

#[test]
fn a_list_without_default_refuses_other_values_with_1526() {
    let info = info(
        "CREATE TABLE t (a INT, b INT) PARTITION BY LIST COLUMNS (a, b) (PARTITION p0 VALUES IN ((1, 2)))",
    );
    let mut encoder = encoder(info, true).expect("the table compiles");
    let error = encoder.encode(&[Value::Uint(1), Value::Uint(3)], 1).expect_err("no partition");
    assert_eq!((error.code, error.column), (1526, None));
    assert!(encoder.encode(&[Value::Uint(1), Value::Uint(2)], 1).is_ok());
    // A failed row counts as far as it got.
    assert_eq!(encoder.bases().row_id, 1);
}

#[test]
fn without_new_collations_keys_hold_the_text() {
    let info =
        info("CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(9) COLLATE utf8mb4_general_ci, KEY kb (b))");
    let mut old = encoder(info.clone(), false).expect("the table compiles");
    let row = [Value::Uint(1), Value::Text(b"a ")];
    let expected = (
        "74800000000000000a5f698000000000000001016120000000000000f9038000000000000001".to_owned(),
        "30".to_owned(),
    );
    assert_eq!(pairs(&mut old, &row, 1)[1], expected);
    let mut new = encoder(info, true).expect("the table compiles");
    let (key, value) = pairs(&mut new, &row, 1)[1].clone();
    assert_eq!(key, "74800000000000000a5f698000000000000001010041000000000000f9038000000000000001");
    assert_eq!(value, "0080000100000002020061".to_owned() + "20");
}

#[test]
fn columns_and_indexes_that_are_not_public_are_written_by_their_state() {
    const DELETE_ONLY: u8 = 1;
    const WRITE_ONLY: u8 = 2;
    let mut written = info("CREATE TABLE t (a INT PRIMARY KEY, b INT DEFAULT 7, KEY kb (b))");
    written.columns[1].state = WRITE_ONLY;
    written.columns[1].origin_default = "7".into();
    written.indexes[0].state = WRITE_ONLY;
    let mut unwritten = written.clone();
    let Ok(table) = Table::new("db", written) else { return };
    let mut encoder = Encoder::new(Arc::new(table), options(true)).expect("the table compiles");
    let both = pairs(&mut encoder, &[Value::Uint(1)], 1);
    assert_eq!(both[0].1, "8000010000000201000".to_owned() + "7");
    assert_eq!(both[1].0, "74800000000000000a5f698000000000000001038000000000000007038000000000000001");
    unwritten.columns[1].state = DELETE_ONLY;
    unwritten.indexes[0].state = DELETE_ONLY;
    let Ok(table) = Table::new("db", unwritten) else { return };
    let mut encoder = Encoder::new(Arc::new(table), options(true)).expect("the table compiles");
    assert_eq!(pairs(&mut encoder, &[Value::Uint(1)], 1).len(), 1);
}

#[test]
fn a_partial_index_has_entries_only_where_its_condition_holds() {
    let mut info = info("CREATE TABLE t (a INT PRIMARY KEY, b INT, KEY kb (b))");
    info.indexes[0].condition_expr_string = "`b` > 10".to_owned();
    let mut encoder = encoder(info, true).expect("the table compiles");
    for (value, count) in [(Value::Uint(11), 2), (Value::Uint(10), 1), (Value::Null, 1)] {
        assert_eq!(pairs(&mut encoder, &[Value::Uint(1), value], 1).len(), count, "{value:?}");
    }
}

#[test]
fn a_row_encoded_again_has_the_same_shard_bits() {
    let info = info("CREATE TABLE t (a INT) SHARD_ROW_ID_BITS = 6");
    let mut one = encoder(info.clone(), true).expect("the table compiles");
    let mut two = encoder(info, true).expect("the table compiles");
    let row = [Value::Uint(1)];
    let first = pairs(&mut one, &row, 77);
    let _ = pairs(&mut two, &row, 5);
    assert_eq!(pairs(&mut two, &row, 77), first);
    assert_eq!(one.bases().row_id, 77);
}

#[test]
fn key_partitioning_drops_the_spaces_that_bits_end_with() {
    let info = info("CREATE TABLE t (a BIT(16), b INT) PARTITION BY KEY (a) PARTITIONS 97");
    let mut encoder = encoder(info, true).expect("the table compiles");
    let record = &pairs(&mut encoder, &[Value::Binary(b"a "), Value::Null], 1)[0].0;
    let partition = u64::from(crc32fast::hash(b"a")) % 97;
    assert_eq!(record[2..18], format!("80000000000000{:02x}", 11 + partition));
}

#[test]
fn a_default_of_the_current_date_has_no_clock() {
    let ddl = "CREATE TABLE t (a INT PRIMARY KEY, b DATE DEFAULT (CURRENT_DATE), c DATETIME DEFAULT (CURRENT_DATE))";
    let table = Table::new("db", info(ddl)).expect("the definition is supported");
    let context = Context { now_micros: 1_700_000_000_000_000, ..Context::default() };
    let mut encoder = Encoder::new(Arc::new(table), EncoderOptions { context, ..options(true) })
        .expect("the table compiles");
    let value = &pairs(&mut encoder, &[Value::Uint(1)], 1)[0].1;
    let date = (2023_u64 * 13 + 11) * 32 + 14;
    let packed = date << 41;
    let packed = hex(&packed.to_le_bytes());
    assert_eq!(*value, format!("8000020000000203080010 00{packed}{packed}").replace(' ', ""));
}

#[test]
fn a_random_default_is_another_for_every_row_and_column_and_the_same_when_encoded_again() {
    let ddl = "CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(36) DEFAULT (UUID()), c VARCHAR(36) DEFAULT (UPPER(UUID())))";
    let table = Arc::new(Table::new("db", info(ddl)).expect("the definition is supported"));
    let rows = || {
        let mut encoder = Encoder::new(Arc::clone(&table), options(true)).expect("the table compiles");
        [7, 8].map(|row_id| pairs(&mut encoder, &[Value::Uint(1)], row_id)[0].1.clone())
    };
    let [first, second] = rows();
    assert_ne!(first, second);
    assert_eq!(rows(), [first.clone(), second]);
    // Header, ids and ends of two columns, then 36 characters each.
    let texts = &first[first.len() - 144..];
    let text = |part: &str| {
        let byte =
            |at: usize| u8::from_str_radix(&part[at..at + 2], 16).map(char::from).expect("hexadecimal");
        (0..part.len()).step_by(2).map(byte).collect::<String>()
    };
    let (lower, upper) = (text(&texts[..72]), text(&texts[72..]));
    assert_eq!(lower.matches('-').count(), 4);
    assert_eq!(lower, lower.to_lowercase());
    assert_eq!(upper, upper.to_uppercase());
    assert_ne!(lower, upper.to_lowercase());
}

#[test]
fn a_default_that_cannot_be_had_is_found_before_the_first_row() {
    let ddl = "CREATE TABLE t (a INT PRIMARY KEY, b INT NOT NULL)";
    let mut encoder = encoder(info(ddl), true).expect("the table compiles");
    encoder.set_columns(Some(&["a".to_owned()]), &[]).expect("the column is there");
    // Not strict: zero.
    assert!(encoder.check_defaults().is_ok());
    let context =
        Context { mode: SqlMode::parse("STRICT_TRANS_TABLES").expect("a mode"), ..Context::default() };
    let table = Table::new("db", info(ddl)).expect("the definition is supported");
    let mut encoder = Encoder::new(Arc::new(table), EncoderOptions { context, ..options(true) })
        .expect("the table compiles");
    assert!(encoder.check_defaults().is_ok());
    encoder.set_columns(Some(&["a".to_owned()]), &[]).expect("the column is there");
    assert_eq!(encoder.check_defaults().map_err(|error| error.code), Err(1364));
}

#[test]
fn a_prefix_of_latin1_bytes_that_are_no_utf8_is_cut_as_tidb_cuts_it() {
    let info = info("CREATE TABLE t (a INT PRIMARY KEY, b VARCHAR(9) CHARACTER SET latin1, KEY kb (b(2)))");
    let mut encoder = encoder(info, true).expect("the table compiles");
    for (text, in_key) in [
        (&b"\xe9ab"[..], "01efbfbd6100000000fb"),
        (b"\xe9a", "01e961000000000000f9"),
        (b"\xa9\xa9\xa9", "01efbfbdefbfbd0000fd"),
        ("éab".as_bytes(), "01c3a9610000000000fa"),
    ] {
        let key = &pairs(&mut encoder, &[Value::Uint(1), Value::Text(text)], 1)[1].0;
        assert_eq!(key[38..], format!("{in_key}038000000000000001"), "{text:?}");
    }
}
