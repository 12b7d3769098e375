//! JSON functions, and JSON as other types.
//!
//! A text argument is a document (and parsed) where the function takes a document, and a JSON string
//! where it takes a value.

use th_types::{
    Datum, Decimal, Duration, Json, Time, TypeError, code,
    json::{self, JsonPath, JsonValue, ModifyMode, type_code},
    tp,
};

use super::coerce::truncated;
use super::{Frame, Value, bad_argument, boolean, or_null, text};
use crate::bind::{Call, Class, Term};

type Maybe<T> = Result<Option<T>, TypeError>;

// ---- JSON as other types

/// The text TiDB prints; of damaged JSON, nothing.
pub(crate) fn to_text(json: &Json<'_>) -> Vec<u8> {
    json.to_text().map(String::into_bytes).unwrap_or_default()
}

/// A string's text, another value's printed form.
pub(crate) fn unquoted(json: &Json<'_>) -> Vec<u8> {
    match json.view().text() {
        Some(text) => text.to_vec(),
        None => to_text(json),
    }
}

/// Whether the value is a number zero, which is what makes JSON false.
pub(crate) fn is_zero(json: &Json<'_>) -> bool {
    match json.view().value() {
        Some(JsonValue::Int(value)) => value == 0,
        Some(JsonValue::Uint(value)) => value == 0,
        Some(JsonValue::Float(value)) => value == 0.0,
        _ => false,
    }
}

pub(crate) fn time_of(json: &Json<'_>) -> Option<Time> {
    match json.view().value() {
        Some(JsonValue::Time(time)) => Some(time),
        _ => None,
    }
}

pub(crate) fn duration_of(json: &Json<'_>) -> Option<Duration> {
    match json.view().value() {
        Some(JsonValue::Duration(span)) => Some(span),
        _ => None,
    }
}

/// A scalar that is read as the number it would be outside of JSON; `None` for the rest.
fn plain<'j>(json: &'j Json<'_>) -> Option<Datum<'j>> {
    Some(match json.view().value()? {
        JsonValue::Bool(value) => Datum::Int(i64::from(value)),
        JsonValue::Int(value) => Datum::Int(value),
        JsonValue::Uint(value) => Datum::Uint(value),
        JsonValue::Float(value) => Datum::Float64(value),
        JsonValue::Text(text) => Datum::bytes(text),
        _ => return None,
    })
}

/// What is no scalar counts as 0, with a warning.
fn no_number(what: &str, json: &Json<'_>, frame: &Frame<'_>) -> Result<(), TypeError> {
    frame.warn(truncated(what, &to_text(json)))
}

pub(crate) fn to_int(json: &Json<'_>, frame: &Frame<'_>) -> Maybe<i128> {
    match plain(json) {
        Some(value) => super::coerce::to_int(value, frame),
        None => no_number("INTEGER", json, frame).map(|()| Some(0)),
    }
}

pub(crate) fn to_real(json: &Json<'_>, frame: &Frame<'_>) -> Maybe<f64> {
    match plain(json) {
        Some(value) => super::coerce::to_real(value, frame),
        None => no_number("DOUBLE", json, frame).map(|()| Some(0.0)),
    }
}

pub(crate) fn to_decimal(json: &Json<'_>, frame: &Frame<'_>) -> Maybe<Decimal> {
    match plain(json) {
        Some(value) => super::coerce::to_decimal(value, frame),
        None => no_number("DECIMAL", json, frame).map(|()| Some(Decimal::ZERO)),
    }
}

pub(crate) fn compare(left: &Json<'_>, right: &Json<'_>) -> std::cmp::Ordering {
    left.view().compare(right.view())
}

// ---- other types as JSON

/// A value as JSON; text becomes a string, unless `parse`.
pub(crate) fn from_datum<'v>(value: Datum<'v>, term: &Term, parse: bool) -> Maybe<Json<'v>> {
    let ty = term.ty();
    Ok(Some(match value {
        Datum::Null => return Ok(None),
        Datum::Json(json) => json,
        Datum::Int(value) if ty.has(th_types::flag::IS_BOOLEAN) => json::from_bool(value != 0),
        Datum::Int(value) => json::from_i64(value),
        Datum::Uint(value) => json::from_u64(value),
        Datum::Float32(value) => json::from_f64(f64::from(value)),
        Datum::Float64(value) => json::from_f64(value),
        Datum::Decimal(value) => json::from_f64(value.to_f64()),
        Datum::Time(value) => json::from_time(&value),
        Datum::Duration(value) => json::from_duration(&value),
        Datum::Bit(bytes) => json::from_bytes(ty.tp, &bytes),
        Datum::Bytes(bytes) if ty.is_binary_string() && !parse => json::from_bytes(ty.tp, &bytes),
        Datum::Bytes(bytes) if parse => {
            if ty.is_binary_string() && !term.is_constant() {
                return Err(json::binary_charset_error());
            }
            json::parse(&bytes)?
        }
        Datum::Bytes(bytes) => json::from_text(&bytes),
        other @ (Datum::Enum(_) | Datum::Set(_) | Datum::Vector(_)) => {
            json::from_text(&super::coerce::to_text(other, ty).unwrap_or_default())
        }
    }))
}

impl Term {
    /// As a JSON document: text is parsed.
    pub(super) fn document<'v>(&'v self, frame: &Frame<'v>) -> Maybe<Json<'v>> {
        from_datum(self.eval(frame)?, self, true)
    }

    /// As a JSON value: text is a string.
    pub(crate) fn json_value<'v>(&'v self, frame: &Frame<'v>) -> Maybe<Json<'v>> {
        from_datum(self.eval(frame)?, self, false)
    }

    /// As a JSON value where SQL NULL is JSON null.
    fn json_element<'v>(&'v self, frame: &Frame<'v>) -> Result<Json<'v>, TypeError> {
        Ok(match self.json_value(frame)? {
            Some(value) => value,
            None => json::parse(b"null")?,
        })
    }

    fn path<'v>(&'v self, frame: &Frame<'v>) -> Maybe<JsonPath> {
        self.text(frame)?.map(|text| JsonPath::parse(&text)).transpose()
    }
}

fn paths<'v>(terms: &'v [Term], frame: &Frame<'v>) -> Maybe<Vec<JsonPath>> {
    let mut paths = Vec::with_capacity(terms.len());
    for term in terms {
        let Some(path) = term.path(frame)? else { return Ok(None) };
        paths.push(path);
    }
    Ok(Some(paths))
}

fn optional<'v>(json: Option<Json<'_>>) -> Datum<'v> {
    json.map_or(Datum::Null, |json| Datum::Json(json.into_owned()))
}

// ---- functions

pub(crate) fn extract<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let document = or_null!(call.arg(0).document(frame));
    let paths = or_null!(paths(&call.args[1..], frame));
    Ok(optional(document.view().extract(&paths)?))
}

pub(crate) fn unquote<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = match call.arg(0).eval(frame)? {
        Datum::Json(json) => {
            // A string's printed form, unquoted once, is the string: what it holds is not unquoted again.
            if let Some(content) = json.view().text() {
                return Ok(text(content));
            }
            to_text(&json).into()
        }
        Datum::Null => return Ok(Datum::Null),
        other => super::coerce::to_text(other, call.arg(0).ty()).unwrap_or_default(),
    };
    let quoted = bytes.len() >= 2 && bytes.starts_with(b"\"") && bytes.ends_with(b"\"");
    if quoted && json::parse(&bytes).is_err() {
        return Err(TypeError::new(
            code::INVALID_JSON,
            "Invalid JSON text: The document root must not be followed by other values",
        ));
    }
    Ok(text(json::unquote_text(&bytes)?))
}

pub(crate) fn quote<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(text(json::quote(&or_null!(call.arg(0).text(frame)))))
}

pub(crate) fn type_<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(text(or_null!(call.arg(0).document(frame)).view().type_name()))
}

pub(crate) fn valid<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(boolean(match call.arg(0).eval(frame)? {
        Datum::Null => return Ok(Datum::Null),
        Datum::Json(_) => true,
        Datum::Bytes(bytes) => json::parse(&bytes).is_ok(),
        _ => false,
    }))
}

pub(crate) fn array<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let mut values = Vec::with_capacity(call.args.len());
    for term in &call.args {
        values.push(term.json_element(frame)?);
    }
    Ok(Datum::Json(json::array(&values.iter().map(Json::view).collect::<Vec<_>>())?))
}

pub(crate) fn object<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let mut members: Vec<(Vec<u8>, Json<'v>)> = Vec::with_capacity(call.args.len() / 2);
    for pair in call.args.chunks_exact(2) {
        let [key, value] = pair else { continue };
        let Some(key) = key.text(frame)? else {
            return Err(bad_argument(3158, "JSON documents may not contain NULL member names"));
        };
        let value = value.json_element(frame)?;
        // The last of equal keys wins.
        members.retain(|(other, _)| *other != *key);
        members.push((key.into_owned(), value));
    }
    members.sort_by(|(a, _), (b, _)| a.cmp(b));
    let views: Vec<_> = members.iter().map(|(key, value)| (key.as_slice(), value.view())).collect();
    Ok(Datum::Json(json::object(&views)?))
}

fn modify<'v>(call: &'v Call, frame: &Frame<'v>, mode: ModifyMode) -> Value<'v> {
    let document = or_null!(call.arg(0).document(frame));
    let mut changes = Vec::with_capacity(call.args.len() / 2);
    for pair in call.args[1..].chunks_exact(2) {
        let [path, value] = pair else { continue };
        let path = or_null!(path.path(frame));
        changes.push((path, value.json_element(frame)?));
    }
    let views: Vec<_> = changes.iter().map(|(path, value)| (path.clone(), value.view())).collect();
    Ok(Datum::Json(document.view().modify(&views, mode)?.into_owned()))
}

pub(crate) fn set<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    modify(call, frame, ModifyMode::Set)
}

pub(crate) fn insert<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    modify(call, frame, ModifyMode::Insert)
}

pub(crate) fn replace<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    modify(call, frame, ModifyMode::Replace)
}

pub(crate) fn remove<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let document = or_null!(call.arg(0).document(frame));
    let paths = or_null!(paths(&call.args[1..], frame));
    Ok(Datum::Json(document.view().remove(&paths)?.into_owned()))
}

pub(crate) fn array_append<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let mut document = or_null!(call.arg(0).document(frame)).into_owned();
    for pair in call.args[1..].chunks_exact(2) {
        let [path, value] = pair else { continue };
        let path = or_null!(path.path(frame));
        let value = value.json_element(frame)?;
        document = document.view().array_append(&path, value.view())?.into_owned();
    }
    Ok(Datum::Json(document))
}

pub(crate) fn array_insert<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let mut document = or_null!(call.arg(0).document(frame)).into_owned();
    for pair in call.args[1..].chunks_exact(2) {
        let [path, value] = pair else { continue };
        let path = or_null!(path.path(frame));
        let value = value.json_element(frame)?;
        document = document.view().array_insert(&path, value.view())?.into_owned();
    }
    Ok(Datum::Json(document))
}

pub(crate) fn merge_preserve<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let mut documents = Vec::with_capacity(call.args.len());
    for term in &call.args {
        documents.push(or_null!(term.document(frame)));
    }
    Ok(Datum::Json(json::merge_preserve(&documents.iter().map(Json::view).collect::<Vec<_>>())?))
}

pub(crate) fn merge_patch<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let mut documents = Vec::with_capacity(call.args.len());
    for term in &call.args {
        documents.push(term.document(frame)?);
    }
    let views: Vec<_> = documents.iter().map(|document| document.as_ref().map(Json::view)).collect();
    Ok(optional(json::merge_patch(&views)?))
}

pub(crate) fn contains<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let document = or_null!(call.arg(0).document(frame));
    let target = or_null!(call.arg(1).document(frame));
    let held = match call.args.get(2) {
        None => document.view().contains(target.view()),
        Some(path) => match document.view().find(&or_null!(path.path(frame))) {
            Some(part) => part.contains(target.view()),
            None => return Ok(Datum::Null),
        },
    };
    Ok(boolean(held))
}

pub(crate) fn contains_path<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let document = or_null!(call.arg(0).document(frame));
    let how = or_null!(call.arg(1).string(frame)).to_ascii_lowercase();
    let paths = or_null!(paths(&call.args[2..], frame));
    match how.as_str() {
        "one" => Ok(boolean(paths.iter().any(|path| document.view().contains_path(path)))),
        "all" => Ok(boolean(paths.iter().all(|path| document.view().contains_path(path)))),
        _ => Err(bad_argument(
            3154,
            "The oneOrAll argument to json_contains_path may take these values: 'one' or 'all'",
        )),
    }
}

pub(crate) fn overlaps<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let left = or_null!(call.arg(0).document(frame));
    let right = or_null!(call.arg(1).document(frame));
    Ok(boolean(left.view().overlaps(right.view())))
}

pub(crate) fn member_of<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let item = or_null!(call.arg(0).json_value(frame));
    let array = or_null!(call.arg(1).document(frame));
    Ok(boolean(item.view().is_member_of(array.view())))
}

/// The document, or the part of it that an optional path at `at` names.
fn part<'v>(call: &'v Call, frame: &Frame<'v>, at: usize) -> Maybe<Json<'static>> {
    let Some(document) = call.arg(0).document(frame)? else { return Ok(None) };
    let Some(path) = call.args.get(at) else { return Ok(Some(document.into_owned())) };
    let Some(path) = path.path(frame)? else { return Ok(None) };
    Ok(document.view().find(&path).map(|part| part.to_json().into_owned()))
}

pub(crate) fn keys<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let part = or_null!(part(call, frame, 1));
    Ok(optional(part.view().keys()?))
}

pub(crate) fn length<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Int(or_null!(part(call, frame, 1)).view().length() as i64))
}

pub(crate) fn depth<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Int(or_null!(call.arg(0).document(frame)).view().depth() as i64))
}

/// An element of a multi-valued index: JSON of exactly the element's kind.
pub(crate) fn index_element(
    value: json::JsonView<'_>,
    ty: &th_types::FieldType,
) -> Result<Datum<'static>, TypeError> {
    let wrong =
        || TypeError::new(code::INVALID_JSON_FOR_INDEX, "Invalid JSON value for CAST for expression index");
    let overflow =
        |shown: String| TypeError::new(code::CONSTANT_OVERFLOW, format!("constant {shown} overflows bigint"));
    let found = value.value().ok_or_else(wrong)?;
    let element_type = th_types::FieldType { array: false, ..ty.clone() };
    Ok(match (Class::of(&element_type), found) {
        (Class::Text, JsonValue::Text(bytes)) => Datum::Bytes(super::cast::fit_text(bytes, ty)?.into()),
        (Class::Int, JsonValue::Int(value)) if ty.is_unsigned() => {
            Datum::Uint(u64::try_from(value).map_err(|_| overflow(value.to_string()))?)
        }
        (Class::Int, JsonValue::Uint(value)) if ty.is_unsigned() => Datum::Uint(value),
        (Class::Int, JsonValue::Int(value)) => Datum::Int(value),
        (Class::Int, JsonValue::Uint(value)) => {
            Datum::Int(i64::try_from(value).map_err(|_| overflow(value.to_string()))?)
        }
        (Class::Real, JsonValue::Float(value)) => Datum::Float64(value),
        (Class::Real, JsonValue::Int(value)) => Datum::Float64(value as f64),
        (Class::Real, JsonValue::Uint(value)) => Datum::Float64(value as f64),
        (Class::Time, JsonValue::Time(time)) => match (ty.tp, value.type_code) {
            (tp::DATE, type_code::DATE) => Datum::Time(time.with_kind(th_types::TimeKind::Date)),
            (tp::DATETIME, type_code::DATETIME) => {
                Datum::Time(Time { fsp: ty.decimal.clamp(0, 6) as u8, ..time })
            }
            _ => return Err(wrong()),
        },
        (Class::Duration, JsonValue::Duration(span)) => Datum::Duration(span),
        _ => return Err(wrong()),
    })
}
