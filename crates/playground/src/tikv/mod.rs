//! The stores: key-value reads, splits, checksums and the import service, on RocksDB.

#![expect(
    clippy::result_large_err,
    reason = "a region error is the answer's own message: it is made once for a request that failed, and sent"
)]

pub(crate) mod coprocessor;
pub(crate) mod errors;
pub(crate) mod http;
pub(crate) mod import;
pub(crate) mod import_files;
pub(crate) mod import_state;
pub(crate) mod kv;
pub(crate) mod mvcc;
pub(crate) mod split;
pub(crate) mod spoil;
pub(crate) mod store;
