//! JSON to other types, and other types to JSON and VECTOR.

use std::borrow::Cow;

use super::{Outcome, integer, no_conversion};
use crate::decimal::Issue;
use crate::error::{TypeError, code};
use crate::json::{self, JsonValue};
use crate::number::{out_of_range, text_to_f64, text_to_i64, text_to_u64, truncated_wrong_value};
use crate::{Datum, Decimal, FieldType, Json, tp, vector};

/// The error of a JSON value that is not like a number.
fn not_a_number(kind: &str, value: &Json<'_>) -> TypeError {
    truncated_wrong_value(kind, value.to_text().unwrap_or_default().as_bytes())
}

/// To an integer of this type code, an unsigned one as its bits.
pub(super) fn json_to_int(value: &Json<'_>, type_code: u8, unsigned: bool, lax: bool) -> Outcome<i64> {
    let bits = |(value, error): Outcome<u64>| (value as i64, error);
    match value.view().value() {
        Some(JsonValue::Bool(value)) => (i64::from(value), None),
        Some(JsonValue::Int(value)) if unsigned => bits(integer::int_to_uint(value, type_code)),
        Some(JsonValue::Int(value)) => integer::int_to_int(value, type_code),
        Some(JsonValue::Uint(value)) if unsigned => bits(integer::uint_to_uint(value, type_code)),
        Some(JsonValue::Uint(value)) => integer::uint_to_int(value, type_code),
        Some(JsonValue::Float(value)) if unsigned => bits(integer::float_to_uint(value, type_code)),
        Some(JsonValue::Float(value)) => integer::float_to_int(value, type_code),
        Some(JsonValue::Text(text)) if text.len() > 1 && text[0] == b'-' => text_to_i64(text, false, lax),
        Some(JsonValue::Text(text)) => bits(text_to_u64(text, false, lax)),
        _ => (0, (!lax).then(|| not_a_number("INTEGER", value))),
    }
}

pub(super) fn json_to_float(value: &Json<'_>, lax: bool) -> Outcome<f64> {
    match value.view().value() {
        Some(JsonValue::Bool(value)) => (f64::from(u8::from(value)), None),
        Some(JsonValue::Int(value)) => (value as f64, None),
        Some(JsonValue::Uint(value)) => (value as f64, None),
        Some(JsonValue::Float(value)) => (value, None),
        Some(JsonValue::Text(text)) => text_to_f64(text, false, lax),
        _ => (0.0, (!lax).then(|| not_a_number("FLOAT", value))),
    }
}

pub(super) fn json_to_decimal(value: &Json<'_>) -> Outcome<Decimal> {
    let with_issue = |(decimal, issue): (Decimal, Option<Issue>)| {
        let error = issue.map(|issue| match issue {
            Issue::Overflow => out_of_range("DECIMAL", value.to_text().unwrap_or_default().as_bytes()),
            Issue::BadNumber => TypeError::new(code::BAD_NUMBER, "Bad Number"),
            Issue::Truncated | Issue::NotANumber | Issue::DivisionByZero => not_a_number("DECIMAL", value),
        });
        (decimal, error)
    };
    match value.view().value() {
        Some(JsonValue::Bool(value)) => (Decimal::from(u64::from(value)), None),
        Some(JsonValue::Int(value)) => (Decimal::from(value), None),
        Some(JsonValue::Uint(value)) => (Decimal::from(value), None),
        Some(JsonValue::Float(value)) => with_issue(Decimal::from_f64(value)),
        Some(JsonValue::Text(text)) => with_issue(Decimal::parse(text)),
        _ => (Decimal::ZERO, Some(not_a_number("DECIMAL", value))),
    }
}

/// Any datum to JSON: text is parsed, numbers and times keep their type.
pub(super) fn to_json(value: Datum<'_>) -> Result<Json<'_>, TypeError> {
    match value {
        Datum::Json(value) => Ok(value),
        Datum::Bytes(text) => json::parse(&text),
        Datum::Int(value) => Ok(json::from_i64(value)),
        Datum::Uint(value) => Ok(json::from_u64(value)),
        Datum::Float32(value) => Ok(json::from_f64(f64::from(value))),
        Datum::Float64(value) => Ok(json::from_f64(value)),
        Datum::Decimal(value) => Ok(json::from_f64(value.to_f64())),
        Datum::Time(value) => Ok(json::from_time(&value)),
        Datum::Duration(value) => Ok(json::from_duration(&value)),
        Datum::Bit(_) => Err(json::binary_charset_error()),
        Datum::Null | Datum::Enum(_) | Datum::Set(_) | Datum::Vector(_) => {
            Err(no_conversion(&value, tp::JSON))
        }
    }
}

/// Any datum to VECTOR.
pub(super) fn to_vector<'a>(value: Datum<'a>, target: &FieldType) -> Result<Cow<'a, [u8]>, TypeError> {
    match value {
        Datum::Vector(binary) => {
            let count = vector::elements(&binary).map_or(0, Iterator::count);
            vector::check_dimensions(count, target.flen).map(|()| binary)
        }
        Datum::Bytes(text) => {
            let mut binary = Vec::new();
            let count = vector::parse_into(&text, &mut binary)?;
            vector::check_dimensions(count, target.flen).map(|()| Cow::Owned(binary))
        }
        _ => Err(no_conversion(&value, tp::VECTOR)),
    }
}
