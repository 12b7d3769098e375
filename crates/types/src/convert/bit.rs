//! BIT, and literals in hexadecimal and bits.

use super::{Outcome, integer, settle};
use crate::error::{TypeError, code};
use crate::{Context, Datum, FieldType, tp};

/// The number that a literal's bytes are, most significant first; beyond eight significant bytes it
/// is the greatest, with error 1292.
pub fn bit_literal_to_uint(bytes: &[u8]) -> Outcome<u64> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let significant = &bytes[zeros..];
    if significant.len() > 8 {
        return (u64::MAX, Some(crate::number::truncated_wrong_value("BINARY", bytes)));
    }
    (significant.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)), None)
}

/// A BIT value as its `ceil(flen / 8)` bytes, most significant first.
pub fn bytes_of_bits(bits: u64, flen: i64) -> Vec<u8> {
    let size = ((flen + 7) >> 3).clamp(1, 8) as usize;
    bits.to_be_bytes()[8 - size..].to_vec()
}

/// Text to `BIT(flen)`: its bytes are the bits, whatever they spell: `'b'` is 98, and `'1'` (49) does not
/// fit into `BIT(1)`.
pub fn text_to_bit(text: &[u8], flen: i64, lax: bool) -> Result<u64, TypeError> {
    settle(text_outcome(text, flen, lax), lax)
}

fn text_outcome(text: &[u8], flen: i64, lax: bool) -> Outcome<u64> {
    let (bits, error) = bit_literal_to_uint(text);
    let error = error.filter(|_| !lax);
    let (bits, length_error) = uint_to_bit(bits, flen);
    (bits, length_error.or(error))
}

/// Brings a number into `BIT(flen)`: all bits set, with error 1406, if it is too great.
pub fn uint_to_bit(bits: u64, flen: i64) -> Outcome<u64> {
    match flen {
        1..64 if bits >> flen != 0 => ((1 << flen) - 1, Some(too_long(flen))),
        1..128 => (bits, None),
        _ => (0, Some(too_long(flen))),
    }
}

fn too_long(flen: i64) -> TypeError {
    TypeError::new(code::DATA_TOO_LONG, format!("Data Too Long, field len {flen}"))
}

/// Any datum to BIT; `Err` if there is no such conversion.
pub(super) fn to_bit(
    value: &Datum<'_>,
    target: &FieldType,
    context: &Context,
) -> Result<Outcome<u64>, TypeError> {
    let (bits, error) = match value {
        Datum::Bytes(text) => return Ok(text_outcome(text, target.flen, context.lax())),
        // A negative number is taken as its bits.
        Datum::Int(value) => (*value as u64, None),
        _ => integer::to_uint(value, tp::BIT, context)?,
    };
    let (bits, length_error) = uint_to_bit(bits, target.flen);
    Ok((bits, length_error.or(error)))
}
