//! `ImportKV`, request by request.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use th_cluster::{Cluster, ImportMode, switch_all};
use th_config::Config;
use th_env::Env;
use th_ingest::{Delivery, Watch};
use th_proto::import_kvpb::import_kv_server::ImportKv;
use th_proto::import_kvpb::{self as kv, write_engine_request::Chunk};
use th_proto::import_sstpb::SwitchMode;
use tokio::sync::{Mutex, Semaphore};
use tonic::{Request, Response, Status, Streaming};

use crate::engines::{Engines, Twice};
use crate::error::{Error, engine_of};

/// Engines that are imported at once; further ones wait.
const IMPORTS: usize = 2;
/// Pieces of one import are this part of the memory for sorting, and bounded.
const PIECE_PART: u64 = 16;
const SMALLEST_PIECE: u64 = 1 << 20;
const LARGEST_PIECE: u64 = 96 << 20;
/// Deadline of a compaction of one store.
const COMPACT: Duration = Duration::from_hours(1);

/// A cluster, and the way of engines into it.
#[derive(Clone)]
struct Target {
    cluster: Arc<Cluster>,
    delivery: Delivery,
}

/// The service.
pub(crate) struct Service {
    engines: Engines,
    config: Config,
    folder: PathBuf,
    default_pd: String,
    piece_bytes: u64,
    env: Env,
    /// By PD endpoints, as requests name them.
    targets: Mutex<HashMap<String, Target>>,
    imports: Semaphore,
}

/// Nobody watches an engine's import but its client.
struct Unwatched;

impl Watch for Unwatched {}

impl Service {
    pub(crate) fn new(
        engines: Engines,
        config: Config,
        folder: PathBuf,
        default_pd: String,
        memory: u64,
        env: &Env,
    ) -> Self {
        Self {
            engines,
            config,
            folder,
            default_pd,
            piece_bytes: (memory / PIECE_PART).clamp(SMALLEST_PIECE, LARGEST_PIECE),
            env: env.clone(),
            targets: Mutex::default(),
            imports: Semaphore::new(IMPORTS),
        }
    }

    /// The cluster of a request.
    async fn target(&self, pd: &str) -> Result<Target, Error> {
        let pd = if pd.is_empty() { self.default_pd.as_str() } else { pd };
        let endpoints: Vec<String> =
            pd.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect();
        if endpoints.is_empty() {
            return Err(Error::Import("the request names no PD, and neither does --pd-urls".to_owned()));
        }
        let mut targets = self.targets.lock().await;
        if let Some(target) = targets.get(pd) {
            return Ok(target.clone());
        }
        let connect = async {
            let cluster = Arc::new(th_connect::cluster(&self.config, &endpoints, false, &self.env).await?);
            let delivery = Delivery::to_cluster(
                &self.config,
                Arc::clone(&cluster),
                &self.folder,
                "importer",
                self.piece_bytes,
                &self.env,
            );
            Ok(Target { delivery: delivery.await?, cluster })
        };
        let target: Target = connect.await.map_err(|fault: th_errors::Fault| Error::Import(fault.message))?;
        targets.insert(pd.to_owned(), target.clone());
        Ok(target)
    }

    /// Does what takes disk or processor time with the engines.
    async fn engines<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Engines) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let engines = self.engines.clone();
        blocking(move || act(&engines)).await
    }

    /// Writes what a stream brings; `named` becomes the engine's name.
    async fn write_stream(
        &self,
        mut stream: Streaming<kv::WriteEngineRequest>,
        named: &mut Vec<u8>,
    ) -> Result<(), Status> {
        let uuid = match stream.message().await?.and_then(|request| request.chunk) {
            Some(Chunk::Head(head)) => {
                named.clone_from(&head.uuid);
                engine_of(&head.uuid)?
            }
            _ => return Err(Error::InvalidChunk("a stream begins with the engine's uuid".to_owned()).into()),
        };
        let mut writer = self.engines(move |engines| engines.bind(uuid)).await?;
        while let Some(request) = stream.message().await? {
            let Some(Chunk::Batch(batch)) = request.chunk else {
                return Err(Error::InvalidChunk("only batches follow the engine's uuid".to_owned()).into());
            };
            writer = blocking(move || {
                let pairs = batch.mutations.iter().map(|pair| (&*pair.key, &*pair.value));
                writer.write(batch.commit_ts, pairs).map(|()| writer)
            })
            .await?;
        }
        Ok(())
    }

    async fn write_batch(&self, request: kv::WriteEngineV3Request) -> Result<(), Error> {
        let uuid = engine_of(&request.uuid)?;
        self.engines(move |engines| {
            let pairs = request.pairs.iter().map(|pair| (&*pair.key, &*pair.value));
            engines.bind(uuid)?.write(request.commit_ts, pairs)
        })
        .await
    }

    async fn import(&self, request: kv::ImportEngineRequest) -> Result<(), Error> {
        let uuid = engine_of(&request.uuid)?;
        // Whoever is not in order is told so before it waits.
        let importing = self.engines(move |engines| engines.begin_import(uuid)).await?;
        let target = self.target(&request.pd_addr).await?;
        let _turn = self.imports.acquire().await.map_err(|error| Error::Import(error.to_string()))?;
        tracing::info!(engine = %uuid, bytes = importing.sorted.pair_bytes(), "importing");
        let (delivered, twice) = target
            .delivery
            .run(importing.sorted.clone(), importing.commit_ts, Twice::default(), Arc::new(Unwatched))
            .await
            .map_err(|fault| Error::Import(fault.message))?;
        twice.check(uuid)?;
        tracing::info!(engine = %uuid, pieces = delivered.pieces, retries = delivered.retries, "imported");
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(act)
        .await
        .unwrap_or_else(|error| Err(Error::Import(format!("a task ended unexpectedly: {error}"))))
}

/// An engine that is not there is part of the answer; any other error is the call's.
fn answered(result: Result<(), Status>, uuid: &[u8]) -> Result<Option<kv::Error>, Status> {
    match result {
        Ok(()) => Ok(None),
        Err(status) if status.message().starts_with("EngineNotFound") => {
            let engine_not_found = Some(kv::error::EngineNotFound { uuid: uuid.to_vec() });
            Ok(Some(kv::Error { engine_not_found }))
        }
        Err(status) => Err(status),
    }
}

#[tonic::async_trait]
impl ImportKv for Service {
    async fn switch_mode(
        &self,
        request: Request<kv::SwitchModeRequest>,
    ) -> Result<Response<kv::SwitchModeResponse>, Status> {
        let request = request.into_inner();
        let cluster = self.target(&request.pd_addr).await?.cluster;
        let wanted = request.request.unwrap_or_default();
        let mode = match wanted.mode() {
            SwitchMode::Normal => ImportMode::Normal,
            SwitchMode::Import => ImportMode::Import,
        };
        switch_all(&cluster.pd, &cluster.tikv, mode, &[])
            .await
            .map_err(|error| Error::Import(error.to_string()))?;
        Ok(Response::new(kv::SwitchModeResponse {}))
    }

    async fn open_engine(
        &self,
        request: Request<kv::OpenEngineRequest>,
    ) -> Result<Response<kv::OpenEngineResponse>, Status> {
        let request = request.into_inner();
        let uuid = engine_of(&request.uuid)?;
        self.engines(move |engines| engines.open(uuid, request.key_prefix)).await?;
        Ok(Response::new(kv::OpenEngineResponse {}))
    }

    async fn write_engine(
        &self,
        request: Request<Streaming<kv::WriteEngineRequest>>,
    ) -> Result<Response<kv::WriteEngineResponse>, Status> {
        let mut uuid = Vec::new();
        let written = self.write_stream(request.into_inner(), &mut uuid).await;
        Ok(Response::new(kv::WriteEngineResponse { error: answered(written, &uuid)? }))
    }

    async fn write_engine_v3(
        &self,
        request: Request<kv::WriteEngineV3Request>,
    ) -> Result<Response<kv::WriteEngineResponse>, Status> {
        let request = request.into_inner();
        let uuid = request.uuid.clone();
        let written = self.write_batch(request).await.map_err(Status::from);
        Ok(Response::new(kv::WriteEngineResponse { error: answered(written, &uuid)? }))
    }

    async fn close_engine(
        &self,
        request: Request<kv::CloseEngineRequest>,
    ) -> Result<Response<kv::CloseEngineResponse>, Status> {
        let request = request.into_inner();
        let uuid = engine_of(&request.uuid)?;
        let closed = self.engines(move |engines| engines.close(uuid)).await.map_err(Status::from);
        Ok(Response::new(kv::CloseEngineResponse { error: answered(closed, &request.uuid)? }))
    }

    async fn import_engine(
        &self,
        request: Request<kv::ImportEngineRequest>,
    ) -> Result<Response<kv::ImportEngineResponse>, Status> {
        self.import(request.into_inner()).await?;
        Ok(Response::new(kv::ImportEngineResponse {}))
    }

    async fn cleanup_engine(
        &self,
        request: Request<kv::CleanupEngineRequest>,
    ) -> Result<Response<kv::CleanupEngineResponse>, Status> {
        let uuid = engine_of(&request.into_inner().uuid)?;
        self.engines(move |engines| engines.clean_up(uuid)).await?;
        Ok(Response::new(kv::CleanupEngineResponse {}))
    }

    async fn compact_cluster(
        &self,
        request: Request<kv::CompactClusterRequest>,
    ) -> Result<Response<kv::CompactClusterResponse>, Status> {
        let request = request.into_inner();
        let cluster = self.target(&request.pd_addr).await?.cluster;
        let wanted = request.request.unwrap_or_default();
        let range = wanted.range.unwrap_or_default();
        let failed = |error: th_cluster::ClusterError| Error::Import(error.to_string());
        let stores = cluster.pd.stores().await.map_err(failed)?;
        let compacting = stores
            .iter()
            .filter(|store| store.is_up && !store.is_tiflash)
            .map(|store| cluster.tikv.compact(store, &range.start, &range.end, wanted.output_level, COMPACT));
        for compacted in futures::future::join_all(compacting).await {
            compacted.map_err(failed)?;
        }
        Ok(Response::new(kv::CompactClusterResponse {}))
    }

    async fn get_version(
        &self,
        _: Request<kv::GetVersionRequest>,
    ) -> Result<Response<kv::GetVersionResponse>, Status> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Response::new(kv::GetVersionResponse { version, commit: "thunderhead".to_owned() }))
    }

    async fn get_metrics(
        &self,
        _: Request<kv::GetMetricsRequest>,
    ) -> Result<Response<kv::GetMetricsResponse>, Status> {
        let [open, closed, importing, streams] = self.engines(|engines| Ok(engines.count())).await?;
        let prometheus = format!(
            "# TYPE thunderhead_importer_engines gauge\n\
             thunderhead_importer_engines{{state=\"open\"}} {open}\n\
             thunderhead_importer_engines{{state=\"closed\"}} {closed}\n\
             thunderhead_importer_engines{{state=\"importing\"}} {importing}\n\
             # TYPE thunderhead_importer_streams gauge\n\
             thunderhead_importer_streams {streams}\n"
        );
        Ok(Response::new(kv::GetMetricsResponse { prometheus }))
    }
}
