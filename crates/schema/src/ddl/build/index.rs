//! Indexes: names, key parts, hidden columns of expressions, and the flags they set on columns.

use serde_json::{Map, Value, json};
use th_collation::Charset;
use th_expr::{Columns, Expr};
use th_types::{FieldType, flag, tp};

use super::Blame;
use super::column::dependences;
use crate::ddl::index::BTREE;
use crate::ddl::options::DdlOptions;
use crate::ddl::syntax::{IndexDefinition, IndexKind, IndexPart};
use crate::{ColumnInfo, IndexColumn, IndexInfo, Name, SchemaError, SchemaState, TableInfo};

/// A key's bytes at most, as TiDB limits them.
const MAX_KEY_BYTES: i64 = 3072;

/// The columns that an expression of the table may read.
struct TableColumns<'a>(&'a TableInfo);

impl Columns for TableColumns<'_> {
    fn find(&self, name: &str) -> Option<(usize, &FieldType)> {
        self.0
            .columns
            .iter()
            .find(|column| column.name.lower == name)
            .map(|column| (column.offset, &column.field_type))
    }
}

/// Adds indexes to a table.
pub(crate) struct IndexBuilder<'a> {
    pub(crate) table: &'a mut TableInfo,
    pub(crate) options: &'a DdlOptions,
}

impl IndexBuilder<'_> {
    /// Adds the hidden columns and the index, in that order; a clustered integer key adds neither.
    pub(crate) fn add(&mut self, definition: &IndexDefinition, name: &str) -> Result<(), SchemaError> {
        let table_name = self.table.name.original.clone();
        let blame = Blame(&table_name);
        let key_names = self.add_hidden_columns(definition, name, blame)?;
        let hidden = definition.parts.iter().any(|part| matches!(part, IndexPart::Expression(_)));
        if definition.kind == IndexKind::Primary {
            if hidden {
                return Err(blame.invalid("a primary key cannot hold an expression"));
            }
            if self.decide_clustering(definition, blame)? {
                return Ok(());
            }
        } else if definition.options.clustered.is_some() {
            return Err(blame.invalid("only a primary key can be CLUSTERED or NONCLUSTERED"));
        }
        let columns = self.key_columns(definition, &key_names, blame)?;
        let is_multi_valued = columns
            .iter()
            .filter_map(|column| self.table.columns.get(column.offset))
            .any(|column| column.field_type.array);
        let condition = match &definition.options.condition {
            Some(text) => Expr::parse(text)
                .map_err(|error| blame.invalid(format!("condition of index `{name}`: {error}")))?
                .to_tidb_text(),
            None => String::new(),
        };
        let mut rest = server_fields();
        if self.needs_partition_in_key(definition, &columns) {
            rest.insert("global_index_version".into(), Value::from(1));
        }
        self.table.max_index_id += 1;
        let index = IndexInfo {
            id: self.table.max_index_id,
            name: Name::new(if definition.kind == IndexKind::Primary { "PRIMARY" } else { name }),
            columns,
            state: SchemaState::PUBLIC,
            backfill_state: 0,
            comment: definition.options.comment.clone(),
            index_type: if definition.options.index_type == 0 {
                BTREE
            } else {
                definition.options.index_type
            },
            is_unique: definition.kind != IndexKind::Plain,
            is_primary: definition.kind == IndexKind::Primary,
            is_invisible: definition.options.invisible,
            is_global: definition.options.global,
            mv_index: is_multi_valued,
            condition_expr_string: condition,
            rest,
        };
        if hidden {
            set_index_flags(self.table, &index);
        }
        self.table.indexes.push(index);
        Ok(())
    }

    /// Whether a global index must tell rows of different partitions apart by more than the handle:
    /// `_tidb_rowid` may repeat after EXCHANGE PARTITION (`setGlobalIndexVersion`).
    fn needs_partition_in_key(&self, definition: &IndexDefinition, columns: &[IndexColumn]) -> bool {
        let nullable = columns
            .iter()
            .filter_map(|part| self.table.columns.get(part.offset))
            .any(|column| !column.field_type.has(flag::NOT_NULL));
        definition.options.global
            && !self.table.pk_is_handle
            && !self.table.is_common_handle
            && (definition.kind == IndexKind::Plain || nullable)
    }

    /// Decides how rows are found; true if the primary key is the integer handle and needs no index.
    fn decide_clustering(
        &mut self,
        definition: &IndexDefinition,
        blame: Blame<'_>,
    ) -> Result<bool, SchemaError> {
        if !definition.options.clustered.unwrap_or(true) {
            return Ok(false);
        }
        if definition.options.global {
            return Err(blame.invalid("a clustered primary key cannot be GLOBAL"));
        }
        let single = match definition.parts.as_slice() {
            [IndexPart::Column { name, .. }] => {
                self.table.columns.iter().find(|column| column.name.lower == name.lower)
            }
            _ => None,
        };
        if single.is_some_and(|column| column.field_type.is_integer()) {
            self.table.pk_is_handle = true;
            return Ok(true);
        }
        self.table.is_common_handle = true;
        self.table.common_handle_version = 1;
        Ok(false)
    }

    /// Adds a hidden column for each expression; the lower-case name of each part's column.
    fn add_hidden_columns(
        &mut self,
        definition: &IndexDefinition,
        index_name: &str,
        blame: Blame<'_>,
    ) -> Result<Vec<String>, SchemaError> {
        let mut names = Vec::with_capacity(definition.parts.len());
        for (position, part) in definition.parts.iter().enumerate() {
            let text = match part {
                IndexPart::Column { name, .. } => {
                    names.push(name.lower.clone());
                    continue;
                }
                IndexPart::Expression(text) => text,
            };
            let at = |error: &dyn std::fmt::Display| blame.invalid(format!("index `{index_name}`: {error}"));
            let expression = Expr::parse(text).map_err(|error| at(&error))?;
            let mut field_type = expression
                .bind(&TableColumns(self.table))
                .map_err(|error| match error {
                    th_expr::ExprError::Unsupported(what) => blame
                        .unsupported(format!("the function or operator `{what}` in index `{index_name}`")),
                    other => at(&other),
                })?
                .field_type()
                .clone();
            field_type.flag &= !(flag::PRI_KEY | flag::UNIQUE_KEY | flag::AUTO_INCREMENT);
            let is_time = matches!(field_type.tp, tp::DATETIME | tp::DATE | tp::TIMESTAMP | tp::DURATION);
            if is_time && field_type.decimal < 0 {
                field_type.decimal = 6;
            }
            if field_type.array {
                field_type.charset = "binary".into();
                field_type.collate = "binary".into();
            }
            let name = Name::new(format!("_V$_{index_name}_{position}"));
            if self.table.columns.iter().any(|column| column.name.lower == name.lower) {
                return Err(blame.invalid(format!("two columns have the name `{}`", name.original)));
            }
            names.push(name.lower.clone());
            self.table.max_column_id += 1;
            let column = ColumnInfo {
                id: self.table.max_column_id,
                name,
                offset: self.table.columns.len(),
                origin_default: Value::Null,
                origin_default_bit: Value::Null,
                default: Value::Null,
                default_bit: Value::Null,
                default_is_expr: false,
                generated_expr_string: expression.to_tidb_text(),
                generated_stored: false,
                dependences: Some(dependences(&expression)),
                field_type,
                state: SchemaState::PUBLIC,
                comment: String::new(),
                hidden: true,
                change_state_info: None,
                version: 2,
                rest: Map::new(),
            };
            self.table.columns.push(column);
        }
        Ok(names)
    }

    fn key_columns(
        &self,
        definition: &IndexDefinition,
        names: &[String],
        blame: Blame<'_>,
    ) -> Result<Vec<IndexColumn>, SchemaError> {
        let mut columns: Vec<IndexColumn> = Vec::with_capacity(names.len());
        let mut key_bytes = 0;
        for (part, name) in definition.parts.iter().zip(names) {
            let column =
                self.table.columns.iter().find(|column| column.name.lower == *name).ok_or_else(|| {
                    blame.invalid(format!("an index names the column `{name}`, which does not exist"))
                })?;
            if columns.iter().any(|known| known.name.lower == *name) {
                return Err(blame.invalid(format!("an index names the column `{name}` twice")));
            }
            let mut length = match part {
                IndexPart::Column { length, .. } => key_length(column, *length, blame)?,
                IndexPart::Expression(_) => -1,
            };
            key_bytes += part_bytes(&column.field_type, length);
            if key_bytes > MAX_KEY_BYTES {
                // TiDB cuts a key of one column when the SQL mode is not strict, and refuses others.
                let alone = definition.parts.len() == 1 && !column.field_type.has(flag::UNIQUE_KEY);
                if self.options.is_strict() || !alone {
                    return Err(blame.invalid(format!("a key of {key_bytes} bytes is over {MAX_KEY_BYTES}")));
                }
                length = MAX_KEY_BYTES / part_bytes(&column.field_type, 1).max(1);
            }
            columns.push(IndexColumn {
                name: column.name.clone(),
                offset: column.offset,
                length,
                rest: Map::new(),
            });
        }
        Ok(columns)
    }
}

/// The bytes that a key part counts for against the limit (`getIndexColumnLength`); -1 is the whole
/// column.
fn part_bytes(field_type: &FieldType, length: i64) -> i64 {
    let length = if length >= 0 { length } else { field_type.flen.max(0) };
    match field_type.tp {
        tp::BIT => (length + 7) >> 3,
        tp::YEAR | tp::TINY => 1,
        tp::SHORT => 2,
        tp::INT24 | tp::DATE | tp::DURATION => 3,
        tp::LONG | tp::FLOAT | tp::TIMESTAMP => 4,
        tp::LONGLONG | tp::DOUBLE | tp::DATETIME => 8,
        tp::NEW_DECIMAL => length / 9 * 4 + (length % 9 + 1) / 2,
        _ if field_type.is_string() => {
            let charset = Charset::by_name(&field_type.charset);
            length.saturating_mul(charset.map_or(4, |charset| charset.max_char_bytes() as i64))
        }
        _ => length.min(255),
    }
}

/// The length that `IndexColumn` stores: -1 for the whole column.
fn key_length(column: &ColumnInfo, length: Option<u64>, blame: Blame<'_>) -> Result<i64, SchemaError> {
    let field_type = &column.field_type;
    let name = &column.name.original;
    let is_blob = matches!(field_type.tp, tp::TINY_BLOB | tp::BLOB | tp::MEDIUM_BLOB | tp::LONG_BLOB);
    if field_type.tp == tp::JSON || field_type.tp == tp::VECTOR {
        return Err(blame.invalid(format!("the column `{name}` cannot stand in a key")));
    }
    let Some(length) = length else {
        if is_blob {
            return Err(blame.invalid(format!("the key part `{name}` of a TEXT or BLOB needs a length")));
        }
        return Ok(-1);
    };
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    if !field_type.is_string() {
        return Err(blame.invalid(format!("the key part `{name}` is no string and cannot have a length")));
    }
    if length > field_type.flen && !is_blob {
        return Err(blame.invalid(format!("the key part `{name}` is longer than the column")));
    }
    // A prefix of the whole column is the column.
    Ok(if length == field_type.flen && !is_blob { -1 } else { length })
}

/// Sets the key flags that an index gives to its columns (`AddIndexColumnFlag`).
pub(crate) fn set_index_flags(table: &mut TableInfo, index: &IndexInfo) {
    let mut add = |offset: usize, bits: u32| {
        if let Some(column) = table.columns.get_mut(offset) {
            column.field_type.flag |= bits;
        }
    };
    if index.is_primary {
        for column in &index.columns {
            add(column.offset, flag::PRI_KEY);
        }
        return;
    }
    let Some(first) = index.columns.first() else { return };
    let single_unique = index.is_unique && index.columns.len() == 1;
    add(first.offset, if single_unique { flag::UNIQUE_KEY } else { flag::MULTIPLE_KEY });
}

/// What the server writes besides.
fn server_fields() -> Map<String, Value> {
    let mut rest = Map::new();
    rest.insert("tbl_name".into(), json!({"O": "", "L": ""}));
    for key in ["vector_index", "inverted_index", "full_text_index"] {
        rest.insert(key.into(), Value::Null);
    }
    rest
}
