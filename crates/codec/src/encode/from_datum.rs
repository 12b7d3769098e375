//! From a datum of the column's type to a cell.

use th_types::{Datum, FieldType, TimeKind, TimeZone, TypeError, tp};

use crate::cell::{Class, Converted};
use crate::keys::float_to_comparable;

/// How values of a column type are encoded; `None` for types that no table column has.
pub(crate) fn class_of(field_type: &FieldType) -> Option<Class> {
    Some(match field_type.tp {
        // The hidden column of a multi-valued index holds the whole array.
        _ if field_type.array => Class::Json,
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONGLONG if field_type.is_unsigned() => Class::Uint,
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONGLONG | tp::YEAR => Class::Int,
        tp::BIT | tp::ENUM | tp::SET | tp::DATE | tp::NEW_DATE | tp::DATETIME | tp::TIMESTAMP => Class::Uint,
        tp::FLOAT | tp::DOUBLE => Class::Float,
        tp::NEW_DECIMAL => Class::Decimal,
        tp::DURATION => Class::Duration,
        tp::JSON => Class::Json,
        tp::VECTOR => Class::Vector,
        _ if field_type.is_string() => Class::Bytes,
        _ => return None,
    })
}

/// Encodes a datum that was converted to the column type. Bytes are appended to `out`.
///
/// A datum of another kind than the column's is an error: writing it would corrupt the row silently.
pub(crate) fn from_datum(
    datum: &Datum<'_>,
    class: Class,
    field_type: &FieldType,
    zone: &TimeZone,
    out: &mut Vec<u8>,
) -> Result<Converted, TypeError> {
    Ok(match (class, datum) {
        (_, Datum::Null) => Converted::Null,
        (Class::Int, Datum::Int(number)) => Converted::Number(*number as u64),
        (Class::Uint, Datum::Uint(number) | Datum::Enum(number) | Datum::Set(number)) => {
            Converted::Number(*number)
        }
        (Class::Uint, Datum::Bit(bytes)) => Converted::Number(big_endian(bytes)?),
        (Class::Uint, Datum::Time(time)) => {
            let utc = match time.kind {
                TimeKind::Timestamp => time.convert_zone(zone, &TimeZone::Fixed(0))?,
                TimeKind::Date | TimeKind::Datetime => *time,
            };
            Converted::Number(utc.to_packed())
        }
        (Class::Float, Datum::Float32(number)) => Converted::Number(float_to_comparable(f64::from(*number))),
        (Class::Float, Datum::Float64(number)) => Converted::Number(float_to_comparable(*number)),
        (Class::Duration, Datum::Duration(duration)) => Converted::Number(duration.nanos as u64),
        (Class::Decimal, Datum::Decimal(decimal)) => {
            let (precision, frac) = decimal_shape(field_type).unwrap_or_else(|| decimal.precision_and_frac());
            out.extend_from_slice(&[precision, frac]);
            decimal
                .to_bin(precision, frac, out)
                .map_err(|issue| TypeError::new(th_types::code::OUT_OF_RANGE, issue.to_string()))?;
            Converted::Bytes
        }
        (Class::Bytes, Datum::Bytes(bytes)) | (Class::Vector, Datum::Vector(bytes)) => {
            out.extend_from_slice(bytes);
            Converted::Bytes
        }
        (Class::Json, Datum::Json(json)) => {
            out.push(json.type_code);
            out.extend_from_slice(&json.body);
            Converted::Bytes
        }
        _ => return Err(TypeError::new(0, "the converted value is not of the column's type")),
    })
}

/// Precision and scale of a DECIMAL column.
pub(crate) fn decimal_shape(field_type: &FieldType) -> Option<(u8, u8)> {
    let precision = u8::try_from(field_type.flen).ok().filter(|precision| *precision > 0)?;
    Some((precision, u8::try_from(field_type.decimal).ok()?))
}

fn big_endian(bytes: &[u8]) -> Result<u64, TypeError> {
    let significant = bytes.iter().position(|&byte| byte != 0).map_or(&[][..], |first| &bytes[first..]);
    if significant.len() > 8 {
        return Err(TypeError::new(th_types::code::DATA_TOO_LONG, "the bit value is longer than 64 bits"));
    }
    Ok(significant.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}
