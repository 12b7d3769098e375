//! Partition bounds and list values, evaluated once.

use th_schema::{PartitionDefinition, TableInfo};
use th_types::{Context, Datum, SqlMode, TypeError, convert};

use super::{PartitionColumn, integer, wide};
use crate::PlanError;
use crate::cell::{CellView, Class, Converted};
use crate::encode::default::evaluate_constant;
use crate::encode::from_datum::from_datum;
use crate::keys::flag;

/// Bounds do not depend on the session's SQL mode.
fn lenient(context: &Context) -> Context {
    Context { mode: SqlMode::ALLOW_INVALID_DATES, ..context.clone() }
}

fn failed(info: &TableInfo, text: &str, error: &TypeError) -> PlanError {
    PlanError::Constant {
        table: info.name.original.clone(),
        of: format!("partition value {text}"),
        message: error.to_string(),
    }
}

/// An integer bound or list value; `None` is NULL.
pub(super) fn int_constant(
    info: &TableInfo,
    text: &str,
    context: &Context,
) -> Result<Option<i128>, PlanError> {
    if let Ok(value) = text.parse() {
        return Ok(Some(value));
    }
    let context = lenient(context);
    let value = evaluate_constant(text, &context).map_err(|error| failed(info, text, &error))?;
    let unsigned = matches!(value, Datum::Uint(_));
    let value = integer(value, &context).map_err(|error| failed(info, text, &error))?;
    Ok(value.map(|value| wide(value as u64, unsigned)))
}

/// Appends a column value as bytes that compare like it, NULL first. Integers are widened so that a
/// bound beyond the column's range compares too.
pub(super) fn column_key(
    column: &PartitionColumn,
    view: &CellView<'_>,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) {
    if view.null || !is_wide(column) {
        view.push_key(column.collation, scratch, out);
    } else {
        push_wide(wide(view.number, column.field_type.is_unsigned()), out);
    }
}

/// Whether the column is an integer.
fn is_wide(column: &PartitionColumn) -> bool {
    column.field_type.is_integer()
}

fn push_wide(value: i128, out: &mut Vec<u8>) {
    out.push(flag::INT);
    out.extend_from_slice(&((value as u128) ^ (1 << 127)).to_be_bytes());
}

/// The upper bound of a RANGE COLUMNS partition; `None` is MAXVALUE in the first column.
pub(super) fn bound_key(
    info: &TableInfo,
    definition: &PartitionDefinition,
    columns: &[PartitionColumn],
    context: &Context,
) -> Result<Option<Vec<u8>>, PlanError> {
    let bounds = definition.less_than.as_deref().unwrap_or_default();
    let mut key = Vec::new();
    for (index, (text, column)) in bounds.iter().zip(columns).enumerate() {
        if text.eq_ignore_ascii_case("MAXVALUE") {
            if index == 0 {
                return Ok(None);
            }
            // Above every value that has the same columns before.
            key.push(flag::MAX);
            break;
        }
        constant_key(info, text, column, true, context, &mut key)?;
    }
    Ok(Some(key))
}

/// The key of a row of LIST COLUMNS values.
pub(super) fn list_key(
    info: &TableInfo,
    values: &[String],
    columns: &[PartitionColumn],
    context: &Context,
) -> Result<Vec<u8>, PlanError> {
    let mut key = Vec::new();
    for (text, column) in values.iter().zip(columns) {
        constant_key(info, text, column, false, context, &mut key)?;
    }
    Ok(key)
}

fn constant_key(
    info: &TableInfo,
    text: &str,
    column: &PartitionColumn,
    as_written: bool,
    context: &Context,
    out: &mut Vec<u8>,
) -> Result<(), PlanError> {
    if is_wide(column) {
        match int_constant(info, text, context)? {
            None => out.push(flag::NIL),
            Some(value) => push_wide(value, out),
        }
        return Ok(());
    }
    let context = lenient(context);
    let key = || -> Result<Vec<u8>, TypeError> {
        let datum = evaluate_constant(text, &context)?;
        // RANGE compares strings as written: a bound may be longer than the column, or not padded.
        let keeps = as_written && column.class == Class::Bytes && matches!(datum, Datum::Bytes(_));
        let datum = match (keeps, datum) {
            (true, datum) | (_, datum @ Datum::Null) => datum,
            (false, Datum::Bit(bytes)) if column.class == Class::Bytes => Datum::Bytes(bytes),
            (false, datum) => convert(datum, &column.field_type, &context)?,
        };
        let mut bytes = Vec::new();
        let converted = from_datum(&datum, column.class, &column.field_type, &context.zone, &mut bytes)?;
        let number = if let Converted::Number(number) = converted { number } else { 0 };
        let view =
            CellView { class: column.class, null: converted == Converted::Null, number, bytes: &bytes };
        let (mut key, mut scratch) = (Vec::new(), Vec::new());
        column_key(column, &view, &mut scratch, &mut key);
        Ok(key)
    };
    out.extend_from_slice(&key().map_err(|error| failed(info, text, &error))?);
    Ok(())
}
