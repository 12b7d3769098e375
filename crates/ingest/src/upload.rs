//! SSTs built here instead of by TiKV, for `ingest = "upload"`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use th_cluster::{BuiltSst, ClusterError, ErrorKind, Pairs, SstBuilder};
use th_sst::SstOptions;

/// Builds files with RocksDB, in TiKV's MVCC layout.
#[derive(Debug)]
pub(crate) struct UploadBuilder {
    /// Where RocksDB writes a file before it is read back for upload.
    pub(crate) dir: PathBuf,
    /// Builds begun.
    pub(crate) builds: AtomicU64,
}

impl SstBuilder for UploadBuilder {
    fn build(&self, pairs: Pairs<'_>, commit_ts: u64) -> Result<Vec<BuiltSst>, ClusterError> {
        let failed = |message: String| ClusterError::new(ErrorKind::InvalidInput, "sst builder", message);
        // Pieces are built at the same time, each in a folder of its own.
        let dir = self.dir.join(format!("upload-{}", self.builds.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir(&dir)
            .map_err(|error| failed(format!("cannot create {}: {error}", dir.display())))?;
        let built = th_sst::build(pairs.iter(), commit_ts, SstOptions::default(), &dir);
        let _ = std::fs::remove_dir(&dir);
        let built = built.map_err(|error| failed(error.to_string()))?;
        Ok(built
            .into_iter()
            .map(|file| BuiltSst {
                cf: file.cf.name(),
                bytes: file.bytes.into(),
                crc32: file.crc32,
                entries: file.entries,
                first_key: file.first_key,
                last_key: file.last_key,
            })
            .collect())
    }
}
