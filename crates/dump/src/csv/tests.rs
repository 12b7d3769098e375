//! The CSV reader, each option by example.

use crate::charset::CharacterSet;
use crate::dump::Format;
use crate::error::ReadError;
use crate::options::{CsvOptions, ReadOptions};
use crate::row_reader::RowReader;
use th_row::Value;

fn no_header() -> CsvOptions {
    CsvOptions { header: false, ..CsvOptions::default() }
}

fn plain() -> CsvOptions {
    CsvOptions { escaped_by: String::new(), null: vec!["NULL".into()], ..no_header() }
}

fn read_with(text: &[u8], block: usize, options: &ReadOptions) -> Result<Vec<Vec<String>>, ReadError> {
    let mut options = options.clone();
    options.io.read_block = block;
    let source = Box::new(std::io::Cursor::new(text.to_vec()));
    let mut reader = RowReader::from_read(source, Format::Csv, "mem", &options)?;
    let mut rows = Vec::new();
    let mut version = 0;
    while let Some(row) = reader.next()? {
        let start = row.offset as usize;
        assert_eq!(&text[start..start + row.text.len()], row.text);
        if row.columns_version != version {
            version = row.columns_version;
            rows.push(vec![format!("columns {}", row.columns.unwrap_or_default().join(","))]);
        }
        let shown = row.values.iter().map(|value| match value {
            Value::Null => "NULL".to_owned(),
            Value::Text(text) => format!("'{}'", String::from_utf8_lossy(text)),
            other => format!("{other:?}"),
        });
        rows.push(shown.collect());
    }
    Ok(rows)
}

fn read_options(text: &[u8], options: &ReadOptions) -> Result<Vec<Vec<String>>, ReadError> {
    let whole = read_with(text, 1 << 20, options);
    for block in [1, 2, 5] {
        let again = read_with(text, block, options);
        match (&whole, &again) {
            (Ok(whole), Ok(again)) => assert_eq!(whole, again, "block {block}"),
            (Err(whole), Err(again)) => assert_eq!(whole.to_string(), again.to_string(), "block {block}"),
            _ => panic!("block {block}: {whole:?} or {again:?}"),
        }
    }
    whole
}

fn read(text: &str, csv: &CsvOptions) -> Result<Vec<Vec<String>>, ReadError> {
    read_options(text.as_bytes(), &ReadOptions { csv: csv.clone(), ..ReadOptions::default() })
}

#[track_caller]
fn assert_rows(text: &str, csv: &CsvOptions, expected: &[&[&str]]) {
    let rows = read(text, csv).unwrap_or_else(|e| panic!("{text:?}: {e}"));
    assert_eq!(rows, expected, "{text:?}");
}

#[test]
fn lines_of_any_ending_are_records() {
    assert_rows("a,b\nc,d", &plain(), &[&["'a'", "'b'"], &["'c'", "'d'"]]);
    assert_rows("a\rb\r\nc\n\n\n\nd", &plain(), &[&["'a'"], &["'b'"], &["'c'"], &["'d'"]]);
    assert_rows("\n\r", &plain(), &[]);
    assert_rows("", &plain(), &[]);
    assert_rows(",\n", &plain(), &[&["''", "''"]]);
}

#[test]
fn blank_records_are_skipped() {
    assert_rows(
        " \r\n\r\n0,,abc\r\n \t\r\n1,x,y\r\n",
        &plain(),
        &[&["'0'", "''", "'abc'"], &["'1'", "'x'", "'y'"]],
    );
    // Only a record that ends can be blank, as in Lightning.
    assert_rows("a\r\n  ", &plain(), &[&["'a'"], &["'  '"]]);
    assert_rows("\" \"\na", &plain(), &[&["' '"], &["'a'"]]);
    assert_rows("\u{3000}\na", &plain(), &[&["'a'"]]);
    let keep = CsvOptions { allow_empty_line: true, ..plain() };
    assert_rows("a\r\n\r\n \nb\n", &keep, &[&["'a'"], &["''"], &["' '"], &["'b'"]]);
}

#[test]
fn a_custom_terminator_must_match_exactly() {
    let csv = CsvOptions {
        terminator: "|+|\n".into(),
        separator: "|+|".into(),
        delimiter: String::new(),
        ..plain()
    };
    assert_rows("a|+|b\n|+|\nc|+||d|+|\n", &csv, &[&["'a'", "'b\n'"], &["'c'", "'|d'"]]);
    let csv = CsvOptions { terminator: "\r\n".into(), ..plain() };
    assert_rows("a\rb,c\nd\r\ne", &csv, &[&["'a\rb'", "'c\nd'"], &["'e'"]]);
}

#[test]
fn separators_and_quotes_may_have_several_bytes() {
    for (separator, delimiter) in [
        (",", ""),
        ("\0", ""),
        ("，", ""),
        ("🤔", ""),
        ("，", "。"),
        ("||", ""),
        ("|+|", ""),
        ("##", ""),
        ("，", "'"),
        ("🤔", "''"),
        ("🤔", "\"'"),
        ("🤔", "🌚"),
        ("##", "#-"),
        ("\\s", "\\q"),
        (",", "1"),
        (",", "ac"),
    ] {
        let csv = CsvOptions { separator: separator.into(), delimiter: delimiter.into(), ..plain() };
        let fields = ["7", "goldenrod |# lace", "x#y"];
        let quoted: Vec<String> = fields
            .iter()
            .map(|field| {
                let doubled = if delimiter.is_empty() {
                    (*field).to_owned()
                } else {
                    field.replace(delimiter, &delimiter.repeat(2))
                };
                format!("{delimiter}{doubled}{delimiter}")
            })
            .collect();
        let text = format!("{0}\r\n{0}\n", quoted.join(separator));
        let expected = ["'7'", "'goldenrod |# lace'", "'x#y'"];
        assert_rows(&text, &csv, &[&expected, &expected]);
    }
}

#[test]
fn quotes_are_doubled_within_quotes() {
    assert_rows(
        "\"aaa\",\"b\"\"bb\",\"c\nc\"\n\"\"\"\",0",
        &plain(),
        &[&["'aaa'", "'b\"bb'", "'c\nc'"], &["'\"'", "'0'"]],
    );
    assert_rows("\",\",','", &plain(), &[&["','", "'''", "'''"]]);
    let csv = CsvOptions { delimiter: "'".into(), escaped_by: String::new(), ..no_header() };
    assert_rows("'bbaa|*|aabb','''\"''','a\",b,\"a'\n", &csv, &[&["'bbaa|*|aabb'", "''\"''", "'a\",b,\"a'"]]);
}

#[test]
fn misplaced_quotes_are_errors_with_their_place() {
    for (text, place) in
        [("\"x\"?", "mem:1:4"), ("a\n\"\"\u{1}", "mem:2:3"), ("abc\"\"", "mem:1:4"), ("0\"", "mem:1:2")]
    {
        let message = read(text, &plain()).expect_err(text).to_string();
        assert!(message.starts_with(&format!("{place}: syntax error")), "{text}: {message}");
    }
    for (text, place) in [("1,\"???", "mem:1:3"), ("\"\"\"", "mem:1:1"), ("a\n\"\r", "mem:2:1")] {
        let error = read(text, &plain()).expect_err(text);
        assert!(matches!(error, ReadError::PrematureEnd { .. }), "{text}: {error}");
        assert!(error.to_string().starts_with(place), "{text}: {error}");
    }
    for text in ["\\", "0\\"] {
        assert!(read(text, &no_header()).expect_err(text).to_string().contains("escape character"), "{text}");
    }
    assert!(read("\"\\", &no_header()).is_err());
}

#[test]
fn unescaped_quotes_can_be_allowed() {
    let csv = CsvOptions { unescaped_quote: true, escaped_by: "\\".into(), ..plain() };
    assert_rows("3,\"a \" quote\",102.20\n", &csv, &[&["'3'", "'a \" quote'", "'102.20'"]]);
    assert_rows("\"a\"b\",c\"d\"e", &csv, &[&["'a\"b'", "'c\"d\"e'"]]);
}

#[test]
fn escapes_are_undone_in_and_out_of_quotes() {
    assert_rows(
        "\"\\0\\b\\n\\r\\t\\Z\\\\\\ \\c\\'\\\"\",\\njk\\,m,\"\\\n\"\n",
        &no_header(),
        &[&["'\0\u{8}\n\r\t\u{1a}\\ c'\"'", "'\njk,m'", "'\n'"]],
    );
    let csv = CsvOptions { escaped_by: "!".into(), null: vec!["!N".into()], ..no_header() };
    assert_rows(
        "\"!\"\",\"!!\",\"!\\\"\n\"!\n\",!N,!!N",
        &csv,
        &[&["'\"'", "'!'", "'\\'"], &["'\n'", "NULL", "'!N'"]],
    );
    assert_rows("0\\,\\", &plain(), &[&["'0\\'", "'\\'"]]);
}

#[test]
fn null_texts_follow_lightnings_rules() {
    let csv = no_header();
    assert_rows("\\N,\"\\N\",\\\\N,N,NULL,", &csv, &[&["NULL", "NULL", "'\\N'", "'N'", "'NULL'", "''"]]);
    let csv = CsvOptions { null: vec![String::new(), "NULL".into()], ..no_header() };
    assert_rows(
        "NULL,\"NULL\",,\"\",\\N,NULLx",
        &csv,
        &[&["NULL", "NULL", "NULL", "NULL", "'N'", "'NULLx'"]],
    );
    let csv = CsvOptions { null: Vec::new(), ..no_header() };
    assert_rows(",a", &csv, &[&["NULL", "'a'"]]);
    let csv = CsvOptions { not_null: true, ..no_header() };
    assert_rows("\\N,", &csv, &[&["'N'", "''"]]);
    let csv =
        CsvOptions { quoted_null_is_text: true, null: vec![String::new(), "NULL".into()], ..no_header() };
    assert_rows("NULL,\"NULL\",\"\",", &csv, &[&["NULL", "'NULL'", "''", "NULL"]]);
    let csv = CsvOptions { null: vec!["\\N".into()], ..plain() };
    assert_rows("\\N,\\\\N", &csv, &[&["NULL", "'\\\\N'"]]);
}

#[test]
fn the_header_names_the_columns() {
    let csv = CsvOptions { header: true, ..plain() };
    assert_rows(" \r\n\u{FEFF}a\n", &plain(), &[&["'\u{FEFF}a'"]]);
    assert_rows("\u{FEFF}Id,\" V1 \"\r\n1,x\r\n", &csv, &[&["columns id,v1"], &["'1'", "'x'"]]);
    assert_rows(" \r\na,B\n0,1\n", &csv, &[&["columns a,b"], &["'0'", "'1'"]]);
    assert_rows("h\n", &csv, &[]);
    let csv = CsvOptions { header: true, header_schema_match: false, ..plain() };
    assert_rows("a,b\n0,1\n", &csv, &[&["'0'", "'1'"]]);
}

#[test]
fn one_trailing_separator_can_be_dropped() {
    let csv = CsvOptions { trim_last_separator: true, ..plain() };
    assert_rows(
        "1,2,\r\na,b,,\r\n,,,\r\n\"a\",\"\",\"\",\r\nx\n",
        &csv,
        &[&["'1'", "'2'"], &["'a'", "'b'", "''"], &["''", "''", "''"], &["'a'", "''", "''"], &["'x'"]],
    );
}

#[test]
fn other_character_sets_become_utf8() {
    let csv = CsvOptions { null: vec!["空".into(), "\\N".into()], ..no_header() };
    for set in [CharacterSet::Gbk, CharacterSet::Gb18030] {
        let options = ReadOptions { csv: csv.clone(), data_character_set: set, ..ReadOptions::default() };
        // In GBK "誠" ends with a backslash and "鐋" with a bar.
        let text = set.encode("誠,\"誠\"\"誠\",空,\\N,\"誠\\n\",鐋\\t,\"誠\"\n中,文\n").unwrap();
        assert!(text.windows(2).any(|pair| pair == b"\\,"), "the trap is there");
        assert_eq!(
            read_options(&text, &options).unwrap(),
            vec![vec!["'誠'", "'誠\"誠'", "NULL", "NULL", "'誠\n'", "'鐋\t'", "'誠'"], vec!["'中'", "'文'"],]
        );
        let wide = ReadOptions {
            csv: CsvOptions { separator: "，".into(), delimiter: "。".into(), ..csv.clone() },
            ..options.clone()
        };
        let text = set.encode("。誠。。x。，。b，。\n").unwrap();
        assert_eq!(read_options(&text, &wide).unwrap(), vec![vec!["'誠。x'", "'b，'"]]);
    }
    let latin =
        ReadOptions { csv: no_header(), data_character_set: CharacterSet::Latin1, ..ReadOptions::default() };
    assert_eq!(read_options(b"caf\xe9,\x80\n", &latin).unwrap(), vec![vec!["'café'", "'€'"]]);
    let ascii = ReadOptions {
        csv: no_header(),
        data_character_set: CharacterSet::Ascii,
        data_invalid_char_replace: "?".into(),
        ..ReadOptions::default()
    };
    assert_eq!(read_options(b"a\xffb,c\n", &ascii).unwrap(), vec![vec!["'a?b'", "'c'"]]);
    let binary = ReadOptions { csv: no_header(), ..ReadOptions::default() };
    let mut reader =
        RowReader::from_read(Box::new(std::io::Cursor::new(b"a\xffb\n")), Format::Csv, "mem", &binary)
            .unwrap();
    assert_eq!(reader.next().unwrap().unwrap().values, [Value::Text(b"a\xffb")]);
}

#[test]
fn options_that_do_not_fit_the_character_set_are_refused() {
    let options = ReadOptions {
        csv: CsvOptions { separator: "，".into(), ..no_header() },
        data_character_set: CharacterSet::Latin1,
        ..ReadOptions::default()
    };
    assert!(matches!(read_options(b"", &options), Err(ReadError::Option(_))));
}

#[test]
fn a_record_larger_than_allowed_is_refused() {
    let options = ReadOptions { csv: plain(), max_row_bytes: 1024, ..ReadOptions::default() };
    for text in [format!("a,b\nc,{}", "d".repeat(2000)), "dd,".repeat(600), format!("\"{}", "x".repeat(5000))]
    {
        for block in [1, 100, 1 << 20] {
            let error = read_with(text.as_bytes(), block, &options).unwrap_err();
            assert!(matches!(error, ReadError::RowTooLong { .. }), "{error}");
        }
    }
}

#[test]
fn a_piece_from_the_middle_gets_its_columns_from_the_plan() {
    let options = ReadOptions { csv: CsvOptions::default(), ..ReadOptions::default() };
    let parser = super::CsvParser::new(&options, false).unwrap();
    assert!(!parser.header_pending);
}
