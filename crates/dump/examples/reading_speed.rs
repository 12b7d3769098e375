//! How fast the readers are: rows like TPC-H's lineitem, from memory.
//!
//! `cargo run --release -p th-dump --example reading_speed [MiB]`

use std::io::Cursor;
use std::time::Instant;

use th_dump::{CsvOptions, Format, ReadOptions, RowReader};
use th_row::Value;

fn lineitem(row: u64, quote: &str, date_quote: &str) -> String {
    let n = row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    format!(
        "{},{},{},{},{}.00,{}.{:02},0.0{},0.0{},{quote}{}{quote},{quote}O{quote},\
         {date_quote}199{}-0{}-1{}{date_quote},{date_quote}1996-02-12{date_quote},{date_quote}1996-03-22{date_quote},\
         {quote}DELIVER IN PERSON{quote},{quote}TRUCK{quote},{quote}egular courts above the blithely {}{quote}",
        row / 4 + 1,
        n % 2_000_000,
        n % 100_000,
        row % 7 + 1,
        n % 50 + 1,
        n % 90_000 + 900,
        n % 100,
        n % 10,
        n % 9,
        if n.is_multiple_of(2) { "N" } else { "R" },
        n % 8,
        n % 9 + 1,
        n % 10,
        n % 1000,
    )
}

/// Seconds this thread was on a processor (Linux), so that a busy machine does not count; else wall time.
fn seconds(since: Instant) -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
        .map_or_else(|| since.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

fn measure(name: &str, text: &str, format: Format, options: &ReadOptions) {
    let mut best = 0.0_f64;
    let (mut rows, mut sum) = (0_u64, 0_u64);
    for _ in 0..5 {
        let source = Box::new(Cursor::new(text.as_bytes().to_vec()));
        let clock = Instant::now();
        let started = seconds(clock);
        let mut reader = RowReader::from_read(source, format, name, options).expect("options are valid");
        (rows, sum) = (0, 0);
        while let Some(row) = reader.next().expect("the text is valid") {
            rows += 1;
            for value in row.values {
                match value {
                    Value::Uint(value) => sum = sum.wrapping_add(*value),
                    Value::Text(text) => sum = sum.wrapping_add(text.len() as u64),
                    _ => {}
                }
            }
        }
        best = best.max(text.len() as f64 / (seconds(clock) - started) / 1e6);
    }
    println!("{name}: {best:.0} MB/s, {rows} rows of {} bytes, check {sum}", text.len() as u64 / rows.max(1));
}

fn main() {
    let size = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(64_usize) << 20;
    let mut sql = String::with_capacity(size + 1024);
    let mut csv = String::with_capacity(size + 1024);
    let mut unquoted = String::with_capacity(size + 1024);
    let mut row = 0;
    while sql.len() < size {
        sql.push_str(if row % 5000 == 0 { "INSERT INTO `lineitem` VALUES\n(" } else { "(" });
        sql.push_str(&lineitem(row, "'", "'"));
        sql.push_str(if row % 5000 == 4999 { ");\n" } else { "),\n" });
        csv.push_str(&lineitem(row, "\"", "\""));
        csv.push('\n');
        unquoted.push_str(&lineitem(row, "", ""));
        unquoted.push('\n');
        row += 1;
    }
    if sql.ends_with(",\n") {
        sql.truncate(sql.len() - 2);
    }
    let headless = CsvOptions { header: false, ..CsvOptions::default() };
    let options = ReadOptions { csv: headless, ..ReadOptions::default() };
    measure("sql", &sql, Format::Sql, &options);
    measure("csv, quoted", &csv, Format::Csv, &options);
    measure("csv, unquoted", &unquoted, Format::Csv, &options);
}
