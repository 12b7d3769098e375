//! Getting sorted pairs into TiKV.
//!
//! ```text
//! pairs ─▶ region of the first key ─▶ cut at its border ─▶ write to every peer ─▶ ingest at the leader
//!            ▲                                                   │ refused          │ refused
//!            └──────────── look up anew, back off ◀──────────────┴──────────────────┘
//! ```
//! Two rules keep TiKV alive. Files are only ingested when *every* peer of exactly the region's epoch
//! acknowledged its file, because a peer without it crashes when it applies the command; and files carry
//! exactly that epoch, so that a command that comes after a split or a member change is refused instead.
//!
//! All attempts of a piece use the same commit timestamp: pairs that were ingested although we heard
//! otherwise are written once more with the same outcome.

mod files;

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use th_env::Env;

use crate::region::RegionCache;
use crate::tikv::BuiltSst;
use crate::{ClusterError, Diagnosis, ErrorKind, NextStep, Pairs, Pd, RegionInfo, Tikv, keys};

const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_CAP: Duration = Duration::from_secs(30);

/// Builds SST files from pairs, for [`IngestMode::Upload`]; kept out of this crate because it takes RocksDB.
pub trait SstBuilder: Send + Sync {
    /// One file for each column family that gets an entry, all pairs committed at `commit_ts`.
    fn build(&self, pairs: Pairs<'_>, commit_ts: u64) -> Result<Vec<BuiltSst>, ClusterError>;
}

/// Who makes the files.
#[derive(Clone)]
pub enum IngestMode {
    /// Every peer makes its own from the pairs it is sent.
    Write,
    /// We do; every peer gets the finished files.
    Upload(Arc<dyn SstBuilder>),
    /// Every peer makes its own, in which the keys are deleted; their values must be empty.
    Delete,
}

/// Limits of an ingest.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    /// Time after which a call of [`Ingester::ingest_range`] gives up.
    pub deadline: Duration,
    /// Tries of one piece of one region.
    pub attempts: u32,
    /// Most bytes of keys and values in one file; more become several files.
    pub max_file_bytes: usize,
    /// Whether stores are asked, before a file is made, if they would ingest it: for stores that are not in import
    /// mode, and push back when their compaction falls behind.
    pub ask_first: bool,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self { deadline: Duration::from_mins(30), attempts: 30, max_file_bytes: 384 << 20, ask_first: false }
    }
}

/// What an ingest did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IngestStats {
    /// Pairs ingested.
    pub pairs: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Successful ingests: (region, piece) pairs.
    pub regions: u64,
    /// Writes or uploads begun, successful or not.
    pub writes: u64,
    /// Refusals met and overcome, by name.
    pub refusals: BTreeMap<&'static str, u64>,
    /// Time spent waiting because of them, in microseconds.
    pub waited_micros: u64,
}

impl IngestStats {
    /// Adds another ingest's figures.
    pub fn add(&mut self, other: &Self) {
        self.pairs += other.pairs;
        self.bytes += other.bytes;
        self.regions += other.regions;
        self.writes += other.writes;
        self.waited_micros += other.waited_micros;
        for (name, count) in &other.refusals {
            *self.refusals.entry(name).or_default() += count;
        }
    }
}

/// Ingests pairs. Shared by all tasks of a worker, whose knowledge of regions it keeps.
#[derive(Clone)]
pub struct Ingester {
    env: Env,
    pd: Pd,
    tikv: Tikv,
    mode: IngestMode,
    options: IngestOptions,
    regions: Arc<RegionCache>,
}

/// Indices of pairs still to be sent, and how often they were.
struct Piece {
    pairs: Range<usize>,
    attempt: u32,
}

/// State of one [`Ingester::ingest_range`].
struct Run {
    stats: IngestStats,
    deadline_micros: i64,
}

impl Ingester {
    pub(crate) fn new(env: Env, pd: Pd, tikv: Tikv, mode: IngestMode, options: IngestOptions) -> Self {
        Self { env, pd, tikv, mode, options, regions: Arc::new(RegionCache::default()) }
    }

    /// Looks up the regions of a range of user keys in one go, so that pieces need not each ask.
    pub async fn warm(&self, start: &[u8], end: &[u8]) -> Result<usize, ClusterError> {
        let regions = self.pd.scan_regions(start, end).await?;
        let count = regions.len();
        for region in regions {
            self.regions.insert(region);
        }
        Ok(count)
    }

    /// Ingests `pairs` under `commit_ts`; `Ok` means that all of them are in TiKV.
    ///
    /// Pieces of one call go one after the other; run several calls at once, on disjoint ranges, for
    /// throughput. After an error some of the pairs may be in TiKV: call again with the same timestamp.
    pub async fn ingest_range(&self, pairs: Pairs<'_>, commit_ts: u64) -> Result<IngestStats, ClusterError> {
        if commit_ts == 0 {
            return Err(ClusterError::invalid("a commit timestamp of zero is refused by tikv"));
        }
        let deadline = i64::try_from(self.options.deadline.as_micros()).unwrap_or(i64::MAX);
        let deadline_micros = self.env.now_micros().saturating_add(deadline);
        let mut run = Run { stats: IngestStats::default(), deadline_micros };
        let mut waiting = VecDeque::from([Piece { pairs: 0..pairs.len(), attempt: 0 }]);
        while let Some(piece) = waiting.pop_front() {
            let part = pairs.sub(piece.pairs.clone());
            let (Some(first), Some(last)) = (part.first_key(), part.last_key()) else { continue };
            let (region, result, sent) = match self.region_of(first, last).await {
                Err(refusal) => (None, Err(refusal), part.len()),
                Ok(region) => {
                    let fits = part.prefix_within(self.options.max_file_bytes);
                    let sent = region.leading_pairs(part).min(fits).max(1);
                    let result = self.send(&region, part.sub(0..sent), commit_ts, &mut run).await;
                    (Some(region), result, sent)
                }
            };
            let border = piece.pairs.start + sent;
            if border < piece.pairs.end {
                waiting.push_front(Piece { pairs: border..piece.pairs.end, attempt: 0 });
            }
            match result {
                Ok(()) => {
                    let done = part.sub(0..sent);
                    run.stats.pairs += done.len() as u64;
                    run.stats.bytes += done.bytes() as u64;
                    run.stats.regions += 1;
                }
                Err(refusal) => {
                    self.react(region.as_deref(), refusal, piece.attempt, &mut run).await?;
                    waiting
                        .push_front(Piece { pairs: piece.pairs.start..border, attempt: piece.attempt + 1 });
                }
            }
        }
        Ok(run.stats)
    }

    /// The region of `first`, from the cache or, with all others up to `last`, from PD.
    async fn region_of(&self, first: &[u8], last: &[u8]) -> Result<Arc<RegionInfo>, Diagnosis> {
        let encoded = keys::encode(first);
        if let Some(region) = self.regions.find(&encoded) {
            return Ok(region);
        }
        let mut wanted = None;
        for region in self.pd.scan_regions(first, &keys::next(last)).await? {
            if region.leader.is_none() {
                if region.contains(&encoded) {
                    let message = format!("region {} has no leader", region.id());
                    return Err(ClusterError::new(ErrorKind::Unreachable, "pd", message).into());
                }
                // Not worth remembering: by the time it is needed it may have one.
                continue;
            }
            let region = self.regions.insert(region);
            if region.contains(&encoded) {
                wanted = Some(region);
            }
        }
        wanted.ok_or_else(|| {
            let message = format!("no region holds the key {}", keys::hex(first));
            ClusterError::new(ErrorKind::NotFound, "pd", message).into()
        })
    }

    /// Does what the refusal calls for, so that the piece may be sent again; or gives up.
    async fn react(
        &self,
        region: Option<&RegionInfo>,
        refusal: Diagnosis,
        attempt: u32,
        run: &mut Run,
    ) -> Result<(), ClusterError> {
        *run.stats.refusals.entry(refusal.name).or_default() += 1;
        tracing::warn!(
            error = refusal.name,
            region = region.map_or(0, RegionInfo::id),
            endpoint = refusal.endpoint,
            message = refusal.message,
            attempt,
            "a piece is sent again"
        );
        if matches!(refusal.step, NextStep::GiveUp(_)) || attempt + 1 >= self.options.attempts {
            return Err(refusal.into_error());
        }
        let mut wait = self.env.backoff(attempt, BACKOFF, BACKOFF_CAP);
        if let Some(region) = region {
            match &refusal.step {
                NextStep::Rewrite | NextStep::GiveUp(_) => {}
                NextStep::TakeRegions(current) => {
                    self.regions.forget(region);
                    // The store knows better than PD, at first; when that does not help, ask PD.
                    if attempt < 3 && self.take(region, current) {
                        wait = wait.min(BACKOFF / 4);
                    }
                }
                NextStep::ForgetStores => {
                    self.regions.forget(region);
                    self.tikv.forget_stores();
                }
                NextStep::Again(_) | NextStep::Rescan | NextStep::OtherLeader(_) => {
                    self.regions.forget(region);
                }
            }
        }
        if let NextStep::Again(asked) = refusal.step {
            wait = wait.max(asked);
        }
        self.wait(wait, &refusal, run).await
    }

    /// Takes the regions a store described, where their leader can be guessed: the store that answered as
    /// leader leads most likely what the region has become.
    fn take(&self, old: &RegionInfo, current: &[th_proto::metapb::Region]) -> bool {
        let mut taken = false;
        for region in current {
            let info = RegionInfo::new(region.clone(), None);
            if region.id == old.id() && info.epoch() == old.epoch() {
                continue;
            }
            let leader = old.leader.and_then(|leader| info.peer_on(leader.store_id).copied());
            if let Some(leader) = leader {
                self.regions.insert(RegionInfo { leader: Some(leader), ..info });
                taken = true;
            }
        }
        taken
    }

    /// Waits, unless the deadline would pass meanwhile.
    async fn wait(&self, wait: Duration, refusal: &Diagnosis, run: &mut Run) -> Result<(), ClusterError> {
        let micros = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        if self.env.now_micros().saturating_add(micros) > run.deadline_micros {
            let kind = match refusal.clone().into_error().kind() {
                ErrorKind::Busy => ErrorKind::Busy,
                _ => ErrorKind::Timeout,
            };
            let message = format!(
                "not ingested within {:?}; the last refusal was {}: {}",
                self.options.deadline, refusal.name, refusal.message
            );
            return Err(ClusterError::new(kind, refusal.endpoint.clone(), message));
        }
        run.stats.waited_micros = run.stats.waited_micros.saturating_add(micros as u64);
        self.env.sleep(wait, refusal.name).await;
        Ok(())
    }
}
