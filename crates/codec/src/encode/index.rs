//! One index, compiled: from cells to the entry's key and value.

use th_collation::Collation;
use th_expr::Bound;
use th_schema::{IndexInfo, SchemaState, TableInfo};
use th_types::flag;

use super::column::{ColumnPlan, Prefix, key_collation, needs_restored_data};
use super::expression::TableExpression;
use super::index_value::{Restored, RestoredPart, ValuePlan};
use super::multi_value::distinct_elements;
use super::scratch::{KeyScratch, RowScratch};
use crate::PlanError;
use crate::cell::{CellView, Class};
use crate::keys::{flag as key_flag, index_prefix, int_bytes};
use crate::pairs::{PairKind, Pairs};

/// Before a partition id in index keys and values.
pub(crate) const PARTITION_ID_FLAG: u8 = 0x7e;

/// A row's handle, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum HandleRef<'a> {
    Int(i64),
    Common(&'a [u8]),
}

/// One column of an index.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IndexPart {
    pub(crate) column: usize,
    pub(crate) class: Class,
    pub(crate) prefix: Option<Prefix>,
    pub(crate) collation: Option<Collation>,
}

impl IndexPart {
    fn view<'a>(&self, row: &'a RowScratch) -> CellView<'a> {
        row.cut_view(self.column, self.class, self.prefix)
    }
}

/// A compiled index.
#[derive(Debug, Clone)]
pub(crate) struct IndexPlan {
    id: i64,
    unique: bool,
    global: bool,
    /// The partition id stands before the handle (global indexes of version 1).
    partition_in_key: bool,
    parts: Vec<IndexPart>,
    /// The part that holds an array.
    multi_valued: Option<usize>,
    value: ValuePlan,
    /// Condition of a partial index.
    pub(crate) condition: Option<Bound>,
    /// Columns that the condition reads.
    pub(crate) reads: Vec<usize>,
}

/// Compiles the parts of an index.
pub(crate) fn index_parts(
    info: &TableInfo,
    index: &IndexInfo,
    columns: &[ColumnPlan],
    new_collation: bool,
) -> Result<Vec<IndexPart>, PlanError> {
    let parts = index.columns.iter().map(|part| {
        let Some(column) = columns.get(part.offset) else {
            let message = format!("index `{}` has a column at {}", index.name.original, part.offset);
            return Err(PlanError::Invalid { table: info.name.original.clone(), message });
        };
        let collation = key_collation(&column.field_type, new_collation);
        if let Some(collation) = collation
            && !collation.has_sort_keys()
        {
            let what = format!("a key on column `{}` of collation {}", column.name, collation.name());
            return Err(PlanError::Unsupported { table: info.name.original.clone(), what });
        }
        let prefix = Prefix::new(part.length, &column.field_type);
        Ok(IndexPart { column: part.offset, class: column.class, prefix, collation })
    });
    parts.collect()
}

impl IndexPlan {
    /// Compiles an index, `None` if writers do not maintain it.
    pub(crate) fn new(
        info: &TableInfo,
        index: &IndexInfo,
        columns: &[ColumnPlan],
        new_collation: bool,
    ) -> Result<Option<Self>, PlanError> {
        let unsupported = |what: &str| PlanError::Unsupported {
            table: info.name.original.clone(),
            what: format!("{what} (index `{}`)", index.name.original),
        };
        let is_written =
            matches!(index.state, SchemaState::PUBLIC | SchemaState::WRITE_ONLY | SchemaState::WRITE_REORG);
        let is_columnar = ["vector_index", "inverted_index", "full_text_index"]
            .iter()
            .any(|kind| index.rest.get(*kind).is_some_and(|info| !info.is_null()));
        if !is_written || is_columnar || (info.is_common_handle && index.is_primary) {
            return Ok(None);
        }
        if index.state != SchemaState::PUBLIC && index.backfill_state != 0 {
            return Err(unsupported("importing while an index is being added"));
        }
        let is_changing = |part: &th_schema::IndexColumn| {
            part.rest.get("using_changing_type").and_then(serde_json::Value::as_bool) == Some(true)
        };
        if index.columns.iter().any(is_changing) {
            return Err(unsupported("importing while a column's type is being changed"));
        }
        let global_version =
            index.rest.get("global_index_version").and_then(serde_json::Value::as_u64).unwrap_or(0);
        let is_clustered = info.pk_is_handle || info.is_common_handle;
        let partition_in_key = match global_version {
            0 => false,
            1 if index.is_global && is_clustered => {
                return Err(unsupported("a global index of version 1 on a clustered table"));
            }
            1 => index.is_global,
            _ => return Err(unsupported("a global index of a version above 1")),
        };
        let parts = index_parts(info, index, columns, new_collation)?;
        let multi_valued =
            parts.iter().position(|part| index.mv_index && columns[part.column].field_type.array);
        let value = value_plan(info, columns, &parts, new_collation)?;
        let condition = match index.condition_expr_string.as_str() {
            "" => None,
            text => {
                Some(TableExpression::new(info, text, &format!("partial index `{}`", index.name.original))?)
            }
        };
        let (condition, reads) =
            condition.map_or((None, Vec::new()), |expression| (Some(expression.bound), expression.reads));
        Ok(Some(Self {
            id: index.id,
            unique: index.is_unique,
            global: index.is_global,
            partition_in_key,
            parts,
            multi_valued,
            value,
            condition,
            reads,
        }))
    }

    /// Offsets of the columns whose cells the entries are made of; those of the handle not among them.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        self.parts.iter().map(|part| part.column)
    }

    /// Appends the row's entries.
    pub(crate) fn write(
        &self,
        row: &RowScratch,
        handle: HandleRef<'_>,
        table_id: i64,
        partition_id: i64,
        keys: &mut KeyScratch,
        pairs: &mut Pairs,
    ) {
        let physical_id = if self.global { table_id } else { partition_id };
        let Some(part) = self.multi_valued else {
            self.write_entry(row, None, handle, physical_id, partition_id, keys, pairs);
            return;
        };
        let array = self.parts[part].view(row);
        if array.null {
            let null = CellView { class: Class::Uint, ..array };
            self.write_entry(row, Some(null), handle, physical_id, partition_id, keys, pairs);
            return;
        }
        for element in distinct_elements(array.bytes) {
            self.write_entry(row, Some(element), handle, physical_id, partition_id, keys, pairs);
        }
    }

    /// One entry; `element` stands for the array. Its strings have no collation: their bytes are the key.
    fn write_entry(
        &self,
        row: &RowScratch,
        element: Option<CellView<'_>>,
        handle: HandleRef<'_>,
        physical_id: i64,
        partition_id: i64,
        keys: &mut KeyScratch,
        pairs: &mut Pairs,
    ) {
        let view = |index: usize, part: &IndexPart| match element {
            Some(element) if self.multi_valued == Some(index) => (element, None),
            _ => (part.view(row), part.collation),
        };
        let out = pairs.buffer();
        out.extend_from_slice(&index_prefix(physical_id, self.id));
        let mut has_null = false;
        for (index, part) in self.parts.iter().enumerate() {
            let (value, collation) = view(index, part);
            has_null |= value.null;
            value.push_key(collation, &mut keys.sort_key, out);
        }
        let distinct = self.unique && !has_null;
        if !distinct {
            if self.partition_in_key {
                out.push(PARTITION_ID_FLAG);
                out.extend_from_slice(&int_bytes(partition_id));
            }
            match handle {
                HandleRef::Int(handle) => {
                    out.push(key_flag::INT);
                    out.extend_from_slice(&int_bytes(handle));
                }
                HandleRef::Common(handle) => out.extend_from_slice(handle),
            }
        }
        let value_start = out.len();
        let global = self.global.then_some(partition_id);
        let part_view = |index: usize| view(index, &self.parts[index]).0;
        self.value.write(part_view, row, handle, distinct, global, &mut keys.restored, out);
        pairs.push(value_start, PairKind::Index(self.id), distinct);
    }
}

/// What the value of an index entry holds, as TiDB's `GenIndexValuePortal` decides.
fn value_plan(
    info: &TableInfo,
    columns: &[ColumnPlan],
    parts: &[IndexPart],
    new_collation: bool,
) -> Result<ValuePlan, PlanError> {
    let needs = |column: usize| needs_restored_data(&columns[column].field_type, new_collation);
    let is_bin = |column: usize| {
        key_collation(&columns[column].field_type, new_collation).is_some_and(Collation::is_bin)
    };
    let any_part_needs = parts.iter().any(|part| needs(part.column));
    if !(info.is_common_handle && info.common_handle_version == 1) {
        let restored = any_part_needs.then(|| {
            let parts = parts.iter().enumerate().map(|(part, column)| RestoredPart {
                id: columns[column.column].id,
                what: Restored::Part { part },
            });
            parts.collect()
        });
        return Ok(ValuePlan::new(false, restored));
    }
    let mut restored = Vec::new();
    for (part, column) in parts.iter().enumerate() {
        let offset = column.column;
        if columns[offset].field_type.has(flag::PRI_KEY) || !needs(offset) {
            continue;
        }
        let what = if is_bin(offset) { Restored::PartSpaces { part } } else { Restored::Part { part } };
        restored.push(RestoredPart { id: columns[offset].id, what });
    }
    let Some(primary) = info.indexes.iter().find(|index| index.is_primary) else {
        let message = "a clustered table without primary key".to_owned();
        return Err(PlanError::Invalid { table: info.name.original.clone(), message });
    };
    let mut handle_needs = false;
    for key_part in index_parts(info, primary, columns, new_collation)? {
        let offset = key_part.column;
        if !needs(offset) {
            continue;
        }
        handle_needs = true;
        // The longer prefix of primary key and index, so that both can be given back.
        let prefix = match parts.iter().find(|part| part.column == offset) {
            Some(part) => Prefix::longer(key_part.prefix, part.prefix),
            None => key_part.prefix,
        };
        let spaces = is_bin(offset);
        let what = Restored::Handle { column: offset, class: columns[offset].class, prefix, spaces };
        restored.push(RestoredPart { id: columns[offset].id, what });
    }
    Ok(ValuePlan::new(true, (any_part_needs || handle_needs).then_some(restored)))
}
