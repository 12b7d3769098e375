//! DECIMAL.

use super::{Outcome, json, no_conversion, settle};
use crate::decimal::{Issue, RoundMode};
use crate::error::{TypeError, code};
use crate::number::{out_of_range, truncated_wrong_value};
use crate::{Datum, Decimal, FieldType};

/// Text to a DECIMAL column: rounded half up to its scale, within its precision.
#[inline]
pub fn text_to_decimal(text: &[u8], target: &FieldType, lax: bool) -> Result<Decimal, TypeError> {
    let (value, issue) = Decimal::parse(text);
    if issue.is_none() && fits(&value, target) {
        return Ok(value);
    }
    settle(fitted(value, issue, text, target), lax)
}

/// Whether the digits, counted with leading zeros, are what the column has.
#[inline]
fn fits(value: &Decimal, target: &FieldType) -> bool {
    i64::from(value.digits_frac()) == target.decimal
        && i64::from(value.digits_int()) <= target.flen - target.decimal
        && !(value.is_negative() && target.is_unsigned())
}

fn text_outcome(text: &[u8], target: &FieldType) -> Outcome<Decimal> {
    let (value, issue) = Decimal::parse(text);
    fitted(value, issue, text, target)
}

fn fitted(value: Decimal, issue: Option<Issue>, text: &[u8], target: &FieldType) -> Outcome<Decimal> {
    let (value, range_error) = decimal_to_column(value, target);
    match issue {
        None => (value, range_error),
        Some(issue) => (value, Some(issue_error(issue, text, target))),
    }
}

/// What TiDB reports for an issue of reading `text`.
fn issue_error(issue: Issue, text: &[u8], target: &FieldType) -> TypeError {
    match issue {
        Issue::Truncated => truncated_wrong_value(&target.compact_name(), text),
        Issue::Overflow | Issue::DivisionByZero => out_of_range("DECIMAL", text),
        Issue::BadNumber => TypeError::new(code::BAD_NUMBER, "Bad Number"),
        Issue::NotANumber => {
            let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            // Blanks alone are shown, blanks before something else are not; nor is a sign.
            let shown = if blanks == text.len() { text } else { &text[blanks..] };
            let shown = shown.strip_prefix(b"-").or(shown.strip_prefix(b"+")).unwrap_or(shown);
            truncated_wrong_value("DECIMAL", shown)
        }
    }
}

/// Rounds a decimal half up to a column's scale and brings it into the column's range.
#[inline]
pub fn decimal_to_column(value: Decimal, target: &FieldType) -> Outcome<Decimal> {
    let mut value = value;
    let mut error = None;
    if target.flen >= 0 && target.decimal >= 0 {
        if i64::from(value.digits_frac()) != target.decimal {
            value = value.round(target.decimal as i32, RoundMode::HalfUp).0;
        }
        if target.flen - target.decimal < value.significant_int_digits() as i64 {
            value = Decimal::extreme(value.is_negative(), target.flen as u8, target.decimal as u8);
            error = Some(column_overflow(target));
        }
    }
    if value.is_negative() && target.is_unsigned() {
        value = Decimal::ZERO;
        error = error.or_else(|| Some(column_overflow(target)));
    }
    (value, error)
}

#[cold]
fn column_overflow(target: &FieldType) -> TypeError {
    out_of_range("DECIMAL", format!("({}, {})", target.flen, target.decimal).as_bytes())
}

/// Any datum to DECIMAL; `Err` if there is no such conversion.
pub(super) fn to_decimal(
    value: &Datum<'_>,
    target: &FieldType,
    lax: bool,
) -> Result<Outcome<Decimal>, TypeError> {
    let from_float = |value: f64| {
        let (decimal, issue) = Decimal::from_f64(value);
        let shown = crate::number::GoFloat::general(value);
        (decimal, issue.map(|issue| issue_error(issue, shown.as_bytes(), target)))
    };
    let (decimal, error) = match value {
        Datum::Int(value) => (Decimal::from(*value), None),
        Datum::Uint(value) | Datum::Enum(value) | Datum::Set(value) => (Decimal::from(*value), None),
        Datum::Float32(value) => from_float(f64::from(*value)),
        Datum::Float64(value) => from_float(*value),
        Datum::Bytes(text) => return Ok(text_outcome(text, target)),
        Datum::Decimal(value) => (*value, None),
        Datum::Time(value) => (Decimal::parse(value.to_number_text().as_bytes()).0, None),
        Datum::Duration(value) => (Decimal::parse(value.to_number_text().as_bytes()).0, None),
        Datum::Bit(bytes) => {
            let (value, error) = super::bit_literal_to_uint(bytes);
            (Decimal::from(value), error)
        }
        Datum::Json(value) => (settle(json::json_to_decimal(value), lax)?, None),
        Datum::Null | Datum::Vector(_) => return Err(no_conversion(value, target.tp)),
    };
    let (decimal, range_error) = decimal_to_column(decimal, target);
    Ok((decimal, error.or(range_error)))
}
