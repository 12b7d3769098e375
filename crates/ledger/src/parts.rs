//! What a job wrote, index by index, and where a table differs from it.
//!
//! Parts are written with a job's result and are read only when a table does not hold what its jobs wrote. Whoever waits
//! for all jobs never has them in memory, and `folded/` has none.

use serde::{Deserialize, Serialize};

use crate::{JobId, Pairs};

/// What a job wrote, by index.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JobParts {
    /// Timestamp of all its pairs.
    pub commit_ts: u64,
    /// Where its records lie; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<KeyRange>,
    /// The sums of its records and of its entries of each index.
    pub sums: Vec<IndexPairs>,
}

impl JobParts {
    /// The sum of an index's entries; of the records with 0.
    pub fn of(&self, index: i64) -> Pairs {
        self.sums.iter().find(|part| part.index == index).map_or_else(Pairs::default, |part| part.pairs)
    }
}

/// The sum of one index's entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexPairs {
    /// The index's id; 0 for the records.
    pub index: i64,
    /// The sum.
    #[serde(flatten)]
    pub pairs: Pairs,
}

/// A half-open range of keys, in hexadecimal. Long keys are cut so that the range still has all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeyRange {
    /// The first key.
    pub start: String,
    /// Behind the last key.
    pub end: String,
}

/// Whose pairs a table holds others of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A job's.
    Job,
    /// Those that are older than the import.
    Before,
    /// What all jobs wrote, as it was changed after that by somebody else.
    Later,
}

/// A part of a table that TiKV holds other pairs of than it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Name of the index; `PRIMARY` for the rows themselves.
    pub index: String,
    /// Its id; 0 for the rows.
    pub index_id: i64,
    /// Whose pairs they are.
    pub origin: Origin,
    /// The job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobId>,
    /// What the job read: the first of its objects, with the bytes of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<String>,
    /// Where the pairs lie.
    pub keys: KeyRange,
    /// What there should be.
    pub expected: Pairs,
    /// What TiKV holds.
    pub found: Pairs,
}
