//! CREATE, DROP and ALTER: names and options are read here, definitions by the schema crate from the text.

use super::{if_not_exists, list, number, rest, table_name};
use crate::tidb::error::SqlError;
use crate::tidb::statement::{AlterSpec, Statement};
use crate::tidb::token::{Cursor, Kind};

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    if cursor.word("database") || cursor.word("schema") {
        let if_not_exists = if_not_exists(cursor);
        let name = cursor.name()?;
        let (charset, collate) = database_options(cursor)?;
        return Ok(Statement::CreateDatabase { name, if_not_exists, charset, collate });
    }
    if cursor.word("table") {
        let if_not_exists = if_not_exists(cursor);
        let name = table_name(cursor)?;
        let bracket = cursor.symbol("(");
        if cursor.word("like") {
            let like = table_name(cursor)?;
            if bracket {
                cursor.expect_symbol(")")?;
            }
            return Ok(Statement::CreateTableLike { name, like, if_not_exists });
        }
        rest(cursor);
        return Ok(Statement::CreateTable { name, if_not_exists, text: cursor.sql.to_owned() });
    }
    cursor.word("unique");
    if cursor.word("index") {
        cursor.words("if not exists");
        cursor.name()?;
        cursor.expect_word("on")?;
        let name = table_name(cursor)?;
        rest(cursor);
        return Ok(Statement::AlterTable {
            name,
            specs: vec![AlterSpec::Definition],
            text: cursor.sql.to_owned(),
        });
    }
    let or_replace = cursor.words("or replace");
    if cursor.word("algorithm") {
        cursor.symbol("=");
        cursor.next();
    }
    if cursor.word("definer") {
        while cursor.peek().is_some() && !cursor.is_word("sql") && !cursor.is_word("view") {
            cursor.next();
        }
    }
    if cursor.words("sql security") {
        cursor.next();
    }
    if cursor.word("view") {
        let name = table_name(cursor)?;
        let mut columns = Vec::new();
        if cursor.symbol("(") {
            columns = list(cursor, |cursor| cursor.name())?;
            cursor.expect_symbol(")")?;
        }
        cursor.expect_word("as")?;
        let select = rest(cursor).to_owned();
        return Ok(Statement::CreateView { name, or_replace, columns, select });
    }
    if cursor.word("user") || cursor.word("role") || cursor.word("binding") || cursor.words("global binding")
    {
        rest(cursor);
        return Ok(Statement::Nothing);
    }
    Err(SqlError::unsupported(format!("CREATE {}", rest(cursor))))
}

pub(super) fn drop_statement(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    if cursor.word("database") || cursor.word("schema") {
        let if_exists = cursor.words("if exists");
        return Ok(Statement::DropDatabase { name: cursor.name()?, if_exists });
    }
    cursor.word("temporary");
    let views = cursor.word("view");
    if views || cursor.word("table") || cursor.word("tables") {
        let if_exists = cursor.words("if exists");
        let names = list(cursor, table_name)?;
        let _ = cursor.word("restrict") || cursor.word("cascade");
        return Ok(Statement::DropTables { names, if_exists, views });
    }
    if cursor.word("index") {
        cursor.words("if exists");
        cursor.name()?;
        cursor.expect_word("on")?;
        let name = table_name(cursor)?;
        return Ok(Statement::AlterTable {
            name,
            specs: vec![AlterSpec::Definition],
            text: cursor.sql.to_owned(),
        });
    }
    if cursor.word("user") || cursor.word("role") || cursor.word("stats") {
        rest(cursor);
        return Ok(Statement::Nothing);
    }
    Err(SqlError::unsupported(format!("DROP {}", rest(cursor))))
}

pub(super) fn alter(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    if cursor.word("database") || cursor.word("schema") {
        let options = |cursor: &Cursor<'_>| {
            ["character", "charset", "collate", "default"].iter().any(|word| cursor.is_word(word))
        };
        let name = if options(cursor) { None } else { Some(cursor.name()?) };
        let (charset, collate) = database_options(cursor)?;
        return Ok(Statement::AlterDatabase { name, charset, collate });
    }
    if cursor.word("user") || cursor.word("instance") {
        rest(cursor);
        return Ok(Statement::Nothing);
    }
    cursor.expect_word("table")?;
    let name = table_name(cursor)?;
    let specs = if cursor.at_end() { Vec::new() } else { list(cursor, alter_spec)? };
    Ok(Statement::AlterTable { name, specs, text: cursor.sql.to_owned() })
}

fn alter_spec(cursor: &mut Cursor<'_>) -> Result<AlterSpec, SqlError> {
    let force = cursor.word("force");
    if cursor.word("auto_increment") {
        cursor.symbol("=");
        return Ok(AlterSpec::AutoIncrement { base: number(cursor)?, force });
    }
    if cursor.word("auto_random_base") {
        cursor.symbol("=");
        return Ok(AlterSpec::AutoRandomBase { base: number(cursor)?, force });
    }
    if force {
        return Ok(AlterSpec::Nothing);
    }
    if cursor.words("rename to") || cursor.words("rename as") {
        return table_name(cursor).map(AlterSpec::Rename);
    }
    if cursor.words("set tiflash replica") {
        let count = number(cursor)?;
        let mut labels = Vec::new();
        if cursor.words("location labels") {
            labels.push(cursor.literal()?);
            while cursor.symbol(",") {
                labels.push(cursor.literal()?);
            }
        }
        return Ok(AlterSpec::TiflashReplica(count, labels));
    }
    if cursor.words("enable keys") || cursor.words("disable keys") {
        while cursor.peek().is_some() && !matches!(cursor.peek(), Some(Kind::Symbol("," | ";"))) {
            cursor.next();
        }
        return Ok(AlterSpec::Nothing);
    }
    cursor.expression(&[]).map(|_| AlterSpec::Definition)
}

/// CHARSET and COLLATE options of a database; others are taken without effect.
fn database_options(cursor: &mut Cursor<'_>) -> Result<(Option<String>, Option<String>), SqlError> {
    let (mut charset, mut collate) = (None, None);
    while cursor.peek().is_some() && !cursor.at_end() {
        cursor.word("default");
        if cursor.words("character set") || cursor.word("charset") {
            cursor.symbol("=");
            charset = Some(cursor.literal()?);
        } else if cursor.word("collate") {
            cursor.symbol("=");
            collate = Some(cursor.literal()?);
        } else {
            cursor.next();
        }
    }
    Ok((charset, collate))
}
