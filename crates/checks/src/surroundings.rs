//! This machine, and what else has to be reached: ledger, queue, the clock.

use th_errors::Fault;

use crate::Line;
use crate::size::bytes;

/// Seconds that our clock and PD's may differ.
const CLOCK_SKEW: u64 = 10;

/// Whether a guard let us through, such as writing to the ledger or looking at the queue.
pub fn reached(check: &'static str, wanted: &'static str, found: Result<String, Fault>) -> Line {
    match found {
        Ok(measured) => Line::pass(check, measured, wanted),
        Err(fault) => Line::of_fault(check, wanted, fault),
    }
}

/// The sort folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortSpace {
    /// Where it is.
    pub folder: String,
    /// Bytes that are free.
    pub free: u64,
    /// Bytes that all jobs of this process can need at once.
    pub need: u64,
    /// `disk-quota`, if one is set.
    pub quota: Option<u64>,
    /// Whether the estimate is rough, because the source is compressed.
    pub rough: bool,
}

/// Whether the sort folder has room.
pub fn sort_space(found: &SortSpace) -> Line {
    const CHECK: &str = "sort-space";
    let measured = format!("{} free in {}", bytes(found.free), found.folder);
    let wanted = format!("{} for the jobs that run at once", bytes(found.need));
    if found.free >= found.need {
        return Line::pass(CHECK, measured, wanted);
    }
    let advice = "use a larger disk, lower thunderhead.concurrency or job-size";
    if found.rough || found.quota.is_some_and(|quota| quota <= found.free) {
        return Line::warn(CHECK, measured, wanted, advice);
    }
    Line::fail(CHECK, measured, wanted, advice)
}

/// A source smaller than this may be anywhere.
const LARGE: u64 = 1 << 30;

/// Whether the sort folder and a local source of so many bytes share a disk; `None`: the source is not local.
pub fn sort_disk(same: Option<bool>, source: u64) -> Line {
    const CHECK: &str = "sort-disk";
    const WANTED: &str = "the sort folder is on another disk than the source";
    match same {
        None => Line::pass(CHECK, "the source is not on this machine", WANTED),
        Some(false) => Line::pass(CHECK, "two disks", WANTED),
        Some(true) if source <= LARGE => {
            Line::pass(CHECK, format!("both are on one disk, for {}", bytes(source)), WANTED)
        }
        Some(true) => {
            let advice = "put the sort folder on another disk if the import is slow";
            Line::warn(CHECK, format!("both are on one disk, for {}", bytes(source)), WANTED, advice)
        }
    }
}

/// Whether enough files may be open at once.
pub fn open_files(limit: Option<u64>, need: u64) -> Line {
    const CHECK: &str = "open-files";
    let wanted = format!("at least {need}");
    match limit {
        None => Line::unknown(CHECK, wanted, "the system does not say"),
        Some(limit) if limit < need => Line::fail(
            CHECK,
            limit.to_string(),
            wanted,
            "raise it with `ulimit -n`, or lower thunderhead.concurrency",
        ),
        Some(limit) => Line::pass(CHECK, limit.to_string(), wanted),
    }
}

/// Whether our clock agrees with PD's; both in milliseconds since 1970.
pub fn clock(here: i64, there: i64) -> Line {
    const CHECK: &str = "clock";
    let wanted = format!("at most {CLOCK_SKEW} s from PD's");
    let skew = here.abs_diff(there);
    let measured = format!("{}.{} s", skew / 1000, skew % 1000 / 100);
    if skew <= CLOCK_SKEW * 1000 {
        return Line::pass(CHECK, measured, wanted);
    }
    let which = if here > there { "ahead of PD's" } else { "behind PD's" };
    let advice =
        "set the clocks: CURRENT_TIMESTAMP is ours, object storage refuses requests with a wrong time";
    Line::warn(CHECK, format!("{measured} {which}"), wanted, advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    #[test]
    fn a_small_disk_fails_unless_a_quota_or_a_guess_says_otherwise() {
        let space = |free, quota, rough| SortSpace { folder: "/s".into(), free, need: 1 << 30, quota, rough };
        assert_eq!(sort_space(&space(1 << 30, None, false)).level, Level::Pass);
        let line = sort_space(&space(1 << 20, None, false));
        assert_eq!((line.level, line.measured.as_str()), (Level::Fail, "1.0 MiB free in /s"));
        assert_eq!(sort_space(&space(1 << 20, Some(1 << 19), false)).level, Level::Warn);
        assert_eq!(sort_space(&space(1 << 20, Some(1 << 21), false)).level, Level::Fail);
        assert_eq!(sort_space(&space(1 << 20, None, true)).level, Level::Warn);
    }

    #[test]
    fn clocks_may_differ_a_little() {
        assert_eq!(clock(10_000, 0).level, Level::Pass);
        let line = clock(0, 3_600_000);
        assert_eq!((line.level, line.measured.as_str()), (Level::Warn, "3600.0 s behind PD's"));
    }

    #[test]
    fn files_and_disks() {
        assert_eq!(open_files(Some(1024), 1024).level, Level::Pass);
        assert_eq!(open_files(Some(1023), 1024).level, Level::Fail);
        assert_eq!(open_files(None, 1024).level, Level::Warn);
        assert_eq!(sort_disk(None, 2 << 30).level, Level::Pass);
        assert_eq!(sort_disk(Some(true), 1 << 30).level, Level::Pass, "a small source");
        let line = sort_disk(Some(true), 2 << 30);
        assert_eq!((line.level, line.measured.as_str()), (Level::Warn, "both are on one disk, for 2.0 GiB"));
    }
}
