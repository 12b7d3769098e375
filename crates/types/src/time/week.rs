//! Weekdays and the eight week modes of `WEEK()`.

use super::{
    Time,
    day::{EPOCH_DAY_NUMBER, day_number, days_in_year, epoch_day},
};

/// The week starts on Monday.
const MONDAY_FIRST: u8 = 1;
/// Weeks run from 1 to 53, otherwise from 0.
const WEEK_YEAR: u8 = 2;
/// Week 1 is the first that holds the year's first starting weekday, otherwise ISO's first week.
const FIRST_WEEKDAY: u8 = 4;

/// The behaviour bits of a `WEEK()` mode.
fn behaviour(mode: i64) -> u8 {
    let bits = (mode & 7) as u8;
    if bits & MONDAY_FIRST == 0 { bits ^ FIRST_WEEKDAY } else { bits }
}

/// Year and week of a date, after MySQL's `calc_week`.
fn year_and_week(time: &Time, behaviour: u8) -> (i64, i64) {
    let mut week_year = behaviour & WEEK_YEAR != 0;
    let monday_first = behaviour & MONDAY_FIRST != 0;
    let first_weekday = behaviour & FIRST_WEEKDAY != 0;
    let mut year = i64::from(time.year);
    let mut first_day = day_number(year, 1, 1);
    let mut weekday = (first_day + if monday_first { 5 } else { 6 }) % 7;
    // Whether the year's first, partial week belongs to the year before.
    let outside = |weekday: i64| if first_weekday { weekday != 0 } else { weekday >= 4 };
    if time.month == 1 && i64::from(time.day) <= 7 - weekday {
        if !week_year && outside(weekday) {
            return (year, 0);
        }
        week_year = true;
        year -= 1;
        let days = days_in_year(year);
        first_day -= days;
        weekday = (weekday + 53 * 7 - days).rem_euclid(7);
    }
    let start = if outside(weekday) { first_day + 7 - weekday } else { first_day - weekday };
    let days = time.day_number() - start;
    if week_year && days >= 52 * 7 {
        let next = (weekday + days_in_year(year)) % 7;
        if !outside(next) {
            return (year + 1, 1);
        }
    }
    (year, days / 7 + 1)
}

impl Time {
    /// `WEEK(self, mode)`; 0 when month or day is zero.
    pub fn week(&self, mode: i64) -> i64 {
        if self.has_zero_part() { 0 } else { year_and_week(self, behaviour(mode)).1 }
    }

    /// `YEARWEEK`'s year and week for a mode; the year is -1 in the first days of year 0.
    pub fn year_week(&self, mode: i64) -> (i64, i64) {
        year_and_week(self, behaviour(mode) | WEEK_YEAR)
    }

    /// `DAYOFYEAR`; 0 when month or day is zero.
    pub fn day_of_year(&self) -> i64 {
        if self.has_zero_part() {
            return 0;
        }
        self.day_number() - day_number(i64::from(self.year), 1, 1) + 1
    }

    /// Days since Sunday, 0 to 6. Zero parts and impossible days count on into the neighbouring
    /// month, as TiDB has it.
    pub fn days_since_sunday(&self) -> u8 {
        let months = i64::from(self.year) * 12 + i64::from(self.month) - 1;
        let days = epoch_day(months.div_euclid(12), months.rem_euclid(12) + 1, i64::from(self.day));
        (days + EPOCH_DAY_NUMBER - 1).rem_euclid(7) as u8
    }

    /// `WEEKDAY`: days since Monday, 0 to 6.
    pub fn weekday(&self) -> u8 {
        (self.days_since_sunday() + 6) % 7
    }

    /// `QUARTER`: 1 to 4, 0 for a zero month.
    pub fn quarter(&self) -> u8 {
        self.month.div_ceil(3)
    }
}
