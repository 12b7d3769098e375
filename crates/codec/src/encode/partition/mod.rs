//! Which partition a row belongs to.

mod constant;

use std::borrow::Cow;
use std::collections::HashMap;

use th_collation::Collation;
use th_schema::{PartitionInfo, PartitionKind, TableInfo};
use th_types::{Context, Datum, FieldType, TypeError, code, convert, tp};

use self::constant::{bound_key, column_key, int_constant, list_key};
use super::column::{ColumnPlan, key_collation};
use super::expression::TableExpression;
use super::scratch::{KeyScratch, RowScratch};
use crate::cell::Class;
use crate::{EncodeError, PlanError};

/// A column of RANGE COLUMNS, LIST COLUMNS or KEY.
#[derive(Debug, Clone)]
pub(super) struct PartitionColumn {
    pub(super) offset: usize,
    pub(super) class: Class,
    pub(super) collation: Option<Collation>,
    pub(super) field_type: FieldType,
}

/// The number that RANGE, LIST and HASH look at.
#[derive(Debug, Clone)]
enum IntSource {
    Column { offset: usize, class: Class, unsigned: bool },
    Expression(TableExpression),
}

#[derive(Debug, Clone)]
enum Rule {
    /// Upper bounds, exclusive; `None` is MAXVALUE.
    Range {
        value: IntSource,
        bounds: Vec<Option<i128>>,
    },
    /// Upper bounds as comparable bytes; `None` is MAXVALUE.
    RangeColumns {
        columns: Vec<PartitionColumn>,
        bounds: Vec<Option<Vec<u8>>>,
    },
    Hash {
        value: IntSource,
    },
    Key {
        columns: Vec<PartitionColumn>,
    },
    List {
        value: IntSource,
        values: HashMap<i64, usize>,
        null: Option<usize>,
        default: Option<usize>,
    },
    ListColumns {
        columns: Vec<PartitionColumn>,
        values: HashMap<Vec<u8>, usize>,
        default: Option<usize>,
    },
}

/// A compiled partitioning.
#[derive(Debug, Clone)]
pub(crate) struct PartitionPlan {
    ids: Vec<i64>,
    rule: Rule,
}

impl PartitionPlan {
    /// Compiles the partitioning of a table, `None` if it has none.
    pub(crate) fn new(
        info: &TableInfo,
        columns: &[ColumnPlan],
        context: &Context,
        new_collation: bool,
    ) -> Result<Option<Self>, PlanError> {
        let Some(partition) = info.partition.as_ref().filter(|partition| partition.enable) else {
            return Ok(None);
        };
        let is_set = |field: &str| partition.rest.get(field).is_some_and(|value| !value.is_null());
        if is_set("adding_definitions") || is_set("dropping_definitions") {
            return Err(PlanError::Unsupported {
                table: info.name.original.clone(),
                what: "importing while partitions are being added or dropped".into(),
            });
        }
        let definitions = partition.definitions.as_deref().unwrap_or_default();
        if definitions.is_empty() {
            return Err(invalid(info, "it is partitioned but has no partitions"));
        }
        let by_columns = partition.columns.as_ref().is_some_and(|columns| !columns.is_empty());
        let rule = match (partition.kind, by_columns) {
            (PartitionKind::RANGE, false) => Rule::Range {
                value: IntSource::new(info, columns, partition)?,
                bounds: range_bounds(info, partition, context)?,
            },
            (PartitionKind::RANGE, true) => {
                let columns = partition_columns(info, columns, partition, new_collation)?;
                let bounds =
                    definitions.iter().map(|definition| bound_key(info, definition, &columns, context));
                Rule::RangeColumns { bounds: bounds.collect::<Result<_, _>>()?, columns }
            }
            (PartitionKind::HASH, _) => Rule::Hash { value: IntSource::new(info, columns, partition)? },
            (PartitionKind::KEY, _) => {
                Rule::Key { columns: partition_columns(info, columns, partition, new_collation)? }
            }
            (PartitionKind::LIST, false) => list_rule(info, columns, partition, context)?,
            (PartitionKind::LIST, true) => {
                let columns = partition_columns(info, columns, partition, new_collation)?;
                list_columns_rule(info, columns, partition, context)?
            }
            (other, _) => {
                let what = format!("partitioning of kind {other}");
                return Err(PlanError::Unsupported { table: info.name.original.clone(), what });
            }
        };
        Ok(Some(Self { ids: definitions.iter().map(|definition| definition.id).collect(), rule }))
    }

    /// Columns that are needed as datums.
    pub(crate) fn reads(&self) -> Vec<usize> {
        match &self.rule {
            Rule::Range { value, .. } | Rule::Hash { value } | Rule::List { value, .. } => match value {
                IntSource::Expression(expression) => expression.reads.clone(),
                IntSource::Column { .. } => Vec::new(),
            },
            // The hash is of the value's text.
            Rule::Key { columns } => columns.iter().map(|column| column.offset).collect(),
            Rule::RangeColumns { .. } | Rule::ListColumns { .. } => Vec::new(),
        }
    }

    /// Offsets of the columns whose cells are looked at.
    pub(crate) fn columns(&self) -> Vec<usize> {
        match &self.rule {
            Rule::Range { value: IntSource::Column { offset, .. }, .. }
            | Rule::Hash { value: IntSource::Column { offset, .. } }
            | Rule::List { value: IntSource::Column { offset, .. }, .. } => vec![*offset],
            Rule::RangeColumns { columns, .. } | Rule::ListColumns { columns, .. } => {
                columns.iter().map(|column| column.offset).collect()
            }
            Rule::Range { .. } | Rule::Hash { .. } | Rule::List { .. } | Rule::Key { .. } => Vec::new(),
        }
    }

    /// The physical table id of the row's partition; error 1526 if there is none.
    pub(crate) fn locate(
        &self,
        row: &RowScratch,
        datums: &[Datum<'_>],
        keys: &mut KeyScratch,
        context: &Context,
    ) -> Result<i64, EncodeError> {
        let index = match &self.rule {
            Rule::Range { value, bounds } => match value.evaluate(row, datums, context)? {
                None => 0,
                Some(value) => {
                    let first = bounds.partition_point(|bound| bound.is_some_and(|bound| bound <= value));
                    if first == bounds.len() {
                        return Err(no_partition(&value.to_string()));
                    }
                    first
                }
            },
            Rule::RangeColumns { columns, bounds } => {
                let key = row_key(columns, row, keys);
                let first = bounds
                    .partition_point(|bound| bound.as_ref().is_some_and(|bound| bound.as_slice() <= key));
                if first == bounds.len() {
                    return Err(no_partition("from column_list"));
                }
                first
            }
            Rule::Hash { value } => match value.evaluate(row, datums, context)? {
                None => 0,
                // TiDB takes the bits for a signed number whatever the type is.
                Some(value) => ((value as i64) % self.ids.len() as i64).unsigned_abs() as usize,
            },
            Rule::Key { columns } => {
                let mut hasher = crc32fast::Hasher::new();
                for column in columns {
                    hash_column(column, datums.get(column.offset).unwrap_or(&Datum::Null), &mut hasher);
                }
                hasher.finalize() as usize % self.ids.len()
            }
            Rule::List { value, values, null, default } => {
                let value = value.evaluate(row, datums, context)?;
                let found = match value {
                    None => *null,
                    Some(value) => values.get(&(value as i64)).copied(),
                };
                found.or(*default).ok_or_else(|| {
                    no_partition(&value.map_or_else(|| "NULL".to_owned(), |value| value.to_string()))
                })?
            }
            Rule::ListColumns { columns, values, default } => {
                let key = row_key(columns, row, keys);
                let found = values.get(key).copied();
                found.or(*default).ok_or_else(|| no_partition("from column_list"))?
            }
        };
        self.ids.get(index).copied().ok_or_else(|| no_partition("from column_list"))
    }
}

impl IntSource {
    fn new(info: &TableInfo, columns: &[ColumnPlan], partition: &PartitionInfo) -> Result<Self, PlanError> {
        let expression = TableExpression::new(info, &partition.expr, "the partitioning")?;
        let bare = partition.expr.trim().trim_matches('`').to_lowercase();
        if let [offset] = expression.reads[..]
            && let (Some(plan), Some(column)) = (columns.get(offset), info.columns.get(offset))
            && column.name.lower == bare
            && matches!(plan.class, Class::Int | Class::Uint)
        {
            let unsigned = plan.field_type.is_unsigned();
            return Ok(IntSource::Column { offset, class: plan.class, unsigned });
        }
        Ok(IntSource::Expression(expression))
    }

    fn evaluate(
        &self,
        row: &RowScratch,
        datums: &[Datum<'_>],
        context: &Context,
    ) -> Result<Option<i128>, EncodeError> {
        match self {
            IntSource::Column { offset, class, unsigned } => {
                let view = row.view(*offset, *class);
                Ok((!view.null).then(|| wide(view.number, *unsigned)))
            }
            IntSource::Expression(expression) => {
                let unsigned = expression.bound.field_type().is_unsigned();
                let value = integer(expression.bound.eval(datums, context)?, context)?;
                Ok(value.map(|value| wide(value as u64, unsigned)))
            }
        }
    }
}

/// 64 bits as a number.
fn wide(bits: u64, unsigned: bool) -> i128 {
    if unsigned { i128::from(bits) } else { i128::from(bits as i64) }
}

/// A datum as the bits of a 64-bit integer.
fn integer(datum: Datum<'_>, context: &Context) -> Result<Option<i64>, TypeError> {
    match datum {
        Datum::Null => Ok(None),
        Datum::Int(value) => Ok(Some(value)),
        Datum::Uint(value) => Ok(Some(value as i64)),
        other => match convert(other, &FieldType::new(tp::LONGLONG), context)? {
            Datum::Int(value) => Ok(Some(value)),
            _ => Ok(None),
        },
    }
}

/// The row's partition columns as bytes that compare like them.
fn row_key<'k>(columns: &[PartitionColumn], row: &RowScratch, keys: &'k mut KeyScratch) -> &'k [u8] {
    let KeyScratch { sort_key, partition, .. } = keys;
    partition.clear();
    for column in columns {
        column_key(column, &row.view(column.offset, column.class), sort_key, partition);
    }
    partition
}

/// KEY hashes each value's text, under its collation; NULL is one zero byte.
fn hash_column(column: &PartitionColumn, datum: &Datum<'_>, hasher: &mut crc32fast::Hasher) {
    let text = match datum {
        Datum::Null => return hasher.update(&[0]),
        Datum::Bytes(text) => Cow::Borrowed(&**text),
        // Go's formatting without exponent, which is Rust's.
        Datum::Float32(number) => number.to_string().into_bytes().into(),
        Datum::Float64(number) => number.to_string().into_bytes().into(),
        Datum::Bit(bytes) => Cow::Borrowed(&**bytes),
        other => crate::decode::text_of(other, &column.field_type).unwrap_or_default().into(),
    };
    match column.collation {
        Some(collation) => hasher.update(&collation.hash_key(&text)),
        None => hasher.update(&text),
    }
}

fn partition_columns(
    info: &TableInfo,
    plans: &[ColumnPlan],
    partition: &PartitionInfo,
    new_collation: bool,
) -> Result<Vec<PartitionColumn>, PlanError> {
    let named: Vec<usize> = match partition.columns.as_deref() {
        Some(names) if !names.is_empty() => {
            let find = |name: &th_schema::Name| {
                let found = info.columns.iter().position(|column| column.name.lower == name.lower);
                found
                    .ok_or_else(|| invalid(info, &format!("partition column `{}` is missing", name.original)))
            };
            names.iter().map(find).collect::<Result<_, _>>()?
        }
        // KEY(): the primary key.
        _ => match info.indexes.iter().find(|index| index.is_primary) {
            Some(primary) => primary.columns.iter().map(|part| part.offset).collect(),
            None => {
                let is_key = |column: &th_schema::ColumnInfo| column.field_type.has(th_types::flag::PRI_KEY);
                info.columns.iter().position(is_key).into_iter().collect()
            }
        },
    };
    let columns = named.iter().map(|&offset| {
        let plan = plans.get(offset).ok_or_else(|| invalid(info, "a partition column is missing"))?;
        let collation = match plan.field_type.tp {
            // KEY hashes members by name, and bits as text of the default collation.
            tp::ENUM | tp::SET if new_collation => Collation::by_name(&plan.field_type.collate),
            tp::BIT if new_collation => Some(Collation::Utf8mb4Bin),
            _ => key_collation(&plan.field_type, new_collation),
        };
        Ok(PartitionColumn { offset, class: plan.class, collation, field_type: plan.field_type.clone() })
    });
    columns.collect()
}

fn range_bounds(
    info: &TableInfo,
    partition: &PartitionInfo,
    context: &Context,
) -> Result<Vec<Option<i128>>, PlanError> {
    let definitions = partition.definitions.as_deref().unwrap_or_default();
    let bounds = definitions.iter().map(|definition| {
        let text = definition.less_than.as_deref().and_then(<[String]>::first).map_or("", String::as_str);
        if text.eq_ignore_ascii_case("MAXVALUE") {
            return Ok(None);
        }
        let value = int_constant(info, text, context)?;
        value.map(Some).ok_or_else(|| invalid(info, &format!("partition bound {text} is NULL")))
    });
    bounds.collect()
}

fn list_rule(
    info: &TableInfo,
    columns: &[ColumnPlan],
    partition: &PartitionInfo,
    context: &Context,
) -> Result<Rule, PlanError> {
    let (mut values, mut null, mut default) = (HashMap::new(), None, None);
    for (index, definition) in partition.definitions.iter().flatten().enumerate() {
        for text in definition.in_values.iter().flatten().filter_map(|row| row.first()) {
            if text.eq_ignore_ascii_case("DEFAULT") {
                default = Some(index);
                continue;
            }
            match int_constant(info, text, context)? {
                None => null = Some(index),
                Some(value) => {
                    values.insert(value as i64, index);
                }
            }
        }
    }
    Ok(Rule::List { value: IntSource::new(info, columns, partition)?, values, null, default })
}

fn list_columns_rule(
    info: &TableInfo,
    columns: Vec<PartitionColumn>,
    partition: &PartitionInfo,
    context: &Context,
) -> Result<Rule, PlanError> {
    let (mut values, mut default) = (HashMap::new(), None);
    for (index, definition) in partition.definitions.iter().flatten().enumerate() {
        for row in definition.in_values.iter().flatten() {
            match row.as_slice() {
                [only] if only.eq_ignore_ascii_case("DEFAULT") => default = Some(index),
                row => {
                    values.entry(list_key(info, row, &columns, context)?).or_insert(index);
                }
            }
        }
    }
    Ok(Rule::ListColumns { columns, values, default })
}

fn invalid(info: &TableInfo, message: &str) -> PlanError {
    PlanError::Invalid { table: info.name.original.clone(), message: message.to_owned() }
}

fn no_partition(value: &str) -> EncodeError {
    EncodeError::new(code::NO_PARTITION, format!("the table has no partition for value {value}"))
}
