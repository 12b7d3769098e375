//! Foreign keys: kept for the server, and the index that TiDB adds for each.

use serde_json::{Value, json};

use super::{Blame, IndexBuilder};
use crate::ddl::options::DdlOptions;
use crate::ddl::syntax::{ForeignKey, IndexDefinition, IndexKind, IndexOptions, IndexPart};
use crate::{SchemaError, TableInfo};

/// Records the foreign keys, then adds an index for each whose columns begin no index yet.
pub(super) fn add_foreign_keys(
    table: &mut TableInfo,
    keys: &[ForeignKey],
    options: &DdlOptions,
    blame: Blame<'_>,
) -> Result<(), SchemaError> {
    if keys.is_empty() {
        return Ok(());
    }
    let mut recorded = Vec::with_capacity(keys.len());
    let mut names = Vec::with_capacity(keys.len());
    for (position, key) in keys.iter().enumerate() {
        let name = key.name.clone().unwrap_or_else(|| format!("fk_{}", position + 1));
        recorded.push(json!({
            "id": position + 1,
            "fk_name": {"O": name, "L": name.to_lowercase()},
            "ref_schema": {
                "O": key.ref_schema.clone().unwrap_or_default(),
                "L": key.ref_schema.clone().unwrap_or_default().to_lowercase(),
            },
            "ref_table": {"O": key.ref_table, "L": key.ref_table.to_lowercase()},
            "ref_cols": key.ref_columns,
            "cols": key.columns,
            "on_delete": key.on_delete,
            "on_update": key.on_update,
            "state": 5,
            "version": 1,
        }));
        names.push(name);
    }
    table.rest.insert("fk_info".into(), Value::Array(recorded));
    table.rest.insert("max_fk_id".into(), Value::from(keys.len()));
    for (key, name) in keys.iter().zip(names) {
        if is_covered(table, key) {
            continue;
        }
        if table.indexes.iter().any(|index| index.name.lower == name.to_lowercase()) {
            return Err(blame.invalid(format!("two keys have the name `{name}`")));
        }
        let parts = key
            .columns
            .iter()
            .map(|column| IndexPart::Column { name: column.clone(), length: None })
            .collect();
        let definition = IndexDefinition {
            kind: IndexKind::Plain,
            name: Some(name.clone()),
            parts,
            options: IndexOptions::default(),
        };
        IndexBuilder { table, options }.add(&definition, &name)?;
    }
    Ok(())
}

/// Whether the handle or an index begins with the foreign key's columns, whole.
fn is_covered(table: &TableInfo, key: &ForeignKey) -> bool {
    let handle_covers = table.pk_is_handle
        && matches!(key.columns.as_slice(), [column] if table.columns.iter().any(|known| {
            known.name.lower == column.lower && known.field_type.has(th_types::flag::PRI_KEY)
        }));
    handle_covers
        || table.indexes.iter().any(|index| {
            index.columns.len() >= key.columns.len()
                && index
                    .columns
                    .iter()
                    .zip(&key.columns)
                    .all(|(part, column)| part.length == -1 && part.name.lower == column.lower)
        })
}
