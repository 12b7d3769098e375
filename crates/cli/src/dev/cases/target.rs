//! The playground as a case's target: what it must hold before, what it should hold afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, OptsBuilder, Value as Cell};
use serde_json::{Map, Value};
use th_cluster::{quote_name, quote_table, quote_text};
use th_env::Env;
use th_playground::Playground;

/// Rows of one INSERT.
const BATCH: usize = 200;

/// A table as a case records it: `create`, `columns`, `rows`, `kind`, ….
type Recorded = Map<String, Value>;

/// A connection to the playground.
pub(super) struct Target {
    connection: Conn,
}

/// The databases of a recording.
fn databases(recorded: &Value) -> impl Iterator<Item = (&String, &Value)> {
    recorded.as_object().into_iter().flatten()
}

fn tables(database: &Value) -> impl Iterator<Item = (&String, &Recorded)> {
    let tables = database.get("tables").and_then(Value::as_object).into_iter().flatten();
    tables.filter_map(|(name, table)| Some((name, table.as_object()?)))
}

fn text<'a>(table: &'a Recorded, key: &str) -> &'a str {
    table.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn rows(table: &Recorded) -> Vec<Vec<Value>> {
    let rows = table.get("rows").and_then(Value::as_array).into_iter().flatten();
    rows.filter_map(|row| row.as_array().cloned()).collect()
}

fn columns(table: &Recorded) -> Vec<String> {
    let columns = table.get("columns").and_then(Value::as_array).into_iter().flatten();
    columns.filter_map(|column| column.as_str().map(str::to_owned)).collect()
}

/// A cell as recordings have it: text, `{"hex": …}` for bytes that are not, null.
fn recorded(cell: Cell) -> Value {
    match cell {
        Cell::NULL => Value::Null,
        Cell::Bytes(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Value::String(text),
            Err(error) => {
                let mut hex = String::new();
                for byte in error.as_bytes() {
                    let _ = write!(hex, "{byte:02x}");
                }
                serde_json::json!({ "hex": hex })
            }
        },
        Cell::Int(number) => Value::String(number.to_string()),
        Cell::UInt(number) => Value::String(number.to_string()),
        other => Value::String(other.as_sql(true).trim_matches('\'').to_owned()),
    }
}

/// Recordings may write the digits of bytes in either case.
fn canonical(row: &[Value]) -> String {
    let cells: Vec<Value> = row
        .iter()
        .map(|cell| match cell.get("hex").and_then(Value::as_str) {
            Some(hex) => serde_json::json!({ "hex": hex.to_lowercase() }),
            None => cell.clone(),
        })
        .collect();
    Value::Array(cells).to_string()
}

impl Target {
    /// Connects.
    pub(super) async fn connect(playground: &Playground) -> Result<Self, String> {
        let options = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(playground.tidb_port())
            .user(Some("root"));
        let connection = Conn::new(options).await.map_err(|error| error.to_string())?;
        let mut target = Self { connection };
        target.execute("SET NAMES utf8mb4").await?;
        Ok(target)
    }

    /// Says good-bye.
    pub(super) async fn close(self) {
        let _ = self.connection.disconnect().await;
    }

    async fn execute(&mut self, sql: &str) -> Result<(), String> {
        self.connection
            .query_drop(sql)
            .await
            .map_err(|error| format!("{error} of: {}", sql.chars().take(200).collect::<String>()))
    }

    async fn query(&mut self, sql: &str) -> Result<Vec<Vec<Value>>, String> {
        let rows: Vec<mysql_async::Row> =
            self.connection.query(sql).await.map_err(|error| format!("{error} of: {sql}"))?;
        Ok(rows.into_iter().map(|row| row.unwrap().into_iter().map(recorded).collect()).collect())
    }

    /// Makes what the target held before: the databases that the import names or that it changed.
    pub(super) async fn prepare(
        &mut self,
        before: &Value,
        after: &Value,
        named: &[String],
    ) -> Result<(), String> {
        for statement in ["SET SESSION allow_auto_random_explicit_insert = 1", "SET SESSION sql_mode = ''"] {
            // A server that does not know the variable does not need it.
            let _ = self.execute(statement).await;
        }
        for (name, database) in databases(before) {
            let concerned = named.iter().any(|named| named.eq_ignore_ascii_case(name))
                || !same_rows(database, after.get(name));
            if concerned {
                self.restore(name, database).await.map_err(|error| format!("cannot prepare: {error}"))?;
            }
        }
        Ok(())
    }

    async fn restore(&mut self, name: &str, database: &Value) -> Result<(), String> {
        self.execute(&format!("DROP DATABASE IF EXISTS {}", quote_name(name))).await?;
        self.execute(database.get("create").and_then(Value::as_str).unwrap_or_default()).await?;
        self.execute(&format!("USE {}", quote_name(name))).await?;
        let (views, base): (Vec<_>, Vec<_>) =
            tables(database).partition(|(_, table)| text(table, "kind") == "VIEW");
        for (table_name, table) in base {
            self.execute(text(table, "create")).await?;
            let stored = self.stored_columns(name, table_name).await?;
            let names = columns(table);
            let kept: Vec<usize> = (0..names.len())
                .filter(|at| names.get(*at).is_some_and(|name| stored.contains(&name.to_lowercase())))
                .collect();
            let list: Vec<String> =
                kept.iter().filter_map(|at| names.get(*at)).map(|n| quote_name(n)).collect();
            for batch in rows(table).chunks(BATCH) {
                let tuples: Vec<String> = batch
                    .iter()
                    .map(|row| {
                        let cells: Vec<String> =
                            kept.iter().map(|at| literal(row.get(*at).unwrap_or(&Value::Null))).collect();
                        format!("({})", cells.join(","))
                    })
                    .collect();
                self.execute(&format!(
                    "INSERT INTO {} ({}) VALUES {}",
                    quote_table(name, table_name),
                    list.join(","),
                    tuples.join(",")
                ))
                .await?;
            }
        }
        for (_, view) in views {
            self.execute(text(view, "create")).await?;
        }
        Ok(())
    }

    /// Lower-case names of the columns that are not generated.
    async fn stored_columns(&mut self, db: &str, table: &str) -> Result<BTreeSet<String>, String> {
        let found = self.query(&format!("SHOW COLUMNS FROM {}", quote_table(db, table))).await?;
        Ok(found
            .iter()
            .filter(|row| {
                !row.last().and_then(Value::as_str).is_some_and(|extra| extra.contains("GENERATED"))
            })
            .filter_map(|row| row.first().and_then(Value::as_str).map(str::to_lowercase))
            .collect())
    }

    /// Compares with what the target should hold; the inner error is the first difference, the inner value
    /// a note. Databases that the import has nothing to do with are not there; those of books (`own`) are not
    /// compared, for they say when they were written and by whom.
    pub(super) async fn compare(
        &mut self,
        before: &Value,
        after: &Value,
        own: &[&str],
    ) -> Result<Result<String, String>, String> {
        let found = self.query("SHOW DATABASES").await?;
        let found: BTreeSet<String> =
            found.iter().filter_map(|row| row.first().and_then(Value::as_str).map(str::to_owned)).collect();
        let mut notes = BTreeSet::new();
        for (name, database) in databases(after) {
            let untouched = before.get(name).is_some_and(|before| same_rows(before, Some(database)));
            if own.contains(&name.as_str()) || (untouched && !found.contains(name)) {
                continue;
            }
            if !found.contains(name) {
                return Ok(Err(format!("database {name} is missing")));
            }
            match self.compare_database(name, database).await? {
                Ok(note) => notes.extend(note),
                Err(difference) => return Ok(Err(difference)),
            }
        }
        let system = ["information_schema", "mysql", "performance_schema", "sys", "metrics_schema", "test"];
        let surplus = found.iter().find(|name| {
            after.get(name.as_str()).is_none()
                && !system.contains(&name.to_lowercase().as_str())
                && !own.contains(&name.as_str())
        });
        if let Some(name) = surplus {
            return Ok(Err(format!("database {name} should not be there")));
        }
        Ok(Ok(notes.into_iter().collect::<Vec<_>>().join(", ")))
    }

    async fn compare_database(
        &mut self,
        db: &str,
        database: &Value,
    ) -> Result<Result<Option<String>, String>, String> {
        let found = self.query(&format!("SHOW FULL TABLES FROM {}", quote_name(db))).await?;
        let found: BTreeMap<String, String> = found
            .iter()
            .filter_map(|row| Some((row.first()?.as_str()?.to_owned(), row.get(1)?.as_str()?.to_owned())))
            .collect();
        let mut note = None;
        for (name, table) in tables(database) {
            match found.get(name) {
                None => return Ok(Err(format!("table {db}.{name} is missing"))),
                Some(kind) if kind != text(table, "kind") => {
                    return Ok(Err(format!("{db}.{name} is a {kind}, not a {}", text(table, "kind"))));
                }
                Some(kind) if kind == "VIEW" => continue,
                Some(_) => {}
            }
            match self.compare_table(db, name, table).await? {
                Ok(found) => note = found.or(note),
                Err(difference) => return Ok(Err(format!("{db}.{name}: {difference}"))),
            }
        }
        let recorded: BTreeSet<&String> = tables(database).map(|(name, _)| name).collect();
        match found.keys().find(|name| !recorded.contains(name)) {
            Some(name) => Ok(Err(format!("table {db}.{name} should not be there"))),
            None => Ok(Ok(note)),
        }
    }

    async fn compare_table(
        &mut self,
        db: &str,
        name: &str,
        table: &Recorded,
    ) -> Result<Result<Option<String>, String>, String> {
        let full = quote_table(db, name);
        let columns = columns(table);
        let list: Vec<String> = columns.iter().map(|column| quote_name(column)).collect();
        let found = self.query(&format!("SELECT {} FROM {full}", list.join(","))).await?;
        let count = table.get("count").and_then(Value::as_u64).unwrap_or_default();
        if found.len() as u64 != count {
            return Ok(Err(format!("{} rows instead of {count}", found.len())));
        }
        if let Err(error) = self.execute(&format!("ADMIN CHECK TABLE {full}")).await {
            return Ok(Err(format!("inconsistent: {error}")));
        }
        let expected = rows(table);
        if expected.len() as u64 != count {
            return Ok(Ok(Some(format!("{db}.{name}: only its {count} rows were counted"))));
        }
        let Err(difference) = same(&expected, &found) else { return Ok(Ok(None)) };
        // Ids that the import itself gives out are right if nobody else has them; the moment of the import
        // is another one.
        let create = text(table, "create");
        let places = |is: fn(&str, &str) -> bool| -> Vec<usize> {
            (0..columns.len()).filter(|at| columns.get(*at).is_some_and(|name| is(create, name))).collect()
        };
        let (ids, moments) = (places(is_generated_id), places(is_moment));
        for at in &ids {
            let distinct: BTreeSet<String> =
                found.iter().filter_map(|row| row.get(*at)).map(ToString::to_string).collect();
            if distinct.len() != found.len() {
                return Ok(Err(difference));
            }
        }
        let now =
            jiff::Timestamp::from_second(Env::real().now_seconds()).map_err(|error| error.to_string())?;
        let today = now.strftime("%Y-%m-%d").to_string();
        let known: BTreeSet<String> = expected.iter().flatten().map(ToString::to_string).collect();
        let is_now = |cell: &Value| {
            known.contains(&cell.to_string()) || cell.as_str().is_some_and(|text| text.starts_with(&today))
        };
        if !found.iter().all(|row| moments.iter().all(|at| row.get(*at).is_none_or(is_now))) {
            return Ok(Err(difference));
        }
        let without = |rows: &[Vec<Value>]| -> Vec<Vec<Value>> {
            let mut rows = rows.to_vec();
            for row in &mut rows {
                for at in ids.iter().chain(&moments) {
                    if let Some(cell) = row.get_mut(*at) {
                        *cell = Value::Null;
                    }
                }
            }
            rows
        };
        if same(&without(&expected), &without(&found)).is_err() {
            return Ok(Err(difference));
        }
        let what = if ids.is_empty() { "was imported at another moment" } else { "has other generated ids" };
        Ok(Ok(Some(format!("{db}.{name} {what}"))))
    }
}

/// Whether two recordings of a database have the same tables with the same rows.
fn same_rows(left: &Value, right: Option<&Value>) -> bool {
    let essence = |database: &Value| -> BTreeMap<String, (Vec<String>, Option<Value>)> {
        tables(database)
            .map(|(name, table)| {
                let mut rows: Vec<String> = rows(table).iter().map(|row| canonical(row)).collect();
                rows.sort_unstable();
                (name.clone(), (rows, table.get("count").cloned()))
            })
            .collect()
    };
    right.is_some_and(|right| essence(left) == essence(right))
}

/// The column's line of `SHOW CREATE TABLE`.
fn definition<'c>(create: &'c str, column: &str) -> Option<&'c str> {
    let prefix = format!("{} ", quote_name(column));
    create.lines().find(|line| line.trim_start().starts_with(&prefix))
}

/// Whether the column's default is the moment of writing.
fn is_moment(create: &str, column: &str) -> bool {
    definition(create, column).is_some_and(|line| line.contains("CURRENT_TIMESTAMP"))
}

/// Whether `SHOW CREATE TABLE` says that the server makes this column's values.
fn is_generated_id(create: &str, column: &str) -> bool {
    definition(create, column)
        .is_some_and(|line| line.contains("AUTO_INCREMENT") || line.contains("AUTO_RANDOM"))
}

fn literal(cell: &Value) -> String {
    match (cell, cell.get("hex").and_then(Value::as_str)) {
        (_, Some(hex)) => format!("x'{hex}'"),
        (Value::Null, _) => "NULL".to_owned(),
        (Value::String(text), _) => quote_text(text),
        (other, _) => quote_text(&other.to_string()),
    }
}

/// The first row that only one side has.
fn same(expected: &[Vec<Value>], found: &[Vec<Value>]) -> Result<(), String> {
    let sorted = |rows: &[Vec<Value>]| {
        let mut rows: Vec<String> = rows.iter().map(|row| canonical(row)).collect();
        rows.sort_unstable();
        rows
    };
    let (expected, found) = (sorted(expected), sorted(found));
    let cut = |text: &str| text.chars().take(300).collect::<String>();
    match expected.iter().zip(&found).find(|(expected, found)| expected != found) {
        Some((expected, found)) => Err(format!("a row should be {} and is {}", cut(expected), cut(found))),
        None if expected.len() != found.len() => {
            Err(format!("{} rows instead of {}", found.len(), expected.len()))
        }
        None => Ok(()),
    }
}
