//! The two spellings that dumps use, `YYYY-MM-DD` and `YYYY-MM-DD HH:MM:SS[.ffffff]`, read without
//! splitting, allocation or a table of formats.
//!
//! Anything else, and everything that needs a rule of the session, is left to the general reader.

use super::{MAX_FSP, Time, TimeKind};

/// Accumulates "not a digit" over many bytes, so that one test at the end suffices.
struct Digits<'a> {
    text: &'a [u8],
    bad: bool,
}

impl Digits<'_> {
    #[inline(always)]
    fn one(&mut self, at: usize) -> u32 {
        let digit = self.text[at].wrapping_sub(b'0');
        self.bad |= digit > 9;
        u32::from(digit)
    }

    #[inline(always)]
    fn two(&mut self, at: usize) -> u32 {
        self.one(at) * 10 + self.one(at + 1)
    }

    #[inline(always)]
    fn mark(&mut self, at: usize, byte: u8) {
        self.bad |= self.text[at] != byte;
    }
}

/// Reads a canonical date or date and time whose fields are all valid and whose fraction has no
/// more than `fsp` digits. The result has kind DATETIME, or DATE for a DATE target.
#[inline]
pub(crate) fn parse_canonical(text: &[u8], kind: TimeKind, fsp: u8) -> Option<Time> {
    let length = text.len();
    if length != 10 && !(length == 19 || (21..=20 + usize::from(MAX_FSP)).contains(&length)) {
        return None;
    }
    let mut digits = Digits { text, bad: false };
    let year = digits.two(0) * 100 + digits.two(2);
    digits.mark(4, b'-');
    let month = digits.two(5);
    digits.mark(7, b'-');
    let day = digits.two(8);
    // Day 29 and up, zero parts and bad months need the calendar and the session's rules.
    let plain_date = month.wrapping_sub(1) < 12 && day.wrapping_sub(1) < 28;
    let mut time = Time {
        year: year as u16,
        month: month as u8,
        day: day as u8,
        hour: 0,
        minute: 0,
        second: 0,
        micros: 0,
        kind,
        fsp,
    };
    if length > 10 {
        digits.mark(10, b' ');
        let hour = digits.two(11);
        digits.mark(13, b':');
        let minute = digits.two(14);
        digits.mark(16, b':');
        let second = digits.two(17);
        let mut micros = 0;
        if length > 19 {
            digits.mark(19, b'.');
            let count = length - 20;
            digits.bad |= count > usize::from(fsp);
            for at in 0..usize::from(MAX_FSP) {
                micros = micros * 10 + if at < count { digits.one(20 + at) } else { 0 };
            }
        }
        digits.bad |= hour > 23 || minute > 59 || second > 59;
        if kind != TimeKind::Date {
            time.hour = hour as u8;
            time.minute = minute as u8;
            time.second = second as u8;
            time.micros = micros;
        }
    }
    if digits.bad || !(plain_date || time.is_calendar_date()) {
        return None;
    }
    Some(time)
}
