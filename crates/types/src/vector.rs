//! VECTOR: parsing, formatting and the binary form.
//!
//! Binary: the number of dimensions as little-endian `u32`, then each as little-endian `f32`. TiDB
//! gives its errors here no number.

use std::{cmp::Ordering, fmt::Write as _};

use crate::TypeError;

/// The most dimensions a vector can have.
pub const MAX_DIMENSIONS: usize = 16_383;

fn error(message: impl Into<String>) -> TypeError {
    TypeError::new(0, message)
}

fn invalid_text(text: &[u8]) -> TypeError {
    let head = text.get(..256).unwrap_or(text);
    error(format!("Invalid vector text: {}", String::from_utf8_lossy(head)))
}

struct Cursor<'t> {
    text: &'t [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&mut self) -> Option<u8> {
        while matches!(self.text.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// A JSON number.
    fn number(&mut self) -> Option<f64> {
        self.peek()?;
        let rest = &self.text[self.at..];
        let length = rest
            .iter()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
            .count();
        let number = std::str::from_utf8(&rest[..length]).ok()?;
        let digits = number.strip_prefix('-').unwrap_or(number).as_bytes();
        let leading_zero = digits.len() > 1 && digits[0] == b'0' && digits[1].is_ascii_digit();
        let starts_well = digits.first().is_some_and(u8::is_ascii_digit);
        let bare_point = number.ends_with('.') || number.contains(".e") || number.contains(".E");
        if leading_zero || !starts_well || bare_point {
            return None;
        }
        self.at += length;
        number.parse().ok()
    }
}

/// Parses `[1,-2.5,3e4]`, appends the binary form to `out` and returns the number of dimensions.
pub fn parse_into(text: &[u8], out: &mut Vec<u8>) -> Result<usize, TypeError> {
    let start = out.len();
    let parsed = parse_elements(text, out);
    if parsed.is_err() {
        out.truncate(start);
    }
    parsed
}

fn parse_elements(text: &[u8], out: &mut Vec<u8>) -> Result<usize, TypeError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let mut cursor = Cursor { text, at: 0 };
    let mut count = 0;
    if !cursor.eat(b'[') {
        return Err(invalid_text(text));
    }
    if !cursor.eat(b']') {
        loop {
            let value = cursor.number().ok_or_else(|| invalid_text(text))?;
            if value.is_infinite() {
                return Err(error("infinite value not allowed in vector"));
            }
            if value.abs() > f64::from(f32::MAX) {
                // Go writes the exponent's sign.
                let shown = format!("{value:e}").replace('e', "e+");
                return Err(error(format!("value {shown} out of range for float32")));
            }
            out.extend_from_slice(&(value as f32).to_le_bytes());
            count += 1;
            if count > MAX_DIMENSIONS {
                return Err(error(format!("vector cannot have more than {MAX_DIMENSIONS} dimensions")));
            }
            if cursor.eat(b']') {
                break;
            }
            if !cursor.eat(b',') {
                return Err(invalid_text(text));
            }
        }
    }
    if !crate::time::trim_space(&text[cursor.at..]).is_empty() {
        return Err(invalid_text(text));
    }
    out[start..start + 4].copy_from_slice(&(count as u32).to_le_bytes());
    Ok(count)
}

/// Checks the number of dimensions against the column's (`flen`, -1 for any).
pub fn check_dimensions(count: usize, flen: i64) -> Result<(), TypeError> {
    if flen == -1 || usize::try_from(flen) == Ok(count) {
        return Ok(());
    }
    Err(error(format!("vector has {count} dimensions, does not fit VECTOR({flen})")))
}

/// The elements of the binary form; `None` if it is damaged.
pub fn elements(binary: &[u8]) -> Option<impl Iterator<Item = f32> + Clone + '_> {
    let (count, rest) = binary.split_first_chunk::<4>()?;
    let size = (u32::from_le_bytes(*count) as usize).checked_mul(4)?;
    let (chunks, _) = rest.get(..size)?.as_chunks::<4>();
    Some(chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)))
}

/// The text `[1,-2.5,30000]`; `None` if the binary form is damaged.
pub fn to_text(binary: &[u8]) -> Option<String> {
    let mut text = String::from("[");
    for (index, value) in elements(binary)?.enumerate() {
        if index > 0 {
            text.push(',');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{value}");
    }
    text.push(']');
    Some(text)
}

/// Compares element by element, a prefix being less; damaged forms compare by bytes.
pub fn compare(left: &[u8], right: &[u8]) -> Ordering {
    let (Some(left_elements), Some(right_elements)) = (elements(left), elements(right)) else {
        return left.cmp(right);
    };
    left_elements.partial_cmp(right_elements).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<u8>, TypeError> {
        let mut out = Vec::new();
        parse_into(text.as_bytes(), &mut out).map(|_| out)
    }

    #[test]
    fn text_becomes_count_and_floats_and_back() {
        let binary = parsed("[ 1 , -2.5,1e-40 ] ").unwrap();
        assert_eq!(&binary[..8], [3, 0, 0, 0, 0, 0, 0x80, 0x3f]);
        assert_eq!(to_text(&binary).unwrap(), format!("[1,-2.5,{}]", 1e-40f32));
        assert_eq!(parsed("[]").unwrap(), [0, 0, 0, 0]);
        assert_eq!(parsed("[-0]").unwrap(), [1, 0, 0, 0, 0, 0, 0, 0x80]);
    }

    #[test]
    fn malformed_and_oversized_text_is_refused() {
        for text in
            ["", "null", "[1,a]", "[1", "[1,]", "[01]", "[1.]", "[.5]", "[+1]", "[1]x", "[1e39]", "[\"1\"]"]
        {
            assert!(parsed(text).is_err(), "{text}");
        }
        let long = format!("[{}0]", "0,".repeat(MAX_DIMENSIONS));
        assert!(parsed(&long).is_err());
        assert_eq!(parsed("[1e39]").unwrap_err().message, "value 1e+39 out of range for float32");
    }

    #[test]
    fn dimensions_must_fit_the_column() {
        assert!(check_dimensions(3, -1).is_ok());
        assert!(check_dimensions(3, 3).is_ok());
        let message = check_dimensions(2, 3).unwrap_err().message;
        assert_eq!(message, "vector has 2 dimensions, does not fit VECTOR(3)");
    }

    #[test]
    fn a_prefix_is_less_and_damaged_bytes_do_no_harm() {
        let (short, long) = (parsed("[1]").unwrap(), parsed("[1,2]").unwrap());
        assert_eq!(compare(&short, &long), Ordering::Less);
        assert_eq!(compare(&parsed("[2]").unwrap(), &long), Ordering::Greater);
        assert!(to_text(&[9, 0, 0, 0, 1]).is_none());
        assert!(to_text(&[]).is_none());
    }
}
