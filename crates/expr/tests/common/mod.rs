//! A table to bind to and a session to evaluate in.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use th_expr::{Bound, Columns, Expr};
use th_types::{Context, Datum, FieldType, SqlMode, TimeZone, TypeError, flag, tp};

/// Columns by name, in order.
pub struct Table(pub Vec<(&'static str, FieldType)>);

impl Columns for Table {
    fn find(&self, name: &str) -> Option<(usize, &FieldType)> {
        self.0.iter().enumerate().find(|(_, (known, _))| *known == name).map(|(at, (_, ty))| (at, ty))
    }
}

pub fn column(code: u8, flag: u32, flen: i64, decimal: i64, collate: &str) -> FieldType {
    let mut ty = FieldType::new(code);
    ty.flag = flag;
    ty.flen = flen;
    ty.decimal = decimal;
    ty.collate = collate.into();
    ty.charset = collate.split('_').next().unwrap_or("binary").into();
    ty
}

/// i INT, u BIGINT UNSIGNED, s VARCHAR(30), ci VARCHAR(30) general_ci, b VARBINARY(30), d DATETIME(3),
/// dt DATE, t TIME, dec DECIMAL(10,2), f DOUBLE, j JSON, e ENUM, st SET, y YEAR, n INT (always NULL).
pub fn table() -> Table {
    let elems = |code, names: &[&str]| {
        let mut ty = column(code, 0, 10, 0, "utf8mb4_bin");
        ty.elems = names.iter().map(|name| (*name).into()).collect();
        ty
    };
    Table(vec![
        ("i", column(tp::LONG, 0, 11, 0, "binary")),
        ("u", column(tp::LONGLONG, flag::UNSIGNED, 20, 0, "binary")),
        ("s", column(tp::VARCHAR, 0, 30, -1, "utf8mb4_bin")),
        ("ci", column(tp::VARCHAR, 0, 30, -1, "utf8mb4_general_ci")),
        ("b", column(tp::VARCHAR, flag::BINARY, 30, -1, "binary")),
        ("d", column(tp::DATETIME, flag::BINARY, 23, 3, "binary")),
        ("dt", column(tp::DATE, flag::BINARY, 10, 0, "binary")),
        ("t", column(tp::DURATION, flag::BINARY, 10, 0, "binary")),
        ("dec", column(tp::NEW_DECIMAL, 0, 10, 2, "binary")),
        ("f", column(tp::DOUBLE, flag::BINARY, 22, -1, "binary")),
        ("j", column(tp::JSON, flag::BINARY, 4294967295, 0, "binary")),
        ("e", elems(tp::ENUM, &["small", "big"])),
        ("st", elems(tp::SET, &["x", "y", "z"])),
        ("y", column(tp::YEAR, flag::UNSIGNED | flag::ZEROFILL, 4, 0, "binary")),
        ("n", column(tp::LONG, 0, 11, 0, "binary")),
    ])
}

pub fn session(mode: &str) -> Context {
    Context {
        mode: SqlMode::parse(mode).unwrap_or_default(),
        zone: TimeZone::Fixed(0),
        now_micros: 1_700_000_000_123_456,
        random: 0,
        div_precision_increment: 4,
        default_week_format: 0,
        block_encryption_mode: "aes-128-ecb".into(),
        max_allowed_packet: 67_108_864,
    }
}

pub fn row() -> Vec<Datum<'static>> {
    use th_types::{Decimal, Duration, Time, TimeKind};
    let d = Time {
        year: 2024,
        month: 2,
        day: 29,
        hour: 13,
        minute: 14,
        second: 15,
        micros: 678_000,
        kind: TimeKind::Datetime,
        fsp: 3,
    };
    vec![
        Datum::Int(-7),
        Datum::Uint(18_446_744_073_709_551_610),
        Datum::bytes("Straße".as_bytes()),
        Datum::bytes("Hello".as_bytes()),
        Datum::bytes(b"\x00\xFFa"),
        Datum::Time(d),
        Datum::Time(d.with_kind(TimeKind::Date)),
        Datum::Duration(Duration { nanos: -3_661_000_000_000, fsp: 0 }),
        Datum::Decimal(Decimal::parse(b"-12.35").0),
        Datum::Float64(2.5),
        Datum::Json(
            th_types::json::parse(br#"{"a":1,"b":["x","y",2.5],"c":{"d":"q\"z"},"n":null}"#)
                .expect("a document"),
        ),
        Datum::Enum(2),
        Datum::Set(5),
        Datum::Int(2024),
        Datum::Null,
    ]
}

pub fn bind(text: &str) -> Bound {
    match Expr::parse(text).and_then(|expr| expr.bind_default(&table())) {
        Ok(bound) => bound,
        Err(error) => panic!("{text}: {error}"),
    }
}

/// The value as a reader would write it down; text as it is, bytes that are no text as `0x…`.
pub fn shown(value: &Datum<'_>) -> String {
    match value {
        Datum::Null => "NULL".into(),
        Datum::Int(value) => value.to_string(),
        Datum::Uint(value) => format!("{value}u"),
        Datum::Float32(value) => format!("{value}f"),
        Datum::Float64(value) => format!("{value}f"),
        Datum::Decimal(value) => {
            let mut out = Vec::new();
            value.write_text(&mut out);
            format!("{}d", String::from_utf8_lossy(&out))
        }
        Datum::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => text.into(),
            _ => bytes.iter().fold("0x".to_string(), |out, byte| format!("{out}{byte:02x}")),
        },
        Datum::Time(time) => time.to_text(),
        Datum::Duration(span) => span.to_text(),
        Datum::Json(json) => json.to_text().unwrap_or_default(),
        other => format!("{other:?}"),
    }
}

pub fn eval_in(text: &str, mode: &str) -> Result<String, TypeError> {
    bind(text).eval(&row(), &session(mode)).map(|value| shown(&value))
}

pub fn lax(text: &str) -> String {
    match eval_in(text, "") {
        Ok(value) => value,
        Err(error) => format!("error {}: {}", error.code, error.message),
    }
}
