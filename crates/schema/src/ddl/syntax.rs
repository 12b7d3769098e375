//! The parsed form of a definition, before anything is looked up or defaulted.

use th_types::FieldType;

use crate::Name;

/// `CREATE TABLE`.
#[derive(Debug, Clone, Default)]
pub(crate) struct CreateTable {
    pub(crate) name: String,
    pub(crate) temporary: Temporary,
    pub(crate) columns: Vec<ColumnDefinition>,
    pub(crate) constraints: Vec<Constraint>,
    pub(crate) options: TableOptions,
    pub(crate) partitioning: Option<Partitioning>,
}

/// Kinds of temporary tables, with `TableInfo.temp_table_type`'s numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Temporary {
    #[default]
    No = 0,
    Global = 1,
    Local = 2,
}

/// A column as written.
#[derive(Debug, Clone)]
pub(crate) struct ColumnDefinition {
    pub(crate) name: Name,
    /// Empty character set and collation: not given.
    pub(crate) field_type: FieldType,
    pub(crate) options: Vec<ColumnOption>,
}

/// What may follow a column's type.
#[derive(Debug, Clone)]
pub(crate) enum ColumnOption {
    Null,
    NotNull,
    Default(DefaultValue),
    AutoIncrement,
    AutoRandom { shard_bits: u64, range_bits: u64 },
    Primary { clustered: Option<bool>, global: bool },
    Unique { global: bool },
    OnUpdateNow,
    Comment(String),
    Generated { expression: String, stored: bool },
    Collate(String),
}

/// A default as written.
#[derive(Debug, Clone)]
pub(crate) enum DefaultValue {
    Null,
    Text(Vec<u8>),
    /// With its sign.
    Number(String),
    /// A hexadecimal or bit literal.
    Binary(Vec<u8>),
    Now {
        fsp: u64,
    },
    CurrentDate,
    /// Any other expression, as written.
    Expression(String),
}

/// A constraint or index.
#[derive(Debug, Clone)]
pub(crate) enum Constraint {
    Index(IndexDefinition),
    ForeignKey(ForeignKey),
}

/// Which kind of index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IndexKind {
    Primary,
    Unique,
    Plain,
}

/// An index as written.
#[derive(Debug, Clone)]
pub(crate) struct IndexDefinition {
    pub(crate) kind: IndexKind,
    pub(crate) name: Option<String>,
    pub(crate) parts: Vec<IndexPart>,
    pub(crate) options: IndexOptions,
}

/// One part of an index's key.
#[derive(Debug, Clone)]
pub(crate) enum IndexPart {
    Column { name: Name, length: Option<u64> },
    Expression(String),
}

/// What may follow an index's parts.
#[derive(Debug, Clone, Default)]
pub(crate) struct IndexOptions {
    /// `IndexInfo.index_type`, 0 if not given.
    pub(crate) index_type: u8,
    pub(crate) comment: String,
    pub(crate) invisible: bool,
    pub(crate) clustered: Option<bool>,
    pub(crate) global: bool,
    pub(crate) condition: Option<String>,
}

/// A foreign key as written.
#[derive(Debug, Clone)]
pub(crate) struct ForeignKey {
    pub(crate) name: Option<String>,
    pub(crate) columns: Vec<Name>,
    pub(crate) ref_schema: Option<String>,
    pub(crate) ref_table: String,
    pub(crate) ref_columns: Vec<Name>,
    /// `model.ReferOptionType`'s numbers.
    pub(crate) on_delete: u8,
    pub(crate) on_update: u8,
}

/// Table options that have a meaning here.
#[derive(Debug, Clone, Default)]
pub(crate) struct TableOptions {
    pub(crate) charset: Option<String>,
    pub(crate) collate: Option<String>,
    pub(crate) comment: String,
    pub(crate) compression: String,
    pub(crate) auto_increment: u64,
    pub(crate) auto_id_cache: u64,
    pub(crate) auto_random_base: u64,
    pub(crate) shard_row_id_bits: u64,
    pub(crate) pre_split_regions: u64,
    pub(crate) placement_policy: Option<String>,
    pub(crate) ttl: Option<TimeToLive>,
    pub(crate) ttl_enable: Option<bool>,
    pub(crate) ttl_job_interval: Option<String>,
}

/// `TTL = column + INTERVAL amount unit`.
#[derive(Debug, Clone)]
pub(crate) struct TimeToLive {
    pub(crate) column: Name,
    pub(crate) amount: String,
    pub(crate) unit: String,
}

/// How a table is partitioned.
#[derive(Debug, Clone)]
pub(crate) struct Partitioning {
    /// See [`crate::PartitionKind`].
    pub(crate) kind: u8,
    pub(crate) expression: Option<String>,
    /// `COLUMNS(…)` or the columns of KEY.
    pub(crate) columns: Option<Vec<Name>>,
    pub(crate) count: Option<u64>,
    pub(crate) definitions: Vec<PartitionClause>,
}

/// One partition as written.
#[derive(Debug, Clone)]
pub(crate) struct PartitionClause {
    pub(crate) name: String,
    pub(crate) values: PartitionValues,
    pub(crate) comment: String,
    pub(crate) placement_policy: Option<String>,
}

/// The values of a partition, as expressions' texts.
#[derive(Debug, Clone)]
pub(crate) enum PartitionValues {
    None,
    LessThan(Vec<String>),
    In(Vec<Vec<String>>),
    Default,
}
