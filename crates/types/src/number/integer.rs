//! 64-bit integers from text, by way of the text's longest numeric prefix.

use super::{NumericPrefix, out_of_range, trim_space, truncated_wrong_value};
use crate::error::TypeError;

/// What TiDB takes for an overflowing exponent, by sign.
const GREATEST: &[u8] = b"18446744073709551615";
const LEAST: &[u8] = b"-9223372036854775808";

/// The signed integer that `text` begins with, rounded half away from zero.
///
/// Out of range it is the nearest integer, always with an error; text after it is an error unless
/// `lax`. With `function_cast` (`CAST` in expressions) only digits count, a fraction is text after
/// the number.
#[inline]
pub fn text_to_i64(text: &[u8], function_cast: bool, lax: bool) -> (i64, Option<TypeError>) {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    match short_integer(digits) {
        Some(value) => (if negative { -(value as i64) } else { value as i64 }, None),
        None => text_to_i64_slowly(text, function_cast, lax),
    }
}

/// The unsigned integer that `text` begins with; anything negative is out of range and 0. Else like
/// [`text_to_i64`].
#[inline]
pub fn text_to_u64(text: &[u8], function_cast: bool, lax: bool) -> (u64, Option<TypeError>) {
    match short_integer(text) {
        Some(value) => (value, None),
        None => text_to_u64_slowly(text, function_cast, lax),
    }
}

/// 1 to 18 digits and nothing else.
#[inline]
fn short_integer(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then(|| value * 10 + u64::from(digit))
    })
}

#[cold]
fn text_to_i64_slowly(text: &[u8], function_cast: bool, lax: bool) -> (i64, Option<TypeError>) {
    let (integer, error) = integer_text(trim_space(text), function_cast, lax);
    match parse_signed(&integer) {
        Parsed::Number(value) => (value, error),
        Parsed::OutOfRange(nearest) => (nearest, Some(out_of_range("BIGINT", &integer))),
        Parsed::Malformed => (0, Some(out_of_range("BIGINT", &integer))),
    }
}

#[cold]
fn text_to_u64_slowly(text: &[u8], function_cast: bool, lax: bool) -> (u64, Option<TypeError>) {
    let (integer, error) = integer_text(trim_space(text), function_cast, lax);
    let (shown, parsed) = match integer.as_slice() {
        [b'-', zeros @ ..] if zeros.iter().all(|digit| *digit == b'0') => (&*integer, Parsed::Number(0)),
        [b'-', ..] => (&*integer, Parsed::Malformed),
        [b'+', digits @ ..] => (digits, parse_unsigned(digits)),
        digits => (digits, parse_unsigned(digits)),
    };
    match parsed {
        Parsed::Number(value) => (value, error),
        Parsed::OutOfRange(nearest) => (nearest, Some(out_of_range("BIGINT UNSIGNED", shown))),
        Parsed::Malformed => (0, Some(out_of_range("BIGINT UNSIGNED", shown))),
    }
}

/// What an integer's text parses to.
enum Parsed<T> {
    Number(T),
    OutOfRange(T),
    /// Not digits alone, as the prefix `1.5` is when strict mode has already found an error.
    Malformed,
}

fn parse_unsigned(digits: &[u8]) -> Parsed<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Parsed::Malformed;
    }
    let value = digits
        .iter()
        .try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    value.map_or(Parsed::OutOfRange(u64::MAX), Parsed::Number)
}

fn parse_signed(text: &[u8]) -> Parsed<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let nearest = if negative { i64::MIN } else { i64::MAX };
    match parse_unsigned(digits) {
        Parsed::Malformed => Parsed::Malformed,
        Parsed::OutOfRange(_) => Parsed::OutOfRange(nearest),
        Parsed::Number(magnitude) => {
            let value =
                if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
            value.map_or(Parsed::OutOfRange(nearest), Parsed::Number)
        }
    }
}

/// The integer that a text begins with, as text: rounded, without point or exponent, perhaps with a
/// sign.
fn integer_text(text: &[u8], function_cast: bool, lax: bool) -> (Vec<u8>, Option<TypeError>) {
    if function_cast {
        let sign = usize::from(matches!(text, [b'+' | b'-', ..]));
        let digits = text[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return (b"0".to_vec(), (!lax).then(|| truncated_wrong_value("INTEGER", text)));
        }
        let valid = &text[..sign + digits];
        let error = (!lax && valid.len() < text.len()).then(|| truncated_wrong_value("INTEGER", text));
        return (valid.to_vec(), error);
    }
    let prefix = NumericPrefix::of(text, false);
    match prefix.error(lax) {
        Some(error) => (prefix.valid.to_vec(), Some(error)),
        None => float_text_to_integer(prefix.valid, text),
    }
}

/// A well-formed floating-point text rounded to an integer, by its digits: doubles would lose some.
fn float_text_to_integer(valid: &[u8], original: &[u8]) -> (Vec<u8>, Option<TypeError>) {
    let exponent_at = valid.iter().rposition(|byte| matches!(byte, b'e' | b'E'));
    let point_at = valid.iter().rposition(|byte| *byte == b'.');
    match (exponent_at, point_at) {
        (None, None) => (valid.to_vec(), None),
        (None, Some(point)) => (round_at_point(valid, point), None),
        (Some(exponent), point) => round_with_exponent(valid, exponent, point, original),
    }
}

/// `-12.7` to `-13`: no exponent.
fn round_at_point(valid: &[u8], point: usize) -> Vec<u8> {
    let sign = usize::from(matches!(valid, [b'+' | b'-', ..]));
    let mut integer = if point == sign { b"0".to_vec() } else { valid[sign..point].to_vec() };
    if let Some(next) = valid.get(point + 1) {
        round_up_from(*next, &mut integer);
    }
    if integer != b"0" && valid[0] == b'-' {
        integer.insert(0, b'-');
    }
    integer
}

fn round_with_exponent(
    valid: &[u8],
    exponent_at: usize,
    point: Option<usize>,
    original: &[u8],
) -> (Vec<u8>, Option<TypeError>) {
    // Sign and digits without the point; `count` of them, with the sign, stand before the point.
    let mut digits = valid[..point.unwrap_or(exponent_at)].to_vec();
    let count = digits.len() as i64;
    if let Some(point) = point {
        digits.extend_from_slice(&valid[point + 1..exponent_at]);
    }
    let extreme = || {
        let nearest = if digits.first() == Some(&b'-') { LEAST } else { GREATEST };
        (nearest.to_vec(), Some(out_of_range("BIGINT", original)))
    };
    let Parsed::Number(exponent) = parse_signed(&valid[exponent_at + 1..]) else { return extreme() };
    let count = count.saturating_add(exponent);
    // The longest 64-bit integer has 20 digits; with the sign that makes 21.
    if exponent >= 0 && count > 21 {
        return extreme();
    }
    let signed = matches!(digits.first(), Some(b'-' | b'+'));
    if count <= 0 {
        let mut integer = b"0".to_vec();
        if let Some(first) = digits.first()
            && count == 0
            && first.is_ascii_digit()
        {
            round_up_from(*first, &mut integer);
        }
        return (integer, None);
    }
    if count == 1 && signed {
        let mut integer = b"0".to_vec();
        if let Some(next) = digits.get(1) {
            round_up_from(*next, &mut integer);
        }
        if integer == b"1" {
            integer.insert(0, digits[0]);
        }
        return (integer, None);
    }
    let count = count as usize;
    let next = digits.get(count).copied();
    digits.resize(count, b'0');
    if let Some(next) = next {
        round_up_from(next, &mut digits);
    }
    (digits, None)
}

/// Adds one to an integer's text (which may have a sign) if the digit after it is 5 or more.
fn round_up_from(next: u8, integer: &mut Vec<u8>) {
    if next < b'5' {
        return;
    }
    let sign = usize::from(matches!(integer.first(), Some(b'-' | b'+')));
    for digit in integer[sign..].iter_mut().rev() {
        if *digit != b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    integer.insert(sign, b'1');
}
