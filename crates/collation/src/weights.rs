//! Weight tables: from a code point to the bytes it adds to a sort key.
//!
//! The embedded form is described in `data/make_tables.py`: pages of 64 entries of 16 bits, shared when
//! equal. What an entry means depends on the table's [`Rule`]. Tables are widened once, on first use.

use std::sync::LazyLock;

const PAGE_BITS: u32 = 6;
const PAGE_LEN: usize = 1 << PAGE_BITS;

/// From here to [`IMPLICIT_FIRST`] an entry of a UCA table numbers a key in the pool.
const POOL_FIRST: u16 = 0x8000;
/// The first base of computed ("implicit") UCA weights; also FB80 and FBC0.
const IMPLICIT_FIRST: u16 = 0xFB40;
/// Base of computed weights of code points without a place in the collation table.
const IMPLICIT_UNASSIGNED: u16 = 0xFBC0;

/// What a table's entries mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Difference to the code point; the weight has two bytes, U+FFFD beyond the table.
    General,
    /// The GBK code or weight: one byte when it fits, else two; `?` beyond the table.
    Gbk,
    /// A weight, no weight (0), a pool key, or the base of a computed weight; the last field is the
    /// key of code points beyond the table, computed if `None`.
    Uca(Option<[u8; 2]>),
}

/// A collation's weights.
pub(crate) struct Weights {
    rule: Rule,
    /// Start of each run's page in `entries`.
    index: Vec<u32>,
    entries: Vec<u16>,
    pool: Vec<Box<[u8]>>,
    /// The first bytes of the keys of ASCII characters, and how many there are (none has more than two).
    ascii: [([u8; 2], u8); 128],
}

pub(crate) static GENERAL_CI: LazyLock<Weights> =
    LazyLock::new(|| Weights::decode(Rule::General, include_bytes!("../data/utf8mb4_general_ci.bin")));
pub(crate) static UNICODE_CI: LazyLock<Weights> = LazyLock::new(|| {
    Weights::decode(Rule::Uca(Some([0xFF, 0xFD])), include_bytes!("../data/utf8mb4_unicode_ci.bin"))
});
pub(crate) static UNICODE_0900_AI_CI: LazyLock<Weights> =
    LazyLock::new(|| Weights::decode(Rule::Uca(None), include_bytes!("../data/utf8mb4_0900_ai_ci.bin")));
pub(crate) static GBK_BIN: LazyLock<Weights> =
    LazyLock::new(|| Weights::decode(Rule::Gbk, include_bytes!("../data/gbk_bin.bin")));
pub(crate) static GBK_CHINESE_CI: LazyLock<Weights> =
    LazyLock::new(|| Weights::decode(Rule::Gbk, include_bytes!("../data/gbk_chinese_ci.bin")));

/// GBK code (lead and trail byte, as one number) to character: the inverse of `gbk_bin`.
pub(crate) static GBK_TO_CHAR: LazyLock<Vec<char>> = LazyLock::new(|| {
    let mut inverse = vec!['\0'; 0x10000];
    for character in '\u{80}'..='\u{FFFF}' {
        let code = GBK_BIN.gbk_code(character);
        if code > 0xFF
            && let Some(slot) = inverse.get_mut(usize::from(code))
        {
            *slot = character;
        }
    }
    inverse
});

impl Weights {
    /// Widens an embedded table. A damaged file gives fewer entries, never a panic; the checksum tests
    /// see it.
    fn decode(rule: Rule, file: &[u8]) -> Self {
        let (header, body) = file.split_at_checked(8).unwrap_or_default();
        let count =
            |at: usize| header.get(at..at + 2).map_or(0, |b| usize::from(u16::from_le_bytes([b[0], b[1]])));
        let (pages, runs, keys) = (count(0), count(2), count(4));
        let (index, body) = body.split_at_checked(runs * 2).unwrap_or_default();
        let (entries, mut pool_bytes) = body.split_at_checked(pages * PAGE_LEN * 2).unwrap_or_default();
        let wide = |bytes: &[u8]| -> Vec<u16> {
            bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
        };
        let mut pool = Vec::with_capacity(keys);
        while let Some((&len, rest)) = pool_bytes.split_first() {
            let Some((key, rest)) = rest.split_at_checked(usize::from(len)) else { break };
            pool.push(Box::from(key));
            pool_bytes = rest;
        }
        let index = wide(index).into_iter().map(|page| u32::from(page) << PAGE_BITS).collect();
        let mut weights = Self { rule, index, entries: wide(entries), pool, ascii: [([0; 2], 0); 128] };
        let mut ascii = [([0; 2], 0); 128];
        let mut key = Vec::new();
        for (code, slot) in (0_u8..).zip(ascii.iter_mut()) {
            key.clear();
            weights.append_char(char::from(code), &mut key);
            slot.0[..key.len().min(2)].copy_from_slice(&key[..key.len().min(2)]);
            slot.1 = key.len().min(2) as u8;
        }
        weights.ascii = ascii;
        weights
    }

    fn entry(&self, code: u32) -> Option<u16> {
        let page = *self.index.get((code >> PAGE_BITS) as usize)?;
        self.entries.get(page as usize + (code as usize & (PAGE_LEN - 1))).copied()
    }

    /// The GBK code of a character, `?` where it has none.
    pub(crate) fn gbk_code(&self, character: char) -> u16 {
        self.entry(character.into()).unwrap_or(u16::from(b'?'))
    }

    /// Appends the key of one character.
    pub(crate) fn append_char(&self, character: char, out: &mut Vec<u8>) {
        let code = u32::from(character);
        let entry = self.entry(code);
        match (self.rule, entry) {
            (Rule::General, Some(delta)) => {
                out.extend_from_slice(&(code as u16).wrapping_add(delta).to_be_bytes());
            }
            (Rule::General, None) => out.extend_from_slice(&[0xFF, 0xFD]),
            (Rule::Gbk, Some(weight)) if weight > 0xFF => out.extend_from_slice(&weight.to_be_bytes()),
            (Rule::Gbk, Some(weight)) => out.push(weight as u8),
            (Rule::Gbk, None) => out.push(b'?'),
            (Rule::Uca(_), Some(0)) => {}
            (Rule::Uca(_), Some(weight)) if weight < POOL_FIRST => {
                out.extend_from_slice(&weight.to_be_bytes());
            }
            (Rule::Uca(_), Some(number)) if number < IMPLICIT_FIRST => {
                if let Some(key) = self.pool.get(usize::from(number - POOL_FIRST)) {
                    out.extend_from_slice(key);
                }
            }
            (Rule::Uca(_), Some(base)) => append_implicit(base, code, out),
            (Rule::Uca(Some(key)), None) => out.extend_from_slice(&key),
            (Rule::Uca(None), None) => append_implicit(IMPLICIT_UNASSIGNED, code, out),
        }
    }

    /// Appends the key of a text whose UTF-8 is valid.
    pub(crate) fn append_text(&self, text: &str, out: &mut Vec<u8>) {
        out.reserve(text.len() * 2);
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            at += self.append_ascii_run(rest, out);
            // `at` is a character boundary: only ASCII bytes were passed.
            let Some(tail) = text.get(at..) else { break };
            for character in tail.chars() {
                if character.is_ascii() {
                    break;
                }
                self.append_char(character, out);
                at += character.len_utf8();
            }
        }
    }

    /// Appends the keys of the ASCII characters that `bytes` begins with; how many there were.
    fn append_ascii_run(&self, bytes: &[u8], out: &mut Vec<u8>) -> usize {
        let mut done = 0;
        // Eight characters a turn through a buffer of fixed size, so that the vector grows once a turn.
        for eight in bytes.chunks_exact(8) {
            if !eight.is_ascii() {
                break;
            }
            let mut buffer = [0_u8; 16];
            let mut len = 0;
            for &byte in eight {
                let (key, key_len) = self.ascii[usize::from(byte & 0x7F)];
                // At most 14 bytes stand before the last pair.
                buffer[len] = key[0];
                buffer[len + 1] = key[1];
                len += usize::from(key_len);
            }
            out.extend_from_slice(&buffer[..len]);
            done += 8;
        }
        for &byte in &bytes[done..] {
            if !byte.is_ascii() {
                break;
            }
            let (key, key_len) = self.ascii[usize::from(byte)];
            out.extend_from_slice(&key[..usize::from(key_len)]);
            done += 1;
        }
        done
    }
}

fn append_implicit(base: u16, code: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&base.wrapping_add((code >> 15) as u16).to_be_bytes());
    out.extend_from_slice(&((code & 0x7FFF) as u16 | 0x8000).to_be_bytes());
}
