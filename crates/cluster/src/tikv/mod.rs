//! Client of the stores: split, import mode, write, upload, ingest, checksum, duplicates.
//!
//! Methods here are single requests; a refusal comes back as a [`Diagnosis`] and what follows from it is
//! decided above, in [`crate::ingest`], [`crate::split`] and [`crate::Tikv::checksum`].

mod admission;
mod checksum;
mod config;
mod frame;
mod import;
mod pace;
mod read;
mod upload;
mod window;
mod write;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use th_env::Env;
use th_proto::import_sstpb::import_sst_client::ImportSstClient;
use th_proto::tikvpb::tikv_client::TikvClient;
use th_proto::{kvrpcpb, metapb};
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;

use self::admission::Admission;
pub use self::checksum::RangeChecksum;
pub use self::config::{StoreConfig, parse_size};
pub(crate) use self::frame::Op;
pub use self::import::ImportMode;
use self::pace::Pace;
pub use self::read::Version;
pub use self::upload::BuiltSst;
use crate::net::{Channels, Http};
use crate::{ClusterError, ClusterOptions, Diagnosis, ErrorKind, Pd, RegionInfo, StoreInfo};

/// Client of the stores. Cheap to clone.
#[derive(Clone)]
pub struct Tikv {
    inner: Arc<Inner>,
}

struct Inner {
    env: Env,
    pd: Pd,
    channels: Arc<Channels>,
    http: Http,
    options: ClusterOptions,
    pace: Pace,
    admission: Arc<Admission>,
    stores: Mutex<HashMap<u64, StoreInfo>>,
}

impl Tikv {
    pub(crate) fn new(
        env: Env,
        pd: Pd,
        channels: Arc<Channels>,
        http: Http,
        options: ClusterOptions,
    ) -> Self {
        let (stores, pace) = (Mutex::default(), Pace::new(options.store_write_limit));
        let admission = Admission::new(env.clone(), options.store_requests);
        Self { inner: Arc::new(Inner { env, pd, channels, http, options, pace, admission, stores }) }
    }

    /// Clock and randomness.
    pub(crate) fn env(&self) -> &Env {
        &self.inner.env
    }

    /// A store by its id, from memory or PD.
    pub async fn store(&self, store_id: u64) -> Result<StoreInfo, ClusterError> {
        let known =
            || self.inner.stores.lock().unwrap_or_else(PoisonError::into_inner).get(&store_id).cloned();
        if let Some(store) = known() {
            return Ok(store);
        }
        let stores = self.inner.pd.stores().await?;
        {
            let mut memory = self.inner.stores.lock().unwrap_or_else(PoisonError::into_inner);
            memory.extend(stores.into_iter().map(|store| (store.id, store)));
        }
        known().ok_or_else(|| {
            ClusterError::new(ErrorKind::NotFound, "pd", format!("store {store_id} does not exist"))
        })
    }

    /// Forgets store addresses, so that they are asked for again.
    pub fn forget_stores(&self) {
        self.inner.stores.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many writes, uploads and ingests each store met so far is given at once, by store. It falls when the store
    /// says that it has too much, and rises again to [`ClusterOptions::store_requests`].
    pub fn store_limits(&self) -> Vec<(u64, u32)> {
        self.inner.admission.limits()
    }

    fn import_client(&self, store: &StoreInfo) -> Result<ImportSstClient<Channel>, ClusterError> {
        let client = ImportSstClient::new(self.inner.channels.get(&store.import_address)?)
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX);
        Ok(if self.inner.options.compress_writes {
            client.send_compressed(CompressionEncoding::Gzip)
        } else {
            client
        })
    }

    fn kv_client(&self, store: &StoreInfo) -> Result<TikvClient<Channel>, ClusterError> {
        Ok(TikvClient::new(self.inner.channels.get(&store.address)?).max_decoding_message_size(usize::MAX))
    }

    /// The leader of a region and its store.
    async fn leader_of(&self, region: &RegionInfo) -> Result<(metapb::Peer, StoreInfo), Diagnosis> {
        let leader = region.leader.ok_or_else(|| {
            let message = format!("region {} has no leader", region.id());
            Diagnosis::from(ClusterError::new(ErrorKind::Unreachable, "pd", message))
        })?;
        Ok((leader, self.store(leader.store_id).await?))
    }

    /// Context of a request about a region.
    fn region_context(&self, region: &RegionInfo, peer: metapb::Peer) -> kvrpcpb::Context {
        kvrpcpb::Context {
            region_id: region.id(),
            region_epoch: Some(region.epoch()),
            peer: Some(peer),
            ..self.bare_context()
        }
    }

    /// Context that says who we are and nothing of a region.
    fn bare_context(&self) -> kvrpcpb::Context {
        let options = &self.inner.options;
        let group = (!options.resource_group.is_empty()).then(|| kvrpcpb::ResourceControlContext {
            resource_group_name: options.resource_group.clone(),
            ..Default::default()
        });
        kvrpcpb::Context {
            request_source: options.request_source.clone(),
            txn_source: th_proto::TXN_SOURCE_PHYSICAL_IMPORT,
            resource_control_context: group,
            ..Default::default()
        }
    }
}
