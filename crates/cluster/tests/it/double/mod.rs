//! A cluster of a few stores inside the test: PD and the stores' services, each on a port of its own.
//!
//! It keeps the rules that matter to a client (epochs, leaders, a file at every peer) and records when
//! they are broken. A test queues deeds that happen before a request of a kind is served: refusals, or
//! changes of the world such as a split.

#![expect(unreachable_pub, reason = "a module shared by test binaries, which have no outside")]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use th_cluster::keys;
use th_proto::import_sstpb::import_sst_server::{ImportSst, ImportSstServer};
use th_proto::pdpb::pd_server::{Pd, PdServer};
use th_proto::tikvpb::tikv_server::{Tikv, TikvServer};
use th_proto::{coprocessor, errorpb, import_sstpb, kvrpcpb, metapb, pdpb};
use tokio::net::TcpListener;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;
use tonic::{Request, Response, Status, Streaming};

pub type Stream<T> = std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<T, Status>> + Send>>;

/// What a queued deed may answer instead of the service.
pub enum Answer {
    /// The request is served.
    Serve,
    /// gRPC status.
    Status(Status),
    /// Region error (of an ingest or a split).
    Region(errorpb::Error),
}

pub type Deed = Box<dyn FnOnce(&mut World) -> Answer + Send>;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum On {
    Write,
    Ingest,
    /// The ingest happens, and the answer is replaced.
    AfterIngest,
    Split,
    Pd,
}

#[derive(Clone)]
pub struct Region {
    pub region: metapb::Region,
    pub leader_store: u64,
}

#[derive(Default)]
pub struct World {
    pub regions: Vec<Region>,
    pub stores: BTreeMap<u64, String>,
    pub deeds: HashMap<On, VecDeque<Deed>>,
    files: HashMap<(u64, Vec<u8>), Vec<(Vec<u8>, Vec<u8>, u64)>>,
    /// Writes in gzip.
    pub compressed_writes: u32,
    /// Pairs in the cluster: key → (value, commit_ts).
    pub pairs: BTreeMap<Vec<u8>, (Vec<u8>, u64)>,
    /// Names under which files were written, in order.
    pub uuids: Vec<Vec<u8>>,
    pub violations: Vec<String>,
    pub split_requests: usize,
    pub modes: Vec<(u64, i32)>,
    /// Ranges at whose regions' borders a store is to cut its files: store, start, end, seconds.
    pub partitioned: Vec<(u64, Vec<u8>, Vec<u8>, u64)>,
    pub scattered: Vec<u64>,
    /// Label rules in force, and how often each was set.
    pub rules: BTreeMap<String, u32>,
    next_id: u64,
    next_ts: i64,
}

impl World {
    /// Splits the region of a user key there, as TiKV does: the right part keeps the id.
    pub fn split(&mut self, user_key: &[u8]) {
        let key = keys::encode(user_key);
        self.next_id += 10;
        let id = self.next_id;
        let Some(at) = self.regions.iter().position(|r| holds(&r.region, &key) && r.region.start_key != key)
        else {
            return;
        };
        let right = &mut self.regions[at];
        let epoch = right.region.region_epoch.as_mut().unwrap();
        epoch.version += 1;
        let mut left = right.clone();
        left.region.id = id;
        left.region.end_key.clone_from(&key);
        for (index, peer) in left.region.peers.iter_mut().enumerate() {
            peer.id = id + 1 + index as u64;
        }
        right.region.start_key = key;
        self.regions.insert(at, left);
    }

    pub fn region_of(&mut self, user_key: &[u8]) -> &mut Region {
        let key = keys::encode(user_key);
        self.regions.iter_mut().find(|r| holds(&r.region, &key)).unwrap()
    }

    fn next(&mut self, on: On) -> Option<Answer> {
        let deed = self.deeds.get_mut(&on)?.pop_front()?;
        Some(deed(self))
    }
}

fn holds(region: &metapb::Region, key: &[u8]) -> bool {
    region.start_key.as_slice() <= key && (region.end_key.is_empty() || key < region.end_key.as_slice())
}

pub fn leader_of(region: &Region) -> metapb::Peer {
    *region.region.peers.iter().find(|peer| peer.store_id == region.leader_store).unwrap()
}

#[derive(Clone)]
pub struct Double {
    world: Arc<Mutex<World>>,
    pub pd: String,
}

#[derive(Clone)]
struct Node {
    world: Arc<Mutex<World>>,
    store: u64,
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Double {
    /// A cluster of `stores` stores and one region with a peer on each, led by store 1.
    pub async fn start(stores: u64) -> Self {
        let world = Arc::new(Mutex::new(World { next_id: 100, next_ts: 1, ..World::default() }));
        for store in 1..=stores {
            let node = Node { world: Arc::clone(&world), store };
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            lock(&world).stores.insert(store, listener.local_addr().unwrap().to_string());
            let server = tonic::transport::Server::builder()
                .add_service(ImportSstServer::new(node.clone()).accept_compressed(CompressionEncoding::Gzip))
                .add_service(TikvServer::new(node));
            tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        }
        let peers =
            (1..=stores).map(|s| metapb::Peer { id: 2 + s, store_id: s, ..Default::default() }).collect();
        let region_epoch = Some(metapb::RegionEpoch { conf_ver: 1, version: 1 });
        let region = metapb::Region { id: 2, region_epoch, peers, ..Default::default() };
        lock(&world).regions.push(Region { region, leader_store: 1 });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let pd = listener.local_addr().unwrap().to_string();
        let node = Node { world: Arc::clone(&world), store: 0 };
        let grpc = PdServer::new(PdNode(node, pd.clone()));
        let routes = tonic::service::Routes::from(label_rules(&world)).add_service(grpc);
        let server = tonic::transport::Server::builder().accept_http1(true).add_routes(routes);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { world, pd }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// Queues a deed.
    pub fn before(&self, on: On, deed: impl FnOnce(&mut World) -> Answer + Send + 'static) {
        self.world().deeds.entry(on).or_default().push_back(Box::new(deed));
    }
}

/// Implements a service: the given methods, and `unimplemented` for the named rest.
macro_rules! service {
    ($service:ident for $node:ident { $($real:tt)* } rest { $($name:ident($request:ty) -> $answer:ty;)* }) => {
        #[tonic::async_trait]
        impl $service for $node {
            $($real)*
            $(async fn $name(&self, _: Request<$request>) -> Result<Response<$answer>, Status> {
                Err(Status::unimplemented(stringify!($name)))
            })*
        }
    };
}

service! { ImportSst for Node {
    async fn write(
        &self,
        request: Request<Streaming<import_sstpb::WriteRequest>>,
    ) -> Result<Response<import_sstpb::WriteResponse>, Status> {
        use import_sstpb::write_request::Chunk;
        let compressed = request.metadata().get("grpc-encoding").is_some_and(|encoding| encoding == "gzip");
        let mut messages = request.into_inner();
        let Some(Chunk::Meta(meta)) = messages.message().await?.and_then(|m| m.chunk) else {
            return Err(Status::unknown("InvalidChunk"));
        };
        {
            let mut world = lock(&self.world);
            world.compressed_writes += u32::from(compressed);
            match world.next(On::Write) {
                Some(Answer::Status(status)) => return Err(status),
                Some(Answer::Region(error)) => {
                    let error = import_sstpb::Error { message: String::new(), store_error: Some(error) };
                    let answer = import_sstpb::WriteResponse { error: Some(error), metas: Vec::new() };
                    return Ok(Response::new(answer));
                }
                Some(Answer::Serve) | None => {}
            }
            let local = world.regions.iter().find(|r| r.region.id == meta.region_id);
            if local.is_none_or(|r| r.region.region_epoch != meta.region_epoch) {
                return Err(Status::unknown("RequestTooOld(\"request region is staler than local region\")"));
            }
        }
        let mut pairs = Vec::new();
        while let Some(message) = messages.next().await {
            let Some(Chunk::Batch(batch)) = message?.chunk else { return Err(Status::unknown("InvalidChunk")) };
            pairs.extend(batch.pairs.into_iter().map(|p| (p.key.to_vec(), p.value.to_vec(), batch.commit_ts)));
        }
        if pairs.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err(Status::unknown("Keys must be added in strict ascending order."));
        }
        let mut world = lock(&self.world);
        world.uuids.push(meta.uuid.clone());
        world.files.insert((self.store, meta.uuid.clone()), pairs);
        let metas = vec![import_sstpb::SstMeta { cf_name: "write".to_owned(), ..meta }];
        Ok(Response::new(import_sstpb::WriteResponse { error: None, metas }))
    }

    async fn multi_ingest(
        &self,
        request: Request<import_sstpb::MultiIngestRequest>,
    ) -> Result<Response<import_sstpb::IngestResponse>, Status> {
        let request = request.into_inner();
        let context = request.context.unwrap_or_default();
        let refuse = |error| Ok(Response::new(import_sstpb::IngestResponse { error: Some(error) }));
        let mut world = lock(&self.world);
        match world.next(On::Ingest) {
            Some(Answer::Status(status)) => return Err(status),
            Some(Answer::Region(error)) => return refuse(error),
            Some(Answer::Serve) | None => {}
        }
        let Some(region) = world.regions.iter().find(|r| r.region.id == context.region_id).cloned() else {
            return refuse(errorpb::Error { region_not_found: Some(Default::default()), ..Default::default() });
        };
        if region.leader_store != self.store {
            let leader = Some(leader_of(&region));
            let not_leader = Some(errorpb::NotLeader { region_id: region.region.id, leader });
            return refuse(errorpb::Error { not_leader, ..Default::default() });
        }
        let meta_epochs = request.ssts.iter().map(|sst| sst.region_epoch);
        if std::iter::once(context.region_epoch).chain(meta_epochs).any(|e| e != region.region.region_epoch) {
            let current_regions = world.regions.iter().map(|r| r.region.clone()).collect();
            let epoch_not_match = Some(errorpb::EpochNotMatch { current_regions });
            return refuse(errorpb::Error { epoch_not_match, ..Default::default() });
        }
        for sst in &request.ssts {
            let range = sst.range.clone().unwrap_or_default();
            if !holds(&region.region, &range.start) || !holds(&region.region, &range.end) {
                return refuse(errorpb::Error { key_not_in_region: Some(Default::default()), ..Default::default() });
            }
            if !world.files.contains_key(&(self.store, sst.uuid.clone())) {
                return refuse(errorpb::Error { stale_command: Some(Default::default()), ..Default::default() });
            }
            for peer in &region.region.peers {
                match world.files.remove(&(peer.store_id, sst.uuid.clone())) {
                    None => world.violations.push(format!("store {} has no file to ingest", peer.store_id)),
                    Some(pairs) if peer.store_id == self.store => {
                        world.pairs.extend(pairs.into_iter().map(|(key, value, ts)| (key, (value, ts))));
                    }
                    Some(_) => {}
                }
            }
        }
        match world.next(On::AfterIngest) {
            Some(Answer::Status(status)) => Err(status),
            Some(Answer::Region(error)) => refuse(error),
            _ => Ok(Response::new(import_sstpb::IngestResponse::default())),
        }
    }

    async fn upload(
        &self,
        request: Request<Streaming<import_sstpb::UploadRequest>>,
    ) -> Result<Response<import_sstpb::UploadResponse>, Status> {
        use import_sstpb::upload_request::Chunk;
        let mut messages = request.into_inner();
        let Some(Chunk::Meta(meta)) = messages.message().await?.and_then(|m| m.chunk) else {
            return Err(Status::unknown("InvalidChunk"));
        };
        let mut bytes = Vec::new();
        while let Some(message) = messages.next().await {
            let Some(Chunk::Data(data)) = message?.chunk else { return Err(Status::unknown("InvalidChunk")) };
            bytes.extend_from_slice(&data);
        }
        if bytes.len() as u64 != meta.length {
            return Err(Status::unknown("FileCorrupted(length)"));
        }
        // The double's "SST" is text: one `key=value` a line.
        let text = String::from_utf8(bytes).map_err(|_| Status::unknown("not a file of this test"))?;
        let pair = |line: &str| line.split_once('=').map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec(), 7));
        let mut world = lock(&self.world);
        world.uuids.push(meta.uuid.clone());
        world.files.insert((self.store, meta.uuid), text.lines().filter_map(pair).collect());
        Ok(Response::new(import_sstpb::UploadResponse {}))
    }

    async fn switch_mode(
        &self,
        request: Request<import_sstpb::SwitchModeRequest>,
    ) -> Result<Response<import_sstpb::SwitchModeResponse>, Status> {
        lock(&self.world).modes.push((self.store, request.into_inner().mode));
        Ok(Response::new(import_sstpb::SwitchModeResponse {}))
    }

    async fn add_force_partition_range(
        &self,
        request: Request<import_sstpb::AddPartitionRangeRequest>,
    ) -> Result<Response<import_sstpb::AddPartitionRangeResponse>, Status> {
        let request = request.into_inner();
        let range = request.range.unwrap_or_default();
        lock(&self.world).partitioned.push((self.store, range.start, range.end, request.ttl_seconds));
        Ok(Response::new(import_sstpb::AddPartitionRangeResponse {}))
    }

    type DuplicateDetectStream = Stream<import_sstpb::DuplicateDetectResponse>;
    async fn duplicate_detect(
        &self,
        _: Request<import_sstpb::DuplicateDetectRequest>,
    ) -> Result<Response<Self::DuplicateDetectStream>, Status> {
        Err(Status::unimplemented("duplicate_detect"))
    }
} rest {
    get_mode(import_sstpb::GetModeRequest) -> import_sstpb::GetModeResponse;
    ingest(import_sstpb::IngestRequest) -> import_sstpb::IngestResponse;
    compact(import_sstpb::CompactRequest) -> import_sstpb::CompactResponse;
    set_download_speed_limit(import_sstpb::SetDownloadSpeedLimitRequest) -> import_sstpb::SetDownloadSpeedLimitResponse;
    download(import_sstpb::DownloadRequest) -> import_sstpb::DownloadResponse;
    raw_write(Streaming<import_sstpb::RawWriteRequest>) -> import_sstpb::RawWriteResponse;
    clear_files(import_sstpb::ClearRequest) -> import_sstpb::ClearResponse;
    suspend_import_rpc(import_sstpb::SuspendImportRpcRequest) -> import_sstpb::SuspendImportRpcResponse;
    remove_force_partition_range(import_sstpb::RemovePartitionRangeRequest) -> import_sstpb::RemovePartitionRangeResponse;
} }

service! { Tikv for Node {
    async fn split_region(
        &self,
        request: Request<kvrpcpb::SplitRegionRequest>,
    ) -> Result<Response<kvrpcpb::SplitRegionResponse>, Status> {
        let request = request.into_inner();
        let context = request.context.unwrap_or_default();
        let mut world = lock(&self.world);
        world.split_requests += 1;
        let mut answer = kvrpcpb::SplitRegionResponse::default();
        match world.next(On::Split) {
            Some(Answer::Status(status)) => return Err(status),
            Some(Answer::Region(error)) => {
                answer.region_error = Some(error);
                return Ok(Response::new(answer));
            }
            Some(Answer::Serve) | None => {}
        }
        let Some(region) = world.regions.iter().find(|r| r.region.id == context.region_id).cloned() else {
            answer.region_error =
                Some(errorpb::Error { region_not_found: Some(Default::default()), ..Default::default() });
            return Ok(Response::new(answer));
        };
        if region.region.region_epoch != context.region_epoch {
            let current_regions = vec![region.region];
            let epoch_not_match = Some(errorpb::EpochNotMatch { current_regions });
            answer.region_error = Some(errorpb::Error { epoch_not_match, ..Default::default() });
            return Ok(Response::new(answer));
        }
        for key in &request.split_keys {
            world.split(key);
        }
        let inside = |r: &&Region| {
            let (start, end) = (&region.region.start_key, &region.region.end_key);
            r.region.start_key >= *start && (end.is_empty() || (r.region.start_key < *end))
        };
        answer.regions = world.regions.iter().filter(inside).map(|r| r.region.clone()).collect();
        Ok(Response::new(answer))
    }

    async fn coprocessor(
        &self,
        request: Request<coprocessor::Request>,
    ) -> Result<Response<coprocessor::Response>, Status> {
        use prost::Message as _;
        let request = request.into_inner();
        let context = request.context.unwrap_or_default();
        let range = request.ranges.first().cloned().unwrap_or_default();
        let mut world = lock(&self.world);
        let mut answer = coprocessor::Response::default();
        let region = world.regions.iter().find(|r| r.region.id == context.region_id).cloned();
        let Some(region) = region.filter(|r| r.region.region_epoch == context.region_epoch) else {
            answer.region_error =
                Some(errorpb::Error { region_not_found: Some(Default::default()), ..Default::default() });
            return Ok(Response::new(answer));
        };
        if !holds(&region.region, &keys::encode(&range.start)) {
            world.violations.push("checksum outside the region".to_owned());
        }
        let mut sum = th_proto::tipb::ChecksumResponse::default();
        let (mut kvs, mut bytes, mut xor) = (0, 0, 0);
        for (key, (value, _)) in &world.pairs {
            if *key >= range.start && (range.end.is_empty() || *key < range.end) {
                kvs += 1;
                bytes += (key.len() + value.len()) as u64;
                xor ^= key.iter().fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(*byte)));
            }
        }
        (sum.checksum, sum.total_kvs, sum.total_bytes) = (Some(xor), Some(kvs), Some(bytes));
        answer.data = sum.encode_to_vec();
        Ok(Response::new(answer))
    }
} rest {
    kv_get(kvrpcpb::GetRequest) -> kvrpcpb::GetResponse;
    kv_scan(kvrpcpb::ScanRequest) -> kvrpcpb::ScanResponse;
    kv_batch_get(kvrpcpb::BatchGetRequest) -> kvrpcpb::BatchGetResponse;
    kv_scan_lock(kvrpcpb::ScanLockRequest) -> kvrpcpb::ScanLockResponse;
    raw_get(kvrpcpb::RawGetRequest) -> kvrpcpb::RawGetResponse;
    raw_batch_get(kvrpcpb::RawBatchGetRequest) -> kvrpcpb::RawBatchGetResponse;
    raw_scan(kvrpcpb::RawScanRequest) -> kvrpcpb::RawScanResponse;
} }

/// PD's label rules over HTTP, on the port of its gRPC as with the real one.
fn label_rules(world: &Arc<Mutex<World>>) -> axum::Router {
    use axum::Json;
    use axum::routing::{get, post};
    use serde_json::{Value, json};
    let (set, patched, listed) = (Arc::clone(world), Arc::clone(world), Arc::clone(world));
    let set = move |Json(rule): Json<Value>| async move {
        *lock(&set).rules.entry(rule["id"].as_str().unwrap().to_owned()).or_default() += 1;
        Json(json!("Update region label rule successfully."))
    };
    let patch = move |Json(patch): Json<Value>| async move {
        for id in patch["deletes"].as_array().unwrap() {
            lock(&patched).rules.remove(id.as_str().unwrap());
        }
        Json(json!("Update region label rules successfully."))
    };
    let list = move || async move {
        let rules =
            lock(&listed).rules.keys().map(|id| json!({"id": id, "rule_type": "key-range"})).collect();
        Json(Value::Array(rules))
    };
    axum::Router::new()
        .route("/pd/api/v1/config/region-label/rule", post(set))
        .route("/pd/api/v1/config/region-label/rules", get(list).patch(patch))
        .route("/pd/api/v1/gc/safepoint", get(async || Json(json!({"service_gc_safe_points": null}))))
}

struct PdNode(Node, String);

impl PdNode {
    #[expect(clippy::unnecessary_wraps, reason = "as every answer wants it")]
    fn header() -> Option<pdpb::ResponseHeader> {
        Some(pdpb::ResponseHeader { cluster_id: 42, error: None })
    }

    /// The world, unless a deed refuses the request or it names another cluster.
    fn serve(&self, header: Option<pdpb::RequestHeader>) -> Result<MutexGuard<'_, World>, Status> {
        let cluster_id = header.unwrap_or_default().cluster_id;
        if cluster_id != 42 {
            return Err(Status::failed_precondition(format!(
                "mismatch cluster id, need 42 but got {cluster_id}"
            )));
        }
        let mut world = lock(&self.0.world);
        match world.next(On::Pd) {
            Some(Answer::Status(status)) => Err(status),
            _ => Ok(world),
        }
    }
}

fn shown(region: &Region) -> pdpb::Region {
    pdpb::Region {
        region: Some(region.region.clone()),
        leader: Some(leader_of(region)),
        ..Default::default()
    }
}

service! { Pd for PdNode {
    async fn get_members(
        &self,
        _: Request<pdpb::GetMembersRequest>,
    ) -> Result<Response<pdpb::GetMembersResponse>, Status> {
        let url = format!("http://{}", self.1);
        let member = pdpb::Member { name: "pd1".to_owned(), client_urls: vec![url], ..Default::default() };
        let (members, leader) = (vec![member.clone()], Some(member));
        Ok(Response::new(pdpb::GetMembersResponse { header: Self::header(), members, leader, ..Default::default() }))
    }

    type TsoStream = Stream<pdpb::TsoResponse>;
    async fn tso(&self, request: Request<Streaming<pdpb::TsoRequest>>) -> Result<Response<Self::TsoStream>, Status> {
        let world = Arc::clone(&self.0.world);
        let answers = request.into_inner().map(move |request| {
            let count = request?.count;
            let mut world = lock(&world);
            world.next_ts += i64::from(count);
            let timestamp = Some(pdpb::Timestamp { physical: 1000, logical: world.next_ts, suffix_bits: 0 });
            Ok(pdpb::TsoResponse { header: Self::header(), count, timestamp })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn get_all_stores(
        &self,
        request: Request<pdpb::GetAllStoresRequest>,
    ) -> Result<Response<pdpb::GetAllStoresResponse>, Status> {
        let world = self.serve(request.into_inner().header)?;
        let store = |(id, address): (&u64, &String)| {
            metapb::Store { id: *id, address: address.clone(), ..Default::default() }
        };
        let stores = world.stores.iter().map(store).collect();
        Ok(Response::new(pdpb::GetAllStoresResponse { header: Self::header(), stores }))
    }

    async fn get_region(
        &self,
        request: Request<pdpb::GetRegionRequest>,
    ) -> Result<Response<pdpb::GetRegionResponse>, Status> {
        let request = request.into_inner();
        let world = self.serve(request.header)?;
        let found = world.regions.iter().find(|r| holds(&r.region, &request.region_key)).map(shown);
        let found = found.unwrap_or_default();
        let (region, leader) = (found.region, found.leader);
        Ok(Response::new(pdpb::GetRegionResponse { header: Self::header(), region, leader, ..Default::default() }))
    }

    async fn get_region_by_id(
        &self,
        request: Request<pdpb::GetRegionByIdRequest>,
    ) -> Result<Response<pdpb::GetRegionResponse>, Status> {
        let request = request.into_inner();
        let world = self.serve(request.header)?;
        let found = world.regions.iter().find(|r| r.region.id == request.region_id).map(shown);
        let found = found.unwrap_or_default();
        let (region, leader) = (found.region, found.leader);
        Ok(Response::new(pdpb::GetRegionResponse { header: Self::header(), region, leader, ..Default::default() }))
    }

    async fn scan_regions(
        &self,
        request: Request<pdpb::ScanRegionsRequest>,
    ) -> Result<Response<pdpb::ScanRegionsResponse>, Status> {
        let request = request.into_inner();
        let world = self.serve(request.header)?;
        let meets = |r: &&Region| {
            (r.region.end_key.is_empty() || r.region.end_key > request.start_key)
                && (request.end_key.is_empty() || r.region.start_key < request.end_key)
        };
        let regions = world.regions.iter().filter(meets).take(request.limit as usize).map(shown).collect();
        Ok(Response::new(pdpb::ScanRegionsResponse { header: Self::header(), regions, ..Default::default() }))
    }

    async fn scatter_region(
        &self,
        request: Request<pdpb::ScatterRegionRequest>,
    ) -> Result<Response<pdpb::ScatterRegionResponse>, Status> {
        let request = request.into_inner();
        let mut world = self.serve(request.header)?;
        let stores = world.stores.len() as u64;
        for id in request.regions_id {
            let turn = world.scattered.len() as u64 % stores + 1;
            world.scattered.push(id);
            if let Some(region) = world.regions.iter_mut().find(|r| r.region.id == id) {
                region.leader_store = turn;
            }
        }
        Ok(Response::new(pdpb::ScatterRegionResponse { header: Self::header(), finished_percentage: 100 }))
    }

    async fn get_operator(
        &self,
        request: Request<pdpb::GetOperatorRequest>,
    ) -> Result<Response<pdpb::GetOperatorResponse>, Status> {
        let request = request.into_inner();
        drop(self.serve(request.header)?);
        let error = pdpb::Error { r#type: pdpb::ErrorType::RegionNotFound as i32, message: "Not Found".to_owned() };
        let header = Some(pdpb::ResponseHeader { cluster_id: 42, error: Some(error) });
        Ok(Response::new(pdpb::GetOperatorResponse { header, ..Default::default() }))
    }
} rest {
    get_cluster_info(pdpb::GetClusterInfoRequest) -> pdpb::GetClusterInfoResponse;
    is_bootstrapped(pdpb::IsBootstrappedRequest) -> pdpb::IsBootstrappedResponse;
    alloc_id(pdpb::AllocIdRequest) -> pdpb::AllocIdResponse;
    get_store(pdpb::GetStoreRequest) -> pdpb::GetStoreResponse;
    get_prev_region(pdpb::GetRegionRequest) -> pdpb::GetRegionResponse;
    batch_scan_regions(pdpb::BatchScanRegionsRequest) -> pdpb::BatchScanRegionsResponse;
    get_cluster_config(pdpb::GetClusterConfigRequest) -> pdpb::GetClusterConfigResponse;
    get_gc_safe_point(pdpb::GetGcSafePointRequest) -> pdpb::GetGcSafePointResponse;
    update_gc_safe_point(pdpb::UpdateGcSafePointRequest) -> pdpb::UpdateGcSafePointResponse;
    update_service_gc_safe_point(pdpb::UpdateServiceGcSafePointRequest) -> pdpb::UpdateServiceGcSafePointResponse;
    get_gc_safe_point_v2(pdpb::GetGcSafePointV2Request) -> pdpb::GetGcSafePointV2Response;
    update_service_safe_point_v2(pdpb::UpdateServiceSafePointV2Request) -> pdpb::UpdateServiceSafePointV2Response;
    split_regions(pdpb::SplitRegionsRequest) -> pdpb::SplitRegionsResponse;
    split_and_scatter_regions(pdpb::SplitAndScatterRegionsRequest) -> pdpb::SplitAndScatterRegionsResponse;
    get_min_ts(pdpb::GetMinTsRequest) -> pdpb::GetMinTsResponse;
} }
