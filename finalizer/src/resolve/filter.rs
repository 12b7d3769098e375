//! A set of keys in a fixed number of bytes (a Bloom filter).
//!
//! It may take a key for one of its own that is not; it never misses one. Whoever asks it here only takes a row more
//! along, which is then found to share its keys with nobody: the answer costs time, never rightness. So the memory
//! does not grow with the number of keys.

use std::hash::Hasher as _;

/// Bits a key: one key in four hundred is taken for another.
const BITS_A_KEY: u64 = 16;
/// Bits that stand for a key.
const HASHES: u64 = 4;
const SMALLEST: u64 = 1 << 16;

/// See the module.
#[derive(Debug)]
pub(super) struct KeyFilter {
    words: Vec<u64>,
    /// Number of bits, a power of two, less one.
    mask: u64,
    /// Keys that were not there when they came: at most as many as there are different ones.
    pub(super) len: u64,
}

impl KeyFilter {
    /// A filter that is good for `keys` and takes at most `bytes` of memory, which become resident with use.
    pub(super) fn new(keys: u64, bytes: u64) -> Self {
        let most = prev_power_of_two(bytes.saturating_mul(8)).max(SMALLEST);
        let wanted = keys.saturating_mul(BITS_A_KEY).checked_next_power_of_two().unwrap_or(most);
        let bits = wanted.clamp(SMALLEST, most);
        Self { words: vec![0; usize::try_from(bits / 64).unwrap_or(1 << 10)], mask: bits - 1, len: 0 }
    }

    /// Adds a key.
    pub(super) fn insert(&mut self, key: &[u8]) {
        let mut new = false;
        for bit in bits_of(key) {
            let (word, bit) = self.place(bit);
            if let Some(word) = self.words.get_mut(word) {
                new |= *word & bit == 0;
                *word |= bit;
            }
        }
        self.len += u64::from(new);
    }

    /// Whether the key may have been added; false is certain.
    pub(super) fn may_contain(&self, key: &[u8]) -> bool {
        bits_of(key).all(|bit| {
            let (word, bit) = self.place(bit);
            self.words.get(word).is_none_or(|word| word & bit != 0)
        })
    }

    fn place(&self, bit: u64) -> (usize, u64) {
        let bit = bit & self.mask;
        // The number of words fits, so does a word's.
        ((bit / 64) as usize, 1 << (bit % 64))
    }
}

fn prev_power_of_two(number: u64) -> u64 {
    1 << number.max(1).ilog2()
}

fn bits_of(key: &[u8]) -> impl Iterator<Item = u64> {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(key);
    let hash = hasher.finish();
    let step = hash.rotate_left(32) | 1;
    (0..HASHES).map(move |number| hash.wrapping_add(number.wrapping_mul(step)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_again_and_few_others_in_the_memory_that_is_given() {
        let mut filter = KeyFilter::new(10_000, 1 << 20);
        for key in 0u32..10_000 {
            filter.insert(&key.to_be_bytes());
            filter.insert(&key.to_be_bytes());
        }
        assert!(filter.len > 9_900 && filter.len <= 10_000, "{}", filter.len);
        assert!((0u32..10_000).all(|key| filter.may_contain(&key.to_be_bytes())));
        let wrong = (10_000u32..110_000).filter(|key| filter.may_contain(&key.to_be_bytes())).count();
        assert!(wrong < 1_000, "{wrong} of 100,000 other keys");
    }

    #[test]
    fn the_memory_is_bounded_whatever_is_asked_for() {
        let mut filter = KeyFilter::new(u64::MAX, 20_000);
        assert_eq!(filter.words.len() * 8, 16_384);
        for key in 0u32..200_000 {
            filter.insert(&key.to_be_bytes());
        }
        assert!(filter.may_contain(b"anything") && filter.len < 200_000);
    }
}
