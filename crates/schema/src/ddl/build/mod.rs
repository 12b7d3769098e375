//! From a parsed definition to [`TableInfo`]: everything TiDB fills in when it executes the statement.
//!
//! The order of steps is TiDB's, because ids come from it: columns take their ids first; then each
//! constraint in turn takes ids for its hidden columns and its index. Constraints written at columns
//! come after the table's own.

mod column;
mod default_value;
mod foreign_key;
mod index;
mod partition;
mod table;

pub(crate) use column::{build_column, resolve_charset};
pub(crate) use default_value::default_from_literal;
pub(crate) use index::{IndexBuilder, set_index_flags};
pub(crate) use partition::build_definition;
pub(crate) use table::{build_table, free_name};

use crate::SchemaError;

/// The table that errors name.
#[derive(Clone, Copy)]
pub(crate) struct Blame<'a>(pub(crate) &'a str);

impl Blame<'_> {
    pub(crate) fn invalid(self, message: impl Into<String>) -> SchemaError {
        SchemaError::Invalid { table: self.0.to_owned(), message: message.into() }
    }

    pub(crate) fn unsupported(self, what: impl Into<String>) -> SchemaError {
        SchemaError::Unsupported { table: self.0.to_owned(), what: what.into() }
    }
}
