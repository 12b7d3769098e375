//! TiKV's on-disk form of a committed transaction, and the RocksDB files that hold it.
//!
//! A pair `(key, value)` committed at `ts` is, in TiKV, an entry in the *write* column family under
//! `z ‖ memcomparable(key) ‖ !ts` and, when the value is longer than 255 bytes, one in the *default*
//! column family under the same key. [`mvcc`] has the encodings, pure functions of bytes;
//! [`MvccSstWriter`] streams sorted pairs into one SST for each column family, as TiKV's own
//! `ImportSST.Write` does, so that a client may send finished files through `ImportSST.Upload`.
//!
//! Invariants:
//! - files are block-based, format version 5, CRC-32C block checksums: every TiKV since 5.0 reads them;
//! - keys inside a file carry the `z` prefix of data keys; key *ranges* in messages never do;
//! - one file pair holds one commit timestamp, so user keys must ascend strictly;
//! - TiKV's own table-property collectors are not run (they are not reachable from here): TiKV then
//!   estimates split keys from the file's size alone until the first compaction.

mod build;
mod error;
pub mod mvcc;
mod read;

pub use build::{BuiltSst, ColumnFamily, Compression, MvccSstWriter, SstFile, SstOptions, build};
pub use error::SstError;
pub use read::read;
pub use th_memcomparable as memcomparable;
