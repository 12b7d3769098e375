//! Parts of dates and times, and their texts.

use th_types::{
    Datum, Decimal, Duration, Time, TimeKind, TypeError, code,
    decimal::RoundMode,
    time::{date_from_day_number, fraction_digits},
};

use super::coerce::now;
use super::{Frame, Value, or_null, text};
use crate::ast::TimeUnit;
use crate::bind::{Call, Class, Detail};

fn number<'v>(value: impl Into<i64>) -> Datum<'v> {
    Datum::Int(value.into())
}

/// "Incorrect datetime value": an error in strict mode, else NULL.
pub(super) fn no_date<'v>(time: &Time, frame: &Frame<'v>) -> Value<'v> {
    let message = format!("Incorrect datetime value: '{}'", time.to_text());
    frame.warn(TypeError::new(code::TRUNCATED_WRONG_VALUE, message))?;
    Ok(Datum::Null)
}

macro_rules! field_functions {
    ($($name:ident => $read:expr;)*) => {
        $(pub(crate) fn $name<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
            let read: fn(&Time) -> i64 = $read;
            Ok(number(read(&or_null!(call.arg(0).time(frame)))))
        })*
    };
}

field_functions! {
    year => |time| i64::from(time.year);
    month => |time| i64::from(time.month);
    day_of_month => |time| i64::from(time.day);
    quarter => |time| i64::from(time.month.div_ceil(3));
}

/// Functions that need a whole date: zero parts make them NULL.
macro_rules! date_functions {
    ($($name:ident => $read:expr;)*) => {
        $(pub(crate) fn $name<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
            let time = or_null!(call.arg(0).time(frame));
            if time.has_zero_part() {
                return no_date(&time, frame);
            }
            let read: fn(&Time) -> i64 = $read;
            Ok(number(read(&time)))
        })*
    };
}

date_functions! {
    day_of_week => |time| i64::from(time.days_since_sunday()) + 1;
    day_of_year => |time| time.day_of_year();
    weekday => |time| i64::from(time.weekday());
    week_of_year => |time| time.week(3);
    to_days => |time| time.day_number();
    to_seconds => |time| time.to_seconds();
}

/// The optional week mode.
fn mode<'v>(call: &'v Call, frame: &Frame<'v>, default: i64) -> Result<Option<i64>, TypeError> {
    match call.args.get(1) {
        Some(term) => Ok(Some(term.long(frame)?.unwrap_or(0))),
        None => Ok(Some(default)),
    }
}

pub(crate) fn week<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let time = or_null!(call.arg(0).time(frame));
    if time.has_zero_part() {
        return no_date(&time, frame);
    }
    let mode = or_null!(mode(call, frame, i64::from(frame.context.default_week_format)));
    Ok(number(time.week(mode)))
}

pub(crate) fn year_week<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let time = or_null!(call.arg(0).time(frame));
    if time.has_zero_part() {
        return no_date(&time, frame);
    }
    let (year, week) = time.year_week(or_null!(mode(call, frame, 0)));
    Ok(number(if year < 0 { i64::from(u32::MAX) } else { year * 100 + week }))
}

pub(crate) fn last_day<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let time = or_null!(call.arg(0).time(frame));
    if time.month == 0 {
        return no_date(&time, frame);
    }
    match time.last_day() {
        Some(last) => Ok(Datum::Time(last.with_kind(TimeKind::Date))),
        None => no_date(&time, frame),
    }
}

macro_rules! clock_functions {
    ($($name:ident => $read:expr;)*) => {
        $(pub(crate) fn $name<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
            let read: fn(&Duration) -> i64 = $read;
            Ok(number(read(&or_null!(call.arg(0).duration(frame)))))
        })*
    };
}

clock_functions! {
    hour => |span| i64::from(span.parts().hours);
    minute => |span| i64::from(span.parts().minutes);
    second => |span| i64::from(span.parts().seconds);
    microsecond => |span| i64::from(span.parts().micros);
    time_to_sec => |span| span.to_seconds();
}

// ---- names and formats

pub(crate) fn month_name<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let time = or_null!(call.arg(0).time(frame));
    match time.month_name() {
        Ok(name) => Ok(text(name)),
        Err(error) => {
            frame.warn(error)?;
            Ok(Datum::Null)
        }
    }
}

pub(crate) fn day_name<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let time = or_null!(call.arg(0).time(frame));
    if time.has_zero_part() {
        return no_date(&time, frame);
    }
    let name = th_types::time::WEEKDAY_NAMES.get(usize::from(time.days_since_sunday()));
    Ok(name.map_or(Datum::Null, |name| text(*name)))
}

pub(crate) fn date_format<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let time = or_null!(call.arg(0).time(frame));
    let layout = or_null!(call.arg(1).string(frame));
    match time.date_format(&layout) {
        Ok(shown) => Ok(text(shown)),
        Err(error) => {
            frame.warn(error)?;
            Ok(Datum::Null)
        }
    }
}

pub(crate) fn time_format<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let span = or_null!(call.arg(0).duration(frame));
    let layout = or_null!(call.arg(1).string(frame));
    Ok(text(span.time_format(&layout)))
}

/// The result's type was decided by a constant format; see `functions`.
pub(crate) fn str_to_date<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let source = or_null!(call.arg(0).string(frame));
    let layout = or_null!(call.arg(1).string(frame));
    let fsp = call.ty.decimal.clamp(0, 6) as u8;
    let wrong = || {
        let message = format!("Incorrect datetime value: '{source}' for function str_to_date");
        TypeError::new(1411, message)
    };
    let found = Time::str_to_date(&source, &layout, fsp);
    if call.class == Class::Duration {
        return match found {
            Some(time) => Ok(Datum::Duration(Duration { fsp, ..time.to_duration() })),
            None => frame.warn(wrong()).map(|()| Datum::Null),
        };
    }
    let kind = if call.ty.tp == th_types::tp::DATE { TimeKind::Date } else { TimeKind::Datetime };
    match found.filter(|time| time.check(frame.context.time()).is_ok()) {
        Some(time) => Ok(Datum::Time(
            Time { fsp: if kind == TimeKind::Date { 0 } else { fsp }, ..time }.with_kind(kind),
        )),
        None => frame.warn(wrong()).map(|()| Datum::Null),
    }
}

// ---- conversions

pub(crate) fn date<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let time = or_null!(call.arg(0).time(frame));
    if time.is_zero() && frame.context.mode.no_zero_date() {
        return no_date(&time, frame);
    }
    Ok(Datum::Time(time.with_kind(TimeKind::Date)))
}

pub(crate) fn time<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let span = or_null!(call.arg(0).duration(frame));
    Ok(Datum::Duration(span.round_to(call.ty.decimal.clamp(0, 6) as u8)))
}

/// `TIMESTAMP(x)` and `TIMESTAMP(x, time)`.
pub(crate) fn timestamp<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let time = or_null!(call.arg(0).time(frame));
    let fsp = call.ty.decimal.clamp(0, 6) as u8;
    let base = Time { fsp: time.fsp.max(fsp), ..time.with_kind(TimeKind::Datetime) };
    let Some(span) = call.args.get(1) else {
        return Ok(Datum::Time(base.round_to(fsp, frame.context.time())?));
    };
    let span = or_null!(span.duration(frame));
    Ok(base.plus_duration(&span).map_or(Datum::Null, |sum| Datum::Time(Time { fsp, ..sum })))
}

pub(crate) fn from_days<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let days = or_null!(call.arg(0).long(frame));
    Ok(Datum::Time(date_from_day_number(days).with_kind(TimeKind::Date)))
}

/// `MAKEDATE(year, day of the year)`; two-digit years are near.
pub(crate) fn make_date<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let year = or_null!(call.arg(0).long(frame));
    let day = or_null!(call.arg(1).long(frame));
    if day <= 0 || !(0..=9999).contains(&year) {
        return Ok(Datum::Null);
    }
    let year = match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        other => other,
    };
    let first = Time::date(year as u16, 1, 1).day_number();
    let date = date_from_day_number(first.saturating_add(day - 1).min(4_000_000));
    Ok(if date.is_zero() || date.year > 9999 {
        Datum::Null
    } else {
        Datum::Time(date.with_kind(TimeKind::Date))
    })
}

/// `MAKETIME(hour, minute, second)`.
pub(crate) fn make_time<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let hour = or_null!(call.arg(0).long(frame));
    let minute = or_null!(call.arg(1).long(frame));
    let second: Decimal = or_null!(call.arg(2).decimal(frame));
    let fsp = call.ty.decimal.clamp(0, 6) as u8;
    let micros = second_micros(&second);
    if !(0..60).contains(&minute) || !(0..60_000_000).contains(&micros) {
        return Ok(Datum::Null);
    }
    let hours = hour.unsigned_abs().min(100_000) as i64;
    let nanos = (hours * 3600 + minute * 60) * 1_000_000_000 + micros * 1000;
    let (span, cut) = Duration { nanos: if hour < 0 { -nanos } else { nanos }, fsp }.clamped();
    if cut {
        frame.warn(super::coerce::truncated("time", span.to_text().as_bytes()))?;
    }
    Ok(Datum::Duration(span.round_to(fsp)))
}

/// A number of seconds in microseconds, rounded.
fn second_micros(seconds: &Decimal) -> i64 {
    let million = Decimal::from(1_000_000i64);
    seconds.mul(&million).0.round(0, RoundMode::HalfUp).0.to_i64().0
}

pub(crate) fn sec_to_time<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let seconds = or_null!(call.arg(0).decimal(frame));
    let fsp = call.ty.decimal.clamp(0, 6) as u8;
    let nanos = second_micros(&seconds).saturating_mul(1000);
    let (span, cut) = Duration { nanos, fsp }.clamped();
    if cut {
        frame.warn(super::coerce::truncated("time", span.to_text().as_bytes()))?;
    }
    Ok(Datum::Duration(span.round_to(fsp)))
}

/// The last second that UNIX_TIMESTAMP and FROM_UNIXTIME know.
const LAST_SECOND: i64 = 32_536_771_199;

pub(crate) fn unix_timestamp<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let time = match call.args.first() {
        Some(term) => or_null!(term.time(frame)),
        None => now(frame, 0),
    };
    let micros = if time.has_zero_part() { 0 } else { time.to_unix_micros(&frame.context.zone).unwrap_or(0) };
    let seconds = micros.div_euclid(1_000_000);
    let micros = if (0..=LAST_SECOND).contains(&seconds) { micros } else { 0 };
    if call.class == Class::Int {
        return Ok(number(micros / 1_000_000));
    }
    let (quotient, _) = Decimal::from(micros).div(&Decimal::from(1_000_000i64), 6);
    Ok(Datum::Decimal(quotient.round(call.ty.decimal.clamp(0, 6) as i32, RoundMode::Truncate).0))
}

pub(crate) fn from_unixtime<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let seconds = or_null!(call.arg(0).decimal(frame));
    let micros = second_micros(&seconds);
    if seconds.is_negative() || micros / 1_000_000 > LAST_SECOND {
        return Ok(Datum::Null);
    }
    let fsp = if call.class == Class::Time {
        call.ty.decimal.clamp(0, 6) as u8
    } else {
        seconds.digits_frac().min(6)
    };
    let time = Time::from_unix_micros(micros, &frame.context.zone, TimeKind::Datetime, 6);
    let time = time.round_to(fsp, frame.context.time())?;
    match call.args.get(1) {
        None => Ok(Datum::Time(time)),
        Some(layout) => Ok(text(time.date_format(&or_null!(layout.string(frame)))?)),
    }
}

/// The parts of EXTRACT's unit as one number.
pub(crate) fn extract<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let Detail::Unit(unit) = call.detail else { return Ok(Datum::Null) };
    use TimeUnit::*;
    if matches!(unit, Day | Week | Month | Quarter | Year | YearMonth) {
        let time = or_null!(call.arg(0).time(frame));
        return Ok(number(match unit {
            Day => i64::from(time.day),
            Week => time.week(0),
            Month => i64::from(time.month),
            Quarter => i64::from(time.month.div_ceil(3)),
            Year => i64::from(time.year),
            _ => i64::from(time.year) * 100 + i64::from(time.month),
        }));
    }
    let with_day = matches!(unit, DayMicrosecond | DaySecond | DayMinute | DayHour);
    let term = call.arg(0);
    // A value with a date counts its day; a TIME does not.
    let dated = with_day && term.class() != Class::Duration && {
        let value = term.eval(frame)?;
        match &value {
            Datum::Bytes(text) => {
                Time::parse(text, TimeKind::Datetime, fraction_digits(text), frame.context.time()).is_ok()
            }
            Datum::Null => return Ok(Datum::Null),
            _ => true,
        }
    };
    let (day, negative, hour, minute, second, micros) = if dated {
        let time = or_null!(term.time(frame));
        let part = i64::from;
        (part(time.day), false, part(time.hour), part(time.minute), part(time.second), i64::from(time.micros))
    } else {
        let parts = or_null!(term.duration(frame)).parts();
        let part = i64::from;
        (
            0,
            parts.negative,
            i64::from(parts.hours),
            part(parts.minutes),
            part(parts.seconds),
            i64::from(parts.micros),
        )
    };
    let clock = hour * 10_000 + minute * 100 + second;
    let value = match unit {
        Microsecond => micros,
        Second => second,
        Minute => minute,
        Hour => hour,
        SecondMicrosecond => second * 1_000_000 + micros,
        MinuteMicrosecond => (minute * 100 + second) * 1_000_000 + micros,
        MinuteSecond => minute * 100 + second,
        HourMicrosecond => clock * 1_000_000 + micros,
        HourSecond => clock,
        HourMinute => hour * 100 + minute,
        DayMicrosecond => (day * 1_000_000 + clock) * 1_000_000 + micros,
        DaySecond => day * 1_000_000 + clock,
        DayMinute => day * 10_000 + hour * 100 + minute,
        _ => day * 100 + hour,
    };
    Ok(number(if negative { -value } else { value }))
}

// ---- the moment

pub(crate) fn current_date<'v>(_: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Time(now(frame, 0).with_kind(TimeKind::Date)))
}

pub(crate) fn current_time<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let fsp = call.ty.decimal.clamp(0, 6) as u8;
    Ok(Datum::Duration(Duration { fsp, ..now(frame, fsp).to_duration() }))
}
