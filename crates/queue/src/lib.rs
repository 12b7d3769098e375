//! The job queue: at-least-once delivery of small messages, with a visibility timeout.
//!
//! A message is a pointer to a job in the ledger, never data. What each side owes is written at
//! [`Queue`]; [`conformance`] checks it for every implementation. [`LocalQueue`] serves one process;
//! [`SqsQueue`] is Amazon SQS (a standard queue) or anything that speaks its protocol.
//! [`Visibility`] keeps one message hidden while its job is worked on, and lets go when dropped.

pub mod conformance;
mod local;
mod sqs;
mod visibility;

use std::time::Duration;

use futures::future::BoxFuture;

pub use local::LocalQueue;
pub use sqs::{SqsOptions, SqsQueue};
pub use visibility::{Visibility, VisibilityOptions};

/// A message that was received and is hidden from others until its visibility timeout ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What was sent.
    pub body: String,
    /// Proof of this very reception; needed to extend or acknowledge it.
    pub receipt: String,
    /// How often this message has been received, this time included.
    pub receives: u32,
}

/// How many messages there are, about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// Waiting to be received.
    pub waiting: u64,
    /// Received and not yet acknowledged.
    pub in_flight: u64,
    /// Given up after too many receptions.
    pub dead: u64,
}

/// A failure of the queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The queue does not exist.
    #[error("the queue {0} does not exist")]
    NotFound(String),
    /// The service answered with an error or not at all.
    #[error("cannot {action} on queue {queue}: {message}")]
    Service {
        /// `send`, `receive`, `extend`, `acknowledge`, `inspect`, `redrive`.
        action: &'static str,
        /// The queue's URL or name.
        queue: String,
        /// The service's words.
        message: String,
    },
    /// The reception is over: its visibility timeout passed and the message may be somebody else's.
    #[error("the reception is no longer valid; the message may have been given to another worker")]
    StaleReceipt,
}

/// A job queue.
///
/// What an implementation owes:
/// - a sent message is received at least once, unless it is acknowledged first; order is free;
/// - a received message is hidden from other receivers for the queue's visibility timeout, then it
///   comes back with `receives` one higher and a new receipt;
/// - after the queue's maximum of receptions it is moved to the dead letters instead of coming back.
///
/// What a receiver owes:
/// - it extends the visibility before it ends, or accepts that somebody else works on the job too;
/// - it acknowledges only after the job's result is in the ledger;
/// - it can bear a message twice.
pub trait Queue: Send + Sync {
    /// Sends messages; when it returns without an error, all are in the queue. On an error some may be.
    fn send<'a>(&'a self, bodies: &'a [String]) -> BoxFuture<'a, Result<(), QueueError>>;

    /// Waits up to `wait` for messages and takes at most `max` (implementations may take fewer).
    fn receive(&self, max: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<Message>, QueueError>>;

    /// Hides a received message for `visibility` from now on; zero gives it back at once.
    fn extend<'a>(&'a self, receipt: &'a str, visibility: Duration) -> BoxFuture<'a, Result<(), QueueError>>;

    /// Removes a received message for good. Acknowledging one that is gone already is no error.
    fn acknowledge<'a>(&'a self, receipt: &'a str) -> BoxFuture<'a, Result<(), QueueError>>;

    /// About how many messages there are.
    fn depth(&self) -> BoxFuture<'_, Result<Depth, QueueError>>;

    /// Up to `max` bodies of dead letters, which stay where they are.
    fn dead_letters(&self, max: usize) -> BoxFuture<'_, Result<Vec<String>, QueueError>>;

    /// Sends the dead letters that are `wanted` by their bodies again, as fresh messages, and returns their
    /// number. The others stay where they are. On an error some may be both sent and dead.
    fn redrive<'a>(
        &'a self,
        wanted: &'a (dyn Fn(&str) -> bool + Send + Sync),
    ) -> BoxFuture<'a, Result<u64, QueueError>>;

    /// The queue's name for messages and logs.
    fn name(&self) -> &str;
}
