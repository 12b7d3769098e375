//! From a configuration to open connections, and from library errors to what the user sees.
//!
//! Planner, worker, finalizer and the command line need the same things opened the same way: the
//! source, the ledger, the queue, the cluster. [`options`] maps configuration keys to the libraries'
//! options, [`open`] opens, [`fault`] translates errors into codes.

mod args;
pub mod deferred;
pub mod fault;
mod machine;
mod open;
mod options;
mod server;
pub mod service;
mod sort_dir;
mod target;
pub mod telemetry;

pub use args::{CommonArgs, load_config};
pub use machine::{sort_base, sort_memory};
pub use open::{cluster, imports, ledger, queue, required_queue, source};
pub use options::{cluster_options, csv_options, read_options, rules, slots};
pub use server::{Target, pem_files, server, target, writes_sql};
pub use sort_dir::{SortDir, dead_sort_dirs};
pub use target::{
    CHECKSUM_CONCURRENCY, LONG_STATEMENT, LONGEST_STATEMENT, definition_checksum, key_ranges, long_statement,
    table_checksum,
};
