//! Pairs in memory: one byte arena, and per lane the entries that get sorted.

use std::cmp::Ordering;

/// Bytes before key and value in the arena: tag, key length, value length.
const HEADER: usize = 16;
/// Bytes of keys that one lane's keys have in common at least: see [`lane_prefix`].
const ROW_PREFIX: usize = 11;
const INDEX_PREFIX: usize = 19;

/// A pair as the arena holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PairRef<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) tag: u64,
}

/// One pair's place in the arena, with the eight key bytes that usually decide a comparison.
#[derive(Debug, Clone, Copy)]
struct Entry {
    window: u64,
    offset: u64,
}

/// The entries whose keys share a prefix.
#[derive(Debug)]
struct Lane {
    /// The first key pushed; its first `shared` bytes are common to all keys of the lane.
    first_key: Vec<u8>,
    /// Length of the lane's own prefix, by which a key is assigned to it.
    prefix: usize,
    shared: usize,
    entries: Vec<Entry>,
}

/// Pairs in memory, sorted on demand.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    bytes: Vec<u8>,
    lanes: Vec<Lane>,
    /// The lane after the one last used: a row's pairs arrive in the same order every time.
    expected_lane: usize,
    /// Lanes in key order, once sorted.
    order: Vec<usize>,
    pairs: usize,
}

/// How many leading bytes name the lane of a key: `t`, table id, `_r` for rows and also the index id
/// for everything else.
fn lane_prefix(key: &[u8]) -> usize {
    let wanted = if key.get(10) == Some(&b'r') { ROW_PREFIX } else { INDEX_PREFIX };
    wanted.min(key.len())
}

impl Arena {
    /// Bytes of memory in use, entries included.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.len() + self.pairs * size_of::<Entry>()
    }

    /// Memory that `key` and `value` will need.
    pub(crate) fn cost(key: &[u8], value: &[u8]) -> usize {
        HEADER + key.len() + value.len() + size_of::<Entry>()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pairs == 0
    }

    pub(crate) fn push(&mut self, key: &[u8], value: &[u8], tag: u64) {
        let offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(&tag.to_le_bytes());
        self.bytes.extend_from_slice(&(key.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        let lane_index = self.lane_of(key);
        if let Some(lane) = self.lanes.get_mut(lane_index) {
            let shared = lane.shared.min(key.len());
            if lane.first_key.get(..shared) == key.get(..shared) {
                lane.shared = shared;
            } else {
                lane.shared = lane
                    .first_key
                    .iter()
                    .zip(key)
                    .take(shared)
                    .take_while(|(left, right)| left == right)
                    .count();
            }
            lane.entries.push(Entry { window: 0, offset });
        }
        self.expected_lane = lane_index + 1;
        self.pairs += 1;
    }

    fn lane_of(&mut self, key: &[u8]) -> usize {
        let prefix = lane_prefix(key);
        let wanted = key.get(..prefix).unwrap_or(key);
        let holds = |lane: &Lane| lane.prefix == prefix && lane.first_key.get(..prefix) == Some(wanted);
        let expected = if self.expected_lane < self.lanes.len() { self.expected_lane } else { 0 };
        if self.lanes.get(expected).is_some_and(holds) {
            return expected;
        }
        if let Some(found) = self.lanes.iter().position(holds) {
            return found;
        }
        self.lanes.push(Lane { first_key: key.to_vec(), prefix, shared: key.len(), entries: Vec::new() });
        self.lanes.len() - 1
    }

    /// Sorts all lanes by key, equal keys by tag.
    pub(crate) fn sort(&mut self) {
        let bytes = &self.bytes;
        for lane in &mut self.lanes {
            let shared = lane.shared;
            for entry in &mut lane.entries {
                let key = pair_at(bytes, entry.offset).key;
                entry.window = window(key.get(shared..).unwrap_or_default());
            }
            lane.entries.sort_unstable_by(|left, right| {
                left.window.cmp(&right.window).then_with(|| {
                    let (left, right) = (pair_at(bytes, left.offset), pair_at(bytes, right.offset));
                    compare_pairs(left, right)
                })
            });
        }
        let mut order: Vec<usize> =
            (0..self.lanes.len()).filter(|&lane| !self.lanes[lane].entries.is_empty()).collect();
        // Lane prefixes of different lanes differ, so ordering by first key orders all their keys,
        // except for keys shorter than a prefix; those are lanes of their own and sort by themselves.
        order.sort_by(|&left, &right| self.lanes[left].first_key.cmp(&self.lanes[right].first_key));
        self.order = order;
    }

    /// Number of pairs.
    pub(crate) fn len(&self) -> usize {
        self.pairs
    }

    /// The pairs in sorted order; call [`Arena::sort`] first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = PairRef<'_>> {
        self.order
            .iter()
            .filter_map(|&lane| self.lanes.get(lane))
            .flat_map(|lane| lane.entries.iter().map(|entry| pair_at(&self.bytes, entry.offset)))
    }

    /// The pair at a sorted position (lane position in order, entry in the lane).
    pub(crate) fn at(&self, position: (usize, usize)) -> Option<PairRef<'_>> {
        let lane = self.lanes.get(*self.order.get(position.0)?)?;
        lane.entries.get(position.1).map(|entry| pair_at(&self.bytes, entry.offset))
    }

    /// The position after `position`, if any.
    pub(crate) fn next_position(&self, position: (usize, usize)) -> Option<(usize, usize)> {
        let lane = self.lanes.get(*self.order.get(position.0)?)?;
        if position.1 + 1 < lane.entries.len() {
            return Some((position.0, position.1 + 1));
        }
        (position.0 + 1 < self.order.len()).then_some((position.0 + 1, 0))
    }

    /// Forgets all pairs, keeping the memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.order.clear();
        self.lanes.clear();
        self.expected_lane = 0;
        self.pairs = 0;
    }
}

/// Key order, then tag order.
pub(crate) fn compare_pairs(left: PairRef<'_>, right: PairRef<'_>) -> Ordering {
    left.key.cmp(right.key).then(left.tag.cmp(&right.tag))
}

/// The next eight bytes as a number that compares like them; a shorter rest is padded with zeros, and
/// the full comparison decides between a padded and a real zero.
fn window(rest: &[u8]) -> u64 {
    let mut eight = [0u8; 8];
    let length = rest.len().min(8);
    if let (Some(target), Some(source)) = (eight.get_mut(..length), rest.get(..length)) {
        target.copy_from_slice(source);
    }
    u64::from_be_bytes(eight)
}

/// Reads the pair that [`Arena::push`] wrote at `offset`; empty if there is none (it cannot happen
/// for offsets that entries hold).
fn pair_at(bytes: &[u8], offset: u64) -> PairRef<'_> {
    parse_pair(bytes.get(offset as usize..).unwrap_or_default()).unwrap_or(PairRef {
        key: &[],
        value: &[],
        tag: 0,
    })
}

fn parse_pair(bytes: &[u8]) -> Option<PairRef<'_>> {
    let (tag, rest) = bytes.split_first_chunk::<8>()?;
    let (key_length, rest) = rest.split_first_chunk::<4>()?;
    let (value_length, rest) = rest.split_first_chunk::<4>()?;
    let (key, rest) = rest.split_at_checked(u32::from_le_bytes(*key_length) as usize)?;
    let value = rest.get(..u32::from_le_bytes(*value_length) as usize)?;
    Some(PairRef { key, value, tag: u64::from_le_bytes(*tag) })
}
