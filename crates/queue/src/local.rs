//! A queue inside one process.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::Instant;

use crate::{Depth, Message, Queue, QueueError};

/// An in-process queue with SQS's semantics. Time is tokio's, so tests can pause it.
#[derive(Debug)]
pub struct LocalQueue {
    visibility: Duration,
    max_receives: u32,
    state: Mutex<State>,
    arrived: tokio::sync::Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<(String, u32)>,
    in_flight: HashMap<String, (String, u32, Instant)>,
    dead: Vec<String>,
    next_receipt: u64,
}

impl State {
    /// Puts expired receptions back, or aside when they were the last allowed one.
    fn expire(&mut self, now: Instant, max_receives: u32) {
        let expired: Vec<String> = self
            .in_flight
            .iter()
            .filter(|(_, (_, _, until))| *until <= now)
            .map(|(receipt, _)| receipt.clone())
            .collect();
        for receipt in expired {
            if let Some((body, receives, _)) = self.in_flight.remove(&receipt) {
                self.give_back(body, receives, max_receives);
            }
        }
    }

    fn give_back(&mut self, body: String, receives: u32, max_receives: u32) {
        if receives >= max_receives {
            self.dead.push(body);
        } else {
            self.waiting.push_back((body, receives));
        }
    }
}

impl LocalQueue {
    /// An empty queue. `visibility` hides a received message; after `max_receives` receptions without
    /// acknowledgement it becomes a dead letter.
    pub fn new(visibility: Duration, max_receives: u32) -> Self {
        Self { visibility, max_receives, state: Mutex::default(), arrived: tokio::sync::Notify::new() }
    }

    fn with_state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.expire(Instant::now(), self.max_receives);
        change(&mut state)
    }

    fn take(&self, max: usize) -> Vec<Message> {
        self.with_state(|state| {
            let mut messages = Vec::new();
            while messages.len() < max {
                let Some((body, receives)) = state.waiting.pop_front() else { break };
                state.next_receipt += 1;
                let receipt = state.next_receipt.to_string();
                let receives = receives + 1;
                let until = Instant::now() + self.visibility;
                state.in_flight.insert(receipt.clone(), (body.clone(), receives, until));
                messages.push(Message { body, receipt, receives });
            }
            messages
        })
    }

    /// When the next reception expires.
    fn next_expiry(&self) -> Option<Instant> {
        self.with_state(|state| state.in_flight.values().map(|(_, _, until)| *until).min())
    }
}

impl Queue for LocalQueue {
    fn send<'a>(&'a self, bodies: &'a [String]) -> BoxFuture<'a, Result<(), QueueError>> {
        self.with_state(|state| state.waiting.extend(bodies.iter().map(|body| (body.clone(), 0))));
        self.arrived.notify_waiters();
        async { Ok(()) }.boxed()
    }

    fn receive(&self, max: usize, wait: Duration) -> BoxFuture<'_, Result<Vec<Message>, QueueError>> {
        async move {
            let deadline = Instant::now() + wait;
            loop {
                let arrived = self.arrived.notified();
                let messages = self.take(max);
                if !messages.is_empty() || Instant::now() >= deadline {
                    return Ok(messages);
                }
                let until = self.next_expiry().map_or(deadline, |expiry| expiry.min(deadline));
                tokio::select! {
                    () = arrived => {}
                    () = tokio::time::sleep_until(until) => {}
                }
            }
        }
        .boxed()
    }

    fn extend<'a>(&'a self, receipt: &'a str, visibility: Duration) -> BoxFuture<'a, Result<(), QueueError>> {
        let result = self.with_state(|state| {
            if visibility.is_zero() {
                let (body, receives, _) = state.in_flight.remove(receipt).ok_or(QueueError::StaleReceipt)?;
                state.give_back(body, receives, self.max_receives);
                return Ok(());
            }
            let (_, _, until) = state.in_flight.get_mut(receipt).ok_or(QueueError::StaleReceipt)?;
            *until = Instant::now() + visibility;
            Ok(())
        });
        self.arrived.notify_waiters();
        async move { result }.boxed()
    }

    fn acknowledge<'a>(&'a self, receipt: &'a str) -> BoxFuture<'a, Result<(), QueueError>> {
        self.with_state(|state| state.in_flight.remove(receipt));
        async { Ok(()) }.boxed()
    }

    fn depth(&self) -> BoxFuture<'_, Result<Depth, QueueError>> {
        let depth = self.with_state(|state| Depth {
            waiting: state.waiting.len() as u64,
            in_flight: state.in_flight.len() as u64,
            dead: state.dead.len() as u64,
        });
        async move { Ok(depth) }.boxed()
    }

    fn dead_letters(&self, max: usize) -> BoxFuture<'_, Result<Vec<String>, QueueError>> {
        let dead = self.with_state(|state| state.dead.iter().take(max).cloned().collect());
        async move { Ok(dead) }.boxed()
    }

    fn redrive<'a>(
        &'a self,
        wanted: &'a (dyn Fn(&str) -> bool + Send + Sync),
    ) -> BoxFuture<'a, Result<u64, QueueError>> {
        let moved = self.with_state(|state| {
            let (again, dead): (Vec<String>, Vec<String>) =
                std::mem::take(&mut state.dead).into_iter().partition(|body| wanted(body));
            state.dead = dead;
            let moved = again.len() as u64;
            state.waiting.extend(again.into_iter().map(|body| (body, 0)));
            moved
        });
        self.arrived.notify_waiters();
        async move { Ok(moved) }.boxed()
    }

    fn name(&self) -> &str {
        "in-process"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_in_process_queue_keeps_the_queue_contract() {
        let visibility = Duration::from_secs(5);
        let make = || async move { Box::new(LocalQueue::new(visibility, 3)) as Box<dyn Queue> };
        crate::conformance::run(make, visibility, 3).await;
    }
}
