//! Regions as PD knows them, and asking it to scatter them.

use th_proto::pdpb;

use super::Pd;
use crate::region::covers;
use crate::{ClusterError, ErrorKind, RegionInfo, keys};

/// Regions of one scan request; PD's answer for more becomes slow.
const PAGE: i32 = 128;
/// Scans with a gap before giving up: borders move while regions split or merge.
const SCAN_ATTEMPTS: u32 = 10;

/// What PD's scheduler is doing with a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorState {
    /// Nothing, or something else than a scatter, or the scatter has succeeded.
    Done,
    /// A scatter is under way.
    Scattering,
    /// A scatter timed out, was cancelled or replaced: it may be asked for again.
    Failed,
}

impl Pd {
    /// All regions that meet the user keys `[start, end)` (empty end = no bound), in order and without a
    /// gap.
    pub async fn scan_regions(&self, start: &[u8], end: &[u8]) -> Result<Vec<RegionInfo>, ClusterError> {
        if !end.is_empty() && start >= end {
            return Ok(Vec::new());
        }
        let (start, end) = (keys::encode_bound(start), keys::encode_bound(end));
        let mut attempt = 0;
        loop {
            let regions = self.scan_once(&start, &end).await?;
            if covers(&regions, &start, &end) {
                return Ok(regions);
            }
            attempt += 1;
            if attempt >= SCAN_ATTEMPTS {
                return Err(ClusterError::protocol(
                    &self.leader(),
                    format!(
                        "{} regions leave a gap between {} and {}",
                        regions.len(),
                        keys::hex(&start),
                        keys::hex(&end)
                    ),
                ));
            }
            self.back_off(attempt, "regions have a gap while they split or merge").await;
        }
    }

    async fn scan_once(&self, start: &[u8], end: &[u8]) -> Result<Vec<RegionInfo>, ClusterError> {
        let mut regions: Vec<RegionInfo> = Vec::new();
        let mut from = start.to_vec();
        loop {
            let answer = self
                .call("ScanRegions", |mut client, header| {
                    let request = pdpb::ScanRegionsRequest {
                        header,
                        start_key: from.clone(),
                        limit: PAGE,
                        end_key: end.to_vec(),
                    };
                    async move { client.scan_regions(request).await }
                })
                .await?;
            let page = regions_of(answer);
            let Some(last) = page.last() else { return Ok(regions) };
            let (full, next) = (page.len() >= PAGE as usize, last.region.end_key.clone());
            // A border that does not move forward would loop for ever.
            let forward = next > from;
            regions.extend(page);
            if !full || !forward || (!end.is_empty() && next.as_slice() >= end) {
                return Ok(regions);
            }
            from = next;
        }
    }

    /// The region that holds a memcomparable key.
    pub async fn region_of_encoded(&self, encoded: &[u8]) -> Result<RegionInfo, ClusterError> {
        let answer = self
            .call("GetRegion", |mut client, header| {
                let request =
                    pdpb::GetRegionRequest { header, region_key: encoded.to_vec(), need_buckets: false };
                async move { client.get_region(request).await }
            })
            .await?;
        self.known(answer, || format!("no region holds the key {}", keys::hex(encoded)))
    }

    /// A region by its id.
    pub async fn region_by_id(&self, region_id: u64) -> Result<RegionInfo, ClusterError> {
        let answer = self
            .call("GetRegionByID", |mut client, header| async move {
                client
                    .get_region_by_id(pdpb::GetRegionByIdRequest { header, region_id, need_buckets: false })
                    .await
            })
            .await?;
        self.known(answer, || format!("region {region_id} does not exist"))
    }

    fn known(
        &self,
        answer: pdpb::GetRegionResponse,
        absent: impl FnOnce() -> String,
    ) -> Result<RegionInfo, ClusterError> {
        RegionInfo::from_pd(pdpb::Region {
            region: answer.region,
            leader: answer.leader,
            down_peers: answer.down_peers,
            pending_peers: answer.pending_peers,
        })
        .ok_or_else(|| ClusterError::new(ErrorKind::NotFound, self.leader(), absent()))
    }

    /// Asks PD to spread regions over the stores, evenly within `group`. Returns the percentage PD has
    /// made operators for.
    pub async fn scatter(&self, region_ids: &[u64], group: &str) -> Result<u64, ClusterError> {
        let answer = self
            .call("ScatterRegion", |mut client, header| {
                let request = pdpb::ScatterRegionRequest {
                    header,
                    group: group.to_owned(),
                    regions_id: region_ids.to_vec(),
                    retry_limit: 3,
                    skip_store_limit: true,
                    // Read by PDs that know no lists, which then scatter one region at a time.
                    region_id: region_ids.first().copied().unwrap_or_default(),
                    ..Default::default()
                };
                async move { client.scatter_region(request).await }
            })
            .await?;
        Ok(answer.finished_percentage)
    }

    /// How the scatter of a region is doing.
    pub async fn operator(&self, region_id: u64) -> Result<OperatorState, ClusterError> {
        let answer = self
            .call("GetOperator", |mut client, header| async move {
                client.get_operator(pdpb::GetOperatorRequest { header, region_id }).await
            })
            .await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(OperatorState::Done),
            Err(error) => return Err(error),
        };
        Ok(match answer.status() {
            _ if answer.desc != b"scatter-region" => OperatorState::Done,
            pdpb::OperatorStatus::Success => OperatorState::Done,
            pdpb::OperatorStatus::Running => OperatorState::Scattering,
            pdpb::OperatorStatus::Timeout | pdpb::OperatorStatus::Cancel | pdpb::OperatorStatus::Replace => {
                OperatorState::Failed
            }
        })
    }
}

/// Newer PDs fill `regions`, older ones two parallel lists.
fn regions_of(answer: pdpb::ScanRegionsResponse) -> Vec<RegionInfo> {
    if !answer.regions.is_empty() {
        return answer.regions.into_iter().filter_map(RegionInfo::from_pd).collect();
    }
    let mut leaders = answer.leaders.into_iter();
    answer.region_metas.into_iter().map(|region| RegionInfo::new(region, leaders.next())).collect()
}
