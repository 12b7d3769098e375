//! Character sets: names, validity, and conversion to and from the UTF-8 that TiDB stores.
//!
//! TiDB holds text of every character set as UTF-8 (latin1 as the bytes it got); a character set only
//! says which characters are allowed, and how clients and `gbk_bin` sort keys see them. What counts as
//! one invalid character follows TiDB: it decides how many `?` a lax import writes and which bytes
//! "Incorrect string value" names.

use crate::weights::{GBK_BIN, GBK_TO_CHAR};
use crate::{Collation, gb18030};

/// A character set that TiDB knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Charset {
    /// `binary`.
    Binary,
    /// `ascii`.
    Ascii,
    /// `latin1`: TiDB stores it as UTF-8 text.
    Latin1,
    /// `utf8` (three bytes at most).
    Utf8,
    /// `utf8mb4`.
    Utf8mb4,
    /// `gbk`.
    Gbk,
    /// `gb18030`.
    Gb18030,
}

/// Characters of the bytes 0x80 to 0x9F in Windows-1252, which MySQL calls latin1; the five bytes without
/// one are control characters, as the WHATWG and MySQL have it.
const CP1252_HIGH: [char; 32] = [
    '\u{20AC}', '\u{81}', '\u{201A}', '\u{192}', '\u{201E}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2C6}',
    '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8D}', '\u{17D}', '\u{8F}', '\u{90}', '\u{2018}',
    '\u{2019}', '\u{201C}', '\u{201D}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2DC}', '\u{2122}', '\u{161}',
    '\u{203A}', '\u{153}', '\u{9D}', '\u{17E}', '\u{178}',
];

/// The length that a lead byte announces, as TiDB peeks it: a continuation byte counts as the lead of two.
pub(crate) fn announced_len(lead: u8) -> usize {
    match lead {
        0..=0x7F => 1,
        0x80..=0xDF => 2,
        0xE0..=0xEF => 3,
        _ => 4,
    }
}

impl Charset {
    /// By name, case-insensitive (`utf8mb3` is `utf8`).
    pub fn by_name(name: &str) -> Option<Self> {
        [
            ("utf8mb4", Self::Utf8mb4),
            ("utf8", Self::Utf8),
            ("utf8mb3", Self::Utf8),
            ("binary", Self::Binary),
            ("latin1", Self::Latin1),
            ("ascii", Self::Ascii),
            ("gbk", Self::Gbk),
            ("gb18030", Self::Gb18030),
        ]
        .into_iter()
        .find_map(|(known, charset)| known.eq_ignore_ascii_case(name).then_some(charset))
    }

    /// The name, lower case, as `TableInfo` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Ascii => "ascii",
            Self::Latin1 => "latin1",
            Self::Utf8 => "utf8",
            Self::Utf8mb4 => "utf8mb4",
            Self::Gbk => "gbk",
            Self::Gb18030 => "gb18030",
        }
    }

    /// Bytes a character takes at most, in the character set itself.
    pub fn max_char_bytes(self) -> usize {
        match self {
            Self::Binary | Self::Ascii | Self::Latin1 => 1,
            Self::Gbk => 2,
            Self::Utf8 => 3,
            Self::Utf8mb4 | Self::Gb18030 => 4,
        }
    }

    /// The collation that a bare `CHARACTER SET` means in TiDB with the new collation framework.
    pub fn default_collation(self) -> Collation {
        match self {
            Self::Binary => Collation::Binary,
            Self::Ascii => Collation::AsciiBin,
            Self::Latin1 => Collation::Latin1Bin,
            Self::Utf8 => Collation::Utf8Bin,
            Self::Utf8mb4 => Collation::Utf8mb4Bin,
            Self::Gbk => Collation::GbkChineseCi,
            Self::Gb18030 => Collation::Gb18030ChineseCi,
        }
    }

    /// The first invalid character of `text` (in TiDB's UTF-8 form): its byte offset and length.
    ///
    /// Offset and length are those of the bytes that TiDB's error shows and that a lax import replaces
    /// by one `?`. `None` if the text may stand in a column of this character set.
    pub fn first_invalid(self, text: &[u8]) -> Option<(usize, usize)> {
        if text.is_ascii() {
            return None;
        }
        match self {
            Self::Binary | Self::Latin1 => None,
            Self::Ascii => {
                let at = text.iter().position(|byte| !byte.is_ascii())?;
                Some((at, announced_len(*text.get(at)?).min(text.len() - at)))
            }
            Self::Utf8mb4 => match std::str::from_utf8(text) {
                Ok(_) => None,
                Err(error) => Some((error.valid_up_to(), 1)),
            },
            Self::Utf8 => {
                let valid = valid_prefix(text);
                match valid.char_indices().find(|(_, character)| character.len_utf8() > 3) {
                    Some((at, _)) => Some((at, 4)),
                    None if valid.len() < text.len() => Some((valid.len(), 1)),
                    None => None,
                }
            }
            Self::Gbk | Self::Gb18030 => {
                let valid = valid_prefix(text);
                match valid.char_indices().find(|(_, character)| !self.has_char(*character)) {
                    Some((at, character)) => Some((at, character.len_utf8())),
                    None => {
                        let lead = *text.get(valid.len())?;
                        Some((valid.len(), announced_len(lead).min(text.len() - valid.len())))
                    }
                }
            }
        }
    }

    /// Whether `text` (in TiDB's UTF-8 form) may stand in a column of this character set.
    pub fn is_valid(self, text: &[u8]) -> bool {
        self.first_invalid(text).is_none()
    }

    /// Appends `text` with each invalid character replaced by `?`, as TiDB does when the SQL mode is not
    /// strict; how many were replaced.
    pub fn replace_invalid(self, text: &[u8], out: &mut Vec<u8>) -> usize {
        let (mut rest, mut replaced) = (text, 0);
        while let Some((at, len)) = self.first_invalid(rest) {
            out.extend_from_slice(rest.get(..at).unwrap_or_default());
            out.push(b'?');
            rest = rest.get(at + len..).unwrap_or_default();
            replaced += 1;
        }
        out.extend_from_slice(rest);
        replaced
    }

    fn has_char(self, character: char) -> bool {
        match self {
            Self::Gbk => character == '?' || GBK_BIN.gbk_code(character) != u16::from(b'?'),
            Self::Gb18030 => {
                character.is_ascii() || gb18030::append_char(character, &mut Vec::with_capacity(4))
            }
            Self::Ascii => character.is_ascii(),
            Self::Utf8 => character.len_utf8() <= 3,
            Self::Binary | Self::Latin1 | Self::Utf8mb4 => true,
        }
    }

    /// Appends `text` (TiDB's UTF-8 form) in this character set's own bytes, `?` for what it cannot hold;
    /// how many characters that were.
    ///
    /// Only gbk and gb18030 differ from the stored bytes: TiDB gives the others back as they are.
    pub fn encode_from_utf8(self, text: &[u8], out: &mut Vec<u8>) -> usize {
        if !matches!(self, Self::Gbk | Self::Gb18030) || text.is_ascii() {
            out.extend_from_slice(text);
            return 0;
        }
        let (mut rest, mut replaced) = (text, 0);
        loop {
            let valid = valid_prefix(rest);
            for character in valid.chars() {
                let known = match self {
                    Self::Gbk => {
                        GBK_BIN.append_char(character, out);
                        self.has_char(character)
                    }
                    _ => {
                        let known = gb18030::append_char(character, out);
                        if !known {
                            out.push(b'?');
                        }
                        known
                    }
                };
                replaced += usize::from(!known);
            }
            let Some(&lead) = rest.get(valid.len()) else { return replaced };
            out.push(b'?');
            replaced += 1;
            rest = rest.get(valid.len() + announced_len(lead)..).unwrap_or_default();
        }
    }

    /// Appends `bytes` of this character set as UTF-8, with `replacement` for each invalid character; how
    /// many that were.
    ///
    /// This is for reading dumps (`data-character-set`). `binary`, `utf8mb4` and `utf8` bytes pass
    /// unchanged: whether they are valid is the column's business. latin1 is Windows-1252, as in MySQL.
    pub fn decode_to_utf8(self, bytes: &[u8], replacement: &str, out: &mut Vec<u8>) -> usize {
        if matches!(self, Self::Binary | Self::Utf8 | Self::Utf8mb4) || bytes.is_ascii() {
            out.extend_from_slice(bytes);
            return 0;
        }
        let (mut rest, mut replaced) = (bytes, 0);
        while let Some(&lead) = rest.first() {
            if lead.is_ascii() {
                let run = rest.iter().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
                let (ascii, tail) = rest.split_at(run);
                out.extend_from_slice(ascii);
                rest = tail;
                continue;
            }
            let (character, len) = match self {
                Self::Latin1 => (Some(cp1252_char(lead)), 1),
                Self::Gbk => decode_gbk_char(rest),
                Self::Gb18030 => gb18030::decode_char(rest),
                _ => (None, 1),
            };
            match character {
                Some(character) => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                None => {
                    out.extend_from_slice(replacement.as_bytes());
                    replaced += 1;
                }
            }
            rest = rest.get(len..).unwrap_or_default();
        }
        replaced
    }
}

/// The longest prefix that is valid UTF-8.
pub(crate) fn valid_prefix(text: &[u8]) -> &str {
    match std::str::from_utf8(text) {
        Ok(valid) => valid,
        Err(error) => text
            .get(..error.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    }
}

fn cp1252_char(byte: u8) -> char {
    match byte {
        0x80..=0x9F => CP1252_HIGH.get(usize::from(byte - 0x80)).copied().unwrap_or('\u{FFFD}'),
        _ => char::from(byte),
    }
}

/// Takes one character off GBK bytes that begin with a byte over 0x7F.
fn decode_gbk_char(bytes: &[u8]) -> (Option<char>, usize) {
    let [lead @ 0x81..=0xFE, trail, ..] = *bytes else { return (None, 1) };
    match GBK_TO_CHAR.get(usize::from(u16::from_be_bytes([lead, trail]))) {
        Some('\0') | None if trail.is_ascii() => (None, 1),
        Some('\0') | None => (None, 2),
        Some(&character) => (Some(character), 2),
    }
}
