//! Sorted pairs to SST files, one for each column family that got an entry.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rocksdb::{BlockBasedOptions, ChecksumType, DBCompressionType, Options, SstFileWriter};

use crate::SstError;
use crate::mvcc::{self, WriteKind, WriteRecord};

/// Newest block-based table format that TiKV's RocksDB is known to read.
const FORMAT_VERSION: i32 = 5;
const BLOCK_SIZE: usize = 16 << 10;

/// A column family of TiKV's that an import may fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ColumnFamily {
    /// Long values.
    Default,
    /// Commit records and short values.
    Write,
}

impl ColumnFamily {
    /// The name as it stands in `SSTMeta.cf_name`.
    pub const fn name(self) -> &'static str {
        match self {
            ColumnFamily::Default => "default",
            ColumnFamily::Write => "write",
        }
    }
}

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    None,
    /// LZ4: cheapest that still saves network.
    #[default]
    Lz4,
    /// ZSTD: smallest.
    Zstd,
}

/// What may be chosen about the files.
#[derive(Debug, Clone, Copy, Default)]
pub struct SstOptions {
    /// Block compression.
    pub compression: Compression,
    /// `S` field of every write record; Lightning's physical import marks its rows with `1 << 16`, so that TiCDC
    /// skips them. 0 writes no field.
    pub txn_source: u64,
}

/// A finished file on disk.
#[derive(Debug, Clone)]
pub struct SstFile {
    /// Its column family.
    pub cf: ColumnFamily,
    /// Where it is.
    pub path: PathBuf,
    /// Number of entries, at least 1.
    pub entries: u64,
    /// Memcomparable first user key: the start of `SSTMeta.range`.
    pub first_key: Vec<u8>,
    /// Memcomparable last user key: the (inclusive) end of `SSTMeta.range`.
    pub last_key: Vec<u8>,
}

/// A finished file in memory, ready for `ImportSST.Upload`.
#[derive(Debug, Clone)]
pub struct BuiltSst {
    /// Its column family.
    pub cf: ColumnFamily,
    /// The whole file.
    pub bytes: Vec<u8>,
    /// CRC-32 (IEEE) of `bytes`: `SSTMeta.crc32`.
    pub crc32: u32,
    /// Number of entries, at least 1.
    pub entries: u64,
    /// Memcomparable first user key.
    pub first_key: Vec<u8>,
    /// Memcomparable last user key, inclusive.
    pub last_key: Vec<u8>,
}

/// Writes strictly ascending pairs of one commit timestamp into one SST for each column family.
///
/// Files appear under the given paths when they get their first entry and are complete after
/// [`finish`](Self::finish); dropping the writer before leaves partial files for the caller to delete.
pub struct MvccSstWriter {
    options: SstOptions,
    commit_ts: u64,
    default: CfWriter,
    write: CfWriter,
    last_user_key: Option<Vec<u8>>,
    data_key: Vec<u8>,
    record: Vec<u8>,
    entries: u64,
}

struct CfWriter {
    cf: ColumnFamily,
    path: PathBuf,
    compression: Compression,
    file: Option<OpenFile>,
}

struct OpenFile {
    writer: SstFileWriter<'static>,
    entries: u64,
    first_data_key: Vec<u8>,
    last_data_key: Vec<u8>,
}

impl MvccSstWriter {
    /// A writer whose files will stand at `default_path` and `write_path`.
    pub fn create(
        default_path: impl Into<PathBuf>,
        write_path: impl Into<PathBuf>,
        commit_ts: u64,
        options: SstOptions,
    ) -> Result<Self, SstError> {
        if commit_ts == 0 {
            return Err(SstError::ZeroCommitTs);
        }
        let cf = |cf, path| CfWriter { cf, path, compression: options.compression, file: None };
        Ok(Self {
            options,
            commit_ts,
            default: cf(ColumnFamily::Default, default_path.into()),
            write: cf(ColumnFamily::Write, write_path.into()),
            last_user_key: None,
            data_key: Vec::new(),
            record: Vec::new(),
            entries: 0,
        })
    }

    /// Pairs taken so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Adds a put of `value` under the raw (not memcomparable) user key.
    pub fn put(&mut self, user_key: &[u8], value: &[u8]) -> Result<(), SstError> {
        self.add(user_key, WriteKind::Put, value)
    }

    /// Adds a deletion of the raw user key.
    pub fn delete(&mut self, user_key: &[u8]) -> Result<(), SstError> {
        self.add(user_key, WriteKind::Delete, &[])
    }

    fn add(&mut self, user_key: &[u8], kind: WriteKind, value: &[u8]) -> Result<(), SstError> {
        match &mut self.last_user_key {
            Some(last) if user_key <= last.as_slice() => {
                return Err(SstError::NotAscending { entry: self.entries });
            }
            Some(last) => {
                last.clear();
                last.extend_from_slice(user_key);
            }
            None => self.last_user_key = Some(user_key.to_vec()),
        }
        self.data_key.clear();
        mvcc::encode_data_key_into(user_key, self.commit_ts, &mut self.data_key);
        let short_value = (kind == WriteKind::Put && mvcc::is_short_value(value)).then_some(value);
        if kind == WriteKind::Put && short_value.is_none() {
            self.default.put(&self.data_key, value)?;
        }
        self.record.clear();
        let record =
            WriteRecord { kind, start_ts: self.commit_ts, short_value, txn_source: self.options.txn_source };
        mvcc::encode_write_into(&record, &mut self.record);
        self.write.put(&self.data_key, &self.record)?;
        self.entries += 1;
        Ok(())
    }

    /// Completes the files: none, one (write) or two (default, write), in this order.
    pub fn finish(self) -> Result<Vec<SstFile>, SstError> {
        let mut files = Vec::with_capacity(2);
        for cf_writer in [self.default, self.write] {
            files.extend(cf_writer.finish()?);
        }
        Ok(files)
    }
}

impl CfWriter {
    fn put(&mut self, data_key: &[u8], value: &[u8]) -> Result<(), SstError> {
        if let Some(open) = &mut self.file {
            open.writer.put(data_key, value)?;
            open.entries += 1;
            open.last_data_key.clear();
            open.last_data_key.extend_from_slice(data_key);
            return Ok(());
        }
        let mut writer = SstFileWriter::create(rocksdb_options(self.compression));
        writer.open(&self.path)?;
        writer.put(data_key, value)?;
        self.file = Some(OpenFile {
            writer,
            entries: 1,
            first_data_key: data_key.to_vec(),
            last_data_key: data_key.to_vec(),
        });
        Ok(())
    }

    fn finish(self) -> Result<Option<SstFile>, SstError> {
        let Some(mut open) = self.file else { return Ok(None) };
        open.writer.finish()?;
        Ok(Some(SstFile {
            cf: self.cf,
            path: self.path,
            entries: open.entries,
            first_key: mvcc::split_data_key(&open.first_data_key)?.0.to_vec(),
            last_key: mvcc::split_data_key(&open.last_data_key)?.0.to_vec(),
        }))
    }
}

/// Builds the files of `pairs` (raw user keys, strictly ascending) in `scratch` and returns them in
/// memory; nothing stays on disk. For a few MiB; stream through [`MvccSstWriter`] for more.
pub fn build<'a>(
    pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    commit_ts: u64,
    options: SstOptions,
    scratch: &Path,
) -> Result<Vec<BuiltSst>, SstError> {
    let paths = [scratch.join("build_default.sst"), scratch.join("build_write.sst")];
    let built = build_at(pairs, commit_ts, options, &paths);
    for path in &paths {
        // Absent when no pair was long, or none came at all.
        let _ = fs::remove_file(path);
    }
    built
}

fn build_at<'a>(
    pairs: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    commit_ts: u64,
    options: SstOptions,
    [default_path, write_path]: &[PathBuf; 2],
) -> Result<Vec<BuiltSst>, SstError> {
    let mut writer = MvccSstWriter::create(default_path, write_path, commit_ts, options)?;
    for (key, value) in pairs {
        writer.put(key, value)?;
    }
    writer.finish()?.into_iter().map(SstFile::into_memory).collect()
}

impl SstFile {
    /// Reads the file; it stays on disk.
    pub fn into_memory(self) -> Result<BuiltSst, SstError> {
        let bytes = fs::read(&self.path).map_err(|source| SstError::Io {
            action: "read",
            path: self.path.display().to_string(),
            source,
        })?;
        Ok(BuiltSst {
            cf: self.cf,
            crc32: crc32fast::hash(&bytes),
            bytes,
            entries: self.entries,
            first_key: self.first_key,
            last_key: self.last_key,
        })
    }
}

/// Options live for ever because RocksDB's writer borrows them: one set a compression.
fn rocksdb_options(compression: Compression) -> &'static Options {
    static NONE: OnceLock<Options> = OnceLock::new();
    static LZ4: OnceLock<Options> = OnceLock::new();
    static ZSTD: OnceLock<Options> = OnceLock::new();
    let (cell, kind) = match compression {
        Compression::None => (&NONE, DBCompressionType::None),
        Compression::Lz4 => (&LZ4, DBCompressionType::Lz4),
        Compression::Zstd => (&ZSTD, DBCompressionType::Zstd),
    };
    cell.get_or_init(|| {
        let mut table = BlockBasedOptions::default();
        table.set_format_version(FORMAT_VERSION);
        table.set_checksum_type(ChecksumType::CRC32c);
        table.set_block_size(BLOCK_SIZE);
        let mut options = Options::default();
        options.set_block_based_table_factory(&table);
        options.set_compression_type(kind);
        options
    })
}
