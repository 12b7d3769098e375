//! Straight paths of strings: bytes that stay as they are.

use th_row::Value;

use crate::cell::Converted;

/// Which bytes are surely text of the column's character set, in TiDB's internal UTF-8 form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepts {
    /// Any UTF-8.
    Utf8mb4,
    /// UTF-8 without characters of four bytes.
    Utf8,
    /// ASCII; what lies above is for the general conversion.
    Ascii,
}

impl Accepts {
    #[inline]
    fn accepts(self, text: &[u8]) -> bool {
        match self {
            // Most texts are short ASCII, for which this is the quicker test.
            Accepts::Utf8mb4 => text.is_ascii() || simdutf8::basic::from_utf8(text).is_ok(),
            Accepts::Utf8 => {
                text.is_ascii()
                    || (simdutf8::basic::from_utf8(text).is_ok() && text.iter().all(|&byte| byte < 0xf0))
            }
            Accepts::Ascii => text.is_ascii(),
        }
    }
}

/// Characters of valid UTF-8: bytes that do not continue one.
pub(crate) fn count_characters(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| !is_continuation(byte)).count()
}

/// Whether the byte is not the first one of a character.
#[inline]
pub(crate) fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

#[inline]
pub(super) fn text(
    value: &Value<'_>,
    accepts: Accepts,
    max: usize,
    counts_characters: bool,
    trims: bool,
    out: &mut Vec<u8>,
) -> Option<Converted> {
    let Value::Text(text) = *value else { return None };
    if !accepts.accepts(text) {
        return None;
    }
    if text.len() > max && !(counts_characters && count_characters(text) <= max) {
        return None;
    }
    let end = if trims {
        text.iter().rposition(|&byte| byte != b' ').map_or(0, |last| last + 1)
    } else {
        text.len()
    };
    out.extend_from_slice(&text[..end]);
    Some(Converted::Bytes)
}

#[inline]
pub(super) fn binary(value: &Value<'_>, max: usize, out: &mut Vec<u8>) -> Option<Converted> {
    let (Value::Text(bytes) | Value::Binary(bytes)) = *value else { return None };
    if bytes.len() > max {
        return None;
    }
    out.extend_from_slice(bytes);
    Some(Converted::Bytes)
}

#[inline]
pub(super) fn fixed_binary(value: &Value<'_>, len: usize, out: &mut Vec<u8>) -> Option<Converted> {
    let start = out.len();
    binary(value, len, out)?;
    out.resize(start + len, 0);
    Some(Converted::Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(value: &str, accepts: Accepts, max: usize, counts_characters: bool) -> Option<String> {
        let mut out = Vec::new();
        text(&Value::Text(value.as_bytes()), accepts, max, counts_characters, true, &mut out)?;
        String::from_utf8(out).ok()
    }

    #[test]
    fn lengths_count_characters_or_bytes() {
        assert_eq!(converted("äöü  ", Accepts::Utf8mb4, 5, true).as_deref(), Some("äöü"));
        assert_eq!(converted("äöü", Accepts::Utf8mb4, 5, false), None);
        assert_eq!(converted("äöü", Accepts::Utf8mb4, 2, true), None);
    }

    #[test]
    fn a_character_set_accepts_only_its_own() {
        assert_eq!(converted("😀", Accepts::Utf8, 5, true), None);
        assert_eq!(converted("中", Accepts::Utf8, 5, true).as_deref(), Some("中"));
        assert_eq!(converted("中", Accepts::Ascii, 5, true), None);
        assert_eq!(text(&Value::Text(b"\xff"), Accepts::Utf8mb4, 5, true, false, &mut Vec::new()), None);
    }

    #[test]
    fn binary_is_padded_with_zero_bytes() {
        let mut out = vec![9];
        assert_eq!(fixed_binary(&Value::Binary(b"ab"), 4, &mut out), Some(Converted::Bytes));
        assert_eq!(out, [9, b'a', b'b', 0, 0]);
        assert_eq!(fixed_binary(&Value::Binary(b"abcde"), 4, &mut out), None);
        assert_eq!(out.len(), 5);
    }
}
