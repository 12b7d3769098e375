//! Properties of both readers: no panic on any bytes, the window's size does not matter, and what a
//! writer wrote comes back.

use std::io::Read;

use proptest::prelude::*;
use th_dump::{CharacterSet, CsvOptions, Format, ReadOptions, RowReader};
use th_row::Value;

type Rows = Vec<Vec<Option<Vec<u8>>>>;

/// Gives one byte a time.
struct OneByte(std::io::Cursor<Vec<u8>>);

impl Read for OneByte {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let one = buffer.len().min(1);
        self.0.read(&mut buffer[..one])
    }
}

/// All rows, then how it ended.
fn read(bytes: &[u8], format: Format, options: &ReadOptions, block: usize) -> (Rows, String) {
    let mut options = options.clone();
    options.io.read_block = block;
    let cursor = std::io::Cursor::new(bytes.to_vec());
    let source: Box<dyn Read + Send> = if block == 1 { Box::new(OneByte(cursor)) } else { Box::new(cursor) };
    let mut reader = RowReader::from_read(source, format, "mem", &options).unwrap();
    let mut rows = Vec::new();
    loop {
        match reader.next() {
            Ok(None) => return (rows, "end".to_owned()),
            Err(error) => return (rows, error.to_string()),
            Ok(Some(row)) => rows.push(
                row.values
                    .iter()
                    .map(|value| match value {
                        Value::Null => None,
                        Value::Text(text) => Some(text.to_vec()),
                        Value::Binary(bytes) => Some([b"\0bin", *bytes].concat()),
                        other => Some(format!("{other:?}").into_bytes()),
                    })
                    .collect(),
            ),
        }
    }
}

fn options(index: usize) -> ReadOptions {
    let csv = |separator: &str, delimiter: &str, terminator: &str| CsvOptions {
        separator: separator.into(),
        delimiter: delimiter.into(),
        terminator: terminator.into(),
        header: false,
        ..CsvOptions::default()
    };
    let mut options = ReadOptions::default();
    match index {
        0 => options.csv = csv(",", "\"", ""),
        1 => options.csv = csv("|+|", "", "|+|\n"),
        2 => {
            options.csv =
                CsvOptions { unescaped_quote: true, allow_empty_line: true, ..csv(",,", "'\"", "\r\n") }
        }
        3 => {
            options.csv = csv(",", "\"", "\n");
            options.data_character_set = CharacterSet::Gb18030;
        }
        _ => {
            options.csv = CsvOptions { escaped_by: String::new(), header: true, ..csv(",", "\"", "") };
            options.no_backslash_escapes = true;
        }
    }
    options
}

/// Bytes that mean something to the readers, and any others.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        4 => Just(&b","[..]), 3 => Just(&b"'"[..]), 3 => Just(&b"\""[..]), 3 => Just(&b"\n"[..]),
        2 => Just(&b"\r\n"[..]), 2 => Just(&b"\\"[..]), 3 => Just(&b"("[..]), 3 => Just(&b")"[..]),
        1 => Just(&b"|+|"[..]), 1 => Just(&b"\\N"[..]), 1 => Just(&b"INSERT INTO t VALUES "[..]),
        1 => Just(&b"`a`"[..]), 1 => Just(&b"/*"[..]), 1 => Just(&b"*/"[..]), 1 => Just(&b"-- "[..]),
        1 => Just(&b"x'4D'"[..]), 1 => Just(&b"_binary "[..]), 1 => Just(&b"CONVERT("[..]),
        1 => Just(&b" USING utf8mb4)"[..]), 1 => Just(&b"NULL"[..]), 2 => Just(&b"12"[..]), 1 => Just(&b"-"[..]),
        1 => Just(&b";"[..]), 1 => Just(&b"\xd5\x5c"[..]), 1 => Just(&b"\x81\x30\x81\x30"[..]), 1 => Just(&b"\xef\xbb\xbf"[..]),
        2 => Just(&b"abc"[..]), 1 => Just(&b" "[..]), 1 => Just(&b"\xff"[..]), 1 => Just(&b",,"[..]),
    ];
    proptest::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_window_does_not_matter_and_nothing_panics(bytes in soup(), dialect in 0_usize..5) {
        let options = options(dialect);
        for format in [Format::Sql, Format::Csv] {
            let whole = read(&bytes, format, &options, 1 << 20);
            for block in [1, 3, 16] {
                prop_assert_eq!(&read(&bytes, format, &options, block), &whole, "{:?} block {}", format, block);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), dialect in 0_usize..5) {
        let options = options(dialect);
        for format in [Format::Sql, Format::Csv] {
            let whole = read(&bytes, format, &options, 1 << 20);
            prop_assert_eq!(&read(&bytes, format, &options, 2), &whole);
        }
    }

    #[test]
    fn csv_that_was_written_comes_back(
        rows in proptest::collection::vec(
            proptest::collection::vec(proptest::option::of("[a\\\\N\"',|+\r\n中 ]{0,6}"), 2..4), 0..6),
        dialect in 0_usize..3,
    ) {
        let mut options = options([0, 0, 3][dialect]);
        if dialect == 1 {
            options.csv.separator = "，".into();
            options.csv.delimiter = "''".into();
        }
        let set = options.data_character_set;
        let quote = options.csv.delimiter.clone();
        let mut text = String::new();
        for row in &rows {
            let fields: Vec<String> = row.iter().map(|field| match field {
                None => "\\N".to_owned(),
                Some(field) => {
                    let escaped = field.replace('\\', "\\\\").replace(&quote, &quote.repeat(2));
                    // A quote of two characters must not begin before the closing one.
                    let escaped = if quote.len() > 1 { field.replace('\\', "\\\\").replace('\'', "\\'") } else { escaped };
                    format!("{quote}{escaped}{quote}")
                }
            }).collect();
            text.push_str(&fields.join(&options.csv.separator));
            text.push('\n');
        }
        let bytes = if set == CharacterSet::Gb18030 {
            encoding_rs::GB18030.encode(&text).0.into_owned()
        } else {
            text.clone().into_bytes()
        };
        let expected: Rows = rows.iter().map(|row| row.iter().map(|f| f.clone().map(String::into_bytes)).collect()).collect();
        for block in [1, 1 << 20] {
            let (read, end) = read(&bytes, Format::Csv, &options, block);
            prop_assert_eq!(end, "end", "{}", text);
            prop_assert_eq!(&read, &expected, "{}", text);
        }
    }

    #[test]
    fn sql_that_was_written_comes_back(
        rows in proptest::collection::vec(
            proptest::collection::vec(proptest::option::of("[a\\\\\"'(),;\r\n\0中 ]{0,8}"), 1..4), 1..6),
    ) {
        let tuples: Vec<String> = rows.iter().map(|row| {
            let values: Vec<String> = row.iter().map(|value| match value {
                None => "NULL".to_owned(),
                Some(text) => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''").replace('\0', "\\0").replace('\n', "\\n")),
            }).collect();
            format!("({})", values.join(","))
        }).collect();
        let text = format!("INSERT INTO `t` VALUES\n{};\n", tuples.join(",\n"));
        let expected: Rows = rows.iter().map(|row| row.iter().map(|f| f.clone().map(String::into_bytes)).collect()).collect();
        for block in [1, 1 << 20] {
            let (read, end) = read(text.as_bytes(), Format::Sql, &ReadOptions::default(), block);
            prop_assert_eq!(end, "end", "{}", text);
            prop_assert_eq!(&read, &expected, "{}", text);
        }
    }
}
