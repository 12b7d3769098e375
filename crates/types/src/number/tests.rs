use proptest::prelude::*;

use super::*;

fn int(text: &str) -> i64 {
    text_to_i64(text.as_bytes(), false, true).0
}

#[test]
fn integers_are_rounded_half_away_from_zero_by_their_digits() {
    let cases = [
        ("12", 12),
        ("-5", -5),
        ("007", 7),
        (" 42", 42),
        ("1e3", 1000),
        ("1.49", 1),
        ("1.5", 2),
        ("-0.5", -1),
        ("0.5", 1),
        ("-0.4", 0),
        (".6", 1),
        ("-.6", -1),
        ("9223372036854775806.6", i64::MAX),
        ("-1.5e1", -15),
        ("-5e-1", -1),
        ("5e-1", 1),
        ("4e-1", 0),
        ("9.95e1", 100),
        ("-99.5", -100),
        ("99e-1", 10),
        ("+1.5", 2),
        ("0x10", 0),
        ("12abc", 12),
        ("1e", 1),
        ("1e+", 1),
        ("1e5e5", 100_000),
        ("1.2.3", 1),
        ("", 0),
        ("\u{a0}7\u{3000}", 7),
    ];
    for (text, expected) in cases {
        assert_eq!(int(text), expected, "{text}");
    }
}

#[test]
fn integers_out_of_range_are_the_nearest_with_the_error_of_tidb() {
    let shown = |text: &str| {
        let (value, error) = text_to_i64(text.as_bytes(), false, true);
        (value, error.map(|error| (error.code, error.message)))
    };
    let out_of_range = |text: &str| Some((1690, format!("BIGINT value is out of range in '{text}'")));
    assert_eq!(shown("99999999999999999999"), (i64::MAX, out_of_range("99999999999999999999")));
    assert_eq!(shown("-1e400"), (i64::MIN, out_of_range("-1e400")));
    assert_eq!(shown("-9223372036854775808"), (i64::MIN, None));
    let (value, error) = text_to_u64(b"18446744073709551615.5", false, true);
    assert_eq!(value, u64::MAX);
    assert_eq!(
        error.map(|error| error.message).as_deref(),
        Some("BIGINT UNSIGNED value is out of range in '18446744073709551616'")
    );
    let (value, error) = text_to_u64(b"-0.6", false, true);
    assert_eq!((value, error.is_some()), (0, true));
    assert_eq!(text_to_u64(b"-0.4", false, false), (0, None));
    assert_eq!(text_to_u64(b"1.8446744073709551e19", false, false), (18_446_744_073_709_551_000, None));
}

#[test]
fn text_after_a_number_is_an_error_in_strict_mode_only() {
    let error = text_to_i64(b"12abc", false, false).1.map(|error| (error.code, error.message));
    assert_eq!(error, Some((1292, "Truncated incorrect DOUBLE value: '12abc'".to_owned())));
    assert_eq!(text_to_i64(b"1e", false, false), (1, None));
    assert_eq!(text_to_f64(b"1e", false, false), (1.0, None));
    assert_eq!(text_to_f64(b"1.5x", false, true), (1.5, None));
    assert_eq!(text_to_f64(b"", false, false).1.map(|error| error.code), Some(1292));
    assert_eq!(text_to_f64(b"", true, false), (0.0, None));
    // The prefix 1.5 is no integer, which TiDB reports instead of the truncation.
    assert_eq!(text_to_i64(b"1.5x", false, false).1.map(|error| error.code), Some(1690));
    assert_eq!(text_to_i64(b"1.5", true, true), (1, None));
    assert_eq!(text_to_i64(b"-", true, true), (0, None));
}

#[test]
fn doubles_beyond_the_range_are_the_greatest() {
    assert_eq!(text_to_f64(b"1e309", false, true), (f64::MAX, None));
    assert_eq!(text_to_f64(b"-1e309", false, true), (-f64::MAX, None));
    assert_eq!(text_to_f64(b"1e309", false, false).1.map(|error| error.code), Some(1292));
    assert_eq!(text_to_f64(b"1e-330", false, false), (0.0, None));
    assert_eq!(text_to_f64(b"-.5e1", false, false), (-5.0, None));
    assert_eq!(text_to_f64(b"5.", false, false), (5.0, None));
}

#[test]
fn doubles_are_written_as_go_writes_them() {
    let cases = [
        (1e39, "1e+39"),
        (-1e-10, "-1e-10"),
        (0.9996, "0.9996"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (123_456.0, "123456"),
        (1_234_567.0, "1.234567e+06"),
        (100_000.0, "100000"),
        (1e6, "1e+06"),
        (0.0, "0"),
        (-0.0, "-0"),
        (17.25, "17.25"),
        (f64::MAX, "1.7976931348623157e+308"),
        (5e-324, "5e-324"),
    ];
    for (value, text) in cases {
        assert_eq!(GoFloat::general(value).as_str(), text);
    }
    let mut plain = Vec::new();
    write_f64(1e21, &mut plain);
    plain.push(b' ');
    write_f32(0.1, &mut plain);
    assert_eq!(plain, b"1000000000000000000000 0.1");
}

#[test]
fn floats_with_m_and_d_are_rounded_and_kept_in_range() {
    assert_eq!(truncate_float(999.94, 4, 1), (999.9, None));
    assert_eq!(truncate_float(999.95, 4, 1).0, 999.9);
    assert!(truncate_float(999.95, 4, 1).1.is_some());
    assert_eq!(truncate_float(-1000.05, 4, 1).0, -999.9);
    assert_eq!(truncate_float(0.05, 4, 1), (0.0, None));
    assert_eq!(truncate_float(0.15, 4, 1), (0.2, None));
    assert_eq!(truncate_float(0.25, 4, 1), (0.2, None));
    assert_eq!(truncate_float(f64::NAN, 4, 1).0, 0.0);
    assert_eq!(truncate_digits(-1.999, 2), -1.99);
    assert_eq!(truncate_digits(123.0, -2), 100.0);
    assert_eq!(truncate_digits(1.5, 400), 1.5);
    assert_eq!(truncate_digits(1.5, -400), 0.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn arbitrary_bytes_never_panic(text in proptest::collection::vec(any::<u8>(), 0..40), flags in 0..4_u8) {
        let (cast, lax) = (flags & 1 != 0, flags & 2 != 0);
        text_to_i64(&text, cast, lax);
        text_to_u64(&text, cast, lax);
        text_to_f64(&text, cast, lax);
    }

    #[test]
    fn number_like_text_never_panics(text in "[-+ ]?[0-9]{0,30}[.]?[0-9]{0,30}([eE]-?[0-9]{0,22})?[ x]?") {
        let signed = text_to_i64(text.as_bytes(), false, true).0;
        let float = text_to_f64(text.as_bytes(), false, true).0;
        if float.abs() < 9e15 && float.abs() >= 1e-6 {
            prop_assert!((signed as f64 - float).abs() <= 0.5, "{text}: {signed} {float}");
        }
    }

    #[test]
    fn integers_read_back(value in any::<i64>(), unsigned in any::<u64>()) {
        prop_assert_eq!(text_to_i64(value.to_string().as_bytes(), false, false), (value, None));
        prop_assert_eq!(text_to_u64(unsigned.to_string().as_bytes(), false, false), (unsigned, None));
    }
}
