//! Compares with TiKV, rebases allocators, analyzes.

use futures::{StreamExt as _, TryStreamExt as _};
use th_cluster::RebaseTo;
use th_config::Level;
use th_connect::{LONG_STATEMENT, fault};
use th_errors::{Code, Fault};
use th_ledger::{Bases, PlannedTable, TableReport};
use th_schema::Table;
use tracing::Instrument as _;

use crate::Finalizer;
use crate::fold::TableTotal;

/// Checks every table; the reports are in the plan's order. Mismatches are faults if the checksum is
/// required, warnings if it is optional.
pub(crate) async fn tables(
    finalizer: &Finalizer<'_>,
    totals: &[TableTotal],
) -> Result<(Vec<TableReport>, Vec<Fault>), Fault> {
    let concurrency = usize::try_from(finalizer.config.tidb.checksum_table_concurrency).unwrap_or(2).max(1);
    let checked: Vec<(TableReport, Option<Fault>)> =
        futures::stream::iter(finalizer.plan.tables.iter().zip(totals))
            .map(|(table, total)| {
                let name = format!("{}.{}", table.db, table.name);
                let import_id = finalizer.plan.import_id.as_str();
                check(finalizer, table, total)
                    .instrument(tracing::info_span!("verify", %import_id, table = %name))
            })
            .buffered(concurrency)
            .try_collect()
            .await?;
    let (reports, faults): (Vec<_>, Vec<_>) = checked.into_iter().unzip();
    Ok((reports, faults.into_iter().flatten().collect()))
}

async fn check(
    finalizer: &Finalizer<'_>,
    planned: &PlannedTable,
    total: &TableTotal,
) -> Result<(TableReport, Option<Fault>), Fault> {
    let level = finalizer.config.post_restore.checksum;
    let mut report = TableReport {
        db: planned.db.clone(),
        name: planned.name.clone(),
        rows: total.rows,
        rejected: total.rejected,
        expected: total.expected,
        found: None,
        verdict: "not checked".to_owned(),
        seconds: 0.0,
        source_bytes: total.source_bytes,
    };
    let mut found_fault = None;
    if level != Level::Off {
        let table = table(planned)?;
        let found = th_connect::table_checksum(finalizer.cluster, &table).await?;
        report.found = Some(found);
        if found == total.expected {
            report.verdict = "verified".to_owned();
        } else {
            report.verdict = "mismatch".to_owned();
            let message = format!(
                "checksum mismatch: encoded {} pairs, {} bytes, crc64 {}; TiKV holds {} pairs, {} bytes, crc64 {}",
                total.expected.pairs,
                total.expected.bytes,
                total.expected.crc64,
                found.pairs,
                found.bytes,
                found.crc64
            );
            tracing::warn!(db = %planned.db, table = %planned.name, "{message}");
            if level == Level::Required {
                found_fault =
                    Some(Fault::new(Code::ChecksumMismatch, message).of_table(&planned.db, &planned.name));
            }
        }
    }
    if total.started_micros > 0 {
        report.seconds = (finalizer.env.now_micros() - total.started_micros) as f64 / 1e6;
    }
    tracing::info!(
        db = %report.db, table = %report.name, rows = report.rows, pairs = report.expected.pairs,
        crc64 = report.expected.crc64, verdict = %report.verdict, "table"
    );
    Ok((report, found_fault))
}

pub(crate) fn table(planned: &PlannedTable) -> Result<Table, Fault> {
    Table::from_json(planned.db.as_str(), planned.info.get().as_bytes())
        .map_err(|error| fault::of_schema(&error, &planned.db, &planned.name))
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
        let next = |base: u64| (base > 0).then(|| base.saturating_add(1));
        let to = RebaseTo {
            row_id: next(u64::try_from(total.bases.row_id).unwrap_or(0)),
            auto_increment: next(total.bases.auto_increment),
            auto_random: next(total.bases.auto_random),
        };
        let ids = tidb.rebase_ids(&planned.db, &planned.name, to).await.map_err(|error| of_table(&error))?;
        tracing::info!(db = %planned.db, table = %planned.name, ?ids, "allocators");
    }
    Ok(())
}

/// Fresh statistics, so that the first queries are planned well.
pub(crate) async fn analyze(finalizer: &Finalizer<'_>) -> Result<(), Fault> {
    let level = finalizer.config.post_restore.analyze;
    if level == Level::Off {
        return Ok(());
    }
    let tidb = finalizer.cluster.tidb().map_err(|error| fault::of_cluster(&error))?;
    for planned in &finalizer.plan.tables {
        match tidb.analyze(&planned.db, &planned.name, LONG_STATEMENT).await {
            Err(error) if level == Level::Required => {
                return Err(fault::of_cluster(&error).of_table(&planned.db, &planned.name));
            }
            Err(error) => tracing::warn!(db = %planned.db, table = %planned.name, %error, "cannot analyze"),
            Ok(()) => {}
        }
    }
    Ok(())
}
