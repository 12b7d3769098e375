//! PD's members. All know the same, as by Raft; one of them leads and answers, the others say who, and any may be down.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use th_proto::pdpb;
use tonic::Status;

const FIRST_ID: u64 = 3_474_484_975_246_189_105;

/// The members by their numbers, from 0; clones share them.
#[derive(Debug, Clone)]
pub struct PdMembers {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// `http://host:port` that clients are told, of each.
    urls: Vec<String>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    leader: usize,
    down: BTreeSet<usize>,
    answered: Vec<u64>,
}

impl PdMembers {
    /// Members at these URLs, the first of which leads.
    pub(crate) fn new(urls: Vec<String>) -> Self {
        let state = State { answered: vec![0; urls.len()], ..State::default() };
        Self { inner: Arc::new(Inner { urls, state: Mutex::new(state) }) }
    }

    /// Makes a member the leader.
    pub fn lead(&self, member: usize) {
        self.state(|state| state.leader = member);
    }

    /// Takes a member down: every request to it fails as if nobody listened. Who leads then is said by
    /// [`lead`](Self::lead); nobody, as long as that is the one that is down.
    pub fn take_down(&self, member: usize) {
        self.state(|state| state.down.insert(member));
    }

    /// Brings a member up again.
    pub fn bring_up(&self, member: usize) {
        self.state(|state| state.down.remove(&member));
    }

    /// Requests by gRPC that a member has answered as the leader.
    pub fn answered(&self, member: usize) -> u64 {
        self.state(|state| state.answered.get(member).copied().unwrap_or(0))
    }

    /// A member as seen by itself.
    pub(crate) fn seat(&self, member: usize) -> Seat {
        Seat { members: self.clone(), member }
    }

    fn state<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.inner.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One member as its services see it.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    members: PdMembers,
    member: usize,
}

impl Seat {
    /// The member's id.
    pub(crate) fn id(&self) -> u64 {
        id_of(self.member)
    }

    /// The member's name.
    pub(crate) fn name(&self) -> String {
        name_of(self.member)
    }

    /// `http://host:port` that clients are told.
    pub(crate) fn url(&self) -> &str {
        self.members.inner.urls.get(self.member).map_or("", String::as_str)
    }

    /// Refuses every request if the member is down.
    pub(crate) fn check_up(&self) -> Result<(), Status> {
        if self.is_down() { Err(Status::unavailable("connection refused")) } else { Ok(()) }
    }

    /// Refuses what only the leader answers.
    pub(crate) fn check_leads(&self) -> Result<(), Status> {
        self.check_up()?;
        self.members.state(|state| {
            if state.leader != self.member {
                return Err(Status::unavailable("not leader"));
            }
            if let Some(answered) = state.answered.get_mut(self.member) {
                *answered += 1;
            }
            Ok(())
        })
    }

    pub(crate) fn is_down(&self) -> bool {
        self.members.state(|state| state.down.contains(&self.member))
    }

    /// Who leads, if the one that does is up.
    fn leader(&self) -> Option<usize> {
        self.members.state(|state| (!state.down.contains(&state.leader)).then_some(state.leader))
    }

    /// Whether anybody leads, so that a request can be passed on.
    pub(crate) fn has_leader(&self) -> bool {
        self.leader().is_some()
    }

    /// All members and the leader, as gRPC tells them.
    pub(crate) fn listed(&self) -> (Vec<pdpb::Member>, Option<pdpb::Member>) {
        let member = |(number, url): (usize, &String)| pdpb::Member {
            name: name_of(number),
            member_id: id_of(number),
            peer_urls: vec![url.clone()],
            client_urls: vec![url.clone()],
            ..Default::default()
        };
        let all: Vec<_> = self.members.inner.urls.iter().enumerate().map(member).collect();
        let leader = self.leader().and_then(|leader| all.get(leader).cloned());
        (all, leader)
    }

    /// The same as HTTP tells them.
    pub(crate) fn listed_as_json(&self) -> (Vec<Value>, Value) {
        let member = |(number, url): (usize, &String)| {
            json!({
                "name": name_of(number),
                "member_id": id_of(number),
                "peer_urls": [url],
                "client_urls": [url],
            })
        };
        let all: Vec<_> = self.members.inner.urls.iter().enumerate().map(member).collect();
        let leader = self.leader().and_then(|leader| all.get(leader).cloned()).unwrap_or_default();
        (all, leader)
    }

    /// Whether a member is up, by its number in the lists.
    pub(crate) fn is_up(&self, member: usize) -> bool {
        self.members.state(|state| !state.down.contains(&member))
    }
}

fn id_of(member: usize) -> u64 {
    FIRST_ID + member as u64
}

fn name_of(member: usize) -> String {
    format!("pd{}", member + 1)
}
