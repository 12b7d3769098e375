//! An import's books in the target: how far each job is.
//!
//! A batch of rows and the note that it is written are one transaction, so a job that runs again (after a
//! crash, or because its message was delivered twice) goes on behind the last row that is there: no row
//! twice, none lost, also in a table without a key. Two tables belong to one plan and have its id in their
//! names:
//!
//! ```text
//! progress_<id>  job │ chunk, next_offset: where the next row to write begins │ rows, rejected, conflicts
//! rejects_<id>   job, chunk, next_offset of a row that was left out │ its end, whether its key was there, reason, source
//! ```
//! The planner makes all rows of `progress_<id>`, and only the finalizer drops the tables: a worker that
//! wakes up after the end finds no row to lock and writes nothing.

use std::time::Duration;

use crate::{Connection, Server, SqlError, quote_name, quote_table};

/// Deadline of a statement that changes a definition.
const DDL: Duration = Duration::from_mins(10);
/// Taken while an import makes its books or drops the database that it believes empty: another import's books
/// may be in it a moment later. A server without such locks answers with an error.
const LOCK: &str = "SELECT GET_LOCK('thunderhead books', 60)";
const UNLOCK: &str = "SELECT RELEASE_LOCK('thunderhead books')";
/// MySQL's numbers for a function that is not there, and for one that does nothing.
const NO_LOCKS: [Option<u16>; 2] = [Some(1305), Some(1235)];
/// Jobs of one INSERT.
const JOBS: u32 = 1000;

/// Where the next row to write begins: `offset` is its place in the (uncompressed) file of the chunk, or its
/// number in Parquet. A finished job stands behind its last chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The chunk's number in the job.
    pub chunk: u32,
    /// The offset in its file.
    pub offset: u64,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Where it goes on.
    pub at: Position,
    /// Rows that are in the table by it.
    pub rows: u64,
    /// Rows left out because a value does not fit.
    pub rejected: u64,
    /// Rows that met an equal key: they were left out, or replaced the other.
    pub conflicts: u64,
}

/// A row that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Where it begins.
    pub at: Position,
    /// Where the next row begins.
    pub end: u64,
    /// Whether its key was there, rather than that a value does not fit.
    pub duplicate: bool,
    /// What is wrong with it.
    pub reason: String,
    /// Its text.
    pub source: String,
}

/// The books of one plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    schema: String,
    id: String,
}

impl Books {
    /// `schema` is the database they are in; `id` belongs to the plan alone, at most 40 characters.
    pub fn new(schema: &str, id: &str) -> Self {
        Self { schema: schema.to_owned(), id: id.to_owned() }
    }

    fn progress(&self) -> String {
        quote_table(&self.schema, &format!("progress_{}", self.id))
    }

    fn rejects(&self) -> String {
        quote_table(&self.schema, &format!("rejects_{}", self.id))
    }

    /// Makes the books for jobs `0..jobs`. Made twice, they stay as they are. `import` names the import among all
    /// that write to this server.
    pub async fn open(&self, server: &Server, import: &str, jobs: u32) -> Result<(), SqlError> {
        let comment = server.dialect().text(&format!("import {import}"));
        let progress = format!(
            "CREATE TABLE IF NOT EXISTS {} (job INT UNSIGNED NOT NULL PRIMARY KEY, chunk INT UNSIGNED NOT NULL, \
             next_offset BIGINT UNSIGNED NOT NULL, rows_written BIGINT UNSIGNED NOT NULL, rejected BIGINT UNSIGNED NOT NULL, \
             conflicts BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB COMMENT={comment}",
            self.progress()
        );
        let rejects = format!(
            "CREATE TABLE IF NOT EXISTS {} (job INT UNSIGNED NOT NULL, chunk INT UNSIGNED NOT NULL, \
             next_offset BIGINT UNSIGNED NOT NULL, row_end BIGINT UNSIGNED NOT NULL, is_duplicate TINYINT NOT NULL, reason TEXT NOT NULL, source MEDIUMTEXT NOT NULL, \
             PRIMARY KEY (job, chunk, next_offset)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COMMENT={comment}",
            self.rejects()
        );
        let database = format!("CREATE DATABASE IF NOT EXISTS {}", quote_name(&self.schema));
        let statements = [LOCK, &database, &progress, &rejects, UNLOCK];
        match server.query(None, &statements, DDL).await {
            Err(error) if NO_LOCKS.contains(&error.code()) => {
                server.query(None, &[&database, &progress, &rejects], DDL).await?;
            }
            made => drop(made?),
        }
        for first in (0..jobs).step_by(JOBS as usize) {
            let rows: Vec<String> =
                (first..jobs.min(first + JOBS)).map(|job| format!("({job},0,0,0,0,0)")).collect();
            server.ask(&format!("INSERT IGNORE INTO {} VALUES {}", self.progress(), rows.join(","))).await?;
        }
        Ok(())
    }

    /// How far a job is; `None` if the books are not there (any more).
    pub async fn read(&self, connection: &mut Connection, job: u32) -> Result<Option<Progress>, SqlError> {
        let sql = format!(
            "SELECT chunk, next_offset, rows_written, rejected, conflicts FROM {} WHERE job = {job}",
            self.progress()
        );
        let rows = match connection.rows(&sql).await {
            Err(SqlError::Server { code: 1146 | 1049, .. }) => return Ok(None),
            rows => rows?,
        };
        let Some(row) = rows.first() else { return Ok(None) };
        let number =
            |at: usize| row.get(at).and_then(|cell| cell.as_ref()).and_then(|text| text.parse::<u64>().ok());
        let progress = || {
            Some(Progress {
                at: Position { chunk: u32::try_from(number(0)?).ok()?, offset: number(1)? },
                rows: number(2)?,
                rejected: number(3)?,
                conflicts: number(4)?,
            })
        };
        progress().map(Some).ok_or_else(|| SqlError::Options(format!("{sql} answered {rows:?}")))
    }

    /// Notes within the open transaction that the job goes from where `from` says to `to`, and locks the note
    /// until the transaction ends. False if somebody else has moved it meanwhile.
    pub async fn advance(
        &self,
        connection: &mut Connection,
        job: u32,
        from: Position,
        to: Progress,
    ) -> Result<bool, SqlError> {
        let sql = format!(
            "UPDATE {} SET chunk = {}, next_offset = {}, rows_written = {}, rejected = {}, conflicts = {} \
             WHERE job = {job} AND chunk = {} AND next_offset = {}",
            self.progress(),
            to.at.chunk,
            to.at.offset,
            to.rows,
            to.rejected,
            to.conflicts,
            from.chunk,
            from.offset
        );
        Ok(connection.run(sql.as_bytes()).await?.affected == 1)
    }

    /// Notes within the open transaction rows that are left out.
    pub async fn leave_out(
        &self,
        server: &Server,
        connection: &mut Connection,
        job: u32,
        rows: &[LeftOut],
    ) -> Result<(), SqlError> {
        let dialect = server.dialect();
        for row in rows {
            let sql = format!(
                "INSERT INTO {} VALUES ({job},{},{},{},{},{},{})",
                self.rejects(),
                row.at.chunk,
                row.at.offset,
                row.end,
                u8::from(row.duplicate),
                dialect.text(&row.reason),
                dialect.text(&row.source)
            );
            connection.run(sql.as_bytes()).await?;
        }
        Ok(())
    }

    /// The rows that a job has left out, in order.
    pub async fn left_out(&self, server: &Server, job: u32) -> Result<Vec<LeftOut>, SqlError> {
        let sql = format!(
            "SELECT chunk, next_offset, row_end, is_duplicate, reason, source FROM {} WHERE job = {job} ORDER BY chunk, next_offset",
            self.rejects()
        );
        let rows = server.ask(&sql).await?;
        let row = |row: Vec<Option<String>>| {
            let mut cells = row.into_iter().map(Option::unwrap_or_default);
            let mut next = || cells.next().unwrap_or_default();
            let (chunk, offset) = (next().parse().unwrap_or(0), next().parse().unwrap_or(0));
            let (end, duplicate) = (next().parse().unwrap_or(0), next() == "1");
            LeftOut { at: Position { chunk, offset }, end, duplicate, reason: next(), source: next() }
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Removes the books and those that dead planners of the same import have left, and their database if nothing else
    /// is in it.
    pub async fn close(&self, server: &Server, import: &str) -> Result<(), SqlError> {
        let mut connection = server.connection().await?;
        connection.limit = DDL;
        let closed = self.close_on(server, import, &mut connection).await;
        // The lock goes with the connection.
        connection.close().await;
        closed
    }

    async fn close_on(
        &self,
        server: &Server,
        import: &str,
        connection: &mut Connection,
    ) -> Result<(), SqlError> {
        let locked = match connection.rows(LOCK).await {
            Err(error) if NO_LOCKS.contains(&error.code()) => false,
            locked => {
                locked?.first().and_then(|row| row.first()).is_some_and(|cell| cell.as_deref() == Some("1"))
            }
        };
        let schema = server.dialect().text(&self.schema);
        let ours = format!(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} AND TABLE_COMMENT = {}",
            server.dialect().text(&format!("import {import}"))
        );
        let mut tables = vec![self.progress(), self.rejects()];
        for name in
            connection.rows(&ours).await?.into_iter().filter_map(|row| row.into_iter().next().flatten())
        {
            let table = quote_table(&self.schema, &name);
            if !tables.contains(&table) {
                tables.push(table);
            }
        }
        let drop = format!("DROP TABLE IF EXISTS {}", tables.join(", "));
        match connection.run(drop.as_bytes()).await {
            Ok(_) | Err(SqlError::Server { code: 1049 | 1051, .. }) => {}
            Err(error) => return Err(error),
        }
        let others =
            format!("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} LIMIT 1");
        if locked && connection.rows(&others).await?.is_empty() {
            let drop = format!("DROP DATABASE IF EXISTS {}", quote_name(&self.schema));
            connection.run(drop.as_bytes()).await?;
        }
        Ok(())
    }
}
