//! Times as text: the canonical form and `DATE_FORMAT` / `TIME_FORMAT`.

use std::fmt::Write as _;

use super::{Duration, Time, TimeKind, wrong_value};
use crate::TypeError;

/// English month names, January first.
pub const MONTH_NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// English weekday names, Sunday first.
pub const WEEKDAY_NAMES: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Appends `.` and the first `fsp` digits of the microseconds, nothing for 0 digits.
pub(crate) fn push_fraction(out: &mut String, micros: u32, fsp: u8) {
    if fsp == 0 {
        return;
    }
    out.push('.');
    let mut unit = 100_000;
    for _ in 0..fsp.min(6) {
        out.push(char::from(b'0' + (micros / unit % 10) as u8));
        unit /= 10;
    }
}

/// Appends a number below 100 with two digits.
fn push_two(out: &mut String, value: u8) {
    out.push(char::from(b'0' + value / 10 % 10));
    out.push(char::from(b'0' + value % 10));
}

/// An hour on a twelve-hour clock.
fn twelve_hour(hour: u32) -> u32 {
    (hour + 11) % 12 + 1
}

/// Appends the clock specifiers that dates and TIME values share; false if it is none of them.
fn push_clock_specifier(
    out: &mut String,
    specifier: char,
    hour: u32,
    minute: u8,
    second: u8,
    micros: u32,
) -> bool {
    let half = if (hour / 12).is_multiple_of(2) { "AM" } else { "PM" };
    // Writing to a String cannot fail.
    let _ = match specifier {
        'H' => write!(out, "{hour:02}"),
        'k' => write!(out, "{hour}"),
        'h' | 'I' => write!(out, "{:02}", twelve_hour(hour)),
        'l' => write!(out, "{}", twelve_hour(hour)),
        'i' => write!(out, "{minute:02}"),
        'S' | 's' => write!(out, "{second:02}"),
        'f' => write!(out, "{micros:06}"),
        'p' => write!(out, "{half}"),
        'r' => write!(out, "{:02}:{minute:02}:{second:02} {half}", twelve_hour(hour)),
        'T' => write!(out, "{hour:02}:{minute:02}:{second:02}"),
        _ => return false,
    };
    true
}

/// Walks a layout; `specifier` appends what stands for the character after each `%`.
fn format_layout(
    layout: &str,
    mut specifier: impl FnMut(&mut String, char) -> Result<(), TypeError>,
) -> Result<String, TypeError> {
    let mut out = String::with_capacity(layout.len() * 2);
    let mut chars = layout.chars();
    while let Some(char) = chars.next() {
        if char != '%' {
            out.push(char);
        } else if let Some(char) = chars.next() {
            specifier(&mut out, char)?;
        }
    }
    Ok(out)
}

impl Time {
    /// `YYYY-MM-DD`, with ` HH:MM:SS` and `fsp` fractional digits unless it is a DATE.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(26);
        self.write_text(&mut text);
        text
    }

    /// Appends [`Time::to_text`].
    pub fn write_text(&self, out: &mut String) {
        // A year has five digits only before it was checked.
        let _ = write!(out, "{:04}", self.year);
        out.push('-');
        push_two(out, self.month);
        out.push('-');
        push_two(out, self.day);
        if self.kind == TimeKind::Date {
            return;
        }
        out.push(' ');
        push_two(out, self.hour);
        out.push(':');
        push_two(out, self.minute);
        out.push(':');
        push_two(out, self.second);
        push_fraction(out, self.micros, self.fsp);
    }

    /// `DATE_FORMAT(self, layout)`; error 1292 for a month name of month 0.
    pub fn date_format(&self, layout: &str) -> Result<String, TypeError> {
        format_layout(layout, |out, specifier| self.push_specifier(out, specifier))
    }

    fn push_specifier(&self, out: &mut String, specifier: char) -> Result<(), TypeError> {
        if push_clock_specifier(out, specifier, u32::from(self.hour), self.minute, self.second, self.micros) {
            return Ok(());
        }
        let weekday = || WEEKDAY_NAMES[usize::from(self.days_since_sunday())];
        let _ = match specifier {
            'b' => write!(out, "{:.3}", self.month_name()?),
            'M' => write!(out, "{}", self.month_name()?),
            'm' => write!(out, "{:02}", self.month),
            'c' => write!(out, "{}", self.month),
            'D' => write!(out, "{}{}", self.day, ordinal_suffix(self.day)),
            'd' => write!(out, "{:02}", self.day),
            'e' => write!(out, "{}", self.day),
            'j' => write!(out, "{:03}", self.day_of_year()),
            'U' => write!(out, "{:02}", self.week(0)),
            'u' => write!(out, "{:02}", self.week(1)),
            'V' => write!(out, "{:02}", self.week(2)),
            'v' => write!(out, "{:02}", self.year_week(3).1),
            'a' => write!(out, "{:.3}", weekday()),
            'W' => write!(out, "{}", weekday()),
            'w' => write!(out, "{}", self.days_since_sunday()),
            'X' => write!(out, "{:04}", week_year(self.year_week(2).0)),
            'x' => write!(out, "{:04}", week_year(self.year_week(3).0)),
            'Y' => write!(out, "{:04}", self.year),
            'y' => write!(out, "{:02}", self.year % 100),
            other => write!(out, "{other}"),
        };
        Ok(())
    }

    /// `MONTHNAME`; error 1292 when there is no such month.
    pub fn month_name(&self) -> Result<&'static str, TypeError> {
        usize::from(self.month)
            .checked_sub(1)
            .and_then(|month| MONTH_NAMES.get(month))
            .copied()
            .ok_or_else(|| wrong_value("time", self.month.to_string().as_bytes()))
    }
}

/// The year of a week, which MySQL prints unsigned even before year 0.
fn week_year(year: i64) -> u32 {
    u32::try_from(year).unwrap_or(u32::MAX)
}

fn ordinal_suffix(day: u8) -> &'static str {
    match day {
        1 | 21 | 31 => "st",
        2 | 22 => "nd",
        3 | 23 => "rd",
        _ => "th",
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl Duration {
    /// `TIME_FORMAT(self, layout)`; specifiers of a date stand for themselves, as in TiDB.
    pub fn time_format(&self, layout: &str) -> String {
        let parts = self.parts();
        let formatted = format_layout(layout, |out, specifier| {
            if !push_clock_specifier(out, specifier, parts.hours, parts.minutes, parts.seconds, parts.micros)
            {
                out.push(specifier);
            }
            Ok(())
        });
        formatted.unwrap_or_default()
    }
}
