//! `SplitRegion`: cuts a region at user keys; the old region keeps the right end.

use th_proto::{errorpb, kvrpcpb};
use th_sst::memcomparable;

use crate::cluster::Cluster;
use crate::error::Result;
use crate::regions::{Region, epoch_text};
use crate::tikv::errors::{check_key_in_region, check_region, epoch_not_match, message, region_not_found};

/// Splits as the request says: the parts from left to right, or a region error.
pub(crate) fn split(
    cluster: &Cluster,
    store_id: u64,
    request: &kvrpcpb::SplitRegionRequest,
) -> Result<Result<Vec<Region>, errorpb::Error>> {
    let context = request.context.clone().unwrap_or_default();
    let mut user_keys = request.split_keys.clone();
    if user_keys.is_empty() && !request.split_key.is_empty() {
        user_keys.push(request.split_key.clone());
    }
    let keys: Vec<Vec<u8>> = if request.is_raw_kv {
        user_keys
    } else {
        user_keys.iter().map(|key| memcomparable::encode(key)).collect()
    };
    if let Err(error) = check_all_but_epoch(cluster, &context, store_id) {
        return Ok(Err(error));
    }
    let epoch = context.region_epoch.unwrap_or_default();
    let outcome = cluster.split_region(context.region_id, |region| {
        let peer = region.leader().map_or(0, |peer| peer.id);
        if keys.is_empty() {
            return Err(message(format!(
                "\"[components/raftstore/src/store/util.rs:1873]: [region {}] {peer} no split key is specified.\"",
                region.id
            )));
        }
        if epoch.version != region.version {
            let what = format!(
                "[region {}] {peer} epoch changed {} != {}, retry later",
                region.id,
                region.epoch_text(),
                epoch_text(epoch.conf_ver, epoch.version)
            );
            return Err(epoch_not_match(what, [region]));
        }
        for key in &keys {
            check_key_in_region(key, region)?;
        }
        let mut cuts: Vec<Vec<u8>> = keys.iter().filter(|key| **key != region.start).cloned().collect();
        cuts.dedup();
        if cuts.is_empty() {
            return Err(message("\"no valid key found for split.\""));
        }
        if !cuts.is_sorted() {
            return Err(message("\"invalid split request: keys must ascend\""));
        }
        Ok(cuts)
    })?;
    Ok(outcome.unwrap_or_else(|| Err(region_not_found(context.region_id))))
}

/// A split looks at the epoch's version alone and says so in its own words, so the common check is
/// made with the region's own epoch.
fn check_all_but_epoch(
    cluster: &Cluster,
    context: &kvrpcpb::Context,
    store_id: u64,
) -> Result<(), errorpb::Error> {
    let regions = cluster.regions();
    let mut context = context.clone();
    context.region_epoch = regions
        .get(context.region_id)
        .map(|region| th_proto::metapb::RegionEpoch { conf_ver: region.conf_ver, version: region.version });
    check_region(&regions, Some(&context), store_id).map(|_| ())
}
