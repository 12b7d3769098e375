//! The key-value pairs of one row, in one reused buffer.

/// What a pair is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PairKind {
    /// The row itself.
    Record,
    /// An entry of the index of this id.
    Index(i64),
}

/// A key-value pair, borrowed from [`Pairs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair<'a> {
    /// Plain table key: no keyspace prefix, no timestamp.
    pub key: &'a [u8],
    /// Value.
    pub value: &'a [u8],
    /// Record or index.
    pub kind: PairKind,
    /// Whether the key alone must be unique: a record, or a unique index's entry without NULL. Two
    /// different rows with such a key are a conflict.
    pub unique: bool,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    key_start: usize,
    value_start: usize,
    value_end: usize,
    kind: PairKind,
    unique: bool,
}

/// The pairs of one row: the record, then index entries in the table's order.
#[derive(Debug, Default)]
pub struct Pairs {
    buffer: Vec<u8>,
    spans: Vec<Span>,
}

impl Pairs {
    /// Number of pairs.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none (before the first row, and after one that failed).
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Bytes of all keys and values together.
    pub fn total_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Pair<'_>> {
        self.spans.iter().map(|span| Pair {
            key: &self.buffer[span.key_start..span.value_start],
            value: &self.buffer[span.value_start..span.value_end],
            kind: span.kind,
            unique: span.unique,
        })
    }

    /// Counts all pairs into `checksum`.
    pub fn add_to(&self, checksum: &mut crate::Checksum) {
        for span in &self.spans {
            checksum.update_joined(&self.buffer[span.key_start..span.value_end]);
        }
    }

    /// What each pair is, the length of its key, and its key and value as they stand in memory together.
    pub(crate) fn joined(&self) -> impl Iterator<Item = (PairKind, usize, &[u8])> {
        self.spans.iter().map(|span| {
            let joined = &self.buffer[span.key_start..span.value_end];
            (span.kind, span.value_start - span.key_start, joined)
        })
    }

    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.spans.clear();
    }

    /// The buffer, to append a key and then a value to; [`Pairs::push`] makes them a pair.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// What was appended since the last pair is a pair whose value starts at `value_start`.
    pub(crate) fn push(&mut self, value_start: usize, kind: PairKind, unique: bool) {
        let key_start = self.spans.last().map_or(0, |span| span.value_end);
        let value_end = self.buffer.len();
        debug_assert!(key_start <= value_start && value_start <= value_end);
        self.spans.push(Span { key_start, value_start, value_end, kind, unique });
    }
}
