//! Client of PD: finds the leader, follows it when it changes, and stamps every request with the
//! cluster's id (PD refuses others').
//!
//! Every call has a deadline and is tried again, with jittered backoff and a new look at the members,
//! when nobody answered. All calls here are safe to repeat.

mod etcd;
mod health;
mod http;
mod regions;
mod stores;
mod timestamps;

use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use th_env::Env;
use th_proto::pdpb::pd_client::PdClient;
use th_proto::{import_sstpb, pdpb};
use tonic::transport::Channel;

pub use self::etcd::Registration;
pub use self::health::{LabelRange, StoreStatus};
pub use self::http::{LabelRule, RegionStats, SCHEDULERS_TO_PAUSE};
pub use self::regions::OperatorState;
pub use self::stores::{StoreInfo, StoreSpace};
pub use self::timestamps::{MAX_TIMESTAMPS, physical_millis};
use crate::net::{Channels, Http, within};
use crate::options::url_of;
use crate::{ClusterError, ErrorKind};

/// Tries of one call before its error is the caller's.
const ATTEMPTS: u32 = 8;
const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_CAP: Duration = Duration::from_secs(3);

/// Client of PD. Cheap to clone.
#[derive(Clone)]
pub struct Pd {
    inner: Arc<Inner>,
}

struct Inner {
    env: Env,
    channels: Arc<Channels>,
    http: Http,
    timeout: Duration,
    seeds: Vec<String>,
    members: RwLock<Members>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Members {
    cluster_id: u64,
    leader: String,
    all: Vec<String>,
}

/// Answers of PD carry a header with the cluster's id and perhaps an error.
pub(crate) trait PdAnswer {
    fn header(&self) -> Option<&pdpb::ResponseHeader>;
}

macro_rules! answers {
    ($($name:ident),* $(,)?) => {
        $(impl PdAnswer for pdpb::$name {
            fn header(&self) -> Option<&pdpb::ResponseHeader> {
                self.header.as_ref()
            }
        })*
    };
}

answers!(
    AllocIdResponse,
    GetAllStoresResponse,
    GetGcSafePointResponse,
    GetMembersResponse,
    GetOperatorResponse,
    GetRegionResponse,
    GetStoreResponse,
    IsBootstrappedResponse,
    ScanRegionsResponse,
    ScatterRegionResponse,
    TsoResponse,
    UpdateServiceGcSafePointResponse,
);

impl Pd {
    /// Finds the cluster at any of `endpoints` (`host:port` or URLs).
    pub(crate) async fn connect(
        env: Env,
        channels: Arc<Channels>,
        http: Http,
        endpoints: &[String],
        timeout: Duration,
    ) -> Result<Self, ClusterError> {
        let seeds: Vec<_> =
            endpoints.iter().map(|endpoint| endpoint.trim().to_owned()).filter(|e| !e.is_empty()).collect();
        if seeds.is_empty() {
            return Err(ClusterError::invalid("no pd address is given"));
        }
        let members = RwLock::new(Members::default());
        let pd = Self { inner: Arc::new(Inner { env, channels, http, timeout, seeds, members }) };
        let mut attempt = 0;
        loop {
            match pd.discover().await {
                Ok(()) => return Ok(pd),
                Err(error) if error.is_retryable() && attempt + 1 < ATTEMPTS / 2 => {
                    tracing::warn!(%error, "cannot find the pd leader yet");
                    pd.back_off(attempt, "pd has no leader").await;
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> u64 {
        self.members().cluster_id
    }

    /// Address of the current leader.
    pub fn leader(&self) -> String {
        self.members().leader
    }

    /// Addresses of all members, the leader's included.
    pub fn endpoints(&self) -> Vec<String> {
        self.members().all
    }

    fn members(&self) -> Members {
        self.inner.members.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn back_off(&self, attempt: u32, reason: &str) {
        self.inner.env.sleep(self.inner.env.backoff(attempt, BACKOFF, BACKOFF_CAP), reason).await;
    }

    /// Asks every known member who leads, and takes the first answer.
    async fn discover(&self) -> Result<(), ClusterError> {
        let known = self.members();
        let mut last = ClusterError::new(ErrorKind::Unreachable, "pd", "no address to ask");
        let candidates = known.all.iter().chain(&self.inner.seeds);
        let mut asked: Vec<&str> = Vec::new();
        for endpoint in candidates {
            if asked.contains(&endpoint.as_str()) {
                continue;
            }
            asked.push(endpoint);
            match self.members_according_to(endpoint).await {
                Ok(found) if known.cluster_id != 0 && found.cluster_id != known.cluster_id => {
                    return Err(ClusterError::new(
                        ErrorKind::Rejected,
                        endpoint.as_str(),
                        format!("belongs to cluster {}, not to {}", found.cluster_id, known.cluster_id),
                    ));
                }
                Ok(found) => {
                    if found.leader != known.leader {
                        tracing::info!(
                            leader = found.leader,
                            cluster_id = found.cluster_id,
                            "pd leader found"
                        );
                    }
                    *self.inner.members.write().unwrap_or_else(PoisonError::into_inner) = found;
                    return Ok(());
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn members_according_to(&self, endpoint: &str) -> Result<Members, ClusterError> {
        let mut client = PdClient::new(self.inner.channels.get(endpoint)?);
        let answer = within(self.inner.timeout, client.get_members(pdpb::GetMembersRequest::default()))
            .await
            .map_err(|status| ClusterError::from_status(endpoint, "GetMembers", &status))?;
        check_header(endpoint, "GetMembers", &answer)?;
        let cluster_id = answer.header.as_ref().map_or(0, |header| header.cluster_id);
        let url = |member: &pdpb::Member| {
            // Prefer the address we already know to work over another name of the same member.
            let same = |url: &&String| url_of(url, false) == url_of(endpoint, false);
            member.client_urls.iter().find(same).or(member.client_urls.first()).cloned()
        };
        let leader = answer.leader.as_ref().and_then(url).ok_or_else(|| {
            ClusterError::new(ErrorKind::Unreachable, endpoint, "pd has no leader at the moment")
        })?;
        Ok(Members { cluster_id, leader, all: answer.members.iter().filter_map(url).collect() })
    }

    /// One call to the leader, repeated while nobody answers.
    pub(crate) async fn call<Answer, Call, Pending>(
        &self,
        what: &'static str,
        call: Call,
    ) -> Result<Answer, ClusterError>
    where
        Answer: PdAnswer,
        Call: Fn(PdClient<Channel>, Option<pdpb::RequestHeader>) -> Pending,
        Pending: Future<Output = Result<tonic::Response<Answer>, tonic::Status>>,
    {
        let mut attempt = 0;
        loop {
            let members = self.members();
            let endpoint = members.leader;
            let client =
                PdClient::new(self.inner.channels.get(&endpoint)?).max_decoding_message_size(usize::MAX);
            let header = pdpb::RequestHeader { cluster_id: members.cluster_id, ..Default::default() };
            let result = within(self.inner.timeout, call(client, Some(header)))
                .await
                .map_err(|status| ClusterError::from_status(&endpoint, what, &status))
                .and_then(|answer| check_header(&endpoint, what, &answer).map(|()| answer));
            match result {
                Err(error) if error.is_retryable() && attempt + 1 < ATTEMPTS => {
                    tracing::warn!(%error, attempt, "pd call is tried again");
                    self.back_off(attempt, "pd did not answer").await;
                    if let Err(error) = self.discover().await {
                        tracing::warn!(%error, "pd members cannot be refreshed");
                    }
                    attempt += 1;
                }
                result => return result,
            }
        }
    }
}

fn check_header(endpoint: &str, what: &str, answer: &impl PdAnswer) -> Result<(), ClusterError> {
    let Some(error) = answer.header().and_then(|header| header.error.as_ref()) else { return Ok(()) };
    let kind = match error.r#type() {
        pdpb::ErrorType::Ok => return Ok(()),
        pdpb::ErrorType::RegionNotFound | pdpb::ErrorType::EntryNotFound => ErrorKind::NotFound,
        pdpb::ErrorType::NotBootstrapped => ErrorKind::Rejected,
        _ if error.message.contains("not found") => ErrorKind::NotFound,
        _ => ErrorKind::Protocol,
    };
    Err(ClusterError::new(kind, endpoint, format!("{what}: {}", error.message)))
}

/// A half-open range of user keys in the encoded form of messages.
pub(crate) fn encoded_range(start: &[u8], end: &[u8]) -> import_sstpb::Range {
    import_sstpb::Range { start: crate::keys::encode_bound(start), end: crate::keys::encode_bound(end) }
}
