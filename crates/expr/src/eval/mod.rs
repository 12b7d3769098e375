//! Evaluation for one row.
//!
//! A function gets its call (arguments still unevaluated) and a frame (the row and the session), and
//! answers a datum that may borrow from either. NULL in, NULL out, unless the function says otherwise.
//! What MySQL would warn of is an error in strict mode and passes silently otherwise, as in an INSERT.

#![allow(clippy::unnecessary_wraps, reason = "one signature for all, so that the table can name them")]

pub(crate) mod aes;
pub(crate) mod arith;
pub(crate) mod cast;
pub(crate) mod coerce;
pub(crate) mod compare;
pub(crate) mod control;
pub(crate) mod date_math;
pub(crate) mod hash;
pub(crate) mod json;
pub(crate) mod json_form;
pub(crate) mod math;
pub(crate) mod net;
pub(crate) mod pattern;
pub(crate) mod string;
pub(crate) mod string_more;
pub(crate) mod string_search;
pub(crate) mod time;
pub(crate) mod vector;

use th_types::{Context, Datum, SqlMode, TypeError, code};

use crate::bind::Call;

pub(crate) use cast::array_elements;

/// What an evaluation reads.
pub(crate) struct Frame<'v> {
    pub(crate) row: &'v [Datum<'v>],
    pub(crate) context: &'v Context,
}

/// A function's answer.
pub(crate) type Value<'v> = Result<Datum<'v>, TypeError>;
/// A function.
pub(crate) type EvalFn = for<'v> fn(&'v Call, &Frame<'v>) -> Value<'v>;

/// The value of an argument, or NULL from the function at once.
macro_rules! or_null {
    ($argument:expr) => {
        match $argument? {
            Some(value) => value,
            None => return Ok(th_types::Datum::Null),
        }
    };
}
pub(crate) use or_null;

impl Frame<'_> {
    /// Whether the session is strict.
    pub(crate) fn strict(&self) -> bool {
        self.context.mode.strict()
    }

    pub(crate) fn no_unsigned_subtraction(&self) -> bool {
        self.context.mode.has(SqlMode::NO_UNSIGNED_SUBTRACTION)
    }

    /// An error in strict mode, nothing otherwise.
    pub(crate) fn warn(&self, error: TypeError) -> Result<(), TypeError> {
        if self.strict() { Err(error) } else { Ok(()) }
    }

    /// Like [`Frame::warn`], for what may have gone well.
    pub(crate) fn check(&self, error: Option<TypeError>) -> Result<(), TypeError> {
        error.map_or(Ok(()), |error| self.warn(error))
    }

    /// What division by zero answers.
    pub(crate) fn division_by_zero<'v>(&self) -> Value<'v> {
        if self.strict() && self.context.mode.error_for_division_by_zero() {
            return Err(TypeError::new(code::DIVISION_BY_ZERO, "division by 0"));
        }
        Ok(Datum::Null)
    }
}

/// A result out of its type's range.
pub(crate) fn out_of_range(what: &str, call: &Call) -> TypeError {
    TypeError::new(
        code::CONSTANT_OVERFLOW,
        format!("{what} value is out of range in '{}'", call.function.name),
    )
}

/// An argument that the function cannot take.
pub(crate) fn bad_argument(number: u16, message: impl Into<String>) -> TypeError {
    TypeError::new(number, message)
}

/// Text as a datum.
pub(crate) fn text<'v>(value: impl Into<Vec<u8>>) -> Datum<'v> {
    Datum::Bytes(std::borrow::Cow::Owned(value.into()))
}

/// A truth value as a datum.
pub(crate) fn boolean<'v>(value: bool) -> Datum<'v> {
    Datum::Int(i64::from(value))
}
