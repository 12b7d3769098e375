//! The target cluster: its servers.

use crate::Line;
use crate::size::{count, some};
use crate::version::Version;

const OLDEST: Version = Version::of(4, 0, 0);
const OLDEST_TIFLASH: Version = Version::of(4, 0, 5);
/// The newest major version that imports were tried with.
const NEWEST_MAJOR: u32 = 9;
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
