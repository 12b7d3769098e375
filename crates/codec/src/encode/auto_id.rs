//! Ids that TiDB would have allocated: made from the row id, and the highest ones remembered.

use th_schema::TableInfo;

/// Highest ids seen, what the table's allocators must be moved to after the import.
///
/// As TiDB's allocators do, they count from 0 and never go down; a failed row counts as far as it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct AutoBases {
    /// Of `_tidb_rowid`, and of AUTO_INCREMENT unless AUTO_ID_CACHE is 1.
    pub row_id: i64,
    /// Of AUTO_INCREMENT; equal to `row_id` unless AUTO_ID_CACHE is 1.
    pub auto_increment: i64,
    /// The incremental part of AUTO_RANDOM.
    pub auto_random: i64,
}

impl AutoBases {
    /// The higher one of each.
    pub fn merge(&mut self, other: &AutoBases) {
        self.row_id = self.row_id.max(other.row_id);
        self.auto_increment = self.auto_increment.max(other.auto_increment);
        self.auto_random = self.auto_random.max(other.auto_random);
    }
}

/// How a table's generated ids are built and remembered.
#[derive(Debug, Clone)]
pub(crate) struct AutoIds {
    bases: AutoBases,
    /// AUTO_INCREMENT has an allocator of its own.
    separate: bool,
    /// Shard bits of this encoder's AUTO_RANDOM values, in place.
    random_shard: i64,
    /// The bits below them.
    random_mask: i64,
    /// SHARD_ROW_ID_BITS.
    row_id_shard_bits: u32,
}

/// TableInfo version from which AUTO_ID_CACHE 1 separates AUTO_INCREMENT from `_tidb_rowid`.
const VERSION_OF_SEPARATE_AUTO_INCREMENT: u16 = 5;
const ROW_ID_BITS: u32 = 64;

impl AutoIds {
    pub(crate) fn new(info: &TableInfo, seed: u64) -> Self {
        let shard_bits = (info.auto_random_bits as u32).min(15);
        let limit = info.auto_random_limit().unwrap_or(0);
        let shard = if shard_bits == 0 { 0 } else { mix(seed) & ((1 << shard_bits) - 1) };
        Self {
            bases: AutoBases::default(),
            separate: info.auto_id_cache == 1 && info.version >= VERSION_OF_SEPARATE_AUTO_INCREMENT,
            random_shard: (shard << limit.count_ones()) as i64,
            random_mask: limit as i64,
            row_id_shard_bits: (info.shard_row_id_bits as u32).min(15),
        }
    }

    /// A generated AUTO_RANDOM value. One shard for all rows of the encoder keeps its keys together,
    /// as Lightning does for a chunk; other chunks have other seeds. `None`: the row id is larger than there are
    /// bits for.
    pub(crate) fn auto_random(&self, row_id: i64) -> Option<i64> {
        (row_id & !self.random_mask == 0).then_some(self.random_shard | row_id)
    }

    /// A generated `_tidb_rowid`: the shard is a function of the row id alone, so a row encoded again
    /// gets the same one.
    pub(crate) fn sharded_row_id(&self, row_id: i64) -> i64 {
        if self.row_id_shard_bits == 0 {
            return row_id;
        }
        let shard = mix(row_id as u64) & ((1 << self.row_id_shard_bits) - 1);
        (shard << (ROW_ID_BITS - 1 - self.row_id_shard_bits)) as i64 | row_id
    }

    pub(crate) fn saw_row_id(&mut self, row_id: i64) {
        self.bases.row_id = self.bases.row_id.max(row_id);
    }

    pub(crate) fn saw_auto_increment(&mut self, id: i64) {
        let base = if self.separate { &mut self.bases.auto_increment } else { &mut self.bases.row_id };
        *base = (*base).max(id);
    }

    pub(crate) fn saw_auto_random(&mut self, id: i64) {
        self.bases.auto_random = self.bases.auto_random.max(id & self.random_mask);
    }

    pub(crate) fn bases(&self) -> AutoBases {
        let auto_increment = if self.separate { self.bases.auto_increment } else { self.bases.row_id };
        AutoBases { auto_increment, ..self.bases }
    }
}

/// Spreads a number over 64 bits (the finalizer of SplitMix64).
fn mix(number: u64) -> u64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
