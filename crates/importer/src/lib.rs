//! The importer: `ImportKV`, the service of the retired `tikv-importer`, for clients that send unsorted pairs and
//! leave sorting and ingesting to a machine near the cluster.
//!
//! ```text
//! OpenEngine ─▶ WriteEngine, WriteEngineV3 … ─▶ CloseEngine ─▶ ImportEngine ─▶ CleanupEngine
//!                 sorter, memory bounded          all on disk    th-ingest
//! ```
//! An engine is a sorter (`th-sorter`), and importing one is the same delivery (`th-ingest`) by which a worker gets its
//! jobs into TiKV. Engines live as long as the process: a client whose engine is gone writes it again.
//!
//! What is not in order is answered as the old daemon did, by its names ([`error`]), because clients look for them.

pub mod command;
mod config;
mod doors;
mod engines;
mod error;
mod service;

pub use config::ImporterConfig;
