//! What imports of ours hold in a cluster, or have left there, and giving it back.
//!
//! Everything expires by itself ([`super`]), so nobody *has* to clean up; this is for those who
//! do not want to wait, and for those who want to be sure. Names that do not start like ours are never
//! touched.

use std::collections::BTreeSet;

use super::KeyRange;
use super::mode::{leave_import_mode, mode_ranges, switch_all};
use super::names::{LABEL_PREFIX, REGISTRATION, SERVICE_PREFIX, registrations, service_name};
use super::pause::end_registrations;
use crate::pd::Registration;
use crate::{ClusterError, ImportMode, Pd, Tikv};

/// State of ours in a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Label rules that keep PD from scheduling a table's regions, `thunderhead/{import}/{holder}`.
    pub label_rules: Vec<String>,
    /// Holds on garbage collection, `thunderhead-{import}-{holder}`.
    pub safe_points: Vec<String>,
    /// Keys under which other tools see an import, with the leases by which they live.
    pub registrations: Vec<Registration>,
    /// Paused schedulers. PD does not say by whom; a pause ends by itself. Those that a registration tells of are given
    /// back with it.
    pub paused_schedulers: Vec<String>,
}

impl Leftovers {
    /// Finds what imports (or this one alone) hold.
    pub async fn find(pd: &Pd, import_id: Option<&str>) -> Result<Self, ClusterError> {
        let rules = match import_id {
            Some(id) => format!("{LABEL_PREFIX}{id}/"),
            None => LABEL_PREFIX.to_owned(),
        };
        let services = match import_id {
            Some(id) => format!("{SERVICE_PREFIX}{id}-"),
            None => SERVICE_PREFIX.to_owned(),
        };
        let registered = import_id.map_or_else(|| REGISTRATION.to_owned(), registrations);
        Ok(Self {
            label_rules: pd.label_rules(&rules).await?,
            safe_points: pd.service_safe_points(&services).await?,
            registrations: pd.registrations(&registered).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "registrations cannot be read");
                Vec::new()
            }),
            paused_schedulers: pd.paused_schedulers().await?,
        })
    }

    /// Whether there is nothing that carries our name.
    pub fn is_empty(&self) -> bool {
        self.label_rules.is_empty() && self.safe_points.is_empty() && self.registrations.is_empty()
    }

    /// The rules of imports that work on a part of these ranges of user keys.
    pub async fn over(pd: &Pd, ranges: &[(Vec<u8>, Vec<u8>)]) -> Result<Self, ClusterError> {
        Ok(Self { label_rules: pd.label_rules_over(LABEL_PREFIX, ranges).await?, ..Self::default() })
    }

    /// Imports that hold something, by the names of their rules.
    pub fn imports(&self) -> BTreeSet<&str> {
        let of = |rule: &'_ String| -> Option<usize> { rule.strip_prefix(LABEL_PREFIX)?.find('/') };
        self.label_rules
            .iter()
            .filter_map(|rule| rule.get(LABEL_PREFIX.len()..LABEL_PREFIX.len() + of(rule)?))
            .collect()
    }

    /// Gives all of it back; with `normal_mode` stores leave import mode, too. Looks again afterwards: what
    /// is returned is still there, because a running import renews it.
    pub async fn restore(
        &self,
        pd: &Pd,
        tikv: &Tikv,
        import_id: Option<&str>,
        normal_mode: bool,
    ) -> Result<Self, ClusterError> {
        pd.delete_label_rules(&self.label_rules).await?;
        for service in &self.safe_points {
            pd.update_service_safe_point(service, 0, 0).await?;
        }
        end_registrations(pd, &self.registrations).await?;
        if normal_mode {
            switch_all(pd, tikv, ImportMode::Normal, &[]).await?;
        }
        Self::find(pd, import_id).await
    }
}

/// Gives back whatever holders of an import may have left: rules, safe points, pauses, import mode.
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
    let ending = async { end_registrations(pd, &pd.registrations(&registrations(import_id)).await?).await };
    if let Err(error) = ending.await {
        tracing::warn!(%error, "pauses of scheduling and registrations may be left; they end by themselves");
    }
    let ranges = mode_ranges(pd, tikv, ranges).await?;
    leave_import_mode(pd, tikv, &ranges).await
}

/// Deletes all rules whose name starts with `prefix` and verifies it.
pub(super) async fn delete_rules(pd: &Pd, prefix: &str) -> Result<(), ClusterError> {
    let rules = pd.label_rules(prefix).await?;
    pd.delete_label_rules(&rules).await?;
    let left = if rules.is_empty() { rules } else { pd.label_rules(prefix).await? };
    if left.is_empty() {
        return Ok(());
    }
    Err(ClusterError::protocol(&pd.leader(), format!("label rules are still there: {}", left.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_known_by_their_rules() {
        let leftovers = Leftovers {
            label_rules: ["thunderhead/a/finalizer", "thunderhead/a/worker-1", "thunderhead/b-2/x", "odd"]
                .map(str::to_owned)
                .to_vec(),
            ..Leftovers::default()
        };
        assert_eq!(leftovers.imports(), BTreeSet::from(["a", "b-2"]));
        assert!(!leftovers.is_empty());
        let paused = vec!["balance-leader-scheduler".to_owned()];
        assert!(Leftovers { paused_schedulers: paused, ..Leftovers::default() }.is_empty());
    }
}
