//! A tuple and its literals.
//!
//! Strings and integers, which nearly all values are, go the short way; everything else (hexadecimal,
//! bits, keywords, introducers, `CONVERT(… USING …)`) is told apart after its first word is known.

use super::{Comment, ENDS_WORD, comment_end, is_word, word_end};
use crate::charset::CharacterSet;
use crate::fields::{Field, ParsedRow, Problem, Span, Step};
use crate::scan::find_either;

/// One tuple within the bytes in view.
pub(crate) struct Cursor<'b> {
    pub(crate) bytes: &'b [u8],
    /// Position of the opening parenthesis.
    pub(crate) row_start: usize,
    pub(crate) backslash_escapes: bool,
}

/// Where a token ended, or why that cannot be said yet.
#[derive(Clone, Copy)]
enum Parsed {
    At(usize),
    More { at: usize, within: &'static str },
}

const IN_STRING: &str = "in a string";
const IN_ROW: &str = "in a row";

/// Unwraps a [`Parsed`] or passes the need for more on.
macro_rules! position {
    ($parsed:expr) => {
        match $parsed {
            Parsed::At(at) => at,
            more @ Parsed::More { .. } => return Ok(more),
        }
    };
}

impl Cursor<'_> {
    /// Reads the tuple at `row_start`.
    pub(crate) fn row(&self, row: &mut ParsedRow) -> Result<Step, Problem> {
        row.clear();
        let mut at = self.row_start + 1;
        loop {
            at = match self.skip_blanks(at) {
                Parsed::At(at) => at,
                Parsed::More { at, within } => return Ok(Step::More { at, within }),
            };
            let Some(&byte) = self.bytes.get(at) else { return Ok(self.more_row()) };
            let parsed = match byte {
                b'\'' | b'"' => self.string(at, row),
                b'0'..=b'9' | b'-' => match self.number(at, row) {
                    Some(parsed) => parsed,
                    None => self.word(at, row)?,
                },
                b')' if row.fields.is_empty() => {
                    return Ok(Step::Row { start: self.row_start, end: at + 1, next: at + 1 });
                }
                b')' | b',' => return Err(Problem::new(at, "a value is missing")),
                _ => self.word(at, row)?,
            };
            at = match parsed {
                Parsed::At(at) => at,
                Parsed::More { at, within } => return Ok(Step::More { at, within }),
            };
            // Most often the comma follows at once.
            if self.bytes.get(at) == Some(&b',') {
                at += 1;
                continue;
            }
            at = match self.skip_blanks(at) {
                Parsed::At(at) => at,
                Parsed::More { at, within } => return Ok(Step::More { at, within }),
            };
            match self.bytes.get(at) {
                Some(b',') => at += 1,
                Some(b')') => return Ok(Step::Row { start: self.row_start, end: at + 1, next: at + 1 }),
                Some(b'(') => {
                    return Err(Problem::new(
                        at,
                        "a function call cannot be evaluated here; only CONVERT(… USING …) is read",
                    ));
                }
                Some(_) => {
                    return Err(Problem::new(at, "a comma or a closing parenthesis should follow a value"));
                }
                None => return Ok(self.more_row()),
            }
        }
    }

    #[cold]
    fn more_row(&self) -> Step {
        Step::More { at: self.row_start, within: IN_ROW }
    }

    fn more(&self) -> Parsed {
        Parsed::More { at: self.row_start, within: IN_ROW }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(start - self.row_start, end - self.row_start)
    }

    #[inline]
    fn skip_blanks(&self, at: usize) -> Parsed {
        match self.bytes.get(at) {
            Some(b' ' | b'\n' | b'\r' | b'\t' | 0x0B | 0x0C | b'/' | b'-' | b'#') => {
                self.skip_blanks_slowly(at)
            }
            _ => Parsed::At(at),
        }
    }

    fn skip_blanks_slowly(&self, mut at: usize) -> Parsed {
        while let Some(&byte) = self.bytes.get(at) {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' | 0x0B | 0x0C => at += 1,
                b'/' | b'-' | b'#' => match comment_end(self.bytes, at, false) {
                    Comment::Ends(end) => at = end,
                    Comment::No => return Parsed::At(at),
                    Comment::More => return Parsed::More { at, within: "in a comment" },
                },
                _ => return Parsed::At(at),
            }
        }
        self.more()
    }

    #[inline]
    fn string(&self, at: usize, row: &mut ParsedRow) -> Parsed {
        let Some(&quote) = self.bytes.get(at) else { return self.more() };
        let start = at + 1;
        let escape = if self.backslash_escapes { b'\\' } else { quote };
        let Some(stop) = find_either(self.bytes, start, quote, escape) else {
            return Parsed::More { at, within: IN_STRING };
        };
        match (self.bytes.get(stop), self.bytes.get(stop + 1)) {
            (Some(stopper), Some(next)) if *stopper == quote && *next != quote => {
                row.fields.push(Field::Text(self.span(start, stop)));
                Parsed::At(stop + 1)
            }
            _ => self.escaped_string(at, quote, stop, row),
        }
    }

    /// A string with escapes, copied without them.
    fn escaped_string(&self, at: usize, quote: u8, first_stop: usize, row: &mut ParsedRow) -> Parsed {
        let more = Parsed::More { at, within: IN_STRING };
        let escape = if self.backslash_escapes { b'\\' } else { quote };
        let scratch_start = row.scratch.len();
        let mut copied = at + 1;
        let mut stop = first_stop;
        loop {
            row.scratch.extend_from_slice(self.bytes.get(copied..stop).unwrap_or_default());
            let (Some(&stopper), Some(&next)) = (self.bytes.get(stop), self.bytes.get(stop + 1)) else {
                return more;
            };
            if stopper == quote {
                if next != quote {
                    let span = Span::new(scratch_start, row.scratch.len());
                    row.fields.push(Field::ScratchText(span));
                    return Parsed::At(stop + 1);
                }
                row.scratch.push(quote);
            } else {
                row.scratch.push(unescaped(next));
            }
            copied = stop + 2;
            match find_either(self.bytes, copied, quote, escape) {
                Some(found) => stop = found,
                None => return more,
            }
        }
    }

    /// An integer, or a decimal as text; `None` when it is something else.
    #[inline]
    fn number(&self, at: usize, row: &mut ParsedRow) -> Option<Parsed> {
        let negative = self.bytes.get(at) == Some(&b'-');
        let first_digit = at + usize::from(negative);
        let mut value: u64 = 0;
        let mut end = first_digit;
        while let Some(digit) = self.bytes.get(end).map(|byte| byte.wrapping_sub(b'0')).filter(|d| *d <= 9) {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            end += 1;
        }
        let Some(&next) = self.bytes.get(end) else { return Some(self.more()) };
        if next == b'.' && end > first_digit {
            return self.fraction(at, end + 1, row);
        }
        if !ENDS_WORD[usize::from(next)] || end == first_digit {
            return None;
        }
        let field = if end - first_digit <= 18 {
            if negative { Field::Int(-(value as i64)) } else { Field::Uint(value) }
        } else {
            self.long_integer(at, end, negative)
        };
        row.fields.push(field);
        Some(Parsed::At(end))
    }

    /// The digits after a point; `None` when other than digits follow.
    #[inline]
    fn fraction(&self, at: usize, first_digit: usize, row: &mut ParsedRow) -> Option<Parsed> {
        let digits = self.bytes.get(first_digit..).unwrap_or_default();
        let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let Some(&next) = digits.get(length) else { return Some(self.more()) };
        if !ENDS_WORD[usize::from(next)] {
            return None;
        }
        row.fields.push(Field::Text(self.span(at, first_digit + length)));
        Some(Parsed::At(first_digit + length))
    }

    #[cold]
    fn long_integer(&self, at: usize, end: usize, negative: bool) -> Field {
        let text =
            self.bytes.get(at..end).and_then(|digits| std::str::from_utf8(digits).ok()).unwrap_or_default();
        let parsed =
            if negative { text.parse().map(Field::Int).ok() } else { text.parse().map(Field::Uint).ok() };
        parsed.unwrap_or(Field::Text(self.span(at, end)))
    }

    /// A value that begins with an unquoted word.
    fn word(&self, at: usize, row: &mut ParsedRow) -> Result<Parsed, Problem> {
        let end = word_end(self.bytes, at);
        let Some(&next) = self.bytes.get(end) else { return Ok(self.more()) };
        let word = self.bytes.get(at..end).unwrap_or_default();
        match word {
            [] => {
                return Err(Problem::new(at, format!("{:?} cannot begin a value", char::from(next))));
            }
            [b'x' | b'X'] if next == b'\'' => return self.digits_literal(end, true, row),
            [b'b' | b'B'] if next == b'\'' => return self.digits_literal(end, false, row),
            [b'n' | b'N'] if next == b'\'' => return Ok(self.string(end, row)),
            [b'0', b'x', digits @ ..] if !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit) => {
                push_hexadecimal(digits, row);
                return Ok(Parsed::At(end));
            }
            [b'0', b'b', digits @ ..]
                if !digits.is_empty() && digits.iter().all(|d| matches!(d, b'0' | b'1')) =>
            {
                push_bits(digits, row);
                return Ok(Parsed::At(end));
            }
            [b'_', name @ ..] => return self.introducer(at, end, name, row),
            _ => {}
        }
        let field = if is_word(word, b"null") {
            Field::Null
        } else if is_word(word, b"true") {
            // Signed, which integers without a sign are not: JSON keeps the difference.
            Field::Int(1)
        } else if is_word(word, b"false") {
            Field::Int(0)
        } else if is_word(word, b"default") {
            Field::Default
        } else if is_word(word, b"convert") {
            return self.convert(at, end, row);
        } else {
            Field::Text(self.span(at, end))
        };
        row.fields.push(field);
        Ok(Parsed::At(end))
    }

    /// `x'4D'` or `b'101'`; `at` is the quote.
    fn digits_literal(&self, at: usize, hexadecimal: bool, row: &mut ParsedRow) -> Result<Parsed, Problem> {
        let body = self.bytes.get(at + 1..).unwrap_or_default();
        let Some(length) = memchr::memchr(b'\'', body) else {
            return Ok(Parsed::More { at, within: IN_STRING });
        };
        let digits = body.get(..length).unwrap_or_default();
        if hexadecimal {
            if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
                return Err(Problem::new(
                    at,
                    "a hexadecimal literal x'…' needs an even number of hexadecimal digits",
                ));
            }
            push_hexadecimal(digits, row);
        } else {
            if !digits.iter().all(|digit| matches!(digit, b'0' | b'1')) {
                return Err(Problem::new(at, "a bit literal b'…' holds only 0 and 1"));
            }
            push_bits(digits, row);
        }
        Ok(Parsed::At(at + 1 + length + 1))
    }

    /// `_binary 'x'`, `_utf8mb4 0x41`: a literal of another character set.
    fn introducer(&self, at: usize, end: usize, name: &[u8], row: &mut ParsedRow) -> Result<Parsed, Problem> {
        let literal = position!(self.skip_blanks(end));
        let parsed = match self.bytes.get(literal) {
            None => return Ok(self.more()),
            Some(b'\'' | b'"') => self.string(literal, row),
            Some(b'0' | b'x' | b'X' | b'b' | b'B') => self.word(literal, row)?,
            Some(_) => {
                row.fields.push(Field::Text(self.span(at, end)));
                return Ok(Parsed::At(end));
            }
        };
        let after = position!(parsed);
        self.relabel(at, name, row)?;
        Ok(Parsed::At(after))
    }

    /// Makes the last field a literal of the character set.
    fn relabel(&self, at: usize, name: &[u8], row: &mut ParsedRow) -> Result<(), Problem> {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let set = match name.as_str() {
            "binary" => CharacterSet::Binary,
            "utf8mb4" | "utf8" | "utf8mb3" | "ascii" => CharacterSet::Utf8mb4,
            "latin1" => CharacterSet::Latin1,
            "gbk" => CharacterSet::Gbk,
            "gb18030" => CharacterSet::Gb18030,
            _ => return Err(Problem::new(at, format!("character set {name:?} of a literal is not known"))),
        };
        let Some(field) = row.fields.pop() else { return Ok(()) };
        let relabelled = match field {
            Field::Text(span) | Field::Binary(span) if set.passes_through() => {
                if set == CharacterSet::Binary { Field::Binary(span) } else { Field::Text(span) }
            }
            Field::ScratchText(span) | Field::ScratchBinary(span) if set.passes_through() => {
                if set == CharacterSet::Binary {
                    Field::ScratchBinary(span)
                } else {
                    Field::ScratchText(span)
                }
            }
            Field::Text(span) | Field::Binary(span) => {
                let literal = span.of(self.bytes.get(self.row_start..).unwrap_or_default());
                decode(set, literal, at, row)?
            }
            Field::ScratchText(span) | Field::ScratchBinary(span) => {
                let literal = span.of(&row.scratch).to_vec();
                decode(set, &literal, at, row)?
            }
            _ => {
                return Err(Problem::new(
                    at,
                    "a string or hexadecimal literal should follow its character set",
                ));
            }
        };
        row.fields.push(relabelled);
        Ok(())
    }

    /// `CONVERT('…' USING UTF8MB4)`, as mydumper writes JSON.
    fn convert(&self, at: usize, end: usize, row: &mut ParsedRow) -> Result<Parsed, Problem> {
        let wrong = || Problem::new(at, "CONVERT is read only as CONVERT(<literal> USING <character set>)");
        let open = position!(self.skip_blanks(end));
        match self.bytes.get(open) {
            None => return Ok(self.more()),
            Some(b'(') => {}
            Some(_) => return Err(wrong()),
        }
        let literal = position!(self.skip_blanks(open + 1));
        let parsed = match self.bytes.get(literal) {
            None => return Ok(self.more()),
            Some(b'\'' | b'"') => self.string(literal, row),
            Some(b'(' | b')' | b'c' | b'C') => return Err(wrong()),
            Some(_) => self.word(literal, row)?,
        };
        let using = position!(self.skip_blanks(position!(parsed)));
        let using_end = word_end(self.bytes, using);
        let name = position!(self.skip_blanks(using_end));
        let name_end = word_end(self.bytes, name);
        let close = position!(self.skip_blanks(name_end));
        match self.bytes.get(close) {
            None => Ok(self.more()),
            Some(b')') if is_word(self.bytes.get(using..using_end).unwrap_or_default(), b"using") => {
                if !matches!(row.fields.last(), Some(Field::Null)) {
                    self.relabel(at, self.bytes.get(name..name_end).unwrap_or_default(), row)?;
                }
                Ok(Parsed::At(close + 1))
            }
            Some(_) => Err(wrong()),
        }
    }
}

fn decode(set: CharacterSet, literal: &[u8], at: usize, row: &mut ParsedRow) -> Result<Field, Problem> {
    let start = row.scratch.len();
    if !set.decode_into(literal, "", &mut row.scratch) {
        return Err(Problem::new(at, "the literal is not valid in the character set before it"));
    }
    Ok(Field::ScratchText(Span::new(start, row.scratch.len())))
}

/// What a backslash and the byte after it stand for.
#[inline]
pub(crate) fn unescaped(byte: u8) -> u8 {
    match byte {
        b'0' => 0,
        b'b' => 0x08,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'Z' => 0x1A,
        other => other,
    }
}

/// The end of the quoted text that begins at `at`; `None` when it does not end in `bytes`, or may go on.
pub(super) fn quoted_end(bytes: &[u8], at: usize, backslash: bool, at_end: bool) -> Option<usize> {
    let quote = *bytes.get(at)?;
    let escape = if backslash { b'\\' } else { quote };
    let mut from = at + 1;
    loop {
        let stop = find_either(bytes, from, quote, escape)?;
        if bytes.get(stop) != Some(&quote) {
            from = stop + 2;
            continue;
        }
        match bytes.get(stop + 1) {
            Some(next) if *next == quote => from = stop + 2,
            Some(_) => return Some(stop + 1),
            None => return at_end.then_some(stop + 1),
        }
    }
}

fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

/// Digits are checked by the caller; an odd number has a zero put before.
fn push_hexadecimal(digits: &[u8], row: &mut ParsedRow) {
    let start = row.scratch.len();
    let (odd, pairs) = digits.split_at(digits.len() % 2);
    row.scratch.extend(odd.iter().map(|digit| nibble(*digit)));
    let (pairs, _) = pairs.as_chunks::<2>();
    row.scratch.extend(pairs.iter().map(|[high, low]| nibble(*high) << 4 | nibble(*low)));
    row.fields.push(Field::ScratchBinary(Span::new(start, row.scratch.len())));
}

/// Bits, the last one the lowest of the last byte.
fn push_bits(digits: &[u8], row: &mut ParsedRow) {
    let start = row.scratch.len();
    let (head, bytes) = digits.split_at(digits.len() % 8);
    let byte = |bits: &[u8]| bits.iter().fold(0_u8, |value, bit| value << 1 | (bit & 1));
    if !head.is_empty() {
        row.scratch.push(byte(head));
    }
    row.scratch.extend(bytes.chunks(8).map(byte));
    row.fields.push(Field::ScratchBinary(Span::new(start, row.scratch.len())));
}
