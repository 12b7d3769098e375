//! TIME from text: `[-][D ]HH[:MM[:SS]][.frac]`, `HHMMSS[.frac]`, or the clock of a date and time.
//!
//! TiDB's `ParseDuration`. A text that is neither is tried as a date and time if it begins like one.

use super::{
    Duration, DurationError, MAX_FSP, MICROS_PER_SECOND, Time, TimeContext, fraction::parse_fraction,
    is_space_byte, trim_space, truncated_value,
};

/// The largest TIME has 838 hours.
const MAX_HOURS: u64 = 838;
/// A text this long with anything left over is no TIME, rather than one with a tail to cut.
const LONGEST_WITH_TAIL: usize = 12;

fn skip_space(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| is_space_byte(**byte)).count();
    &text[spaces..]
}

/// A run of digits at the front; `None` if there is none or it exceeds 64 bits.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = std::str::from_utf8(&text[..count]).ok()?.parse::<i64>().ok()?;
    Some((value.unsigned_abs(), &text[count..]))
}

fn colon(text: &[u8]) -> Option<&[u8]> {
    skip_space(text).strip_prefix(b":").map(skip_space)
}

/// `HH[:MM[:SS]]`; a colon must be followed by a number.
fn delimited(text: &[u8], requires_colon: bool) -> Option<([u64; 3], &[u8])> {
    let (hours, mut rest) = number(text)?;
    let mut clock = [hours, 0, 0];
    for (at, part) in clock.iter_mut().enumerate().skip(1) {
        let Some(after_colon) = colon(rest) else {
            if at == 1 && requires_colon {
                return None;
            }
            break;
        };
        let (value, tail) = number(after_colon)?;
        *part = value;
        rest = tail;
    }
    Some((clock, rest))
}

/// `D HH[:MM[:SS]]`.
fn with_days(text: &[u8]) -> Option<([u64; 3], &[u8])> {
    let (days, rest) = number(text)?;
    if !rest.first().copied().is_some_and(is_space_byte) {
        return None;
    }
    let ([hours, minutes, seconds], rest) = delimited(skip_space(rest), false)?;
    // Beyond the range of hours the exact number does not matter.
    Some(([days.saturating_mul(24).saturating_add(hours), minutes, seconds], rest))
}

/// `HHMMSS`.
fn compact(text: &[u8]) -> Option<([u64; 3], &[u8])> {
    let (value, rest) = number(text)?;
    Some(([value / 10_000, value / 100 % 100, value % 100], rest))
}

/// Whether the text begins like a date and time, so that its clock may be taken.
fn begins_like_datetime(text: &[u8]) -> bool {
    fn digits(text: &[u8]) -> Option<(usize, &[u8])> {
        let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (count > 0).then(|| (count, &text[count..]))
    }
    // Go's `unicode.IsPunct` of one byte: symbols such as `+` or `$` are none.
    fn punctuation(text: &[u8]) -> Option<&[u8]> {
        let (first, rest) = text.split_first()?;
        let symbol = matches!(first, b'$' | b'+' | b'<' | b'=' | b'>' | b'^' | b'`' | b'|' | b'~');
        let latin = matches!(first, 0xA1 | 0xA7 | 0xAB | 0xB6 | 0xB7 | 0xBB | 0xBF);
        ((first.is_ascii_punctuation() && !symbol) || latin).then_some(rest)
    }
    let Some((count, rest)) = digits(text) else { return false };
    if matches!(count, 12 | 14) {
        return true;
    }
    let tail = punctuation(rest)
        .and_then(digits)
        .and_then(|(_, rest)| punctuation(rest))
        .and_then(digits)
        .map(|(_, rest)| rest);
    tail.is_some_and(|tail| matches!(tail.first(), Some(b' ' | b'T')))
}

/// Reads the text as a TIME proper. The error carries the nearest value alone.
fn parse_clock(text: &[u8], fsp: u8, truncate: bool) -> Result<Duration, Option<Duration>> {
    let (negative, rest) = match text.strip_prefix(b"-") {
        Some(rest) => (true, skip_space(rest)),
        None => (false, skip_space(text)),
    };
    let length = rest.len();
    let (mut clock, rest) =
        with_days(rest).or_else(|| delimited(rest, true)).or_else(|| compact(rest)).ok_or(None)?;
    let mut rest = skip_space(rest);
    let mut micros = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let count = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (value, carries) = parse_fraction(&fraction[..count], fsp, truncate);
        rest = &fraction[count..];
        micros = value;
        if carries {
            carry_second(&mut clock);
        }
    }
    if !rest.is_empty() && length >= LONGEST_WITH_TAIL {
        return Err(None);
    }
    let [hours, minutes, seconds] = clock;
    if minutes >= 60 || seconds >= 60 {
        return Err(None);
    }
    if hours > MAX_HOURS {
        return Err(Some(Duration::limit(negative, fsp)));
    }
    let seconds = (hours * 3600 + minutes * 60 + seconds) as i64;
    let nanos = (seconds * MICROS_PER_SECOND + i64::from(micros)) * 1000;
    let (value, exceeds) = Duration { nanos: if negative { -nanos } else { nanos }, fsp }.clamped();
    if exceeds || !rest.is_empty() { Err(Some(value)) } else { Ok(value) }
}

fn carry_second(clock: &mut [u64; 3]) {
    let [hours, minutes, seconds] = clock;
    *seconds += 1;
    if *seconds == 60 {
        *seconds = 0;
        *minutes += 1;
        if *minutes == 60 {
            *minutes = 0;
            *hours += 1;
        }
    }
}

impl Duration {
    /// Reads a TIME with `fsp` fractional digits (rounded). Error 1292 with the clamped value beyond
    /// ±838:59:59, with the value read so far before a short tail, and without a value otherwise.
    pub fn parse(text: &[u8], fsp: u8, context: TimeContext<'_>) -> Result<Duration, DurationError> {
        let fsp = fsp.min(MAX_FSP);
        let trimmed = trim_space(text);
        let nearest = match parse_clock(trimmed, fsp, context.rules.truncate_fraction) {
            Ok(value) => return Ok(value),
            Err(nearest) => nearest,
        };
        if !begins_like_datetime(trimmed) {
            return Err(DurationError { error: truncated_value("time", text), nearest });
        }
        match Time::parse_datetime(trimmed, context) {
            Ok(time) => Ok(time.to_duration().round_to(fsp)),
            Err(_) => Err(DurationError { error: truncated_value("time", text), nearest: None }),
        }
    }
}
