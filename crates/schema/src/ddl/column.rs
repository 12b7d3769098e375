//! A column's definition: name, type and what follows it.

use th_expr::Expr;

use super::cursor::Cursor;
use super::data_type::parse_type;
use super::index::parse_foreign_key_target;
use super::lexer::TokenKind;
use super::syntax::{ColumnDefinition, ColumnOption, DefaultValue};
use crate::{Name, SchemaError};

/// Functions that read the clock, as defaults.
const NOW: [&str; 4] = ["current_timestamp", "now", "localtime", "localtimestamp"];

/// Reads `name type options…`.
pub(crate) fn parse_column(cursor: &mut Cursor<'_>) -> Result<ColumnDefinition, SchemaError> {
    let mut name = cursor.identifier()?;
    // Qualified by table, and perhaps database.
    while cursor.accept_symbol('.') {
        name = cursor.identifier()?;
    }
    let parsed = parse_type(cursor)?;
    let mut options = Vec::new();
    if parsed.serial {
        options.extend([
            ColumnOption::NotNull,
            ColumnOption::AutoIncrement,
            ColumnOption::Unique { global: false },
        ]);
    }
    while let Some(more) = parse_option(cursor)? {
        options.extend(more);
    }
    Ok(ColumnDefinition { name: Name::new(name), field_type: parsed.field_type, options })
}

/// Reads one option; `None` where no option begins, an empty list for one that means nothing here.
fn parse_option(cursor: &mut Cursor<'_>) -> Result<Option<Vec<ColumnOption>>, SchemaError> {
    let one = |option| Ok(Some(vec![option]));
    if cursor.accept(&["not", "null"]) {
        return one(ColumnOption::NotNull);
    }
    if cursor.accept(&["null"]) {
        return one(ColumnOption::Null);
    }
    if cursor.accept(&["auto_increment"]) {
        return one(ColumnOption::AutoIncrement);
    }
    if cursor.accept(&["auto_random"]) {
        return one(parse_auto_random(cursor)?);
    }
    if cursor.accept(&["default"]) {
        return one(ColumnOption::Default(parse_default(cursor)?));
    }
    if cursor.accept(&["serial", "default", "value"]) {
        return Ok(Some(vec![
            ColumnOption::NotNull,
            ColumnOption::AutoIncrement,
            ColumnOption::Unique { global: false },
        ]));
    }
    if cursor.accept(&["on", "update"]) {
        match parse_default(cursor)? {
            DefaultValue::Now { .. } => return one(ColumnOption::OnUpdateNow),
            _ => return Err(cursor.error("ON UPDATE takes CURRENT_TIMESTAMP only")),
        }
    }
    if cursor.accept(&["primary"])
        || cursor.is_word("key") && !matches!(cursor.peek(1), TokenKind::Symbol('('))
    {
        cursor.accept(&["key"]);
        let clustered = cursor.accept_any(&["clustered", "nonclustered"]).map(|word| word == "clustered");
        return one(ColumnOption::Primary { clustered, global: parse_global(cursor) });
    }
    if cursor.accept(&["unique"]) {
        cursor.accept(&["key"]);
        return one(ColumnOption::Unique { global: parse_global(cursor) });
    }
    if cursor.accept(&["comment"]) {
        return one(ColumnOption::Comment(cursor.text()?));
    }
    if cursor.accept(&["collate"]) {
        cursor.accept_equals();
        return one(ColumnOption::Collate(cursor.name_or_text()?.to_ascii_lowercase()));
    }
    if cursor.accept(&["generated", "always", "as"]) || cursor.accept(&["as"]) {
        let expression = cursor.parenthesised_text()?.to_owned();
        let stored =
            cursor.accept_any(&["stored", "virtual", "persistent"]).is_some_and(|word| word != "virtual");
        return one(ColumnOption::Generated { expression, stored });
    }
    parse_idle_option(cursor)
}

fn parse_global(cursor: &mut Cursor<'_>) -> bool {
    cursor.accept_any(&["global", "local"]) == Some("global")
}

/// Options that are read and mean nothing for stored bytes.
fn parse_idle_option(cursor: &mut Cursor<'_>) -> Result<Option<Vec<ColumnOption>>, SchemaError> {
    if cursor.is_word("constraint") || cursor.is_word("check") {
        if cursor.accept(&["constraint"]) && !cursor.is_word("check") {
            cursor.identifier()?;
        }
        parse_check(cursor)?;
    } else if cursor.accept(&["references"]) {
        parse_foreign_key_target(cursor)?;
    } else if cursor.accept(&["column_format"]) || cursor.accept(&["storage"]) {
        cursor.identifier()?;
    } else if cursor.accept(&["engine_attribute"]) || cursor.accept(&["secondary_engine_attribute"]) {
        cursor.accept_equals();
        cursor.text()?;
    } else if cursor.accept_any(&["visible"]).is_none() {
        if cursor.is_word("invisible") {
            return Err(cursor.error("an INVISIBLE column is not supported"));
        }
        if cursor.accept(&["srid"]) {
            cursor.integer()?;
            return Ok(Some(Vec::new()));
        }
        return Ok(None);
    }
    Ok(Some(Vec::new()))
}

/// `CHECK (…) [NOT] ENFORCED`: TiDB keeps it only when told to, and it never changes bytes.
pub(crate) fn parse_check(cursor: &mut Cursor<'_>) -> Result<(), SchemaError> {
    cursor.expect(&["check"])?;
    cursor.parenthesised_text()?;
    if !cursor.accept(&["not", "enforced"]) {
        cursor.accept(&["enforced"]);
    }
    Ok(())
}

fn parse_auto_random(cursor: &mut Cursor<'_>) -> Result<ColumnOption, SchemaError> {
    let (mut shard_bits, mut range_bits) = (5, 64);
    if cursor.accept_symbol('(') {
        shard_bits = cursor.integer()?;
        if cursor.accept_symbol(',') {
            range_bits = cursor.integer()?;
        }
        cursor.expect_symbol(')')?;
    }
    if !(1..=15).contains(&shard_bits) || !(32..=64).contains(&range_bits) {
        return Err(cursor.error("AUTO_RANDOM takes 1 to 15 shard bits and a range of 32 to 64 bits"));
    }
    Ok(ColumnOption::AutoRandom { shard_bits, range_bits })
}

/// Reads the value after DEFAULT.
pub(crate) fn parse_default(cursor: &mut Cursor<'_>) -> Result<DefaultValue, SchemaError> {
    if cursor.is_symbol('(') {
        return default_of_parentheses(cursor);
    }
    let negative = cursor.accept_symbol('-');
    if negative || cursor.accept_symbol('+') {
        let number = cursor.take_number().ok_or_else(|| cursor.error("expected a number after the sign"))?;
        return Ok(DefaultValue::Number(if negative { format!("-{number}") } else { number }));
    }
    match cursor.peek(0).clone() {
        TokenKind::Number(_) => Ok(DefaultValue::Number(cursor.take_number().unwrap_or_default())),
        TokenKind::Binary(_) => Ok(DefaultValue::Binary(cursor.take_binary().unwrap_or_default())),
        TokenKind::Text(_) => Ok(DefaultValue::Text(cursor.text_bytes()?)),
        TokenKind::Word(word) => default_of_word(cursor, &word.to_ascii_lowercase()),
        _ => Err(cursor.error("expected a default value")),
    }
}

fn default_of_word(cursor: &mut Cursor<'_>, word: &str) -> Result<DefaultValue, SchemaError> {
    let followed_by_text = matches!(cursor.peek(1), TokenKind::Text(_));
    match word {
        "null" => {
            cursor.identifier()?;
            Ok(DefaultValue::Null)
        }
        "true" | "false" => {
            cursor.identifier()?;
            Ok(DefaultValue::Number(u8::from(word == "true").to_string()))
        }
        "date" | "time" | "timestamp" if followed_by_text => {
            cursor.identifier()?;
            Ok(DefaultValue::Text(cursor.text_bytes()?))
        }
        _ if word.starts_with('_') && followed_by_text => {
            cursor.identifier()?;
            Ok(DefaultValue::Text(cursor.text_bytes()?))
        }
        _ if word.starts_with('_') && matches!(cursor.peek(1), TokenKind::Binary(_)) => {
            cursor.identifier()?;
            Ok(DefaultValue::Binary(cursor.take_binary().unwrap_or_default()))
        }
        _ if NOW.contains(&word) => {
            cursor.identifier()?;
            let fsp = cursor.parenthesised_integer()?;
            if fsp.is_none() && cursor.accept_symbol('(') {
                cursor.expect_symbol(')')?;
            }
            Ok(DefaultValue::Now { fsp: fsp.unwrap_or(0) })
        }
        "current_date" | "curdate" => {
            cursor.identifier()?;
            if cursor.accept_symbol('(') {
                cursor.expect_symbol(')')?;
            }
            Ok(DefaultValue::CurrentDate)
        }
        _ => {
            let start = cursor.remaining_text();
            cursor.identifier()?;
            if !cursor.is_symbol('(') {
                return Err(cursor.error("expected a default value"));
            }
            cursor.parenthesised_text()?;
            let len = start.len() - cursor.remaining_text().len();
            Ok(DefaultValue::Expression(start.get(..len).unwrap_or_default().trim().to_owned()))
        }
    }
}

/// `DEFAULT (…)`: a literal in parentheses is that literal, anything else an expression.
fn default_of_parentheses(cursor: &mut Cursor<'_>) -> Result<DefaultValue, SchemaError> {
    let mut outer = 0;
    while cursor.is_symbol('(') && *cursor.peek(1) == TokenKind::Symbol('(') {
        cursor.expect_symbol('(')?;
        outer += 1;
    }
    let value = default_of_one_pair(cursor)?;
    for _ in 0..outer {
        cursor.expect_symbol(')')?;
    }
    Ok(value)
}

fn default_of_one_pair(cursor: &mut Cursor<'_>) -> Result<DefaultValue, SchemaError> {
    let is_word_of_time = match cursor.peek(1) {
        TokenKind::Word(word) => {
            let word = word.to_ascii_lowercase();
            NOW.contains(&word.as_str()) || matches!(word.as_str(), "current_date" | "curdate")
        }
        _ => false,
    };
    let is_literal = *cursor.peek(2) == TokenKind::Symbol(')')
        || matches!(cursor.peek(2), TokenKind::Number(_)) && *cursor.peek(3) == TokenKind::Symbol(')');
    if is_literal || is_word_of_time {
        cursor.expect_symbol('(')?;
        let value = parse_default(cursor)?;
        cursor.expect_symbol(')')?;
        return Ok(value);
    }
    let text = cursor.parenthesised_text()?;
    // Refused here, where the place is known, if it is no expression at all.
    Expr::parse(text).map_err(|error| cursor.error(format!("in the default before this: {error}")))?;
    Ok(DefaultValue::Expression(text.to_owned()))
}
