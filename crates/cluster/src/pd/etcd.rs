//! Keys of the etcd inside PD, where other tools of the cluster register what they do.

use th_proto::etcdserverpb::{RangeRequest, kv_client::KvClient};

use super::{ATTEMPTS, Pd};
use crate::ClusterError;
use crate::net::within;

impl Pd {
    /// All keys that start with `prefix`, and their values.
    pub async fn etcd_keys(&self, prefix: &str) -> Result<Vec<(Vec<u8>, Vec<u8>)>, ClusterError> {
        let request =
            RangeRequest { key: prefix.into(), range_end: end_of(prefix.as_bytes()), ..Default::default() };
        let mut attempt = 0;
        loop {
            let endpoint = self.leader();
            let mut client =
                KvClient::new(self.inner.channels.get(&endpoint)?).max_decoding_message_size(usize::MAX);
            let answer = within(self.inner.timeout, client.range(request.clone()))
                .await
                .map_err(|status| ClusterError::from_status(&endpoint, "etcd Range", &status));
            match answer {
                Ok(answer) => return Ok(answer.kvs.into_iter().map(|pair| (pair.key, pair.value)).collect()),
                Err(error) if error.is_retryable() && attempt + 1 < ATTEMPTS => {
                    tracing::warn!(%error, attempt, "the etcd of pd is asked again");
                    self.back_off(attempt, "the etcd of pd did not answer").await;
                    if let Err(error) = self.discover().await {
                        tracing::warn!(%error, "pd members cannot be refreshed");
                    }
                    attempt += 1;
                }
                Err(error) => return Err(error),
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
