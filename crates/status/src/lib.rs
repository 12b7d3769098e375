//! How far an import is and whether a process is well: for people, for programs, for Prometheus.
//!
//! ```text
//! ledger ─▶ Watcher ─▶ summary (pure) ─▶ ImportStatus ─┬▶ text      `thunderhead status`
//!                                                     ├▶ page      the status page, /api/status
//! counters of this process ───────────────────────────┴▶ metrics   /metrics, /health
//! ```
//! The import's state comes from its ledger alone, so any process says the same about it, and a process
//! that dies takes nothing along. What only a process can know (its own work, whether it hangs) are its
//! counters and its [`Health`]. Nothing here decides anything.

mod health;
pub mod metrics;
mod rate;
mod site;
mod summary;
pub mod text;
mod watcher;

pub use health::Health;
pub use site::{Server, Site};
pub use summary::{Facts, ImportStatus, JobStatus, State, TableStatus, WorkerStatus, summarize};
pub use watcher::Watcher;
