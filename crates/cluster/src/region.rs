//! Regions and a cache of them.
//!
//! A region is taken as one value: range, epoch, peers and leader of one moment. An import must act on
//! such a moment as a whole, because files written under one epoch may only be ingested under it.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::{Arc, Mutex, PoisonError};

use th_proto::{metapb, pdpb};

use crate::Pairs;
use crate::keys;

/// Entries beyond which the cache starts anew; a region takes a few hundred bytes.
const CACHE_LIMIT: usize = 100_000;

/// A region as PD or a store described it at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionInfo {
    /// Range (memcomparable), epoch, peers.
    pub region: metapb::Region,
    /// Leader, if one is known.
    pub leader: Option<metapb::Peer>,
    /// Peers that lag behind and cannot serve yet.
    pub pending_peers: Vec<metapb::Peer>,
    /// Peers the leader has not heard of for a while.
    pub down_peers: Vec<metapb::Peer>,
}

impl RegionInfo {
    /// A region whose leader is taken to be `leader`, nothing being known of lagging peers.
    pub fn new(region: metapb::Region, leader: Option<metapb::Peer>) -> Self {
        // PD shows a missing leader as an empty message.
        let leader = leader.filter(|peer| peer.id != 0);
        Self { region, leader, pending_peers: Vec::new(), down_peers: Vec::new() }
    }

    pub(crate) fn from_pd(region: pdpb::Region) -> Option<Self> {
        let mut info = Self::new(region.region?, region.leader);
        info.pending_peers = region.pending_peers;
        info.down_peers = region.down_peers.into_iter().filter_map(|stats| stats.peer).collect();
        Some(info)
    }

    /// Region id.
    pub fn id(&self) -> u64 {
        self.region.id
    }

    /// Epoch.
    pub fn epoch(&self) -> metapb::RegionEpoch {
        self.region.region_epoch.unwrap_or_default()
    }

    /// Whether a memcomparable key lies inside.
    pub fn contains(&self, encoded: &[u8]) -> bool {
        self.region.start_key.as_slice() <= encoded
            && (self.region.end_key.is_empty() || encoded < self.region.end_key.as_slice())
    }

    /// The peer on a store.
    pub fn peer_on(&self, store_id: u64) -> Option<&metapb::Peer> {
        self.region.peers.iter().find(|peer| peer.store_id == store_id)
    }

    /// Number of leading pairs that lie before the region's end.
    pub fn leading_pairs(&self, pairs: Pairs<'_>) -> usize {
        let end = self.region.end_key.as_slice();
        if end.is_empty() {
            return pairs.len();
        }
        let mut encoded = Vec::with_capacity(64);
        pairs.partition_point(|key| {
            encoded.clear();
            keys::encode_into(key, &mut encoded);
            encoded.as_slice() < end
        })
    }
}

/// Whether regions, in order, cover `[start, end)` (memcomparable, empty end = no bound) without a gap.
pub fn covers(regions: &[RegionInfo], start: &[u8], end: &[u8]) -> bool {
    let (Some(first), Some(last)) = (regions.first(), regions.last()) else { return false };
    let joined = regions.windows(2).all(|pair| match pair {
        [left, right] => !left.region.end_key.is_empty() && left.region.end_key == right.region.start_key,
        _ => true,
    });
    let reaches =
        last.region.end_key.is_empty() || (!end.is_empty() && end <= last.region.end_key.as_slice());
    joined && first.region.start_key.as_slice() <= start && reaches
}

/// Regions by start key; lookups share it, errors correct it.
#[derive(Debug, Default)]
pub struct RegionCache {
    by_start: Mutex<BTreeMap<Vec<u8>, Arc<RegionInfo>>>,
}

impl RegionCache {
    /// The cached region that holds a memcomparable key.
    pub fn find(&self, encoded: &[u8]) -> Option<Arc<RegionInfo>> {
        let by_start = self.by_start.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, region) = by_start.range::<[u8], _>((Unbounded, Included(encoded))).next_back()?;
        region.contains(encoded).then(|| Arc::clone(region))
    }

    /// Stores a region and forgets those it overlaps.
    pub fn insert(&self, info: RegionInfo) -> Arc<RegionInfo> {
        let info = Arc::new(info);
        let start = info.region.start_key.clone();
        let end = &info.region.end_key;
        let mut by_start = self.by_start.lock().unwrap_or_else(PoisonError::into_inner);
        if by_start.len() >= CACHE_LIMIT {
            by_start.clear();
        }
        let before = by_start
            .range::<[u8], _>((Unbounded, Excluded(start.as_slice())))
            .next_back()
            .map(|(key, _)| key.clone());
        if let Some(key) = before
            && by_start.get(&key).is_some_and(|left| left.contains(&start))
        {
            by_start.remove(&key);
        }
        let overlapped: Vec<_> = by_start
            .range(start.clone()..)
            .take_while(|(key, _)| end.is_empty() || *key < end)
            .map(|(key, _)| key.clone())
            .collect();
        for key in overlapped {
            by_start.remove(&key);
        }
        by_start.insert(start, Arc::clone(&info));
        info
    }

    /// Forgets `region` if it is still what the cache holds there.
    pub fn forget(&self, region: &RegionInfo) {
        let mut by_start = self.by_start.lock().unwrap_or_else(PoisonError::into_inner);
        if by_start.get(&region.region.start_key).is_some_and(|held| held.id() == region.id()) {
            by_start.remove(&region.region.start_key);
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.by_start.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PairBuffer;

    fn region(id: u64, start: &str, end: &str) -> RegionInfo {
        let bound = |key: &str| keys::encode_bound(key.as_bytes());
        RegionInfo::new(
            metapb::Region { id, start_key: bound(start), end_key: bound(end), ..Default::default() },
            Some(metapb::Peer { id: id + 1, store_id: 1, ..Default::default() }),
        )
    }

    #[test]
    fn pairs_are_cut_at_the_region_border() {
        let mut buffer = PairBuffer::new();
        for key in ["b", "c", "d", "e"] {
            buffer.push(key.as_bytes(), b"v").unwrap();
        }
        assert_eq!(region(1, "a", "d").leading_pairs(buffer.pairs()), 2, "the end is exclusive");
        assert_eq!(region(1, "a", "d\0").leading_pairs(buffer.pairs()), 3);
        assert_eq!(region(1, "a", "").leading_pairs(buffer.pairs()), 4);
        assert_eq!(region(1, "a", "b").leading_pairs(buffer.pairs()), 0);
    }

    #[test]
    fn coverage_wants_every_border_to_meet() {
        let bound = |key: &str| keys::encode_bound(key.as_bytes());
        let all = [region(1, "", "c"), region(2, "c", "f"), region(3, "f", "")];
        assert!(covers(&all, &bound("a"), &bound("z")));
        assert!(covers(&all, &bound(""), b""));
        assert!(covers(&all[..2], &bound("a"), &bound("f")));
        assert!(!covers(&all[..2], &bound("a"), &bound("g")));
        assert!(!covers(&all[..2], &bound("a"), b""));
        assert!(!covers(&[all[0].clone(), all[2].clone()], &bound("a"), b""));
        assert!(!covers(&all[1..], &bound("a"), b""));
        assert!(!covers(&[], b"", b""));
    }

    #[test]
    fn a_new_region_replaces_those_it_overlaps() {
        let cache = RegionCache::default();
        let at = |key: &str| cache.find(&keys::encode(key.as_bytes())).map(|info| info.id());
        cache.insert(region(1, "", ""));
        assert_eq!(at("m"), Some(1));
        cache.insert(region(2, "c", "f"));
        assert_eq!((at("d"), at("a"), at("f")), (Some(2), None, None));
        cache.insert(region(3, "f", ""));
        cache.insert(region(4, "d", "g"));
        assert_eq!((at("c"), at("e"), at("h")), (None, Some(4), None));
        cache.forget(&region(9, "d", "g"));
        assert_eq!(at("e"), Some(4), "another region's news does not drop it");
        cache.forget(&region(4, "d", "g"));
        assert_eq!(at("e"), None);
    }

    #[test]
    fn an_empty_peer_is_no_leader() {
        let info = RegionInfo::new(metapb::Region::default(), Some(metapb::Peer::default()));
        assert_eq!(info.leader, None);
    }
}
