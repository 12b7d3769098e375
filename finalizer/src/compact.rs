//! `post-restore.level-1-compact` and `compact`: the stores merge what was ingested with what they held.

use th_connect::LONG_STATEMENT;

use crate::{Finalizer, verify};

/// The level that `level-1-compact` ends at, and TiKV's word for the last one.
const LEVEL_1: i32 = 1;
const LAST_LEVEL: i32 = -1;

/// Compacts the tables' ranges on every store, all stores at once. A store that cannot is no reason to fail: it does so by
/// itself in time.
pub(crate) async fn compact(finalizer: &Finalizer<'_>) -> Result<(), th_errors::Fault> {
    let configured = &finalizer.config.post_restore;
    let level = match (configured.compact, configured.level_1_compact) {
        (true, _) => LAST_LEVEL,
        (false, true) => LEVEL_1,
        (false, false) => return Ok(()),
    };
    let tables = finalizer.plan.tables.iter().map(verify::table).collect::<Result<Vec<_>, _>>()?;
    let ranges = &th_connect::key_ranges(&tables);
    let cluster = finalizer.cluster;
    let stores = cluster.pd.stores().await.map_err(|error| th_connect::fault::of_cluster(&error))?;
    let stores = stores.iter().filter(|store| store.is_up && !store.is_tiflash);
    let compactions = stores.map(|store| async move {
        for (start, end) in ranges {
            match cluster.tikv.compact(store, start, end, level, LONG_STATEMENT).await {
                Ok(()) => tracing::info!(store = store.id, level, "compacted"),
                Err(error) => {
                    tracing::warn!(store = store.id, %error, "cannot compact; the store will do so by itself");
                    return;
                }
            }
        }
    });
    futures::future::join_all(compactions).await;
    Ok(())
}
