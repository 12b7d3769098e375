//! Character sets of data files and schema files, and their conversion to UTF-8.

use std::str::FromStr;

use encoding_rs::{DecoderResult, Encoding, GB18030, GBK, WINDOWS_1252};
use serde::{Deserialize, Serialize};

use crate::error::OptionError;

/// The character set of a file, by Lightning's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CharacterSet {
    /// Bytes pass unchanged.
    #[default]
    Binary,
    /// UTF-8; bytes pass unchanged (what is wrong shows when a value is converted).
    Utf8mb4,
    /// GB18030.
    Gb18030,
    /// GBK.
    Gbk,
    /// What MySQL calls latin1: Windows-1252.
    Latin1,
    /// ASCII: bytes from 0x80 on are invalid.
    Ascii,
}

impl FromStr for CharacterSet {
    type Err = OptionError;

    fn from_str(text: &str) -> Result<Self, OptionError> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "" | "binary" => Self::Binary,
            "utf8mb4" => Self::Utf8mb4,
            "gb18030" => Self::Gb18030,
            "gbk" => Self::Gbk,
            "latin1" => Self::Latin1,
            "ascii" => Self::Ascii,
            _ => {
                return Err(OptionError {
                    option: "mydumper.data-character-set",
                    problem: format!("{text:?} is none of binary, utf8mb4, gb18030, gbk, latin1, ascii"),
                });
            }
        })
    }
}

impl CharacterSet {
    /// Whether fields pass as they are.
    pub fn passes_through(self) -> bool {
        matches!(self, Self::Binary | Self::Utf8mb4)
    }

    /// Whether a character can have a second byte that looks like ASCII (`\`, `|`, letters).
    pub(crate) fn is_multi_byte(self) -> bool {
        matches!(self, Self::Gb18030 | Self::Gbk)
    }

    fn encoding(self) -> Option<&'static Encoding> {
        match self {
            Self::Gb18030 => Some(GB18030),
            Self::Gbk => Some(GBK),
            Self::Latin1 => Some(WINDOWS_1252),
            Self::Binary | Self::Utf8mb4 | Self::Ascii => None,
        }
    }

    /// Appends `bytes` to `out` as UTF-8, each invalid sequence as `replacement`. Returns whether all
    /// was valid.
    pub(crate) fn decode_into(self, bytes: &[u8], replacement: &str, out: &mut Vec<u8>) -> bool {
        let Some(encoding) = self.encoding() else {
            if self != Self::Ascii || bytes.is_ascii() {
                out.extend_from_slice(bytes);
                return true;
            }
            for byte in bytes {
                if byte.is_ascii() {
                    out.push(*byte);
                } else {
                    out.extend_from_slice(replacement.as_bytes());
                }
            }
            return false;
        };
        let mut decoder = encoding.new_decoder_without_bom_handling();
        let mut valid = true;
        let mut rest = bytes;
        let mut buffer = [0_u8; 1024];
        loop {
            let (result, read, written) = decoder.decode_to_utf8_without_replacement(rest, &mut buffer, true);
            out.extend_from_slice(buffer.get(..written).unwrap_or_default());
            rest = rest.get(read..).unwrap_or_default();
            match result {
                DecoderResult::InputEmpty => return valid,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    valid = false;
                    out.extend_from_slice(replacement.as_bytes());
                }
            }
        }
    }

    /// The text in this character set; `None` when it has no such characters.
    pub(crate) fn encode(self, text: &str) -> Option<Vec<u8>> {
        let Some(encoding) = self.encoding() else {
            return (self != Self::Ascii || text.is_ascii()).then(|| text.as_bytes().to_vec());
        };
        let (bytes, _, unmappable) = encoding.encode(text);
        (!unmappable).then(|| bytes.into_owned())
    }

    /// Bytes of the character that begins with `lead`, as far as the first two bytes tell; 1 for a
    /// single byte. Only meaningful for multi-byte sets.
    pub(crate) fn character_length(self, lead: u8, second: Option<u8>) -> usize {
        match (self, lead, second) {
            (Self::Gb18030, 0x81..=0xFE, Some(0x30..=0x39)) => 4,
            (Self::Gb18030 | Self::Gbk, 0x81..=0xFE, Some(0x40..=0x7E | 0x80..=0xFE)) => 2,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(set: CharacterSet, bytes: &[u8]) -> (String, bool) {
        let mut out = Vec::new();
        let valid = set.decode_into(bytes, "?", &mut out);
        (String::from_utf8(out).unwrap(), valid)
    }

    #[test]
    fn each_set_is_decoded_and_bad_bytes_are_replaced() {
        assert_eq!(decode(CharacterSet::Gbk, b"\xd6\xd0a"), ("中a".into(), true));
        assert_eq!(decode(CharacterSet::Gb18030, b"\x94\x39\xfc\x36"), ("😀".into(), true));
        assert_eq!(decode(CharacterSet::Latin1, b"caf\xe9 \x80"), ("café €".into(), true));
        assert_eq!(decode(CharacterSet::Ascii, b"a\xffb"), ("a?b".into(), false));
        assert_eq!(decode(CharacterSet::Gbk, b"a\xff"), ("a?".into(), false));
        let long = "据".repeat(3000);
        let encoded = CharacterSet::Gbk.encode(&long).unwrap();
        assert_eq!(decode(CharacterSet::Gbk, &encoded), (long, true));
    }

    #[test]
    fn names_are_those_of_lightning() {
        assert_eq!("GB18030".parse::<CharacterSet>().unwrap(), CharacterSet::Gb18030);
        assert!("utf16".parse::<CharacterSet>().is_err());
        assert_eq!(CharacterSet::Latin1.encode("中"), None);
        assert_eq!(CharacterSet::Ascii.encode("é"), None);
    }
}
