//! LIKE and regular expressions.

use th_collation::Collation;
use th_types::{Datum, TypeError};

use super::{Frame, Value, boolean, or_null, text};
use crate::ExprError;
use crate::bind::{Call, Detail, Shape, Term};

/// A pattern's parts.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    One,
    Many,
    Exactly(char),
}

fn like_parts(pattern: &str, escape: char) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        parts.push(match c {
            _ if c == escape => Part::Exactly(chars.next().unwrap_or(escape)),
            '_' => Part::One,
            '%' if parts.last() == Some(&Part::Many) => continue,
            '%' => Part::Many,
            other => Part::Exactly(other),
        });
    }
    parts
}

/// Whether the whole of `chars` fits: the last `%` is widened when what follows it fails.
fn like_matches(chars: &[char], parts: &[Part], same: &dyn Fn(char, char) -> bool) -> bool {
    let (mut at, mut part) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < chars.len() {
        let fits = match parts.get(part) {
            Some(Part::Many) => {
                retry = Some((part + 1, at));
                part += 1;
                continue;
            }
            Some(Part::One) => true,
            Some(Part::Exactly(c)) => chars.get(at).is_some_and(|other| same(*c, *other)),
            None => false,
        };
        if fits {
            at += 1;
            part += 1;
        } else if let Some((after, from)) = retry {
            at = from + 1;
            part = after;
            retry = Some((after, at));
        } else {
            return false;
        }
    }
    parts.iter().skip(part).all(|part| *part == Part::Many)
}

fn same_under(collation: Collation, a: char, b: char) -> bool {
    a == b
        || collation
            .compare(a.encode_utf8(&mut [0; 4]).as_bytes(), b.encode_utf8(&mut [0; 4]).as_bytes())
            .is_eq()
}

pub(crate) fn like<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let subject = or_null!(call.arg(0).string(frame));
    let pattern = or_null!(call.arg(1).string(frame));
    let Detail::Escape(escape, ignore_case) = call.detail else { return Ok(Datum::Null) };
    let parts = like_parts(&pattern, escape);
    let chars: Vec<char> = subject.chars().collect();
    let collation = call.collation();
    let matched = if ignore_case {
        like_matches(&chars, &parts, &|a, b| a.eq_ignore_ascii_case(&b))
    } else if collation.is_ci() {
        // A space is padding only at the end of a whole text, never within a pattern.
        like_matches(&chars, &parts, &|a, b| (a == ' ') == (b == ' ') && same_under(collation, a, b))
    } else {
        like_matches(&chars, &parts, &|a, b| a == b)
    };
    Ok(boolean(matched))
}

// ---- regular expressions

type Regex = regex::bytes::Regex;

fn compile(pattern: &str, flags: &str, collation: Collation) -> Result<Regex, TypeError> {
    if pattern.is_empty() {
        return Err(TypeError::new(3685, "Illegal argument to a regular expression: Empty pattern"));
    }
    let mut builder = regex::bytes::RegexBuilder::new(pattern);
    let mut ignore_case = collation.is_ci();
    for flag in flags.chars() {
        match flag {
            'i' => ignore_case = true,
            'c' => ignore_case = false,
            'm' => {
                builder.multi_line(true);
            }
            'n' | 's' => {
                builder.dot_matches_new_line(true);
            }
            _ => {
                return Err(TypeError::new(
                    3685,
                    "Illegal argument to a regular expression: Invalid match type",
                ));
            }
        }
    }
    builder.case_insensitive(ignore_case && collation != Collation::Binary).size_limit(1 << 20);
    builder.build().map_err(|error| TypeError::new(1139, format!("Got error '{error}' from regexp")))
}

/// A constant pattern is compiled when the expression is bound.
pub(crate) fn prepare(shape: &mut Shape<'_>, flags_at: usize) -> Result<(), ExprError> {
    let flags = match shape.args.get(flags_at) {
        None => Some(String::new()),
        Some(Term::Literal { value: Datum::Bytes(flags), .. }) => {
            Some(String::from_utf8_lossy(flags).into_owned())
        }
        Some(_) => None,
    };
    if let (Some(flags), Some(Term::Literal { value: Datum::Bytes(pattern), .. })) =
        (flags, shape.args.get(1))
    {
        let pattern = String::from_utf8_lossy(pattern).into_owned();
        let collation = crate::bind::Derived::merge(shape.args.iter().take(2)).collation;
        let regex = compile(&pattern, &flags, collation)
            .map_err(|error| ExprError::Unsupported(format!("regexp '{pattern}': {}", error.message)))?;
        *shape.detail = Detail::Regex(Box::new(regex));
    }
    Ok(())
}

/// Runs `with` on the call's expression; flags stand at `flags_at`.
fn with_regex<'v, T>(
    call: &'v Call,
    frame: &Frame<'v>,
    flags_at: usize,
    with: impl FnOnce(&Regex) -> T,
) -> Result<Option<T>, TypeError> {
    if let Detail::Regex(regex) = &call.detail {
        return Ok(Some(with(regex)));
    }
    let Some(pattern) = call.arg(1).string(frame)? else { return Ok(None) };
    let flags = match call.args.get(flags_at) {
        None => "".into(),
        Some(term) => match term.string(frame)? {
            Some(flags) => flags,
            None => return Ok(None),
        },
    };
    let collation = crate::bind::Derived::merge(call.args.iter().take(2)).collation;
    Ok(Some(with(&compile(&pattern, &flags, collation)?)))
}

/// `x REGEXP p` and `REGEXP_LIKE(x, p[, flags])`.
pub(crate) fn regexp_like<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let subject = or_null!(call.arg(0).text(frame));
    let matched = or_null!(with_regex(call, frame, 2, |regex| regex.is_match(&subject)));
    Ok(boolean(matched))
}

/// Byte offset of the character `position` (from 1).
fn start_at(subject: &[u8], position: i64) -> Result<usize, TypeError> {
    let outside = || TypeError::new(3686, "Index out of bounds in regular expression search");
    let skipped = usize::try_from(position - 1).map_err(|_| outside())?;
    let text = String::from_utf8_lossy(subject);
    if skipped == 0 {
        return Ok(0);
    }
    match text.char_indices().map(|(at, _)| at).chain([text.len()]).nth(skipped) {
        Some(at) => Ok(at),
        None => Err(outside()),
    }
}

/// The optional integer argument at `at`.
fn optional<'v>(
    call: &'v Call,
    frame: &Frame<'v>,
    at: usize,
    default: i64,
) -> Result<Option<i64>, TypeError> {
    match call.args.get(at) {
        None => Ok(Some(default)),
        Some(term) => term.long(frame),
    }
}

/// `REGEXP_SUBSTR(x, p[, position[, occurrence[, flags]]])`.
pub(crate) fn regexp_substr<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let subject = or_null!(call.arg(0).text(frame));
    let start = start_at(&subject, or_null!(optional(call, frame, 2, 1)))?;
    let nth = or_null!(optional(call, frame, 3, 1)).max(1) as usize - 1;
    let rest = subject.get(start..).unwrap_or_default();
    let found = or_null!(with_regex(call, frame, 4, |regex| {
        regex.find_iter(rest).nth(nth).map(|found| found.as_bytes().to_vec())
    }));
    Ok(found.map_or(Datum::Null, text))
}

/// `REGEXP_INSTR(x, p[, position[, occurrence[, return_end[, flags]]]])`.
pub(crate) fn regexp_instr<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let subject = or_null!(call.arg(0).text(frame));
    let start = start_at(&subject, or_null!(optional(call, frame, 2, 1)))?;
    let nth = or_null!(optional(call, frame, 3, 1)).max(1) as usize - 1;
    let end = or_null!(optional(call, frame, 4, 0)) == 1;
    let rest = subject.get(start..).unwrap_or_default();
    let found = or_null!(with_regex(call, frame, 5, |regex| {
        regex.find_iter(rest).nth(nth).map(|found| start + if end { found.end() } else { found.start() })
    }));
    let place = found.map_or(0, |at| {
        let before = subject.get(..at).unwrap_or_default();
        String::from_utf8_lossy(before).chars().count() as i64 + 1
    });
    Ok(Datum::Int(place))
}

/// `REGEXP_REPLACE(x, p, new[, position[, occurrence[, flags]]])`; occurrence 0 means all.
pub(crate) fn regexp_replace<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let subject = or_null!(call.arg(0).text(frame));
    let new = or_null!(call.arg(2).string(frame));
    let start = start_at(&subject, or_null!(optional(call, frame, 3, 1)))?;
    let nth = or_null!(optional(call, frame, 4, 0)).max(0) as usize;
    let (head, rest) = subject.split_at(start.min(subject.len()));
    // `\1` is a group here, `$` a plain character.
    let new = new.replace('$', "$$");
    let mut template = String::new();
    let mut chars = new.chars();
    while let Some(c) = chars.next() {
        match (c, chars.clone().next()) {
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                chars.next();
                template.push_str(&format!("${{{digit}}}"));
            }
            ('\\', Some(other)) => {
                chars.next();
                template.push(other);
            }
            (other, _) => template.push(other),
        }
    }
    let replaced = or_null!(with_regex(call, frame, 5, |regex| {
        let mut out = head.to_vec();
        let mut done = 0;
        for (index, groups) in regex.captures_iter(rest).enumerate() {
            let Some(whole) = groups.get(0) else { continue };
            if nth != 0 && index + 1 != nth {
                continue;
            }
            out.extend_from_slice(rest.get(done..whole.start()).unwrap_or_default());
            groups.expand(template.as_bytes(), &mut out);
            done = whole.end();
        }
        out.extend_from_slice(rest.get(done..).unwrap_or_default());
        out
    }));
    Ok(text(replaced))
}
