//! Where rows and index entries live: TiDB's key layout.
//!
//! ```text
//! record   t ‖ i64(physical id) ‖ _r ‖ handle
//! index    t ‖ i64(physical id) ‖ _i ‖ i64(index id) ‖ datums ‖ [handle]
//! ```
//!
//! A handle is an `i64` or the encoded datums of the clustered primary key. The physical id is the
//! partition's, or the table's when there are no partitions and for global indexes.

mod memcomparable;
mod parts;

pub use memcomparable::{
    datum_len, decimal_bin_len, decode_bytes, encode_bytes, encoded_bytes_len, flag, float_from_comparable,
    float_to_comparable, int_bytes, int_from_bytes,
};
pub use parts::{KeyParts, decode_key};

/// Bytes of `t ‖ id ‖ _r`.
pub const RECORD_PREFIX_LEN: usize = 11;
/// Bytes of `t ‖ id ‖ _i ‖ index id`.
pub const INDEX_PREFIX_LEN: usize = 19;

/// Bytes that are not one of TiDB's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The input ends inside a value.
    #[error("the key ends inside the value at byte {at}")]
    Short {
        /// Offset of the unfinished value.
        at: usize,
    },
    /// A group of a byte string has impossible padding.
    #[error("impossible padding at byte {at} of the key")]
    Padding {
        /// Offset of the marker.
        at: usize,
    },
    /// A decimal has an impossible precision.
    #[error("impossible decimal precision at byte {at} of the key")]
    Decimal {
        /// Offset of the precision.
        at: usize,
    },
    /// Not a type flag that occurs in keys.
    #[error("{flag} is not a type flag of a key")]
    Flag {
        /// The byte that was found.
        flag: u8,
    },
    /// Not `t … _r …` or `t … _i …`.
    #[error("not a record or index key")]
    NotTableKey,
}

/// A row's handle.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Handle {
    /// Integer primary key or `_tidb_rowid`.
    Int(i64),
    /// Encoded datums of the clustered primary key, padded to nine bytes.
    Common(Vec<u8>),
}

/// `t ‖ id`: everything of one physical table starts with it.
#[inline]
pub fn table_prefix(table_id: i64) -> [u8; 9] {
    let mut key = [b't'; 9];
    key[1..].copy_from_slice(&int_bytes(table_id));
    key
}

/// `t ‖ id ‖ _r`: every record of one physical table starts with it.
#[inline]
pub fn record_prefix(table_id: i64) -> [u8; RECORD_PREFIX_LEN] {
    let mut key = [0; RECORD_PREFIX_LEN];
    key[..9].copy_from_slice(&table_prefix(table_id));
    key[9..].copy_from_slice(b"_r");
    key
}

/// `t ‖ id ‖ _i ‖ index id`: every entry of one index starts with it.
#[inline]
pub fn index_prefix(table_id: i64, index_id: i64) -> [u8; INDEX_PREFIX_LEN] {
    let mut key = [0; INDEX_PREFIX_LEN];
    key[..9].copy_from_slice(&table_prefix(table_id));
    key[9..11].copy_from_slice(b"_i");
    key[11..].copy_from_slice(&int_bytes(index_id));
    key
}

/// The record key of an integer handle.
#[inline]
pub fn encode_int_handle(table_id: i64, handle: i64) -> [u8; RECORD_PREFIX_LEN + 8] {
    let mut key = [0; RECORD_PREFIX_LEN + 8];
    key[..RECORD_PREFIX_LEN].copy_from_slice(&record_prefix(table_id));
    key[RECORD_PREFIX_LEN..].copy_from_slice(&int_bytes(handle));
    key
}

/// Half-open range of everything of one physical table: records and indexes.
pub fn table_range(table_id: i64) -> (Vec<u8>, Vec<u8>) {
    prefix_range(&table_prefix(table_id))
}

/// Half-open range of the records of one physical table.
pub fn record_range(table_id: i64) -> (Vec<u8>, Vec<u8>) {
    prefix_range(&record_prefix(table_id))
}

/// Half-open range of one index of one physical table.
pub fn index_range(table_id: i64, index_id: i64) -> (Vec<u8>, Vec<u8>) {
    prefix_range(&index_prefix(table_id, index_id))
}

/// Half-open range of the keys that start with `prefix`; the end is empty when there is none.
pub fn prefix_range(prefix: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            break;
        }
    }
    (prefix.to_vec(), end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_exactly_their_prefix() {
        let (start, end) = record_range(-1);
        let key = encode_int_handle(-1, i64::MAX);
        assert!(start.as_slice() <= key.as_slice() && key.as_slice() < end.as_slice());
        assert!(end.as_slice() <= record_prefix(0).as_slice());
        assert_eq!(prefix_range(&[1, 0xff]), (vec![1, 0xff], vec![2]));
        assert_eq!(prefix_range(&[0xff]).1, b"");
    }
}
