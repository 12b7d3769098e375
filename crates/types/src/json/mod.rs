//! JSON in TiDB's binary form: one type byte and a body (objects with sorted keys and offsets).

use std::borrow::Cow;

/// A JSON value in binary form.
#[derive(Debug, Clone, PartialEq)]
pub struct Json<'a> {
    /// Type code (1 object, 3 array, 4 literal, 9 int64, 10 uint64, 11 double, 12 string, 13 opaque,
    /// 14 date, 15 datetime, 16 timestamp, 17 duration).
    pub type_code: u8,
    /// The body as it stands after the type byte in row values.
    pub body: Cow<'a, [u8]>,
}

impl Json<'_> {
    /// The same value, owning its body.
    pub fn into_owned(self) -> Json<'static> {
        Json { type_code: self.type_code, body: Cow::Owned(self.body.into_owned()) }
    }
}
