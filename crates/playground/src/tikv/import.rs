//! `ImportSST` of a store: files in, files into the database.
//!
//! The checks come in TiKV's order: suspension, latch, region (store, region, leader, epoch), files
//! there, and then what TiKV checks when it applies: the files' region, epoch and range. All under
//! the regions' read lock, so a split comes either before or after.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use rocksdb::IngestExternalFileOptions;
use th_proto::import_sstpb::import_sst_server::ImportSst;
use th_proto::import_sstpb::{self as pb, SstMeta};
use th_proto::{errorpb, kvrpcpb};
use th_sst::memcomparable;
use tonic::{Request, Response, Status, Streaming};

use crate::cluster::Cluster;
use crate::faults::RequestKind;
use crate::regions::{RegionMap, epoch_text};
use crate::tikv::errors::{check_key_in_region, check_region, epoch_not_match, message, region_not_found};
use crate::tikv::import_files::{UploadFile, WriteFiles, file_name, path_of, unknown};
use crate::tikv::kv::{Struck, blocking, meet_faults};
use crate::tikv::mvcc;
use crate::tikv::store::StoreNode;

/// Longest suspension, in seconds.
const MAX_SUSPENSION: u64 = 6 * 3600;
/// A partition range without a time to live lives this long, in seconds.
const DEFAULT_PARTITION_TTL: u64 = 3600;
/// Pairs in one DuplicateDetect message.
const DUPLICATES_A_MESSAGE: usize = 1024;

/// The service.
#[derive(Clone)]
pub(crate) struct ImportService {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) store: Arc<StoreNode>,
}

impl ImportService {
    /// TiKV refuses a Write whose region it does not know as the client does.
    fn check_write_epoch(&self, meta: &SstMeta) -> Result<(), Status> {
        let regions = self.cluster.regions();
        let too_old = |what: String| Err(unknown(format!("RequestTooOld({what:?})")));
        let Some(region) =
            regions.get(meta.region_id).filter(|region| region.peer_on(self.store.id).is_some())
        else {
            return too_old(format!("region {} is not found", meta.region_id));
        };
        let epoch = meta.region_epoch.unwrap_or_default();
        let texts = (region.epoch_text(), epoch_text(epoch.conf_ver, epoch.version));
        if epoch.conf_ver > region.conf_ver || epoch.version > region.version {
            return Err(unknown(format!(
                "RequestTooNew({:?})",
                format!(
                    "request region {} is ahead of local region, local epoch {}, request epoch {}, please retry write later",
                    region.id, texts.0, texts.1
                )
            )));
        }
        if epoch.conf_ver < region.conf_ver || epoch.version < region.version {
            return too_old(format!(
                "request region {} is staler than local region, local epoch {}, request epoch {}",
                region.id, texts.0, texts.1
            ));
        }
        Ok(())
    }

    fn ingest(&self, context: Option<&kvrpcpb::Context>, ssts: &[SstMeta]) -> Option<errorpb::Error> {
        let now_ms = self.cluster.now_ms();
        if let Some(left) = self.store.import.suspended_for(now_ms) {
            return Some(errorpb::Error {
                message: format!("imports are suspended for {}", seconds_text(left)),
                server_is_busy: Some(errorpb::ServerIsBusy { backoff_ms: left, ..Default::default() }),
                ..Default::default()
            });
        }
        let names: Result<Vec<_>, _> =
            ssts.iter().map(|meta| file_name(meta).map(String::into_bytes)).collect();
        let names = match names {
            Ok(names) => names,
            Err(status) => return Some(message(status.message())),
        };
        let Some(_latch) = self.store.import.latch(names) else {
            return Some(message("Ingest file conflict"));
        };
        let regions = self.cluster.regions();
        self.ingest_checked(&regions, context, ssts).err()
    }

    fn ingest_checked(
        &self,
        regions: &RegionMap,
        context: Option<&kvrpcpb::Context>,
        ssts: &[SstMeta],
    ) -> Result<(), errorpb::Error> {
        let region = check_region(regions, context, self.store.id)?;
        if ssts.is_empty() {
            return Err(message(format!(
                "[region {}] ingest failed: Error(Kv(Error(EmptyRequest)))",
                region.id
            )));
        }
        let path = |store: &StoreNode, meta: &SstMeta| {
            path_of(&store.import.dir, meta).map_err(|status| message(status.message()))
        };
        for meta in ssts {
            if !path(&self.store, meta)?.exists() {
                return Err(errorpb::Error {
                    message: "The file which would be ingested doest not exist.".into(),
                    stale_command: Some(errorpb::StaleCommand {}),
                    ..Default::default()
                });
            }
        }
        for meta in ssts {
            check_for_apply(meta, regions, region.id)?;
        }
        // From here on the proposal is committed: every peer applies it from its own files.
        for peer in &region.peers {
            let Some(store) = self.cluster.store(peer.store_id) else { continue };
            let files: Result<Vec<_>, _> =
                ssts.iter().map(|meta| Ok((cf_of(meta).to_owned(), path(store, meta)?))).collect();
            if let Err(why) = apply(store, &files?) {
                // A missing or broken file makes TiKV panic while it applies: the store is gone until an operator comes.
                tracing::error!(
                    store = store.id,
                    region = region.id,
                    why,
                    "a real TiKV would have panicked here"
                );
                self.cluster.faults.store_down(store.id);
                if store.id == self.store.id {
                    return Err(message(format!(
                        "store {} panicked while it applied an ingest: {why}",
                        store.id
                    )));
                }
            }
        }
        Ok(())
    }
}

fn cf_of(meta: &SstMeta) -> &str {
    if meta.cf_name.is_empty() { "default" } else { &meta.cf_name }
}

/// What TiKV checks of a file when it applies.
fn check_for_apply(meta: &SstMeta, regions: &RegionMap, region_id: u64) -> Result<(), errorpb::Error> {
    if !matches!(cf_of(meta), "default" | "write") {
        return Err(message(format!("invalid cf name {}", meta.cf_name)));
    }
    if meta.region_id != region_id {
        return Err(region_not_found(meta.region_id));
    }
    let Some(region) = regions.get(region_id) else { return Err(region_not_found(region_id)) };
    let epoch = meta.region_epoch.unwrap_or_default();
    if (epoch.conf_ver, epoch.version) != (region.conf_ver, region.version) {
        let what = format!("{} != {}", epoch_text(epoch.conf_ver, epoch.version), region.epoch_text());
        return Err(epoch_not_match(what, [region]));
    }
    let range = meta.range.clone().unwrap_or_default();
    check_key_in_region(&range.start, region)?;
    check_key_in_region(&range.end, region)
}

/// Moves files into a store's database: default before write, so that no commit record is seen
/// without its value.
fn apply(store: &StoreNode, files: &[(String, PathBuf)]) -> Result<(), String> {
    if let Some((_, missing)) = files.iter().find(|(_, path)| !path.exists()) {
        return Err(format!("{} is missing", missing.display()));
    }
    let mut options = IngestExternalFileOptions::default();
    options.set_move_files(true);
    for wanted in ["default", "write"] {
        let paths: Vec<&PathBuf> =
            files.iter().filter(|(cf, _)| cf == wanted).map(|(_, path)| path).collect();
        if paths.is_empty() {
            continue;
        }
        let cf = store.cf(wanted).ok_or_else(|| format!("no column family {wanted}"))?;
        store
            .db
            .ingest_external_file_cf_opts(cf, &options, paths.clone())
            .map_err(|error| error.to_string())?;
        for path in paths {
            // Linked into the database; the import folder's name for it goes.
            let _ = std::fs::remove_file(path);
        }
    }
    Ok(())
}

/// Write and Upload have no region errors: a store without space says so in its own words, anything
/// else by its text.
fn file_refusal(error: &errorpb::Error) -> Status {
    unknown(if error.disk_full.is_some() { "DiskSpaceNotEnough" } else { error.message.as_str() })
}

/// `2.992s`, `3s`, `15ms` as Rust prints a duration.
fn seconds_text(millis: u64) -> String {
    format!("{:?}", std::time::Duration::from_millis(millis))
}

type DuplicateStream = Pin<Box<dyn Stream<Item = Result<pb::DuplicateDetectResponse, Status>> + Send>>;

#[tonic::async_trait]
impl ImportSst for ImportService {
    async fn switch_mode(
        &self,
        request: Request<pb::SwitchModeRequest>,
    ) -> Result<Response<pb::SwitchModeResponse>, Status> {
        meet_faults(&self.cluster, self.store.id, RequestKind::Import, 0).await?.lost()?;
        let import = request.into_inner().mode == pb::SwitchMode::Import as i32;
        self.store.import.switch_mode(import, self.cluster.now_ms());
        Ok(Response::new(pb::SwitchModeResponse {}))
    }

    async fn get_mode(
        &self,
        _request: Request<pb::GetModeRequest>,
    ) -> Result<Response<pb::GetModeResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn upload(
        &self,
        request: Request<Streaming<pb::UploadRequest>>,
    ) -> Result<Response<pb::UploadResponse>, Status> {
        let mut stream = request.into_inner();
        let meta = match stream.message().await?.and_then(|first| first.chunk) {
            Some(pb::upload_request::Chunk::Meta(meta)) => meta,
            _ => return Err(unknown("InvalidChunk")),
        };
        let struck = meet_faults(&self.cluster, self.store.id, RequestKind::Upload, meta.region_id).await?;
        if let Struck::Region(error) = &struck {
            return Err(file_refusal(error));
        }
        let dir = self.store.import.dir.clone();
        let mut file = blocking(move || UploadFile::create(&dir, meta)).await??;
        while let Some(request) = stream.message().await? {
            let Some(pb::upload_request::Chunk::Data(data)) = request.chunk else {
                return Err(unknown("InvalidChunk"));
            };
            file = blocking(move || file.append(&data).map(|()| file)).await??;
        }
        blocking(move || file.finish()).await??;
        struck.lost()?;
        Ok(Response::new(pb::UploadResponse {}))
    }

    async fn ingest(
        &self,
        request: Request<pb::IngestRequest>,
    ) -> Result<Response<pb::IngestResponse>, Status> {
        let request = request.into_inner();
        let ssts = request.sst.into_iter().collect();
        self.multi_ingest(Request::new(pb::MultiIngestRequest { context: request.context, ssts })).await
    }

    async fn multi_ingest(
        &self,
        request: Request<pb::MultiIngestRequest>,
    ) -> Result<Response<pb::IngestResponse>, Status> {
        let request = request.into_inner();
        let region_id = request.context.as_ref().map_or(0, |context| context.region_id);
        let struck = meet_faults(&self.cluster, self.store.id, RequestKind::Ingest, region_id).await?;
        if let Struck::Region(error) = struck {
            return Ok(Response::new(pb::IngestResponse { error: Some(error) }));
        }
        let service = self.clone();
        let error = blocking(move || service.ingest(request.context.as_ref(), &request.ssts)).await?;
        struck.lost()?;
        Ok(Response::new(pb::IngestResponse { error }))
    }

    async fn compact(
        &self,
        request: Request<pb::CompactRequest>,
    ) -> Result<Response<pb::CompactResponse>, Status> {
        meet_faults(&self.cluster, self.store.id, RequestKind::Import, 0).await?.lost()?;
        let range = request.into_inner().range.unwrap_or_default();
        let store = Arc::clone(&self.store);
        blocking(move || {
            let bound = |key: &[u8]| (!key.is_empty()).then(|| crate::tikv::store::prefixed(key));
            for name in ["default", "write"] {
                if let Some(cf) = store.cf(name) {
                    store.db.compact_range_cf(cf, bound(&range.start), bound(&range.end));
                }
            }
        })
        .await?;
        Ok(Response::new(pb::CompactResponse {}))
    }

    async fn set_download_speed_limit(
        &self,
        _request: Request<pb::SetDownloadSpeedLimitRequest>,
    ) -> Result<Response<pb::SetDownloadSpeedLimitResponse>, Status> {
        Ok(Response::new(pb::SetDownloadSpeedLimitResponse {}))
    }

    async fn download(
        &self,
        _request: Request<pb::DownloadRequest>,
    ) -> Result<Response<pb::DownloadResponse>, Status> {
        Err(Status::unimplemented("the playground does not fetch files from object storage"))
    }

    async fn write(
        &self,
        request: Request<Streaming<pb::WriteRequest>>,
    ) -> Result<Response<pb::WriteResponse>, Status> {
        let mut stream = request.into_inner();
        let first = stream.message().await?.unwrap_or_default();
        let txn_source = first.context.as_ref().map_or(0, |context| context.txn_source);
        let Some(pb::write_request::Chunk::Meta(meta)) = first.chunk else {
            return Err(unknown("InvalidChunk"));
        };
        let struck = meet_faults(&self.cluster, self.store.id, RequestKind::Write, meta.region_id).await?;
        if let Struck::Region(error) = &struck {
            return Err(file_refusal(error));
        }
        self.check_write_epoch(&meta)?;
        let mut files = WriteFiles::new(&self.store.import.dir, meta, txn_source)?;
        while let Some(request) = stream.message().await? {
            let Some(pb::write_request::Chunk::Batch(batch)) = request.chunk else {
                return Err(unknown("InvalidChunk"));
            };
            files = blocking(move || files.add(&batch).map(|()| files)).await??;
        }
        let metas = blocking(move || files.finish()).await??;
        struck.lost()?;
        Ok(Response::new(pb::WriteResponse { metas, ..Default::default() }))
    }

    async fn raw_write(
        &self,
        _request: Request<Streaming<pb::RawWriteRequest>>,
    ) -> Result<Response<pb::RawWriteResponse>, Status> {
        Err(Status::unimplemented("the playground keeps transactional data only"))
    }

    type DuplicateDetectStream = DuplicateStream;

    async fn duplicate_detect(
        &self,
        request: Request<pb::DuplicateDetectRequest>,
    ) -> Result<Response<Self::DuplicateDetectStream>, Status> {
        let request = request.into_inner();
        let region_id = request.context.as_ref().map_or(0, |context| context.region_id);
        let struck = meet_faults(&self.cluster, self.store.id, RequestKind::Import, region_id).await?;
        struck.lost()?;
        let service = self.clone();
        let messages = blocking(move || service.duplicates(&request)).await?;
        Ok(Response::new(Box::pin(futures::stream::iter(messages.into_iter().map(Ok)))))
    }

    async fn clear_files(
        &self,
        _request: Request<pb::ClearRequest>,
    ) -> Result<Response<pb::ClearResponse>, Status> {
        Ok(Response::new(pb::ClearResponse::default()))
    }

    async fn suspend_import_rpc(
        &self,
        request: Request<pb::SuspendImportRpcRequest>,
    ) -> Result<Response<pb::SuspendImportRpcResponse>, Status> {
        let request = request.into_inner();
        if request.should_suspend_imports && request.duration_in_secs > MAX_SUSPENSION {
            return Err(Status::invalid_argument(format!(
                "you are going to suspend the import RPCs too long. (for {} seconds, max acceptable duration is {MAX_SUSPENSION} seconds)",
                request.duration_in_secs
            )));
        }
        let duration = if request.should_suspend_imports { request.duration_in_secs * 1000 } else { 0 };
        let already_suspended = self.store.import.suspend(duration, self.cluster.now_ms());
        Ok(Response::new(pb::SuspendImportRpcResponse { already_suspended }))
    }

    async fn add_force_partition_range(
        &self,
        request: Request<pb::AddPartitionRangeRequest>,
    ) -> Result<Response<pb::AddPartitionRangeResponse>, Status> {
        let request = request.into_inner();
        let range = request.range.unwrap_or_default();
        let ttl = if request.ttl_seconds == 0 { DEFAULT_PARTITION_TTL } else { request.ttl_seconds };
        let ttl_ms = ttl.saturating_mul(1000);
        self.store.import.add_partition_range(range.start, range.end, ttl_ms, self.cluster.now_ms());
        Ok(Response::new(pb::AddPartitionRangeResponse {}))
    }

    async fn remove_force_partition_range(
        &self,
        request: Request<pb::RemovePartitionRangeRequest>,
    ) -> Result<Response<pb::RemovePartitionRangeResponse>, Status> {
        let range = request.into_inner().range.unwrap_or_default();
        self.store.import.remove_partition_range(range.start, range.end);
        Ok(Response::new(pb::RemovePartitionRangeResponse {}))
    }
}

impl ImportService {
    /// Keys with more than one version, all versions newest first.
    fn duplicates(&self, request: &pb::DuplicateDetectRequest) -> Vec<pb::DuplicateDetectResponse> {
        let regions = self.cluster.regions();
        let region = match check_region(&regions, request.context.as_ref(), self.store.id) {
            Ok(region) => region,
            Err(error) => {
                return vec![pb::DuplicateDetectResponse { region_error: Some(error), ..Default::default() }];
            }
        };
        let start = memcomparable::encode(&request.start_key).max(region.start.clone());
        let mut end = if request.end_key.is_empty() {
            region.end.clone()
        } else {
            memcomparable::encode(&request.end_key)
        };
        if !region.end.is_empty() && (end.is_empty() || end > region.end) {
            end.clone_from(&region.end);
        }
        let mut messages: Vec<pb::DuplicateDetectResponse> = Vec::new();
        let outcome = mvcc::scan_versions(&self.store, &start, &end, |key, versions| {
            let newest = versions.first().map_or(0, |version| version.commit_ts);
            if versions.len() > 1 && newest > request.min_commit_ts {
                let pairs = versions.into_iter().map(|version| pb::KvPair {
                    key: key.to_vec(),
                    value: if request.key_only { Vec::new() } else { version.value.unwrap_or_default() },
                    commit_ts: version.commit_ts,
                });
                match messages.last_mut() {
                    Some(last) if last.pairs.len() < DUPLICATES_A_MESSAGE => last.pairs.extend(pairs),
                    _ => messages
                        .push(pb::DuplicateDetectResponse { pairs: pairs.collect(), ..Default::default() }),
                }
            }
            std::ops::ControlFlow::Continue(())
        });
        if let Err(error) = outcome {
            let error = pb::Error { message: error.to_string(), store_error: None };
            messages.push(pb::DuplicateDetectResponse { key_error: Some(error), ..Default::default() });
        }
        messages
    }
}
