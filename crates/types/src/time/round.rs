//! Rounding to fewer fractional digits.

use super::{Duration, MAX_FSP, Time, TimeContext, TimeKind, fraction::unit_micros, wrong_value};
use crate::TypeError;

/// `value` rounded to a multiple of `unit`, halves upwards (also below zero).
fn round_half_up(value: i64, unit: i64) -> i64 {
    value.saturating_add(unit / 2).div_euclid(unit) * unit
}

impl Time {
    /// Rounds (or, by the session's rules, cuts) to `fsp` fractional digits.
    ///
    /// A carry goes through the instant in the session zone, so it may run over a daylight-saving
    /// transition. Without a calendar date the carry must stay within the day, else error 1292.
    pub fn round_to(&self, fsp: u8, context: TimeContext<'_>) -> Result<Time, TypeError> {
        let fsp = fsp.min(MAX_FSP);
        if self.kind == TimeKind::Date || self.is_zero() || fsp == self.fsp {
            return Ok(*self);
        }
        let unit = unit_micros(fsp);
        if self.micros.is_multiple_of(unit) {
            return Ok(Time { fsp, ..*self });
        }
        let truncated = Time { micros: self.micros - self.micros % unit, fsp, ..*self };
        if context.rules.truncate_fraction || self.micros % unit < unit / 2 {
            return Ok(truncated);
        }
        let rounded = truncated.micros + unit;
        if rounded < 1_000_000 {
            return Ok(Time { micros: rounded, ..truncated });
        }
        Time { micros: 0, ..truncated }.next_second(context)
    }

    /// One second later, on the instant in the session zone.
    pub(crate) fn next_second(self, context: TimeContext<'_>) -> Result<Time, TypeError> {
        if let Ok(micros) = self.to_unix_micros_detailed(context.zone) {
            return Ok(Time::from_unix_micros(micros + 1_000_000, context.zone, self.kind, self.fsp));
        }
        let clock = self.clock_micros() + 1_000_000;
        let carried = Time::from_utc_micros(clock, self.kind, self.fsp);
        if self.hour >= 24 || carried.day != 1 {
            return Err(wrong_value("time", self.to_text().as_bytes()));
        }
        Ok(Time { year: self.year, month: self.month, day: self.day, ..carried })
    }
}

impl Duration {
    /// Rounds to `fsp` fractional digits, halves upwards; the result may exceed 838:59:59.
    pub fn round_to(&self, fsp: u8) -> Duration {
        let fsp = fsp.min(MAX_FSP);
        if fsp == self.fsp {
            return *self;
        }
        let unit = i64::from(unit_micros(fsp)) * 1000;
        Duration { nanos: round_half_up(self.nanos, unit), fsp }
    }
}
