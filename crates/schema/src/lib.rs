//! Tables as TiDB defines them.
//!
//! One model, [`TableInfo`], is field for field the JSON that TiDB's status API gives for
//! `/schema/{db}/{table}`; on a real cluster that is the only source. For the playground and offline
//! use [`parse_create_table`] makes the same model from `CREATE TABLE` text, [`apply_alter`] changes it,
//! and [`show_create_table`] writes it back. [`Table`] is the checked view of it that the encoder
//! compiles: whatever would change bytes and is not understood is an error by name, never ignored.

mod ddl;
mod error;
mod model;
mod show;
mod table;

pub use ddl::{
    CreateDatabase, DdlOptions, Statement, StatementKind, apply_alter, disable_ttl, parse_create_database,
    parse_create_table, rename_view, split_statements,
};
pub use error::SchemaError;
pub use model::{
    ColumnInfo, IndexColumn, IndexInfo, Name, PartitionDefinition, PartitionInfo, PartitionKind, SchemaState,
    TableInfo,
};
pub use show::{deferrable_indexes, show_create_table, show_create_table_in};
pub use table::Table;
