//! The playground's own state (regions, tables, allocators, …) as JSON documents in RocksDB.
//!
//! One key a document, written through batches so that what changes together is stored together.

use std::path::Path;

use rocksdb::{DB, Direction, IteratorMode, Options, WriteBatch, WriteOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{PlaygroundError, Result};

/// A small document store.
pub(crate) struct MetaStore {
    db: DB,
}

/// Changes that are stored together.
#[derive(Default)]
pub(crate) struct MetaBatch(WriteBatch);

impl MetaBatch {
    /// Puts one document.
    pub(crate) fn put<T: Serialize>(&mut self, key: &str, value: &T) -> Result<()> {
        self.0.put(key, encode(key, value)?);
        Ok(())
    }

    /// Removes one document.
    pub(crate) fn delete(&mut self, key: &str) {
        self.0.delete(key);
    }
}

impl MetaStore {
    /// Opens or creates the store.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut options = Options::default();
        options.create_if_missing(true);
        Ok(Self { db: DB::open(&options, path)? })
    }

    /// Reads one document.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.db.get(key)?.map(|bytes| decode(key, &bytes)).transpose()
    }

    /// Writes one document.
    pub(crate) fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<()> {
        let mut batch = MetaBatch::default();
        batch.put(key, value)?;
        self.write(batch)
    }

    /// Applies a batch durably.
    pub(crate) fn write(&self, batch: MetaBatch) -> Result<()> {
        let mut options = WriteOptions::default();
        options.set_sync(false);
        self.db.write_opt(batch.0, &options)?;
        Ok(())
    }

    /// All documents under a prefix, in key order.
    pub(crate) fn scan<T: DeserializeOwned>(&self, prefix: &str) -> Result<Vec<T>> {
        let mut documents = Vec::new();
        for entry in self.db.iterator(IteratorMode::From(prefix.as_bytes(), Direction::Forward)) {
            let (key, value) = entry?;
            if !key.starts_with(prefix.as_bytes()) {
                break;
            }
            documents.push(decode(&String::from_utf8_lossy(&key), &value)?);
        }
        Ok(documents)
    }
}

fn encode<T: Serialize>(key: &str, value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| state_error(key, &error))
}

fn decode<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| state_error(key, &error))
}

fn state_error(key: &str, error: &serde_json::Error) -> PlaygroundError {
    PlaygroundError::State { key: key.to_owned(), message: error.to_string() }
}
