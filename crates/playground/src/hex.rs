//! Bytes as hexadecimal text: upper case as TiKV and PD print keys, lower case in stored documents.

use std::fmt::Write as _;

/// Upper-case hexadecimal.
pub(crate) fn upper(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

/// Lower-case hexadecimal.
pub(crate) fn lower(bytes: &[u8]) -> String {
    upper(bytes).to_lowercase()
}

/// Reads hexadecimal of either case; `None` if it is none.
pub(crate) fn parse(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| match *pair {
            [high, low] => {
                let high = char::from(high).to_digit(16)?;
                let low = char::from(low).to_digit(16)?;
                u8::try_from(high << 4 | low).ok()
            }
            _ => None,
        })
        .collect()
}

/// For `#[serde(with = "…")]` on byte fields of stored documents.
pub(crate) mod serde_hex {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::lower(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse(&text).ok_or_else(|| serde::de::Error::custom("not hexadecimal"))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn hexadecimal_reads_back_in_either_case_and_refuses_the_rest() {
        assert_eq!(super::upper(&[0, 0xAB]), "00AB");
        assert_eq!(super::parse("00aB"), Some(vec![0, 0xAB]));
        assert_eq!(super::parse("0"), None);
        assert_eq!(super::parse("zz"), None);
    }
}
