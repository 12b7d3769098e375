//! Day numbers: MySQL's `TO_DAYS` count and the proleptic Gregorian calendar of instants.
//!
//! The two agree from year 1 on; in year 0 MySQL counts no 29 February.

use super::{Time, TimeKind};

const DAYS_BY_MONTH: [u8; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Day number of 1970-01-01.
pub(crate) const EPOCH_DAY_NUMBER: i64 = 719_528;

/// Seconds in one day.
pub(crate) const SECONDS_PER_DAY: i64 = 86_400;

/// Whether the year has 366 days; year 0 counts as one.
pub fn is_leap_year(year: u16) -> bool {
    (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400)
}

/// Days in a month; 0 when there is no such month.
pub fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        2 if is_leap_year(year) => 29,
        1..=12 => DAYS_BY_MONTH[usize::from(month) - 1],
        _ => 0,
    }
}

/// MySQL's day number (`TO_DAYS`); 0 for year 0, month 0.
pub(crate) fn day_number(year: i64, month: i64, day: i64) -> i64 {
    if year == 0 && month == 0 {
        return 0;
    }
    let mut days = 365 * year + 31 * (month - 1) + day;
    let mut year = year;
    if month <= 2 {
        year -= 1;
    } else {
        days -= (month * 4 + 23) / 10;
    }
    days + year / 4 - ((year / 100 + 1) * 3) / 4
}

/// Days in a year as MySQL's week arithmetic counts them (year 0 has 365).
pub(crate) fn days_in_year(year: i64) -> i64 {
    if year & 3 == 0 && (year % 100 != 0 || (year % 400 == 0 && year != 0)) { 366 } else { 365 }
}

/// Year, month and day of a day number; zeros outside 366..3652500 as MySQL has it.
pub(crate) fn civil_from_day_number(number: i64) -> (u16, u8, u8) {
    if number <= 365 || number >= 3_652_500 {
        return (0, 0, 0);
    }
    let (year, month, day) = civil_from_epoch_day(number - EPOCH_DAY_NUMBER);
    (year as u16, month, day)
}

/// The date of a day number (`FROM_DAYS`); the zero date when out of range.
pub fn date_from_day_number(number: i64) -> Time {
    let (year, month, day) = civil_from_day_number(number);
    Time::date(year, month, day)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. The month must be 1 to 12; a day
/// beyond its month runs on into the next.
pub(crate) fn epoch_day(year: i64, month: i64, day: i64) -> i64 {
    // Years start in March, so that the leap day is a year's last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Inverse of [`epoch_day`].
pub(crate) fn civil_from_epoch_day(days: i64) -> (i64, u8, u8) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u8, day as u8)
}

impl Time {
    /// MySQL's day number of the date part, as `TO_DAYS` and `DATEDIFF` use it.
    pub fn day_number(&self) -> i64 {
        day_number(i64::from(self.year), i64::from(self.month), i64::from(self.day))
    }

    /// `DATEDIFF(self, other)`: days between the date parts.
    pub fn days_since(&self, other: &Time) -> i64 {
        self.day_number() - other.day_number()
    }

    /// `TO_SECONDS`: seconds since the year 0.
    pub fn to_seconds(&self) -> i64 {
        self.day_number() * SECONDS_PER_DAY + self.clock_micros() / super::MICROS_PER_SECOND
    }

    /// `LAST_DAY`: the last day of the month; `None` when the month is zero.
    pub fn last_day(&self) -> Option<Time> {
        match days_in_month(self.year, self.month) {
            0 => None,
            day => Some(Time::date(self.year, self.month, day)),
        }
    }

    /// The date part at midnight.
    pub fn date_part(&self) -> Time {
        self.with_kind(TimeKind::Date)
    }

    /// Whether month and day exist in the calendar.
    pub(crate) fn is_calendar_date(&self) -> bool {
        (1..=12).contains(&self.month) && self.day >= 1 && self.day <= days_in_month(self.year, self.month)
    }
}
