//! What this machine gives: memory for sorting, and a disk to sort on.

use std::path::PathBuf;

use th_config::Config;

use crate::slots;

/// Memory for sorting of one job where nothing is configured, if the machine has it: what a job of the usual size needs
/// to be sorted without a file.
const A_JOBS: u64 = 256 << 20;

/// Less would make many small runs.
const LEAST: u64 = 64 << 20;

/// File systems of local disks.
const LOCAL: [&str; 7] = ["ext4", "xfs", "btrfs", "ext3", "ext2", "f2fs", "zfs"];

/// Bytes of one process for sorting: as configured, or 256 MiB a job at once, but no more than a quarter of the memory
/// that the process may have.
pub fn sort_memory(config: &Config) -> u64 {
    match config.thunderhead.sort_memory.0 {
        0 => share(slots(config) as u64, memory()),
        configured => configured,
    }
}

fn share(slots: u64, memory: Option<u64>) -> u64 {
    let wanted = A_JOBS.saturating_mul(slots.max(1));
    memory.map_or(wanted, |memory| wanted.min((memory / 4).max(LEAST)))
}

/// The machine's memory, or what a container may have of it.
fn memory() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let limits = [
        read("/sys/fs/cgroup/memory.max").trim().parse().ok(),
        read("/sys/fs/cgroup/memory/memory.limit_in_bytes").trim().parse().ok(),
        total(&read("/proc/meminfo")),
    ];
    limits.into_iter().flatten().min()
}

fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The folder to sort below: the configured one; with `auto`, on the local disk with most free space; otherwise the
/// system's temporary one.
pub fn sort_base(config: &Config) -> PathBuf {
    match &*config.tikv_importer.sorted_kv_dir {
        "" => std::env::temp_dir(),
        "auto" => largest_disk().unwrap_or_else(std::env::temp_dir),
        folder => PathBuf::from(folder),
    }
}

/// A folder on the local disk with most free space, of those where one can be made.
fn largest_disk() -> Option<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let free = |folder: &PathBuf| {
        let space = rustix::fs::statvfs(folder).ok()?;
        Some(space.f_bavail.saturating_mul(space.f_frsize))
    };
    let mut disks: Vec<(u64, PathBuf)> =
        local_disks(&mounts).into_iter().filter_map(|folder| Some((free(&folder)?, folder))).collect();
    disks.sort_unstable_by_key(|(free, _)| std::cmp::Reverse(*free));
    disks.into_iter().find_map(|(_, mount)| {
        let root = mount.parent().is_none();
        let folder = if root { std::env::temp_dir() } else { mount.join("thunderhead") };
        (root || std::fs::create_dir_all(&folder).is_ok()).then_some(folder)
    })
}

/// Where local disks are mounted for writing; a disk that is there several times, first as seen.
fn local_disks(mounts: &str) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    let mut folders = Vec::new();
    for line in mounts.lines() {
        let mut fields = line.split(' ');
        let (Some(device), Some(folder), Some(system), Some(options)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let writable = options.split(',').any(|option| option == "rw");
        // Blanks in a name are written `\040`.
        if LOCAL.contains(&system) && writable && !seen.contains(&device) && !folder.contains('\\') {
            seen.push(device);
            folders.push(PathBuf::from(folder));
        }
    }
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_the_jobs_up_to_a_quarter_of_the_machine() {
        const GIB: u64 = 1 << 30;
        assert_eq!(share(2, Some(24 * GIB)), GIB / 2);
        assert_eq!(share(64, Some(256 * GIB)), 16 * GIB);
        assert_eq!(share(16, Some(8 * GIB)), 2 * GIB);
        assert_eq!(share(4, Some(128 << 20)), LEAST);
        assert_eq!(share(0, None), A_JOBS);
    }

    #[test]
    fn the_memory_is_read_from_what_linux_says() {
        assert_eq!(total("MemTotal:       24587268 kB\nMemFree:  1 kB\n"), Some(24_587_268 << 10));
        assert_eq!(total("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn local_disks_are_those_that_can_be_written() {
        let mounts = "/dev/nvme0n1p1 / xfs rw,relatime 0 0\n\
                      tmpfs /run tmpfs rw,nosuid 0 0\n\
                      /dev/md0 /mnt/nvme ext4 rw,noatime 0 0\n\
                      /dev/md0 /var/lib/docker ext4 rw,noatime 0 0\n\
                      10.0.0.1:/x /net nfs4 rw 0 0\n\
                      /dev/sdb1 /archive ext4 ro 0 0\n";
        assert_eq!(local_disks(mounts), [PathBuf::from("/"), PathBuf::from("/mnt/nvme")]);
    }

    #[test]
    fn the_folder_that_is_found_can_be_used() {
        let folder = largest_disk().unwrap_or_else(std::env::temp_dir);
        assert!(tempfile::tempdir_in(&folder).is_ok(), "{}", folder.display());
    }
}
