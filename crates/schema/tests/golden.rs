//! Definitions against what a TiDB server made of the same text.

mod support;

use serde_json::Value;
use support::golden_tables;
use th_schema::{DdlOptions, Table, TableInfo, parse_create_table, show_create_table_in};

/// Fields that count the server's own doings.
const SERVER_ONLY: [&str; 2] = ["update_timestamp", "revision"];

/// The first place where two JSON values differ.
fn difference(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
            keys.into_iter().find_map(|key| {
                let missing = Value::Null;
                difference(
                    &format!("{path}.{key}"),
                    left.get(key).unwrap_or(&missing),
                    right.get(key).unwrap_or(&missing),
                )
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => left
            .iter()
            .zip(right)
            .enumerate()
            .find_map(|(at, (left, right))| difference(&format!("{path}[{at}]"), left, right)),
        // Go writes an empty list as null.
        (Value::Array(list), Value::Null) | (Value::Null, Value::Array(list)) if list.is_empty() => None,
        _ if ours == theirs => None,
        _ => Some(format!("{path}: {ours} in place of {theirs}")),
    }
}

fn without_server_fields(mut info: Value) -> Value {
    for field in SERVER_ONLY {
        info.as_object_mut().unwrap().remove(field);
    }
    info
}

#[test]
fn each_definition_becomes_the_table_info_of_tidb() {
    let mut wrong = Vec::new();
    for golden in golden_tables() {
        let ours = match golden.parse() {
            Ok(info) => serde_json::to_value(info).unwrap(),
            Err(error) => {
                wrong.push(format!("{}: {error}", golden.name));
                continue;
            }
        };
        let theirs = golden.line["table_info"].clone();
        if let Some(place) = difference("", &without_server_fields(ours), &without_server_fields(theirs)) {
            wrong.push(format!("{}{place}", golden.name));
        }
    }
    assert!(wrong.is_empty(), "{} tables differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_table_info_of_tidb_passes_the_checks_and_survives_json() {
    for golden in golden_tables() {
        let text = serde_json::to_vec(&golden.line["table_info"]).unwrap();
        let table = Table::from_json("db", &text).unwrap_or_else(|error| panic!("{}: {error}", golden.name));
        let again = serde_json::to_value(&*table.info).unwrap();
        assert_eq!(difference("", &again, &golden.line["table_info"]), None, "{}", golden.name);
        let partitions: Vec<i64> =
            golden.line["partition_ids"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
        if !partitions.is_empty() {
            assert_eq!(table.physical_ids(), partitions, "{}", golden.name);
        }
    }
}

#[test]
fn each_table_shows_the_text_of_tidb() {
    let mut wrong = Vec::new();
    for golden in golden_tables() {
        let info: TableInfo = serde_json::from_value(golden.line["table_info"].clone()).unwrap();
        let ours = show_create_table_in(&info, &golden.zone());
        let theirs = golden.text("show_create_table");
        if ours != theirs {
            let line = ours.lines().zip(theirs.lines()).find(|(left, right)| left != right);
            wrong.push(format!("{}: {line:?}", golden.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_shown_text_leads_back_to_the_same_table() {
    for golden in golden_tables() {
        // Ids that a dropped column or index left unused cannot come back.
        let altered = golden.line["alters"].as_array().is_some_and(|alters| !alters.is_empty());
        let info = golden.parse().unwrap_or_else(|error| panic!("{}: {error}", golden.name));
        if altered {
            continue;
        }
        let options: DdlOptions = golden.options();
        let text = show_create_table_in(&info, &golden.zone());
        let again = parse_create_table(&text, &options)
            .unwrap_or_else(|error| panic!("{}: {error}\n{text}", golden.name));
        let mut again = serde_json::to_value(&again).unwrap();
        let mut before = serde_json::to_value(&info).unwrap();
        for value in [&mut again, &mut before] {
            value.as_object_mut().unwrap().remove("update_timestamp");
        }
        assert_eq!(difference("", &again, &before), None, "{}\n{text}", golden.name);
    }
}
