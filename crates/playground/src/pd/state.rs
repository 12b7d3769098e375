//! PD's settings and leases: label rules, scheduler pauses, temporary configuration, service safe points.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Result;
use crate::meta::MetaStore;
use crate::pd::labels::LabelRule;

/// Schedulers that a fresh PD runs, in the order it lists them.
pub(crate) const SCHEDULERS: [&str; 5] = [
    "balance-region-scheduler",
    "balance-leader-scheduler",
    "balance-hot-region-scheduler",
    "evict-slow-store-scheduler",
    "evict-stopping-store-scheduler",
];
/// The garbage collector's own hold.
pub(crate) const GC_WORKER: &str = "gc_worker";
const TEN_MINUTES_MS: u64 = 600_000;

/// A service's hold on garbage collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceSafePoint {
    pub(crate) safe_point: u64,
    /// Seconds since 1970; `i64::MAX` never ends.
    pub(crate) expires_at: i64,
}

/// A key of the etcd inside PD, with the lease that it ends with (0 = none).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EtcdKey {
    pub(crate) value: Vec<u8>,
    pub(crate) lease: i64,
}

/// Everything of PD's that is no region.
pub(crate) struct PdState {
    inner: Mutex<PdData>,
}

/// The data; times in seconds since 1970.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct PdData {
    /// By id.
    pub(crate) label_rules: BTreeMap<String, LabelRule>,
    /// Paused schedulers and the end of their pause.
    pub(crate) paused: BTreeMap<String, i64>,
    /// Temporary configuration: value and end.
    pub(crate) ttl_config: BTreeMap<String, (Value, i64)>,
    /// Lasting configuration changes, by dotted key.
    pub(crate) config: BTreeMap<String, Value>,
    /// Holds on garbage collection.
    pub(crate) services: BTreeMap<String, ServiceSafePoint>,
    /// The cluster's safe point.
    pub(crate) gc_safe_point: u64,
    /// Leases of etcd: seconds to live, and their end.
    #[serde(default)]
    pub(crate) etcd_leases: BTreeMap<i64, (i64, i64)>,
    /// Keys of etcd.
    #[serde(default)]
    pub(crate) etcd: BTreeMap<String, EtcdKey>,
}

impl PdState {
    /// Reads what a former run left.
    pub(crate) fn open(meta: &MetaStore, now_micros: i64) -> Result<Self> {
        let mut data: PdData = meta.get("pd")?.unwrap_or_default();
        let now_ms = u64::try_from(now_micros / 1000).unwrap_or(0);
        for rule in data.label_rules.values_mut() {
            // Ends of labels are not stored; a restart starts their time again, they still end by themselves.
            if let Err(message) = rule.start(now_micros.div_euclid(1_000_000)) {
                tracing::warn!(rule = rule.id, message, "stored label rule is not valid any more");
            }
        }
        data.services.entry(GC_WORKER.to_owned()).or_insert(ServiceSafePoint {
            safe_point: now_ms.saturating_sub(TEN_MINUTES_MS) << 18,
            expires_at: i64::MAX,
        });
        Ok(Self { inner: Mutex::new(data) })
    }

    /// Looks at the data as it is at `now` (seconds): whatever has expired is gone.
    pub(crate) fn look<T>(&self, now: i64, act: impl FnOnce(&PdData) -> T) -> T {
        let mut data = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        data.expire(now);
        act(&data)
    }

    /// Changes the data and stores it.
    pub(crate) fn change<T>(
        &self,
        meta: &MetaStore,
        now: i64,
        act: impl FnOnce(&mut PdData) -> T,
    ) -> Result<T> {
        let mut data = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        data.expire(now);
        let outcome = act(&mut data);
        meta.put("pd", &*data)?;
        Ok(outcome)
    }
}

impl PdData {
    fn expire(&mut self, now: i64) {
        self.paused.retain(|_, end| *end > now);
        self.ttl_config.retain(|_, (_, end)| *end > now);
        self.services.retain(|_, service| service.expires_at > now);
        self.label_rules.retain(|_, rule| rule.expire(now));
        let ended: Vec<i64> =
            self.etcd_leases.iter().filter(|(_, (_, end))| *end <= now).map(|(id, _)| *id).collect();
        for id in ended {
            self.end_lease(id);
        }
    }

    /// Ends a lease of etcd with its keys; false if there is none.
    pub(crate) fn end_lease(&mut self, id: i64) -> bool {
        self.etcd.retain(|_, key| key.lease != id);
        self.etcd_leases.remove(&id).is_some()
    }

    /// The service that holds garbage collection back most.
    pub(crate) fn minimum_service(&self) -> Option<(&String, &ServiceSafePoint)> {
        self.services.iter().min_by_key(|(_, service)| service.safe_point)
    }

    /// PD's `UpdateServiceGCSafePoint`: a ttl of zero or less removes; a point below the minimum is
    /// not taken; the answer is the minimum service, not the asker's.
    pub(crate) fn update_service(
        &mut self,
        id: &str,
        ttl: i64,
        safe_point: u64,
        now: i64,
    ) -> Option<(String, ServiceSafePoint)> {
        if ttl <= 0 {
            if id != GC_WORKER {
                self.services.remove(id);
            }
        } else if self.minimum_service().is_none_or(|(_, minimum)| safe_point >= minimum.safe_point) {
            let expires_at = if ttl == i64::MAX { i64::MAX } else { now.saturating_add(ttl) };
            self.services.insert(id.to_owned(), ServiceSafePoint { safe_point, expires_at });
        }
        self.minimum_service().map(|(id, service)| (id.clone(), service.clone()))
    }
}
