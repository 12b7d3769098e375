//! Collations and their sort keys.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::charset::{announced_len, valid_prefix};
use crate::weights::{GBK_BIN, GBK_CHINESE_CI, GENERAL_CI, UNICODE_0900_AI_CI, UNICODE_CI};
use crate::{Charset, gb18030};

/// A collation that TiDB knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Collation {
    /// `binary`.
    Binary,
    /// `ascii_bin`.
    AsciiBin,
    /// `latin1_bin`.
    Latin1Bin,
    /// `utf8_bin`.
    Utf8Bin,
    /// `utf8mb4_bin`.
    Utf8mb4Bin,
    /// `utf8_general_ci`.
    Utf8GeneralCi,
    /// `utf8mb4_general_ci`.
    Utf8mb4GeneralCi,
    /// `utf8_unicode_ci`.
    Utf8UnicodeCi,
    /// `utf8mb4_unicode_ci`.
    Utf8mb4UnicodeCi,
    /// `utf8mb4_0900_ai_ci`.
    Utf8mb40900AiCi,
    /// `utf8mb4_0900_bin`.
    Utf8mb40900Bin,
    /// `gbk_bin`.
    GbkBin,
    /// `gbk_chinese_ci`.
    GbkChineseCi,
    /// `gb18030_bin`.
    Gb18030Bin,
    /// `gb18030_chinese_ci`.
    Gb18030ChineseCi,
}

impl Collation {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Binary,
        Self::AsciiBin,
        Self::Latin1Bin,
        Self::Utf8Bin,
        Self::Utf8mb4Bin,
        Self::Utf8GeneralCi,
        Self::Utf8mb4GeneralCi,
        Self::Utf8UnicodeCi,
        Self::Utf8mb4UnicodeCi,
        Self::Utf8mb40900AiCi,
        Self::Utf8mb40900Bin,
        Self::GbkBin,
        Self::GbkChineseCi,
        Self::Gb18030Bin,
        Self::Gb18030ChineseCi,
    ];

    /// Name, MySQL's collation id, character set.
    const fn facts(self) -> (&'static str, u16, Charset) {
        match self {
            Self::Binary => ("binary", 63, Charset::Binary),
            Self::AsciiBin => ("ascii_bin", 65, Charset::Ascii),
            Self::Latin1Bin => ("latin1_bin", 47, Charset::Latin1),
            Self::Utf8Bin => ("utf8_bin", 83, Charset::Utf8),
            Self::Utf8mb4Bin => ("utf8mb4_bin", 46, Charset::Utf8mb4),
            Self::Utf8GeneralCi => ("utf8_general_ci", 33, Charset::Utf8),
            Self::Utf8mb4GeneralCi => ("utf8mb4_general_ci", 45, Charset::Utf8mb4),
            Self::Utf8UnicodeCi => ("utf8_unicode_ci", 192, Charset::Utf8),
            Self::Utf8mb4UnicodeCi => ("utf8mb4_unicode_ci", 224, Charset::Utf8mb4),
            Self::Utf8mb40900AiCi => ("utf8mb4_0900_ai_ci", 255, Charset::Utf8mb4),
            Self::Utf8mb40900Bin => ("utf8mb4_0900_bin", 309, Charset::Utf8mb4),
            Self::GbkBin => ("gbk_bin", 87, Charset::Gbk),
            Self::GbkChineseCi => ("gbk_chinese_ci", 28, Charset::Gbk),
            Self::Gb18030Bin => ("gb18030_bin", 249, Charset::Gb18030),
            Self::Gb18030ChineseCi => ("gb18030_chinese_ci", 248, Charset::Gb18030),
        }
    }

    /// By name, case-insensitive (`utf8mb3_…` is `utf8_…`).
    pub fn by_name(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        let name = match lower.as_str() {
            "utf8mb3_bin" => "utf8_bin",
            "utf8mb3_general_ci" => "utf8_general_ci",
            "utf8mb3_unicode_ci" => "utf8_unicode_ci",
            other => other,
        };
        Self::ALL.into_iter().find(|collation| collation.name() == name)
    }

    /// By MySQL's collation id.
    pub fn by_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|collation| collation.id() == id)
    }

    /// The name, as `TableInfo` has it.
    pub fn name(self) -> &'static str {
        self.facts().0
    }

    /// MySQL's collation id.
    pub fn id(self) -> u16 {
        self.facts().1
    }

    /// The character set it belongs to.
    pub fn charset(self) -> Charset {
        self.facts().2
    }

    /// Whether it ignores case (and is one of TiDB's `_ci`).
    pub fn is_ci(self) -> bool {
        self.name().ends_with("_ci")
    }

    /// Whether the sort key of a text is the text itself (apart from dropped trailing spaces).
    ///
    /// `gbk_bin` and `gb18030_bin` are not: their keys are codes, the stored text is UTF-8.
    pub fn is_bin(self) -> bool {
        matches!(
            self,
            Self::Binary
                | Self::AsciiBin
                | Self::Latin1Bin
                | Self::Utf8Bin
                | Self::Utf8mb4Bin
                | Self::Utf8mb40900Bin
        )
    }

    /// Whether trailing spaces do not count in comparisons.
    pub fn pads_space(self) -> bool {
        !matches!(self, Self::Binary | Self::Utf8mb40900AiCi | Self::Utf8mb40900Bin)
    }

    /// Whether an index key cannot give the text back, so the index value must hold it ("restored data").
    ///
    /// This is the answer for every string type; a VARCHAR needs restored data under some more
    /// collations, see [`Self::needs_restored_data_in`].
    pub fn needs_restored_data(self) -> bool {
        !self.is_bin()
    }

    /// TiDB's `types.NeedRestoredData` for a string column: `is_varchar` is VARCHAR (or VAR_STRING), for
    /// which the number of dropped trailing spaces must be kept too.
    pub fn needs_restored_data_in(self, is_varchar: bool) -> bool {
        !matches!(self, Self::Binary | Self::Utf8mb40900Bin) && (!self.is_bin() || is_varchar)
    }

    /// Whether [`Self::sort_key`] gives TiDB's bytes.
    ///
    /// False for `gb18030_chinese_ci`: TiDB's weights for it (MySQL's pinyin order) are not embedded, so
    /// a column of it must not stand in a key.
    pub fn has_sort_keys(self) -> bool {
        self != Self::Gb18030ChineseCi
    }

    /// `text` without the trailing spaces that do not count.
    pub fn trim(self, text: &[u8]) -> &[u8] {
        if !self.pads_space() {
            return text;
        }
        let end = text.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
        text.get(..end).unwrap_or_default()
    }

    /// Appends the sort key of `text` (TiDB's internal UTF-8 form, whatever the character set) to
    /// `out`: trailing spaces dropped for PAD SPACE collations, then each character's weight.
    ///
    /// Invalid UTF-8 ends the key, except in `gbk_bin` and `gb18030_bin`, which put a `?` for each
    /// invalid character.
    pub fn sort_key(self, text: &[u8], out: &mut Vec<u8>) {
        self.sort_key_untrimmed(self.trim(text), out);
    }

    /// The same with trailing spaces kept.
    pub fn sort_key_untrimmed(self, text: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Binary
            | Self::AsciiBin
            | Self::Latin1Bin
            | Self::Utf8Bin
            | Self::Utf8mb4Bin
            | Self::Utf8mb40900Bin => out.extend_from_slice(text),
            Self::Utf8GeneralCi | Self::Utf8mb4GeneralCi => GENERAL_CI.append_text(valid_prefix(text), out),
            Self::Utf8UnicodeCi | Self::Utf8mb4UnicodeCi => UNICODE_CI.append_text(valid_prefix(text), out),
            Self::Utf8mb40900AiCi => UNICODE_0900_AI_CI.append_text(valid_prefix(text), out),
            Self::GbkChineseCi => GBK_CHINESE_CI.append_text(valid_prefix(text), out),
            Self::GbkBin => append_codes(text, out, |valid, out| GBK_BIN.append_text(valid, out)),
            Self::Gb18030Bin | Self::Gb18030ChineseCi => append_codes(text, out, |valid, out| {
                for character in valid.chars() {
                    if !gb18030::append_char(character, out) {
                        out.push(b'?');
                    }
                }
            }),
        }
    }

    /// Compares two texts: the order of their sort keys.
    pub fn compare(self, left: &[u8], right: &[u8]) -> Ordering {
        self.hash_key(left).cmp(&self.hash_key(right))
    }

    /// The sort key, borrowed where it is the text itself: equal for equal texts, so fit for hashing.
    pub fn hash_key(self, text: &[u8]) -> Cow<'_, [u8]> {
        if self.is_bin() {
            return Cow::Borrowed(self.trim(text));
        }
        let mut key = Vec::with_capacity(text.len() * 2);
        self.sort_key(text, &mut key);
        Cow::Owned(key)
    }
}

/// Appends the codes of a text that may hold invalid UTF-8, `?` for each invalid character.
fn append_codes(text: &[u8], out: &mut Vec<u8>, append_valid: impl Fn(&str, &mut Vec<u8>)) {
    let mut rest = text;
    loop {
        let valid = valid_prefix(rest);
        append_valid(valid, out);
        let Some(&lead) = rest.get(valid.len()) else { return };
        out.push(b'?');
        rest = rest.get(valid.len() + announced_len(lead)..).unwrap_or_default();
    }
}
