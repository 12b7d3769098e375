//! CHAR, VARCHAR, TEXT and their binary kin.

use std::borrow::Cow;

use th_collation::Charset;

use super::{Outcome, no_conversion, settle};
use crate::error::{TypeError, code};
use crate::number::{write_f32, write_f64};
use crate::{Datum, FieldType, tp};

/// What a string column takes, worked out once.
#[derive(Debug, Clone, Copy)]
pub struct StringTarget {
    type_code: u8,
    /// The column's character set, by which values are checked.
    charset: Charset,
    /// Greatest length, in what `unit` says; `None` for no limit.
    limit: Option<usize>,
    unit: LengthUnit,
    /// BINARY(n): filled up with zero bytes.
    pads_zero: bool,
    /// CHAR: without trailing spaces.
    drops_spaces: bool,
    /// CHAR and VARCHAR: white space beyond the limit is cut without an error.
    forgives_spaces: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LengthUnit {
    Bytes,
    /// Bytes, but cut between characters (TEXT).
    BytesOfWholeCharacters,
    Characters,
}

impl StringTarget {
    /// Of a string column (see [`FieldType::is_string`]). An unknown character set is taken as
    /// utf8mb4.
    pub fn new(target: &FieldType) -> Self {
        let charset = Charset::by_name(&target.charset).unwrap_or(Charset::Utf8mb4);
        let is_blob = matches!(target.tp, tp::TINY_BLOB | tp::MEDIUM_BLOB | tp::LONG_BLOB | tp::BLOB);
        let is_binary = target.is_binary_string();
        Self {
            type_code: target.tp,
            charset,
            limit: usize::try_from(target.flen).ok(),
            unit: match charset {
                Charset::Binary => LengthUnit::Bytes,
                _ if is_blob => LengthUnit::BytesOfWholeCharacters,
                _ => LengthUnit::Characters,
            },
            pads_zero: target.tp == tp::STRING && is_binary,
            drops_spaces: target.tp == tp::STRING && !is_binary,
            forgives_spaces: matches!(target.tp, tp::STRING | tp::VARCHAR) && !is_binary,
        }
    }

    /// UTF-8 text for the column: checked against its character set, cut to its length, padded or
    /// stripped of padding.
    ///
    /// Errors are 1366 for characters the set does not have (each becomes `?` if `lax`, and the
    /// length is then not looked at, as in TiDB) and 1406 for too long a text (cut if `lax`).
    #[inline]
    pub fn fit_text<'a>(&self, text: Cow<'a, [u8]>, lax: bool) -> Result<Cow<'a, [u8]>, TypeError> {
        if self.charset != Charset::Binary
            && let Some(invalid) = self.charset.first_invalid(&text)
        {
            return self.replace_invalid(&text, invalid, lax).map(Cow::Owned);
        }
        self.fit_length(text, lax)
    }

    #[cold]
    fn replace_invalid(&self, text: &[u8], invalid: (usize, usize), lax: bool) -> Result<Vec<u8>, TypeError> {
        if !lax {
            let (start, len) = invalid;
            return Err(incorrect_string(text.get(start..start + len).unwrap_or_default()));
        }
        let mut replaced = Vec::with_capacity(text.len());
        self.charset.replace_invalid(text, &mut replaced);
        self.drop_spaces_of_vec(&mut replaced);
        Ok(replaced)
    }

    /// Bytes without a character set (a literal in hexadecimal or bits, a binary string), read in the
    /// column's character set. The first bytes that are no character end the text if `lax`, and are
    /// error 1366 otherwise.
    pub fn fit_binary<'a>(&self, bytes: Cow<'a, [u8]>, lax: bool) -> Result<Cow<'a, [u8]>, TypeError> {
        let (valid, invalid) = match self.charset {
            Charset::Binary => return self.fit_length(bytes, lax),
            Charset::Gbk | Charset::Gb18030 => decode(self.charset, &bytes),
            charset => match charset.first_invalid(&bytes) {
                None => return self.fit_length(bytes, lax),
                Some((start, len)) => {
                    let invalid = bytes.get(start..start + len).unwrap_or_default().to_vec();
                    (bytes.get(..start).unwrap_or_default().to_vec(), Some(invalid))
                }
            },
        };
        match invalid {
            None => self.fit_length(Cow::Owned(valid), lax),
            Some(invalid) if !lax => Err(incorrect_string(&invalid)),
            Some(_) => {
                let mut valid = valid;
                self.drop_spaces_of_vec(&mut valid);
                Ok(Cow::Owned(valid))
            }
        }
    }

    /// Any datum; `Err` also if there is no such conversion.
    pub fn fit_datum<'a>(&self, value: Datum<'a>, lax: bool) -> Result<Cow<'a, [u8]>, TypeError> {
        let mut text = Vec::new();
        match value {
            Datum::Bytes(text) => return self.fit_text(text, lax),
            Datum::Bit(bytes) => return self.fit_binary(bytes, lax),
            Datum::Int(value) => text.extend_from_slice(value.to_string().as_bytes()),
            Datum::Uint(value) => text.extend_from_slice(value.to_string().as_bytes()),
            Datum::Float32(value) => write_f32(value, &mut text),
            Datum::Float64(value) => write_f64(value, &mut text),
            Datum::Decimal(value) => value.write_text(&mut text),
            Datum::Time(value) => text.extend_from_slice(value.to_text().as_bytes()),
            Datum::Duration(value) => text.extend_from_slice(value.to_text().as_bytes()),
            Datum::Json(value) => text = value.to_text()?.into_bytes(),
            Datum::Null | Datum::Enum(_) | Datum::Set(_) | Datum::Vector(_) => {
                return Err(no_conversion(&value, self.type_code));
            }
        }
        self.fit_length(Cow::Owned(text), lax)
    }

    /// Cuts or pads valid text.
    #[inline]
    fn fit_length<'a>(&self, text: Cow<'a, [u8]>, lax: bool) -> Result<Cow<'a, [u8]>, TypeError> {
        let mut text = match self.limit {
            Some(limit) if text.len() > limit => settle(self.cut(text, limit), lax)?,
            _ => text,
        };
        if self.pads_zero
            && let Some(limit) = self.limit
            && text.len() < limit
        {
            text.to_mut().resize(limit, 0);
        }
        if self.drops_spaces && text.last() == Some(&b' ') {
            let len = len_without_spaces(&text);
            truncate(&mut text, len);
        }
        Ok(text)
    }

    #[cold]
    fn cut<'a>(&self, text: Cow<'a, [u8]>, limit: usize) -> Outcome<Cow<'a, [u8]>> {
        let (kept, shown_len) = match self.unit {
            LengthUnit::Bytes => (limit, text.len()),
            LengthUnit::BytesOfWholeCharacters => (whole_characters(&text, limit), text.len()),
            LengthUnit::Characters => match nth_character(&text, limit) {
                None => return (text, None),
                Some(kept) => (kept, limit + count_characters(&text[kept..])),
            },
        };
        let lost_is_blank = text[kept..].iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        let error = (!(lost_is_blank && self.forgives_spaces)).then(|| {
            TypeError::new(
                code::DATA_TOO_LONG,
                format!("Data Too Long, field len {limit}, data len {shown_len}"),
            )
        });
        let mut text = text;
        truncate(&mut text, kept);
        (text, error)
    }

    fn drop_spaces_of_vec(&self, text: &mut Vec<u8>) {
        if self.drops_spaces {
            text.truncate(len_without_spaces(text));
        }
    }
}

fn len_without_spaces(text: &[u8]) -> usize {
    text.len() - text.iter().rev().take_while(|byte| **byte == b' ').count()
}

fn truncate(text: &mut Cow<'_, [u8]>, len: usize) {
    match text {
        Cow::Borrowed(text) => *text = &text[..len],
        Cow::Owned(text) => text.truncate(len),
    }
}

/// The length of the longest prefix of at most `limit` bytes that does not end inside a character.
fn whole_characters(text: &[u8], limit: usize) -> usize {
    let ends_well = |end: &usize| {
        let tail = &text[end.saturating_sub(4)..*end];
        (1..=tail.len()).any(|len| {
            std::str::from_utf8(&tail[tail.len() - len..]).is_ok_and(|last| last.chars().count() == 1)
        })
    };
    (1..=limit.min(text.len())).rev().find(ends_well).unwrap_or(0)
}

/// Where character number `n` (from 0) begins; `None` if there is none. Each byte that is no
/// character counts as one.
fn nth_character(text: &[u8], n: usize) -> Option<usize> {
    let mut seen = 0;
    let mut start = 0;
    for chunk in text.utf8_chunks() {
        for (position, _) in chunk.valid().char_indices() {
            if seen == n {
                return Some(start + position);
            }
            seen += 1;
        }
        start += chunk.valid().len();
        for _ in chunk.invalid() {
            if seen == n {
                return Some(start);
            }
            seen += 1;
            start += 1;
        }
    }
    None
}

fn count_characters(text: &[u8]) -> usize {
    text.utf8_chunks().map(|chunk| chunk.valid().chars().count() + chunk.invalid().len()).sum()
}

/// Bytes of a character set as UTF-8 up to the first that are no character, and those.
fn decode(charset: Charset, bytes: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    // A character that neither set has stands for what cannot be decoded.
    const MARK: &str = "\u{10FFFE}";
    let mut text = Vec::with_capacity(bytes.len() * 3 / 2);
    if charset.decode_to_utf8(bytes, MARK, &mut text) == 0 {
        return (text, None);
    }
    let mark = text.windows(MARK.len()).position(|window| window == MARK.as_bytes()).unwrap_or(text.len());
    text.truncate(mark);
    let mut encoded = Vec::new();
    charset.encode_from_utf8(&text, &mut encoded);
    let rest = bytes.get(encoded.len()..).unwrap_or_default();
    (text, Some(rest[..rest.len().min(2)].to_vec()))
}

/// `Incorrect string value '\xFF'`.
fn incorrect_string(bytes: &[u8]) -> TypeError {
    use std::fmt::Write as _;
    let mut shown = String::with_capacity(bytes.len() * 4);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(shown, "\\x{byte:02X}");
    }
    TypeError::new(code::WRONG_VALUE_FOR_FIELD, format!("Incorrect string value '{shown}'"))
}
