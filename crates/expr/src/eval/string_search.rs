//! Text: finding and replacing.

use th_types::{Datum, TypeError};

use super::string::{Characters, slice};
use super::{Frame, Value, or_null, text};
use crate::bind::{Call, Term};

pub(crate) fn substring_index<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    let separator = or_null!(call.arg(1).text(frame));
    let count = or_null!(call.arg(2).long(frame));
    if separator.is_empty() || count == 0 {
        return Ok(text(Vec::new()));
    }
    let starts = find_all(&bytes, &separator);
    let wanted = count.unsigned_abs() as usize;
    let (from, to) = if count > 0 {
        (0, starts.get(wanted - 1).copied().unwrap_or(bytes.len()))
    } else {
        let from = starts.len().checked_sub(wanted).and_then(|at| starts.get(at));
        (from.map_or(0, |at| at + separator.len()), bytes.len())
    };
    Ok(Datum::Bytes(slice(bytes, from, to)))
}

/// Where `needle` stands in `bytes`, without overlaps.
fn find_all(bytes: &[u8], needle: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut from = 0;
    while let Some(at) = find(bytes.get(from..).unwrap_or_default(), needle) {
        starts.push(from + at);
        from += at + needle.len().max(1);
    }
    starts
}

/// Where `needle` first stands in `bytes`.
pub(super) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    bytes.windows(needle.len()).position(|window| window == needle)
}

pub(crate) fn replace<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let bytes = or_null!(call.arg(0).text(frame));
    let from = or_null!(call.arg(1).text(frame));
    let to = or_null!(call.arg(2).text(frame));
    if from.is_empty() {
        return Ok(Datum::Bytes(bytes));
    }
    let starts = find_all(&bytes, &from);
    if starts.is_empty() {
        return Ok(Datum::Bytes(bytes));
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut done = 0;
    for start in starts {
        out.extend_from_slice(bytes.get(done..start).unwrap_or_default());
        out.extend_from_slice(&to);
        done = start + from.len();
    }
    out.extend_from_slice(bytes.get(done..).unwrap_or_default());
    Ok(text(out))
}

/// The place (from 1) of `needle` at or after the character `start` (from 1), 0 if there is none.
fn locate_from<'v>(
    call: &'v Call,
    frame: &Frame<'v>,
    haystack: &'v Term,
    needle: &'v Term,
    start: i64,
) -> Result<Option<i64>, TypeError> {
    let Some(bytes) = haystack.text(frame)? else { return Ok(None) };
    let Some(needle) = needle.text(frame)? else { return Ok(None) };
    let binary = call.args.iter().any(Term::is_binary_text);
    let characters = Characters { binary };
    let Some(skipped) = usize::try_from(start - 1).ok().filter(|at| *at <= characters.count(&bytes)) else {
        return Ok(Some(0));
    };
    let from = characters.offset(&bytes, skipped);
    let rest = bytes.get(from..).unwrap_or_default();
    let collation = call.collation();
    if binary || collation.is_bin() {
        return Ok(Some(match find(rest, &needle) {
            Some(at) => (skipped + characters.count(rest.get(..at).unwrap_or_default())) as i64 + 1,
            None => 0,
        }));
    }
    // Under a case-insensitive collation each window of as many characters is compared.
    let width = characters.count(&needle);
    let total = characters.count(rest);
    for at in 0..=total.saturating_sub(width) {
        let (a, b) = (characters.offset(rest, at), characters.offset(rest, at + width));
        let window = rest.get(a..b).unwrap_or_default();
        if at + width <= total && collation.compare(window, &needle).is_eq() {
            return Ok(Some((skipped + at) as i64 + 1));
        }
    }
    Ok(Some(0))
}

pub(crate) fn instr<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Int(or_null!(locate_from(call, frame, call.arg(0), call.arg(1), 1))))
}

pub(crate) fn locate<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let start = match call.args.get(2) {
        Some(term) => or_null!(term.long(frame)),
        None => 1,
    };
    Ok(Datum::Int(or_null!(locate_from(call, frame, call.arg(1), call.arg(0), start))))
}

pub(crate) fn find_in_set<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let item = or_null!(call.arg(0).text(frame));
    let set = or_null!(call.arg(1).text(frame));
    if set.is_empty() {
        return Ok(Datum::Int(0));
    }
    let place =
        set.split(|byte| *byte == b',').position(|part| call.collation().compare(part, &item).is_eq());
    Ok(Datum::Int(place.map_or(0, |at| at as i64 + 1)))
}

/// `TRANSLATE(text, from, to)`: character by character; those without a partner vanish.
pub(crate) fn translate<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let source = or_null!(call.arg(0).string(frame));
    let from: Vec<char> = or_null!(call.arg(1).string(frame)).chars().collect();
    let to: Vec<char> = or_null!(call.arg(2).string(frame)).chars().collect();
    let translated: String = source
        .chars()
        .filter_map(|c| match from.iter().position(|other| *other == c) {
            Some(at) => to.get(at).copied(),
            None => Some(c),
        })
        .collect();
    Ok(text(translated))
}
