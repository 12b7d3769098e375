//! The source rows of the golden tables: each text is one row, with as many values as columns.
//!
//! (What the values become is the encoder's business, tested where the encoder is.)

use std::io::Read;
use std::path::PathBuf;

use serde_json::Value as Json;
use th_dump::{CsvOptions, Format, ReadOptions, RowReader};
use th_row::Value;

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap() as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn golden_files() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/golden");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".jsonl.gz"))
        .collect();
    files.sort();
    files
}

#[test]
fn golden_texts_are_rows_of_their_tables() {
    let files = golden_files();
    assert!(files.iter().any(|file| file.ends_with("csv_basic.jsonl.gz")), "{files:?}");
    for path in files {
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(std::fs::File::open(&path).unwrap())
            .read_to_string(&mut text)
            .unwrap();
        let mut lines = text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap());
        let table = lines.next().unwrap();
        let texts: Vec<Vec<u8>> = lines
            .filter(|line| line["kind"] == "row")
            .map(|row| match row["text"].as_str() {
                Some(text) => text.as_bytes().to_vec(),
                None => unhex(row["text_hex"].as_str().unwrap()),
            })
            .collect();
        let columns: Option<Vec<String>> = table["insert_columns"]
            .as_array()
            .map(|names| names.iter().map(|name| name.as_str().unwrap().to_owned()).collect());
        let csv = table["format"] == "csv";
        let file = if csv {
            let header = table["csv_header"].as_str().map(|header| header.as_bytes().to_vec());
            [header.into_iter().collect(), texts.clone()].concat().join(&b"\n"[..])
        } else {
            let list =
                columns.as_ref().map_or_else(String::new, |names| format!(" (`{}`)", names.join("`,`")));
            [format!("INSERT INTO `t`{list} VALUES\n").as_bytes(), &texts.join(&b",\n"[..]), b";\n"].concat()
        };
        let options = ReadOptions {
            csv: CsvOptions { header: table["csv_header"].is_string(), ..CsvOptions::default() },
            ..ReadOptions::default()
        };
        let format = if csv { Format::Csv } else { Format::Sql };
        let name = path.display().to_string();
        let mut reader =
            RowReader::from_read(Box::new(std::io::Cursor::new(file)), format, &name, &options).unwrap();
        let width = columns.as_ref().map_or_else(
            || {
                table["table_info"]["cols"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|c| !c["hidden"].as_bool().unwrap_or(false))
                    .count()
            },
            Vec::len,
        );
        let mut read = 0;
        while let Some(row) = reader.next().unwrap_or_else(|e| panic!("{e}")) {
            assert_eq!(row.text, texts[read], "{name} row {read}");
            assert_eq!(row.columns, columns.as_deref(), "{name}");
            assert_eq!(row.values.len(), width, "{name} row {read}: {}", String::from_utf8_lossy(row.text));
            read += 1;
        }
        assert_eq!(read, texts.len(), "{name}");
    }
}

#[test]
fn the_first_rows_of_csv_basic_have_these_values() {
    let rows = "-1,\\N,\\N,\\N,\\N\n-2,\"\\N\",\"1.5\",\"2024-01-02 03:04:05\",\"\"\n-3,,2,,\n\
                -4,\"a\"\"b\",3,2024-01-02,\"x\\ny\\t\\\\z\\0\"\n-7,NULL,6,2024-01-02,\"\\'\"\n";
    let options =
        ReadOptions { csv: CsvOptions { header: false, ..CsvOptions::default() }, ..ReadOptions::default() };
    let mut reader =
        RowReader::from_read(Box::new(std::io::Cursor::new(rows)), Format::Csv, "mem", &options).unwrap();
    let text = |text: &'static str| Value::Text(text.as_bytes());
    for expected in [
        [text("-1"), Value::Null, Value::Null, Value::Null, Value::Null],
        [text("-2"), Value::Null, text("1.5"), text("2024-01-02 03:04:05"), text("")],
        [text("-3"), text(""), text("2"), text(""), text("")],
        [text("-4"), text("a\"b"), text("3"), text("2024-01-02"), text("x\ny\t\\z\0")],
        [text("-7"), text("NULL"), text("6"), text("2024-01-02"), text("'")],
    ] {
        assert_eq!(reader.next().unwrap().unwrap().values, expected);
    }
    assert!(reader.next().unwrap().is_none());
}
