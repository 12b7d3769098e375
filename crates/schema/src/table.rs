//! The checked view of a table that the encoder compiles.

use std::sync::Arc;

use crate::{ColumnInfo, SchemaError, TableInfo};

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
    pub fn new(_db: impl Into<String>, _info: TableInfo) -> Result<Self, SchemaError> {
        todo!()
    }

    /// From the status API's JSON.
    pub fn from_json(db: impl Into<String>, json: &[u8]) -> Result<Self, SchemaError> {
        let info = serde_json::from_slice(json).map_err(|error| SchemaError::Json(error.to_string()))?;
        Self::new(db, info)
    }

    /// The column that is the integer handle (`pk_is_handle`).
    pub fn int_handle_column(&self) -> Option<&ColumnInfo> {
        todo!()
    }

    /// Whether rows get a hidden `_tidb_rowid`.
    pub fn has_implicit_row_id(&self) -> bool {
        !self.info.pk_is_handle && !self.info.is_common_handle
    }
}
