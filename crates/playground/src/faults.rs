//! Misbehaviour on demand: what the playground does wrong, and when.
//!
//! A [`Fault`] waits for requests that it matches and strikes a given number of times. Every service
//! asks [`Faults`] before it does its work, so one list drives all of them; the list is reachable
//! from code and over HTTP (`/playground/fault`).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Which requests a fault waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// Every request.
    Any,
    /// PD's timestamps.
    Tso,
    /// PD's region look-ups and scans.
    Region,
    /// PD's scatter.
    Scatter,
    /// PD's HTTP API.
    PdHttp,
    /// TiKV's SplitRegion.
    Split,
    /// TiKV's KvGet, KvBatchGet and KvScan.
    Read,
    /// TiKV's coprocessor (checksum).
    Coprocessor,
    /// ImportSST.Write.
    Write,
    /// ImportSST.Upload.
    Upload,
    /// ImportSST.Ingest and MultiIngest.
    Ingest,
    /// Every other ImportSST request.
    Import,
    /// `ANALYZE TABLE`.
    Analyze,
    /// Every other SQL statement.
    Sql,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Region error NotLeader (the leader did not move: it names the true leader).
    NotLeader,
    /// Region error EpochNotMatch with the current regions.
    EpochNotMatch,
    /// Region error EpochNotMatch that names no region.
    EpochNotMatchAnything,
    /// Region error RegionNotFound.
    RegionNotFound,
    /// Region error ServerIsBusy with this backoff hint.
    ServerIsBusy {
        /// Hint to the client.
        backoff_ms: u64,
    },
    /// Region error StaleCommand.
    StaleCommand,
    /// Region error DiskFull.
    DiskFull,
    /// The region is cut in two before the request is looked at.
    SplitRegion,
    /// The leader moves to another store before the request is looked at (if there is another replica).
    MoveLeader,
    /// The region's membership version rises before the request is looked at.
    ConfChange,
    /// The request waits.
    Delay {
        /// How long.
        millis: u64,
    },
    /// The request is not done and the client sees a broken connection.
    Unavailable,
    /// The request *is* done, and then the client sees a broken connection.
    LoseAnswer,
    /// A plain error: of gRPC (`UNKNOWN`), HTTP (500) or SQL (1105).
    Error {
        /// Its text.
        message: String,
    },
}

/// A misbehaviour that waits for its requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Requests it waits for.
    pub on: RequestKind,
    /// Only requests about this region.
    #[serde(default)]
    pub region: Option<u64>,
    /// Only requests to this store.
    #[serde(default)]
    pub store: Option<u64>,
    /// Matching requests that pass before it strikes.
    #[serde(default)]
    pub skip: u32,
    /// How often it strikes.
    #[serde(default = "once")]
    pub times: u32,
    /// What it does.
    pub effect: Effect,
}

fn once() -> u32 {
    1
}

/// The list of waiting faults; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    inner: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Fault>,
    down: BTreeSet<u64>,
    struck: u64,
}

impl Faults {
    /// Adds a fault.
    pub fn add(&self, fault: Fault) {
        self.state(|state| state.waiting.push(fault));
    }

    /// Adds one that strikes any region and store `times` times.
    pub fn inject(&self, on: RequestKind, times: u32, effect: Effect) {
        self.add(Fault { on, region: None, store: None, skip: 0, times, effect });
    }

    /// Forgets all faults and brings all stores up.
    pub fn clear(&self) {
        self.state(|state| {
            state.waiting.clear();
            state.down.clear();
        });
    }

    /// Faults that have not struck out yet.
    pub fn waiting(&self) -> Vec<Fault> {
        self.state(|state| state.waiting.clone())
    }

    /// How often any fault has struck.
    pub fn struck(&self) -> u64 {
        self.state(|state| state.struck)
    }

    /// Takes a store down: every request to it fails as if nobody listened.
    pub fn store_down(&self, store_id: u64) {
        self.state(|state| state.down.insert(store_id));
    }

    /// Brings a store up again.
    pub fn store_up(&self, store_id: u64) {
        self.state(|state| state.down.remove(&store_id));
    }

    /// Whether a store is down.
    pub fn is_store_down(&self, store_id: u64) -> bool {
        self.state(|state| state.down.contains(&store_id))
    }

    /// What strikes this request, if anything; counts it.
    pub(crate) fn strike(
        &self,
        kind: RequestKind,
        region: Option<u64>,
        store: Option<u64>,
    ) -> Option<Effect> {
        self.state(|state| {
            let matches = |fault: &Fault| {
                (fault.on == RequestKind::Any || fault.on == kind)
                    && (fault.region.is_none() || fault.region == region)
                    && (fault.store.is_none() || fault.store == store)
            };
            let position = state.waiting.iter_mut().position(|fault| {
                if !matches(fault) {
                    return false;
                }
                if fault.skip > 0 {
                    fault.skip -= 1;
                    return false;
                }
                true
            })?;
            let fault = state.waiting.get_mut(position)?;
            let effect = fault.effect.clone();
            fault.times = fault.times.saturating_sub(1);
            if fault.times == 0 {
                state.waiting.remove(position);
            }
            state.struck += 1;
            Some(effect)
        })
    }

    fn state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_lets_some_pass_strikes_its_times_and_is_gone() {
        let faults = Faults::default();
        faults.add(Fault {
            on: RequestKind::Write,
            region: Some(7),
            store: None,
            skip: 1,
            times: 2,
            effect: Effect::Unavailable,
        });
        let strike = |kind, region| faults.strike(kind, Some(region), Some(1)).is_some();
        assert!(!strike(RequestKind::Ingest, 7));
        assert!(!strike(RequestKind::Write, 8));
        assert!(!strike(RequestKind::Write, 7), "the first passes");
        assert!(strike(RequestKind::Write, 7));
        assert!(strike(RequestKind::Write, 7));
        assert!(!strike(RequestKind::Write, 7));
        assert_eq!((faults.struck(), faults.waiting().len()), (2, 0));
    }

    #[test]
    fn a_fault_is_written_as_short_json() {
        let fault: Fault =
            serde_json::from_str(r#"{"on":"ingest","effect":{"server_is_busy":{"backoff_ms":5}}}"#).unwrap();
        assert_eq!((fault.times, fault.effect), (1, Effect::ServerIsBusy { backoff_ms: 5 }));
    }
}
