//! Import mode of the stores: for all of a store, or by range where every region has a database of its own.

use std::time::Duration;

use super::{KeyRange, LABEL_PREFIX};
use crate::{ClusterError, ImportMode, Pd, Tikv};

/// Tries of switching the stores' mode while none of them can be reached.
const SWITCH_ATTEMPTS: u32 = 5;

/// Switches stores back, unless another import of ours still needs them: it renews import mode itself,
/// and without anybody's renewal a store goes back by itself.
pub(super) async fn leave_import_mode(pd: &Pd, tikv: &Tikv, ranges: &[KeyRange]) -> Result<(), ClusterError> {
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
pub(super) async fn mode_ranges(
    pd: &Pd,
    tikv: &Tikv,
    ranges: &[KeyRange],
) -> Result<Vec<KeyRange>, ClusterError> {
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
