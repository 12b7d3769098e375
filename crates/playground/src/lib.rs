//! An embedded cluster: PD, TiKV and a TiDB front in one process, over their real wire protocols.
//!
//! It is what `thunderhead` imports into when no cluster is named, the test bed of the project, and
//! the rehearsal stage for users. It is a *server*: nothing in the import knows it. It checks what the
//! real ones check (cluster id, epoch, leader, range, key order, sums, doubled files, modes and their
//! time limits) and answers with the real ones' errors, and it can be told to misbehave ([`Faults`]).
//!
//! ```text
//! client ──gRPC/HTTP──▶ pd      members, timestamps, regions, scatter, leases
//!        ──gRPC───────▶ tikv    split, read, checksum, import (one port a store)
//!        ──MySQL/HTTP─▶ tidb    catalog, SELECT, ADMIN CHECKSUM, schema JSON
//!                         └──── cluster: regions, ids, clock ──── RocksDB, one a store
//! ```
//!
//! Data lie in TiKV's MVCC layout, so what one front writes every other reads. Raft is not played: a
//! region's replicas get the same writes at once, and what would make a replica panic takes its store down.

mod cluster;
mod error;
mod faults;
mod guises;
mod hex;
mod meta;
mod pd;
mod playground;
mod regions;
mod socket;
mod tidb;
mod tikv;
mod time_text;

pub use error::PlaygroundError;
pub use faults::{Effect, Fault, Faults, RequestKind};
pub use guises::{Guises, StoreGuise};
pub use pd::members::PdMembers;
pub use playground::{Playground, PlaygroundOptions};
pub use socket::TlsFiles;
pub use tikv::spoil::Spoil;
