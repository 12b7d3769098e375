//! What a session contributes to a definition.

use th_types::{Context, SqlMode, TimeZone};

use super::lexer::Dialect;

/// `ANSI_QUOTES` in TiDB's `sql_mode` bits.
const ANSI_QUOTES: u64 = 1 << 2;
/// `NO_BACKSLASH_ESCAPES`.
const NO_BACKSLASH_ESCAPES: u64 = 1 << 20;
/// `STRICT_TRANS_TABLES` and `STRICT_ALL_TABLES`.
const STRICT: u64 = 1 << 21 | 1 << 22;

/// What the server's settings contribute to a table definition.
///
/// Construct it with `..DdlOptions::default()`, so that a further setting does not break the caller.
#[derive(Debug, Clone)]
pub struct DdlOptions {
    /// The database's default character set.
    pub charset: String,
    /// The database's default collation.
    pub collate: String,
    /// Ids for the table and, in order, its partitions: the table gets this id, partition `k` gets
    /// `table_id + 1 + k`.
    pub table_id: i64,
    /// The session's SQL mode: quotes, backslashes, and what becomes of a VARCHAR that is too long.
    pub sql_mode: SqlMode,
    /// The session's time zone, in which TIMESTAMP defaults are written (they are kept in UTC).
    pub time_zone: TimeZone,
    /// When the statement is executed, in microseconds since 1970-01-01 00:00:00 UTC: what rows written
    /// before `ADD COLUMN … DEFAULT CURRENT_TIMESTAMP` get.
    pub now_micros: i64,
}

impl Default for DdlOptions {
    fn default() -> Self {
        Self {
            charset: "utf8mb4".into(),
            collate: "utf8mb4_bin".into(),
            table_id: 1,
            sql_mode: SqlMode(0),
            time_zone: TimeZone::Fixed(0),
            now_micros: 0,
        }
    }
}

impl DdlOptions {
    pub(crate) fn dialect(&self) -> Dialect {
        Dialect {
            ansi_quotes: self.sql_mode.0 & ANSI_QUOTES != 0,
            no_backslash_escapes: self.sql_mode.0 & NO_BACKSLASH_ESCAPES != 0,
        }
    }

    pub(crate) fn is_strict(&self) -> bool {
        self.sql_mode.0 & STRICT != 0
    }

    /// The session in which constant expressions of a definition are evaluated.
    pub(crate) fn context(&self) -> Context {
        Context::new(self.sql_mode, self.time_zone.clone(), self.now_micros)
    }
}
