//! A server that answers like Google Cloud Storage's XML API, from memory: for tests, and for trying imports without an account.
//!
//! ```text
//! request ─▶ server (paths, headers, XML) ─▶ Bucket (objects, generations, preconditions, listing)
//! ```
//! It has what dumps and ledgers need: objects with ranges and conditions, creation that only one of many wins
//! (`x-goog-if-generation-match`), listing in order with `start-after`, copies, multipart uploads, and the token that a machine's
//! metadata server gives. Rules: <https://cloud.google.com/storage/docs/xml-api/reference-headers> and the pages beside it.
//! Versions that were replaced can be read by their generation. Access control and everything about buckets are left out.

mod bucket;
mod server;
mod xml;

pub use server::{GcsDouble, TOKEN};
