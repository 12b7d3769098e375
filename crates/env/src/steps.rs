//! Steps of an import at which a test ends the process, as a machine that vanishes would end it.
//!
//! In a development build, [`Step::reached`] aborts the process if `THUNDERHEAD_CRASH_AT` names the step: `label`, or
//! `label:n` for the n-th time it is reached (from 1). No handler runs and nothing is given back. A build without debug
//! assertions, as it is shipped, has nothing of this. [`Step::ALL`] is the one list of labels: a test ends a process at
//! each of them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The variable that names a step.
pub const CRASH_AT: &str = "THUNDERHEAD_CRASH_AT";

/// Which imports reach a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// Every one.
    Always,
    /// Those that ingest, of tables of several regions.
    Ingesting,
    /// Those that ingest and replace rows with equal keys.
    Replacing,
    /// Those of tables that get indexes when they have their rows.
    Deferring,
    /// Those by SQL.
    BySql,
}

macro_rules! steps {
    ($($(#[doc = $doc:literal])+ $step:ident = $label:literal $reached:ident,)+) => {
        /// A step, named by what has just been done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Step {
            $($(#[doc = $doc])+ $step,)+
        }

        impl Step {
            /// All steps, in the order of an import.
            pub const ALL: &[Step] = &[$(Step::$step),+];

            /// `service.what`.
            pub fn label(self) -> &'static str {
                match self { $(Step::$step => $label),+ }
            }

            /// Which imports reach it.
            pub fn reached_by(self) -> Reached {
                match self { $(Step::$step => Reached::$reached),+ }
            }
        }
    };
}

steps! {
    /// The dump is listed; the target is untouched.
    Listed = "plan.listed" Always,
    /// Databases and tables are made.
    SchemasMade = "plan.schemas-made" Always,
    /// The ledger says what tables had; nothing is taken away.
    DefinitionsNoted = "plan.definitions-noted" Deferring,
    /// Tables have no more of it; there is no plan.
    DefinitionsReduced = "plan.definitions-reduced" Deferring,
    /// Every job has its commit timestamp.
    TimestampsGiven = "plan.timestamps-given" Ingesting,
    /// Garbage collection is held off until workers begin.
    VersionsHeld = "plan.versions-held" Replacing,
    /// The books are open in the target, for a plan that does not count yet.
    BooksOpened = "plan.books-opened" BySql,
    /// A job is in the ledger, others are not.
    JobWritten = "plan.job-written" Always,
    /// All jobs are in the ledger, the plan is not.
    JobsWritten = "plan.jobs-written" Always,
    /// The plan is in the ledger.
    PlanWritten = "plan.plan-written" Always,
    /// Views are made; nothing is enqueued.
    ViewsMade = "plan.views-made" Always,
    /// All jobs are enqueued.
    Enqueued = "plan.enqueued" Always,
    /// The worker has taken import mode and the pause of scheduling.
    Leased = "work.leased" Always,
    /// A job's message is received.
    JobTaken = "work.job-taken" Always,
    /// A job's rows are encoded and sorted.
    Encoded = "work.encoded" Ingesting,
    /// Regions are cut and spread.
    RegionsSplit = "work.regions-split" Ingesting,
    /// A piece of a job is in TiKV.
    PieceIngested = "work.piece-ingested" Ingesting,
    /// All pieces are in TiKV.
    JobIngested = "work.job-ingested" Ingesting,
    /// Rows of a transaction are sent, which is not committed.
    RowsSent = "work.rows-sent" BySql,
    /// A transaction is committed.
    RowsCommitted = "work.rows-committed" BySql,
    /// A job's result is in the ledger, its message is not acknowledged.
    ResultWritten = "work.result-written" Always,
    /// The message is acknowledged.
    JobAcknowledged = "work.job-acknowledged" Always,
    /// The finalizer knows that every job has its result.
    JobsFinished = "finalize.jobs-finished" Always,
    /// The jobs' results are added up.
    ResultsFolded = "finalize.results-folded" Always,
    /// Rows that lost against others are deleted, which the ledger does not say yet.
    LosersDeleted = "finalize.losers-deleted" Replacing,
    /// The ledger says what was deleted.
    LosersNoted = "finalize.losers-noted" Replacing,
    /// Every table is compared with what TiKV holds.
    TablesVerified = "finalize.tables-verified" Ingesting,
    /// Allocators are beyond every id.
    IdsRebased = "finalize.ids-rebased" Ingesting,
    /// Tables have their indexes again.
    IndexesAdded = "finalize.indexes-added" Deferring,
    /// Statistics are fresh.
    TablesAnalyzed = "finalize.tables-analyzed" Ingesting,
    /// The cluster has its normal mode back.
    ModeRestored = "finalize.mode-restored" Ingesting,
    /// Tables have their replicas in TiFlash again.
    ReplicasSet = "finalize.replicas-set" Deferring,
    /// The outcome is decided, its marker is missing.
    VerdictWritten = "finalize.verdict-written" Always,
    /// `COMPLETE.json` or `FAILED.json` is there.
    Marked = "finalize.marked" Always,
    /// The books are gone from the target.
    BooksClosed = "finalize.books-closed" BySql,
}

/// The step at which this process ends, and how often it may still be reached.
struct CrashAt {
    label: String,
    left: AtomicU32,
}

static CRASH: OnceLock<Option<CrashAt>> = OnceLock::new();

impl Step {
    /// Ends the process here if it was asked for.
    #[inline]
    pub fn reached(self) {
        if cfg!(debug_assertions)
            && let Some(crash) =
                CRASH.get_or_init(|| std::env::var(CRASH_AT).ok().and_then(|text| parse(&text)))
            && crash.label == self.label()
            && crash.left.fetch_sub(1, Ordering::Relaxed) == 1
        {
            eprintln!("{CRASH_AT}: {}", crash.label);
            std::process::abort();
        }
    }
}

fn parse(text: &str) -> Option<CrashAt> {
    let (label, times) = text.split_once(':').unwrap_or((text, "1"));
    Some(CrashAt { label: label.to_owned(), left: AtomicU32::new(times.parse().ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_a_label_of_its_own() {
        let mut labels: Vec<&str> = Step::ALL.iter().map(|step| step.label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), Step::ALL.len());
    }

    #[test]
    fn a_step_may_be_asked_for_at_its_nth_time() {
        let of = |text| parse(text).map(|crash| (crash.label, crash.left.into_inner()));
        assert_eq!(of("plan.listed"), Some(("plan.listed".to_owned(), 1)));
        assert_eq!(of("work.job-taken:3"), Some(("work.job-taken".to_owned(), 3)));
        assert_eq!(of("work.job-taken:x"), None);
    }
}
