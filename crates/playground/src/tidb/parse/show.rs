//! SHOW.

use super::{if_not_exists, rest, table_name};
use crate::tidb::error::SqlError;
use crate::tidb::statement::{Show, ShowKind, TableName};
use crate::tidb::token::Cursor;

pub(super) fn show(cursor: &mut Cursor<'_>) -> Result<Show, SqlError> {
    let kind = show_kind(cursor)?;
    let like = if cursor.word("like") { Some(cursor.literal()?) } else { None };
    let filter = if cursor.word("where") { Some(cursor.expression(&[])?.to_owned()) } else { None };
    if cursor.word("limit") {
        rest(cursor);
    }
    Ok(Show { kind, like, filter })
}

fn show_kind(cursor: &mut Cursor<'_>) -> Result<ShowKind, SqlError> {
    let full = cursor.word("full");
    let global = cursor.word("global");
    let _ = cursor.word("session");
    if cursor.word("databases") || cursor.word("schemas") {
        return Ok(ShowKind::Databases);
    }
    if cursor.word("tables") {
        return Ok(ShowKind::Tables { db: from_db(cursor)?, full });
    }
    if cursor.words("table status") {
        return Ok(ShowKind::TableStatus { db: from_db(cursor)? });
    }
    if cursor.words("create table") {
        return table_name(cursor).map(ShowKind::CreateTable);
    }
    if cursor.words("create view") {
        return table_name(cursor).map(ShowKind::CreateView);
    }
    if cursor.words("create database") || cursor.words("create schema") {
        let if_not_exists = if_not_exists(cursor);
        return Ok(ShowKind::CreateDatabase { name: cursor.name()?, if_not_exists });
    }
    if cursor.word("columns") || cursor.word("fields") {
        return Ok(ShowKind::Columns { table: table_in_db(cursor)?, full });
    }
    if cursor.word("index") || cursor.word("indexes") || cursor.word("keys") {
        return table_in_db(cursor).map(ShowKind::Index);
    }
    if cursor.word("variables") {
        return Ok(ShowKind::Variables { global });
    }
    if cursor.word("table") {
        let table = table_name(cursor)?;
        if cursor.word("next_row_id") {
            return Ok(ShowKind::NextRowId(table));
        }
        cursor.expect_word("regions")?;
        return Ok(ShowKind::Regions(table));
    }
    for (words, kind) in [
        ("status", ShowKind::Status),
        ("warnings", ShowKind::Warnings),
        ("errors", ShowKind::Errors),
        ("processlist", ShowKind::ProcessList),
        ("engines", ShowKind::Engines),
        ("character set", ShowKind::CharacterSet),
        ("charset", ShowKind::CharacterSet),
        ("collation", ShowKind::Collation),
        ("master status", ShowKind::MasterStatus),
        ("binary log status", ShowKind::MasterStatus),
        ("config", ShowKind::Config),
        ("import jobs", ShowKind::ImportJobs),
    ] {
        if cursor.words(words) {
            return Ok(kind);
        }
    }
    if cursor.word("grants") {
        rest(cursor);
        return Ok(ShowKind::Grants);
    }
    Err(SqlError::unsupported(format!("SHOW {}", rest(cursor))))
}

fn table_in_db(cursor: &mut Cursor<'_>) -> Result<TableName, SqlError> {
    if !cursor.word("from") && !cursor.word("in") {
        return Err(cursor.error());
    }
    let mut name = table_name(cursor)?;
    if let Some(db) = from_db(cursor)? {
        name.db = Some(db);
    }
    Ok(name)
}

fn from_db(cursor: &mut Cursor<'_>) -> Result<Option<String>, SqlError> {
    if cursor.word("from") || cursor.word("in") { cursor.name().map(Some) } else { Ok(None) }
}
