//! Dates, times and decimals of Parquet as the text that TiDB reads.

use std::io::Write as _;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use crate::error::OptionError;

const DAY: i64 = 86_400;
/// The Julian day of 1970-01-01.
const JULIAN_EPOCH: i64 = 2_440_588;

/// The time zone of the session, in which instants are shown.
#[derive(Debug, Clone)]
pub(super) struct Zone(Option<TimeZone>);

impl Zone {
    /// A name (`Europe/Berlin`), an offset (`+08:00`), or nothing for UTC.
    pub(super) fn parse(name: &str) -> Result<Self, OptionError> {
        if name.is_empty() || name.eq_ignore_ascii_case("utc") {
            return Ok(Self(None));
        }
        let offset = || {
            let (sign, rest) = match name.split_at_checked(1)? {
                ("+", rest) => (1, rest),
                ("-", rest) => (-1, rest),
                _ => return None,
            };
            let (hours, minutes) = rest.split_once(':')?;
            let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
            Offset::from_seconds(sign * seconds).ok().map(TimeZone::fixed)
        };
        offset().or_else(|| TimeZone::get(name).ok()).map(|zone| Self(Some(zone))).ok_or_else(|| {
            OptionError {
                option: "thunderhead.time-zone",
                problem: format!("{name:?} is neither an offset like +08:00 nor a known zone"),
            }
        })
    }

    /// Seconds that the zone is ahead of UTC at an instant.
    fn offset(&self, seconds: i64) -> i64 {
        let Some(zone) = &self.0 else { return 0 };
        Timestamp::from_second(seconds).map_or(0, |at| i64::from(zone.to_offset(at).seconds()))
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March, so that the day that comes and goes is the last one; eras have 400 years.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// `2024-02-29`.
pub(super) fn date(days: i64, out: &mut Vec<u8>) -> Result<(), String> {
    let (year, month, day) = civil(days.clamp(-100_000_000, 100_000_000));
    if !(0..=9999).contains(&year) {
        return Err(format!("day {days} since 1970-01-01 is not within the years 0 to 9999"));
    }
    let _ = write!(out, "{year:04}-{month:02}-{day:02}");
    Ok(())
}

fn clock(seconds: i64, fraction: i64, digits: u32, out: &mut Vec<u8>) {
    let _ = write!(out, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction > 0 {
        let _ = write!(out, ".{fraction:0width$}", width = digits as usize);
    }
}

/// `13:05:59.25`: units of 10^-`digits` seconds since midnight.
pub(super) fn time(value: i64, digits: u32, out: &mut Vec<u8>) -> Result<(), String> {
    let unit = 10_i64.pow(digits.min(9));
    if value < 0 {
        return Err(format!("{value} is no time of a day"));
    }
    clock(value / unit, value % unit, digits, out);
    Ok(())
}

/// `2024-02-29 13:05:59.25`: units since 1970-01-01, shown in `zone` if they are an instant's.
pub(super) fn timestamp(
    value: i64,
    digits: u32,
    zone: Option<&Zone>,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let unit = 10_i64.pow(digits.min(9));
    moment(value.div_euclid(unit), value.rem_euclid(unit), digits, zone, out)
}

fn moment(
    seconds: i64,
    fraction: i64,
    digits: u32,
    zone: Option<&Zone>,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let local = seconds.saturating_add(zone.map_or(0, |zone| zone.offset(seconds)));
    date(local.div_euclid(DAY), out)?;
    out.push(b' ');
    clock(local.rem_euclid(DAY), fraction, digits, out);
    Ok(())
}

/// INT96: nanoseconds of a Julian day.
pub(super) fn int96(day: u32, nanos: u64, zone: &Zone, out: &mut Vec<u8>) -> Result<(), String> {
    let nanos = i64::try_from(nanos).map_err(|_| "an INT96 timestamp is out of range".to_owned())?;
    let seconds = (i64::from(day) - JULIAN_EPOCH) * DAY + nanos / 1_000_000_000;
    moment(seconds, nanos % 1_000_000_000, 9, Some(zone), out)
}

/// A decimal of a two's complement big-endian integer and its digits after the point.
pub(super) fn decimal(bytes: &[u8], scale: u32, out: &mut Vec<u8>) {
    let negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let mut digits = match i128_of(bytes, negative) {
        Some(value) => value.unsigned_abs().to_string().into_bytes(),
        None => long_digits(bytes, negative),
    };
    let scale = scale as usize;
    if digits.len() <= scale {
        let mut padded = vec![b'0'; scale + 1 - digits.len()];
        padded.extend_from_slice(&digits);
        digits = padded;
    }
    if negative {
        out.push(b'-');
    }
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    out.extend_from_slice(whole);
    if scale > 0 {
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
}

/// The number, if it fits.
fn i128_of(bytes: &[u8], negative: bool) -> Option<i128> {
    let mut all = [if negative { 0xFF } else { 0 }; 16];
    let from = all.len().checked_sub(bytes.len())?;
    all.get_mut(from..)?.copy_from_slice(bytes);
    Some(i128::from_be_bytes(all))
}

/// Decimal digits of a number of any length, by schoolbook division.
fn long_digits(bytes: &[u8], negative: bool) -> Vec<u8> {
    let mut magnitude = bytes.to_vec();
    if negative {
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let mut digits = Vec::new();
    while magnitude.iter().any(|byte| *byte != 0) {
        let mut remainder = 0_u32;
        for byte in &mut magnitude {
            let value = remainder << 8 | u32::from(*byte);
            *byte = (value / 10) as u8;
            remainder = value % 10;
        }
        digits.push(b'0' + remainder as u8);
    }
    if digits.is_empty() {
        digits.push(b'0');
    }
    digits.reverse();
    digits
}

/// A half-precision float.
pub(super) fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f32::from(bits & 0x3FF);
    match bits >> 10 & 0x1F {
        0 => sign * fraction * 2_f32.powi(-24),
        0x1F if fraction == 0.0 => sign * f32::INFINITY,
        0x1F => f32::NAN,
        exponent => sign * (1.0 + fraction / 1024.0) * 2_f32.powi(i32::from(exponent) - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn days_become_dates_of_the_gregorian_calendar() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (19_782, "2024-02-29"),
            (-719_528, "0000-01-01"),
            (2_932_896, "9999-12-31"),
        ] {
            assert_eq!(text(|out| date(days, out).unwrap()), expected);
        }
        assert!(date(2_932_897, &mut Vec::new()).is_err());
        assert!(date(i64::MIN, &mut Vec::new()).is_err());
    }

    #[test]
    fn instants_are_shown_in_the_sessions_zone_and_other_times_are_not() {
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        let at = 1_719_792_000_123; // 2024-07-01 00:00:00.123 UTC
        assert_eq!(text(|out| timestamp(at, 3, Some(&berlin), out).unwrap()), "2024-07-01 02:00:00.123");
        assert_eq!(text(|out| timestamp(at, 3, None, out).unwrap()), "2024-07-01 00:00:00.123");
        let west = Zone::parse("-03:30").unwrap();
        assert_eq!(text(|out| timestamp(0, 6, Some(&west), out).unwrap()), "1969-12-31 20:30:00");
        assert!(Zone::parse("Nowhere/Else").is_err());
    }

    #[test]
    fn fractions_keep_all_their_digits_down_to_nanoseconds() {
        assert_eq!(text(|out| timestamp(-1, 9, None, out).unwrap()), "1969-12-31 23:59:59.999999999");
        assert_eq!(text(|out| time(47_159_000_001, 6, out).unwrap()), "13:05:59.000001");
        let utc = Zone::parse("").unwrap();
        assert_eq!(
            text(|out| int96(2_440_588, 1_500_000_000, &utc, out).unwrap()),
            "1970-01-01 00:00:01.500000000"
        );
    }

    #[test]
    fn decimals_of_any_length_keep_their_sign_and_point() {
        for (bytes, scale, expected) in [
            (&[0x01, 0x00][..], 2, "2.56"),
            (&[0xFF], 3, "-0.001"),
            (&[0x00], 2, "0.00"),
            (&[], 0, "0"),
            (&[0x80], 0, "-128"),
        ] {
            assert_eq!(text(|out| decimal(bytes, scale, out)), expected);
        }
        let mut long = [0_u8; 20];
        long[0] = 1; // 2^152
        assert_eq!(text(|out| decimal(&long, 0, out)), "5708990770823839524233143877797980545530986496");
        assert_eq!(text(|out| decimal(&[0xFF; 20], 1, out)), "-0.1");
    }

    #[test]
    fn half_precision_floats_are_widened_exactly() {
        for (bits, value) in [(0x3C00, 1.0), (0xC000, -2.0), (0x0001, 5.960_464_5e-8), (0x7BFF, 65504.0)] {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7E00).is_nan() && half(0xFC00) == f32::NEG_INFINITY);
    }
}
