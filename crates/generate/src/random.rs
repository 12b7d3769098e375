//! Numbers that are the same everywhere (SplitMix64).

use std::fmt::Write as _;

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// sysbench's groups of eleven digits.
    pub(crate) fn digits(&mut self, groups: usize) -> String {
        let mut text = String::with_capacity(groups * 12);
        for group in 0..groups {
            let _ = write!(text, "{}{:011}", if group > 0 { "-" } else { "" }, self.below(100_000_000_000));
        }
        text
    }

    /// Words of one of the languages, at least `bytes` bytes of them.
    pub(crate) fn words(&mut self, words: &[&str], bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 16);
        while text.len() < bytes {
            text.push_str(self.pick(words));
            text.push(' ');
        }
        text
    }
}
