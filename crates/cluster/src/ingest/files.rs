//! One attempt at one piece: make files at all peers, then have the leader ingest them.

use std::time::Duration;

use futures::future::try_join_all;
use th_proto::import_sstpb::SstMeta;
use th_proto::metapb;

use super::{BACKOFF, IngestMode, Ingester, Run, SstBuilder};
use crate::tikv::{BuiltSst, Op};
use crate::{ClusterError, Diagnosis, NextStep, Pairs, RegionInfo};

/// Tries to ingest the same files.
const INGEST_ATTEMPTS: u32 = 20;
const INGEST_BACKOFF_CAP: Duration = Duration::from_secs(5);

impl Ingester {
    /// Writes and ingests pairs that all lie in `region`.
    pub(super) async fn send(
        &self,
        region: &RegionInfo,
        pairs: Pairs<'_>,
        commit_ts: u64,
        run: &mut Run,
    ) -> Result<(), Diagnosis> {
        if self.options.ask_first {
            self.tikv.check_not_busy(region).await?;
        }
        run.stats.writes += 1;
        let files = match &self.mode {
            IngestMode::Write => {
                self.tikv.write(region, pairs, commit_ts, self.env.uuid_bytes(), Op::Put).await?
            }
            IngestMode::Delete => {
                self.tikv.write(region, pairs, commit_ts, self.env.uuid_bytes(), Op::Delete).await?
            }
            IngestMode::Upload(builder) => {
                let built = build(builder.as_ref(), pairs, commit_ts)?;
                let uploads = built.iter().map(|sst| self.tikv.upload(region, sst, self.env.uuid_bytes()));
                try_join_all(uploads).await?
            }
        };
        self.ingest_files(region, &files, run).await
    }

    /// Ingests files that all peers have, at whoever leads the region *in the epoch they were written for*.
    async fn ingest_files(
        &self,
        region: &RegionInfo,
        files: &[SstMeta],
        run: &mut Run,
    ) -> Result<(), Diagnosis> {
        let mut leader = region.leader.unwrap_or_default();
        let mut attempt = 0;
        loop {
            let Err(mut refusal) = self.tikv.multi_ingest(region, leader, files).await else { return Ok(()) };
            let wait = match &refusal.step {
                NextStep::OtherLeader(hint) => {
                    let next = match hint {
                        Some(peer) => {
                            region.peer_on(peer.store_id).copied().filter(|known| known.id == peer.id)
                        }
                        None => self.leader_by_pd(region).await,
                    };
                    let Some(next) = next else {
                        // The region is not what it was: files of another epoch are worth nothing.
                        refusal.step = NextStep::Rescan;
                        return Err(refusal);
                    };
                    leader = next;
                    self.regions.insert(RegionInfo { leader: Some(leader), ..region.clone() });
                    self.env.backoff(attempt, BACKOFF / 4, INGEST_BACKOFF_CAP)
                }
                NextStep::Again(asked) => self.env.backoff(attempt, BACKOFF, INGEST_BACKOFF_CAP).max(*asked),
                _ => return Err(refusal),
            };
            attempt += 1;
            if attempt >= INGEST_ATTEMPTS {
                return Err(refusal);
            }
            *run.stats.refusals.entry(refusal.name).or_default() += 1;
            tracing::warn!(
                error = refusal.name,
                region = region.id(),
                endpoint = refusal.endpoint,
                message = refusal.message,
                attempt,
                "the same files are ingested again"
            );
            self.wait(wait, &refusal, run).await.map_err(|error| Diagnosis {
                step: NextStep::GiveUp(error.kind()),
                message: error.message().to_owned(),
                ..refusal
            })?;
        }
    }

    /// Who leads `region` now, if it still has the same epoch.
    async fn leader_by_pd(&self, region: &RegionInfo) -> Option<metapb::Peer> {
        let current = self.pd.region_by_id(region.id()).await.ok()?;
        current.leader.filter(|_| current.epoch() == region.epoch())
    }
}

/// Builds files without holding up other tasks of this thread.
fn build(builder: &dyn SstBuilder, pairs: Pairs<'_>, commit_ts: u64) -> Result<Vec<BuiltSst>, ClusterError> {
    let many_threads = tokio::runtime::Handle::try_current()
        .is_ok_and(|runtime| runtime.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
    if many_threads {
        tokio::task::block_in_place(|| builder.build(pairs, commit_ts))
    } else {
        builder.build(pairs, commit_ts)
    }
}
