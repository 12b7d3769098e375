//! Any datum to any column type, as TiDB casts a value for a column (`table.CastColumnValue` over
//! `Datum.ConvertTo`), in the session that Lightning encodes with.
//!
//! Each conversion first finds a value and, perhaps, what is wrong with it; [`settle`] then decides
//! by the SQL mode: a strict mode reports the error, otherwise the value stands, as MySQL does with a
//! warning. Errors that are not about lost data (a conversion that does not exist, bad JSON) are
//! reported in every mode.
//!
//! [`convert`] takes a [`Datum`]. For one kind of source and a known column the functions behind it
//! are here too ([`text_to_int`], [`StringTarget::fit_text`], …); they allocate only for values that
//! change.

mod bit;
mod decimal;
mod float;
mod integer;
mod json;
mod members;
mod string;
mod temporal;

use std::borrow::Cow;

use crate::error::TypeError;
use crate::{Context, Datum, FieldType, code, tp};

pub use bit::{bit_literal_to_uint, bytes_of_bits, text_to_bit, uint_to_bit};
pub use decimal::{decimal_to_column, text_to_decimal};
pub use float::{float_to_column, text_to_float};
pub use integer::{
    decimal_to_int, decimal_to_uint, float_to_int, float_to_uint, int_to_int, int_to_uint, signed_range,
    text_to_int, text_to_uint, text_to_year, uint_to_int, uint_to_uint, unsigned_limit,
};
pub use members::Members;
pub use string::StringTarget;
pub use temporal::{number_to_time, text_to_duration, text_to_time, time_kind_of};

/// A value to go on with, and what is wrong with it.
pub type Outcome<T> = (T, Option<TypeError>);

/// Decides by the SQL mode: the value, unless it has an error that the mode does not forgive.
#[inline]
pub fn settle<T>((value, error): Outcome<T>, lax: bool) -> Result<T, TypeError> {
    match error {
        Some(error) if !(lax && error.is_truncation()) => Err(error),
        _ => Ok(value),
    }
}

/// Converts `value` to the column type `target` under `context`, as TiDB's column cast does
/// (truncation and range handling by SQL mode included).
///
/// A conversion that loses something is an error in strict mode; otherwise the nearest value is
/// returned, as MySQL does with a warning. NULL stays NULL. [`Datum::Bytes`] is text in UTF-8,
/// [`Datum::Bit`] a literal in hexadecimal or bits.
pub fn convert<'a>(value: Datum<'a>, target: &FieldType, context: &Context) -> Result<Datum<'a>, TypeError> {
    if value.is_null() {
        return Ok(Datum::Null);
    }
    let lax = context.lax();
    match target.tp {
        tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONGLONG => {
            if target.is_unsigned() {
                settle(integer::to_uint(&value, target.tp, context)?, lax).map(Datum::Uint)
            } else {
                settle(integer::to_int(&value, target.tp, context)?, lax).map(Datum::Int)
            }
        }
        tp::YEAR => settle(integer::to_year(&value, context)?, lax).map(Datum::Int),
        tp::FLOAT | tp::DOUBLE => {
            let converted = settle(float::to_float(&value, target, lax)?, lax)?;
            Ok(if target.tp == tp::FLOAT {
                Datum::Float32(converted as f32)
            } else {
                Datum::Float64(converted)
            })
        }
        tp::NEW_DECIMAL => settle(decimal::to_decimal(&value, target, lax)?, lax).map(Datum::Decimal),
        tp::DATE | tp::NEW_DATE | tp::DATETIME | tp::TIMESTAMP => {
            temporal::to_time(&value, target, context).map(Datum::Time)
        }
        tp::DURATION => Ok(settle(temporal::to_duration(&value, target, context)?, lax)?
            .map_or(Datum::Null, Datum::Duration)),
        tp::BIT => {
            let bits = settle(bit::to_bit(&value, target, context)?, lax)?;
            Ok(Datum::Bit(Cow::Owned(bytes_of_bits(bits, target.flen))))
        }
        tp::ENUM => Ok(Datum::Enum(Members::new(target).convert_to_enum(&value, context)?)),
        tp::SET => Ok(Datum::Set(Members::new(target).convert_to_set(&value, context)?)),
        tp::JSON => json::to_json(value).map(Datum::Json),
        tp::VECTOR => json::to_vector(value, target).map(Datum::Vector),
        tp::NULL => Ok(Datum::Null),
        _ if target.is_string() => StringTarget::new(target).fit_datum(value, lax).map(Datum::Bytes),
        other => Err(TypeError::new(0, format!("cannot convert a value to type code {other}"))),
    }
}

/// `constant 128 overflows tinyint`.
fn overflow(value: impl std::fmt::Display, type_code: u8) -> TypeError {
    let name = crate::field_type::type_name(type_code);
    TypeError::new(code::CONSTANT_OVERFLOW, format!("constant {value} overflows {name}"))
}

/// The error of a conversion that TiDB does not have; it has no number.
fn no_conversion(from: &Datum<'_>, to: u8) -> TypeError {
    let kind = match from {
        Datum::Null => "null",
        Datum::Int(_) => "bigint",
        Datum::Uint(_) => "unsigned bigint",
        Datum::Float32(_) => "float",
        Datum::Float64(_) => "double",
        Datum::Decimal(_) => "decimal",
        Datum::Bytes(_) => "char",
        Datum::Time(_) => "datetime",
        Datum::Duration(_) => "time",
        Datum::Enum(_) => "enum",
        Datum::Set(_) => "set",
        Datum::Bit(_) => "bit/hex literal",
        Datum::Json(_) => "json",
        Datum::Vector(_) => "vector",
    };
    let name = crate::field_type::type_name(to);
    TypeError::new(0, format!("cannot convert datum from {kind} to type {name}"))
}

#[cfg(test)]
mod tests;
