//! Stores, and the hold on garbage collection.

use th_proto::{metapb, pdpb};

use super::Pd;
use crate::ClusterError;

/// A store of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreInfo {
    /// Store id.
    pub id: u64,
    /// Where key-value requests go.
    pub address: String,
    /// Where import requests go: on TiFlash not the same as `address`.
    pub import_address: String,
    /// `host:port` of the HTTP status API; empty if unknown.
    pub status_address: String,
    /// Version, e.g. `8.5.1`.
    pub version: String,
    /// Whether it is TiFlash: it gets written to as a learner, but knows no import mode and no split.
    pub is_tiflash: bool,
    /// Whether it is up (not being removed).
    pub is_up: bool,
}

impl StoreInfo {
    fn from_proto(store: metapb::Store) -> Self {
        let is_tiflash = store
            .labels
            .iter()
            .any(|label| label.key.eq_ignore_ascii_case("engine") && label.value.starts_with("tiflash"));
        let import_address = if is_tiflash && !store.peer_address.is_empty() {
            store.peer_address.clone()
        } else {
            store.address.clone()
        };
        Self {
            id: store.id,
            is_up: store.state() == metapb::StoreState::Up,
            import_address,
            address: store.address,
            status_address: store.status_address,
            version: store.version,
            is_tiflash,
        }
    }
}

/// Disk space of a store, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreSpace {
    /// Whole disk, or what the store may use of it.
    pub capacity: u64,
    /// What is left.
    pub available: u64,
    /// What its data takes.
    pub used: u64,
    /// Regions it has a peer of.
    pub regions: u32,
}

impl Pd {
    /// All stores that are not gone for good.
    pub async fn stores(&self) -> Result<Vec<StoreInfo>, ClusterError> {
        let answer = self
            .call("GetAllStores", |mut client, header| async move {
                client
                    .get_all_stores(pdpb::GetAllStoresRequest { header, exclude_tombstone_stores: true })
                    .await
            })
            .await?;
        let alive = |store: &metapb::Store| store.state() != metapb::StoreState::Tombstone;
        Ok(answer.stores.into_iter().filter(alive).map(StoreInfo::from_proto).collect())
    }

    /// One store's disk space, as it last reported.
    pub async fn store_space(&self, store_id: u64) -> Result<StoreSpace, ClusterError> {
        let answer = self
            .call("GetStore", |mut client, header| async move {
                client.get_store(pdpb::GetStoreRequest { header, store_id }).await
            })
            .await?;
        let stats = answer.stats.unwrap_or_default();
        Ok(StoreSpace {
            capacity: stats.capacity,
            available: stats.available,
            used: stats.used_size,
            regions: stats.region_count,
        })
    }

    /// A new id, unique in the cluster.
    pub async fn alloc_id(&self) -> Result<u64, ClusterError> {
        let answer = self
            .call("AllocID", |mut client, header| async move {
                client.alloc_id(pdpb::AllocIdRequest { header }).await
            })
            .await?;
        Ok(answer.id)
    }

    /// Keeps versions at or above `safe_point` from garbage collection for `ttl_seconds`, in the name of
    /// `service`; zero or less removes the hold. Returns the smallest safe point of all services: greater than
    /// `safe_point` means that the hold came too late.
    pub async fn update_service_safe_point(
        &self,
        service: &str,
        ttl_seconds: i64,
        safe_point: u64,
    ) -> Result<u64, ClusterError> {
        let answer = self
            .call("UpdateServiceGCSafePoint", |mut client, header| {
                let service_id = service.as_bytes().to_vec();
                // PD removes at -1; a plain 0 would be taken for "expires at once".
                let ttl = if ttl_seconds > 0 { ttl_seconds } else { -1 };
                async move {
                    client
                        .update_service_gc_safe_point(pdpb::UpdateServiceGcSafePointRequest {
                            header,
                            service_id,
                            ttl,
                            safe_point,
                        })
                        .await
                }
            })
            .await?;
        Ok(answer.min_safe_point)
    }

    /// Versions older than this may be gone.
    pub async fn gc_safe_point(&self) -> Result<u64, ClusterError> {
        let answer = self
            .call("GetGCSafePoint", |mut client, header| async move {
                client.get_gc_safe_point(pdpb::GetGcSafePointRequest { header }).await
            })
            .await?;
        Ok(answer.safe_point)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_requests_to_tiflash_go_to_its_peer_address() {
        let store = |engine: &str| metapb::Store {
            id: 7,
            address: "t:3930".to_owned(),
            peer_address: "t:20170".to_owned(),
            labels: vec![metapb::StoreLabel { key: "engine".to_owned(), value: engine.to_owned() }],
            ..Default::default()
        };
        let tiflash = StoreInfo::from_proto(store("tiflash"));
        assert!(tiflash.is_tiflash && tiflash.is_up);
        assert_eq!(tiflash.import_address, "t:20170");
        assert_eq!(StoreInfo::from_proto(store("tikv")).import_address, "t:3930");
    }
}
