use proptest::prelude::*;

use super::*;

fn dec(text: &str) -> Decimal {
    Decimal::parse(text.as_bytes()).0
}

fn bin_hex(text: &str, precision: u8, frac: u8) -> String {
    let mut out = Vec::new();
    dec(text).to_bin(precision, frac, &mut out).unwrap();
    out.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

#[test]
fn text_reads_and_shows() {
    let cases = [
        ("17.25", "17.25", None),
        ("-24710.35", "-24710.35", None),
        ("-0.00", "0.00", None),
        ("  +12 ", "12", None),
        ("1.2.3", "1.2", Some(Issue::Truncated)),
        ("12x", "12", Some(Issue::Truncated)),
        ("abc", "0", Some(Issue::NotANumber)),
        ("", "0", Some(Issue::NotANumber)),
        ("   ", "0", Some(Issue::NotANumber)),
        (".5", "0.5", None),
        ("5.", "5", None),
        ("1e10", "10000000000", None),
        ("1e-400", "0", Some(Issue::Truncated)),
        ("123.456e2", "12345.6", None),
        ("123.456e-2", "1.23456", None),
        ("1.5e-10", "0.00000000015", None),
        ("-1.5E+3", "-1500", None),
        ("1e", "1", Some(Issue::Truncated)),
        ("1e5x", "100000", Some(Issue::Truncated)),
        ("1e99999999999999999999", "0", Some(Issue::BadNumber)),
        ("123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789", None),
    ];
    for (text, shown, issue) in cases {
        let (decimal, got) = Decimal::parse(text.as_bytes());
        assert_eq!((decimal.to_string().as_str(), got), (shown, issue), "{text}");
    }
    let (nines, issue) = Decimal::parse(b"1e100");
    assert_eq!(issue, Some(Issue::Overflow));
    assert_eq!(nines.to_string(), "9".repeat(81));
    let (nines, issue) = Decimal::parse(b"-1e9999999999");
    assert_eq!((nines.to_string(), issue), (format!("-{}", "9".repeat(81)), Some(Issue::Overflow)));
}

#[test]
fn rounding_goes_half_up_and_carries() {
    let round = |text: &str, frac: i32| dec(text).round(frac, RoundMode::HalfUp).0.to_string();
    assert_eq!(round("999.995", 2), "1000.00");
    assert_eq!(round("1.005", 2), "1.01");
    assert_eq!(round("-1.005", 2), "-1.01");
    assert_eq!(round("0.4", 0), "0");
    assert_eq!(round("0.5", 0), "1");
    assert_eq!(round(".999", 2), "1.00");
    assert_eq!(round("-0.001", 2), "0.00");
    assert_eq!(round("5", -1), "10");
    assert_eq!(round("4", -1), "0");
    assert_eq!(round("999999999.9", 0), "1000000000");
    assert_eq!(round("123456789.987654321987", 9), "123456789.987654322");
    assert_eq!(round("1.5", 4), "1.5000");
    assert_eq!(round("1234567890123", -9), "1235000000000");
    assert_eq!(dec("1.999").round(2, RoundMode::Truncate).0.to_string(), "1.99");
}

#[test]
fn the_binary_form_is_that_of_mysql() {
    assert_eq!(bin_hex("1234567890.1234", 14, 4), "810dfb38d204d2");
    assert_eq!(bin_hex("-1234567890.1234", 14, 4), "7ef204c72dfb2d");
    assert_eq!(bin_hex("999.99", 5, 2), "83e763");
    assert_eq!(bin_hex("-999.99", 5, 2), "7c189c");
    assert_eq!(bin_hex("1.01", 5, 2), "800101");
    assert_eq!(bin_hex("0", 5, 2), "800000");
    let mut out = Vec::new();
    assert_eq!(dec("1").to_bin(0, 0, &mut out), Err(Issue::BadNumber));
    assert_eq!(dec("1000").to_bin(5, 2, &mut out), Err(Issue::Overflow));
    assert_eq!(dec("1.234").to_bin(5, 2, &mut out), Err(Issue::Truncated));
    assert_eq!(Decimal::from_bin(&[0xff, 0xff, 0xff], 5, 2), Err(Issue::BadNumber));
}

#[test]
fn machine_numbers_convert_both_ways() {
    assert_eq!(Decimal::from(i64::MIN).to_string(), i64::MIN.to_string());
    assert_eq!(Decimal::from(u64::MAX).to_u64(), (u64::MAX, None));
    assert_eq!(Decimal::from(i64::MIN).to_i64(), (i64::MIN, None));
    assert_eq!(dec("9223372036854775808").to_i64(), (i64::MAX, Some(Issue::Overflow)));
    assert_eq!(dec("-9223372036854775809").to_i64(), (i64::MIN, Some(Issue::Overflow)));
    assert_eq!(dec("1.5").to_i64(), (1, Some(Issue::Truncated)));
    assert_eq!(dec("-1").to_u64(), (0, Some(Issue::Overflow)));
    assert_eq!(dec("17.25").to_f64(), 17.25);
    assert_eq!(dec("-123456789.123456789").to_f64(), -123_456_789.123_456_79);
    assert_eq!(Decimal::from_f64(1e20).0.to_string(), "100000000000000000000");
    assert_eq!(Decimal::from_f64(0.1).0.to_string(), "0.1");
    assert_eq!(Decimal::from_f64(f64::NAN).1, Some(Issue::NotANumber));
}

#[test]
fn arithmetic_has_the_scales_of_mysql() {
    let (sum, issue) = dec("999999999.999").add(&dec("0.001"));
    assert_eq!((sum.to_string().as_str(), issue), ("1000000000.000", None));
    assert_eq!(dec("1.5").sub(&dec("1.50")).0.to_string(), "0.00");
    assert_eq!(dec("1").sub(&dec("1000000000")).0.to_string(), "-999999999");
    assert_eq!(dec("-1.5").mul(&dec("2.25")).0.to_string(), "-3.375");
    assert_eq!(dec("1").div(&dec("3"), 4).0.to_string(), "0.3333");
    assert_eq!(dec("2").div(&dec("3"), 4).0.to_string(), "0.6667");
    assert_eq!(dec("10.5").div(&dec("-0.25"), 4).0.to_string(), "-42.00000");
    assert_eq!(dec("1").div(&dec("0"), 4).1, Some(Issue::DivisionByZero));
    assert_eq!(dec("10.5").rem(&dec("-3")).0.to_string(), "1.5");
    assert_eq!(dec("-10.5").rem(&dec("3.25")).0.to_string(), "-0.75");
    assert_eq!(
        dec("234567890123456789012345").div(&dec("9876543210.5"), 4).0.to_string(),
        "23749998873500.7812"
    );
    assert_eq!(
        Decimal::extreme(false, 81, 0).add(&dec("1")),
        (Decimal::extreme(false, 81, 0), Some(Issue::Overflow))
    );
    assert_eq!(dec("-0.5").negate(), dec("0.50"));
}

#[test]
fn quotients_and_remainders_store_whole_words() {
    let quotients = [
        ("120", "10", "12.000000000"),
        ("123", "0.01", "12300.000000000"),
        ("120", "100000000000.00000", "0.000000001200000000"),
        ("-12193185.1853376", "98765.4321", "-123.456000000000000000"),
        ("0", "987", "0.00000"),
        ("1.000000000000", "3", "0.333333333333333333"),
        ("0.0123456789012345678912345", "9999999999", "0.000000000001234567890246913578148141"),
        ("10.333000000", "12.34500", "0.837019036046982584042122316"),
        ("51", "0.003430", "14868.804664723032069970"),
    ];
    for (left, right, quotient) in quotients {
        assert_eq!(dec(left).div(&dec(right), 5).0.exact_text().as_str(), quotient, "{left} / {right}");
    }
    let remainders = [
        ("234.567", "10.555", "2.357"),
        ("-234.567", "10.555", "-2.357"),
        ("234.567", "-10.555", "2.357"),
        ("99999999999999999999999999999999999999", "3", "0"),
        ("51", "0.003430", "0.002760"),
        ("0.0000000001", "1.0", "0.0000000001"),
        ("0.000", "0.1", "0.000"),
        ("1", "2.0", "1.0"),
    ];
    for (left, right, remainder) in remainders {
        assert_eq!(dec(left).rem(&dec(right)).0.to_string(), remainder, "{left} % {right}");
    }
}

#[test]
fn products_that_do_not_fit_lose_fraction_words_first() {
    let product = |left: &str, right: &str| {
        let (product, issue) = dec(left).mul(&dec(right));
        (product.to_string(), issue)
    };
    let truncated = Some(Issue::Truncated);
    assert_eq!(
        product(
            "-0.0000000000000000000000000000000000000000000000000017382578996420603",
            "-13890436710184412000000000000000000000000000000000000000000000000000000000000",
        ),
        ("0.000000000000000000000000000000".into(), truncated)
    );
    let long = format!("1{}", "0".repeat(60));
    assert_eq!(product(&long, &long), ("0".into(), Some(Issue::Overflow)));
    assert_eq!(
        product("0.5999991229316", "0.918755041726043"),
        ("0.5512522192246113614062276588".into(), None)
    );
    assert_eq!(product("0.000", "-1"), ("0.000".into(), None));
    let sum = dec(&format!("2{}", "1".repeat(71))).add(&dec(&"8".repeat(81))).0;
    assert_eq!(sum.to_string(), format!("8888888890{}", "9".repeat(71)));
}

#[test]
fn exponents_are_read_with_blanks_and_tails() {
    let cases = [
        ("1e 1dddd ", "10", Some(Issue::Truncated)),
        ("1e - 1", "1", Some(Issue::Truncated)),
        ("1e -1", "0.1", None),
        ("1eabc", "1", Some(Issue::Truncated)),
        ("1e001", "10", None),
        ("1  1", "1", Some(Issue::Truncated)),
        ("123457189.123123456789000e28", "1234571891231234567890000000000000000", None),
        ("00000087654321.123456789000e-14", "0.00000087654321123456789", None),
        ("000.000e1000", "0", None),
    ];
    for (text, shown, issue) in cases {
        let (decimal, got) = Decimal::parse(text.as_bytes());
        assert_eq!((decimal.exact_text().as_str(), got), (shown, issue), "{text}");
    }
    let (zeros, issue) = Decimal::parse(format!("0.{}", "0".repeat(89)).as_bytes());
    assert_eq!((zeros.to_string(), issue), (format!("0.{}", "0".repeat(72)), Some(Issue::Truncated)));
}

#[test]
fn extremes_fill_their_type() {
    assert_eq!(Decimal::extreme(true, 5, 2).to_string(), "-999.99");
    assert_eq!(Decimal::extreme(false, 65, 30).to_string(), format!("{}.{}", "9".repeat(35), "9".repeat(30)));
    assert_eq!(Decimal::extreme(false, 2, 2).to_string(), "0.99");
    assert_eq!(dec("0.00").precision_and_frac(), (2, 2));
    assert_eq!(dec("0").precision_and_frac(), (1, 0));
    assert_eq!(dec("0012.50").precision_and_frac(), (4, 2));
}

/// `value / 10^scale` as text.
fn scaled_text(value: i128, scale: usize) -> String {
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (int, frac) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    if scale == 0 { format!("{sign}{int}") } else { format!("{sign}{int}.{frac}") }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_bytes_never_panic(text in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = Decimal::parse(&text);
        for (precision, frac) in [(5, 2), (65, 30), (81, 30), (9, 9), (255, 30)] {
            let _ = Decimal::from_bin(&text, precision, frac);
        }
    }

    #[test]
    fn number_like_text_never_panics(
        left in "[-+]?[0-9]{0,90}[.]?[0-9]{0,90}([eE][-+]?[0-9]{0,3})?",
        right in "[-+]?[0-9]{0,90}[.]?[0-9]{0,50}([eE][-+]?[0-9]{0,2})?",
        frac in -90..90_i32,
    ) {
        let (left, right) = (dec(&left), dec(&right));
        let _ = (left.add(&right).0.to_string(), left.sub(&right).0.to_string());
        let _ = (left.mul(&right).0.to_string(), left.div(&right, 4).0.to_string(), left.rem(&right).0.to_string());
        let _ = (left.round(frac, RoundMode::HalfUp).0.to_string(), left.to_f64(), left.to_i64(), left.to_u64());
        let _ = left.to_bin(65, 30, &mut Vec::new());
        prop_assert_eq!(left.cmp(&right), right.cmp(&left).reverse());
    }

    #[test]
    fn text_goes_through_the_binary_form(value in any::<i64>(), scale in 0..19_usize) {
        let text = scaled_text(i128::from(value), scale);
        let mut out = vec![7];
        dec(&text).to_bin(40, scale as u8, &mut out).unwrap();
        let (back, size) = Decimal::from_bin(&out[1..], 40, scale as u8).unwrap();
        prop_assert_eq!(size, out.len() - 1);
        prop_assert_eq!(Some(size), bin_size(40, scale as u8));
        prop_assert_eq!(back.to_string(), text);
    }

    #[test]
    fn the_binary_form_orders_as_the_numbers(
        left in any::<i64>(), left_scale in 0..19_usize, right in any::<i64>(), right_scale in 0..19_usize,
    ) {
        let bin = |value, scale| {
            let decimal = dec(&scaled_text(i128::from(value), scale));
            let mut out = Vec::new();
            decimal.to_bin(40, 19, &mut out).unwrap();
            (decimal, out)
        };
        let ((left, left_bin), (right, right_bin)) = (bin(left, left_scale), bin(right, right_scale));
        prop_assert_eq!(left.cmp(&right), left_bin.cmp(&right_bin));
    }

    #[test]
    fn short_and_long_parsing_agree(value in any::<i32>(), scale in 0..10_usize) {
        let text = scaled_text(i128::from(value), scale);
        let (short, long) = (dec(&text), dec(&format!(" {text}")));
        prop_assert_eq!(short, long);
        prop_assert_eq!(short.to_string(), long.to_string());
    }

    #[test]
    fn arithmetic_agrees_with_whole_numbers(left in any::<i64>(), right in any::<i64>(), scale in 0..12_usize) {
        let (wide_left, wide_right) = (i128::from(left), i128::from(right));
        let of = |value: i128| dec(&scaled_text(value, scale));
        let (a, b) = (of(wide_left), of(wide_right));
        prop_assert_eq!(a.add(&b).0.to_string(), scaled_text(wide_left + wide_right, scale));
        prop_assert_eq!(a.sub(&b).0.to_string(), scaled_text(wide_left - wide_right, scale));
        let product = scaled_text(wide_left * wide_right, 2 * scale);
        let exact = a.mul(&b).0.exact_text();
        prop_assert_eq!(exact.as_str(), product.as_str());
        prop_assert_eq!(a.cmp(&b), left.cmp(&right));
        if right != 0 {
            prop_assert_eq!(a.rem(&b).0.to_string(), scaled_text(wide_left % wide_right, scale));
            let quotient = a.div(&b, 0).0.round(0, RoundMode::Truncate).0.to_string();
            prop_assert_eq!(quotient, (wide_left / wide_right).to_string());
        }
    }

    #[test]
    fn rounding_agrees_with_whole_numbers(value in any::<i64>(), scale in 1..18_usize, drop in 1..18_usize) {
        let drop = drop.min(scale);
        let unit = 10_i128.pow(drop as u32);
        let magnitude = i128::from(value).abs();
        let rounded = (magnitude + unit / 2) / unit * i128::from(value).signum();
        let got = dec(&scaled_text(i128::from(value), scale)).round((scale - drop) as i32, RoundMode::HalfUp).0;
        prop_assert_eq!(got.to_string(), scaled_text(rounded, scale - drop));
    }

    #[test]
    fn an_exponent_moves_the_point(value in any::<i32>(), scale in 0..10_usize, exponent in -20..20_i32) {
        let text = scaled_text(i128::from(value), scale);
        let moved = dec(&format!("{text}e{exponent}"));
        let steps = 10_i128.pow(exponent.unsigned_abs());
        let expected = if exponent < 0 {
            dec(&scaled_text(i128::from(value), scale + exponent.unsigned_abs() as usize))
        } else {
            dec(&scaled_text(i128::from(value) * steps, scale))
        };
        prop_assert_eq!(moved, expected);
    }
}
