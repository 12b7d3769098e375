//! `STR_TO_DATE`: reading a time by a format of MySQL's specifiers.
//!
//! Follows TiDB, which knows `%b %c %d %e %f %h %H %i %I %j %k %l %m %M %p %r %s %S %T %y %Y %# %. %@`;
//! other specifiers stand for themselves.

use super::{MONTH_NAMES, Time, TimeKind, adjust_two_digit_year};

/// Which parts a format names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FormatKind {
    /// It has a specifier of the clock.
    pub has_clock: bool,
    /// It has a specifier of the date.
    pub has_date: bool,
}

/// Which parts a `STR_TO_DATE` format names, which decides the type of the result.
pub fn format_kind(format: &str) -> FormatKind {
    let mut kind = FormatKind::default();
    let mut rest = format.trim_start();
    while let Some((token, tail)) = next_token(rest) {
        rest = tail;
        match token.strip_prefix('%').and_then(|token| token.chars().next()) {
            Some('h' | 'H' | 'i' | 'I' | 's' | 'S' | 'k' | 'l' | 'f' | 'r' | 'T') => kind.has_clock = true,
            Some('y' | 'Y' | 'm' | 'M' | 'c' | 'b' | 'D' | 'd' | 'e') => kind.has_date = true,
            _ => {}
        }
    }
    kind
}

/// The next specifier or character of a format; `None` at its end and for a lone `%`.
fn next_token(format: &str) -> Option<(&str, &str)> {
    let mut chars = format.char_indices();
    let (_, first) = chars.next()?;
    let end = if first == '%' {
        let (at, second) = chars.next()?;
        at + second.len_utf8()
    } else {
        first.len_utf8()
    };
    Some(format.split_at(end))
}

/// The half of the day that `%p` named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Morning,
    Afternoon,
    /// The text ended before it.
    Unsaid,
}

/// What the specifiers said besides the fields.
#[derive(Default)]
struct Seen {
    half: Option<Half>,
    hour_24: bool,
    hour_12: bool,
}

struct Reader<'a> {
    text: &'a str,
    time: Time,
    seen: Seen,
}

/// Whether reading a clock went on, or the text ended in the middle, which is fine.
enum Separator {
    Passed,
    TextEnds,
}

impl Reader<'_> {
    /// Up to `limit` digits at the front.
    fn digits(&mut self, limit: usize) -> Option<(u32, usize)> {
        let count = self.text.bytes().take(limit).take_while(u8::is_ascii_digit).count();
        let value = self.text.get(..count)?.parse().ok()?;
        self.text = &self.text[count..];
        Some((value, count))
    }

    /// A number of at most two digits within a range.
    fn bounded(&mut self, range: std::ops::RangeInclusive<u32>) -> Option<u8> {
        let (value, _) = self.digits(2)?;
        range.contains(&value).then_some(value as u8)
    }

    fn skip_while(&mut self, skip: impl Fn(char) -> bool) {
        self.text = self.text.trim_start_matches(skip);
    }

    fn prefix_ignoring_case(&mut self, prefix: &str) -> bool {
        let matches = self.text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        if matches {
            self.text = &self.text[prefix.len()..];
        }
        matches
    }

    fn colon(&mut self) -> Option<Separator> {
        let rest = self.text.trim_start();
        if rest.is_empty() {
            self.text = rest;
            return Some(Separator::TextEnds);
        }
        self.text = rest.strip_prefix(':')?.trim_start();
        Some(if self.text.is_empty() { Separator::TextEnds } else { Separator::Passed })
    }

    /// `hh:mm:ss`, on a twelve-hour clock with an optional AM or PM; may end early.
    fn clock(&mut self, twelve_hours: bool) -> Option<()> {
        let hour = if twelve_hours { self.bounded(1..=12)? % 12 } else { self.bounded(0..=23)? };
        self.time.hour = hour;
        if let Separator::TextEnds = self.colon()? {
            return Some(());
        }
        self.time.minute = self.bounded(0..=59)?;
        if let Separator::TextEnds = self.colon()? {
            return Some(());
        }
        self.time.second = self.bounded(0..=59)?;
        if !twelve_hours {
            return Some(());
        }
        self.text = self.text.trim_start();
        if self.text.is_empty() || self.prefix_ignoring_case("AM") {
            return Some(());
        }
        if !self.prefix_ignoring_case("PM") {
            return None;
        }
        self.time.hour = hour + 12;
        Some(())
    }

    fn year(&mut self, width: usize) -> Option<()> {
        let (value, count) = self.digits(width)?;
        let value = i64::from(value);
        self.time.year = (if count <= 2 { adjust_two_digit_year(value) } else { value }) as u16;
        Some(())
    }

    fn month_name(&mut self, length: Option<usize>) -> Option<()> {
        let at = MONTH_NAMES
            .iter()
            .position(|name| self.prefix_ignoring_case(length.map_or(*name, |length| &name[..length])))?;
        self.time.month = at as u8 + 1;
        Some(())
    }

    fn token(&mut self, token: &str) -> Option<()> {
        match token {
            "%b" => self.month_name(Some(3))?,
            "%M" => self.month_name(None)?,
            "%c" | "%m" => self.time.month = self.bounded(0..=12)?,
            "%d" | "%e" => self.time.day = self.bounded(0..=31)?,
            "%f" => {
                let micros = self.digits(6).map_or(0, |(value, count)| value * 10u32.pow(6 - count as u32));
                self.time.micros = micros;
            }
            "%h" | "%I" | "%l" => {
                self.time.hour = self.bounded(1..=12)?;
                self.seen.hour_12 = true;
            }
            "%H" | "%k" => {
                self.time.hour = self.bounded(0..=23)?;
                self.seen.hour_24 = true;
            }
            "%i" => self.time.minute = self.bounded(0..=59)?,
            "%s" | "%S" => self.time.second = self.bounded(0..=59)?,
            // The day of the year is read and, as in TiDB, not used.
            "%j" => {
                self.digits(3).filter(|(value, _)| *value != 0)?;
            }
            "%p" => {
                self.seen.half = Some(if self.prefix_ignoring_case("AM") {
                    Half::Morning
                } else if self.prefix_ignoring_case("PM") {
                    Half::Afternoon
                } else {
                    return None;
                });
            }
            "%r" => self.clock(true)?,
            "%T" => self.clock(false)?,
            "%Y" => self.year(4)?,
            "%y" => self.year(2)?,
            "%#" => self.skip_while(char::is_numeric),
            "%." => self.skip_while(|char| char.is_ascii_punctuation() && !"$+<=>^`|~".contains(char)),
            "%@" => self.skip_while(char::is_alphabetic),
            literal => self.text = self.text.strip_prefix(literal)?,
        }
        Some(())
    }

    /// Applies AM and PM to the hour.
    fn fix_hour(&mut self) -> Option<()> {
        let hour = self.time.hour;
        match self.seen.half {
            Some(_) if self.seen.hour_24 || hour == 0 => return None,
            Some(half) if hour == 12 => self.time.hour = if half == Half::Morning { 0 } else { 12 },
            Some(Half::Afternoon) => self.time.hour = hour + 12,
            None if self.seen.hour_12 && hour == 12 => self.time.hour = 0,
            _ => {}
        }
        Some(())
    }
}

impl Time {
    /// Reads `text` by `format`, unchecked against the calendar (call [`Time::check`]); `None` if it
    /// does not fit. Surplus text is ignored.
    pub fn str_to_date(text: &str, format: &str, fsp: u8) -> Option<Time> {
        let mut reader = Reader {
            text,
            time: Time::zero(TimeKind::Datetime, fsp.min(super::MAX_FSP)),
            seen: Seen::default(),
        };
        let mut format = format;
        loop {
            reader.text = reader.text.trim_start();
            format = format.trim_start();
            if format.is_empty() {
                break;
            }
            let (token, rest) = next_token(format)?;
            if reader.text.is_empty() {
                // The specifier at which the text ends still counts as seen, with the value 0.
                match token {
                    "%p" => reader.seen.half = Some(Half::Unsaid),
                    "%H" => reader.seen.hour_24 = true,
                    "%h" => reader.seen.hour_12 = true,
                    _ => {}
                }
                break;
            }
            reader.token(token)?;
            format = rest;
        }
        reader.fix_hour()?;
        Some(reader.time)
    }
}
