//! JSON in TiDB's binary form: one type byte and a body (objects with sorted keys and offsets).
//!
//! ```text
//! object  = count:u32 size:u32 (key offset:u32 key length:u16)* value-entry* keys values
//! array   = count:u32 size:u32 value-entry* values
//! value-entry = type:u8 (offset:u32 | literal:u8 0 0 0)
//! ```
//!
//! Integers are little-endian, offsets count from the start of the object or array, keys ascend by
//! bytes. [`Json`] owns or borrows a value, [`JsonView`] is the cheap handle that everything reads
//! through. Bytes of unknown origin come in by [`Json::decode`], which checks them; a view of
//! unchecked bytes never panics but may answer nonsense.

mod build;
mod compare;
mod decode;
mod extract;
mod merge;
mod modify;
mod parse;
mod path;
mod quote;
mod search;
mod string;
#[cfg(test)]
mod tests;
mod text;
mod view;

use std::borrow::Cow;

use crate::{TypeError, code};

pub use build::{
    JSON_FALSE, JSON_NULL, JSON_TRUE, append_array, append_object, array, from_bool, from_bytes,
    from_duration, from_f64, from_i64, from_text, from_time, from_u64, object,
};
pub use merge::{merge_patch, merge_preserve};
pub use modify::ModifyMode;
pub use parse::{JsonParser, parse, parse_into};
pub use path::{ArrayIndex, JsonPath, PathLeg};
pub use quote::{quote, unquote_text};
pub use view::{JsonValue, JsonView};

/// Type codes of values.
pub mod type_code {
    #![allow(missing_docs)]
    pub const OBJECT: u8 = 0x01;
    pub const ARRAY: u8 = 0x03;
    pub const LITERAL: u8 = 0x04;
    pub const INT64: u8 = 0x09;
    pub const UINT64: u8 = 0x0a;
    pub const FLOAT64: u8 = 0x0b;
    pub const STRING: u8 = 0x0c;
    pub const OPAQUE: u8 = 0x0d;
    pub const DATE: u8 = 0x0e;
    pub const DATETIME: u8 = 0x0f;
    pub const TIMESTAMP: u8 = 0x10;
    pub const DURATION: u8 = 0x11;
}

/// Bodies of literals.
pub(crate) mod literal {
    pub(crate) const NULL: u8 = 0x00;
    pub(crate) const TRUE: u8 = 0x01;
    pub(crate) const FALSE: u8 = 0x02;
}

/// Count and size at the start of objects and arrays.
pub(crate) const HEADER_SIZE: usize = 8;
/// Key offset and length.
pub(crate) const KEY_ENTRY_SIZE: usize = 6;
/// Type and offset or literal.
pub(crate) const VALUE_ENTRY_SIZE: usize = 5;

/// Values may be nested this deep: a scalar in a hundred arrays.
pub(crate) const MAX_LEVELS: usize = 101;

/// A JSON value in binary form.
#[derive(Debug, Clone, PartialEq)]
pub struct Json<'a> {
    /// Type code (1 object, 3 array, 4 literal, 9 int64, 10 uint64, 11 double, 12 string, 13 opaque,
    /// 14 date, 15 datetime, 16 timestamp, 17 duration).
    pub type_code: u8,
    /// The body as it stands after the type byte in row values.
    pub body: Cow<'a, [u8]>,
}

impl<'a> Json<'a> {
    /// A borrowed value.
    pub fn borrowed(type_code: u8, body: &'a [u8]) -> Self {
        Self { type_code, body: Cow::Borrowed(body) }
    }

    /// The same value, owning its body.
    pub fn into_owned(self) -> Json<'static> {
        Json { type_code: self.type_code, body: Cow::Owned(self.body.into_owned()) }
    }

    /// The handle to read it by.
    pub fn view(&self) -> JsonView<'_> {
        JsonView { type_code: self.type_code, body: &self.body }
    }

    /// The text TiDB prints.
    pub fn to_text(&self) -> Result<String, TypeError> {
        self.view().to_text()
    }
}

/// `ErrInvalidJSONText`.
pub(crate) fn invalid_text(reason: &str) -> TypeError {
    TypeError::new(code::INVALID_JSON, format!("Invalid JSON text: {reason}"))
}

/// `ErrInvalidJSONCharset`: JSON cannot be made of a binary literal.
pub fn binary_charset_error() -> TypeError {
    TypeError::new(
        code::INVALID_JSON_CHARSET,
        "Cannot create a JSON value from a string with CHARACTER SET 'binary'",
    )
}

/// `ErrJSONDocumentTooDeep`.
pub(crate) fn too_deep() -> TypeError {
    TypeError::new(3157, "The JSON document exceeds the maximum depth")
}

/// `ErrJSONObjectKeyTooLong`.
pub(crate) fn key_too_long() -> TypeError {
    TypeError::new(8129, "TiDB does not yet support JSON objects with the key length >= 65536")
}

/// The binary form is damaged, or a size exceeds what it can say.
pub(crate) fn invalid_binary(reason: &str) -> TypeError {
    TypeError::new(3130, format!("Invalid JSON data: {reason}"))
}
