//! Batches to transactions: each writes its rows and notes in the books that they are written.
//!
//! The note comes first, so that its lock makes workers of the same job wait for each other, and says where
//! the job was: if it is not there any more, somebody else has written these rows. A statement that fails
//! because of a row is cut in halves until the row stands alone.

use std::ops::Range;
use std::time::Duration;

use th_connect::fault;
use th_env::Step;
use th_errors::{Code, Fault};
use th_ledger::{ConflictStrategy, Job, PlannedTable, Reject};
use th_mysql::{Class, Connection, LeftOut, Position, Progress, SqlError};
use th_row::Place;

use super::SqlImport;
use super::layout::Layout;
use super::read::{Batch, Row};

/// Tries of a transaction while the server is busy or cannot be reached.
const ATTEMPTS: u32 = 10;
/// Tries after which an error without a name is taken to be about a row.
const UNKNOWN_ATTEMPTS: u32 = 3;
/// Rejected rows that a job records, and as many with a key that is there; further ones are only counted.
pub(super) const MOST_REJECTS: u64 = 10_000;
/// Bytes of a rejected row that are recorded.
const REJECT_BYTES: usize = 4096;

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// The rows are written.
    Here,
    /// Somebody else has written some of them.
    Elsewhere,
}

/// Why a transaction has to end.
enum Stop {
    /// The same may succeed later.
    Again(SqlError),
    /// INSERT IGNORE bent values or left rows out; INSERT tells what is wrong with them.
    Plainly,
    /// The import fails.
    Fault(Fault),
}

impl From<SqlError> for Stop {
    fn from(error: SqlError) -> Self {
        if error.is_retryable() { Self::Again(error) } else { Self::Fault(fault::of_sql(&error)) }
    }
}

/// How a transaction is tried.
#[derive(Debug, Clone, Copy, Default)]
struct Way {
    /// INSERT whatever the strategy.
    plainly: bool,
    /// An error without a name did not go away by waiting.
    unknown_is_about_rows: bool,
}

/// Writes a job's batches, in order.
pub(super) struct Writer<'a> {
    import: &'a SqlImport,
    job: &'a Job,
    table: &'a PlannedTable,
    connection: Option<Connection>,
    /// What the books say.
    noted: Progress,
    retries: u64,
}

/// A transaction's rows that are not written, and those that met an equal key.
#[derive(Default)]
struct Tally {
    ignored: u64,
    conflicts: u64,
    rejected: u64,
    left_out: Vec<LeftOut>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(import: &'a SqlImport, job: &'a Job, noted: Progress) -> Result<Self, Fault> {
        Ok(Self { import, job, table: import.table(job)?, connection: None, noted, retries: 0 })
    }

    /// Transactions that were repeated.
    pub(super) fn retries(&self) -> u64 {
        self.retries
    }

    /// Writes batches as one transaction. They follow on what was written before.
    pub(super) async fn write(&mut self, batches: &[Batch]) -> Result<Written, Fault> {
        let Some(end) = batches.last().map(|batch| batch.end) else { return Ok(Written::Here) };
        let (mut attempt, mut way) = (0, Way::default());
        loop {
            let stop = match self.transaction(batches, end, way).await {
                Ok(written) => return Ok(written),
                Err(stop) => stop,
            };
            // Whatever the server has begun ends with the connection.
            if let Some(connection) = self.connection.take() {
                connection.close().await;
            }
            match stop {
                Stop::Fault(found) => return Err(found.of_table(&self.table.db, &self.table.name)),
                Stop::Plainly => way.plainly = true,
                Stop::Again(error) if attempt + 1 >= ATTEMPTS => {
                    return Err(fault::of_sql(&error).of_table(&self.table.db, &self.table.name));
                }
                Stop::Again(error) => {
                    tracing::warn!(job = %self.job.job, %error, attempt, "a transaction is repeated");
                    let env = &self.import.env;
                    let delay = env.backoff(attempt, Duration::from_millis(50), Duration::from_secs(10));
                    env.sleep(delay, "the server is busy or cannot be reached").await;
                    attempt += 1;
                    self.retries += 1;
                    way.unknown_is_about_rows = error.is_unknown() && attempt >= UNKNOWN_ATTEMPTS;
                    // The answer of a commit may be lost: the books know.
                    let noted = self.import.noted(self.job.job).await?;
                    if noted.at == end {
                        self.noted = noted;
                        return Ok(Written::Here);
                    }
                    if noted.at != self.noted.at {
                        return Ok(Written::Elsewhere);
                    }
                }
            }
        }
    }

    async fn transaction(&mut self, batches: &[Batch], end: Position, way: Way) -> Result<Written, Stop> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.import.server.connection().await?,
        };
        let result = self.on(&mut connection, batches, end, way).await;
        // Kept also for closing it in the middle of the transaction.
        self.connection = Some(connection);
        result
    }

    async fn on(
        &mut self,
        connection: &mut Connection,
        batches: &[Batch],
        end: Position,
        way: Way,
    ) -> Result<Written, Stop> {
        let (import, books, job) = (self.import, &self.import.books, self.job.job.0);
        let rows: u64 = batches.iter().map(|batch| batch.rows.len() as u64).sum();
        connection.run(b"BEGIN").await?;
        let mut note = Progress { at: end, rows: self.noted.rows + rows, ..self.noted };
        if !books.advance(connection, job, self.noted.at, note).await? {
            connection.run(b"ROLLBACK").await?;
            return Ok(Written::Elsewhere);
        }
        let mut tally = Tally::default();
        for batch in batches {
            if let Some(layout) = &batch.layout {
                self.insert(connection, batch, layout, way, &mut tally).await?;
            }
        }
        if tally.ignored + tally.conflicts + tally.rejected > 0 {
            note.rows -= tally.ignored + tally.rejected;
            note.rejected += tally.rejected;
            note.conflicts += tally.conflicts;
            self.check_conflicts(batches, note.conflicts).await?;
            books.advance(connection, job, end, note).await?;
            books.leave_out(&import.server, connection, job, &tally.left_out).await?;
        }
        Step::RowsSent.reached();
        connection.run(b"COMMIT").await?;
        Step::RowsCommitted.reached();
        self.noted = note;
        Ok(Written::Here)
    }

    /// Writes a batch's rows, in halves where a row is in the way.
    async fn insert(
        &self,
        connection: &mut Connection,
        batch: &Batch,
        layout: &Layout,
        way: Way,
        tally: &mut Tally,
    ) -> Result<(), Stop> {
        let mut parts: Vec<Range<usize>> = std::iter::once(0..batch.rows.len()).collect();
        let mut statement = Vec::new();
        let import_most = self.import.most_duplicates;
        while let Some(part) = parts.pop() {
            let Some(rows) = batch.rows.get(part.clone()) else { continue };
            let (Some(first), Some(last)) = (rows.first(), rows.last()) else { continue };
            let prepared = match &batch.bound {
                Some(bound) if rows.len() == batch.rows.len() && self.import.prepares() => {
                    let statement = layout.prepared(way.plainly, rows.len());
                    Some(connection.run_prepared(&statement, bound).await)
                }
                _ => None,
            };
            statement.clear();
            statement.extend_from_slice(layout.head(way.plainly).as_bytes());
            statement.extend_from_slice(batch.text.get(first.start..last.end).unwrap_or_default());
            let done = match prepared {
                Some(Err(error)) if error.is_about_preparing() => {
                    self.import.prepare_no_more(&error);
                    connection.run(&statement).await
                }
                Some(done) => done,
                None => connection.run(&statement).await,
            };
            let error = match done {
                Ok(done) => {
                    self.count(rows.len() as u64, done, way, tally)?;
                    continue;
                }
                Err(error) => error,
            };
            let class = match error.class() {
                Class::Retry if error.is_unknown() && way.unknown_is_about_rows => Class::Other,
                class => class,
            };
            match class {
                Class::Retry => return Err(Stop::Again(error)),
                Class::Columns | Class::Missing | Class::Refused => {
                    return Err(Stop::Fault(self.fault_at(&error, *first).await));
                }
                Class::Duplicate | Class::Value | Class::Other if rows.len() > 1 => {
                    let Range { start, end } = part;
                    let middle = start + rows.len() / 2;
                    parts.extend([middle..end, start..middle]);
                }
                Class::Duplicate
                    if way.plainly && self.import.plan.conflict.strategy == ConflictStrategy::Ignore =>
                {
                    tally.ignored += 1;
                    tally.conflicts += 1;
                    if self.noted.conflicts + tally.conflicts <= import_most {
                        tally.left_out.push(left_out(batch, *first, &error, true));
                    }
                }
                Class::Value => self.reject(batch, *first, &error, tally).await?,
                Class::Duplicate | Class::Other => {
                    let found = self.fault_at(&error, *first).await;
                    if class == Class::Duplicate {
                        self.record_once(batch, *first, &found).await;
                    }
                    return Err(Stop::Fault(found));
                }
            }
        }
        Ok(())
    }

    /// Counts the rows of a statement that met an equal key.
    fn count(&self, rows: u64, done: th_mysql::Done, way: Way, tally: &mut Tally) -> Result<(), Stop> {
        match self.import.plan.conflict.strategy {
            _ if way.plainly => {}
            ConflictStrategy::Error => {}
            // Each row that goes is one more.
            ConflictStrategy::Replace => tally.conflicts += done.affected.saturating_sub(rows),
            ConflictStrategy::Ignore => {
                let ignored = rows.saturating_sub(done.affected);
                // A warning that is not about an ignored row is about a value that was bent.
                if u64::from(done.warnings) != ignored.min(u64::from(u16::MAX)) {
                    return Err(Stop::Plainly);
                }
                // As long as they are recorded one must know which they are.
                if ignored > 0 && self.noted.conflicts + tally.conflicts < self.import.most_duplicates {
                    return Err(Stop::Plainly);
                }
                tally.ignored += ignored;
                tally.conflicts += ignored;
            }
        }
        Ok(())
    }

    /// Leaves a row out, as long as the import may.
    async fn reject(&self, batch: &Batch, row: Row, error: &SqlError, tally: &mut Tally) -> Result<(), Stop> {
        if self.noted.rejected + tally.rejected >= self.import.plan.max_rejected {
            return Err(Stop::Fault(self.fault_at(error, row).await));
        }
        tally.rejected += 1;
        if self.noted.rejected + tally.rejected <= MOST_REJECTS {
            tally.left_out.push(left_out(batch, row, error, false));
        }
        Ok(())
    }

    /// Leaves the row that ends the job for its key in the ledger.
    async fn record_once(&self, batch: &Batch, row: Row, found: &Fault) {
        let reject = Reject {
            place: found.place.clone().unwrap_or_default(),
            reason: found.message.clone(),
            row: text_of(batch, row),
            end: row.next,
        };
        if let Err(error) = self.import.ledger.write_duplicates(self.job.job, &[reject]).await {
            tracing::warn!(job = %self.job.job, %error, "a row with a key that is there is not recorded");
        }
    }

    async fn check_conflicts(&self, batches: &[Batch], conflicts: u64) -> Result<(), Stop> {
        let most = self.import.plan.conflict.threshold;
        if self.import.plan.conflict.strategy == ConflictStrategy::Error || conflicts <= most {
            return Ok(());
        }
        let found = too_many_conflicts(conflicts, most);
        let last = batches.iter().rev().find_map(|batch| batch.rows.last());
        Err(Stop::Fault(match last {
            Some(row) => found.at(self.place(*row).await),
            None => found,
        }))
    }

    /// The fault of a row, with its place.
    async fn fault_at(&self, error: &SqlError, row: Row) -> Fault {
        let code = match error.class() {
            Class::Duplicate => Code::DuplicateKeys,
            Class::Value => Code::BadValue,
            Class::Columns => Code::BadColumns,
            _ => Code::TargetSql,
        };
        Fault::from_error(code, error).at(self.place(row).await)
    }

    async fn place(&self, row: Row) -> Place {
        let places = self.import.places(self.job, &[row.at]).await;
        places.into_iter().next().unwrap_or_else(|| Place::at_offset("".into(), row.at.offset))
    }
}

/// A row that is not written.
fn left_out(batch: &Batch, row: Row, error: &SqlError, duplicate: bool) -> LeftOut {
    LeftOut { at: row.at, end: row.next, duplicate, reason: error.to_string(), source: text_of(batch, row) }
}

/// The beginning of a row's text.
fn text_of(batch: &Batch, row: Row) -> String {
    let text = batch.text.get(row.start..row.end).unwrap_or_default();
    String::from_utf8_lossy(text.get(..REJECT_BYTES).unwrap_or(text)).into_owned()
}

/// The fault of an import whose rows meet more equal keys than they may.
fn too_many_conflicts(conflicts: u64, most: u64) -> Fault {
    Fault::new(
        Code::DuplicateKeys,
        format!("{conflicts} rows have keys that others have, `conflict.threshold` allows {most}"),
    )
}
