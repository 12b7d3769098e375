//! SQL errors with TiDB's numbers and texts.

/// What clients call a connection that broke.
const LOST_CONNECTION: u16 = 2013;

/// An error as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub(crate) struct SqlError {
    pub(crate) code: u16,
    pub(crate) message: String,
}

impl SqlError {
    /// Any error.
    pub(crate) fn new(code: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// TiDB's number for whatever has none.
    pub(crate) fn unknown(message: impl std::fmt::Display) -> Self {
        Self::new(1105, message.to_string())
    }

    /// A statement that a real TiDB understands and the playground does not.
    pub(crate) fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::new(1235, format!("the playground does not support {what}"))
    }

    /// A syntax error near a byte of the text.
    pub(crate) fn syntax(sql: &str, at: usize) -> Self {
        let near: String = sql.get(at..).unwrap_or_default().chars().take(2048).collect();
        let before = sql.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, str::len);
        Self::new(
            1064,
            format!(
                "You have an error in your SQL syntax; check the manual that corresponds to your TiDB version for the \
                 right syntax to use line {line} column {column} near \"{near}\" "
            ),
        )
    }

    pub(crate) fn database_exists(name: &str) -> Self {
        Self::new(1007, format!("Can't create database '{name}'; database exists"))
    }

    pub(crate) fn cannot_drop_database(name: &str) -> Self {
        Self::new(1008, format!("Can't drop database '{name}'; database doesn't exist"))
    }

    pub(crate) fn no_database() -> Self {
        Self::new(1046, "No database selected")
    }

    pub(crate) fn unknown_database(name: &str) -> Self {
        Self::new(1049, format!("Unknown database '{name}'"))
    }

    pub(crate) fn table_exists(db: &str, table: &str) -> Self {
        Self::new(1050, format!("Table '{db}.{table}' already exists"))
    }

    pub(crate) fn unknown_table(names: &str) -> Self {
        Self::new(1051, format!("Unknown table '{names}'"))
    }

    pub(crate) fn unknown_column(name: &str, place: &str) -> Self {
        Self::new(1054, format!("Unknown column '{name}' in '{place}'"))
    }

    pub(crate) fn duplicate_key_name(name: &str) -> Self {
        Self::new(1061, format!("Duplicate key name '{name}'"))
    }

    pub(crate) fn no_such_table(db: &str, table: &str) -> Self {
        Self::new(1146, format!("Table '{db}.{table}' doesn't exist"))
    }

    /// The connection breaks; no server sends this, a client notices it.
    pub(crate) fn lost_connection() -> Self {
        Self::new(LOST_CONNECTION, "Lost connection to MySQL server during query")
    }

    /// Whether the connection breaks instead of answering.
    pub(crate) fn is_lost_connection(&self) -> bool {
        self.code == LOST_CONNECTION
    }

    /// The five characters that classify the error.
    pub(crate) fn state(&self) -> &'static str {
        match self.code {
            1046 => "3D000",
            1049 => "42000",
            1050 => "42S01",
            1051 | 1146 => "42S02",
            1054 => "42S22",
            1060 => "42S21",
            1062 | 1048 => "23000",
            1264 | 1690 => "22003",
            1406 => "22001",
            1292 => "22007",
            1136 => "21S01",
            1061 | 1064 | 1072 | 1091 | 1235 => "42000",
            _ => "HY000",
        }
    }
}

impl From<crate::PlaygroundError> for SqlError {
    fn from(error: crate::PlaygroundError) -> Self {
        Self::unknown(error)
    }
}

impl From<th_types::TypeError> for SqlError {
    fn from(error: th_types::TypeError) -> Self {
        Self::new(if error.code == 0 { 1105 } else { error.code }, error.message)
    }
}

impl From<th_schema::SchemaError> for SqlError {
    fn from(error: th_schema::SchemaError) -> Self {
        match &error {
            th_schema::SchemaError::Syntax { .. } => Self::new(1064, error.to_string()),
            _ => Self::new(8200, error.to_string()),
        }
    }
}

impl From<th_expr::ExprError> for SqlError {
    fn from(error: th_expr::ExprError) -> Self {
        match &error {
            th_expr::ExprError::UnknownColumn(name) => Self::unknown_column(name, "field list"),
            th_expr::ExprError::Syntax { .. } => Self::new(1064, error.to_string()),
            _ => Self::new(1305, error.to_string()),
        }
    }
}
