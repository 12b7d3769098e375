//! `TableInfo` JSON, field for field.
//!
//! Fields that matter only to the server are kept as raw JSON in `rest`, so that a definition can be
//! served again unchanged.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use th_types::{FieldType, flag};

/// An identifier as written and in lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub struct Name {
    /// As written.
    #[serde(rename = "O")]
    pub original: String,
    /// Lower case.
    #[serde(rename = "L")]
    pub lower: String,
}

impl Name {
    /// From an identifier as written.
    pub fn new(original: impl Into<String>) -> Self {
        let original = original.into();
        Self { lower: original.to_lowercase(), original }
    }
}

/// `model.SchemaState` numbers.
pub struct SchemaState;

impl SchemaState {
    /// Not visible.
    pub const NONE: u8 = 0;
    /// Deletes only reach it.
    pub const DELETE_ONLY: u8 = 1;
    /// Writes reach it, reads do not.
    pub const WRITE_ONLY: u8 = 2;
    /// Being filled or dropped, not readable.
    pub const WRITE_REORG: u8 = 3;
    /// Being dropped, deletes reach it.
    pub const DELETE_REORG: u8 = 4;
    /// Readable and writable.
    pub const PUBLIC: u8 = 5;
}

/// A column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnInfo {
    /// Column id, unique in the table for ever.
    pub id: i64,
    /// Name.
    pub name: Name,
    /// Position in the table.
    pub offset: usize,
    /// Default of rows written before the column was added (text, or number, as JSON).
    #[serde(default)]
    pub origin_default: Value,
    /// The same for BIT, base64.
    #[serde(default)]
    pub origin_default_bit: Value,
    /// Default value (text, or number, as JSON; null = NULL or none, see the NO_DEFAULT_VALUE flag).
    #[serde(default)]
    pub default: Value,
    /// The same for BIT, base64 of the bytes.
    #[serde(default)]
    pub default_bit: Value,
    /// Whether `default` is the text of an expression.
    #[serde(default)]
    pub default_is_expr: bool,
    /// Expression of a generated column, empty for others.
    #[serde(default)]
    pub generated_expr_string: String,
    /// STORED (else VIRTUAL), for generated columns.
    #[serde(default)]
    pub generated_stored: bool,
    /// Columns that the generated column reads.
    #[serde(default)]
    pub dependences: Option<Map<String, Value>>,
    /// Type.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// See [`SchemaState`].
    pub state: u8,
    /// Comment.
    #[serde(default)]
    pub comment: String,
    /// Hidden column of an expression index.
    #[serde(default)]
    pub hidden: bool,
    /// Set while the column's type is being changed.
    #[serde(default)]
    pub change_state_info: Option<Value>,
    /// Version of the column's definition (2 = TIMESTAMP defaults are in UTC).
    #[serde(default)]
    pub version: u64,
    /// Whatever else the server said.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl ColumnInfo {
    /// Whether the column is generated (virtual or stored).
    pub fn is_generated(&self) -> bool {
        !self.generated_expr_string.is_empty()
    }

    /// Whether the column is generated and not stored.
    pub fn is_virtual(&self) -> bool {
        self.is_generated() && !self.generated_stored
    }
}

/// A column of an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexColumn {
    /// Column name.
    pub name: Name,
    /// Column offset.
    pub offset: usize,
    /// Prefix length in characters (bytes for binary strings); -1 = whole column.
    pub length: i64,
    /// Whatever else the server said.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexInfo {
    /// Index id, unique in the table for ever.
    pub id: i64,
    /// Name.
    #[serde(rename = "idx_name")]
    pub name: Name,
    /// Columns in key order.
    #[serde(rename = "idx_cols", default, deserialize_with = "null_is_default")]
    pub columns: Vec<IndexColumn>,
    /// See [`SchemaState`].
    pub state: u8,
    /// Non-zero while ADD INDEX is back-filling through a temporary index.
    #[serde(default)]
    pub backfill_state: u8,
    /// Comment.
    #[serde(default)]
    pub comment: String,
    /// 1 BTREE, 2 HASH, 3 RTREE, and newer kinds (vector, full text …).
    #[serde(default)]
    pub index_type: u8,
    /// UNIQUE or PRIMARY.
    #[serde(default)]
    pub is_unique: bool,
    /// PRIMARY KEY.
    #[serde(default)]
    pub is_primary: bool,
    /// INVISIBLE.
    #[serde(default)]
    pub is_invisible: bool,
    /// GLOBAL index of a partitioned table.
    #[serde(default)]
    pub is_global: bool,
    /// Multi-valued index.
    #[serde(default)]
    pub mv_index: bool,
    /// Condition of a partial index, empty for others.
    #[serde(default, alias = "partial_condition_expr_string")]
    pub condition_expr_string: String,
    /// Whatever else the server said (vector_index, inverted_index, full_text_index, global_index_version …).
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// How a table is partitioned (`model.PartitionInfo.Type`).
pub struct PartitionKind;

impl PartitionKind {
    /// RANGE and RANGE COLUMNS.
    pub const RANGE: u8 = 1;
    /// HASH.
    pub const HASH: u8 = 2;
    /// LIST and LIST COLUMNS.
    pub const LIST: u8 = 3;
    /// KEY.
    pub const KEY: u8 = 4;
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartitionDefinition {
    /// The partition's physical table id.
    pub id: i64,
    /// Name.
    pub name: Name,
    /// Upper bounds as SQL text (`10`, `'2000-01-01'`, `MAXVALUE`), one a column.
    #[serde(default)]
    pub less_than: Option<Vec<String>>,
    /// Value lists as SQL text, one a row.
    #[serde(default)]
    pub in_values: Option<Vec<Vec<String>>>,
    /// Whatever else the server said.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Partitioning of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartitionInfo {
    /// See [`PartitionKind`].
    #[serde(rename = "type")]
    pub kind: u8,
    /// Partitioning expression, empty for COLUMNS and KEY.
    #[serde(default)]
    pub expr: String,
    /// Columns of RANGE/LIST COLUMNS and KEY.
    #[serde(default)]
    pub columns: Option<Vec<Name>>,
    /// Whether the table is really partitioned.
    pub enable: bool,
    /// KEY() without columns: the primary key is meant.
    #[serde(default)]
    pub is_empty_columns: bool,
    /// Partitions in order.
    #[serde(default)]
    pub definitions: Option<Vec<PartitionDefinition>>,
    /// Number of partitions.
    #[serde(default)]
    pub num: u64,
    /// Whatever else the server said (ddl_state, adding_definitions …).
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableInfo {
    /// Table id.
    pub id: i64,
    /// Name.
    pub name: Name,
    /// Default character set.
    #[serde(default)]
    pub charset: String,
    /// Default collation.
    #[serde(default)]
    pub collate: String,
    /// Columns in order, hidden and non-public ones included.
    #[serde(rename = "cols", deserialize_with = "null_is_default")]
    pub columns: Vec<ColumnInfo>,
    /// Indexes.
    #[serde(rename = "index_info", default, deserialize_with = "null_is_default")]
    pub indexes: Vec<IndexInfo>,
    /// See [`SchemaState`].
    pub state: u8,
    /// An integer primary key is the handle.
    #[serde(default)]
    pub pk_is_handle: bool,
    /// The clustered primary key's datums are the handle.
    #[serde(default)]
    pub is_common_handle: bool,
    /// 1 = the common handle may hold padding-trimmed strings (restored data in index values).
    #[serde(default)]
    pub common_handle_version: u16,
    /// Comment.
    #[serde(default)]
    pub comment: String,
    /// AUTO_INCREMENT base given in the DDL.
    #[serde(default)]
    pub auto_inc_id: i64,
    /// AUTO_ID_CACHE.
    #[serde(default)]
    pub auto_id_cache: i64,
    /// AUTO_RANDOM_BASE given in the DDL.
    #[serde(default)]
    pub auto_rand_id: i64,
    /// Largest column id ever given.
    #[serde(rename = "max_col_id", default)]
    pub max_column_id: i64,
    /// Largest index id ever given.
    #[serde(rename = "max_idx_id", default)]
    pub max_index_id: i64,
    /// SHARD_ROW_ID_BITS.
    #[serde(rename = "ShardRowIDBits", default)]
    pub shard_row_id_bits: u64,
    /// Largest SHARD_ROW_ID_BITS the table ever had.
    #[serde(default)]
    pub max_shard_row_id_bits: u64,
    /// AUTO_RANDOM shard bits (0 = no AUTO_RANDOM).
    #[serde(default)]
    pub auto_random_bits: u64,
    /// AUTO_RANDOM range bits (0 = 64).
    #[serde(default)]
    pub auto_random_range_bits: u64,
    /// PRE_SPLIT_REGIONS (a power of two's exponent).
    #[serde(default)]
    pub pre_split_regions: u64,
    /// Partitioning.
    #[serde(default)]
    pub partition: Option<PartitionInfo>,
    /// TableInfo version (≥ 5: AUTO_ID_CACHE 1 separates AUTO_INCREMENT from `_tidb_rowid`).
    #[serde(default)]
    pub version: u16,
    /// Set for views.
    #[serde(default)]
    pub view: Option<Value>,
    /// Set for sequences.
    #[serde(default)]
    pub sequence: Option<Value>,
    /// Whatever else the server said.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

impl TableInfo {
    /// Offset of the AUTO_RANDOM column: the first column of the primary key.
    pub fn auto_random_offset(&self) -> Option<usize> {
        if self.auto_random_bits == 0 {
            return None;
        }
        if self.pk_is_handle {
            return self.columns.iter().position(|column| column.field_type.has(flag::PRI_KEY));
        }
        let primary = self.indexes.iter().find(|index| index.is_primary)?;
        Some(primary.columns.first()?.offset)
    }

    /// The largest id that AUTO_RANDOM has bits for, below its shard and the sign; `None` without AUTO_RANDOM.
    pub fn auto_random_limit(&self) -> Option<u64> {
        let column = self.columns.get(self.auto_random_offset()?)?;
        let sign = u64::from(!column.field_type.has(flag::UNSIGNED));
        let range = if self.auto_random_range_bits == 0 { 64 } else { self.auto_random_range_bits.min(64) };
        let bits = range.saturating_sub(self.auto_random_bits.min(15) + sign).min(63);
        Some((1 << bits) - 1)
    }
}
