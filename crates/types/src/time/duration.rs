//! TIME values: parts, limits, text, arithmetic.

use super::{Duration, MAX_FSP, Time, format::push_fraction};
use crate::TypeError;

/// 838:59:59 in nanoseconds.
pub const MAX_DURATION_NANOS: i64 = (838 * 3600 + 59 * 60 + 59) * 1_000_000_000;
/// 838:59:59 as a number.
pub const MAX_DURATION_NUMBER: i64 = 8_385_959;

/// A TIME that could not be read as it stands, with the value that a lax session stores.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct DurationError {
    /// What is wrong.
    pub error: TypeError,
    /// The clamped or cut value; `None` where TiDB gives none (zero is stored, or NULL is returned).
    pub nearest: Option<Duration>,
}

/// A TIME taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationParts {
    /// Sign.
    pub negative: bool,
    /// 0 to 838 (more for unclamped sums).
    pub hours: u32,
    /// 0 to 59.
    pub minutes: u8,
    /// 0 to 59.
    pub seconds: u8,
    /// 0 to 999,999.
    pub micros: u32,
}

impl Duration {
    /// Zero with no fractional digits.
    pub const ZERO: Duration = Duration { nanos: 0, fsp: 0 };

    /// 838:59:59 or its negative.
    pub fn limit(negative: bool, fsp: u8) -> Self {
        Self { nanos: if negative { -MAX_DURATION_NANOS } else { MAX_DURATION_NANOS }, fsp: fsp.min(MAX_FSP) }
    }

    /// The value within ±838:59:59, and whether it had to be changed.
    pub fn clamped(self) -> (Self, bool) {
        let nanos = self.nanos.clamp(-MAX_DURATION_NANOS, MAX_DURATION_NANOS);
        (Self { nanos, ..self }, nanos != self.nanos)
    }

    /// Hours, minutes, seconds, microseconds and sign.
    pub fn parts(&self) -> DurationParts {
        let magnitude = self.nanos.unsigned_abs();
        let seconds = magnitude / 1_000_000_000;
        DurationParts {
            negative: self.nanos < 0,
            hours: (seconds / 3600) as u32,
            minutes: (seconds / 60 % 60) as u8,
            seconds: (seconds % 60) as u8,
            micros: (magnitude % 1_000_000_000 / 1000) as u32,
        }
    }

    /// `self + other` with the finer number of digits; `None` on overflow of nanoseconds.
    pub fn checked_add(&self, other: &Duration) -> Option<Duration> {
        Some(Duration { nanos: self.nanos.checked_add(other.nanos)?, fsp: self.fsp.max(other.fsp) })
    }

    /// `self - other` with the finer number of digits; `None` on overflow of nanoseconds.
    pub fn checked_sub(&self, other: &Duration) -> Option<Duration> {
        Some(Duration { nanos: self.nanos.checked_sub(other.nanos)?, fsp: self.fsp.max(other.fsp) })
    }

    /// `TIME_TO_SEC`: whole seconds, signed, towards zero.
    pub fn to_seconds(&self) -> i64 {
        self.nanos / 1_000_000_000
    }

    /// The date of `today` with this TIME on top (a cast of TIME to DATETIME); may leave the day.
    pub fn on_date(&self, today: &Time) -> Option<Time> {
        let date = today.date_part();
        let day = date.day_number() * super::day::SECONDS_PER_DAY;
        let micros = (day * super::MICROS_PER_SECOND).checked_add(self.nanos / 1000)?;
        Time::from_day_number_micros(micros, self.fsp)
    }

    /// `HH:MM:SS` with `fsp` fractional digits, cut, not rounded.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(17);
        self.write_text(&mut text);
        text
    }

    /// Appends [`Duration::to_text`].
    pub fn write_text(&self, out: &mut String) {
        use std::fmt::Write as _;
        let parts = self.parts();
        if parts.negative {
            out.push('-');
        }
        // Writing to a String cannot fail.
        let _ = write!(out, "{:02}:{:02}:{:02}", parts.hours, parts.minutes, parts.seconds);
        push_fraction(out, parts.micros, self.fsp);
    }
}

impl std::fmt::Display for Duration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_text())
    }
}
