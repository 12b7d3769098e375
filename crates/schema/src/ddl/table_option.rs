//! What follows a table's columns: ENGINE, CHARSET, TiDB's options.

use super::cursor::Cursor;
use super::lexer::TokenKind;
use super::syntax::{TableOptions, TimeToLive};
use crate::{Name, SchemaError};

/// Options with one value that change nothing here.
const IDLE: [&str; 36] = [
    "engine",
    "avg_row_length",
    "checksum",
    "table_checksum",
    "connection",
    "delay_key_write",
    "encryption",
    "insert_method",
    "key_block_size",
    "max_rows",
    "min_rows",
    "pack_keys",
    "password",
    "row_format",
    "tablespace",
    "secondary_engine",
    "secondary_engine_attribute",
    "engine_attribute",
    "autoextend_size",
    "stats_auto_recalc",
    "stats_persistent",
    "stats_sample_pages",
    "stats_buckets",
    "stats_topn",
    "stats_sample_rate",
    "stats_col_choice",
    "stats_col_list",
    "page_checksum",
    "transactional",
    "page_compressed",
    "page_compression_level",
    "ietf_quotes",
    "nodegroup",
    "affinity",
    "attributes",
    "statistics",
];

/// Reads all table options that come next.
pub(crate) fn parse_table_options(
    cursor: &mut Cursor<'_>,
    options: &mut TableOptions,
) -> Result<(), SchemaError> {
    loop {
        cursor.accept_symbol(',');
        if !parse_table_option(cursor, options)? {
            return Ok(());
        }
    }
}

fn parse_table_option(cursor: &mut Cursor<'_>, options: &mut TableOptions) -> Result<bool, SchemaError> {
    if cursor.is_word("default")
        && ["charset", "character", "char", "collate"].iter().any(|w| cursor.is_word_at(1, w))
    {
        cursor.accept(&["default"]);
    }
    let _ = cursor.is_word("force") && cursor.accept(&["force"]);
    let integers: [(&str, &mut u64); 6] = [
        ("auto_increment", &mut options.auto_increment),
        ("auto_id_cache", &mut options.auto_id_cache),
        ("auto_random_base", &mut options.auto_random_base),
        ("shard_row_id_bits", &mut options.shard_row_id_bits),
        ("pre_split_regions", &mut options.pre_split_regions),
        ("row_id_cache", &mut 0),
    ];
    for (keyword, slot) in integers {
        if cursor.accept(&[keyword]) {
            cursor.accept_equals();
            *slot = cursor.integer()?;
            return Ok(true);
        }
    }
    if cursor.accept(&["charset"]) || cursor.accept(&["character", "set"]) || cursor.accept(&["char", "set"])
    {
        cursor.accept_equals();
        options.charset = Some(cursor.name_or_text()?.to_ascii_lowercase());
    } else if cursor.accept(&["collate"]) {
        cursor.accept_equals();
        options.collate = Some(cursor.name_or_text()?.to_ascii_lowercase());
    } else if cursor.accept(&["comment"]) {
        cursor.accept_equals();
        options.comment = cursor.text()?;
    } else if cursor.accept(&["compression"]) {
        cursor.accept_equals();
        options.compression = cursor.name_or_text()?;
    } else if cursor.accept(&["placement", "policy"]) {
        options.placement_policy = parse_policy(cursor)?;
    } else if cursor.accept(&["ttl"]) {
        options.ttl = Some(parse_ttl(cursor)?);
    } else if cursor.accept(&["ttl_enable"]) {
        cursor.accept_equals();
        options.ttl_enable = Some(cursor.name_or_text()?.eq_ignore_ascii_case("on"));
    } else if cursor.accept(&["ttl_job_interval"]) {
        cursor.accept_equals();
        options.ttl_job_interval = Some(cursor.text()?);
    } else if cursor.accept(&["data", "directory"]) || cursor.accept(&["index", "directory"]) {
        cursor.accept_equals();
        cursor.text()?;
    } else if cursor.accept(&["start", "transaction"]) || cursor.accept_any(&["cached", "nocache"]).is_some()
    {
        // Nothing to keep.
    } else if cursor.accept(&["union"]) {
        cursor.accept_equals();
        cursor.name_list()?;
    } else if cursor.accept(&["on", "commit"]) {
        let _ = cursor.accept_any(&["delete", "preserve"]);
        cursor.expect(&["rows"])?;
    } else if cursor.accept_any(&IDLE).is_some() {
        cursor.accept_equals();
        if cursor.take_number().is_none() {
            if *cursor.peek(0) == TokenKind::Symbol('(') {
                cursor.parenthesised_text()?;
            } else {
                cursor.name_or_text()?;
            }
        }
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// The name after `PLACEMENT POLICY`; `DEFAULT` is none.
pub(crate) fn parse_policy(cursor: &mut Cursor<'_>) -> Result<Option<String>, SchemaError> {
    cursor.accept_equals();
    cursor.accept(&["set"]);
    let is_default = cursor.is_word("default");
    let name = cursor.name_or_text()?;
    Ok((!is_default).then_some(name))
}

fn parse_ttl(cursor: &mut Cursor<'_>) -> Result<TimeToLive, SchemaError> {
    cursor.accept_equals();
    let column = Name::new(cursor.identifier()?);
    cursor.expect_symbol('+')?;
    cursor.expect(&["interval"])?;
    let amount = match cursor.take_number() {
        Some(number) => number,
        None => format!("'{}'", cursor.text()?),
    };
    Ok(TimeToLive { column, amount, unit: cursor.identifier()?.to_ascii_uppercase() })
}
