//! `-checkpoint-dump`: the ledger as the three tables of Lightning's checkpoints.
//!
//! A job stands for an engine. Columns that Lightning has and that mean nothing here are left out.

use std::collections::HashMap;
use std::path::Path;

use futures::{StreamExt as _, TryStreamExt as _};
use th_config::Config;
use th_connect::fault;
use th_errors::{Code, Fault};
use th_ledger::{Job, JobId, JobResult, Outcome, Plan, PlannedTable, Verdict};

use super::checkpoint::{self, Found};

/// Lightning's numbers of states: made out, written to TiKV, all done. A failed one is a tenth of the last it reached.
const LOADED: u32 = 30;
const IMPORTED: u32 = 120;
const ANALYZED: u32 = 210;
/// Jobs that are read side by side.
const CONCURRENCY: usize = 32;

const TABLES: &str = "task_id,table_name,status,source_bytes,jobs,finished_jobs,create_time";
const ENGINES: &str = "task_id,table_name,engine_id,status,update_time,worker";
const CHUNKS: &str = "task_id,table_name,engine_id,path,offset,type,compression,sort_key,file_size,columns,pos,end_offset,\
                      prev_rowid_max,rowid_max,create_time";

/// Writes `tables.csv`, `engines.csv` and `chunks.csv` into a folder, which is made if it does not exist.
pub(super) async fn dump(config: &Config, import_id: Option<&str>, folder: &Path) -> Result<(), Fault> {
    let mut files = [TABLES, ENGINES, CHUNKS].map(|head| format!("{head}\n"));
    for import in checkpoint::find(config, import_id).await? {
        let Some(plan) = &import.plan else { continue };
        of_import(&import, plan, &mut files).await?;
    }
    let failed = |error: std::io::Error| {
        Fault::new(Code::BadConfig, format!("cannot write to {}: {error}", folder.display()))
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    for (name, text) in ["tables.csv", "engines.csv", "chunks.csv"].iter().zip(&files) {
        std::fs::write(folder.join(name), text).map_err(failed)?;
        println!("{}", folder.join(name).display());
    }
    Ok(())
}

async fn of_import(import: &Found, plan: &Plan, files: &mut [String; 3]) -> Result<(), Fault> {
    let of_ledger = |error: th_ledger::LedgerError| fault::of_ledger(&error);
    let ledger = &import.ledger;
    let finished = ledger.finished_jobs().await.map_err(of_ledger)?;
    let failed = ledger.failed_jobs().await.map_err(of_ledger)?;
    let results: HashMap<JobId, JobResult> = ledger
        .results(&finished)
        .await
        .map_err(of_ledger)?
        .into_iter()
        .map(|result| (result.job, result))
        .collect();
    let is_complete = matches!(&import.verdict, Some(Verdict { outcome: Outcome::Complete(_), .. }));
    let [tables, engines, chunks] = files;
    for table in &plan.tables {
        let done = table.jobs.clone().filter(|job| results.contains_key(&JobId(*job))).count();
        let all_done = done == table.jobs.len();
        let reached = if is_complete {
            ANALYZED
        } else if all_done {
            IMPORTED
        } else {
            LOADED
        };
        let has_failed = !is_complete
            && (table.jobs.clone().any(|job| failed.contains(&JobId(job))) || import.verdict.is_some());
        let status = if has_failed { reached / 10 } else { reached };
        row(
            tables,
            &[
                &import.id,
                &named(table),
                &status.to_string(),
                &table.source_bytes.to_string(),
                &table.jobs.len().to_string(),
                &done.to_string(),
                &plan.created_micros.to_string(),
            ],
        );
        for number in table.jobs.clone() {
            let result = results.get(&JobId(number));
            let status = match (result, failed.contains(&JobId(number))) {
                (Some(_), _) => IMPORTED,
                (None, true) => LOADED / 10,
                (None, false) => LOADED,
            };
            let when = result.map_or_else(String::new, |result| result.finished_micros.to_string());
            let worker = result.map_or("", |result| result.worker.as_str());
            row(
                engines,
                &[&import.id, &named(table), &number.to_string(), &status.to_string(), &when, worker],
            );
        }
    }
    // The jobs in order, though they are read side by side. A ledger that was thinned out has none.
    let mut jobs = futures::stream::iter(0..plan.jobs)
        .map(|job| async move { ledger.job(plan, JobId(job)).await })
        .buffered(CONCURRENCY);
    loop {
        match jobs.try_next().await {
            Ok(Some(job)) => chunk_rows(import, plan, &job, results.contains_key(&job.job), chunks),
            Ok(None) => return Ok(()),
            Err(th_ledger::LedgerError::Missing { .. }) if is_complete => return Ok(()),
            Err(error) => return Err(of_ledger(error)),
        }
    }
}

fn chunk_rows(import: &Found, plan: &Plan, job: &Job, is_done: bool, out: &mut String) {
    let Some(table) = plan.tables.get(job.table as usize) else { return };
    for chunk in &job.chunks {
        let range = chunk.range.clone().unwrap_or(0..chunk.file.size);
        let columns = chunk.columns.as_ref().map_or_else(String::new, |columns| columns.join(","));
        row(
            out,
            &[
                &import.id,
                &named(table),
                &job.job.0.to_string(),
                &chunk.file.path,
                &range.start.to_string(),
                &format!("{:?}", chunk.file.format).to_lowercase(),
                chunk.file.compression.name(),
                &chunk.file.sort_key,
                &chunk.file.size.to_string(),
                &columns,
                &if is_done { range.end } else { range.start }.to_string(),
                &range.end.to_string(),
                &chunk.row_id_base.to_string(),
                &(chunk.row_id_base + chunk.row_id_count).to_string(),
                &plan.created_micros.to_string(),
            ],
        );
    }
}

fn named(table: &PlannedTable) -> String {
    th_cluster::quote_table(&table.db, &table.name)
}

/// A CSV record; fields are quoted where they must be.
fn row(out: &mut String, fields: &[&str]) {
    for (number, field) in fields.iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        if field.contains([',', '"', '\n', '\r']) {
            out.push('"');
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(field);
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    #[test]
    fn fields_with_separators_are_quoted() {
        let mut out = String::new();
        super::row(&mut out, &["a", "b,c", "say \"x\""]);
        assert_eq!(out, "a,\"b,c\",\"say \"\"x\"\"\"\n");
    }
}
