//! Indexes, keys and foreign keys of a definition.

use super::column::parse_check;
use super::cursor::Cursor;
use super::lexer::TokenKind;
use super::syntax::{Constraint, ForeignKey, IndexDefinition, IndexKind, IndexOptions, IndexPart};
use crate::{Name, SchemaError};

/// `IndexInfo.index_type` of BTREE.
pub(crate) const BTREE: u8 = 1;

/// Whether a constraint or index begins here, rather than a column.
pub(crate) fn starts_constraint(cursor: &Cursor<'_>) -> bool {
    if cursor.is_word("check") {
        return matches!(cursor.peek(1), TokenKind::Symbol('('));
    }
    ["constraint", "primary", "unique", "key", "index", "fulltext", "spatial", "foreign", "vector", "columnar"]
        .iter()
        .any(|word| cursor.is_word(word))
        // `vector` and `columnar` may also be columns' names.
        && (!(cursor.is_word("vector") || cursor.is_word("columnar")) || cursor.is_word_at(1, "index"))
}

/// Reads a table's constraint or index; `None` for kinds that store nothing in TiKV.
pub(crate) fn parse_constraint(cursor: &mut Cursor<'_>) -> Result<Option<Constraint>, SchemaError> {
    let mut name = None;
    if cursor.accept(&["constraint"]) {
        let unnamed = ["primary", "unique", "foreign", "check"].iter().any(|word| cursor.is_word(word));
        if !unnamed {
            name = Some(cursor.identifier()?);
        }
    }
    if cursor.is_word("check") {
        parse_check(cursor)?;
        return Ok(None);
    }
    if cursor.accept(&["primary", "key"]) {
        let mut options = IndexOptions::default();
        // MySQL allows a name here and ignores it.
        if !cursor.is_symbol('(') && !cursor.is_word("using") && !cursor.is_word("type") {
            cursor.identifier()?;
        }
        parse_using(cursor, &mut options)?;
        return index(cursor, IndexKind::Primary, None, options).map(Some);
    }
    if cursor.accept(&["unique"]) {
        let _ = cursor.accept_any(&["key", "index"]);
        return named_index(cursor, IndexKind::Unique, name).map(Some);
    }
    if cursor.accept(&["foreign", "key"]) {
        return foreign_key(cursor, name).map(Some);
    }
    if let Some(kind) = cursor.accept_any(&["fulltext", "spatial", "vector", "columnar"]) {
        if kind == "spatial" {
            return Err(cursor.error("a SPATIAL index is not supported"));
        }
        let _ = cursor.accept_any(&["key", "index"]);
        // Full-text, vector and columnar indexes live in TiFlash: no key-value pairs come of them.
        named_index(cursor, IndexKind::Plain, name)?;
        return Ok(None);
    }
    if cursor.accept_any(&["key", "index"]).is_some() {
        return named_index(cursor, IndexKind::Plain, name).map(Some);
    }
    Err(cursor.error("expected a column, a constraint or an index"))
}

/// `[IF NOT EXISTS] [name] [USING …] (parts) options`.
pub(crate) fn named_index(
    cursor: &mut Cursor<'_>,
    kind: IndexKind,
    constraint_name: Option<String>,
) -> Result<Constraint, SchemaError> {
    cursor.accept(&["if", "not", "exists"]);
    let mut options = IndexOptions::default();
    let mut name = constraint_name;
    let using_begins = cursor.is_word("using") || cursor.is_word("type") && !cursor.is_symbol('(');
    if !cursor.is_symbol('(') && !using_begins {
        name = Some(cursor.identifier()?);
    }
    parse_using(cursor, &mut options)?;
    index(cursor, kind, name, options)
}

fn index(
    cursor: &mut Cursor<'_>,
    kind: IndexKind,
    name: Option<String>,
    mut options: IndexOptions,
) -> Result<Constraint, SchemaError> {
    let parts = parse_parts(cursor)?;
    parse_index_options(cursor, &mut options)?;
    Ok(Constraint::Index(IndexDefinition { kind, name, parts, options }))
}

/// `( part, … )`.
pub(crate) fn parse_parts(cursor: &mut Cursor<'_>) -> Result<Vec<IndexPart>, SchemaError> {
    cursor.expect_symbol('(')?;
    let mut parts = Vec::new();
    loop {
        let part = if cursor.is_symbol('(') {
            let text = cursor.parenthesised_text()?;
            // Further parentheses around the whole expression mean nothing.
            IndexPart::Expression(text.to_owned())
        } else {
            let name = Name::new(cursor.identifier()?);
            let length = cursor.parenthesised_integer()?;
            if length == Some(0) {
                return Err(cursor.error("a key part cannot have the length 0"));
            }
            if cursor.is_symbol('(') {
                // `KEY (lower(a))`: an expression without its own parentheses is not SQL.
                return Err(cursor.error("an expression in an index needs its own parentheses"));
            }
            IndexPart::Column { name, length }
        };
        // TiDB reads the direction and does not keep it.
        let _ = cursor.accept_any(&["asc", "desc"]);
        parts.push(part);
        if !cursor.accept_symbol(',') {
            break;
        }
    }
    cursor.expect_symbol(')')?;
    Ok(parts)
}

fn parse_using(cursor: &mut Cursor<'_>, options: &mut IndexOptions) -> Result<bool, SchemaError> {
    if cursor.accept_any(&["using", "type"]).is_none() {
        return Ok(false);
    }
    options.index_type = match cursor.accept_any(&["btree", "hash", "rtree", "hnsw", "hypo"]) {
        Some("btree") => BTREE,
        Some("hash") => 2,
        Some("rtree") => 3,
        Some("hnsw") => 5,
        _ => return Err(cursor.error("expected BTREE, HASH or RTREE")),
    };
    Ok(true)
}

/// Options after an index's parts.
pub(crate) fn parse_index_options(
    cursor: &mut Cursor<'_>,
    options: &mut IndexOptions,
) -> Result<(), SchemaError> {
    loop {
        if parse_using(cursor, options)? {
            continue;
        }
        if cursor.accept(&["comment"]) {
            options.comment = cursor.text()?;
        } else if let Some(word) = cursor.accept_any(&["visible", "invisible"]) {
            options.invisible = word == "invisible";
        } else if let Some(word) = cursor.accept_any(&["clustered", "nonclustered"]) {
            options.clustered = Some(word == "clustered");
        } else if let Some(word) = cursor.accept_any(&["global", "local"]) {
            options.global = word == "global";
        } else if cursor.accept(&["key_block_size"]) {
            cursor.accept_equals();
            cursor.integer()?;
        } else if cursor.accept(&["with", "parser"]) {
            cursor.identifier()?;
        } else if cursor.accept(&["where"]) {
            let stops = ["comment", "visible", "invisible", "global", "using"];
            options.condition = Some(cursor.expression_text(&stops)?.to_owned());
        } else if cursor.accept(&["pre_split_regions"]) {
            cursor.accept_equals();
            if cursor.is_symbol('(') {
                cursor.parenthesised_text()?;
            } else {
                cursor.integer()?;
            }
        } else if cursor.accept_any(&["add_columnar_replica_on_demand"]).is_none() {
            return Ok(());
        }
    }
}

fn foreign_key(cursor: &mut Cursor<'_>, constraint_name: Option<String>) -> Result<Constraint, SchemaError> {
    cursor.accept(&["if", "not", "exists"]);
    let mut name = constraint_name;
    if !cursor.is_symbol('(') {
        let index_name = cursor.identifier()?;
        name = name.or(Some(index_name));
    }
    let columns = cursor.name_list()?;
    cursor.expect(&["references"])?;
    let target = parse_foreign_key_target(cursor)?;
    Ok(Constraint::ForeignKey(ForeignKey { name, columns, ..target }))
}

/// What follows `REFERENCES`.
pub(crate) fn parse_foreign_key_target(cursor: &mut Cursor<'_>) -> Result<ForeignKey, SchemaError> {
    let (ref_schema, ref_table) = cursor.qualified_name()?;
    let ref_columns = if cursor.is_symbol('(') { cursor.name_list()? } else { Vec::new() };
    if cursor.accept(&["match"]) {
        cursor.identifier()?;
    }
    let mut target = ForeignKey {
        name: None,
        columns: Vec::new(),
        ref_schema,
        ref_table,
        ref_columns,
        on_delete: 0,
        on_update: 0,
    };
    loop {
        if cursor.accept(&["on", "delete"]) {
            target.on_delete = reference_action(cursor)?;
        } else if cursor.is_word("on")
            && cursor.is_word_at(1, "update")
            && !cursor.is_word_at(2, "current_timestamp")
        {
            cursor.expect(&["on", "update"])?;
            target.on_update = reference_action(cursor)?;
        } else {
            return Ok(target);
        }
    }
}

fn reference_action(cursor: &mut Cursor<'_>) -> Result<u8, SchemaError> {
    let actions: [(&[&str], u8); 5] = [
        (&["restrict"], 1),
        (&["cascade"], 2),
        (&["set", "null"], 3),
        (&["no", "action"], 4),
        (&["set", "default"], 5),
    ];
    actions
        .into_iter()
        .find_map(|(words, code)| cursor.accept(words).then_some(code))
        .ok_or_else(|| cursor.error("expected RESTRICT, CASCADE, SET NULL, NO ACTION or SET DEFAULT"))
}
