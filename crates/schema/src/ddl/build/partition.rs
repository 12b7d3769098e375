//! Partitions: ids, bounds and values in TiDB's stored text.

use serde_json::{Map, Value, json};
use th_expr::{Columns, Expr};
use th_types::{Datum, FieldType};

use super::Blame;
use crate::ddl::options::DdlOptions;
use crate::ddl::syntax::{PartitionClause, PartitionValues, Partitioning};
use crate::{Name, PartitionDefinition, PartitionInfo, PartitionKind, SchemaError, TableInfo};

/// Partitions that TiDB allows.
const MAX_PARTITIONS: u64 = 8192;

struct NoColumns;

impl Columns for NoColumns {
    fn find(&self, _name: &str) -> Option<(usize, &FieldType)> {
        None
    }
}

/// Builds the partitioning of a table whose columns and indexes are complete.
pub(super) fn build_partitioning(
    partitioning: &Partitioning,
    table: &TableInfo,
    options: &DdlOptions,
    blame: Blame<'_>,
) -> Result<PartitionInfo, SchemaError> {
    let expr = match &partitioning.expression {
        Some(text) => Expr::parse(text)
            .map_err(|error| blame.invalid(format!("partitioning expression: {error}")))?
            .to_tidb_partition_text(),
        None => String::new(),
    };
    let mut is_empty_columns = false;
    let mut columns = partitioning.columns.clone();
    if let Some(names) = &mut columns {
        if names.is_empty() && partitioning.kind == PartitionKind::KEY {
            is_empty_columns = true;
            *names = primary_key_columns(table);
        }
        for name in names.iter_mut() {
            let column = table.columns.iter().find(|column| column.name.lower == name.lower);
            *name = column
                .ok_or_else(|| {
                    blame.invalid(format!(
                        "the partitions name the column `{}`, which does not exist",
                        name.original
                    ))
                })?
                .name
                .clone();
        }
        if names.is_empty() {
            return Err(blame.invalid("the partitions name no column and the table has no primary key"));
        }
    }
    let definitions = build_definitions(partitioning, options, blame)?;
    let mut rest = Map::new();
    for key in ["adding_definitions", "dropping_definitions", "states"] {
        rest.insert(key.into(), Value::Null);
    }
    rest.insert("ddl_state".into(), Value::from(0));
    Ok(PartitionInfo {
        kind: partitioning.kind,
        expr,
        columns,
        enable: true,
        is_empty_columns,
        num: definitions.len() as u64,
        definitions: Some(definitions),
        rest,
    })
}

fn primary_key_columns(table: &TableInfo) -> Vec<Name> {
    let with_flag = |bits| {
        table
            .columns
            .iter()
            .filter(move |column| column.field_type.has(bits))
            .map(|column| column.name.clone())
    };
    if let Some(index) = table.indexes.iter().find(|index| index.is_primary) {
        return index.columns.iter().map(|column| column.name.clone()).collect();
    }
    with_flag(th_types::flag::PRI_KEY).collect()
}

fn build_definitions(
    partitioning: &Partitioning,
    options: &DdlOptions,
    blame: Blame<'_>,
) -> Result<Vec<PartitionDefinition>, SchemaError> {
    let by_count = matches!(partitioning.kind, PartitionKind::HASH | PartitionKind::KEY);
    let written = partitioning.definitions.len() as u64;
    let count = partitioning.count.unwrap_or(if written == 0 { 1 } else { written });
    if count == 0 || count > MAX_PARTITIONS || written > 0 && written != count {
        return Err(
            blame.invalid(format!("the table has {written} partitions written out and {count} announced"))
        );
    }
    if by_count && written == 0 {
        return (0..count)
            .map(|number| {
                let clause = PartitionClause {
                    name: format!("p{number}"),
                    values: PartitionValues::None,
                    comment: String::new(),
                    placement_policy: None,
                };
                build_definition(
                    &clause,
                    options.table_id + 1 + number as i64,
                    partitioning.kind,
                    options,
                    blame,
                )
            })
            .collect();
    }
    if written == 0 {
        return Err(blame.invalid("a table partitioned by RANGE or LIST must write its partitions out"));
    }
    let ids = options.table_id + 1..;
    partitioning
        .definitions
        .iter()
        .zip(ids)
        .map(|(clause, id)| build_definition(clause, id, partitioning.kind, options, blame))
        .collect()
}

/// Builds one partition.
pub(crate) fn build_definition(
    clause: &PartitionClause,
    id: i64,
    kind: u8,
    options: &DdlOptions,
    blame: Blame<'_>,
) -> Result<PartitionDefinition, SchemaError> {
    let constant = |text: &String| constant_text(text, options, blame);
    let (less_than, in_values) = match (&clause.values, kind) {
        (PartitionValues::None, PartitionKind::HASH | PartitionKind::KEY) => (None, None),
        (PartitionValues::LessThan(bounds), PartitionKind::RANGE) => {
            (Some(bounds.iter().map(constant).collect::<Result<_, _>>()?), None)
        }
        (PartitionValues::In(rows), PartitionKind::LIST) => {
            let rows = rows.iter().map(|row| row.iter().map(constant).collect::<Result<Vec<_>, _>>());
            (None, Some(rows.collect::<Result<_, _>>()?))
        }
        (PartitionValues::Default, PartitionKind::LIST) => (None, Some(vec![vec!["DEFAULT".into()]])),
        _ => {
            return Err(
                blame.invalid(format!("the values of partition `{}` do not fit its kind", clause.name))
            );
        }
    };
    let mut rest = Map::new();
    let policy = clause.placement_policy.as_ref();
    rest.insert(
        "policy_ref_info".into(),
        policy.map_or(Value::Null, |name| json!({"id": 0, "name": {"O": name, "L": name.to_lowercase()}})),
    );
    if !clause.comment.is_empty() {
        rest.insert("comment".into(), Value::from(clause.comment.clone()));
    }
    Ok(PartitionDefinition { id, name: Name::new(&clause.name), less_than, in_values, rest })
}

/// A bound or value in stored form: keywords and integers as they are, strings in single quotes, any
/// other constant expression evaluated.
fn constant_text(text: &str, options: &DdlOptions, blame: Blame<'_>) -> Result<String, SchemaError> {
    let text = text.trim();
    for keyword in ["MAXVALUE", "NULL", "DEFAULT"] {
        if text.eq_ignore_ascii_case(keyword) {
            return Ok(keyword.into());
        }
    }
    let digits = text.strip_prefix('-').map_or(text, str::trim_start);
    if let Ok(number) = digits.parse::<u64>() {
        return Ok(if text.starts_with('-') { format!("-{number}") } else { number.to_string() });
    }
    if let Some(literal) = string_literal(text, options) {
        return Ok(quoted(&literal));
    }
    let invalid = |message: String| blame.invalid(format!("partition value `{text}`: {message}"));
    let expression = Expr::parse(text).map_err(|error| invalid(error.to_string()))?;
    let bound = expression.bind(&NoColumns).map_err(|error| invalid(error.to_string()))?;
    match bound.eval(&[], &options.context()).map_err(|error| invalid(error.to_string()))? {
        Datum::Int(value) => Ok(value.to_string()),
        Datum::Uint(value) => Ok(value.to_string()),
        Datum::Decimal(value) => Ok(value.to_string()),
        Datum::Null => Ok("NULL".into()),
        Datum::Bytes(bytes) if std::str::from_utf8(&bytes).is_err() => Ok(hexadecimal(&bytes)),
        Datum::Bytes(bytes) => Ok(quoted(&String::from_utf8_lossy(&bytes))),
        Datum::Bit(bytes) => Ok(hexadecimal(&bytes)),
        Datum::Time(time) => Ok(format!("'{}'", time.to_text())),
        Datum::Duration(duration) => Ok(format!("'{}'", duration.to_text())),
        _ => Err(invalid("a bound must be an integer, a string or a time".into())),
    }
}

/// A string as TiDB stores one: backslashes and quotes doubled.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("x'{}'", digits.concat())
}

/// The text of a lone string literal, with or without an introducer.
fn string_literal(text: &str, options: &DdlOptions) -> Option<String> {
    use crate::ddl::lexer::{TokenKind, tokenize};
    let tokens = tokenize(text, options.dialect()).ok()?;
    match tokens.iter().map(|token| &token.kind).collect::<Vec<_>>().as_slice() {
        [TokenKind::Text(bytes), TokenKind::End] => Some(String::from_utf8_lossy(bytes).into_owned()),
        [TokenKind::Word(word), TokenKind::Text(bytes), TokenKind::End]
            if word.starts_with('_')
                || matches!(word.to_ascii_lowercase().as_str(), "date" | "timestamp" | "time") =>
        {
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
        _ => None,
    }
}
