//! One store: its RocksDB with TiKV's column families, its import folder, its addresses.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rocksdb::{BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, Options, WriteBatch};
use th_sst::mvcc::DATA_PREFIX;

use crate::error::{Result, io_error};
use crate::tikv::import_state::ImportState;

const CF_WRITE: &str = "write";
const CF_LOCK: &str = "lock";
const CF_DEFAULT: &str = "default";
const BLOCK_CACHE: usize = 64 << 20;

/// A store.
pub(crate) struct StoreNode {
    pub(crate) id: u64,
    pub(crate) db: DB,
    pub(crate) dir: PathBuf,
    pub(crate) import: ImportState,
    address: OnceLock<String>,
    status_address: OnceLock<String>,
}

impl StoreNode {
    /// Opens or creates the store's folder; files of imports that never were ingested are removed,
    /// as nobody can know their meaning any more.
    pub(crate) fn open(id: u64, dir: &Path) -> Result<Self> {
        let import_dir = dir.join("import");
        if import_dir.exists() {
            fs::remove_dir_all(&import_dir).map_err(io_error(&import_dir))?;
        }
        fs::create_dir_all(&import_dir).map_err(io_error(&import_dir))?;
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_max_background_jobs(2);
        options.set_keep_log_file_num(1);
        let cache = Cache::new_lru_cache(BLOCK_CACHE);
        let families = [CF_DEFAULT, CF_WRITE, CF_LOCK].map(|name| {
            let mut table = BlockBasedOptions::default();
            table.set_block_cache(&cache);
            table.set_format_version(5);
            let mut family = Options::default();
            family.set_block_based_table_factory(&table);
            family.set_compression_type(rocksdb::DBCompressionType::Lz4);
            ColumnFamilyDescriptor::new(name, family)
        });
        let db = DB::open_cf_descriptors(&options, dir.join("db"), families)?;
        Ok(Self {
            id,
            db,
            import: ImportState::new(import_dir),
            dir: dir.to_owned(),
            address: OnceLock::new(),
            status_address: OnceLock::new(),
        })
    }

    /// Told once, when the ports are bound.
    pub(crate) fn set_addresses(&self, address: String, status_address: String) {
        let _ = self.address.set(address);
        let _ = self.status_address.set(status_address);
    }

    /// `host:port` of the gRPC services.
    pub(crate) fn address(&self) -> &str {
        self.address.get().map_or("", String::as_str)
    }

    /// `host:port` of the status server.
    pub(crate) fn status_address(&self) -> &str {
        self.status_address.get().map_or("", String::as_str)
    }

    /// The column family of commit records; `None` only if the database was tampered with.
    pub(crate) fn write_cf(&self) -> Option<&ColumnFamily> {
        self.db.cf_handle(CF_WRITE)
    }

    /// A column family by TiKV's name.
    pub(crate) fn cf(&self, name: &str) -> Option<&ColumnFamily> {
        self.db.cf_handle(if name.is_empty() { CF_DEFAULT } else { name })
    }

    /// Bytes on disk, roughly.
    pub(crate) fn used_size(&self) -> u64 {
        [CF_DEFAULT, CF_WRITE]
            .iter()
            .filter_map(|name| self.db.cf_handle(name))
            .filter_map(|cf| self.db.property_int_value_cf(cf, "rocksdb.total-sst-files-size").ok().flatten())
            .sum()
    }

    /// Removes every version of every key in `[start, end)` (memcomparable, end not empty).
    pub(crate) fn destroy_range(&self, start: &[u8], end: &[u8]) -> Result<()> {
        let mut batch = WriteBatch::default();
        for name in [CF_DEFAULT, CF_WRITE, CF_LOCK] {
            if let Some(cf) = self.db.cf_handle(name) {
                batch.delete_range_cf(cf, prefixed(start), prefixed(end));
            }
        }
        self.db.write(batch)?;
        Ok(())
    }
}

/// `z` before a memcomparable key.
pub(crate) fn prefixed(key: &[u8]) -> Vec<u8> {
    let mut data_key = Vec::with_capacity(key.len() + 1);
    data_key.push(DATA_PREFIX);
    data_key.extend_from_slice(key);
    data_key
}
