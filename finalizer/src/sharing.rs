//! The end of an import that shares its tables with others: whoever is the last one at a table compares it with
//! what all of them have written (`th_cluster::meeting`).

use std::sync::Arc;

use th_cluster::{ClusterError, Meeting, RangeChecksum, SharedTable, Turn};
use th_config::Level;
use th_connect::fault;
use th_errors::{Code, Fault};
use th_ledger::{ConflictStrategy, Pairs, PlannedTable, Results, TableReport};
use th_schema::Table;

use crate::Finalizer;
use crate::fold::TableTotal;
use crate::resolve::{Resolved, resolve};
use crate::verify::{self, compare};

/// The verdict of a table that others still write to.
pub(crate) const LEFT: &str = "left to the last";

/// The seat of the import and the tables that it shares.
pub(crate) struct Seat {
    pub(crate) meeting: Meeting,
    pub(crate) tables: Vec<SharedTable>,
}

fn shared_table(planned: &PlannedTable, table: &Table) -> SharedTable {
    SharedTable { id: table.info.id, db: planned.db.clone(), name: planned.name.clone() }
}

impl Finalizer<'_> {
    /// Where the import meets others; `None` if it shares no tables.
    pub(crate) fn seat(&self) -> Result<Option<Seat>, Fault> {
        let Some(shared) = &self.plan.shared else { return Ok(None) };
        let meeting = self
            .cluster
            .meeting(&shared.books_schema, &self.plan.import_id)
            .map_err(|error| fault::of_cluster(&error))?;
        let joined = self.plan.tables.iter().filter(|planned| !planned.jobs.is_empty());
        let tables = joined
            .map(|planned| Ok(shared_table(planned, &verify::table(planned)?)))
            .collect::<Result<_, Fault>>()?;
        Ok(Some(Seat { meeting, tables }))
    }
}

/// Says what the import has written to the table, and compares the table if it is the last one to.
pub(crate) async fn check(
    finalizer: &Finalizer<'_>,
    seat: &Seat,
    (number, planned, table): (u32, &PlannedTable, &Arc<Table>),
    (total, results): (&TableTotal, &Results),
    report: &mut TableReport,
) -> Result<Option<Fault>, Fault> {
    if planned.jobs.is_empty() {
        // What others write to it is theirs to compare.
        return Ok(None);
    }
    let level = finalizer.config.post_restore.checksum;
    let shared = shared_table(planned, table);
    let error = |error: ClusterError| fault::of_cluster(&error).of_table(&planned.db, &planned.name);
    let of_table = || results.of(planned.jobs.clone()).cloned().collect::<Vec<_>>();
    let replaces = finalizer.plan.conflict.strategy == ConflictStrategy::Replace;
    if replaces || total.conflicts > 0 {
        // Before anything is said: what goes is not part of what the import has written.
        match resolve(finalizer, number, (planned, table), &of_table()).await? {
            Resolved::Nothing => {}
            Resolved::Removed(resolution) => verify::remove(report, &resolution),
            Resolved::Refused(found) => {
                verify::refuse(report);
                return Ok(Some(found));
            }
        }
    }
    match seat.meeting.finish(&shared, sum_of(report.expected), level != Level::Off).await.map_err(error)? {
        Turn::Left(to) => {
            tracing::info!(db = %planned.db, table = %planned.name, ?to, "others still write to the table; the last one compares it");
            LEFT.clone_into(&mut report.verdict);
            report.peers = to;
            Ok(None)
        }
        Turn::Forgotten => {
            let message = "the import was forgotten at the table: it cannot be said what the table must hold";
            let found = Fault::new(Code::ChecksumMismatch, message).of_table(&planned.db, &planned.name);
            Ok(Some(found).filter(|_| level == Level::Required))
        }
        Turn::Settled { .. } if level == Level::Off => Ok(None),
        Turn::Settled { verified: true } => {
            "verified".clone_into(&mut report.verdict);
            Ok(None)
        }
        Turn::Settled { verified: false } => {
            "mismatch".clone_into(&mut report.verdict);
            let message = "checksum mismatch: the table does not hold what its imports have written";
            let found = Fault::new(Code::ChecksumMismatch, message).of_table(&planned.db, &planned.name);
            Ok(Some(found).filter(|_| level == Level::Required))
        }
        Turn::Last { expected, with, failed } => {
            report.expected = pairs_of(expected);
            report.peers = with;
            if level == Level::Off {
                return Ok(None);
            }
            let comparing = async {
                let found = verify::sum(finalizer, planned, table).await?;
                report.found = Some(found);
                if found.pairs < report.expected.pairs
                    && !replaces
                    && let Resolved::Refused(found) =
                        resolve(finalizer, number, (planned, table), &of_table()).await?
                {
                    verify::refuse(report);
                    return Ok(Some(found));
                }
                Ok(compare(report, found).filter(|_| level == Level::Required))
            };
            let found: Option<Fault> = seat.meeting.while_summing(&shared, comparing).await?;
            seat.meeting.conclude(&shared, report.verdict == "verified").await.map_err(error)?;
            Ok(found.map(|mut found| {
                if !failed.is_empty() {
                    found.message.push_str(&format!(
                        "; it is not known what the failed import {} has written",
                        failed.join(" and the failed import ")
                    ));
                }
                found
            }))
        }
    }
}

fn sum_of(pairs: Pairs) -> RangeChecksum {
    RangeChecksum { crc64_xor: pairs.crc64, pairs: pairs.pairs, bytes: pairs.bytes }
}

fn pairs_of(sum: RangeChecksum) -> Pairs {
    Pairs { crc64: sum.crc64_xor, pairs: sum.pairs, bytes: sum.bytes }
}
