//! The import's checksum: CRC-64/XZ of each pair, XORed, with counts.
//!
//! XOR makes it independent of order and of how the pairs are divided into jobs; it is what TiKV's
//! coprocessor and `ADMIN CHECKSUM TABLE` compute. Two equal pairs cancel out, therefore the counts.

use std::ops::AddAssign;

use crc_fast::CrcAlgorithm::Crc64Xz;

/// Checksum of a set of key-value pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Checksum {
    /// XOR of the CRC-64/XZ of each key followed by its value.
    pub crc64: u64,
    /// Number of pairs.
    pub pairs: u64,
    /// Sum of the lengths of keys and values, in bytes.
    pub bytes: u64,
}

impl Checksum {
    /// Counts one pair.
    #[inline]
    pub fn update(&mut self, key: &[u8], value: &[u8]) {
        let mut digest = crc_fast::Digest::new(Crc64Xz);
        digest.update(key);
        digest.update(value);
        self.crc64 ^= digest.finalize();
        self.pairs += 1;
        self.bytes += (key.len() + value.len()) as u64;
    }

    /// Counts one pair whose value stands right behind its key in memory.
    #[inline]
    pub fn update_joined(&mut self, key_and_value: &[u8]) {
        self.crc64 ^= crc_fast::checksum(Crc64Xz, key_and_value);
        self.pairs += 1;
        self.bytes += key_and_value.len() as u64;
    }

    /// Joins the checksum of another, disjoint set of pairs.
    #[inline]
    pub fn add(&mut self, other: &Checksum) {
        self.crc64 ^= other.crc64;
        self.pairs += other.pairs;
        self.bytes += other.bytes;
    }
}

impl AddAssign for Checksum {
    fn add_assign(&mut self, other: Self) {
        self.add(&other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_crc64_xz_of_key_and_value_together() {
        let mut split = Checksum::default();
        split.update(b"1234", b"56789");
        assert_eq!(split, Checksum { crc64: 0x995d_c9bb_df19_39fa, pairs: 1, bytes: 9 });
        let mut joined = Checksum::default();
        joined.update_joined(b"123456789");
        assert_eq!(joined, split);
    }

    #[test]
    fn order_and_division_do_not_matter() {
        let (mut whole, mut one, mut two) = (Checksum::default(), Checksum::default(), Checksum::default());
        whole.update(b"a", b"1");
        whole.update(b"b", b"2");
        two.update(b"a", b"1");
        one.update(b"b", b"2");
        one += two;
        assert_eq!(one, whole);
    }
}
