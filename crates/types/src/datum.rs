//! A typed value, borrowed where it can be.

use std::borrow::Cow;

use crate::{Decimal, Duration, Json, Time};

/// One value of one of TiDB's types.
///
/// Text and JSON borrow from the source when nothing had to change. A string's collation is its
/// column's business, not the datum's.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Datum<'a> {
    /// SQL NULL.
    #[default]
    Null,
    /// A signed integer (also YEAR).
    Int(i64),
    /// An unsigned integer.
    Uint(u64),
    /// FLOAT.
    Float32(f32),
    /// DOUBLE.
    Float64(f64),
    /// DECIMAL.
    Decimal(Decimal),
    /// Text in the server's UTF-8 form, or bytes.
    Bytes(Cow<'a, [u8]>),
    /// DATE, DATETIME, TIMESTAMP.
    Time(Time),
    /// TIME.
    Duration(Duration),
    /// ENUM: index from 1; 0 is the empty "invalid" member.
    Enum(u64),
    /// SET: bit mask.
    Set(u64),
    /// BIT, hexadecimal and bit literals: the bytes, most significant first.
    Bit(Cow<'a, [u8]>),
    /// JSON in TiDB's binary form.
    Json(Json<'a>),
    /// VECTOR: little-endian count and 32-bit floats.
    Vector(Cow<'a, [u8]>),
}

impl<'a> Datum<'a> {
    /// A borrowed string.
    pub fn bytes(text: &'a [u8]) -> Self {
        Datum::Bytes(Cow::Borrowed(text))
    }

    /// Whether this is SQL NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Datum::Null)
    }

    /// The same value, owning what it held by reference.
    pub fn into_owned(self) -> Datum<'static> {
        match self {
            Datum::Null => Datum::Null,
            Datum::Int(v) => Datum::Int(v),
            Datum::Uint(v) => Datum::Uint(v),
            Datum::Float32(v) => Datum::Float32(v),
            Datum::Float64(v) => Datum::Float64(v),
            Datum::Decimal(v) => Datum::Decimal(v),
            Datum::Bytes(v) => Datum::Bytes(Cow::Owned(v.into_owned())),
            Datum::Time(v) => Datum::Time(v),
            Datum::Duration(v) => Datum::Duration(v),
            Datum::Enum(v) => Datum::Enum(v),
            Datum::Set(v) => Datum::Set(v),
            Datum::Bit(v) => Datum::Bit(Cow::Owned(v.into_owned())),
            Datum::Json(v) => Datum::Json(v.into_owned()),
            Datum::Vector(v) => Datum::Vector(Cow::Owned(v.into_owned())),
        }
    }
}
