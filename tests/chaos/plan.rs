//! A seed → what will go wrong.

use std::fmt;

use th_env::{Env, Reached, Step};
use th_playground::{Effect, Fault, RequestKind};
use th_tests::{HttpEffect, HttpFault, HttpRequest};

/// What makes it impossible to complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doom {
    /// A row has a value that does not fit.
    BadValue,
    /// A file ends within a row.
    CutOff,
    /// An object is written anew after the plan.
    SourceChanged,
    /// An object is removed after the plan.
    SourceGone,
    /// A store has no space.
    DiskFull,
}

impl Doom {
    const ALL: [Doom; 5] =
        [Doom::BadValue, Doom::CutOff, Doom::SourceChanged, Doom::SourceGone, Doom::DiskFull];

    /// The code that `FAILED.json` must give.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Doom::BadValue => "TH0013",
            Doom::CutOff => "TH0011",
            Doom::SourceChanged | Doom::SourceGone => "TH0010",
            Doom::DiskFull => "TH0023",
        }
    }
}

/// What happens to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It dies at a step, the n-th time.
    DiesAt(Step, u32),
    /// It is killed after so many milliseconds.
    Killed(u64),
    /// It is asked to end (SIGTERM) after so many milliseconds.
    Terminated(u64),
    /// It stands still from one moment to another, in milliseconds.
    Frozen(u64, u64),
    /// It stands still from this moment on until the outcome is decided: a zombie.
    FrozenUntilDecided(u64),
}

/// What will go wrong in one import.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) backend: &'static str,
    pub(crate) ingest: &'static str,
    pub(crate) job_size: &'static str,
    /// Whether some rows have equal keys, of which the first stays.
    pub(crate) equal_keys: bool,
    /// The planner's processes, one after another; whoever comes later has no fate.
    pub(crate) planner: Vec<Fate>,
    /// Workers side by side, each a process after another.
    pub(crate) workers: Vec<Vec<Fate>>,
    /// Finalizers side by side, likewise.
    pub(crate) finalizers: Vec<Vec<Fate>>,
    /// Further messages of jobs (any number is taken modulo the number of jobs), and their delays in seconds.
    pub(crate) messages: Vec<(u32, u32)>,
    pub(crate) http: Vec<HttpFault>,
    pub(crate) cluster: Vec<Fault>,
    /// A store that is away from one moment to another, in milliseconds after the plan.
    pub(crate) store_away: Option<(u64, u64, u64)>,
    /// An outage of bucket and queue, likewise.
    pub(crate) outage: Option<(u64, u64)>,
    /// Another `plan` of the same import, so many milliseconds after the first.
    pub(crate) planned_again: Option<u64>,
    pub(crate) doom: Option<Doom>,
}

struct Dice {
    env: Env,
    by_sql: bool,
    equal_keys: bool,
}

impl Dice {
    fn below(&self, end: u64) -> u64 {
        self.env.random_u64() % end
    }

    fn between(&self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    fn one_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn fate(&self, service: &str) -> Fate {
        let reached = |step: &&Step| {
            step.label().starts_with(service)
                && match step.reached_by() {
                    Reached::Always => true,
                    Reached::Ingesting => !self.by_sql,
                    Reached::BySql => self.by_sql,
                    Reached::Replacing => self.equal_keys,
                    Reached::Deferring => false,
                }
        };
        let steps: Vec<Step> = Step::ALL.iter().filter(reached).copied().collect();
        match self.below(6) {
            0..=2 => Fate::DiesAt(self.pick(&steps), self.between(1, 3) as u32),
            3 => Fate::Killed(self.between(50, 2000)),
            4 => Fate::Terminated(self.between(50, 2000)),
            _ => {
                let from = self.between(50, 1500);
                Fate::Frozen(from, from + self.between(200, 5000))
            }
        }
    }

    fn fates(&self, service: &str, most: u64) -> Vec<Fate> {
        (0..self.below(most + 1)).map(|_| self.fate(service)).collect()
    }

    fn http(&self) -> HttpFault {
        let on = self.pick(&[
            HttpRequest::SourceGet,
            HttpRequest::SourceGet,
            HttpRequest::LedgerGet,
            HttpRequest::LedgerPut,
            HttpRequest::LedgerPut,
            HttpRequest::List,
            HttpRequest::Receive,
            HttpRequest::Extend,
            HttpRequest::Acknowledge,
            HttpRequest::Send,
        ]);
        let effect = match self.below(7) {
            0 => HttpEffect::Refuse(500),
            1 => HttpEffect::Refuse(503),
            2 => HttpEffect::LoseAnswer,
            3 => HttpEffect::Delay { millis: self.between(50, 2500) },
            4 => HttpEffect::Hang { millis: self.between(50, 2500) },
            5 => HttpEffect::Slow { millis: self.between(100, 3000) },
            _ => HttpEffect::Truncate,
        };
        HttpFault { on, skip: self.below(6) as u32, times: self.between(1, 3) as u32, effect }
    }

    fn cluster(&self) -> Fault {
        let regions = [
            RequestKind::Split,
            RequestKind::Write,
            RequestKind::Upload,
            RequestKind::Ingest,
            RequestKind::Coprocessor,
        ];
        let others = [
            RequestKind::Tso,
            RequestKind::Region,
            RequestKind::Scatter,
            RequestKind::PdHttp,
            RequestKind::Import,
            RequestKind::Sql,
        ];
        let plain =
            || [Effect::Delay { millis: self.between(50, 2000) }, Effect::Unavailable, Effect::LoseAnswer];
        let (on, effects) = if self.one_in(3) {
            (self.pick(&others), plain().to_vec())
        } else {
            let mut effects = vec![
                Effect::NotLeader,
                Effect::EpochNotMatch,
                Effect::EpochNotMatchAnything,
                Effect::RegionNotFound,
                Effect::ServerIsBusy { backoff_ms: 100 },
                Effect::StaleCommand,
                Effect::SplitRegion,
                Effect::SplitRegion,
                Effect::MoveLeader,
                Effect::MoveLeader,
                Effect::ConfChange,
            ];
            effects.extend(plain());
            (self.pick(&regions), effects)
        };
        let effect = effects[self.below(effects.len() as u64) as usize].clone();
        let (skip, times) = (self.below(6) as u32, self.between(1, 3) as u32);
        Fault { on, region: None, store: None, skip, times, effect }
    }
}

impl Plan {
    /// What will go wrong with this seed. Must be called inside a runtime.
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice { env: Env::seeded(seed), by_sql: false, equal_keys: false };
        let by_sql = dice.one_in(5);
        dice.by_sql = by_sql;
        dice.equal_keys = !by_sql && dice.one_in(4);
        let mut workers: Vec<Vec<Fate>> = (0..dice.between(1, 3)).map(|_| dice.fates("work", 3)).collect();
        // Whoever stands still within a transaction by SQL keeps its locks, and others wait for them.
        if workers.len() > 1 && !by_sql && dice.one_in(2) {
            workers[0].insert(0, Fate::FrozenUntilDecided(dice.between(300, 1800)));
        }
        let finalizers = (0..dice.between(1, 2)).map(|_| dice.fates("finalize", 2)).collect();
        let planner = dice.fates("plan", 2);
        let messages = (0..dice.below(6)).map(|_| (dice.below(1000) as u32, dice.below(4) as u32)).collect();
        let mut http: Vec<HttpFault> = (0..dice.below(12)).map(|_| dice.http()).collect();
        let mut cluster: Vec<Fault> = (0..dice.below(9)).map(|_| dice.cluster()).collect();
        if dice.one_in(4) {
            // Visibility ends: it cannot be extended, and ingesting takes longer.
            http.push(HttpFault {
                on: HttpRequest::Extend,
                skip: 0,
                times: 20,
                effect: HttpEffect::Refuse(500),
            });
            let on = if by_sql { RequestKind::Sql } else { RequestKind::Ingest };
            let effect = Effect::Delay { millis: dice.between(2500, 4500) };
            let skip = if by_sql { 60 } else { dice.below(3) as u32 };
            cluster.push(Fault { on, region: None, store: None, skip, times: 2, effect });
        }
        let mut doom = dice.one_in(12).then(|| dice.pick(&Doom::ALL));
        if by_sql && doom == Some(Doom::DiskFull) {
            doom = None;
        }
        if doom == Some(Doom::DiskFull) {
            let (skip, effect) = (dice.below(2) as u32, Effect::DiskFull);
            cluster.insert(
                0,
                Fault { on: RequestKind::Ingest, region: None, store: None, skip, times: 10_000, effect },
            );
        }
        Self {
            seed,
            backend: if by_sql { "tidb" } else { "local" },
            ingest: dice.pick(&["write", "write", "upload"]),
            job_size: dice.pick(&["100KiB", "400KiB", "4MiB"]),
            planner,
            workers,
            finalizers,
            messages,
            http,
            cluster,
            store_away: dice.one_in(5).then(|| {
                let from = dice.between(0, 1500);
                (dice.between(1, 3), from, from + dice.between(200, 3000))
            }),
            outage: dice.one_in(5).then(|| {
                let from = dice.between(0, 2000);
                (from, from + dice.between(500, 12_000))
            }),
            planned_again: dice.one_in(5).then(|| dice.between(100, 2500)),
            equal_keys: dice.equal_keys,
            doom,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed, backend, ingest, job_size, equal_keys, planner, workers, finalizers, messages, ..
        } = self;
        write!(
            f,
            "seed {seed}: {backend}, {ingest}, jobs of {job_size}, equal keys {equal_keys}; doom {:?}; planner \
             {planner:?}, again {:?}; workers {workers:?}; finalizers {finalizers:?}; messages {messages:?}; store \
             away {:?}; outage {:?}; http",
            self.doom, self.planned_again, self.store_away, self.outage
        )?;
        for HttpFault { on, skip, times, effect } in &self.http {
            write!(f, " {on:?}@{skip}×{times}:{effect:?}")?;
        }
        f.write_str("; cluster")?;
        for Fault { on, skip, times, effect, .. } in &self.cluster {
            write!(f, " {on:?}@{skip}×{times}:{effect:?}")?;
        }
        Ok(())
    }
}

/// A seed stands for the same plan always.
#[tokio::test]
async fn a_seed_makes_the_same_plan_again() {
    assert_eq!(Plan::of(7).to_string(), Plan::of(7).to_string());
    assert_ne!(Plan::of(7).to_string(), Plan::of(8).to_string());
}
