//! The target cluster: its space and its regions.

use std::collections::BTreeMap;

use crate::size::{bytes, count, some};
use crate::{Line, Store};

/// What a byte of pairs takes on disk: TiKV compresses.
const COMPRESSION: u64 = 3;
/// Percent of all space that compaction needs free.
const HEADROOM_PERCENT: u64 = 20;
/// Percent of a store's space below which Lightning stops in the middle of an import.
const LEAST_FREE_PERCENT: u64 = 10;
/// Empty regions of a store: from here on they slow an import down, and from there on they endanger it.
const MANY_EMPTY: u64 = 500;
const TOO_MANY_EMPTY: u64 = 1000;
/// Stores with fewer regions than this may differ as they like.
const FEW_REGIONS: u64 = 1000;
/// Percent of the fullest store's regions that the emptiest should have, and must have.
const EVEN_PERCENT: u64 = 75;
const UNEVEN_PERCENT: u64 = 50;

/// What will be written, by a sample of the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Bytes of the source, as stored.
    pub source: u64,
    /// Bytes of keys and values that they become.
    pub pairs: u64,
    /// Tables.
    pub tables: usize,
    /// Of these, tables that were sampled.
    pub sampled: usize,
}

impl Estimate {
    /// Bytes that `copies` take on disk.
    fn on_disk(self, copies: u64) -> u64 {
        (self.pairs / COMPRESSION).saturating_mul(copies)
    }

    fn say(self) -> String {
        format!(
            "{} of pairs from {} of source ({} of {} sampled)",
            bytes(self.pairs),
            bytes(self.source),
            self.sampled,
            count(self.tables, "table")
        )
    }
}

fn tikv(found: &[Store]) -> impl Iterator<Item = &Store> {
    found.iter().filter(|store| !store.is_tiflash)
}

/// Whether TiKV's stores have room for what the source becomes, in all replicas.
pub fn available_space(found: &[Store], estimate: Estimate, replicas: u64) -> Line {
    const CHECK: &str = "available-space";
    let available: u64 = tikv(found).map(|store| store.available).sum();
    let need = estimate.on_disk(replicas);
    let copies = count(replicas as usize, "replica");
    let wanted = format!("{}: {copies} of a third of {}", bytes(need), estimate.say());
    let measured = format!("{} available", bytes(available));
    if available < need {
        return Line::warn(CHECK, measured, wanted, "add stores or disks, or import less");
    }
    Line::pass(CHECK, measured, wanted)
}

/// Whether stores keep what compaction needs.
pub fn headroom(found: &[Store], estimate: Estimate, replicas: u64) -> Line {
    const CHECK: &str = "headroom";
    let percent = |part: u64, whole: u64| (u128::from(part) * 100 / u128::from(whole.max(1))) as u64;
    let low: Vec<String> = tikv(found)
        .filter(|store| store.capacity > 0 && percent(store.available, store.capacity) < LEAST_FREE_PERCENT)
        .map(|store| format!("store {} has {} %", store.id, percent(store.available, store.capacity)))
        .collect();
    if !low.is_empty() {
        let wanted = format!("each store has {LEAST_FREE_PERCENT} % free");
        return Line::warn(
            CHECK,
            some(&low),
            wanted,
            "add stores or disks: a store that is full refuses writes",
        );
    }
    let capacity: u64 = tikv(found).map(|store| store.capacity).sum();
    let available: u64 = tikv(found).map(|store| store.available).sum();
    let left = percent(available.saturating_sub(estimate.on_disk(replicas)), capacity);
    let measured = format!("about {left} % of {} will be left", bytes(capacity));
    let wanted = format!("{HEADROOM_PERCENT} % for compaction");
    if capacity > 0 && left < HEADROOM_PERCENT {
        return Line::warn(CHECK, measured, wanted, "add stores or disks: compaction needs room for a while");
    }
    Line::pass(CHECK, measured, wanted)
}

/// Whether TiFlash has room for the replicas that target tables have there; `replicated` is what those tables
/// become, each counted as often as it has replicas.
pub fn tiflash_space(found: &[Store], replicated: Estimate) -> Line {
    const CHECK: &str = "tiflash-space";
    if replicated.tables == 0 {
        return Line::pass(CHECK, "no target table has TiFlash replicas", "");
    }
    let available: u64 = found.iter().filter(|store| store.is_tiflash).map(|store| store.available).sum();
    let need = replicated.on_disk(1);
    let measured = format!("{} available", bytes(available));
    let wanted = format!("{} for {}", bytes(need), count(replicated.tables, "table"));
    if available < need {
        let advice = "add TiFlash stores, or set the replicas when the import is complete";
        return Line::warn(CHECK, measured, wanted, advice);
    }
    Line::pass(CHECK, measured, wanted)
}

/// Whether stores have too many empty regions. A cluster of one store is not judged, as in Lightning.
pub fn empty_regions(found: &[Store], empty: &BTreeMap<u64, u64>, tables: usize) -> Line {
    const CHECK: &str = "empty-regions";
    let many = MANY_EMPTY.max(tables as u64);
    let too_many = TOO_MANY_EMPTY.max(3 * tables as u64);
    let up: Vec<&Store> = tikv(found).filter(|store| store.state == "Up").collect();
    let of = |store: &Store| empty.get(&store.id).copied().unwrap_or(0);
    let most = up.iter().map(|store| of(store)).max().unwrap_or(0);
    let wanted = format!("at most {many} a store");
    let over: Vec<String> = up
        .iter()
        .filter(|store| of(store) > many)
        .map(|store| format!("store {} has {}", store.id, of(store)))
        .collect();
    if found.len() <= 1 || over.is_empty() {
        return Line::pass(CHECK, format!("at most {most} a store"), wanted);
    }
    let weight = if most > too_many { " (beyond the limit of " } else { " (below the limit of " };
    let advice =
        "let PD merge regions first: they make the import slow, and beyond the limit they endanger it";
    Line::warn(CHECK, format!("{}{weight}{too_many})", some(&over)), wanted, advice)
}

/// Whether regions are spread evenly over stores. A cluster of one store is not judged, as in Lightning.
pub fn region_distribution(found: &[Store], tables: usize) -> Line {
    const CHECK: &str = "region-distribution";
    let up: Vec<&Store> = tikv(found).filter(|store| store.state == "Up").collect();
    let wanted = format!("the emptiest store has {EVEN_PERCENT} % of the fullest one's regions");
    let ends = (up.iter().min_by_key(|store| store.regions), up.iter().max_by_key(|store| store.regions));
    let (Some(least), Some(most)) = ends else {
        return Line::unknown(CHECK, wanted, "no store is up");
    };
    let measured =
        format!("store {} has {} regions, store {} has {}", least.id, least.regions, most.id, most.regions);
    if up.len() <= 1 || most.regions <= FEW_REGIONS.max(tables as u64) {
        return Line::pass(CHECK, measured, wanted);
    }
    let percent = least.regions * 100 / most.regions.max(1);
    if percent >= EVEN_PERCENT {
        return Line::pass(CHECK, measured, wanted);
    }
    let weight = if percent < UNEVEN_PERCENT { "very uneven" } else { "uneven" };
    let advice = "wait until PD has balanced the cluster";
    Line::warn(CHECK, format!("{measured}: {percent} %, {weight}"), wanted, advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    fn store(id: u64, available: u64, regions: u64) -> Store {
        Store { id, state: "Up".into(), is_tiflash: false, capacity: 100 << 30, available, regions }
    }

    #[test]
    fn space_counts_replicas_and_compression() {
        let stores = [store(1, 10 << 30, 1), store(2, 11 << 30, 1)];
        let estimate = Estimate { source: 10 << 30, pairs: 21 << 30, tables: 2, sampled: 1 };
        assert_eq!(available_space(&stores, estimate, 3).level, Level::Pass);
        let line = available_space(&stores[..1], estimate, 3);
        assert_eq!((line.level, line.measured.as_str()), (Level::Warn, "10.0 GiB available"));
        assert!(line.threshold.starts_with("21.0 GiB: 3 replicas of a third of 21.0 GiB of pairs from 10.0 GiB of source (1 of 2 tables sampled)"));
        let line = headroom(&stores, estimate, 1);
        assert_eq!(
            (line.level, line.measured.as_str()),
            (Level::Warn, "about 7 % of 200.0 GiB will be left")
        );
        let line = headroom(&[store(3, 9 << 30, 1)], Estimate::default(), 1);
        assert_eq!((line.level, line.measured.as_str()), (Level::Warn, "store 3 has 9 %"));
        assert_eq!(headroom(&[store(3, 50 << 30, 1)], estimate, 3).level, Level::Pass);
    }

    #[test]
    fn tiflash_is_counted_apart() {
        let flash = Store { is_tiflash: true, available: 1 << 30, ..store(9, 0, 0) };
        let stores = [store(1, 100 << 30, 1), flash];
        let replicated = Estimate { source: 0, pairs: 6 << 30, tables: 1, sampled: 1 };
        assert_eq!(tiflash_space(&stores, replicated).level, Level::Warn);
        assert_eq!(tiflash_space(&stores, Estimate::default()).level, Level::Pass);
    }

    #[test]
    fn empty_and_uneven_regions_are_judged_as_lightning_does() {
        let stores = [store(1, 1, 400), store(2, 1, 2000)];
        let empty = |one, two| BTreeMap::from([(1, one), (2, two)]);
        assert_eq!(empty_regions(&stores, &empty(500, 0), 3).level, Level::Pass);
        let line = empty_regions(&stores, &empty(501, 2), 3);
        assert_eq!(
            (line.level, line.measured.as_str()),
            (Level::Warn, "store 1 has 501 (below the limit of 1000)")
        );
        assert!(empty_regions(&stores, &empty(0, 1200), 3).measured.contains("beyond"));
        assert_eq!(
            empty_regions(&stores, &empty(0, 1200), 1300).level,
            Level::Pass,
            "many tables, many regions"
        );
        assert_eq!(empty_regions(&stores[..1], &empty(5000, 0), 3).level, Level::Pass, "one store");
        let line = region_distribution(&stores, 3);
        assert_eq!((line.level, line.measured.contains("20 %, very uneven")), (Level::Warn, true));
        assert_eq!(region_distribution(&[store(1, 1, 10), store(2, 1, 900)], 3).level, Level::Pass, "few");
        assert_eq!(region_distribution(&[store(1, 1, 1500), store(2, 1, 2000)], 3).level, Level::Pass);
        assert!(
            region_distribution(&[store(1, 1, 1400), store(2, 1, 2000)], 3)
                .measured
                .ends_with("70 %, uneven")
        );
    }
}
