//! Sorted pairs into a cluster: split where needed, merge once, hand over piece by piece.
//!
//! ```text
//! Sorted ─▶ split keys ─▶ thread: merge ─▶ pieces ─┬─▶ Ingester ─▶ TiKV
//!                                                  └─▶ an importer's engine (`ImportKV`) ─▶ TiKV
//! ```
//! The merge runs on a thread of its own and hands over pieces through a channel of one, so at most
//! `PIECES_IN_FLIGHT + 2` pieces are in memory. A worker delivers its jobs with it, and an importer its engines: there
//! is one path to TiKV.

mod merge;
mod remote;
mod upload;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use th_cluster::{Cluster, IngestMode, IngestOptions, IngestStats, Ingester, PairBuffer, SplitOptions, keys};
use th_config::{Config, Ingest};
use th_connect::fault;
use th_env::{Env, Step};
use th_errors::{Code, Fault};
use th_sorter::{Duplicate, Extent, Sorted};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use remote::Engine;
pub use remote::Importer;
use upload::UploadBuilder;

/// Pieces on their way at once.
const PIECES_IN_FLIGHT: usize = 2;
/// Pairs are split when they are more than this many regions' worth.
const SPLIT_FROM: f64 = 1.25;
/// No region smaller than this is asked for.
const SMALLEST_REGION: Extent = Extent { bytes: 1 << 20, pairs: 100 };

/// Sees the pairs that are left out because an earlier one has their key.
pub trait Duplicates: Send + 'static {
    /// Called on the merging thread, in key order.
    fn add(&mut self, found: &Duplicate<'_>);
}

/// Watches a delivery, and may end it.
pub trait Watch: Send + Sync + 'static {
    /// Regions are being split.
    fn splitting(&self) {}
    /// Pieces are being handed over.
    fn ingesting(&self) {}
    /// Somebody else is still at it.
    fn waiting(&self) {}
    /// A piece is there.
    fn ingested(&self, _stats: &IngestStats) {}
    /// Whether to give up, with [`Code::Interrupted`].
    fn is_stopped(&self) -> bool {
        false
    }
}

/// What a delivery came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivered {
    /// Pieces handed over.
    pub pieces: u64,
    /// Requests to TiKV that were repeated.
    pub retries: u64,
}

/// Where pairs go.
#[derive(Clone)]
enum Way {
    /// Into TiKV, by ourselves.
    Cluster {
        cluster: Arc<Cluster>,
        /// Shared by all deliveries: it knows the regions met so far.
        ingester: Ingester,
        /// Bytes or number of pairs that make a region.
        region: Extent,
        /// Names what is scattered together.
        group: String,
    },
    /// To an importer, which sees to the rest.
    Importer(Importer),
}

/// A way for sorted pairs into one cluster. Cheap to clone.
#[derive(Clone)]
pub struct Delivery {
    way: Way,
    env: Env,
    /// Bytes of pairs in one piece.
    piece_bytes: usize,
}

impl Delivery {
    /// Into a cluster. `folder` is for files that are built here, `group` names what is scattered together.
    pub async fn to_cluster(
        config: &Config,
        cluster: Arc<Cluster>,
        folder: &Path,
        group: &str,
        piece_bytes: u64,
        env: &Env,
    ) -> Result<Self, Fault> {
        let mode = match config.thunderhead.ingest {
            Ingest::Write => IngestMode::Write,
            Ingest::Upload => IngestMode::Upload(Arc::new(UploadBuilder {
                dir: folder.to_owned(),
                builds: AtomicU64::new(0),
            })),
        };
        let importer = &config.tikv_importer;
        let mut region = Extent { bytes: importer.region_split_size.0, pairs: importer.region_split_keys };
        if region.bytes == 0 || region.pairs == 0 {
            let stores = cluster.smallest_region_config().await.map_err(|error| fault::of_cluster(&error))?;
            let or = |configured, stores| if configured == 0 { stores } else { configured };
            region.bytes = or(region.bytes, stores.region_split_size);
            region.pairs = or(region.pairs, stores.region_split_keys);
        }
        region.bytes = region.bytes.max(SMALLEST_REGION.bytes);
        region.pairs = region.pairs.max(SMALLEST_REGION.pairs);
        // Stores in import mode take whatever comes.
        let ask_first = config.cron.switch_mode.0.is_zero();
        let ingester = cluster.ingester(mode, IngestOptions { ask_first, ..IngestOptions::default() });
        let way = Way::Cluster { cluster, ingester, region, group: group.to_owned() };
        Ok(Self::new(way, piece_bytes, env))
    }

    /// Into the same cluster by way of an importer.
    pub fn to_importer(importer: Importer, piece_bytes: u64, env: &Env) -> Self {
        Self::new(Way::Importer(importer), piece_bytes, env)
    }

    fn new(way: Way, piece_bytes: u64, env: &Env) -> Self {
        Self { way, env: env.clone(), piece_bytes: usize::try_from(piece_bytes).unwrap_or(usize::MAX) }
    }

    /// Delivers everything under `commit_ts`. Of pairs with equal keys the one with the smallest tag goes. After an
    /// error some pairs may be there: deliver again with the same timestamp.
    pub async fn run<D: Duplicates>(
        &self,
        sorted: Sorted,
        commit_ts: u64,
        duplicates: D,
        watch: Arc<dyn Watch>,
    ) -> Result<(Delivered, D), Fault> {
        match &self.way {
            Way::Cluster { cluster, ingester, region, group } => {
                let all = sorted.extent();
                let more_than = |have: u64, piece: u64| have as f64 > piece as f64 * SPLIT_FROM;
                if more_than(all.bytes, region.bytes) || more_than(all.pairs, region.pairs) {
                    watch.splitting();
                    let keys = Sorted::split_keys(std::slice::from_ref(&sorted), *region);
                    split(cluster, &keys, group).await?;
                    Step::RegionsSplit.reached();
                }
                let ingest = |piece: PairBuffer| {
                    let ingester = ingester.clone();
                    async move {
                        let ingested = ingester.ingest_range(piece.pairs(), commit_ts).await;
                        ingested.map_err(|error| fault::of_ingest(&error))
                    }
                };
                self.pieces(sorted, duplicates, &watch, ingest).await
            }
            Way::Importer(importer) => {
                let engine = Engine::open(importer, &self.env, commit_ts, &*watch).await?;
                let write = |piece: PairBuffer| engine.clone().write(piece);
                let delivered = async {
                    let delivered = self.pieces(sorted, duplicates, &watch, write).await?;
                    engine.import(&self.env, &*watch).await?;
                    Ok(delivered)
                };
                let delivered = delivered.await;
                engine.clean_up().await;
                delivered
            }
        }
    }

    /// Merges, and hands each piece to `deliver`.
    async fn pieces<D: Duplicates, F>(
        &self,
        sorted: Sorted,
        duplicates: D,
        watch: &Arc<dyn Watch>,
        deliver: impl Fn(PairBuffer) -> F,
    ) -> Result<(Delivered, D), Fault>
    where
        F: Future<Output = Result<IngestStats, Fault>> + Send + 'static,
    {
        watch.ingesting();
        let (sender, mut receiver) = mpsc::channel(1);
        let piece_bytes = self.piece_bytes;
        let merging =
            tokio::task::spawn_blocking(move || merge::pieces(sorted, piece_bytes, duplicates, &sender));
        let mut delivered = Delivered::default();
        let mut running: JoinSet<Result<u64, Fault>> = JoinSet::new();
        let mut failure = None;
        while let Some(piece) = receiver.recv().await {
            if watch.is_stopped() {
                failure = Some(stopped());
            }
            while failure.is_none() && running.len() >= PIECES_IN_FLIGHT {
                match joined(running.join_next().await) {
                    Ok(retries) => delivered.retries += retries,
                    Err(found) => failure = Some(found),
                }
            }
            if failure.is_some() {
                break;
            }
            delivered.pieces += 1;
            let (delivering, watch) = (deliver(piece), Arc::clone(watch));
            let one = async move {
                let stats = delivering.await?;
                watch.ingested(&stats);
                Step::PieceIngested.reached();
                Ok(stats.refusals.values().sum())
            };
            running.spawn(one.in_current_span());
        }
        drop(receiver);
        while let Some(done) = running.join_next().await {
            match joined(Some(done)) {
                Ok(retries) => delivered.retries += retries,
                Err(found) => failure = failure.or(Some(found)),
            }
        }
        let merged = merging
            .await
            .map_err(|error| Fault::new(Code::Internal, format!("merging ended unexpectedly: {error}")))?;
        if let Some(found) = failure {
            return Err(found);
        }
        Ok((delivered, merged?))
    }
}

fn stopped() -> Fault {
    Fault::new(Code::Interrupted, "told to stop")
}

fn joined(done: Option<Result<Result<u64, Fault>, tokio::task::JoinError>>) -> Result<u64, Fault> {
    match done {
        Some(Ok(result)) => result,
        Some(Err(error)) => Err(Fault::new(Code::Internal, format!("ingesting ended unexpectedly: {error}"))),
        None => Ok(0),
    }
}

/// Makes regions end at these keys, and spreads the new ones.
async fn split(cluster: &Cluster, split_keys: &[Vec<u8>], group: &str) -> Result<(), Fault> {
    let (Some(first), Some(last)) = (split_keys.first(), split_keys.last()) else { return Ok(()) };
    let splitter = cluster.splitter(SplitOptions::default());
    let ingest_fault = |error: th_cluster::ClusterError| fault::of_ingest(&error);
    let split = splitter.split(split_keys).await.map_err(ingest_fault)?;
    // The last key is the border of a region, too.
    let end = keys::next(last);
    let scattered = splitter.scatter(first, &end, group).await.map_err(ingest_fault)?;
    tracing::info!(
        keys = split.keys,
        existed = split.existed,
        regions = scattered.regions,
        unfinished = scattered.unfinished,
        imbalance = scattered.imbalance,
        skipped = scattered.skipped,
        "split and scattered"
    );
    Ok(())
}
