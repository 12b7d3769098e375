//! Source bytes to pairs: the hot loop. It blocks; it is meant for a thread of its own.

use std::sync::Arc;

use th_codec::{Encoder, EncoderOptions, Pairs};
use th_connect::fault;
use th_dump::{RowReader, Store};
use th_errors::{Code, Fault};
use th_ledger::{Bases, Chunk, Job, Plan, PlannedTable};
use th_row::Place;
use th_schema::Table;

use crate::columns::{columns_of, set_columns};
use crate::pieces::{Found, Pieces};
use crate::session::encoder_options;
use crate::tag;

/// Rows between two progress reports.
const REPORT_ROWS: u64 = 512;

/// What a job's rows are read from and encoded by.
#[derive(Clone, Copy)]
pub struct JobContext<'a> {
    /// The dump.
    pub source: &'a Store,
    /// The plan.
    pub plan: &'a Plan,
    /// The job's table in the plan.
    pub planned: &'a PlannedTable,
    /// Its definition.
    pub table: &'a Arc<Table>,
    /// Which of its chunks are pieces of files that were cut by looking.
    pub pieces: &'a Pieces,
    /// Fetches the source's bytes.
    pub runtime: &'a tokio::runtime::Handle,
}

/// What is known when a job's rows are all encoded.
#[derive(Debug)]
pub struct Done {
    /// The largest ids used.
    pub bases: Bases,
    /// Where its pieces end.
    pub found: Vec<Found>,
}

/// A row that fits its table.
pub struct EncodedRow<'a> {
    /// Leads to the row's place (see [`crate::places`]); greater than those of the rows before it.
    pub tag: u64,
    /// Its pairs.
    pub pairs: &'a Pairs,
    offset: u64,
    reader: &'a RowReader,
}

impl EncodedRow<'_> {
    /// Where the row stands.
    pub fn place(&self) -> Place {
        self.reader.place(self.offset)
    }
}

/// Takes a job's rows.
pub trait Sink {
    /// A row.
    fn row(&mut self, row: &EncodedRow<'_>) -> Result<(), Fault>;

    /// A row that does not fit, by the offset behind it and as the source has it. To return the fault is to end the job.
    fn misfit(&mut self, found: Fault, end: u64, text: &[u8]) -> Result<(), Fault>;

    /// Bytes of the source (as stored) read and rows encoded since the last report; every few hundred rows and
    /// at the end of a chunk.
    fn progress(&mut self, source_bytes: u64, rows: u64) -> Result<(), Fault>;
}

/// Reads and encodes all chunks of a job, in order, but for those that are known to have no rows.
///
/// Every call for the same job gives the same pairs with the same tags.
///
/// # Errors
/// What the source, a row's columns or the sink has against it, with its place.
pub fn encode(of: JobContext<'_>, job: &Job, sink: &mut impl Sink) -> Result<Done, Fault> {
    let (db, name) = (of.planned.db.as_str(), of.planned.name.as_str());
    // Another shard of AUTO_RANDOM values for every job, so that they do not all write to one region.
    let options =
        EncoderOptions { auto_random_seed: u64::from(job.job.0), ..encoder_options(&of.plan.session)? };
    let mut encoder =
        Encoder::new(Arc::clone(of.table), options).map_err(|error| fault::of_plan(&error, db, name))?;
    let mut found = Vec::new();
    for (number, chunk) in job.chunks.iter().enumerate() {
        if !of.pieces.is_void(number) {
            found.extend(encode_chunk(of, &mut encoder, number, chunk, sink)?);
        }
    }
    let bases = encoder.bases();
    let bases = Bases {
        row_id: bases.row_id,
        // Unsigned columns use the same 64 bits.
        auto_increment: bases.auto_increment as u64,
        auto_random: bases.auto_random as u64,
    };
    Ok(Done { bases, found })
}

fn encode_chunk(
    of: JobContext<'_>,
    encoder: &mut Encoder,
    number: usize,
    chunk: &Chunk,
    sink: &mut impl Sink,
) -> Result<Option<Found>, Fault> {
    let (file, planned) = (&chunk.file, of.planned);
    let of_table = |found: Fault| found.of_table(&planned.db, &planned.name);
    let constants: Vec<(String, Vec<u8>)> =
        file.constants.iter().map(|(column, value)| (column.clone(), value.clone().into_bytes())).collect();
    let mut reader = of
        .pieces
        .open(number, chunk, of.source, &of.plan.read, of.runtime)
        .map_err(of_table)?
        .without_columns(&planned.ignored_columns);
    let row_ids = of.pieces.row_ids(number, chunk);
    // Which columns the rows have, and how many values.
    let mut shape = None;
    let (mut row_in_chunk, mut reported_rows, mut reported_bytes) = (0i64, 0u64, 0u64);
    loop {
        let row = match reader.next() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) => return Err(of_table(fault::of_read(&error))),
        };
        row_in_chunk += 1;
        if row_in_chunk > row_ids {
            return Err(of_table(Fault::new(
                Code::RowIdsExhausted,
                format!("{} has more than the {row_ids} rows that ids were reserved for", file.path),
            )));
        }
        let offset = row.offset;
        if shape != Some((row.columns_version, row.values.len())) {
            shape = Some((row.columns_version, row.values.len()));
            let count = row.values.len();
            let set = columns_of(of.table, row.columns, count, &constants).and_then(|columns| {
                set_columns(encoder, columns.as_deref(), &planned.ignored_columns, &constants)
            });
            if let Err(found) = set {
                return Err(of_table(found.at(reader.place(offset))));
            }
        }
        match encoder.encode(row.values, chunk.row_id_base + row_in_chunk) {
            Ok(pairs) => {
                sink.row(&EncodedRow { tag: tag(number as u64, offset), pairs, offset, reader: &reader })?;
                reported_rows += 1;
            }
            Err(error) => {
                let (text, end) = (row.text.to_vec(), row.end);
                let found = fault::of_encode(&error, &reader.place(offset), &planned.db, &planned.name);
                sink.misfit(found, end, &text)?;
            }
        }
        if reported_rows == REPORT_ROWS {
            let bytes = reader.bytes_read();
            sink.progress(bytes - reported_bytes, reported_rows)?;
            (reported_bytes, reported_rows) = (bytes, 0);
        }
    }
    sink.progress(reader.bytes_read() - reported_bytes, reported_rows)?;
    Ok(of.pieces.found(number, &reader))
}
