//! Most bytes a second to each store (`store-write-bwlimit`), of all this process's streams together.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use th_env::Env;

/// Keeps to a pace: each transfer begins when those before it would be through at that pace.
pub(crate) struct Pace {
    /// Bytes a second; 0 is no limit.
    limit: u64,
    /// When the next transfer to a store may begin, in the clock's microseconds.
    next: Mutex<HashMap<u64, i64>>,
}

impl Pace {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, next: Mutex::default() }
    }

    /// Waits until `bytes` more may go to a store.
    pub(crate) async fn pass(&self, env: &Env, store: u64, bytes: usize) {
        if self.limit == 0 {
            return;
        }
        let wait = self.reserve(env.now_micros(), store, bytes);
        if !wait.is_zero() {
            env.sleep(wait, "by store-write-bwlimit").await;
        }
    }

    fn reserve(&self, now: i64, store: u64, bytes: usize) -> Duration {
        let takes = (bytes as u128 * 1_000_000).div_ceil(u128::from(self.limit.max(1)));
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let next = next.entry(store).or_insert(now);
        let begin = (*next).max(now);
        *next = begin.saturating_add(i64::try_from(takes).unwrap_or(i64::MAX));
        Duration::from_micros(u64::try_from(begin - now).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transfers_to_one_store_keep_the_pace_and_stores_do_not_share_it() {
        let pace = Pace::new(1_000_000);
        let millis = |now, store, bytes| pace.reserve(now, store, bytes).as_millis();
        assert_eq!(millis(0, 1, 500_000), 0);
        assert_eq!(millis(0, 1, 250_000), 500);
        assert_eq!(millis(100_000, 1, 1), 650);
        assert_eq!(millis(0, 2, 1), 0);
        // Who was idle has nothing saved up, and nothing to pay.
        assert_eq!(millis(9_000_000, 1, 1_000_000), 0);
        assert_eq!(millis(9_000_000, 1, 1), 1000);
    }
}
