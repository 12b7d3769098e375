//! The ledger: what passes between planner, workers and finalizer, and the folder on object storage
//! that holds it.
//!
//! ```text
//! {ledger}/{import_id}/
//!     deferred.json           indexes and TiFlash replicas that tables get again when they have their rows (planner, first)
//!     plan.json               everything that is decided once            (planner, last of its objects)
//!     jobs/<attempt>/00000042.json   one unit of work; the plan names the attempt (planner)
//!     cuts/<attempt>/000007.json     a file that was cut by looking       (planner)
//!     cuts/<attempt>/000007/<start>-<end>   where the next piece really begins (worker)
//!     results/00000042.json   what a job did, and its sums by index      (whichever worker is first)
//!     folded/00000042.json    results of a thousand jobs, once they are all there (worker or finalizer)
//!     failures/00000042.json  why a job cannot succeed                   (worker)
//!     conflicts/00000042.json pairs of rows with equal keys, of a failed job (worker)
//!     conflicts/00000042.keys keys that several rows of a job have; more of them in 00000042-00001.keys … (worker)
//!     conflicts/table-0003-00000.json   pairs of rows with equal keys    (finalizer)
//!     conflicts/entries-0003.json   the first of a table's entries in conflict, for the target (finalizer)
//!     resolved/0003.json      what was removed from a table because of them (finalizer)
//!     rejects/00000042.json   rows left out, with place and reason       (worker)
//!     rejects/00000042-duplicates.json   rows left out by SQL because their key was there (worker)
//!     verdict.json            the outcome, fenced                        (one finalizer)
//!     COMPLETE.json | FAILED.json   the outcome, for everybody else      (finalizer)
//!     workers/<name>.json     what a worker is at: written over and over (that worker)
//! ```
//! Every object but the last is written once, by conditional put; a second writer reads the first one's
//! and agrees with it; none is taken away but by an operator's word (`thunderhead ctl`, `keep-after-success`).
//! There is no other database: progress, status, resume and audit all read these objects. Workers' reports are for people and for patience: no outcome depends on them.

mod care;
mod deferred;
mod layout;
mod model;
mod parts;
mod results;
mod store;
mod worker;

pub use care::imports;
pub use deferred::{Deferred, DeferredIndex, DeferredTable, TiflashReplicas};
pub use layout::{JobId, Layout};
pub use model::{
    Backend, Bases, Chunk, Complete, Conflict, ConflictPolicy, ConflictStrategy, CutFile, FORMAT, Failed,
    Job, JobFailure, JobResult, Outcome, Pairs, Plan, PlannedColumn, PlannedTable, Reject, Resolution,
    Session, Shared, SharedEntry, SqlPlan, TableReport, Target, Usage, Verdict,
};
pub use parts::{Difference, IndexPairs, JobParts, KeyRange, Origin};
pub use results::{Finished, Results};
pub use store::{Ledger, LedgerError, Put};
pub use worker::{JobInHand, REPORT_EVERY, SILENT_AFTER, Stage, WorkerReport, WorkerState};
