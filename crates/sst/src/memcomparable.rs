//! Memcomparable bytes: an encoding whose byte order is the order of the original byte strings, even
//! when something is appended.
//!
//! The input is cut into groups of 8, the last one padded with zeros; after each group comes a marker
//! byte, `0xFF` minus the number of padding bytes. A marker below `0xFF` ends the string.

use crate::SstError;

const GROUP: usize = 8;
const FULL_MARKER: u8 = 0xFF;

/// Bytes that `len` bytes become.
pub const fn encoded_len(len: usize) -> usize {
    (len / GROUP + 1) * (GROUP + 1)
}

/// Appends the encoding of `bytes` to `out`.
pub fn encode_into(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(encoded_len(bytes.len()));
    let mut groups = bytes.chunks_exact(GROUP);
    for group in &mut groups {
        out.extend_from_slice(group);
        out.push(FULL_MARKER);
    }
    let tail = groups.remainder();
    let padding = GROUP - tail.len();
    out.extend_from_slice(tail);
    out.resize(out.len() + padding, 0);
    out.push(FULL_MARKER - padding as u8);
}

/// The encoding of `bytes`.
pub fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(encoded_len(bytes.len()));
    encode_into(bytes, &mut out);
    out
}

/// Decodes one string from the front of `encoded`: the string and what follows it.
pub fn decode(encoded: &[u8]) -> Result<(Vec<u8>, &[u8]), SstError> {
    let mut out = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    loop {
        let (group, after) =
            rest.split_at_checked(GROUP).ok_or(SstError::Corrupt("memcomparable bytes end early"))?;
        let (&marker, after) =
            after.split_first().ok_or(SstError::Corrupt("memcomparable bytes lack a marker"))?;
        rest = after;
        if marker == FULL_MARKER {
            out.extend_from_slice(group);
            continue;
        }
        let padding = usize::from(FULL_MARKER - marker);
        if padding > GROUP {
            return Err(SstError::Corrupt("memcomparable marker out of range"));
        }
        let (real, zeros) = group.split_at(GROUP - padding);
        if zeros.iter().any(|&byte| byte != 0) {
            return Err(SstError::Corrupt("memcomparable padding is not zero"));
        }
        out.extend_from_slice(real);
        return Ok((out, rest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn groups_of_eight_end_with_a_marker() {
        assert_eq!(encode(b""), [0, 0, 0, 0, 0, 0, 0, 0, 0xF7]);
        assert_eq!(encode(b"abc"), [b'a', b'b', b'c', 0, 0, 0, 0, 0, 0xFA]);
        let full = encode(b"12345678");
        assert_eq!(full.len(), 18);
        assert_eq!(full.get(8), Some(&0xFF));
        assert_eq!(full.last(), Some(&0xF7));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn decoding_gives_back_what_was_encoded(bytes: Vec<u8>, tail: Vec<u8>) {
            let mut encoded = encode(&bytes);
            prop_assert_eq!(encoded.len(), encoded_len(bytes.len()));
            encoded.extend_from_slice(&tail);
            let (decoded, rest) = decode(&encoded).unwrap();
            prop_assert_eq!(decoded, bytes);
            prop_assert_eq!(rest, &tail[..]);
        }

        #[test]
        fn order_is_kept(a: Vec<u8>, b: Vec<u8>) {
            prop_assert_eq!(encode(&a).cmp(&encode(&b)), a.cmp(&b));
        }

        #[test]
        fn decoding_never_panics(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
