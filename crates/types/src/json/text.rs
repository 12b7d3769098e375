//! Binary to the text that TiDB prints: `{"a": 1, "b": [1, 2]}`.

use std::fmt::Write as _;

use super::{JsonValue, JsonView, MAX_LEVELS, invalid_binary, too_deep};
use crate::{Duration, TypeError};

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl JsonView<'_> {
    /// The text. Fails on damaged bytes, too deep nesting, and doubles that are no number.
    pub fn to_text(self) -> Result<String, TypeError> {
        let mut text = String::with_capacity(self.body.len() * 3 / 2);
        self.write_text(&mut text)?;
        Ok(text)
    }

    /// Appends [`JsonView::to_text`].
    pub fn write_text(self, out: &mut String) -> Result<(), TypeError> {
        self.write_within(out, 2 * MAX_LEVELS)
    }

    fn write_within(self, out: &mut String, levels: usize) -> Result<(), TypeError> {
        if levels == 0 {
            return Err(too_deep());
        }
        let value = self.value().ok_or_else(|| invalid_binary("a value is malformed"))?;
        // Writing to a String cannot fail.
        let _ = match value {
            JsonValue::Null => out.write_str("null"),
            JsonValue::Bool(value) => write!(out, "{value}"),
            JsonValue::Int(value) => write!(out, "{value}"),
            JsonValue::Uint(value) => write!(out, "{value}"),
            JsonValue::Float(value) => return write_float(value, out),
            JsonValue::Text(text) => {
                write_quoted(text, out);
                Ok(())
            }
            JsonValue::Opaque { tp, bytes } => {
                let _ = write!(out, "\"base64:type{tp}:");
                write_base64(bytes, out);
                out.write_str("\"")
            }
            JsonValue::Time(time) => {
                out.push('"');
                time.write_text(out);
                out.write_str("\"")
            }
            JsonValue::Duration(duration) => {
                out.push('"');
                Duration { fsp: 6, ..duration }.write_text(out);
                out.write_str("\"")
            }
            JsonValue::Array(array) => {
                out.push('[');
                for (index, element) in array.elements().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    element.write_within(out, levels - 1)?;
                }
                out.write_str("]")
            }
            JsonValue::Object(object) => {
                out.push('{');
                for (index, (key, value)) in object.members().enumerate() {
                    if index > 0 {
                        out.push_str(", ");
                    }
                    write_quoted(key, out);
                    out.push_str(": ");
                    value.write_within(out, levels - 1)?;
                }
                out.write_str("}")
            }
        };
        Ok(())
    }
}

/// A double: shortest digits that read back the same, exponents from 1e15 up and 1e-15 down, and a
/// `.0` behind whole numbers.
fn write_float(value: f64, out: &mut String) -> Result<(), TypeError> {
    if !value.is_finite() {
        return Err(TypeError::new(0, format!("json: unsupported value: {value}")));
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-15..1e15).contains(&magnitude) {
        let _ = write!(out, "{value:e}");
    } else {
        let start = out.len();
        let _ = write!(out, "{value}");
        if !out[start..].contains('.') {
            out.push_str(".0");
        }
    }
    Ok(())
}

/// A string literal as Go's encoder writes it without HTML escapes; bytes that are no UTF-8 become
/// `\ufffd`.
pub(super) fn write_quoted(text: &[u8], out: &mut String) {
    out.push('"');
    for chunk in text.utf8_chunks() {
        let mut start = 0;
        let valid = chunk.valid();
        for (at, char) in valid.char_indices() {
            let escape = match char {
                '\\' => "\\\\",
                '"' => "\\\"",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '\u{8}' => "\\b",
                '\u{c}' => "\\f",
                '\u{2028}' => "\\u2028",
                '\u{2029}' => "\\u2029",
                '\0'..' ' => "",
                _ => continue,
            };
            out.push_str(&valid[start..at]);
            if escape.is_empty() {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            } else {
                out.push_str(escape);
            }
            start = at + char.len_utf8();
        }
        out.push_str(&valid[start..]);
        // Go replaces byte by byte, not sequence by sequence.
        for _ in chunk.invalid() {
            out.push_str("\\ufffd");
        }
    }
    out.push('"');
}

/// Standard base64 with padding.
fn write_base64(bytes: &[u8], out: &mut String) {
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = BASE64[(word >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
}
