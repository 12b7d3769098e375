//! The state an import needs the cluster in, held as a lease.
//!
//! Import mode, the pause of scheduling and the hold on garbage collection all expire by themselves in
//! TiKV and PD. A lease takes them, renews them in the background, and gives them back; if its process
//! dies, the cluster is back to normal within minutes and nobody has to clean up. Names carry the import's
//! id (`thunderhead/{import}/{holder}`), so that another process can release what is left of an import.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use th_env::Env;
use tokio::task::JoinHandle;

use crate::pd::{LabelRule, SCHEDULERS_TO_PAUSE};
use crate::{ClusterError, ErrorKind, ImportMode, Pd, Tikv};

/// All our rules start so; other imports of ours are recognised by it.
pub const LABEL_PREFIX: &str = "thunderhead/";
/// And so all our holds on garbage collection.
pub(crate) const SERVICE_PREFIX: &str = "thunderhead-";
/// Where backup and restore, log backup and TiCDC look for imports that are at work.
pub(crate) const REGISTRATION: &str = "/tidb/brie/import/lightning/thunderhead-";
/// Half-open range of user keys.
type KeyRange = (Vec<u8>, Vec<u8>);
/// Tries of switching the stores' mode while none of them can be reached.
const SWITCH_ATTEMPTS: u32 = 5;
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

    fn rule_id(&self) -> String {
        format!("{LABEL_PREFIX}{}/{}", self.import_id, self.holder)
    }

    fn service(&self) -> String {
        service_name(&self.import_id, &self.holder)
    }

    /// The key under which other tools see that there is an import; none for who does not write.
    fn registration(&self) -> Option<String> {
        let key = || format!("{}{}", registrations(&self.import_id), self.holder);
        (self.pause != PauseScope::None).then(key)
    }
}

pub(crate) fn registrations(import_id: &str) -> String {
    format!("{REGISTRATION}{import_id}/")
}

fn service_name(import_id: &str, holder: &str) -> String {
    format!("{SERVICE_PREFIX}{import_id}-{holder}")
}

/// A held lease. Dropping it stops the renewal; [`ImportLease::release`] also gives everything back.
#[derive(Debug)]
pub struct ImportLease {
    held: Arc<Held>,
    renewal: JoinHandle<()>,
}

struct Held {
    env: Env,
    pd: Pd,
    tikv: Tikv,
    options: LeaseOptions,
    /// Ranges for stores with a mode for each range; empty for those with one mode.
    mode_ranges: Vec<KeyRange>,
    /// Original values of settings that are overridden, scaled for the import.
    overrides: BTreeMap<String, Value>,
    schedulers: Vec<String>,
    /// Lease of the registration, 0 without one.
    registered: Mutex<i64>,
    renewed_micros: AtomicI64,
    failures: AtomicU32,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("options", &self.options).finish_non_exhaustive()
    }
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
        let (schedulers, overrides) = if options.pause == PauseScope::Cluster {
            let running = pd.schedulers().await?;
            let known = |name: &String| SCHEDULERS_TO_PAUSE.contains(&name.as_str());
            let stores = pd.stores().await?.len();
            (running.into_iter().filter(known).collect(), overrides(&pd.schedule_config().await?, stores))
        } else {
            (Vec::new(), BTreeMap::new())
        };
        let held = Arc::new(Held {
            renewed_micros: AtomicI64::new(env.now_micros()),
            failures: AtomicU32::new(0),
            env,
            pd,
            tikv,
            options,
            mode_ranges,
            overrides,
            schedulers,
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

impl Held {
    async fn keep(self: Arc<Self>) {
        let period = (self.options.ttl / 3).max(Duration::from_secs(1));
        loop {
            self.env.sleep(period, "next renewal of the lease").await;
            match self.renew().await {
                Ok(()) => {
                    self.renewed_micros.store(self.env.now_micros(), Ordering::Relaxed);
                    self.failures.store(0, Ordering::Relaxed);
                }
                Err(error) => {
                    let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
                    tracing::warn!(%error, failures, "lease could not be renewed");
                }
            }
        }
    }

    async fn renew(&self) -> Result<(), ClusterError> {
        let options = &self.options;
        match options.pause {
            PauseScope::None => {}
            PauseScope::Ranges => {
                let rule =
                    LabelRule { id: options.rule_id(), ranges: options.ranges.clone(), ttl: options.ttl };
                self.pd.set_label_rule(&rule).await?;
            }
            PauseScope::Cluster => {
                for scheduler in &self.schedulers {
                    match self.pd.pause_scheduler(scheduler, options.ttl).await {
                        // Removed by somebody meanwhile.
                        Err(error) if error.kind() == ErrorKind::NotFound => {}
                        result => result?,
                    }
                }
                self.pd.set_config_with_ttl(&self.overrides, options.ttl).await?;
            }
        }
        if let Some(safe_point) = options.safe_point {
            let ttl = i64::try_from(options.ttl.as_secs()).unwrap_or(i64::MAX).max(1);
            let smallest = self.pd.update_service_safe_point(&options.service(), ttl, safe_point).await?;
            if smallest > safe_point {
                // What is not seen any more makes the checksum differ, so nothing goes wrong silently.
                tracing::warn!(
                    smallest,
                    safe_point,
                    "garbage collection has passed the import's timestamps: rows with equal keys may not all be found"
                );
            }
        }
        if options.import_mode {
            switch_all(&self.pd, &self.tikv, ImportMode::Import, &self.mode_ranges).await?;
        }
        self.partition().await;
        if let Some(key) = options.registration()
            && let Err(error) = self.register(&key).await
        {
            tracing::warn!(%error, key, "other tools of the cluster cannot see the import");
        }
        Ok(())
    }

    /// Nothing depends on it, and older stores know no such ranges.
    async fn partition(&self) {
        if self.options.partitioned.is_empty() {
            return;
        }
        let asking = async {
            let stores = self.pd.stores().await?;
            for store in stores.iter().filter(|store| store.is_up && !store.is_tiflash) {
                for (start, end) in &self.options.partitioned {
                    if !self.tikv.add_partition_range(store, start, end, self.options.ttl).await? {
                        break;
                    }
                }
            }
            Ok::<_, ClusterError>(())
        };
        if let Err(error) = asking.await {
            tracing::debug!(%error, "stores cut their files wherever they do");
        }
    }

    fn registered(&self) -> i64 {
        *self.registered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn register(&self, key: &str) -> Result<(), ClusterError> {
        let lease = self.registered();
        if lease != 0 && self.pd.keep_registered(lease).await? {
            return Ok(());
        }
        let lease = self.pd.register(key, self.options.ttl).await?;
        *self.registered.lock().unwrap_or_else(PoisonError::into_inner) = lease;
        Ok(())
    }

    async fn release(&self) -> Result<(), ClusterError> {
        let options = &self.options;
        // Try everything even if a part fails, and report the first failure.
        let mut results = Vec::new();
        if options.pause == PauseScope::Cluster {
            for scheduler in &self.schedulers {
                let result = self.pd.pause_scheduler(scheduler, Duration::ZERO).await;
                results.push(result.or_else(|error| match error.kind() {
                    ErrorKind::NotFound => Ok(()),
                    _ => Err(error),
                }));
            }
            results.push(self.pd.set_config_with_ttl(&self.overrides, Duration::ZERO).await);
        }
        if options.pause == PauseScope::Ranges {
            results.push(delete_rules(&self.pd, &options.rule_id()).await);
        }
        if options.safe_point.is_some() {
            results.push(self.pd.update_service_safe_point(&options.service(), 0, 0).await.map(drop));
        }
        if options.import_mode {
            results.push(leave_import_mode(&self.pd, &self.tikv, &self.mode_ranges).await);
        }
        if self.registered() != 0
            && let Err(error) = self.pd.unregister(self.registered()).await
        {
            tracing::debug!(%error, "the registration ends by itself");
        }
        results.into_iter().collect::<Result<(), _>>()?;
        tracing::info!(lease = options.rule_id(), "lease released");
        Ok(())
    }
}

/// Gives back whatever holders of an import may have left: rules, safe points, import mode.
/// For the last process of an import, or for somebody who cancels one.
pub async fn release_import(
    pd: &Pd,
    tikv: &Tikv,
    import_id: &str,
    ranges: &[KeyRange],
) -> Result<(), ClusterError> {
    delete_rules(pd, &format!("{LABEL_PREFIX}{import_id}/")).await?;
    match pd.service_safe_points(&service_name(import_id, "")).await {
        Ok(services) => {
            for service in services {
                pd.update_service_safe_point(&service, 0, 0).await?;
            }
        }
        Err(error) => {
            tracing::warn!(%error, "holds on garbage collection cannot be listed; they expire by themselves")
        }
    }
    let unregistering = async {
        for (_, lease) in pd.registrations(&registrations(import_id)).await? {
            pd.unregister(lease).await?;
        }
        Ok::<_, ClusterError>(())
    };
    if let Err(error) = unregistering.await {
        tracing::debug!(%error, "registrations cannot be removed; they end by themselves");
    }
    let ranges = mode_ranges(pd, tikv, ranges).await?;
    leave_import_mode(pd, tikv, &ranges).await
}

/// Whether label rules of a PD of this version end by themselves. One that says no version is taken for a new one.
fn rules_end(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split(['.', '-']).map(|part| part.parse::<u64>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= RULES_END_SINCE,
        _ => true,
    }
}

/// Deletes all rules whose name starts with `prefix` and verifies it.
async fn delete_rules(pd: &Pd, prefix: &str) -> Result<(), ClusterError> {
    let rules = pd.label_rules(prefix).await?;
    pd.delete_label_rules(&rules).await?;
    let left = if rules.is_empty() { rules } else { pd.label_rules(prefix).await? };
    if left.is_empty() {
        return Ok(());
    }
    Err(ClusterError::protocol(&pd.leader(), format!("label rules are still there: {}", left.join(", "))))
}

/// Switches stores back, unless another import of ours still needs them: it renews import mode itself,
/// and without anybody's renewal a store goes back by itself.
async fn leave_import_mode(pd: &Pd, tikv: &Tikv, ranges: &[KeyRange]) -> Result<(), ClusterError> {
    if ranges.is_empty() {
        let others = pd.label_rules(LABEL_PREFIX).await.unwrap_or_default();
        if !others.is_empty() {
            tracing::info!(others = others.len(), "stores stay in import mode for other imports");
            return Ok(());
        }
    }
    switch_all(pd, tikv, ImportMode::Normal, ranges).await
}

/// Switches all stores; one that is down is no error, because it comes back in normal mode. If none can be reached, it
/// is tried again.
pub async fn switch_all(
    pd: &Pd,
    tikv: &Tikv,
    mode: ImportMode,
    ranges: &[KeyRange],
) -> Result<(), ClusterError> {
    let stores = pd.stores().await?;
    let mut attempt = 0;
    let (results, reached) = loop {
        let switches = stores.iter().map(|store| tikv.switch_mode(store, mode, ranges));
        let results = futures::future::join_all(switches).await;
        let reached = results.iter().any(|result| result.is_ok());
        let hopeless =
            results.iter().filter_map(|result| result.as_ref().err()).any(|error| !error.is_retryable());
        if reached || hopeless || stores.is_empty() || attempt + 1 >= SWITCH_ATTEMPTS {
            break (results, reached);
        }
        let wait = tikv.env().backoff(attempt, Duration::from_millis(200), Duration::from_secs(5));
        tikv.env().sleep(wait, "no store could be switched").await;
        attempt += 1;
    };
    for result in results {
        match result {
            Err(error) if error.is_retryable() && reached => {
                tracing::warn!(%error, ?mode, "a store could not be switched");
            }
            result => drop(result?),
        }
    }
    Ok(())
}

/// Import mode is set by range only where every region has a database of its own.
async fn mode_ranges(pd: &Pd, tikv: &Tikv, ranges: &[KeyRange]) -> Result<Vec<KeyRange>, ClusterError> {
    let stores = pd.stores().await?;
    let Some(store) = stores.iter().find(|store| store.is_up && !store.is_tiflash) else {
        return Ok(Vec::new());
    };
    match tikv.store_config(store).await {
        Ok(config) if config.is_partitioned => Ok(ranges.to_vec()),
        Ok(_) => Ok(Vec::new()),
        Err(error) => {
            tracing::warn!(%error, "a store's settings cannot be read; import mode is set for whole stores");
            Ok(Vec::new())
        }
    }
}

/// Settings for the time of an import: no merges, and as much rebalancing of new regions as the stores take.
fn overrides(current: &BTreeMap<String, Value>, stores: usize) -> BTreeMap<String, Value> {
    let mut settings = BTreeMap::from([
        ("schedule.merge-schedule-limit".to_owned(), json!(0)),
        ("schedule.enable-location-replacement".to_owned(), json!("false")),
        ("schedule.max-pending-peer-count".to_owned(), json!(i32::MAX)),
    ]);
    for name in ["leader-schedule-limit", "region-schedule-limit", "max-snapshot-count"] {
        if let Some(value) = current.get(name).and_then(Value::as_u64) {
            let scaled = value.saturating_mul(stores as u64).min(40);
            settings.insert(format!("schedule.{name}"), json!(scaled));
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_the_import_and_the_holder() {
        let options = LeaseOptions::new("i-7", "finalizer", vec![(b"a".to_vec(), b"b".to_vec())]);
        assert_eq!(options.rule_id(), "thunderhead/i-7/finalizer");
        assert_eq!(options.service(), "thunderhead-i-7-finalizer");
        let key = "/tidb/brie/import/lightning/thunderhead-i-7/finalizer";
        assert_eq!(options.registration().as_deref(), Some(key));
        let reads = LeaseOptions { pause: PauseScope::None, ..options };
        assert_eq!(reads.registration(), None, "who only holds versions is no import to others");
    }

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

    #[test]
    fn overrides_stop_merges_and_are_bounded() {
        let current = BTreeMap::from([
            ("leader-schedule-limit".to_owned(), json!(4)),
            ("region-schedule-limit".to_owned(), json!(2048)),
        ]);
        let settings = overrides(&current, 3);
        assert_eq!(settings.get("schedule.merge-schedule-limit"), Some(&json!(0)));
        assert_eq!(settings.get("schedule.leader-schedule-limit"), Some(&json!(12)));
        assert_eq!(settings.get("schedule.region-schedule-limit"), Some(&json!(40)));
        assert_eq!(settings.get("schedule.max-snapshot-count"), None, "a PD that does not say is left alone");
    }
}
