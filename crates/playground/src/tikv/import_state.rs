//! A store's import mode, suspension, partition ranges, and which files are being ingested.
//!
//! Every state ends by itself: import mode ten minutes after its last refresh, a suspension after
//! its duration, a partition range after its time to live.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// `import.import-mode-timeout`, in milliseconds.
const IMPORT_MODE_TIMEOUT_MS: u64 = 600_000;

/// See the module.
pub(crate) struct ImportState {
    pub(crate) dir: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    import_until: u64,
    suspended_until: u64,
    partition_ranges: BTreeMap<(Vec<u8>, Vec<u8>), u64>,
    ingesting: HashSet<Vec<u8>>,
}

impl ImportState {
    /// Normal mode; files go to `dir`.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir, inner: Mutex::default() }
    }

    fn inner<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Enters or refreshes import mode, or leaves it.
    pub(crate) fn switch_mode(&self, import: bool, now_ms: u64) {
        self.inner(|inner| inner.import_until = if import { now_ms + IMPORT_MODE_TIMEOUT_MS } else { 0 });
    }

    /// Whether the store is in import mode.
    pub(crate) fn is_import_mode(&self, now_ms: u64) -> bool {
        self.inner(|inner| inner.import_until > now_ms)
    }

    /// Suspends for a time (0 resumes): whether it was suspended before.
    pub(crate) fn suspend(&self, duration_ms: u64, now_ms: u64) -> bool {
        self.inner(|inner| {
            let before = inner.suspended_until > now_ms;
            inner.suspended_until = if duration_ms == 0 { 0 } else { now_ms + duration_ms };
            before
        })
    }

    /// Milliseconds of suspension left.
    pub(crate) fn suspended_for(&self, now_ms: u64) -> Option<u64> {
        self.inner(|inner| inner.suspended_until.checked_sub(now_ms).filter(|&left| left > 0))
    }

    /// Adds or refreshes a range in which compaction must cut at region boundaries.
    pub(crate) fn add_partition_range(&self, start: Vec<u8>, end: Vec<u8>, ttl_ms: u64, now_ms: u64) {
        self.inner(|inner| inner.partition_ranges.insert((start, end), now_ms + ttl_ms));
    }

    /// Removes such a range.
    pub(crate) fn remove_partition_range(&self, start: Vec<u8>, end: Vec<u8>) {
        self.inner(|inner| inner.partition_ranges.remove(&(start, end)));
    }

    /// Number of ranges that have not ended.
    pub(crate) fn partition_ranges(&self, now_ms: u64) -> usize {
        self.inner(|inner| {
            inner.partition_ranges.retain(|_, end| *end > now_ms);
            inner.partition_ranges.len()
        })
    }

    /// Latches files for one ingest: `None` if one of them is being ingested already.
    pub(crate) fn latch(&self, names: Vec<Vec<u8>>) -> Option<Latch<'_>> {
        self.inner(|inner| {
            if names.iter().any(|name| inner.ingesting.contains(name)) {
                return None;
            }
            inner.ingesting.extend(names.iter().cloned());
            Some(())
        })?;
        Some(Latch { state: self, names })
    }
}

/// Files that nobody else may ingest until this is dropped.
pub(crate) struct Latch<'s> {
    state: &'s ImportState,
    names: Vec<Vec<u8>>,
}

impl Drop for Latch<'_> {
    fn drop(&mut self) {
        let names = std::mem::take(&mut self.names);
        self.state.inner(|inner| inner.ingesting.retain(|name| !names.contains(name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_and_suspensions_end_by_themselves() {
        let state = ImportState::new(PathBuf::new());
        state.switch_mode(true, 1000);
        assert!(state.is_import_mode(600_999) && !state.is_import_mode(601_000));
        assert!(!state.suspend(3000, 1000));
        assert_eq!(state.suspended_for(1008), Some(2992));
        assert!(state.suspend(0, 1008));
        assert_eq!(state.suspended_for(1009), None);
        state.add_partition_range(vec![1], vec![2], 10, 0);
        assert_eq!((state.partition_ranges(9), state.partition_ranges(10)), (1, 0));
    }

    #[test]
    fn a_file_is_ingested_by_one_at_a_time() {
        let state = ImportState::new(PathBuf::new());
        let latch = state.latch(vec![vec![1], vec![2]]);
        assert!(latch.is_some());
        assert!(state.latch(vec![vec![2]]).is_none());
        drop(latch);
        assert!(state.latch(vec![vec![2]]).is_some());
    }
}
