//! `ALTER TABLE`, `CREATE INDEX` and `DROP INDEX`, as far as they are pure changes of the definition.

mod column;
mod index;

use self::column::{Position, parse_position};
use super::build::{Blame, build_definition};
use super::column::parse_column;
use super::cursor::Cursor;
use super::index::{parse_constraint, starts_constraint};
use super::options::DdlOptions;
use super::partition::parse_definitions;
use super::syntax::{Constraint, TableOptions};
use super::table_option::parse_table_options;
use crate::{Name, SchemaError, TableInfo};

/// Applies one `ALTER TABLE`, `CREATE INDEX` or `DROP INDEX` statement to a table that holds no rows, or
/// whose rows the change leaves as they are.
///
/// The statement's table name is not compared with the table's. On an error the table is unchanged.
pub fn apply_alter(table: &mut TableInfo, text: &str, options: &DdlOptions) -> Result<(), SchemaError> {
    let mut cursor = Cursor::new(text, options)?;
    let mut changed = table.clone();
    let name = table.name.original.clone();
    let mut alter = Alter { table: &mut changed, options, blame: Blame(&name) };
    if cursor.accept(&["create"]) {
        alter.create_index(&mut cursor)?;
    } else if cursor.accept(&["drop", "index"]) {
        cursor.accept(&["if", "exists"]);
        let index = cursor.identifier()?;
        cursor.expect(&["on"])?;
        cursor.qualified_name()?;
        alter.drop_index(&index)?;
    } else {
        cursor.expect(&["alter"])?;
        cursor.accept(&["ignore"]);
        cursor.expect(&["table"])?;
        cursor.qualified_name()?;
        loop {
            alter.clause(&mut cursor)?;
            if !cursor.accept_symbol(',') {
                break;
            }
        }
    }
    cursor.expect_end()?;
    *table = changed;
    Ok(())
}

struct Alter<'a> {
    table: &'a mut TableInfo,
    options: &'a DdlOptions,
    blame: Blame<'a>,
}

impl Alter<'_> {
    fn clause(&mut self, cursor: &mut Cursor<'_>) -> Result<(), SchemaError> {
        if cursor.accept(&["add", "partition"]) {
            return self.add_partitions(cursor);
        }
        if cursor.accept(&["drop", "partition"]) {
            return self.drop_partitions(cursor);
        }
        if cursor.accept(&["add"]) {
            return self.add(cursor);
        }
        if cursor.accept(&["drop", "primary", "key"]) {
            return self.drop_index("PRIMARY");
        }
        if cursor.accept(&["drop", "index"]) || cursor.accept(&["drop", "key"]) {
            cursor.accept(&["if", "exists"]);
            let name = cursor.identifier()?;
            return self.drop_index(&name);
        }
        if cursor.accept(&["drop"]) {
            cursor.accept(&["column"]);
            cursor.accept(&["if", "exists"]);
            let name = cursor.identifier()?;
            return self.drop_column(&name);
        }
        if cursor.accept(&["modify"]) {
            cursor.accept(&["column"]);
            cursor.accept(&["if", "exists"]);
            let definition = parse_column(cursor)?;
            let old = definition.name.lower.clone();
            let position = parse_position(cursor)?;
            return self.modify_column(&old, &definition, position);
        }
        if cursor.accept(&["change"]) {
            cursor.accept(&["column"]);
            cursor.accept(&["if", "exists"]);
            let old = cursor.identifier()?.to_lowercase();
            let definition = parse_column(cursor)?;
            let position = parse_position(cursor)?;
            return self.modify_column(&old, &definition, position);
        }
        if cursor.accept(&["alter", "index"]) {
            let name = cursor.identifier()?.to_lowercase();
            let invisible = cursor.accept_any(&["visible", "invisible"]) == Some("invisible");
            let index = self.table.indexes.iter_mut().find(|index| index.name.lower == name);
            let blame = self.blame;
            index.ok_or_else(|| blame.invalid(format!("there is no index `{name}`")))?.is_invisible =
                invisible;
            return Ok(());
        }
        if cursor.accept(&["alter"]) {
            cursor.accept(&["column"]);
            let name = cursor.identifier()?;
            return self.alter_default(cursor, &name);
        }
        if cursor.accept(&["rename"]) {
            return self.rename(cursor);
        }
        self.table_options(cursor)
    }

    fn find_column(&self, name: &str) -> Result<usize, SchemaError> {
        let lower = name.to_lowercase();
        self.table
            .columns
            .iter()
            .position(|column| column.name.lower == lower)
            .ok_or_else(|| self.blame.invalid(format!("there is no column `{name}`")))
    }

    fn add(&mut self, cursor: &mut Cursor<'_>) -> Result<(), SchemaError> {
        if starts_constraint(cursor) {
            return match parse_constraint(cursor)? {
                Some(Constraint::Index(index)) => self.add_index(&index),
                Some(Constraint::ForeignKey(_)) => {
                    Err(self.blame.unsupported("ALTER TABLE … ADD FOREIGN KEY"))
                }
                None => Ok(()),
            };
        }
        cursor.accept(&["column"]);
        cursor.accept(&["if", "not", "exists"]);
        if cursor.accept_symbol('(') {
            loop {
                let definition = parse_column(cursor)?;
                self.add_column(&definition, Position::Last)?;
                if !cursor.accept_symbol(',') {
                    break;
                }
            }
            return cursor.expect_symbol(')');
        }
        let definition = parse_column(cursor)?;
        let position = parse_position(cursor)?;
        self.add_column(&definition, position)
    }

    fn rename(&mut self, cursor: &mut Cursor<'_>) -> Result<(), SchemaError> {
        let index = cursor.accept(&["index"]) || cursor.accept(&["key"]);
        if index || cursor.accept(&["column"]) {
            let old = cursor.identifier()?;
            cursor.expect(&["to"])?;
            let new = Name::new(cursor.identifier()?);
            if index {
                let lower = old.to_lowercase();
                let blame = self.blame;
                let found = self.table.indexes.iter_mut().find(|index| index.name.lower == lower);
                found.ok_or_else(|| blame.invalid(format!("there is no index `{old}`")))?.name = new;
                return Ok(());
            }
            let at = self.find_column(&old)?;
            let lower = old.to_lowercase();
            for part in self.table.indexes.iter_mut().flat_map(|index| &mut index.columns) {
                if part.name.lower == lower {
                    part.name = new.clone();
                }
            }
            if let Some(column) = self.table.columns.get_mut(at) {
                column.name = new;
            }
            return Ok(());
        }
        let _ = cursor.accept_any(&["to", "as"]);
        self.table.name = Name::new(cursor.qualified_name()?.1);
        Ok(())
    }

    fn add_partitions(&mut self, cursor: &mut Cursor<'_>) -> Result<(), SchemaError> {
        let clauses = parse_definitions(cursor)?;
        let blame = self.blame;
        let table_id = self.table.id;
        let partition =
            self.table.partition.as_mut().ok_or_else(|| blame.invalid("the table has no partitions"))?;
        let kind = partition.kind;
        let definitions = partition.definitions.get_or_insert_default();
        for clause in clauses {
            let id = definitions.iter().map(|known| known.id).max().unwrap_or(table_id) + 1;
            definitions.push(build_definition(&clause, id, kind, self.options, blame)?);
        }
        partition.num = definitions.len() as u64;
        Ok(())
    }

    fn drop_partitions(&mut self, cursor: &mut Cursor<'_>) -> Result<(), SchemaError> {
        cursor.accept(&["if", "exists"]);
        let blame = self.blame;
        loop {
            let name = cursor.identifier()?.to_lowercase();
            let partition =
                self.table.partition.as_mut().ok_or_else(|| blame.invalid("the table has no partitions"))?;
            let definitions = partition.definitions.get_or_insert_default();
            let before = definitions.len();
            definitions.retain(|known| known.name.lower != name);
            if definitions.len() == before || definitions.is_empty() {
                return Err(
                    blame.invalid(format!("the partition `{name}` does not exist or is the last one"))
                );
            }
            partition.num = definitions.len() as u64;
            if !cursor.accept_symbol(',') {
                return Ok(());
            }
        }
    }

    fn table_options(&mut self, cursor: &mut Cursor<'_>) -> Result<(), SchemaError> {
        let start = cursor.remaining_text().len();
        let mut options = TableOptions::default();
        parse_table_options(cursor, &mut options)?;
        if cursor.remaining_text().len() == start {
            return Err(cursor.error("this ALTER TABLE clause is not supported"));
        }
        if options.charset.is_some() || options.collate.is_some() || options.shard_row_id_bits > 0 {
            return Err(self.blame.unsupported("changing a table's character set or SHARD_ROW_ID_BITS"));
        }
        if !options.comment.is_empty() {
            self.table.comment = options.comment;
        }
        if options.auto_increment > 0 {
            self.table.auto_inc_id = options.auto_increment as i64;
        }
        if options.auto_random_base > 0 {
            self.table.auto_rand_id = options.auto_random_base as i64;
        }
        if options.auto_id_cache > 0 {
            self.table.auto_id_cache = options.auto_id_cache as i64;
        }
        Ok(())
    }
}
