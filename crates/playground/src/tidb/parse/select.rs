//! SELECT of one table or of none.

use super::{STOPS, list, number, rest, table_name};
use crate::tidb::error::SqlError;
use crate::tidb::statement::{Aggregate, Item, Select};
use crate::tidb::token::{Cursor, Kind};

pub(super) fn select(cursor: &mut Cursor<'_>) -> Result<Select, SqlError> {
    let distinct = cursor.word("distinct");
    for hint in ["all", "sql_no_cache", "sql_cache", "high_priority", "straight_join", "sql_calc_found_rows"]
    {
        cursor.word(hint);
    }
    let items = list(cursor, item)?;
    let mut select = Select {
        items,
        distinct,
        from: None,
        partitions: None,
        filter: None,
        group_by: Vec::new(),
        order_by: Vec::new(),
        offset: 0,
        limit: None,
        locking: false,
    };
    if cursor.word("from") && !cursor.word("dual") {
        select.from = Some(table_name(cursor)?);
        from_options(cursor, &mut select)?;
    }
    if cursor.word("where") {
        select.filter = Some(cursor.expression(&STOPS)?.to_owned());
    }
    if cursor.words("group by") {
        select.group_by = list(cursor, |cursor| Ok(cursor.expression(&STOPS)?.to_owned()))?;
    }
    if cursor.is_word("having") {
        return Err(SqlError::unsupported("HAVING"));
    }
    if cursor.words("order by") {
        select.order_by = list(cursor, |cursor| {
            let text = cursor.expression(&STOPS)?.to_owned();
            let descending = cursor.word("desc");
            cursor.word("asc");
            Ok((text, descending))
        })?;
    }
    if cursor.word("limit") {
        let first = number(cursor)?;
        if cursor.symbol(",") {
            select.offset = first;
            select.limit = Some(number(cursor)?);
        } else {
            select.limit = Some(first);
            if cursor.word("offset") {
                select.offset = number(cursor)?;
            }
        }
    }
    if cursor.words("for update") {
        select.locking = true;
        cursor.word("nowait");
    } else {
        cursor.words("lock in share mode");
    }
    if cursor.is_word("union") || cursor.is_word("into") {
        return Err(SqlError::unsupported(format!("SELECT … {}", rest(cursor))));
    }
    Ok(select)
}

/// PARTITION, alias and index hints behind a table's name.
fn from_options(cursor: &mut Cursor<'_>, select: &mut Select) -> Result<(), SqlError> {
    if cursor.word("partition") {
        cursor.expect_symbol("(")?;
        select.partitions = Some(list(cursor, |cursor| cursor.name())?);
        cursor.expect_symbol(")")?;
    }
    loop {
        let hint = cursor.words("use index")
            || cursor.words("use key")
            || cursor.words("ignore index")
            || cursor.words("force index")
            || cursor.words("ignore key")
            || cursor.words("force key");
        if hint {
            cursor.expect_symbol("(")?;
            while cursor.peek().is_some() && !cursor.symbol(")") {
                cursor.next();
            }
            continue;
        }
        if cursor.word("as") {
            cursor.name()?;
            continue;
        }
        let alias = matches!(cursor.peek(), Some(Kind::Word(word)) if !STOPS.iter().any(|stop| stop.eq_ignore_ascii_case(word))
            && !["join", "left", "right", "inner", "cross", "natural", "lock"].iter().any(|join| join.eq_ignore_ascii_case(word)))
            || matches!(cursor.peek(), Some(Kind::Quoted(_)));
        if !alias {
            break;
        }
        cursor.name()?;
    }
    match cursor.peek() {
        Some(Kind::Symbol(",")) => Err(SqlError::unsupported("joins")),
        Some(Kind::Word(word))
            if ["join", "left", "right", "inner", "cross", "natural"]
                .iter()
                .any(|join| join.eq_ignore_ascii_case(word)) =>
        {
            Err(SqlError::unsupported("joins"))
        }
        _ => Ok(()),
    }
}

fn item(cursor: &mut Cursor<'_>) -> Result<Item, SqlError> {
    if cursor.symbol("*") {
        return Ok(Item::Star);
    }
    if matches!(cursor.peek_at(1), Some(Kind::Symbol(".")))
        && matches!(cursor.peek_at(2), Some(Kind::Symbol("*")))
    {
        cursor.next();
        cursor.next();
        cursor.next();
        return Ok(Item::Star);
    }
    let text = cursor.expression(&STOPS)?.to_owned();
    let as_written = unquoted(&text);
    let name = if cursor.word("as") {
        cursor.literal()?
    } else {
        match cursor.peek() {
            Some(Kind::Word(word)) if !STOPS.iter().any(|stop| stop.eq_ignore_ascii_case(word)) => {
                cursor.name()?
            }
            Some(Kind::Quoted(_)) => cursor.name()?,
            _ => as_written,
        }
    };
    Ok(aggregate(&text, &name).unwrap_or(Item::Expression { text, name }))
}

fn aggregate(text: &str, name: &str) -> Option<Item> {
    let mut cursor = Cursor::new(text).ok()?;
    let mut function = [
        ("count", Aggregate::Count),
        ("sum", Aggregate::Sum),
        ("min", Aggregate::Min),
        ("max", Aggregate::Max),
        ("bit_xor", Aggregate::BitXor),
        ("bit_and", Aggregate::BitAnd),
        ("bit_or", Aggregate::BitOr),
    ]
    .into_iter()
    .find(|(word, _)| cursor.word(word))?
    .1;
    cursor.symbol("(").then_some(())?;
    if cursor.word("distinct") && function == Aggregate::Count {
        function = Aggregate::CountDistinct;
    }
    let argument = if cursor.symbol("*") { None } else { Some(cursor.expression(&[]).ok()?.to_owned()) };
    (cursor.symbol(")") && cursor.at_end()).then_some(())?;
    let constant = argument.as_ref().is_some_and(|text| text.chars().all(|c| c.is_ascii_digit()));
    let argument = argument.filter(|_| !(constant && function == Aggregate::Count));
    Some(Item::Aggregate { function, argument, name: name.to_owned() })
}

/// `` `a` `` and `` t.`a` `` name the column `a`.
fn unquoted(text: &str) -> String {
    let mut cursor = match Cursor::new(text) {
        Ok(cursor) => cursor,
        Err(_) => return text.to_owned(),
    };
    loop {
        let Ok(name) = cursor.name() else { return text.to_owned() };
        if !cursor.symbol(".") {
            return if cursor.at_end() { name } else { text.to_owned() };
        }
    }
}
