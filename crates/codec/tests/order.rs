//! Keys order like values: for every type by the value, for every collation by the collation; and each
//! value comes back from the key or, where the key has lost it, from the row.

use std::cmp::Ordering;
use std::sync::Arc;

use proptest::prelude::*;
use th_codec::decode::{RowDecoder, datum_text};
use th_codec::{Encoder, EncoderOptions};
use th_collation::Collation;
use th_row::Value;
use th_schema::{DdlOptions, Table, parse_create_table};
use th_types::{Context, TimeZone};

/// A table whose clustered key is one column.
struct OneColumn {
    encoder: Encoder,
    decoder: RowDecoder,
}

impl OneColumn {
    fn new(column: &str) -> Self {
        let ddl = format!("CREATE TABLE t (x {column}, PRIMARY KEY (x) CLUSTERED)");
        let info = parse_create_table(&ddl, &DdlOptions::default()).expect("the definition is valid");
        let table = Arc::new(Table::new("d", info).expect("the definition is supported"));
        let options = EncoderOptions { context: context(), auto_random_seed: 0, new_collation: true };
        let encoder = Encoder::new(Arc::clone(&table), options).expect("the table compiles");
        Self { encoder, decoder: RowDecoder::new(table).expect("the table compiles") }
    }

    /// The key of a value, and the value as it is read back.
    fn write(&mut self, value: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let pairs = self.encoder.encode(&[Value::Text(value)], 1).expect("the value is good");
        let record = pairs.iter().next().expect("a row has a record");
        let row = self.decoder.decode_row(record.key, record.value, &context()).expect("the row is whole");
        let column = self.decoder.columns().next().expect("there is a column");
        let text = datum_text(&row[0], &column.field_type, &TimeZone::UTC).expect("a key is not NULL");
        (record.key.to_vec(), text)
    }
}

fn context() -> Context {
    Context { zone: TimeZone::Fixed(-12_600), ..Context::default() }
}

/// A value's text and a number (or bytes) that orders like it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Number(i128),
    Bytes(Vec<u8>),
}

type Sample = (Vec<u8>, Rank);

fn number(text: String, rank: impl Into<i128>) -> Sample {
    (text.into_bytes(), Rank::Number(rank.into()))
}

/// The clock of a whole number of microseconds, with a sign where it needs one.
fn clock(micros: i64) -> String {
    let (sign, micros) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    let seconds = micros / 1_000_000;
    format!(
        "{sign}{:02}:{:02}:{:02}.{:06}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        micros % 1_000_000
    )
}

fn samples(column: &str) -> BoxedStrategy<Sample> {
    let date = (1u32..=9999, 1u32..=12, 1u32..=28);
    match column {
        "BIGINT" => any::<i64>().prop_map(|n| number(n.to_string(), n)).boxed(),
        "SMALLINT UNSIGNED" => any::<u16>().prop_map(|n| number(n.to_string(), n)).boxed(),
        "BIGINT UNSIGNED" => any::<u64>().prop_map(|n| number(n.to_string(), n)).boxed(),
        "YEAR" => (1901i64..=2155).prop_map(|n| number(n.to_string(), n)).boxed(),
        "DECIMAL(38,10)" => (any::<i64>(), 0i128..10_000_000_000)
            .prop_map(|(int, frac)| {
                let rank = i128::from(int) * 10_000_000_000 + if int < 0 { -frac } else { frac };
                number(format!("{int}.{frac:010}"), rank)
            })
            .boxed(),
        "DECIMAL(65,30)" => (-999_999_999i128..1_000_000_000, 0i128..1_000_000_000)
            .prop_map(|(int, frac)| {
                let rank = int * 1_000_000_000 + if int < 0 { -frac } else { frac };
                number(format!("{int}.{frac:09}{}", "0".repeat(21)), rank)
            })
            .boxed(),
        // Eighths are exact, and printed whole.
        "FLOAT" => {
            (-1_000_000i32..1_000_000).prop_map(|n| number((f64::from(n) / 8.0).to_string(), n)).boxed()
        }
        "DOUBLE" => (-1i64 << 45..1 << 45).prop_map(|n| number((n as f64 / 8.0).to_string(), n)).boxed(),
        "DATE" => {
            date.prop_map(|(y, m, d)| number(format!("{y:04}-{m:02}-{d:02}"), y * 400 + m * 31 + d)).boxed()
        }
        "DATETIME(6)" => (date, 0i64..86_400_000_000)
            .prop_map(|((y, m, d), micros)| {
                let rank = i128::from(y * 400 + m * 31 + d) << 40 | i128::from(micros);
                number(format!("{y:04}-{m:02}-{d:02} {}", clock(micros)), rank)
            })
            .boxed(),
        "TIMESTAMP(6)" => (1971u32..2037, 1u32..=12, 1u32..=28, 0i64..86_400_000_000)
            .prop_map(|(y, m, d, micros)| {
                let rank = i128::from(y * 400 + m * 31 + d) << 40 | i128::from(micros);
                number(format!("{y:04}-{m:02}-{d:02} {}", clock(micros)), rank)
            })
            .boxed(),
        "TIME(6)" => (-3_020_399_000_000i64..3_020_399_000_000).prop_map(|n| number(clock(n), n)).boxed(),
        "BIT(40)" => {
            (0u64..1 << 40).prop_map(|n| (n.to_be_bytes()[3..].to_vec(), Rank::Number(n.into()))).boxed()
        }
        "ENUM('b','a','c')" => {
            (0usize..3).prop_map(|n| number(["b", "a", "c"][n].to_owned(), n as i64)).boxed()
        }
        "SET('b','a','c')" => (0usize..8)
            .prop_map(|bits| {
                let chosen: Vec<&str> =
                    (0..3).filter(|n| bits >> n & 1 == 1).map(|n| ["b", "a", "c"][n]).collect();
                number(chosen.join(","), bits as i64)
            })
            .boxed(),
        "VARBINARY(20)" => proptest::collection::vec(any::<u8>(), 0..20)
            .prop_map(|bytes| (bytes.clone(), Rank::Bytes(bytes)))
            .boxed(),
        "BINARY(6)" => proptest::collection::vec(any::<u8>(), 6)
            .prop_map(|bytes| (bytes.clone(), Rank::Bytes(bytes)))
            .boxed(),
        other => panic!("no samples of {other}"),
    }
}

const TYPES: [&str; 17] = [
    "BIGINT",
    "SMALLINT UNSIGNED",
    "BIGINT UNSIGNED",
    "YEAR",
    "DECIMAL(38,10)",
    "DECIMAL(65,30)",
    "FLOAT",
    "DOUBLE",
    "DATE",
    "DATETIME(6)",
    "TIMESTAMP(6)",
    "TIME(6)",
    "BIT(40)",
    "ENUM('b','a','c')",
    "SET('b','a','c')",
    "VARBINARY(20)",
    "BINARY(6)",
];

/// Minus nothing is nothing.
fn without_minus_zero(text: &[u8]) -> &[u8] {
    match text {
        [b'-', rest @ ..] if rest.iter().all(|byte| matches!(byte, b'0' | b'.' | b':')) => rest,
        _ => text,
    }
}

#[test]
fn every_type_keeps_its_order_and_comes_back() {
    for column in TYPES {
        let mut table = OneColumn::new(column);
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
        let pair = (samples(column), samples(column));
        let table = std::cell::RefCell::new(&mut table);
        let run = runner.run(&pair, |((left, left_rank), (right, right_rank))| {
            let (left_key, left_text) = table.borrow_mut().write(&left);
            let (right_key, _) = table.borrow_mut().write(&right);
            let text = match left_rank {
                Rank::Bytes(_) => left.as_slice(),
                Rank::Number(_) => without_minus_zero(&left),
            };
            prop_assert_eq!(left_text.as_slice(), text, "{} comes back", column);
            let expected = match column {
                "BIGINT UNSIGNED" => signed(&left_rank).cmp(&signed(&right_rank)),
                _ => left_rank.cmp(&right_rank),
            };
            prop_assert_eq!(left_key.cmp(&right_key), expected, "{} keeps its order", column);
            Ok(())
        });
        if let Err(error) = run {
            panic!("{column}: {error}");
        }
    }
}

/// An unsigned handle is stored as the signed integer of the same bits.
fn signed(rank: &Rank) -> i64 {
    match rank {
        Rank::Number(number) => *number as u64 as i64,
        Rank::Bytes(_) => 0,
    }
}

const COLLATIONS: [(&str, &str); 11] = [
    ("utf8mb4_bin", "[a-cA-C ]{0,4}|[ -~]{0,6}|\\PC{0,12}"),
    ("utf8mb4_general_ci", "[a-cA-Cä ]{0,4}|\\PC{0,12}"),
    ("utf8mb4_unicode_ci", "[a-cA-Cä ]{0,4}|\\PC{0,12}"),
    ("utf8mb4_0900_ai_ci", "[a-cA-Cä ]{0,4}|\\PC{0,12}"),
    ("utf8mb4_0900_bin", "[a-cA-Cä ]{0,4}|\\PC{0,12}"),
    ("utf8_general_ci", "[a-cA-Cä中ß ]{0,5}"),
    ("utf8_unicode_ci", "[a-cA-Cä中ß ]{0,5}"),
    ("ascii_bin", "[ -~]{0,6}"),
    ("latin1_bin", "[ -~]{0,6}"),
    ("gbk_bin", "[a-cA-C中文字 ]{0,5}"),
    ("gbk_chinese_ci", "[a-cA-C中文字 ]{0,5}"),
];

#[test]
fn every_collation_orders_keys_as_it_orders_texts() {
    for (name, pattern) in COLLATIONS {
        let collation = Collation::by_name(name).expect("the collation exists");
        let charset = name.split('_').next().unwrap_or_default();
        let mut table = OneColumn::new(&format!("VARCHAR(40) CHARACTER SET {charset} COLLATE {name}"));
        let table = std::cell::RefCell::new(&mut table);
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
        let pair = (proptest::string::string_regex(pattern), proptest::string::string_regex(pattern));
        let (Ok(left), Ok(right)) = pair else { panic!("{name}: a bad pattern") };
        let run = runner.run(&(left, right), |(left, right)| {
            let (left_key, left_text) = table.borrow_mut().write(left.as_bytes());
            let (right_key, _) = table.borrow_mut().write(right.as_bytes());
            prop_assert_eq!(left_text, left.as_bytes(), "{} gives the text back", name);
            let expected: Ordering = collation.compare(left.as_bytes(), right.as_bytes());
            prop_assert_eq!(left_key.cmp(&right_key), expected, "{}: {:?} {:?}", name, left, right);
            Ok(())
        });
        if let Err(error) = run {
            panic!("{name}: {error}");
        }
    }
}
