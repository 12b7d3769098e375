//! The TiDB front: MySQL protocol and status API over the catalog and the stores.
//!
//! It knows the statements that an import sends and those a curious user types; anything else is an
//! error that says so. Sessions that write to a table wait for each other, from the first write of a transaction
//! to its end.

pub(crate) mod admin;
pub(crate) mod advisory;
pub(crate) mod aggregate;
mod alter;
pub(crate) mod catalog;
pub(crate) mod change;
pub(crate) mod ddl;
pub(crate) mod error;
pub(crate) mod info_schema;
pub(crate) mod insert;
pub(crate) mod like;
pub(crate) mod outcome;
pub(crate) mod packet;
pub(crate) mod parse;
pub(crate) mod relation;
pub(crate) mod rewrite;
pub(crate) mod rows;
pub(crate) mod select;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod show;
pub(crate) mod show_create;
pub(crate) mod statement;
pub(crate) mod status;
pub(crate) mod sysvar;
pub(crate) mod token;
pub(crate) mod transaction;
