//! DATE, DATETIME, TIMESTAMP and TIME as TiDB packs them.
//!
//! [`Time`] holds calendar fields as they are written, so zero and partly zero dates are ordinary
//! values; what a session accepts of them is decided by [`TimeRules`] when a value is read. Every
//! reader takes bytes and never panics on them. Time zones enter in three places only: the range of
//! TIMESTAMP, an explicit offset in the text, and rounding that carries into the next second (TiDB
//! does that on the instant, so a carry can cross a daylight-saving transition).

mod calendar;
mod canonical;
mod check;
mod day;
mod duration;
mod duration_parse;
mod format;
mod fraction;
mod interval;
mod number;
mod parse;
mod round;
mod str_to_date;
#[cfg(test)]
mod tests;
mod week;
mod year;
mod zone;
mod zone_memo;

use std::cmp::Ordering;

use crate::{Context, SqlMode, TimeZone, TypeError, code};

pub use calendar::TimeUnit;
pub use day::{date_from_day_number, days_in_month, is_leap_year};
pub use duration::{DurationError, DurationParts, MAX_DURATION_NANOS, MAX_DURATION_NUMBER};
pub use format::{MONTH_NAMES, WEEKDAY_NAMES};
pub use interval::{Interval, IntervalUnit};
pub use parse::fraction_digits;
pub use str_to_date::{FormatKind, format_kind};
pub use year::{MAX_YEAR, MIN_YEAR, adjust_two_digit_year, parse_year_number, parse_year_text};
pub use zone::TIMESTAMP_IN_DST_TRANSITION;

/// The most fractional-second digits any of the types keeps.
pub const MAX_FSP: u8 = 6;

/// Microseconds in one second.
pub(crate) const MICROS_PER_SECOND: i64 = 1_000_000;

/// Which of the three calendar types a [`Time`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeKind {
    /// DATE.
    Date,
    /// DATETIME.
    Datetime,
    /// TIMESTAMP (its fields are in the session zone; stored in UTC).
    Timestamp,
}

impl TimeKind {
    /// The name that TiDB's error messages use.
    pub fn name(self) -> &'static str {
        match self {
            TimeKind::Date => "date",
            TimeKind::Datetime => "datetime",
            TimeKind::Timestamp => "timestamp",
        }
    }
}

/// A calendar time, zero and partly zero dates included.
///
/// The derived equality also compares kind and fractional digits; [`Time::compare`] orders instants
/// as SQL does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Time {
    /// 0 to 9999.
    pub year: u16,
    /// 0 to 12.
    pub month: u8,
    /// 0 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999,999.
    pub micros: u32,
    /// The calendar type.
    pub kind: TimeKind,
    /// Fractional-second digits, 0 to 6.
    pub fsp: u8,
}

/// A TIME value: a signed span up to 838:59:59.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    /// Signed nanoseconds.
    pub nanos: i64,
    /// Fractional-second digits, 0 to 6.
    pub fsp: u8,
}

/// What a session accepts when it reads dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRules {
    /// Dates with a zero month or day are values.
    pub allow_zero_in_date: bool,
    /// Days up to 31 are values in every month.
    pub allow_invalid_date: bool,
    /// Surplus fractional digits are cut instead of rounded.
    pub truncate_fraction: bool,
}

impl TimeRules {
    /// The rules of Lightning's encoding session under this SQL mode.
    ///
    /// Zero parts are refused here only when strict mode, NO_ZERO_IN_DATE and NO_ZERO_DATE are all
    /// on; the column cast applies each mode by itself afterwards. `TIME_TRUNCATE_FRACTIONAL` does
    /// not reach this session.
    pub fn from_mode(mode: SqlMode) -> Self {
        let has = |modes: SqlMode| mode.0 & modes.0 != 0;
        let allow_invalid_date = has(SqlMode::ALLOW_INVALID_DATES);
        let strict = has(SqlMode::STRICT_TRANS_TABLES) || has(SqlMode::STRICT_ALL_TABLES);
        let refuses_zeros = has(SqlMode::NO_ZERO_IN_DATE) && has(SqlMode::NO_ZERO_DATE);
        Self {
            allow_zero_in_date: !strict || allow_invalid_date || !refuses_zeros,
            allow_invalid_date,
            truncate_fraction: false,
        }
    }

    /// The rules of SELECT: zero parts are values, invalid days are not.
    pub fn lenient() -> Self {
        Self { allow_zero_in_date: true, allow_invalid_date: false, truncate_fraction: false }
    }
}

/// Rules and session zone, what reading a time needs of its session.
#[derive(Debug, Clone, Copy)]
pub struct TimeContext<'a> {
    /// What is accepted.
    pub rules: TimeRules,
    /// The session time zone.
    pub zone: &'a TimeZone,
}

impl TimeContext<'static> {
    /// SELECT's rules in UTC, for values that do not depend on a session.
    pub const UTC: TimeContext<'static> = TimeContext {
        rules: TimeRules { allow_zero_in_date: true, allow_invalid_date: false, truncate_fraction: false },
        zone: &TimeZone::Fixed(0),
    };
}

impl Context {
    /// What reading a time needs of this session.
    pub fn time(&self) -> TimeContext<'_> {
        TimeContext { rules: TimeRules::from_mode(self.mode), zone: &self.zone }
    }
}

impl Time {
    /// `0000-00-00` with a zero clock.
    pub const fn zero(kind: TimeKind, fsp: u8) -> Self {
        Self { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0, micros: 0, kind, fsp }
    }

    /// A date, without any check.
    pub const fn date(year: u16, month: u8, day: u8) -> Self {
        Self { year, month, day, hour: 0, minute: 0, second: 0, micros: 0, kind: TimeKind::Date, fsp: 0 }
    }

    /// Whether every field is zero.
    pub fn is_zero(&self) -> bool {
        self.to_core_bits() == 0
    }

    /// Whether month or day is zero.
    pub fn has_zero_part(&self) -> bool {
        self.month == 0 || self.day == 0
    }

    /// Orders by the fields alone, as SQL compares times.
    pub fn compare(&self, other: &Time) -> Ordering {
        self.to_core_bits().cmp(&other.to_core_bits())
    }

    /// The same fields with another kind; a DATE keeps no clock, as a column of it stores none.
    pub fn with_kind(self, kind: TimeKind) -> Self {
        match kind {
            TimeKind::Date => Self::date(self.year, self.month, self.day),
            _ => Self { kind, ..self },
        }
    }

    /// TiDB's packed form (`ToPackedUint`): `(year*13+month):17 day:5 hour:5 minute:6 second:6
    /// micros:24`. Its order is the order of times.
    pub fn to_packed(&self) -> u64 {
        let date = (u64::from(self.year) * 13 + u64::from(self.month)) << 5 | u64::from(self.day);
        let clock = u64::from(self.hour) << 12 | u64::from(self.minute) << 6 | u64::from(self.second);
        (date << 17 | clock) << 24 | u64::from(self.micros)
    }

    /// Reads the packed form; the fields are as they stand, unchecked.
    pub fn from_packed(packed: u64, kind: TimeKind, fsp: u8) -> Self {
        let clock = packed >> 24 & 0x1_FFFF;
        let date = packed >> 41;
        let months = date >> 5;
        Self {
            year: (months / 13) as u16,
            month: (months % 13) as u8,
            day: (date & 31) as u8,
            hour: (clock >> 12) as u8,
            minute: (clock >> 6 & 63) as u8,
            second: (clock & 63) as u8,
            micros: (packed & 0xFF_FFFF) as u32,
            kind,
            fsp,
        }
    }

    /// TiDB's in-memory bits (`CoreTime`), which JSON stores for dates and times.
    pub fn to_core_bits(&self) -> u64 {
        u64::from(self.year) << 50
            | u64::from(self.month) << 46
            | u64::from(self.day) << 41
            | u64::from(self.hour) << 36
            | u64::from(self.minute) << 30
            | u64::from(self.second) << 24
            | u64::from(self.micros) << 4
    }

    /// Reads [`Time::to_core_bits`]; the low four bits are ignored.
    pub fn from_core_bits(bits: u64, kind: TimeKind, fsp: u8) -> Self {
        Self {
            year: (bits >> 50) as u16,
            month: (bits >> 46 & 15) as u8,
            day: (bits >> 41 & 31) as u8,
            hour: (bits >> 36 & 31) as u8,
            minute: (bits >> 30 & 63) as u8,
            second: (bits >> 24 & 63) as u8,
            micros: (bits >> 4 & 0xF_FFFF) as u32,
            kind,
            fsp,
        }
    }

    /// The clock part as a TIME with the same fractional digits.
    pub fn to_duration(&self) -> Duration {
        Duration { nanos: self.clock_micros() * 1000, fsp: self.fsp }
    }

    /// Microseconds since midnight.
    pub(crate) fn clock_micros(&self) -> i64 {
        let seconds = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        seconds * MICROS_PER_SECOND + i64::from(self.micros)
    }

    /// The fields if each fits the width TiDB keeps it in, before any check of the calendar.
    pub(crate) fn from_fields(fields: Fields) -> Option<Self> {
        let fits = fields.year < 1 << 14
            && fields.month < 1 << 4
            && fields.day < 1 << 5
            && fields.hour < 1 << 5
            && fields.minute < 1 << 6
            && fields.second < 1 << 6
            && fields.micros < 1 << 20;
        fits.then_some(Self {
            year: fields.year as u16,
            month: fields.month as u8,
            day: fields.day as u8,
            hour: fields.hour as u8,
            minute: fields.minute as u8,
            second: fields.second as u8,
            micros: fields.micros as u32,
            kind: TimeKind::Datetime,
            fsp: 0,
        })
    }
}

/// Numbers as they were read, not yet known to fit a [`Time`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) year: u64,
    pub(crate) month: u64,
    pub(crate) day: u64,
    pub(crate) hour: u64,
    pub(crate) minute: u64,
    pub(crate) second: u64,
    pub(crate) micros: u64,
}

/// "Incorrect … value", TiDB's `ErrWrongValue`.
pub(crate) fn wrong_value(what: &str, value: &[u8]) -> TypeError {
    TypeError::new(code::TRUNCATED_WRONG_VALUE, format!("Incorrect {what} value: '{}'", quoted(value)))
}

/// "Truncated incorrect … value", TiDB's `ErrTruncatedWrongVal`.
pub(crate) fn truncated_value(what: &str, value: &[u8]) -> TypeError {
    TypeError::new(
        code::TRUNCATED_WRONG_VALUE,
        format!("Truncated incorrect {what} value: '{}'", quoted(value)),
    )
}

/// The first 128 characters, as MySQL's messages cut them.
fn quoted(value: &[u8]) -> String {
    let head = value.get(..512).unwrap_or(value);
    String::from_utf8_lossy(head).chars().take(128).collect()
}

/// Whether a byte, taken as a character of its own, is white space to Go's `unicode.IsSpace`.
pub(crate) fn is_space_byte(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0x85 | 0xA0)
}

/// The text without white space at both ends.
pub(crate) fn trim_space(text: &[u8]) -> &[u8] {
    match std::str::from_utf8(text) {
        Ok(text) => text.trim().as_bytes(),
        Err(_) => text.trim_ascii(),
    }
}
