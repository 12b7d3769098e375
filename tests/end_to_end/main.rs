//! Whole imports, by the program as a process, against an embedded cluster over its real protocols.

mod bad_input;
mod certificates;
mod checks;
mod cluster_state;
mod conflicts;
mod ctl;
mod deferred;
mod dumps;
mod gcs;
mod identity;
mod importer;
mod importer_tls;
mod listing;
mod manual;
mod operating;
mod parallel;
mod pieces;
mod processes;
mod records;
mod sql;
mod telemetry;
mod tls;
