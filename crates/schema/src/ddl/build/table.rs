//! The whole table.

use std::collections::HashSet;

use serde_json::{Map, Value, json};
use th_types::{flag, tp};

use super::column::BuiltColumn;
use super::foreign_key::add_foreign_keys;
use super::partition::build_partitioning;
use super::{Blame, IndexBuilder, build_column, resolve_charset};
use crate::ddl::options::DdlOptions;
use crate::ddl::syntax::{
    Constraint, CreateTable, ForeignKey, IndexDefinition, IndexKind, IndexPart, TableOptions,
};
use crate::show::TIME_UNITS;
use crate::{Name, SchemaError, SchemaState, TableInfo};

/// The newest version of `TableInfo`.
const TABLE_VERSION: u16 = 5;
/// SHARD_ROW_ID_BITS at most.
const MAX_SHARD_BITS: u64 = 15;

/// Executes a definition.
pub(crate) fn build_table(create: &CreateTable, options: &DdlOptions) -> Result<TableInfo, SchemaError> {
    let blame = Blame(&create.name);
    let given = &create.options;
    let (charset, collate) = resolve_charset(
        given.charset.as_deref(),
        given.collate.as_deref(),
        (&options.charset, &options.collate),
        blame,
    )?;
    let mut table = empty_table(create, options, charset, collate);
    let mut indexes = Vec::new();
    let mut foreign_keys = Vec::new();
    for constraint in &create.constraints {
        match constraint {
            Constraint::Index(index) => indexes.push(index.clone()),
            Constraint::ForeignKey(key) => foreign_keys.push(key.clone()),
        }
    }
    let auto_random = add_columns(&mut table, create, &mut indexes, options, blame)?;
    set_constraint_flags(&mut table, &indexes);
    let names = index_names(&indexes, blame)?;
    for (index, name) in indexes.iter().zip(&names) {
        IndexBuilder { table: &mut table, options }.add(index, name)?;
    }
    check_references(&table, &foreign_keys, blame)?;
    add_foreign_keys(&mut table, &foreign_keys, options, blame)?;
    apply_options(&mut table, given, auto_random, blame)?;
    if let Some(partitioning) = &create.partitioning {
        table.partition = Some(build_partitioning(partitioning, &table, options, blame)?);
    }
    Ok(table)
}

fn empty_table(create: &CreateTable, options: &DdlOptions, charset: String, collate: String) -> TableInfo {
    TableInfo {
        id: options.table_id,
        name: Name::new(&create.name),
        charset,
        collate,
        columns: Vec::new(),
        indexes: Vec::new(),
        state: SchemaState::PUBLIC,
        pk_is_handle: false,
        is_common_handle: false,
        common_handle_version: 0,
        comment: String::new(),
        auto_inc_id: 0,
        auto_id_cache: 0,
        auto_rand_id: 0,
        max_column_id: 0,
        max_index_id: 0,
        shard_row_id_bits: 0,
        max_shard_row_id_bits: 0,
        auto_random_bits: 0,
        auto_random_range_bits: 0,
        pre_split_regions: 0,
        partition: None,
        version: TABLE_VERSION,
        view: None,
        sequence: None,
        rest: server_fields(create),
    }
}

/// What the server writes besides.
fn server_fields(create: &CreateTable) -> Map<String, Value> {
    let mut rest = Map::new();
    for key in [
        "constraint_info",
        "fk_info",
        "Lock",
        "tiflash_replica",
        "policy_ref_info",
        "stats_options",
        "exchange_partition_info",
        "ttl_info",
    ] {
        rest.insert(key.into(), Value::Null);
    }
    for key in ["max_fk_id", "max_cst_id", "update_timestamp", "cache_table_status", "revision"] {
        rest.insert(key.into(), Value::from(0));
    }
    rest.insert("temp_table_type".into(), Value::from(create.temporary as u8));
    rest.insert("compression".into(), Value::from(""));
    rest.insert("is_columnar".into(), Value::from(false));
    rest
}

/// Adds the columns, and the indexes written at them to `indexes`; AUTO_RANDOM's column and bits.
fn add_columns(
    table: &mut TableInfo,
    create: &CreateTable,
    indexes: &mut Vec<IndexDefinition>,
    options: &DdlOptions,
    blame: Blame<'_>,
) -> Result<Option<(String, u64, u64)>, SchemaError> {
    let mut seen = HashSet::new();
    let mut auto_random = None;
    let charset = (table.charset.clone(), table.collate.clone());
    for definition in &create.columns {
        let built = build_column(definition, (&charset.0, &charset.1), options, blame)?;
        let BuiltColumn { mut info, indexes: own, auto_random: bits } = built;
        if !seen.insert(info.name.lower.clone()) {
            return Err(blame.invalid(format!("two columns have the name `{}`", info.name.original)));
        }
        if let Some((shard, range)) = bits {
            auto_random = Some((info.name.lower.clone(), shard, range));
        }
        table.max_column_id += 1;
        info.id = table.max_column_id;
        info.offset = table.columns.len();
        table.columns.push(info);
        indexes.extend(own);
    }
    if table.columns.is_empty() {
        return Err(blame.invalid("the table has no column"));
    }
    let primaries = indexes.iter().filter(|index| index.kind == IndexKind::Primary).count();
    if primaries > 1 {
        return Err(blame.invalid("the table has more than one primary key"));
    }
    Ok(auto_random)
}

/// The key flags that constraints give to named columns (`setColumnFlagWithConstraint`).
fn set_constraint_flags(table: &mut TableInfo, indexes: &[IndexDefinition]) {
    for index in indexes {
        for (position, part) in index.parts.iter().enumerate() {
            let IndexPart::Column { name, .. } = part else { continue };
            let Some(column) = table.columns.iter_mut().find(|column| column.name.lower == name.lower) else {
                continue;
            };
            let bits = match index.kind {
                IndexKind::Primary => {
                    let with_default = !column.default.is_null();
                    let filled = with_default || column.field_type.has(flag::AUTO_INCREMENT);
                    flag::PRI_KEY | flag::NOT_NULL | if filled { 0 } else { flag::NO_DEFAULT_VALUE }
                }
                IndexKind::Unique if position == 0 && index.parts.len() == 1 => flag::UNIQUE_KEY,
                _ if position == 0 => flag::MULTIPLE_KEY,
                _ => 0,
            };
            column.field_type.flag |= bits;
        }
    }
}

/// The names of all indexes; unnamed ones are called after their first column, with `_2`, `_3` … if the
/// name is taken.
fn index_names(indexes: &[IndexDefinition], blame: Blame<'_>) -> Result<Vec<String>, SchemaError> {
    let mut taken = HashSet::new();
    for name in indexes.iter().filter_map(|index| index.name.as_ref()) {
        if !taken.insert(name.to_lowercase()) {
            return Err(blame.invalid(format!("two keys have the name `{name}`")));
        }
    }
    Ok(indexes
        .iter()
        .map(|index| index.name.clone().unwrap_or_else(|| free_name(index, &mut taken)))
        .collect())
}

/// A free name for an unnamed index (`setEmptyConstraintName`).
pub(crate) fn free_name(index: &IndexDefinition, taken: &mut HashSet<String>) -> String {
    let has_expression = index.parts.iter().any(|part| matches!(part, IndexPart::Expression(_)));
    let base = match index.parts.first() {
        Some(IndexPart::Column { name, .. }) if !has_expression => name.original.clone(),
        _ => "expression_index".into(),
    };
    let mut number = 2;
    let mut name = base.clone();
    if name.eq_ignore_ascii_case("primary") {
        name = format!("{base}_2");
        number = 3;
    }
    // TiDB looks the name up as written, among lower-case names.
    while taken.contains(&name) {
        name = format!("{base}_{number}");
        number += 1;
    }
    taken.insert(name.clone());
    name
}

fn check_references(table: &TableInfo, keys: &[ForeignKey], blame: Blame<'_>) -> Result<(), SchemaError> {
    let missing = keys
        .iter()
        .flat_map(|key| &key.columns)
        .find(|name| !table.columns.iter().any(|column| column.name.lower == name.lower));
    match missing {
        Some(name) => Err(blame
            .invalid(format!("a foreign key names the column `{}`, which does not exist", name.original))),
        None => Ok(()),
    }
}

fn apply_options(
    table: &mut TableInfo,
    options: &TableOptions,
    auto_random: Option<(String, u64, u64)>,
    blame: Blame<'_>,
) -> Result<(), SchemaError> {
    let integer = |value: u64, name: &str| {
        i64::try_from(value).map_err(|_| blame.invalid(format!("{name} does not fit 63 bits")))
    };
    table.comment.clone_from(&options.comment);
    // TiDB keeps the unsigned base in a signed field.
    table.auto_inc_id = options.auto_increment as i64;
    table.auto_id_cache = integer(options.auto_id_cache, "AUTO_ID_CACHE")?;
    table.auto_rand_id = integer(options.auto_random_base, "AUTO_RANDOM_BASE")?;
    if options.shard_row_id_bits > 0 && (table.pk_is_handle || table.is_common_handle) {
        return Err(blame.invalid("SHARD_ROW_ID_BITS needs a table without a clustered primary key"));
    }
    table.shard_row_id_bits = options.shard_row_id_bits.min(MAX_SHARD_BITS);
    table.max_shard_row_id_bits = table.shard_row_id_bits;
    if let Some((column, shard_bits, range_bits)) = auto_random {
        set_auto_random(table, &column, shard_bits, range_bits, blame)?;
    }
    let sharding_bits = table.auto_random_bits.max(table.shard_row_id_bits);
    table.pre_split_regions = options.pre_split_regions.min(sharding_bits);
    table.rest.insert("compression".into(), Value::from(options.compression.clone()));
    if let Some(policy) = &options.placement_policy {
        let value = json!({"id": 0, "name": {"O": policy, "L": policy.to_lowercase()}});
        table.rest.insert("policy_ref_info".into(), value);
    }
    if let Some(ttl) = &options.ttl {
        let value = json!({
            "column": ttl.column,
            "interval_expr_str": ttl.amount,
            "interval_time_unit": TIME_UNITS.iter().position(|unit| *unit == ttl.unit).unwrap_or(0),
            "enable": options.ttl_enable.unwrap_or(true),
            "job_interval": options.ttl_job_interval.clone().unwrap_or_else(|| "24h".into()),
        });
        table.rest.insert("ttl_info".into(), value);
    }
    Ok(())
}

fn set_auto_random(
    table: &mut TableInfo,
    column: &str,
    shard_bits: u64,
    range_bits: u64,
    blame: Blame<'_>,
) -> Result<(), SchemaError> {
    let is_first_of_clustered_key = if table.pk_is_handle {
        table.columns.iter().any(|known| known.name.lower == column && known.field_type.has(flag::PRI_KEY))
    } else {
        table.is_common_handle
            && table
                .indexes
                .iter()
                .find(|index| index.is_primary)
                .and_then(|index| index.columns.first())
                .is_some_and(|first| first.name.lower == column)
    };
    let is_bigint =
        table.columns.iter().any(|known| known.name.lower == column && known.field_type.tp == tp::LONGLONG);
    if !is_first_of_clustered_key || !is_bigint {
        return Err(blame.invalid("AUTO_RANDOM needs a BIGINT that begins the clustered primary key"));
    }
    table.auto_random_bits = shard_bits;
    table.auto_random_range_bits = range_bits;
    Ok(())
}
