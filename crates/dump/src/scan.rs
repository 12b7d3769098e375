//! Searching bytes: short strings by words of eight bytes, long ones by the vectorised `memchr`.

use memchr::{memchr, memchr2};

const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// Words looked at before a call to `memchr` pays off.
const SHORT_WORDS: usize = 6;

/// High bits set where a byte of `word` equals the byte repeated in `pattern`; the lowest one is exact.
#[inline]
fn matching(word: u64, pattern: u64) -> u64 {
    let difference = word ^ pattern;
    difference.wrapping_sub(LOW) & !difference & HIGH
}

/// Position at or after `from` of the first byte equal to `a` or `b`.
#[inline]
pub(crate) fn find_either(bytes: &[u8], from: usize, a: u8, b: u8) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let (words, _) = rest.as_chunks::<8>();
    let (a_pattern, b_pattern) = (LOW.wrapping_mul(u64::from(a)), LOW.wrapping_mul(u64::from(b)));
    for (index, chunk) in words.iter().take(SHORT_WORDS).enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let found = matching(word, a_pattern) | matching(word, b_pattern);
        if found != 0 {
            return Some(from + index * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    let skipped = words.len().min(SHORT_WORDS) * 8;
    let tail = rest.get(skipped..)?;
    let found = if a == b { memchr(a, tail) } else { memchr2(a, b, tail) };
    found.map(|at| from + skipped + at)
}

/// Up to five bytes to search for at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByteSet {
    patterns: [u64; 5],
}

impl ByteSet {
    /// A set of the bytes given; more than five are not taken in.
    pub(crate) fn new(bytes: &[u8]) -> Option<Self> {
        let first = *bytes.first()?;
        if bytes.len() > 5 {
            return None;
        }
        let pattern = |index: usize| LOW.wrapping_mul(u64::from(bytes.get(index).copied().unwrap_or(first)));
        Some(Self { patterns: [pattern(0), pattern(1), pattern(2), pattern(3), pattern(4)] })
    }

    /// Position at or after `from` of the first byte of the set, as far as whole words of eight bytes go:
    /// `None` near the end of `bytes` says nothing.
    #[inline(always)]
    pub(crate) fn find_in_words(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let (words, _) = bytes.get(from..)?.as_chunks::<8>();
        let [a, b, c, d, e] = self.patterns;
        for (index, chunk) in words.iter().enumerate() {
            let word = u64::from_le_bytes(*chunk);
            let found = matching(word, a)
                | matching(word, b)
                | matching(word, c)
                | matching(word, d)
                | matching(word, e);
            if found != 0 {
                return Some(from + index * 8 + (found.trailing_zeros() / 8) as usize);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_finds_its_first_byte(bytes in proptest::collection::vec(0x20_u8..0x40, 0..60), from in 0_usize..20) {
            let set = ByteSet::new(b",\"\n0").unwrap();
            let plain = bytes.iter().enumerate().skip(from).find(|(_, b)| b",\"\n0".contains(b)).map(|(i, _)| i);
            match set.find_in_words(&bytes, from) {
                Some(found) => prop_assert_eq!(Some(found), plain),
                None => prop_assert!(plain.is_none_or(|at| at + 8 > bytes.len())),
            }
        }

        #[test]
        fn finds_what_a_plain_search_finds(
            bytes in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'\''), Just(b'\\'), Just(0xFF), any::<u8>()], 0..90),
            from in 0_usize..20,
        ) {
            let plain = bytes.iter().enumerate().skip(from).find(|(_, b)| **b == b'\'' || **b == b'\\').map(|(i, _)| i);
            prop_assert_eq!(find_either(&bytes, from, b'\'', b'\\'), plain);
        }
    }
}
