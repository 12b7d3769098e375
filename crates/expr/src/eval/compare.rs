//! Comparisons in the class that binding chose, and the logic of three values.

use std::cmp::Ordering;

use th_collation::Collation;
use th_types::{Datum, TypeError};

use super::{Frame, Value, boolean, or_null};
use crate::bind::{Call, Class, Term, comparison_class};

/// Orders two terms; `None` if either is NULL.
pub(crate) fn order<'v>(
    left: &'v Term,
    right: &'v Term,
    class: Class,
    collation: Collation,
    frame: &Frame<'v>,
) -> Result<Option<Ordering>, TypeError> {
    macro_rules! both {
        ($read:ident) => {{
            let Some(a) = left.$read(frame)? else { return Ok(None) };
            let Some(b) = right.$read(frame)? else { return Ok(None) };
            (a, b)
        }};
    }
    Ok(Some(match class {
        Class::Int => {
            let (a, b) = both!(int);
            a.cmp(&b)
        }
        Class::Real => {
            let (a, b) = both!(real);
            a.total_cmp(&b)
        }
        Class::Decimal => {
            let (a, b) = both!(decimal);
            a.cmp(&b)
        }
        Class::Text => {
            let (a, b) = both!(text);
            collation.compare(&a, &b)
        }
        Class::Time => {
            let (a, b) = both!(time);
            a.compare(&b)
        }
        Class::Duration => {
            let (a, b) = both!(duration);
            a.nanos.cmp(&b.nanos)
        }
        Class::Json => {
            let (a, b) = both!(json_value);
            super::json::compare(&a, &b)
        }
        Class::Vector => return super::vector::order(left, right, frame),
    }))
}

fn relation<'v>(call: &'v Call, frame: &Frame<'v>, holds: fn(Ordering) -> bool) -> Value<'v> {
    let order = or_null!(order(call.arg(0), call.arg(1), call.class, call.collation(), frame));
    Ok(boolean(holds(order)))
}

pub(crate) fn equal<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    relation(call, frame, Ordering::is_eq)
}

pub(crate) fn not_equal<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    relation(call, frame, Ordering::is_ne)
}

pub(crate) fn less<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    relation(call, frame, Ordering::is_lt)
}

pub(crate) fn less_or_equal<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    relation(call, frame, Ordering::is_le)
}

pub(crate) fn greater<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    relation(call, frame, Ordering::is_gt)
}

pub(crate) fn greater_or_equal<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    relation(call, frame, Ordering::is_ge)
}

/// `<=>`: NULL equals NULL.
pub(crate) fn null_safe_equal<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let (left, right) = (call.arg(0), call.arg(1));
    let (no_left, no_right) = (left.eval(frame)?.is_null(), right.eval(frame)?.is_null());
    if no_left || no_right {
        return Ok(boolean(no_left && no_right));
    }
    let order = order(left, right, call.class, call.collation(), frame)?;
    Ok(boolean(order.is_some_and(Ordering::is_eq)))
}

pub(crate) fn is_null<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(boolean(call.arg(0).eval(frame)?.is_null()))
}

pub(crate) fn is_true<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(boolean(call.arg(0).truth(frame)? == Some(true)))
}

pub(crate) fn is_false<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(boolean(call.arg(0).truth(frame)? == Some(false)))
}

pub(crate) fn not<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(boolean(!or_null!(call.arg(0).truth(frame))))
}

pub(crate) fn and<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let left = call.arg(0).truth(frame)?;
    if left == Some(false) {
        return Ok(boolean(false));
    }
    Ok(match (left, call.arg(1).truth(frame)?) {
        (_, Some(false)) => boolean(false),
        (Some(true), Some(true)) => boolean(true),
        _ => Datum::Null,
    })
}

pub(crate) fn or<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let left = call.arg(0).truth(frame)?;
    if left == Some(true) {
        return Ok(boolean(true));
    }
    Ok(match (left, call.arg(1).truth(frame)?) {
        (_, Some(true)) => boolean(true),
        (Some(false), Some(false)) => boolean(false),
        _ => Datum::Null,
    })
}

pub(crate) fn xor<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let (a, b) = (or_null!(call.arg(0).truth(frame)), or_null!(call.arg(1).truth(frame)));
    Ok(boolean(a != b))
}

/// `x BETWEEN low AND high` is `x >= low AND x <= high`, each in its own class.
pub(crate) fn between<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let (operand, low, high) = (call.arg(0), call.arg(1), call.arg(2));
    let above = order(operand, low, comparison_class(operand, low), call.collation(), frame)?;
    let below = order(operand, high, comparison_class(operand, high), call.collation(), frame)?;
    Ok(match (above.map(Ordering::is_ge), below.map(Ordering::is_le)) {
        (Some(false), _) | (_, Some(false)) => boolean(false),
        (Some(true), Some(true)) => boolean(true),
        _ => Datum::Null,
    })
}

/// `x IN (…)`: NULL if nothing matches and something was NULL.
pub(crate) fn is_in<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let operand = call.arg(0);
    if operand.eval(frame)?.is_null() {
        return Ok(Datum::Null);
    }
    let mut unknown = false;
    for item in call.args.iter().skip(1) {
        match order(operand, item, comparison_class(operand, item), call.collation(), frame)? {
            Some(Ordering::Equal) => return Ok(boolean(true)),
            Some(_) => {}
            None => unknown = true,
        }
    }
    Ok(if unknown { Datum::Null } else { boolean(false) })
}

pub(crate) fn strcmp<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let order = or_null!(order(call.arg(0), call.arg(1), Class::Text, call.collation(), frame));
    Ok(Datum::Int(order as i64))
}
