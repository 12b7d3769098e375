//! The two spellings that dumps use, `YYYY-MM-DD` and `YYYY-MM-DD HH:MM:SS[.ffffff]`, read eight
//! bytes at a time without splitting, allocation or a table of formats.
//!
//! Anything else, and everything that needs a rule of the session, is left to the general reader.

use super::{MAX_FSP, Time, TimeKind};

/// `0000-00-`, what is left of it after exclusive or being the digits.
const DATE_PATTERN: u64 = u64::from_le_bytes(*b"0000-00-");
/// `00:00:00`.
const CLOCK_PATTERN: u64 = u64::from_le_bytes(*b"00:00:00");

/// What to add to each byte so that its high bit says "too large": digits may be up to 9, marks
/// (anything but `0` in the pattern) must be 0.
const fn carry_of(pattern: u64) -> u64 {
    let mut carry = 0;
    let mut at = 0;
    while at < 8 {
        let byte = (pattern >> (8 * at)) as u8;
        carry |= (if byte == b'0' { 0x76 } else { 0x7F }) << (8 * at);
        at += 1;
    }
    carry
}

/// The digits of eight bytes that must look like the pattern; `None` if they do not.
#[inline(always)]
fn match_eight(bytes: [u8; 8], pattern: u64) -> Option<u64> {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    let digits = u64::from_le_bytes(bytes) ^ pattern;
    // A carry between bytes needs a byte of 0x80 or more, which is refused by itself.
    let refused = (digits.wrapping_add(carry_of(pattern)) | digits) & HIGH_BITS;
    (refused == 0).then_some(digits)
}

/// The number of two neighbouring digits.
#[inline(always)]
fn two(digits: u64, at: u32) -> u32 {
    let pair = (digits >> (8 * at)) as u32;
    (pair & 0xFF) * 10 + (pair >> 8 & 0xFF)
}

/// Microseconds of `.f` to `.ffffff`.
#[inline]
fn fraction(bytes: &[u8], fsp: u8) -> Option<u32> {
    let (point, digits) = bytes.split_first()?;
    if *point != b'.' || digits.is_empty() || digits.len() > usize::from(fsp.min(MAX_FSP)) {
        return None;
    }
    let mut micros = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        micros = micros * 10 + u32::from(digit);
    }
    Some(micros * 10u32.pow(u32::from(MAX_FSP) - digits.len() as u32))
}

/// Reads a canonical date or date and time whose fields are all valid and whose fraction has no
/// more than `fsp` digits. A DATE keeps no clock.
#[inline]
pub(crate) fn parse_canonical(text: &[u8], kind: TimeKind, fsp: u8) -> Option<Time> {
    let (head, rest) = text.split_first_chunk::<8>()?;
    let (day, rest) = rest.split_first_chunk::<2>()?;
    let digits = match_eight(*head, DATE_PATTERN)?;
    let (tens, ones) = (day[0].wrapping_sub(b'0'), day[1].wrapping_sub(b'0'));
    if tens > 9 || ones > 9 {
        return None;
    }
    let mut time = Time {
        year: (two(digits, 0) * 100 + two(digits, 2)) as u16,
        month: two(digits, 5) as u8,
        day: tens * 10 + ones,
        hour: 0,
        minute: 0,
        second: 0,
        micros: 0,
        kind,
        fsp,
    };
    // Day 29 and up, zero parts and bad months need the calendar and the session's rules.
    let plain_date = time.month.wrapping_sub(1) < 12 && time.day.wrapping_sub(1) < 28;
    if !plain_date && !time.is_calendar_date() {
        return None;
    }
    let Some((separator, clock)) = rest.split_first() else { return Some(time) };
    let (clock, rest) = clock.split_first_chunk::<8>()?;
    let digits = match_eight(*clock, CLOCK_PATTERN).filter(|_| *separator == b' ')?;
    let (hour, minute, second) = (two(digits, 0), two(digits, 3), two(digits, 6));
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = if rest.is_empty() { 0 } else { fraction(rest, fsp)? };
    if kind != TimeKind::Date {
        time = Time { hour: hour as u8, minute: minute as u8, second: second as u8, micros, ..time };
    }
    Some(time)
}
