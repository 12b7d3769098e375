//! A checksum for the records and for each index, and the span of the records: where a difference is looked for later.

use crate::{Checksum, PairKind, Pairs};

/// Checksums of pairs by what they are.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    parts: Vec<(PairKind, Checksum)>,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl Sums {
    /// Counts a row's pairs.
    pub fn add(&mut self, pairs: &Pairs) {
        for (kind, key_len, joined) in pairs.joined() {
            self.of(kind).update_joined(joined);
            if kind == PairKind::Record {
                self.stretch(joined.get(..key_len).unwrap_or(joined));
            }
        }
    }

    /// The checksum of all pairs.
    pub fn total(&self) -> Checksum {
        let mut total = Checksum::default();
        for (_, part) in &self.parts {
            total.add(part);
        }
        total
    }

    /// The checksums by what the pairs are, in the order in which they first came.
    pub fn parts(&self) -> &[(PairKind, Checksum)] {
        &self.parts
    }

    /// The smallest and the greatest key of a record, if there are any.
    pub fn records(&self) -> Option<(&[u8], &[u8])> {
        (!self.last.is_empty()).then_some((self.first.as_slice(), self.last.as_slice()))
    }

    fn of(&mut self, kind: PairKind) -> &mut Checksum {
        let at = self.parts.iter().position(|(known, _)| *known == kind).unwrap_or_else(|| {
            self.parts.push((kind, Checksum::default()));
            self.parts.len() - 1
        });
        &mut self.parts[at].1
    }

    fn stretch(&mut self, key: &[u8]) {
        let none = self.last.is_empty();
        if none || key < self.first.as_slice() {
            self.first.clear();
            self.first.extend_from_slice(key);
        }
        if none || key > self.last.as_slice() {
            self.last.clear();
            self.last.extend_from_slice(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(record: &str, entry: &str) -> Pairs {
        let mut pairs = Pairs::default();
        for (key, kind) in [(record, PairKind::Record), (entry, PairKind::Index(3))] {
            let start = pairs.total_bytes();
            pairs.buffer().extend_from_slice(key.as_bytes());
            pairs.buffer().push(b'=');
            pairs.push(start + key.len(), kind, true);
        }
        pairs
    }

    #[test]
    fn the_parts_add_up_to_the_whole_and_the_records_span_is_known() {
        let rows = [row("r5", "ib"), row("r2", "ia"), row("r4", "ic")];
        let (mut sums, mut whole) = (Sums::default(), Checksum::default());
        assert_eq!(sums.records(), None);
        for pairs in &rows {
            sums.add(pairs);
            pairs.add_to(&mut whole);
        }
        assert_eq!(sums.total(), whole);
        assert_eq!(sums.records(), Some((b"r2".as_slice(), b"r5".as_slice())));
        let mut entries = Checksum::default();
        for key in [b"ia", b"ib", b"ic"] {
            entries.update(key, b"=");
        }
        let parts: Vec<_> = sums.parts().iter().map(|(kind, sum)| (*kind, sum.pairs)).collect();
        assert_eq!(parts, [(PairKind::Record, 3), (PairKind::Index(3), 3)]);
        assert_eq!(sums.parts()[1].1, entries);
    }
}
