//! Any datum to any column type, as TiDB casts a value for a column.

use crate::{Context, Datum, FieldType, TypeError};

/// Converts `value` to the column type `target` under `context`, as TiDB's column cast does
/// (truncation and range handling by SQL mode included).
///
/// A conversion that loses something is an error in strict mode; otherwise the nearest value is
/// returned, as MySQL does with a warning.
pub fn convert<'a>(
    _value: Datum<'a>,
    _target: &FieldType,
    _context: &Context,
) -> Result<Datum<'a>, TypeError> {
    todo!()
}
