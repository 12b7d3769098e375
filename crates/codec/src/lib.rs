//! Rows to TiDB key-value pairs and back, byte for byte.
//!
//! ```text
//! source row ──[encode]──▶ Pairs: record, index entries      [keys] [row]: the formats
//! key, value ──[decode]──▶ datums, text                      Checksum: what TiKV compares
//! ```
//!
//! The encoder follows TiDB Lightning's local backend exactly, its oddities included (an explicit 0 in an
//! AUTO_INCREMENT column stays 0), because the finalizer compares checksums with what TiDB would have
//! written. Encoding is a pure function of the table, the options, the row and its row id: a job that
//! runs twice writes the same bytes. Nothing here knows of files, threads or the network.

mod cell;
mod checksum;
pub mod decode;
mod encode;
mod error;
#[cfg(any(test, feature = "golden"))]
pub mod golden;
pub mod keys;
mod pairs;
pub mod row;
mod sums;

pub use checksum::Checksum;
pub use encode::{AutoBases, Encoder, EncoderOptions};
pub use error::{DecodeError, EncodeError, PlanError};
pub use pairs::{Pair, PairKind, Pairs};
pub use sums::Sums;
