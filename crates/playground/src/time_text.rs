//! Calendar dates of Unix seconds in UTC, for the texts that PD and TiDB print.

const DAY: i64 = 86_400;
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: u32,
    /// From 1.
    pub(crate) day: u32,
    pub(crate) hour: u32,
    pub(crate) minute: u32,
    pub(crate) second: u32,
    weekday: usize,
}

impl Civil {
    /// From seconds since 1970-01-01 00:00:00 UTC.
    pub(crate) fn from_unix(seconds: i64) -> Self {
        let days = seconds.div_euclid(DAY);
        let of_day = seconds.rem_euclid(DAY) as u32;
        // Years are counted from 1 March 0000 so that leap days end a year; 400 years are 146 097 days.
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
        let month = (if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 }) as u32;
        Self {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month,
            day,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            weekday: days.rem_euclid(7) as usize,
        }
    }

    /// `Sat`.
    pub(crate) fn weekday_name(&self) -> &'static str {
        WEEKDAYS.get(self.weekday).copied().unwrap_or_default()
    }

    /// `Nov`.
    pub(crate) fn month_name(&self) -> &'static str {
        MONTHS.get((self.month as usize).wrapping_sub(1)).copied().unwrap_or_default()
    }

    /// `2026-11-21 10:35:19`.
    pub(crate) fn sql(&self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }

    /// `2026-11-21T10:35:19Z`.
    pub(crate) fn rfc3339(&self) -> String {
        format!("{}Z", self.sql().replace(' ', "T"))
    }

    /// `20261121-10:35:19`, the start of TiDB's notation in `mysql.tidb`.
    pub(crate) fn compact(&self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}{month:02}{day:02}-{hour:02}:{minute:02}:{second:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(Civil::from_unix(0).sql(), "1970-01-01 00:00:00");
        assert_eq!(Civil::from_unix(1_795_257_319).rfc3339(), "2026-11-21T10:35:19Z");
        assert_eq!(Civil::from_unix(951_782_400).sql(), "2000-02-29 00:00:00");
        assert_eq!(Civil::from_unix(-1).sql(), "1969-12-31 23:59:59");
    }
}
