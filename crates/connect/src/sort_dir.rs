//! The sort folder of one process, which is gone when the process is.
//!
//! A lock file beside the folder tells the living from the dead: a process that was killed leaves its lock
//! free, and whoever starts next at the same place removes what it left.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use th_config::Config;
use th_env::Env;
use th_errors::{Code, Fault};

use crate::machine::sort_base;

const PREFIX: &str = "thunderhead-";
const LOCK: &str = "lock";

/// The import's own folder below the configured sort folder; removed with everything in it on drop.
#[derive(Debug)]
pub struct SortDir {
    /// The folder.
    pub path: PathBuf,
    /// Held as long as the folder is in use.
    _lock: File,
}

impl SortDir {
    /// Makes a fresh folder, after removing those of dead processes.
    pub fn create(config: &Config, env: &Env) -> Result<Self, Fault> {
        let base = sort_base(config);
        Self::create_in(&base, env).map_err(|error| {
            let message = format!("cannot create the sort folder in {}: {error}", base.display());
            Fault::new(Code::SortFolder, message)
        })
    }

    fn create_in(base: &Path, env: &Env) -> io::Result<Self> {
        std::fs::create_dir_all(base)?;
        remove_dead(base);
        loop {
            let path = base.join(format!("{PREFIX}{:016x}", env.random_u64()));
            let lock = File::create(path.with_extension(LOCK))?;
            match lock.try_lock() {
                Ok(()) => {
                    std::fs::create_dir(&path)?;
                    return Ok(Self { path, _lock: lock });
                }
                // Another process took the file for a dead one's before it was locked.
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

impl Drop for SortDir {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// The folders of dead processes below the configured sort folder.
pub fn dead_sort_dirs(config: &Config) -> Vec<PathBuf> {
    dead(&sort_base(config))
}

/// The folders whose lock nobody holds.
fn dead(base: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(base) else { return Vec::new() };
    let is_dead = |lock: &PathBuf| {
        let name = lock.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_lock = lock.extension().is_some_and(|extension| extension == LOCK) && name.starts_with(PREFIX);
        is_lock && File::open(lock).is_ok_and(|file| file.try_lock().is_ok())
    };
    let locks = entries.flatten().map(|entry| entry.path()).filter(is_dead);
    locks.map(|lock| lock.with_extension("")).collect()
}

/// Removes the folders whose lock nobody holds.
fn remove_dead(base: &Path) {
    for folder in dead(base) {
        tracing::info!(path = %folder.display(), "the sort folder of a dead process is removed");
        remove(&folder);
    }
}

fn remove(path: &Path) {
    for result in [std::fs::remove_dir_all(path), std::fs::remove_file(path.with_extension(LOCK))] {
        if let Err(error) = result
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "cannot remove the sort folder");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(base: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(base).expect("the base folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn folders_of_the_dead_are_removed_and_those_of_the_living_stay() {
        let base = tempfile::tempdir().expect("a folder");
        let env = Env::real();
        let living = SortDir::create_in(base.path(), &env).expect("a sort folder");
        let dead = base.path().join("thunderhead-00000000000000aa");
        std::fs::create_dir(&dead).expect("a folder");
        std::fs::write(dead.join("run"), "pairs").expect("a run");
        std::fs::write(dead.with_extension("lock"), "").expect("a lock file");
        std::fs::write(base.path().join("thunderhead-notes.txt"), "").expect("somebody's file");
        let next = SortDir::create_in(base.path(), &env).expect("a sort folder");
        assert!(living.path.is_dir() && next.path.is_dir());
        assert!(!dead.exists());
        drop((living, next));
        assert_eq!(names(base.path()), ["thunderhead-notes.txt"]);
    }
}
