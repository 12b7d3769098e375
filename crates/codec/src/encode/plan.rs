//! A table compiled once for many rows.

use std::sync::Arc;

use th_schema::{Table, TableInfo};
use th_types::flag;

use super::EncoderOptions;
use super::column::{Auto, ColumnPlan, Origin, Stored};
use super::fast::FastPath;
use super::index::{IndexPart, IndexPlan, index_parts};
use super::partition::PartitionPlan;
use crate::PlanError;
use crate::cell::Class;

/// What identifies a row.
#[derive(Debug, Clone)]
pub(crate) enum HandlePlan {
    /// The integer primary key at this offset.
    Column(usize),
    /// The clustered primary key.
    Common(Vec<IndexPart>),
    /// `_tidb_rowid`.
    RowId,
}

/// What the row loop needs of one column, close together in memory.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Table offset.
    pub(crate) offset: usize,
    pub(crate) id: u32,
    pub(crate) class: Class,
    pub(crate) stored: Stored,
    /// A value that the straight path takes needs nothing else.
    pub(crate) straight: bool,
    /// Some key, index value or partition rule reads the cell.
    pub(crate) is_read: bool,
    /// Its bytes may be no UTF-8 although it is text.
    pub(crate) is_latin1: bool,
    pub(crate) fast: FastPath,
}

/// Everything about a table that rows need.
#[derive(Debug, Clone)]
pub(crate) struct TablePlan {
    pub(crate) info: Arc<TableInfo>,
    /// By table offset.
    pub(crate) columns: Vec<ColumnPlan>,
    /// Written columns by ascending column id, as the row value has them.
    pub(crate) steps: Vec<Step>,
    /// Offsets of generated columns, in the order of evaluation.
    pub(crate) generated: Vec<usize>,
    /// Whether some expression or cast reads the row, so that it is needed as datums.
    pub(crate) needs_row: bool,
    pub(crate) handle: HandlePlan,
    pub(crate) indexes: Vec<IndexPlan>,
    pub(crate) partition: Option<PartitionPlan>,
}

impl TablePlan {
    pub(crate) fn new(table: &Table, options: &EncoderOptions) -> Result<Self, PlanError> {
        let info = &table.info;
        let EncoderOptions { context, new_collation, .. } = options;
        let invalid = |message: String| PlanError::Invalid { table: info.name.original.clone(), message };
        let mut columns = Vec::with_capacity(info.columns.len());
        for (offset, column) in info.columns.iter().enumerate() {
            if column.offset != offset {
                return Err(invalid(format!("column `{}` is out of place", column.name.original)));
            }
            columns.push(ColumnPlan::new(info, offset, column, context, *new_collation)?);
        }
        let is_written = |offset: &usize| !matches!(columns[*offset].origin, Origin::Unwritten);
        let mut write_order: Vec<usize> = (0..columns.len()).filter(is_written).collect();
        write_order.sort_by_key(|&offset| columns[offset].id);
        if write_order.windows(2).any(|pair| columns[pair[0]].id == columns[pair[1]].id) {
            return Err(invalid("two columns have the same id".to_owned()));
        }
        let handle = handle_plan(info, &columns, *new_collation)?;
        let mut indexes = Vec::new();
        for index in &info.indexes {
            indexes.extend(IndexPlan::new(info, index, &columns, *new_collation)?);
        }
        let partition = PartitionPlan::new(info, &columns, context, *new_collation)?;
        let generated: Vec<usize> = (0..columns.len())
            .filter(|&offset| matches!(columns[offset].origin, Origin::Generated(_)))
            .collect();
        let mut reads: Vec<usize> = generated.clone();
        for column in &columns {
            match &column.origin {
                Origin::Generated(expression) => reads.extend(&expression.reads),
                Origin::Changing { from } => reads.push(*from),
                Origin::Row | Origin::Fixed(_) | Origin::Unwritten => {}
            }
        }
        reads.extend(indexes.iter().flat_map(|index| &index.reads));
        reads.extend(partition.iter().flat_map(PartitionPlan::reads));
        for offset in &reads {
            columns[*offset].needs_datum = true;
        }
        let needs_row = columns.iter().any(|column| column.needs_datum)
            || columns.iter().any(|column| matches!(column.origin, Origin::Changing { .. }));
        let read = cells_read(&handle, &indexes, partition.as_ref(), columns.len());
        let step = |offset: usize| {
            let column: &ColumnPlan = &columns[offset];
            let is_plain = !column.needs_datum && matches!(column.origin, Origin::Row);
            Step {
                offset,
                id: column.id,
                class: column.class,
                stored: column.stored,
                straight: is_plain && column.auto == Auto::None,
                is_read: read[offset],
                is_latin1: column.class == Class::Bytes && column.field_type.charset == "latin1",
                fast: column.fast.clone(),
            }
        };
        let steps = write_order.into_iter().map(step).collect();
        Ok(Self { info: Arc::clone(info), columns, steps, generated, needs_row, handle, indexes, partition })
    }
}

/// Which columns are looked at after the row value is written, by offset.
fn cells_read(
    handle: &HandlePlan,
    indexes: &[IndexPlan],
    partition: Option<&PartitionPlan>,
    columns: usize,
) -> Vec<bool> {
    let mut read = vec![false; columns];
    let handle_columns: Vec<usize> = match handle {
        HandlePlan::Column(offset) => vec![*offset],
        HandlePlan::Common(parts) => parts.iter().map(|part| part.column).collect(),
        HandlePlan::RowId => Vec::new(),
    };
    let of_indexes = indexes.iter().flat_map(IndexPlan::columns);
    let of_partition = partition.into_iter().flat_map(PartitionPlan::columns);
    for offset in handle_columns.into_iter().chain(of_indexes).chain(of_partition) {
        if let Some(place) = read.get_mut(offset) {
            *place = true;
        }
    }
    read
}

fn handle_plan(
    info: &TableInfo,
    columns: &[ColumnPlan],
    new_collation: bool,
) -> Result<HandlePlan, PlanError> {
    let missing = || PlanError::Invalid {
        table: info.name.original.clone(),
        message: "the clustered primary key is missing".to_owned(),
    };
    if info.pk_is_handle {
        let is_key = |column: &ColumnPlan| column.field_type.has(flag::PRI_KEY);
        return columns.iter().position(is_key).map(HandlePlan::Column).ok_or_else(missing);
    }
    if info.is_common_handle {
        let primary = info.indexes.iter().find(|index| index.is_primary).ok_or_else(missing)?;
        return Ok(HandlePlan::Common(index_parts(info, primary, columns, new_collation)?));
    }
    Ok(HandlePlan::RowId)
}
