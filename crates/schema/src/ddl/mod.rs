//! `CREATE TABLE` text of the MySQL and TiDB dialects to [`TableInfo`].
//!
//! Three steps, each in its own place: [`lexer`] makes tokens of the text, the grammar (one file a
//! clause) makes the definition as written ([`syntax`]), and [`build`] does what TiDB does when it
//! executes the statement: ids, lengths, flags, names, hidden columns.
//!
//! What is not understood and changes bytes is an error by name; what only matters to the server is
//! read over or kept in `rest`.

mod alter;
mod build;
mod column;
mod create;
mod cursor;
mod data_type;
mod index;
mod lexer;
mod options;
mod partition;
mod rewrite;
mod statement;
mod syntax;
mod table_option;

pub use alter::apply_alter;
pub use options::DdlOptions;
pub use rewrite::{disable_ttl, rename_view};
pub use statement::{CreateDatabase, Statement, StatementKind, parse_create_database, split_statements};

use crate::{SchemaError, TableInfo};

/// Parses one `CREATE TABLE` statement and executes it under these settings.
///
/// Fails with the line and column of what cannot be read, or with the name of what is not supported.
pub fn parse_create_table(text: &str, options: &DdlOptions) -> Result<TableInfo, SchemaError> {
    let mut cursor = cursor::Cursor::new(text, options)?;
    let definition = create::parse_create(&mut cursor)?;
    build::build_table(&definition, options)
}
