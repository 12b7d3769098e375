//! Defaults: a literal of the definition to what `TableInfo` stores.
//!
//! TiDB stores text for every type (bytes too for BIT), brought into the type's canonical form where
//! it has one; TIMESTAMP defaults are stored in UTC.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use th_collation::Collation;
use th_expr::Expr;
use th_types::{Duration, FieldType, Time, TimeKind, TimeZone, flag, tp};

use super::Blame;
use crate::ddl::options::DdlOptions;
use crate::ddl::syntax::DefaultValue;
use crate::{ColumnInfo, SchemaError};

/// A default as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ColumnDefault {
    /// A default that TiDB ignores: the column is as if none had been written.
    Ignored,
    Null,
    Bytes(Vec<u8>),
    Expression(String),
}

impl ColumnDefault {
    /// Writes the default into the column.
    pub(crate) fn store(self, info: &mut ColumnInfo) {
        info.default_is_expr = matches!(self, Self::Expression(_));
        info.default_bit = Value::Null;
        info.default = match self {
            Self::Ignored | Self::Null => Value::Null,
            Self::Expression(text) => Value::from(text),
            Self::Bytes(bytes) => {
                if info.field_type.tp == tp::BIT {
                    info.default_bit = Value::from(STANDARD.encode(&bytes));
                }
                Value::from(json_text(&bytes))
            }
        };
    }
}

/// Text as Go's JSON writes it: each byte that is not UTF-8 becomes U+FFFD.
fn json_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{FFFD}'));
    }
    text
}

/// The stored form of a default for a column whose type is complete.
pub(crate) fn default_from_literal(
    info: &ColumnInfo,
    value: &DefaultValue,
    options: &DdlOptions,
    blame: Blame<'_>,
) -> Result<ColumnDefault, SchemaError> {
    let field_type = &info.field_type;
    let invalid = || blame.invalid(format!("column `{}` has an invalid default value", info.name.original));
    let bytes = match value {
        DefaultValue::Null => return Ok(ColumnDefault::Null),
        DefaultValue::Now { fsp } => {
            let fits = match field_type.tp {
                tp::TIMESTAMP | tp::DATETIME => *fsp as i64 == field_type.decimal,
                tp::DATE => true,
                _ => false,
            };
            return if fits {
                Ok(ColumnDefault::Bytes(b"CURRENT_TIMESTAMP".to_vec()))
            } else {
                Err(invalid())
            };
        }
        DefaultValue::CurrentDate => {
            let fits = matches!(field_type.tp, tp::DATE | tp::DATETIME | tp::TIMESTAMP);
            return if fits { Ok(ColumnDefault::Bytes(b"CURRENT_DATE".to_vec())) } else { Err(invalid()) };
        }
        DefaultValue::Expression(text) => {
            let expression = Expr::parse(text).map_err(|error| {
                blame.invalid(format!("default of column `{}`: {error}", info.name.original))
            })?;
            return Ok(ColumnDefault::Expression(expression.to_tidb_text()));
        }
        DefaultValue::Text(text) => text_default(field_type, text, options).ok_or_else(invalid)?,
        DefaultValue::Number(number) => number_default(field_type, number, options).ok_or_else(invalid)?,
        DefaultValue::Binary(bytes) => binary_default(field_type, bytes, options).ok_or_else(invalid)?,
    };
    let is_long = matches!(
        field_type.tp,
        tp::JSON | tp::VECTOR | tp::TINY_BLOB | tp::BLOB | tp::MEDIUM_BLOB | tp::LONG_BLOB
    );
    if is_long {
        if options.is_strict() || !bytes.is_empty() || field_type.tp == tp::VECTOR {
            return Err(
                blame.invalid(format!("column `{}` cannot have a literal default", info.name.original))
            );
        }
        return Ok(match field_type.tp {
            tp::BLOB | tp::LONG_BLOB => ColumnDefault::Ignored,
            tp::JSON => ColumnDefault::Bytes(b"null".to_vec()),
            _ => ColumnDefault::Bytes(bytes),
        });
    }
    Ok(ColumnDefault::Bytes(padded(field_type, bytes)))
}

/// BINARY(n) defaults are filled up with zero bytes.
fn padded(field_type: &FieldType, mut bytes: Vec<u8>) -> Vec<u8> {
    if field_type.tp == tp::STRING && field_type.is_binary_string() {
        let len = usize::try_from(field_type.flen).unwrap_or(0).min(255);
        if bytes.len() < len {
            bytes.resize(len, 0);
        }
    }
    bytes
}

fn text_default(field_type: &FieldType, text: &[u8], options: &DdlOptions) -> Option<Vec<u8>> {
    match field_type.tp {
        tp::TIMESTAMP | tp::DATETIME | tp::DATE => time_default(field_type, text, options),
        tp::DURATION => duration_default(field_type, text, options),
        tp::ENUM => {
            let text = text.trim_ascii_end();
            field_type.elems.get(member(field_type, text)?).map(|member| member.clone().into_bytes())
        }
        tp::SET => set_default(field_type, text),
        tp::BIT => {
            let value = bit_value(text)?;
            (field_type.flen >= 64 || value >> field_type.flen == 0).then(|| text.to_vec())
        }
        _ if field_type.is_integer() || matches!(field_type.tp, tp::FLOAT | tp::DOUBLE) => {
            Some(canonical_number(field_type, std::str::from_utf8(text).ok()?.trim()))
        }
        _ => Some(text.to_vec()),
    }
}

fn number_default(field_type: &FieldType, number: &str, options: &DdlOptions) -> Option<Vec<u8>> {
    match field_type.tp {
        tp::ENUM => {
            let at = number.parse::<usize>().ok()?.checked_sub(1)?;
            field_type.elems.get(at).map(|member| member.clone().into_bytes())
        }
        tp::SET => {
            let mask = number.parse::<u64>().ok()?;
            let all = if field_type.elems.len() >= 64 { u64::MAX } else { (1 << field_type.elems.len()) - 1 };
            (mask > 0 && mask <= all).then(|| set_text(field_type, mask))
        }
        tp::BIT => {
            let value = number.parse::<u64>().ok()?;
            let fits = field_type.flen >= 64 || value >> field_type.flen == 0;
            let bytes = value.to_be_bytes();
            let skip = bytes.iter().take(7).take_while(|byte| **byte == 0).count();
            fits.then(|| bytes.get(skip..).unwrap_or_default().to_vec())
        }
        tp::DURATION => duration_default(field_type, number.as_bytes(), options),
        tp::TIMESTAMP | tp::DATETIME | tp::DATE => {
            let (kind, fsp) = time_kind(field_type);
            let context = options.context();
            let time = match number.parse() {
                Ok(number) => Time::from_number(number, kind, fsp, context.time()),
                Err(_) => Time::parse_number_text(number.as_bytes(), kind, fsp, context.time()),
            };
            stored_time(time.ok()?, options)
        }
        _ if field_type.is_integer() || matches!(field_type.tp, tp::FLOAT | tp::DOUBLE) => {
            Some(canonical_number(field_type, number))
        }
        // A decimal literal in its own text; `.5` is written `0.5`.
        _ => {
            let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
            let zero = if digits.starts_with('.') { "0" } else { "" };
            Some(format!("{sign}{zero}{digits}").into_bytes())
        }
    }
}

fn binary_default(field_type: &FieldType, bytes: &[u8], options: &DdlOptions) -> Option<Vec<u8>> {
    match field_type.tp {
        tp::BIT => {
            let value = bit_value(bytes)?;
            (field_type.flen >= 64 || value >> field_type.flen == 0).then(|| bytes.to_vec())
        }
        tp::ENUM | tp::SET | tp::TIMESTAMP | tp::DATETIME | tp::DATE | tp::DURATION => {
            text_default(field_type, bytes, options)
        }
        _ if field_type.is_string() || field_type.tp == tp::JSON => {
            let mut text = Vec::new();
            match th_collation::Charset::by_name(&field_type.charset) {
                Some(charset) => charset.decode_to_utf8(bytes, "?", &mut text),
                None => return Some(bytes.to_vec()),
            };
            Some(text)
        }
        _ => bit_value(bytes).map(|value| value.to_string().into_bytes()),
    }
}

/// Bytes as a number, most significant first.
fn bit_value(bytes: &[u8]) -> Option<u64> {
    let significant =
        bytes.iter().position(|byte| *byte != 0).and_then(|at| bytes.get(at..)).unwrap_or_default();
    (significant.len() <= 8).then(|| significant.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

fn time_kind(field_type: &FieldType) -> (TimeKind, u8) {
    let kind = match field_type.tp {
        tp::TIMESTAMP => TimeKind::Timestamp,
        tp::DATETIME => TimeKind::Datetime,
        _ => TimeKind::Date,
    };
    (kind, u8::try_from(field_type.decimal).unwrap_or(0))
}

fn time_default(field_type: &FieldType, text: &[u8], options: &DdlOptions) -> Option<Vec<u8>> {
    let (kind, fsp) = time_kind(field_type);
    let context = options.context();
    stored_time(Time::parse(text, kind, fsp, context.time()).ok()?, options)
}

/// A time's stored text; a TIMESTAMP's is in UTC.
fn stored_time(time: Time, options: &DdlOptions) -> Option<Vec<u8>> {
    let time = if time.kind == TimeKind::Timestamp && !time.is_zero() {
        time.convert_zone(&options.time_zone, &TimeZone::Fixed(0)).ok()?
    } else {
        time
    };
    Some(time.to_text().into_bytes())
}

fn duration_default(field_type: &FieldType, text: &[u8], options: &DdlOptions) -> Option<Vec<u8>> {
    let fsp = u8::try_from(field_type.decimal).unwrap_or(0);
    let context = options.context();
    Duration::parse(text, fsp, context.time()).ok().map(|duration| duration.to_text().into_bytes())
}

/// The position of an ENUM's or SET's member, compared under the column's collation.
fn member(field_type: &FieldType, text: &[u8]) -> Option<usize> {
    let collation = Collation::by_name(&field_type.collate)?;
    field_type.elems.iter().position(|member| collation.compare(member.as_bytes(), text).is_eq())
}

fn set_default(field_type: &FieldType, text: &[u8]) -> Option<Vec<u8>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let mut mask = 0_u64;
    for part in text.split(|byte| *byte == b',') {
        mask |= 1 << member(field_type, part)?.min(63);
    }
    Some(set_text(field_type, mask))
}

fn set_text(field_type: &FieldType, mask: u64) -> Vec<u8> {
    let chosen = field_type.elems.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 1);
    chosen.map(|(_, member)| member.as_str()).collect::<Vec<_>>().join(",").into_bytes()
}

/// A number in the form that its type prints; text that is no number stays as it is, and rows that
/// need it fail.
fn canonical_number(field_type: &FieldType, text: &str) -> Vec<u8> {
    let canonical = if field_type.is_integer() {
        canonical_integer(text, field_type.has(flag::UNSIGNED))
    } else {
        canonical_float(field_type, text)
    };
    canonical.unwrap_or_else(|| text.to_owned()).into_bytes()
}

fn canonical_integer(text: &str, unsigned: bool) -> Option<String> {
    if let Ok(value) = text.parse::<i128>() {
        return (!unsigned || value >= 0).then(|| value.to_string());
    }
    // Halves are rounded away from zero.
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite() && value.abs() < 9e15)?.round();
    (!unsigned || value >= 0.0).then(|| (value as i64).to_string())
}

fn canonical_float(field_type: &FieldType, text: &str) -> Option<String> {
    let mut value = text.parse::<f64>().ok().filter(|value| value.is_finite())?;
    if (0..=30).contains(&field_type.decimal) {
        let scale = 10_f64.powi(field_type.decimal as i32);
        let scaled = (value * scale).round() / scale;
        if scaled.is_finite() {
            value = scaled;
        }
    }
    Some(if field_type.tp == tp::FLOAT { (value as f32).to_string() } else { value.to_string() })
}
