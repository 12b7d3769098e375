//! Times from and to numbers: 20240102 and 20240102030405 with their two-digit-year forms.

use super::{
    Duration, DurationError, Fields, MAX_DURATION_NUMBER, MAX_FSP, MICROS_PER_SECOND, Time, TimeContext,
    TimeKind, truncated_value, wrong_value,
};
use crate::{TypeError, code};

/// Ten digits and more may be a date and time in a TIME column.
const SMALLEST_DATETIME_NUMBER: i64 = 10_000_000_000;

/// Which calendar type a number has, and its year, month, day and clock as `YYYYMMDDHHMMSS`.
fn expand(number: i64) -> Option<(TimeKind, i64)> {
    const CLOCK: i64 = 1_000_000;
    const YY: i64 = 10_000_000_000;
    let (kind, full) = match number {
        10_000_101_000_000.. => (TimeKind::Datetime, number),
        i64::MIN..101 => return None,
        // YYMMDD in 2000 to 2069, then in 1970 to 1999.
        101..=691_231 => (TimeKind::Date, (number + 20_000_000) * CLOCK),
        691_232..700_101 => return None,
        700_101..=991_231 => (TimeKind::Date, (number + 19_000_000) * CLOCK),
        991_232..=99_991_231 => (TimeKind::Date, number * CLOCK),
        99_991_232..101_000_000 => return None,
        // YYMMDDHHMMSS likewise.
        _ if number <= 69 * YY + 1_231_235_959 => (TimeKind::Datetime, number + 20_000_000_000_000),
        _ if number < 70 * YY + 101_000_000 => return None,
        _ if number <= 991_231_235_959 => (TimeKind::Datetime, number + 19_000_000_000_000),
        _ => (TimeKind::Datetime, number),
    };
    Some((kind, full))
}

impl Time {
    /// A time of a number as `kind` with `fsp` digits; 0 is the zero time. Error 1292 otherwise.
    pub fn from_number(
        number: i64,
        kind: TimeKind,
        fsp: u8,
        context: TimeContext<'_>,
    ) -> Result<Time, TypeError> {
        if number == 0 {
            return Ok(Time::zero(kind, 0));
        }
        let fsp = if kind == TimeKind::Date { 0 } else { fsp.min(MAX_FSP) };
        let time = Self::from_number_unkinded(number, context)?;
        let time = Time { kind, fsp, ..time };
        time.check(context)?;
        Ok(time.with_kind(kind))
    }

    /// A time of a number that is a DATE or a DATETIME by its size (`ParseTimeFromInt64`), for
    /// functions whose result depends on which.
    pub fn from_number_unkinded(number: i64, context: TimeContext<'_>) -> Result<Time, TypeError> {
        if number == 0 {
            return Ok(Time::zero(TimeKind::Date, 0));
        }
        let wrong = || wrong_value("time", number.to_string().as_bytes());
        let (kind, full) = expand(number).ok_or_else(wrong)?;
        let (date, clock) = (full / 1_000_000, full % 1_000_000);
        let fields = Fields {
            year: (date / 10_000) as u64,
            month: (date / 100 % 100) as u64,
            day: (date % 100) as u64,
            hour: (clock / 10_000) as u64,
            minute: (clock / 100 % 100) as u64,
            second: (clock % 100) as u64,
            micros: 0,
        };
        let time = Time { kind, ..Time::from_fields(fields).ok_or_else(wrong)? };
        time.check(context)?;
        Ok(time)
    }

    /// The number of the fields without a fraction: `20240102` for a DATE, else `20240102030405`.
    pub fn to_number(&self) -> i64 {
        let date = i64::from(self.year) * 10_000 + i64::from(self.month) * 100 + i64::from(self.day);
        if self.kind == TimeKind::Date {
            return date;
        }
        date * 1_000_000
            + i64::from(self.hour) * 10_000
            + i64::from(self.minute) * 100
            + i64::from(self.second)
    }

    /// The number as decimal text with `fsp` fractional digits, as casts to DECIMAL read it.
    pub fn to_number_text(&self) -> String {
        if self.is_zero() {
            return "0".into();
        }
        let mut text = self.to_number().to_string();
        super::format::push_fraction(&mut text, self.micros, self.fsp);
        text
    }

    /// The number as a DOUBLE.
    pub fn to_f64(&self) -> f64 {
        self.to_number_text().parse().unwrap_or(0.0)
    }
}

impl Duration {
    /// A TIME of a number `HHMMSS`, or of a date and time from ten digits on.
    ///
    /// Beyond 838:59:59 the error is 1690 with the limit as nearest value; bad minutes or seconds
    /// are error 1292 without one.
    pub fn from_number(number: i64, fsp: u8) -> Result<Duration, DurationError> {
        let fsp = fsp.min(MAX_FSP);
        if number.unsigned_abs() > MAX_DURATION_NUMBER.unsigned_abs() {
            if number >= SMALLEST_DATETIME_NUMBER
                && let Ok(time) = Time::from_number(number, TimeKind::Datetime, 0, TimeContext::UTC)
            {
                return Ok(time.to_duration());
            }
            let error = TypeError::new(
                code::CONSTANT_OVERFLOW,
                format!("Duration value is out of range in '{number}'"),
            );
            return Err(DurationError { error, nearest: Some(Duration::limit(number < 0, fsp)) });
        }
        let magnitude = number.abs();
        let (hours, minutes, seconds) = (magnitude / 10_000, magnitude / 100 % 100, magnitude % 100);
        if minutes >= 60 || seconds >= 60 {
            let error = truncated_value("time", magnitude.to_string().as_bytes());
            return Err(DurationError { error, nearest: None });
        }
        let micros = (hours * 3600 + minutes * 60 + seconds) * MICROS_PER_SECOND;
        let nanos = micros * 1000;
        Ok(Duration { nanos: if number < 0 { -nanos } else { nanos }, fsp })
    }

    /// The number `HHMMSS` without a fraction, signed.
    pub fn to_number(&self) -> i64 {
        let parts = self.parts();
        let number =
            i64::from(parts.hours) * 10_000 + i64::from(parts.minutes) * 100 + i64::from(parts.seconds);
        if parts.negative { -number } else { number }
    }

    /// The number as decimal text with `fsp` fractional digits.
    pub fn to_number_text(&self) -> String {
        let parts = self.parts();
        let sign = if parts.negative { "-" } else { "" };
        let mut text = format!("{sign}{}", self.to_number().abs());
        super::format::push_fraction(&mut text, parts.micros, self.fsp);
        text
    }

    /// The number as a DOUBLE.
    pub fn to_f64(&self) -> f64 {
        self.to_number_text().parse().unwrap_or(0.0)
    }
}
