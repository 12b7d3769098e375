//! The key-value service of the etcd inside PD, on PD's own port.

use std::sync::Arc;

use th_proto::etcdserverpb::{KeyValue, RangeRequest, RangeResponse, ResponseHeader, kv_server::Kv};
use tonic::{Request, Response, Status};

use crate::cluster::Cluster;
use crate::pd::members::Seat;

/// The service.
#[derive(Clone)]
pub(crate) struct EtcdService {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) seat: Seat,
}

#[tonic::async_trait]
impl Kv for EtcdService {
    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        self.seat.check_up()?;
        let request = request.into_inner();
        if request.key.is_empty() {
            return Err(Status::invalid_argument("etcdserver: key is not provided"));
        }
        let found = self.cluster.guises.etcd_range(&request.key, &request.range_end);
        let count = found.len();
        let limit = usize::try_from(request.limit).ok().filter(|&limit| limit > 0).unwrap_or(usize::MAX);
        let shown = if request.count_only { 0 } else { limit };
        let kvs = found.into_iter().take(shown).map(|(key, value)| KeyValue {
            key,
            value: if request.keys_only { Vec::new() } else { value },
            create_revision: 1,
            mod_revision: 1,
            version: 1,
            lease: 0,
        });
        Ok(Response::new(RangeResponse {
            header: Some(ResponseHeader {
                cluster_id: self.cluster.id,
                member_id: self.seat.id(),
                revision: 1,
                raft_term: 2,
            }),
            kvs: kvs.collect(),
            more: !request.count_only && count > limit,
            count: count as i64,
        }))
    }
}
