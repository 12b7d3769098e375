//! A worker's look at the source before it takes jobs.

use th_connect::fault;
use th_dump::{ReadError, Store};
use th_errors::Fault;
use th_ledger::{JobId, Ledger, Plan};

/// Reads a byte of the plan's first object. A worker that has another endpoint, region or credentials than the planner had
/// ends here, with the reason; each job that it took would be lost a reception.
///
/// # Errors
/// The source cannot be read. An object that is gone or changed is none of the worker's faults: its job says so.
pub(crate) async fn source(plan: &Plan, ledger: &Ledger, source: &Store) -> Result<(), Fault> {
    if plan.jobs == 0 {
        return Ok(());
    }
    let job = ledger.job(plan, JobId(0)).await.map_err(|error| fault::of_ledger(&error))?;
    let Some(file) = job.chunks.iter().map(|chunk| &chunk.file).find(|file| file.size > 0) else {
        return Ok(());
    };
    match th_dump::read_one_byte(source, file).await {
        Ok(()) | Err(ReadError::Missing { .. } | ReadError::Changed { .. }) => Ok(()),
        Err(error) => Err(fault::of_read(&error)),
    }
}
