//! Making values: scalars, arrays, objects.

use std::borrow::Cow;

use super::{
    Json, JsonView, KEY_ENTRY_SIZE, VALUE_ENTRY_SIZE, key_too_long, literal,
    parse::{finish_container, place_value},
    type_code,
};
use crate::{Duration, Time, TimeKind, TypeError};

/// JSON null.
pub const JSON_NULL: JsonView<'static> = JsonView { type_code: type_code::LITERAL, body: &[literal::NULL] };
/// JSON true.
pub const JSON_TRUE: JsonView<'static> = JsonView { type_code: type_code::LITERAL, body: &[literal::TRUE] };
/// JSON false.
pub const JSON_FALSE: JsonView<'static> = JsonView { type_code: type_code::LITERAL, body: &[literal::FALSE] };

/// Appends an unsigned variable-length number.
pub(super) fn append_uvarint(value: u64, out: &mut Vec<u8>) {
    let mut rest = value;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn eight(type_code: u8, bytes: [u8; 8]) -> Json<'static> {
    Json { type_code, body: Cow::Owned(bytes.to_vec()) }
}

/// true or false.
pub fn from_bool(value: bool) -> Json<'static> {
    if value { JSON_TRUE.to_json() } else { JSON_FALSE.to_json() }
}

/// An INTEGER.
pub fn from_i64(value: i64) -> Json<'static> {
    eight(type_code::INT64, value.to_le_bytes())
}

/// An UNSIGNED INTEGER.
pub fn from_u64(value: u64) -> Json<'static> {
    eight(type_code::UINT64, value.to_le_bytes())
}

/// A DOUBLE.
pub fn from_f64(value: f64) -> Json<'static> {
    eight(type_code::FLOAT64, value.to_le_bytes())
}

/// A STRING.
pub fn from_text(text: &[u8]) -> Json<'static> {
    let mut body = Vec::with_capacity(text.len() + 2);
    append_uvarint(text.len() as u64, &mut body);
    body.extend_from_slice(text);
    Json { type_code: type_code::STRING, body: Cow::Owned(body) }
}

/// An opaque value: bytes of a MySQL type (BLOB, BINARY, BIT). Of a column of fixed length the bytes
/// are padded by the caller.
pub fn from_bytes(tp: u8, bytes: &[u8]) -> Json<'static> {
    let mut body = Vec::with_capacity(bytes.len() + 3);
    body.push(tp);
    append_uvarint(bytes.len() as u64, &mut body);
    body.extend_from_slice(bytes);
    Json { type_code: type_code::OPAQUE, body: Cow::Owned(body) }
}

/// A DATE, DATETIME or TIMESTAMP; its fractional digits are not kept.
pub fn from_time(time: &Time) -> Json<'static> {
    let type_code = match time.kind {
        TimeKind::Date => type_code::DATE,
        TimeKind::Datetime => type_code::DATETIME,
        TimeKind::Timestamp => type_code::TIMESTAMP,
    };
    eight(type_code, time.to_core_bits().to_le_bytes())
}

/// A TIME.
pub fn from_duration(duration: &Duration) -> Json<'static> {
    let mut body = duration.nanos.to_le_bytes().to_vec();
    body.extend_from_slice(&u32::from(duration.fsp).to_le_bytes());
    Json { type_code: type_code::DURATION, body: Cow::Owned(body) }
}

fn append_values<'a>(
    base: usize,
    entries: usize,
    values: impl Iterator<Item = JsonView<'a>>,
    out: &mut Vec<u8>,
) -> Result<(), TypeError> {
    for (index, value) in values.enumerate() {
        let start = out.len();
        out.extend_from_slice(value.body);
        place_value(value.type_code, base, start, entries + index * VALUE_ENTRY_SIZE, out);
    }
    finish_container(base, out)
}

/// Appends the body of an array.
pub fn append_array(elements: &[JsonView<'_>], out: &mut Vec<u8>) -> Result<(), TypeError> {
    let base = out.len();
    out.extend_from_slice(&(elements.len() as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let entries = out.len();
    out.resize(entries + elements.len() * VALUE_ENTRY_SIZE, 0);
    append_values(base, entries, elements.iter().copied(), out)
}

/// Appends the body of an object. The members must ascend by key; [`object`] sorts them.
pub fn append_object(members: &[(&[u8], JsonView<'_>)], out: &mut Vec<u8>) -> Result<(), TypeError> {
    let base = out.len();
    out.extend_from_slice(&(members.len() as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    let keys = out.len();
    let entries = keys + members.len() * KEY_ENTRY_SIZE;
    out.resize(entries + members.len() * VALUE_ENTRY_SIZE, 0);
    for (index, (key, _)) in members.iter().enumerate() {
        let length = u16::try_from(key.len()).map_err(|_| key_too_long())?;
        let at = keys + index * KEY_ENTRY_SIZE;
        let offset = ((out.len() - base) as u32).to_le_bytes();
        out[at..at + 4].copy_from_slice(&offset);
        out[at + 4..at + 6].copy_from_slice(&length.to_le_bytes());
        out.extend_from_slice(key);
    }
    append_values(base, entries, members.iter().map(|(_, value)| *value), out)
}

/// `JSON_ARRAY`. Error 3157 if it gets too deep.
pub fn array(elements: &[JsonView<'_>]) -> Result<Json<'static>, TypeError> {
    let mut body = Vec::new();
    append_array(elements, &mut body)?;
    checked_depth(Json { type_code: type_code::ARRAY, body: Cow::Owned(body) })
}

/// `JSON_OBJECT`: members in any order, of equal keys the last counts. Error 3157 if it gets too
/// deep, 8129 for keys of 64 KiB.
pub fn object(members: &[(&[u8], JsonView<'_>)]) -> Result<Json<'static>, TypeError> {
    let mut sorted = members.to_vec();
    // Stable, so that of equal keys the last stays last; reversed, deduplication keeps it.
    sorted.reverse();
    sorted.sort_by(|a, b| a.0.cmp(b.0));
    sorted.dedup_by(|later, first| later.0 == first.0);
    let mut body = Vec::new();
    append_object(&sorted, &mut body)?;
    checked_depth(Json { type_code: type_code::OBJECT, body: Cow::Owned(body) })
}

/// The value, if it is not nested too deep.
pub(super) fn checked_depth(json: Json<'static>) -> Result<Json<'static>, TypeError> {
    if json.view().depth() > super::MAX_LEVELS { Err(super::too_deep()) } else { Ok(json) }
}
