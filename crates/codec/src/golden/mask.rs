//! Shard bits of generated ids are ours to choose, so a comparison must not look at them.

use th_schema::TableInfo;
use th_types::flag;

use super::Bytes;
use crate::keys::{RECORD_PREFIX_LEN, flag as key_flag};

/// Which bits of a table's handles are shard bits, in a key's form.
pub(super) struct ShardMask {
    bits: u64,
    /// The handle is the first datum of a common handle.
    common: bool,
}

impl ShardMask {
    /// `None` if the table has no shard bits.
    pub(super) fn new(info: &TableInfo) -> Option<Self> {
        let mask = |shard: u64, below: u64| ((1u64 << shard) - 1) << below;
        if info.auto_random_bits > 0 {
            let range = if info.auto_random_range_bits == 0 { 64 } else { info.auto_random_range_bits };
            let is_unsigned = info
                .columns
                .iter()
                .find(|column| column.field_type.has(flag::PRI_KEY))
                .is_some_and(|column| column.field_type.is_unsigned());
            let below = range - info.auto_random_bits - u64::from(!is_unsigned);
            return Some(Self { bits: mask(info.auto_random_bits, below), common: info.is_common_handle });
        }
        let shard = info.shard_row_id_bits;
        (shard > 0).then(|| Self { bits: mask(shard, 63 - shard), common: false })
    }

    /// Gives our pairs the expected handle, if the two differ in shard bits only.
    pub(super) fn apply(&self, expected: &[(Bytes, Bytes)], actual: &mut [(Bytes, Bytes)]) {
        let Some((theirs, ours)) = expected
            .first()
            .zip(actual.first())
            .and_then(|(theirs, ours)| Some((self.handle(&theirs.0)?, self.handle(&ours.0)?)))
        else {
            return;
        };
        if theirs == ours || (u64::from_be_bytes(theirs) ^ u64::from_be_bytes(ours)) & !self.bits != 0 {
            return;
        }
        let plain = |key: [u8; 8]| (u64::from_be_bytes(key) ^ 1 << 63).to_be_bytes();
        for (key, value) in actual {
            replace(key, ours, theirs);
            replace(value, ours, theirs);
            // A unique index's value has the handle as a plain number.
            replace(value, plain(ours), plain(theirs));
        }
    }

    fn handle(&self, key: &[u8]) -> Option<[u8; 8]> {
        let handle = key.get(RECORD_PREFIX_LEN..)?;
        if self.common {
            return match handle {
                [key_flag::INT | key_flag::UINT, id @ ..] => id.first_chunk().copied(),
                _ => None,
            };
        }
        handle.try_into().ok()
    }
}

fn replace(bytes: &mut [u8], from: [u8; 8], to: [u8; 8]) {
    let mut at = 0;
    while let Some(window) = bytes.get_mut(at..at + 8) {
        if *window == from {
            window.copy_from_slice(&to);
        }
        at += 1;
    }
}
