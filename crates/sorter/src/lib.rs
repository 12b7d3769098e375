//! External sort of key-value pairs under a memory budget.
//!
//! ```text
//! push ──▶ arena (memory budget) ──full──▶ sorted run on disk ─┐
//!             └───────────── last arena, sorted ──────────────┴─▶ Merge ──▶ pairs in key order
//! ```
//! Pairs are appended to one arena; a full arena is sorted and written as a run, a sorted string table
//! of compressed, checksummed blocks (see [`run`]). [`Sorted`]s of several threads are merged once.
//! Every pair carries a `tag` of the caller (here: the source row's place), so that two pairs with the
//! same key can be reported with both their sources; among equal keys, the smaller tag comes first.
//!
//! The format of a run is private to one process: runs never outlive the job that wrote them.
//!
//! # Why lanes
//! TiDB's keys start with 11 bytes (rows) or 19 bytes (indexes) that are equal for all entries of one
//! table or index. Sorting compares eight bytes at a time, so each such group is a *lane* with its own
//! comparison window behind the bytes its keys share.

mod arena;
mod error;
mod merge;
mod run;
mod sorter;

pub use error::SortError;
pub use merge::{Duplicate, Merge, merge};
pub use sorter::{Extent, SortOptions, Sorted, Sorter};

/// Checks blocks on reading back; exposed so that a corrupt run can be provoked in tests.
#[doc(hidden)]
pub use run::RunWriter;
