//! The rows that have a key in conflict, found by encoding their jobs once more.

use std::sync::Arc;

use th_codec::Pairs;
use th_codec::decode::StoredRows;
use th_connect::{SortDir, fault};
use th_errors::{Code, Fault};
use th_job::{EncodedRow, JobContext, Pieces, Sink};
use th_ledger::PlannedTable;
use th_row::Place;
use th_schema::Table;
use th_sorter::{SortOptions, Sorted, Sorter};

use super::before;
use super::keys::Found;
use crate::Finalizer;

/// Where rows come from that the source does not have.
const TABLE: &str = "the table before the import";

/// Rows with a key in conflict, numbered in source order.
pub(super) struct Rows {
    /// Where they stand.
    pub(super) places: Places,
    /// Their pairs, tagged with their numbers: once to find who goes, ...
    pub(super) to_decide: Sorted,
    /// ... and once to delete.
    pub(super) to_delete: Sorted,
    /// The rows from this number on are not of the source, but of the table before the import.
    pub(super) before: usize,
    /// Where the sorted pairs are.
    pub(super) sort_dir: SortDir,
}

/// Places of many rows, small.
#[derive(Default)]
pub(super) struct Places {
    objects: Vec<Arc<str>>,
    rows: Vec<(u32, u64, u64)>,
}

impl Places {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    fn push(&mut self, place: Place) {
        if self.objects.last().is_none_or(|last| *last != place.object) {
            self.objects.push(place.object);
        }
        self.rows.push((self.objects.len() as u32 - 1, place.offset, place.line));
    }

    /// The place of a row, by its number, for people, and its offset.
    pub(super) fn text(&self, row: u64) -> (String, u64) {
        let row = usize::try_from(row).ok().and_then(|row| self.rows.get(row));
        let place = row.and_then(|&(object, offset, line)| {
            let object = Arc::clone(self.objects.get(object as usize)?);
            Some(Place { object, offset, line, column: 0 })
        });
        match place {
            Some(place) if *place.object == *TABLE => (TABLE.to_owned(), 0),
            Some(place) => (place.to_string(), place.offset),
            None => Default::default(),
        }
    }
}

/// Encodes the jobs with keys in conflict once more and keeps the rows that have one.
pub(super) async fn collect(
    finalizer: &Finalizer<'_>,
    planned: &PlannedTable,
    table: &Arc<Table>,
    found: Found,
) -> Result<Rows, Fault> {
    let configured = &finalizer.config.mydumper.data_source_dir;
    let stored = before::records(finalizer, planned, &found).await?;
    let source = th_connect::source(if configured.is_empty() { &finalizer.plan.source } else { configured })?;
    let sort_dir = SortDir::create(finalizer.config, finalizer.env)?;
    let memory = usize::try_from(th_connect::sort_memory(finalizer.config)).unwrap_or(usize::MAX) / 2;
    let sorter = |name: &str| {
        let options =
            SortOptions { dir: sort_dir.path.clone(), name: name.to_owned(), memory, disk_quota: None };
        Sorter::new(options)
    };
    let (to_decide, to_delete) = (sorter("decide"), sorter("delete"));
    let (plan, planned, table) = (finalizer.plan.clone(), planned.clone(), Arc::clone(table));
    let runtime = tokio::runtime::Handle::current();
    let mut pieces = Vec::with_capacity(found.jobs.len());
    for job in found.jobs.values() {
        pieces.push(Pieces::of(finalizer.ledger, finalizer.plan, job).await?);
    }
    let searching = tokio::task::spawn_blocking(move || {
        let mut search = Search { found: &found, places: Places::default(), to_decide, to_delete };
        for (job, pieces) in found.jobs.values().zip(&pieces) {
            let (source, plan, planned, table) = (&source, &plan, &planned, &table);
            let of = JobContext { source, plan, planned, table, pieces, runtime: &runtime };
            th_job::encode(of, job, &mut search)?;
        }
        let before = search.places.len();
        let mut encoder = StoredRows::new(Arc::clone(&table), th_job::encoder_options(&plan.session)?)
            .map_err(|error| fault::of_plan(&error, &planned.db, &planned.name))?;
        for (key, value) in &stored {
            let pairs = encoder.pairs(key, value).map_err(|error| {
                let message = format!("a row that the table held before cannot be replaced: {error}");
                Fault::new(Code::DuplicateKeys, message).of_table(&planned.db, &planned.name)
            })?;
            search.take(Place::at_offset(Arc::from(TABLE), 0), pairs)?;
        }
        let Search { places, to_decide, to_delete, .. } = search;
        Ok(Rows { places, to_decide: to_decide.finish(), to_delete: to_delete.finish(), before, sort_dir })
    });
    searching
        .await
        .map_err(|error| Fault::new(Code::Internal, format!("encoding ended unexpectedly: {error}")))?
}

struct Search<'a> {
    found: &'a Found,
    places: Places,
    to_decide: Sorter,
    to_delete: Sorter,
}

impl Search<'_> {
    fn take(&mut self, place: Place, pairs: &Pairs) -> Result<(), Fault> {
        let number = self.places.len() as u64;
        self.places.push(place);
        for pair in pairs.iter() {
            for sorter in [&mut self.to_decide, &mut self.to_delete] {
                sorter.push(pair.key, pair.value, number).map_err(|error| fault::of_sort(&error))?;
            }
        }
        Ok(())
    }
}

impl Sink for Search<'_> {
    fn row(&mut self, row: &EncodedRow<'_>) -> Result<(), Fault> {
        if !row.pairs.iter().any(|pair| self.found.keys.contains(pair.key)) {
            return Ok(());
        }
        self.take(row.place(), row.pairs)
    }

    /// Left out by its job, too.
    fn misfit(&mut self, _: Fault, _: u64, _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }

    fn progress(&mut self, _: u64, _: u64) -> Result<(), Fault> {
        Ok(())
    }
}
