//! The rows of golden files: a tuple of an INSERT, or a CSV record of Lightning's default dialect.
//!
//! Small on purpose and apart from the import's readers, so that a mistake there cannot hide here.

use th_row::Value;

/// `NO_BACKSLASH_ESCAPES` in TiDB's SQL mode bits.
const NO_BACKSLASH_ESCAPES: u64 = 1 << 20;

/// A value that owns its bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Owned {
    Null,
    Int(i64),
    Uint(u64),
    Text(Vec<u8>),
    Binary(Vec<u8>),
}

impl Owned {
    pub(super) fn borrow(&self) -> Value<'_> {
        match self {
            Owned::Null => Value::Null,
            Owned::Int(number) => Value::Int(*number),
            Owned::Uint(number) => Value::Uint(*number),
            Owned::Text(text) => Value::Text(text),
            Owned::Binary(bytes) => Value::Binary(bytes),
        }
    }
}

/// Parses `(…)` by Lightning's literal rules; `None` if it is no tuple.
pub(super) fn parse_tuple(text: &[u8], sql_mode: u64) -> Option<Vec<Owned>> {
    let escapes = sql_mode & NO_BACKSLASH_ESCAPES == 0;
    let mut rest = text.trim_ascii().strip_prefix(b"(")?;
    let mut values = Vec::new();
    loop {
        rest = skip_blanks(rest);
        let (&first, _) = rest.split_first()?;
        match first {
            b')' => return Some(values),
            b'\'' | b'"' => {
                let (value, after) = quoted(rest, first, escapes)?;
                values.push(Owned::Text(value));
                rest = after;
            }
            b'x' | b'X' | b'b' | b'B' if rest.get(1) == Some(&b'\'') => {
                let (digits, after) = quoted(&rest[1..], b'\'', false)?;
                let bits = first.eq_ignore_ascii_case(&b'b');
                values.push(Owned::Binary(literal(&digits, if bits { 1 } else { 4 })?));
                rest = after;
            }
            _ => {
                let end = rest.iter().position(|byte| b" \t\r\n,;()'\"`/*".contains(byte))?;
                let (word, after) = rest.split_at(end);
                if word.is_empty() {
                    return None;
                }
                values.push(unquoted(word));
                rest = after;
            }
        }
    }
}

fn skip_blanks(mut rest: &[u8]) -> &[u8] {
    loop {
        let lower: Vec<u8> = rest.iter().take(16).map(u8::to_ascii_lowercase).collect();
        if let Some(after) = rest.strip_prefix(b"/*") {
            let end = after.windows(2).position(|pair| pair == b"*/").map_or(after.len(), |at| at + 2);
            rest = &after[end..];
        } else if lower.starts_with(b"convert(") {
            rest = &rest[8..];
        } else if lower.starts_with(b"using utf8mb4)") {
            rest = &rest[14..];
        } else if rest.first().is_some_and(|byte| b" \t\r\n,;".contains(byte)) {
            rest = &rest[1..];
        } else {
            return rest;
        }
    }
}

/// A quoted text and what follows it.
fn quoted(text: &[u8], quote: u8, escapes: bool) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut rest = text.strip_prefix(&[quote])?;
    loop {
        match *rest {
            [a, b, ref after @ ..] if a == quote && b == quote => {
                value.push(quote);
                rest = after;
            }
            [a, ref after @ ..] if a == quote => return Some((value, after)),
            [b'\\', escaped, ref after @ ..] if escapes => {
                value.push(unescaped(escaped));
                rest = after;
            }
            [byte, ref after @ ..] => {
                value.push(byte);
                rest = after;
            }
            [] => return None,
        }
    }
}

fn unescaped(byte: u8) -> u8 {
    match byte {
        b'0' => 0,
        b'b' => 8,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'Z' => 0x1a,
        other => other,
    }
}

fn unquoted(word: &[u8]) -> Owned {
    let text = std::str::from_utf8(word).unwrap_or("");
    if let Some(digits) = word.strip_prefix(b"0x").filter(|digits| !digits.is_empty())
        && let Some(bytes) = literal(digits, 4)
    {
        return Owned::Binary(bytes);
    }
    if let Some(digits) = word.strip_prefix(b"0b").filter(|digits| !digits.is_empty())
        && let Some(bytes) = literal(digits, 1)
    {
        return Owned::Binary(bytes);
    }
    let is_integer =
        !word.is_empty() && text.strip_prefix('-').unwrap_or(text).bytes().all(|byte| byte.is_ascii_digit());
    match text.to_ascii_uppercase().as_str() {
        "NULL" => Owned::Null,
        "TRUE" => Owned::Int(1),
        "FALSE" => Owned::Int(0),
        _ if is_integer && text.starts_with('-') => {
            text.parse().map_or_else(|_| Owned::Text(word.to_vec()), Owned::Int)
        }
        _ if is_integer => text.parse().map_or_else(|_| Owned::Text(word.to_vec()), Owned::Uint),
        _ => Owned::Text(word.to_vec()),
    }
}

/// Bytes of hexadecimal (4 bits a digit) or binary (1 bit) digits, padded with zero bits in front.
fn literal(digits: &[u8], bits: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0u8; (digits.len() * bits).div_ceil(8)];
    for (index, digit) in digits.iter().rev().enumerate() {
        let digit = char::from(*digit).to_digit(1 << bits)? as u8;
        let at = bytes.len() - 1 - index * bits / 8;
        bytes[at] |= digit << (index * bits % 8);
    }
    Some(bytes)
}

/// Parses a CSV record: separator `,`, delimiter `"`, escape `\`, null `\N`.
pub(super) fn parse_csv(record: &[u8]) -> Option<Vec<Owned>> {
    let mut values = Vec::new();
    let mut rest = record;
    loop {
        let (raw, after) = match rest.strip_prefix(b"\"") {
            Some(inside) => {
                let end = quoted_end(inside)?;
                (&inside[..end], &inside[end + 1..])
            }
            None => rest.split_at(unquoted_end(rest)),
        };
        let is_quoted = rest.starts_with(b"\"");
        values.push(if raw == b"\\N" { Owned::Null } else { Owned::Text(csv_text(raw, is_quoted)) });
        match after {
            [] => return Some(values),
            [b',', after @ ..] => rest = after,
            _ => return None,
        }
    }
}

/// Where the closing delimiter stands.
fn quoted_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match (text.get(at)?, text.get(at + 1)) {
            (b'\\', Some(_)) | (b'"', Some(b'"')) => at += 2,
            (b'"', _) => return Some(at),
            _ => at += 1,
        }
    }
}

fn unquoted_end(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            b',' => return at,
            _ => at += 1,
        }
    }
    at.min(text.len())
}

fn csv_text(raw: &[u8], is_quoted: bool) -> Vec<u8> {
    let mut value = Vec::with_capacity(raw.len());
    let mut rest = raw;
    loop {
        match *rest {
            [b'"', b'"', ref after @ ..] if is_quoted => {
                value.push(b'"');
                rest = after;
            }
            [b'\\', escaped, ref after @ ..] => {
                value.push(unescaped(escaped));
                rest = after;
            }
            [byte, ref after @ ..] => {
                value.push(byte);
                rest = after;
            }
            [] => return value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuple_has_lightnings_literals() {
        let text = br#"(1, -2,'it''s \'x\'\n',NULL,1.5,true,x'4a',0b101,/* c */ "d""q",99999999999999999999,CONVERT('{}' USING UTF8MB4))"#;
        let expected = vec![
            Owned::Uint(1),
            Owned::Int(-2),
            Owned::Text(b"it's 'x'\n".to_vec()),
            Owned::Null,
            Owned::Text(b"1.5".to_vec()),
            Owned::Int(1),
            Owned::Binary(vec![0x4a]),
            Owned::Binary(vec![5]),
            Owned::Text(b"d\"q".to_vec()),
            Owned::Text(b"99999999999999999999".to_vec()),
            Owned::Text(b"{}".to_vec()),
        ];
        assert_eq!(parse_tuple(text, 0), Some(expected));
        assert_eq!(parse_tuple(b"(1", 0), None);
    }

    #[test]
    fn a_record_has_quotes_escapes_and_nulls() {
        let expected = vec![
            Owned::Text(b"a\"b,c".to_vec()),
            Owned::Null,
            Owned::Null,
            Owned::Text(b"\\N".to_vec()),
            Owned::Text(Vec::new()),
        ];
        assert_eq!(parse_csv(br#""a""b,c",\N,"\N",\\N,"#), Some(expected));
    }
}
