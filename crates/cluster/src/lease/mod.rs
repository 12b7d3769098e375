//! The state an import needs the cluster in, held as a lease.
//!
//! Import mode, the pause of scheduling and the hold on garbage collection all expire by themselves in
//! TiKV and PD. A lease takes them, renews them in the background, and gives them back; if its process
//! dies, the cluster is back to normal within minutes and nobody has to clean up. Names carry the import's
//! id (`thunderhead/{import}/{holder}`), so that another process can release what is left of an import.
//!
//! | file | what |
//! |---|---|
//! | `names` | by which names things are held |
//! | `held` | what is held, taken, renewed and given back |
//! | `pause` | the pause of scheduling for the whole cluster |
//! | `mode` | import mode of the stores |
//! | `leftovers` | what processes have left, found and given back by name |

mod held;
mod leftovers;
mod mode;
mod names;
mod pause;

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use th_env::Env;
use tokio::task::JoinHandle;

use self::held::Held;
pub use self::leftovers::{Leftovers, release_import};
use self::mode::mode_ranges;
pub use self::mode::switch_all;
pub use self::names::LABEL_PREFIX;
use self::pause::Paused;
use crate::{ClusterError, Pd, Tikv};

/// Half-open range of user keys.
type KeyRange = (Vec<u8>, Vec<u8>);
/// The first PD whose label rules end by themselves.
const RULES_END_SINCE: (u64, u64) = (6, 1);
/// PD applies a rule to regions a moment after it has answered.
const SETTLE: Duration = Duration::from_millis(20);

/// What scheduling is paused for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseScope {
    /// Nothing.
    None,
    /// The lease's key ranges.
    Ranges,
    /// The whole cluster: schedulers, merges and balancing; for PDs without label rules.
    Cluster,
}

/// What to hold.
#[derive(Debug, Clone)]
pub struct LeaseOptions {
    /// Id of the import.
    pub import_id: String,
    /// Who holds it within the import, e.g. `finalizer` or a job's name.
    pub holder: String,
    /// Half-open ranges of user keys that are imported into.
    pub ranges: Vec<KeyRange>,
    /// Whether stores shall be in import mode.
    pub import_mode: bool,
    /// What scheduling to pause.
    pub pause: PauseScope,
    /// Ranges of many regions, at whose borders stores shall cut their files so that ingested ones fall to the bottom.
    pub partitioned: Vec<KeyRange>,
    /// Oldest timestamp whose versions must not be garbage-collected.
    pub safe_point: Option<u64>,
    /// Time after which everything expires unless renewed; renewed three times as often.
    pub ttl: Duration,
}

impl LeaseOptions {
    /// Import mode and a pause of scheduling for `ranges`, five minutes long.
    pub fn new(import_id: impl Into<String>, holder: impl Into<String>, ranges: Vec<KeyRange>) -> Self {
        Self {
            import_id: import_id.into(),
            holder: holder.into(),
            ranges,
            import_mode: true,
            pause: PauseScope::Ranges,
            partitioned: Vec::new(),
            safe_point: None,
            ttl: Duration::from_mins(5),
        }
    }
}

/// A held lease. Dropping it stops the renewal; [`ImportLease::release`] also gives everything back.
#[derive(Debug)]
pub struct ImportLease {
    held: Arc<Held>,
    renewal: JoinHandle<()>,
}

impl ImportLease {
    /// Takes everything `options` ask for, or (after an error) leaves what was taken to expire.
    pub async fn acquire(
        env: Env,
        pd: Pd,
        tikv: Tikv,
        mut options: LeaseOptions,
    ) -> Result<Self, ClusterError> {
        if options.pause == PauseScope::Ranges && options.ranges.is_empty() {
            return Err(ClusterError::invalid("a lease that pauses scheduling needs key ranges"));
        }
        if options.pause == PauseScope::Ranges
            && let Ok(version) = pd.version().await
            && !rules_end(&version)
        {
            tracing::info!(
                "pd's label rules would not end by themselves: schedulers are paused for the whole cluster"
            );
            options.pause = PauseScope::Cluster;
        }
        let mode_ranges =
            if options.import_mode { mode_ranges(&pd, &tikv, &options.ranges).await? } else { Vec::new() };
        let paused =
            if options.pause == PauseScope::Cluster { Paused::of(&pd).await? } else { Paused::default() };
        let held = Arc::new(Held {
            renewed_micros: AtomicI64::new(env.now_micros()),
            failures: AtomicU32::new(0),
            env,
            pd,
            tikv,
            options,
            mode_ranges,
            paused,
            registered: Mutex::default(),
        });
        held.renew().await?;
        if held.options.pause == PauseScope::Ranges {
            held.env.sleep(SETTLE, "pd applies the label rule").await;
        }
        tracing::info!(options = ?held.options.rule_id(), ttl = ?held.options.ttl, "lease acquired");
        let renewal = tokio::spawn(Arc::clone(&held).keep());
        Ok(Self { held, renewal })
    }

    /// Microseconds since 1970 at which everything was last renewed, and failed renewals since.
    pub fn health(&self) -> (i64, u32) {
        (self.held.renewed_micros.load(Ordering::Relaxed), self.held.failures.load(Ordering::Relaxed))
    }

    /// Whether the lease may have expired because renewals failed for too long.
    pub fn may_have_expired(&self) -> bool {
        let ttl = i64::try_from(self.held.options.ttl.as_micros()).unwrap_or(i64::MAX);
        self.held.env.now_micros() - self.health().0 > ttl
    }

    /// Stops renewing, gives everything back and verifies that the rule is gone.
    pub async fn release(mut self) -> Result<(), ClusterError> {
        self.renewal.abort();
        // A renewal in flight must not come after the release.
        let _ = (&mut self.renewal).await;
        self.held.release().await
    }
}

impl Drop for ImportLease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

/// Whether label rules of a PD of this version end by themselves. One that says no version is taken for a new one.
fn rules_end(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split(['.', '-']).map(|part| part.parse::<u64>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= RULES_END_SINCE,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_pds_have_no_rules_that_end() {
        for (version, ends) in [
            ("v5.4.3", false),
            ("6.0.0-alpha", false),
            ("6.1.0", true),
            ("v9.0.0-alpha", true),
            ("None", true),
        ] {
            assert_eq!(rules_end(version), ends, "{version}");
        }
    }
}
