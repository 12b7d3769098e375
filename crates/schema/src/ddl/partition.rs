//! `PARTITION BY …`.

use super::cursor::Cursor;
use super::syntax::{PartitionClause, PartitionValues, Partitioning};
use super::table_option::parse_policy;
use crate::{PartitionKind, SchemaError};

/// Reads `PARTITION BY …`, if it comes next.
pub(crate) fn parse_partitioning(cursor: &mut Cursor<'_>) -> Result<Option<Partitioning>, SchemaError> {
    if !cursor.accept(&["partition", "by"]) {
        return Ok(None);
    }
    let linear = cursor.accept(&["linear"]);
    let method = cursor.accept_any(&["hash", "key", "range", "list"]);
    let mut partitioning = Partitioning {
        kind: PartitionKind::HASH,
        expression: None,
        columns: None,
        count: None,
        definitions: Vec::new(),
    };
    match method {
        Some("hash") => partitioning.expression = Some(cursor.parenthesised_text()?.to_owned()),
        Some("key") => {
            partitioning.kind = PartitionKind::KEY;
            if cursor.accept(&["algorithm"]) {
                cursor.accept_equals();
                cursor.integer()?;
            }
            partitioning.columns = Some(cursor.name_list()?);
        }
        Some(word) if !linear => {
            partitioning.kind = if word == "range" { PartitionKind::RANGE } else { PartitionKind::LIST };
            if cursor.accept(&["columns"]) {
                partitioning.columns = Some(cursor.name_list()?);
            } else {
                partitioning.expression = Some(cursor.parenthesised_text()?.to_owned());
            }
        }
        _ => return Err(cursor.error("expected HASH, KEY, RANGE or LIST")),
    }
    if cursor.is_word("interval") {
        return Err(cursor.error("INTERVAL partitioning is not supported; write the partitions out"));
    }
    if cursor.accept(&["partitions"]) {
        partitioning.count = Some(cursor.integer()?);
    }
    if cursor.is_word("subpartition") {
        return Err(cursor.error("SUBPARTITION is not supported"));
    }
    if cursor.is_symbol('(') {
        partitioning.definitions = parse_definitions(cursor)?;
    }
    let _ = cursor.accept(&["update", "indexes"]) && cursor.parenthesised_text().is_ok();
    Ok(Some(partitioning))
}

/// `( PARTITION …, … )`.
pub(crate) fn parse_definitions(cursor: &mut Cursor<'_>) -> Result<Vec<PartitionClause>, SchemaError> {
    cursor.expect_symbol('(')?;
    let mut definitions = Vec::new();
    loop {
        definitions.push(parse_definition(cursor)?);
        if !cursor.accept_symbol(',') {
            break;
        }
    }
    cursor.expect_symbol(')')?;
    Ok(definitions)
}

fn parse_definition(cursor: &mut Cursor<'_>) -> Result<PartitionClause, SchemaError> {
    cursor.expect(&["partition"])?;
    let name = cursor.identifier()?;
    let values = if cursor.accept(&["values", "less", "than"]) {
        if cursor.accept(&["maxvalue"]) {
            PartitionValues::LessThan(vec!["MAXVALUE".into()])
        } else {
            PartitionValues::LessThan(expression_list(cursor)?)
        }
    } else if cursor.accept(&["values", "in"]) {
        PartitionValues::In(value_rows(cursor)?)
    } else if cursor.accept(&["default"]) {
        PartitionValues::Default
    } else {
        PartitionValues::None
    };
    let mut clause = PartitionClause { name, values, comment: String::new(), placement_policy: None };
    loop {
        if cursor.accept(&["comment"]) {
            cursor.accept_equals();
            clause.comment = cursor.text()?;
        } else if cursor.accept(&["placement", "policy"]) {
            clause.placement_policy = parse_policy(cursor)?;
        } else if cursor.accept_any(&["storage"]).is_some() || cursor.is_word("engine") {
            cursor.accept(&["engine"]);
            cursor.accept_equals();
            cursor.name_or_text()?;
        } else if cursor.accept(&["data", "directory"]) || cursor.accept(&["index", "directory"]) {
            cursor.accept_equals();
            cursor.text()?;
        } else if cursor.accept_any(&["max_rows", "min_rows", "nodegroup"]).is_some() {
            cursor.accept_equals();
            cursor.integer()?;
        } else if cursor.accept(&["tablespace"]) {
            cursor.accept_equals();
            cursor.identifier()?;
        } else if cursor.is_symbol('(') {
            return Err(cursor.error("SUBPARTITION is not supported"));
        } else {
            return Ok(clause);
        }
    }
}

/// `( expression, … )`.
fn expression_list(cursor: &mut Cursor<'_>) -> Result<Vec<String>, SchemaError> {
    cursor.expect_symbol('(')?;
    let mut list = Vec::new();
    loop {
        list.push(cursor.expression_text(&[])?.to_owned());
        if !cursor.accept_symbol(',') {
            break;
        }
    }
    cursor.expect_symbol(')')?;
    Ok(list)
}

/// `( value, … )` or `( (value, …), … )`.
fn value_rows(cursor: &mut Cursor<'_>) -> Result<Vec<Vec<String>>, SchemaError> {
    cursor.expect_symbol('(')?;
    let mut rows = Vec::new();
    loop {
        if cursor.is_symbol('(') {
            rows.push(expression_list(cursor)?);
        } else {
            rows.push(vec![cursor.expression_text(&[])?.to_owned()]);
        }
        if !cursor.accept_symbol(',') {
            break;
        }
    }
    cursor.expect_symbol(')')?;
    Ok(rows)
}
