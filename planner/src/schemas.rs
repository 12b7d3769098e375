//! Makes databases, tables and views in the target from the dump's schema files.

use std::borrow::Cow;
use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use th_cluster::{ClusterError, ErrorKind, Tidb};
use th_connect::{LONG_STATEMENT, fault};
use th_dump::{Dump, File, TableFiles};
use th_errors::{Code, Fault};
use th_ledger::TiflashReplicas;
use th_mysql::{Class, Server, SqlError};
use th_schema::{DdlOptions, Statement, StatementKind};

use crate::Planner;
use crate::statement::{retarget_change, retarget_create_table, tiflash_replicas};

/// Statements in flight at the target: TiDB runs DDL one after another, but waits overlap.
const CONCURRENCY: usize = 8;
/// MySQL's error code of a table that exists.
const TABLE_EXISTS: u16 = 1050;
/// MySQL's error codes of a column, an index, a primary key, a foreign key or a check that the table has already, and of
/// one to be dropped that it has not.
const CHANGED_ALREADY: [u16; 6] = [1060, 1061, 1068, 1826, 3822, 1091];
/// First words of statements that are about the session that reads a dump, or remove what is not there: nothing is lost
/// without them.
const OF_SESSIONS: [&str; 8] = ["set", "lock", "unlock", "start", "begin", "commit", "delimiter", "drop"];
/// MySQL's error codes of denied access: to a database, a user, a table, a column, an operation.
const PRIVILEGES: [u16; 6] = [1044, 1045, 1142, 1143, 1227, 8121];

/// Replicas in TiFlash that schema files ask for, by the target's database and table.
pub(crate) type DumpedReplicas = BTreeMap<(String, String), TiflashReplicas>;

/// Where definitions go.
pub(crate) trait Definitions {
    /// Makes a database unless it is there; `options` follow its name.
    async fn create_database(&self, name: &str, options: &str) -> Result<(), Fault>;
    /// Makes a table or view with `db` as the current database, unless it is there.
    async fn create_table(&self, db: &str, statement: &str) -> Result<(), Fault>;
    /// Changes a table with `db` as the current database; what it has already stays.
    async fn change_table(&self, db: &str, statement: &str) -> Result<(), Fault>;
    /// Whether a table or view is there.
    async fn has_table(&self, db: &str, name: &str) -> Result<bool, Fault>;
}

impl Definitions for Tidb {
    async fn create_database(&self, name: &str, options: &str) -> Result<(), Fault> {
        Tidb::create_database(self, name, options).await.map_err(|error| fault::of_cluster(&error))
    }

    async fn create_table(&self, db: &str, statement: &str) -> Result<(), Fault> {
        Tidb::create_table(self, db, statement, LONG_STATEMENT).await.map_err(|error| of_definition(&error))
    }

    async fn change_table(&self, db: &str, statement: &str) -> Result<(), Fault> {
        match Tidb::create_table(self, db, statement, LONG_STATEMENT).await {
            Err(error) if matches!(error.kind(), ErrorKind::Sql { code } if CHANGED_ALREADY.contains(&code)) =>
            {
                tracing::info!(db, statement, %error, "the table is so already");
                Ok(())
            }
            changed => changed.map_err(|error| of_definition(&error)),
        }
    }

    async fn has_table(&self, db: &str, name: &str) -> Result<bool, Fault> {
        match self.table_info(db, name).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(fault::of_cluster(&error)),
        }
    }
}

impl Definitions for Server {
    async fn create_database(&self, name: &str, options: &str) -> Result<(), Fault> {
        let statement = format!("CREATE DATABASE IF NOT EXISTS {} {options}", th_mysql::quote_name(name));
        let made = self.query(None, &[&statement], LONG_STATEMENT).await;
        made.map(drop).map_err(|error| fault::of_sql(&error))
    }

    async fn create_table(&self, db: &str, statement: &str) -> Result<(), Fault> {
        match self.query(Some(db), &[statement], LONG_STATEMENT).await {
            Err(error) if error.code() == Some(TABLE_EXISTS) => Ok(()),
            made => made.map(drop).map_err(|error| of_sql_definition(&error)),
        }
    }

    async fn change_table(&self, db: &str, statement: &str) -> Result<(), Fault> {
        match self.query(Some(db), &[statement], LONG_STATEMENT).await {
            Err(error) if error.code().is_some_and(|code| CHANGED_ALREADY.contains(&code)) => {
                tracing::info!(db, statement, %error, "the table is so already");
                Ok(())
            }
            changed => changed.map(drop).map_err(|error| of_sql_definition(&error)),
        }
    }

    async fn has_table(&self, db: &str, name: &str) -> Result<bool, Fault> {
        self.table(db, name).await.map(|facts| facts.is_some()).map_err(|error| fault::of_sql(&error))
    }
}

/// Databases, then tables, and what their files say further of them. What exists is left as it is. Returns what the dump
/// says of replicas in TiFlash.
pub(crate) async fn create<T>(
    planner: &Planner<'_, T>,
    target: &impl Definitions,
    dump: &Dump,
) -> Result<DumpedReplicas, Fault> {
    for (name, database) in &dump.databases {
        let options = match &database.schema_file {
            Some(file) => database_options(&text(planner, file).await?),
            None => String::new(),
        };
        target.create_database(name, &options).await?;
    }
    let replicas: Vec<Option<TiflashReplicas>> = futures::stream::iter(&dump.tables)
        .map(|table| create_table(planner, target, table))
        .buffered(CONCURRENCY)
        .try_collect()
        .await?;
    let names = dump.tables.iter().map(|table| (table.db.clone(), table.table.clone()));
    Ok(names.zip(replicas).filter_map(|(name, replicas)| Some((name, replicas?))).collect())
}

async fn create_table<T>(
    planner: &Planner<'_, T>,
    target: &impl Definitions,
    table: &TableFiles,
) -> Result<Option<TiflashReplicas>, Fault> {
    let Some(file) = &table.schema_file else { return Ok(None) };
    let (db, name) = (table.db.as_str(), table.table.as_str());
    let place = planner.source.display(&file.path);
    let created = async {
        let TableSchema { create, changes, tiflash } = definition(planner, file, db, name).await?;
        let made = target.create_table(db, &create).await;
        made.map_err(|found| found.at(&place).of_table(db, name))?;
        for Change { text, line } in &changes {
            let changed = target.change_table(db, text).await;
            changed.map_err(|found| found.at(format!("{place}:{line}")).of_table(db, name))?;
        }
        Ok::<_, Fault>(tiflash)
    };
    let found = match created.await {
        Ok(replicas) => return Ok(replicas),
        Err(found) => found,
    };
    // A definition that nobody can read does not matter if the table is there.
    let unreadable = matches!(found.code, Code::BadSchema | Code::TargetSql);
    if unreadable && matches!(target.has_table(db, name).await, Ok(true)) {
        tracing::warn!(db, name, problem = %found.message, "the dump's definition is refused; the target's own table is used");
        return Ok(None);
    }
    Err(found)
}

/// What a schema file says of its table.
pub(crate) struct TableSchema {
    /// The statement that makes it.
    pub(crate) create: String,
    /// Those that change it then, in order.
    pub(crate) changes: Vec<Change>,
    /// Replicas in TiFlash, which may come later.
    tiflash: Option<TiflashReplicas>,
}

/// A statement that changes a table.
pub(crate) struct Change {
    pub(crate) text: String,
    /// Where it begins in the file, from 1.
    line: usize,
}

/// Reads the schema file of a table, for the table `db`.`name` of the target.
///
/// # Errors
/// It has no `CREATE TABLE`, or a statement after it that is neither about the table nor about a session.
pub(crate) async fn definition<T>(
    planner: &Planner<'_, T>,
    file: &File,
    db: &str,
    name: &str,
) -> Result<TableSchema, Fault> {
    let text = text(planner, file).await?;
    let statements = statements(planner, file, &text)?;
    table_schema(&text, &statements, db, name)
        .map_err(|found| found.within(&planner.source.display(&file.path)).of_table(db, name))
}

/// A problem, and the line where it is if it is about a statement.
struct Misplaced {
    problem: String,
    line: Option<usize>,
}

impl Misplaced {
    fn within(self, file: &str) -> Fault {
        let found = Fault::new(Code::BadSchema, self.problem);
        match self.line {
            Some(line) => found.at(format!("{file}:{line}")),
            None => found.at(file),
        }
    }
}

fn table_schema(
    text: &str,
    statements: &[Statement<'_>],
    db: &str,
    name: &str,
) -> Result<TableSchema, Misplaced> {
    let mut made: Option<(TableSchema, String)> = None;
    for statement in statements {
        let line = 1 + text.get(..statement.offset).unwrap_or_default().matches('\n').count();
        let Some((schema, own)) = &mut made else {
            if let Some(create) = retarget_create_table(statement.text, db, name) {
                // What cannot be read here is for the target to refuse.
                let silenced =
                    th_schema::disable_ttl(&create, &DdlOptions::default()).ok().map(Cow::into_owned);
                let create = silenced.unwrap_or(create);
                let own = match &statement.kind {
                    StatementKind::CreateTable(_, own) => own.to_lowercase(),
                    _ => String::new(),
                };
                made = Some((TableSchema { create, changes: Vec::new(), tiflash: None }, own));
            }
            continue;
        };
        let misplaced = |problem: &str| {
            let head: String = statement.text.chars().take(60).collect();
            Err(Misplaced { problem: format!("{problem}: {head}"), line: Some(line) })
        };
        match &statement.kind {
            StatementKind::AlterTable(_, other) if other.to_lowercase() != *own => {
                return misplaced("the statement is about another table than the file");
            }
            StatementKind::AlterTable(..) => {
                if let Some(replicas) = tiflash_replicas(statement.text) {
                    schema.tiflash = Some(replicas);
                } else if let Some(text) = retarget_change(statement.text, db, name) {
                    schema.changes.push(Change { text, line });
                } else {
                    return misplaced("the statement cannot be carried out");
                }
            }
            // It is there by now.
            StatementKind::CreateDatabase(_) => {}
            StatementKind::CreateTable(_, again) if again.to_lowercase() == *own => {}
            StatementKind::Use(_) | StatementKind::Drop(..) => {}
            StatementKind::Other(word) if word.is_empty() || OF_SESSIONS.contains(&word.as_str()) => {}
            _ => return misplaced("a table's schema file may create the table and change it, nothing else"),
        }
    }
    made.map(|(schema, _)| schema)
        .ok_or_else(|| Misplaced { problem: "the file has no CREATE TABLE statement".to_owned(), line: None })
}

/// Views, after the tables they read. One that exists is left as it is.
pub(crate) async fn create_views<T>(
    planner: &Planner<'_, T>,
    target: &impl Definitions,
    dump: &Dump,
) -> Result<(), Fault> {
    for view in &dump.views {
        let text = text(planner, &view.schema_file).await?;
        let place = planner.source.display(&view.schema_file.path);
        let statement = statements(planner, &view.schema_file, &text)?
            .into_iter()
            .find(|statement| matches!(statement.kind, StatementKind::CreateView(..)));
        let Some(statement) = statement else {
            return Err(Fault::new(Code::BadSchema, "the file has no CREATE VIEW statement").at(place));
        };
        let renamed = th_schema::rename_view(statement.text, &view.db, &view.view, &DdlOptions::default());
        let statement = renamed.as_deref().unwrap_or(statement.text);
        target.create_table(&view.db, statement).await.map_err(|found| found.at(place))?;
    }
    Ok(())
}

/// What the target says against a definition is the definition's fault, unless it is about privileges.
fn of_definition(error: &ClusterError) -> Fault {
    match error.kind() {
        ErrorKind::Sql { code } if !PRIVILEGES.contains(&code) => Fault::from_error(Code::BadSchema, error),
        _ => fault::of_cluster(error),
    }
}

/// The same for any server.
fn of_sql_definition(error: &SqlError) -> Fault {
    match error {
        SqlError::Server { code, .. } if error.class() != Class::Retry && !PRIVILEGES.contains(code) => {
            Fault::from_error(Code::BadSchema, error)
        }
        _ => fault::of_sql(error),
    }
}

async fn text<T>(planner: &Planner<'_, T>, file: &File) -> Result<String, Fault> {
    let bytes = file.read(planner.source).await.map_err(|error| fault::of_read(&error))?;
    decode(bytes, &planner.config.mydumper.character_set)
        .map_err(|problem| Fault::new(Code::BadSchema, problem).at(planner.source.display(&file.path)))
}

/// The statements of a schema file.
fn statements<'a, T>(
    planner: &Planner<'_, T>,
    file: &File,
    text: &'a str,
) -> Result<Vec<Statement<'a>>, Fault> {
    th_schema::split_statements(text, &DdlOptions::default())
        .map_err(|error| Fault::from_error(Code::BadSchema, &error).at(planner.source.display(&file.path)))
}

/// A schema file's text: UTF-8 or, with `auto`, whatever of UTF-8 and GB18030 it can be.
fn decode(bytes: Vec<u8>, character_set: &str) -> Result<String, String> {
    let character_set = character_set.to_ascii_lowercase();
    let decoded = |encoding: &'static encoding_rs::Encoding, bytes: &[u8]| {
        encoding.decode_without_bom_handling_and_without_replacement(bytes).map(Cow::into_owned)
    };
    let guess = matches!(character_set.as_str(), "" | "auto");
    match character_set.as_str() {
        "gb18030" | "gbk" => decoded(encoding_rs::GB18030, &bytes).ok_or_else(|| "the schema file is not gb18030".to_owned()),
        "latin1" => Ok(encoding_rs::WINDOWS_1252.decode_without_bom_handling(&bytes).0.into_owned()),
        "" | "auto" | "utf8" | "utf8mb4" | "binary" => match String::from_utf8(bytes) {
            Ok(text) => Ok(text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text)),
            // TiDB's parser takes each byte that is no UTF-8 for a question mark.
            Err(error) if character_set == "binary" => Ok(error
                .as_bytes()
                .utf8_chunks()
                .flat_map(|chunk| [Cow::Borrowed(chunk.valid()), "?".repeat(chunk.invalid().len()).into()])
                .collect()),
            Err(error) if guess => decoded(encoding_rs::GB18030, error.as_bytes()).ok_or_else(|| {
                "cannot guess the schema file's encoding: it is neither utf8mb4 nor gb18030; set `mydumper.character-set`".to_owned()
            }),
            Err(_) => Err("the schema file is not utf8mb4; set `mydumper.character-set`".to_owned()),
        },
        other => Err(format!("mydumper.character-set `{other}` is none of auto, utf8mb4, gb18030, latin1, binary")),
    }
}

/// ` CHARACTER SET x COLLATE y` of a `CREATE DATABASE` statement, live comments included.
fn database_options(text: &str) -> String {
    let text = without_comments(text);
    let mut words = text
        .split(|c: char| c.is_whitespace() || matches!(c, '=' | ';' | '*' | '/' | '!'))
        .filter(|word| !word.is_empty());
    let mut in_create = false;
    let mut options = String::new();
    let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    while let Some(word) = words.next() {
        match word.to_ascii_uppercase().as_str() {
            "CREATE" => in_create = true,
            "CHARSET" if in_create => {
                if let Some(name) = words.next().filter(|name| plain(name)) {
                    options.push_str(&format!(" CHARACTER SET {name}"));
                }
            }
            "CHARACTER" if in_create => {
                if let Some(name) = words.nth(1).filter(|name| plain(name)) {
                    options.push_str(&format!(" CHARACTER SET {name}"));
                }
            }
            "COLLATE" if in_create => {
                if let Some(name) = words.next().filter(|name| plain(name)) {
                    options.push_str(&format!(" COLLATE {name}"));
                }
            }
            _ => {}
        }
    }
    options
}

/// The text without comments, but with what stands in `/*!40100 … */`, which MySQL reads.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        let (inner, after) = comment.split_once("*/").unwrap_or((comment, ""));
        out.push_str(before);
        out.push(' ');
        if let Some(live) = inner.strip_prefix('!') {
            out.push_str(live.trim_start_matches(|c: char| c.is_ascii_digit()));
        }
        out.push(' ');
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TableSchema, Misplaced> {
        let statements = th_schema::split_statements(text, &DdlOptions::default()).unwrap();
        table_schema(text, &statements, "d", "t")
    }

    #[test]
    fn a_schema_file_makes_its_table_and_changes_it_in_order() {
        let text = "SET x = 1;\nDROP TABLE IF EXISTS a;\n/*!40101 SET NAMES binary*/;\nCREATE TABLE `A` (b INT);\n\
                    ALTER TABLE a ADD COLUMN c INT;\nCREATE INDEX i ON x.`a` (b);\nSET y = 2;\n\
                    ALTER TABLE a SET TIFLASH REPLICA 2;\n/*!40000 ALTER TABLE `a` ENABLE KEYS */;";
        let schema = read(text).ok().unwrap();
        assert_eq!(schema.create, "CREATE TABLE IF NOT EXISTS `d`.`t` (b INT)");
        let changes: Vec<_> = schema.changes.iter().map(|change| (change.line, change.text.trim())).collect();
        let expected = [
            (5, "ALTER TABLE `d`.`t` ADD COLUMN c INT"),
            (6, "CREATE INDEX i ON `d`.`t` (b)"),
            (9, "ALTER TABLE `d`.`t` ENABLE KEYS"),
        ];
        assert_eq!(changes, expected);
        assert_eq!(schema.tiflash.map(|replicas| replicas.count), Some(2));
    }

    #[test]
    fn a_statement_that_would_be_left_out_is_an_error_with_its_line() {
        for (after, says) in [
            ("ALTER TABLE other ADD COLUMN c INT", "another table"),
            ("INSERT INTO a VALUES (1)", "nothing else"),
            ("CREATE TABLE c (d INT)", "nothing else"),
            ("TRUNCATE TABLE a", "nothing else"),
        ] {
            let found = read(&format!("CREATE TABLE a (b INT);\n\n{after};\n")).err().unwrap();
            assert!(found.problem.contains(says) && found.problem.contains(after), "{}", found.problem);
            assert_eq!(found.line, Some(3), "{after}");
        }
        assert_eq!(read("SET x = 1;").err().unwrap().line, None);
    }

    #[test]
    fn a_schema_file_is_read_in_the_character_set_that_is_configured() {
        let file = |encoding: &'static encoding_rs::Encoding| encoding.encode("主键 é").0.into_owned();
        let (utf8, gb18030) = (file(encoding_rs::UTF_8), file(encoding_rs::GB18030));
        for (bytes, character_set, expected) in [
            (&utf8, "auto", Some("主键 é")),
            (&gb18030, "auto", Some("主键 é")),
            (&utf8, "utf8mb4", Some("主键 é")),
            (&gb18030, "utf8mb4", None),
            (&gb18030, "GB18030", Some("主键 é")),
            (&utf8, "binary", Some("主键 é")),
            (&gb18030, "binary", Some("???? ??")),
            (&gb18030, "latin1", Some("Ö÷¼ü ¨¦")),
            (&utf8, "utf16", None),
        ] {
            let found = decode(bytes.clone(), character_set).ok();
            assert_eq!(found.as_deref(), expected, "{character_set}");
        }
    }

    #[test]
    fn a_databases_character_set_is_kept() {
        let text = "/*!40101 SET NAMES binary*/;\nCREATE DATABASE `app` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin */;";
        assert_eq!(database_options(text), " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
        assert_eq!(database_options("CREATE DATABASE x charset=gbk"), " CHARACTER SET gbk");
        assert_eq!(database_options("CREATE DATABASE x"), "");
        // A blank before the exclamation mark makes it a comment like any other.
        assert_eq!(database_options("CREATE DATABASE x /* !40100 DEFAULT CHARACTER SET utf8 */;"), "");
    }
}
