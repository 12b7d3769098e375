//! Functions of numbers.

use th_types::{
    Datum,
    decimal::{Issue, RoundMode},
    number::round_float,
};

use super::{Frame, Value, or_null, out_of_range};
use crate::bind::{Call, Class};

/// A function of one double; outside its domain it is NULL.
fn real<'v>(call: &'v Call, frame: &Frame<'v>, compute: fn(f64) -> f64) -> Value<'v> {
    let value = compute(or_null!(call.arg(0).real(frame)));
    Ok(if value.is_nan() { Datum::Null } else { Datum::Float64(value) })
}

fn range_checked(call: &Call, value: f64) -> Value<'_> {
    if value.is_finite() { Ok(Datum::Float64(value)) } else { Err(out_of_range("DOUBLE", call)) }
}

macro_rules! real_functions {
    ($($name:ident => $compute:expr;)*) => {
        $(pub(crate) fn $name<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
            real(call, frame, $compute)
        })*
    };
}

real_functions! {
    acos => |x| if (-1.0..=1.0).contains(&x) { x.acos() } else { f64::NAN };
    asin => |x| if (-1.0..=1.0).contains(&x) { x.asin() } else { f64::NAN };
    cos => f64::cos;
    sin => f64::sin;
    tan => f64::tan;
    degrees => |x| x * 180.0 / std::f64::consts::PI;
    radians => |x| x * std::f64::consts::PI / 180.0;
    sqrt => |x| if x < 0.0 { f64::NAN } else { x.sqrt() };
}

pub(crate) fn atan<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let y = or_null!(call.arg(0).real(frame));
    match call.args.get(1) {
        Some(x) => Ok(Datum::Float64(y.atan2(or_null!(x.real(frame))))),
        None => Ok(Datum::Float64(y.atan())),
    }
}

pub(crate) fn cot<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let tangent = or_null!(call.arg(0).real(frame)).tan();
    range_checked(call, 1.0 / tangent)
}

pub(crate) fn exp<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    range_checked(call, or_null!(call.arg(0).real(frame)).exp())
}

/// At least 0 and less than 1, the same for the same row.
pub(crate) fn rand<'v>(_: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    const BITS: u32 = 53;
    let bits = frame.context.random_bits(0) >> (64 - BITS);
    Ok(Datum::Float64(bits as f64 / (1u64 << BITS) as f64))
}

pub(crate) fn pi<'v>(_: &'v Call, _: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Float64(std::f64::consts::PI))
}

pub(crate) fn pow<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let (base, exponent) = (or_null!(call.arg(0).real(frame)), or_null!(call.arg(1).real(frame)));
    range_checked(call, base.powf(exponent))
}

/// A logarithm; of what has none, NULL (with MySQL's warning 3020).
fn logarithm<'v>(call: &'v Call, frame: &Frame<'v>, compute: fn(f64) -> f64) -> Value<'v> {
    let value = or_null!(call.arg(0).real(frame));
    Ok(if value <= 0.0 { Datum::Null } else { Datum::Float64(compute(value)) })
}

pub(crate) fn ln<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    logarithm(call, frame, f64::ln)
}

pub(crate) fn log2<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    logarithm(call, frame, f64::log2)
}

pub(crate) fn log10<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    logarithm(call, frame, f64::log10)
}

/// `LOG(x)` and `LOG(base, x)`.
pub(crate) fn log<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let Some(value) = call.args.get(1) else { return ln(call, frame) };
    let (base, value) = (or_null!(call.arg(0).real(frame)), or_null!(value.real(frame)));
    if base <= 0.0 || base == 1.0 || value <= 0.0 {
        return Ok(Datum::Null);
    }
    Ok(Datum::Float64(value.ln() / base.ln()))
}

pub(crate) fn sign<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let value = or_null!(call.arg(0).real(frame));
    Ok(Datum::Int(if value > 0.0 {
        1
    } else if value < 0.0 {
        -1
    } else {
        0
    }))
}

fn integer<'v>(value: i128, call: &Call) -> Value<'v> {
    if call.ty.is_unsigned() {
        u64::try_from(value).map(Datum::Uint).map_err(|_| out_of_range("BIGINT UNSIGNED", call))
    } else {
        i64::try_from(value).map(Datum::Int).map_err(|_| out_of_range("BIGINT", call))
    }
}

pub(crate) fn abs<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    match call.class {
        Class::Int => integer(or_null!(call.arg(0).int(frame)).abs(), call),
        Class::Decimal => Ok(Datum::Decimal(or_null!(call.arg(0).decimal(frame)).abs())),
        _ => Ok(Datum::Float64(or_null!(call.arg(0).real(frame)).abs())),
    }
}

/// CEIL and FLOOR: `up` is the direction in which a fraction moves the number.
fn towards<'v>(call: &'v Call, frame: &Frame<'v>, up: bool) -> Value<'v> {
    let term = call.arg(0);
    if term.class() == Class::Decimal {
        let value = or_null!(term.decimal(frame));
        let (cut, _) = value.round(0, RoundMode::Truncate);
        let moves = cut != value && value.is_negative() != up;
        let one = th_types::Decimal::from(if up { 1i64 } else { -1 });
        let whole = if moves { cut.add(&one).0 } else { cut };
        if call.class != Class::Int {
            return Ok(Datum::Decimal(whole));
        }
        return match whole.to_i64() {
            (_, Some(Issue::Overflow)) => Err(out_of_range("BIGINT", call)),
            (value, _) => Ok(Datum::Int(value)),
        };
    }
    if call.class == Class::Int {
        return integer(or_null!(term.int(frame)), call);
    }
    let value = or_null!(term.real(frame));
    Ok(Datum::Float64(if up { value.ceil() } else { value.floor() }))
}

pub(crate) fn ceil<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    towards(call, frame, true)
}

pub(crate) fn floor<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    towards(call, frame, false)
}

/// The second argument of ROUND and TRUNCATE, within what makes a difference.
fn digits<'v>(call: &'v Call, frame: &Frame<'v>) -> Result<Option<i32>, th_types::TypeError> {
    match call.args.get(1) {
        Some(term) => Ok(term.long(frame)?.map(|digits| digits.clamp(-400, 30) as i32)),
        None => Ok(Some(0)),
    }
}

fn round_int(value: i128, digits: i32, half_up: bool) -> i128 {
    if digits >= 0 {
        return value;
    }
    if digits < -19 {
        return 0;
    }
    let unit = 10i128.pow(digits.unsigned_abs());
    let rest = value % unit;
    let cut = value - rest;
    if half_up && rest.abs() * 2 >= unit { cut + unit * rest.signum() } else { cut }
}

pub(crate) fn round<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let term = call.arg(0);
    match call.class {
        Class::Int => {
            let value = or_null!(term.int(frame));
            let digits = or_null!(digits(call, frame));
            integer(round_int(value, digits, true), call)
        }
        Class::Decimal => {
            let value = or_null!(term.decimal(frame));
            let digits = or_null!(digits(call, frame));
            match value.round(digits, RoundMode::HalfUp) {
                (_, Some(Issue::Overflow)) => Err(out_of_range("DECIMAL", call)),
                (value, _) => Ok(Datum::Decimal(value)),
            }
        }
        _ => {
            let value = or_null!(term.real(frame));
            let digits = or_null!(digits(call, frame));
            Ok(Datum::Float64(round_float(value, digits)))
        }
    }
}

pub(crate) fn truncate<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let term = call.arg(0);
    match call.class {
        Class::Int => {
            let value = or_null!(term.int(frame));
            let digits = or_null!(digits(call, frame));
            integer(round_int(value, digits, false), call)
        }
        Class::Decimal => {
            let value = or_null!(term.decimal(frame));
            let digits = or_null!(digits(call, frame));
            Ok(Datum::Decimal(value.round(digits, RoundMode::Truncate).0))
        }
        _ => {
            let value = or_null!(term.real(frame));
            let digits = or_null!(digits(call, frame));
            let shift = 10f64.powi(digits);
            let scaled = value * shift;
            // Too large to have such a digit.
            if !scaled.is_finite() {
                return Ok(Datum::Float64(value));
            }
            Ok(Datum::Float64(if shift == 0.0 { 0.0 } else { scaled.trunc() / shift }))
        }
    }
}

pub(crate) fn bit_count<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Int(i64::from(or_null!(call.arg(0).bits(frame)).count_ones())))
}
