//! What is checked before an import: from measured facts to a line of one table, by pure functions.
//!
//! Measuring (the planner's part) and deciding (here) are apart, so every threshold has a test without a cluster.
//! A line says what was found, what is wanted and what to do. Rules:
//!
//! - `fail` stops the import and is for what would end it anyway, or spoil what is in the target; `warn` does not.
//!   Severities and thresholds of Lightning's checks are Lightning's.
//! - What could not be measured is a warning, never a stop: no check may be the reason that a healthy import
//!   does not start.
//! - A check that repeats a guard of the import carries that guard's own fault, so a thing has one code.

mod cluster;
mod line;
mod names;
mod occupants;
mod privileges;
mod sample;
mod size;
mod source;
mod space;
mod surroundings;
mod version;

pub use cluster::{Store, Versions, gc_life_time, same_cluster, stores, versions};
pub use line::{Level, Line, Report};
pub use names::leading_name;
pub use occupants::{
    DdlJob, ImportJob, LightningTable, change_capture, lightning_metadata, other_imports, schema_changes,
};
pub use privileges::{Need, privileges};
pub use sample::{AutoIds, Misfit, Order, auto_ids, collations, conflicts, indexes, source_order, values};
pub use size::bytes;
pub use source::{Header, LargeFile, csv_header, dump_metadata, large_files, source_permission, stability};
pub use space::{Estimate, available_space, empty_regions, headroom, region_distribution, tiflash_space};
pub use surroundings::{SortSpace, clock, open_files, reached, sort_disk, sort_space};
