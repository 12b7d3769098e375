//! The rows that have a key in conflict, found by encoding their jobs once more.

use std::sync::Arc;

use th_codec::Pairs;
use th_codec::decode::StoredRows;
use th_connect::fault;
use th_errors::{Code, Fault};
use th_job::{EncodedRow, JobContext, Pieces, Sink};
use th_ledger::PlannedTable;
use th_row::Place;
use th_schema::Table;
use th_sorter::{Sorted, Sorter};

use super::before;
use super::filter::KeyFilter;
use super::keys::Found;
use super::room::{Places, Room, TABLE};
use crate::Finalizer;

/// Rows with a key in conflict, numbered in source order, and maybe others.
pub(super) struct Rows {
    /// Where they stand.
    pub(super) places: Places,
    /// Their pairs, tagged with their numbers.
    pub(super) pairs: Sorted,
    /// The rows from this number on are not of the source, but of the table before the import.
    pub(super) before: u64,
    /// Where all that is.
    pub(super) room: Room,
}

/// Encodes the jobs with keys in conflict once more and keeps the rows that have one.
pub(super) async fn collect(
    finalizer: &Finalizer<'_>,
    room: Room,
    planned: &PlannedTable,
    table: &Arc<Table>,
    found: Found,
) -> Result<Rows, Fault> {
    let configured = &finalizer.config.mydumper.data_source_dir;
    let source = th_connect::source(if configured.is_empty() { &finalizer.plan.source } else { configured })?;
    let (plan, planned, table) = (finalizer.plan.clone(), planned.clone(), Arc::clone(table));
    let tikv = finalizer.cluster.tikv.clone();
    let runtime = tokio::runtime::Handle::current();
    let mut pieces = Vec::with_capacity(found.jobs.len());
    for job in found.jobs.values() {
        pieces.push(Pieces::of(finalizer.ledger, finalizer.plan, job).await?);
    }
    let searching = tokio::task::spawn_blocking(move || {
        let Found { keys, before: noted, jobs, .. } = found;
        let mut search = Search { keys, places: room.places()?, pairs: room.sorter("rows") };
        for (job, pieces) in jobs.values().zip(&pieces) {
            let (source, plan, planned, table) = (&source, &plan, &planned, &table);
            let of = JobContext { source, plan, planned, table, pieces, runtime: &runtime };
            th_job::encode(of, job, &mut search)?;
        }
        let before = search.places.len();
        let mut encoder = StoredRows::new(Arc::clone(&table), th_job::encoder_options(&plan.session)?)
            .map_err(|error| fault::of_plan(&error, &planned.db, &planned.name))?;
        let object: Arc<str> = Arc::from(TABLE);
        let read_ts = plan.first_commit_ts.saturating_sub(1);
        before::each(&runtime, &tikv, read_ts, noted, |key, value| {
            let pairs = encoder.pairs(key, value).map_err(|error| {
                let message = format!("a row that the table held before cannot be replaced: {error}");
                Fault::new(Code::DuplicateKeys, message)
            })?;
            search.take(&Place::at_offset(Arc::clone(&object), 0), pairs)
        })
        .map_err(|found| found.of_table(&planned.db, &planned.name))?;
        let Search { mut places, pairs, .. } = search;
        places.finish()?;
        Ok(Rows { places, pairs: pairs.finish(), before, room })
    });
    searching
        .await
        .map_err(|error| Fault::new(Code::Internal, format!("encoding ended unexpectedly: {error}")))?
}

struct Search {
    keys: KeyFilter,
    places: Places,
    pairs: Sorter,
}

impl Search {
    fn take(&mut self, place: &Place, pairs: &Pairs) -> Result<(), Fault> {
        let number = self.places.len();
        self.places.push(place)?;
        for pair in pairs.iter() {
            self.pairs.push(pair.key, pair.value, number).map_err(|error| fault::of_sort(&error))?;
        }
        Ok(())
    }
}

impl Sink for Search {
    fn row(&mut self, row: &EncodedRow<'_>) -> Result<(), Fault> {
        if !row.pairs.iter().any(|pair| self.keys.may_contain(pair.key)) {
            return Ok(());
        }
        self.take(&row.place(), row.pairs)
    }

    /// Left out by its job, too.
    fn misfit(&mut self, _: Fault, _: u64, _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }

    fn progress(&mut self, _: u64, _: u64) -> Result<(), Fault> {
        Ok(())
    }
}
