//! CAST and CONVERT, and a branch's value in its whole's type.

use std::borrow::Cow;

use th_collation::Charset;
use th_types::{
    Datum, Decimal, Duration, FieldType, TimeKind, TypeError, code,
    decimal::{Issue, RoundMode},
    json::type_code,
    tp,
};

use super::coerce::{now, text_to_time, to_text, truncated};
use super::{Frame, Value, or_null};
use crate::bind::{Call, Class, Term};

/// `CAST(x AS type)`.
pub(crate) fn cast<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    if call.ty.array {
        let Some(elements) = array_elements(call, frame)? else { return Ok(Datum::Null) };
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            values.extend(super::json::from_datum(element, call.arg(0), false)?);
        }
        let views: Vec<_> = values.iter().map(th_types::Json::view).collect();
        return th_types::json::array(&views).map(Datum::Json);
    }
    let term = call.arg(0);
    if call.class == Class::Json {
        return Ok(super::json::from_datum(term.eval(frame)?, term, true)?.map_or(Datum::Null, Datum::Json));
    }
    convert(term, &call.ty, frame)
}

/// A branch of IF, CASE and the like in the common type.
pub(crate) fn to_class<'v>(term: &'v Term, ty: &FieldType, frame: &Frame<'v>) -> Value<'v> {
    let own = term.ty();
    let same = own.tp == ty.tp && own.is_unsigned() == ty.is_unsigned() && own.decimal <= ty.decimal;
    match Class::of(ty) {
        Class::Text if term.class() == Class::Text => Ok(term.text(frame)?.map_or(Datum::Null, Datum::Bytes)),
        Class::Json => Ok(term.json_value(frame)?.map_or(Datum::Null, Datum::Json)),
        _ if same || ty.tp == tp::NULL => term.eval(frame),
        _ => {
            // A merged type's length is for display and never cuts.
            let loose = FieldType { flen: -1, ..ty.clone() };
            convert(term, &loose, frame)
        }
    }
}

fn convert<'v>(term: &'v Term, ty: &FieldType, frame: &Frame<'v>) -> Value<'v> {
    match ty.tp {
        tp::LONGLONG | tp::TINY | tp::SHORT | tp::INT24 | tp::LONG => {
            to_integer(term, ty.is_unsigned(), frame)
        }
        tp::YEAR => to_year(term, frame),
        tp::DOUBLE => Ok(Datum::Float64(or_null!(term.real(frame)))),
        tp::FLOAT => Ok(Datum::Float32(or_null!(term.real(frame)) as f32)),
        tp::NEW_DECIMAL => to_decimal(or_null!(term.decimal(frame)), ty, frame),
        tp::DATE | tp::DATETIME | tp::TIMESTAMP => {
            let kind = if ty.tp == tp::DATE { TimeKind::Date } else { TimeKind::Datetime };
            let value = term.eval(frame)?;
            let time = match &value {
                // Half a second before midnight is the next day, of a DATE too.
                Datum::Bytes(text) => text_to_time(text, kind, ty.decimal.clamp(0, 6) as u8, frame),
                _ => super::coerce::to_time(value, term.ty(), frame),
            };
            let time = or_null!(time);
            let rounded = if kind == TimeKind::Date {
                time
            } else {
                time.with_kind(kind).round_to(ty.decimal.clamp(0, 6) as u8, frame.context.time())?
            };
            Ok(Datum::Time(rounded.with_kind(kind)))
        }
        tp::DURATION => {
            let span: Duration = or_null!(term.duration(frame));
            Ok(Datum::Duration(span.round_to(ty.decimal.clamp(0, 6) as u8)))
        }
        tp::VECTOR => match term.eval(frame)? {
            value @ (Datum::Null | Datum::Vector(_)) => Ok(value),
            other => {
                let mut out = Vec::new();
                th_types::vector::parse_into(&to_text(other, term.ty()).unwrap_or_default(), &mut out)?;
                Ok(Datum::Vector(out.into()))
            }
        },
        _ => to_string(or_null!(term.text(frame)), term, ty, frame),
    }
}

/// A negative number cast to UNSIGNED keeps its bits, as does a text beyond SIGNED; a number beyond the range is
/// the nearest one.
fn to_integer<'v>(term: &'v Term, unsigned: bool, frame: &Frame<'v>) -> Value<'v> {
    let value = term.eval(frame)?;
    if let (Datum::Decimal(decimal), true) = (&value, unsigned)
        && decimal.is_negative()
    {
        frame.warn(truncated("DECIMAL", &to_text(value.clone(), term.ty()).unwrap_or_default()))?;
        return Ok(Datum::Uint(0));
    }
    let has_fraction = matches!(value, Datum::Float32(_) | Datum::Float64(_) | Datum::Decimal(_));
    let number = or_null!(super::coerce::to_int(value, frame));
    let beyond = if unsigned { number < 0 } else { number > i128::from(i64::MAX) };
    if has_fraction && beyond {
        let message = format!("constant {number} overflows bigint");
        frame.warn(TypeError::new(code::CONSTANT_OVERFLOW, message))?;
        if !unsigned {
            return Ok(Datum::Int(i64::MAX));
        }
    }
    Ok(if unsigned { Datum::Uint(number as u64) } else { Datum::Int(number as i64) })
}

fn to_year<'v>(term: &'v Term, frame: &Frame<'v>) -> Value<'v> {
    let number = match term.class() {
        Class::Time => i128::from(or_null!(term.time(frame)).year),
        _ => or_null!(term.int(frame)),
    };
    let number = i64::try_from(number).unwrap_or(-1);
    match th_types::time::parse_year_number(number, term.class() == Class::Text) {
        Ok(year) => Ok(Datum::Int(year)),
        Err((_, error)) => {
            frame.warn(error)?;
            Ok(Datum::Null)
        }
    }
}

fn to_decimal<'v>(value: Decimal, ty: &FieldType, frame: &Frame<'v>) -> Value<'v> {
    if ty.decimal < 0 {
        return Ok(Datum::Decimal(value));
    }
    let scale = ty.decimal.min(30) as u8;
    let (rounded, issue) = value.round(i32::from(scale), RoundMode::HalfUp);
    if ty.flen < 0 {
        return Ok(Datum::Decimal(rounded));
    }
    let precision = ty.flen.clamp(1, 65) as u8;
    let limit = Decimal::extreme(rounded.is_negative(), precision, scale);
    let beyond = issue == Some(Issue::Overflow) || rounded.abs() > limit.abs();
    if beyond || (ty.is_unsigned() && rounded.is_negative()) {
        let mut shown = Vec::new();
        value.write_text(&mut shown);
        frame.warn(TypeError::new(
            code::CONSTANT_OVERFLOW,
            format!(
                "DECIMAL value is out of range in '({precision}, {scale})': {}",
                String::from_utf8_lossy(&shown)
            ),
        ))?;
        return Ok(Datum::Decimal(if beyond { limit } else { Decimal::ZERO }));
    }
    Ok(Datum::Decimal(rounded))
}

/// "Data Too Long".
fn too_long(limit: i64, length: usize) -> TypeError {
    TypeError::new(code::DATA_TOO_LONG, format!("Data Too Long, field len {limit}, data len {length}"))
}

/// The byte length of the first `limit` characters (bytes of binary text), and the full count.
fn cut_at(bytes: &[u8], ty: &FieldType) -> Option<(usize, usize)> {
    let limit = usize::try_from(ty.flen).ok()?;
    if ty.charset == "binary" || bytes.is_ascii() {
        return (bytes.len() > limit).then_some((limit, bytes.len()));
    }
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte & 0xC0 != 0x80).map(|(at, _)| at);
    let starts: Vec<usize> = starts.collect();
    starts.get(limit).map(|at| (*at, starts.len()))
}

/// Text for an element of a multi-valued index: never cut.
pub(crate) fn fit_text(bytes: &[u8], ty: &FieldType) -> Result<Vec<u8>, TypeError> {
    match cut_at(bytes, ty) {
        Some((_, count)) => Err(too_long(ty.flen, count)),
        None => Ok(bytes.to_vec()),
    }
}

fn to_string<'v>(bytes: Cow<'v, [u8]>, term: &Term, ty: &FieldType, frame: &Frame<'v>) -> Value<'v> {
    // Between bytes and text of a narrow character set, the bytes are that character set's.
    let bytes = match (Charset::by_name(&term.ty().charset), Charset::by_name(&ty.charset)) {
        (Some(from), Some(Charset::Binary)) if term.class() == Class::Text => encode(bytes, from),
        (Some(Charset::Binary), Some(to)) if term.class() == Class::Text => decode(bytes, to),
        _ => bytes,
    };
    let cut = cut_at(&bytes, ty);
    let Some((end, count)) = cut else {
        let wanted = usize::try_from(ty.flen).unwrap_or(0);
        if ty.tp == tp::STRING && ty.charset == "binary" && bytes.len() < wanted {
            // BINARY(n) is filled up with zero bytes.
            let mut padded = bytes.into_owned();
            padded.resize(wanted, 0);
            return Ok(Datum::Bytes(padded.into()));
        }
        return Ok(Datum::Bytes(bytes));
    };
    frame.warn(too_long(ty.flen, count))?;
    Ok(Datum::Bytes(match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(..end).unwrap_or_default()),
        Cow::Owned(mut bytes) => {
            bytes.truncate(end);
            Cow::Owned(bytes)
        }
    }))
}

fn encode(bytes: Cow<'_, [u8]>, charset: Charset) -> Cow<'_, [u8]> {
    if !matches!(charset, Charset::Gbk | Charset::Gb18030) || bytes.is_ascii() {
        return bytes;
    }
    let mut out = Vec::with_capacity(bytes.len());
    charset.encode_from_utf8(&bytes, &mut out);
    Cow::Owned(out)
}

fn decode(bytes: Cow<'_, [u8]>, charset: Charset) -> Cow<'_, [u8]> {
    if !matches!(charset, Charset::Gbk | Charset::Gb18030) || bytes.is_ascii() {
        return bytes;
    }
    let mut out = Vec::with_capacity(bytes.len());
    charset.decode_to_utf8(&bytes, "\u{FFFD}", &mut out);
    Cow::Owned(out)
}

/// `CONVERT(x USING c)`; the second argument is the character set's name.
pub(crate) fn convert_using<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let term = call.arg(0);
    let bytes = or_null!(term.text(frame));
    let Some(target) = Charset::by_name(&call.ty.charset) else { return Ok(Datum::Bytes(bytes)) };
    let source = Charset::by_name(&term.ty().charset).filter(|_| term.class() == Class::Text);
    Ok(Datum::Bytes(match (source, target) {
        (Some(from), Charset::Binary) => encode(bytes, from),
        (Some(Charset::Binary), to) => {
            let decoded = decode(bytes, to);
            if !to.is_valid(&decoded) {
                return Ok(Datum::Null);
            }
            decoded
        }
        (_, Charset::Binary | Charset::Utf8mb4) => bytes,
        (_, to) if to.is_valid(&bytes) => bytes,
        (_, to) => {
            let mut out = Vec::with_capacity(bytes.len());
            to.replace_invalid(&bytes, &mut out);
            Cow::Owned(out)
        }
    }))
}

/// The elements of `CAST(x AS type ARRAY)`.
///
/// Always strict: what does not fit fails the row, whatever the SQL mode.
pub(crate) fn array_elements<'v>(
    call: &'v Call,
    frame: &Frame<'v>,
) -> Result<Option<Vec<Datum<'v>>>, TypeError> {
    let document = match call.arg(0).eval(frame)? {
        Datum::Json(document) => document,
        _ => return Ok(None),
    };
    let view = document.view();
    match view.type_code {
        type_code::OBJECT => Err(TypeError::new(1235, "CAST-ing JSON OBJECT type to array is not supported")),
        type_code::ARRAY => {
            let elements: Result<Vec<_>, _> =
                view.elements().map(|element| super::json::index_element(element, &call.ty)).collect();
            elements.map(Some)
        }
        _ => Ok(Some(vec![super::json::index_element(view, &call.ty)?])),
    }
}

/// `CURRENT_TIMESTAMP` and its names, with the digits asked for.
pub(crate) fn now_with_digits<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Time(now(frame, call.ty.decimal.clamp(0, 6) as u8)))
}
