//! `SHOW CREATE TABLE`, in TiDB's text.
//!
//! The text leads back to the same definition through [`crate::parse_create_table`], except where
//! TiDB's own text loses something (a backslash in a default or comment is written as it is).

mod add_index;
mod column;
mod partition;

pub use add_index::deferrable_indexes;
use serde_json::Value;
use th_types::{TimeZone, flag};

use crate::{IndexInfo, SchemaState, TableInfo};

/// The text of a table, TIMESTAMP defaults in UTC.
pub fn show_create_table(info: &TableInfo) -> String {
    show_create_table_in(info, &TimeZone::Fixed(0))
}

/// The text of a table, TIMESTAMP defaults in the session's zone.
pub fn show_create_table_in(info: &TableInfo, zone: &TimeZone) -> String {
    let kind = match info.rest.get("temp_table_type").and_then(Value::as_u64) {
        Some(1) => "GLOBAL TEMPORARY TABLE",
        Some(2) => "TEMPORARY TABLE",
        _ => "TABLE",
    };
    let mut lines = Vec::new();
    let visible =
        || info.columns.iter().filter(|column| !column.hidden && column.state == SchemaState::PUBLIC);
    lines.extend(visible().map(|column| column::describe(column, info, zone)));
    if info.pk_is_handle
        && let Some(column) = visible().find(|column| column.field_type.has(flag::PRI_KEY))
    {
        lines.push(format!(
            "  PRIMARY KEY ({}) /*T![clustered_index] CLUSTERED */",
            quoted(&column.name.original)
        ));
    }
    let public = info.indexes.iter().filter(|index| index.state == SchemaState::PUBLIC);
    lines.extend(public.map(|index| describe_index(index, info)));
    lines.extend(foreign_keys(info));
    let mut text =
        format!("CREATE {kind} {} (\n{}\n) ENGINE=InnoDB", quoted(&info.name.original), lines.join(",\n"));
    text.push_str(&table_options(info));
    if let Some(partitioning) = &info.partition {
        text.push_str(&partition::describe(partitioning));
    }
    text.push_str(&time_to_live(info));
    text
}

/// An identifier in back quotes.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A string's content as TiDB prints it; backslashes are not doubled there.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\0' => out.push_str("\\0"),
            '\'' => out.push_str("''"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            other => out.push(other),
        }
    }
    out
}

fn describe_index(index: &IndexInfo, info: &TableInfo) -> String {
    let mut text = if index.is_primary {
        "  PRIMARY KEY ".to_owned()
    } else {
        let kind = if index.is_unique { "UNIQUE KEY" } else { "KEY" };
        format!("  {kind} {} ", quoted(&index.name.original))
    };
    let parts = index.columns.iter().map(|part| match info.columns.get(part.offset) {
        Some(column) if column.hidden => format!("({})", column.generated_expr_string),
        _ if part.length >= 0 => format!("{}({})", quoted(&part.name.original), part.length),
        _ => quoted(&part.name.original),
    });
    text.push_str(&format!("({})", parts.collect::<Vec<_>>().join(",")));
    if !index.condition_expr_string.is_empty() {
        text.push_str(&format!(" WHERE {}", index.condition_expr_string));
    }
    if index.is_invisible {
        text.push_str(" /*!80000 INVISIBLE */");
    }
    if !index.comment.is_empty() {
        text.push_str(&format!(" COMMENT '{}'", escaped(&index.comment)));
    }
    if index.is_primary {
        let clustered = info.pk_is_handle || info.is_common_handle;
        text.push_str(if clustered {
            " /*T![clustered_index] CLUSTERED */"
        } else {
            " /*T![clustered_index] NONCLUSTERED */"
        });
    }
    if index.is_global {
        text.push_str(" /*T![global_index] GLOBAL */");
    }
    text
}

fn foreign_keys(info: &TableInfo) -> Vec<String> {
    let keys = info.rest.get("fk_info").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    keys.iter().map(describe_foreign_key).collect()
}

fn describe_foreign_key(key: &Value) -> String {
    let name = |field: &str| {
        key.get(field).and_then(|name| name.get("O")).and_then(Value::as_str).unwrap_or_default()
    };
    let names = |field: &str| {
        let list = key.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let list = list.iter().filter_map(|name| name.get("O").and_then(Value::as_str)).map(quoted);
        list.collect::<Vec<_>>().join(",")
    };
    let schema = match name("ref_schema") {
        "" => String::new(),
        schema => format!("{}.", quoted(schema)),
    };
    let mut text = format!(
        "  CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {schema}{} ({})",
        quoted(name("fk_name")),
        names("cols"),
        quoted(name("ref_table")),
        names("ref_cols"),
    );
    for (field, event) in [("on_delete", "DELETE"), ("on_update", "UPDATE")] {
        let action = match key.get(field).and_then(Value::as_u64) {
            Some(1) => "RESTRICT",
            Some(2) => "CASCADE",
            Some(3) => "SET NULL",
            Some(4) => "NO ACTION",
            Some(5) => "SET DEFAULT",
            _ => continue,
        };
        text.push_str(&format!(" ON {event} {action}"));
    }
    text
}

fn table_options(info: &TableInfo) -> String {
    let mut text = format!(" DEFAULT CHARSET={}", info.charset);
    if !info.collate.is_empty() && info.collate != "binary" {
        text.push_str(&format!(" COLLATE={}", info.collate));
    }
    let rest_text = |field: &str| info.rest.get(field).and_then(Value::as_str).unwrap_or_default();
    if !rest_text("compression").is_empty() {
        text.push_str(&format!(" COMPRESSION='{}'", rest_text("compression")));
    }
    let auto_increments = info.columns.iter().any(|column| column.field_type.has(flag::AUTO_INCREMENT));
    let base = info.auto_inc_id as u64;
    if auto_increments && base > 1 {
        text.push_str(&format!(" AUTO_INCREMENT={base}"));
    }
    if info.auto_id_cache != 0 {
        text.push_str(&format!(" /*T![auto_id_cache] AUTO_ID_CACHE={} */", info.auto_id_cache));
    }
    if info.auto_random_bits > 0 && info.auto_rand_id > 1 {
        text.push_str(&format!(" /*T![auto_rand_base] AUTO_RANDOM_BASE={} */", info.auto_rand_id));
    }
    if info.shard_row_id_bits > 0 {
        text.push_str(&format!(" /*T! SHARD_ROW_ID_BITS={} ", info.shard_row_id_bits));
        if info.pre_split_regions > 0 {
            text.push_str(&format!("PRE_SPLIT_REGIONS={} ", info.pre_split_regions));
        }
        text.push_str("*/");
    }
    if info.auto_random_bits > 0 && info.pre_split_regions > 0 {
        text.push_str(&format!(" /*T! PRE_SPLIT_REGIONS={} */", info.pre_split_regions));
    }
    if !info.comment.is_empty() {
        text.push_str(&format!(" COMMENT='{}'", escaped(&info.comment)));
    }
    if info.rest.get("temp_table_type").and_then(Value::as_u64) == Some(1) {
        text.push_str(" ON COMMIT DELETE ROWS");
    }
    text + &placement(info.rest.get("policy_ref_info"))
}

/// ` /*T![placement] PLACEMENT POLICY=… */` of a policy reference, empty for none.
fn placement(policy: Option<&Value>) -> String {
    let name =
        policy.and_then(|policy| policy.get("name")).and_then(|name| name.get("O")).and_then(Value::as_str);
    name.map_or_else(String::new, |name| format!(" /*T![placement] PLACEMENT POLICY={} */", quoted(name)))
}

/// Units of TTL, by TiDB's `ast.TimeUnitType`.
pub(crate) const TIME_UNITS: [&str; 10] =
    ["", "MICROSECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"];

fn time_to_live(info: &TableInfo) -> String {
    let Some(ttl) = info.rest.get("ttl_info").filter(|ttl| ttl.is_object()) else { return String::new() };
    let text = |field: &str| ttl.get(field).and_then(Value::as_str).unwrap_or_default();
    let column = ttl.get("column").and_then(|name| name.get("O")).and_then(Value::as_str).unwrap_or_default();
    let unit =
        ttl.get("interval_time_unit").and_then(Value::as_u64).and_then(|unit| TIME_UNITS.get(unit as usize));
    let enable = if ttl.get("enable").and_then(Value::as_bool).unwrap_or(true) { "ON" } else { "OFF" };
    let interval = if text("job_interval").is_empty() { "24h" } else { text("job_interval") };
    format!(
        " /*T![ttl] TTL={} + INTERVAL {} {} */ /*T![ttl] TTL_ENABLE='{enable}' */ /*T![ttl] TTL_JOB_INTERVAL='{interval}' */",
        quoted(column),
        text("interval_expr_str"),
        unit.unwrap_or(&"DAY"),
    )
}
