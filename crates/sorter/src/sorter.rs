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

/// Collects pairs in memory and spills sorted runs.
#[derive(Debug)]
pub struct Sorter {
    options: SortOptions,
    arena: Arena,
    runs: Vec<Arc<Run>>,
    pair_bytes: u64,
}

/// All pairs of one sorter, sorted in themselves: runs on disk and the last arena in memory. Clones share both; the
/// runs are removed with the last of them.
#[derive(Debug, Clone)]
pub struct Sorted {
    pub(crate) arena: Arc<Arena>,
    pub(crate) runs: Vec<Arc<Run>>,
    pair_bytes: u64,
}

impl Sorter {
    /// A sorter without pairs; touches the disk only when the memory is full.
    pub fn new(options: SortOptions) -> Self {
        Self { options, arena: Arena::default(), runs: Vec::new(), pair_bytes: 0 }
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
        self.pair_bytes += size as u64;
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
        Sorted { arena: Arc::new(self.arena), runs: self.runs, pair_bytes: self.pair_bytes }
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
        self.pair_bytes
    }

    /// Bytes of runs on disk.
    pub fn spilled_bytes(&self) -> u64 {
        self.runs.iter().map(|run| run.file_bytes).sum()
    }

    /// Keys with the number of pair bytes from each to the next, every `step` bytes or so, unordered
    /// between runs: the raw material for split keys.
    pub(crate) fn samples(&self, step: u64, out: &mut Vec<(Vec<u8>, u64)>) {
        for run in &self.runs {
            out.extend(run.blocks.iter().map(|block| (block.first_key.clone(), block.pair_bytes)));
        }
        let mut start: Option<(&[u8], u64)> = None;
        for pair in self.arena.iter() {
            let size = (pair.key.len() + pair.value.len()) as u64;
            start = match start {
                Some((key, bytes)) if bytes + size >= step => {
                    out.push((key.to_vec(), bytes));
                    Some((pair.key, size))
                }
                Some((key, bytes)) => Some((key, bytes + size)),
                None => Some((pair.key, size)),
            };
        }
        if let Some((key, bytes)) = start {
            out.push((key.to_vec(), bytes));
        }
    }

    /// Keys that cut the pairs of all `parts` into pieces of about `piece` bytes, ascending; the
    /// first piece starts before the first key. From samples, so a piece may be some hundred KiB off.
    pub fn split_keys(parts: &[Sorted], piece: u64) -> Vec<Vec<u8>> {
        let mut samples = Vec::new();
        for part in parts {
            part.samples((piece / 64).clamp(1 << 10, 256 << 10), &mut samples);
        }
        samples.sort();
        let mut keys = Vec::new();
        let mut bytes = 0;
        for (key, size) in samples {
            if bytes + size / 2 >= piece && bytes > 0 {
                keys.push(key);
                bytes = 0;
            }
            bytes += size;
        }
        keys.dedup();
        keys
    }
}
