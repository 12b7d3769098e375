//! Dates and times from text: every spelling that TiDB reads.
//!
//! The rules are `parseDatetime`'s of TiDB (`pkg/types/time.go`): parts separated by any punctuation
//! (a blank or `T` between date and clock), or one run of 5 to 14 digits; two-digit years; a
//! fraction after the last point; a zone offset at the end (`Z`, `+08`, `+0800`, `+08:00`). Where a
//! trailing part could be a fraction or an offset or just the next field, it becomes the next field
//! as long as fields are missing. Error number 0 stands for failures that TiDB reports without one.

use super::{
    Fields, Time, TimeContext, TimeKind, adjust_two_digit_year, canonical::parse_canonical,
    fraction::parse_fraction, trim_space, wrong_value,
};
use crate::{TimeZone, TypeError};

/// Where a zone offset may stand: its parts and where it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ZoneSuffix<'a> {
    /// First byte of the offset in the text.
    start: usize,
    /// `+`, `-`, or none for `Z`.
    sign: Option<u8>,
    hour: &'a [u8],
    minute: &'a [u8],
    /// Whether hour and minute are separated by a colon.
    separated: bool,
}

/// The zone offset at the end of a text, if there is one.
fn zone_suffix(text: &[u8]) -> Option<ZoneSuffix<'_>> {
    let length = text.len();
    let z = text.iter().rposition(|byte| *byte == b'Z');
    let tail_start = z.map_or(0, |at| at + 1);
    let tail = &text[tail_start..];
    let sign = tail.iter().rposition(|byte| matches!(byte, b'+' | b'-')).map(|at| at + tail_start);
    let colon = tail.iter().rposition(|byte| *byte == b':').map(|at| at + tail_start);
    let from_end = |at: Option<usize>| at.map_or(length + 1, |at| length - at);
    let ends_with_z = from_end(z) == 1;
    let separated = from_end(colon) == 3;
    let sign_distance = from_end(sign);
    let two = |from_end: usize| {
        let part = text.get(length - from_end..length - from_end + 2)?;
        part.iter().all(u8::is_ascii_digit).then_some(part)
    };
    let signed = matches!(sign_distance, 3 | 5 | 6);
    let (hour, minute) = match (ends_with_z, signed, sign_distance, separated) {
        (true, false, _, false) => (&text[..0], &text[..0]),
        (false, true, 3, false) => (two(2)?, &text[..0]),
        (false, true, 5, false) => (two(4)?, two(2)?),
        (false, true, 6, true) => (two(5)?, two(2)?),
        _ => return None,
    };
    let sign_byte = sign.and_then(|at| text.get(at).copied());
    let start = z.or(sign)?;
    Some(ZoneSuffix { start, sign: sign_byte, hour, minute, separated })
}

/// Where the point of the fraction stands: the last punctuation of the text, if it is a point.
fn fraction_point(text: &[u8]) -> Option<usize> {
    let last = match zone_suffix(text) {
        Some(zone) => &text[..zone.start],
        None => text,
    };
    let at = last.iter().rposition(|byte| !matches!(byte, b'+' | b'-') && byte.is_ascii_punctuation())?;
    (text[at] == b'.').then_some(at)
}

/// How many fractional digits a text has, at most 6 (TiDB's `GetFsp`).
pub fn fraction_digits(text: &[u8]) -> u8 {
    match fraction_point(text) {
        Some(at) => (text.len() - at - 1).min(6) as u8,
        None => 0,
    }
}

/// The numeric parts of a text; no more than seven matter.
#[derive(Debug, Clone, Copy, Default)]
struct Parts<'a> {
    parts: [&'a [u8]; 8],
    count: usize,
}

impl<'a> Parts<'a> {
    fn push(&mut self, part: &'a [u8]) {
        if let Some(slot) = self.parts.get_mut(self.count) {
            *slot = part;
            self.count += 1;
        }
    }

    /// Whether what follows can only be a fraction or a zone: all six fields are there, or the date
    /// is one run of digits.
    fn is_complete(&self) -> bool {
        self.count > 5 || (self.count == 1 && self.parts[0].len() > 4)
    }
}

/// Cuts at `end` and at all punctuation right before it.
fn before_punctuation(text: &[u8], end: usize) -> &[u8] {
    let mut end = end;
    while end > 0 && text[end - 1].is_ascii_punctuation() {
        end -= 1;
    }
    &text[..end]
}

fn is_separator(byte: u8, parts_before: usize) -> bool {
    byte.is_ascii_punctuation()
        || (parts_before == 2 && matches!(byte, b'T' | b' ' | b'\t'..=b'\r'))
        || (parts_before > 4 && !byte.is_ascii_digit())
}

/// Splits into numeric parts; `None` when something else stands where a part should.
fn split_parts(text: &[u8]) -> Option<Parts<'_>> {
    let text = trim_space(text);
    if !text.first()?.is_ascii_digit() {
        return None;
    }
    let mut parts = Parts::default();
    // TiDB counts parts without the limit that `Parts` has; the count decides what separates.
    let mut part_count = 0;
    let mut start = 0;
    let mut at = 1;
    while at + 1 < text.len() {
        if is_separator(text[at], part_count) {
            let parts_before = part_count;
            parts.push(&text[start..at]);
            part_count += 1;
            start = at + 1;
            while start < text.len() && is_separator(text[start], parts_before) {
                start += 1;
            }
            at = start;
        } else if text[at].is_ascii_digit() {
            at += 1;
        } else {
            return None;
        }
    }
    parts.push(&text[start..]);
    Some(parts)
}

/// Reads up to `width` digits at the front, as C's `%2d` does; moves the text on.
///
/// A sign counts as one character of the width.
fn scan_digits(text: &mut &[u8], width: usize) -> Option<u64> {
    let signed = matches!(text.first(), Some(b'+' | b'-'));
    let negative = text.first() == Some(&b'-');
    let from = usize::from(signed);
    let digits = text.get(from..)?;
    let count = digits.iter().take(width - from.min(width)).take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 {
        return None;
    }
    let value = decimal(&digits[..count])?;
    *text = &digits[count..];
    // A negative field is out of every range; zero stays zero.
    Some(if negative && value != 0 { u64::MAX } else { value })
}

/// The value of a run of digits; `None` for anything else or more than 18 significant digits.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let digits = &digits[zeros..];
    if digits.len() > 18 {
        return None;
    }
    Some(digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// A failure that TiDB reports without an error number of its own.
fn unnumbered(text: &[u8]) -> TypeError {
    TypeError { code: 0, ..wrong_value("datetime", text) }
}

/// Reads one run of digits by its length: `YYYYMMDDHHMMSS` down to `YYMMD`.
///
/// The second value says whether a clock down to seconds was given.
fn parse_compact(run: &[u8], fraction: &[u8], text: &[u8]) -> Result<(Fields, bool), TypeError> {
    const WIDE: [usize; 6] = [4, 2, 2, 2, 2, 2];
    const NARROW: [usize; 6] = [2, 2, 2, 2, 2, 2];
    let length = run.len();
    let (widths, count): ([usize; 6], usize) = match length {
        14 => (WIDE, 6),
        12 => (NARROW, 6),
        11 => ([2, 2, 2, 2, 2, 1], 6),
        10 => (NARROW, 5),
        9 => ([2, 2, 2, 2, 1, 0], 5),
        8 => (WIDE, 3),
        7 => ([2, 2, 2, 1, 0, 0], 4),
        5 | 6 => (NARROW, 3),
        _ => return Err(wrong_value("time", text)),
    };
    let mut values = [0u64; 6];
    let mut rest = run;
    let mut complete = true;
    for (value, width) in values.iter_mut().zip(widths).take(count) {
        match scan_digits(&mut rest, width) {
            Some(number) => *value = number,
            None => {
                complete = false;
                break;
            }
        }
    }
    if !matches!(length, 8 | 14) {
        values[0] = two_digit_year(values[0]);
    }
    match length {
        // The fraction of a bare date is its clock: 20170118.123423 is 12:34:23.
        5 | 6 | 8 => {
            let mut rest = fraction;
            let fields = fraction.len().div_ceil(2).min(3);
            for value in values.iter_mut().skip(3).take(fields) {
                *value = scan_digits(&mut rest, 2).unwrap_or(0);
            }
        }
        9 | 10 => {
            let mut rest = fraction;
            values[5] = scan_digits(&mut rest, 2).unwrap_or(0);
        }
        _ if !complete => return Err(unnumbered(text)),
        _ => {}
    }
    let [year, month, day, hour, minute, second] = values;
    Ok((Fields { year, month, day, hour, minute, second, micros: 0 }, matches!(length, 11 | 12 | 14)))
}

fn two_digit_year(year: u64) -> u64 {
    if year < 100 { adjust_two_digit_year(year as i64) as u64 } else { year }
}

/// Reads parts one by one; fails without a number when one is no number.
fn parse_separated(parts: &Parts<'_>, text: &[u8]) -> Result<(Fields, bool), TypeError> {
    let mut values = [0u64; 6];
    for (value, part) in values.iter_mut().zip(&parts.parts[..parts.count.min(6)]) {
        // More digits than fit are out of every field's range; TiDB fails on them just as well.
        *value = decimal(part).ok_or_else(|| unnumbered(text))?;
    }
    let [year, month, day, hour, minute, second] = values;
    Ok((Fields { year, month, day, hour, minute, second, micros: 0 }, parts.count >= 6))
}

/// Reads the integer part of a number's text (`20240102030405.5`) as a number.
fn parse_float_run(run: &[u8], text: &[u8], context: TimeContext<'_>) -> Result<(Fields, bool), TypeError> {
    let digits = run.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = decimal(&run[..digits]).ok_or_else(|| wrong_value("datetime", text))?;
    let time = Time::from_number(number as i64, TimeKind::Datetime, 0, context)
        .map_err(|_| wrong_value("datetime", text))?;
    let fields = Fields {
        year: u64::from(time.year),
        month: u64::from(time.month),
        day: u64::from(time.day),
        hour: u64::from(time.hour),
        minute: u64::from(time.minute),
        second: u64::from(time.second),
        micros: 0,
    };
    Ok((fields, run == b"0" || (9..=14).contains(&run.len())))
}

/// Seconds east of UTC that a suffix says; `None` outside -13:59 to +14:00 and for `-00:00`.
fn suffix_offset(zone: &ZoneSuffix<'_>) -> Option<i32> {
    let hours = decimal(zone.hour).unwrap_or(0) as i32;
    let minutes = decimal(zone.minute).unwrap_or(0) as i32;
    let negative = zone.sign == Some(b'-');
    if hours > 14 || minutes > 59 || (hours == 14 && minutes != 0) || (negative && hours + minutes == 0) {
        return None;
    }
    let seconds = hours * 3600 + minutes * 60;
    Some(if negative { -seconds } else { seconds })
}

fn parse_general(
    text: &[u8],
    fsp: u8,
    from_float: bool,
    context: TimeContext<'_>,
) -> Result<Time, TypeError> {
    let wrong = || wrong_value("datetime", text);
    let mut body = text;
    let mut zone = zone_suffix(text).filter(|zone| zone.start > 0);
    if let Some(zone) = &zone {
        body = before_punctuation(text, zone.start);
    }
    let mut fraction: &[u8] = &[];
    if let Some(point) = fraction_point(body).filter(|point| *point > 0) {
        let digits = &body[point + 1..];
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        fraction = &digits[..count];
        body = before_punctuation(body, point);
    }
    let mut parts = split_parts(body).unwrap_or_default();
    if !fraction.is_empty() && !from_float && !parts.is_complete() {
        parts.push(fraction);
        fraction = &[];
    }
    if let Some(suffix) = zone.filter(|zone| zone.sign.is_some())
        && !parts.is_complete()
        && (suffix.minute.is_empty() || suffix.separated)
    {
        for part in [suffix.hour, suffix.minute].into_iter().filter(|part| !part.is_empty()) {
            parts.push(part);
        }
        zone = None;
    }
    let (mut fields, has_seconds) = match parts.count {
        0 | 2 => return Err(wrong()),
        1 if from_float => parse_float_run(parts.parts[0], text, context)?,
        1 => parse_compact(parts.parts[0], fraction, text)?,
        _ => parse_separated(&parts, text)?,
    };
    if parts.parts[0].len() <= 2 && !from_float && (fields != Fields::default() || !fraction.is_empty()) {
        fields.year = two_digit_year(fields.year);
    }
    let mut carries = false;
    if has_seconds {
        let (micros, carry) = parse_fraction(fraction, fsp, context.rules.truncate_fraction);
        fields.micros = u64::from(micros);
        carries = carry;
    }
    let mut time = Time { fsp, ..Time::from_fields(fields).ok_or_else(wrong)? };
    if carries {
        let micros = time.to_unix_micros(context.zone)?;
        time = Time::from_unix_micros(micros + 1_000_000, context.zone, time.kind, fsp);
    }
    if let Some(suffix) = zone {
        let offset = suffix_offset(&suffix).filter(|_| has_seconds).ok_or_else(wrong)?;
        time = time.convert_from_offset(offset, context)?;
    }
    Ok(time)
}

impl Time {
    /// Reads a DATE, DATETIME or TIMESTAMP with `fsp` fractional digits (rounded) from text.
    ///
    /// Error 1292 for anything that is no such time under the session's rules, 8179 for a TIMESTAMP
    /// that the session zone's clocks skip, 0 where TiDB gives an error without a number.
    #[inline]
    pub fn parse(text: &[u8], kind: TimeKind, fsp: u8, context: TimeContext<'_>) -> Result<Time, TypeError> {
        let fsp = Self::column_fsp(kind, fsp);
        match parse_canonical(text, kind, fsp) {
            Some(time) if kind != TimeKind::Timestamp => Ok(time),
            Some(time) => time.check(context).map(|()| time),
            None => Self::finish(parse_general(text, fsp, false, context)?, kind, context),
        }
    }

    /// Reads a time from the text of a DECIMAL or DOUBLE: the integer part is a number such as
    /// `20240102030405`, the fraction is one of a second.
    pub fn parse_number_text(
        text: &[u8],
        kind: TimeKind,
        fsp: u8,
        context: TimeContext<'_>,
    ) -> Result<Time, TypeError> {
        if text.starts_with(b"0.0") {
            return Ok(Time::zero(kind, 0));
        }
        let fsp = Self::column_fsp(kind, fsp);
        Self::finish(parse_general(text, fsp, true, context)?, kind, context)
    }

    /// Reads a DATETIME with as many fractional digits as the text has.
    pub fn parse_datetime(text: &[u8], context: TimeContext<'_>) -> Result<Time, TypeError> {
        Self::parse(text, TimeKind::Datetime, fraction_digits(text), context)
    }

    fn column_fsp(kind: TimeKind, fsp: u8) -> u8 {
        if kind == TimeKind::Date { 0 } else { fsp.min(super::MAX_FSP) }
    }

    fn finish(time: Time, kind: TimeKind, context: TimeContext<'_>) -> Result<Time, TypeError> {
        // The clock of a DATE is checked like any other, then dropped.
        let time = Time { kind, ..time };
        time.check(context)?;
        Ok(time.with_kind(kind))
    }

    fn convert_from_offset(&self, offset: i32, context: TimeContext<'_>) -> Result<Time, TypeError> {
        let micros = self.to_unix_micros(&TimeZone::Fixed(offset))?;
        Ok(Time::from_unix_micros(micros, context.zone, self.kind, self.fsp))
    }
}
