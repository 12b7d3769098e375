//! What a real PD, TiKV and TiDB answered, asked of a playground over the same wires.
//!
//! `testdata/cluster-answers.jsonl` holds questions and answers of a real cluster in the order they were
//! asked. Each is asked again, with ids and times carried over ([`same::Mapping`]), and the answer is
//! compared field by field; what cannot be the same stands in [`PARTLY`], with the reason.

mod ask;
mod dynamic;
mod files;
mod same;

use std::collections::HashMap;

use serde_json::{Map, Value as Json};
use th_playground::{Playground, PlaygroundOptions};

use crate::ask::{Asker, RECORDED_CLUSTER, by_column};
use crate::same::Mapping;

const TIDB_VARIABLES: &str = "SELECT VARIABLE_NAME, VARIABLE_VALUE FROM mysql.tidb";

/// Parts of answers that are not compared: name of the question, start of the path, and why. Everything
/// else is compared, and every recorded question is asked.
const PARTLY: [(&str, &str, &str); 14] = [
    ("pd.GetRegion", ".response.region.end_key", "a playground has no system tables"),
    ("SELECT tidb_version()", ".rows[0]", "another build"),
    (TIDB_VARIABLES, ".rows[6].variable_value", "a process"),
    (TIDB_VARIABLES, ".rows[7].variable_value", "a process"),
    (TIDB_VARIABLES, ".rows[8].variable_value", "a time"),
    (TIDB_VARIABLES, ".rows[13].variable_value", "a time"),
    (TIDB_VARIABLES, ".rows[14].variable_value", "a time"),
    ("tidb.http.settings", ".answer.port", "any free port"),
    ("tidb.http.settings", ".answer.status.status-port", "any free port"),
    ("pd.http.empty_regions", ".answer.count", "a playground has no system tables"),
    ("pd.http.empty_regions", ".answer.regions", "they were the system tables'; line 166 compares a region"),
    ("pd.http.region_stats", ".answer.count", "a playground has no system tables"),
    ("tikv.http.config", ".answer.storage.data-dir", "a folder of its own"),
    (
        "tikv.MultiIngest.epoch_old",
        ".response.error.epoch_not_match.current_regions[1].start_key",
        "the neighbour on the left was a system table's",
    ),
];

/// Fields of a recorded line that hold the answer.
const ANSWER_FIELDS: [&str; 7] = ["response", "grpc_status", "columns", "rows", "error", "status", "answer"];

fn questions() -> Vec<Json> {
    include_str!("../../testdata/cluster-answers.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect()
}

/// The text that tells questions of one name apart.
fn text_of(question: &Json) -> &str {
    question["request"].as_str().or(question["url"].as_str()).unwrap_or_default()
}

/// SQL questions go by their text.
fn is_called(question: &Json, name: &str) -> bool {
    question["name"] == name || question["request"] == name
}

/// The part of a recorded line that is the answer, without what says nothing here.
fn recorded_answer(question: &Json) -> Json {
    let mut answer = Map::new();
    for field in ANSWER_FIELDS {
        if let Some(value) = question.get(field) {
            answer.insert(field.to_owned(), value.clone());
        }
    }
    // The name of the message's type is the recording's own note.
    let messages = match answer.get_mut("response") {
        Some(Json::Array(messages)) => messages.as_mut_slice(),
        Some(message) => std::slice::from_mut(message),
        None => &mut [],
    };
    for message in messages {
        message.as_object_mut().map(|fields| fields.remove("type"));
    }
    answer.into()
}

/// Both answers in a form that can be compared: rows by column, databases by name.
fn comparable(name: &str, answer: &Json) -> Json {
    let mut answer = by_column(answer);
    if name == "tidb.http.schema"
        && let Some(databases) = answer["answer"].as_array_mut()
    {
        databases.sort_by_key(|database| database["db_name"]["L"].to_string());
        for database in databases.iter_mut().filter(|database| database["db_name"]["L"] != "probe") {
            database.as_object_mut().map(|fields| fields.remove("id"));
        }
    }
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_playground_answers_as_a_real_cluster_does() {
    let playground = Playground::start(PlaygroundOptions::default()).await.expect("a playground");
    let mut asker = Asker::new(&playground).await;
    let mut mapping = Mapping {
        ids: HashMap::new(),
        version_distance: 0,
        texts: asker.places(),
        time_distance: asker.time_distance().await,
    };
    mapping.ids.insert(RECORDED_CLUSTER, playground.cluster_id());
    let mut differences = Vec::new();
    for (number, question) in questions().iter().enumerate() {
        let name = question["name"].as_str().unwrap_or_default();
        let answer = asker.ask(question, &mut mapping).await;
        let found =
            mapping.differences(&comparable(name, &recorded_answer(question)), &comparable(name, &answer));
        let compared = |path: &String| {
            !PARTLY.iter().any(|(part, skipped, _)| is_called(question, part) && path.starts_with(skipped))
        };
        differences.extend(
            found
                .into_iter()
                .filter(compared)
                .map(|what| format!("line {} {name} {}: {what}", number + 1, text_of(question))),
        );
    }
    playground.shutdown().await;
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn what_is_compared_in_part_was_recorded() {
    let questions = questions();
    assert!(questions.len() >= 174, "{} questions", questions.len());
    for (name, path, why) in PARTLY {
        assert!(questions.iter().any(|question| is_called(question, name)), "{name} {path}: {why}");
    }
}
