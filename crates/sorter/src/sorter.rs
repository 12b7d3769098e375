//! Collecting pairs, spilling runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::SortError;
use crate::arena::Arena;
use crate::run::{Run, RunWriter};

/// Largest key plus value that is accepted: TiDB's own limit of one entry is far below.
const MAX_PAIR_BYTES: usize = 1 << 30;

/// How to sort.
#[derive(Debug, Clone)]
pub struct SortOptions {
    /// Folder for runs, on a fast local disk. It must exist.
    pub dir: PathBuf,
    /// Prefix of this sorter's file names; must be unique in the folder.
    pub name: String,
    /// Memory for pairs and their sort entries, in bytes. A pair larger than that still passes.
    pub memory: usize,
    /// Most bytes of runs on disk, shared by all sorters that share this counter's remainder.
    pub disk_quota: Option<Arc<AtomicU64>>,
}

/// How much of pairs there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Extent {
    /// Sum of key and value lengths.
    pub bytes: u64,
    /// Number of pairs.
    pub pairs: u64,
}

impl Extent {
    fn add(&mut self, more: Self) {
        self.bytes += more.bytes;
        self.pairs += more.pairs;
    }

    /// Whether it has as many bytes or as many pairs, or more.
    fn reaches(&self, limit: Self) -> bool {
        self.bytes >= limit.bytes || self.pairs >= limit.pairs
    }
}

/// Collects pairs in memory and spills sorted runs.
#[derive(Debug)]
pub struct Sorter {
    options: SortOptions,
    arena: Arena,
    runs: Vec<Arc<Run>>,
    extent: Extent,
}

/// All pairs of one sorter, sorted in themselves: runs on disk and the last arena in memory. Clones share both; the
/// runs are removed with the last of them.
#[derive(Debug, Clone)]
pub struct Sorted {
    pub(crate) arena: Arc<Arena>,
    pub(crate) runs: Vec<Arc<Run>>,
    extent: Extent,
}

impl Sorter {
    /// A sorter without pairs; touches the disk only when the memory is full.
    pub fn new(options: SortOptions) -> Self {
        Self { options, arena: Arena::default(), runs: Vec::new(), extent: Extent::default() }
    }

    /// Adds a pair. `tag` identifies its source row and orders equal keys.
    pub fn push(&mut self, key: &[u8], value: &[u8], tag: u64) -> Result<(), SortError> {
        let size = key.len() + value.len();
        if size > MAX_PAIR_BYTES {
            return Err(SortError::PairTooLarge { bytes: size, limit: MAX_PAIR_BYTES });
        }
        if !self.arena.is_empty() && self.arena.memory() + Arena::cost(key, value) > self.options.memory {
            self.spill()?;
        }
        self.arena.push(key, value, tag);
        self.extent.add(Extent { bytes: size as u64, pairs: 1 });
        Ok(())
    }

    /// Bytes of memory in use by pairs.
    pub fn memory(&self) -> usize {
        self.arena.memory()
    }

    /// Sorts what is in memory and writes it as a run.
    fn spill(&mut self) -> Result<(), SortError> {
        self.arena.sort();
        let path = self.options.dir.join(format!("{}-{:05}.run", self.options.name, self.runs.len()));
        let mut writer = RunWriter::create(&path)?;
        for pair in self.arena.iter() {
            writer.push(pair)?;
        }
        let run = writer.finish()?;
        if let Some(remaining) = &self.options.disk_quota {
            let taken = remaining
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(run.file_bytes));
            if let Err(left) = taken {
                return Err(SortError::Quota { path: self.options.dir.clone(), quota: left });
            }
        }
        tracing::debug!(
            path = %path.display(),
            pairs = self.arena.len(),
            memory = self.arena.memory(),
            file_bytes = run.file_bytes,
            "spilled a sorted run"
        );
        self.runs.push(Arc::new(run));
        self.arena.clear();
        Ok(())
    }

    /// Ends collecting. What is still in memory is sorted and stays there.
    pub fn finish(mut self) -> Sorted {
        self.arena.sort();
        Sorted { arena: Arc::new(self.arena), runs: self.runs, extent: self.extent }
    }

    /// Ends collecting with everything on disk, for pairs that may have to wait.
    pub fn finish_on_disk(mut self) -> Result<Sorted, SortError> {
        if !self.arena.is_empty() {
            self.spill()?;
        }
        self.arena = Arena::default();
        Ok(self.finish())
    }
}

impl Sorted {
    /// Sum of key and value lengths.
    pub fn pair_bytes(&self) -> u64 {
        self.extent.bytes
    }

    /// Bytes and number of pairs, those with equal keys included.
    pub fn extent(&self) -> Extent {
        self.extent
    }

    /// Bytes of runs on disk.
    pub fn spilled_bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.file_bytes).sum()
    }

    /// Keys with what there is from each to the next, every `step` or so, unordered between runs: the raw material for
    /// split keys.
    pub(crate) fn samples(&self, step: Extent, out: &mut Vec<(Vec<u8>, Extent)>) {
        for run in &self.runs {
            let extent = |bytes, pairs| Extent { bytes, pairs };
            out.extend(
                run.blocks
                    .iter()
                    .map(|block| (block.first_key.clone(), extent(block.pair_bytes, block.pairs))),
            );
        }
        let mut start: Option<(&[u8], Extent)> = None;
        for pair in self.arena.iter() {
            let one = Extent { bytes: (pair.key.len() + pair.value.len()) as u64, pairs: 1 };
            start = match start {
                Some((key, mut extent)) => {
                    let before = extent;
                    extent.add(one);
                    if extent.reaches(step) {
                        out.push((key.to_vec(), before));
                        Some((pair.key, one))
                    } else {
                        Some((key, extent))
                    }
                }
                None => Some((pair.key, one)),
            };
        }
        if let Some((key, extent)) = start {
            out.push((key.to_vec(), extent));
        }
    }

    /// Keys that cut the pairs of all `parts` into pieces of about the bytes of `piece`, or of as many pairs where that
    /// is less, ascending; the first piece starts before the first key. From samples, so a piece may be some hundred
    /// KiB off.
    pub fn split_keys(parts: &[Sorted], piece: Extent) -> Vec<Vec<u8>> {
        let step =
            Extent { bytes: (piece.bytes / 64).clamp(1 << 10, 256 << 10), pairs: (piece.pairs / 64).max(2) };
        let mut samples = Vec::new();
        for part in parts {
            part.samples(step, &mut samples);
        }
        samples.sort();
        let mut keys = Vec::new();
        let mut extent = Extent::default();
        for (key, more) in samples {
            let half = Extent { bytes: extent.bytes + more.bytes / 2, pairs: extent.pairs + more.pairs / 2 };
            if half.reaches(piece) && extent.bytes > 0 {
                keys.push(key);
                extent = Extent::default();
            }
            extent.add(more);
        }
        keys.dedup();
        keys
    }
}
