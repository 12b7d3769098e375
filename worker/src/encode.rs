//! Source bytes to sorted pairs: the hot loop, on a thread of its own.

use std::borrow::Cow;
use std::sync::Arc;

use th_codec::{Checksum, Encoder};
use th_connect::fault;
use th_dump::{DataFile, RowReader};
use th_errors::{Code, Fault};
use th_ledger::{Bases, Chunk, Job, Pairs, PlannedTable, Reject};
use th_schema::Table;
use th_sorter::{SortOptions, Sorted, Sorter};

use crate::progress::JobProgress;
use crate::{Import, Stop};

/// Bits of a tag that hold the row's offset; the others hold the chunk's number in the job.
pub(crate) const OFFSET_BITS: u32 = 48;
/// Rows between two looks at the stop flag and two progress reports.
const REPORT_ROWS: u64 = 512;
/// Rejected rows that a job records; further ones are only counted.
const MOST_REJECTS: usize = 10_000;
/// Bytes of a rejected row that are recorded.
const REJECT_BYTES: usize = 4096;

/// A job's rows, encoded and sorted.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) sorted: Sorted,
    pub(crate) rows: u64,
    /// Rows left out, and the first of them.
    pub(crate) rejected: u64,
    pub(crate) rejects: Vec<Reject>,
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
    let (planned, table) = task.import.table(task.job.table)?;
    let mut encoder = task.import.encoder(task.job.table)?;
    let mut totals = Totals {
        sorter: Sorter::new(task.sort.clone()),
        checksum: Checksum::default(),
        rows: 0,
        rejected: 0,
        rejects: Vec::new(),
        source_bytes: 0,
    };
    for (number, chunk) in task.job.chunks.iter().enumerate() {
        encode_chunk(task, (planned, table), &mut encoder, number as u64, chunk, &mut totals)?;
    }
    let bases = encoder.bases();
    Ok(Encoded {
        sorted: totals.sorter.finish(),
        rows: totals.rows,
        rejected: totals.rejected,
        rejects: totals.rejects,
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
    rejected: u64,
    rejects: Vec<Reject>,
    source_bytes: u64,
}

impl Totals {
    /// Leaves a row out, as long as the import may.
    fn reject(&mut self, task: &EncodeTask, found: Fault, row: &[u8]) -> Result<(), Fault> {
        let most = task.import.plan.max_rejected;
        if found.code != Code::BadValue || self.rejected >= most {
            return Err(found);
        }
        self.rejected += 1;
        if self.rejects.len() < MOST_REJECTS {
            let row = row.get(..REJECT_BYTES).unwrap_or(row);
            self.rejects.push(Reject {
                place: found.place.unwrap_or_default(),
                reason: found.message,
                row: String::from_utf8_lossy(row).into_owned(),
            });
        }
        Ok(())
    }
}

fn encode_chunk(
    task: &EncodeTask,
    (planned, table): (&PlannedTable, &Table),
    encoder: &mut Encoder,
    number: u64,
    chunk: &Chunk,
    totals: &mut Totals,
) -> Result<(), Fault> {
    let file: &DataFile = &chunk.file;
    let of_table = |found: Fault| found.of_table(&planned.db, &planned.name);
    let constants: Vec<(String, Vec<u8>)> =
        file.constants.iter().map(|(column, value)| (column.clone(), value.clone().into_bytes())).collect();
    let mut reader = RowReader::open(
        &task.import.source,
        file,
        chunk.range.clone(),
        &task.import.plan.read,
        &task.runtime,
    )
    .map_err(|error| of_table(fault::of_read(&error)))?
    .without_columns(&planned.ignored_columns);
    if let Some(columns) = &chunk.columns {
        reader = reader.with_columns(columns.clone());
    }
    // Which columns the rows have, and how many values.
    let mut shape = None;
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
        if shape != Some((row.columns_version, row.values.len())) {
            shape = Some((row.columns_version, row.values.len()));
            let count = row.values.len();
            let set = columns_of(table, row.columns, count, &constants).and_then(|columns| {
                set_columns(encoder, columns.as_deref(), &planned.ignored_columns, &constants)
            });
            if let Err(found) = set {
                return Err(of_table(found.at(reader.place(offset))));
            }
        }
        let pairs = match encoder.encode(row.values, chunk.row_id_base + row_in_chunk) {
            Ok(pairs) => pairs,
            Err(error) => {
                let text = row.text.get(..REJECT_BYTES).unwrap_or(row.text).to_vec();
                let place = reader.place(offset);
                totals.reject(task, fault::of_encode(&error, &place, &planned.db, &planned.name), &text)?;
                continue;
            }
        };
        let tag = number << OFFSET_BITS | offset & ((1 << OFFSET_BITS) - 1);
        pairs.add_to(&mut totals.checksum);
        for pair in pairs.iter() {
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

/// The columns that the `count` values of a row are for; `None`: the table's, in order.
///
/// Without a column list, values are for all columns, or for those that are not generated; columns that a
/// route makes of the source's names take no place.
fn columns_of<'c>(
    table: &Table,
    listed: Option<&'c [String]>,
    count: usize,
    constants: &[(String, Vec<u8>)],
) -> Result<Option<Cow<'c, [String]>>, Fault> {
    if let Some(listed) = listed {
        if listed.len() != count {
            let message = format!("{} columns are listed, but the row has {count} values", listed.len());
            return Err(Fault::new(Code::BadColumns, message));
        }
        return Ok(Some(Cow::Borrowed(listed)));
    }
    let is_constant = |name: &str| constants.iter().any(|(column, _)| column.eq_ignore_ascii_case(name));
    let named = |with_generated: bool| -> Vec<String> {
        table
            .public_columns()
            .filter(|column| !column.hidden && (with_generated || !column.is_generated()))
            .map(|column| column.name.lower.clone())
            .filter(|name| !is_constant(name))
            .collect()
    };
    let all = named(true);
    if count == 0 {
        // `VALUES ()`: all defaults.
        return Ok(Some(Cow::Owned(Vec::new())));
    }
    if all.len() == count {
        return Ok((!constants.is_empty()).then_some(Cow::Owned(all)));
    }
    let given = named(false);
    if given.len() == count {
        return Ok(Some(Cow::Owned(given)));
    }
    let message = format!("the row has {count} values, the table {} columns", all.len());
    Err(Fault::new(Code::BadColumns, message))
}

/// Tells the encoder which columns the rows have.
fn set_columns(
    encoder: &mut Encoder,
    columns: Option<&[String]>,
    ignored: &[String],
    constants: &[(String, Vec<u8>)],
) -> Result<(), Fault> {
    let set = encoder
        .set_columns(columns, ignored)
        .and_then(|()| if constants.is_empty() { Ok(()) } else { encoder.set_constants(constants) });
    set.map_err(|error| Fault::from_error(Code::BadColumns, &error))
}
