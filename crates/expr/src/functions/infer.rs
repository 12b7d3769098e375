//! Result types of functions that follow no common pattern.

use th_types::{Datum, FieldType, tp};

use crate::ExprError;
use crate::ast::TimeUnit;
use crate::bind::{Class, Derived, Detail, Shape, Term, numeric_class};

/// The longest text there is.
pub(super) const BLOB: i64 = 16_777_216;

type Inferred = Result<(), ExprError>;

pub(super) fn infer_case(s: &mut Shape<'_>) -> Inferred {
    let count = s.args.len();
    let mut results: Vec<usize> = (1..count).step_by(2).collect();
    if count % 2 == 1 {
        results.push(count - 1);
    }
    s.merged_at(&results)
}

pub(super) fn infer_nullif(s: &mut Shape<'_>) -> Inferred {
    let derived = Derived::merge(s.args.iter());
    s.merged_at(&[0])?;
    s.derived = derived;
    Ok(())
}

pub(super) fn infer_interval(s: &mut Shape<'_>) -> Inferred {
    let whole = s.args.iter().all(|term| numeric_class(term) == Class::Int);
    s.int(20)?;
    s.class = if whole { Class::Int } else { Class::Real };
    Ok(())
}

/// Twice the argument's length and some more.
pub(super) fn doubled(s: &Shape<'_>, more: i64) -> i64 {
    match s.flen(0) {
        -1 => BLOB,
        flen => flen * 2 + more,
    }
}

pub(super) fn infer_pad(s: &mut Shape<'_>) -> Inferred {
    let flen = s.constant_int(1).filter(|length| (0..BLOB).contains(length)).unwrap_or(BLOB);
    s.text(flen)
}

pub(super) fn infer_replace(s: &mut Shape<'_>) -> Inferred {
    let (length, old, new) = (s.flen(0), s.flen(1), s.flen(2));
    let growth = new - old;
    let flen = if growth > 0 && old > 0 { length + length / old * growth } else { length };
    s.text(flen)
}

pub(super) fn infer_char(s: &mut Shape<'_>) -> Inferred {
    let count = s.args.len() as i64 - 1;
    let charset = match s.args.last() {
        Some(Term::Literal { value: Datum::Bytes(name), .. }) => String::from_utf8_lossy(name).into_owned(),
        _ => "binary".into(),
    };
    let Some(charset) = th_collation::Charset::by_name(&charset) else { return Err(s.unsupported()) };
    s.own_text(count * 4)?;
    s.derived = Derived { collation: charset.default_collation(), coercibility: 2 };
    let derived = s.derived;
    derived.apply(&mut s.ty);
    Ok(())
}

/// `CONVERT(x USING c)`.
pub(super) fn infer_convert(s: &mut Shape<'_>) -> Inferred {
    let charset = match s.args.get(1) {
        Some(Term::Literal { value: Datum::Bytes(name), .. }) => {
            th_collation::Charset::by_name(&String::from_utf8_lossy(name))
        }
        _ => None,
    };
    let Some(charset) = charset else { return Err(s.unsupported()) };
    let flen = s.flen(0);
    s.own_text(flen)?;
    s.derived = Derived { collation: charset.default_collation(), coercibility: 2 };
    let derived = s.derived;
    derived.apply(&mut s.ty);
    if charset == th_collation::Charset::Binary {
        s.ty.flag |= th_types::flag::BINARY;
    }
    Ok(())
}

/// A constant format decides whether the result is a date, a time or both.
pub(super) fn infer_str_to_date(s: &mut Shape<'_>) -> Inferred {
    let layout = match s.args.get(1) {
        Some(Term::Literal { value: Datum::Bytes(layout), .. }) => {
            String::from_utf8_lossy(layout).into_owned()
        }
        _ => return s.datetime(6),
    };
    let kind = th_types::time::format_kind(&layout);
    let fsp = if layout.contains("%f") { 6 } else { 0 };
    match (kind.has_date, kind.has_clock) {
        (true, true) => s.datetime(fsp),
        (false, true) => s.duration(fsp),
        _ => s.date(),
    }
}

pub(super) fn infer_unix_timestamp(s: &mut Shape<'_>) -> Inferred {
    let fsp = s.fsp(0);
    s.int(11)?;
    if fsp > 0 {
        s.ty = FieldType::new(tp::NEW_DECIMAL);
        s.ty.flag = th_types::flag::BINARY;
        (s.ty.flen, s.ty.decimal) = (12 + fsp, fsp);
        s.class = Class::Decimal;
    }
    Ok(())
}

pub(super) fn infer_from_unixtime(s: &mut Shape<'_>) -> Inferred {
    if s.args.len() == 2 {
        return s.own_text(100);
    }
    let fsp = match s.args.first().map(Term::class) {
        Some(Class::Int) => 0,
        _ => s.fsp(0),
    };
    s.datetime(fsp)
}

/// `DATE_ADD` and its kind: a date or time where the argument is one, else text.
pub(super) fn infer_date_sum(s: &mut Shape<'_>) -> Inferred {
    let unit = match s.detail {
        Detail::Unit(unit) => *unit,
        _ => TimeUnit::Day,
    };
    let clock = th_types::time::IntervalUnit::from_name(unit.name()).is_some_and(|unit| unit.is_clock());
    let interval_fsp = if unit.name().contains("MICROSECOND") {
        6
    } else if unit == TimeUnit::Second {
        match s.args.get(1) {
            Some(term) if matches!(term.class(), Class::Int) => 0,
            _ => s.fsp(1),
        }
    } else {
        0
    };
    let fsp = s.args.first().map_or(0, |term| term.ty().decimal.clamp(0, 6)).max(interval_fsp);
    match s.args.first().map(|term| term.ty().tp) {
        Some(tp::DATE) if !clock => s.date(),
        Some(tp::DATE) => s.datetime(interval_fsp),
        Some(tp::DATETIME | tp::TIMESTAMP) => s.datetime(fsp),
        Some(tp::DURATION) if clock => s.duration(fsp),
        Some(tp::DURATION) => s.datetime(fsp),
        _ => s.own_text(29),
    }
}

pub(super) fn infer_add_time(s: &mut Shape<'_>) -> Inferred {
    let fsp = s.fsp(0).max(s.fsp(1));
    match s.args.first().map(Term::class) {
        Some(Class::Time) => s.datetime(fsp),
        Some(Class::Duration) => s.duration(fsp),
        _ => s.own_text(26),
    }
}

fn moment_digits(s: &Shape<'_>) -> Result<i64, ExprError> {
    if s.args.is_empty() {
        return Ok(0);
    }
    s.constant_int(0).filter(|digits| (0..=6).contains(digits)).ok_or_else(|| s.unsupported())
}

pub(super) fn infer_now(s: &mut Shape<'_>) -> Inferred {
    let digits = moment_digits(s)?;
    s.datetime(digits)
}

pub(super) fn infer_current_time(s: &mut Shape<'_>) -> Inferred {
    let digits = moment_digits(s)?;
    s.duration(digits)
}

/// JSON_QUOTE and JSON_UNQUOTE: `utf8mb4_bin`, as wide as the argument, flagged binary.
pub(super) fn infer_json_text(s: &mut Shape<'_>) -> Inferred {
    let flen = s.flen(0);
    s.own_text(flen)?;
    s.derived = Derived { collation: th_collation::Collation::Utf8mb4Bin, coercibility: 2 };
    let derived = s.derived;
    derived.apply(&mut s.ty);
    if s.name == "json_unquote" {
        s.ty.flag |= th_types::flag::BINARY;
    }
    Ok(())
}

/// Pairs after `before` arguments.
pub(super) fn even(s: &mut Shape<'_>, before: usize) -> Inferred {
    if (s.args.len() - before) % 2 == 1 {
        return Err(s.unsupported());
    }
    s.json()
}

pub(super) fn infer_vector(s: &mut Shape<'_>) -> Inferred {
    s.json()?;
    s.ty = FieldType::new(tp::VECTOR);
    s.ty.decimal = 0;
    s.class = Class::Vector;
    Ok(())
}
