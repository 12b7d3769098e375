//! What all fronts share: regions, ids, stores, timestamps, faults.
//!
//! A region changes only under the write lock of [`Cluster::regions`]; whoever checks a region and
//! then acts on the check (ingest, reads) holds the read lock until it is done, so that no split
//! comes between, as Raft's log order guarantees in TiKV.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde::{Deserialize, Serialize};
use th_env::Env;
use th_proto::metapb;
use th_sst::memcomparable;

use crate::PlaygroundOptions;
use crate::error::{PlaygroundError, Result};
use crate::faults::{Effect, Faults, RequestKind};
use crate::guises::Guises;
use crate::meta::{MetaBatch, MetaStore};
use crate::pd::state::PdState;
use crate::pd::tso::Tso;
use crate::regions::{Peer, Region, RegionMap};
use crate::tikv::store::StoreNode;

/// Version that the playground's PD, TiKV and TiDB claim, without a leading `v`.
pub(crate) const VERSION: &str = "9.0.0-playground";
/// Ids are stored as used this many at a time.
const ID_BLOCK: u64 = 1000;

/// The shared state.
pub(crate) struct Cluster {
    pub(crate) id: u64,
    pub(crate) env: Env,
    pub(crate) host: String,
    pub(crate) meta: MetaStore,
    pub(crate) stores: Vec<Arc<StoreNode>>,
    pub(crate) replicas: usize,
    pub(crate) tso: Tso,
    pub(crate) faults: Faults,
    pub(crate) guises: Guises,
    pub(crate) pd: PdState,
    pub(crate) started_micros: i64,
    regions: RwLock<RegionMap>,
    ids: Mutex<IdBlock>,
}

#[derive(Default)]
struct IdBlock {
    next: u64,
    stored_end: u64,
}

#[derive(Serialize, Deserialize)]
struct Identity {
    cluster_id: u64,
    stores: usize,
    replicas: usize,
}

impl Cluster {
    /// Opens the cluster in a folder, or makes a new one.
    pub(crate) fn open(dir: &Path, options: &PlaygroundOptions, env: Env) -> Result<Self> {
        let meta = MetaStore::open(&dir.join("meta"))?;
        let identity = match meta.get::<Identity>("identity")? {
            Some(identity) => identity,
            None => Identity {
                // Real cluster ids carry a timestamp in their upper half.
                cluster_id: (7 << 60) | (env.random_u64() >> 5),
                stores: options.stores.max(1),
                replicas: options.replicas.clamp(1, options.stores.max(1)),
            },
        };
        if identity.stores != options.stores.max(1) {
            return Err(PlaygroundError::Options(format!(
                "the folder holds a playground of {} stores: start it with as many, or use another folder",
                identity.stores
            )));
        }
        meta.put("identity", &identity)?;
        let mut stores = Vec::new();
        for id in 1..=identity.stores as u64 {
            stores.push(Arc::new(StoreNode::open(id, &dir.join(format!("tikv-{id}")))?));
        }
        let started_micros = env.now_micros();
        let next = meta.get("next_id")?.unwrap_or(identity.stores as u64 + 1);
        let cluster = Self {
            id: identity.cluster_id,
            host: options.host.clone(),
            tso: Tso::open(&meta)?,
            pd: PdState::open(&meta, started_micros)?,
            stores,
            replicas: identity.replicas,
            faults: Faults::default(),
            guises: Guises::default(),
            started_micros,
            regions: RwLock::new(RegionMap::from_regions(meta.scan::<Region>("region/")?)),
            ids: Mutex::new(IdBlock { next, stored_end: next }),
            meta,
            env,
        };
        cluster.bootstrap()?;
        Ok(cluster)
    }

    /// A new cluster starts with the region boundaries that PD makes for keyspaces.
    fn bootstrap(&self) -> Result<()> {
        let mut regions = self.regions_mut();
        if regions.len() > 0 {
            return Ok(());
        }
        let mut batch = MetaBatch::default();
        let keyspace_0 = memcomparable::encode(b"x\0\0\0");
        let keyspace_1 = memcomparable::encode(b"x\0\0\x01");
        for (start, end) in
            [(Vec::new(), keyspace_0.clone()), (keyspace_0, keyspace_1.clone()), (keyspace_1, Vec::new())]
        {
            let id = self.alloc_id()?;
            let peers = self
                .stores
                .iter()
                .take(self.replicas)
                .map(|store| Ok(Peer { id: self.alloc_id()?, store_id: store.id }))
                .collect::<Result<Vec<_>>>()?;
            let leader_store = peers.first().map_or(1, |peer| peer.store_id);
            let region = Region { id, start, end, conf_ver: 1, version: 1, peers, leader_store };
            batch.put(&region_key(id), &region)?;
            regions.put(region);
        }
        self.meta.write(batch)
    }

    /// A new cluster-wide id.
    pub(crate) fn alloc_id(&self) -> Result<u64> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.next >= ids.stored_end {
            let end = ids.next + ID_BLOCK;
            self.meta.put("next_id", &end)?;
            ids.stored_end = end;
        }
        ids.next += 1;
        Ok(ids.next - 1)
    }

    /// The regions, to read.
    pub(crate) fn regions(&self) -> RwLockReadGuard<'_, RegionMap> {
        self.regions.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn regions_mut(&self) -> RwLockWriteGuard<'_, RegionMap> {
        self.regions.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A store by id.
    pub(crate) fn store(&self, id: u64) -> Option<&Arc<StoreNode>> {
        self.stores.iter().find(|store| store.id == id)
    }

    /// Now, as a timestamp's physical part.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.env.now_micros() / 1000).unwrap_or(0)
    }

    /// One fresh timestamp.
    pub(crate) fn timestamp(&self) -> Result<u64> {
        self.tso.next(1, self.now_ms(), &self.meta).map(|(physical, logical)| (physical << 18) | logical)
    }

    /// Cuts a region at keys that lie strictly inside it, ascending, after `check` agreed to the
    /// region as it is now. `None`: no such region. The parts come as `RegionMap::plan_split` says.
    pub(crate) fn split_region<E>(
        &self,
        region_id: u64,
        check: impl FnOnce(&Region) -> Result<Vec<Vec<u8>>, E>,
    ) -> Result<Option<Result<Vec<Region>, E>>> {
        let mut regions = self.regions_mut();
        let Some(region) = regions.get(region_id) else { return Ok(None) };
        let keys = match check(region) {
            Ok(keys) => keys,
            Err(error) => return Ok(Some(Err(error))),
        };
        let mut new_ids = Vec::new();
        for _ in 0..keys.len() * (region.peers.len() + 1) {
            new_ids.push(self.alloc_id()?);
        }
        let mut new_ids = new_ids.into_iter();
        let parts = RegionMap::plan_split(region, &keys, || new_ids.next().unwrap_or(0));
        let mut batch = MetaBatch::default();
        for part in &parts {
            batch.put(&region_key(part.id), part)?;
        }
        self.meta.write(batch)?;
        for part in &parts {
            regions.put(part.clone());
        }
        Ok(Some(Ok(parts)))
    }

    /// Makes sure that a region starts at each of these (memcomparable) keys: ids of the regions
    /// that start there.
    pub(crate) fn split_at(&self, keys: &[Vec<u8>]) -> Result<Vec<u64>> {
        let mut ids = Vec::with_capacity(keys.len());
        for key in keys {
            let found = self.regions().containing(key).map(|region| (region.id, region.start == *key));
            let Some((id, already)) = found else { continue };
            if !already {
                self.split_region(id, |region| {
                    let inside = region.contains(key) && region.start != *key;
                    Ok::<_, std::convert::Infallible>(if inside { vec![key.clone()] } else { Vec::new() })
                })?;
            }
            ids.extend(self.regions().containing(key).map(|region| region.id));
        }
        Ok(ids)
    }

    /// Changes a region in place (leader, membership version); `false`: no such region.
    pub(crate) fn change_region(&self, region_id: u64, change: impl FnOnce(&mut Region)) -> Result<bool> {
        let mut regions = self.regions_mut();
        let Some(mut region) = regions.get(region_id).cloned() else { return Ok(false) };
        change(&mut region);
        self.meta.put(&region_key(region_id), &region)?;
        regions.put(region);
        Ok(true)
    }

    /// Spreads leaders: the region's leader goes to its replica's store with the fewest leaders.
    pub(crate) fn scatter(&self, region_id: u64) -> Result<bool> {
        let target = {
            let regions = self.regions();
            let Some(region) = regions.get(region_id) else { return Ok(false) };
            let leaders = |store| regions.iter().filter(|other| other.leader_store == store).count();
            region
                .peers
                .iter()
                .map(|peer| peer.store_id)
                .filter(|&store| !self.faults.is_store_down(store))
                .min_by_key(|&store| leaders(store) - usize::from(store == region.leader_store))
                .unwrap_or(region.leader_store)
        };
        self.change_region(region_id, |region| region.leader_store = target)
    }

    /// Lets a fault strike. Effects on regions and waits happen here; what is left for the caller
    /// (errors to give) comes back.
    pub(crate) async fn strike(
        &self,
        kind: RequestKind,
        region: Option<u64>,
        store: Option<u64>,
    ) -> Option<Effect> {
        let effect = self.faults.strike(kind, region, store)?;
        tracing::debug!(?kind, ?region, ?store, ?effect, "fault strikes");
        let done = match (&effect, region) {
            (Effect::Delay { millis }, _) => {
                self.env.sleep(std::time::Duration::from_millis(*millis), "injected delay").await;
                true
            }
            (Effect::SplitRegion, Some(id)) => self.split_in_two(id).is_ok(),
            (Effect::MoveLeader, Some(id)) => self
                .change_region(id, |region| {
                    let old = region.leader_store;
                    let next = region.peers.iter().map(|peer| peer.store_id).find(|&store| store != old);
                    region.leader_store = next.unwrap_or(old);
                })
                .is_ok(),
            (Effect::ConfChange, Some(id)) => self.change_region(id, |region| region.conf_ver += 1).is_ok(),
            _ => false,
        };
        (!done).then_some(effect)
    }

    /// Cuts a region somewhere inside, with or without data there.
    pub(crate) fn split_in_two(&self, region_id: u64) -> Result<()> {
        let outcome = self.split_region(region_id, |region| {
            Ok::<_, std::convert::Infallible>(middle_key(&region.start, &region.end).into_iter().collect())
        })?;
        if outcome.is_none() {
            tracing::debug!(region_id, "no such region to split");
        }
        Ok(())
    }
}

fn region_key(id: u64) -> String {
    format!("region/{id:020}")
}

/// A memcomparable key strictly between two memcomparable keys, if there is room for one.
fn middle_key(start: &[u8], end: &[u8]) -> Option<Vec<u8>> {
    let user = |key: &[u8]| {
        if key.is_empty() {
            Vec::new()
        } else {
            memcomparable::decode(key).map(|(k, _)| k).unwrap_or_default()
        }
    };
    let (low, high) = (user(start), user(end));
    let shared = low.iter().zip(&high).take_while(|(a, b)| a == b).count();
    let number = |key: &[u8], missing: u8| {
        (0..8).fold(0u64, |n, i| (n << 8) | u64::from(key.get(shared + i).copied().unwrap_or(missing)))
    };
    let low_number = number(&low, 0);
    let high_number = if end.is_empty() { u64::MAX } else { number(&high, 0) };
    let middle = low_number + high_number.saturating_sub(low_number) / 2;
    let mut key = low.get(..shared).unwrap_or_default().to_vec();
    key.extend_from_slice(&middle.to_be_bytes());
    let key = memcomparable::encode(&key);
    (key.as_slice() > start && (end.is_empty() || key.as_slice() < end)).then_some(key)
}

impl From<Peer> for metapb::Peer {
    fn from(peer: Peer) -> Self {
        metapb::Peer { id: peer.id, store_id: peer.store_id, ..Default::default() }
    }
}

impl From<&Region> for metapb::Region {
    fn from(region: &Region) -> Self {
        metapb::Region {
            id: region.id,
            start_key: region.start.clone(),
            end_key: region.end.clone(),
            region_epoch: Some(metapb::RegionEpoch { conf_ver: region.conf_ver, version: region.version }),
            peers: region.peers.iter().map(|&peer| peer.into()).collect(),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_middle_key_lies_strictly_between() {
        let encode = memcomparable::encode;
        for (start, end) in [
            (Vec::new(), Vec::new()),
            (encode(b"t\x80\0\0\0\0\0\0\x70"), encode(b"t\x80\0\0\0\0\0\0\x71")),
            (encode(b"t\x80\0\0\0\0\0\0\x70"), Vec::new()),
            (Vec::new(), encode(b"x")),
        ] {
            let middle = middle_key(&start, &end).unwrap();
            assert!(middle > start && (end.is_empty() || middle < end));
        }
        assert_eq!(middle_key(&encode(b"a"), &encode(b"a\0")), None);
    }
}
