//! The environment as an argument: clock, waits and randomness.
//!
//! This is the one crate that may touch the real clock and the system's randomness (`clippy.toml`
//! bans them elsewhere), so that a whole import can run in a seeded simulation: [`Env::seeded`]
//! draws every random number from one seed, and its clock follows tokio's, which a test can pause.
//! Every wait names its reason, and the reason goes into the log.

#![expect(clippy::disallowed_methods, reason = "this is the crate the ban points to")]

mod steps;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use steps::{CRASH_AT, Reached, Step};

/// Microseconds of 2026-01-01 00:00:00 UTC, where a seeded clock starts.
const SEEDED_EPOCH_MICROS: i64 = 1_767_225_600_000_000;

/// Clock, waits and randomness. Cheap to clone; clones share the random sequence.
#[derive(Clone)]
pub struct Env {
    clock: Clock,
    /// Microseconds by which the clock was moved on.
    moved: Arc<AtomicI64>,
    random: Arc<AtomicU64>,
}

#[derive(Clone)]
enum Clock {
    System,
    Seeded(tokio::time::Instant),
}

impl Env {
    /// The real clock, and randomness seeded by the operating system.
    pub fn real() -> Self {
        let seed = uuid::Uuid::new_v4().as_u64_pair();
        Self::of(Clock::System, seed.0 ^ seed.1)
    }

    /// A repeatable environment: all randomness from `seed`, time from tokio's clock (pausable),
    /// counted from 2026-01-01. Must be made inside a tokio runtime.
    pub fn seeded(seed: u64) -> Self {
        Self::of(Clock::Seeded(tokio::time::Instant::now()), seed)
    }

    fn of(clock: Clock, seed: u64) -> Self {
        Self { clock, moved: Arc::default(), random: Arc::new(AtomicU64::new(seed)) }
    }

    /// Moves the clock on, also that of all clones, without waiting: for tests of what expires. Waits that have begun
    /// end no sooner.
    pub fn move_on(&self, by: Duration) {
        self.moved.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX / 4), Ordering::Relaxed);
    }

    /// Microseconds since 1970-01-01 00:00:00 UTC.
    pub fn now_micros(&self) -> i64 {
        let moved = self.moved.load(Ordering::Relaxed);
        moved.saturating_add(match &self.clock {
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
            }
            Clock::Seeded(start) => {
                SEEDED_EPOCH_MICROS + i64::try_from(start.elapsed().as_micros()).unwrap_or(i64::MAX / 2)
            }
        })
    }

    /// Whole seconds since 1970-01-01 00:00:00 UTC.
    pub fn now_seconds(&self) -> i64 {
        self.now_micros().div_euclid(1_000_000)
    }

    /// Waits; `reason` says why in the log.
    pub async fn sleep(&self, duration: Duration, reason: &str) {
        tracing::debug!(millis = duration.as_millis() as u64, reason, "waiting");
        tokio::time::sleep(duration).await;
    }

    /// The next random number (SplitMix64: statistically sound, not for secrets).
    pub fn random_u64(&self) -> u64 {
        let state = self.random.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        let mut z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 16 random bytes marked as a version 4 UUID.
    pub fn uuid_bytes(&self) -> [u8; 16] {
        let random = (u128::from(self.random_u64()) << 64) | u128::from(self.random_u64());
        uuid::Builder::from_random_bytes(random.to_be_bytes()).into_uuid().into_bytes()
    }

    /// A version 4 UUID as text.
    pub fn uuid(&self) -> String {
        uuid::Uuid::from_bytes(self.uuid_bytes()).to_string()
    }

    /// A backoff delay for the `attempt`-th retry (from 0): exponential from `base` to `cap`, with
    /// full jitter in its upper half, so that many waiters spread out.
    pub fn backoff(&self, attempt: u32, base: Duration, cap: Duration) -> Duration {
        let full = base.saturating_mul(2u32.saturating_pow(attempt.min(20))).min(cap);
        let half = full / 2;
        let range = u64::try_from(half.as_micros()).unwrap_or(u64::MAX).max(1);
        half + Duration::from_micros(self.random_u64() % range)
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.clock {
            Clock::System => "Env(real)",
            Clock::Seeded(_) => "Env(seeded)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_seeded_environment_repeats_itself_and_follows_the_paused_clock() {
        let (first, second) = (Env::seeded(7), Env::seeded(7));
        assert_eq!(
            (first.random_u64(), first.uuid(), first.random_u64()),
            (second.random_u64(), second.uuid(), second.random_u64())
        );
        let before = first.now_micros();
        first.sleep(Duration::from_secs(3600), "an hour in no time").await;
        assert_eq!(first.now_micros() - before, 3_600_000_000);
    }

    #[tokio::test]
    async fn backoff_grows_to_its_cap_and_never_beyond() {
        let env = Env::seeded(1);
        let (base, cap) = (Duration::from_millis(10), Duration::from_secs(1));
        for attempt in 0..40 {
            let delay = env.backoff(attempt, base, cap);
            assert!(delay <= cap, "attempt {attempt}: {delay:?}");
            assert!(attempt < 7 || delay >= cap / 2, "attempt {attempt}: {delay:?}");
        }
    }
}
