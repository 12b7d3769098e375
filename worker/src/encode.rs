//! Source bytes to sorted pairs: the hot loop, on a thread of its own.

use std::sync::Arc;

use th_codec::{Checksum, Encoder};
use th_connect::fault;
use th_dump::{DataFile, RowReader};
use th_errors::{Code, Fault};
use th_ledger::{Bases, Chunk, Job, Pairs, PlannedTable};
use th_row::Place;
use th_sorter::{SortOptions, Sorted, Sorter};

use crate::progress::JobProgress;
use crate::{Import, Stop};

/// Bits of a tag that hold the row's offset; the others hold the chunk's number in the job.
pub(crate) const OFFSET_BITS: u32 = 48;
/// Rows between two looks at the stop flag and two progress reports.
const REPORT_ROWS: u64 = 512;

/// A job's rows, encoded and sorted.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) sorted: Sorted,
    pub(crate) rows: u64,
    pub(crate) pairs: Pairs,
    pub(crate) bases: Bases,
    pub(crate) source_bytes: u64,
}

/// What the loop needs.
pub(crate) struct EncodeTask {
    pub(crate) import: Arc<Import>,
    pub(crate) job: Arc<Job>,
    pub(crate) sort: SortOptions,
    pub(crate) progress: Arc<JobProgress>,
    pub(crate) stop: Stop,
    pub(crate) runtime: tokio::runtime::Handle,
}

/// Reads, encodes and sorts all chunks of a job, in order.
pub(crate) fn run(task: &EncodeTask) -> Result<Encoded, Fault> {
    let (planned, _) = task.import.table(task.job.table)?;
    let mut encoder = task.import.encoder(task.job.table)?;
    let mut totals = Totals {
        sorter: Sorter::new(task.sort.clone()),
        checksum: Checksum::default(),
        rows: 0,
        source_bytes: 0,
    };
    for (number, chunk) in task.job.chunks.iter().enumerate() {
        encode_chunk(task, planned, &mut encoder, number as u64, chunk, &mut totals)?;
    }
    let bases = encoder.bases();
    Ok(Encoded {
        sorted: totals.sorter.finish(),
        rows: totals.rows,
        pairs: Pairs {
            crc64: totals.checksum.crc64,
            pairs: totals.checksum.pairs,
            bytes: totals.checksum.bytes,
        },
        bases: Bases {
            row_id: bases.row_id,
            // Unsigned columns use the same 64 bits.
            auto_increment: bases.auto_increment as u64,
            auto_random: bases.auto_random as u64,
        },
        source_bytes: totals.source_bytes,
    })
}

struct Totals {
    sorter: Sorter,
    checksum: Checksum,
    rows: u64,
    source_bytes: u64,
}

fn encode_chunk(
    task: &EncodeTask,
    planned: &PlannedTable,
    encoder: &mut Encoder,
    number: u64,
    chunk: &Chunk,
    totals: &mut Totals,
) -> Result<(), Fault> {
    let file: &DataFile = &chunk.file;
    let of_table = |found: Fault| found.of_table(&planned.db, &planned.name);
    let constants: Vec<(String, Vec<u8>)> =
        file.constants.iter().map(|(column, value)| (column.clone(), value.clone().into_bytes())).collect();
    encoder.set_constants(&constants).map_err(|error| columns_fault(task, &error, file, planned))?;
    let mut reader = RowReader::open(
        &task.import.source,
        file,
        chunk.range.clone(),
        &task.import.plan.read,
        &task.runtime,
    )
    .map_err(|error| of_table(fault::of_read(&error)))?;
    if let Some(columns) = &chunk.columns {
        reader = reader.with_columns(columns.clone());
    }
    let mut columns_version = u64::MAX;
    let (mut row_in_chunk, mut reported_rows, mut reported_bytes, mut pair_bytes) = (0i64, 0u64, 0u64, 0u64);
    loop {
        let row = match reader.next() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) => return Err(of_table(fault::of_read(&error))),
        };
        row_in_chunk += 1;
        if row_in_chunk > chunk.row_id_count {
            return Err(of_table(Fault::new(
                Code::RowIdsExhausted,
                format!(
                    "{} has more than the {} rows that ids were reserved for",
                    file.path, chunk.row_id_count
                ),
            )));
        }
        let offset = row.offset;
        if row.columns_version != columns_version {
            columns_version = row.columns_version;
            encoder
                .set_columns(row.columns, &planned.ignored_columns)
                .map_err(|error| columns_fault(task, &error, file, planned))?;
        }
        let pairs = match encoder.encode(row.values, chunk.row_id_base + row_in_chunk) {
            Ok(pairs) => pairs,
            Err(error) => {
                let place = reader.place(offset);
                return Err(fault::of_encode(&error, &place, &planned.db, &planned.name));
            }
        };
        let tag = number << OFFSET_BITS | offset & ((1 << OFFSET_BITS) - 1);
        for pair in pairs.iter() {
            totals.checksum.update(pair.key, pair.value);
            totals.sorter.push(pair.key, pair.value, tag).map_err(|error| fault::of_sort(&error))?;
            pair_bytes += (pair.key.len() + pair.value.len()) as u64;
        }
        totals.rows += 1;
        reported_rows += 1;
        if reported_rows == REPORT_ROWS {
            let bytes = reader.bytes_read();
            task.progress.encoded(bytes - reported_bytes, reported_rows, pair_bytes);
            (reported_bytes, reported_rows, pair_bytes) = (bytes, 0, 0);
            if task.stop.is_set() {
                return Err(Fault::new(Code::Interrupted, "told to stop"));
            }
        }
    }
    let bytes = reader.bytes_read();
    task.progress.encoded(bytes - reported_bytes, reported_rows, pair_bytes);
    totals.source_bytes += bytes;
    Ok(())
}

fn columns_fault(
    task: &EncodeTask,
    error: &th_codec::EncodeError,
    file: &DataFile,
    planned: &PlannedTable,
) -> Fault {
    let place = Place::at_offset(task.import.source.display(&file.path), 0);
    Fault::from_error(Code::BadColumns, error).at(place.object).of_table(&planned.db, &planned.name)
}
