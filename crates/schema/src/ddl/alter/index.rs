//! Adding and dropping indexes.

use std::collections::HashSet;

use th_types::flag;

use super::Alter;
use crate::SchemaError;
use crate::ddl::build::{IndexBuilder, free_name, set_index_flags};
use crate::ddl::cursor::Cursor;
use crate::ddl::index::named_index;
use crate::ddl::syntax::{Constraint, IndexDefinition, IndexKind};

impl Alter<'_> {
    pub(super) fn create_index(&mut self, cursor: &mut Cursor<'_>) -> Result<(), SchemaError> {
        let kind = if cursor.accept(&["unique"]) { IndexKind::Unique } else { IndexKind::Plain };
        cursor.expect(&["index"])?;
        cursor.accept(&["if", "not", "exists"]);
        let name = cursor.identifier()?;
        cursor.expect(&["on"])?;
        cursor.qualified_name()?;
        match named_index(cursor, kind, Some(name))? {
            Constraint::Index(index) => self.add_index(&index),
            Constraint::ForeignKey(_) => Ok(()),
        }
    }

    pub(super) fn add_index(&mut self, index: &IndexDefinition) -> Result<(), SchemaError> {
        let mut taken: HashSet<String> =
            self.table.indexes.iter().map(|index| index.name.lower.clone()).collect();
        if index.kind == IndexKind::Primary && index.options.clustered != Some(false) {
            return Err(self.blame.unsupported("adding a clustered primary key to an existing table"));
        }
        let name = match &index.name {
            Some(name) if taken.contains(&name.to_lowercase()) => {
                return Err(self.blame.invalid(format!("two keys have the name `{name}`")));
            }
            Some(name) => name.clone(),
            None => free_name(index, &mut taken),
        };
        IndexBuilder { table: self.table, options: self.options }.add(index, &name)?;
        if let Some(added) = self.table.indexes.last().cloned() {
            set_index_flags(self.table, &added);
        }
        Ok(())
    }

    pub(super) fn drop_index(&mut self, name: &str) -> Result<(), SchemaError> {
        let lower = name.to_lowercase();
        let at = self
            .table
            .indexes
            .iter()
            .position(|index| index.name.lower == lower)
            .ok_or_else(|| self.blame.invalid(format!("there is no index `{name}`")))?;
        let index = self.table.indexes.remove(at);
        if index.is_primary && self.table.is_common_handle {
            return Err(self.blame.invalid("a clustered primary key cannot be dropped"));
        }
        // The flags are taken away and set anew by the indexes that are left (`DropIndexColumnFlag`).
        if let Some(first) = index.columns.first() {
            let bits = if index.is_primary {
                flag::PRI_KEY
            } else if index.is_unique && index.columns.len() == 1 {
                flag::UNIQUE_KEY
            } else {
                flag::MULTIPLE_KEY
            };
            let parts = if index.is_primary { index.columns.as_slice() } else { std::slice::from_ref(first) };
            for part in parts {
                if let Some(column) = self.table.columns.get_mut(part.offset) {
                    column.field_type.flag &= !bits;
                }
            }
            for other in self.table.indexes.clone() {
                if other.columns.first().is_some_and(|part| part.name.lower == first.name.lower) {
                    set_index_flags(self.table, &other);
                }
            }
        }
        let hidden: Vec<String> = index
            .columns
            .iter()
            .filter(|part| self.table.columns.get(part.offset).is_some_and(|column| column.hidden))
            .map(|part| part.name.lower.clone())
            .collect();
        self.table.columns.retain(|column| !hidden.contains(&column.name.lower));
        self.renumber();
        Ok(())
    }
}
