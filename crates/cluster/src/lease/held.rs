//! What a lease holds: taken and renewed by the same requests, and given back.

use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use th_env::Env;

use super::leftovers::delete_rules;
use super::mode::{leave_import_mode, switch_all};
use super::pause::Paused;
use super::{KeyRange, LeaseOptions, PauseScope};
use crate::pd::LabelRule;
use crate::{ClusterError, ImportMode, Pd, Tikv};

pub(super) struct Held {
    pub(super) env: Env,
    pub(super) pd: Pd,
    pub(super) tikv: Tikv,
    pub(super) options: LeaseOptions,
    /// Ranges for stores with a mode for each range; empty for those with one mode.
    pub(super) mode_ranges: Vec<KeyRange>,
    /// Of the whole cluster; nothing in the other scopes.
    pub(super) paused: Paused,
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
            PauseScope::Cluster => self.paused.renew(&self.pd, options.ttl).await?,
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
        let lease = self.pd.register(key, &self.paused.said(), self.options.ttl).await?;
        *self.registered.lock().unwrap_or_else(PoisonError::into_inner) = lease;
        Ok(())
    }

    pub(super) async fn release(&self) -> Result<(), ClusterError> {
        let options = &self.options;
        // Try everything even if a part fails, and report the first failure.
        let mut results = Vec::new();
        if options.pause == PauseScope::Cluster {
            results.push(self.paused.end(&self.pd).await);
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
