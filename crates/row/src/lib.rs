//! What passes from a dump's reader to the encoder: one source row, borrowed.
//!
//! A reader (`th-dump`) parses a row in place; each [`Value`] points into the reader's buffer (or,
//! where an escape had to be undone, into its scratch space), and stays valid until the next row is
//! asked for. The encoder (`th-codec`) turns the values into key-value pairs without owning them.

mod place;

pub use place::Place;

/// One column's value as the source wrote it, not yet converted to the column's type.
///
/// The kinds are those that Lightning's parsers tell apart, because TiDB converts them differently:
/// an unquoted integer for a TIMESTAMP column is refused while a quoted one is parsed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `NULL`, or a CSV field equal to one of the configured null texts.
    Null,
    /// The keyword `DEFAULT`: the column's default, as if the column had been left out.
    Default,
    /// An unquoted integer with a minus sign that fits 64 bits (also Parquet's signed integers).
    Int(i64),
    /// An unquoted integer without a sign that fits 64 bits, `TRUE` (1) or `FALSE` (0).
    Uint(u64),
    /// A 32-bit float (Parquet only; text sources give [`Value::Text`]).
    Float32(f32),
    /// A 64-bit float (Parquet only; text sources give [`Value::Text`]).
    Float64(f64),
    /// A quoted string after unescaping, a decimal or any other unquoted word, or a CSV field.
    Text(&'a [u8]),
    /// A hexadecimal or bit literal (`0x41`, `x'41'`, `b'1000001'`), or a string after `_binary`.
    Binary(&'a [u8]),
}

impl Value<'_> {
    /// Whether the value is `NULL`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}
