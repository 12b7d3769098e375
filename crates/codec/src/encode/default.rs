//! What a column gets when the row does not say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value as Json;
use th_expr::{Bound, Expr};
use th_schema::ColumnInfo;
use th_types::{Context, Datum, SqlMode, Time, TimeKind, TimeZone, TypeError, code, convert, flag, tp};

use super::expression::NoColumns;
use super::from_datum::{class_of, from_datum};
use crate::cell::{Class, Converted};

/// A value that is the same for every row of an encoder, converted once.
#[derive(Debug, Clone)]
pub(crate) struct Constant {
    /// As a datum, for expressions.
    pub(crate) datum: Datum<'static>,
    /// As a cell.
    pub(crate) converted: Converted,
    /// The cell's bytes.
    pub(crate) bytes: Vec<u8>,
}

impl Constant {
    /// SQL NULL.
    pub(crate) const NULL: Constant =
        Constant { datum: Datum::Null, converted: Converted::Null, bytes: Vec::new() };

    /// A datum that is already of the column's type.
    pub(crate) fn new(
        datum: Datum<'static>,
        column: &ColumnInfo,
        zone: &TimeZone,
    ) -> Result<Self, TypeError> {
        let class = class_of(&column.field_type).unwrap_or(Class::Bytes);
        let mut bytes = Vec::new();
        let converted = from_datum(&datum, class, &column.field_type, zone, &mut bytes)?;
        Ok(Self { datum, converted, bytes })
    }
}

/// Whether the SQL mode is strict.
pub(crate) fn is_strict(mode: SqlMode) -> bool {
    const STRICT_TRANS_TABLES: u64 = 1 << 21;
    const STRICT_ALL_TABLES: u64 = 1 << 22;
    mode.0 & (STRICT_TRANS_TABLES | STRICT_ALL_TABLES) != 0
}

/// What a row gets that leaves a column out.
#[derive(Debug, Clone)]
pub(crate) enum Default {
    /// The same as every other.
    Fixed(Constant),
    /// Its own: the expression is random.
    Random(Box<Bound>),
}

impl Default {
    /// NULL, for columns that have no default because they need none.
    pub(crate) const NULL: Default = Default::Fixed(Constant::NULL);

    /// The value of a column that a row leaves out.
    pub(crate) fn of(column: &ColumnInfo, context: &Context) -> Result<Self, TypeError> {
        if column.default_is_expr {
            let Json::String(text) = &column.default else {
                return Err(TypeError::new(0, "the default is no expression"));
            };
            let bound = bind_constant(text)?;
            if bound.is_random() {
                return Ok(Self::Random(Box::new(bound)));
            }
            let datum = convert(bound.eval(&[], context)?, &column.field_type, context)?;
            return Constant::new(datum, column, &context.zone).map(Self::Fixed);
        }
        default_of(column, &column.default, &column.default_bit, is_strict(context.mode), context)
            .map(Self::Fixed)
    }
}

/// The value that rows written before the column existed have.
pub(crate) fn origin_default(
    column: &ColumnInfo,
    strict: bool,
    context: &Context,
) -> Result<Constant, TypeError> {
    default_of(column, &column.origin_default, &column.origin_default_bit, strict, context)
}

fn default_of(
    column: &ColumnInfo,
    text: &Json,
    bits: &Json,
    strict: bool,
    context: &Context,
) -> Result<Constant, TypeError> {
    let field_type = &column.field_type;
    let value = match (field_type.tp, bits, text) {
        (tp::BIT, Json::String(bits), _) => match BASE64.decode(bits) {
            Ok(bytes) => Datum::Bytes(bytes.into()),
            Err(_) => return Err(TypeError::new(0, "the BIT default is not base64")),
        },
        (_, _, Json::Null) => return without_default(column, strict, context),
        (_, _, Json::String(text)) => Datum::Bytes(text.clone().into_bytes().into()),
        (_, _, Json::Bool(truth)) => Datum::Int(i64::from(*truth)),
        (_, _, Json::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => Datum::Int(int),
            (None, Some(double)) => Datum::Float64(double),
            (None, None) => return Err(TypeError::new(0, "the default is a number out of range")),
        },
        _ => return Err(TypeError::new(0, "the default is neither text nor number")),
    };
    let datum = match field_type.tp {
        tp::DATE | tp::DATETIME | tp::TIMESTAMP => time_default(column, value, context)?,
        _ => convert(value, field_type, context)?,
    };
    Constant::new(datum.into_owned(), column, &context.zone)
}

/// NULL, the first member of an ENUM, zero or an error (1364), as TiDB's `getColDefaultValueFromNil`.
fn without_default(column: &ColumnInfo, strict: bool, context: &Context) -> Result<Constant, TypeError> {
    let field_type = &column.field_type;
    if !field_type.has(flag::NOT_NULL) {
        return Ok(Constant::NULL);
    }
    if field_type.tp == tp::ENUM {
        return Constant::new(Datum::Enum(1), column, &context.zone);
    }
    if strict && !field_type.has(flag::AUTO_INCREMENT) {
        let message = format!("field `{}` has no default value", column.name.original);
        return Err(TypeError::new(code::NO_DEFAULT, message));
    }
    zero(column, context)
}

/// What a NOT NULL column gets for NULL when the SQL mode is not strict.
pub(crate) fn zero(column: &ColumnInfo, context: &Context) -> Result<Constant, TypeError> {
    let field_type = &column.field_type;
    let datum = match field_type.tp {
        tp::YEAR => Datum::Int(0),
        _ if field_type.is_integer() && field_type.is_unsigned() => Datum::Uint(0),
        _ if field_type.is_integer() => Datum::Int(0),
        tp::FLOAT => Datum::Float32(0.0),
        tp::DOUBLE => Datum::Float64(0.0),
        tp::NEW_DECIMAL => Datum::Decimal(th_types::Decimal::ZERO),
        tp::STRING if field_type.is_binary_string() => {
            Datum::Bytes(vec![0; usize::try_from(field_type.flen).unwrap_or(0)].into())
        }
        _ if field_type.is_string() => Datum::Bytes(Vec::new().into()),
        tp::DURATION => Datum::Duration(th_types::Duration { nanos: 0, fsp: 0 }),
        tp::DATE => Datum::Time(Time::zero(TimeKind::Date, 0)),
        tp::DATETIME => Datum::Time(Time::zero(TimeKind::Datetime, 0)),
        tp::TIMESTAMP => Datum::Time(Time::zero(TimeKind::Timestamp, 0)),
        tp::BIT => Datum::Bit(vec![0].into()),
        tp::SET => Datum::Set(0),
        tp::ENUM => Datum::Enum(0),
        // The JSON literal `null`.
        tp::JSON => Datum::Json(th_types::Json { type_code: JSON_LITERAL, body: vec![0].into() }),
        _ => Datum::Null,
    };
    Constant::new(datum, column, &context.zone)
}

const JSON_LITERAL: u8 = 4;

/// Times: `CURRENT_TIMESTAMP` and `CURRENT_DATE` are the context's now; a TIMESTAMP's text is in UTC since columns have
/// version 1, in the server's zone before (taken for the session's, which is what the two usually share).
fn time_default(
    column: &ColumnInfo,
    value: Datum<'static>,
    context: &Context,
) -> Result<Datum<'static>, TypeError> {
    let field_type = &column.field_type;
    let kind = match field_type.tp {
        tp::DATE => TimeKind::Date,
        tp::DATETIME => TimeKind::Datetime,
        _ => TimeKind::Timestamp,
    };
    let fsp = u8::try_from(field_type.decimal).unwrap_or(0).min(6);
    let Datum::Bytes(text) = &value else { return convert(value, field_type, context) };
    let is_now = text.eq_ignore_ascii_case(b"CURRENT_TIMESTAMP");
    let in_utc = kind == TimeKind::Timestamp && column.version > 0 && !is_now;
    let zone = if in_utc { &TimeZone::UTC } else { &context.zone };
    let time = if is_now || text.eq_ignore_ascii_case(b"CURRENT_DATE") {
        let unit = 10i64.pow(6 - u32::from(fsp));
        let micros = context.now_micros.div_euclid(unit) * unit;
        let now = Time::from_unix_micros(micros, &context.zone, kind, fsp).with_kind(kind);
        let midnight = Time { hour: 0, minute: 0, second: 0, micros: 0, ..now };
        if is_now { now } else { midnight }
    } else if text.starts_with(b"0000-00-00") {
        return Ok(Datum::Time(Time::zero(kind, fsp)));
    } else {
        let context = Context { zone: zone.clone(), ..context.clone() };
        Time::parse(text, kind, fsp, context.time()).map_err(|_| {
            let message = format!("field `{}` get default value fail", column.name.original);
            TypeError::new(DEFAULT_FAILED, message)
        })?
    };
    // TiDB takes even the midnight of CURRENT_DATE for one in UTC.
    Ok(Datum::Time(if in_utc { time.convert_zone(zone, &context.zone)? } else { time }))
}

/// TiDB's `ErrFieldGetDefaultFailed`.
const DEFAULT_FAILED: u16 = 8038;

/// Evaluates an expression that names no column; `NOW()` and its kind answer the context's moment.
pub(crate) fn evaluate_constant(text: &str, context: &Context) -> Result<Datum<'static>, TypeError> {
    bind_constant(text)?.eval(&[], context)
}

fn bind_constant(text: &str) -> Result<Bound, TypeError> {
    Expr::parse(text)
        .and_then(|expression| expression.bind_default(&NoColumns))
        .map_err(|error| TypeError::new(0, error.to_string()))
}
