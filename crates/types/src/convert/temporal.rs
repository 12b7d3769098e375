//! DATE, DATETIME, TIMESTAMP and TIME.
//!
//! What each SQL mode makes of zero and impossible dates is `handleZeroDatetime` of TiDB's column
//! cast; reading the text is the business of [`crate::time`].

use super::{Outcome, integer, no_conversion, settle};
use crate::error::{TypeError, code};
use crate::time::{MAX_DURATION_NUMBER, TIMESTAMP_IN_DST_TRANSITION};
use crate::{Context, Datum, Duration, FieldType, SqlMode, Time, TimeKind, tp};

/// Numbers from here on are a date and time, not a TIME.
const SMALLEST_DATETIME: i64 = 10_000_000_000;

/// Which kind of calendar time a column of this type code holds.
pub fn time_kind_of(type_code: u8) -> TimeKind {
    match type_code {
        tp::TIMESTAMP => TimeKind::Timestamp,
        tp::DATETIME => TimeKind::Datetime,
        _ => TimeKind::Date,
    }
}

fn fsp_of(target: &FieldType) -> u8 {
    target.decimal.clamp(0, 6) as u8
}

/// Text to a DATE, DATETIME or TIMESTAMP column with `fsp` fractional digits.
#[inline]
pub fn text_to_time(text: &[u8], kind: TimeKind, fsp: u8, context: &Context) -> Result<Time, TypeError> {
    match Time::parse(text, kind, fsp, context.time()) {
        Ok(time) if !time.has_zero_part() => Ok(time),
        parsed => settle_time(parsed, kind, context.mode, text),
    }
}

/// A number (`20240102030405`) to a DATE, DATETIME or TIMESTAMP column with `fsp` fractional digits.
pub fn number_to_time(number: i64, kind: TimeKind, fsp: u8, context: &Context) -> Result<Time, TypeError> {
    let parsed = Time::from_number(number, kind, fsp, context.time());
    settle_time(parsed, kind, context.mode, number.to_string().as_bytes())
}

/// Decides by the SQL mode what becomes of a zero, partly zero or unreadable time.
#[cold]
fn settle_time(
    parsed: Result<Time, TypeError>,
    kind: TimeKind,
    mode: SqlMode,
    shown: &[u8],
) -> Result<Time, TypeError> {
    let zero = Time::zero(kind, 0);
    let (time, error) = match parsed {
        Ok(time) => (time.with_kind(kind), None),
        Err(error) if error.code == TIMESTAMP_IN_DST_TRANSITION => return Err(error),
        Err(error) => (zero, Some(error)),
    };
    let invalid = error.as_ref().is_some_and(|error| error.code == code::TRUNCATED_WRONG_VALUE);
    let accepted = if time.is_zero() {
        !invalid && !mode.no_zero_date()
    } else if kind == TimeKind::Timestamp {
        !invalid
    } else if time.has_zero_part() {
        !mode.no_zero_in_date()
    } else {
        return settle((time, error), !mode.strict());
    };
    if accepted {
        return Ok(time);
    }
    if mode.strict() {
        return Err(crate::time::wrong_value(kind.name(), shown));
    }
    Ok(zero)
}

/// Any datum to DATE, DATETIME or TIMESTAMP.
pub(super) fn to_time(value: &Datum<'_>, target: &FieldType, context: &Context) -> Result<Time, TypeError> {
    let (kind, fsp) = (time_kind_of(target.tp), fsp_of(target));
    let time_context = context.time();
    let (parsed, shown) = match value {
        Datum::Bytes(text) => return text_to_time(text, kind, fsp, context),
        Datum::Int(number) => return number_to_time(*number, kind, fsp, context),
        Datum::Uint(number) if kind != TimeKind::Timestamp => {
            let shown = number.to_string();
            let parsed = match i64::try_from(*number) {
                Ok(number) => Time::from_number(number, kind, fsp, time_context),
                Err(_) => Err(crate::time::wrong_value("time", shown.as_bytes())),
            };
            (parsed, shown)
        }
        Datum::Decimal(number) => {
            let shown = number.to_string();
            (Time::parse_number_text(shown.as_bytes(), kind, fsp, time_context), shown)
        }
        Datum::Time(time) => (convert_kind(time, kind, fsp, context), time.to_text()),
        Datum::Duration(duration) => {
            let now = Time::from_unix_micros(context.now_micros, &context.zone, TimeKind::Datetime, 0);
            let shown = duration.to_text();
            let parsed = match duration.on_date(&now) {
                Some(time) => convert_kind(&time, kind, fsp, context),
                None => Err(crate::time::wrong_value("time", shown.as_bytes())),
            };
            (parsed, shown)
        }
        Datum::Json(value) => {
            let text = value.view().unquote()?;
            return text_to_time(&text, kind, fsp, context);
        }
        _ => return Err(no_conversion(value, target.tp)),
    };
    settle_time(parsed, kind, context.mode, shown.as_bytes())
}

fn convert_kind(time: &Time, kind: TimeKind, fsp: u8, context: &Context) -> Result<Time, TypeError> {
    let same_fields = Time { kind, ..*time };
    if kind == TimeKind::Timestamp && time.kind != TimeKind::Timestamp && !time.is_zero() {
        // A TIMESTAMP has a narrower range; the text knows how to check it.
        return Time::parse(time.to_text().as_bytes(), kind, fsp, context.time());
    }
    same_fields.round_to(fsp, context.time()).map(|time| time.with_kind(kind))
}

/// Text to a TIME column with `fsp` fractional digits.
#[inline]
pub fn text_to_duration(text: &[u8], fsp: u8, context: &Context) -> Result<Duration, TypeError> {
    settle(duration_outcome(text, fsp, context), context.lax())
}

fn duration_outcome(text: &[u8], fsp: u8, context: &Context) -> Outcome<Duration> {
    match Duration::parse(text, fsp, context.time()) {
        Ok(duration) => (duration, None),
        Err(failed) => (failed.nearest.unwrap_or(Duration { nanos: 0, fsp: 0 }), Some(failed.error)),
    }
}

/// Any datum to TIME, which can be NULL; `Err` if there is no such conversion.
pub(super) fn to_duration(
    value: &Datum<'_>,
    target: &FieldType,
    context: &Context,
) -> Result<Outcome<Option<Duration>>, TypeError> {
    let fsp = fsp_of(target);
    let some = |(duration, error): Outcome<Duration>| (Some(duration), error);
    let shown = match value {
        Datum::Bytes(text) => return Ok(some(duration_outcome(text, fsp, context))),
        Datum::Duration(duration) => return Ok((Some(duration.round_to(fsp)), None)),
        Datum::Time(time) => return Ok((Some(time.to_duration().round_to(fsp)), None)),
        Datum::Json(value) => {
            let text = value.view().unquote()?;
            return Ok(some(duration_outcome(&text, fsp, context)));
        }
        Datum::Int(number) => number.to_string(),
        Datum::Uint(number) => number.to_string(),
        Datum::Float32(_) | Datum::Float64(_) | Datum::Decimal(_) => {
            let text =
                super::StringTarget::new(&FieldType::new(tp::VAR_STRING)).fit_datum(value.clone(), true)?;
            String::from_utf8_lossy(&text).into_owned()
        }
        _ => return Err(no_conversion(value, tp::DURATION)),
    };
    let (number, error) = integer::to_int(value, tp::LONGLONG, context)?;
    if error.is_some() {
        return Ok((None, error));
    }
    let wrong = || Some(crate::time::wrong_value("time", shown.as_bytes()));
    if number > MAX_DURATION_NUMBER && number < SMALLEST_DATETIME {
        return Ok((Some(Duration::limit(false, 0)), wrong()));
    }
    if number < -MAX_DURATION_NUMBER {
        return Ok((None, wrong()));
    }
    Ok(some(duration_outcome(shown.as_bytes(), fsp, context)))
}
