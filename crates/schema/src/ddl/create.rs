//! The grammar of `CREATE TABLE`.

use super::column::parse_column;
use super::cursor::Cursor;
use super::index::{parse_constraint, starts_constraint};
use super::partition::parse_partitioning;
use super::syntax::{CreateTable, Temporary};
use super::table_option::parse_table_options;
use crate::SchemaError;

/// Reads one `CREATE TABLE` statement, to its end.
pub(crate) fn parse_create(cursor: &mut Cursor<'_>) -> Result<CreateTable, SchemaError> {
    let mut table = CreateTable::default();
    cursor.expect(&["create"])?;
    if cursor.accept(&["or", "replace"]) {
        // MariaDB's form of DROP and CREATE.
    }
    if cursor.accept(&["global", "temporary"]) {
        table.temporary = Temporary::Global;
    } else if cursor.accept(&["temporary"]) {
        table.temporary = Temporary::Local;
    }
    cursor.expect(&["table"])?;
    cursor.accept(&["if", "not", "exists"]);
    table.name = cursor.qualified_name()?.1;
    let unsupported =
        |what: &str| SchemaError::Unsupported { table: table.name.clone(), what: what.to_owned() };
    if cursor.is_word("like") || cursor.is_symbol('(') && cursor.is_word_at(1, "like") {
        return Err(unsupported("CREATE TABLE … LIKE"));
    }
    if !cursor.is_symbol('(') {
        return Err(unsupported("CREATE TABLE … SELECT"));
    }
    cursor.expect_symbol('(')?;
    loop {
        if starts_constraint(cursor) {
            table.constraints.extend(parse_constraint(cursor)?);
        } else {
            table.columns.push(parse_column(cursor)?);
        }
        if !cursor.accept_symbol(',') {
            break;
        }
    }
    cursor.expect_symbol(')')?;
    parse_table_options(cursor, &mut table.options)?;
    table.partitioning = parse_partitioning(cursor)?;
    // TTL stands behind the partitions in TiDB's own text.
    parse_table_options(cursor, &mut table.options)?;
    for words in ["select", "as", "ignore", "replace", "with"] {
        if cursor.is_word(words) {
            return Err(SchemaError::Unsupported {
                table: table.name.clone(),
                what: "CREATE TABLE … SELECT".into(),
            });
        }
    }
    cursor.expect_end()?;
    Ok(table)
}
