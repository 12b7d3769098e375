//! Known values of TiDB and MySQL, and properties of the whole module.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::*;

const LAX: TimeContext<'static> = TimeContext::UTC;
const STRICT: TimeContext<'static> = TimeContext {
    rules: TimeRules { allow_zero_in_date: false, allow_invalid_date: false, truncate_fraction: false },
    zone: &TimeZone::Fixed(0),
};

fn new_york() -> TimeZone {
    TimeZone::Named(jiff::tz::TimeZone::get("America/New_York").unwrap())
}

fn datetime(text: &str, fsp: u8) -> Result<String, u16> {
    Time::parse(text.as_bytes(), TimeKind::Datetime, fsp, LAX)
        .map(|time| time.to_text())
        .map_err(|error| error.code)
}

fn at(text: &str) -> Time {
    Time::parse_datetime(text.as_bytes(), LAX).unwrap()
}

fn date(text: &str) -> Time {
    Time::parse(text.as_bytes(), TimeKind::Date, 0, LAX).unwrap()
}

#[test]
fn every_spelling_of_a_date_and_time_is_read() {
    for (text, fsp, expected) in [
        ("2024-01-02 03:04:05", 0, "2024-01-02 03:04:05"),
        ("2024-01-02T03:04:05", 0, "2024-01-02 03:04:05"),
        ("2024-01-02", 0, "2024-01-02 00:00:00"),
        ("  2024-01-02 03:04:05  ", 0, "2024-01-02 03:04:05"),
        ("24-1-2 3:4:5", 0, "2024-01-02 03:04:05"),
        ("70-01-02", 0, "1970-01-02 00:00:00"),
        ("69-01-02", 0, "2069-01-02 00:00:00"),
        ("2024/01/02 03.04.05", 0, "2024-01-02 03:04:05"),
        ("2024.01.02 03:04", 0, "2024-01-02 03:04:00"),
        ("2024-01-02 03", 0, "2024-01-02 03:00:00"),
        ("20240102030405", 0, "2024-01-02 03:04:05"),
        ("240102030405", 0, "2024-01-02 03:04:05"),
        ("20240102", 0, "2024-01-02 00:00:00"),
        ("240102", 0, "2024-01-02 00:00:00"),
        ("20129", 0, "2020-12-09 00:00:00"),
        ("2401020304", 0, "2024-01-02 03:04:00"),
        ("2401023", 0, "2024-01-02 03:00:00"),
        ("20170118.123423", 0, "2017-01-18 12:34:23"),
        ("2401020304.56", 0, "2024-01-02 03:04:56"),
        ("2024-01-02 03:04:05.123456", 6, "2024-01-02 03:04:05.123456"),
        ("2024-01-02 03:04:05.5", 0, "2024-01-02 03:04:06"),
        ("2024-01-02 03:04:05.1234567", 6, "2024-01-02 03:04:05.123457"),
        ("2024-12-31 23:59:59.99", 1, "2025-01-01 00:00:00.0"),
        ("20240102030405.678", 2, "2024-01-02 03:04:05.68"),
        ("2024-01-02 03:04:05 06:07:08", 0, "2024-01-02 03:04:05"),
        ("2024-01-02 03:04:05x", 0, "2024-01-02 03:04:05"),
        ("2024--01--02", 0, "2024-01-02 00:00:00"),
        ("00-00-00", 0, "0000-00-00 00:00:00"),
        ("0000-00-00", 0, "0000-00-00 00:00:00"),
        ("2024-00-10", 0, "2024-00-10 00:00:00"),
        ("0001-01-01", 0, "0001-01-01 00:00:00"),
    ] {
        let expected = if text.ends_with('x') { Err(0) } else { Ok(expected.to_owned()) };
        assert_eq!(datetime(text, fsp), expected, "{text}");
    }
}

#[test]
fn zone_offsets_are_converted_to_the_session() {
    for (text, expected) in [
        ("2024-07-01 12:00:00+02:00", Ok("2024-07-01 10:00:00")),
        ("2024-07-01 12:00:00-0330", Ok("2024-07-01 15:30:00")),
        ("2024-07-01 12:00:00Z", Ok("2024-07-01 12:00:00")),
        ("2024-07-01T12:00:00.5+08", Ok("2024-07-01 04:00:01")),
        ("20240701120000+08:00", Ok("2024-07-01 04:00:00")),
        // Incomplete times take the offset as their next field.
        ("2024-07-01 12:30-45", Ok("2024-07-01 12:30:45")),
        ("2024-07-01-12", Ok("2024-07-01 12:00:00")),
        ("2024-07-01 12:00:00-00:00", Err(1292)),
        ("2024-07-01 12:00:00+14:01", Err(1292)),
        ("20240701+08:00", Err(1292)),
    ] {
        assert_eq!(datetime(text, 0), expected.map(str::to_owned), "{text}");
    }
}

#[test]
fn what_is_no_time_is_error_1292() {
    for text in [
        "",
        "abc",
        "2024",
        "2024-13-01",
        "2024-02-30",
        "2023-02-29",
        "2024-01-01 25:00:00",
        "2024-01-01 10:60:00",
        "10000-01-01",
        "9999-12-31 23:59:59.5",
        "-2024-01-01",
        "1",
        "123",
        "2024a01-02",
        "999999999999999",
    ] {
        assert_eq!(datetime(text, 0), Err(1292), "{text}");
    }
}

#[test]
fn rules_decide_on_zero_parts_and_impossible_days() {
    let invalid = TimeContext {
        rules: TimeRules { allow_invalid_date: true, ..TimeRules::lenient() },
        zone: &TimeZone::Fixed(0),
    };
    let read = |text: &str, context| Time::parse(text.as_bytes(), TimeKind::Date, 0, context).is_ok();
    assert!(read("2024-00-10", LAX) && !read("2024-00-10", STRICT));
    assert!(read("2024-01-00", LAX) && !read("2024-01-00", STRICT));
    assert!(read("0000-00-00", STRICT));
    assert!(read("2024-02-31", invalid) && !read("2024-02-31", LAX));
    assert!(!read("2024-02-32", invalid));
    let mode = |bits| TimeRules::from_mode(SqlMode(bits));
    assert!(mode(0).allow_zero_in_date);
    assert!(!mode(1 << 21 | 1 << 23 | 1 << 24).allow_zero_in_date);
    assert!(mode(1 << 21 | 1 << 23).allow_zero_in_date);
    assert!(mode(1 << 32).allow_invalid_date);
}

#[test]
fn a_date_drops_its_clock_after_checking_it() {
    assert_eq!(date("2024-01-02 03:04:05"), Time::date(2024, 1, 2));
    assert_eq!(date("2024-01-02 23:59:59.9"), Time::date(2024, 1, 3));
    assert!(Time::parse(b"2024-01-02 25:00:00", TimeKind::Date, 0, LAX).is_err());
}

#[test]
fn timestamps_have_the_range_of_their_zone() {
    let read = |text: &str, zone: &TimeZone| {
        let context = TimeContext { rules: TimeRules::lenient(), zone };
        Time::parse(text.as_bytes(), TimeKind::Timestamp, 0, context)
            .and_then(|time| time.convert_zone(zone, &TimeZone::Fixed(0)))
            .map(|time| time.to_text())
            .map_err(|error| error.code)
    };
    let utc = TimeZone::Fixed(0);
    assert_eq!(read("1970-01-01 00:00:00", &utc), Err(1292));
    assert_eq!(read("1970-01-01 00:00:01", &utc).unwrap(), "1970-01-01 00:00:01");
    assert_eq!(read("2038-01-19 03:14:07", &utc).unwrap(), "2038-01-19 03:14:07");
    assert_eq!(read("2038-01-19 03:14:08", &utc), Err(1292));
    assert_eq!(read("0000-00-00", &utc).unwrap(), "0000-00-00 00:00:00");
    assert_eq!(read("2024-00-10", &utc), Err(1292));
    let east = TimeZone::Fixed(8 * 3600);
    assert_eq!(read("1970-01-01 08:00:01", &east).unwrap(), "1970-01-01 00:00:01");
    let new_york = new_york();
    assert_eq!(read("2024-07-01 12:00:00", &new_york).unwrap(), "2024-07-01 16:00:00");
    // The repeated hour is its first, the skipped hour an error.
    assert_eq!(read("2024-11-03 01:30:00", &new_york).unwrap(), "2024-11-03 05:30:00");
    assert_eq!(read("2024-03-10 02:30:00", &new_york), Err(8179));
    let skipped = at("2024-03-10 02:30:00");
    assert_eq!(skipped.adjusted_for_skipped(&new_york).unwrap().to_text(), "2024-03-10 03:00:00");
    assert_eq!(at("2024-03-10 04:30:00").adjusted_for_skipped(&new_york), None);
}

#[test]
fn a_change_of_offset_without_daylight_saving_reads_the_later_hour_in_the_east() {
    let moscow = TimeZone::Named(jiff::tz::TimeZone::get("Europe/Moscow").unwrap());
    let micros = at("2014-10-26 01:30:00").to_unix_micros(&moscow).unwrap();
    assert_eq!(
        Time::from_unix_micros(micros, &TimeZone::Fixed(0), TimeKind::Datetime, 0).to_text(),
        "2014-10-25 22:30:00"
    );
}

#[test]
fn remembered_offsets_are_those_of_the_zone() {
    // Zones alternate so that what is remembered is thrown away now and then.
    for name in
        ["America/New_York", "Asia/Shanghai", "Europe/Dublin", "Africa/Casablanca", "America/New_York"]
    {
        let zone = jiff::tz::TimeZone::get(name).unwrap();
        let session = TimeZone::Named(zone.clone());
        for step in 0..40_000_i64 {
            let micros = step * 52_777 * MICROS_PER_SECOND;
            let local = Time::from_unix_micros(micros, &session, TimeKind::Timestamp, 0);
            let read_back = local.to_unix_micros(&session).unwrap();
            // A repeated hour reads as one of its two instants, everything else as its own.
            let shows_the_same = Time::from_unix_micros(read_back, &session, TimeKind::Timestamp, 0) == local;
            assert!(
                shows_the_same && (micros - read_back).abs() <= 3600 * MICROS_PER_SECOND,
                "{name} {local}"
            );
        }
    }
}

#[test]
fn numbers_are_dates_and_times_by_their_size() {
    let read =
        |number, kind| Time::from_number(number, kind, 0, LAX).map(|time| time.to_text()).map_err(|e| e.code);
    let text = |text: &str| Ok(text.to_owned());
    assert_eq!(read(0, TimeKind::Date), text("0000-00-00"));
    assert_eq!(read(20240102, TimeKind::Date), text("2024-01-02"));
    assert_eq!(read(240102, TimeKind::Datetime), text("2024-01-02 00:00:00"));
    assert_eq!(read(991231, TimeKind::Date), text("1999-12-31"));
    assert_eq!(read(20240102030405, TimeKind::Datetime), text("2024-01-02 03:04:05"));
    assert_eq!(read(240102030405, TimeKind::Datetime), text("2024-01-02 03:04:05"));
    assert_eq!(read(101, TimeKind::Date), text("2000-01-01"));
    for number in [1, 100, 12345678901234567, -1, 691232, 99991232, 20241301, i64::MAX, i64::MIN] {
        assert_eq!(read(number, TimeKind::Datetime), Err(1292), "{number}");
    }
    let float = |text: &str| {
        Time::parse_number_text(text.as_bytes(), TimeKind::Datetime, 1, LAX).map(|t| t.to_text())
    };
    assert_eq!(float("20240102030405.67").unwrap(), "2024-01-02 03:04:05.7");
    assert_eq!(float("20240102.67").unwrap(), "2024-01-02 00:00:00.0");
    assert_eq!(float("0.0").unwrap(), "0000-00-00 00:00:00");
    assert_eq!(at("2024-01-02 03:04:05.25").to_number_text(), "20240102030405.25");
    assert_eq!(date("2024-01-02").to_number(), 20240102);
}

#[test]
fn time_values_are_read_with_days_fractions_and_signs() {
    let read = |text: &str, fsp| Duration::parse(text.as_bytes(), fsp, LAX).map(|time| time.to_text());
    for (text, fsp, expected) in [
        ("10:11:12", 0, "10:11:12"),
        ("-10:11:12.345", 2, "-10:11:12.35"),
        ("1 02:03:04", 0, "26:03:04"),
        ("1 2", 0, "26:00:00"),
        ("10:11", 0, "10:11:00"),
        ("101112", 0, "10:11:12"),
        ("12", 0, "00:00:12"),
        ("1112.5", 0, "00:11:13"),
        ("59:59.999999", 3, "59:59:01.000"),
        ("00:59:59.9999", 3, "01:00:00.000"),
        ("838:59:59", 0, "838:59:59"),
        ("2024-01-02 03:04:05.6", 1, "03:04:05.6"),
        ("20240102030405", 0, "03:04:05"),
        (" 10 : 11 : 12 ", 0, "10:11:12"),
        ("-0", 0, "00:00:00"),
    ] {
        assert_eq!(read(text, fsp).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn time_values_out_of_range_carry_the_nearest_value() {
    let read = |text: &str| {
        let error = Duration::parse(text.as_bytes(), 0, LAX).unwrap_err();
        (error.error.code, error.nearest.map(|time| time.to_text()))
    };
    let nearest = |text: &str| (1292, Some(text.to_owned()));
    assert_eq!(read("839:00:00"), nearest("838:59:59"));
    assert_eq!(read("-839:00:00"), nearest("-838:59:59"));
    assert_eq!(read("838:59:59.9"), nearest("838:59:59"));
    assert_eq!(read("10:11:12abc"), nearest("10:11:12"));
    for text in ["", "abc", "12:60:00", "12:30:61", "10:11:12 and more"] {
        assert_eq!(read(text), (1292, None), "{text}");
    }
    assert_eq!(Duration::from_number(8385959, 0).unwrap().to_text(), "838:59:59");
    assert_eq!(Duration::from_number(-101112, 0).unwrap().to_text(), "-10:11:12");
    assert_eq!(Duration::from_number(20240102030405, 0).unwrap().to_text(), "03:04:05");
    assert_eq!(Duration::from_number(9999999, 0).unwrap_err().nearest.unwrap().to_text(), "838:59:59");
    assert_eq!(Duration::from_number(6099, 0).unwrap_err().nearest, None);
    assert!(Duration::from_number(i64::MIN, 0).is_err());
}

#[test]
fn durations_round_halves_upwards() {
    let round = |nanos, fsp| Duration { nanos, fsp: 6 }.round_to(fsp).nanos;
    assert_eq!(round(1_500_000, 3), 2_000_000);
    assert_eq!(round(-1_500_000, 3), -1_000_000);
    assert_eq!(round(-1_500_001, 3), -2_000_000);
}

#[test]
fn rounding_a_time_carries_into_the_calendar() {
    let time = at("2024-02-28 23:59:59.999999");
    assert_eq!(time.round_to(3, LAX).unwrap().to_text(), "2024-02-29 00:00:00.000");
    let partial = at("2024-00-10 10:11:59.9");
    assert_eq!(partial.round_to(0, LAX).unwrap().to_text(), "2024-00-10 10:12:00");
    assert!(at("2024-00-10 23:59:59.9").round_to(0, LAX).is_err());
    let cut = TimeContext { rules: TimeRules { truncate_fraction: true, ..TimeRules::lenient() }, ..LAX };
    assert_eq!(time.round_to(0, cut).unwrap().to_text(), "2024-02-28 23:59:59");
}

#[test]
fn years_have_two_or_four_digits() {
    assert_eq!(parse_year_text(b"24").unwrap(), 2024);
    assert_eq!(parse_year_text(b"70").unwrap(), 1970);
    assert_eq!(parse_year_text(b"0").unwrap(), 2000);
    assert_eq!(parse_year_text(b"2155").unwrap(), 2155);
    for text in ["", "123", "1900", "2156", "abc", "-1"] {
        assert!(parse_year_text(text.as_bytes()).is_err(), "{text}");
    }
    assert_eq!(parse_year_number(0, false), Ok(0));
    assert_eq!(parse_year_number(0, true), Ok(2000));
    assert_eq!(parse_year_number(99, false), Ok(1999));
    assert_eq!(parse_year_number(1900, false).unwrap_err().0, 1901);
    assert_eq!(parse_year_number(9999, false).unwrap_err().0, 2155);
    assert_eq!(parse_year_number(-5, false).unwrap_err().0, 0);
}

#[test]
fn weeks_follow_every_mode_of_mysql() {
    let weeks = |text: &str| (0..8).map(|mode| date(text).week(mode)).collect::<Vec<_>>();
    assert_eq!(weeks("2008-02-20"), [7, 8, 7, 8, 8, 7, 8, 7]);
    assert_eq!(weeks("2000-01-01"), [0, 0, 52, 52, 0, 0, 52, 52]);
    assert_eq!(weeks("2008-12-31"), [52, 53, 52, 1, 53, 52, 53, 52]);
    assert_eq!(date("1987-01-01").year_week(0), (1986, 52));
    assert_eq!(date("2000-01-01").year_week(3), (1999, 52));
    assert_eq!(date("2024-02-29").weekday(), 3);
    assert_eq!(date("2024-12-31").day_of_year(), 366);
    assert_eq!(date("2024-11-01").quarter(), 4);
}

#[test]
fn day_numbers_are_those_of_to_days() {
    assert_eq!(date("2007-10-07").day_number(), 733_321);
    assert_eq!(date("0000-01-01").day_number(), 1);
    assert_eq!(at("2009-11-29 13:43:32").to_seconds(), 63_426_721_412);
    assert_eq!(date_from_day_number(730_669).to_text(), "2000-07-03");
    assert_eq!(date_from_day_number(365), Time::date(0, 0, 0));
    assert_eq!(date("2024-03-01").days_since(&date("2024-02-01")), 29);
    assert_eq!(date("2023-02-11").last_day().unwrap(), Time::date(2023, 2, 28));
}

#[test]
fn intervals_are_added_with_the_day_cut_to_its_month() {
    let add = |start: &str, unit: &str, text: &str| {
        let (interval, _) = Interval::parse(IntervalUnit::from_name(unit).unwrap(), text.as_bytes());
        at(start)
            .plus_interval(&interval, interval.fsp)
            .map(|time| time.to_text())
            .map_err(|error| error.code)
    };
    let text = |text: &str| Ok(text.to_owned());
    assert_eq!(add("2018-01-31", "month", "1"), text("2018-02-28 00:00:00"));
    assert_eq!(add("2024-02-29", "YEAR", "1"), text("2025-02-28 00:00:00"));
    assert_eq!(add("2024-03-31", "MONTH", "-1"), text("2024-02-29 00:00:00"));
    assert_eq!(add("2018-12-31 23:59:59", "SECOND", "1.5"), text("2019-01-01 00:00:00.5"));
    assert_eq!(add("2024-01-01", "DAY_MICROSECOND", "1 2:3:4.5"), text("2024-01-02 02:03:04.500000"));
    assert_eq!(add("2024-01-01", "YEAR_MONTH", "-1-2"), text("2022-11-01 00:00:00"));
    assert_eq!(add("2024-01-01", "HOUR", "25"), text("2024-01-02 01:00:00"));
    assert_eq!(add("2024-01-01", "WEEK", "2"), text("2024-01-15 00:00:00"));
    assert_eq!(add("9999-12-31", "DAY", "1"), Err(1441));
    assert_eq!(add("2024-01-01", "YEAR", "99999999999999999999"), Err(1441));
    assert_eq!(add("2024-00-01", "DAY", "1"), Err(1292));
}

#[test]
fn differences_count_whole_units() {
    let diff = |start: &str, end: &str, unit| at(end).units_since(&at(start), unit);
    assert_eq!(diff("2003-02-01", "2003-05-01", TimeUnit::Month), 3);
    assert_eq!(diff("2002-05-01", "2001-01-01", TimeUnit::Year), -1);
    assert_eq!(diff("2003-02-01", "2003-05-01 12:05:55", TimeUnit::Minute), 128_885);
    assert_eq!(diff("2024-01-31 10:00:00", "2024-02-29 09:00:00", TimeUnit::Month), 0);
    let span = at("2024-01-02").duration_since(&at("2024-01-01 23:59:59.5"));
    assert_eq!(span.to_text(), "00:00:00.5");
    assert_eq!(
        at("2024-01-01").plus_duration(&Duration::from_number(-10000, 0).unwrap()).unwrap().to_text(),
        "2023-12-31 23:00:00"
    );
}

#[test]
fn formats_name_every_part() {
    let time = at("2009-10-04 22:23:00.5");
    assert_eq!(time.date_format("%W %M %Y").unwrap(), "Sunday October 2009");
    assert_eq!(
        time.date_format("%H %k %I %r %T %S %w %f").unwrap(),
        "22 22 10 10:23:00 PM 22:23:00 00 0 500000"
    );
    assert_eq!(time.date_format("%D %y %a %d %m %b %j %%x%").unwrap(), "4th 09 Sun 04 10 Oct 277 %x");
    assert_eq!(date("1999-01-01").date_format("%X %V %x %v %U %u").unwrap(), "1998 52 1998 53 00 00");
    assert!(at("2024-00-01").date_format("%M").is_err());
    assert_eq!(
        Duration::parse(b"100:00:00", 0, LAX).unwrap().time_format("%H %k %h %I %l"),
        "100 100 04 04 4"
    );
}

#[test]
fn str_to_date_reads_by_format() {
    let read = |text, format| Time::str_to_date(text, format, 6).map(|time| time.to_text());
    assert_eq!(read("01,5,2013", "%d,%m,%Y").as_deref(), Some("2013-05-01 00:00:00.000000"));
    assert_eq!(read("May 1, 2013", "%M %d,%Y").as_deref(), Some("2013-05-01 00:00:00.000000"));
    assert_eq!(read("12:34:56 PM", "%r").as_deref(), Some("0000-00-00 12:34:56.000000"));
    assert_eq!(read("9:5:1.25", "%H:%i:%s.%f").as_deref(), Some("0000-00-00 09:05:01.250000"));
    assert_eq!(read("11 PM", "%h %p").as_deref(), Some("0000-00-00 23:00:00.000000"));
    assert_eq!(read("abc", "abc").as_deref(), Some("0000-00-00 00:00:00.000000"));
    assert_eq!(read("2024", "%d"), Some("0000-00-20 00:00:00.000000".into()));
    assert_eq!(read("13", "%m"), None);
    assert_eq!(format_kind("%Y %H"), FormatKind { has_clock: true, has_date: true });
}

fn any_time() -> impl Strategy<Value = Time> {
    (0u16..=9999, 1u8..=12, 1u8..=28, 0u8..24, 0u8..60, 0u8..60, 0u32..1_000_000).prop_map(
        |(year, month, day, hour, minute, second, micros)| Time {
            year,
            month,
            day,
            hour,
            minute,
            second,
            micros,
            kind: TimeKind::Datetime,
            fsp: 6,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn text_and_bits_read_back_the_same(time in any_time()) {
        let text = time.to_text();
        prop_assert_eq!(Time::parse(text.as_bytes(), TimeKind::Datetime, 6, STRICT).unwrap(), time);
        prop_assert_eq!(Time::from_packed(time.to_packed(), time.kind, 6), time);
        prop_assert_eq!(Time::from_core_bits(time.to_core_bits(), time.kind, 6), time);
        prop_assert_eq!(Time::from_utc_micros(time.as_utc_micros().unwrap(), time.kind, 6), time);
    }

    #[test]
    fn packed_order_is_the_order_of_times(left in any_time(), right in any_time()) {
        prop_assert_eq!(left.to_packed().cmp(&right.to_packed()), left.compare(&right));
        let by_instant = left.as_utc_micros().cmp(&right.as_utc_micros());
        prop_assert_eq!(left.compare(&right), by_instant);
    }

    #[test]
    fn day_numbers_agree_with_the_calendar(number in 366i64..3_652_425) {
        let date = date_from_day_number(number);
        prop_assert_eq!(date.day_number(), number);
        prop_assert_eq!(date_from_day_number(number + 1).compare(&date), Ordering::Greater);
    }

    #[test]
    fn the_canonical_reader_agrees_with_the_general_one(time in any_time(), digits in 0u8..=6, fsp in 0u8..=6) {
        let text = Time { fsp: digits, ..time }.to_text();
        let zone_less = format!(" {text}");
        for kind in [TimeKind::Date, TimeKind::Datetime] {
            prop_assert_eq!(
                Time::parse(text.as_bytes(), kind, fsp, LAX).ok(),
                Time::parse(zone_less.as_bytes(), kind, fsp, LAX).ok(),
                "{}", text
            );
        }
    }

    #[test]
    fn durations_read_back_the_same(micros in -3_020_399_000_000i64..=3_020_399_000_000) {
        let duration = Duration { nanos: micros * 1000, fsp: 6 };
        prop_assert_eq!(Duration::parse(duration.to_text().as_bytes(), 6, LAX).unwrap(), duration);
    }

    #[test]
    fn readers_survive_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..40), number in any::<i64>(), fsp in any::<u8>()) {
        let new_york = new_york();
        let context = TimeContext { rules: TimeRules::lenient(), zone: &new_york };
        for kind in [TimeKind::Date, TimeKind::Datetime, TimeKind::Timestamp] {
            let _ = Time::parse(&bytes, kind, fsp, context);
            let _ = Time::parse_number_text(&bytes, kind, fsp, context);
            let _ = Time::from_number(number, kind, fsp, context);
            let odd = Time::from_core_bits(number as u64, kind, 6);
            let _ = (odd.check(context), odd.to_text(), odd.week(3), odd.weekday(), odd.last_day(), odd.date_format("%M%X%x%w%j"));
            let _ = (odd.to_unix_micros(&new_york), odd.round_to(2, context), odd.plus_interval(&Interval { days: number, ..Interval::default() }, 0));
        }
        let _ = Duration::parse(&bytes, fsp, context);
        let _ = Duration::from_number(number, fsp);
        let _ = Interval::parse(IntervalUnit::DayMicrosecond, &bytes);
        let _ = Interval::parse(IntervalUnit::Second, &bytes);
        let _ = parse_year_text(&bytes);
        let _ = parse_year_number(number, true);
        let text = String::from_utf8_lossy(&bytes);
        let _ = Time::str_to_date(&text, "%Y-%m-%d %r %p", 6);
        let _ = Time::str_to_date("2024-01-02 10:11:12 PM", &text, 6);
    }

    #[test]
    fn readers_survive_what_looks_like_times(text in "[0-9:. TZ+/-]{0,32}") {
        let text = text.as_bytes();
        let read = Time::parse(text, TimeKind::Datetime, 6, LAX);
        if let Ok(time) = read {
            prop_assert_eq!(Time::parse(time.to_text().as_bytes(), TimeKind::Datetime, 6, LAX).unwrap(), time);
        }
        let _ = Duration::parse(text, 6, LAX);
    }
}
