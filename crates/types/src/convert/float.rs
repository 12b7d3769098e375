//! FLOAT and DOUBLE.

use super::{Outcome, json, no_conversion, overflow, settle};
use crate::error::TypeError;
use crate::number::{GoFloat, text_to_f64, truncate_float};
use crate::{Datum, FieldType, tp};

/// Text to a FLOAT or DOUBLE column. A FLOAT's value is one that `f32` has, in an `f64`.
pub fn text_to_float(text: &[u8], target: &FieldType, lax: bool) -> Result<f64, TypeError> {
    let (value, error) = text_to_f64(text, false, lax);
    let (value, range_error) = float_to_column(value, target);
    settle((value, error.or(range_error)), lax)
}

/// Rounds a double to a column's (M, D), and brings it into the column's range.
pub fn float_to_column(value: f64, target: &FieldType) -> Outcome<f64> {
    let overflowed = |value: f64| Some(overflow(GoFloat::general(value).as_str(), target.tp));
    if value.is_nan() {
        return (0.0, overflowed(value));
    }
    if value.is_infinite() {
        return (value, overflowed(value));
    }
    let (mut value, mut error) = (value, None);
    if target.flen >= 0 && target.decimal >= 0 {
        (value, error) = truncate_float(value, target.flen as i32, target.decimal as i32);
    }
    if target.is_unsigned() && value < 0.0 {
        return (0.0, overflowed(value));
    }
    if target.tp != tp::FLOAT {
        return (value, error);
    }
    let greatest = f64::from(f32::MAX);
    if error.is_none() && value.abs() > greatest {
        return (greatest.copysign(value), overflowed(value));
    }
    (f64::from(value as f32), error)
}

/// Any datum to FLOAT or DOUBLE; `Err` if there is no such conversion.
pub(super) fn to_float(value: &Datum<'_>, target: &FieldType, lax: bool) -> Result<Outcome<f64>, TypeError> {
    let (float, error) = match value {
        Datum::Int(value) => (*value as f64, None),
        Datum::Uint(value) | Datum::Enum(value) | Datum::Set(value) => (*value as f64, None),
        Datum::Float32(value) => (f64::from(*value), None),
        Datum::Float64(value) => (*value, None),
        Datum::Bytes(text) => text_to_f64(text, false, lax),
        Datum::Decimal(value) => (value.to_f64(), None),
        Datum::Time(value) => (value.to_f64(), None),
        Datum::Duration(value) => (value.to_f64(), None),
        Datum::Bit(bytes) => {
            let (value, error) = super::bit_literal_to_uint(bytes);
            (value as f64, error)
        }
        Datum::Json(value) => json::json_to_float(value, lax),
        Datum::Null | Datum::Vector(_) => return Err(no_conversion(value, target.tp)),
    };
    let (float, range_error) = float_to_column(float, target);
    Ok((float, error.or(range_error)))
}
