//! The timestamp oracle: never gives a timestamp twice, also not after a restart.

use std::sync::{Mutex, PoisonError};

use crate::error::Result;
use crate::meta::MetaStore;

/// One more than the greatest logical part.
pub(crate) const LOGICAL_LIMIT: u64 = 1 << 18;
/// The stored bound runs ahead of the given timestamps by this many milliseconds.
const WINDOW_MS: u64 = 3000;

/// The oracle.
pub(crate) struct Tso {
    state: Mutex<State>,
}

struct State {
    physical: u64,
    logical: u64,
    stored_bound: u64,
}

impl Tso {
    /// Continues behind everything a former run may have given.
    pub(crate) fn open(meta: &MetaStore) -> Result<Self> {
        let bound = meta.get("tso_bound")?.unwrap_or(0);
        Ok(Self { state: Mutex::new(State { physical: bound, logical: 0, stored_bound: bound }) })
    }

    /// Takes `count` (below [`LOGICAL_LIMIT`]) timestamps: physical and logical part of the last one.
    pub(crate) fn next(&self, count: u64, now_ms: u64, meta: &MetaStore) -> Result<(u64, u64)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now_ms > state.physical {
            state.physical = now_ms;
            state.logical = 0;
        }
        if state.logical + count >= LOGICAL_LIMIT {
            // The real PD waits for its clock; a millisecond borrowed from the future does the same.
            state.physical += 1;
            state.logical = 0;
        }
        state.logical += count;
        if state.physical >= state.stored_bound {
            let bound = state.physical + WINDOW_MS;
            meta.put("tso_bound", &bound)?;
            state.stored_bound = bound;
        }
        Ok((state.physical, state.logical))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_rise_across_full_milliseconds_clock_steps_back_and_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let meta = MetaStore::open(dir.path()).unwrap();
        let tso = Tso::open(&meta).unwrap();
        let mut last = 0;
        for (count, now) in [(1, 1000), (262_143, 1000), (262_143, 1000), (5, 900), (1, 1005)] {
            let (physical, logical) = tso.next(count, now, &meta).unwrap();
            assert!(logical < LOGICAL_LIMIT);
            let first = ((physical << 18) | logical) - (count - 1);
            assert!(first > last, "{first} after {last}");
            last = (physical << 18) | logical;
        }
        let (physical, logical) = Tso::open(&meta).unwrap().next(1, 900, &meta).unwrap();
        assert!((physical << 18 | logical) > last);
    }
}
