//! The key-value service of a store: snapshot reads, splits, checksums.

use std::ops::ControlFlow;
use std::sync::Arc;

use th_proto::tikvpb::tikv_server::Tikv;
use th_proto::{coprocessor as cop, errorpb, kvrpcpb};
use th_sst::memcomparable;
use tonic::{Request, Response, Status};

use crate::cluster::Cluster;
use crate::faults::{Effect, RequestKind};
use crate::hex;
use crate::regions::Region;
use crate::tikv::errors::{check_region, injected};
use crate::tikv::store::StoreNode;
use crate::tikv::{coprocessor, mvcc, split};

/// The service.
#[derive(Clone)]
pub(crate) struct KvService {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) store: Arc<StoreNode>,
}

/// What a fault leaves to do after it struck a request about a region.
pub(crate) enum Struck {
    /// Nothing: go on.
    Not,
    /// Answer with this region error.
    Region(errorpb::Error),
    /// Do the work, then fail.
    LoseAnswer,
}

impl Struck {
    /// The status of a lost answer, if it is one.
    pub(crate) fn lost(&self) -> Result<(), Status> {
        match self {
            Struck::LoseAnswer => Err(broken_connection()),
            _ => Ok(()),
        }
    }
}

/// What a client sees when the connection breaks.
pub(crate) fn broken_connection() -> Status {
    Status::unavailable("connection reset by peer")
}

/// Whether the store is up, and what a fault does to the request.
pub(crate) async fn meet_faults(
    cluster: &Cluster,
    store_id: u64,
    kind: RequestKind,
    region_id: u64,
) -> Result<Struck, Status> {
    if cluster.faults.is_store_down(store_id) {
        return Err(Status::unavailable("connection refused"));
    }
    let Some(effect) = cluster.strike(kind, (region_id != 0).then_some(region_id), Some(store_id)).await
    else {
        return Ok(Struck::Not);
    };
    match &effect {
        Effect::Unavailable => Err(broken_connection()),
        Effect::LoseAnswer => Ok(Struck::LoseAnswer),
        Effect::Error { message } => Err(Status::unknown(message.clone())),
        _ => Ok(injected(&effect, &cluster.regions(), region_id).map_or(Struck::Not, Struck::Region)),
    }
}

/// Runs blocking storage work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Status> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Status::internal(error.to_string()))
}

fn region_of(context: Option<&kvrpcpb::Context>) -> u64 {
    context.map_or(0, |context| context.region_id)
}

/// TiKV's error for a key outside the region of a snapshot, as it comes through its layers.
fn outside(key: &[u8], region: &Region) -> kvrpcpb::KeyError {
    kvrpcpb::KeyError {
        abort: format!(
            "Error(Txn(Error(Mvcc(Error(Kv(Error(Other(\"[components/tikv_kv/src/raftstore_impls.rs:86]: \
             \\\"[components/raftstore/src/store/region_snapshot.rs:289]: Key {} is out of [region {}] {}\\\"\"))))))))",
            hex::upper(key),
            region.id,
            region.range_text(),
        ),
        ..Default::default()
    }
}

fn aborted(text: impl std::fmt::Display) -> kvrpcpb::KeyError {
    kvrpcpb::KeyError { abort: text.to_string(), ..Default::default() }
}

impl KvService {
    fn get(&self, request: &kvrpcpb::GetRequest) -> kvrpcpb::GetResponse {
        let regions = self.cluster.regions();
        let region = match check_region(&regions, request.context.as_ref(), self.store.id) {
            Ok(region) => region,
            Err(error) => return kvrpcpb::GetResponse { region_error: Some(error), ..Default::default() },
        };
        let encoded = memcomparable::encode(&request.key);
        if !region.contains(&encoded) {
            return kvrpcpb::GetResponse { error: Some(outside(&encoded, region)), ..Default::default() };
        }
        match mvcc::get(&self.store, &request.key, request.version) {
            Ok(Some(value)) => kvrpcpb::GetResponse { value, ..Default::default() },
            Ok(None) => kvrpcpb::GetResponse { not_found: true, ..Default::default() },
            Err(error) => kvrpcpb::GetResponse { error: Some(aborted(error)), ..Default::default() },
        }
    }

    fn batch_get(&self, request: &kvrpcpb::BatchGetRequest) -> kvrpcpb::BatchGetResponse {
        let regions = self.cluster.regions();
        let region = match check_region(&regions, request.context.as_ref(), self.store.id) {
            Ok(region) => region,
            Err(error) => {
                return kvrpcpb::BatchGetResponse { region_error: Some(error), ..Default::default() };
            }
        };
        let mut pairs = Vec::new();
        for key in &request.keys {
            let encoded = memcomparable::encode(key);
            if !region.contains(&encoded) {
                return kvrpcpb::BatchGetResponse {
                    error: Some(outside(&encoded, region)),
                    ..Default::default()
                };
            }
            match mvcc::get(&self.store, key, request.version) {
                Ok(Some(value)) => pairs.push(kvrpcpb::KvPair { key: key.clone(), value, error: None }),
                Ok(None) => {}
                Err(error) => {
                    return kvrpcpb::BatchGetResponse { error: Some(aborted(error)), ..Default::default() };
                }
            }
        }
        kvrpcpb::BatchGetResponse { pairs, ..Default::default() }
    }

    fn scan(&self, request: &kvrpcpb::ScanRequest) -> kvrpcpb::ScanResponse {
        let regions = self.cluster.regions();
        let region = match check_region(&regions, request.context.as_ref(), self.store.id) {
            Ok(region) => region,
            Err(error) => return kvrpcpb::ScanResponse { region_error: Some(error), ..Default::default() },
        };
        // Backwards, `start_key` is the greater, exclusive end.
        let (low, high) = if request.reverse {
            (&request.end_key, &request.start_key)
        } else {
            (&request.start_key, &request.end_key)
        };
        let mut start = if low.is_empty() { Vec::new() } else { memcomparable::encode(low) };
        let mut end = if high.is_empty() { Vec::new() } else { memcomparable::encode(high) };
        if !request.reverse && !region.contains(&start) {
            return kvrpcpb::ScanResponse { error: Some(outside(&start, region)), ..Default::default() };
        }
        if start < region.start {
            start.clone_from(&region.start);
        }
        if end.is_empty() || (!region.end.is_empty() && end > region.end) {
            end.clone_from(&region.end);
        }
        let limit = request.limit as usize;
        let pair = |key: &[u8], value: &[u8]| kvrpcpb::KvPair {
            key: key.to_vec(),
            value: if request.key_only { Vec::new() } else { value.to_vec() },
            error: None,
        };
        let outcome = if request.reverse {
            mvcc::scan_backwards(&self.store, &start, &end, request.version, limit)
                .map(|rows| rows.iter().map(|(key, value)| pair(key, value)).collect())
        } else {
            let mut pairs = Vec::new();
            mvcc::scan(&self.store, &start, &end, request.version, |key, value| {
                if pairs.len() >= limit {
                    return ControlFlow::Break(());
                }
                pairs.push(pair(key, value));
                if pairs.len() >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .map(|()| pairs)
        };
        match outcome {
            Ok(pairs) => kvrpcpb::ScanResponse { pairs, ..Default::default() },
            Err(error) => kvrpcpb::ScanResponse { error: Some(aborted(error)), ..Default::default() },
        }
    }

    fn checksum(&self, request: &cop::Request) -> cop::Response {
        let regions = self.cluster.regions();
        match check_region(&regions, request.context.as_ref(), self.store.id) {
            Ok(region) => coprocessor::answer(&self.store, region, request),
            Err(error) => cop::Response { region_error: Some(error), ..Default::default() },
        }
    }
}

#[tonic::async_trait]
impl Tikv for KvService {
    async fn kv_get(
        &self,
        request: Request<kvrpcpb::GetRequest>,
    ) -> Result<Response<kvrpcpb::GetResponse>, Status> {
        let request = request.into_inner();
        let struck =
            meet_faults(&self.cluster, self.store.id, RequestKind::Read, region_of(request.context.as_ref()))
                .await?;
        if let Struck::Region(error) = struck {
            return Ok(Response::new(kvrpcpb::GetResponse {
                region_error: Some(error),
                ..Default::default()
            }));
        }
        let service = self.clone();
        let response = blocking(move || service.get(&request)).await?;
        struck.lost()?;
        Ok(Response::new(response))
    }

    async fn kv_batch_get(
        &self,
        request: Request<kvrpcpb::BatchGetRequest>,
    ) -> Result<Response<kvrpcpb::BatchGetResponse>, Status> {
        let request = request.into_inner();
        let struck =
            meet_faults(&self.cluster, self.store.id, RequestKind::Read, region_of(request.context.as_ref()))
                .await?;
        if let Struck::Region(error) = struck {
            return Ok(Response::new(kvrpcpb::BatchGetResponse {
                region_error: Some(error),
                ..Default::default()
            }));
        }
        let service = self.clone();
        let response = blocking(move || service.batch_get(&request)).await?;
        struck.lost()?;
        Ok(Response::new(response))
    }

    async fn kv_scan(
        &self,
        request: Request<kvrpcpb::ScanRequest>,
    ) -> Result<Response<kvrpcpb::ScanResponse>, Status> {
        let request = request.into_inner();
        let struck =
            meet_faults(&self.cluster, self.store.id, RequestKind::Read, region_of(request.context.as_ref()))
                .await?;
        if let Struck::Region(error) = struck {
            return Ok(Response::new(kvrpcpb::ScanResponse {
                region_error: Some(error),
                ..Default::default()
            }));
        }
        let service = self.clone();
        let response = blocking(move || service.scan(&request)).await?;
        struck.lost()?;
        Ok(Response::new(response))
    }

    async fn kv_scan_lock(
        &self,
        request: Request<kvrpcpb::ScanLockRequest>,
    ) -> Result<Response<kvrpcpb::ScanLockResponse>, Status> {
        // There never is a lock.
        let regions = self.cluster.regions();
        let region_error = check_region(&regions, request.into_inner().context.as_ref(), self.store.id).err();
        Ok(Response::new(kvrpcpb::ScanLockResponse { region_error, ..Default::default() }))
    }

    async fn raw_get(
        &self,
        _request: Request<kvrpcpb::RawGetRequest>,
    ) -> Result<Response<kvrpcpb::RawGetResponse>, Status> {
        Err(Status::unimplemented("the playground keeps transactional data only"))
    }

    async fn raw_batch_get(
        &self,
        _request: Request<kvrpcpb::RawBatchGetRequest>,
    ) -> Result<Response<kvrpcpb::RawBatchGetResponse>, Status> {
        Err(Status::unimplemented("the playground keeps transactional data only"))
    }

    async fn raw_scan(
        &self,
        _request: Request<kvrpcpb::RawScanRequest>,
    ) -> Result<Response<kvrpcpb::RawScanResponse>, Status> {
        Err(Status::unimplemented("the playground keeps transactional data only"))
    }

    async fn coprocessor(&self, request: Request<cop::Request>) -> Result<Response<cop::Response>, Status> {
        let request = request.into_inner();
        let struck = meet_faults(
            &self.cluster,
            self.store.id,
            RequestKind::Coprocessor,
            region_of(request.context.as_ref()),
        )
        .await?;
        if let Struck::Region(error) = struck {
            return Ok(Response::new(cop::Response { region_error: Some(error), ..Default::default() }));
        }
        let service = self.clone();
        let response = blocking(move || service.checksum(&request)).await?;
        struck.lost()?;
        Ok(Response::new(response))
    }

    async fn split_region(
        &self,
        request: Request<kvrpcpb::SplitRegionRequest>,
    ) -> Result<Response<kvrpcpb::SplitRegionResponse>, Status> {
        let request = request.into_inner();
        let struck = meet_faults(
            &self.cluster,
            self.store.id,
            RequestKind::Split,
            region_of(request.context.as_ref()),
        )
        .await?;
        if let Struck::Region(error) = struck {
            return Ok(Response::new(kvrpcpb::SplitRegionResponse {
                region_error: Some(error),
                ..Default::default()
            }));
        }
        let service = self.clone();
        let outcome = blocking(move || split::split(&service.cluster, service.store.id, &request))
            .await?
            .map_err(|error| Status::internal(error.to_string()))?;
        struck.lost()?;
        Ok(Response::new(match outcome {
            Ok(parts) => kvrpcpb::SplitRegionResponse {
                regions: parts.iter().map(Into::into).collect(),
                ..Default::default()
            },
            Err(error) => kvrpcpb::SplitRegionResponse { region_error: Some(error), ..Default::default() },
        }))
    }
}
