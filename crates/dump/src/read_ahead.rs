//! How far a reader's requests run ahead of it: as far as bandwidth × latency of the storage asks for, and no farther.
//!
//! Neither is known or measured. A reader that must wait for a part had too few requests under way, so one is added; a reader
//! that has found every part ready for a while can do with one less. So a slow reader holds little memory, and a fast one
//! gets what the storage gives.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Parts found ready in a row after which a request less is tried.
const CALM: usize = 32;

/// Requests of one reader: those under way, and those answered but not read.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    depth: AtomicUsize,
    most: usize,
    /// Parts found ready in a row.
    ready: AtomicUsize,
}

impl ReadAhead {
    /// Never more than `most` requests, at least 1.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { depth: AtomicUsize::new(most.min(2)), most, ready: AtomicUsize::new(0) }
    }

    /// How many requests there should be now.
    pub(crate) fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    /// The reader took a part, for which it had to wait or not. Only the reader calls this.
    pub(crate) fn taken(&self, waited: bool) {
        let depth = self.depth();
        if waited {
            self.depth.store((depth + 1).min(self.most), Ordering::Relaxed);
            self.ready.store(0, Ordering::Relaxed);
            return;
        }
        let ready = self.ready.load(Ordering::Relaxed) + 1;
        if ready >= CALM {
            self.depth.store((depth - 1).max(1), Ordering::Relaxed);
        }
        self.ready.store(ready % CALM, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_waits_gets_more_up_to_the_most() {
        let ahead = ReadAhead::new(5);
        let mut depths = Vec::new();
        for _ in 0..5 {
            depths.push(ahead.depth());
            ahead.taken(true);
        }
        assert_eq!(depths, [2, 3, 4, 5, 5]);
    }

    #[test]
    fn a_reader_that_never_waits_ends_with_one_request() {
        let ahead = ReadAhead::new(5);
        (0..3).for_each(|_| ahead.taken(true));
        for expected in [5, 4, 3, 2, 1, 1] {
            assert_eq!(ahead.depth(), expected);
            (0..CALM).for_each(|_| ahead.taken(false));
        }
    }

    #[test]
    fn one_wait_among_ready_parts_begins_the_count_anew() {
        let ahead = ReadAhead::new(3);
        (0..CALM - 1).for_each(|_| ahead.taken(false));
        ahead.taken(true);
        (0..CALM - 1).for_each(|_| ahead.taken(false));
        assert_eq!(ahead.depth(), 3);
        assert_eq!(ReadAhead::new(0).depth(), 1);
    }
}
