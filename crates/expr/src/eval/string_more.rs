//! Text from and to other notations: hexadecimal, base 64, digits, quotes, sounds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use th_types::{Datum, Decimal, decimal::RoundMode};

use super::coerce::{bit_number, lossy, to_text};
use super::{Frame, Value, or_null, text};
use crate::bind::{Call, Class};

fn hex_of(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02X}").into_bytes()).collect()
}

/// Hexadecimal digits of text, or of a number.
pub(crate) fn hex<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let term = call.arg(0);
    let value = term.eval(frame)?;
    let number = match value {
        Datum::Null => return Ok(Datum::Null),
        Datum::Int(_) | Datum::Uint(_) | Datum::Float32(_) | Datum::Float64(_) | Datum::Decimal(_) => true,
        Datum::Bit(_) => term.class() == Class::Int,
        _ => false,
    };
    if number {
        return Ok(text(format!("{:X}", or_null!(term.bits(frame)))));
    }
    let bytes = or_null!(Ok::<_, th_types::TypeError>(to_text(value, term.ty())));
    Ok(text(hex_of(&bytes)))
}

pub(crate) fn unhex<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let digits = or_null!(call.arg(0).text(frame));
    let mut values = Vec::with_capacity(digits.len() + 1);
    if digits.len() % 2 == 1 {
        values.push(0);
    }
    for digit in digits.iter() {
        match (*digit as char).to_digit(16) {
            Some(value) => values.push(value as u8),
            None => return Ok(Datum::Null),
        }
    }
    Ok(text(values.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect::<Vec<u8>>()))
}

/// Lines of 76 characters.
pub(crate) fn to_base64<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    let encoded = STANDARD.encode(&bytes);
    let lines: Vec<&[u8]> = encoded.as_bytes().chunks(76).collect();
    Ok(text(lines.join(&b'\n')))
}

pub(crate) fn from_base64<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let encoded = or_null!(call.arg(0).text(frame));
    let digits: Vec<u8> =
        encoded.iter().copied().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).collect();
    Ok(STANDARD.decode(digits).map_or(Datum::Null, text))
}

fn in_base(mut number: u64, base: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = char::from_digit((number % base) as u32, base as u32).unwrap_or('0');
        digits.push(digit.to_ascii_uppercase());
        number /= base;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

pub(crate) fn bin<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(text(in_base(or_null!(call.arg(0).bits(frame)), 2)))
}

/// Text is read as digits of base 10 with a sign.
pub(crate) fn oct<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    if call.arg(0).class() != Class::Text || call.arg(0).is_binary_literal() {
        return Ok(text(in_base(or_null!(call.arg(0).bits(frame)), 8)));
    }
    let digits = or_null!(call.arg(0).string(frame));
    let (negative, number) = leading_number(digits.trim(), 10);
    let number = number.unwrap_or(u64::MAX);
    Ok(text(in_base(if negative { number.wrapping_neg() } else { number }, 8)))
}

/// Sign and magnitude of the digits that `text` begins with; `None` beyond 64 bits.
fn leading_number(text: &str, base: u32) -> (bool, Option<u64>) {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut number = Some(0u64);
    for digit in digits.chars().map_while(|c| c.to_digit(base)) {
        number =
            number.and_then(|n| n.checked_mul(u64::from(base))).and_then(|n| n.checked_add(u64::from(digit)));
    }
    (negative, number)
}

/// `CONV(n, from, to)`; a negative base means a signed number.
pub(crate) fn conv<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let term = call.arg(0);
    let digits = match term.eval(frame)? {
        Datum::Bit(bytes) => bit_number(&bytes).unwrap_or(u64::MAX).to_string(),
        value => lossy(or_null!(Ok::<_, th_types::TypeError>(to_text(value, term.ty())))).into_owned(),
    };
    let (from, to) = (or_null!(call.arg(1).long(frame)), or_null!(call.arg(2).long(frame)));
    let (signed, from) = (from < 0, from.unsigned_abs());
    let (signed_out, to) = (to < 0, to.unsigned_abs());
    if !(2..=36).contains(&from) || !(2..=36).contains(&to) {
        return Ok(Datum::Null);
    }
    let (negative, number) = leading_number(digits.trim(), from as u32);
    let mut number = number.unwrap_or(u64::MAX);
    let mut negative = negative;
    if signed {
        let limit = if negative { 1 << 63 } else { i64::MAX as u64 };
        number = number.min(limit);
    }
    if negative {
        number = number.wrapping_neg();
    }
    negative = (number as i64) < 0;
    let mut out = String::new();
    if signed_out && negative {
        number = number.wrapping_neg();
        out.push('-');
    }
    out.push_str(&in_base(number, to));
    Ok(text(out))
}

/// `CHAR(n, … [USING c])`: the bytes of each number; the last argument is the character set or NULL.
pub(crate) fn char<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let mut out = Vec::new();
    let numbers = call.args.len() - 1;
    for term in call.args.iter().take(numbers) {
        let Some(number) = term.int(frame)? else { continue };
        let bytes = (number as u32).to_be_bytes();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count().min(3);
        out.extend_from_slice(bytes.get(zeros..).unwrap_or_default());
    }
    let charset = call.arg(numbers).string(frame)?;
    if let Some(charset) = charset.as_deref().and_then(th_collation::Charset::by_name)
        && let Some((at, _)) = charset.first_invalid(&out)
    {
        let shown = format!(
            "Invalid {} character string: '{}'",
            charset.name(),
            lossy(hex_of(out.get(at..).unwrap_or_default()).into())
        );
        frame.warn(th_types::TypeError::new(1300, shown))?;
        return Ok(Datum::Null);
    }
    Ok(text(out))
}

/// A text as a literal.
pub(crate) fn quote<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let Some(bytes) = call.arg(0).text(frame)? else { return Ok(text("NULL")) };
    let mut out = vec![b'\''];
    for byte in bytes.iter() {
        match byte {
            b'\\' | b'\'' => out.extend_from_slice(&[b'\\', *byte]),
            0 => out.extend_from_slice(b"\\0"),
            0x1A => out.extend_from_slice(b"\\Z"),
            other => out.push(*other),
        }
    }
    out.push(b'\'');
    Ok(text(out))
}

pub(crate) fn soundex<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    const CODES: &[u8; 26] = b"01230120022455012623010202";
    let source = or_null!(call.arg(0).string(frame));
    let mut out = String::new();
    let mut last = 0u8;
    for c in source.chars() {
        let code = if c.is_ascii_alphabetic() {
            CODES.get((c.to_ascii_uppercase() as u8 - b'A') as usize).copied().unwrap_or(b'0')
        } else if c.is_alphabetic() {
            b'0'
        } else {
            continue;
        };
        if out.is_empty() {
            out.extend(c.to_uppercase());
            last = code;
        } else if code != b'0' && code != last {
            out.push(code as char);
            last = code;
        }
    }
    while !out.is_empty() && out.chars().count() < 4 {
        out.push('0');
    }
    Ok(text(out))
}

/// `FORMAT(x, decimals[, locale])`: thousands separated, rounded; every locale is read as `en_US`.
pub(crate) fn format_number<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let number: Decimal = or_null!(call.arg(0).decimal(frame));
    let scale = or_null!(call.arg(1).long(frame)).clamp(0, 30) as i32;
    let mut digits = Vec::new();
    number.round(scale, RoundMode::HalfUp).0.write_text(&mut digits);
    let shown = String::from_utf8_lossy(&digits).into_owned();
    let (sign, magnitude) = shown.strip_prefix('-').map_or(("", shown.as_str()), |rest| ("-", rest));
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
    let mut out = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if scale > 0 {
        out.push('.');
        out.push_str(&format!("{fraction:0<width$}", width = scale as usize));
    }
    Ok(text(out))
}

/// `MAKE_SET(bits, a, b, …)`: the texts whose bits are set, with commas between.
pub(crate) fn make_set<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bits = or_null!(call.arg(0).long(frame));
    let mut members = Vec::new();
    for (place, term) in call.args.iter().skip(1).enumerate() {
        if place < 64
            && bits & (1 << place) != 0
            && let Some(member) = term.text(frame)?
        {
            members.push(member);
        }
    }
    Ok(text(members.join(&b',')))
}

/// `EXPORT_SET(bits, on, off, separator, count)`: a text for each bit, the lowest first.
pub(crate) fn export_set<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bits = or_null!(call.arg(0).long(frame));
    let on = or_null!(call.arg(1).text(frame));
    let off = or_null!(call.arg(2).text(frame));
    let separator = match call.args.get(3) {
        Some(term) => or_null!(term.text(frame)),
        None => b",".into(),
    };
    let count = match call.args.get(4) {
        Some(term) => or_null!(term.long(frame)),
        None => 64,
    };
    let count = if (0..=64).contains(&count) { count } else { 64 };
    // The highest bit is the sign, which TiDB does not take for a set one.
    let texts: Vec<&[u8]> =
        (0..count).map(|bit| if bits & (1 << bit) > 0 { on.as_ref() } else { off.as_ref() }).collect();
    Ok(text(texts.join(separator.as_ref())))
}
