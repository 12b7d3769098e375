//! User keys and the memcomparable form in which PD and TiKV order regions.
//!
//! An *empty* region border is not an encoded key: it means the beginning or the end of the key space.

pub use th_memcomparable::{encode, encode_into};

/// The user key of an encoded one; `None` if the bytes are no complete encoded key.
pub fn decode(encoded: &[u8]) -> Option<Vec<u8>> {
    match th_memcomparable::decode(encoded) {
        Ok((user_key, [])) => Some(user_key),
        _ => None,
    }
}

/// Encodes the end of a half-open range of user keys; an empty end stays empty (no bound).
pub fn encode_bound(user_key: &[u8]) -> Vec<u8> {
    if user_key.is_empty() { Vec::new() } else { encode(user_key) }
}

/// The smallest user key greater than `user_key`.
pub fn next(user_key: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(user_key.len() + 1);
    next.extend_from_slice(user_key);
    next.push(0);
    next
}

/// Lower-case hexadecimal, for logs and PD's HTTP interface.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// The bytes of hexadecimal text.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_are_encoded_as_a_real_pd_shows_them() {
        let key = [0x74, 0x80, 0, 0, 0, 0, 0, 0, 0x8d, 0x5f, 0x72, 0x80, 0, 0, 0, 0, 0, 3, 0xe8];
        assert_eq!(hex(&encode(&key)), "7480000000000000ff8d5f728000000000ff0003e80000000000fa");
        assert_eq!(hex(&encode(b"")), "0000000000000000f7");
        assert_eq!(encode_bound(b""), Vec::<u8>::new());
    }

    #[test]
    fn incomplete_or_dirty_encodings_are_not_keys() {
        assert_eq!(decode(b""), None);
        assert_eq!(decode(&[0; 8]), None);
        assert_eq!(decode(&[0, 0, 0, 0, 0, 0, 0, 0, 0xFF]), None, "no last group");
        assert_eq!(decode(&[1, 0, 0, 0, 0, 0, 0, 9, 0xF8]), None, "padding is not zero");
        assert_eq!(decode(&[1, 0, 0, 0, 0, 0, 0, 0, 0x10]), None, "marker too small");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn encoding_keeps_order_and_comes_back(a in proptest::collection::vec(any::<u8>(), 0..24),
                                               b in proptest::collection::vec(any::<u8>(), 0..24)) {
            prop_assert_eq!(decode(&encode(&a)), Some(a.clone()));
            prop_assert_eq!(encode(&a).cmp(&encode(&b)), a.cmp(&b));
        }

        #[test]
        fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(key) = decode(&bytes) {
                prop_assert_eq!(encode(&key), bytes);
            }
        }
    }
}
