//! Reading a value in place.

use std::cmp::Ordering;

use super::{HEADER_SIZE, Json, KEY_ENTRY_SIZE, VALUE_ENTRY_SIZE, decode::body_size, literal, type_code};
use crate::{Duration, Time, TimeKind, tp};

/// A handle to a value: type code and body, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct JsonView<'a> {
    /// Type code, see [`type_code`].
    pub type_code: u8,
    /// The body.
    pub body: &'a [u8],
}

/// A value taken out of its binary form.
#[derive(Debug, Clone, Copy)]
pub enum JsonValue<'a> {
    /// JSON null.
    Null,
    /// true or false.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    Uint(u64),
    /// A double.
    Float(f64),
    /// Text, unquoted and unescaped.
    Text(&'a [u8]),
    /// Bytes of a MySQL type.
    Opaque {
        /// The MySQL type code.
        tp: u8,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// DATE, DATETIME or TIMESTAMP (with 6 fractional digits, which JSON always shows).
    Time(Time),
    /// TIME.
    Duration(Duration),
    /// An array.
    Array(JsonView<'a>),
    /// An object.
    Object(JsonView<'a>),
}

/// Reads a little-endian `u32`.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

/// Reads an unsigned variable-length number and its width.
pub(super) fn uvarint(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0u64;
    for (at, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7F).checked_shl(7 * at as u32)?;
        if byte & 0x80 == 0 {
            return Some((usize::try_from(value).ok()?, at + 1));
        }
    }
    None
}

/// The bytes behind a length at the start.
fn sized(bytes: &[u8]) -> Option<&[u8]> {
    let (length, width) = uvarint(bytes)?;
    bytes.get(width..width.checked_add(length)?)
}

impl<'a> JsonView<'a> {
    /// A handle to a type code and body.
    pub fn new(type_code: u8, body: &'a [u8]) -> Self {
        Self { type_code, body }
    }

    /// The same value as a [`Json`] that borrows.
    pub fn to_json(self) -> Json<'a> {
        Json::borrowed(self.type_code, self.body)
    }

    /// The value; `None` if the binary form is damaged.
    pub fn value(self) -> Option<JsonValue<'a>> {
        let time =
            |kind| u64_at(self.body, 0).map(|bits| JsonValue::Time(Time::from_core_bits(bits, kind, 6)));
        match self.type_code {
            type_code::OBJECT => Some(JsonValue::Object(self)),
            type_code::ARRAY => Some(JsonValue::Array(self)),
            type_code::LITERAL => match *self.body.first()? {
                literal::NULL => Some(JsonValue::Null),
                literal::TRUE => Some(JsonValue::Bool(true)),
                literal::FALSE => Some(JsonValue::Bool(false)),
                _ => None,
            },
            type_code::INT64 => Some(JsonValue::Int(u64_at(self.body, 0)? as i64)),
            type_code::UINT64 => Some(JsonValue::Uint(u64_at(self.body, 0)?)),
            type_code::FLOAT64 => Some(JsonValue::Float(f64::from_bits(u64_at(self.body, 0)?))),
            type_code::STRING => Some(JsonValue::Text(sized(self.body)?)),
            type_code::OPAQUE => {
                let (tp, rest) = self.body.split_first()?;
                Some(JsonValue::Opaque { tp: *tp, bytes: sized(rest)? })
            }
            type_code::DATE => match time(TimeKind::Date)? {
                JsonValue::Time(time) => Some(JsonValue::Time(Time { fsp: 0, ..time })),
                other => Some(other),
            },
            type_code::DATETIME => time(TimeKind::Datetime),
            type_code::TIMESTAMP => time(TimeKind::Timestamp),
            type_code::DURATION => {
                let fsp = u32_at(self.body, 8)?.min(6) as u8;
                Some(JsonValue::Duration(Duration { nanos: u64_at(self.body, 0)? as i64, fsp }))
            }
            _ => None,
        }
    }

    /// Whether it is JSON null.
    pub fn is_null(self) -> bool {
        self.type_code == type_code::LITERAL && self.body.first() == Some(&literal::NULL)
    }

    /// The text of a string.
    pub fn text(self) -> Option<&'a [u8]> {
        match self.value()? {
            JsonValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// `JSON_TYPE`.
    pub fn type_name(self) -> &'static str {
        match self.type_code {
            type_code::OBJECT => "OBJECT",
            type_code::ARRAY => "ARRAY",
            type_code::LITERAL if self.is_null() => "NULL",
            type_code::LITERAL => "BOOLEAN",
            type_code::INT64 => "INTEGER",
            type_code::UINT64 => "UNSIGNED INTEGER",
            type_code::FLOAT64 => "DOUBLE",
            type_code::STRING => "STRING",
            type_code::DATE => "DATE",
            type_code::DATETIME | type_code::TIMESTAMP => "DATETIME",
            type_code::DURATION => "TIME",
            _ => match self.body.first() {
                Some(&(tp::TINY_BLOB..=tp::STRING | tp::VARCHAR)) => "BLOB",
                Some(&tp::BIT) => "BIT",
                _ => "OPAQUE",
            },
        }
    }

    /// Whether it is an array.
    pub fn is_array(self) -> bool {
        self.type_code == type_code::ARRAY
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.type_code == type_code::OBJECT
    }

    /// Members of an object or elements of an array; 0 for scalars.
    pub fn count(self) -> usize {
        if !self.is_array() && !self.is_object() {
            return 0;
        }
        // No more entries than the body has room for.
        let entry = if self.is_array() { VALUE_ENTRY_SIZE } else { VALUE_ENTRY_SIZE + KEY_ENTRY_SIZE };
        let room = self.body.len().saturating_sub(HEADER_SIZE) / entry;
        u32_at(self.body, 0).map_or(0, |count| count as usize).min(room)
    }

    /// `JSON_LENGTH`: members or elements, 1 for scalars.
    pub fn length(self) -> usize {
        if self.is_array() || self.is_object() { self.count() } else { 1 }
    }

    /// The value of a value entry at this offset of the body.
    fn entry(self, at: usize) -> Option<JsonView<'a>> {
        let type_code = *self.body.get(at)?;
        if type_code == type_code::LITERAL {
            return Some(JsonView { type_code, body: self.body.get(at + 1..at + 2)? });
        }
        let offset = u32_at(self.body, at + 1)? as usize;
        // Values lie behind the header, so that a child is always smaller than its parent.
        let rest = self.body.get(offset.max(HEADER_SIZE)..)?;
        let size = body_size(type_code, rest)?;
        Some(JsonView { type_code, body: rest.get(..size)? })
    }

    /// An element of an array.
    pub fn element(self, index: usize) -> Option<JsonView<'a>> {
        if !self.is_array() || index >= self.count() {
            return None;
        }
        self.entry(HEADER_SIZE + index * VALUE_ENTRY_SIZE)
    }

    /// The elements of an array; none for anything else.
    pub fn elements(self) -> impl Iterator<Item = JsonView<'a>> {
        let count = if self.is_array() { self.count() } else { 0 };
        (0..count).filter_map(move |index| self.element(index))
    }

    /// The key of a member, by its place.
    pub fn key(self, index: usize) -> Option<&'a [u8]> {
        if !self.is_object() || index >= self.count() {
            return None;
        }
        let at = HEADER_SIZE + index * KEY_ENTRY_SIZE;
        let offset = u32_at(self.body, at)? as usize;
        let length = u16::from_le_bytes(self.body.get(at + 4..at + 6)?.try_into().ok()?);
        self.body.get(offset..offset.checked_add(usize::from(length))?)
    }

    /// The value of a member, by its place.
    pub fn member_value(self, index: usize) -> Option<JsonView<'a>> {
        if !self.is_object() || index >= self.count() {
            return None;
        }
        self.entry(HEADER_SIZE + self.count() * KEY_ENTRY_SIZE + index * VALUE_ENTRY_SIZE)
    }

    /// Keys and values of an object in the order of the keys; none for anything else.
    pub fn members(self) -> impl Iterator<Item = (&'a [u8], JsonView<'a>)> {
        let count = if self.is_object() { self.count() } else { 0 };
        (0..count).filter_map(move |index| Some((self.key(index)?, self.member_value(index)?)))
    }

    /// The values in an array or object.
    pub fn children(self) -> impl Iterator<Item = JsonView<'a>> {
        (0..self.count()).filter_map(move |index| {
            if self.is_array() { self.element(index) } else { self.member_value(index) }
        })
    }

    /// Where a key is, or where it would go.
    pub(super) fn find_key(self, key: &[u8]) -> Result<usize, usize> {
        let (mut low, mut high) = (0, if self.is_object() { self.count() } else { 0 });
        while low < high {
            let middle = low + (high - low) / 2;
            match self.key(middle).unwrap_or_default().cmp(key) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Ok(middle),
                Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// The member of this key.
    pub fn get(self, key: &[u8]) -> Option<JsonView<'a>> {
        self.member_value(self.find_key(key).ok()?)
    }

    /// `JSON_DEPTH`: 1 for scalars and empty containers.
    pub fn depth(self) -> usize {
        self.depth_within(2 * super::MAX_LEVELS)
    }

    fn depth_within(self, levels: usize) -> usize {
        if levels == 0 {
            return 1;
        }
        1 + self.children().map(|child| child.depth_within(levels - 1)).max().unwrap_or(0)
    }
}
