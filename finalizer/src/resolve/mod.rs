//! Rows with equal keys, once all jobs are known.
//!
//! ```text
//! keys in conflict ─▶ the rows that have them ─▶ who goes ─▶ delete the pairs of those ─▶ resolved/0003.json
//!   (keys)              (rows: jobs once more)    (losers)
//! ```
//! A row stays if it is the first of the source at *every* key it has. Since the jobs' commit timestamps
//! descend, what TiKV shows at a key is what its first row wrote: only pairs of rows that go must be deleted.
//! All of it is a function of the dump, so whoever does it again, after a crash or beside another
//! finalizer, deletes the same. Memory is what is configured for sorting, however many rows there are: keys are in a
//! filter, places in a file, pairs in sorters; what is left are two bits a row.

mod before;
mod entries;
mod filter;
mod keys;
mod losers;
mod room;
mod rows;

use std::sync::Arc;

use th_connect::fault;
use th_env::Step;
use th_errors::{Code, Fault};
use th_ledger::{Conflict, ConflictStrategy, FORMAT, Job, JobResult, PlannedTable, Resolution, SharedEntry};
use th_schema::Table;

use self::room::Room;
use crate::{Finalizer, verify};

/// What came of looking for equal keys.
pub(crate) enum Resolved {
    /// There are none.
    Nothing,
    /// The rows that had to go are gone.
    Removed(Resolution),
    /// The import fails for them.
    Refused(Fault),
}

/// Finds the rows of a table that have equal keys and removes those that must go.
pub(crate) async fn resolve(
    finalizer: &Finalizer<'_>,
    number: u32,
    (planned, table): (&PlannedTable, &Arc<Table>),
    results: &[JobResult],
) -> Result<Resolved, Fault> {
    let ledger = finalizer.ledger;
    if let Some(done) = ledger.resolution(number).await.map_err(|error| fault::of_ledger(&error))? {
        return Ok(Resolved::Removed(done));
    }
    let policy = finalizer.plan.conflict;
    let room = Room::new(finalizer)?;
    let found = keys::find(finalizer, &room, planned, table, results).await?;
    if found.keys.len == 0 {
        return Ok(Resolved::Nothing);
    }
    if found.others {
        let message = "somebody else has written keys of the import's rows since it began";
        let fault = Fault::new(Code::DuplicateKeys, message).of_table(&planned.db, &planned.name);
        return Ok(Resolved::Refused(fault));
    }
    tracing::info!(
        db = %planned.db, table = %planned.name, keys = found.keys.len, jobs = found.jobs.len(),
        "looking for the rows of keys that several rows have"
    );
    let too_many = found.too_many;
    let rows = rows::collect(finalizer, room, planned, table, found).await?;
    let mut decided = losers::decide(finalizer, number, table, rows).await?;
    let first = decided.first.clone();
    let refused = |message: String| {
        let found = Fault::new(Code::DuplicateKeys, message).of_table(&planned.db, &planned.name);
        Resolved::Refused(match &first {
            Some(first) => found.at(&first.second),
            None => found,
        })
    };
    let named = match &first {
        Some(first) => format!(
            "; the same key of index {} is written by {} and {}",
            first.index, first.first, first.second
        ),
        None => String::new(),
    };
    if decided.conflicting > 0 {
        let entries = std::mem::take(&mut decided.entries).shared(finalizer.plan, planned, table)?;
        let written = ledger.write_shared_entries(number, &entries).await;
        written.map_err(|error| fault::of_ledger(&error))?;
    }
    if let Some(limit) = too_many {
        return Ok(refused(format!(
            "more than {limit} keys are those of several rows, `conflict.threshold` allows {} rows{named}",
            policy.threshold
        )));
    }
    if decided.conflicting == 0 {
        return Ok(Resolved::Nothing);
    }
    if policy.strategy == ConflictStrategy::Error {
        return Ok(refused(format!("{} rows conflict{named}", decided.conflicting)));
    }
    if decided.conflicting > policy.threshold {
        return Ok(refused(format!(
            "{} rows conflict, `conflict.threshold` allows {}{named}",
            decided.conflicting, policy.threshold
        )));
    }
    let (conflicting, removed_rows) = (decided.conflicting, decided.removed_rows);
    let removed = losers::delete(finalizer, decided).await?;
    Step::LosersDeleted.reached();
    let resolution = Resolution { format: FORMAT, table: number, conflicting, removed_rows, removed };
    ledger.write_resolution(&resolution).await.map_err(|error| fault::of_ledger(&error))?;
    Step::LosersNoted.reached();
    tracing::info!(db = %planned.db, table = %planned.name, conflicting, removed_rows, "conflicts resolved");
    Ok(Resolved::Removed(resolution))
}

/// The entries of the keys that rows of a failed job share.
pub(crate) async fn entries_of_failed(
    finalizer: &Finalizer<'_>,
    job: Job,
    conflicts: &[Conflict],
) -> Result<Vec<SharedEntry>, Fault> {
    let unknown = || Fault::new(Code::LedgerConflict, format!("job {} is of no table of the plan", job.job));
    let planned = finalizer.plan.tables.get(job.table as usize).ok_or_else(unknown)?;
    let table = Arc::new(verify::table(planned)?);
    let room = Room::new(finalizer)?;
    let found = keys::of_failed(&room, job, conflicts);
    let rows = rows::collect(finalizer, room, planned, &table, found).await?;
    losers::entries(rows).await?.shared(finalizer.plan, planned, &table)
}
