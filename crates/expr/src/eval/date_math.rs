//! Sums and differences of dates and times.

use th_types::{
    Datum, Duration, Time, TimeKind, TypeError,
    time::{Interval, IntervalUnit, TimeUnit as DifferenceUnit},
    tp,
};

use super::coerce::to_text;
use super::time::no_date;
use super::{Frame, Value, bad_argument, or_null, text};
use crate::ast::TimeUnit;
use crate::bind::{Call, Class, Detail, Term};

fn unit_of(call: &Call) -> (TimeUnit, IntervalUnit) {
    let Detail::Unit(unit) = call.detail else { return (TimeUnit::Day, IntervalUnit::Day) };
    (unit, IntervalUnit::from_name(unit.name()).unwrap_or(IntervalUnit::Day))
}

/// The text an interval's amount is read from.
fn amount<'v>(term: &'v Term, unit: TimeUnit, frame: &Frame<'v>) -> Result<Option<Vec<u8>>, TypeError> {
    let whole = !matches!(unit, TimeUnit::Second) && unit.name().find('_').is_none();
    let value = term.eval(frame)?;
    Ok(match value {
        // A number counts as its nearest integer where the unit has no fraction.
        Datum::Decimal(_) | Datum::Float32(_) | Datum::Float64(_) if whole => {
            term.int(frame)?.map(|number| number.to_string().into_bytes())
        }
        other => to_text(other, term.ty()).map(std::borrow::Cow::into_owned),
    })
}

fn shift<'v>(call: &'v Call, frame: &Frame<'v>, back: bool) -> Value<'v> {
    let (unit, interval_unit) = unit_of(call);
    let term = call.arg(0);
    let clock = interval_unit.is_clock();
    if call.class == Class::Duration {
        let span = or_null!(term.duration(frame));
        let amount = or_null!(amount(call.arg(1), unit, frame));
        let (interval, error) = Interval::parse(interval_unit, &amount);
        frame.check(error)?;
        let nanos = interval
            .days
            .saturating_mul(86_400_000_000_000)
            .saturating_add(interval.micros.saturating_mul(1000));
        let nanos = if back { span.nanos.saturating_sub(nanos) } else { span.nanos.saturating_add(nanos) };
        let (sum, cut) = Duration { nanos, fsp: call.ty.decimal.clamp(0, 6) as u8 }.clamped();
        if cut {
            frame.warn(TypeError::new(1441, "Datetime function: time field overflow"))?;
            return Ok(Datum::Null);
        }
        return Ok(Datum::Duration(sum));
    }
    // Text and numbers: a date if it reads as one and the unit does not reach below the day.
    let base = match term.eval(frame)? {
        Datum::Null => return Ok(Datum::Null),
        Datum::Time(time) => time,
        Datum::Bytes(bytes) => {
            let session = frame.context.time();
            let dated = bytes.len() <= 10 && !clock && !bytes.contains(&b':');
            let kind = if dated { TimeKind::Date } else { TimeKind::Datetime };
            match Time::parse(&bytes, kind, th_types::time::fraction_digits(&bytes), session) {
                Ok(time) => time,
                Err(error) => {
                    frame.warn(error)?;
                    return Ok(Datum::Null);
                }
            }
        }
        Datum::Int(number) => match Time::from_number_unkinded(number, frame.context.time()) {
            Ok(time) => time,
            Err(error) => {
                frame.warn(error)?;
                return Ok(Datum::Null);
            }
        },
        _ => or_null!(term.time(frame)),
    };
    if base.has_zero_part() {
        return no_date(&base, frame);
    }
    let amount = or_null!(amount(call.arg(1), unit, frame));
    let (interval, error) = Interval::parse(interval_unit, &amount);
    frame.check(error)?;
    let interval = if back { interval.negated() } else { interval };
    let kind = if base.kind == TimeKind::Date && !clock { TimeKind::Date } else { TimeKind::Datetime };
    let digits = if kind == TimeKind::Date {
        0
    } else {
        let own = base.fsp.max(if interval.micros % 1_000_000 == 0 { 0 } else { 6 });
        if call.class == Class::Time { call.ty.decimal.clamp(0, 6) as u8 } else { own }
    };
    match base.with_kind(kind).plus_interval(&interval, digits) {
        Ok(sum) => {
            let sum = sum.with_kind(kind);
            Ok(if call.class == Class::Time { Datum::Time(sum) } else { text(sum.to_text()) })
        }
        Err(error) => {
            frame.warn(error)?;
            Ok(Datum::Null)
        }
    }
}

pub(crate) fn date_add<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    shift(call, frame, false)
}

pub(crate) fn date_sub<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    shift(call, frame, true)
}

/// `TIMESTAMPADD(unit, n, x)`: a text.
pub(crate) fn timestamp_add<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let (unit, interval_unit) = unit_of(call);
    let amount = or_null!(amount(call.arg(0), unit, frame));
    let base = or_null!(call.arg(1).time(frame));
    if base.has_zero_part() {
        return no_date(&base, frame);
    }
    let (interval, error) = Interval::parse(interval_unit, &amount);
    frame.check(error)?;
    let dated = call.arg(1).ty().tp == tp::DATE && !interval_unit.is_clock();
    let kind = if dated { TimeKind::Date } else { TimeKind::Datetime };
    match base.with_kind(kind).plus_interval(&interval, 6) {
        Ok(sum) => {
            let fsp = if sum.micros == 0 || dated { 0 } else { 6 };
            Ok(text(Time { fsp, ..sum.with_kind(kind) }.to_text()))
        }
        Err(error) => {
            frame.warn(error)?;
            Ok(Datum::Null)
        }
    }
}

/// `TIMESTAMPDIFF(unit, from, to)`.
pub(crate) fn timestamp_diff<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let from = or_null!(call.arg(0).time(frame));
    let to = or_null!(call.arg(1).time(frame));
    for time in [&from, &to] {
        if time.has_zero_part() {
            return no_date(time, frame);
        }
    }
    let unit = match unit_of(call).0 {
        TimeUnit::Microsecond => DifferenceUnit::Microsecond,
        TimeUnit::Second => DifferenceUnit::Second,
        TimeUnit::Minute => DifferenceUnit::Minute,
        TimeUnit::Hour => DifferenceUnit::Hour,
        TimeUnit::Week => DifferenceUnit::Week,
        TimeUnit::Month => DifferenceUnit::Month,
        TimeUnit::Quarter => DifferenceUnit::Quarter,
        TimeUnit::Year => DifferenceUnit::Year,
        _ => DifferenceUnit::Day,
    };
    Ok(Datum::Int(to.units_since(&from, unit)))
}

pub(crate) fn date_diff<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let left = or_null!(call.arg(0).time(frame));
    let right = or_null!(call.arg(1).time(frame));
    for time in [&left, &right] {
        if time.has_zero_part() {
            return no_date(time, frame);
        }
    }
    Ok(Datum::Int(left.days_since(&right)))
}

/// A text or value as a TIME or a calendar time, whichever it is.
enum Moment {
    Span(Duration),
    Calendar(Time),
}

fn moment<'v>(term: &'v Term, frame: &Frame<'v>) -> Result<Option<Moment>, TypeError> {
    match term.eval(frame)? {
        Datum::Null => Ok(None),
        Datum::Time(time) => Ok(Some(Moment::Calendar(time))),
        Datum::Bytes(bytes) => {
            let looks_dated = bytes.splitn(3, |byte| *byte == b'-').count() == 3;
            if looks_dated && let Ok(time) = Time::parse_datetime(&bytes, frame.context.time()) {
                return Ok(Some(Moment::Calendar(time)));
            }
            Ok(super::coerce::to_duration(Datum::Bytes(bytes), frame)?.map(Moment::Span))
        }
        other => Ok(super::coerce::to_duration(other, frame)?.map(Moment::Span)),
    }
}

/// `TIMEDIFF(a, b)`: both of one kind, else NULL.
pub(crate) fn time_diff<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let left = or_null!(moment(call.arg(0), frame));
    let right = or_null!(moment(call.arg(1), frame));
    let difference = match (left, right) {
        (Moment::Span(left), Moment::Span(right)) => left.checked_sub(&right),
        (Moment::Calendar(left), Moment::Calendar(right)) => Some(left.duration_since(&right)),
        _ => None,
    };
    let Some(difference) = difference else { return Ok(Datum::Null) };
    let (span, cut) = difference.clamped();
    if cut {
        frame.warn(super::coerce::truncated("time", difference.to_text().as_bytes()))?;
    }
    Ok(Datum::Duration(span))
}

fn add_time_signed<'v>(call: &'v Call, frame: &Frame<'v>, back: bool) -> Value<'v> {
    let base = or_null!(moment(call.arg(0), frame));
    let Moment::Span(span) = or_null!(moment(call.arg(1), frame)) else { return Ok(Datum::Null) };
    let span = Duration { nanos: if back { -span.nanos } else { span.nanos }, ..span };
    match base {
        Moment::Span(base) => {
            let Some(sum) = base.checked_add(&span) else { return Ok(Datum::Null) };
            let (sum, cut) = sum.clamped();
            if cut {
                frame.warn(super::coerce::truncated("time", sum.to_text().as_bytes()))?;
            }
            Ok(if call.class == Class::Text { text(sum.to_text()) } else { Datum::Duration(sum) })
        }
        Moment::Calendar(base) => match base.with_kind(TimeKind::Datetime).plus_duration(&span) {
            None => Ok(Datum::Null),
            Some(sum) if call.class == Class::Text => Ok(text(sum.to_text())),
            Some(sum) => Ok(Datum::Time(sum)),
        },
    }
}

pub(crate) fn add_time<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    add_time_signed(call, frame, false)
}

pub(crate) fn sub_time<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    add_time_signed(call, frame, true)
}

/// Months since year 0 of a period `YYMM` or `YYYYMM`.
fn period_months(period: i64) -> Result<i64, TypeError> {
    let (year, month) = (period / 100, period % 100);
    if period <= 0 || !(1..=12).contains(&month) {
        return Err(bad_argument(1210, "Incorrect arguments to period_add"));
    }
    let year = match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        other => other,
    };
    Ok(year * 12 + month - 1)
}

pub(crate) fn period_add<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let period = or_null!(call.arg(0).long(frame));
    let months = or_null!(call.arg(1).long(frame));
    let sum = period_months(period)?.saturating_add(months);
    let (year, month) = (sum.div_euclid(12), sum.rem_euclid(12) + 1);
    let year = match year {
        0..70 => year + 2000,
        70..100 => year + 1900,
        other => other,
    };
    Ok(Datum::Int(year.saturating_mul(100).saturating_add(month)))
}

pub(crate) fn period_diff<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let left = period_months(or_null!(call.arg(0).long(frame)))?;
    let right = period_months(or_null!(call.arg(1).long(frame)))?;
    Ok(Datum::Int(left - right))
}

/// `CONVERT_TZ(x, from, to)`; NULL for a zone that is none.
pub(crate) fn convert_tz<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let time = or_null!(call.arg(0).time(frame));
    let from = or_null!(call.arg(1).string(frame));
    let to = or_null!(call.arg(2).string(frame));
    let (Ok(from), Ok(to)) = (th_types::TimeZone::parse(&from), th_types::TimeZone::parse(&to)) else {
        return Ok(Datum::Null);
    };
    if time.has_zero_part() {
        return Ok(Datum::Null);
    }
    Ok(time.convert_zone(&from, &to).map_or(Datum::Null, Datum::Time))
}
