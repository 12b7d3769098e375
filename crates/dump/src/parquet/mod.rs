//! Reads the rows of a Parquet file, column chunks fetched by range.
//!
//! ```text
//!   footer ─▶ row groups of the range ─▶ one reader a column ─▶ batches of values ─▶ rows
//! ```
//! Only the columns that are wanted are fetched. Rows are numbered from 0 over the whole file; a range of
//! bytes stands for the row groups that begin in it, so a file is cut between row groups like any other at
//! bytes. What a value is follows from the column's annotation ([`kind`]): numbers stay numbers, times and
//! decimals become the text that TiDB reads. Nested and repeated columns have no form in a table and are
//! refused by name.

mod column;
mod kind;
mod object;
mod split;
mod text;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use tokio::runtime::Handle;

pub use split::parquet_split;

use crate::error::{ReadError, StorageFailure};
use crate::fetch::{FetchError, PinnedObject};
use crate::fields::ParsedRow;
use crate::options::ReadOptions;
use column::Column;
use kind::Kind;
use object::ObjectRange;
use text::Zone;

/// Rows decoded at once.
const BATCH: usize = 1024;

/// The rows of a file, or of the row groups that begin in a range of it.
pub(crate) struct ParquetRows {
    object: Arc<PinnedObject>,
    range: Range<u64>,
    options: ReadOptions,
    taken: Arc<AtomicU64>,
    runtime: Handle,
    zone: Zone,
    /// Lower-case names of columns that are not wanted.
    unwanted: Vec<String>,
    opened: Option<Opened>,
    names: Vec<String>,
}

struct Opened {
    metadata: ParquetMetaData,
    /// Leaf columns that are read, and what they hold.
    leaves: Vec<(usize, Kind)>,
    /// Row groups still to come, first row of each.
    groups: std::vec::IntoIter<(usize, u64)>,
    columns: Vec<Column>,
    /// Rows of the open row group that are not decoded yet.
    group_rows: u64,
    batch_rows: usize,
    batch_at: usize,
    next_row: u64,
}

impl ParquetRows {
    pub(crate) fn new(
        object: PinnedObject,
        range: Range<u64>,
        options: &ReadOptions,
        taken: Arc<AtomicU64>,
        runtime: &Handle,
    ) -> Result<Self, ReadError> {
        Ok(Self {
            object: Arc::new(object),
            range,
            zone: Zone::parse(&options.time_zone)?,
            options: options.clone(),
            taken,
            runtime: runtime.clone(),
            unwanted: Vec::new(),
            opened: None,
            names: Vec::new(),
        })
    }

    /// Columns of these lower-case names are not read. Only before the first row.
    pub(crate) fn without(&mut self, unwanted: &[String]) {
        self.unwanted = unwanted.to_vec();
    }

    pub(crate) fn columns(&self) -> (u64, Option<&[String]>) {
        if self.opened.is_some() { (1, Some(&self.names)) } else { (0, None) }
    }

    /// The number of the row in `row`, from 0; `None` after the last one.
    pub(crate) fn next(&mut self, row: &mut ParsedRow) -> Result<Option<u64>, ReadError> {
        // The decoders of broken files may panic; that is a broken file, not a broken program.
        match catch_unwind(AssertUnwindSafe(|| self.next_row(row))) {
            Ok(result) => result,
            Err(_) => Err(corrupt(&self.object, "it contradicts itself")),
        }
    }

    fn next_row(&mut self, row: &mut ParsedRow) -> Result<Option<u64>, ReadError> {
        if self.opened.is_none() {
            self.open()?;
        }
        let Some(opened) = &mut self.opened else { return Ok(None) };
        while opened.batch_at >= opened.batch_rows {
            if opened.group_rows == 0 {
                let Some((group, first_row)) = opened.groups.next() else { return Ok(None) };
                opened.next_row = first_row;
                let metadata = opened.metadata.row_group(group);
                opened.columns = open_columns(
                    &self.object,
                    metadata,
                    &opened.leaves,
                    &self.options,
                    &self.taken,
                    &self.runtime,
                )?;
                opened.group_rows = u64::try_from(metadata.num_rows()).unwrap_or(0);
                continue;
            }
            let wanted = BATCH.min(usize::try_from(opened.group_rows).unwrap_or(BATCH));
            for column in &mut opened.columns {
                column.read(wanted).map_err(|error| translate(&self.object, error))?;
            }
            (opened.batch_rows, opened.batch_at) = (wanted, 0);
            opened.group_rows -= wanted as u64;
        }
        row.clear();
        for column in &mut opened.columns {
            column.push(opened.batch_at, &self.zone, row).map_err(|problem| {
                let at = format!("row {}, column `{}`: {problem}", opened.next_row + 1, column.name());
                corrupt(&self.object, &at)
            })?;
        }
        let number = opened.next_row;
        opened.batch_at += 1;
        opened.next_row += 1;
        Ok(Some(number))
    }

    fn open(&mut self) -> Result<(), ReadError> {
        let metadata = read_footer(&self.object, &self.options, &self.taken, &self.runtime)?;
        let schema = metadata.file_metadata().schema_descr();
        let mut leaves = Vec::with_capacity(schema.num_columns());
        self.names.clear();
        for (index, leaf) in schema.columns().iter().enumerate() {
            let name = leaf.path().parts().first().map_or("", String::as_str).to_lowercase();
            if self.unwanted.contains(&name) {
                continue;
            }
            let kind = Kind::of(leaf).map_err(|problem| ReadError::Column {
                object: self.object.name.to_string(),
                column: leaf.path().string(),
                problem,
            })?;
            self.names.push(name);
            leaves.push((index, kind));
        }
        let groups: Vec<(usize, u64)> = group_starts(&metadata)
            .enumerate()
            .filter(|(_, (start, _))| self.range.contains(start))
            .map(|(group, (_, first_row))| (group, first_row))
            .collect();
        self.opened = Some(Opened {
            metadata,
            leaves,
            groups: groups.into_iter(),
            columns: Vec::new(),
            group_rows: 0,
            batch_rows: 0,
            batch_at: 0,
            next_row: 0,
        });
        Ok(())
    }
}

/// The first byte and the first row's number of each row group. The first group begins where the file does.
fn group_starts(metadata: &ParquetMetaData) -> impl Iterator<Item = (u64, u64)> {
    let mut first_row = 0;
    metadata.row_groups().iter().enumerate().map(move |(number, group)| {
        let before = first_row;
        first_row += u64::try_from(group.num_rows()).unwrap_or(0);
        (if number == 0 { 0 } else { group_start(group) }, before)
    })
}

fn group_start(group: &RowGroupMetaData) -> u64 {
    let starts = group.columns().iter().map(|column| {
        let data = column.data_page_offset();
        column.dictionary_page_offset().filter(|at| *at > 0).map_or(data, |at| at.min(data))
    });
    starts.min().and_then(|start| u64::try_from(start).ok()).unwrap_or(0)
}

fn open_columns(
    object: &Arc<PinnedObject>,
    group: &RowGroupMetaData,
    leaves: &[(usize, Kind)],
    options: &ReadOptions,
    taken: &Arc<AtomicU64>,
    runtime: &Handle,
) -> Result<Vec<Column>, ReadError> {
    let rows = usize::try_from(group.num_rows()).unwrap_or(0);
    let mut ranges = Vec::with_capacity(leaves.len());
    for (index, _) in leaves {
        let chunk =
            group.columns().get(*index).ok_or_else(|| corrupt(object, "a row group lacks a column"))?;
        let (start, length) = chunk.byte_range();
        let end = start.saturating_add(length).min(object.size);
        ranges.push(ObjectRange::new(object, start..end, options, taken, runtime));
    }
    // The columns' first pages come at once, not one after the other.
    object::prefetch(&ranges, runtime)?;
    let columns = leaves.iter().zip(ranges).filter_map(|((index, kind), range)| {
        let chunk = group.columns().get(*index)?;
        Some(Column::open(chunk, *kind, Arc::new(range), rows))
    });
    columns.collect::<Result<_, _>>().map_err(|error| translate(object, error))
}

/// Reads and parses the footer.
fn read_footer(
    object: &Arc<PinnedObject>,
    options: &ReadOptions,
    taken: &Arc<AtomicU64>,
    runtime: &Handle,
) -> Result<ParquetMetaData, ReadError> {
    let range = ObjectRange::footer(object, options, taken, runtime)?;
    let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
    reader.try_parse(&range).and_then(|()| reader.finish()).map_err(|error| translate(object, error))
}

fn corrupt(object: &PinnedObject, problem: &str) -> ReadError {
    ReadError::Corrupt {
        object: object.name.to_string(),
        compression: "parquet",
        compressed_offset: 0,
        offset: 0,
        problem: problem.to_owned(),
    }
}

/// What the library says in this crate's terms; an error of the storage stays itself.
fn translate(object: &PinnedObject, error: ParquetError) -> ReadError {
    match error {
        ParquetError::External(inner) => match inner.downcast::<FetchError>() {
            Ok(fetch) => fetch.0,
            Err(other) => corrupt(object, &StorageFailure::new(&*other).to_string()),
        },
        ParquetError::NYI(what) => ReadError::Unsupported { object: object.name.to_string(), problem: what },
        other => corrupt(object, &other.to_string()),
    }
}
