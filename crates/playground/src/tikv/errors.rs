//! Region errors with TiKV's texts, and the checks that give them.

use th_proto::{errorpb, kvrpcpb, metapb};

use crate::faults::Effect;
use crate::hex;
use crate::regions::{Region, RegionMap, epoch_text};

/// What a request's context must agree with before a region is touched.
pub(crate) fn check_region<'r>(
    regions: &'r RegionMap,
    context: Option<&kvrpcpb::Context>,
    store_id: u64,
) -> Result<&'r Region, errorpb::Error> {
    let context = context.cloned().unwrap_or_default();
    let peer = context.peer.unwrap_or_default();
    if peer.store_id != 0 && peer.store_id != store_id {
        return Err(store_not_match(peer.store_id, store_id));
    }
    let region = match regions.get(context.region_id) {
        Some(region) if region.peer_on(store_id).is_some() => region,
        _ => return Err(region_not_found(context.region_id)),
    };
    if region.leader_store != store_id {
        return Err(not_leader(region));
    }
    if let Some(own) = region.peer_on(store_id).filter(|own| peer.id != 0 && own.id != peer.id) {
        return Err(errorpb::Error {
            message: format!("mismatch peer id {} != {}", own.id, peer.id),
            mismatch_peer_id: Some(errorpb::MismatchPeerId {
                request_peer_id: peer.id,
                store_peer_id: own.id,
            }),
            ..Default::default()
        });
    }
    let epoch = context.region_epoch.unwrap_or_default();
    if (epoch.conf_ver, epoch.version) != (region.conf_ver, region.version) {
        return Err(epoch_not_match(
            format!(
                "current epoch of region {} is {}, but you sent {}",
                region.id,
                region.epoch_text(),
                epoch_text(epoch.conf_ver, epoch.version)
            ),
            // The neighbour the region may have been split from goes along.
            std::iter::once(region).chain(regions.previous(&region.start)),
        ));
    }
    Ok(region)
}

/// The error of an effect that a fault asks for; `None` if the effect is no region error.
pub(crate) fn injected(effect: &Effect, regions: &RegionMap, region_id: u64) -> Option<errorpb::Error> {
    let region = regions.get(region_id);
    Some(match effect {
        Effect::NotLeader => region.map_or_else(|| region_not_found(region_id), not_leader),
        Effect::EpochNotMatch => epoch_not_match("injected".into(), region),
        Effect::EpochNotMatchAnything => epoch_not_match("injected".into(), None),
        Effect::RegionNotFound => region_not_found(region_id),
        Effect::ServerIsBusy { backoff_ms } => errorpb::Error {
            message: "injected".into(),
            server_is_busy: Some(errorpb::ServerIsBusy {
                reason: "injected".into(),
                backoff_ms: *backoff_ms,
                ..Default::default()
            }),
            ..Default::default()
        },
        Effect::StaleCommand => errorpb::Error {
            message: "stale command".into(),
            stale_command: Some(errorpb::StaleCommand {}),
            ..Default::default()
        },
        Effect::DiskFull => errorpb::Error {
            message: "disk full".into(),
            disk_full: Some(errorpb::DiskFull { store_id: Vec::new(), reason: "injected".into() }),
            ..Default::default()
        },
        _ => return None,
    })
}

/// A request to another store than this.
pub(crate) fn store_not_match(request_store_id: u64, actual_store_id: u64) -> errorpb::Error {
    errorpb::Error {
        message: format!("to store id {request_store_id}, mine {actual_store_id}"),
        store_not_match: Some(errorpb::StoreNotMatch { request_store_id, actual_store_id }),
        ..Default::default()
    }
}

/// No such region on this store.
pub(crate) fn region_not_found(region_id: u64) -> errorpb::Error {
    errorpb::Error {
        message: format!("region {region_id} is missing"),
        region_not_found: Some(errorpb::RegionNotFound { region_id }),
        ..Default::default()
    }
}

fn not_leader(region: &Region) -> errorpb::Error {
    let leader: Option<metapb::Peer> = region.leader().map(Into::into);
    let may = leader
        .as_ref()
        .map_or("None".to_owned(), |peer| format!("Some(id: {} store_id: {})", peer.id, peer.store_id));
    errorpb::Error {
        message: format!("peer is not leader for region {}, leader may {may}", region.id),
        not_leader: Some(errorpb::NotLeader { region_id: region.id, leader }),
        ..Default::default()
    }
}

/// An epoch that is not the current one.
pub(crate) fn epoch_not_match<'r>(
    what: String,
    current: impl IntoIterator<Item = &'r Region>,
) -> errorpb::Error {
    errorpb::Error {
        message: format!("EpochNotMatch {what}"),
        epoch_not_match: Some(errorpb::EpochNotMatch {
            current_regions: current.into_iter().map(Into::into).collect(),
        }),
        ..Default::default()
    }
}

/// A (memcomparable) key outside the region.
pub(crate) fn check_key_in_region(key: &[u8], region: &Region) -> Result<(), errorpb::Error> {
    if region.contains(key) {
        return Ok(());
    }
    Err(errorpb::Error {
        message: format!(
            "key {} is not in region key range {} for region {}",
            hex::upper(key),
            region.range_text(),
            region.id
        ),
        key_not_in_region: Some(errorpb::KeyNotInRegion {
            key: key.to_vec(),
            region_id: region.id,
            start_key: region.start.clone(),
            end_key: region.end.clone(),
        }),
        ..Default::default()
    })
}

/// An error that has a text and no kind.
pub(crate) fn message(text: impl Into<String>) -> errorpb::Error {
    errorpb::Error { message: text.into(), ..Default::default() }
}
