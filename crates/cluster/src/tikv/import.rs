//! Requests to the import service that carry no data: ingest, import mode, compaction, partition hints;
//! and the split of a region.

use std::time::Duration;

use th_proto::import_sstpb::{self, SstMeta};
use th_proto::{kvrpcpb, metapb};

use super::Tikv;
use crate::diagnosis;
use crate::net::within;
use crate::pd::encoded_range;
use crate::{ClusterError, Diagnosis, RegionInfo, StoreInfo};

/// How a store treats compaction and splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    /// As usual.
    Normal,
    /// Tuned for ingest; a store goes back to normal by itself ten minutes after the last request.
    Import,
}

impl Tikv {
    /// Ingests files that all peers have, through the leader. `Ok` means applied by the leader.
    pub async fn multi_ingest(
        &self,
        region: &RegionInfo,
        leader: metapb::Peer,
        files: &[SstMeta],
    ) -> Result<(), Diagnosis> {
        let store = self.store(leader.store_id).await?;
        let request = import_sstpb::MultiIngestRequest {
            context: Some(self.region_context(region, leader)),
            ssts: files.to_vec(),
        };
        let mut client = self.import_client(&store)?;
        let places = self.inner.admission.enter(vec![store.id], self.inner.options.write_timeout).await?;
        let answer = within(self.ingest_timeout(), client.multi_ingest(request)).await;
        let outcome = match answer.as_ref().map(|answer| &answer.error) {
            Err(status) => Err(diagnosis::of_status(&store.import_address, status)),
            Ok(Some(error)) => Err(diagnosis::of_region_error(&store.import_address, error)),
            Ok(None) => Ok(()),
        };
        places.heed(store.id, &outcome);
        outcome
    }

    /// Asks every TiKV peer of a region whether it would ingest now, by an ingest of nothing. A refusal is that of a busy
    /// (or suspended) store; what else a store says against an ingest of nothing does not count.
    pub async fn check_not_busy(&self, region: &RegionInfo) -> Result<(), Diagnosis> {
        let asking = region.region.peers.iter().map(|peer| async move {
            let store = self.store(peer.store_id).await?;
            if store.is_tiflash {
                return Ok(());
            }
            let context = Some(self.region_context(region, *peer));
            let request = import_sstpb::MultiIngestRequest { context, ssts: Vec::new() };
            let mut client = self.import_client(&store)?;
            let answer = within(self.ingest_timeout(), client.multi_ingest(request)).await;
            match answer.ok().and_then(|answer| answer.error) {
                Some(error) if error.server_is_busy.is_some() => {
                    Err(diagnosis::of_region_error(&store.import_address, &error))
                }
                // Nobody answers, perhaps: the write will tell.
                _ => Ok(()),
            }
        });
        futures::future::try_join_all(asking).await.map(drop)
    }

    /// An ingest waits for Raft and for RocksDB, longer than a small request may.
    fn ingest_timeout(&self) -> Duration {
        self.inner.options.request_timeout * 4
    }

    /// Switches one store's mode, for the whole store or (empty = whole) for ranges of user keys. A store that
    /// knows no import mode (TiFlash) is left as it is; the answer says whether it was switched.
    pub async fn switch_mode(
        &self,
        store: &StoreInfo,
        mode: ImportMode,
        ranges: &[(Vec<u8>, Vec<u8>)],
    ) -> Result<bool, ClusterError> {
        if store.is_tiflash {
            return Ok(false);
        }
        let mut request = import_sstpb::SwitchModeRequest::default();
        request.set_mode(match mode {
            ImportMode::Normal => import_sstpb::SwitchMode::Normal,
            ImportMode::Import => import_sstpb::SwitchMode::Import,
        });
        request.ranges = ranges.iter().map(|(start, end)| encoded_range(start, end)).collect();
        let mut client = self.import_client(store)?;
        match within(self.inner.options.request_timeout, client.switch_mode(request)).await {
            Ok(_) => Ok(true),
            Err(status) if status.code() == tonic::Code::Unimplemented => Ok(false),
            Err(status) => Err(ClusterError::from_status(&store.import_address, "SwitchMode", &status)),
        }
    }

    /// Compacts a range of user keys (empty = no bound) on one store down to `output_level` (-1 = the last).
    pub async fn compact(
        &self,
        store: &StoreInfo,
        start: &[u8],
        end: &[u8],
        output_level: i32,
        limit: Duration,
    ) -> Result<(), ClusterError> {
        let bounded = !(start.is_empty() && end.is_empty());
        let request = import_sstpb::CompactRequest {
            range: bounded.then(|| encoded_range(start, end)),
            output_level,
            context: Some(self.bare_context()),
        };
        let mut client = self.import_client(store)?;
        within(limit, client.compact(request))
            .await
            .map(drop)
            .map_err(|status| ClusterError::from_status(&store.import_address, "Compact", &status))
    }

    /// Makes a store cut files at region borders within a range of user keys until `ttl` has passed, so that
    /// ingested files fall to the bottom level. `false`: the store is too old to know it.
    pub async fn add_partition_range(
        &self,
        store: &StoreInfo,
        start: &[u8],
        end: &[u8],
        ttl: Duration,
    ) -> Result<bool, ClusterError> {
        let range = Some(import_sstpb::Range { start: start.to_vec(), end: end.to_vec() });
        let request = import_sstpb::AddPartitionRangeRequest { range, ttl_seconds: ttl.as_secs() };
        let mut client = self.import_client(store)?;
        let result =
            within(self.inner.options.request_timeout, client.add_force_partition_range(request)).await;
        known(store, "AddForcePartitionRange", result.map(drop))
    }

    /// Takes back [`Tikv::add_partition_range`].
    pub async fn remove_partition_range(
        &self,
        store: &StoreInfo,
        start: &[u8],
        end: &[u8],
    ) -> Result<bool, ClusterError> {
        let range = Some(import_sstpb::Range { start: start.to_vec(), end: end.to_vec() });
        let request = import_sstpb::RemovePartitionRangeRequest { range };
        let mut client = self.import_client(store)?;
        let result =
            within(self.inner.options.request_timeout, client.remove_force_partition_range(request)).await;
        known(store, "RemoveForcePartitionRange", result.map(drop))
    }

    /// Splits a region at user keys strictly inside it, ascending. Returns all resulting regions.
    pub async fn split_region(
        &self,
        region: &RegionInfo,
        user_keys: Vec<Vec<u8>>,
    ) -> Result<Vec<metapb::Region>, Diagnosis> {
        let (leader, store) = self.leader_of(region).await?;
        let request = kvrpcpb::SplitRegionRequest {
            context: Some(self.region_context(region, leader)),
            split_keys: user_keys,
            ..Default::default()
        };
        let mut client = self.kv_client(&store)?;
        let answer = within(self.inner.options.request_timeout, client.split_region(request))
            .await
            .map_err(|status| diagnosis::of_status(&store.address, &status))?;
        if let Some(error) = &answer.region_error {
            return Err(diagnosis::of_region_error(&store.address, error));
        }
        Ok(if answer.regions.is_empty() {
            answer.left.into_iter().chain(answer.right).collect()
        } else {
            answer.regions
        })
    }
}

/// `false` for a call that an old server does not know.
fn known(store: &StoreInfo, what: &str, result: Result<(), tonic::Status>) -> Result<bool, ClusterError> {
    match result {
        Ok(()) => Ok(true),
        Err(status) if status.code() == tonic::Code::Unimplemented => Ok(false),
        Err(status) => Err(ClusterError::from_status(&store.import_address, what, &status)),
    }
}
