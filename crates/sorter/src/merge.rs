//! One pass over all runs, in key order.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::arena::{Arena, PairRef, compare_pairs};
use crate::run::RunReader;
use crate::{SortError, Sorted};

/// Two pairs with the same key, by their tags, in tag order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duplicate<'a> {
    /// The key both have.
    pub key: &'a [u8],
    /// Tag of the first pair with this key, the one that is passed on.
    pub first: u64,
    /// Value of the first pair.
    pub first_value: &'a [u8],
    /// Tag of this further pair, which is left out.
    pub second: u64,
    /// Value of the further pair.
    pub second_value: &'a [u8],
}

/// A source of sorted pairs.
#[derive(Debug)]
enum Cursor {
    Memory { arena: Arc<Arena>, position: Option<(usize, usize)> },
    Disk { reader: RunReader, valid: bool },
}

impl Cursor {
    fn current(&self) -> Option<PairRef<'_>> {
        match self {
            Cursor::Memory { arena, position } => position.and_then(|position| arena.at(position)),
            Cursor::Disk { reader, valid } => valid.then(|| reader.current()),
        }
    }

    fn advance(&mut self) -> Result<(), SortError> {
        match self {
            Cursor::Memory { arena, position } => {
                *position = position.and_then(|position| arena.next_position(position));
            }
            Cursor::Disk { reader, valid } => *valid = reader.advance()?,
        }
        Ok(())
    }
}

/// Merges sorted parts; see [`merge`].
#[derive(Debug)]
pub struct Merge {
    cursors: Vec<Cursor>,
    /// Cursor numbers as a binary min-heap on their current pairs; exhausted cursors are removed.
    heap: Vec<usize>,
    /// Whether the top cursor still stands on the pair last handed out.
    top_is_used: bool,
    key: Vec<u8>,
    value: Vec<u8>,
    tag: u64,
    /// Whether `key` holds a pair already handed out.
    has_last: bool,
}

/// Starts merging. Memory: the parts' arenas and two blocks a run.
pub fn merge(parts: Vec<Sorted>) -> Result<Merge, SortError> {
    let mut cursors = Vec::new();
    for part in parts {
        if !part.arena.is_empty() {
            cursors.push(Cursor::Memory { arena: part.arena, position: Some((0, 0)) });
        }
        for run in part.runs {
            let mut reader = RunReader::open(run)?;
            let valid = reader.advance()?;
            cursors.push(Cursor::Disk { reader, valid });
        }
    }
    let heap = (0..cursors.len()).filter(|&cursor| cursors[cursor].current().is_some()).collect();
    let mut merge = Merge {
        cursors,
        heap,
        top_is_used: false,
        key: Vec::new(),
        value: Vec::new(),
        tag: 0,
        has_last: false,
    };
    for position in (0..merge.heap.len() / 2).rev() {
        merge.sift_down(position);
    }
    Ok(merge)
}

impl Merge {
    /// The next pair with a key not seen before. Further pairs with the same key are left out and
    /// given to `on_duplicate`, which is called before the call that returns the next key returns.
    pub fn next(
        &mut self,
        mut on_duplicate: impl FnMut(Duplicate<'_>),
    ) -> Result<Option<(&[u8], &[u8], u64)>, SortError> {
        loop {
            if self.top_is_used {
                self.advance_top()?;
            }
            let Some(&top) = self.heap.first() else {
                self.has_last = false;
                return Ok(None);
            };
            let Some(pair) = self.cursors.get(top).and_then(Cursor::current) else {
                self.has_last = false;
                return Ok(None);
            };
            self.top_is_used = true;
            if self.has_last && pair.key == self.key {
                on_duplicate(Duplicate {
                    key: pair.key,
                    first: self.tag,
                    first_value: &self.value,
                    second: pair.tag,
                    second_value: pair.value,
                });
                continue;
            }
            self.key.clear();
            self.key.extend_from_slice(pair.key);
            self.value.clear();
            self.value.extend_from_slice(pair.value);
            self.tag = pair.tag;
            self.has_last = true;
            return Ok(Some((&self.key, &self.value, self.tag)));
        }
    }

    fn advance_top(&mut self) -> Result<(), SortError> {
        self.top_is_used = false;
        let Some(&top) = self.heap.first() else { return Ok(()) };
        let Some(cursor) = self.cursors.get_mut(top) else { return Ok(()) };
        cursor.advance()?;
        if cursor.current().is_none() {
            self.heap.swap_remove(0);
        }
        self.sift_down(0);
        Ok(())
    }

    fn sift_down(&mut self, mut position: usize) {
        loop {
            let mut smallest = position;
            for child in [2 * position + 1, 2 * position + 2] {
                if child < self.heap.len() && self.compare(child, smallest) == Ordering::Less {
                    smallest = child;
                }
            }
            if smallest == position {
                return;
            }
            self.heap.swap(position, smallest);
            position = smallest;
        }
    }

    fn compare(&self, left: usize, right: usize) -> Ordering {
        let pair = |position: usize| {
            self.heap.get(position).and_then(|&cursor| self.cursors.get(cursor)).and_then(Cursor::current)
        };
        match (pair(left), pair(right)) {
            (Some(left), Some(right)) => compare_pairs(left, right),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }
}
