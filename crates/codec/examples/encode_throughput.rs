//! How fast rows become pairs: `cargo run --release -p th-codec --example encode_throughput`.
//!
//! Prints, for two well-known tables, megabytes of source text that are encoded and checksummed in a
//! second of processor time (Linux). Parsing is not part of it: the values are made beforehand.

use std::sync::Arc;

use th_codec::{Checksum, Encoder, EncoderOptions};
use th_row::Value;
use th_schema::{DdlOptions, Table, parse_create_table};
use th_types::Context;

const LINEITEM: &str = "CREATE TABLE lineitem (l_orderkey BIGINT NOT NULL, l_partkey BIGINT NOT NULL,
    l_suppkey BIGINT NOT NULL, l_linenumber BIGINT NOT NULL, l_quantity DECIMAL(15,2) NOT NULL,
    l_extendedprice DECIMAL(15,2) NOT NULL, l_discount DECIMAL(15,2) NOT NULL, l_tax DECIMAL(15,2) NOT NULL,
    l_returnflag CHAR(1) NOT NULL, l_linestatus CHAR(1) NOT NULL, l_shipdate DATE NOT NULL,
    l_commitdate DATE NOT NULL, l_receiptdate DATE NOT NULL, l_shipinstruct CHAR(25) NOT NULL,
    l_shipmode CHAR(10) NOT NULL, l_comment VARCHAR(44) NOT NULL,
    PRIMARY KEY (l_orderkey, l_linenumber) CLUSTERED)";

const SBTEST: &str = "CREATE TABLE sbtest1 (id INT NOT NULL AUTO_INCREMENT, k INT NOT NULL DEFAULT 0,
    c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', PRIMARY KEY (id), KEY k_1 (k))";

const ROWS: usize = 20_000;
const ROUNDS: usize = 25;

/// A value as a reader would give it.
enum Source {
    Number(u64),
    Text(String),
}

impl Source {
    fn value(&self) -> Value<'_> {
        match self {
            Source::Number(number) => Value::Uint(*number),
            Source::Text(text) => Value::Text(text.as_bytes()),
        }
    }

    /// Bytes in an INSERT: quotes, a comma.
    fn source_len(&self) -> usize {
        match self {
            Source::Number(number) => number.to_string().len() + 1,
            // A decimal is not quoted.
            Source::Text(text) if text.parse::<f64>().is_ok() => text.len() + 1,
            Source::Text(text) => text.len() + 3,
        }
    }
}

/// Processor time of this process.
fn cpu_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let statistics = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanos: f64 = statistics.split_whitespace().next().unwrap_or_default().parse()?;
    Ok(nanos / 1e9)
}

fn text(text: impl Into<String>) -> Source {
    Source::Text(text.into())
}

fn lineitem(row: u64) -> Vec<Source> {
    let date = |days: u64| text(format!("199{}-{:02}-{:02}", days % 9, days % 12 + 1, days % 28 + 1));
    let money = |cents: u64| text(format!("{}.{:02}", cents / 100, cents % 100));
    vec![
        Source::Number(row / 4),
        Source::Number(row * 7919 % 200_000),
        Source::Number(row * 104_729 % 10_000),
        Source::Number(row % 4 + 1),
        money(row % 50 * 100),
        money(row * 7919 % 10_000_000),
        money(row % 11),
        money(row % 9),
        text(["N", "R", "A"][row as usize % 3]),
        text(["O", "F"][row as usize % 2]),
        date(row),
        date(row * 3),
        date(row * 5),
        text(["DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"][row as usize % 4]),
        text(["TRUCK", "MAIL", "REG AIR", "SHIP"][row as usize % 4]),
        text(&"egular courts above the furiously special platelets"[..10 + row as usize % 34]),
    ]
}

fn sbtest(row: u64) -> Vec<Source> {
    let digits = |groups: u64| {
        let group = |index| format!("{:011}", (row + 1) * 7_919_104_729 % 99_999_999_977 + index);
        (0..groups).map(group).collect::<Vec<_>>().join("-")
    };
    vec![Source::Number(row + 1), Source::Number(row * 7919 % 20_000), text(digits(10)), text(digits(5))]
}

fn measure(name: &str, ddl: &str, make: fn(u64) -> Vec<Source>) -> Result<(), Box<dyn std::error::Error>> {
    let table = Table::new("bench", parse_create_table(ddl, &DdlOptions::default())?)?;
    let options = EncoderOptions { context: Context::default(), auto_random_seed: 0, new_collation: true };
    let mut encoder = Encoder::new(Arc::new(table), options)?;
    let sources: Vec<Vec<Source>> = (0..ROWS as u64).map(make).collect();
    let rows: Vec<Vec<Value<'_>>> =
        sources.iter().map(|row| row.iter().map(Source::value).collect()).collect();
    let bytes: usize = sources.iter().flatten().map(Source::source_len).sum::<usize>() + ROWS * 2;
    let mut checksum = Checksum::default();
    for with_checksum in [false, true] {
        let start = cpu_seconds()?;
        for _ in 0..ROUNDS {
            for (index, row) in rows.iter().enumerate() {
                let pairs = encoder.encode(row, index as i64 + 1)?;
                if with_checksum {
                    pairs.add_to(&mut checksum);
                }
            }
        }
        let seconds = cpu_seconds()? - start;
        let rate = (bytes * ROUNDS) as f64 / seconds / 1e6;
        let row_nanos = seconds * 1e9 / (ROWS * ROUNDS) as f64;
        let what = if with_checksum { "encode + checksum" } else { "encode" };
        println!("{name:10} {what:18} {rate:7.0} MB/s of source, {row_nanos:5.0} ns a row");
    }
    println!("{name:10} {} bytes of source a row, {checksum:?}", bytes / ROWS);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    measure("lineitem", LINEITEM, lineitem)?;
    measure("sbtest", SBTEST, sbtest)
}
