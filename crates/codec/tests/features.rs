//! Every kind of table TiDB has compiles, and a row written comes back as it was given.

use std::sync::Arc;

use th_codec::decode::{RowDecoder, datum_text, decode_index_key, decode_index_value};
use th_codec::{Encoder, EncoderOptions, PairKind};
use th_row::Value;
use th_schema::{DdlOptions, Table, parse_create_table};
use th_types::{Context, TimeZone};

fn context() -> Context {
    let zone = TimeZone::parse("America/New_York").expect("the zone exists");
    Context { zone, now_micros: 1_700_000_000_000_000, ..Context::default() }
}

/// A definition, a row (an empty slice leaves all columns out, `~` is NULL), and the row as it is read.
type Case = (&'static str, &'static [&'static str], &'static [&'static str]);

const CASES: &[Case] = &[
    ("a TINYINT PRIMARY KEY, b INT, KEY (b)", &["-128", "7"], &["-128", "7"]),
    ("a SMALLINT UNSIGNED PRIMARY KEY, b INT, UNIQUE (b)", &["65535", "~"], &["65535", "~"]),
    ("a MEDIUMINT, b INT, PRIMARY KEY (a) NONCLUSTERED", &["-8388608", "1"], &["-8388608", "1"]),
    ("a DATE PRIMARY KEY CLUSTERED, b INT, KEY (b)", &["1000-01-01", "1"], &["1000-01-01", "1"]),
    (
        "a DATETIME(6) PRIMARY KEY CLUSTERED, b INT, KEY (b)",
        &["9999-12-31 23:59:59.999999", "1"],
        &["9999-12-31 23:59:59.999999", "1"],
    ),
    (
        "a TIMESTAMP(2) PRIMARY KEY CLUSTERED, b INT, KEY (b)",
        &["2024-11-03 02:00:00.125", "1"],
        &["2024-11-03 02:00:00.13", "1"],
    ),
    ("a TIME(3) PRIMARY KEY CLUSTERED, b INT, UNIQUE (b)", &["-838:59:59", "1"], &["-838:59:59.000", "1"]),
    ("a YEAR PRIMARY KEY CLUSTERED, b INT, UNIQUE (b)", &["1901", "1"], &["1901", "1"]),
    ("a DOUBLE PRIMARY KEY CLUSTERED, b INT, UNIQUE (b)", &["-1.5", "1"], &["-1.5", "1"]),
    ("a FLOAT, b INT, PRIMARY KEY (a, b) CLUSTERED, KEY (b)", &["0.1", "1"], &["0.1", "1"]),
    ("a ENUM('x','Y'), b INT, PRIMARY KEY (a) CLUSTERED, UNIQUE (b)", &["Y", "1"], &["Y", "1"]),
    ("a SET('x','y'), b INT, PRIMARY KEY (a) CLUSTERED, UNIQUE (b)", &["x,y", "1"], &["x,y", "1"]),
    ("a BINARY(4), b INT, PRIMARY KEY (a) CLUSTERED, UNIQUE (b)", &["ab", "1"], &["ab\0\0", "1"]),
    ("a VARBINARY(20), b INT, PRIMARY KEY (a) CLUSTERED, UNIQUE (b)", &["ab ", "1"], &["ab ", "1"]),
    ("a BIT(40), b INT, PRIMARY KEY (a) CLUSTERED, UNIQUE (b)", &["abcde", "1"], &["abcde", "1"]),
    (
        "a BLOB, b TEXT, PRIMARY KEY (a(3), b(2)) CLUSTERED, KEY (b(1))",
        &["abcdef", "中文字"],
        &["abcdef", "中文字"],
    ),
    (
        "a VARCHAR(10) COLLATE utf8mb4_bin PRIMARY KEY CLUSTERED, b INT, UNIQUE (b)",
        &["a  ", "1"],
        &["a  ", "1"],
    ),
    (
        "a VARCHAR(10) COLLATE utf8mb4_0900_ai_ci PRIMARY KEY CLUSTERED, b INT, UNIQUE (b)",
        &["Á  ", "1"],
        &["Á  ", "1"],
    ),
    (
        "a CHAR(10) COLLATE utf8mb4_general_ci PRIMARY KEY CLUSTERED, b INT, UNIQUE (b)",
        &["á", "1"],
        &["á", "1"],
    ),
    ("a CHAR(10) CHARACTER SET latin1 PRIMARY KEY CLUSTERED, b INT, UNIQUE (b)", &["é", "1"], &["é", "1"]),
    (
        "a CHAR(10) CHARACTER SET gbk PRIMARY KEY CLUSTERED, b CHAR(3) COLLATE gbk_bin, KEY (b)",
        &["中", "文"],
        &["中", "文"],
    ),
    (
        "a CHAR(10) CHARACTER SET utf8 COLLATE utf8_unicode_ci PRIMARY KEY CLUSTERED, b CHAR(3), KEY (b)",
        &["中", "文"],
        &["中", "文"],
    ),
    (
        "a INT DEFAULT 4, b DATE DEFAULT (CURRENT_DATE), c DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3)",
        &[],
        &["4", "2023-11-14", "2023-11-14 17:13:20.000"],
    ),
    (
        "a JSON DEFAULT (JSON_OBJECT('a', 1)), b VARCHAR(9) DEFAULT (DATE_FORMAT(NOW(), '%Y-%m'))",
        &[],
        &["{\"a\": 1}", "2023-11"],
    ),
    ("a INT, b INT, KEY (a) INVISIBLE, KEY (b DESC), UNIQUE KEY (a, b DESC)", &["1", "2"], &["1", "2"]),
    ("a INT, b INT) PARTITION BY HASH (a + b) PARTITIONS (3", &["1", "~"], &["1", "~"]),
    (
        "a INT, b INT) PARTITION BY LIST (a) (PARTITION p VALUES IN (1, 3), PARTITION q VALUES IN (NULL, 4)",
        &["~", "~"],
        &["~", "~"],
    ),
    ("a INT PRIMARY KEY, b INT) PARTITION BY KEY () PARTITIONS (3", &["1", "~"], &["1", "~"]),
    (
        "a INT, b DATE) PARTITION BY LIST COLUMNS (a, b) (PARTITION p VALUES IN ((1, '2024-01-01'), (2, NULL))",
        &["2", "~"],
        &["2", "~"],
    ),
    (
        "a DATETIME(3), b INT) PARTITION BY RANGE COLUMNS (a) (PARTITION p VALUES LESS THAN ('2024-01-01 00:00:00'), PARTITION q VALUES LESS THAN (MAXVALUE)",
        &["2024-01-01 00:00:00", "~"],
        &["2024-01-01 00:00:00.000", "~"],
    ),
    (
        "a INT, b INT, UNIQUE KEY (b) GLOBAL) PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (10)",
        &["1", "2"],
        &["1", "2"],
    ),
    (
        "a INT, b INT, PRIMARY KEY (a) NONCLUSTERED GLOBAL) PARTITION BY HASH (b) PARTITIONS (2",
        &["1", "2"],
        &["1", "2"],
    ),
    (
        "a VARCHAR(20), b INT AS (LENGTH(a)) STORED, c VARCHAR(64) AS (SHA1(a)) VIRTUAL, KEY (b), KEY (c)",
        &["abc", "~"],
        &["abc", "3", "a9993e364706816aba3e25717850c26c9cd0d89d"],
    ),
    ("a INT, b INT, KEY kp (a) WHERE b IS NOT NULL", &["1", "~"], &["1", "~"]),
    ("a BIGINT AUTO_RANDOM(5) PRIMARY KEY, b INT, KEY (b)", &["~", "2"], &["", "2"]),
    ("a VECTOR(2), b VECTOR", &["[1,2.5]", "[]"], &["[1,2.5]", "[]"]),
];

#[test]
fn every_kind_of_table_gives_a_row_back() {
    let mut report = String::new();
    for (body, row, shown) in CASES {
        if let Err(what) = check(body, row, shown) {
            report += &format!("{body}: {what}\n");
        }
    }
    assert!(report.is_empty(), "{report}");
}

fn check(body: &str, row: &[&str], shown: &[&str]) -> Result<(), String> {
    let end = if body.contains("PARTITIONS (") {
        body.replace("PARTITIONS (", "PARTITIONS ")
    } else {
        format!("{body})")
    };
    let info = parse_create_table(&format!("CREATE TABLE t ({end}"), &DdlOptions::default())
        .map_err(|error| error.to_string())?;
    let json = serde_json::to_string(&info).map_err(|error| error.to_string())?;
    let table = Table::from_json("db", json.as_bytes()).map_err(|error| error.to_string())?;
    let table = Arc::new(table);
    let options = EncoderOptions { context: context(), auto_random_seed: 1, new_collation: true };
    let mut encoder = Encoder::new(Arc::clone(&table), options).map_err(|error| format!("{error:?}"))?;
    let values: Vec<Value<'_>> = row
        .iter()
        .map(|text| if *text == "~" { Value::Null } else { Value::Text(text.as_bytes()) })
        .collect();
    let pairs = encoder.encode(&values, 9).map_err(|error| error.to_string())?;
    let record = pairs.iter().next().ok_or("no record")?;
    let decoder = RowDecoder::new(Arc::clone(&table)).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    let datums =
        decoder.decode_row(record.key, record.value, &context()).map_err(|error| format!("{error:?}"))?;
    for (datum, column) in datums.iter().zip(decoder.columns()) {
        let text = datum_text(datum, &column.field_type, &context().zone);
        found.push(text.map_or_else(|| "~".to_owned(), |text| String::from_utf8_lossy(&text).into_owned()));
    }
    for (expected, found) in shown.iter().zip(&found) {
        if expected != found && !expected.is_empty() {
            return Err(format!("expected {expected:?}, read {found:?}"));
        }
    }
    for pair in pairs.iter().skip(1) {
        let PairKind::Index(id) = pair.kind else { return Err("two records".to_owned()) };
        let index = table.info.indexes.iter().find(|index| index.id == id).ok_or("an unknown index")?;
        decode_index_key(&table, index, pair.key, &context()).map_err(|error| format!("{error:?}"))?;
        decode_index_value(pair.value).map_err(|error| format!("{error:?}"))?;
    }
    Ok(())
}
