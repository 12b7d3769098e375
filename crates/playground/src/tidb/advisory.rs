//! Locks by name: GET_LOCK and RELEASE_LOCK. They belong to a session and end with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::tidb::error::SqlError;
use crate::tidb::session::Session;
use crate::tidb::token::{Kind, tokenize};

/// Locks by key, made when they are first wanted.
#[derive(Default)]
pub(crate) struct Locks(Mutex<HashMap<String, Arc<AsyncMutex<()>>>>);

impl Locks {
    /// The lock of a key.
    pub(crate) fn get(&self, key: &str) -> Arc<AsyncMutex<()>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(key.to_owned()).or_default())
    }
}

/// The locks of a session, each with how often it was taken.
#[derive(Default)]
pub(crate) struct Held(HashMap<String, (OwnedMutexGuard<()>, u32)>);

impl Held {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// A call of one of the functions: its name, and its arguments.
enum Call {
    Get(String, Duration),
    Release(String),
}

fn parse(text: &str) -> Option<Call> {
    let kinds: Vec<Kind> = tokenize(text).ok()?.into_iter().map(|token| token.kind).collect();
    match kinds.as_slice() {
        [
            Kind::Word(word),
            Kind::Symbol("("),
            Kind::Text(name),
            Kind::Symbol(","),
            Kind::Number(seconds),
            Kind::Symbol(")"),
        ] if word.eq_ignore_ascii_case("get_lock") => {
            Some(Call::Get(name.to_lowercase(), Duration::from_secs(seconds.parse().ok()?)))
        }
        [Kind::Word(word), Kind::Symbol("("), Kind::Text(name), Kind::Symbol(")")]
            if word.eq_ignore_ascii_case("release_lock") =>
        {
            Some(Call::Release(name.to_lowercase()))
        }
        _ => None,
    }
}

impl Session {
    /// What GET_LOCK or RELEASE_LOCK answers; `None` if the text is no such call.
    pub(crate) async fn named_lock(&mut self, text: &str) -> Result<Option<Option<String>>, SqlError> {
        let answer = match parse(text) {
            None => return Ok(None),
            Some(Call::Get(name, patience)) => match self.named_locks.0.get_mut(&name) {
                Some((_, count)) => {
                    *count += 1;
                    Some("1")
                }
                None => {
                    let waiting = self.tidb.named_locks.get(&name).lock_owned();
                    match tokio::time::timeout(patience, waiting).await {
                        Ok(lock) => {
                            self.named_locks.0.insert(name, (lock, 1));
                            Some("1")
                        }
                        Err(_) => Some("0"),
                    }
                }
            },
            Some(Call::Release(name)) => match self.named_locks.0.get_mut(&name) {
                None => None,
                Some((_, count)) if *count > 1 => {
                    *count -= 1;
                    Some("1")
                }
                Some(_) => {
                    self.named_locks.0.remove(&name);
                    Some("1")
                }
            },
        };
        Ok(Some(answer.map(str::to_owned)))
    }
}
