//! The clients against a double of a cluster, which says what a test wants said.

mod double;
mod ingest;
mod lease;
