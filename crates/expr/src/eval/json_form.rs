//! A JSON document's own form: indented, and what it takes to store.

use th_types::Datum;

use super::{Frame, Value, or_null, text};
use crate::bind::Call;

/// The document on lines of its own, each level two blanks further in.
pub(crate) fn pretty<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let document = or_null!(call.arg(0).document(frame)).view().to_text()?;
    Ok(text(indented(document.as_bytes())))
}

fn indented(document: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(document.len() * 2);
    let new_line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + 2 * depth, b' ');
    };
    let (mut depth, mut quoted, mut escaped, mut empty) = (0_usize, false, false, false);
    for &byte in document {
        if quoted {
            out.push(byte);
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        if empty && !matches!(byte, b']' | b'}' | b' ') {
            empty = false;
            new_line(&mut out, depth);
        }
        match byte {
            b' ' => {}
            b'{' | b'[' => {
                out.push(byte);
                depth += 1;
                empty = true;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if !std::mem::take(&mut empty) {
                    new_line(&mut out, depth);
                }
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                new_line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            _ => {
                out.push(byte);
                quoted = byte == b'"';
            }
        }
    }
    out
}

/// Bytes of the stored form, its type code included.
pub(crate) fn storage_size<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Int(or_null!(call.arg(0).document(frame)).view().body.len() as i64 + 1))
}

/// Nothing: documents are stored without gaps.
pub(crate) fn storage_free<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    or_null!(call.arg(0).document(frame));
    Ok(Datum::Int(0))
}
