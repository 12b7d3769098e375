//! The partitions' lines.

use serde_json::Value;

use super::{escaped, placement, quoted};
use crate::{PartitionDefinition, PartitionInfo, PartitionKind};

/// The `PARTITION BY` clause, beginning with a new line.
pub(super) fn describe(info: &PartitionInfo) -> String {
    if !info.enable {
        return String::new();
    }
    let definitions = info.definitions.as_deref().unwrap_or_default();
    let column_names = info.columns.as_deref().unwrap_or_default();
    let columns = column_names.iter().map(|name| quoted(&name.original)).collect::<Vec<_>>().join(",");
    let by_count = matches!(info.kind, PartitionKind::HASH | PartitionKind::KEY);
    let method = match info.kind {
        PartitionKind::HASH => format!("HASH ({})", info.expr),
        PartitionKind::KEY if info.is_empty_columns => "KEY ()".into(),
        PartitionKind::KEY => format!("KEY ({columns})"),
        PartitionKind::LIST if !columns.is_empty() => format!("LIST COLUMNS({columns})"),
        PartitionKind::LIST => format!("LIST ({})", info.expr),
        _ if !columns.is_empty() => format!("RANGE COLUMNS({columns})"),
        _ => format!("RANGE ({})", info.expr),
    };
    let unnamed = by_count
        && definitions.iter().enumerate().all(|(number, definition)| {
            definition.name.original == format!("p{number}") && extras(definition).is_empty()
        });
    if unnamed {
        return format!("\nPARTITION BY {method} PARTITIONS {}", info.num);
    }
    let lines = definitions.iter().map(|definition| {
        format!("PARTITION {}{}{}", quoted(&definition.name.original), values(definition), extras(definition))
    });
    format!("\nPARTITION BY {method}\n({})", lines.collect::<Vec<_>>().join(",\n "))
}

fn values(definition: &PartitionDefinition) -> String {
    if let Some(bounds) = &definition.less_than {
        return format!(" VALUES LESS THAN ({})", bounds.join(","));
    }
    match definition.in_values.as_deref() {
        None | Some([]) => String::new(),
        Some([row]) if row.as_slice() == ["DEFAULT"] => " DEFAULT".into(),
        Some(rows) => {
            let rows = rows.iter().map(|row| match row.as_slice() {
                [value] => value.clone(),
                values => format!("({})", values.join(",")),
            });
            format!(" VALUES IN ({})", rows.collect::<Vec<_>>().join(","))
        }
    }
}

fn extras(definition: &PartitionDefinition) -> String {
    let mut text = String::new();
    if let Some(comment) = definition.rest.get("comment").and_then(Value::as_str)
        && !comment.is_empty()
    {
        text.push_str(&format!(" COMMENT '{}'", escaped(comment)));
    }
    text + &placement(definition.rest.get("policy_ref_info"))
}
