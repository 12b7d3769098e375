//! Splitting the key space before the first byte arrives, and spreading the new regions.
//!
//! Empty regions split and move almost for free, full ones do not; so all borders are made first. Keys
//! are split coarse to fine: a few keys cut the range into parts, the parts are then cut at the same
//! time, and so on. A new table, which is a single region, thus is not split by one request after another.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, FuturesUnordered};
use th_env::Env;
use th_proto::metapb;

use crate::pd::OperatorState;
use crate::region::RegionCache;
use crate::{ClusterError, Diagnosis, ErrorKind, NextStep, Pd, RegionInfo, Tikv, keys};

/// Keys into which one part is cut at each level.
const FAN_OUT: usize = 16;
/// Regions of one scatter request.
const SCATTER_BATCH: usize = 128;
/// Leaders on the fullest store, over the mean, from which it is worth a word.
const UNEVEN: f64 = 1.2;
const BACKOFF: Duration = Duration::from_millis(50);
const BACKOFF_CAP: Duration = Duration::from_secs(4);

/// Limits of splitting and scattering.
#[derive(Debug, Clone)]
pub struct SplitOptions {
    /// Split requests at a time.
    pub concurrency: usize,
    /// Tries of one request.
    pub attempts: u32,
    /// How long to wait for scattered regions to arrive; longer is not an error, only reported.
    pub scatter_wait: Duration,
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self { concurrency: 16, attempts: 20, scatter_wait: Duration::from_mins(5) }
    }
}

/// What splitting did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SplitReport {
    /// Keys asked for.
    pub keys: usize,
    /// Of these, borders that existed already.
    pub existed: usize,
    /// Requests sent, refused ones included.
    pub requests: usize,
}

/// What scattering did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScatterReport {
    /// Regions in the range.
    pub regions: usize,
    /// Why nothing was scattered, if nothing was.
    pub skipped: Option<&'static str>,
    /// Regions PD would not scatter.
    pub refused: usize,
    /// Regions still under way when we stopped waiting.
    pub unfinished: usize,
    /// Leaders by store id, stores without any included.
    pub leaders: BTreeMap<u64, usize>,
    /// Leaders on the fullest store divided by the mean; 1.0 is even.
    pub imbalance: f64,
    /// Peers by store id, stores without any included.
    pub peers: BTreeMap<u64, usize>,
    /// Peers on the fullest store divided by the mean.
    pub peer_imbalance: f64,
}

/// Splits and scatters.
#[derive(Clone)]
pub struct Splitter {
    env: Env,
    pd: Pd,
    tikv: Tikv,
    options: SplitOptions,
}

impl Splitter {
    pub(crate) fn new(env: Env, pd: Pd, tikv: Tikv, options: SplitOptions) -> Self {
        Self { env, pd, tikv, options }
    }

    /// Makes a region border at each of `user_keys` (ascending, distinct).
    pub async fn split(&self, user_keys: &[Vec<u8>]) -> Result<SplitReport, ClusterError> {
        if user_keys.windows(2).any(|pair| matches!(pair, [left, right] if left >= right)) {
            return Err(ClusterError::invalid("split keys do not ascend"));
        }
        let mut report = SplitReport { keys: user_keys.len(), ..Default::default() };
        let (Some(first), Some(last)) = (user_keys.first(), user_keys.last()) else { return Ok(report) };
        let regions = RegionCache::default();
        for region in self.pd.scan_regions(first, &keys::next(last)).await? {
            regions.insert(region);
        }
        for level in levels(user_keys.len()) {
            let level_keys = level.into_iter().filter_map(|index| user_keys.get(index).cloned()).collect();
            self.split_level(level_keys, &regions, &mut report).await?;
        }
        tracing::info!(keys = report.keys, existed = report.existed, requests = report.requests, "split");
        Ok(report)
    }

    async fn split_level(
        &self,
        keys_of_level: Vec<Vec<u8>>,
        regions: &RegionCache,
        report: &mut SplitReport,
    ) -> Result<(), ClusterError> {
        let mut waiting = vec![(keys_of_level, 0)];
        let mut running = FuturesUnordered::new();
        let mut groups: Vec<(RegionInfo, Vec<Vec<u8>>, u32)> = Vec::new();
        loop {
            for (split_keys, attempt) in waiting.drain(..) {
                groups.extend(self.group(split_keys, attempt, regions, report).await?);
            }
            while running.len() < self.options.concurrency.max(1)
                && let Some((region, split_keys, attempt)) = groups.pop()
            {
                report.requests += 1;
                running.push(async move {
                    let result = self.tikv.split_region(&region, split_keys.clone()).await;
                    (region, split_keys, attempt, result)
                });
            }
            let Some((region, split_keys, attempt, result)) = running.next().await else { return Ok(()) };
            match result {
                Ok(parts) => learn(regions, &region, &parts),
                Err(refusal) => {
                    self.react(regions, &region, refusal, attempt).await?;
                    waiting.push((split_keys, attempt + 1));
                }
            }
        }
    }

    /// Keys by the region they fall into; those that are borders already are done.
    async fn group(
        &self,
        split_keys: Vec<Vec<u8>>,
        attempt: u32,
        regions: &RegionCache,
        report: &mut SplitReport,
    ) -> Result<Vec<(RegionInfo, Vec<Vec<u8>>, u32)>, ClusterError> {
        let mut groups: HashMap<u64, (RegionInfo, Vec<Vec<u8>>, u32)> = HashMap::new();
        for key in split_keys {
            let encoded = keys::encode(&key);
            let region = match regions.find(&encoded) {
                Some(region) => region,
                None => regions.insert(self.pd.region_of_encoded(&encoded).await?),
            };
            if region.region.start_key == encoded {
                // After a refusal it may be our own doing.
                report.existed += usize::from(attempt == 0);
                continue;
            }
            let entry = || (RegionInfo::clone(&region), Vec::new(), attempt);
            groups.entry(region.id()).or_insert_with(entry).1.push(key);
        }
        Ok(groups.into_values().collect())
    }

    async fn react(
        &self,
        regions: &RegionCache,
        region: &RegionInfo,
        refusal: Diagnosis,
        attempt: u32,
    ) -> Result<(), ClusterError> {
        tracing::warn!(
            error = refusal.name,
            region = region.id(),
            endpoint = refusal.endpoint,
            message = refusal.message,
            attempt,
            "a split is asked for again"
        );
        if matches!(refusal.step, NextStep::GiveUp(_)) || attempt + 1 >= self.options.attempts {
            return Err(refusal.into_error());
        }
        let mut wait = self.env.backoff(attempt, BACKOFF, BACKOFF_CAP);
        match &refusal.step {
            NextStep::OtherLeader(Some(peer)) => {
                regions.insert(RegionInfo { leader: Some(*peer), ..region.clone() });
            }
            NextStep::TakeRegions(current) if attempt < 3 => {
                regions.forget(region);
                learn(regions, region, current);
            }
            NextStep::Again(asked) => wait = wait.max(*asked),
            NextStep::ForgetStores => {
                self.tikv.forget_stores();
                regions.forget(region);
            }
            _ => regions.forget(region),
        }
        self.env.sleep(wait, refusal.name).await;
        Ok(())
    }

    /// Spreads the regions of the user keys `[start, end)` over the stores, evenly within `group`.
    /// Incomplete scattering is reported, not an error: the import goes on, only less evenly.
    pub async fn scatter(
        &self,
        start: &[u8],
        end: &[u8],
        group: &str,
    ) -> Result<ScatterReport, ClusterError> {
        let stores: Vec<u64> = self
            .pd
            .stores()
            .await?
            .into_iter()
            .filter(|store| store.is_up && !store.is_tiflash)
            .map(|store| store.id)
            .collect();
        let regions = self.pd.scan_regions(start, end).await?;
        let mut report = ScatterReport { regions: regions.len(), ..Default::default() };
        if stores.len() <= 1 {
            report.skipped = Some("the cluster has one store");
        } else if (stores.len() as u64) < self.pd.max_replicas().await? {
            report.skipped = Some("the cluster has fewer stores than replicas");
        } else {
            let ids: Vec<u64> = regions.iter().map(RegionInfo::id).collect();
            for batch in ids.chunks(SCATTER_BATCH) {
                report.refused += self.scatter_batch(batch, group).await?;
            }
            report.unfinished = self.wait_for_scatter(ids, group).await?;
        }
        let regions =
            if report.skipped.is_some() { regions } else { self.pd.scan_regions(start, end).await? };
        let leaders = regions.iter().filter_map(|region| region.leader);
        (report.leaders, report.imbalance) = balance(leaders.map(|peer| peer.store_id), &stores);
        let peers = regions.iter().flat_map(|region| &region.region.peers).map(|peer| peer.store_id);
        (report.peers, report.peer_imbalance) = balance(peers.filter(|id| stores.contains(id)), &stores);
        tracing::info!(?report, "scattered");
        // A handful of regions cannot be even.
        let worst = report.imbalance.max(report.peer_imbalance);
        if report.skipped.is_none() && worst > UNEVEN && regions.len() >= 10 * stores.len() {
            tracing::warn!(
                imbalance = report.imbalance,
                leaders = ?report.leaders,
                peer_imbalance = report.peer_imbalance,
                peers = ?report.peers,
                "leaders or peers are uneven: the fullest store will take longest"
            );
        }
        Ok(report)
    }

    /// Returns how many regions PD would not scatter.
    async fn scatter_batch(&self, ids: &[u64], group: &str) -> Result<usize, ClusterError> {
        match self.pd.scatter(ids, group).await {
            Ok(100) => return Ok(0),
            Ok(percent) => tracing::debug!(percent, "pd has scattered a part"),
            // One region it does not know yet spoils the whole request.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Protocol) => {
                tracing::debug!(%error, "regions are scattered one by one");
            }
            Err(error) => return Err(error),
        }
        let mut refused = 0;
        for id in ids {
            match self.pd.scatter(&[*id], group).await {
                Ok(_) => {}
                Err(error) if error.is_retryable() => return Err(error),
                Err(error) => {
                    tracing::debug!(%error, region = id, "pd does not scatter a region");
                    refused += 1;
                }
            }
        }
        Ok(refused)
    }

    /// Returns how many regions were still under way at the end.
    async fn wait_for_scatter(&self, ids: Vec<u64>, group: &str) -> Result<usize, ClusterError> {
        let wait = i64::try_from(self.options.scatter_wait.as_micros()).unwrap_or(i64::MAX);
        let deadline = self.env.now_micros().saturating_add(wait);
        let mut waiting = ids;
        let mut round = 0;
        loop {
            let states: Vec<_> = stream::iter(waiting)
                .map(|id| async move { (id, self.pd.operator(id).await) })
                .buffer_unordered(self.options.concurrency.max(1))
                .collect()
                .await;
            let mut under_way = Vec::new();
            for (id, state) in states {
                match state? {
                    OperatorState::Done => {}
                    OperatorState::Scattering => under_way.push(id),
                    OperatorState::Failed if round < 3 => {
                        self.scatter_batch(&[id], group).await?;
                        under_way.push(id);
                    }
                    OperatorState::Failed => {}
                }
            }
            if under_way.is_empty() || self.env.now_micros() >= deadline {
                return Ok(under_way.len());
            }
            waiting = under_way;
            self.env.sleep(self.env.backoff(round, BACKOFF, Duration::from_secs(2)), "regions scatter").await;
            round += 1;
        }
    }
}

/// Remembers what a region has become; its parts are led by the store that led it.
fn learn(regions: &RegionCache, old: &RegionInfo, parts: &[metapb::Region]) {
    for part in parts {
        let info = RegionInfo::new(part.clone(), None);
        let leader = old.leader.and_then(|leader| info.peer_on(leader.store_id).copied());
        if leader.is_some() {
            regions.insert(RegionInfo { leader, ..info });
        }
    }
}

/// Indices `0..count` in levels: each level cuts every part of the ones before into `FAN_OUT + 1` parts.
fn levels(count: usize) -> Vec<Vec<usize>> {
    let mut levels = Vec::new();
    let mut gaps: Vec<Range<usize>> = std::iter::once(0..count).collect();
    while !gaps.is_empty() {
        let (mut level, mut finer) = (Vec::new(), Vec::new());
        for gap in gaps {
            let picked = FAN_OUT.min(gap.len());
            let mut from = gap.start;
            for part in 1..=picked {
                // Evenly spaced and strictly ascending, because picked + 1 parts of len ≥ picked.
                let at = gap.start + part * (gap.len() + 1) / (picked + 1) - 1;
                level.push(at);
                if from < at {
                    finer.push(from..at);
                }
                from = at + 1;
            }
            if from < gap.end {
                finer.push(from..gap.end);
            }
        }
        if !level.is_empty() {
            levels.push(level);
        }
        gaps = finer;
    }
    levels
}

fn balance(placed: impl Iterator<Item = u64>, stores: &[u64]) -> (BTreeMap<u64, usize>, f64) {
    let mut counts: BTreeMap<u64, usize> = stores.iter().map(|&store| (store, 0)).collect();
    for store in placed {
        *counts.entry(store).or_default() += 1;
    }
    let total: usize = counts.values().sum();
    let most = counts.values().copied().max().unwrap_or_default();
    let imbalance = if total == 0 { 1.0 } else { most as f64 * counts.len() as f64 / total as f64 };
    (counts, imbalance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn levels_hold_every_key_once_and_grow_by_the_fan_out(count in 0..4900_usize) {
            let levels = levels(count);
            let mut all: Vec<usize> = levels.iter().flatten().copied().collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..count).collect::<Vec<_>>());
            for (depth, level) in levels.iter().enumerate() {
                prop_assert!(level.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert!(level.len() <= FAN_OUT * (FAN_OUT + 1).pow(depth as u32));
            }
            prop_assert!(levels.len() <= 3);
        }
    }

    #[test]
    fn the_first_level_cuts_the_range_into_even_parts() {
        let first = levels(170).remove(0);
        assert_eq!(first.len(), FAN_OUT);
        assert!(first.windows(2).all(|pair| (9..=11).contains(&(pair[1] - pair[0]))), "{first:?}");
    }

    #[test]
    fn imbalance_compares_the_fullest_store_with_the_mean() {
        let (leaders, imbalance) = balance([1, 1, 2].into_iter(), &[1, 2, 3]);
        assert_eq!(leaders, BTreeMap::from([(1, 2), (2, 1), (3, 0)]));
        assert!((imbalance - 2.0).abs() < 1e-9);
        assert!((balance(std::iter::empty(), &[1]).1 - 1.0).abs() < 1e-9);
    }
}
