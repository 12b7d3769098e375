//! Which field values make a DATE, DATETIME or TIMESTAMP in this session.

use super::{Time, TimeContext, TimeKind, days_in_month, wrong_value, zone::LocalError};
use crate::TypeError;

/// 1970-01-01 00:00:01 UTC, in microseconds.
const MIN_TIMESTAMP_MICROS: i64 = 1_000_000;
/// 2038-01-19 03:14:07.999999 UTC, in microseconds.
const MAX_TIMESTAMP_MICROS: i64 = 2_147_483_647_999_999;

impl Time {
    /// Checks the fields against the calendar and the session's rules (TiDB's `Time.Check`).
    ///
    /// A TIMESTAMP must lie in 1970-01-01 00:00:01 to 2038-01-19 03:14:07.999999 UTC and must exist
    /// in the session zone; the zero value always passes, NO_ZERO_DATE being the column's business.
    pub fn check(&self, context: TimeContext<'_>) -> Result<(), TypeError> {
        match self.kind {
            TimeKind::Timestamp => self.check_timestamp(context),
            TimeKind::Date | TimeKind::Datetime => self.check_datetime(context),
        }
    }

    fn check_timestamp(&self, context: TimeContext<'_>) -> Result<(), TypeError> {
        if self.is_zero() {
            return Ok(());
        }
        match self.to_unix_micros_detailed(context.zone) {
            Ok(MIN_TIMESTAMP_MICROS..=MAX_TIMESTAMP_MICROS) => Ok(()),
            Ok(_) | Err(LocalError::NotADate) => Err(wrong_value("time", self.braces().as_bytes())),
            Err(LocalError::Skipped) => Err(self.skipped_error(context.zone)),
        }
    }

    fn check_datetime(&self, context: TimeContext<'_>) -> Result<(), TypeError> {
        let Time { year, month, day, hour, minute, second, .. } = *self;
        if (year, month, day) != (0, 0, 0) {
            if (month == 0 || day == 0) && !context.rules.allow_zero_in_date {
                return Err(wrong_value("datetime", format!("{year:04}-{month:02}-{day:02}").as_bytes()));
            }
            if year > 9999 {
                return Err(wrong_value("time", self.braces().as_bytes()));
            }
            let last_day =
                if context.rules.allow_invalid_date || month == 0 { 31 } else { days_in_month(year, month) };
            if month > 12 || day > last_day {
                return Err(wrong_value("datetime", format!("{year}-{month}-{day}").as_bytes()));
            }
        }
        for (value, limit) in [(hour, 24), (minute, 60), (second, 60)] {
            if value >= limit {
                return Err(wrong_value("time", value.to_string().as_bytes()));
            }
        }
        Ok(())
    }

    /// The fields as TiDB's messages write them.
    fn braces(&self) -> String {
        let Time { year, month, day, hour, minute, second, micros, .. } = self;
        format!("{{{year} {month} {day} {hour} {minute} {second} {micros}}}")
    }
}
