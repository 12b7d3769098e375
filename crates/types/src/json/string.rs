//! JSON string literals: finding their end, and undoing escapes as Go's decoder does.

/// The replacement character, which stands for what is no UTF-8 or half a surrogate pair.
const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// Bytes that stand for themselves in a literal.
const IS_PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x80 {
        plain[byte] = byte != b'"' as usize && byte != b'\\' as usize;
        byte += 1;
    }
    plain
};

/// A literal that was scanned: where its content ends and whether it must be rewritten.
pub(super) struct Scanned {
    /// Offset of the closing quote.
    pub(super) end: usize,
    /// The content has escapes or bytes beyond ASCII that are no UTF-8.
    pub(super) rewrite: bool,
}

/// Scans a literal's content from `start` (behind the opening quote); `None` if it is malformed.
pub(super) fn scan(text: &[u8], start: usize) -> Option<Scanned> {
    let mut at = start;
    let mut escapes = false;
    let mut beyond_ascii = false;
    loop {
        let rest = text.get(at..)?;
        at += rest.iter().position(|byte| !IS_PLAIN[usize::from(*byte)])?;
        match text[at] {
            b'"' => break,
            b'\\' => {
                escapes = true;
                match text.get(at + 1)? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                    b'u' => {
                        hex4(text.get(at + 2..at + 6)?)?;
                        at += 6;
                    }
                    _ => return None,
                }
            }
            0x80.. => {
                beyond_ascii = true;
                at += 1;
            }
            _ => return None,
        }
    }
    let rewrite = escapes || (beyond_ascii && std::str::from_utf8(&text[start..at]).is_err());
    Some(Scanned { end: at, rewrite })
}

/// The number of four hexadecimal digits.
fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}

/// Appends the meaning of a scanned literal's content.
pub(super) fn unescape_into(content: &[u8], out: &mut Vec<u8>) {
    let mut rest = content;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        push_utf8(&rest[..at], out);
        let escape = rest.get(at + 1).copied().unwrap_or(b'\\');
        rest = rest.get(at + 2..).unwrap_or_default();
        match escape {
            b'b' => out.push(0x08),
            b'f' => out.push(0x0C),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => rest = unicode_escape(rest, out),
            other => out.push(other),
        }
    }
    push_utf8(rest, out);
}

/// Appends the character of `XXXX` (or a pair `XXXX\uXXXX`) and returns what follows.
fn unicode_escape<'t>(text: &'t [u8], out: &mut Vec<u8>) -> &'t [u8] {
    let unit = |text: &[u8]| text.get(..4).and_then(hex4);
    let first = unit(text).unwrap_or(0xFFFD);
    let rest = text.get(4..).unwrap_or_default();
    let mut buffer = [0; 4];
    if let 0xD800..0xDC00 = first
        && let Some(second @ 0xDC00..0xE000) = rest.strip_prefix(b"\\u").and_then(unit)
        && let Some(char) = char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
    {
        out.extend_from_slice(char.encode_utf8(&mut buffer).as_bytes());
        return rest.get(6..).unwrap_or_default();
    }
    let char = char::from_u32(first).unwrap_or('\u{FFFD}');
    out.extend_from_slice(char.encode_utf8(&mut buffer).as_bytes());
    rest
}

/// Appends bytes, each that is part of no character replaced by itself.
fn push_utf8(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    loop {
        match std::str::from_utf8(rest) {
            Ok(_) => return out.extend_from_slice(rest),
            Err(error) => {
                let (valid, invalid) = rest.split_at(error.valid_up_to());
                out.extend_from_slice(valid);
                out.extend_from_slice(REPLACEMENT);
                rest = invalid.get(1..).unwrap_or_default();
            }
        }
    }
}
