//! A pause of scheduling for the whole cluster.
//!
//! PD does not say who paused a scheduler, so whoever does writes what it paused into its registration: another process
//! of the import can then end the pause of one that died.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::pd::{Registration, SCHEDULERS_TO_PAUSE};
use crate::{ClusterError, ErrorKind, Pd};

use super::names::{IMPORTS, REGISTRATION};

/// What is paused; nothing, if scheduling goes on or only the import's ranges are left alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Paused {
    schedulers: Vec<String>,
    /// Settings that are overridden, as they are for the time of the import.
    settings: BTreeMap<String, Value>,
}

impl Paused {
    /// What an import pauses of this cluster.
    pub(super) async fn of(pd: &Pd) -> Result<Self, ClusterError> {
        let running = pd.schedulers().await?;
        let known = |name: &String| SCHEDULERS_TO_PAUSE.contains(&name.as_str());
        let stores = pd.stores().await?.len();
        Ok(Self {
            schedulers: running.into_iter().filter(known).collect(),
            settings: overrides(&pd.schedule_config().await?, stores),
        })
    }

    fn is_empty(&self) -> bool {
        self.schedulers.is_empty() && self.settings.is_empty()
    }

    /// As a registration says it; no bytes for nothing.
    pub(super) fn said(&self) -> Vec<u8> {
        if self.is_empty() { Vec::new() } else { serde_json::to_vec(self).unwrap_or_default() }
    }

    fn read(said: &[u8]) -> Self {
        serde_json::from_slice(said).unwrap_or_default()
    }

    pub(super) async fn renew(&self, pd: &Pd, ttl: Duration) -> Result<(), ClusterError> {
        for scheduler in &self.schedulers {
            match pd.pause_scheduler(scheduler, ttl).await {
                // Removed by somebody meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                result => result?,
            }
        }
        pd.set_config_with_ttl(&self.settings, ttl).await
    }

    /// Ends it; everything is tried, and the first failure returned.
    pub(super) async fn end(&self, pd: &Pd) -> Result<(), ClusterError> {
        let mut results = Vec::new();
        for scheduler in &self.schedulers {
            let result = pd.pause_scheduler(scheduler, Duration::ZERO).await;
            results.push(result.or_else(|error| match error.kind() {
                ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            }));
        }
        if !self.settings.is_empty() {
            results.push(pd.set_config_with_ttl(&self.settings, Duration::ZERO).await);
        }
        results.into_iter().collect()
    }
}

/// Ends registrations, and before them the pauses that they tell of unless somebody else may need them: another import
/// that paused the cluster, or another tool, of which it is not known. Those end by themselves.
pub(super) async fn end_registrations(pd: &Pd, ended: &[Registration]) -> Result<(), ClusterError> {
    let mut paused = Paused::default();
    for Registration { value, .. } in ended {
        let Paused { schedulers, settings } = Paused::read(value);
        paused.schedulers.extend(schedulers);
        paused.settings.extend(settings);
    }
    paused.schedulers.sort_unstable();
    paused.schedulers.dedup();
    let resumed = if paused.is_empty() { Ok(()) } else { end_unless_needed(pd, &paused, ended).await };
    for Registration { key, lease, .. } in ended {
        // Gone meanwhile, it is as it should be.
        if let Err(error) = pd.unregister(*lease).await {
            tracing::debug!(%error, key, "a registration is not ended");
        }
    }
    resumed
}

async fn end_unless_needed(pd: &Pd, paused: &Paused, ended: &[Registration]) -> Result<(), ClusterError> {
    let registered = pd.registrations(IMPORTS).await?;
    let may_need = |other: &&Registration| {
        let is_ended = ended.iter().any(|registration| registration.key == other.key);
        !is_ended && (!other.key.starts_with(REGISTRATION) || !Paused::read(&other.value).is_empty())
    };
    if let Some(other) = registered.iter().find(may_need) {
        tracing::info!(other = other.key, "scheduling stays paused, because another import may need it");
        return Ok(());
    }
    paused.end(pd).await
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
    fn a_registration_says_what_is_paused() {
        let paused = Paused {
            schedulers: vec!["balance-leader-scheduler".to_owned()],
            settings: BTreeMap::from([("schedule.merge-schedule-limit".to_owned(), json!(0))]),
        };
        assert_eq!(Paused::read(&paused.said()), paused);
        assert!(Paused::default().said().is_empty());
        for other in [b"".as_slice(), b"{}", b"not ours"] {
            assert!(Paused::read(other).is_empty());
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
