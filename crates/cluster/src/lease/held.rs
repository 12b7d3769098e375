//! What a lease holds: taken and renewed by the same requests, and given back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use th_env::Env;

use super::leftovers::delete_rules;
use super::mode::{leave_import_mode, switch_all};
use super::{KeyRange, LeaseOptions, PauseScope};
use crate::pd::LabelRule;
use crate::{ClusterError, ErrorKind, ImportMode, Pd, Tikv};

pub(super) struct Held {
    pub(super) env: Env,
    pub(super) pd: Pd,
    pub(super) tikv: Tikv,
    pub(super) options: LeaseOptions,
    /// Ranges for stores with a mode for each range; empty for those with one mode.
    pub(super) mode_ranges: Vec<KeyRange>,
    /// Original values of settings that are overridden, scaled for the import.
    pub(super) overrides: BTreeMap<String, Value>,
    pub(super) schedulers: Vec<String>,
    /// Lease of the registration, 0 without one.
    pub(super) registered: Mutex<i64>,
    pub(super) renewed_micros: AtomicI64,
    pub(super) failures: AtomicU32,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Held {
    pub(super) async fn keep(self: Arc<Self>) {
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

    pub(super) async fn renew(&self) -> Result<(), ClusterError> {
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

    pub(super) async fn release(&self) -> Result<(), ClusterError> {
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

/// Settings for the time of an import: no merges, and as much rebalancing of new regions as the stores take.
pub(super) fn overrides(current: &BTreeMap<String, Value>, stores: usize) -> BTreeMap<String, Value> {
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
