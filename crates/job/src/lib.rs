//! A job's rows as key-value pairs, in source order, each with a tag that leads back to its place.
//!
//! A worker sorts and ingests them; the finalizer looks through them once more where rows conflict. Both
//! must see the same pairs, so both read them here.

mod columns;
mod encode;
mod pieces;
mod places;
mod session;

pub use encode::{Done, EncodedRow, JobContext, Sink, encode};
pub use pieces::{Found, Pieces, Proof, record};
pub use places::{index_name, places};
pub use session::{VARIABLES, context, encoder_options};

/// Bits of a tag that hold the row's offset; the others hold the chunk's number in the job.
const OFFSET_BITS: u32 = 48;

/// A row's source in its job: chunk number and offset. Tags ascend in source order.
fn tag(chunk: u64, offset: u64) -> u64 {
    chunk << OFFSET_BITS | offset & ((1 << OFFSET_BITS) - 1)
}

fn chunk_of(tag: u64) -> usize {
    (tag >> OFFSET_BITS) as usize
}

fn offset_of(tag: u64) -> u64 {
    tag & ((1 << OFFSET_BITS) - 1)
}
