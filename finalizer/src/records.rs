//! What was left out of the target, in the tables where TiDB Lightning leaves it: `type_error_v2`,
//! `conflict_records_v2` and the view `conflict_view` of `lightning.task-info-schema-name`.
//!
//! The ledger has the same, whole; so a target that does not take it is only warned about. Rows of an earlier
//! attempt of the same import are replaced.

use std::fmt::Write as _;

use th_cluster::{ClusterError, Tidb, quote_name, quote_table};
use th_connect::{LONG_STATEMENT, fault};
use th_errors::Fault;
use th_ledger::{Conflict, Reject, Results, TableReport};

use crate::{Finalizer, verify};

/// Most rows written to each table: what is more is for the ledger alone.
const MOST: usize = 10_000;
/// Rows of one statement.
const BATCH: usize = 200;
const TYPE_ERRORS: &str = "type_error_v2";
const CONFLICTS: &str = "conflict_records_v2";

/// A row that was left out.
struct Record {
    table: String,
    path: String,
    offset: u64,
    error: String,
    row: String,
}

/// Writes what the import has left out, if anything: by its results and reports, and the conflicts of failed jobs.
pub(crate) async fn write(finalizer: &Finalizer<'_>, results: Option<&Results>, reports: &[TableReport]) {
    let schema = &finalizer.config.lightning.task_info_schema_name;
    if schema.is_empty() {
        return;
    }
    let written = async {
        let errors = rejected(finalizer, results).await?;
        let conflicts = conflicting(finalizer, reports).await?;
        if errors.is_empty() && conflicts.is_empty() {
            return Ok(());
        }
        let to_target = async {
            let tidb = finalizer.cluster.tidb()?;
            let task = finalizer.plan.created_micros.saturating_mul(1000);
            tidb.execute(&format!("CREATE DATABASE IF NOT EXISTS {}", quote_name(schema))).await?;
            fill(tidb, schema, TYPE_ERRORS, task, &errors).await?;
            fill(tidb, schema, CONFLICTS, task, &conflicts).await
        };
        to_target.await.map_err(|error| fault::of_cluster(&error))
    };
    if let Err(found) = written.await {
        tracing::warn!(%schema, problem = %found.message, "rows that were left out are in the ledger only");
    }
}

/// Rows whose values do not fit.
async fn rejected(finalizer: &Finalizer<'_>, results: Option<&Results>) -> Result<Vec<Record>, Fault> {
    let mut records = Vec::new();
    let with_rejects = results
        .into_iter()
        .flat_map(|results| results.by_job().values())
        .filter(|result| result.rejected > 0);
    for result in with_rejects {
        let rejects = finalizer.ledger.rejects(result.job).await.map_err(|error| fault::of_ledger(&error))?;
        let table = name_of(finalizer, result.table);
        let record = |Reject { place, reason, row, end }| Record {
            table: table.clone(),
            path: path_of(finalizer, &place),
            offset: end,
            error: format!("{place}: {reason}"),
            row,
        };
        records.extend(rejects.into_iter().map(record));
        if records.len() >= MOST {
            records.truncate(MOST);
            break;
        }
    }
    Ok(records)
}

/// Rows that gave way to others with equal keys, or would have.
async fn conflicting(finalizer: &Finalizer<'_>, reports: &[TableReport]) -> Result<Vec<Record>, Fault> {
    let ledger = finalizer.ledger;
    let of_ledger = |error: th_ledger::LedgerError| fault::of_ledger(&error);
    let mut records = Vec::new();
    // Reports are in the plan's order. A table without conflicts costs no request.
    let conflicts = |report: &TableReport| report.replaced > 0 || report.verdict == verify::CONFLICTS;
    for (number, _) in (0u32..).zip(reports).filter(|(_, report)| conflicts(report)) {
        for part in 0.. {
            let Some(found) = ledger.table_conflicts(number, part).await.map_err(of_ledger)? else { break };
            records.extend(found.into_iter().map(|found| of_conflict(finalizer, number, found)));
            if records.len() >= MOST {
                records.truncate(MOST);
                return Ok(records);
            }
        }
    }
    for job in ledger.failed_jobs().await.map_err(of_ledger)? {
        let table = ledger.job(finalizer.plan, job).await.map_err(of_ledger)?.table;
        let found = ledger.conflicts(job).await.map_err(of_ledger)?;
        records.extend(found.into_iter().map(|found| of_conflict(finalizer, table, found)));
    }
    records.truncate(MOST);
    Ok(records)
}

fn of_conflict(finalizer: &Finalizer<'_>, table: u32, found: Conflict) -> Record {
    let Conflict { index, key, first, first_offset: _, second, second_offset } = found;
    Record {
        table: name_of(finalizer, table),
        path: path_of(finalizer, &second),
        offset: second_offset,
        error: format!("{second}: the same key of index {index} as the row at {first}: {key}"),
        row: String::new(),
    }
}

fn name_of(finalizer: &Finalizer<'_>, table: u32) -> String {
    finalizer
        .plan
        .tables
        .get(table as usize)
        .map_or_else(String::new, |planned| quote_table(&planned.db, &planned.name))
}

/// The file of a place, below the source as in TiDB Lightning: without line and column, or offset.
fn path_of(finalizer: &Finalizer<'_>, place: &str) -> String {
    let below = place.strip_prefix(finalizer.plan.source.trim_end_matches('/')).unwrap_or(place);
    let mut path = below.trim_start_matches('/');
    for _ in 0..2 {
        match path.rsplit_once([':', '@']) {
            Some((rest, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => path = rest,
            _ => break,
        }
    }
    path.to_owned()
}

/// The statements that make a table, and for conflicts the view.
fn definitions(schema: &str, table: &str) -> Vec<String> {
    let to = quote_table(schema, table);
    let head = format!(
        "CREATE TABLE IF NOT EXISTS {to} (id BIGINT PRIMARY KEY AUTO_INCREMENT, task_id BIGINT NOT NULL, \
         create_time DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), table_name VARCHAR(261) NOT NULL, \
         path VARCHAR(2048) NOT NULL, offset BIGINT NOT NULL, error TEXT NOT NULL,"
    );
    if table == TYPE_ERRORS {
        return vec![format!("{head} row_data TEXT NOT NULL)")];
    }
    vec![
        format!("{head} row_id BIGINT NOT NULL, row_data TEXT NOT NULL, KEY (task_id, table_name))"),
        format!(
            "CREATE OR REPLACE VIEW {} AS SELECT 1 AS is_precheck_conflict, task_id, create_time, table_name, \
             NULL AS index_name, NULL AS key_data, row_data, NULL AS raw_key, NULL AS raw_value, NULL AS raw_handle, \
             NULL AS raw_row, NULL AS kv_type, path, offset, error, row_id FROM {to}",
            quote_table(schema, "conflict_view")
        ),
    ]
}

async fn fill(
    tidb: &Tidb,
    schema: &str,
    table: &str,
    task: i64,
    records: &[Record],
) -> Result<(), ClusterError> {
    if records.is_empty() {
        return Ok(());
    }
    tidb.execute_all(&definitions(schema, table), LONG_STATEMENT).await?;
    let to = quote_table(schema, table);
    tidb.execute(&format!("DELETE FROM {to} WHERE task_id = {task}")).await?;
    let (more, more_values) = if table == CONFLICTS { (", row_id", ", 0") } else { ("", "") };
    for batch in records.chunks(BATCH) {
        let mut sql =
            format!("INSERT INTO {to} (task_id, table_name, path, offset, error, row_data{more}) VALUES ");
        for (number, record) in batch.iter().enumerate() {
            let Record { table, path, offset, error, row } = record;
            let separator = if number == 0 { "" } else { ", " };
            let [table, path, error, row] = [table, path, error, row].map(|text| literal(text));
            let _ = write!(
                sql,
                "{separator}({task}, {table}, {path}, {}, {error}, {row}{more_values})",
                i64::try_from(*offset).unwrap_or(i64::MAX)
            );
        }
        tidb.execute_within(&sql, LONG_STATEMENT).await?;
    }
    Ok(())
}

/// A text in hexadecimal: right in every SQL mode.
fn literal(text: &str) -> String {
    let mut out = String::from("x'");
    for byte in text.bytes() {
        let _ = write!(out, "{byte:02x}");
    }
    out.push('\'');
    out
}
