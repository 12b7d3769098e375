//! Straight paths of calendar times: `YYYY-MM-DD` and `YYYY-MM-DD hh:mm:ss[.ffffff]`.

use th_row::Value;
use th_types::{Time, TimeKind};

use crate::cell::Converted;

const SECONDS_PER_DAY: i64 = 86_400;
/// TIMESTAMP's last second, 2038-01-19 03:14:07 UTC.
const TIMESTAMP_MAX: i64 = i32::MAX as i64;

/// Digits at fixed places as a number.
#[inline]
fn number<const N: usize>(text: &[u8; N]) -> Option<u32> {
    text.iter().try_fold(0, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then_some(number * 10 + u32::from(digit))
    })
}

/// A calendar date that exists, from the year 1 on: nothing that an SQL mode could object to.
#[inline]
fn parse_date(text: &[u8; 10]) -> Option<(u32, u32, u32)> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *text else { return None };
    let year = number(&[y0, y1, y2, y3])?;
    let month = number(&[m0, m1])?;
    let day = number(&[d0, d1])?;
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    (year > 0 && 1 <= day && day <= last).then_some((year, month, day))
}

/// Date and clock; no more fractional digits than the column keeps, so nothing is rounded.
#[inline]
fn parse_datetime(value: &Value<'_>, fsp: u8, kind: TimeKind) -> Option<Time> {
    let Value::Text(text) = *value else { return None };
    let (date, clock) = text.split_first_chunk::<10>()?;
    let (year, month, day) = parse_date(date)?;
    let mut time = Time { kind, fsp, ..Time::date(year as u16, month as u8, day as u8) };
    if clock.is_empty() {
        return Some(time);
    }
    let (&[b' ', h0, h1, b':', m0, m1, b':', s0, s1], fraction) = clock.split_first_chunk::<9>()? else {
        return None;
    };
    let (hour, minute, second) = (number(&[h0, h1])?, number(&[m0, m1])?, number(&[s0, s1])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    (time.hour, time.minute, time.second) = (hour as u8, minute as u8, second as u8);
    match fraction {
        [] => {}
        [b'.', digits @ ..] if !digits.is_empty() && digits.len() <= usize::from(fsp) => {
            let micros = digits.iter().try_fold(0, |micros, byte| {
                let digit = byte.wrapping_sub(b'0');
                (digit <= 9).then_some(micros * 10 + u32::from(digit))
            })?;
            time.micros = micros * 10u32.pow(6 - digits.len() as u32);
        }
        _ => return None,
    }
    Some(time)
}

#[inline]
pub(super) fn date(value: &Value<'_>) -> Option<Converted> {
    let Value::Text(text) = *value else { return None };
    let (year, month, day) = parse_date(text.try_into().ok()?)?;
    // `Time::to_packed` with no clock.
    let date = u64::from(year * 13 + month) << 5 | u64::from(day);
    Some(Converted::Number(date << 41))
}

#[inline]
pub(super) fn datetime(value: &Value<'_>, fsp: u8) -> Option<Converted> {
    Some(Converted::Number(parse_datetime(value, fsp, TimeKind::Datetime)?.to_packed()))
}

#[inline]
pub(super) fn timestamp(value: &Value<'_>, fsp: u8, offset: i32) -> Option<Converted> {
    let mut time = parse_datetime(value, fsp, TimeKind::Timestamp)?;
    let clock = i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second);
    let day = days_since_1970(i64::from(time.year), i64::from(time.month), i64::from(time.day));
    let seconds = day * SECONDS_PER_DAY + clock - i64::from(offset);
    if !(1..=TIMESTAMP_MAX).contains(&seconds) {
        return None;
    }
    if offset != 0 {
        let micros = time.micros;
        let utc = th_types::TimeZone::Fixed(0);
        time = Time::from_unix_micros(seconds * 1_000_000, &utc, TimeKind::Timestamp, fsp);
        time.micros = micros;
    }
    Some(Converted::Number(time.to_packed()))
}

/// Days of the proleptic Gregorian calendar, for years from 1 on.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Counting from March puts the leap day at the end of the year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    365 * year + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_from_1970() {
        assert_eq!(days_since_1970(1970, 1, 1), 0);
        assert_eq!(days_since_1970(2000, 3, 1), 11_017);
        assert_eq!(days_since_1970(2038, 1, 19), 24_855);
    }

    #[test]
    fn a_date_is_packed_as_a_time_is() {
        let packed = Time::date(2024, 12, 31).to_packed();
        assert_eq!(date(&Value::Text(b"2024-12-31")), Some(Converted::Number(packed)));
    }

    #[test]
    fn an_offset_moves_a_timestamp_to_utc() {
        let text = Value::Text(b"2024-01-01 02:30:00.5");
        let utc = Value::Text(b"2023-12-31 23:00:00.5");
        assert_eq!(timestamp(&text, 3, 12_600), datetime(&utc, 3));
        assert!(timestamp(&text, 3, 12_600).is_some());
    }

    #[test]
    fn doubtful_times_are_left_to_the_general_conversion() {
        for text in [
            "2023-02-29",
            "0000-00-00",
            "2023-1-1",
            "2023-01-01 24:00:00",
            "2023-01-01 00:00:00.1234567",
            "2023-01-01 00:00:00.",
            "2023-01-01 00:00:00+08:00",
            "2023-01-01T00:00:00Z",
            "",
        ] {
            assert_eq!(datetime(&Value::Text(text.as_bytes()), 6), None, "{text}");
        }
        assert_eq!(timestamp(&Value::Text(b"1970-01-01 00:00:00"), 0, 0), None);
        assert_eq!(timestamp(&Value::Text(b"2038-01-19 03:14:08"), 0, 0), None);
        assert_eq!(date(&Value::Text(b"2023-01-01 00:00:00")), None);
    }
}
