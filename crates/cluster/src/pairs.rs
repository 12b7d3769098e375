//! Sorted pairs in one contiguous buffer: what a worker hands over for ingest.
//!
//! Random access is needed because a failed part of a piece is sent again by itself. Keys must be pushed
//! in strictly ascending order (TiKV refuses a file otherwise); [`PairBuffer::push`] checks it.

use std::ops::Range;

use crate::ClusterError;

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: usize,
    key_len: u32,
}

/// An arena of pairs in ascending key order.
#[derive(Debug, Clone, Default)]
pub struct PairBuffer {
    arena: Vec<u8>,
    entries: Vec<Entry>,
}

impl PairBuffer {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty buffer with room for `bytes` of keys and values and `pairs` pairs.
    pub fn with_capacity(bytes: usize, pairs: usize) -> Self {
        Self { arena: Vec::with_capacity(bytes), entries: Vec::with_capacity(pairs) }
    }

    /// Appends a pair; `key` must be greater than the last one.
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> Result<(), ClusterError> {
        let key_len = u32::try_from(key.len())
            .map_err(|_| ClusterError::invalid(format!("a key of {} bytes is too long", key.len())))?;
        if self.last_key().is_some_and(|last| last >= key) {
            return Err(ClusterError::invalid(format!(
                "pair {} is not greater than its predecessor: key {}",
                self.entries.len(),
                crate::keys::hex(key)
            )));
        }
        self.entries.push(Entry { start: self.arena.len(), key_len });
        self.arena.extend_from_slice(key);
        self.arena.extend_from_slice(value);
        Ok(())
    }

    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all keys and values.
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// The pair at `index`.
    pub fn get(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let entry = self.entries.get(index)?;
        let end = self.offset(index + 1);
        self.arena.get(entry.start..end)?.split_at_checked(entry.key_len as usize)
    }

    /// Empties the buffer and keeps its memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.entries.clear();
    }

    /// All pairs.
    pub fn pairs(&self) -> Pairs<'_> {
        Pairs { buffer: self, start: 0, end: self.entries.len() }
    }

    /// Pairs whose key is in `[start, end)`; an empty `end` is no bound.
    pub fn slice(&self, start: &[u8], end: &[u8]) -> Pairs<'_> {
        self.pairs().slice(start, end)
    }

    fn last_key(&self) -> Option<&[u8]> {
        let entry = self.entries.last()?;
        self.arena.get(entry.start..entry.start + entry.key_len as usize)
    }

    /// Where pair `index` starts, or the arena's end.
    fn offset(&self, index: usize) -> usize {
        self.entries.get(index).map_or(self.arena.len(), |entry| entry.start)
    }
}

/// A run of neighbouring pairs of a [`PairBuffer`].
#[derive(Debug, Clone, Copy)]
pub struct Pairs<'a> {
    buffer: &'a PairBuffer,
    start: usize,
    end: usize,
}

impl<'a> Pairs<'a> {
    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Bytes of the keys and values.
    pub fn bytes(&self) -> usize {
        self.buffer.offset(self.end) - self.buffer.offset(self.start)
    }

    /// The pair at `index` of this run.
    pub fn get(&self, index: usize) -> Option<(&'a [u8], &'a [u8])> {
        if index >= self.len() {
            return None;
        }
        self.buffer.get(self.start + index)
    }

    /// First key.
    pub fn first_key(&self) -> Option<&'a [u8]> {
        self.get(0).map(|(key, _)| key)
    }

    /// Last key.
    pub fn last_key(&self) -> Option<&'a [u8]> {
        self.get(self.len().checked_sub(1)?).map(|(key, _)| key)
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let buffer = self.buffer;
        (self.start..self.end).filter_map(move |index| buffer.get(index))
    }

    /// The pairs at `range` of this run, clamped to it.
    pub fn sub(&self, range: Range<usize>) -> Self {
        let start = (self.start + range.start.min(self.len())).min(self.end);
        let end = (self.start + range.end.min(self.len())).max(start);
        Self { buffer: self.buffer, start, end }
    }

    /// Pairs whose key is in `[start, end)`; an empty `end` is no bound.
    pub fn slice(&self, start: &[u8], end: &[u8]) -> Self {
        let from = self.partition_point(|key| key < start);
        let to = if end.is_empty() { self.len() } else { self.partition_point(|key| key < end) };
        self.sub(from..to.max(from))
    }

    /// Number of leading pairs whose key satisfies `smaller` (which must hold for a prefix of them).
    pub fn partition_point(&self, mut smaller: impl FnMut(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle).is_some_and(|(key, _)| smaller(key)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Number of leading pairs that fit into `limit` bytes of keys and values, at least one.
    pub fn prefix_within(&self, limit: usize) -> usize {
        let base = self.buffer.offset(self.start);
        let (mut low, mut high) = (1.min(self.len()), self.len());
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if self.buffer.offset(self.start + middle) - base <= limit {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters() -> PairBuffer {
        let mut buffer = PairBuffer::with_capacity(64, 8);
        for key in ["a", "bb", "c", "dd", "e"] {
            buffer.push(key.as_bytes(), format!("value of {key}").as_bytes()).unwrap();
        }
        buffer
    }

    #[test]
    fn pairs_come_back_by_index_and_in_order() {
        let buffer = letters();
        assert_eq!(buffer.len(), 5);
        assert_eq!(buffer.get(1), Some((b"bb".as_slice(), b"value of bb".as_slice())));
        assert_eq!(buffer.get(5), None);
        assert_eq!(buffer.bytes(), 7 + 5 * 9 + 7);
        let keys: Vec<_> = buffer.pairs().iter().map(|(key, _)| key).collect();
        assert_eq!(keys, [b"a".as_slice(), b"bb", b"c", b"dd", b"e"]);
        assert_eq!(buffer.pairs().bytes(), buffer.bytes());
    }

    #[test]
    fn a_key_that_does_not_ascend_is_refused() {
        let mut buffer = letters();
        assert!(buffer.push(b"e", b"").is_err());
        assert!(buffer.push(b"d", b"").is_err());
        assert_eq!(buffer.len(), 5);
        buffer.clear();
        assert!(buffer.push(b"a", b"").is_ok());
        assert_eq!(buffer.get(0), Some((b"a".as_slice(), b"".as_slice())));
    }

    #[test]
    fn slices_are_half_open_and_an_empty_end_is_no_bound() {
        let buffer = letters();
        let keys = |pairs: Pairs<'_>| pairs.iter().map(|(k, _)| k.to_vec()).collect::<Vec<_>>();
        assert_eq!(keys(buffer.slice(b"b", b"dd")), [b"bb".to_vec(), b"c".to_vec()]);
        assert_eq!(keys(buffer.slice(b"c", b"")), [b"c".to_vec(), b"dd".to_vec(), b"e".to_vec()]);
        assert!(buffer.slice(b"x", b"").is_empty());
        assert!(buffer.slice(b"d", b"a").is_empty());
        let part = buffer.slice(b"b", b"");
        assert_eq!((part.first_key(), part.last_key()), (Some(b"bb".as_slice()), Some(b"e".as_slice())));
        assert_eq!(keys(part.sub(1..99)), [b"c".to_vec(), b"dd".to_vec(), b"e".to_vec()]);
        assert_eq!(part.sub(7..9).len(), 0);
    }

    #[test]
    fn a_prefix_within_a_limit_has_at_least_one_pair() {
        let buffer = letters();
        let pairs = buffer.pairs();
        assert_eq!(pairs.prefix_within(0), 1);
        assert_eq!(pairs.prefix_within(11), 1);
        assert_eq!(pairs.prefix_within(11 + 13), 2);
        assert_eq!(pairs.prefix_within(usize::MAX), 5);
        assert_eq!(PairBuffer::new().pairs().prefix_within(10), 0);
    }
}
