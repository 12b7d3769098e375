//! Memcomparable bytes: an encoding whose byte order is the order of the original byte strings, even
//! when something is appended. TiDB's keys hold strings in it, and TiKV and PD order whole keys by it.
//!
//! ```text
//! group of 8 ‖ 0xff ‖ … ‖ last group, padded with zeros ‖ 0xff − padding
//! ```
//!
//! The last group is always padded (with eight zeros if need be), so that no encoding is a prefix of
//! another one.

const GROUP: usize = 8;
const FULL: u8 = 0xff;

/// Bytes that are not such an encoding. The offset counts from the beginning of the encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The bytes end before the last group.
    #[error("memcomparable bytes end inside the group at byte {at}")]
    Short {
        /// Where the unfinished group begins.
        at: usize,
    },
    /// The marker says more padding than a group has bytes, or the padding is not zero.
    #[error("impossible memcomparable padding at byte {at}")]
    Padding {
        /// Where the marker is.
        at: usize,
    },
}

/// Bytes that `len` bytes become.
#[inline]
pub const fn encoded_len(len: usize) -> usize {
    (len / GROUP + 1) * (GROUP + 1)
}

/// Appends the encoding of `bytes` to `out`.
pub fn encode_into(bytes: &[u8], out: &mut Vec<u8>) {
    out.reserve(encoded_len(bytes.len()));
    let (groups, tail) = bytes.as_chunks::<GROUP>();
    for group in groups {
        let mut encoded = [FULL; GROUP + 1];
        encoded[..GROUP].copy_from_slice(group);
        out.extend_from_slice(&encoded);
    }
    let mut last = [0; GROUP + 1];
    last[..tail.len()].copy_from_slice(tail);
    last[GROUP] = FULL - (GROUP - tail.len()) as u8;
    out.extend_from_slice(&last);
}

/// The encoding of `bytes`.
pub fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(encoded_len(bytes.len()));
    encode_into(bytes, &mut out);
    out
}

/// Appends to `out` what was encoded at the beginning of `encoded`; answers how many bytes of `encoded`
/// it took.
pub fn decode_into(encoded: &[u8], out: &mut Vec<u8>) -> Result<usize, Broken> {
    let mut taken = 0;
    loop {
        let rest = encoded.get(taken..).unwrap_or_default();
        let Some((&[ref group @ .., marker], _)) = rest.split_first_chunk::<{ GROUP + 1 }>() else {
            return Err(Broken::Short { at: taken });
        };
        taken += GROUP + 1;
        if marker == FULL {
            out.extend_from_slice(group);
            continue;
        }
        let impossible = Broken::Padding { at: taken - 1 };
        let kept = GROUP.checked_sub(usize::from(FULL - marker)).ok_or(impossible)?;
        let (text, zeros) = group.split_at(kept);
        if zeros.iter().any(|&byte| byte != 0) {
            return Err(impossible);
        }
        out.extend_from_slice(text);
        return Ok(taken);
    }
}

/// One string from the beginning of `encoded`, and what follows it.
pub fn decode(encoded: &[u8]) -> Result<(Vec<u8>, &[u8]), Broken> {
    let mut out = Vec::with_capacity(encoded.len());
    let taken = decode_into(encoded, &mut out)?;
    Ok((out, encoded.get(taken..).unwrap_or_default()))
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
        assert_eq!((full.len(), full.get(8), full.last()), (18, Some(&0xFF), Some(&0xF7)));
    }

    #[test]
    fn incomplete_or_dirty_encodings_are_refused() {
        assert_eq!(decode(b""), Err(Broken::Short { at: 0 }));
        assert_eq!(decode(&[0; 8]), Err(Broken::Short { at: 0 }));
        assert_eq!(decode(&[0, 0, 0, 0, 0, 0, 0, 0, 0xFF]), Err(Broken::Short { at: 9 }));
        assert_eq!(decode(&[1, 0, 0, 0, 0, 0, 0, 9, 0xF8]), Err(Broken::Padding { at: 8 }));
        assert_eq!(decode(&[1, 0, 0, 0, 0, 0, 0, 0, 0x10]), Err(Broken::Padding { at: 8 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn strings_come_back_and_keep_their_order(a: Vec<u8>, b: Vec<u8>, tail: Vec<u8>) {
            let mut encoded = encode(&a);
            prop_assert_eq!(encoded.len(), encoded_len(a.len()));
            prop_assert_eq!(encoded.cmp(&encode(&b)), a.cmp(&b));
            encoded.extend_from_slice(&tail);
            let (decoded, rest) = decode(&encoded).expect("it was encoded");
            prop_assert_eq!(decoded, a);
            prop_assert_eq!(rest, &tail[..]);
        }

        #[test]
        fn arbitrary_bytes_never_make_it_panic(bytes: Vec<u8>) {
            if let Ok((text, rest)) = decode(&bytes) {
                prop_assert_eq!([encode(&text).as_slice(), rest].concat(), bytes);
            }
        }
    }
}
