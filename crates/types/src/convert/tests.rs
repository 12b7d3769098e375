//! Values typed in from TiDB's own encodings of the same text, lax and strict.

use proptest::prelude::*;

use super::*;
use crate::{Decimal, SqlMode, TimeZone, flag};

const STRICT: SqlMode = SqlMode(0x55a0_0020);

fn lax() -> Context {
    Context::default()
}

fn strict() -> Context {
    Context::new(STRICT, TimeZone::UTC, 0)
}

fn column(type_code: u8) -> FieldType {
    FieldType::new(type_code)
}

fn sized(type_code: u8, flen: i64, decimal: i64) -> FieldType {
    FieldType { flen, decimal, ..column(type_code) }
}

fn unsigned(target: FieldType) -> FieldType {
    FieldType { flag: target.flag | flag::UNSIGNED, ..target }
}

fn text_column(type_code: u8, flen: i64, charset: &str, collate: &str) -> FieldType {
    FieldType { charset: charset.into(), collate: collate.into(), ..sized(type_code, flen, -1) }
}

fn text(value: &str) -> Datum<'_> {
    Datum::bytes(value.as_bytes())
}

/// What a value becomes without a strict mode.
fn kept<'a>(value: Datum<'a>, target: &FieldType) -> Datum<'a> {
    convert(value, target, &lax()).unwrap()
}

/// The error of strict mode.
fn refused(value: Datum<'_>, target: &FieldType) -> (u16, String) {
    let error = convert(value, target, &strict()).unwrap_err();
    (error.code, error.message)
}

#[test]
fn integers_are_clamped_or_refused() {
    let tiny = column(tp::TINY);
    assert_eq!(kept(Datum::Uint(128), &tiny), Datum::Int(127));
    assert_eq!(kept(Datum::Int(-129), &tiny), Datum::Int(-128));
    for (source, value) in
        [("abc", 0), ("12abc", 12), ("", 0), ("1e10", 127), ("99999999999999999999", 127), ("-1e400", -128)]
    {
        assert_eq!(kept(text(source), &tiny), Datum::Int(value), "{source}");
    }
    assert_eq!(refused(Datum::Uint(128), &tiny), (1690, "constant 128 overflows tinyint".into()));
    assert_eq!(refused(text("abc"), &tiny), (1292, "Truncated incorrect DOUBLE value: 'abc'".into()));
    assert_eq!(refused(text("1e10"), &tiny), (1690, "constant 10000000000 overflows tinyint".into()));
    let wide = refused(text("99999999999999999999"), &tiny);
    assert_eq!(wide, (1690, "BIGINT value is out of range in '99999999999999999999'".into()));
    assert_eq!(convert(text("1e"), &tiny, &strict()), Ok(Datum::Int(1)));

    let small = unsigned(column(tp::TINY));
    assert_eq!(kept(Datum::Int(-1), &small), Datum::Uint(0));
    assert_eq!(kept(text("-0.6"), &small), Datum::Uint(0));
    assert_eq!(refused(text("-0.6"), &small), (1690, "BIGINT UNSIGNED value is out of range in '-1'".into()));
    assert_eq!(convert(text("-0.4"), &small, &strict()), Ok(Datum::Uint(0)));
    let big = unsigned(column(tp::LONGLONG));
    assert_eq!(refused(Datum::Int(-1), &big), (1690, "constant -1 overflows bigint".into()));
    assert_eq!(kept(Datum::Float64(2.5), &tiny), Datum::Int(2));
    assert_eq!(kept(Datum::Float64(1e30), &big), Datum::Uint(u64::MAX));
    assert_eq!(kept(Datum::Decimal(Decimal::parse(b"2.5").0), &tiny), Datum::Int(3));
    assert_eq!(kept(Datum::Bit(Cow::Borrowed(b"\x01\x00")), &column(tp::LONG)), Datum::Int(256));
}

#[test]
fn years_of_two_digits_are_of_our_times() {
    let year = column(tp::YEAR);
    for (source, value) in
        [("12.7", 2013), ("2156", 2155), ("00", 2000), ("abc", 0), ("", 0), ("0000", 0), ("99", 1999)]
    {
        assert_eq!(kept(text(source), &year), Datum::Int(value), "{source}");
    }
    for (number, value) in [(1900, 1901), (100, 1901), (0, 0), (69, 2069), (70, 1970)] {
        assert_eq!(kept(Datum::Uint(number), &year), Datum::Int(value), "{number}");
    }
    assert_eq!(kept(Datum::Int(-1), &year), Datum::Int(0));
    assert_eq!(refused(Datum::Uint(1900), &year).0, 1264);
    assert_eq!(refused(text("abc"), &year).0, 1292);
}

#[test]
fn floats_are_rounded_to_m_and_d_and_kept_in_range() {
    let float = column(tp::FLOAT);
    assert_eq!(kept(text("1e39"), &float), Datum::Float32(f32::MAX));
    assert_eq!(refused(text("-1e39"), &float), (1690, "constant -1e+39 overflows float".into()));
    let double = column(tp::DOUBLE);
    assert_eq!(kept(text("1e309"), &double), Datum::Float64(f64::MAX));
    assert_eq!(refused(text("1e309"), &double), (1292, "Truncated incorrect DOUBLE value: '1e309'".into()));
    assert_eq!(convert(text("1e-330"), &double, &strict()), Ok(Datum::Float64(0.0)));
    let positive = unsigned(double);
    assert_eq!(refused(text("-1e-10"), &positive), (1690, "constant -1e-10 overflows double".into()));
    let short = sized(tp::FLOAT, 4, 1);
    for (source, value) in
        [("1000", 999.9), ("999.94", 999.9), ("-1000.05", -999.9), ("0.05", 0.0), ("0.15", 0.2)]
    {
        assert_eq!(kept(text(source), &short), Datum::Float32(value), "{source}");
    }
    assert_eq!(refused(text("999.95"), &short), (1690, "DOUBLE value is out of range in ''".into()));
}

#[test]
fn decimals_are_rounded_half_up_and_clamped() {
    let target = sized(tp::NEW_DECIMAL, 5, 2);
    let shown = |value: Datum<'_>| match kept(value, &target) {
        Datum::Decimal(decimal) => decimal.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(shown(Datum::Uint(1000)), "999.99");
    assert_eq!(shown(Datum::Int(-1000)), "-999.99");
    for (source, value) in [
        ("999.995", "999.99"),
        ("1.005", "1.01"),
        ("abc", "0.00"),
        ("1.2.3", "1.20"),
        ("1e10", "999.99"),
        ("12x", "12.00"),
        ("1e-400", "0.00"),
    ] {
        assert_eq!(shown(text(source)), value, "{source}");
    }
    assert_eq!(
        refused(Datum::Uint(1000), &target),
        (1690, "DECIMAL value is out of range in '(5, 2)'".into())
    );
    assert_eq!(
        refused(text("1.2.3"), &target),
        (1292, "Truncated incorrect decimal(5,2) value: '1.2.3'".into())
    );
    assert_eq!(refused(text("abc"), &target), (1292, "Truncated incorrect DECIMAL value: 'abc'".into()));
    assert_eq!(convert(text("1.005"), &target, &strict()).map(|_| ()), Ok(()));
    assert_eq!(kept(text("-0.5"), &unsigned(target)), Datum::Decimal(Decimal::ZERO));
}

#[test]
fn strings_are_cut_at_characters_or_bytes() {
    let varchar = text_column(tp::VARCHAR, 3, "utf8mb4", "utf8mb4_bin");
    for (source, value) in
        [("abcd", "abc"), ("abc ", "abc"), ("中文字符", "中文字"), ("ab ", "ab "), ("1.25", "1.2")]
    {
        assert_eq!(kept(text(source), &varchar), text(value), "{source}");
    }
    assert_eq!(kept(Datum::Uint(12_345), &varchar), text("123"));
    assert_eq!(refused(text("中文字符"), &varchar), (1406, "Data Too Long, field len 3, data len 4".into()));
    assert_eq!(convert(text("abc  "), &varchar, &strict()), Ok(text("abc")));

    let char = text_column(tp::STRING, 2, "utf8mb4", "utf8mb4_bin");
    assert_eq!(kept(text("a  "), &char), text("a"));
    assert_eq!(kept(text("abc"), &char), text("ab"));
    assert_eq!(convert(text("ab   "), &char, &strict()), Ok(text("ab")));
    let binary = text_column(tp::STRING, 2, "binary", "binary");
    assert_eq!(kept(text("a"), &binary), text("a\0"));
    assert_eq!(kept(Datum::Bit(Cow::Borrowed(b"abc")), &binary), text("ab"));
    assert_eq!(refused(text("ab "), &text_column(tp::VARCHAR, 2, "binary", "binary")).0, 1406);
    let tinytext = text_column(tp::TINY_BLOB, 255, "utf8mb4", "utf8mb4_bin");
    let long = "中".repeat(86);
    assert_eq!(kept(text(&long), &tinytext), text(&"中".repeat(85)));
    assert_eq!(refused(text(&long), &tinytext), (1406, "Data Too Long, field len 255, data len 258".into()));
    assert_eq!(kept(text("ab"), &text_column(tp::VARCHAR, 0, "utf8mb4", "utf8mb4_bin")), text(""));
}

#[test]
fn characters_outside_the_set_are_replaced_or_refused() {
    let utf8mb4 = text_column(tp::VARCHAR, 20, "utf8mb4", "utf8mb4_bin");
    let utf8 = text_column(tp::VARCHAR, 20, "utf8", "utf8_bin");
    let ascii = text_column(tp::VARCHAR, 20, "ascii", "ascii_bin");
    let gbk = text_column(tp::VARCHAR, 20, "gbk", "gbk_chinese_ci");
    assert_eq!(kept(Datum::bytes(b"\xff"), &utf8mb4), text("?"));
    assert_eq!(kept(Datum::bytes(b"ok\xed\xa0\x80"), &utf8mb4), text("ok???"));
    assert_eq!(kept(text("😀"), &utf8), text("?"));
    assert_eq!(kept(text("é"), &ascii), text("?"));
    assert_eq!(kept(Datum::Bit(Cow::Borrowed(b"a\xff")), &utf8mb4), text("a"));
    let shown = |bytes: &str| (1366, format!("Incorrect string value '{bytes}'"));
    assert_eq!(refused(Datum::bytes(b"a\xc3"), &utf8mb4), shown("\\xC3"));
    assert_eq!(refused(text("😀"), &utf8), shown("\\xF0\\x9F\\x98\\x80"));
    assert_eq!(refused(text("é"), &ascii), shown("\\xC3\\xA9"));
    assert_eq!(refused(text("€"), &gbk), shown("\\xE2\\x82\\xAC"));
    assert_eq!(refused(Datum::Bit(Cow::Borrowed(b"\xff")), &gbk), shown("\\xFF"));
    let converted = convert(Datum::Bit(Cow::Borrowed(b"\xd6\xd0")), &gbk, &strict());
    assert_eq!(converted, Ok(text("中")));
}

#[test]
fn times_follow_the_zero_date_modes() {
    let (date, datetime, timestamp) = (column(tp::DATE), column(tp::DATETIME), column(tp::TIMESTAMP));
    let shown = |value: Datum<'_>, target: &FieldType| match kept(value, target) {
        Datum::Time(time) => time.to_text(),
        other => panic!("{other:?}"),
    };
    assert_eq!(shown(text("2024-02-30"), &date), "0000-00-00");
    assert_eq!(shown(text("2024-00-10"), &date), "2024-00-10");
    assert_eq!(shown(Datum::Uint(20_240_102), &date), "2024-01-02");
    assert_eq!(shown(text("9999-12-31 23:59:59.4"), &datetime), "9999-12-31 23:59:59");
    assert_eq!(shown(text("9999-12-31 23:59:59.5"), &datetime), "0000-00-00 00:00:00");
    assert_eq!(shown(text("1970-01-01 00:00:00"), &timestamp), "0000-00-00 00:00:00");
    assert_eq!(shown(text("2038-01-19 03:14:07"), &timestamp), "2038-01-19 03:14:07");
    assert_eq!(refused(text("2024-00-10"), &date), (1292, "Incorrect date value: '2024-00-10'".into()));
    assert_eq!(refused(Datum::Uint(0), &date), (1292, "Incorrect date value: '0'".into()));
    assert_eq!(refused(text("abc"), &timestamp), (1292, "Incorrect timestamp value: 'abc'".into()));
    let unsigned = convert(Datum::Uint(0), &timestamp, &lax()).unwrap_err();
    assert_eq!(
        (unsigned.code, unsigned.message.as_str()),
        (0, "cannot convert datum from unsigned bigint to type timestamp")
    );
    let allow =
        Context::new(SqlMode::parse("STRICT_TRANS_TABLES,ALLOW_INVALID_DATES").unwrap(), TimeZone::UTC, 0);
    assert!(convert(text("2024-02-30"), &date, &allow).is_ok());
    assert!(convert(text("0000-00-00 00:00:00"), &timestamp, &allow).is_ok());
    let new_york = Context::new(SqlMode::default(), TimeZone::parse("America/New_York").unwrap(), 0);
    let skipped = convert(text("2024-03-10 02:30:00"), &timestamp, &new_york).unwrap_err();
    assert_eq!(skipped.code, 8179);
}

#[test]
fn durations_are_clamped() {
    let time = column(tp::DURATION);
    let nanos = |value: Datum<'_>| match kept(value, &time) {
        Datum::Duration(duration) => Some(duration.nanos),
        Datum::Null => None,
        other => panic!("{other:?}"),
    };
    let limit = 3_020_399_000_000_000;
    assert_eq!(nanos(text("839:00:00")), Some(limit));
    assert_eq!(nanos(text("-839:00:00")), Some(-limit));
    assert_eq!(nanos(text("12:60:00")), Some(0));
    assert_eq!(nanos(Datum::Uint(9_999_999)), Some(limit));
    assert_eq!(nanos(Datum::Int(-9_999_999)), None);
    assert_eq!(nanos(text("10:11:12.9999999")), Some(36_673_000_000_000));
    assert_eq!(refused(Datum::Uint(9_999_999), &time), (1292, "Incorrect time value: '9999999'".into()));
    assert_eq!(refused(text("abc"), &time), (1292, "Truncated incorrect time value: 'abc'".into()));
}

#[test]
fn bits_are_bytes_or_numbers() {
    let four = sized(tp::BIT, 4, 0);
    let bits = |bytes: &'static [u8]| Datum::Bit(Cow::Borrowed(bytes));
    assert_eq!(kept(Datum::Uint(16), &four), bits(&[15]));
    assert_eq!(kept(Datum::Int(-1), &four), bits(&[15]));
    assert_eq!(kept(text("a"), &four), bits(&[15]));
    assert_eq!(kept(text("\0\0"), &four), bits(&[0]));
    assert_eq!(kept(text(""), &four), bits(&[0]));
    assert_eq!(kept(bits(b"\xff"), &four), bits(&[15]));
    assert_eq!(kept(text("1"), &sized(tp::BIT, 1, 0)), bits(&[1]));
    assert_eq!(kept(text("ab"), &sized(tp::BIT, 17, 0)), bits(b"\0ab"));
    assert_eq!(kept(text("b"), &sized(tp::BIT, 8, 0)), bits(b"b"));
    assert_eq!(kept(text("b'1'"), &sized(tp::BIT, 32, 0)), bits(b"b'1'"));
    assert_eq!(refused(text("1"), &sized(tp::BIT, 1, 0)), (1406, "Data Too Long, field len 1".into()));
    assert_eq!(kept(text("abcdefghi"), &sized(tp::BIT, 64, 0)), bits(&[0xff; 8]));
    assert_eq!(refused(Datum::Uint(16), &four), (1406, "Data Too Long, field len 4".into()));
}

#[test]
fn members_are_found_by_name_then_by_number() {
    let elems = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let of = |type_code, names: &[&str], collate: &str| FieldType {
        elems: elems(names),
        ..text_column(type_code, -1, "utf8mb4", collate)
    };
    let choice = of(tp::ENUM, &["x", "y"], "utf8mb4_bin");
    for (source, value) in [
        ("x", 1),
        ("x ", 1),
        ("2", 2),
        ("X", 0),
        ("z", 0),
        ("", 0),
        ("3", 0),
        ("1.5", 0),
        ("0x2", 2),
        ("0_1", 1),
    ] {
        assert_eq!(kept(text(source), &choice), Datum::Enum(value), "{source}");
    }
    assert_eq!(kept(Datum::Uint(3), &choice), Datum::Enum(0));
    assert_eq!(refused(Datum::Int(-1), &choice).0, 1265);
    let folded = of(tp::ENUM, &["red", "Blue"], "utf8mb4_general_ci");
    assert_eq!(kept(text("BLUE "), &folded), Datum::Enum(2));

    let several = of(tp::SET, &["p", "q"], "utf8mb4_bin");
    for (source, value) in
        [("p", 1), ("q,p", 3), ("p,z", 0), ("p,", 0), ("3", 3), ("4", 0), ("", 0), ("p,p", 1)]
    {
        assert_eq!(kept(text(source), &several), Datum::Set(value), "{source}");
    }
    assert_eq!(kept(Datum::Uint(2), &several), Datum::Set(2));
    assert_eq!(refused(Datum::Uint(4), &several).0, 1265);
    assert_eq!(refused(text("p,"), &several).0, 1265);
}

#[test]
fn json_keeps_the_type_of_its_source() {
    let json = column(tp::JSON);
    assert_eq!(kept(Datum::Uint(3), &json), Datum::Json(crate::json::from_u64(3)));
    assert_eq!(kept(text("[1]"), &json), Datum::Json(crate::json::parse(b"[1]").unwrap()));
    assert_eq!(convert(text("{"), &json, &lax()).map_err(|error| error.code), Err(code::INVALID_JSON));
    let literal = convert(Datum::Bit(Cow::Borrowed(b"1")), &json, &lax());
    assert_eq!(literal.map_err(|error| error.code), Err(code::INVALID_JSON_CHARSET));

    let value = |text: &str| Datum::Json(crate::json::parse(text.as_bytes()).unwrap());
    assert_eq!(kept(value("\"12x\""), &column(tp::LONG)), Datum::Int(12));
    assert_eq!(kept(value("true"), &column(tp::DOUBLE)), Datum::Float64(1.0));
    assert_eq!(kept(value("2.5"), &sized(tp::NEW_DECIMAL, 5, 0)), Datum::Decimal(Decimal::from(3_i64)));
    assert_eq!(kept(value("-1"), &unsigned(column(tp::LONGLONG))), Datum::Uint(0));
    assert_eq!(refused(value("[1]"), &column(tp::LONG)).0, 1292);
    assert_eq!(
        kept(value("[1, 2]"), &text_column(tp::VARCHAR, 20, "utf8mb4", "utf8mb4_bin")),
        text("[1, 2]")
    );
    let date = kept(value("\"2024-01-02\""), &column(tp::DATE));
    assert_eq!(date, Datum::Time(crate::Time::date(2024, 1, 2)));
}

#[test]
fn vectors_have_the_dimensions_of_their_column() {
    let vector = sized(tp::VECTOR, 2, -1);
    let expected = [2, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0];
    assert_eq!(kept(text("[ 1 , -2.5 ]"), &vector), Datum::Vector(Cow::Borrowed(&expected)));
    for wrong in ["[1]", "[1,a]", "[1e39,1]"] {
        assert_eq!(convert(text(wrong), &vector, &lax()).map_err(|error| error.code), Err(0), "{wrong}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn arbitrary_text_never_panics_and_never_fails_without_a_strict_mode(
        source in proptest::collection::vec(any::<u8>(), 0..60), flen in 0..70_i64, decimal in 0..31_i64,
    ) {
        let numbers = [tp::TINY, tp::SHORT, tp::INT24, tp::LONG, tp::LONGLONG, tp::YEAR];
        for target in numbers.map(column).into_iter().chain([
            sized(tp::FLOAT, flen, decimal),
            sized(tp::DOUBLE, -1, -1),
            sized(tp::NEW_DECIMAL, flen.max(decimal).max(1), decimal),
            sized(tp::BIT, flen.clamp(1, 64), 0),
            text_column(tp::STRING, flen, "utf8mb4", "utf8mb4_bin"),
            text_column(tp::VARCHAR, flen, "gbk", "gbk_bin"),
            text_column(tp::BLOB, flen, "ascii", "ascii_bin"),
            text_column(tp::STRING, flen, "binary", "binary"),
            sized(tp::DATETIME, -1, decimal % 7),
            sized(tp::DURATION, -1, decimal % 7),
        ]) {
            let _ = convert(Datum::bytes(&source), &target, &strict());
            for target in [unsigned(target.clone()), target] {
                let value = convert(Datum::bytes(&source), &target, &lax());
                prop_assert!(value.is_ok(), "{target:?}: {value:?}");
                let value = convert(Datum::Bit(Cow::Borrowed(&source)), &target, &lax());
                prop_assert!(value.is_ok() || matches!(target.tp, tp::DATETIME | tp::DURATION | tp::YEAR));
            }
        }
    }
}
