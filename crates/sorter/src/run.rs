//! A sorted run on disk: blocks of pairs, LZ4-compressed where that helps, each with a CRC-32.
//!
//! ```text
//! file   = block*
//! block  = stored_len u32 | raw_len u32 | crc32(stored) u32 | stored bytes   (raw_len = stored_len: not compressed)
//! stored = LZ4 block of: pair*
//! pair   = varint shared | varint rest_len | varint value_len | varint tag | key rest | value
//! ```
//! Keys are delta-coded against the key before within the block, which shrinks TiDB's long common
//! prefixes. The index (first key, offset and size of each block) stays in memory.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::SortError;
use crate::arena::PairRef;

/// Raw bytes collected before a block is written.
const BLOCK_BYTES: usize = 128 << 10;
const BLOCK_HEADER: usize = 12;

/// What is known of a block without reading it.
#[derive(Debug, Clone)]
pub(crate) struct BlockInfo {
    pub(crate) first_key: Vec<u8>,
    /// Sum of key and value lengths.
    pub(crate) pair_bytes: u64,
    pub(crate) pairs: u64,
    pub(crate) file_offset: u64,
}

/// A finished run. The file is deleted when this is dropped.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) path: PathBuf,
    pub(crate) blocks: Vec<BlockInfo>,
    pub(crate) file_bytes: u64,
}

impl Drop for Run {
    fn drop(&mut self) {
        // A leftover file costs disk, not truth: the folder is cleaned when a worker starts.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Writes a run, pair by pair in key order.
#[derive(Debug)]
pub struct RunWriter {
    path: PathBuf,
    file: BufWriter<File>,
    raw: Vec<u8>,
    compressed: Vec<u8>,
    last_key: Vec<u8>,
    block_first_key: Vec<u8>,
    block_pair_bytes: u64,
    block_pairs: u64,
    blocks: Vec<BlockInfo>,
    file_bytes: u64,
}

impl RunWriter {
    /// Creates the file; it must not exist.
    pub fn create(path: &Path) -> Result<Self, SortError> {
        let file = File::options()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|source| SortError::io("create", path, 0, source))?;
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::with_capacity(1 << 20, file),
            raw: Vec::with_capacity(BLOCK_BYTES + (16 << 10)),
            compressed: Vec::new(),
            last_key: Vec::new(),
            block_first_key: Vec::new(),
            block_pair_bytes: 0,
            block_pairs: 0,
            blocks: Vec::new(),
            file_bytes: 0,
        })
    }

    pub(crate) fn push(&mut self, pair: PairRef<'_>) -> Result<(), SortError> {
        if self.raw.is_empty() {
            self.block_first_key.clear();
            self.block_first_key.extend_from_slice(pair.key);
            self.last_key.clear();
        }
        let shared = self.last_key.iter().zip(pair.key).take_while(|(left, right)| left == right).count();
        let rest = pair.key.get(shared..).unwrap_or_default();
        push_varint(&mut self.raw, shared as u64);
        push_varint(&mut self.raw, rest.len() as u64);
        push_varint(&mut self.raw, pair.value.len() as u64);
        push_varint(&mut self.raw, pair.tag);
        self.raw.extend_from_slice(rest);
        self.raw.extend_from_slice(pair.value);
        self.last_key.truncate(shared);
        self.last_key.extend_from_slice(rest);
        self.block_pair_bytes += (pair.key.len() + pair.value.len()) as u64;
        self.block_pairs += 1;
        if self.raw.len() >= BLOCK_BYTES {
            self.finish_block()?;
        }
        Ok(())
    }

    fn finish_block(&mut self) -> Result<(), SortError> {
        if self.raw.is_empty() {
            return Ok(());
        }
        self.compressed.resize(lz4_flex::block::get_maximum_output_size(self.raw.len()), 0);
        let size = lz4_flex::block::compress_into(&self.raw, &mut self.compressed).unwrap_or(usize::MAX);
        let stored = match self.compressed.get(..size) {
            Some(compressed) if size < self.raw.len() => compressed,
            _ => self.raw.as_slice(),
        };
        let mut header = [0u8; BLOCK_HEADER];
        header[..4].copy_from_slice(&(stored.len() as u32).to_le_bytes());
        header[4..8].copy_from_slice(&(self.raw.len() as u32).to_le_bytes());
        header[8..].copy_from_slice(&crc32fast::hash(stored).to_le_bytes());
        let block_bytes = (BLOCK_HEADER + stored.len()) as u64;
        self.file
            .write_all(&header)
            .and_then(|()| self.file.write_all(stored))
            .map_err(|source| SortError::io("write", &self.path, block_bytes, source))?;
        self.blocks.push(BlockInfo {
            first_key: self.block_first_key.clone(),
            pair_bytes: self.block_pair_bytes,
            pairs: self.block_pairs,
            file_offset: self.file_bytes,
        });
        self.file_bytes += block_bytes;
        self.block_pair_bytes = 0;
        self.block_pairs = 0;
        self.raw.clear();
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<Run, SortError> {
        self.finish_block()?;
        self.file.flush().map_err(|source| SortError::io("write", &self.path, 0, source))?;
        Ok(Run { path: self.path, blocks: self.blocks, file_bytes: self.file_bytes })
    }
}

/// Reads a run from front to back.
#[derive(Debug)]
pub(crate) struct RunReader {
    run: Arc<Run>,
    file: File,
    next_block: usize,
    stored: Vec<u8>,
    raw: Vec<u8>,
    position: usize,
    key: Vec<u8>,
    value: std::ops::Range<usize>,
    tag: u64,
}

impl RunReader {
    /// Opens a run; the file is deleted when the reader is dropped.
    pub(crate) fn open(run: Arc<Run>) -> Result<Self, SortError> {
        let file = File::open(&run.path).map_err(|source| SortError::io("read", &run.path, 0, source))?;
        Ok(Self {
            run,
            file,
            next_block: 0,
            stored: Vec::new(),
            raw: Vec::new(),
            position: 0,
            key: Vec::new(),
            value: 0..0,
            tag: 0,
        })
    }

    /// The pair that [`RunReader::advance`] moved to.
    pub(crate) fn current(&self) -> PairRef<'_> {
        PairRef { key: &self.key, value: self.raw.get(self.value.clone()).unwrap_or_default(), tag: self.tag }
    }

    /// Moves to the next pair; false at the end.
    pub(crate) fn advance(&mut self) -> Result<bool, SortError> {
        if self.position >= self.raw.len() && !self.load_block()? {
            return Ok(false);
        }
        self.parse_pair().ok_or_else(|| self.damaged("pair layout"))?;
        Ok(true)
    }

    fn damaged(&self, what: &'static str) -> SortError {
        let block = self.run.blocks.get(self.next_block.saturating_sub(1));
        SortError::Damaged {
            path: self.run.path.clone(),
            offset: block.map_or(0, |block| block.file_offset),
            what,
        }
    }

    fn parse_pair(&mut self) -> Option<()> {
        let mut rest = self.raw.get(self.position..)?;
        let shared = usize::try_from(read_varint(&mut rest)?).ok()?;
        let key_rest = usize::try_from(read_varint(&mut rest)?).ok()?;
        let value = usize::try_from(read_varint(&mut rest)?).ok()?;
        self.tag = read_varint(&mut rest)?;
        if shared > self.key.len() {
            return None;
        }
        self.key.truncate(shared);
        let (key_bytes, rest) = rest.split_at_checked(key_rest)?;
        self.key.extend_from_slice(key_bytes);
        let rest = rest.get(value..)?;
        let value_end = self.raw.len() - rest.len();
        self.value = value_end - value..value_end;
        self.position = value_end;
        Some(())
    }

    fn load_block(&mut self) -> Result<bool, SortError> {
        let Some(block) = self.run.blocks.get(self.next_block) else { return Ok(false) };
        self.next_block += 1;
        let path = &self.run.path;
        let read_error = |source| SortError::io("read", path, 0, source);
        let mut header = [0u8; BLOCK_HEADER];
        self.file.seek(SeekFrom::Start(block.file_offset)).map_err(read_error)?;
        self.file.read_exact(&mut header).map_err(read_error)?;
        let field =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (stored_length, raw_length, crc) = (field(0) as usize, field(4) as usize, field(8));
        if u64::try_from(stored_length).unwrap_or(u64::MAX) > self.run.file_bytes {
            return Err(self.damaged("length"));
        }
        self.stored.resize(stored_length, 0);
        self.file.read_exact(&mut self.stored).map_err(read_error)?;
        if crc32fast::hash(&self.stored) != crc {
            return Err(self.damaged("crc32"));
        }
        if stored_length == raw_length {
            std::mem::swap(&mut self.raw, &mut self.stored);
        } else {
            self.raw.resize(raw_length, 0);
            match lz4_flex::block::decompress_into(&self.stored, &mut self.raw) {
                Ok(size) if size == raw_length => {}
                _ => return Err(self.damaged("compression")),
            }
        }
        self.position = 0;
        self.key.clear();
        Ok(true)
    }
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}
