//! Who may send to which stores now: every write, upload and ingest of this process takes a place at each store it goes
//! to, of which a store has as many as its [`Window`] says.
//!
//! Places at several stores are taken together or not at all, and nobody waits while holding one: who waits for a busy
//! store leaves the others to those who need only them, and no two wait for each other. Whoever has been passed over
//! [`PASSED_OVER`] times gets a place kept at each of its stores as it becomes free, so nobody waits for ever.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use th_env::Env;
use tokio::sync::oneshot;

use super::window::Window;
use crate::{Diagnosis, NextStep};

/// Grants to later ones after which places are kept for the one who has waited longest.
const PASSED_OVER: u32 = 32;
/// A store's trouble is logged at most so often.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// The stores' windows and those who wait.
pub(crate) struct Admission {
    env: Env,
    ceiling: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stores: HashMap<u64, Store>,
    waiting: VecDeque<Waiting>,
}

struct Store {
    window: Window,
    /// Places taken. More than the window's limit for a while after that has fallen.
    taken: u32,
    /// When its trouble was last logged, in the clock's microseconds.
    logged: Option<i64>,
    /// Whether the log has it in trouble.
    in_trouble: bool,
}

struct Waiting {
    stores: Vec<u64>,
    passed_over: u32,
    admitted: oneshot::Sender<Places>,
}

/// Places at stores, free again when dropped.
pub(crate) struct Places {
    admission: Arc<Admission>,
    /// Store and the round of its window.
    taken: Vec<(u64, u32)>,
}

impl Admission {
    /// At most `ceiling` requests are with one store at once.
    pub(crate) fn new(env: Env, ceiling: u32) -> Arc<Self> {
        Arc::new(Self { env, ceiling, state: Mutex::default() })
    }

    /// Waits for a place at each of these stores, but not longer than `limit`.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        mut stores: Vec<u64>,
        limit: Duration,
    ) -> Result<Places, Diagnosis> {
        stores.sort_unstable();
        stores.dedup();
        let named = stores.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let (admitted, turn) = oneshot::channel();
        self.change(|state| state.waiting.push_back(Waiting { stores, passed_over: 0, admitted }));
        match tokio::time::timeout(limit, turn).await {
            Ok(Ok(places)) => Ok(places),
            // The sender is dropped with this admission only.
            Ok(Err(_)) | Err(_) => Err(Diagnosis {
                name: "StoreOccupied",
                step: NextStep::Again(Duration::ZERO),
                endpoint: format!("store {named}"),
                message: format!("requests that are with it left no place for another within {limit:?}"),
            }),
        }
    }

    /// How many requests each store met so far may be given at once, by store.
    pub(crate) fn limits(&self) -> Vec<(u64, u32)> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut limits: Vec<_> = state.stores.iter().map(|(&id, store)| (id, store.window.limit())).collect();
        limits.sort_unstable();
        limits
    }

    /// Changes something, and lets in whoever may enter then.
    fn change(self: &Arc<Self>, act: impl FnOnce(&mut State)) {
        let admitted = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            act(&mut state);
            state.admit(self)
        };
        // Places that nobody takes any more come back through here, so the lock must be free.
        for (waiting, places) in admitted {
            let _ = waiting.send(places);
        }
    }

    fn heed(self: &Arc<Self>, id: u64, round: u32, refusal: Option<&Diagnosis>) {
        self.change(|state| {
            let Some(store) = state.stores.get_mut(&id) else { return };
            match refusal {
                Some(refusal) if refusal.is_overload() => {
                    if store.window.refused(round) {
                        store.log_halved(id, refusal, self.env.now_micros());
                    }
                }
                Some(_) => {}
                None => {
                    if store.window.succeeded(round) && std::mem::take(&mut store.in_trouble) {
                        let limit = store.window.limit();
                        tracing::info!(store = id, limit, "the store takes as many requests at once as ever");
                    }
                }
            }
        });
    }
}

impl State {
    /// Takes the places of all who may enter, in the order in which they came.
    fn admit(&mut self, admission: &Arc<Admission>) -> Vec<(oneshot::Sender<Places>, Places)> {
        let mut admitted = Vec::new();
        self.waiting.retain(|waiting| !waiting.admitted.is_closed());
        let mut index = 0;
        while let Some(waiting) = self.waiting.get(index) {
            let first = self.waiting.front().filter(|_| index > 0);
            let kept = first.filter(|first| first.passed_over >= PASSED_OVER);
            let fits = waiting.stores.iter().all(|id| {
                let keep = u32::from(kept.is_some_and(|first| first.stores.contains(id)));
                let (limit, taken) = self
                    .stores
                    .get(id)
                    .map_or((admission.ceiling.max(1), 0), |s| (s.window.limit(), s.taken));
                taken + keep < limit
            });
            if !fits {
                index += 1;
                continue;
            }
            let Some(waiting) = self.waiting.remove(index) else { break };
            if index > 0
                && let Some(first) = self.waiting.front_mut()
                && first.stores.iter().any(|id| waiting.stores.contains(id))
            {
                first.passed_over += 1;
            }
            let taken = waiting.stores.iter().map(|&id| (id, self.take(id, admission.ceiling))).collect();
            admitted.push((waiting.admitted, Places { admission: Arc::clone(admission), taken }));
        }
        admitted
    }

    fn take(&mut self, id: u64, ceiling: u32) -> u32 {
        let store = self.stores.entry(id).or_insert_with(|| Store {
            window: Window::new(ceiling),
            taken: 0,
            logged: None,
            in_trouble: false,
        });
        store.taken += 1;
        store.window.round()
    }
}

impl Store {
    fn log_halved(&mut self, id: u64, refusal: &Diagnosis, now: i64) {
        let every = i64::try_from(LOG_EVERY.as_micros()).unwrap_or(i64::MAX);
        if self.logged.is_some_and(|last| now - last < every) {
            return;
        }
        self.logged = Some(now);
        self.in_trouble = true;
        tracing::warn!(
            store = id,
            limit = self.window.limit(),
            error = refusal.name,
            "the store has too much to do and is sent fewer requests at once"
        );
    }
}

impl Places {
    /// How the request to this store ended: the store's window follows from that.
    pub(crate) fn heed<T>(&self, store: u64, outcome: &Result<T, Diagnosis>) {
        if let Some(&(_, round)) = self.taken.iter().find(|(id, _)| *id == store) {
            self.admission.heed(store, round, outcome.as_ref().err());
        }
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.admission.change(|state| {
            for (id, _) in &self.taken {
                if let Some(store) = state.stores.get_mut(id) {
                    store.taken = store.taken.saturating_sub(1);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn admission(ceiling: u32) -> Arc<Admission> {
        Admission::new(Env::seeded(1), ceiling)
    }

    fn busy() -> Result<(), Diagnosis> {
        Err(crate::diagnosis::of_status("store", &tonic::Status::deadline_exceeded("")))
    }

    /// What is admitted without a wait.
    fn at_once(admission: &Arc<Admission>, stores: &[u64]) -> Option<Places> {
        admission
            .enter(stores.to_vec(), LONG)
            .now_or_never()
            .map(|places| places.expect("no deadline passed"))
    }

    #[tokio::test]
    async fn who_waits_for_an_occupied_store_leaves_the_others_to_those_who_need_only_them() {
        let admission = admission(1);
        let third = at_once(&admission, &[3]).expect("the store is free");
        let mut all = Box::pin(admission.enter(vec![1, 2, 3], LONG));
        assert!((&mut all).now_or_never().is_none(), "store 3 has no place");
        for _ in 0..PASSED_OVER / 2 {
            assert!(at_once(&admission, &[1]).is_some() && at_once(&admission, &[2]).is_some());
        }
        // Now it has been passed over often enough: its places are kept.
        assert!(at_once(&admission, &[1]).is_none());
        assert!(at_once(&admission, &[4]).is_some(), "nobody waits for store 4");
        drop(third);
        let all = (&mut all).now_or_never().expect("all three are free").expect("in time");
        assert!(at_once(&admission, &[1]).is_none());
        drop(all);
        assert!(at_once(&admission, &[1, 2, 3]).is_some());
    }

    #[tokio::test]
    async fn places_of_those_who_do_not_wait_any_more_are_given_to_others() {
        let admission = admission(1);
        let first = at_once(&admission, &[1]).expect("free");
        let mut gone = Box::pin(admission.enter(vec![1], LONG));
        assert!((&mut gone).now_or_never().is_none());
        let mut next = Box::pin(admission.enter(vec![1], LONG));
        assert!((&mut next).now_or_never().is_none());
        // Admitted, and gone before it could know.
        drop(first);
        drop(gone);
        assert!((&mut next).now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_for_a_place_ends() {
        let admission = admission(1);
        let _held = at_once(&admission, &[7]).expect("free");
        let refusal = admission.enter(vec![7], Duration::from_secs(5)).await.err().expect("no place");
        assert_eq!((refusal.name, refusal.endpoint.as_str()), ("StoreOccupied", "store 7"));
        assert!(!refusal.is_overload(), "it is no word of the store");
    }

    #[tokio::test]
    async fn a_store_that_has_too_much_is_sent_half_and_the_others_as_much_as_before() {
        let admission = admission(4);
        let places = at_once(&admission, &[1, 2]).expect("free");
        places.heed(1, &Ok(()));
        places.heed(2, &busy());
        drop(places);
        assert_eq!(admission.limits(), [(1, 4), (2, 2)]);
        let held = [at_once(&admission, &[2]), at_once(&admission, &[2])];
        assert!(held.iter().all(Option::is_some) && at_once(&admission, &[2]).is_none());
        drop(held);
        for _ in 0..2 + 3 {
            at_once(&admission, &[2]).expect("free").heed(2, &Ok(()));
        }
        assert_eq!(admission.limits(), [(1, 4), (2, 4)]);
    }
}
