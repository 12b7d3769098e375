//! Reading numbers from text as TiDB does: the longest numeric prefix, with what was cut off.
//!
//! Every function takes arbitrary bytes. `lax` says that truncation is not an error (TiDB's
//! `TruncateAsWarning`, on without a strict SQL mode); a number that is out of range is always
//! reported, together with the nearest one, and the caller decides by the mode.

mod float;
mod integer;

pub use float::{
    GoFloat, max_float, round_float, text_to_f64, truncate_digits, truncate_float, write_f32, write_f64,
};
pub use integer::{text_to_i64, text_to_u64};

use crate::error::{TypeError, code};

/// `text` without white space at both ends: the Unicode property, as Go's `strings.TrimSpace`.
#[inline]
pub fn trim_space(text: &[u8]) -> &[u8] {
    match text {
        [] => text,
        [first, .., last] | [first @ last] if is_inner(*first) && is_inner(*last) => text,
        _ => trim_any(text),
    }
}

/// An ASCII byte that is not white space.
#[inline]
fn is_inner(byte: u8) -> bool {
    byte > b' ' && byte < 0x80
}

fn trim_any(text: &[u8]) -> &[u8] {
    let mut text = text;
    while let Some((character, len)) = first_char(text) {
        if !character.is_whitespace() {
            break;
        }
        text = &text[len..];
    }
    while let Some((character, len)) = last_char(text) {
        if !character.is_whitespace() {
            break;
        }
        text = &text[..text.len() - len];
    }
    text
}

/// The first character and its length, if it is well-formed UTF-8.
fn first_char(text: &[u8]) -> Option<(char, usize)> {
    let chunk = &text[..text.len().min(4)];
    let valid = match std::str::from_utf8(chunk) {
        Ok(valid) => valid,
        Err(error) => std::str::from_utf8(&chunk[..error.valid_up_to()]).ok()?,
    };
    let character = valid.chars().next()?;
    Some((character, character.len_utf8()))
}

/// The last character and its length, if it is well-formed UTF-8.
fn last_char(text: &[u8]) -> Option<(char, usize)> {
    (1..=text.len().min(4)).find_map(|len| {
        let mut chars = std::str::from_utf8(&text[text.len() - len..]).ok()?.chars();
        let character = chars.next()?;
        chars.next().is_none().then_some((character, len))
    })
}

/// The longest prefix of a text that reads as a floating-point number.
struct NumericPrefix<'a> {
    /// The prefix; `0` if there is none.
    valid: &'a [u8],
    /// The text as an error shows it, if the prefix is not all of it.
    truncated: Option<&'a [u8]>,
}

impl<'a> NumericPrefix<'a> {
    /// In `text`, which has no white space around it. An empty text is 0 without a complaint in a
    /// function's cast, and a final `e` counts for nothing, as in MySQL.
    fn of(text: &'a [u8], function_cast: bool) -> Self {
        if function_cast && text.is_empty() {
            return Self { valid: b"0", truncated: None };
        }
        let mut shown = text;
        let mut valid_len = 0;
        let (mut saw_dot, mut saw_digit) = (false, false);
        let mut exponent_at = None;
        for (position, byte) in text.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    saw_digit = true;
                    valid_len = position + 1;
                }
                b'+' | b'-' if position == 0 || exponent_at.is_some_and(|at| at + 1 == position) => {}
                b'.' if !saw_dot && exponent_at.is_none() => {
                    saw_dot = true;
                    if saw_digit {
                        valid_len = position + 1;
                    }
                }
                b'e' | b'E' if saw_digit && exponent_at.is_none() => {
                    exponent_at = Some(position);
                    if position + 1 == text.len() {
                        return Self { valid: &text[..position], truncated: None };
                    }
                }
                0 => {
                    shown = &text[..valid_len];
                    break;
                }
                _ => break,
            }
        }
        let whole = valid_len > 0 && valid_len == shown.len();
        let valid = if valid_len == 0 { b"0" } else { &text[..valid_len] };
        Self { valid, truncated: (!whole).then_some(shown) }
    }

    /// The error of a truncation, unless `lax`.
    fn error(&self, lax: bool) -> Option<TypeError> {
        match self.truncated {
            Some(shown) if !lax => Some(truncated_wrong_value("DOUBLE", shown)),
            _ => None,
        }
    }
}

/// `Truncated incorrect DOUBLE value: '12abc'`.
pub(crate) fn truncated_wrong_value(kind: &str, text: &[u8]) -> TypeError {
    let text = String::from_utf8_lossy(text);
    TypeError::new(code::TRUNCATED_WRONG_VALUE, format!("Truncated incorrect {kind} value: '{text}'"))
}

/// `BIGINT value is out of range in '99999999999999999999'`.
pub(crate) fn out_of_range(kind: &str, text: &[u8]) -> TypeError {
    let text = String::from_utf8_lossy(text);
    TypeError::new(code::CONSTANT_OVERFLOW, format!("{kind} value is out of range in '{text}'"))
}

#[cfg(test)]
mod tests;
