//! Straight paths from a source value to a cell, without a heap allocation.
//!
//! A path accepts only values whose conversion is beyond doubt: in range, well formed, nothing lost.
//! For everything else it answers `None` and `th_types::convert` decides, with all of MySQL's rules.
//! So the paths need not know about SQL modes, and both ways give the same bytes.

mod number;
mod text;
mod time;

use th_collation::Charset;
use th_row::Value;
use th_types::{FieldType, TimeZone, flag, tp};

use crate::cell::Converted;

/// The straight path of a column, chosen once by its type.
#[derive(Debug, Clone)]
pub(crate) enum FastPath {
    /// No straight path.
    None,
    /// Signed integers of this range.
    Int {
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
    /// Unsigned integers up to this value.
    Uint {
        /// Greatest value.
        max: u64,
    },
    /// DECIMAL(precision, frac) of at most 18 digits on each side of the point.
    Decimal {
        /// All digits.
        precision: u8,
        /// Digits after the point.
        frac: u8,
        /// Negative numbers are out of range.
        unsigned: bool,
    },
    /// DOUBLE without a scale.
    Double {
        /// Negative numbers are out of range.
        unsigned: bool,
    },
    /// FLOAT without a scale.
    Float {
        /// Negative numbers are out of range.
        unsigned: bool,
    },
    /// DATE.
    Date,
    /// DATETIME with this many fractional digits.
    Datetime {
        /// 0 to 6.
        fsp: u8,
    },
    /// TIMESTAMP in a session zone with a constant offset.
    Timestamp {
        /// 0 to 6.
        fsp: u8,
        /// Seconds east of UTC.
        offset: i32,
    },
    /// Text of a character set.
    Text {
        /// Which bytes are text.
        accepts: text::Accepts,
        /// Length that never is too long: characters for CHAR and VARCHAR, bytes for TEXT.
        max: usize,
        /// Whether `max` counts characters.
        counts_characters: bool,
        /// CHAR: trailing spaces are dropped.
        trims: bool,
    },
    /// VARBINARY and BLOB up to this many bytes.
    Binary {
        /// Most bytes.
        max: usize,
    },
    /// BINARY: padded with zero bytes to this length.
    FixedBinary {
        /// Bytes stored.
        len: usize,
    },
    /// ENUM by the exact name of a member.
    Enum {
        /// Names in order; the first is number 1.
        names: Vec<Vec<u8>>,
    },
}

impl FastPath {
    /// The straight path of a column type in a session zone.
    pub(crate) fn of(field_type: &FieldType, zone: &TimeZone) -> Self {
        let unsigned = field_type.has(flag::UNSIGNED);
        let fsp = || u8::try_from(field_type.decimal).ok().filter(|fsp| *fsp <= 6);
        match field_type.tp {
            tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONGLONG => {
                let bits = match field_type.tp {
                    tp::TINY => 8,
                    tp::SHORT => 16,
                    tp::INT24 => 24,
                    tp::LONG => 32,
                    _ => 64,
                };
                if unsigned {
                    FastPath::Uint { max: u64::MAX >> (64 - bits) }
                } else {
                    FastPath::Int { min: i64::MIN >> (64 - bits), max: i64::MAX >> (64 - bits) }
                }
            }
            tp::NEW_DECIMAL => match (u8::try_from(field_type.flen), u8::try_from(field_type.decimal)) {
                (Ok(precision), Ok(frac))
                    if precision > 0 && frac <= 18 && precision >= frac && precision - frac <= 18 =>
                {
                    FastPath::Decimal { precision, frac, unsigned }
                }
                _ => FastPath::None,
            },
            tp::DOUBLE if field_type.decimal == -1 => FastPath::Double { unsigned },
            tp::FLOAT if field_type.decimal == -1 => FastPath::Float { unsigned },
            tp::DATE => FastPath::Date,
            tp::DATETIME => fsp().map_or(FastPath::None, |fsp| FastPath::Datetime { fsp }),
            tp::TIMESTAMP => match (fsp(), constant_offset(zone)) {
                (Some(fsp), Some(offset)) => FastPath::Timestamp { fsp, offset },
                _ => FastPath::None,
            },
            tp::ENUM => FastPath::Enum {
                names: field_type.elems.iter().map(|name| name.clone().into_bytes()).collect(),
            },
            _ if field_type.is_string() => Self::of_string(field_type),
            _ => FastPath::None,
        }
    }

    fn of_string(field_type: &FieldType) -> Self {
        let Ok(max) = usize::try_from(field_type.flen) else { return FastPath::None };
        if field_type.is_binary_string() {
            return match field_type.tp {
                tp::STRING => FastPath::FixedBinary { len: max },
                _ => FastPath::Binary { max },
            };
        }
        let accepts = match Charset::by_name(&field_type.charset) {
            Some(Charset::Utf8mb4) => text::Accepts::Utf8mb4,
            Some(Charset::Utf8) => text::Accepts::Utf8,
            Some(Charset::Ascii | Charset::Latin1 | Charset::Gbk | Charset::Gb18030) => text::Accepts::Ascii,
            Some(Charset::Binary) | None => return FastPath::None,
        };
        FastPath::Text {
            accepts,
            max,
            counts_characters: matches!(field_type.tp, tp::STRING | tp::VARCHAR | tp::VAR_STRING),
            trims: field_type.tp == tp::STRING,
        }
    }

    /// Converts a value, or leaves it to the general conversion. Bytes are appended to `out`, which is
    /// unchanged when the answer is `None`.
    #[inline]
    pub(crate) fn convert(&self, value: &Value<'_>, out: &mut Vec<u8>) -> Option<Converted> {
        match *self {
            FastPath::None => None,
            FastPath::Int { min, max } => number::int(value, min, max),
            FastPath::Uint { max } => number::uint(value, max),
            FastPath::Decimal { precision, frac, unsigned } => {
                number::decimal(value, precision, frac, unsigned, out)
            }
            FastPath::Double { unsigned } => number::float(value, unsigned, |double| double),
            FastPath::Float { unsigned } => number::float(value, unsigned, |double| f64::from(double as f32)),
            FastPath::Date => time::date(value),
            FastPath::Datetime { fsp } => time::datetime(value, fsp),
            FastPath::Timestamp { fsp, offset } => time::timestamp(value, fsp, offset),
            FastPath::Text { accepts, max, counts_characters, trims } => {
                text::text(value, accepts, max, counts_characters, trims, out)
            }
            FastPath::Binary { max } => text::binary(value, max, out),
            FastPath::FixedBinary { len } => text::fixed_binary(value, len, out),
            FastPath::Enum { ref names } => match *value {
                Value::Text(name) => {
                    let index = names.iter().position(|member| member == name)?;
                    Some(Converted::Number(index as u64 + 1))
                }
                _ => None,
            },
        }
    }
}

fn constant_offset(zone: &TimeZone) -> Option<i32> {
    match zone {
        TimeZone::Fixed(seconds) => Some(*seconds),
        TimeZone::Named(zone) => (zone.iana_name() == Some("UTC")).then_some(0),
    }
}
