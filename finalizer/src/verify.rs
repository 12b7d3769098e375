//! Compares with TiKV, rebases allocators.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use th_cluster::RebaseTo;
use th_config::{Config, Level};
use th_connect::{LONG_STATEMENT, fault};
use th_errors::{Code, Fault};
use th_ledger::{Bases, ConflictStrategy, JobResult, Pairs, PlannedTable, Resolution, Results, TableReport};
use th_schema::Table;
use tracing::Instrument as _;

use crate::Finalizer;
use crate::fold::TableTotal;
use crate::locate;
use crate::resolve::{Resolved, resolve};
use crate::sharing::{self, Seat};

/// The verdict of a table whose rows have equal keys and may not.
pub(crate) const CONFLICTS: &str = "conflicts";

/// Checks every table, and removes rows with equal keys where they go; the reports are in the plan's order.
/// Mismatches are faults if the checksum is required, warnings if it is optional.
pub(crate) async fn tables(
    finalizer: &Finalizer<'_>,
    seat: Option<&Seat>,
    totals: &[TableTotal],
    results: &Results,
) -> Result<(Vec<TableReport>, Vec<Fault>), Fault> {
    let checked: Vec<(TableReport, Option<Fault>)> =
        futures::stream::iter((0u32..).zip(&finalizer.plan.tables).zip(totals))
            .map(|((number, table), total)| {
                let name = format!("{}.{}", table.db, table.name);
                let import_id = finalizer.plan.import_id.as_str();
                check(finalizer, seat, number, table, total, results)
                    .instrument(tracing::info_span!("verify", %import_id, table = %name))
            })
            .buffered(tables_at_once(finalizer.config))
            .try_collect()
            .await?;
    let (reports, faults): (Vec<_>, Vec<_>) = checked.into_iter().unzip();
    Ok((reports, faults.into_iter().flatten().collect()))
}

/// Tables that are checked side by side.
pub(crate) fn tables_at_once(config: &Config) -> usize {
    usize::try_from(config.tidb.checksum_table_concurrency).unwrap_or(2).max(1)
}

async fn check(
    finalizer: &Finalizer<'_>,
    seat: Option<&Seat>,
    number: u32,
    planned: &PlannedTable,
    total: &TableTotal,
    results: &Results,
) -> Result<(TableReport, Option<Fault>), Fault> {
    let table = Arc::new(table(planned)?);
    let mut report = TableReport {
        db: planned.db.clone(),
        name: planned.name.clone(),
        rows: total.rows,
        rejected: total.rejected,
        replaced: 0,
        expected: total.expected,
        found: None,
        verdict: "not checked".to_owned(),
        peers: Vec::new(),
        differences: Vec::new(),
        seconds: 0.0,
        source_bytes: total.source_bytes,
    };
    let found_fault = match seat {
        Some(seat) => {
            sharing::check(finalizer, seat, (number, planned, &table), (total, results), &mut report).await?
        }
        None => check_alone(finalizer, (number, planned, &table), (total, results), &mut report).await?,
    };
    if total.started_micros > 0 {
        report.seconds = (finalizer.env.now_micros() - total.started_micros) as f64 / 1e6;
    }
    tracing::info!(
        db = %report.db, table = %report.name, rows = report.rows, pairs = report.expected.pairs,
        crc64 = report.expected.crc64, verdict = %report.verdict, "table"
    );
    Ok((report, found_fault))
}

/// Compares a table that nobody else writes to.
async fn check_alone(
    finalizer: &Finalizer<'_>,
    (number, planned, table): (u32, &PlannedTable, &Arc<Table>),
    (total, results): (&TableTotal, &Results),
    report: &mut TableReport,
) -> Result<Option<Fault>, Fault> {
    let level = finalizer.config.post_restore.checksum;
    let checksum = async || match level {
        Level::Off => Ok(None),
        _ => sum(finalizer, planned, table).await.map(Some),
    };
    report.found = checksum().await?;
    let mut found_fault = None;
    if may_conflict(finalizer, planned, total, report.found) {
        let of_table: Vec<JobResult> = results.of(planned.jobs.clone()).cloned().collect();
        match resolve(finalizer, number, (planned, table), &of_table).await? {
            Resolved::Nothing => {}
            Resolved::Removed(resolution) => {
                remove(report, &resolution);
                report.found = checksum().await?;
            }
            Resolved::Refused(fault) => {
                refuse(report);
                found_fault = Some(fault);
            }
        }
    }
    if let Some(found) = report.found
        && found_fault.is_none()
    {
        found_fault = compare(report, found);
        if let Some(fault) = &mut found_fault
            && total.conflicts == 0
            && report.replaced == 0
        {
            // Where rows gave way to others, jobs are not all there any more.
            report.differences = locate::differences(finalizer, planned, table).await;
            fault.message.push_str(&locate::in_words(&report.differences));
            tracing::warn!(differences = ?report.differences, "where the table differs");
        }
        found_fault = found_fault.filter(|_| level == Level::Required);
    }
    Ok(found_fault)
}

/// Takes the rows that gave way to others out of what the table must hold.
pub(crate) fn remove(report: &mut TableReport, resolution: &Resolution) {
    report.rows = report.rows.saturating_sub(resolution.removed_rows);
    report.replaced = resolution.removed_rows;
    report.expected.remove(resolution.removed);
}

/// The table has rows with equal keys that it must not have.
pub(crate) fn refuse(report: &mut TableReport) {
    CONFLICTS.clone_into(&mut report.verdict);
}

/// What TiKV holds of a table: by TiKV's coprocessor, or with `post-restore.checksum-via-sql` by TiDB. A finalizer before
/// this one may have added indexes that are none of the plan's.
pub(crate) async fn sum(
    finalizer: &Finalizer<'_>,
    planned: &PlannedTable,
    table: &Table,
) -> Result<Pairs, Fault> {
    if planned.gets_indexes {
        return th_connect::definition_checksum(finalizer.cluster, table).await;
    }
    if !finalizer.config.post_restore.checksum_via_sql {
        return th_connect::table_checksum(finalizer.cluster, table).await;
    }
    let (db, name) = (table.db.as_str(), table.info.name.original.as_str());
    let asking = async { finalizer.cluster.tidb()?.admin_checksum(db, name, LONG_STATEMENT).await };
    let found = asking.await.map_err(|error| fault::of_cluster(&error).of_table(db, name))?;
    Ok(Pairs { crc64: found.crc64_xor, pairs: found.pairs, bytes: found.bytes })
}

/// Whether rows may have equal keys: a job has met some, or TiKV holds fewer pairs than were encoded. Without a
/// checksum it is looked for where rows are to be replaced.
fn may_conflict(
    finalizer: &Finalizer<'_>,
    planned: &PlannedTable,
    total: &TableTotal,
    found: Option<Pairs>,
) -> bool {
    total.conflicts > 0
        || match found {
            Some(found) => found.pairs < total.expected.pairs,
            None => {
                let replace = finalizer.plan.conflict.strategy == ConflictStrategy::Replace;
                replace && (planned.jobs.len() > 1 || planned.before.pairs > 0)
            }
        }
}

/// Sets the verdict; a mismatch is a fault.
pub(crate) fn compare(report: &mut TableReport, found: Pairs) -> Option<Fault> {
    let expected = report.expected;
    if found == expected {
        report.verdict = "verified".to_owned();
        return None;
    }
    report.verdict = "mismatch".to_owned();
    let message = format!(
        "checksum mismatch: encoded {} pairs, {} bytes, crc64 {}; TiKV holds {} pairs, {} bytes, crc64 {}",
        expected.pairs, expected.bytes, expected.crc64, found.pairs, found.bytes, found.crc64
    );
    tracing::warn!(db = %report.db, table = %report.name, "{message}");
    Some(Fault::new(Code::ChecksumMismatch, message).of_table(&report.db, &report.name))
}

pub(crate) fn table(planned: &PlannedTable) -> Result<Table, Fault> {
    Table::from_json(planned.db.as_str(), planned.info.get().as_bytes())
        .map_err(|error| fault::of_schema(&error, &planned.db, &planned.name))
}

/// The ids that allocators must reach: beyond the largest ones used, as far as a column has ids beyond them.
fn rebase_to(table: &Table, bases: &Bases) -> RebaseTo {
    const SIGNED: u64 = i64::MAX as u64;
    let next = |base: u64, most: u64| (base > 0).then(|| base.saturating_add(1).min(most));
    let is_unsigned = table.auto_increment_column().is_some_and(|column| column.field_type.is_unsigned());
    RebaseTo {
        row_id: next(u64::try_from(bases.row_id).unwrap_or(0), SIGNED),
        auto_increment: next(bases.auto_increment, if is_unsigned { u64::MAX } else { SIGNED }),
        auto_random: next(bases.auto_random, table.info.auto_random_limit().unwrap_or(SIGNED)),
    }
}

/// Moves the target's allocators beyond every id that was used, and reads them back.
pub(crate) async fn rebase(finalizer: &Finalizer<'_>, totals: &[TableTotal]) -> Result<(), Fault> {
    let tidb = finalizer.cluster.tidb().map_err(|error| fault::of_cluster(&error))?;
    for (planned, total) in finalizer.plan.tables.iter().zip(totals) {
        let of_table =
            |error: &th_cluster::ClusterError| fault::of_cluster(error).of_table(&planned.db, &planned.name);
        if total.bases == Bases::default() {
            continue;
        }
        let to = rebase_to(&table(planned)?, &total.bases);
        let ids = tidb.rebase_ids(&planned.db, &planned.name, to).await.map_err(|error| of_table(&error))?;
        tracing::info!(db = %planned.db, table = %planned.name, ?ids, "allocators");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use th_schema::{DdlOptions, parse_create_table};

    use super::*;

    fn of(text: &str, bases: Bases) -> RebaseTo {
        let info = parse_create_table(text, &DdlOptions::default()).expect("a table");
        rebase_to(&Table::new("d", info).expect("a table"), &bases)
    }

    #[test]
    fn allocators_stop_at_the_last_id_that_there_is() {
        let bases = Bases { row_id: i64::MAX, auto_increment: i64::MAX as u64, auto_random: 0 };
        let signed = of("CREATE TABLE t (id BIGINT AUTO_INCREMENT PRIMARY KEY)", bases);
        let last = Some(i64::MAX as u64);
        assert_eq!((signed.row_id, signed.auto_increment, signed.auto_random), (last, last, None));
        let unsigned = of("CREATE TABLE t (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY)", bases);
        assert_eq!(unsigned.auto_increment, Some(1 << 63));
        let random = "CREATE TABLE t (id BIGINT AUTO_RANDOM(5) PRIMARY KEY)";
        let limit = (1 << 58) - 1;
        for (used, next) in [(7, 8), (limit - 1, limit), (limit, limit)] {
            let bases = Bases { auto_random: used, ..Bases::default() };
            assert_eq!(of(random, bases).auto_random, Some(next));
        }
    }
}
