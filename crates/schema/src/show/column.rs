//! A column's line.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use th_collation::Charset;
use th_types::time::TimeContext;
use th_types::{FieldType, Time, TimeKind, TimeZone, flag, tp};

use super::{escaped, quoted};
use crate::{ColumnInfo, TableInfo};

/// The line of a column, without the comma.
pub(super) fn describe(column: &ColumnInfo, table: &TableInfo, zone: &TimeZone) -> String {
    let field_type = &column.field_type;
    let mut text = format!("  {} {}", quoted(&column.name.original), type_name(field_type));
    text.push_str(&charset(field_type, table));
    if column.is_generated() {
        let kind = if column.generated_stored { "STORED" } else { "VIRTUAL" };
        text.push_str(&format!(" GENERATED ALWAYS AS ({}) {kind}", column.generated_expr_string));
    }
    if field_type.has(flag::AUTO_INCREMENT) {
        text.push_str(" NOT NULL AUTO_INCREMENT");
    } else {
        if field_type.has(flag::NOT_NULL) {
            text.push_str(" NOT NULL");
        }
        if !field_type.has(flag::NO_DEFAULT_VALUE) && !column.is_generated() {
            text.push_str(&default(column, zone));
        }
        if field_type.has(flag::ON_UPDATE_NOW) {
            text.push_str(" ON UPDATE CURRENT_TIMESTAMP");
            text.push_str(&fraction(field_type));
        }
    }
    if is_auto_random(column, table) {
        let (shard, range) = (table.auto_random_bits, table.auto_random_range_bits);
        text.push_str(&if range == 0 || range == 64 {
            format!(" /*T![auto_rand] AUTO_RANDOM({shard}) */")
        } else {
            format!(" /*T![auto_rand] AUTO_RANDOM({shard}, {range}) */")
        });
    }
    if !column.comment.is_empty() {
        text.push_str(&format!(" COMMENT '{}'", escaped(&column.comment)));
    }
    text
}

fn is_auto_random(column: &ColumnInfo, table: &TableInfo) -> bool {
    if table.auto_random_bits == 0 {
        return false;
    }
    if table.pk_is_handle {
        return column.field_type.has(flag::PRI_KEY);
    }
    let primary = table.indexes.iter().find(|index| index.is_primary);
    primary.and_then(|index| index.columns.first()).is_some_and(|part| part.offset == column.offset)
}

fn charset(field_type: &FieldType, table: &TableInfo) -> String {
    let has_charset = (field_type.is_string() || matches!(field_type.tp, tp::ENUM | tp::SET))
        && field_type.charset != "binary";
    if !has_charset {
        return String::new();
    }
    let mut text = String::new();
    if field_type.charset != table.charset {
        text.push_str(&format!(" CHARACTER SET {}", field_type.charset));
    }
    let is_default = Charset::by_name(&field_type.charset)
        .is_some_and(|charset| charset.default_collation().name() == field_type.collate);
    if field_type.collate != table.collate || !is_default {
        text.push_str(&format!(" COLLATE {}", field_type.collate));
    }
    text
}

/// `(n)` for a time with fractional digits.
fn fraction(field_type: &FieldType) -> String {
    if field_type.decimal > 0 { format!("({})", field_type.decimal) } else { String::new() }
}

fn default(column: &ColumnInfo, zone: &TimeZone) -> String {
    let field_type = &column.field_type;
    let text = match &column.default {
        Value::Null if field_type.has(flag::NOT_NULL) => return String::new(),
        Value::Null if field_type.tp == tp::TIMESTAMP => return " NULL DEFAULT NULL".into(),
        Value::Null => return " DEFAULT NULL".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if matches!(text.as_str(), "CURRENT_TIMESTAMP" | "CURRENT_DATE") {
        return format!(" DEFAULT {text}{}", fraction(field_type));
    }
    if column.default_is_expr {
        return format!(" DEFAULT {text}");
    }
    match field_type.tp {
        tp::BIT => format!(" DEFAULT b'{}'", bits(column, &text)),
        tp::TIMESTAMP => format!(" DEFAULT '{}'", in_zone(&text, field_type, zone)),
        _ => format!(" DEFAULT '{}'", escaped(&text)),
    }
}

/// The bits of a BIT default without leading zeros.
fn bits(column: &ColumnInfo, text: &str) -> String {
    let stored = column.default_bit.as_str().and_then(|encoded| STANDARD.decode(encoded).ok());
    let bytes = stored.unwrap_or_else(|| text.as_bytes().to_vec());
    let digits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect::<Vec<_>>().concat();
    let trimmed = digits.trim_start_matches('0');
    if trimmed.is_empty() { "0".into() } else { trimmed.to_owned() }
}

/// A TIMESTAMP default, stored in UTC, in the session's zone.
fn in_zone(text: &str, field_type: &FieldType, zone: &TimeZone) -> String {
    let fsp = u8::try_from(field_type.decimal).unwrap_or(0);
    Time::parse(text.as_bytes(), TimeKind::Timestamp, fsp, TimeContext::UTC)
        .and_then(|time| time.convert_zone(&TimeZone::Fixed(0), zone))
        .map_or_else(|_| text.to_owned(), |time| time.to_text())
}

/// A type as TiDB prints it.
pub(super) fn type_name(field_type: &FieldType) -> String {
    let flen = field_type.flen;
    let is_bytes = field_type.charset == "binary";
    let choose = |bytes: &str, text: &str| if is_bytes { bytes.to_owned() } else { text.to_owned() };
    let mut name = match field_type.tp {
        tp::TINY => integer("tinyint", field_type),
        tp::SHORT => integer("smallint", field_type),
        tp::INT24 => integer("mediumint", field_type),
        tp::LONG => integer("int", field_type),
        tp::LONGLONG => integer("bigint", field_type),
        tp::FLOAT => float("float", field_type),
        tp::DOUBLE => float("double", field_type),
        tp::NEW_DECIMAL => format!("decimal({flen},{})", field_type.decimal.max(0)),
        tp::DATE => "date".into(),
        tp::DATETIME => format!("datetime{}", fraction(field_type)),
        tp::TIMESTAMP => format!("timestamp{}", fraction(field_type)),
        tp::DURATION => format!("time{}", fraction(field_type)),
        tp::YEAR => format!("year({flen})"),
        tp::BIT => format!("bit({flen})"),
        tp::JSON => "json".into(),
        tp::VECTOR if flen >= 0 => format!("vector({flen})"),
        tp::VECTOR => "vector".into(),
        tp::ENUM => members("enum", field_type),
        tp::SET => members("set", field_type),
        tp::TINY_BLOB => choose("tinyblob", "tinytext"),
        tp::BLOB => choose("blob", "text"),
        tp::MEDIUM_BLOB => choose("mediumblob", "mediumtext"),
        tp::LONG_BLOB => choose("longblob", "longtext"),
        tp::STRING => format!("{}({flen})", choose("binary", "char")),
        tp::VARCHAR | tp::VAR_STRING => format!("{}({flen})", choose("varbinary", "varchar")),
        other => format!("unknown({other})"),
    };
    if field_type.has(flag::UNSIGNED) && !matches!(field_type.tp, tp::BIT | tp::YEAR) {
        name.push_str(" unsigned");
    }
    if field_type.has(flag::ZEROFILL) && field_type.tp != tp::YEAR {
        name.push_str(" zerofill");
    }
    name
}

/// Display widths are printed where they mean something: with ZEROFILL, and for `tinyint(1)`.
fn integer(name: &str, field_type: &FieldType) -> String {
    let with_width = field_type.has(flag::ZEROFILL) || field_type.tp == tp::TINY && field_type.flen == 1;
    if with_width { format!("{name}({})", field_type.flen) } else { name.to_owned() }
}

fn float(name: &str, field_type: &FieldType) -> String {
    if field_type.decimal >= 0 {
        format!("{name}({},{})", field_type.flen, field_type.decimal)
    } else {
        name.to_owned()
    }
}

fn members(name: &str, field_type: &FieldType) -> String {
    let members = field_type.elems.iter().map(|member| format!("'{}'", escaped(member)));
    format!("{name}({})", members.collect::<Vec<_>>().join(","))
}
