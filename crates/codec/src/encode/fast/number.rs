//! Straight paths of integers, decimals and floats.

use th_row::Value;

use crate::cell::Converted;
use crate::keys::float_to_comparable;

const POWERS_OF_TEN: [u64; 19] = {
    let mut powers = [1; 19];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

const NINE_DIGITS: u64 = 1_000_000_000;
/// Bytes that this many decimal digits take in the binary form.
const DIGITS_TO_BYTES: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
/// Two bytes of precision, at most three words on either side, and room for the last word's store.
const DECIMAL_BUFFER: usize = 32;

/// At most 18 digits as a number.
#[inline]
fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter().try_fold(0u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then_some(number * 10 + u64::from(digit))
    })
}

/// The digits that the text begins with, at least one and at most 18, and what follows them.
#[inline]
fn leading_digits(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0u64;
    for (at, byte) in text.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return (1..=18).contains(&at).then(|| (number, &text[at..]));
        }
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    (1..=18).contains(&text.len()).then_some((number, &[]))
}

/// The text without a minus sign, and whether it had one.
#[inline]
fn sign(text: &[u8]) -> (&[u8], bool) {
    match text {
        [b'-', rest @ ..] => (rest, true),
        _ => (text, false),
    }
}

#[inline]
pub(super) fn int(value: &Value<'_>, min: i64, max: i64) -> Option<Converted> {
    let number = match *value {
        Value::Int(number) => number,
        Value::Uint(number) => i64::try_from(number).ok()?,
        Value::Text(text) => {
            let (text, negative) = sign(text);
            let number = digits(text)? as i64;
            if negative { -number } else { number }
        }
        _ => return None,
    };
    (min <= number && number <= max).then_some(Converted::Number(number as u64))
}

#[inline]
pub(super) fn uint(value: &Value<'_>, max: u64) -> Option<Converted> {
    let number = match *value {
        Value::Int(number) => u64::try_from(number).ok()?,
        Value::Uint(number) => number,
        Value::Text(text) => digits(text)?,
        _ => return None,
    };
    (number <= max).then_some(Converted::Number(number))
}

#[inline]
pub(super) fn decimal(
    value: &Value<'_>,
    precision: u8,
    frac: u8,
    unsigned: bool,
    out: &mut Vec<u8>,
) -> Option<Converted> {
    let frac_digits = usize::from(frac);
    let int_digits = usize::from(precision - frac);
    let (int_part, frac_part, negative) = match *value {
        Value::Uint(number) => (number, 0, false),
        Value::Int(number) => (number.unsigned_abs(), 0, number < 0),
        Value::Text(text) => {
            let (text, negative) = sign(text);
            let (int_part, rest) = leading_digits(text)?;
            match rest {
                [] => (int_part, 0, negative),
                [b'.', after @ ..] if after.len() <= frac_digits => {
                    let scaled = digits(after)? * POWERS_OF_TEN[frac_digits - after.len()];
                    (int_part, scaled, negative)
                }
                _ => return None,
            }
        }
        _ => return None,
    };
    if int_part >= POWERS_OF_TEN[int_digits] || (negative && unsigned) {
        return None;
    }
    let negative = negative && (int_part, frac_part) != (0, 0);
    let mut buffer = [0; DECIMAL_BUFFER];
    buffer[0] = precision;
    buffer[1] = frac;
    let end = write_decimal(&mut buffer, int_part, int_digits, frac_part, frac_digits, negative);
    // A copy of a fixed size is quicker than one of just the bytes that count.
    let end = out.len() + end;
    out.extend_from_slice(&buffer);
    out.truncate(end);
    Some(Converted::Bytes)
}

/// Writes words of nine digits, the odd digits outermost; returns where the binary form ends.
#[inline]
fn write_decimal(
    buffer: &mut [u8; DECIMAL_BUFFER],
    int_part: u64,
    int_digits: usize,
    frac_part: u64,
    frac_digits: usize,
    negative: bool,
) -> usize {
    let mut at = 2;
    // Four bytes are stored, left-aligned; what exceeds `bytes` is overwritten by the next word.
    let mut put = |word: u64, bytes: usize| {
        let aligned = (word << (8 * (4 - bytes))) as u32;
        buffer[at..at + 4].copy_from_slice(&aligned.to_be_bytes());
        at += bytes;
    };
    // Divisions by constants, which are multiplications.
    let outermost = DIGITS_TO_BYTES[int_digits % 9];
    match int_digits / 9 {
        0 => put(int_part, outermost),
        1 => {
            put(int_part / NINE_DIGITS, outermost);
            put(int_part % NINE_DIGITS, 4);
        }
        _ => {
            put(int_part / (NINE_DIGITS * NINE_DIGITS), outermost);
            put(int_part / NINE_DIGITS % NINE_DIGITS, 4);
            put(int_part % NINE_DIGITS, 4);
        }
    }
    let outermost = DIGITS_TO_BYTES[frac_digits % 9];
    match frac_digits / 9 {
        0 => put(frac_part, outermost),
        1 => {
            let power = POWERS_OF_TEN[frac_digits % 9];
            put(frac_part / power, 4);
            put(frac_part % power, outermost);
        }
        _ => {
            put(frac_part / NINE_DIGITS, 4);
            put(frac_part % NINE_DIGITS, 4);
        }
    }
    if negative {
        buffer[2..].iter_mut().for_each(|byte| *byte = !*byte);
    }
    buffer[2] ^= 0x80;
    at
}

#[inline]
pub(super) fn float(value: &Value<'_>, unsigned: bool, narrow: impl Fn(f64) -> f64) -> Option<Converted> {
    let double = match *value {
        Value::Int(number) => number as f64,
        Value::Uint(number) => number as f64,
        Value::Text(text) if is_plain_float(text) => std::str::from_utf8(text).ok()?.parse().ok()?,
        Value::Float64(number) => number,
        _ => return None,
    };
    let narrowed = narrow(double);
    if !narrowed.is_finite() || (unsigned && double < 0.0) {
        return None;
    }
    Some(Converted::Number(float_to_comparable(narrowed)))
}

/// `-?digits[.digits][e[+-]digits]`, the whole text.
fn is_plain_float(text: &[u8]) -> bool {
    let skip_digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = sign(text).0;
    let number_follows = |rest: &mut &[u8]| {
        let digits = skip_digits(rest);
        *rest = &rest[digits..];
        digits > 0
    };
    if !number_follows(&mut rest) {
        return false;
    }
    if let [b'.', after @ ..] = rest {
        rest = after;
        if !number_follows(&mut rest) {
            return false;
        }
    }
    if let [b'e' | b'E', after @ ..] = rest {
        rest = match after {
            [b'+' | b'-', digits @ ..] => digits,
            digits => digits,
        };
        if !number_follows(&mut rest) {
            return false;
        }
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal_hex(text: &str, precision: u8, frac: u8) -> Option<String> {
        let mut out = Vec::new();
        decimal(&Value::Text(text.as_bytes()), precision, frac, false, &mut out)?;
        Some(crate::golden::to_hex(&out))
    }

    #[test]
    fn decimals_have_their_binary_form() {
        assert_eq!(decimal_hex("1.5", 10, 3).as_deref(), Some("0a038000000101f4"));
        assert_eq!(decimal_hex("-9999999.999", 10, 3).as_deref(), Some("0a037f676980fc18"));
        assert_eq!(decimal_hex("-0.897", 10, 3).as_deref(), Some("0a037ffffffffc7e"));
        assert_eq!(decimal_hex("-0.000", 10, 3).as_deref(), Some("0a03800000000000"));
        assert_eq!(decimal_hex("1234567890.1234", 14, 4).as_deref(), Some("0e04810dfb38d204d2"));
    }

    #[test]
    fn what_does_not_fit_is_left_to_the_general_conversion() {
        for text in ["10000000", "1.2345", "1e3", " 1", "", "-", "1.", ".5", "+1"] {
            assert_eq!(decimal_hex(text, 10, 3), None, "{text}");
        }
        assert_eq!(int(&Value::Text(b"128"), -128, 127), None);
        assert_eq!(int(&Value::Text(b"-128"), -128, 127), Some(Converted::Number(-128i64 as u64)));
        assert_eq!(uint(&Value::Int(-1), 255), None);
    }

    #[test]
    fn only_whole_plain_numbers_are_floats() {
        for text in ["1", "-1.5", "1e5", "1.25E-3", "00.10"] {
            assert!(is_plain_float(text.as_bytes()), "{text}");
        }
        for text in ["", "-", "1.", ".5", "1e", "inf", "NaN", "1 ", "+1", "0x10"] {
            assert!(!is_plain_float(text.as_bytes()), "{text}");
        }
    }
}
