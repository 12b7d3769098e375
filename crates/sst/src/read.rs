//! Reading a file back, for looking at it.

use std::path::Path;

use rocksdb::{DB, IngestExternalFileOptions, IteratorMode, Options};

use crate::SstError;

/// Shows every entry of an SST file to `each`, in order, until it answers `false`.
///
/// The file must be one that a writer of SSTs made (an import's, a backup's), not a live file of a
/// database. RocksDB reads it by way of an empty database in `scratch`, an empty folder that the caller
/// removes; the file itself stays as it is.
pub fn read(file: &Path, scratch: &Path, mut each: impl FnMut(&[u8], &[u8]) -> bool) -> Result<(), SstError> {
    let mut options = Options::default();
    options.create_if_missing(true);
    let db = DB::open(&options, scratch.join("db"))?;
    let mut ingest = IngestExternalFileOptions::default();
    ingest.set_move_files(false);
    db.ingest_external_file_opts(&ingest, vec![file])?;
    for entry in db.iterator(IteratorMode::Start) {
        let (key, value) = entry?;
        if !each(&key, &value) {
            break;
        }
    }
    Ok(())
}
