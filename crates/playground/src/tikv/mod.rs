//! The stores: key-value reads, splits, checksums and the import service, on RocksDB.

pub(crate) mod coprocessor;
pub(crate) mod errors;
pub(crate) mod http;
pub(crate) mod import;
pub(crate) mod import_files;
pub(crate) mod import_state;
pub(crate) mod kv;
pub(crate) mod mvcc;
pub(crate) mod split;
pub(crate) mod store;
