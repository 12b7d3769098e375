//! PD's gRPC service.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use th_proto::metapb;
use th_proto::pdpb::{self, pd_server::Pd};
use tonic::{Request, Response, Status, Streaming};

use crate::cluster::{Cluster, VERSION};
use crate::faults::{Effect, RequestKind};
use crate::pd::members::Seat;
use crate::pd::state::GC_WORKER;
use crate::pd::tso::LOGICAL_LIMIT;
use crate::regions::Region;
use crate::tikv::kv::broken_connection;
use crate::tikv::store::StoreNode;

/// The service.
#[derive(Clone)]
pub(crate) struct PdService {
    pub(crate) cluster: Arc<Cluster>,
    /// The member that it is.
    pub(crate) seat: Seat,
}

type TsoStream = Pin<Box<dyn Stream<Item = Result<pdpb::TsoResponse, Status>> + Send>>;

impl PdService {
    fn header(&self) -> pdpb::ResponseHeader {
        pdpb::ResponseHeader { cluster_id: self.cluster.id, error: None }
    }

    fn error_header(&self, kind: pdpb::ErrorType, message: impl Into<String>) -> pdpb::ResponseHeader {
        let error = pdpb::Error { r#type: kind as i32, message: message.into() };
        pdpb::ResponseHeader { cluster_id: self.cluster.id, error: Some(error) }
    }

    /// Refuses requests meant for another cluster, or for the leader if it is another member.
    fn check(&self, header: Option<&pdpb::RequestHeader>) -> Result<(), Status> {
        self.seat.check_leads()?;
        let got = header.map_or(0, |header| header.cluster_id);
        if got == self.cluster.id {
            return Ok(());
        }
        Err(Status::failed_precondition(format!(
            "mismatch cluster id, need {} but got {got}",
            self.cluster.id
        )))
    }

    async fn strike(&self, kind: RequestKind, region: Option<u64>) -> Result<(), Status> {
        match self.cluster.strike(kind, region, None).await {
            None => Ok(()),
            Some(Effect::Error { message }) => Err(Status::unknown(message)),
            Some(_) => Err(broken_connection()),
        }
    }

    fn now(&self) -> i64 {
        self.cluster.env.now_seconds()
    }

    fn region_response(&self, region: Option<&Region>) -> pdpb::GetRegionResponse {
        pdpb::GetRegionResponse {
            header: Some(self.header()),
            region: region.map(Into::into),
            leader: region.and_then(Region::leader).map(Into::into),
            ..Default::default()
        }
    }

    fn timestamps(&self, count: u32) -> Result<pdpb::Timestamp, Status> {
        let refuse = |why: &str| {
            Err(Status::unknown(format!("[PD:tso:ErrGenerateTimestamp]generate timestamp failed, {why}")))
        };
        if count == 0 {
            return refuse("tso count should be positive");
        }
        if u64::from(count) >= LOGICAL_LIMIT {
            return refuse("maximum number of retries exceeded");
        }
        let cluster = &self.cluster;
        let (physical, logical) = cluster
            .tso
            .next(u64::from(count), cluster.guises.clock(cluster.now_ms()), &cluster.meta)
            .map_err(|error| Status::internal(error.to_string()))?;
        Ok(pdpb::Timestamp { physical: physical as i64, logical: logical as i64, suffix_bits: 0 })
    }

    fn scatter(&self, ids: &[u64]) -> Result<usize, Status> {
        let mut done = 0;
        for &id in ids {
            done +=
                usize::from(self.cluster.scatter(id).map_err(|error| Status::internal(error.to_string()))?);
        }
        Ok(done)
    }

    fn split_at(&self, keys: &[Vec<u8>]) -> Result<Vec<u64>, Status> {
        self.cluster.split_at(keys).map_err(|error| Status::internal(error.to_string()))
    }

    fn update_service(&self, id: &[u8], ttl: i64, safe_point: u64) -> Result<(Vec<u8>, i64, u64), Status> {
        let now = self.now();
        let id = String::from_utf8_lossy(id).into_owned();
        let minimum = self
            .cluster
            .pd
            .change(&self.cluster.meta, now, |data| data.update_service(&id, ttl, safe_point, now))
            .map_err(|error| Status::internal(error.to_string()))?;
        Ok(minimum.map_or((GC_WORKER.into(), 0, 0), |(id, service)| {
            (id.into_bytes(), service.expires_at.saturating_sub(now), service.safe_point)
        }))
    }
}

/// A store as PD describes it.
pub(crate) fn store_meta(cluster: &Cluster, store: &StoreNode) -> metapb::Store {
    metapb::Store {
        id: store.id,
        address: store.address().into(),
        version: cluster.guises.of_store(store.id).version.unwrap_or_else(|| VERSION.into()),
        peer_address: store.address().into(),
        status_address: store.status_address().into(),
        git_hash: "Unknown git hash".into(),
        start_timestamp: cluster.started_micros.div_euclid(1_000_000),
        deploy_path: "/opt/thunderhead".into(),
        last_heartbeat: cluster.env.now_micros().saturating_mul(1000),
        node_state: metapb::NodeState::Serving as i32,
        ..Default::default()
    }
}

fn scanned(region: &Region) -> pdpb::Region {
    pdpb::Region {
        region: Some(region.into()),
        leader: region.leader().map(Into::into),
        ..Default::default()
    }
}

#[tonic::async_trait]
impl Pd for PdService {
    async fn get_cluster_info(
        &self,
        _request: Request<pdpb::GetClusterInfoRequest>,
    ) -> Result<Response<pdpb::GetClusterInfoResponse>, Status> {
        self.seat.check_up()?;
        Ok(Response::new(pdpb::GetClusterInfoResponse {
            header: Some(self.header()),
            service_modes: vec![pdpb::ServiceMode::PdSvcMode as i32],
            tso_urls: Vec::new(),
        }))
    }

    async fn get_members(
        &self,
        _request: Request<pdpb::GetMembersRequest>,
    ) -> Result<Response<pdpb::GetMembersResponse>, Status> {
        // Clients learn the cluster's id from it, so it is not checked; and any member answers.
        self.seat.check_up()?;
        let (members, leader) = self.seat.listed();
        Ok(Response::new(pdpb::GetMembersResponse {
            header: Some(self.header()),
            members,
            leader: leader.clone(),
            etcd_leader: leader,
            ..Default::default()
        }))
    }

    type TsoStream = TsoStream;

    async fn tso(
        &self,
        request: Request<Streaming<pdpb::TsoRequest>>,
    ) -> Result<Response<TsoStream>, Status> {
        let service = self.clone();
        let answers = request.into_inner().then(move |request| {
            let service = service.clone();
            async move {
                let request = request?;
                service.check(request.header.as_ref())?;
                service.strike(RequestKind::Tso, None).await?;
                let timestamp = Some(service.timestamps(request.count)?);
                Ok(pdpb::TsoResponse { header: Some(service.header()), count: request.count, timestamp })
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn is_bootstrapped(
        &self,
        request: Request<pdpb::IsBootstrappedRequest>,
    ) -> Result<Response<pdpb::IsBootstrappedResponse>, Status> {
        self.check(request.get_ref().header.as_ref())?;
        Ok(Response::new(pdpb::IsBootstrappedResponse { header: Some(self.header()), bootstrapped: true }))
    }

    async fn alloc_id(
        &self,
        request: Request<pdpb::AllocIdRequest>,
    ) -> Result<Response<pdpb::AllocIdResponse>, Status> {
        self.check(request.get_ref().header.as_ref())?;
        let id = self.cluster.alloc_id().map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(pdpb::AllocIdResponse { header: Some(self.header()), id }))
    }

    async fn get_store(
        &self,
        request: Request<pdpb::GetStoreRequest>,
    ) -> Result<Response<pdpb::GetStoreResponse>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        let Some(store) = self.cluster.store(request.store_id) else {
            let message = format!("invalid store ID {}, not found", request.store_id);
            let header = self.error_header(pdpb::ErrorType::Unknown, message);
            return Ok(Response::new(pdpb::GetStoreResponse { header: Some(header), ..Default::default() }));
        };
        let region_count =
            self.cluster.regions().iter().filter(|region| region.peer_on(store.id).is_some()).count() as u32;
        let used = store.used_size();
        let (capacity, available) = self.cluster.guises.space(store.id, used);
        let now = u64::try_from(self.now()).unwrap_or(0);
        let stats = pdpb::StoreStats {
            store_id: store.id,
            capacity,
            available,
            region_count,
            start_time: self.cluster.started_micros.div_euclid(1_000_000) as u32,
            used_size: used,
            interval: Some(pdpb::TimeInterval {
                start_timestamp: now.saturating_sub(10),
                end_timestamp: now,
            }),
            ..Default::default()
        };
        Ok(Response::new(pdpb::GetStoreResponse {
            header: Some(self.header()),
            store: Some(store_meta(&self.cluster, store)),
            stats: Some(stats),
        }))
    }

    async fn get_all_stores(
        &self,
        request: Request<pdpb::GetAllStoresRequest>,
    ) -> Result<Response<pdpb::GetAllStoresResponse>, Status> {
        self.check(request.get_ref().header.as_ref())?;
        let mut stores: Vec<_> =
            self.cluster.stores.iter().map(|store| store_meta(&self.cluster, store)).collect();
        stores.extend(self.cluster.guises.tiflash_stores().iter().map(|(id, guise)| metapb::Store {
            id: *id,
            address: format!("tiflash-{id}:3930"),
            peer_address: format!("tiflash-{id}:20170"),
            version: guise.version.clone().unwrap_or_else(|| VERSION.into()),
            labels: vec![metapb::StoreLabel { key: "engine".into(), value: "tiflash".into() }],
            ..Default::default()
        }));
        Ok(Response::new(pdpb::GetAllStoresResponse { header: Some(self.header()), stores }))
    }

    async fn get_region(
        &self,
        request: Request<pdpb::GetRegionRequest>,
    ) -> Result<Response<pdpb::GetRegionResponse>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        self.strike(RequestKind::Region, None).await?;
        let regions = self.cluster.regions();
        Ok(Response::new(self.region_response(regions.containing(&request.region_key))))
    }

    async fn get_prev_region(
        &self,
        request: Request<pdpb::GetRegionRequest>,
    ) -> Result<Response<pdpb::GetRegionResponse>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        self.strike(RequestKind::Region, None).await?;
        let regions = self.cluster.regions();
        Ok(Response::new(self.region_response(regions.previous(&request.region_key))))
    }

    async fn get_region_by_id(
        &self,
        request: Request<pdpb::GetRegionByIdRequest>,
    ) -> Result<Response<pdpb::GetRegionResponse>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        self.strike(RequestKind::Region, Some(request.region_id)).await?;
        let regions = self.cluster.regions();
        Ok(Response::new(self.region_response(regions.get(request.region_id))))
    }

    async fn scan_regions(
        &self,
        request: Request<pdpb::ScanRegionsRequest>,
    ) -> Result<Response<pdpb::ScanRegionsResponse>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        self.strike(RequestKind::Region, None).await?;
        let regions = self.cluster.regions();
        let found = regions.scan(&request.start_key, &request.end_key, i64::from(request.limit));
        Ok(Response::new(pdpb::ScanRegionsResponse {
            header: Some(self.header()),
            region_metas: found.iter().map(|&region| region.into()).collect(),
            leaders: found.iter().map(|region| region.leader().map(Into::into).unwrap_or_default()).collect(),
            regions: found.iter().map(|region| scanned(region)).collect(),
        }))
    }

    async fn batch_scan_regions(
        &self,
        request: Request<pdpb::BatchScanRegionsRequest>,
    ) -> Result<Response<pdpb::BatchScanRegionsResponse>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        self.strike(RequestKind::Region, None).await?;
        let regions = self.cluster.regions();
        let mut answer: Vec<pdpb::Region> = Vec::new();
        for range in &request.ranges {
            for region in regions.scan(&range.start_key, &range.end_key, i64::from(request.limit)) {
                let known = answer
                    .last()
                    .and_then(|last| last.region.as_ref())
                    .is_some_and(|last| last.id == region.id);
                if !known {
                    answer.push(scanned(region));
                }
            }
        }
        if let Ok(limit @ 1..) = usize::try_from(request.limit) {
            answer.truncate(limit);
        }
        Ok(Response::new(pdpb::BatchScanRegionsResponse { header: Some(self.header()), regions: answer }))
    }

    async fn get_cluster_config(
        &self,
        request: Request<pdpb::GetClusterConfigRequest>,
    ) -> Result<Response<pdpb::GetClusterConfigResponse>, Status> {
        self.check(request.get_ref().header.as_ref())?;
        let cluster = metapb::Cluster { id: self.cluster.id, max_peer_count: self.cluster.replicas as u32 };
        Ok(Response::new(pdpb::GetClusterConfigResponse {
            header: Some(self.header()),
            cluster: Some(cluster),
        }))
    }

    async fn scatter_region(
        &self,
        request: Request<pdpb::ScatterRegionRequest>,
    ) -> Result<Response<pdpb::ScatterRegionResponse>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        self.strike(RequestKind::Scatter, None).await?;
        if request.regions_id.is_empty() {
            let found = self.scatter(&[request.region_id])? == 1;
            let header = if found {
                self.header()
            } else {
                self.error_header(pdpb::ErrorType::RegionNotFound, "region not found")
            };
            return Ok(Response::new(pdpb::ScatterRegionResponse {
                header: Some(header),
                finished_percentage: 0,
            }));
        }
        let done = self.scatter(&request.regions_id)?;
        if done == 0 {
            return Err(Status::unknown("[PD:region:ErrRegionNotFound]region %v not found"));
        }
        let finished_percentage = (done * 100 / request.regions_id.len()) as u64;
        Ok(Response::new(pdpb::ScatterRegionResponse { header: Some(self.header()), finished_percentage }))
    }

    async fn get_gc_safe_point(
        &self,
        request: Request<pdpb::GetGcSafePointRequest>,
    ) -> Result<Response<pdpb::GetGcSafePointResponse>, Status> {
        self.check(request.get_ref().header.as_ref())?;
        let safe_point = self.cluster.pd.look(self.now(), |data| data.gc_safe_point);
        Ok(Response::new(pdpb::GetGcSafePointResponse { header: Some(self.header()), safe_point }))
    }

    async fn update_gc_safe_point(
        &self,
        request: Request<pdpb::UpdateGcSafePointRequest>,
    ) -> Result<Response<pdpb::UpdateGcSafePointResponse>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        let new_safe_point = self
            .cluster
            .pd
            .change(&self.cluster.meta, self.now(), |data| {
                data.gc_safe_point = data.gc_safe_point.max(request.safe_point);
                data.gc_safe_point
            })
            .map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(pdpb::UpdateGcSafePointResponse { header: Some(self.header()), new_safe_point }))
    }

    async fn update_service_gc_safe_point(
        &self,
        request: Request<pdpb::UpdateServiceGcSafePointRequest>,
    ) -> Result<Response<pdpb::UpdateServiceGcSafePointResponse>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        let (service_id, ttl, min_safe_point) =
            self.update_service(&request.service_id, request.ttl, request.safe_point)?;
        Ok(Response::new(pdpb::UpdateServiceGcSafePointResponse {
            header: Some(self.header()),
            service_id,
            ttl,
            min_safe_point,
        }))
    }

    async fn get_gc_safe_point_v2(
        &self,
        request: Request<pdpb::GetGcSafePointV2Request>,
    ) -> Result<Response<pdpb::GetGcSafePointV2Response>, Status> {
        self.check(request.get_ref().header.as_ref())?;
        let safe_point = self.cluster.pd.look(self.now(), |data| data.gc_safe_point);
        Ok(Response::new(pdpb::GetGcSafePointV2Response { header: Some(self.header()), safe_point }))
    }

    async fn update_service_safe_point_v2(
        &self,
        request: Request<pdpb::UpdateServiceSafePointV2Request>,
    ) -> Result<Response<pdpb::UpdateServiceSafePointV2Response>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        let (service_id, ttl, min_safe_point) =
            self.update_service(&request.service_id, request.ttl, request.safe_point)?;
        Ok(Response::new(pdpb::UpdateServiceSafePointV2Response {
            header: Some(self.header()),
            service_id,
            ttl,
            min_safe_point,
        }))
    }

    async fn get_operator(
        &self,
        request: Request<pdpb::GetOperatorRequest>,
    ) -> Result<Response<pdpb::GetOperatorResponse>, Status> {
        self.check(request.get_ref().header.as_ref())?;
        // Moves are done before anybody can ask.
        let header = self.error_header(pdpb::ErrorType::RegionNotFound, "Not Found");
        Ok(Response::new(pdpb::GetOperatorResponse { header: Some(header), ..Default::default() }))
    }

    async fn split_regions(
        &self,
        request: Request<pdpb::SplitRegionsRequest>,
    ) -> Result<Response<pdpb::SplitRegionsResponse>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        let regions_id = self.split_at(&request.split_keys)?;
        let finished_percentage = 100;
        Ok(Response::new(pdpb::SplitRegionsResponse {
            header: Some(self.header()),
            finished_percentage,
            regions_id,
        }))
    }

    async fn split_and_scatter_regions(
        &self,
        request: Request<pdpb::SplitAndScatterRegionsRequest>,
    ) -> Result<Response<pdpb::SplitAndScatterRegionsResponse>, Status> {
        let request = request.into_inner();
        self.check(request.header.as_ref())?;
        let regions_id = self.split_at(&request.split_keys)?;
        self.scatter(&regions_id)?;
        Ok(Response::new(pdpb::SplitAndScatterRegionsResponse {
            header: Some(self.header()),
            split_finished_percentage: 100,
            scatter_finished_percentage: 100,
            regions_id,
        }))
    }

    async fn get_min_ts(
        &self,
        request: Request<pdpb::GetMinTsRequest>,
    ) -> Result<Response<pdpb::GetMinTsResponse>, Status> {
        self.check(request.get_ref().header.as_ref())?;
        let timestamp = Some(self.timestamps(1)?);
        Ok(Response::new(pdpb::GetMinTsResponse { header: Some(self.header()), timestamp }))
    }
}
