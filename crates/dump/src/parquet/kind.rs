//! What a Parquet column holds, from its physical type and its annotation.

use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type};
use parquet::schema::types::ColumnDescriptor;

/// How a value of the column is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number of its physical type: BOOLEAN, INT32, INT64, FLOAT or DOUBLE.
    Plain,
    /// INT32 or INT64 without a sign.
    Unsigned,
    /// Bytes or text as they are.
    Bytes,
    /// An integer, or bytes of a big-endian one, with this many digits after the point.
    Decimal(u32),
    /// Days since 1970-01-01.
    Date,
    /// Units of 10^-n seconds since midnight.
    Time(u32),
    /// Units of 10^-n seconds since 1970-01-01, of UTC or of no zone.
    Timestamp {
        /// n.
        digits: u32,
        /// Whether it is an instant, shown in the session's time zone.
        utc: bool,
    },
    /// INT96: a Julian day and nanoseconds, an instant.
    Int96,
    /// Two bytes of a half-precision float.
    Float16,
}

/// Digits after the point of a unit of time.
fn digits(unit: TimeUnit) -> u32 {
    match unit {
        TimeUnit::MILLIS => 3,
        TimeUnit::MICROS => 6,
        TimeUnit::NANOS => 9,
    }
}

impl Kind {
    /// The kind of a leaf column; the error says what it is that no table column can hold.
    pub(super) fn of(leaf: &ColumnDescriptor) -> Result<Self, String> {
        let nested = leaf.path().parts().len() > 1;
        if nested
            || leaf.max_rep_level() > 0
            || leaf.self_type().get_basic_info().repetition() == Repetition::REPEATED
        {
            return Err("is nested (a list, map or struct), which no column of a table can hold".to_owned());
        }
        let physical = leaf.physical_type();
        if physical == Type::INT96 {
            return Ok(Self::Int96);
        }
        let of_logical = match leaf.logical_type_ref() {
            Some(logical) => Self::of_logical(logical, physical)?,
            None => None,
        };
        match of_logical {
            Some(kind) => Ok(kind),
            None => Self::of_converted(leaf, physical),
        }
    }

    fn of_logical(logical: &LogicalType, physical: Type) -> Result<Option<Self>, String> {
        let integer = matches!(physical, Type::INT32 | Type::INT64);
        Ok(Some(match logical {
            LogicalType::Decimal(decimal) => Self::Decimal(scale(decimal.scale)?),
            LogicalType::Date if physical == Type::INT32 => Self::Date,
            LogicalType::Time(time) if integer => Self::Time(digits(time.unit)),
            LogicalType::Timestamp(timestamp) if physical == Type::INT64 => {
                Self::Timestamp { digits: digits(timestamp.unit), utc: timestamp.is_adjusted_to_u_t_c }
            }
            LogicalType::Integer(integer) if !integer.is_signed => Self::Unsigned,
            LogicalType::Integer(_) => Self::Plain,
            LogicalType::Float16 => Self::Float16,
            LogicalType::String
            | LogicalType::Enum
            | LogicalType::Json
            | LogicalType::Bson
            | LogicalType::Uuid
            | LogicalType::Geometry(_)
            | LogicalType::Geography(_) => Self::Bytes,
            LogicalType::Map | LogicalType::List => {
                return Err("is a list or map, which no column of a table can hold".to_owned());
            }
            LogicalType::Variant(_) => return Err("is a variant, which is not read".to_owned()),
            // A null-only column, a type of a later format: the physical type decides.
            _ => return Ok(None),
        }))
    }

    fn of_converted(leaf: &ColumnDescriptor, physical: Type) -> Result<Self, String> {
        let integer = matches!(physical, Type::INT32 | Type::INT64);
        Ok(match leaf.converted_type() {
            ConvertedType::DECIMAL => Self::Decimal(scale(leaf.type_scale())?),
            ConvertedType::DATE if physical == Type::INT32 => Self::Date,
            ConvertedType::TIME_MILLIS if integer => Self::Time(3),
            ConvertedType::TIME_MICROS if integer => Self::Time(6),
            ConvertedType::TIMESTAMP_MILLIS if integer => Self::Timestamp { digits: 3, utc: true },
            ConvertedType::TIMESTAMP_MICROS if integer => Self::Timestamp { digits: 6, utc: true },
            ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64
                if integer =>
            {
                Self::Unsigned
            }
            ConvertedType::INTERVAL => {
                return Err("is an interval, which no column of a table can hold".to_owned());
            }
            ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE | ConvertedType::LIST => {
                return Err("is a list or map, which no column of a table can hold".to_owned());
            }
            _ if matches!(physical, Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY) => Self::Bytes,
            _ => Self::Plain,
        })
    }
}

fn scale(scale: i32) -> Result<u32, String> {
    u32::try_from(scale).map_err(|_| format!("is a decimal with {scale} digits after the point"))
}
