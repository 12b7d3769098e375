//! What was left out of the target, in the tables where TiDB Lightning leaves it, in the database
//! `lightning.task-info-schema-name`:
//!
//! | table | rows |
//! |---|---|
//! | `type_error_v2` | rows whose values do not fit |
//! | `conflict_error_v4` | entries that several rows have: all of these entries |
//! | `conflict_records_v2` | rows that gave way, with their places; by SQL, rows whose key was there |
//! | `conflict_view` | both kinds of conflicts |
//!
//! The ledger has the same, whole; so a target that does not take it is only warned about. Each import has a row in
//! `thunderhead_tasks`. Whoever writes locks it, takes away what was there of the import, and writes everything anew, in
//! one transaction: so it is there once, however many finalizers there are and wherever they die. It is done before
//! the verdict, which whoever comes next waits for.

mod statements;

use th_cluster::ClusterError;
use th_connect::{LONG_STATEMENT, fault};
use th_errors::Fault;
use th_ledger::{Conflict, JobId, JobResult, Reject, Results, SharedEntry, TableReport};
use th_mysql::{Server, SqlError};

use crate::resolve::entries_of_failed;
use crate::{Finalizer, verify};
use statements::{Statements, Written, statements};

/// Most rows written to each table: what is more is for the ledger alone.
const MOST: usize = 10_000;
/// Failed jobs that are read once more for the entries in conflict: who waits for the verdict waits for that, too.
const READ_AGAIN: usize = 4;
/// Tries of writing everything: some servers have whoever waited for a lock begin again.
const ATTEMPTS: u32 = 5;

/// A row that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Record {
    table: String,
    path: String,
    offset: u64,
    error: String,
    row: String,
}

/// All that goes to the target.
#[derive(Debug, Default, PartialEq, Eq)]
struct Records {
    errors: Vec<Record>,
    conflicts: Vec<Record>,
    /// Entries with the name of their table.
    entries: Vec<(String, SharedEntry)>,
}

impl Records {
    fn is_empty(&self) -> bool {
        self.errors.is_empty() && self.conflicts.is_empty() && self.entries.is_empty()
    }
}

impl<T> Finalizer<'_, T> {
    /// The database of the records, if any are wanted.
    fn records_schema(&self) -> Option<&str> {
        Some(self.config.lightning.task_info_schema_name.as_str()).filter(|schema| !schema.is_empty())
    }

    /// Tries `write` until it succeeds, and complains if it does not.
    async fn record<E: std::fmt::Display>(
        &self,
        schema: &str,
        records: Result<Records, Fault>,
        is_retryable: impl Fn(&E) -> bool,
        write: impl AsyncFn(&Statements) -> Result<(), E>,
    ) {
        let complain = |problem: String| {
            tracing::warn!(%schema, %problem, "rows that were left out are in the ledger only");
        };
        let records = match records {
            Ok(records) if records.is_empty() => return,
            Ok(records) => records,
            Err(found) => return complain(found.message),
        };
        let task = self.plan.created_micros.saturating_mul(1000);
        let all = statements(&Written { schema, task, import_id: &self.plan.import_id, records: &records });
        for attempt in 1.. {
            match write(&all).await {
                Ok(()) => return,
                Err(error) if is_retryable(&error) && attempt < ATTEMPTS => {
                    tracing::warn!(%error, attempt, "the rows that were left out are written once more");
                }
                Err(error) => return complain(error.to_string()),
            }
        }
    }
}

impl Finalizer<'_> {
    /// Writes what the import has left out, if anything: by its results and reports, and the conflicts of failed jobs.
    pub(crate) async fn write_records(&self, results: Option<&Results>, reports: &[TableReport]) {
        let Some(schema) = self.records_schema() else { return };
        let records = async {
            let (conflicts, entries) = self.conflicting(reports).await?;
            Ok(Records { errors: self.rejected(results).await?, conflicts, entries })
        };
        let write = async |all: &Statements| {
            let tidb = self.cluster.tidb()?;
            for statement in &all.before {
                tidb.execute_within(&String::from_utf8_lossy(statement), LONG_STATEMENT).await?;
            }
            // What is given up half-way ends with the session.
            let mut transaction = tidb.begin().await?;
            for statement in &all.transaction {
                transaction.query(&String::from_utf8_lossy(statement)).await?;
            }
            transaction.commit().await
        };
        self.record(schema, records.await, ClusterError::is_retryable, write).await;
    }

    /// Rows that gave way to others with equal keys, or would have, and the entries that they share.
    async fn conflicting(
        &self,
        reports: &[TableReport],
    ) -> Result<(Vec<Record>, Vec<(String, SharedEntry)>), Fault> {
        let ledger = self.ledger;
        let of_ledger = |error: th_ledger::LedgerError| fault::of_ledger(&error);
        let (mut records, mut entries) = (Vec::new(), Vec::new());
        // Reports are in the plan's order. A table without conflicts costs no request.
        let conflicts = |report: &TableReport| report.replaced > 0 || report.verdict == verify::CONFLICTS;
        for (number, _) in (0u32..).zip(reports).filter(|(_, report)| conflicts(report)) {
            let name = self.name_of(number);
            let shared = ledger.shared_entries(number).await.map_err(of_ledger)?;
            entries.extend(shared.into_iter().map(|entry| (name.clone(), entry)));
            for part in 0.. {
                if records.len() >= MOST {
                    break;
                }
                let Some(found) = ledger.table_conflicts(number, part).await.map_err(of_ledger)? else {
                    break;
                };
                records.extend(found.into_iter().map(|found| self.of_conflict(number, found)));
            }
        }
        let mut read_again = 0;
        for job in ledger.failed_jobs().await.map_err(of_ledger)? {
            if records.len() >= MOST {
                break;
            }
            let found = ledger.conflicts(job).await.map_err(of_ledger)?;
            if found.is_empty() {
                continue;
            }
            let job = ledger.job(self.plan, job).await.map_err(of_ledger)?;
            let table = job.table;
            if read_again < READ_AGAIN && entries.len() < MOST {
                read_again += 1;
                match entries_of_failed(self, job, &found).await {
                    Ok(shared) => {
                        entries.extend(shared.into_iter().map(|entry| (self.name_of(table), entry)))
                    }
                    Err(found) => {
                        tracing::warn!(problem = %found.message, "the entries in conflict are not recorded");
                    }
                }
            }
            records.extend(found.into_iter().map(|found| self.of_conflict(table, found)));
        }
        records.truncate(MOST);
        entries.truncate(MOST);
        Ok((records, entries))
    }

    fn of_conflict(&self, table: u32, found: Conflict) -> Record {
        let Conflict { index, key, first, first_offset: _, second, second_offset } = found;
        Record {
            table: self.name_of(table),
            path: self.path_of(&second),
            offset: second_offset,
            error: format!("{second}: the same key of index {index} as the row at {first}: {key}"),
            row: String::new(),
        }
    }
}

impl Finalizer<'_, Server> {
    /// The same for an import by SQL: rows whose key was there are recorded by `ignore` all, by `error` the first of
    /// a job; whom `replace` replaced only the server knows.
    pub(crate) async fn write_records(&self, results: Option<&Results>) {
        let Some(schema) = self.records_schema() else { return };
        let records = async {
            let mut conflicts = Vec::new();
            let failed = self.ledger.failed_jobs().await.map_err(|error| fault::of_ledger(&error))?;
            let with_duplicates = |result: &&JobResult| result.conflicts > 0;
            let done = results.into_iter().flat_map(|results| results.by_job().values());
            let done = done.filter(with_duplicates).map(|result| result.job);
            for job in done.chain(failed).collect::<std::collections::BTreeSet<JobId>>() {
                if conflicts.len() >= MOST {
                    break;
                }
                let found = self.ledger.duplicates(job).await.map_err(|error| fault::of_ledger(&error))?;
                if found.is_empty() {
                    continue;
                }
                let table =
                    self.ledger.job(self.plan, job).await.map_err(|error| fault::of_ledger(&error))?.table;
                conflicts.extend(found.into_iter().map(|found| self.of_reject(table, found)));
            }
            conflicts.truncate(MOST);
            Ok(Records { errors: self.rejected(results).await?, conflicts, entries: Vec::new() })
        };
        let write = async |all: &Statements| {
            let mut connection = self.cluster.connection().await?;
            let (begin, commit) = (b"BEGIN".to_vec(), b"COMMIT".to_vec());
            let transaction = std::iter::once(&begin).chain(&all.transaction).chain([&commit]);
            let mut written = Ok(());
            for statement in all.before.iter().chain(transaction) {
                written = connection.run(statement).await.map(drop);
                if written.is_err() {
                    break;
                }
            }
            // What is given up half-way ends with the connection.
            connection.close().await;
            written
        };
        self.record(schema, records.await, SqlError::is_retryable, write).await;
    }
}

impl<T> Finalizer<'_, T> {
    /// Rows whose values do not fit.
    async fn rejected(&self, results: Option<&Results>) -> Result<Vec<Record>, Fault> {
        let mut records = Vec::new();
        let with_rejects = results
            .into_iter()
            .flat_map(|results| results.by_job().values())
            .filter(|result| result.rejected > 0);
        for result in with_rejects {
            let rejects = self.ledger.rejects(result.job).await.map_err(|error| fault::of_ledger(&error))?;
            records.extend(rejects.into_iter().map(|found| self.of_reject(result.table, found)));
            if records.len() >= MOST {
                records.truncate(MOST);
                break;
            }
        }
        Ok(records)
    }

    fn of_reject(&self, table: u32, found: Reject) -> Record {
        let Reject { place, reason, row, end } = found;
        Record {
            table: self.name_of(table),
            path: self.path_of(&place),
            offset: end,
            error: format!("{place}: {reason}"),
            row,
        }
    }

    fn name_of(&self, table: u32) -> String {
        let planned = self.plan.tables.get(table as usize);
        planned.map_or_else(String::new, |planned| th_cluster::quote_table(&planned.db, &planned.name))
    }

    /// The file of a place, below the source as in TiDB Lightning: without line and column, or offset.
    fn path_of(&self, place: &str) -> String {
        let below = place.strip_prefix(self.plan.source.trim_end_matches('/')).unwrap_or(place);
        let mut path = below.trim_start_matches('/');
        for _ in 0..2 {
            match path.rsplit_once([':', '@']) {
                Some((rest, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => path = rest,
                _ => break,
            }
        }
        path.to_owned()
    }
}
