//! `CREATE TABLE` text of the MySQL and TiDB dialects to [`TableInfo`].

use crate::{SchemaError, TableInfo};

/// What the server's settings contribute to a table definition.
#[derive(Debug, Clone)]
pub struct DdlOptions {
    /// The database's default character set.
    pub charset: String,
    /// The database's default collation.
    pub collate: String,
    /// Ids for the table and, in order, its partitions: the table gets this id, partition `k` gets
    /// `table_id + 1 + k`.
    pub table_id: i64,
}

/// Parses one `CREATE TABLE` statement.
pub fn parse_create_table(_text: &str, _options: &DdlOptions) -> Result<TableInfo, SchemaError> {
    todo!()
}
