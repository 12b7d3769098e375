//! Floating-point numbers: from text, to text as Go writes them, and rounding to (M, D).

use std::fmt::{self, Write};

use super::{NumericPrefix, out_of_range, trim_space, truncated_wrong_value};
use crate::error::TypeError;

/// The double that `text` begins with.
///
/// Text after it is an error unless `lax`. Beyond the range it is the greatest double of that sign,
/// which is an error too unless `lax`; below the range it is 0 without one. With `function_cast`
/// (`CAST` and implicit casts in expressions) an empty text is not an error.
pub fn text_to_f64(text: &[u8], function_cast: bool, lax: bool) -> (f64, Option<TypeError>) {
    let text = trim_space(text);
    let prefix = NumericPrefix::of(text, function_cast);
    let value: f64 =
        std::str::from_utf8(prefix.valid).ok().and_then(|valid| valid.parse().ok()).unwrap_or(0.0);
    if value.is_infinite() {
        let error = (!lax).then(|| truncated_wrong_value("DOUBLE", text));
        return (f64::MAX.copysign(value), error);
    }
    (value, prefix.error(lax))
}

/// `value` rounded to `decimals` digits after the point, ties to even, as TiDB's `types.Round`.
pub fn round_float(value: f64, decimals: i32) -> f64 {
    let shift = power_of_ten(decimals);
    let scaled = value * shift;
    if scaled.is_infinite() {
        return value;
    }
    let result = scaled.round_ties_even() / shift;
    if result.is_nan() { 0.0 } else { result }
}

/// `value` cut to `decimals` digits after the point (before it if negative), as TiDB's
/// `types.Truncate`.
pub fn truncate_digits(value: f64, decimals: i32) -> f64 {
    let shift = power_of_ten(decimals);
    let scaled = value * shift;
    if !scaled.is_finite() {
        value
    } else if shift == 0.0 {
        0.0
    } else {
        scaled.trunc() / shift
    }
}

/// The greatest value of `FLOAT(flen, decimals)` and `DOUBLE(flen, decimals)`.
pub fn max_float(flen: i32, decimals: i32) -> f64 {
    power_of_ten(flen.saturating_sub(decimals)) - power_of_ten(decimals.saturating_neg())
}

/// `value` rounded to `decimals` digits and kept within what (`flen`, `decimals`) allows, with the
/// error that TiDB reports if it is not.
pub fn truncate_float(value: f64, flen: i32, decimals: i32) -> (f64, Option<TypeError>) {
    let overflow = || Some(out_of_range("DOUBLE", b""));
    if value.is_nan() {
        return (0.0, overflow());
    }
    let greatest = max_float(flen, decimals);
    let rounded = if value.is_infinite() { value } else { round_float(value, decimals) };
    if rounded > greatest {
        (greatest, overflow())
    } else if rounded < -greatest {
        (-greatest, overflow())
    } else {
        (rounded, None)
    }
}

/// 10^`exponent`, correctly rounded: 0 and infinity beyond the range, as Go's `math.Pow10`.
fn power_of_ten(exponent: i32) -> f64 {
    const EXACT: [f64; 23] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
        1e18, 1e19, 1e20, 1e21, 1e22,
    ];
    if let Some(power) = usize::try_from(exponent).ok().and_then(|exponent| EXACT.get(exponent)) {
        return *power;
    }
    let mut text = ShortText::default();
    match write!(text, "1e{exponent}") {
        Ok(()) => text.as_str().parse().unwrap_or(0.0),
        Err(fmt::Error) => 0.0,
    }
}

/// Some bytes of text on the stack; writing more than fits is an error.
#[derive(Default)]
struct ShortText {
    bytes: [u8; 32],
    len: usize,
}

impl ShortText {
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(place) = self.bytes.get_mut(self.len..self.len + bytes.len()) {
            place.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }
}

impl Write for ShortText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes
            .get_mut(self.len..self.len + text.len())
            .ok_or(fmt::Error)?
            .copy_from_slice(text.as_bytes());
        self.len += text.len();
        Ok(())
    }
}

/// A floating-point number's shortest text as Go's `%v` writes it, on the stack.
pub struct GoFloat(ShortText);

impl GoFloat {
    /// Shortest digits, with an exponent below 1e-4 and from 1e6 on, as Go's `g` format has it:
    /// `1e+39`, `-1e-10`, `0.9996`, `123456`, `1.234567e+06`.
    pub fn general(value: f64) -> Self {
        let mut text = ShortText::default();
        if value.is_nan() || value.is_infinite() {
            text.push(if value.is_nan() {
                b"NaN"
            } else if value > 0.0 {
                b"+Inf"
            } else {
                b"-Inf"
            });
            return Self(text);
        }
        let mut scientific = ShortText::default();
        // 17 digits, sign, point and exponent always fit.
        let written = write!(scientific, "{:e}", value.abs());
        debug_assert!(written.is_ok());
        let (mantissa, exponent) = scientific.as_str().split_once('e').unwrap_or(("0", "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let mut digits = ShortText::default();
        for part in mantissa.split('.') {
            digits.push(part.as_bytes());
        }
        if value.is_sign_negative() {
            text.push(b"-");
        }
        let digits = digits.as_bytes();
        match exponent {
            -4..0 => {
                text.push(b"0.");
                text.push(&b"000"[..(-exponent - 1) as usize]);
                text.push(digits);
            }
            0..6 => {
                let int = exponent as usize + 1;
                if digits.len() <= int {
                    text.push(digits);
                    text.push(&b"00000"[..int - digits.len()]);
                } else {
                    text.push(&digits[..int]);
                    text.push(b".");
                    text.push(&digits[int..]);
                }
            }
            _ => {
                text.push(&digits[..1]);
                if digits.len() > 1 {
                    text.push(b".");
                    text.push(&digits[1..]);
                }
                let sign = if exponent < 0 { '-' } else { '+' };
                let written = write!(text, "e{sign}{:02}", exponent.abs());
                debug_assert!(written.is_ok());
            }
        }
        Self(text)
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Appends the shortest text of `value` without an exponent, as a DOUBLE turns into a string.
pub fn write_f64(value: f64, out: &mut Vec<u8>) {
    write_plain(value, &value, out);
}

/// Appends the shortest text of `value` without an exponent, as a FLOAT turns into a string.
pub fn write_f32(value: f32, out: &mut Vec<u8>) {
    write_plain(f64::from(value), &value, out);
}

fn write_plain(value: f64, shown: &dyn fmt::Display, out: &mut Vec<u8>) {
    if value.is_finite() {
        // Writing to a vector cannot fail.
        let _ = std::io::Write::write_fmt(out, format_args!("{shown}"));
    } else {
        out.extend_from_slice(GoFloat::general(value).as_bytes());
    }
}
