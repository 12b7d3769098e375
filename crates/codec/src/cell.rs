//! One column of one row, converted and ready to be written into keys and values.
//!
//! A cell is what remains of a value after its conversion to the column's type: a number, or the place
//! of bytes in a scratch buffer. From it both encodings are made without looking at the source again.

use th_collation::Collation;

use crate::keys::{encode_bytes, flag, int_bytes};
use crate::row::{push_int, push_uint};

/// How a column's values are encoded. It is fixed by the column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Signed integers and YEAR; the number is the value.
    Int,
    /// Unsigned integers, BIT, ENUM, SET, and packed calendar times (TIMESTAMP in UTC).
    Uint,
    /// FLOAT and DOUBLE; the number is the comparable form.
    Float,
    /// DECIMAL; the bytes are precision, fraction and TiDB's binary form.
    Decimal,
    /// Strings.
    Bytes,
    /// TIME; the number is signed nanoseconds.
    Duration,
    /// JSON; the bytes are type code and body.
    Json,
    /// VECTOR.
    Vector,
}

/// What a conversion left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Converted {
    /// NULL.
    Null,
    /// A number (classes Int, Uint, Float, Duration). Nothing was written.
    Number(u64),
    /// The bytes were appended to the buffer that the conversion was given.
    Bytes,
}

/// Which scratch buffer holds a cell's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Area {
    /// The data of the row value being built.
    #[default]
    Row,
    /// The buffer of columns that the row value leaves out.
    Side,
}

/// A converted column value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cell {
    /// The number, for classes that have one.
    pub(crate) number: u64,
    /// Where the bytes start, for classes that have bytes.
    pub(crate) start: u32,
    /// Where they end.
    pub(crate) end: u32,
    /// Which buffer they are in.
    pub(crate) area: Area,
    /// SQL NULL.
    pub(crate) null: bool,
    /// Where the text stands, in the side buffer, with U+FFFD for each byte that is no UTF-8.
    pub(crate) mended: Option<(u32, u32)>,
}

/// A value with its class and its bytes at hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CellView<'a> {
    pub(crate) class: Class,
    pub(crate) null: bool,
    pub(crate) number: u64,
    pub(crate) bytes: &'a [u8],
}

impl Class {
    /// Whether values are numbers, not bytes.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Class::Int | Class::Uint | Class::Float | Class::Duration)
    }

    /// Appends a number as a row value stores it.
    #[inline]
    pub(crate) fn push_row_number(self, number: u64, out: &mut Vec<u8>) {
        match self {
            Class::Int | Class::Duration => push_int(number as i64, out),
            Class::Float => out.extend_from_slice(&number.to_be_bytes()),
            _ => push_uint(number, out),
        }
    }
}

impl CellView<'_> {
    /// Appends the value as a row value stores it. NULL has no bytes.
    #[inline]
    pub(crate) fn push_row(&self, out: &mut Vec<u8>) {
        if self.class.is_number() {
            self.class.push_row_number(self.number, out);
        } else {
            out.extend_from_slice(self.bytes);
        }
    }

    /// Appends the value as a key holds it: a type flag and a comparable form. Strings are replaced by
    /// their sort key if a collation is given; `scratch` is for those that differ from the text.
    #[inline]
    pub(crate) fn push_key(&self, collation: Option<Collation>, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
        if self.null {
            out.push(flag::NIL);
            return;
        }
        let kind = match self.class {
            Class::Int => flag::INT,
            Class::Uint => flag::UINT,
            Class::Float => flag::FLOAT,
            Class::Duration => flag::DURATION,
            Class::Bytes => flag::BYTES,
            Class::Decimal => flag::DECIMAL,
            Class::Json => flag::JSON,
            Class::Vector => flag::VECTOR,
        };
        match self.class {
            Class::Int | Class::Duration => push_flagged(kind, int_bytes(self.number as i64), out),
            Class::Uint | Class::Float => push_flagged(kind, self.number.to_be_bytes(), out),
            Class::Decimal | Class::Json | Class::Vector => {
                out.push(kind);
                out.extend_from_slice(self.bytes);
            }
            Class::Bytes => {
                out.push(kind);
                match collation {
                    None => encode_bytes(self.bytes, out),
                    Some(collation) if collation.is_bin() => encode_bytes(collation.trim(self.bytes), out),
                    Some(collation) => {
                        scratch.clear();
                        collation.sort_key(self.bytes, scratch);
                        encode_bytes(scratch, out);
                    }
                }
            }
        }
    }
}

#[inline]
fn push_flagged(kind: u8, bytes: [u8; 8], out: &mut Vec<u8>) {
    let mut encoded = [kind; 9];
    encoded[1..].copy_from_slice(&bytes);
    out.extend_from_slice(&encoded);
}
