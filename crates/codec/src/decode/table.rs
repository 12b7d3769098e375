//! Rows of one table.

use std::sync::Arc;

use th_schema::{ColumnInfo, SchemaState, Table};
use th_types::{Context, Datum, convert, flag};

use super::column::{decode_column, from_int_handle, from_key};
use crate::encode::{Constant, TableExpression, class_of, key_collation, origin_default, zero};
use crate::keys::{Handle, KeyParts, datum_len, decode_key};
use crate::row::RowView;
use crate::{DecodeError, PlanError};

/// Decodes the rows of one table.
#[derive(Debug)]
pub struct RowDecoder {
    table: Arc<Table>,
    /// Virtual generated columns by offset, in the order of evaluation.
    generated: Vec<(usize, TableExpression)>,
    /// Offsets of the clustered primary key's columns.
    handle: Vec<usize>,
}

impl RowDecoder {
    /// Compiles a table.
    pub fn new(table: Arc<Table>) -> Result<Self, PlanError> {
        let info = &table.info;
        let mut generated = Vec::new();
        for (offset, column) in info.columns.iter().enumerate() {
            if class_of(&column.field_type).is_none() {
                let what = format!("the type {} of column `{}`", column.field_type.tp, column.name.original);
                return Err(PlanError::Unsupported { table: info.name.original.clone(), what });
            }
            if column.is_virtual() && column.state == SchemaState::PUBLIC {
                let of = format!("column `{}`", column.name.original);
                generated.push((offset, TableExpression::new(info, &column.generated_expr_string, &of)?));
            }
        }
        let primary = info.indexes.iter().find(|index| index.is_primary && info.is_common_handle);
        let handle = primary.map_or_else(Vec::new, |index| {
            index
                .columns
                .iter()
                .map(|part| part.offset)
                .filter(|offset| *offset < info.columns.len())
                .collect()
        });
        Ok(Self { table, generated, handle })
    }

    /// The columns that [`RowDecoder::decode_row`] answers: public and not hidden, in the table's order.
    pub fn columns(&self) -> impl Iterator<Item = &ColumnInfo> {
        self.table.info.columns.iter().filter(|column| is_visible(column))
    }

    /// The row of a record key and its value: one datum for each of [`RowDecoder::columns`].
    ///
    /// Columns that the row does not hold come from the handle, from their expression, from the default
    /// that they were added with, or are NULL. TIMESTAMPs stand in the context's zone.
    pub fn decode_row(
        &self,
        key: &[u8],
        value: &[u8],
        context: &Context,
    ) -> Result<Vec<Datum<'static>>, DecodeError> {
        let info = &self.table.info;
        let other_table = || DecodeError::OtherTable { table: info.name.original.clone() };
        let KeyParts::Record { table_id, handle } = decode_key(key)? else { return Err(other_table()) };
        let mut partitions =
            info.partition.iter().flat_map(|partition| partition.definitions.iter().flatten());
        if table_id != info.id && !partitions.any(|partition| partition.id == table_id) {
            return Err(other_table());
        }
        let row = RowView::new(value)?;
        let mut datums = Vec::with_capacity(info.columns.len());
        for column in &info.columns {
            datums.push(match row.get(column.id) {
                Some(Some(bytes)) => decode_column(bytes, &column.field_type, context).ok_or_else(|| {
                    DecodeError::Column { column: column.name.original.clone(), kind: "value of its type" }
                })?,
                Some(None) => Datum::Null,
                None => absent(column, context)?,
            });
        }
        self.read_handle(&row, &handle, context, &mut datums)?;
        for (offset, expression) in &self.generated {
            let column = &info.columns[*offset];
            let value = expression.bound.eval(&datums, context).and_then(|value| match value {
                Datum::Json(_) if column.field_type.array => Ok(value),
                value => convert(value, &column.field_type, context).map(Datum::into_owned),
            });
            datums[*offset] = value.map_err(|error| DecodeError::Computed {
                column: column.name.original.clone(),
                message: error.to_string(),
            })?;
        }
        let visible = info.columns.iter().zip(datums).filter(|(column, _)| is_visible(column));
        Ok(visible.map(|(_, datum)| datum).collect())
    }

    /// Fills the columns that only the handle holds.
    fn read_handle(
        &self,
        row: &RowView<'_>,
        handle: &Handle,
        context: &Context,
        datums: &mut [Datum<'static>],
    ) -> Result<(), DecodeError> {
        let info = &self.table.info;
        match handle {
            Handle::Int(handle) => {
                let is_handle =
                    |column: &ColumnInfo| info.pk_is_handle && column.field_type.has(flag::PRI_KEY);
                for (column, datum) in info.columns.iter().zip(datums) {
                    if is_handle(column) {
                        *datum = from_int_handle(*handle, &column.field_type);
                    }
                }
            }
            Handle::Common(encoded) => {
                let mut rest = encoded.as_slice();
                for &offset in &self.handle {
                    let (part, after) = rest.split_at_checked(datum_len(rest)?).unwrap_or((rest, &[]));
                    rest = after;
                    let (Some(column), Some(datum)) = (info.columns.get(offset), datums.get_mut(offset))
                    else {
                        continue;
                    };
                    // A column whose sort key is not its text is in the row value too.
                    if row.get(column.id).is_none() {
                        *datum = from_key(part, &column.field_type, context).ok_or_else(|| {
                            DecodeError::Column {
                                column: column.name.original.clone(),
                                kind: "key of its type",
                            }
                        })?;
                    }
                    debug_assert!(
                        row.get(column.id).is_some()
                            || key_collation(&column.field_type, true)
                                .is_none_or(|collation| collation.is_bin())
                    );
                }
            }
        }
        Ok(())
    }
}

fn is_visible(column: &ColumnInfo) -> bool {
    column.state == SchemaState::PUBLIC && !column.hidden
}

/// What a column is that the row value does not hold and that is not in the key: the default it was
/// added with, or NULL. NOT NULL columns without one count as zero.
fn absent(column: &ColumnInfo, context: &Context) -> Result<Datum<'static>, DecodeError> {
    let no_default = column.origin_default.is_null() && column.origin_default_bit.is_null();
    if column.is_virtual() || (no_default && !column.field_type.has(flag::NOT_NULL)) {
        return Ok(Datum::Null);
    }
    let constant = if no_default { zero(column, context) } else { origin_default(column, false, context) };
    constant.map(|Constant { datum, .. }| datum).map_err(|error| DecodeError::Computed {
        column: column.name.original.clone(),
        message: error.to_string(),
    })
}
