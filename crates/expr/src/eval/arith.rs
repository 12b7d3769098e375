//! `+ - * / DIV %`, negation and the bit operators.

use th_types::{
    Datum, Decimal, TypeError,
    decimal::{Issue, RoundMode},
};

use super::coerce::truncated;
use super::{Frame, Value, or_null, out_of_range};
use crate::bind::{Call, Class};

/// An integer result of the call's signedness.
fn whole<'v>(value: i128, unsigned: bool, call: &Call) -> Value<'v> {
    if unsigned {
        u64::try_from(value).map(Datum::Uint).map_err(|_| out_of_range("BIGINT UNSIGNED", call))
    } else {
        i64::try_from(value).map(Datum::Int).map_err(|_| out_of_range("BIGINT", call))
    }
}

fn finite<'v>(value: f64, call: &Call) -> Value<'v> {
    if value.is_finite() { Ok(Datum::Float64(value)) } else { Err(out_of_range("DOUBLE", call)) }
}

fn decimal<'v>((value, issue): (Decimal, Option<Issue>), call: &Call) -> Value<'v> {
    match issue {
        Some(Issue::Overflow) => Err(out_of_range("DECIMAL", call)),
        _ => Ok(Datum::Decimal(value)),
    }
}

fn arithmetic<'v>(
    call: &'v Call,
    frame: &Frame<'v>,
    unsigned: bool,
    ints: fn(i128, i128) -> i128,
    decimals: fn(&Decimal, &Decimal) -> (Decimal, Option<Issue>),
    reals: fn(f64, f64) -> f64,
) -> Value<'v> {
    let (left, right) = (call.arg(0), call.arg(1));
    match call.class {
        Class::Int => {
            let (a, b) = (or_null!(left.int(frame)), or_null!(right.int(frame)));
            whole(ints(a, b), unsigned, call)
        }
        Class::Decimal => {
            let (a, b) = (or_null!(left.decimal(frame)), or_null!(right.decimal(frame)));
            decimal(decimals(&a, &b), call)
        }
        _ => {
            let (a, b) = (or_null!(left.real(frame)), or_null!(right.real(frame)));
            finite(reals(a, b), call)
        }
    }
}

pub(crate) fn plus<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    arithmetic(call, frame, call.ty.is_unsigned(), |a, b| a + b, Decimal::add, |a, b| a + b)
}

pub(crate) fn minus<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let unsigned = call.ty.is_unsigned() && !frame.no_unsigned_subtraction();
    arithmetic(call, frame, unsigned, |a, b| a - b, Decimal::sub, |a, b| a - b)
}

pub(crate) fn multiply<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    // Two 64-bit factors stay within 128 bits, signed.
    arithmetic(call, frame, call.ty.is_unsigned(), i128::saturating_mul, Decimal::mul, |a, b| a * b)
}

pub(crate) fn divide<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let (left, right) = (call.arg(0), call.arg(1));
    if call.class == Class::Real {
        let (a, b) = (or_null!(left.real(frame)), or_null!(right.real(frame)));
        return if b == 0.0 { frame.division_by_zero() } else { finite(a / b, call) };
    }
    let (a, b) = (or_null!(left.decimal(frame)), or_null!(right.decimal(frame)));
    let (mut quotient, issue) = a.div(&b, frame.context.div_precision_increment);
    match issue {
        Some(Issue::DivisionByZero) => return frame.division_by_zero(),
        Some(Issue::Overflow) => return Err(out_of_range("DECIMAL", call)),
        Some(_) => frame.warn(decimal_truncated(&quotient))?,
        None => {
            let scale = call.ty.decimal.clamp(0, 30) as i32;
            if i32::from(quotient.digits_frac()) < scale {
                quotient = quotient.round(scale, RoundMode::HalfUp).0;
            }
        }
    }
    Ok(Datum::Decimal(quotient))
}

fn decimal_truncated(value: &Decimal) -> TypeError {
    let mut text = Vec::new();
    value.write_text(&mut text);
    truncated("DECIMAL", &text)
}

pub(crate) fn int_divide<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let (left, right) = (call.arg(0), call.arg(1));
    let unsigned = call.ty.is_unsigned();
    if call.class == Class::Int {
        let (a, b) = (or_null!(left.int(frame)), or_null!(right.int(frame)));
        return if b == 0 { frame.division_by_zero() } else { whole(a / b, unsigned, call) };
    }
    let (a, b) = (or_null!(left.decimal(frame)), or_null!(right.decimal(frame)));
    let (quotient, issue) = a.div(&b, frame.context.div_precision_increment);
    match issue {
        Some(Issue::DivisionByZero) => return frame.division_by_zero(),
        Some(_) => frame.warn(decimal_truncated(&quotient))?,
        None => {}
    }
    let (value, issue) = quotient.to_i64();
    if unsigned {
        // What lies between -1 and 0 is 0, not an overflow.
        return match quotient.to_u64() {
            (_, Some(Issue::Overflow)) if value == 0 && issue == Some(Issue::Truncated) => Ok(Datum::Uint(0)),
            (_, Some(Issue::Overflow)) => Err(out_of_range("BIGINT UNSIGNED", call)),
            (value, _) => Ok(Datum::Uint(value)),
        };
    }
    if issue == Some(Issue::Overflow) { Err(out_of_range("BIGINT", call)) } else { Ok(Datum::Int(value)) }
}

pub(crate) fn modulo<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let (left, right) = (call.arg(0), call.arg(1));
    match call.class {
        Class::Int => {
            let (a, b) = (or_null!(left.int(frame)), or_null!(right.int(frame)));
            if b == 0 { frame.division_by_zero() } else { whole(a % b, call.ty.is_unsigned(), call) }
        }
        Class::Decimal => {
            let (a, b) = (or_null!(left.decimal(frame)), or_null!(right.decimal(frame)));
            match a.rem(&b) {
                (_, Some(Issue::DivisionByZero)) => frame.division_by_zero(),
                other => decimal(other, call),
            }
        }
        _ => {
            let (a, b) = (or_null!(left.real(frame)), or_null!(right.real(frame)));
            if b == 0.0 { frame.division_by_zero() } else { finite(a % b, call) }
        }
    }
}

pub(crate) fn negate<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let operand = call.arg(0);
    match call.class {
        Class::Int => whole(-or_null!(operand.int(frame)), false, call),
        Class::Decimal => Ok(Datum::Decimal(or_null!(operand.decimal(frame)).negate())),
        _ => Ok(Datum::Float64(-or_null!(operand.real(frame)))),
    }
}

pub(crate) fn bit_not<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Uint(!or_null!(call.arg(0).bits(frame))))
}

fn bitwise<'v>(call: &'v Call, frame: &Frame<'v>, operation: fn(u64, u64) -> u64) -> Value<'v> {
    let a = or_null!(call.arg(0).bits(frame));
    let b = or_null!(call.arg(1).bits(frame));
    Ok(Datum::Uint(operation(a, b)))
}

pub(crate) fn bit_and<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    bitwise(call, frame, |a, b| a & b)
}

pub(crate) fn bit_or<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    bitwise(call, frame, |a, b| a | b)
}

pub(crate) fn bit_xor<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    bitwise(call, frame, |a, b| a ^ b)
}

pub(crate) fn shift_left<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    bitwise(call, frame, |a, b| if b < 64 { a << b } else { 0 })
}

pub(crate) fn shift_right<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    bitwise(call, frame, |a, b| if b < 64 { a >> b } else { 0 })
}
