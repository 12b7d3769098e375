//! `JSON_QUOTE` and `JSON_UNQUOTE`.

use super::{JsonView, text::write_quoted, type_code};
use crate::TypeError;

/// `JSON_QUOTE`: the text as a JSON string literal.
pub fn quote(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_quoted(text, &mut out);
    out
}

/// Takes the quotes off a text that has them and undoes its escapes; any other text stays.
///
/// Error 0 (TiDB gives none) for an escape that is cut short or no character.
pub fn unquote_text(text: &[u8]) -> Result<Vec<u8>, TypeError> {
    match text {
        [b'"', content @ .., b'"'] => unescape(content),
        _ => Ok(text.to_vec()),
    }
}

fn malformed(what: &str) -> TypeError {
    TypeError::new(0, what)
}

/// Undoes escapes; a backslash before any other character vanishes.
pub(super) fn unescape(content: &[u8]) -> Result<Vec<u8>, TypeError> {
    let mut out = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (&escape, tail) =
            rest.split_first().ok_or_else(|| malformed("missing a closing quotation mark in string"))?;
        rest = tail;
        match escape {
            b'b' => out.push(0x08),
            b'f' => out.push(0x0C),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => {
                let (char, width) =
                    unicode(rest).ok_or_else(|| malformed("not a valid Unicode character"))?;
                out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[width..];
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// The character of `XXXX`, or of a surrogate pair `XXXX\uXXXX`, and its width.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let unit = |digits: &[u8]| u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    let first = text.get(..4).filter(|digits| digits[0] != b'+').and_then(unit)?;
    if let Some(char) = char::from_u32(u32::from(first)) {
        return Some((char, 4));
    }
    let second = text.get(4..10)?.strip_prefix(b"\\u").and_then(unit)?;
    // Go decodes two units that are no pair to the replacement character.
    let char = char::decode_utf16([first, second]).next()?.unwrap_or('\u{FFFD}');
    Some((char, 10))
}

impl JsonView<'_> {
    /// `JSON_UNQUOTE`: a string's text (itself unquoted if it is a quoted text), else the value's text.
    pub fn unquote(self) -> Result<Vec<u8>, TypeError> {
        match self.text() {
            Some(text) if self.type_code == type_code::STRING => unquote_text(text),
            _ => Ok(self.to_text()?.into_bytes()),
        }
    }
}
