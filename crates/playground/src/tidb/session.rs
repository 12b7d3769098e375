//! A client's session: its database, its variables, and the way from text to answer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use th_types::{Context, SqlMode, TimeZone};

use crate::cluster::{Cluster, VERSION};
use crate::faults::{Effect, RequestKind};
use crate::tidb::advisory::{Held, Locks};
use crate::tidb::catalog::{Catalog, Entry};
use crate::tidb::error::SqlError;
use crate::tidb::outcome::Outcome;
use crate::tidb::parse::parse;
use crate::tidb::relation::Relation;
use crate::tidb::select::Plan;
use crate::tidb::statement::{Assignment, Insert, Item, Select, Statement, TableName};
use crate::tidb::transaction::Transaction;
use crate::tidb::{admin, alter, change, ddl, info_schema, insert, rows, show, sysvar};

/// The server version as the handshake and `VERSION()` say it.
pub(crate) fn server_version() -> String {
    format!("8.0.11-TiDB-v{VERSION}")
}

/// What `tidb_version()` says.
pub(crate) fn tidb_version() -> String {
    format!(
        "Release Version: v{VERSION}\nEdition: Community\nGit Commit Hash: playground\nGit Branch: master\n\
         UTC Build Time: unknown\nGoVersion: none\nRace Enabled: false\nCheck Table Before Drop: false\nStore: tikv\n\
         Kernel Type: Classic"
    )
}

/// What all sessions share.
pub(crate) struct Tidb {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) catalog: Catalog,
    /// Global variables that were set.
    pub(crate) globals: Mutex<BTreeMap<String, String>>,
    /// Held by the session that writes to a table.
    pub(crate) writers: Locks,
    /// GET_LOCK's.
    pub(crate) named_locks: Locks,
    pub(crate) connections: std::sync::atomic::AtomicU32,
    pub(crate) addresses: std::sync::OnceLock<Addresses>,
}

/// Where the front listens.
pub(crate) struct Addresses {
    pub(crate) sql: std::net::SocketAddr,
    pub(crate) status: std::net::SocketAddr,
    pub(crate) pd: std::net::SocketAddr,
}

/// A client's session.
pub(crate) struct Session {
    pub(crate) tidb: Arc<Tidb>,
    pub(crate) id: u32,
    pub(crate) user: String,
    pub(crate) db: Option<String>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) warnings: Vec<SqlError>,
    pub(crate) last_insert_id: u64,
    pub(crate) transaction: Option<Transaction>,
    pub(crate) named_locks: Held,
}

impl Session {
    /// A new session.
    pub(crate) fn new(tidb: Arc<Tidb>, id: u32) -> Self {
        Self {
            tidb,
            id,
            user: "root".into(),
            db: None,
            variables: BTreeMap::new(),
            warnings: Vec::new(),
            last_insert_id: 0,
            transaction: None,
            named_locks: Held::default(),
        }
    }

    /// Forgets everything but who the client is.
    pub(crate) fn reset(&mut self) {
        self.roll_back();
        self.db = None;
        self.variables.clear();
        self.warnings.clear();
        self.named_locks.clear();
    }

    /// Runs one statement.
    pub(crate) async fn execute(&mut self, sql: &str) -> Result<Outcome, SqlError> {
        let is_analyze = sql.trim_start().get(..7).is_some_and(|word| word.eq_ignore_ascii_case("analyze"));
        let kind = if is_analyze { RequestKind::Analyze } else { RequestKind::Sql };
        let lost = match self.tidb.cluster.strike(kind, None, None).await {
            Some(Effect::Error { message }) => return Err(SqlError::unknown(message)),
            Some(Effect::LoseAnswer) => true,
            Some(_) => return Err(SqlError::lost_connection()),
            None => false,
        };
        let outcome = match parse(sql)? {
            None => Ok(Outcome::done()),
            Some(statement) => self.run(statement).await,
        };
        if lost { Err(SqlError::lost_connection()) } else { outcome }
    }

    async fn run(&mut self, statement: Statement) -> Result<Outcome, SqlError> {
        if !matches!(&statement, Statement::Show(show) if matches!(show.kind, crate::tidb::statement::ShowKind::Warnings | crate::tidb::statement::ShowKind::Errors))
        {
            self.warnings.clear();
        }
        // A definition changes outside of transactions.
        if matches!(
            &statement,
            Statement::CreateDatabase { .. }
                | Statement::AlterDatabase { .. }
                | Statement::DropDatabase { .. }
                | Statement::CreateTable { .. }
                | Statement::CreateTableLike { .. }
                | Statement::CreateView { .. }
                | Statement::DropTables { .. }
                | Statement::Truncate(_)
                | Statement::Rename(_)
                | Statement::AlterTable { .. }
        ) {
            self.commit()?;
        }
        // Held until the statement is done, or by the transaction until that is.
        let _lock = match &statement {
            Statement::Insert(Insert { table, .. })
            | Statement::Update { table, .. }
            | Statement::Delete { table, .. } => self.lock_writes(table).await?,
            Statement::Select(Select { locking: true, from: Some(table), .. }) => {
                self.lock_writes(table).await?
            }
            _ => None,
        };
        match statement {
            Statement::Select(select) => self.select(&select).await,
            Statement::Show(show) => show::run(self, show).await,
            Statement::Use(name) => self.use_database(&name).map(|()| Outcome::done()),
            Statement::Set(assignments) => self.set(assignments),
            Statement::Nothing => Ok(Outcome::done()),
            Statement::CreateDatabase { name, if_not_exists, charset, collate } => {
                ddl::create_database(self, &name, if_not_exists, charset, collate)
            }
            Statement::AlterDatabase { name, charset, collate } => {
                ddl::alter_database(self, name, charset, collate)
            }
            Statement::DropDatabase { name, if_exists } => ddl::drop_database(self, &name, if_exists),
            Statement::CreateTable { name, if_not_exists, text } => {
                ddl::create_table(self, &name, if_not_exists, &text)
            }
            Statement::CreateTableLike { name, like, if_not_exists } => {
                ddl::create_table_like(self, &name, &like, if_not_exists)
            }
            Statement::CreateView { name, or_replace, columns, select } => {
                ddl::create_view(self, &name, or_replace, columns, select)
            }
            Statement::DropTables { names, if_exists, views } => {
                ddl::drop_tables(self, &names, if_exists, views)
            }
            Statement::Truncate(name) => ddl::truncate(self, &name),
            Statement::Rename(pairs) => ddl::rename(self, &pairs),
            Statement::AlterTable { name, specs, text } => alter::alter_table(self, &name, &specs, &text),
            Statement::Insert(statement) => insert::insert(self, &statement),
            Statement::Update { table, sets, filter } => {
                change::update(self, &table, &sets, filter.as_deref())
            }
            Statement::Delete { table, filter } => change::delete(self, &table, filter.as_deref()),
            Statement::Begin => self.begin().map(|()| Outcome::done()),
            Statement::Commit => self.commit().map(|()| Outcome::done()),
            Statement::Rollback => {
                self.roll_back();
                Ok(Outcome::done())
            }
            Statement::AdminChecksum(names) => admin::checksum(self, &names).await,
            Statement::AdminCheck(names) => admin::check(self, &names).await,
            Statement::AdminShowDdlJobs => Ok(admin::ddl_jobs(self)),
            Statement::Analyze(names) => {
                for name in &names {
                    self.table(name)?;
                }
                Ok(Outcome::done())
            }
        }
    }

    fn use_database(&mut self, name: &str) -> Result<(), SqlError> {
        if !self.tidb.catalog.database_exists(name) {
            return Err(SqlError::unknown_database(name));
        }
        self.db = Some(name.to_owned());
        Ok(())
    }

    /// Changes the current database (`USE`, `COM_INIT_DB`, the handshake).
    pub(crate) fn select_database(&mut self, name: &str) -> Result<(), SqlError> {
        self.use_database(name)
    }

    fn set(&mut self, assignments: Vec<Assignment>) -> Result<Outcome, SqlError> {
        for assignment in assignments {
            let text = assignment.value.trim();
            let quoted = text.len() >= 2 && (text.starts_with('\'') || text.starts_with('"'));
            let value = if quoted {
                text.get(1..text.len() - 1).unwrap_or_default().to_owned()
            } else if text.eq_ignore_ascii_case("default") {
                sysvar::default(&assignment.name).unwrap_or_default()
            } else if let Some(name) = text.strip_prefix("@@") {
                self.variable(name).map(|(_, value)| value).unwrap_or_default()
            } else {
                text.to_owned()
            };
            if assignment.name.starts_with('@') {
                self.variables.insert(assignment.name, value);
                continue;
            }
            if assignment.name == "time_zone" {
                TimeZone::parse(&zone_name(&value))
                    .map_err(|_| SqlError::new(1298, format!("Unknown or incorrect time zone: '{value}'")))?;
            }
            if assignment.name == "sql_mode" {
                SqlMode::parse(&value).map_err(|_| {
                    SqlError::new(1231, format!("Variable 'sql_mode' can't be set to the value of '{value}'"))
                })?;
            }
            let value = sysvar::normalize(&assignment.name, value);
            if assignment.global {
                self.tidb
                    .globals
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(assignment.name, value);
            } else {
                self.variables.insert(assignment.name, value);
            }
        }
        Ok(Outcome::done())
    }

    /// A variable by the name after `@@`: whether it is a switch, and its value.
    pub(crate) fn variable(&self, name: &str) -> Option<(bool, String)> {
        let lower = name.to_lowercase();
        let (global, name) = match lower.split_once('.') {
            Some(("global", name)) => (true, name.to_owned()),
            Some(("session" | "local", name)) => (false, name.to_owned()),
            _ => (false, lower),
        };
        let globals = self.tidb.globals.lock().unwrap_or_else(PoisonError::into_inner);
        let session = self.variables.get(&name).filter(|_| !global);
        let value = session.or_else(|| globals.get(&name)).cloned().or_else(|| sysvar::default(&name))?;
        Some((sysvar::is_switch(&name), value))
    }

    /// What values are converted under.
    pub(crate) fn context(&self) -> Context {
        let text = |name: &str| self.variable(name).map(|(_, value)| value).unwrap_or_default();
        let mode = SqlMode::parse(&text("sql_mode")).unwrap_or(SqlMode(0));
        let zone = TimeZone::parse(&zone_name(&text("time_zone"))).unwrap_or(TimeZone::Fixed(0));
        Context::new(mode, zone, self.tidb.cluster.env.now_micros())
    }

    /// The same without strictness, as INSERT IGNORE has it.
    pub(crate) fn lenient_context(&self) -> Context {
        let context = self.context();
        let strict = SqlMode::STRICT_TRANS_TABLES.0 | SqlMode::STRICT_ALL_TABLES.0;
        Context { mode: SqlMode(context.mode.0 & !strict), ..context }
    }

    /// The database a name is in.
    pub(crate) fn database_of(&self, name: &TableName) -> Result<String, SqlError> {
        name.db.clone().or_else(|| self.db.clone()).ok_or_else(SqlError::no_database)
    }

    /// The table a name means.
    pub(crate) fn table(&self, name: &TableName) -> Result<Arc<Entry>, SqlError> {
        self.tidb.catalog.table(&self.database_of(name)?, &name.table)
    }

    async fn select(&mut self, select: &Select) -> Result<Outcome, SqlError> {
        let context = self.context();
        let Some(from) = &select.from else {
            if let [Item::Expression { text, name }] = select.items.as_slice()
                && let Some(answer) = self.named_lock(text).await?
            {
                return Ok(Outcome::table(&[name.as_str()], vec![vec![answer]]));
            }
            if let Some(outcome) = self.select_functions(select)? {
                return Ok(outcome);
            }
            let select = self.with_functions_as_literals(select)?;
            return Plan::new(&select, Relation::one_row(), context)?.run().await;
        };
        let db = self.database_of(from)?;
        if let Some(relation) = info_schema::relation(self, &db, &from.table)? {
            return Plan::new(select, relation, context)?.run().await;
        }
        let entry = self.tidb.catalog.table(&db, &from.table)?;
        if let Some(view) = &entry.view {
            return Err(SqlError::unsupported(format!(
                "reading views; the view's query is: {}",
                view.select
            )));
        }
        let ids = match &select.partitions {
            None => entry.physical_ids(),
            Some(names) => admin::partition_ids(&entry, names)?,
        };
        let read_ts = self.tidb.cluster.timestamp()?;
        let cluster = Arc::clone(&self.tidb.cluster);
        let relation = rows::relation(cluster, &entry, ids, read_ts, self.uncommitted(), context.clone())?;
        Plan::new(select, relation, context)?.run().await
    }

    /// A SELECT without FROM whose items are all variables or functions of the session.
    fn select_functions(&self, select: &Select) -> Result<Option<Outcome>, SqlError> {
        let mut names = Vec::new();
        let mut row = Vec::new();
        for item in &select.items {
            let Item::Expression { text, name } = item else { return Ok(None) };
            let Some(value) = self.session_function(text)? else { return Ok(None) };
            names.push(name.clone());
            row.push(value);
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let rows = if select.limit == Some(0) { Vec::new() } else { vec![row] };
        Ok(Some(Outcome::table(&names, rows)))
    }

    /// A SELECT that mixes variables and functions of the session with other expressions.
    fn with_functions_as_literals(&self, select: &Select) -> Result<Select, SqlError> {
        let mut select = select.clone();
        for item in &mut select.items {
            if let Item::Expression { text, .. } = item
                && let Some(value) = self.session_function(text)?
            {
                *text = value.map_or_else(
                    || "NULL".to_owned(),
                    |value| format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''")),
                );
            }
        }
        Ok(select)
    }

    fn session_function(&self, text: &str) -> Result<Option<Option<String>>, SqlError> {
        if let Some(name) = text.strip_prefix("@@") {
            let (switch, value) = self.variable(name).ok_or_else(|| {
                SqlError::new(
                    1193,
                    format!("Unknown system variable '{}'", name.rsplit('.').next().unwrap_or(name)),
                )
            })?;
            // Switches read as numbers, enumerations as their words.
            let value = match (switch, value.as_str()) {
                (true, "ON") => "1".into(),
                (true, "OFF") => "0".into(),
                _ => value,
            };
            return Ok(Some(Some(value)));
        }
        if text.starts_with('@') {
            return Ok(Some(self.variables.get(&text.to_lowercase()).cloned()));
        }
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase();
        Ok(match compact.as_str() {
            "version()" => Some(Some(self.tidb.cluster.guises.tidb_version().unwrap_or_else(server_version))),
            "tidb_version()" => Some(Some(tidb_version())),
            "database()" | "schema()" => Some(self.db.clone()),
            "connection_id()" => Some(Some(self.id.to_string())),
            "user()" | "session_user()" | "system_user()" => Some(Some(format!("{}@127.0.0.1", self.user))),
            "current_user()" | "current_user" => Some(Some(format!("{}@%", self.user))),
            "last_insert_id()" => Some(Some(self.last_insert_id.to_string())),
            "found_rows()" | "row_count()" => Some(Some("0".into())),
            "current_role()" => Some(Some("NONE".into())),
            _ => None,
        })
    }
}

/// `SYSTEM` is UTC here.
fn zone_name(value: &str) -> String {
    if value.is_empty() || value.eq_ignore_ascii_case("system") { "UTC".into() } else { value.into() }
}
