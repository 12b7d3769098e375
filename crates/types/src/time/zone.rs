//! Between fields in a zone and instants.
//!
//! An hour that the clocks repeat is read as its first, daylight-saving occurrence, one that they
//! skip is an error; both as TiDB does. A repeated hour without daylight saving (a zone that changed
//! its offset for good) is read as Go's `time.Date` reads it: the later occurrence east of
//! Greenwich, the earlier one west of it.

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone as Zone},
};

use super::{
    MICROS_PER_SECOND, Time, TimeKind,
    day::{SECONDS_PER_DAY, civil_from_epoch_day, epoch_day},
    wrong_value,
    zone_memo::constant_offset,
};
use crate::{TimeZone, TypeError};

/// TiDB's error number for a TIMESTAMP that a daylight-saving transition skips.
pub const TIMESTAMP_IN_DST_TRANSITION: u16 = 8179;

/// Why fields are no instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LocalError {
    /// Month, day or clock is out of the calendar.
    NotADate,
    /// The zone's clocks skip it.
    Skipped,
}

/// A repeated stretch of clock time can be at most this long for TiDB to look at it.
const LONGEST_FOLD_SECONDS: i32 = 4 * 3600;

impl Time {
    /// The fields read as UTC, in microseconds since 1970; `None` if they are no calendar date.
    pub fn as_utc_micros(&self) -> Option<i64> {
        let clock_exists = self.hour < 24 && self.minute < 60 && self.second < 60;
        if !clock_exists || !self.is_calendar_date() {
            return None;
        }
        let day = epoch_day(i64::from(self.year), i64::from(self.month), i64::from(self.day));
        Some(day * SECONDS_PER_DAY * MICROS_PER_SECOND + self.clock_micros())
    }

    /// Fields of an instant in a zone.
    pub fn from_unix_micros(micros: i64, zone: &TimeZone, kind: TimeKind, fsp: u8) -> Self {
        let offset = match zone {
            TimeZone::Fixed(seconds) => *seconds,
            TimeZone::Named(zone) => zone.to_offset(timestamp(micros)).seconds(),
        };
        Self::from_utc_micros(micros.saturating_add(i64::from(offset) * MICROS_PER_SECOND), kind, fsp)
    }

    /// Fields of microseconds since 1970 in UTC. A year outside 0 to 9999 fails every later check.
    pub(crate) fn from_utc_micros(micros: i64, kind: TimeKind, fsp: u8) -> Self {
        let seconds = micros.div_euclid(MICROS_PER_SECOND);
        let (year, month, day) = civil_from_epoch_day(seconds.div_euclid(SECONDS_PER_DAY));
        let clock = seconds.rem_euclid(SECONDS_PER_DAY);
        Self {
            year: u16::try_from(year).map_or(u16::MAX >> 2, |year| year & u16::MAX >> 2),
            month,
            day,
            hour: (clock / 3600) as u8,
            minute: (clock / 60 % 60) as u8,
            second: (clock % 60) as u8,
            micros: micros.rem_euclid(MICROS_PER_SECOND) as u32,
            kind,
            fsp,
        }
    }

    /// The instant of these fields in a zone, in microseconds since 1970 UTC (`UNIX_TIMESTAMP`).
    ///
    /// Fails with 1292 if they are no date and with 8179 if the zone's clocks skip them.
    pub fn to_unix_micros(&self, zone: &TimeZone) -> Result<i64, TypeError> {
        self.to_unix_micros_detailed(zone).map_err(|error| match error {
            LocalError::NotADate => wrong_value("time", self.to_text().as_bytes()),
            LocalError::Skipped => self.skipped_error(zone),
        })
    }

    /// [`Time::to_unix_micros`] with the reason as a value.
    pub(crate) fn to_unix_micros_detailed(self, zone: &TimeZone) -> Result<i64, LocalError> {
        let as_utc = self.as_utc_micros().ok_or(LocalError::NotADate)?;
        let offset = match zone {
            TimeZone::Fixed(seconds) => *seconds,
            TimeZone::Named(zone) => match constant_offset(zone, as_utc) {
                Some(seconds) => seconds,
                None => self.offset_in(zone, as_utc)?.seconds(),
            },
        };
        Ok(as_utc - i64::from(offset) * MICROS_PER_SECOND)
    }

    /// The zone's offset at these fields.
    fn offset_in(self, zone: &Zone, as_utc: i64) -> Result<Offset, LocalError> {
        let local = DateTime::new(
            self.year as i16,
            self.month as i8,
            self.day as i8,
            self.hour as i8,
            self.minute as i8,
            self.second as i8,
            self.micros as i32 * 1000,
        )
        .map_err(|_| LocalError::NotADate)?;
        match zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => Ok(offset),
            AmbiguousOffset::Gap { .. } => Err(LocalError::Skipped),
            AmbiguousOffset::Fold { before, after } => Ok(choose_in_fold(zone, as_utc, before, after)),
        }
    }

    /// Converts fields of one zone into fields of another; zero stays zero. TIMESTAMP values are
    /// stored as their fields in UTC.
    pub fn convert_zone(&self, from: &TimeZone, to: &TimeZone) -> Result<Time, TypeError> {
        if self.is_zero() {
            return Ok(*self);
        }
        let micros = self.to_unix_micros(from)?;
        Ok(Time::from_unix_micros(micros, to, self.kind, self.fsp))
    }

    /// The nearest existing time when the zone's clocks skip these fields (TiDB's
    /// `AdjustedGoTime`): the instant of the transition.
    pub fn adjusted_for_skipped(&self, zone: &TimeZone) -> Option<Time> {
        let TimeZone::Named(named) = zone else { return None };
        if self.to_unix_micros_detailed(zone) != Err(LocalError::Skipped) {
            return None;
        }
        // Read with the offset from before the gap, the fields are an instant after it.
        let as_utc = timestamp(self.as_utc_micros()?);
        let day_before = as_utc.checked_sub(jiff::SignedDuration::from_hours(24)).ok()?;
        let transition = named.following(day_before).next()?.timestamp();
        Some(Time::from_unix_micros(transition.as_microsecond(), zone, self.kind, self.fsp))
    }

    /// The error for fields that the zone's clocks skip.
    pub(crate) fn skipped_error(&self, zone: &TimeZone) -> TypeError {
        let name = match zone {
            TimeZone::Fixed(seconds) => format!("{seconds}"),
            TimeZone::Named(zone) => zone.iana_name().unwrap_or("unknown").to_owned(),
        };
        TypeError::new(
            TIMESTAMP_IN_DST_TRANSITION,
            format!(
                "Timestamp is not valid, since it is in Daylight Saving Time transition '{}' for time zone '{name}'",
                self.to_text(),
            ),
        )
    }
}

/// Which of the two occurrences of a repeated time TiDB means.
fn choose_in_fold(zone: &Zone, as_utc: i64, before: Offset, after: Offset) -> Offset {
    let daylight = |offset: Offset| {
        let utc = as_utc - i64::from(offset.seconds()) * MICROS_PER_SECOND;
        zone.to_offset_info(timestamp(utc)).dst().is_dst()
    };
    // Go looks the offset up as if the clock showed UTC, so it sees the far side of the transition
    // east of Greenwich and the near side west of it.
    let looked_up = zone.to_offset(timestamp(as_utc));
    if looked_up != after {
        return before;
    }
    let fold = before.seconds() - after.seconds();
    if !daylight(after) && daylight(before) && fold <= LONGEST_FOLD_SECONDS { before } else { after }
}

/// The instant for looking an offset up; the last day of the year 9999 is beyond the library's range
/// and has the offset of the day before.
fn timestamp(micros: i64) -> Timestamp {
    let nearest = if micros < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_microsecond(micros).unwrap_or(nearest)
}
