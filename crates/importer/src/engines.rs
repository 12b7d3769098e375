//! All engines: what may be done with which of them, and the sorter of each.
//!
//! ```text
//!          open ─▶ Open ─ close ─▶ Closed ⇄ Importing
//!                   │                │
//!                   └─── clean up ───┘
//! ```
//! Nothing here waits for the network, but closing sorts and writing may spill: callers are on blocking threads.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use th_env::Env;
use th_ingest::Duplicates;
use th_sorter::{Duplicate, SortOptions, Sorted, Sorter};
use uuid::Uuid;

use crate::error::Error;

/// How engines are kept.
#[derive(Debug, Clone)]
pub(crate) struct EngineOptions {
    /// Folder of the sorted runs; it belongs to the process.
    pub(crate) folder: PathBuf,
    /// Most engines that are open at once.
    pub(crate) max_open: usize,
    /// Memory of all open engines, in bytes.
    pub(crate) memory: u64,
}

#[derive(Debug)]
enum Phase {
    Open(Sorter),
    Closed(Sorted),
    Importing(Sorted),
    /// It was cleaned up, or closing it failed.
    Gone,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Streams that write to it.
    writers: u32,
    /// All keys begin with it.
    prefix: Vec<u8>,
    /// The largest timestamp of its batches, under which all of it is committed.
    commit_ts: u64,
    /// Pairs so far: the order among equal keys.
    pairs: u64,
    used_micros: i64,
}

type Engine = Arc<Mutex<State>>;

/// Where there is no room for an engine, open ones go that nobody has used for so long: their client has died.
const FORSAKEN: Duration = Duration::from_hours(1);

/// The registry.
#[derive(Clone)]
pub(crate) struct Engines {
    all: Arc<Mutex<HashMap<Uuid, Engine>>>,
    options: Arc<EngineOptions>,
    env: Env,
}

/// A stream that writes to an engine, which stays open meanwhile.
pub(crate) struct Writer {
    uuid: Uuid,
    engine: Engine,
    env: Env,
}

/// An engine being imported; it may be imported again once this is dropped.
pub(crate) struct Importing {
    pub(crate) sorted: Sorted,
    pub(crate) commit_ts: u64,
    engine: Engine,
    env: Env,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hex(bytes: &[u8]) -> String {
    th_cluster::keys::hex(bytes)
}

impl Engines {
    pub(crate) fn new(options: EngineOptions, env: &Env) -> Self {
        Self { all: Arc::default(), options: Arc::new(options), env: env.clone() }
    }

    fn find(&self, uuid: Uuid) -> Option<Engine> {
        lock(&self.all).get(&uuid).cloned()
    }

    /// Opens an engine; one that is open stays so.
    pub(crate) fn open(&self, uuid: Uuid, prefix: Vec<u8>) -> Result<(), Error> {
        if let Some(engine) = self.find(uuid) {
            let state = lock(&engine);
            return match &state.phase {
                Phase::Open(_) if state.prefix == prefix => Ok(()),
                Phase::Open(_) => Err(Error::EnginePrefixNotMatch(uuid, hex(&state.prefix), hex(&prefix))),
                Phase::Closed(_) | Phase::Importing(_) => Err(Error::Closed(uuid)),
                // It is being removed.
                Phase::Gone => Err(Error::EngineInUse(uuid, "being cleaned up")),
            };
        }
        match self.insert(uuid, &prefix) {
            Err(Error::TooManyEngines(_)) => {
                let forsaken = i64::try_from(FORSAKEN.as_micros()).unwrap_or(i64::MAX);
                let removed = self.remove_idle(self.env.now_micros().saturating_sub(forsaken), true);
                tracing::warn!(removed, "no room for an engine; open ones that nobody uses are removed");
                self.insert(uuid, &prefix)
            }
            inserted => inserted,
        }
    }

    fn insert(&self, uuid: Uuid, prefix: &[u8]) -> Result<(), Error> {
        let mut all = lock(&self.all);
        // One that is locked is being written to or closed.
        let is_open =
            |engine: &&Engine| engine.try_lock().map_or(true, |state| matches!(state.phase, Phase::Open(_)));
        let open = all.values().filter(is_open).count();
        if open >= self.options.max_open {
            return Err(Error::TooManyEngines(open));
        }
        let memory = self.options.memory / self.options.max_open.max(1) as u64;
        let sorter = Sorter::new(SortOptions {
            dir: self.options.folder.clone(),
            name: format!("{uuid}-{:08x}", self.env.random_u64() as u32),
            memory: usize::try_from(memory).unwrap_or(usize::MAX),
            disk_quota: None,
        });
        let state = State {
            phase: Phase::Open(sorter),
            writers: 0,
            prefix: prefix.to_vec(),
            commit_ts: 0,
            pairs: 0,
            used_micros: self.env.now_micros(),
        };
        // Opened by two at once, it is the first one's.
        all.entry(uuid).or_insert_with(|| Arc::new(Mutex::new(state)));
        Ok(())
    }

    /// Begins a stream that writes to an open engine.
    pub(crate) fn bind(&self, uuid: Uuid) -> Result<Writer, Error> {
        let engine = self.find(uuid).ok_or(Error::EngineNotFound(uuid))?;
        let mut state = lock(&engine);
        if !matches!(state.phase, Phase::Open(_)) {
            return Err(Error::EngineNotFound(uuid));
        }
        state.writers += 1;
        drop(state);
        Ok(Writer { uuid, engine, env: self.env.clone() })
    }

    /// Closes an engine that nobody writes to: from now on it can be imported, and takes no memory.
    pub(crate) fn close(&self, uuid: Uuid) -> Result<(), Error> {
        let engine = self.find(uuid).ok_or(Error::EngineNotFound(uuid))?;
        let mut state = lock(&engine);
        if state.writers > 0 {
            return Err(Error::EngineInUse(uuid, "being written to; end its streams first"));
        }
        match std::mem::replace(&mut state.phase, Phase::Gone) {
            Phase::Open(sorter) => {
                let sorted = sorter.finish_on_disk().map_err(|error| Error::Sort(error.to_string()))?;
                state.phase = Phase::Closed(sorted);
                state.used_micros = self.env.now_micros();
                tracing::info!(engine = %uuid, pairs = state.pairs, "engine closed");
                Ok(())
            }
            other => {
                state.phase = other;
                Err(Error::EngineNotFound(uuid))
            }
        }
    }

    /// Begins to import a closed engine.
    pub(crate) fn begin_import(&self, uuid: Uuid) -> Result<Importing, Error> {
        let engine = self.find(uuid).ok_or(Error::EngineNotFound(uuid))?;
        let mut state = lock(&engine);
        let (sorted, commit_ts) = match &state.phase {
            Phase::Closed(sorted) => (sorted.clone(), state.commit_ts),
            Phase::Open(_) => return Err(Error::EngineInUse(uuid, "open; close it first")),
            Phase::Importing(_) => return Err(Error::EngineInUse(uuid, "being imported")),
            Phase::Gone => return Err(Error::EngineNotFound(uuid)),
        };
        state.phase = Phase::Importing(sorted.clone());
        drop(state);
        Ok(Importing { sorted, commit_ts, engine, env: self.env.clone() })
    }

    /// Removes an engine; one that is not there is removed already.
    pub(crate) fn clean_up(&self, uuid: Uuid) -> Result<(), Error> {
        let Some(engine) = self.find(uuid) else { return Ok(()) };
        let mut state = lock(&engine);
        if state.writers > 0 {
            return Err(Error::EngineInUse(uuid, "being written to"));
        }
        if matches!(state.phase, Phase::Importing(_)) {
            return Err(Error::EngineInUse(uuid, "being imported"));
        }
        // Its runs go with it.
        state.phase = Phase::Gone;
        drop(state);
        lock(&self.all).remove(&uuid);
        Ok(())
    }

    /// Removes engines (or only open ones) that nobody has used since `before` (microseconds since 1970), and
    /// returns how many.
    pub(crate) fn remove_idle(&self, before: i64, only_open: bool) -> usize {
        let engines: Vec<(Uuid, Engine)> =
            lock(&self.all).iter().map(|(uuid, engine)| (*uuid, Arc::clone(engine))).collect();
        let idle = |engine: &Engine| {
            // One that is locked is in use.
            engine.try_lock().is_ok_and(|state| {
                state.used_micros < before && (!only_open || matches!(state.phase, Phase::Open(_)))
            })
        };
        let removed = engines.into_iter().filter(|(_, engine)| idle(engine));
        removed.filter(|(uuid, _)| self.clean_up(*uuid).is_ok()).count()
    }

    /// Engines that are open, closed, and being imported; and streams that write to them.
    pub(crate) fn count(&self) -> [usize; 4] {
        let engines: Vec<Engine> = lock(&self.all).values().cloned().collect();
        let mut counts = [0; 4];
        for engine in engines {
            let state = lock(&engine);
            counts[3] += state.writers as usize;
            match state.phase {
                Phase::Open(_) => counts[0] += 1,
                Phase::Closed(_) => counts[1] += 1,
                Phase::Importing(_) => counts[2] += 1,
                Phase::Gone => {}
            }
        }
        counts
    }
}

impl Writer {
    /// Adds pairs that are to be committed at `commit_ts`.
    pub(crate) fn write<'p>(
        &self,
        commit_ts: u64,
        pairs: impl Iterator<Item = (&'p [u8], &'p [u8])>,
    ) -> Result<(), Error> {
        if commit_ts == 0 {
            return Err(Error::InvalidChunk("a batch has no commit_ts".to_owned()));
        }
        let mut guard = lock(&self.engine);
        let state = &mut *guard;
        let Phase::Open(sorter) = &mut state.phase else { return Err(Error::EngineNotFound(self.uuid)) };
        for (key, value) in pairs {
            if key.is_empty() || !key.starts_with(&state.prefix) {
                let prefix = hex(&state.prefix);
                let message =
                    format!("the key {} does not begin with the engine's prefix {prefix}", hex(key));
                return Err(Error::InvalidChunk(message));
            }
            sorter.push(key, value, state.pairs).map_err(|error| Error::Sort(error.to_string()))?;
            state.pairs += 1;
        }
        state.commit_ts = state.commit_ts.max(commit_ts);
        state.used_micros = self.env.now_micros();
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let mut state = lock(&self.engine);
        state.writers = state.writers.saturating_sub(1);
    }
}

impl Drop for Importing {
    fn drop(&mut self) {
        let mut state = lock(&self.engine);
        state.used_micros = self.env.now_micros();
        state.phase = match std::mem::replace(&mut state.phase, Phase::Gone) {
            Phase::Importing(sorted) => Phase::Closed(sorted),
            other => other,
        };
    }
}

/// Pairs with equal keys. The same pair twice is a batch that was sent again.
#[derive(Debug, Default)]
pub(crate) struct Twice {
    count: u64,
    first: Vec<u8>,
}

impl Duplicates for Twice {
    fn add(&mut self, found: &Duplicate<'_>) {
        if found.first_value != found.second_value {
            if self.count == 0 {
                self.first.extend_from_slice(found.key);
            }
            self.count += 1;
        }
    }
}

impl Twice {
    /// The error, if different pairs have one key.
    pub(crate) fn check(&self, uuid: Uuid) -> Result<(), Error> {
        match self.count {
            0 => Ok(()),
            count => Err(Error::DuplicateKeys { uuid, count, key: hex(&self.first) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engines(folder: &std::path::Path) -> Engines {
        let options = EngineOptions { folder: folder.to_owned(), max_open: 2, memory: 1 << 20 };
        Engines::new(options, &Env::real())
    }

    fn name(number: u64) -> Uuid {
        Uuid::from_u64_pair(0, number)
    }

    #[test]
    fn an_engine_is_written_closed_imported_and_cleaned_up_in_this_order_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let engines = engines(folder.path());
        let one = name(1);
        assert!(matches!(engines.bind(one), Err(Error::EngineNotFound(_))), "not open yet");
        assert_eq!(engines.close(one), Err(Error::EngineNotFound(one)));
        assert!(matches!(engines.begin_import(one), Err(Error::EngineNotFound(_))));
        engines.open(one, Vec::new()).expect("it opens");
        engines.open(one, Vec::new()).expect("it is open");
        assert!(matches!(engines.open(one, b"t".to_vec()), Err(Error::EnginePrefixNotMatch(..))));
        let writer = engines.bind(one).expect("it is open");
        writer.write(7, [(b"b".as_slice(), b"2".as_slice())].into_iter()).expect("it takes pairs");
        writer.write(9, [(b"a".as_slice(), b"1".as_slice())].into_iter()).expect("it takes pairs");
        assert!(matches!(engines.close(one), Err(Error::EngineInUse(..))), "somebody writes");
        assert!(matches!(engines.clean_up(one), Err(Error::EngineInUse(..))), "somebody writes");
        drop(writer);
        assert!(matches!(engines.begin_import(one), Err(Error::EngineInUse(..))), "it is open");
        engines.close(one).expect("it closes");
        assert_eq!(engines.close(one), Err(Error::EngineNotFound(one)));
        assert_eq!(engines.open(one, Vec::new()), Err(Error::Closed(one)));
        assert!(Error::Closed(one).to_string().starts_with("FileExists"), "old clients look for it");
        assert!(matches!(engines.bind(one), Err(Error::EngineNotFound(_))));
        let importing = engines.begin_import(one).expect("it is closed");
        assert_eq!((importing.commit_ts, importing.sorted.pair_bytes()), (9, 4));
        assert!(matches!(engines.begin_import(one), Err(Error::EngineInUse(..))));
        assert!(matches!(engines.clean_up(one), Err(Error::EngineInUse(..))));
        drop(importing);
        drop(engines.begin_import(one).expect("it may be imported again"));
        engines.clean_up(one).expect("it goes");
        engines.clean_up(one).expect("it is gone");
        assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0);
        engines.open(one, Vec::new()).expect("its name is free");
    }

    #[test]
    fn so_many_engines_are_open_and_idle_ones_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let engines = engines(folder.path());
        engines.open(name(1), Vec::new()).expect("one");
        engines.open(name(2), Vec::new()).expect("two");
        assert_eq!(engines.open(name(3), Vec::new()), Err(Error::TooManyEngines(2)));
        engines.close(name(1)).expect("it closes");
        engines.open(name(3), Vec::new()).expect("a closed one is not open");
        let writer = engines.bind(name(2)).expect("it is open");
        assert_eq!(engines.count(), [2, 1, 0, 1]);
        assert_eq!(engines.remove_idle(0, false), 0);
        assert_eq!(engines.remove_idle(i64::MAX, false), 2, "not the one that is written to");
        drop(writer);
        assert_eq!(engines.count(), [1, 0, 0, 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_whose_client_has_died_makes_room_after_an_hour() {
        let folder = tempfile::tempdir().expect("a folder");
        let options = EngineOptions { folder: folder.path().to_owned(), max_open: 2, memory: 1 << 20 };
        let engines = Engines::new(options, &Env::seeded(1));
        engines.open(name(1), Vec::new()).expect("one");
        engines.open(name(2), Vec::new()).expect("two");
        let writer = engines.bind(name(2)).expect("it is open");
        tokio::time::advance(FORSAKEN + Duration::from_secs(1)).await;
        engines.open(name(3), Vec::new()).expect("it has the first one's room");
        assert!(matches!(engines.bind(name(1)), Err(Error::EngineNotFound(_))));
        assert_eq!(engines.open(name(4), Vec::new()), Err(Error::TooManyEngines(2)), "both are in use");
        drop(writer);
    }

    #[test]
    fn pairs_that_cannot_be_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let engines = engines(folder.path());
        engines.open(name(1), b"t1".to_vec()).expect("it opens");
        let writer = engines.bind(name(1)).expect("it is open");
        let pair = |key: &'static [u8]| [(key, b"v".as_slice())].into_iter();
        assert!(matches!(writer.write(0, pair(b"t1_r")), Err(Error::InvalidChunk(_))));
        assert!(matches!(writer.write(1, pair(b"t2_r")), Err(Error::InvalidChunk(_))));
        writer.write(1, pair(b"t1_r")).expect("it is right");
    }

    #[test]
    fn the_same_pair_twice_is_no_conflict() {
        let mut twice = Twice::default();
        let found = |second_value: &'static [u8]| Duplicate {
            key: b"k",
            first: 0,
            first_value: b"v",
            second: 1,
            second_value,
        };
        twice.add(&found(b"v"));
        twice.check(name(1)).expect("the same");
        twice.add(&found(b"w"));
        let error = twice.check(name(1)).expect_err("another value").to_string();
        assert!(error.contains("1 pairs") && error.ends_with("6b"), "{error}");
    }
}
