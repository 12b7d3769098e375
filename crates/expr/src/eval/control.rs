//! IF, CASE, COALESCE and their kind.

use std::cmp::Ordering;

use th_types::Datum;

use super::cast::to_class;
use super::compare::order;
use super::{Frame, Value};
use crate::bind::{Call, Class, Term, comparison_class};

/// A branch's value in the type of the whole.
fn branch<'v>(call: &'v Call, term: &'v Term, frame: &Frame<'v>) -> Value<'v> {
    to_class(term, &call.ty, frame)
}

pub(crate) fn if_<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let taken = if call.arg(0).truth(frame)? == Some(true) { 1 } else { 2 };
    branch(call, call.arg(taken), frame)
}

pub(crate) fn coalesce<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    for term in &call.args {
        let value = branch(call, term, frame)?;
        if !value.is_null() {
            return Ok(value);
        }
    }
    Ok(Datum::Null)
}

pub(crate) fn nullif<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let (left, right) = (call.arg(0), call.arg(1));
    let same = order(left, right, comparison_class(left, right), call.collation(), frame)?;
    if same == Some(Ordering::Equal) { Ok(Datum::Null) } else { left.eval(frame) }
}

/// Conditions and results in turn, then what stands after ELSE.
pub(crate) fn case<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let mut pairs = call.args.chunks_exact(2);
    for pair in &mut pairs {
        if let [condition, result] = pair
            && condition.truth(frame)? == Some(true)
        {
            return branch(call, result, frame);
        }
    }
    match pairs.remainder().first() {
        Some(otherwise) => branch(call, otherwise, frame),
        None => Ok(Datum::Null),
    }
}

fn extreme<'v>(call: &'v Call, frame: &Frame<'v>, wanted: Ordering) -> Value<'v> {
    let mut best: Option<&'v Term> = None;
    for term in &call.args {
        if term.eval(frame)?.is_null() {
            return Ok(Datum::Null);
        }
        best = match best {
            None => Some(term),
            Some(before) => {
                let found = order(term, before, call.class, call.collation(), frame)?;
                if found == Some(wanted) { Some(term) } else { Some(before) }
            }
        };
    }
    match best {
        Some(term) => branch(call, term, frame),
        None => Ok(Datum::Null),
    }
}

pub(crate) fn greatest<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    extreme(call, frame, Ordering::Greater)
}

pub(crate) fn least<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    extreme(call, frame, Ordering::Less)
}

/// `INTERVAL(n, a, b, …)`: how many of the ascending numbers are not above `n`; -1 for NULL.
pub(crate) fn interval<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let target = call.arg(0);
    if target.eval(frame)?.is_null() {
        return Ok(Datum::Int(-1));
    }
    let mut count = 0;
    for term in call.args.iter().skip(1) {
        let class = if call.class == Class::Int { Class::Int } else { Class::Real };
        match order(target, term, class, call.collation(), frame)? {
            Some(Ordering::Less) => break,
            _ => count += 1,
        }
    }
    Ok(Datum::Int(count))
}

/// `ELT(n, a, b, …)`.
pub(crate) fn elt<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let Some(index) = call.arg(0).long(frame)? else { return Ok(Datum::Null) };
    let term = usize::try_from(index).ok().filter(|at| *at > 0).and_then(|at| call.args.get(at));
    match term {
        Some(term) => Ok(term.text(frame)?.map_or(Datum::Null, Datum::Bytes)),
        None => Ok(Datum::Null),
    }
}

/// `FIELD(x, a, b, …)`: the first equal one's place, 0 if there is none.
pub(crate) fn field<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let target = call.arg(0);
    let all = |class| call.args.iter().all(|term| term.class() == class);
    let class = if all(Class::Text) {
        Class::Text
    } else if all(Class::Int) {
        Class::Int
    } else {
        Class::Real
    };
    for (place, term) in call.args.iter().enumerate().skip(1) {
        if order(target, term, class, call.collation(), frame)? == Some(Ordering::Equal) {
            return Ok(Datum::Int(place as i64));
        }
    }
    Ok(Datum::Int(0))
}

/// `ANY_VALUE(x)` and `x COLLATE c`: the value as it is.
pub(crate) fn same<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    call.arg(0).eval(frame)
}
