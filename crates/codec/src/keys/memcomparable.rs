//! Encodings whose byte order is the order of the values.
//!
//! These are the building blocks of every key: a sequence of encoded values compares as the tuple of
//! values does, because no encoding is a prefix of another one of the same kind.

pub use th_memcomparable::{encode_into as encode_bytes, encoded_len as encoded_bytes_len};

use super::KeyError;
use th_memcomparable::Broken;

/// Type flags before each value of a key (`pkg/util/codec`).
pub mod flag {
    #![allow(missing_docs)]
    pub const NIL: u8 = 0;
    pub const BYTES: u8 = 1;
    pub const COMPACT_BYTES: u8 = 2;
    pub const INT: u8 = 3;
    pub const UINT: u8 = 4;
    pub const FLOAT: u8 = 5;
    pub const DECIMAL: u8 = 6;
    pub const DURATION: u8 = 7;
    pub const VARINT: u8 = 8;
    pub const UVARINT: u8 = 9;
    pub const JSON: u8 = 10;
    pub const VECTOR: u8 = 20;
    pub const MAX: u8 = 250;
}

const SIGN: u64 = 1 << 63;
const GROUP: usize = 8;
const MARKER: u8 = 0xff;

/// A signed integer as eight bytes that compare like the number: big endian, sign bit flipped.
#[inline]
pub fn int_bytes(value: i64) -> [u8; 8] {
    ((value as u64) ^ SIGN).to_be_bytes()
}

/// The number whose [`int_bytes`] these are.
#[inline]
pub fn int_from_bytes(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ SIGN) as i64
}

/// A float as an integer that compares like the float. Both zeros are the same; NaN does not occur in
/// SQL.
#[inline]
pub fn float_to_comparable(value: f64) -> u64 {
    let bits = value.to_bits();
    if value >= 0.0 { bits | SIGN } else { !bits }
}

/// The float whose [`float_to_comparable`] this is.
#[inline]
pub fn float_from_comparable(comparable: u64) -> f64 {
    f64::from_bits(if comparable & SIGN != 0 { comparable & !SIGN } else { !comparable })
}

/// Appends to `out` what was encoded at the start of `input`; answers how many bytes of `input` it took.
pub fn decode_bytes(input: &[u8], out: &mut Vec<u8>) -> Result<usize, KeyError> {
    th_memcomparable::decode_into(input, out).map_err(|broken| match broken {
        Broken::Short { at } => KeyError::Short { at },
        Broken::Padding { at } => KeyError::Padding { at },
    })
}

/// Length of the encoded value (with its flag) at the start of `input`, without decoding it.
pub fn datum_len(input: &[u8]) -> Result<usize, KeyError> {
    let Some(&kind) = input.first() else { return Err(KeyError::Short { at: 0 }) };
    let len = match kind {
        flag::NIL | flag::MAX => 1,
        flag::INT | flag::UINT | flag::FLOAT | flag::DURATION => 9,
        flag::BYTES => {
            let mut at = 1;
            loop {
                match input.get(at + GROUP) {
                    Some(&MARKER) => at += GROUP + 1,
                    Some(_) => break at + GROUP + 1,
                    None => return Err(KeyError::Short { at }),
                }
            }
        }
        flag::DECIMAL => {
            let (Some(&precision), Some(&frac)) = (input.get(1), input.get(2)) else {
                return Err(KeyError::Short { at: 1 });
            };
            3 + decimal_bin_len(precision, frac).ok_or(KeyError::Decimal { at: 1 })?
        }
        other => return Err(KeyError::Flag { flag: other }),
    };
    if len > input.len() { Err(KeyError::Short { at: input.len() }) } else { Ok(len) }
}

/// Bytes of the binary form of a DECIMAL(precision, frac), without the two bytes before it.
pub fn decimal_bin_len(precision: u8, frac: u8) -> Option<usize> {
    const DIGITS_TO_BYTES: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
    let int = usize::from(precision.checked_sub(frac)?);
    let frac = usize::from(frac);
    if int + frac > 81 {
        return None;
    }
    Some(int / 9 * 4 + DIGITS_TO_BYTES[int % 9] + frac / 9 * 4 + DIGITS_TO_BYTES[frac % 9])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode_bytes(bytes, &mut out);
        out
    }

    #[test]
    fn eight_bytes_are_followed_by_an_empty_group() {
        assert_eq!(encoded(b""), [0, 0, 0, 0, 0, 0, 0, 0, 0xf7]);
        assert_eq!(encoded(b"12345678").len(), 18);
        assert_eq!(encoded(b"\x01\x02\x03"), [1, 2, 3, 0, 0, 0, 0, 0, 0xfa]);
    }

    #[test]
    fn both_zeros_are_the_same_key() {
        assert_eq!(float_to_comparable(-0.0), float_to_comparable(0.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn bytes_come_back_and_keep_their_order(a: Vec<u8>, b: Vec<u8>, tail: Vec<u8>) {
            let (mut left, right) = (encoded(&a), encoded(&b));
            prop_assert_eq!(left.cmp(&right), a.cmp(&b));
            let len = left.len();
            left.extend_from_slice(&tail);
            let mut back = Vec::new();
            prop_assert_eq!(decode_bytes(&left, &mut back).unwrap(), len);
            prop_assert_eq!(back, a);
        }

        #[test]
        fn numbers_keep_their_order(a: i64, b: i64, x in proptest::num::f64::NORMAL, y in proptest::num::f64::NORMAL) {
            prop_assert_eq!(int_bytes(a).cmp(&int_bytes(b)), a.cmp(&b));
            prop_assert_eq!(int_from_bytes(int_bytes(a)), a);
            prop_assert_eq!(Some(float_to_comparable(x).cmp(&float_to_comparable(y))), x.partial_cmp(&y));
            prop_assert_eq!(float_from_comparable(float_to_comparable(x)), x);
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_read_but_never_panic(input: Vec<u8>) {
            let mut out = Vec::new();
            let _ = decode_bytes(&input, &mut out);
            if let Ok(len) = datum_len(&input) {
                prop_assert!(len <= input.len());
            }
        }
    }
}
