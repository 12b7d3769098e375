//! One column's bytes, from a row value or from a key, to a datum.

use th_types::{Context, Datum, Decimal, Duration, FieldType, Json, Time, TimeKind, TimeZone, tp};

use crate::cell::Class;
use crate::encode::class_of;
use crate::keys::{KeyError, datum_len, decode_bytes, flag, float_from_comparable, int_from_bytes};
use crate::row::{read_int, read_uint};

/// Reads a column as a row value stores it; `None` if the bytes are not of its type. A TIMESTAMP stands in
/// the context's zone.
pub fn decode_column(bytes: &[u8], field_type: &FieldType, context: &Context) -> Option<Datum<'static>> {
    match class_of(field_type)? {
        Class::Int | Class::Duration => Some(from_int(read_int(bytes)?, field_type)),
        Class::Uint => from_uint(read_uint(bytes)?, field_type, context),
        Class::Float => Some(from_comparable(u64::from_be_bytes(bytes.try_into().ok()?), field_type)),
        Class::Decimal => from_decimal(bytes),
        Class::Bytes => Some(Datum::Bytes(bytes.to_vec().into())),
        Class::Json => {
            let (&type_code, body) = bytes.split_first()?;
            Some(Datum::Json(Json { type_code, body: body.to_vec().into() }))
        }
        Class::Vector => Some(Datum::Vector(bytes.to_vec().into())),
    }
}

/// Reads one value of a key, flag included; a string comes back as its sort key.
pub(crate) fn from_key(encoded: &[u8], field_type: &FieldType, context: &Context) -> Option<Datum<'static>> {
    let (&kind, bytes) = encoded.split_first()?;
    let word = || bytes.try_into().ok();
    match kind {
        flag::NIL => Some(Datum::Null),
        flag::INT | flag::DURATION => Some(from_int(int_from_bytes(word()?), field_type)),
        flag::UINT => from_uint(u64::from_be_bytes(word()?), field_type, context),
        flag::FLOAT => Some(from_comparable(u64::from_be_bytes(word()?), field_type)),
        flag::DECIMAL => from_decimal(bytes),
        flag::BYTES => {
            let mut text = Vec::with_capacity(bytes.len());
            decode_bytes(bytes, &mut text).ok()?;
            Some(Datum::Bytes(text.into()))
        }
        _ => None,
    }
}

/// The values of a key, one after the other, each with its flag: as many as `types` says by their types,
/// further ones as what their flags say. Strings are sort keys. Zeros that fill a handle up are no values.
pub fn decode_key_values(
    encoded: &[u8],
    types: &[&FieldType],
    context: &Context,
) -> Result<Vec<Datum<'static>>, KeyError> {
    let mut datums = Vec::new();
    let mut rest = encoded;
    let is_padding = |rest: &[u8]| rest.iter().all(|&byte| byte == 0);
    while !rest.is_empty() && (datums.len() < types.len().max(1) || !is_padding(rest)) {
        let (value, after) = rest.split_at_checked(datum_len(rest)?).unwrap_or((rest, &[]));
        rest = after;
        let by_flag = match value.first() {
            Some(&flag::UINT) => FieldType { flag: th_types::flag::UNSIGNED, ..FieldType::new(tp::LONGLONG) },
            Some(&flag::FLOAT) => FieldType::new(tp::DOUBLE),
            Some(&flag::DURATION) => FieldType::new(tp::DURATION),
            _ => FieldType::new(tp::LONGLONG),
        };
        let field_type = types.get(datums.len()).copied().unwrap_or(&by_flag);
        datums.push(from_key(value, field_type, context).ok_or(KeyError::NotTableKey)?);
    }
    Ok(datums)
}

/// A handle column of `pk_is_handle`.
pub(crate) fn from_int_handle(handle: i64, field_type: &FieldType) -> Datum<'static> {
    if field_type.is_unsigned() { Datum::Uint(handle as u64) } else { Datum::Int(handle) }
}

fn from_int(number: i64, field_type: &FieldType) -> Datum<'static> {
    match field_type.tp {
        tp::DURATION => Datum::Duration(Duration { nanos: number, fsp: fsp(field_type) }),
        _ => Datum::Int(number),
    }
}

fn from_uint(number: u64, field_type: &FieldType, context: &Context) -> Option<Datum<'static>> {
    let time = |kind| Time::from_packed(number, kind, fsp(field_type));
    Some(match field_type.tp {
        tp::ENUM => Datum::Enum(number),
        tp::SET => Datum::Set(number),
        tp::BIT => {
            let bits = usize::try_from(field_type.flen).unwrap_or(64).clamp(1, 64);
            Datum::Bit(number.to_be_bytes()[8 - bits.div_ceil(8)..].to_vec().into())
        }
        tp::DATE | tp::NEW_DATE => Datum::Time(time(TimeKind::Date)),
        tp::DATETIME => Datum::Time(time(TimeKind::Datetime)),
        tp::TIMESTAMP => {
            let utc = time(TimeKind::Timestamp);
            if utc.is_zero() {
                return Some(Datum::Time(utc));
            }
            Datum::Time(utc.convert_zone(&TimeZone::Fixed(0), &context.zone).ok()?)
        }
        _ => Datum::Uint(number),
    })
}

fn from_comparable(comparable: u64, field_type: &FieldType) -> Datum<'static> {
    let number = float_from_comparable(comparable);
    if field_type.tp == tp::FLOAT { Datum::Float32(number as f32) } else { Datum::Float64(number) }
}

fn from_decimal(bytes: &[u8]) -> Option<Datum<'static>> {
    let &[precision, frac, ref binary @ ..] = bytes else { return None };
    Some(Datum::Decimal(Decimal::from_bin(binary, precision, frac).ok()?.0))
}

fn fsp(field_type: &FieldType) -> u8 {
    u8::try_from(field_type.decimal).unwrap_or(0).min(6)
}
