//! The end of what was put off: tables get their indexes and their replicas in TiFlash.

use th_connect::{deferred, fault};
use th_env::Step;
use th_errors::Fault;
use th_ledger::Deferred;

use crate::Finalizer;

impl Finalizer<'_> {
    pub(crate) async fn put_off(&self) -> Result<Option<Deferred>, Fault> {
        self.ledger.deferred().await.map_err(|error| fault::of_ledger(&error))
    }

    /// Adds the indexes, in the cluster's normal mode. Returns why, if the target refuses.
    pub(crate) async fn add_indexes(&self, noted: &Deferred) -> Result<Option<Fault>, Fault> {
        if !noted.has_indexes() {
            return Ok(None);
        }
        self.normal_mode().await?;
        let tidb = self.cluster.tidb().map_err(|error| fault::of_cluster(&error))?;
        let refused = deferred::add_indexes(tidb, self.env, noted).await?;
        Step::IndexesAdded.reached();
        Ok(refused)
    }

    /// Sets the replicas, which TiDB fills in its own time, and returns what tables have still not got back. Indexes of a
    /// failed import are among it: rows may still come in, and whoever removes them has the indexes for nothing.
    pub(crate) async fn set_replicas(&self, noted: Option<&Deferred>) -> Vec<String> {
        let Some(noted) = noted else { return Vec::new() };
        match self.cluster.tidb() {
            Ok(tidb) => {
                deferred::set_replicas(tidb, noted).await;
                Step::ReplicasSet.reached();
                deferred::left_to_do(tidb, noted).await
            }
            Err(_) => noted.statements.clone(),
        }
    }
}
