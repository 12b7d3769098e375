//! Keys and leases of the etcd inside PD, on PD's own port.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use th_proto::etcdserverpb::{
    KeyValue, LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse,
    LeaseRevokeRequest, LeaseRevokeResponse, PutRequest, PutResponse, RangeRequest, RangeResponse,
    ResponseHeader, kv_server::Kv, lease_server::Lease,
};
use tonic::{Request, Response, Status, Streaming};

use crate::cluster::Cluster;
use crate::pd::members::Seat;
use crate::pd::state::{EtcdKey, PdData};

/// Both services.
#[derive(Clone)]
pub(crate) struct EtcdService {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) seat: Seat,
}

type KeepAliveStream = Pin<Box<dyn Stream<Item = Result<LeaseKeepAliveResponse, Status>> + Send>>;

impl EtcdService {
    fn header(&self) -> ResponseHeader {
        ResponseHeader { cluster_id: self.cluster.id, member_id: self.seat.id(), revision: 1, raft_term: 2 }
    }

    fn change<T>(&self, act: impl FnOnce(&mut PdData, i64) -> T) -> Result<T, Status> {
        let now = self.cluster.env.now_seconds();
        self.cluster
            .pd
            .change(&self.cluster.meta, now, |data| act(data, now))
            .map_err(|error| Status::internal(error.to_string()))
    }
}

fn no_lease() -> Status {
    Status::not_found("etcdserver: requested lease not found")
}

#[tonic::async_trait]
impl Kv for EtcdService {
    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        self.seat.check_up()?;
        let request = request.into_inner();
        if request.key.is_empty() {
            return Err(Status::invalid_argument("etcdserver: key is not provided"));
        }
        let guises = self.cluster.guises.etcd_range(&request.key, &request.range_end);
        let mut found: Vec<(Vec<u8>, EtcdKey)> =
            guises.into_iter().map(|(key, value)| (key, EtcdKey { value, lease: 0 })).collect();
        let is_wanted = |key: &[u8]| match request.range_end.as_slice() {
            [] => key == request.key,
            end => key >= request.key.as_slice() && key < end,
        };
        found.extend(self.cluster.pd.look(self.cluster.env.now_seconds(), |data| {
            let keys = data.etcd.iter().filter(|(key, _)| is_wanted(key.as_bytes()));
            keys.map(|(key, value)| (key.clone().into_bytes(), value.clone())).collect::<Vec<_>>()
        }));
        found.sort_by(|left, right| left.0.cmp(&right.0));
        let count = found.len();
        let limit = usize::try_from(request.limit).ok().filter(|&limit| limit > 0).unwrap_or(usize::MAX);
        let shown = if request.count_only { 0 } else { limit };
        let kvs = found.into_iter().take(shown).map(|(key, EtcdKey { value, lease })| KeyValue {
            key,
            value: if request.keys_only { Vec::new() } else { value },
            create_revision: 1,
            mod_revision: 1,
            version: 1,
            lease,
        });
        Ok(Response::new(RangeResponse {
            header: Some(self.header()),
            kvs: kvs.collect(),
            more: !request.count_only && count > limit,
            count: count as i64,
        }))
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let PutRequest { key, value, lease } = request.into_inner();
        let key = String::from_utf8(key).map_err(|_| Status::unimplemented("keys are text here"))?;
        if key.is_empty() {
            return Err(Status::invalid_argument("etcdserver: key is not provided"));
        }
        self.change(|data, _| {
            if lease != 0 && !data.etcd_leases.contains_key(&lease) {
                return Err(no_lease());
            }
            data.etcd.insert(key, EtcdKey { value, lease });
            Ok(())
        })??;
        Ok(Response::new(PutResponse { header: Some(self.header()) }))
    }
}

#[tonic::async_trait]
impl Lease for EtcdService {
    async fn lease_grant(
        &self,
        request: Request<LeaseGrantRequest>,
    ) -> Result<Response<LeaseGrantResponse>, Status> {
        let LeaseGrantRequest { ttl, id } = request.into_inner();
        let id = if id != 0 { id } else { (self.cluster.env.random_u64() >> 1) as i64 };
        self.change(|data, now| data.etcd_leases.insert(id, (ttl, now + ttl)))?;
        Ok(Response::new(LeaseGrantResponse { header: Some(self.header()), id, ttl, error: String::new() }))
    }

    async fn lease_revoke(
        &self,
        request: Request<LeaseRevokeRequest>,
    ) -> Result<Response<LeaseRevokeResponse>, Status> {
        let id = request.into_inner().id;
        self.change(|data, _| data.end_lease(id).then_some(()).ok_or_else(no_lease))??;
        Ok(Response::new(LeaseRevokeResponse { header: Some(self.header()) }))
    }

    type LeaseKeepAliveStream = KeepAliveStream;

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Result<Response<KeepAliveStream>, Status> {
        let service = self.clone();
        let answers = request.into_inner().map(move |request| {
            let id = request?.id;
            // A lease that is gone has no time left, which is no error.
            let ttl = service.change(|data, now| match data.etcd_leases.get_mut(&id) {
                Some((ttl, end)) => {
                    *end = now + *ttl;
                    *ttl
                }
                None => 0,
            })?;
            Ok(LeaseKeepAliveResponse { header: Some(service.header()), id, ttl })
        });
        Ok(Response::new(Box::pin(answers)))
    }
}
