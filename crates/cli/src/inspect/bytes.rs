//! Bytes as people copy them, and the layers around a key.

use anyhow::bail;
use th_codec::keys::{KeyParts, decode_key};

/// A key without what TiKV wraps around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UserKey {
    /// As TiDB made it.
    pub(super) bytes: Vec<u8>,
    /// Of the commit (or, in the `default` column family, of the transaction's start).
    pub(super) timestamp: Option<u64>,
    /// Of API v2.
    pub(super) keyspace: Option<u32>,
}

impl UserKey {
    /// The physical table.
    pub(super) fn table_id(&self) -> Option<i64> {
        match decode_key(&self.bytes).ok()? {
            KeyParts::Record { table_id, .. } | KeyParts::Index { table_id, .. } => Some(table_id),
        }
    }
}

/// Hexadecimal digits (with `0x` or not), or text with escapes: `\x80`, `\200` (octal), `\n`, `\"`, `\\`.
pub(super) fn parse(text: &str) -> anyhow::Result<Vec<u8>> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").or(text.strip_prefix("0X")).unwrap_or(text);
    if digits.len().is_multiple_of(2) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let (pairs, _) = digits.as_bytes().as_chunks::<2>();
        return Ok(pairs.iter().filter_map(|pair| number(pair, 16)).collect());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        (rest, _) = match (first, after) {
            (b'\\', [b'x', after @ ..]) => (take(after, 2, 16, &mut bytes)?, ()),
            (b'\\', [b'0'..=b'3', ..]) => (take(after, 3, 8, &mut bytes)?, ()),
            (b'\\', [escaped, after @ ..]) => {
                bytes.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    other => *other,
                });
                (after, ())
            }
            (b'\\', []) => bail!("the bytes end in a backslash"),
            (byte, after) => {
                bytes.push(*byte);
                (after, ())
            }
        };
    }
    Ok(bytes)
}

fn take<'t>(text: &'t [u8], len: usize, base: u32, bytes: &mut Vec<u8>) -> anyhow::Result<&'t [u8]> {
    match text.split_at_checked(len) {
        Some((digits, rest)) if let Some(byte) = number(digits, base) => {
            bytes.push(byte);
            Ok(rest)
        }
        _ => bail!("an escape lacks digits: {}", String::from_utf8_lossy(text)),
    }
}

fn number(digits: &[u8], base: u32) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, base).ok()
}

/// Takes off, as far as they are there: the `z` of data keys, the memcomparable form, the timestamp, the
/// keyspace.
pub(super) fn unwrap_key(key: &[u8]) -> UserKey {
    const TIMESTAMP: usize = 8;
    let stored = key.strip_prefix(b"z").unwrap_or(key);
    let (bytes, timestamp) = match th_sst::memcomparable::decode(stored) {
        // A key that is itself one of TiDB's never decodes: its tenth byte is `_` or a keyspace's.
        Ok((bytes, rest)) if decode_key(key).is_err() && matches!(rest.len(), 0 | TIMESTAMP) => {
            let timestamp = rest.first_chunk().map(|reversed| !u64::from_be_bytes(*reversed));
            (bytes, timestamp)
        }
        _ => (key.to_vec(), None),
    };
    match bytes.split_first_chunk::<4>() {
        Some((&[b'x', a, b, c], rest)) if decode_key(rest).is_ok() => {
            UserKey { bytes: rest.to_vec(), timestamp, keyspace: Some(u32::from_be_bytes([0, a, b, c])) }
        }
        _ => UserKey { bytes, timestamp, keyspace: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use th_codec::keys::encode_int_handle;

    #[test]
    fn bytes_are_hexadecimal_or_escaped() {
        assert_eq!(parse("0x7480FF").unwrap(), [b't', 0x80, 0xff]);
        assert_eq!(parse(r"t\200\000\x0a_r\\\n").unwrap(), b"t\x80\x00\x0a_r\\\n");
        assert!(parse(r"t\x8").is_err());
        assert!(parse("t\\").is_err());
    }

    #[test]
    fn the_layers_of_a_key_are_taken_off() {
        let key = encode_int_handle(10, 5).to_vec();
        let bare = UserKey { bytes: key.clone(), timestamp: None, keyspace: None };
        assert_eq!(unwrap_key(&key), bare);
        assert_eq!(unwrap_key(&th_sst::memcomparable::encode(&key)), bare);
        let data_key = th_sst::mvcc::encode_data_key(&key, 77);
        assert_eq!(unwrap_key(&data_key), UserKey { timestamp: Some(77), ..bare.clone() });
        let in_keyspace = [b"x\0\0\x03".as_slice(), &key].concat();
        assert_eq!(
            unwrap_key(&th_sst::mvcc::encode_data_key(&in_keyspace, 77)),
            UserKey { timestamp: Some(77), keyspace: Some(3), ..bare }
        );
        assert_eq!(unwrap_key(b"other").bytes, b"other");
    }
}
