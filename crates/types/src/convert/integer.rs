//! Integers and YEAR.

use super::{Outcome, json, no_conversion, overflow, settle};
use crate::decimal::{Issue, RoundMode};
use crate::error::TypeError;
use crate::number::{GoFloat, text_to_i64, text_to_u64, trim_space};
use crate::time::parse_year_number;
use crate::{Context, Datum, Decimal, tp};

/// Least and greatest value of a signed integer type; BIGINT's for any other type code.
#[inline]
pub fn signed_range(type_code: u8) -> (i64, i64) {
    match type_code {
        tp::TINY => (i8::MIN.into(), i8::MAX.into()),
        tp::SHORT => (i16::MIN.into(), i16::MAX.into()),
        tp::INT24 => (-(1 << 23), (1 << 23) - 1),
        tp::LONG => (i32::MIN.into(), i32::MAX.into()),
        tp::ENUM => (0, 65_535),
        _ => (i64::MIN, i64::MAX),
    }
}

/// Greatest value of an unsigned integer type; BIGINT's for any other type code but ENUM's.
#[inline]
pub fn unsigned_limit(type_code: u8) -> u64 {
    match type_code {
        tp::TINY => u8::MAX.into(),
        tp::SHORT => u16::MAX.into(),
        tp::INT24 => (1 << 24) - 1,
        tp::LONG => u32::MAX.into(),
        tp::ENUM => 65_535,
        _ => u64::MAX,
    }
}

/// Text to a signed integer column of this type code.
#[inline]
pub fn text_to_int(text: &[u8], type_code: u8, lax: bool) -> Result<i64, TypeError> {
    settle(text_outcome(text, type_code, lax), lax)
}

fn text_outcome(text: &[u8], type_code: u8, lax: bool) -> Outcome<i64> {
    let (value, error) = text_to_i64(text, false, lax);
    let (value, range_error) = int_to_int(value, type_code);
    (value, error.or(range_error))
}

/// Text to an unsigned integer column of this type code.
#[inline]
pub fn text_to_uint(text: &[u8], type_code: u8, lax: bool) -> Result<u64, TypeError> {
    settle(unsigned_text_outcome(text, type_code, lax), lax)
}

fn unsigned_text_outcome(text: &[u8], type_code: u8, lax: bool) -> Outcome<u64> {
    let (value, error) = text_to_u64(text, false, lax);
    let (value, range_error) = uint_to_uint(value, type_code);
    (value, range_error.or(error))
}

/// Brings a signed integer into the range of a signed type.
#[inline]
pub fn int_to_int(value: i64, type_code: u8) -> Outcome<i64> {
    let (least, greatest) = signed_range(type_code);
    let nearest = value.clamp(least, greatest);
    (nearest, (nearest != value).then(|| overflow(value, type_code)))
}

/// Brings an unsigned integer into the range of a signed type.
#[inline]
pub fn uint_to_int(value: u64, type_code: u8) -> Outcome<i64> {
    let (_, greatest) = signed_range(type_code);
    match i64::try_from(value) {
        Ok(signed) if signed <= greatest => (signed, None),
        _ => (greatest, Some(overflow(value, type_code))),
    }
}

/// Brings a signed integer into the range of an unsigned type; negative ones become 0.
#[inline]
pub fn int_to_uint(value: i64, type_code: u8) -> Outcome<u64> {
    match u64::try_from(value) {
        Ok(unsigned) => uint_to_uint(unsigned, type_code),
        Err(_) => (0, Some(overflow(value, type_code))),
    }
}

/// Brings an unsigned integer into the range of an unsigned type.
#[inline]
pub fn uint_to_uint(value: u64, type_code: u8) -> Outcome<u64> {
    let nearest = value.min(unsigned_limit(type_code));
    (nearest, (nearest != value).then(|| overflow(value, type_code)))
}

/// A double rounded (ties to even) and brought into the range of a signed type.
pub fn float_to_int(value: f64, type_code: u8) -> Outcome<i64> {
    let (least, greatest) = signed_range(type_code);
    let rounded = value.round_ties_even();
    if rounded < least as f64 {
        (least, Some(overflow(GoFloat::general(rounded).as_str(), type_code)))
    } else if rounded > greatest as f64 {
        (greatest, Some(overflow(GoFloat::general(rounded).as_str(), type_code)))
    } else {
        // The cast saturates where `greatest` as a double is one too many.
        (rounded as i64, None)
    }
}

/// A double rounded (ties to even) and brought into the range of an unsigned type.
pub fn float_to_uint(value: f64, type_code: u8) -> Outcome<u64> {
    let rounded = value.round_ties_even();
    let out_of_range = || Some(overflow(GoFloat::general(rounded).as_str(), type_code));
    // 2^64, the first double that does not fit.
    const TOO_GREAT: f64 = 18_446_744_073_709_551_616.0;
    let limit = unsigned_limit(type_code);
    if rounded < 0.0 || rounded.is_nan() {
        (0, out_of_range())
    } else if rounded >= TOO_GREAT || rounded as u64 > limit {
        (limit, out_of_range())
    } else {
        (rounded as u64, None)
    }
}

/// A decimal rounded half up and brought into the range of a signed type.
pub fn decimal_to_int(value: &Decimal, type_code: u8) -> Outcome<i64> {
    let (rounded, _) = value.round(0, RoundMode::HalfUp);
    let (integer, issue) = rounded.to_i64();
    let error = (issue == Some(Issue::Overflow)).then(|| overflow(rounded, type_code));
    let (integer, range_error) = int_to_int(integer, type_code);
    (integer, error.or(range_error))
}

/// A decimal rounded half up and brought into the range of an unsigned type; negative ones become 0.
pub fn decimal_to_uint(value: &Decimal, type_code: u8) -> Outcome<u64> {
    let limit = unsigned_limit(type_code);
    if value.is_negative() {
        return (0, Some(overflow(value, type_code)));
    }
    match value.round(0, RoundMode::HalfUp).0.to_u64() {
        (integer, None) if integer <= limit => (integer, None),
        _ => (limit, Some(overflow(value, type_code))),
    }
}

/// Any datum to a signed integer; `Err` if there is no such conversion.
pub(super) fn to_int(value: &Datum<'_>, type_code: u8, context: &Context) -> Result<Outcome<i64>, TypeError> {
    let lax = context.lax();
    Ok(match value {
        Datum::Int(value) => int_to_int(*value, type_code),
        Datum::Uint(value) => uint_to_int(*value, type_code),
        Datum::Float32(value) => float_to_int(f64::from(*value), type_code),
        Datum::Float64(value) => float_to_int(*value, type_code),
        Datum::Bytes(text) => text_outcome(text, type_code, lax),
        Datum::Decimal(value) => decimal_to_int(value, type_code),
        Datum::Enum(value) | Datum::Set(value) => float_to_int(*value as f64, type_code),
        Datum::Bit(bytes) => {
            let value = settle(super::bit_literal_to_uint(bytes), lax)?;
            uint_to_int(value, type_code)
        }
        Datum::Time(value) => {
            let rounded = value.round_to(0, context.time())?;
            int_to_int(rounded.to_number(), type_code)
        }
        Datum::Duration(value) => int_to_int(value.round_to(0).to_number(), type_code),
        Datum::Json(value) => json::json_to_int(value, type_code, false, lax),
        Datum::Null | Datum::Vector(_) => return Err(no_conversion(value, type_code)),
    })
}

/// Any datum to an unsigned integer; `Err` if there is no such conversion.
pub(super) fn to_uint(
    value: &Datum<'_>,
    type_code: u8,
    context: &Context,
) -> Result<Outcome<u64>, TypeError> {
    let lax = context.lax();
    Ok(match value {
        Datum::Int(value) => int_to_uint(*value, type_code),
        Datum::Uint(value) => uint_to_uint(*value, type_code),
        Datum::Float32(value) => float_to_uint(f64::from(*value), type_code),
        Datum::Float64(value) => float_to_uint(*value, type_code),
        Datum::Bytes(text) => unsigned_text_outcome(text, type_code, lax),
        Datum::Decimal(value) => decimal_to_uint(value, type_code),
        Datum::Enum(value) | Datum::Set(value) => float_to_uint(*value as f64, type_code),
        Datum::Bit(bytes) => {
            let value = settle(super::bit_literal_to_uint(bytes), lax)?;
            uint_to_uint(value, type_code)
        }
        Datum::Time(value) => {
            // The number with its fraction is rounded here, so 59.5 seconds become 60, as in TiDB.
            let number = Decimal::parse(value.to_number_text().as_bytes()).0;
            let (integer, _) = number.round(0, RoundMode::HalfUp).0.to_i64();
            int_to_uint(integer, type_code)
        }
        Datum::Duration(value) => {
            let number = Decimal::parse(value.to_number_text().as_bytes()).0;
            decimal_to_uint(&number.round(0, RoundMode::HalfUp).0, type_code)
        }
        Datum::Json(value) => {
            let (value, error) = json::json_to_int(value, type_code, true, lax);
            (value as u64, error)
        }
        Datum::Null | Datum::Vector(_) => return Err(no_conversion(value, type_code)),
    })
}

/// Text to YEAR: two digits mean 1970 to 2069, and 0 is 2000 if it is written with other than four
/// characters.
pub fn text_to_year(text: &[u8], lax: bool) -> Result<i64, TypeError> {
    settle(year_text_outcome(text, lax), lax)
}

fn year_text_outcome(text: &[u8], lax: bool) -> Outcome<i64> {
    let trimmed = trim_space(text);
    match text_to_i64(trimmed, false, lax) {
        (_, Some(error)) => (0, Some(error)),
        (year, None) => adjust_year(year, text.len() != 4 && year == 0 && trimmed.starts_with(b"0")),
    }
}

fn adjust_year(year: i64, zero_is_2000: bool) -> Outcome<i64> {
    match parse_year_number(year, zero_is_2000) {
        Ok(year) => (year, None),
        Err((nearest, error)) => (nearest, Some(error)),
    }
}

/// Any datum to YEAR; `Err` if there is no such conversion.
pub(super) fn to_year(value: &Datum<'_>, context: &Context) -> Result<Outcome<i64>, TypeError> {
    let lax = context.lax();
    Ok(match value {
        Datum::Bytes(text) => year_text_outcome(text, lax),
        Datum::Time(value) => adjust_year(i64::from(value.year), false),
        Datum::Json(value) => match json::json_to_int(value, tp::LONGLONG, false, lax) {
            (_, Some(error)) => (0, Some(error)),
            (year, None) => adjust_year(year, false),
        },
        Datum::Duration(duration) => {
            // The year of today's date with the TIME on top of it.
            let zone = &context.zone;
            let now = crate::Time::from_unix_micros(context.now_micros, zone, crate::TimeKind::Datetime, 0);
            let year = duration.on_date(&now).map_or(0, |time| i64::from(time.year));
            adjust_year(year, false)
        }
        _ => match to_int(value, tp::LONGLONG, context)? {
            (_, Some(_)) => return Err(no_conversion(value, tp::YEAR)),
            (year, None) => adjust_year(year, false),
        },
    })
}
