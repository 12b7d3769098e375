//! INSERT and REPLACE of literal rows, and UPDATE.

use super::{STOPS, list, table_name};
use crate::tidb::error::SqlError;
use crate::tidb::statement::{Insert, Statement};
use crate::tidb::token::{Cursor, Kind};

pub(super) fn insert(cursor: &mut Cursor<'_>, replace: bool) -> Result<Statement, SqlError> {
    let ignore = cursor.word("ignore");
    cursor.word("into");
    let table = table_name(cursor)?;
    let columns = if matches!(cursor.peek(), Some(Kind::Symbol("("))) {
        cursor.symbol("(");
        if cursor.symbol(")") {
            Some(Vec::new())
        } else {
            let columns = list(cursor, |cursor| cursor.name())?;
            cursor.expect_symbol(")")?;
            Some(columns)
        }
    } else {
        None
    };
    if !cursor.word("values") && !cursor.word("value") {
        return Err(SqlError::unsupported("INSERT without VALUES"));
    }
    let rows = list(cursor, |cursor| {
        cursor.expect_symbol("(")?;
        if cursor.symbol(")") {
            return Ok(Vec::new());
        }
        let row = list(cursor, |cursor| Ok(cursor.expression(&[])?.to_owned()))?;
        cursor.expect_symbol(")")?;
        Ok(row)
    })?;
    if cursor.is_word("on") {
        return Err(SqlError::unsupported("ON DUPLICATE KEY UPDATE"));
    }
    Ok(Statement::Insert(Insert { table, columns, rows, replace, ignore }))
}

pub(super) fn update(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let table = table_name(cursor)?;
    cursor.expect_word("set")?;
    let sets = list(cursor, |cursor| {
        let column = cursor.name()?;
        cursor.expect_symbol("=")?;
        Ok((column, cursor.expression(&STOPS)?.to_owned()))
    })?;
    let filter = if cursor.word("where") { Some(cursor.expression(&STOPS)?.to_owned()) } else { None };
    Ok(Statement::Update { table, sets, filter })
}
