//! Statements of a schema file: where each begins and ends, what kind it is, and the few that need no
//! grammar of their own.

use super::build::Blame;
use super::build::resolve_charset;
use super::cursor::Cursor;
use super::lexer::{TokenKind, tokenize};
use super::options::DdlOptions;
use super::table_option::parse_policy;
use crate::SchemaError;

/// What a statement does, as far as an import cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementKind {
    /// `CREATE DATABASE`: its name.
    CreateDatabase(String),
    /// `CREATE TABLE`: database, if written, and name.
    CreateTable(Option<String>, String),
    /// `CREATE VIEW`: database, if written, and name.
    CreateView(Option<String>, String),
    /// `CREATE SEQUENCE`.
    CreateSequence(Option<String>, String),
    /// `DROP DATABASE`.
    DropDatabase(String),
    /// `DROP TABLE` or `DROP VIEW`, the first name of the list.
    Drop(Option<String>, String),
    /// `ALTER TABLE`, `CREATE INDEX`, `DROP INDEX`: the table.
    AlterTable(Option<String>, String),
    /// `TRUNCATE TABLE`.
    Truncate(Option<String>, String),
    /// `USE`.
    Use(String),
    /// Anything else: its first word in lower case.
    Other(String),
}

/// One statement of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The statement without its semicolon.
    pub text: &'a str,
    /// Where it begins in the text, in bytes.
    pub offset: usize,
    /// What it does.
    pub kind: StatementKind,
}

/// Splits a text at the semicolons that stand outside strings, identifiers and comments. Statements of
/// nothing but comments are left out.
pub fn split_statements<'a>(text: &'a str, options: &DdlOptions) -> Result<Vec<Statement<'a>>, SchemaError> {
    let tokens = tokenize(text, options.dialect())?;
    let mut statements = Vec::new();
    let mut begin = 0;
    for (at, token) in tokens.iter().enumerate() {
        let ends = matches!(token.kind, TokenKind::Symbol(';') | TokenKind::End);
        if !ends {
            continue;
        }
        if at > begin {
            // A live comment belongs to its statement: begin at the end of the one before.
            let from =
                begin.checked_sub(1).and_then(|before| tokens.get(before)).map_or(0, |token| token.end);
            let slice = text.get(from..token.start).unwrap_or_default();
            let trimmed = slice.trim_start();
            statements.push(Statement {
                text: trimmed.trim_end(),
                offset: from + (slice.len() - trimmed.len()),
                kind: kind_of(trimmed, options)?,
            });
        }
        begin = at + 1;
    }
    Ok(statements)
}

fn kind_of(text: &str, options: &DdlOptions) -> Result<StatementKind, SchemaError> {
    let mut cursor = Cursor::new(text, options)?;
    let first = match cursor.peek(0) {
        TokenKind::Word(word) => word.to_ascii_lowercase(),
        _ => return Ok(StatementKind::Other(String::new())),
    };
    Ok(read_kind(&mut cursor, &first).unwrap_or(StatementKind::Other(first)))
}

/// The kind of a well-formed beginning; what follows is not looked at.
fn read_kind(cursor: &mut Cursor<'_>, first: &str) -> Option<StatementKind> {
    cursor.identifier().ok()?;
    match first {
        "create" => {
            skip_create_attributes(cursor);
            match cursor.accept_any(&["database", "schema", "table", "view", "sequence", "index"])? {
                "database" | "schema" => {
                    cursor.accept(&["if", "not", "exists"]);
                    Some(StatementKind::CreateDatabase(cursor.identifier().ok()?))
                }
                "index" => {
                    cursor.accept(&["if", "not", "exists"]);
                    while !cursor.accept(&["on"]) {
                        cursor.identifier().ok()?;
                    }
                    named(cursor, StatementKind::AlterTable)
                }
                "table" => named(cursor, StatementKind::CreateTable),
                "view" => named(cursor, StatementKind::CreateView),
                _ => named(cursor, StatementKind::CreateSequence),
            }
        }
        "drop" => match cursor.accept_any(&["database", "schema", "table", "view", "sequence", "index"])? {
            "database" | "schema" => {
                cursor.accept(&["if", "exists"]);
                Some(StatementKind::DropDatabase(cursor.identifier().ok()?))
            }
            "index" => {
                cursor.accept(&["if", "exists"]);
                cursor.identifier().ok()?;
                cursor.expect(&["on"]).ok()?;
                named(cursor, StatementKind::AlterTable)
            }
            _ => named(cursor, StatementKind::Drop),
        },
        "alter" => {
            cursor.accept(&["ignore"]);
            cursor.expect(&["table"]).ok()?;
            named(cursor, StatementKind::AlterTable)
        }
        "truncate" => {
            cursor.accept(&["table"]);
            named(cursor, StatementKind::Truncate)
        }
        "use" => Some(StatementKind::Use(cursor.identifier().ok()?)),
        _ => None,
    }
}

/// `OR REPLACE`, `TEMPORARY`, `ALGORITHM = …`, `DEFINER = …`, `UNIQUE` and their like.
fn skip_create_attributes(cursor: &mut Cursor<'_>) {
    let kinds = ["database", "schema", "table", "view", "sequence", "index"];
    while !cursor.at_end() && !kinds.iter().any(|kind| cursor.is_word(kind)) {
        let symbol = ['=', '@', '(', ')'].into_iter().find(|symbol| cursor.is_symbol(*symbol));
        let passed = match symbol {
            Some(symbol) => cursor.accept_symbol(symbol),
            None => cursor.name_or_text().is_ok(),
        };
        if !passed {
            return;
        }
    }
}

fn named(
    cursor: &mut Cursor<'_>,
    kind: impl Fn(Option<String>, String) -> StatementKind,
) -> Option<StatementKind> {
    let _ = cursor.accept(&["if", "not", "exists"]) || cursor.accept(&["if", "exists"]);
    let (qualifier, name) = cursor.qualified_name().ok()?;
    Some(kind(qualifier, name))
}

/// `CREATE DATABASE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateDatabase {
    /// Name.
    pub name: String,
    /// Default character set.
    pub charset: String,
    /// Default collation.
    pub collate: String,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
}

/// Parses `CREATE DATABASE`; what it does not name comes from `options`.
pub fn parse_create_database(text: &str, options: &DdlOptions) -> Result<CreateDatabase, SchemaError> {
    let mut cursor = Cursor::new(text, options)?;
    cursor.expect(&["create"])?;
    if cursor.accept_any(&["database", "schema"]).is_none() {
        return Err(cursor.error("expected DATABASE"));
    }
    let if_not_exists = cursor.accept(&["if", "not", "exists"]);
    let name = cursor.identifier()?;
    let (mut charset, mut collate) = (None, None);
    loop {
        cursor.accept(&["default"]);
        if cursor.accept(&["charset"])
            || cursor.accept(&["character", "set"])
            || cursor.accept(&["char", "set"])
        {
            cursor.accept_equals();
            charset = Some(cursor.name_or_text()?.to_ascii_lowercase());
        } else if cursor.accept(&["collate"]) {
            cursor.accept_equals();
            collate = Some(cursor.name_or_text()?.to_ascii_lowercase());
        } else if cursor.accept(&["placement", "policy"]) {
            parse_policy(&mut cursor)?;
        } else if cursor.accept(&["encryption"]) {
            cursor.accept_equals();
            cursor.text()?;
        } else {
            break;
        }
    }
    cursor.expect_end()?;
    let default = (options.charset.as_str(), options.collate.as_str());
    let (charset, collate) = resolve_charset(charset.as_deref(), collate.as_deref(), default, Blame(&name))?;
    Ok(CreateDatabase { name, charset, collate, if_not_exists })
}
