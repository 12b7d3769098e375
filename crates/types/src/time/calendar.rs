//! Differences between times, sums with TIME values, and `EXTRACT`.

use super::{
    Duration, MICROS_PER_SECOND, Time, TimeKind,
    day::{SECONDS_PER_DAY, civil_from_day_number},
};

const MICROS_PER_DAY: i64 = SECONDS_PER_DAY * MICROS_PER_SECOND;

/// Units of `TIMESTAMPDIFF`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum TimeUnit {
    Microsecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Time {
    /// Microseconds since day number 0, which zero dates have, too.
    fn day_number_micros(&self) -> i64 {
        self.day_number() * MICROS_PER_DAY + self.clock_micros()
    }

    /// Inverse of the day number and clock; `None` outside the years 1 to 9999.
    pub(crate) fn from_day_number_micros(micros: i64, fsp: u8) -> Option<Time> {
        let (year, month, day) = civil_from_day_number(micros.div_euclid(MICROS_PER_DAY));
        if year == 0 {
            return None;
        }
        let clock = Time::from_utc_micros(micros.rem_euclid(MICROS_PER_DAY), TimeKind::Datetime, fsp);
        Some(Time { year, month, day, ..clock })
    }

    /// `self - other` by day numbers and clocks, with the finer number of digits; not clamped.
    pub fn duration_since(&self, other: &Time) -> Duration {
        let micros = self.day_number_micros() - other.day_number_micros();
        Duration { nanos: micros.saturating_mul(1000), fsp: self.fsp.max(other.fsp) }
    }

    /// `self + span` with the finer number of digits; `None` outside the years 1 to 9999. A DATE
    /// stays a DATE.
    pub fn plus_duration(&self, span: &Duration) -> Option<Time> {
        let micros = self.day_number_micros().checked_add(span.nanos / 1000)?;
        let sum = Time::from_day_number_micros(micros, self.fsp.max(span.fsp))?;
        Some(sum.with_kind(self.kind))
    }

    /// `TIMESTAMPDIFF(unit, other, self)`: whole units from `other` to `self`, towards zero.
    pub fn units_since(&self, other: &Time, unit: TimeUnit) -> i64 {
        let micros = self.day_number_micros() - other.day_number_micros();
        let per_unit = match unit {
            TimeUnit::Microsecond => 1,
            TimeUnit::Second => MICROS_PER_SECOND,
            TimeUnit::Minute => 60 * MICROS_PER_SECOND,
            TimeUnit::Hour => 3600 * MICROS_PER_SECOND,
            TimeUnit::Day => MICROS_PER_DAY,
            TimeUnit::Week => 7 * MICROS_PER_DAY,
            TimeUnit::Month => return self.months_since(other),
            TimeUnit::Quarter => return self.months_since(other) / 3,
            TimeUnit::Year => return self.months_since(other) / 12,
        };
        micros / per_unit
    }

    /// Whole months from `other` to `self`, towards zero.
    fn months_since(&self, other: &Time) -> i64 {
        let negative = self.day_number_micros() < other.day_number_micros();
        let (begin, end) = if negative { (self, other) } else { (other, self) };
        let month_index = |time: &Time| i64::from(time.year) * 12 + i64::from(time.month);
        let in_month = |time: &Time| (time.day, time.clock_micros());
        let mut months = month_index(end) - month_index(begin);
        if in_month(end) < in_month(begin) {
            months -= 1;
        }
        if negative { -months } else { months }
    }
}
