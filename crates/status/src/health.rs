//! Whether this process gets on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Says of each part of a process why it does not get on, as long as it does not. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Health {
    /// Sets why `part` does not get on, or that it does.
    pub fn set(&self, part: &'static str, stalled: Option<String>) {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match stalled {
            Some(reason) => parts.insert(part, reason),
            None => parts.remove(part),
        };
    }

    /// Why the process does not get on; `None` if it does.
    pub fn stalled(&self) -> Option<String> {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reasons: Vec<String> = parts.iter().map(|(part, reason)| format!("{part}: {reason}")).collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }
}
