//! Source bytes to batches of rows as SQL text, on a thread of its own.

use std::sync::Arc;

use th_connect::fault;
use th_errors::{Code, Fault};
use th_job::{Found, Pieces};
use th_ledger::{Chunk, Job, PlannedTable};
use th_mysql::{MOST_PARAMETERS, Parameters, Position};
use tokio::sync::mpsc;

use super::SqlImport;
use super::layout::Layout;

/// Rows of one statement.
#[derive(Debug)]
pub(super) struct Batch {
    /// How they are written; none in a batch without rows.
    pub(super) layout: Option<Arc<Layout>>,
    /// `(…),(…)`.
    pub(super) text: Vec<u8>,
    /// The rows, in order.
    pub(super) rows: Vec<Row>,
    /// Their values, if they are to be bound and can be.
    pub(super) bound: Option<Parameters>,
    /// Where the next row begins.
    pub(super) end: Position,
    /// Bytes of the stored objects that were read for it.
    pub(super) source_bytes: u64,
}

/// A row of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// Where its text begins and ends.
    pub(super) start: usize,
    pub(super) end: usize,
    /// Where it stands in the source.
    pub(super) at: Position,
    /// Where the next row stands, in the same file.
    pub(super) next: u64,
}

impl Batch {
    fn new(end: Position) -> Self {
        Self { layout: None, text: Vec::new(), rows: Vec::new(), bound: None, end, source_bytes: 0 }
    }
}

/// What the loop needs.
pub(super) struct ReadTask {
    pub(super) import: Arc<SqlImport>,
    pub(super) job: Arc<Job>,
    pub(super) pieces: Arc<Pieces>,
    /// Rows before this are written.
    pub(super) from: Position,
    /// Where batches go; the last ends at the job's end, and an error is the last thing sent.
    pub(super) batches: mpsc::Sender<Result<Batch, Fault>>,
    pub(super) runtime: tokio::runtime::Handle,
}

/// Why reading ends before the end.
enum Stop {
    /// Nobody wants more.
    Unwanted,
    Fault(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Reads what is left of a job.
pub(super) fn run(task: &ReadTask) {
    let mut reading = Reading { task, batch: Batch::new(task.from), shape: 0 };
    if let Err(Stop::Fault(fault)) = reading.job() {
        // If nobody wants it, nobody needs the reason.
        let _ = task.batches.blocking_send(Err(fault));
    }
}

struct Reading<'a> {
    task: &'a ReadTask,
    batch: Batch,
    /// Rows of a prepared statement, a power of two that their bytes leave room for; 0 as long as it is not known.
    shape: usize,
}

impl Reading<'_> {
    fn job(&mut self) -> Result<(), Stop> {
        let task = self.task;
        let table = task.import.table(&task.job)?;
        for (number, chunk) in (0u32..).zip(&task.job.chunks) {
            if number >= task.from.chunk {
                if !task.pieces.is_void(number as usize) {
                    self.chunk(table, number, chunk)?;
                }
                self.batch.end = Position { chunk: number + 1, offset: 0 };
            }
        }
        self.send()
    }

    fn chunk(&mut self, table: &PlannedTable, number: u32, chunk: &Chunk) -> Result<(), Stop> {
        let (import, task) = (&self.task.import, self.task);
        let of_table = |found: Fault| found.of_table(&table.db, &table.name);
        let constants: Vec<(String, String)> =
            chunk.file.constants.iter().map(|(column, value)| (column.clone(), value.clone())).collect();
        let skipped = if number == task.from.chunk { task.from.offset } else { 0 };
        let mut reader = task
            .pieces
            .open(number as usize, chunk, &import.source, &import.plan.read, &task.runtime)
            .map_err(of_table)?
            .without_columns(&table.ignored_columns);
        let dialect = import.server.dialect();
        let mut shape = None;
        let mut layout: Option<Arc<Layout>> = None;
        let mut counted = 0;
        loop {
            let row = match reader.next() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(error) => return Err(of_table(fault::of_read(&error)).into()),
            };
            let (at, end) = (row.offset, row.end);
            if at < skipped {
                continue;
            }
            if shape != Some((row.columns_version, row.values.len())) {
                shape = Some((row.columns_version, row.values.len()));
                let made = Layout::new(
                    table,
                    import.plan.conflict.strategy,
                    dialect,
                    row.columns,
                    row.values.len(),
                    &constants,
                );
                match made {
                    // Files with the same columns share statements.
                    Ok(made) if self.batch.layout.as_deref() == Some(&made) => {
                        layout.clone_from(&self.batch.layout);
                    }
                    Ok(made) => {
                        layout = Some(Arc::new(made));
                        self.shape = 0;
                    }
                    Err(found) => return Err(of_table(found.at(reader.place(at))).into()),
                }
            }
            let Some(used) = &layout else { continue };
            if self.batch.layout.as_ref().is_some_and(|open| !Arc::ptr_eq(open, used))
                || self.batch.rows.len() >= import.batch_rows
                || self.is_whole()
            {
                if self.batch.rows.len() == import.batch_rows {
                    self.shape = import.batch_rows.min(MOST_PARAMETERS / used.width().max(1));
                }
                self.send()?;
            }
            let batch = &mut self.batch;
            let before = batch.text.len();
            if before > 0 {
                batch.text.push(b',');
            }
            let start = batch.text.len();
            used.push_row(row.values, dialect, &mut batch.text);
            if batch.text.len() - start + used.head(false).len() > import.server.max_statement() as usize {
                let message = format!(
                    "the row takes {} bytes of SQL, more than max_allowed_packet lets through",
                    batch.text.len() - start
                );
                return Err(of_table(Fault::new(Code::BadValue, message).at(reader.place(at))).into());
            }
            let mut values = import.prepares().then(Parameters::default);
            if values.as_mut().is_some_and(|values| !used.bind_row(row.values, values)) {
                values = None;
            }
            let bytes = reader.bytes_read();
            if before > 0 && batch.text.len() + used.head(false).len() > import.batch_bytes {
                // The row begins the next batch, and there is not room for more rows.
                self.shape = shape_of(batch.rows.len(), used.width());
                let text = batch.text.split_off(start);
                batch.text.truncate(before);
                self.send()?;
                self.batch.text = text;
                self.push(used, 0, number, at, end);
            } else {
                self.push(used, start, number, at, end);
            }
            self.bind(values);
            self.batch.source_bytes += bytes - counted;
            counted = bytes;
        }
        self.batch.source_bytes += reader.bytes_read() - counted;
        let found: Vec<Found> = task.pieces.found(number as usize, &reader).into_iter().collect();
        Ok(task.runtime.block_on(th_job::record(&import.ledger, &import.plan, &found))?)
    }

    /// The row whose text begins at `start` is in the batch.
    fn push(&mut self, layout: &Arc<Layout>, start: usize, chunk: u32, offset: u64, next: u64) {
        let batch = &mut self.batch;
        batch.layout.get_or_insert_with(|| Arc::clone(layout));
        batch.rows.push(Row { start, end: batch.text.len(), at: Position { chunk, offset }, next });
        batch.end = Position { chunk, offset: next };
    }

    /// Keeps the values of the row that was pushed last. A batch has those of all its rows or none.
    fn bind(&mut self, values: Option<Parameters>) {
        let batch = &mut self.batch;
        match (values, &mut batch.bound) {
            (Some(values), None) if batch.rows.len() == 1 => batch.bound = Some(values),
            (Some(values), Some(bound)) => bound.append(values),
            (_, bound) => *bound = None,
        }
    }

    /// Whether the batch is as large as a prepared statement.
    fn is_whole(&self) -> bool {
        self.shape > 0 && self.batch.bound.is_some() && self.batch.rows.len() == self.shape
    }

    fn send(&mut self) -> Result<(), Stop> {
        let next = Batch::new(self.batch.end);
        let is_whole = self.is_whole();
        let mut batch = std::mem::replace(&mut self.batch, next);
        // A statement that is met once is not worth preparing.
        batch.bound = batch.bound.filter(|_| is_whole);
        self.task.batches.blocking_send(Ok(batch)).map_err(|_| Stop::Unwanted)
    }
}

/// Rows of a prepared statement where `rows` of `width` values were as many as there was room for: fewer, so that most
/// of the next batches are as large, and a power of two, so that there are few such statements.
fn shape_of(rows: usize, width: usize) -> usize {
    let most = (rows - rows / 8).min(MOST_PARAMETERS / width.max(1));
    most.checked_ilog2().map_or(0, |log| 1 << log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_have_few_shapes_and_no_more_parameters_than_can_be_numbered() {
        assert_eq!([1, 2, 100, 150, 1000].map(|rows| shape_of(rows, 3)), [1, 2, 64, 128, 512]);
        assert_eq!((shape_of(60_000, 4), shape_of(0, 4), shape_of(8, 0)), (8192, 0, 4));
    }
}
