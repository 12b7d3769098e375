//! The checked view of a table that the encoder compiles.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;
use th_collation::{Charset, Collation};
use th_types::{FieldType, flag, tp};

use crate::{ColumnInfo, IndexInfo, PartitionInfo, PartitionKind, SchemaError, SchemaState, TableInfo};

/// A table definition that passed [`Table::new`]'s checks.
#[derive(Debug, Clone)]
pub struct Table {
    /// Database name as the target has it.
    pub db: String,
    /// The definition.
    pub info: Arc<TableInfo>,
}

impl Table {
    /// Checks the definition: every type, collation, state, partition kind and index option that
    /// changes bytes is known and consistent.
    pub fn new(db: impl Into<String>, info: TableInfo) -> Result<Self, SchemaError> {
        Checker { info: &info }.check()?;
        Ok(Self { db: db.into(), info: Arc::new(info) })
    }

    /// From the status API's JSON.
    pub fn from_json(db: impl Into<String>, json: &[u8]) -> Result<Self, SchemaError> {
        let info = serde_json::from_slice(json).map_err(|error| SchemaError::Json(error.to_string()))?;
        Self::new(db, info)
    }

    /// The column that is the integer handle (`pk_is_handle`).
    pub fn int_handle_column(&self) -> Option<&ColumnInfo> {
        if !self.info.pk_is_handle {
            return None;
        }
        self.public_columns().find(|column| column.field_type.has(flag::PRI_KEY))
    }

    /// The primary key's index of a table with a common handle.
    pub fn common_handle_index(&self) -> Option<&IndexInfo> {
        if self.info.is_common_handle { self.primary_index() } else { None }
    }

    /// The columns of the common handle, in key order; empty for other tables.
    pub fn common_handle_columns(&self) -> Vec<&ColumnInfo> {
        let parts = self.common_handle_index().map(|index| index.columns.as_slice()).unwrap_or_default();
        parts.iter().filter_map(|part| self.info.columns.get(part.offset)).collect()
    }

    /// The index called PRIMARY, clustered or not; an integer handle has none.
    pub fn primary_index(&self) -> Option<&IndexInfo> {
        self.info.indexes.iter().find(|index| index.is_primary)
    }

    /// Whether rows get a hidden `_tidb_rowid`.
    pub fn has_implicit_row_id(&self) -> bool {
        !self.info.pk_is_handle && !self.info.is_common_handle
    }

    /// Columns that reads see, hidden ones of expression indexes included, in order.
    pub fn public_columns(&self) -> impl Iterator<Item = &ColumnInfo> {
        self.info.columns.iter().filter(|column| column.state == SchemaState::PUBLIC)
    }

    /// Columns that writes reach (public ones, and those being added or dropped), in order.
    pub fn writable_columns(&self) -> impl Iterator<Item = &ColumnInfo> {
        self.info.columns.iter().filter(|column| {
            matches!(column.state, SchemaState::WRITE_ONLY | SchemaState::WRITE_REORG | SchemaState::PUBLIC)
        })
    }

    /// Columns that a source may give values for: public, not hidden, not generated.
    pub fn insertable_columns(&self) -> impl Iterator<Item = &ColumnInfo> {
        self.public_columns().filter(|column| !column.hidden && !column.is_generated())
    }

    /// Indexes that writes reach and whose pairs lie in TiKV, in order.
    pub fn writable_indexes(&self) -> impl Iterator<Item = &IndexInfo> {
        self.info.indexes.iter().filter(|index| {
            !is_columnar(index)
                && matches!(
                    index.state,
                    SchemaState::WRITE_ONLY | SchemaState::WRITE_REORG | SchemaState::PUBLIC
                )
        })
    }

    /// Indexes that reads use and whose pairs lie in TiKV, in order.
    pub fn public_indexes(&self) -> impl Iterator<Item = &IndexInfo> {
        self.info.indexes.iter().filter(|index| !is_columnar(index) && index.state == SchemaState::PUBLIC)
    }

    /// The column of this lower-case name, whatever its state.
    pub fn find_column(&self, lower_name: &str) -> Option<&ColumnInfo> {
        self.info.columns.iter().find(|column| column.name.lower == lower_name)
    }

    /// The AUTO_INCREMENT column.
    pub fn auto_increment_column(&self) -> Option<&ColumnInfo> {
        self.public_columns().find(|column| column.field_type.has(flag::AUTO_INCREMENT))
    }

    /// The AUTO_RANDOM column: the integer handle, or the first column of the common handle.
    pub fn auto_random_column(&self) -> Option<&ColumnInfo> {
        if self.info.auto_random_bits == 0 {
            return None;
        }
        self.int_handle_column().or_else(|| self.common_handle_columns().first().copied())
    }

    /// Whether AUTO_INCREMENT values have their own allocator, apart from `_tidb_rowid`
    /// (`AUTO_ID_CACHE 1` since TableInfo version 5).
    pub fn has_separate_auto_increment(&self) -> bool {
        self.info.version >= 5 && self.info.auto_id_cache == 1
    }

    /// The partitioning, if the table really is partitioned.
    pub fn partitioning(&self) -> Option<&PartitionInfo> {
        self.info.partition.as_ref().filter(|partition| partition.enable)
    }

    /// The table ids that rows lie under: the partitions', or the table's own.
    pub fn physical_ids(&self) -> Vec<i64> {
        match self.partitioning() {
            Some(partitioning) => {
                partitioning.definitions.iter().flatten().map(|definition| definition.id).collect()
            }
            None => vec![self.info.id],
        }
    }

    /// The table ids that keys lie under: those of rows, and the table's own where a partitioned table has
    /// a global index.
    pub fn key_ids(&self) -> Vec<i64> {
        let mut ids = self.physical_ids();
        if self.partitioning().is_some() && self.info.indexes.iter().any(|index| index.is_global) {
            ids.push(self.info.id);
        }
        ids
    }
}

/// Vector, inverted and full-text indexes, which live in TiFlash.
fn is_columnar(index: &IndexInfo) -> bool {
    ["vector_index", "inverted_index", "full_text_index"]
        .iter()
        .any(|field| index.rest.get(*field).is_some_and(|info| !info.is_null()))
}

struct Checker<'a> {
    info: &'a TableInfo,
}

impl Checker<'_> {
    fn unsupported(&self, what: impl Into<String>) -> SchemaError {
        SchemaError::Unsupported { table: self.info.name.original.clone(), what: what.into() }
    }

    fn invalid(&self, message: impl Into<String>) -> SchemaError {
        SchemaError::Invalid { table: self.info.name.original.clone(), message: message.into() }
    }

    fn check(&self) -> Result<(), SchemaError> {
        if self.info.view.is_some() {
            return Err(self.unsupported("importing into a view"));
        }
        if self.info.sequence.is_some() {
            return Err(self.unsupported("importing into a sequence"));
        }
        if self.info.state != SchemaState::PUBLIC {
            return Err(self.unsupported("a table that is not public"));
        }
        for field in ["temp_table_type", "cache_table_status"] {
            if self.info.rest.get(field).and_then(Value::as_u64).unwrap_or(0) != 0 {
                return Err(self.unsupported(format!("a temporary or cached table ({field})")));
            }
        }
        if self.info.columns.is_empty() {
            return Err(self.invalid("the table has no column"));
        }
        let (mut ids, mut names) = (HashSet::new(), HashSet::new());
        for (offset, column) in self.info.columns.iter().enumerate() {
            if !ids.insert(column.id) || !names.insert(column.name.lower.as_str()) {
                let name = &column.name.original;
                return Err(self.invalid(format!("the id or name of the column `{name}` occurs twice")));
            }
            self.check_column(offset, column)?;
        }
        for index in self.info.indexes.iter().filter(|index| !is_columnar(index)) {
            self.check_index(index)?;
        }
        self.check_handle()?;
        self.check_partitions()
    }

    fn check_column(&self, offset: usize, column: &ColumnInfo) -> Result<(), SchemaError> {
        let name = &column.name.original;
        if column.offset != offset {
            return Err(self.invalid(format!(
                "the column `{name}` has the offset {} in place of {offset}",
                column.offset
            )));
        }
        if column.change_state_info.as_ref().is_some_and(|change| !change.is_null()) {
            return Err(self.unsupported(format!("the column `{name}`, whose type is being changed")));
        }
        if column.state > SchemaState::PUBLIC {
            return Err(self.unsupported(format!("the state {} of the column `{name}`", column.state)));
        }
        self.check_type(name, &column.field_type)
    }

    fn check_type(&self, name: &str, field_type: &FieldType) -> Result<(), SchemaError> {
        let known = field_type.is_integer()
            || field_type.is_string()
            || matches!(
                field_type.tp,
                tp::FLOAT
                    | tp::DOUBLE
                    | tp::NEW_DECIMAL
                    | tp::DATE
                    | tp::DATETIME
                    | tp::TIMESTAMP
                    | tp::DURATION
                    | tp::YEAR
                    | tp::BIT
                    | tp::ENUM
                    | tp::SET
                    | tp::JSON
                    | tp::VECTOR
            );
        if !known {
            return Err(self.unsupported(format!("the type {} of the column `{name}`", field_type.tp)));
        }
        if field_type.is_string() || matches!(field_type.tp, tp::ENUM | tp::SET) {
            if Charset::by_name(&field_type.charset).is_none() {
                return Err(self.unsupported(format!(
                    "the character set {} of the column `{name}`",
                    field_type.charset
                )));
            }
            if Collation::by_name(&field_type.collate).is_none() {
                return Err(
                    self.unsupported(format!("the collation {} of the column `{name}`", field_type.collate))
                );
            }
        }
        match field_type.tp {
            tp::ENUM | tp::SET if field_type.elems.is_empty() => {
                Err(self.invalid(format!("the column `{name}` has no members")))
            }
            tp::SET if field_type.elems.len() > 64 => {
                Err(self.invalid(format!("the column `{name}` has more than 64 members")))
            }
            tp::BIT if !(1..=64).contains(&field_type.flen) => {
                Err(self.invalid(format!("the column `{name}` has {} bits", field_type.flen)))
            }
            tp::NEW_DECIMAL
                if !(0..=65).contains(&field_type.flen) || !(0..=30).contains(&field_type.decimal) =>
            {
                Err(self.invalid(format!("the column `{name}` has more digits than a DECIMAL")))
            }
            tp::DATETIME | tp::TIMESTAMP | tp::DURATION if field_type.decimal > 6 => {
                Err(self.invalid(format!("the column `{name}` has more than 6 fractional digits")))
            }
            _ => Ok(()),
        }
    }

    fn check_index(&self, index: &IndexInfo) -> Result<(), SchemaError> {
        let name = &index.name.original;
        if index.backfill_state != 0 {
            return Err(self.unsupported(format!("the index `{name}`, which is being filled")));
        }
        if index.state > SchemaState::PUBLIC {
            return Err(self.unsupported(format!("the state {} of the index `{name}`", index.state)));
        }
        if index.columns.is_empty() {
            return Err(self.invalid(format!("the index `{name}` has no column")));
        }
        for part in &index.columns {
            let column = self
                .info
                .columns
                .get(part.offset)
                .filter(|column| column.name.lower == part.name.lower)
                .ok_or_else(|| {
                    self.invalid(format!(
                        "the index `{name}` names the column `{}` at a wrong offset",
                        part.name.original
                    ))
                })?;
            if part.rest.get("using_changing_type").and_then(Value::as_bool) == Some(true) {
                return Err(
                    self.unsupported(format!("the index `{name}`, whose column's type is being changed"))
                );
            }
            let field_type = &column.field_type;
            let is_text = field_type.is_string();
            if is_text
                && Collation::by_name(&field_type.collate).is_some_and(|collation| !collation.has_sort_keys())
            {
                return Err(
                    self.unsupported(format!("the collation {} in the index `{name}`", field_type.collate))
                );
            }
            if matches!(field_type.tp, tp::VECTOR) || field_type.tp == tp::JSON && !field_type.array {
                return Err(self.unsupported(format!(
                    "the type of the column `{}` in the index `{name}`",
                    part.name.original
                )));
            }
        }
        let has_array = |part: &crate::IndexColumn| {
            self.info.columns.get(part.offset).is_some_and(|column| column.field_type.array)
        };
        if index.columns.iter().filter(|part| has_array(part)).count() > 1 {
            return Err(self.unsupported(format!("more than one multi-valued part in the index `{name}`")));
        }
        Ok(())
    }

    fn check_handle(&self) -> Result<(), SchemaError> {
        let info = self.info;
        if info.pk_is_handle && info.is_common_handle {
            return Err(self.invalid("the table has two kinds of handle"));
        }
        if info.pk_is_handle {
            let primary = info.columns.iter().filter(|column| column.field_type.has(flag::PRI_KEY));
            let mut integers = primary.clone().filter(|column| column.field_type.is_integer());
            if primary.count() != 1 || integers.next().is_none() {
                return Err(self.invalid("the integer handle is not exactly one integer column"));
            }
        }
        if info.is_common_handle && !info.indexes.iter().any(|index| index.is_primary) {
            return Err(self.invalid("the clustered primary key is missing"));
        }
        if info.is_common_handle && info.common_handle_version > 1 {
            return Err(self.unsupported(format!("the common handle version {}", info.common_handle_version)));
        }
        if info.shard_row_id_bits > 15 || info.auto_random_bits > 15 {
            return Err(self.invalid("more than 15 shard bits"));
        }
        if info.auto_random_bits > 0 && !matches!(info.auto_random_range_bits, 0 | 32..=64) {
            return Err(self.invalid("the range of AUTO_RANDOM is not 32 to 64 bits"));
        }
        Ok(())
    }

    fn check_partitions(&self) -> Result<(), SchemaError> {
        let Some(partition) = self.info.partition.as_ref().filter(|partition| partition.enable) else {
            return Ok(());
        };
        if !matches!(
            partition.kind,
            PartitionKind::RANGE | PartitionKind::HASH | PartitionKind::LIST | PartitionKind::KEY
        ) {
            return Err(self.unsupported(format!("the partitioning kind {}", partition.kind)));
        }
        let being_changed = ["adding_definitions", "dropping_definitions"].iter().any(|field| {
            partition.rest.get(*field).and_then(Value::as_array).is_some_and(|list| !list.is_empty())
        });
        if being_changed || partition.rest.get("ddl_state").and_then(Value::as_u64).unwrap_or(0) != 0 {
            return Err(self.unsupported("partitions that are being changed"));
        }
        let definitions = partition.definitions.as_deref().unwrap_or_default();
        if definitions.is_empty() {
            return Err(self.invalid("the table is partitioned and has no partition"));
        }
        let known =
            |name: &crate::Name| self.info.columns.iter().any(|column| column.name.lower == name.lower);
        if let Some(name) = partition.columns.iter().flatten().find(|name| !known(name)) {
            return Err(self.invalid(format!(
                "the partitions name the column `{}`, which does not exist",
                name.original
            )));
        }
        if partition.expr.is_empty() && partition.columns.as_ref().is_none_or(Vec::is_empty) {
            return Err(self.invalid("the table is partitioned by nothing"));
        }
        for definition in definitions {
            let complete = match partition.kind {
                PartitionKind::RANGE => {
                    definition.less_than.as_ref().is_some_and(|bounds| !bounds.is_empty())
                }
                PartitionKind::LIST => definition.in_values.is_some(),
                _ => true,
            };
            if !complete {
                return Err(self.invalid(format!(
                    "the partition `{}` has no bounds or values",
                    definition.name.original
                )));
            }
        }
        Ok(())
    }
}
