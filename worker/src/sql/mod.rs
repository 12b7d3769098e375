//! Jobs by SQL: rows → INSERT statements → transactions that note how far the job is.
//!
//! ```text
//! thread: RowReader ─▶ Batch (SQL text of rows, and where each begins) ─▶ task: BEGIN, note, INSERT …, COMMIT
//! ```
//! A job that runs again goes on where its note says ([`th_mysql::Books`]); whoever does the same job at the
//! same time finds the note moved and goes on from there. So no row is written twice and none is lost, also
//! where rows have no key.

mod layout;
mod read;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use th_cluster::{ImportLease, IngestStats};
use th_config::Config;
use th_connect::fault;
use th_dump::Store;
use th_env::Env;
use th_errors::{Code, Fault};
use th_job::Pieces;
use th_ledger::{
    Backend, Bases, FORMAT, Job, JobId, JobResult, Ledger, LedgerError, Pairs, Plan, PlannedTable, Reject,
    SqlPlan, Stage,
};
use th_mysql::{Books, LeftOut, Position, Progress, Server, SqlError};
use th_queue::Visibility;
use th_row::Place;
use tokio::sync::mpsc;

use crate::progress::JobProgress;
use crate::{Work, Worker, work};
use read::{Batch, ReadTask};
use write::{Writer, Written};

/// Batches that are read ahead, and most of them that are one transaction.
const BATCHES: usize = 8;
/// Bytes of SQL after which a transaction takes no further batch: servers bound their transactions.
const TRANSACTION_BYTES: usize = 4 << 20;

/// An import by SQL that this worker works for.
pub struct SqlImport {
    env: Env,
    plan: Plan,
    sql: SqlPlan,
    ledger: Ledger,
    source: Store,
    server: Server,
    books: Books,
    /// Most bytes and rows of a statement.
    batch_bytes: usize,
    batch_rows: usize,
    /// Whether statements are prepared (`logical-import-prep-stmt`), as long as the server does.
    prepares: AtomicBool,
    /// Rows with a key that is there that a job records.
    most_duplicates: u64,
}

impl SqlImport {
    /// Checks that plan and source belong together.
    pub fn new(
        env: Env,
        config: &Config,
        plan: Plan,
        ledger: Ledger,
        source: Store,
        server: Server,
    ) -> Result<Self, Fault> {
        crate::import::check_source(&plan, &source)?;
        let Backend::Tidb(sql) = plan.backend.clone() else {
            return Err(Fault::new(Code::BadConfig, "the plan is not for an import by SQL"));
        };
        let importer = &config.tikv_importer;
        let batch_bytes = importer.logical_import_batch_size.0.clamp(1, server.max_statement());
        Ok(Self {
            books: Books::new(&sql.books_schema, &sql.books),
            batch_bytes: usize::try_from(batch_bytes).unwrap_or(usize::MAX),
            batch_rows: usize::try_from(importer.logical_import_batch_rows).unwrap_or(usize::MAX).max(1),
            prepares: AtomicBool::new(importer.logical_import_prep_stmt),
            most_duplicates: u64::try_from(config.conflict.max_record_rows)
                .unwrap_or(0)
                .min(write::MOST_REJECTS),
            env,
            plan,
            sql,
            ledger,
            source,
            server,
        })
    }

    /// Whether statements are to be prepared.
    fn prepares(&self) -> bool {
        self.prepares.load(Ordering::Relaxed)
    }

    /// The server prepares no more: SQL text says the same.
    fn prepare_no_more(&self, error: &SqlError) {
        if self.prepares.swap(false, Ordering::Relaxed) {
            tracing::warn!(%error, "the server does not prepare a statement; rows are written as text from here on");
        }
    }

    fn table(&self, job: &Job) -> Result<&PlannedTable, Fault> {
        self.plan.tables.get(job.table as usize).ok_or_else(|| {
            Fault::new(Code::LedgerConflict, format!("a job names table {}, the plan has no such", job.table))
        })
    }

    /// The places of rows of a job, which are in order: with their lines, which are counted by reading each file
    /// once up to the last of them, or where that fails with their offsets.
    async fn places(&self, job: &Job, rows: &[Position]) -> Vec<Place> {
        let mut places = Vec::with_capacity(rows.len());
        for of_chunk in rows.chunk_by(|left, right| left.chunk == right.chunk) {
            let chunk = of_chunk.first().and_then(|row| job.chunks.get(row.chunk as usize));
            let Some(chunk) = chunk else { continue };
            let object = self.source.display(&chunk.file.path);
            let offsets: Vec<u64> = of_chunk.iter().map(|row| row.offset).collect();
            let lines = th_dump::line_of(&self.source, &chunk.file, &offsets, &self.plan.read.io).await;
            let lines = lines.unwrap_or_else(|_| vec![0; offsets.len()]);
            let place = |(offset, line)| Place { object: Arc::clone(&object), offset, line, column: 0 };
            places.extend(offsets.into_iter().zip(lines).map(place));
        }
        places
    }

    /// How far a job is, by the books.
    async fn noted(&self, job: JobId) -> Result<Progress, Fault> {
        let read = async {
            let mut connection = self.server.connection().await?;
            self.books.read(&mut connection, job.0).await
        };
        if let Some(progress) = read.await.map_err(|error| fault::of_sql(&error))? {
            return Ok(progress);
        }
        // The finalizer removes the books once the outcome is decided.
        if self.ledger.verdict().await.map_err(|error| fault::of_ledger(&error))?.is_some() {
            return Err(Fault::new(Code::Interrupted, "the import is over"));
        }
        Err(Fault::new(
            Code::LedgerConflict,
            format!(
                "the database `{}` of {} has no books of this import: it is another server than {}, or somebody removed them",
                self.sql.books_schema,
                self.server.endpoint(),
                self.sql.server
            ),
        ))
    }
}

impl Work for SqlImport {
    fn env(&self) -> &Env {
        &self.env
    }

    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    async fn lease(&self, _config: &Config, _holder: &str) -> Result<Option<ImportLease>, Fault> {
        Ok(None)
    }

    async fn job(
        worker: &Worker<Self>,
        _slot: usize,
        id: JobId,
        started_micros: i64,
        visibility: &Visibility,
        _quota: Option<&Arc<AtomicU64>>,
    ) -> Result<JobResult, Fault> {
        let import = &worker.import;
        let job =
            Arc::new(import.ledger.job(&import.plan, id).await.map_err(|error| fault::of_ledger(&error))?);
        let table = import.table(&job)?;
        let name = format!("{}.{}", table.db, table.name);
        let progress = worker.progress.start(&import.env, &job, &name, visibility.progress());
        // Reading and writing go side by side.
        progress.enter(Stage::Ingest);
        let written = write_job(worker, &job, &progress).await;
        if written.is_err() {
            progress.take_back();
        }
        let (noted, retries) = written?;
        let left_out =
            import.books.left_out(&import.server, id.0).await.map_err(|error| fault::of_sql(&error))?;
        if !left_out.is_empty() {
            let positions: Vec<Position> = left_out.iter().map(|row| row.at).collect();
            let places = import.places(&job, &positions).await;
            let (mut rejects, mut duplicates) = (Vec::new(), Vec::new());
            for (LeftOut { at: _, end, duplicate, reason, source: row }, place) in
                left_out.into_iter().zip(places)
            {
                let list = if duplicate { &mut duplicates } else { &mut rejects };
                list.push(Reject { place: place.to_string(), reason, row, end });
            }
            let written = async {
                if !rejects.is_empty() {
                    import.ledger.write_rejects(id, &rejects).await?;
                }
                if !duplicates.is_empty() {
                    import.ledger.write_duplicates(id, &duplicates).await?;
                }
                Ok(())
            };
            written.await.map_err(|error: LedgerError| fault::of_ledger(&error))?;
        }
        Ok(JobResult {
            format: FORMAT,
            import_id: import.plan.import_id.clone(),
            job: id,
            table: job.table,
            rows: noted.rows,
            rejected: noted.rejected,
            conflicts: noted.conflicts,
            pairs: Pairs::default(),
            bases: Bases::default(),
            source_bytes: job.source_bytes,
            worker: worker.name.clone(),
            started_micros,
            finished_micros: import.env.now_micros(),
            spilled_bytes: 0,
            pieces: 0,
            retries,
            parts: None,
        })
    }
}

/// Writes what is left of a job. Returns what the books say at its end, and how often something was repeated.
async fn write_job(
    worker: &Worker<SqlImport>,
    job: &Arc<Job>,
    progress: &JobProgress,
) -> Result<(Progress, u64), Fault> {
    let import = &worker.import;
    let end = Position { chunk: job.chunks.len() as u32, offset: 0 };
    let mut noted = import.noted(job.job).await?;
    let mut pieces = Pieces::of(&import.ledger, &import.plan, job).await?;
    // Whoever has the piece before takes longer to write it than it takes to read it.
    work::settle(worker, &import.source, progress, &mut pieces, Duration::ZERO).await?;
    let pieces = Arc::new(pieces);
    let mut retries = 0;
    while noted.at < end {
        let (sender, mut batches) = mpsc::channel(BATCHES);
        let task = ReadTask {
            import: Arc::clone(import),
            job: Arc::clone(job),
            pieces: Arc::clone(&pieces),
            from: noted.at,
            batches: sender,
            runtime: tokio::runtime::Handle::current(),
        };
        let reading = tokio::task::spawn_blocking(move || read::run(&task));
        let mut writer = Writer::new(import, job, noted)?;
        while let Some(together) = ready(&mut batches).await? {
            if writer.write(&together).await? == Written::Elsewhere {
                tracing::warn!(job = %job.job, "another worker does the same job; going on behind it");
                break;
            }
            for batch in &together {
                let text = batch.text.len() as u64;
                progress.encoded(batch.source_bytes, batch.rows.len() as u64, text);
                progress.ingested(&IngestStats { bytes: text, ..IngestStats::default() });
            }
            worker.stop.check()?;
        }
        drop(batches);
        reading
            .await
            .map_err(|error| Fault::new(Code::Internal, format!("reading ended unexpectedly: {error}")))?;
        retries += writer.retries();
        noted = import.noted(job.job).await?;
    }
    Ok((noted, retries))
}

/// The batches of the next transaction: the next one, and what is ready behind it. `None` at the end.
async fn ready(batches: &mut mpsc::Receiver<Result<Batch, Fault>>) -> Result<Option<Vec<Batch>>, Fault> {
    let Some(first) = batches.recv().await else { return Ok(None) };
    let mut together = vec![first?];
    let mut bytes = together.iter().map(|batch| batch.text.len()).sum::<usize>();
    while together.len() < BATCHES && bytes < TRANSACTION_BYTES {
        let Ok(next) = batches.try_recv() else { break };
        let next = next?;
        bytes += next.text.len();
        together.push(next);
    }
    Ok(Some(together))
}
