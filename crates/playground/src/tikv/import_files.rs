//! Files of a store's import folder: written by Write and Upload, gone after an ingest.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use th_proto::import_sstpb::SstMeta;
use th_sst::{Compression, MvccSstWriter, SstError, SstOptions};
use tonic::Status;

/// An error as TiKV's import service gives it: `UNKNOWN` with the `Debug` text of its error.
pub(crate) fn unknown(text: impl Into<String>) -> Status {
    Status::unknown(text.into())
}

/// `{uuid}_{region}_{conf_ver}_{version}_{cf}_2.sst`.
pub(crate) fn file_name(meta: &SstMeta) -> Result<String, Status> {
    let uuid: [u8; 16] = meta
        .uuid
        .as_slice()
        .try_into()
        .map_err(|_| unknown(format!("InvalidSstPath(\"uuid of {} bytes\")", meta.uuid.len())))?;
    let hex = crate::hex::lower(&uuid);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    let epoch = meta.region_epoch.unwrap_or_default();
    let cf = if meta.cf_name.is_empty() { "default" } else { &meta.cf_name };
    Ok(format!(
        "{}-{}-{}-{}-{}_{}_{}_{}_{cf}_2.sst",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
        meta.region_id,
        epoch.conf_ver,
        epoch.version,
    ))
}

/// The file of a meta in an import folder.
pub(crate) fn path_of(dir: &Path, meta: &SstMeta) -> Result<PathBuf, Status> {
    Ok(dir.join(file_name(meta)?))
}

/// A Write stream's files while pairs come in.
pub(crate) struct WriteFiles {
    meta: SstMeta,
    txn_source: u64,
    dir: PathBuf,
    writer: Option<MvccSstWriter>,
    commit_ts: u64,
    created: Vec<PathBuf>,
}

impl WriteFiles {
    /// For a stream that opened with this meta.
    pub(crate) fn new(dir: &Path, meta: SstMeta, txn_source: u64) -> Result<Self, Status> {
        file_name(&meta)?;
        Ok(Self { meta, txn_source, dir: dir.to_owned(), writer: None, commit_ts: 0, created: Vec::new() })
    }

    fn meta_of(&self, cf: &str) -> SstMeta {
        SstMeta { cf_name: cf.to_owned(), ..self.meta.clone() }
    }

    fn temporary(&self, cf: &str) -> Result<PathBuf, Status> {
        Ok(self.dir.join(format!("{}.tmp", file_name(&self.meta_of(cf))?)))
    }

    /// Adds pairs of one batch.
    pub(crate) fn add(&mut self, batch: &th_proto::import_sstpb::WriteBatch) -> Result<(), Status> {
        if batch.commit_ts == 0 {
            return Err(unknown("BadFormat(\"invalid commit-ts 0\")"));
        }
        if self.writer.is_none() {
            let paths = [self.temporary("default")?, self.temporary("write")?];
            self.created.extend(paths.clone());
            let [default_path, write_path] = paths;
            let options = SstOptions { compression: Compression::Lz4, txn_source: self.txn_source };
            self.commit_ts = batch.commit_ts;
            self.writer = Some(
                MvccSstWriter::create(default_path, write_path, batch.commit_ts, options)
                    .map_err(sst_status)?,
            );
        }
        if batch.commit_ts != self.commit_ts {
            // The real store takes it; nothing here sends it, and one file of two timestamps is likely a mistake.
            return Err(unknown("BadFormat(\"one stream carries two commit timestamps\")"));
        }
        let Some(writer) = &mut self.writer else { return Ok(()) };
        for pair in &batch.pairs {
            let outcome = if pair.op == th_proto::import_sstpb::pair::Op::Delete as i32 {
                writer.delete(&pair.key)
            } else {
                writer.put(&pair.key, &pair.value)
            };
            outcome.map_err(sst_status)?;
        }
        Ok(())
    }

    /// Completes the files: one meta for each column family that got an entry.
    pub(crate) fn finish(mut self) -> Result<Vec<SstMeta>, Status> {
        let Some(writer) = self.writer.take() else { return Ok(Vec::new()) };
        let mut metas = Vec::new();
        for file in writer.finish().map_err(sst_status)? {
            let meta = self.meta_of(file.cf.name());
            let target = path_of(&self.dir, &meta)?;
            fs::rename(&file.path, &target).map_err(|error| io_status(&error))?;
            metas.push(meta);
        }
        Ok(metas)
    }
}

impl Drop for WriteFiles {
    fn drop(&mut self) {
        for path in &self.created {
            // Renamed when all went well.
            let _ = fs::remove_file(path);
        }
    }
}

/// An Upload stream's file while bytes come in.
pub(crate) struct UploadFile {
    meta: SstMeta,
    target: PathBuf,
    temporary: PathBuf,
    file: File,
    crc: crc32fast::Hasher,
    length: u64,
}

impl UploadFile {
    /// For a stream that opened with this meta.
    pub(crate) fn create(dir: &Path, meta: SstMeta) -> Result<Self, Status> {
        let target = path_of(dir, &meta)?;
        let temporary_dir = dir.join(".temp");
        let temporary = temporary_dir.join(file_name(&meta)?);
        let exists = |path: &Path| {
            unknown(format!("FileExists({:?}, \"create SST upload cache\")", path.display().to_string()))
        };
        if target.exists() {
            return Err(exists(&target));
        }
        fs::create_dir_all(&temporary_dir).map_err(|error| io_status(&error))?;
        let file = File::options().write(true).create_new(true).open(&temporary).map_err(|error| {
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                exists(&temporary)
            } else {
                io_status(&error)
            }
        })?;
        Ok(Self { meta, target, temporary, file, crc: crc32fast::Hasher::new(), length: 0 })
    }

    /// Adds bytes.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), Status> {
        self.crc.update(bytes);
        self.length += bytes.len() as u64;
        self.file.write_all(bytes).map_err(|error| io_status(&error))
    }

    /// Checks sum and length; the file's content is *not* looked at, as in TiKV.
    pub(crate) fn finish(self) -> Result<(), Status> {
        let corrupted = |what: String| {
            unknown(format!("FileCorrupted({:?}, {what:?})", self.temporary.display().to_string()))
        };
        let crc = self.crc.clone().finalize();
        if crc != self.meta.crc32 {
            return Err(corrupted(format!("crc32 {crc}, expect {}", self.meta.crc32)));
        }
        if self.length != self.meta.length {
            return Err(corrupted(format!("length {}, expect {}", self.length, self.meta.length)));
        }
        fs::rename(&self.temporary, &self.target).map_err(|error| io_status(&error))
    }
}

impl Drop for UploadFile {
    fn drop(&mut self) {
        // Renamed when all went well.
        let _ = fs::remove_file(&self.temporary);
    }
}

fn io_status(error: &std::io::Error) -> Status {
    unknown(format!("Io({error:?})"))
}

fn sst_status(error: SstError) -> Status {
    match error {
        SstError::NotAscending { .. } => unknown(
            "EngineTraits(Engine(Status { code: IoError, sub_code: None, sev: NoError, state: \"Invalid argument: \
             Keys must be added in strict ascending order.\" }))",
        ),
        SstError::ZeroCommitTs => unknown("BadFormat(\"invalid commit-ts 0\")"),
        other => unknown(format!("EngineTraits(Engine(Status {{ state: {:?} }}))", other.to_string())),
    }
}
