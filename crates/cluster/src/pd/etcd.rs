//! The etcd inside PD, where tools of the cluster register what they do: keys that live as long as a lease.

use std::future::Future;
use std::time::Duration;

use th_proto::etcdserverpb::kv_client::KvClient;
use th_proto::etcdserverpb::lease_client::LeaseClient;
use th_proto::etcdserverpb::{
    KeyValue, LeaseGrantRequest, LeaseKeepAliveRequest, LeaseRevokeRequest, PutRequest, RangeRequest,
};
use tonic::transport::Channel;

use super::{ATTEMPTS, Pd};
use crate::ClusterError;
use crate::net::within;

/// Tries of what nothing depends on.
const FEW: u32 = 3;

/// A key that lives by a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The key.
    pub key: String,
    /// What stands under it.
    pub value: Vec<u8>,
    /// The lease, never 0.
    pub lease: i64,
}

impl Pd {
    /// All keys that start with `prefix`, and their values.
    pub async fn etcd_keys(&self, prefix: &str) -> Result<Vec<(Vec<u8>, Vec<u8>)>, ClusterError> {
        let found = self.range(prefix, ATTEMPTS).await?;
        Ok(found.into_iter().map(|pair| (pair.key, pair.value)).collect())
    }

    /// Puts a key and its value that are there for `ttl`, and longer if the lease that is returned is kept alive.
    pub async fn register(&self, key: &str, value: &[u8], ttl: Duration) -> Result<i64, ClusterError> {
        let ttl = i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX).max(1);
        let granted = self
            .etcd("etcd LeaseGrant", FEW, |channel| async move {
                LeaseClient::new(channel).lease_grant(LeaseGrantRequest { ttl, id: 0 }).await
            })
            .await?;
        let put = PutRequest { key: key.into(), value: value.to_vec(), lease: granted.id };
        self.etcd("etcd Put", FEW, |channel| {
            let put = put.clone();
            async move { KvClient::new(channel).put(put).await }
        })
        .await?;
        Ok(granted.id)
    }

    /// Starts a lease's time again; false if it has ended.
    pub async fn keep_registered(&self, lease: i64) -> Result<bool, ClusterError> {
        let kept = self.etcd("etcd LeaseKeepAlive", FEW, |channel| async move {
            let requests = futures::stream::iter([LeaseKeepAliveRequest { id: lease }]);
            let mut answers = LeaseClient::new(channel).lease_keep_alive(requests).await?.into_inner();
            let answer = answers.message().await?;
            answer.map(tonic::Response::new).ok_or_else(|| tonic::Status::unavailable("no answer"))
        });
        Ok(kept.await?.ttl > 0)
    }

    /// Ends a lease, with its keys.
    pub async fn unregister(&self, lease: i64) -> Result<(), ClusterError> {
        let ended = self.etcd("etcd LeaseRevoke", FEW, |channel| async move {
            LeaseClient::new(channel).lease_revoke(LeaseRevokeRequest { id: lease }).await
        });
        ended.await.map(drop)
    }

    /// The keys that start with `prefix` and live by a lease.
    pub async fn registrations(&self, prefix: &str) -> Result<Vec<Registration>, ClusterError> {
        let found = self.range(prefix, FEW).await?;
        let leased = found.into_iter().filter(|pair| pair.lease != 0);
        let registration = |KeyValue { key, value, lease, .. }| {
            let key = String::from_utf8_lossy(&key).into_owned();
            Registration { key, value, lease }
        };
        Ok(leased.map(registration).collect())
    }

    async fn range(&self, prefix: &str, attempts: u32) -> Result<Vec<KeyValue>, ClusterError> {
        let request =
            RangeRequest { key: prefix.into(), range_end: end_of(prefix.as_bytes()), ..Default::default() };
        let found = self.etcd("etcd Range", attempts, |channel| {
            let request = request.clone();
            async move { KvClient::new(channel).max_decoding_message_size(usize::MAX).range(request).await }
        });
        found.await.map(|answer| answer.kvs)
    }

    /// One call to the leader, repeated while nobody answers.
    async fn etcd<Answer, Call, Pending>(
        &self,
        what: &'static str,
        attempts: u32,
        call: Call,
    ) -> Result<Answer, ClusterError>
    where
        Call: Fn(Channel) -> Pending,
        Pending: Future<Output = Result<tonic::Response<Answer>, tonic::Status>>,
    {
        let mut attempt = 0;
        loop {
            let endpoint = self.leader();
            let channel = self.inner.channels.get(&endpoint)?;
            let answer = within(self.inner.timeout, call(channel))
                .await
                .map_err(|status| ClusterError::from_status(&endpoint, what, &status));
            match answer {
                Err(error) if error.is_retryable() && attempt + 1 < attempts => {
                    tracing::warn!(%error, attempt, "the etcd of pd is asked again");
                    self.back_off(attempt, "the etcd of pd did not answer").await;
                    if let Err(error) = self.discover().await {
                        tracing::warn!(%error, "pd members cannot be refreshed");
                    }
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }
}

/// The smallest key greater than all that start with `prefix`; etcd's "no end" where there is none.
fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    vec![0]
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn a_prefix_ends_before_the_next_one() {
        assert_eq!(end_of(b"/tidb/cdc/"), b"/tidb/cdc0");
        assert_eq!(end_of(b"a\xff"), b"b");
        assert_eq!(end_of(b"\xff"), [0]);
    }
}
