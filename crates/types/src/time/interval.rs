//! `INTERVAL` values: reading them by unit and adding them to times.

use super::{
    MAX_FSP, MICROS_PER_SECOND, Time, TimeKind,
    day::{SECONDS_PER_DAY, civil_from_epoch_day, days_in_month, epoch_day},
    trim_space, truncated_value, wrong_value,
};
use crate::TypeError;

/// Larger counts of years, months or days leave the calendar for certain.
const LARGEST_STEP: i64 = 10_000 * 365;

/// TiDB's `ErrDatetimeFunctionOverflow`.
const DATETIME_FUNCTION_OVERFLOW: u16 = 1441;

/// Units of `INTERVAL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum IntervalUnit {
    Microsecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    SecondMicrosecond,
    MinuteMicrosecond,
    MinuteSecond,
    HourMicrosecond,
    HourSecond,
    HourMinute,
    DayMicrosecond,
    DaySecond,
    DayMinute,
    DayHour,
    YearMonth,
}

impl IntervalUnit {
    /// The unit of a keyword, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        use IntervalUnit::*;
        let unit = match name.to_ascii_uppercase().as_str() {
            "MICROSECOND" => Microsecond,
            "SECOND" => Second,
            "MINUTE" => Minute,
            "HOUR" => Hour,
            "DAY" => Day,
            "WEEK" => Week,
            "MONTH" => Month,
            "QUARTER" => Quarter,
            "YEAR" => Year,
            "SECOND_MICROSECOND" => SecondMicrosecond,
            "MINUTE_MICROSECOND" => MinuteMicrosecond,
            "MINUTE_SECOND" => MinuteSecond,
            "HOUR_MICROSECOND" => HourMicrosecond,
            "HOUR_SECOND" => HourSecond,
            "HOUR_MINUTE" => HourMinute,
            "DAY_MICROSECOND" => DayMicrosecond,
            "DAY_SECOND" => DaySecond,
            "DAY_MINUTE" => DayMinute,
            "DAY_HOUR" => DayHour,
            "YEAR_MONTH" => YearMonth,
            _ => return None,
        };
        Some(unit)
    }

    /// Whether the unit reaches below the day, so that a DATE becomes a DATETIME.
    pub fn is_clock(self) -> bool {
        use IntervalUnit::*;
        !matches!(self, Day | Week | Month | Quarter | Year | YearMonth)
    }

    /// Index of the last field among years, months, days, hours, minutes, seconds, microseconds, and
    /// how many fields the unit has; `None` for the units of one number.
    fn fields(self) -> Option<(usize, usize)> {
        use IntervalUnit::*;
        match self {
            SecondMicrosecond => Some((6, 2)),
            MinuteMicrosecond => Some((6, 3)),
            HourMicrosecond => Some((6, 4)),
            DayMicrosecond => Some((6, 5)),
            MinuteSecond => Some((5, 2)),
            HourSecond => Some((5, 3)),
            DaySecond => Some((5, 4)),
            HourMinute => Some((4, 2)),
            DayMinute => Some((4, 3)),
            DayHour => Some((3, 2)),
            YearMonth => Some((1, 2)),
            Microsecond | Second | Minute | Hour | Day | Week | Month | Quarter | Year => None,
        }
    }
}

/// A signed span of calendar units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interval {
    /// Years.
    pub years: i64,
    /// Months.
    pub months: i64,
    /// Days.
    pub days: i64,
    /// Microseconds within one day.
    pub micros: i64,
    /// Fractional-second digits that the interval brings along.
    pub fsp: u8,
}

impl Interval {
    /// Reads an interval of a unit from text. A text that is not wholly a number, or a fraction where
    /// the unit has none, gives the value read so far and error 1292 beside it.
    pub fn parse(unit: IntervalUnit, text: &[u8]) -> (Interval, Option<TypeError>) {
        match unit.fields() {
            Some((last, count)) => Self::parse_fields(last, count, text),
            None => Self::parse_single(unit, text),
        }
    }

    /// The interval with the opposite sign.
    pub fn negated(self) -> Interval {
        Interval {
            years: self.years.saturating_neg(),
            months: self.months.saturating_neg(),
            days: self.days.saturating_neg(),
            micros: self.micros.saturating_neg(),
            fsp: self.fsp,
        }
    }

    fn parse_single(unit: IntervalUnit, text: &[u8]) -> (Interval, Option<TypeError>) {
        let point = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
        let (whole, mut error) = match parse_signed(&text[..point]) {
            Ok(whole) => (whole, None),
            Err(nearest) => (nearest, Some(wrong_value("datetime", text))),
        };
        let sign = if text.first() == Some(&b'-') { -1 } else { 1 };
        let mut rounded = whole;
        let mut fraction = 0;
        let mut fraction_digits = 0;
        if point + 1 < text.len() {
            let digits = &text[point + 1..];
            fraction_digits = digits.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
            for digit in digits[..fraction_digits].iter().chain([b'0'; 6].iter()).take(6) {
                fraction = fraction * 10 + i64::from(digit - b'0');
            }
            if fraction >= 500_000 {
                rounded = rounded.saturating_add(sign);
            }
            if unit != IntervalUnit::Second && error.is_none() {
                error = Some(truncated_value("interval", text));
            }
            fraction *= sign;
        }
        let clock = |count: i64, per_day: i64, fsp: u8| Interval {
            days: count / per_day,
            micros: count % per_day * (SECONDS_PER_DAY * MICROS_PER_SECOND / per_day),
            fsp,
            ..Interval::default()
        };
        let interval = match unit {
            IntervalUnit::Microsecond => clock(rounded, SECONDS_PER_DAY * MICROS_PER_SECOND, MAX_FSP),
            IntervalUnit::Second => {
                let mut seconds = clock(whole, SECONDS_PER_DAY, fraction_digits as u8);
                seconds.micros += fraction;
                seconds
            }
            IntervalUnit::Minute => clock(rounded, 1440, 0),
            IntervalUnit::Hour => clock(rounded, 24, 0),
            IntervalUnit::Week => Interval { days: rounded.saturating_mul(7), ..Interval::default() },
            IntervalUnit::Month => Interval { months: rounded, ..Interval::default() },
            IntervalUnit::Quarter => Interval { months: rounded.saturating_mul(3), ..Interval::default() },
            IntervalUnit::Year => Interval { years: rounded, ..Interval::default() },
            _ => Interval { days: rounded, ..Interval::default() },
        };
        (interval, error)
    }

    fn parse_fields(last: usize, count: usize, text: &[u8]) -> (Interval, Option<TypeError>) {
        let trimmed = trim_space(text);
        let (sign, body) = match trimmed.strip_prefix(b"-") {
            Some(body) => (-1, body),
            None => (1, trimmed),
        };
        let numbers: Vec<&[u8]> =
            body.split(|byte| !byte.is_ascii_digit()).filter(|digits| !digits.is_empty()).collect();
        let mut error = None;
        if numbers.len() > count {
            return (Interval::default(), Some(wrong_value("datetime", text)));
        }
        let mut fields = [0i64; 7];
        for (at, digits) in numbers.iter().rev().enumerate() {
            let value = match parse_signed(digits) {
                Ok(value) => value,
                Err(nearest) => {
                    error = Some(wrong_value("datetime", text));
                    nearest
                }
            };
            let index = last - at;
            // Digits after the seconds are a fraction: 1.5 is half a second.
            let missing = if index == 6 { 6usize.saturating_sub(digits.len()) } else { 0 };
            fields[index] = sign * value.saturating_mul(10i64.pow(missing as u32));
        }
        let [years, months, days, hours, minutes, seconds, micros] = fields;
        let total =
            hours.saturating_mul(3600).saturating_add(minutes.saturating_mul(60)).saturating_add(seconds);
        let micros = (total % SECONDS_PER_DAY * MICROS_PER_SECOND).saturating_add(micros);
        let days = days.saturating_add(total / SECONDS_PER_DAY);
        let fsp = if last == 6 { MAX_FSP } else { 0 };
        (Interval { years, months, days, micros, fsp }, error)
    }
}

/// Reads a signed number; the error holds the nearest one (0 for no number).
fn parse_signed(text: &[u8]) -> Result<i64, i64> {
    use std::num::IntErrorKind;
    let text = std::str::from_utf8(text).map_err(|_| 0)?;
    text.parse::<i64>().map_err(|error| match error.kind() {
        IntErrorKind::PosOverflow => i64::MAX,
        IntErrorKind::NegOverflow => i64::MIN,
        _ => 0,
    })
}

impl Time {
    /// `self + interval`: the microseconds first, then days, or months with the day cut to the
    /// month's last. The result has `fsp` digits.
    ///
    /// Error 1292 if the fields are no calendar date, 1441 outside the years 0 to 9999.
    pub fn plus_interval(&self, interval: &Interval, fsp: u8) -> Result<Time, TypeError> {
        let overflow =
            || TypeError::new(DATETIME_FUNCTION_OVERFLOW, "Datetime function: datetime field overflow");
        let start = self.as_utc_micros().ok_or_else(|| wrong_value("time", self.to_text().as_bytes()))?;
        let Interval { years, months, days, micros, .. } = *interval;
        if [years, months, days].iter().any(|step| step.unsigned_abs() > LARGEST_STEP.unsigned_abs()) {
            return Err(overflow());
        }
        let micros = start.checked_add(micros).ok_or_else(overflow)?;
        let day = micros.div_euclid(SECONDS_PER_DAY * MICROS_PER_SECOND);
        let clock = micros.rem_euclid(SECONDS_PER_DAY * MICROS_PER_SECOND);
        let (year, month, day_of_month) = civil_from_epoch_day(day);
        let month_index = (year + years) * 12 + i64::from(month) - 1 + months;
        let (year, month) = (month_index.div_euclid(12), month_index.rem_euclid(12) + 1);
        let day_of_month = if days == 0 {
            // Leap years recur every 400 years, so any year can be asked by its place in them.
            day_of_month.min(days_in_month(year.rem_euclid(400) as u16, month as u8))
        } else {
            day_of_month
        };
        let day = epoch_day(year, month, i64::from(day_of_month)) + days;
        if !(0..=9999).contains(&civil_from_epoch_day(day).0) {
            return Err(overflow());
        }
        let micros = day * SECONDS_PER_DAY * MICROS_PER_SECOND + clock;
        let kind = if self.kind == TimeKind::Date && clock != 0 { TimeKind::Datetime } else { self.kind };
        Ok(Time::from_utc_micros(micros, kind, fsp.min(MAX_FSP)))
    }
}
