//! Text: lengths, joining, case, cutting.
//!
//! Positions count characters, or bytes where the text has no character set.

use std::borrow::Cow;

use th_types::Datum;

use super::coerce::lossy;
use super::{Frame, Value, or_null, text};
use crate::ast::TrimDirection;
use crate::bind::{Call, Detail, Term};

type Bytes<'v> = Cow<'v, [u8]>;

/// `bytes[from..to]`, borrowing where `bytes` borrows.
pub(super) fn slice(bytes: Bytes<'_>, from: usize, to: usize) -> Bytes<'_> {
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(from..to).unwrap_or_default()),
        Cow::Owned(bytes) => Cow::Owned(bytes.get(from..to).unwrap_or_default().to_vec()),
    }
}

/// How many characters, and where the character at `index` begins (the length, if there are fewer).
pub(super) struct Characters {
    pub(super) binary: bool,
}

impl Characters {
    fn of(term: &Term) -> Self {
        Self { binary: term.is_binary_text() }
    }

    fn of_any(terms: &[Term]) -> Self {
        Self { binary: terms.iter().any(Term::is_binary_text) }
    }

    pub(super) fn count(&self, bytes: &[u8]) -> usize {
        if self.binary || bytes.is_ascii() {
            bytes.len()
        } else {
            String::from_utf8_lossy(bytes).chars().count()
        }
    }

    pub(super) fn offset(&self, bytes: &[u8], index: usize) -> usize {
        if self.binary || bytes.is_ascii() {
            return index.min(bytes.len());
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => text.char_indices().nth(index).map_or(bytes.len(), |(at, _)| at),
            Err(_) => {
                let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte & 0xC0 != 0x80);
                starts.map(|(at, _)| at).nth(index).unwrap_or(bytes.len())
            }
        }
    }
}

fn too_big(frame: &Frame<'_>, length: usize) -> bool {
    length as u64 > frame.context.max_allowed_packet
}

// ---- lengths

pub(crate) fn length<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Int(or_null!(call.arg(0).text(frame)).len() as i64))
}

pub(crate) fn bit_length<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Int(or_null!(call.arg(0).text(frame)).len() as i64 * 8))
}

pub(crate) fn char_length<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    Ok(Datum::Int(Characters::of(call.arg(0)).count(&bytes) as i64))
}

pub(crate) fn ascii<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    Ok(Datum::Int(bytes.first().copied().map_or(0, i64::from)))
}

/// The bytes of the first character as one number.
pub(crate) fn ord<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    let end = Characters::of(call.arg(0)).offset(&bytes, 1).min(4);
    let first = bytes.get(..end).unwrap_or_default();
    Ok(Datum::Int(first.iter().fold(0, |number, byte| number << 8 | i64::from(*byte))))
}

// ---- joining

pub(crate) fn concat<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let mut out = Vec::new();
    for term in &call.args {
        out.extend_from_slice(&or_null!(term.text(frame)));
    }
    Ok(if too_big(frame, out.len()) { Datum::Null } else { text(out) })
}

pub(crate) fn concat_ws<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let separator = or_null!(call.arg(0).text(frame));
    let mut out: Option<Vec<u8>> = None;
    for term in call.args.iter().skip(1) {
        let Some(part) = term.text(frame)? else { continue };
        match &mut out {
            None => out = Some(part.into_owned()),
            Some(out) => {
                out.extend_from_slice(&separator);
                out.extend_from_slice(&part);
            }
        }
    }
    let out = out.unwrap_or_default();
    Ok(if too_big(frame, out.len()) { Datum::Null } else { text(out) })
}

pub(crate) fn repeat<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    let times = or_null!(call.arg(1).long(frame)).clamp(0, i64::from(i32::MAX)) as usize;
    match bytes.len().checked_mul(times) {
        Some(length) if !too_big(frame, length) => Ok(text(bytes.repeat(times))),
        _ => Ok(Datum::Null),
    }
}

pub(crate) fn space<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let times = or_null!(call.arg(0).long(frame)).max(0) as usize;
    Ok(if too_big(frame, times) { Datum::Null } else { text(vec![b' '; times]) })
}

// ---- case

/// One character in upper case where Unicode has a single one, as Go maps it.
fn upper_char(c: char) -> char {
    let mut mapped = c.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(single), None) => single,
        _ => match c {
            '\u{1F80}'..='\u{1F87}' | '\u{1F90}'..='\u{1F97}' | '\u{1FA0}'..='\u{1FA7}' => {
                char::from_u32(c as u32 + 8).unwrap_or(c)
            }
            '\u{1FB3}' | '\u{1FC3}' | '\u{1FF3}' => char::from_u32(c as u32 + 9).unwrap_or(c),
            other => other,
        },
    }
}

fn lower_char(c: char) -> char {
    if c == '\u{130}' {
        return 'i';
    }
    let mut mapped = c.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

/// Letters whose upper case GBK does not have (the accented vowels of pinyin), so that it stays away.
fn gbk_keeps(c: char) -> bool {
    matches!(
        c,
        '\u{E0}' | '\u{E1}' | '\u{E8}'
            ..='\u{EA}'
                | '\u{EC}'
                | '\u{ED}'
                | '\u{F2}'
                | '\u{F3}'
                | '\u{F9}'
                | '\u{FA}'
                | '\u{FC}'
                | '\u{101}'
                | '\u{113}'
                | '\u{11B}'
                | '\u{12B}'
                | '\u{144}'
                | '\u{148}'
                | '\u{14D}'
                | '\u{16B}'
                | '\u{1CE}'
                | '\u{1D0}'
                | '\u{1D2}'
                | '\u{1D4}'
                | '\u{1D6}'
                | '\u{1D8}'
                | '\u{1DA}'
                | '\u{1DC}'
                | '\u{216A}'
                | '\u{216B}'
    )
}

fn change_case<'v>(
    call: &'v Call,
    frame: &Frame<'v>,
    map: fn(char) -> char,
    done: fn(&u8) -> bool,
) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    if call.arg(0).is_binary_text() || bytes.iter().all(done) {
        return Ok(Datum::Bytes(bytes));
    }
    let gbk = matches!(call.ty.charset.as_str(), "gbk" | "gb18030");
    let changed: String =
        lossy(bytes).chars().map(|c| if gbk && gbk_keeps(c) { c } else { map(c) }).collect();
    Ok(text(changed))
}

pub(crate) fn upper<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    change_case(call, frame, upper_char, |byte| byte.is_ascii() && !byte.is_ascii_lowercase())
}

pub(crate) fn lower<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    change_case(call, frame, lower_char, |byte| byte.is_ascii() && !byte.is_ascii_uppercase())
}

pub(crate) fn reverse<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    if call.arg(0).is_binary_text() || bytes.is_ascii() {
        return Ok(text(bytes.iter().rev().copied().collect::<Vec<u8>>()));
    }
    Ok(text(lossy(bytes).chars().rev().collect::<String>()))
}

// ---- cutting

pub(crate) fn left<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    let count = or_null!(call.arg(1).long(frame)).max(0) as usize;
    let end = Characters::of(call.arg(0)).offset(&bytes, count);
    Ok(Datum::Bytes(slice(bytes, 0, end)))
}

pub(crate) fn right<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    let count = or_null!(call.arg(1).long(frame)).max(0) as usize;
    let characters = Characters::of(call.arg(0));
    let skipped = characters.count(&bytes).saturating_sub(count);
    let start = characters.offset(&bytes, skipped);
    let end = bytes.len();
    Ok(Datum::Bytes(slice(bytes, start, end)))
}

/// `SUBSTRING(text, position[, length])`; position 1 is the first, -1 the last, 0 none.
pub(crate) fn substring<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    let position = or_null!(call.arg(1).long(frame));
    let length = match call.args.get(2) {
        Some(term) => Some(or_null!(term.long(frame))),
        None => None,
    };
    let characters = Characters::of(call.arg(0));
    let start = match position {
        0 => return Ok(text(Vec::new())),
        1.. => (position - 1) as usize,
        _ => match characters.count(&bytes).checked_sub(position.unsigned_abs() as usize) {
            Some(start) => start,
            None => return Ok(text(Vec::new())),
        },
    };
    let from = characters.offset(&bytes, start);
    let to = match length {
        None => bytes.len(),
        Some(..=0) => from,
        Some(length) => from + characters.offset(bytes.get(from..).unwrap_or_default(), length as usize),
    };
    Ok(Datum::Bytes(slice(bytes, from, to)))
}

fn trim_sides<'v>(bytes: Bytes<'v>, remove: &[u8], front: bool, back: bool) -> Bytes<'v> {
    if remove.is_empty() {
        return bytes;
    }
    let (mut from, mut to) = (0, bytes.len());
    while front && bytes.get(from..to).is_some_and(|rest| rest.starts_with(remove)) {
        from += remove.len();
    }
    while back && bytes.get(from..to).is_some_and(|rest| rest.ends_with(remove)) {
        to -= remove.len();
    }
    slice(bytes, from, to)
}

pub(crate) fn trim<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    let remove = match call.args.get(1) {
        Some(term) => or_null!(term.text(frame)),
        None => Cow::Borrowed(b" ".as_slice()),
    };
    let (front, back) = match call.detail {
        Detail::Trim(TrimDirection::Leading) => (true, false),
        Detail::Trim(TrimDirection::Trailing) => (false, true),
        _ => (true, true),
    };
    Ok(Datum::Bytes(trim_sides(bytes, &remove, front, back)))
}

pub(crate) fn ltrim<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Bytes(trim_sides(or_null!(call.arg(0).text(frame)), b" ", true, false)))
}

pub(crate) fn rtrim<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Bytes(trim_sides(or_null!(call.arg(0).text(frame)), b" ", false, true)))
}

fn pad<'v>(call: &'v Call, frame: &Frame<'v>, in_front: bool) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    let target = or_null!(call.arg(1).long(frame));
    let filler = or_null!(call.arg(2).text(frame));
    let characters = Characters::of_any(&call.args);
    let Ok(target) = usize::try_from(target) else { return Ok(Datum::Null) };
    if too_big(frame, target.saturating_mul(if characters.binary { 1 } else { 4 })) {
        return Ok(Datum::Null);
    }
    let count = characters.count(&bytes);
    if count >= target {
        let end = characters.offset(&bytes, target);
        return Ok(Datum::Bytes(slice(bytes, 0, end)));
    }
    let filler_count = characters.count(&filler);
    if filler_count == 0 {
        return Ok(Datum::Null);
    }
    let missing = target - count;
    let mut padding = filler.repeat(missing / filler_count);
    padding.extend_from_slice(
        filler.get(..characters.offset(&filler, missing % filler_count)).unwrap_or_default(),
    );
    let out =
        if in_front { [padding.as_slice(), &bytes].concat() } else { [&*bytes, padding.as_slice()].concat() };
    Ok(text(out))
}

pub(crate) fn lpad<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    pad(call, frame, true)
}

pub(crate) fn rpad<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    pad(call, frame, false)
}

/// `INSERT(text, position, length, new)`.
pub(crate) fn insert<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    let position = or_null!(call.arg(1).long(frame));
    let length = or_null!(call.arg(2).long(frame));
    let new = or_null!(call.arg(3).text(frame));
    let characters = Characters::of_any(&call.args);
    let count = characters.count(&bytes) as i64;
    if position < 1 || position > count {
        return Ok(Datum::Bytes(bytes));
    }
    let left_over = count - position + 1;
    let length = if length < 0 || length > left_over { left_over } else { length };
    let from = characters.offset(&bytes, (position - 1) as usize);
    let to = characters.offset(&bytes, (position - 1 + length) as usize);
    let (head, tail) = (bytes.get(..from).unwrap_or_default(), bytes.get(to..).unwrap_or_default());
    Ok(text([head, &new, tail].concat()))
}
