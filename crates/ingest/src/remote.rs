//! An importer, as its client: `ImportKV` over gRPC.
//!
//! Every delivery has an engine of its own, so two runs of a job do not meet in one; what both write is the same
//! at the same timestamp. An engine that is lost (the importer was restarted) fails the delivery, which is then done
//! again as a whole.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use th_cluster::{IngestStats, PairBuffer};
use th_config::Config;
use th_env::Env;
use th_errors::{Code, Fault};
use th_proto::import_kvpb::import_kv_client::ImportKvClient;
use th_proto::import_kvpb::{self as kv, write_engine_request::Chunk};
use th_tls::{Certificates, Made, Material};
use tonic::Status;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use uuid::Uuid;

use crate::{Watch, stopped};

const CONNECT: Duration = Duration::from_secs(10);
/// Deadline of a small request.
const REQUEST: Duration = Duration::from_mins(1);
/// Deadline of writing one piece, of sorting what is in memory, and of an import.
const LONG: Duration = Duration::from_mins(30);
/// Between two looks whether to stop.
const LOOK: Duration = Duration::from_millis(250);
/// How importers begin to say that too many engines are open.
const NO_ROOM: &str = "ResourceTemporarilyUnavailable";
/// Bytes of pairs in one message.
const BATCH_BYTES: usize = 1 << 20;

/// An importer and the cluster that it is to import into.
#[derive(Clone)]
pub struct Importer {
    channel: Arc<Made<Channel, Fault>>,
    address: Arc<str>,
    pd: Arc<str>,
}

impl Importer {
    /// The importer of `tikv-importer.addr`; it is connected to when it is needed. `pd` are the cluster's endpoints.
    pub fn new(config: &Config, pd: &[String], env: &Env) -> Result<Self, Fault> {
        let address: Arc<str> = config.tikv_importer.addr.as_str().into();
        let certificates = if config.security.ca_path.is_empty() {
            None
        } else {
            let opened = Certificates::open(th_connect::pem_files(&config.security), env);
            Some(Arc::new(
                opened.map_err(|error| Fault::new(Code::BadConfig, format!("[security]: {error}")))?,
            ))
        };
        let make = {
            let address = Arc::clone(&address);
            move |material: Option<&Material>| channel(&address, material)
        };
        let channel = Arc::new(Made::new(certificates, make)?);
        Ok(Self { channel, address, pd: pd.join(",").into() })
    }

    fn client(&self) -> ImportKvClient<Channel> {
        ImportKvClient::new(self.channel.get())
    }

    fn failed(&self, what: &str, problem: &str) -> Fault {
        Fault::new(Code::IngestFailed, format!("the importer at {}: {what}: {problem}", self.address))
    }

    async fn call<T>(
        &self,
        what: &str,
        limit: Duration,
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, Fault> {
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(self.failed(what, &format!("{:?}: {}", status.code(), status.message()))),
            Err(_) => Err(self.failed(what, &format!("no answer within {limit:?}"))),
        }
    }

    /// An error that an answer carries.
    fn check(&self, what: &str, error: Option<kv::Error>) -> Result<(), Fault> {
        match error {
            None => Ok(()),
            Some(_) => Err(self.failed(what, "the engine is not there; was the importer restarted?")),
        }
    }
}

fn channel(address: &str, material: Option<&Material>) -> Result<Channel, Fault> {
    let bad = |error: tonic::transport::Error| {
        Fault::new(Code::BadConfig, format!("tikv-importer.addr = \"{address}\": {error}"))
    };
    let scheme = if material.is_some() { "https" } else { "http" };
    let bare = address.trim_start_matches("http://").trim_start_matches("https://");
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://{bare}"))
        .map_err(bad)?
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .tcp_nodelay(true);
    if let Some(material) = material {
        let mut tls = ClientTlsConfig::new();
        if let Some(ca) = &material.ca {
            tls = tls.ca_certificate(Certificate::from_pem(ca));
        }
        if let Some((cert, key)) = &material.identity {
            tls = tls.identity(Identity::from_pem(cert, key));
        }
        endpoint = endpoint.tls_config(tls).map_err(bad)?;
    }
    Ok(endpoint.connect_lazy())
}

/// An engine of one delivery.
#[derive(Clone)]
pub(crate) struct Engine {
    importer: Importer,
    uuid: Bytes,
    commit_ts: u64,
}

impl Engine {
    /// Opens an engine, once the importer has room for one.
    pub(crate) async fn open(
        importer: &Importer,
        env: &Env,
        commit_ts: u64,
        watch: &dyn Watch,
    ) -> Result<Self, Fault> {
        let uuid = Uuid::from_u64_pair(env.random_u64(), env.random_u64()).as_bytes().to_vec();
        let patience = i64::try_from(LONG.as_micros()).unwrap_or(i64::MAX);
        let until = env.now_micros().saturating_add(patience);
        loop {
            let request = kv::OpenEngineRequest { uuid: uuid.clone(), key_prefix: Vec::new() };
            let opened = importer.call("OpenEngine", REQUEST, importer.client().open_engine(request)).await;
            match opened {
                Ok(_) => return Ok(Self { importer: importer.clone(), uuid: uuid.into(), commit_ts }),
                Err(found) if found.message.contains(NO_ROOM) && env.now_micros() < until => {
                    watch.waiting();
                    if watch.is_stopped() {
                        return Err(stopped());
                    }
                    env.sleep(LOOK * 2, "the importer has no room for an engine").await;
                }
                Err(found) => return Err(found),
            }
        }
    }

    /// Writes a piece by a stream of its own.
    pub(crate) async fn write(self, piece: PairBuffer) -> Result<IngestStats, Fault> {
        let stats =
            IngestStats { pairs: piece.len() as u64, bytes: piece.bytes() as u64, ..IngestStats::default() };
        let head = Chunk::Head(kv::WriteHead { uuid: self.uuid.to_vec() });
        let head = kv::WriteEngineRequest { chunk: Some(head) };
        let commit_ts = self.commit_ts;
        let batches = futures::stream::unfold((piece, 0), move |(piece, at)| async move {
            let (batch, next) = batch(&piece, at, commit_ts)?;
            Some((kv::WriteEngineRequest { chunk: Some(Chunk::Batch(batch)) }, (piece, next)))
        });
        let chunks = futures::StreamExt::chain(futures::stream::iter([head]), batches);
        let mut client = self.importer.client();
        let answer = self.importer.call("WriteEngine", LONG, client.write_engine(chunks)).await?;
        self.importer.check("WriteEngine", answer.error)?;
        Ok(stats)
    }

    /// Closes the engine and has it imported.
    pub(crate) async fn import(&self, env: &Env, watch: &dyn Watch) -> Result<(), Fault> {
        let importer = &self.importer;
        let close = kv::CloseEngineRequest { uuid: self.uuid.to_vec() };
        let answer = importer.call("CloseEngine", LONG, importer.client().close_engine(close)).await?;
        importer.check("CloseEngine", answer.error)?;
        let import = kv::ImportEngineRequest { uuid: self.uuid.to_vec(), pd_addr: importer.pd.to_string() };
        let mut client = importer.client();
        let mut importing = std::pin::pin!(importer.call("ImportEngine", LONG, client.import_engine(import)));
        loop {
            tokio::select! {
                done = &mut importing => return done.map(drop),
                () = env.sleep(LOOK, "the importer imports") => {
                    watch.waiting();
                    if watch.is_stopped() {
                        return Err(stopped());
                    }
                }
            }
        }
    }

    /// Removes the engine. If that fails, the importer does it when nobody has used it for long.
    pub(crate) async fn clean_up(&self) {
        let importer = &self.importer;
        let request = kv::CleanupEngineRequest { uuid: self.uuid.to_vec() };
        if let Err(found) =
            importer.call("CleanupEngine", REQUEST, importer.client().cleanup_engine(request)).await
        {
            tracing::debug!(fault = %found.message, "an engine is left to the importer");
        }
    }
}

/// The pairs from the one at `at` on that make a message, and where the next begins.
fn batch(piece: &PairBuffer, at: usize, commit_ts: u64) -> Option<(kv::WriteBatch, usize)> {
    let (mut bytes, mut next) = (0, at);
    let mut mutations = Vec::new();
    while let Some((key, value)) = piece.get(next).filter(|_| bytes < BATCH_BYTES) {
        bytes += key.len() + value.len();
        next += 1;
        mutations.push(kv::Mutation {
            op: 0,
            key: Bytes::copy_from_slice(key),
            value: Bytes::copy_from_slice(value),
        });
    }
    (next > at).then_some((kv::WriteBatch { commit_ts, mutations }, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_sent_in_batches_that_hold_each_pair_once() {
        let mut piece = PairBuffer::new();
        let value = vec![7; 300 << 10];
        for key in 0u8..10 {
            piece.push(&[key], &value).unwrap();
        }
        let (mut at, mut sizes) = (0, Vec::new());
        while let Some((batch, next)) = batch(&piece, at, 5) {
            assert_eq!(batch.commit_ts, 5);
            sizes.push(batch.mutations.len());
            at = next;
        }
        assert_eq!(sizes, [4, 4, 2]);
        assert!(batch(&PairBuffer::new(), 0, 1).is_none());
    }
}
