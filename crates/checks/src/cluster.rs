//! The target cluster: versions, stores, space, regions.

use std::collections::BTreeMap;

use crate::Line;
use crate::size::{bytes, count, some};
use crate::version::Version;

const OLDEST: Version = Version::of(4, 0, 0);
const OLDEST_TIFLASH: Version = Version::of(4, 0, 5);
/// The newest major version that imports were tried with.
const NEWEST_MAJOR: u32 = 9;
/// What a byte of pairs takes on disk: TiKV compresses.
const COMPRESSION: u64 = 3;
/// Percent of all space that compaction needs free.
const HEADROOM_PERCENT: u64 = 20;
/// Percent of a store's space below which imports are stopped.
const LEAST_FREE_PERCENT: u64 = 10;
/// Empty regions of a store: from here on they slow an import down, and from there on they endanger it.
const MANY_EMPTY: u64 = 500;
const TOO_MANY_EMPTY: u64 = 1000;
/// Stores with fewer regions than this may differ as they like.
const FEW_REGIONS: u64 = 1000;
/// Percent of the fullest store's regions that the emptiest should have, and must have.
const EVEN_PERCENT: u64 = 75;
const UNEVEN_PERCENT: u64 = 50;
/// Shortest sensible life of old versions, in seconds.
const SHORTEST_LIFE: u64 = 600;

/// Versions as the servers tell them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    /// TiDB's.
    pub tidb: Option<String>,
    /// PD's.
    pub pd: Option<String>,
    /// Each TiKV store's.
    pub tikv: Vec<String>,
    /// Each TiFlash store's.
    pub tiflash: Vec<String>,
}

/// A store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Store {
    /// Id.
    pub id: u64,
    /// `Up`, `Disconnected`, `Down`, `Offline`.
    pub state: String,
    /// Whether it is TiFlash.
    pub is_tiflash: bool,
    /// Bytes of its disk.
    pub capacity: u64,
    /// Bytes that are free.
    pub available: u64,
    /// Regions it has a peer of.
    pub regions: u64,
}

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

/// Whether the cluster's servers are of versions that can be imported into.
pub fn versions(found: &Versions) -> Line {
    const CHECK: &str = "versions";
    let wanted = format!("4.0.0 to {NEWEST_MAJOR}.x, TiFlash from 4.0.5");
    let of = |name: &'static str, list: &[String]| -> Vec<(&'static str, String)> {
        let mut distinct = list.to_vec();
        distinct.sort();
        distinct.dedup();
        distinct.into_iter().map(|version| (name, version)).collect()
    };
    let all: Vec<(&str, String)> = [
        of("TiDB", found.tidb.as_slice()),
        of("PD", found.pd.as_slice()),
        of("TiKV", &found.tikv),
        of("TiFlash", &found.tiflash),
    ]
    .concat();
    let say = |of: &[(&str, String)]| {
        of.iter().map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>().join(", ")
    };
    let parsed = |name: &str, version: &str| {
        let oldest = if name == "TiFlash" { OLDEST_TIFLASH } else { OLDEST };
        Version::parse(version).map(|version| (version < oldest, version.number.0 > NEWEST_MAJOR))
    };
    let picked = |keep: fn(Option<(bool, bool)>) -> bool| -> Vec<(&str, String)> {
        all.iter().filter(|(name, version)| keep(parsed(name, version))).cloned().collect()
    };
    let old = picked(|found| found.is_some_and(|(old, _)| old));
    if !old.is_empty() {
        return Line::fail(CHECK, format!("too old: {}", say(&old)), wanted, "upgrade the cluster");
    }
    let odd = picked(|found| found.is_none_or(|(_, new)| new));
    if !odd.is_empty() {
        let advice = "look for a newer Thunderhead, or rehearse the import first";
        return Line::warn(CHECK, format!("not known: {}", say(&odd)), wanted, advice);
    }
    Line::pass(CHECK, say(&all), wanted)
}

/// Whether PD and TiDB are of one cluster: the id that our PD has, and what TiDB's own PD addresses say.
pub fn same_cluster(ours: u64, tidbs: &[(String, Result<u64, String>)]) -> Line {
    const CHECK: &str = "same-cluster";
    const WANTED: &str = "TiDB's PD and ours have one cluster id";
    let other = tidbs.iter().find_map(|(address, id)| match id {
        Ok(id) if *id != ours => Some((address, *id)),
        _ => None,
    });
    if let Some((address, id)) = other {
        let measured = format!("our PD is of cluster {ours}, TiDB's PD {address} of cluster {id}");
        return Line::fail(CHECK, measured, WANTED, "set tidb.pd-addr to the PD of this TiDB");
    }
    if tidbs.iter().any(|(_, id)| id.is_ok()) {
        return Line::pass(CHECK, format!("cluster {ours}"), WANTED);
    }
    let why = tidbs.iter().find_map(|(_, id)| id.as_ref().err());
    Line::unknown(CHECK, WANTED, why.map_or("TiDB names no PD", String::as_str))
}

/// Whether all stores take part. A region is written to at every one of its peers, so one that does not answer
/// blocks all the regions that it has.
pub fn stores(found: &[Store], down: u64, pending: u64, missing: u64) -> Line {
    const CHECK: &str = "stores";
    const WANTED: &str = "every store is up, every region has all its peers";
    let with_state = |states: &[&str]| -> Vec<String> {
        let of_state = |store: &&Store| states.contains(&store.state.as_str()) && store.regions > 0;
        found.iter().filter(of_state).map(|store| format!("store {} is {}", store.id, store.state)).collect()
    };
    let gone = with_state(&["Disconnected", "Down"]);
    let leaving = with_state(&["Offline"]);
    let peers = format!("regions with peers that are down {down}, pending {pending}, missing {missing}");
    if !gone.is_empty() || down > 0 {
        let measured = [some(&gone), peers].join("; ");
        let advice = "bring the stores back, or wait until PD has replaced them";
        return Line::fail(CHECK, measured.trim_start_matches("; "), WANTED, advice);
    }
    if !leaving.is_empty() || pending > 0 || missing > 0 {
        let measured = [some(&leaving), peers].join("; ");
        let advice = "wait until PD has moved the regions";
        return Line::warn(CHECK, measured.trim_start_matches("; "), WANTED, advice);
    }
    Line::pass(CHECK, format!("{} up", count(found.len(), "store")), WANTED)
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
        return Line::fail(
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

/// Whether old versions live long enough for whoever reads the target meanwhile; `life` as TiDB writes it
/// (`10m0s`).
pub fn gc_life_time(life: Option<&str>) -> Line {
    const CHECK: &str = "gc-life-time";
    const WANTED: &str = "at least 10m0s";
    let Some(life) = life else { return Line::unknown(CHECK, WANTED, "TiDB does not say") };
    match seconds(life) {
        None => Line::unknown(CHECK, WANTED, format!("`{life}` is no duration")),
        Some(found) if found < SHORTEST_LIFE => Line::warn(
            CHECK,
            life,
            WANTED,
            "raise tidb_gc_life_time: checksum and ANALYZE of a large table read one version for long",
        ),
        Some(_) => Line::pass(CHECK, life, WANTED),
    }
}

/// Whole seconds of a Go duration without fractions.
fn seconds(text: &str) -> Option<u64> {
    let mut total = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, after) = tail.split_at_checked(letters)?;
        let number: f64 = number.parse().ok()?;
        let unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        total += (number * unit) as u64;
        rest = after;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    fn store(id: u64, available: u64, regions: u64) -> Store {
        Store { id, state: "Up".into(), is_tiflash: false, capacity: 100 << 30, available, regions }
    }

    #[test]
    fn old_servers_fail_and_unknown_ones_warn() {
        let versions_of = |tidb: &str, tikv: &str, tiflash: &str| {
            versions(&Versions {
                tidb: Some(tidb.into()),
                pd: Some("8.5.0".into()),
                tikv: vec![tikv.into(), tikv.into()],
                tiflash: Some(tiflash.to_owned()).filter(|version| !version.is_empty()).into_iter().collect(),
            })
        };
        let good = versions_of("8.5.1", "8.5.0", "8.5.0");
        assert_eq!(
            (good.level, good.measured.as_str()),
            (Level::Pass, "TiDB 8.5.1, PD 8.5.0, TiKV 8.5.0, TiFlash 8.5.0")
        );
        let old = versions_of("8.5.1", "3.0.20", "");
        assert_eq!((old.level, old.measured.as_str()), (Level::Fail, "too old: TiKV 3.0.20"));
        assert_eq!(versions_of("8.5.1", "8.5.0", "4.0.4").measured, "too old: TiFlash 4.0.4");
        assert_eq!(versions_of("12.0.0", "8.5.0", "").level, Level::Warn);
        assert_eq!(versions_of("nightly", "8.5.0", "").level, Level::Warn);
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
        assert_eq!((line.level, line.measured.as_str()), (Level::Fail, "store 3 has 9 %"));
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

    #[test]
    fn a_store_that_does_not_answer_stops_the_import_if_it_has_regions() {
        let down = |regions| Store { state: "Down".into(), ..store(2, 1, regions) };
        assert_eq!(stores(&[store(1, 1, 1), down(3)], 0, 0, 0).level, Level::Fail);
        assert_eq!(stores(&[store(1, 1, 1), down(0)], 0, 0, 0).level, Level::Pass, "replaced already");
        assert_eq!(stores(&[store(1, 1, 1)], 2, 2, 0).level, Level::Fail);
        let line = stores(&[store(1, 1, 1)], 0, 4, 0);
        assert_eq!(line.level, Level::Warn);
        assert_eq!(line.measured, "regions with peers that are down 0, pending 4, missing 0");
    }

    #[test]
    fn another_cluster_is_told_by_its_id() {
        let at = |id: Result<u64, String>| vec![("pd:2379".to_owned(), id)];
        assert_eq!(same_cluster(7, &at(Ok(7))).level, Level::Pass);
        let line = same_cluster(7, &at(Ok(8)));
        assert_eq!(line.level, Level::Fail);
        assert_eq!(line.measured, "our PD is of cluster 7, TiDB's PD pd:2379 of cluster 8");
        assert_eq!(same_cluster(7, &at(Err("no route".into()))).level, Level::Warn);
    }

    #[test]
    fn durations_are_gos() {
        assert_eq!(seconds("10m0s"), Some(600));
        assert_eq!(seconds("1h30m"), Some(5400));
        assert_eq!((seconds("soon"), seconds("10")), (None, None));
        assert_eq!(gc_life_time(Some("9m59s")).level, Level::Warn);
        assert_eq!(gc_life_time(Some("10m0s")).level, Level::Pass);
    }
}
