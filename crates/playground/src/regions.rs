//! Which key ranges exist, where their replicas are and who leads: pure data and rules.
//!
//! Keys here are memcomparable (as PD and TiKV hold them), an empty end key is infinity. Regions
//! always cover the whole key space without gap or overlap.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use crate::hex::{self, serde_hex};

/// A replica of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Peer {
    pub(crate) id: u64,
    pub(crate) store_id: u64,
}

/// A region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Region {
    pub(crate) id: u64,
    #[serde(with = "serde_hex")]
    pub(crate) start: Vec<u8>,
    #[serde(with = "serde_hex")]
    pub(crate) end: Vec<u8>,
    pub(crate) conf_ver: u64,
    pub(crate) version: u64,
    pub(crate) peers: Vec<Peer>,
    pub(crate) leader_store: u64,
}

impl Region {
    /// Whether the key lies in the region.
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        key >= self.start.as_slice() && self.is_before_end(key)
    }

    /// Whether the key lies before the region's end.
    pub(crate) fn is_before_end(&self, key: &[u8]) -> bool {
        self.end.is_empty() || key < self.end.as_slice()
    }

    /// The leading replica.
    pub(crate) fn leader(&self) -> Option<Peer> {
        self.peer_on(self.leader_store)
    }

    /// The replica on a store.
    pub(crate) fn peer_on(&self, store_id: u64) -> Option<Peer> {
        self.peers.iter().copied().find(|peer| peer.store_id == store_id)
    }

    /// `conf_ver: 1 version: 79`, as TiKV's logs and errors print an epoch.
    pub(crate) fn epoch_text(&self) -> String {
        epoch_text(self.conf_ver, self.version)
    }

    /// `[START, END)` in upper-case hexadecimal.
    pub(crate) fn range_text(&self) -> String {
        format!("[{}, {})", hex::upper(&self.start), hex::upper(&self.end))
    }
}

/// An epoch as TiKV prints it: zero fields are left out, as protobuf text has it.
pub(crate) fn epoch_text(conf_ver: u64, version: u64) -> String {
    let mut parts = Vec::new();
    if conf_ver != 0 {
        parts.push(format!("conf_ver: {conf_ver}"));
    }
    if version != 0 {
        parts.push(format!("version: {version}"));
    }
    parts.join(" ")
}

/// All regions.
#[derive(Debug, Default)]
pub(crate) struct RegionMap {
    by_start: BTreeMap<Vec<u8>, Region>,
    start_of: HashMap<u64, Vec<u8>>,
}

impl RegionMap {
    /// From stored regions.
    pub(crate) fn from_regions(regions: impl IntoIterator<Item = Region>) -> Self {
        let mut map = Self::default();
        for region in regions {
            map.put(region);
        }
        map
    }

    /// Adds or replaces a region; the caller keeps coverage complete.
    pub(crate) fn put(&mut self, region: Region) {
        if let Some(old_start) = self.start_of.insert(region.id, region.start.clone())
            && old_start != region.start
            && self.by_start.get(&old_start).is_some_and(|old| old.id == region.id)
        {
            self.by_start.remove(&old_start);
        }
        self.by_start.insert(region.start.clone(), region);
    }

    /// Number of regions.
    pub(crate) fn len(&self) -> usize {
        self.by_start.len()
    }

    /// Regions in key order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Region> {
        self.by_start.values()
    }

    /// By id.
    pub(crate) fn get(&self, id: u64) -> Option<&Region> {
        self.by_start.get(self.start_of.get(&id)?)
    }

    /// The region a key lies in.
    pub(crate) fn containing(&self, key: &[u8]) -> Option<&Region> {
        self.by_start.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back().map(|(_, r)| r)
    }

    /// The region that ends where this key's region starts.
    pub(crate) fn previous(&self, key: &[u8]) -> Option<&Region> {
        let start = &self.containing(key)?.start;
        self.by_start
            .range::<[u8], _>((Bound::Unbounded, Bound::Excluded(start.as_slice())))
            .next_back()
            .map(|(_, r)| r)
    }

    /// Regions that overlap `[start, end)`, in order; empty end = infinity, `limit` ≤ 0 = no limit.
    pub(crate) fn scan(&self, start: &[u8], end: &[u8], limit: i64) -> Vec<&Region> {
        let limit = usize::try_from(limit).ok().filter(|&limit| limit > 0).unwrap_or(usize::MAX);
        let first = self.containing(start).map(|region| region.start.as_slice()).unwrap_or_default();
        self.by_start
            .range::<[u8], _>((Bound::Included(first), Bound::Unbounded))
            .map(|(_, region)| region)
            .take_while(|region| end.is_empty() || region.start.as_slice() < end)
            .take(limit)
            .collect()
    }

    /// What a region becomes when it is cut at `keys` (ascending, strictly inside it): the new
    /// regions from the left and, last, the old one, which keeps the right end; all at the old
    /// version plus the number of cuts. `next_id` numbers new regions and peers.
    pub(crate) fn plan_split(
        region: &Region,
        keys: &[Vec<u8>],
        mut next_id: impl FnMut() -> u64,
    ) -> Vec<Region> {
        let version = region.version + keys.len() as u64;
        let mut start = region.start.clone();
        let mut parts = Vec::with_capacity(keys.len() + 1);
        for key in keys {
            let id = next_id();
            let peers = region.peers.iter().map(|peer| Peer { id: next_id(), ..*peer }).collect();
            let left = std::mem::replace(&mut start, key.clone());
            parts.push(Region { id, start: left, end: key.clone(), version, peers, ..region.clone() });
        }
        parts.push(Region { start, version, ..region.clone() });
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Region {
        Region {
            id: 2,
            start: Vec::new(),
            end: Vec::new(),
            conf_ver: 1,
            version: 1,
            peers: vec![Peer { id: 3, store_id: 1 }],
            leader_store: 1,
        }
    }

    #[test]
    fn the_split_region_keeps_its_right_end_and_all_parts_rise_by_the_number_of_cuts() {
        let mut next = 9;
        let parts = RegionMap::plan_split(&whole(), &[b"b".to_vec(), b"d".to_vec()], || {
            next += 1;
            next
        });
        let ranges: Vec<_> =
            parts.iter().map(|part| (part.id, part.start.clone(), part.end.clone(), part.version)).collect();
        assert_eq!(
            ranges,
            [
                (10, b"".to_vec(), b"b".to_vec(), 3),
                (12, b"b".to_vec(), b"d".to_vec(), 3),
                (2, b"d".to_vec(), b"".to_vec(), 3)
            ]
        );
        let mut map = RegionMap::from_regions([whole()]);
        for part in parts {
            map.put(part);
        }
        assert_eq!(map.len(), 3);
        assert_eq!(map.containing(b"a").map(|r| r.id), Some(10));
        assert_eq!(map.containing(b"b").map(|r| r.id), Some(12));
        assert_eq!(map.containing(b"zz").map(|r| r.id), Some(2));
        assert_eq!(map.previous(b"c").map(|r| r.id), Some(10));
        assert_eq!(map.previous(b"a"), None);
        let scanned: Vec<_> = map.scan(b"c", b"d", 0).iter().map(|r| r.id).collect();
        assert_eq!(scanned, [12]);
        assert_eq!(map.scan(b"a", b"", 2).len(), 2);
    }
}
