//! Any value as a number, text, time or JSON, the way TiDB casts a function's arguments.

use std::borrow::Cow;

use th_types::{
    Datum, Decimal, Duration, FieldType, Time, TimeKind, TypeError, code,
    decimal::{Issue, RoundMode},
    number::{text_to_f64, text_to_i64, text_to_u64, write_f32, write_f64},
    time::fraction_digits,
    tp,
};

use super::Frame;
use crate::bind::Term;

type Maybe<T> = Result<Option<T>, TypeError>;

/// "Truncated incorrect … value".
pub(crate) fn truncated(what: &str, text: &[u8]) -> TypeError {
    let shown = String::from_utf8_lossy(text.get(..128).unwrap_or(text)).into_owned();
    TypeError::new(code::TRUNCATED_WRONG_VALUE, format!("Truncated incorrect {what} value: '{shown}'"))
}

impl Term {
    /// As text.
    pub(crate) fn text<'v>(&'v self, frame: &Frame<'v>) -> Maybe<Cow<'v, [u8]>> {
        let value = self.eval(frame)?;
        Ok(to_text(value, self.ty()))
    }

    /// As valid UTF-8; invalid bytes become U+FFFD, which only text of no character set can hold.
    pub(crate) fn string<'v>(&'v self, frame: &Frame<'v>) -> Maybe<Cow<'v, str>> {
        Ok(self.text(frame)?.map(lossy))
    }

    /// As an integer of either signedness.
    pub(crate) fn int<'v>(&'v self, frame: &Frame<'v>) -> Maybe<i128> {
        let value = self.eval(frame)?;
        to_int(value, frame)
    }

    /// As a signed integer; what is beyond it is the nearest one.
    pub(crate) fn long<'v>(&'v self, frame: &Frame<'v>) -> Maybe<i64> {
        Ok(self.int(frame)?.map(|value| value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64))
    }

    /// As 64 bits, negative numbers in two's complement.
    pub(crate) fn bits<'v>(&'v self, frame: &Frame<'v>) -> Maybe<u64> {
        Ok(self.int(frame)?.map(|value| value as u64))
    }

    /// As a double.
    pub(crate) fn real<'v>(&'v self, frame: &Frame<'v>) -> Maybe<f64> {
        let value = self.eval(frame)?;
        to_real(value, frame)
    }

    /// As a decimal.
    pub(crate) fn decimal<'v>(&'v self, frame: &Frame<'v>) -> Maybe<Decimal> {
        let value = self.eval(frame)?;
        to_decimal(value, frame)
    }

    /// As a calendar time; what is none is NULL, or an error in strict mode.
    pub(crate) fn time<'v>(&'v self, frame: &Frame<'v>) -> Maybe<Time> {
        let value = self.eval(frame)?;
        to_time(value, self.ty(), frame)
    }

    /// As a TIME.
    pub(crate) fn duration<'v>(&'v self, frame: &Frame<'v>) -> Maybe<Duration> {
        let value = self.eval(frame)?;
        to_duration(value, frame)
    }

    /// Whether it is true.
    pub(crate) fn truth<'v>(&'v self, frame: &Frame<'v>) -> Maybe<bool> {
        let value = self.eval(frame)?;
        Ok(match value {
            Datum::Null => None,
            Datum::Int(value) => Some(value != 0),
            Datum::Uint(value) => Some(value != 0),
            Datum::Decimal(value) => Some(!value.is_zero()),
            Datum::Time(value) => Some(!value.is_zero()),
            Datum::Duration(value) => Some(value.nanos != 0),
            Datum::Json(json) => Some(!super::json::is_zero(&json)),
            other => to_real(other, frame)?.map(|value| value != 0.0),
        })
    }
}

/// UTF-8 of bytes.
pub(crate) fn lossy(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
    }
}

/// The number in at most eight bytes of a BIT.
pub(crate) fn bit_number(bytes: &[u8]) -> Option<u64> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = bytes.get(zeros..)?;
    (digits.len() <= 8).then(|| digits.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte)))
}

pub(crate) fn to_text<'v>(value: Datum<'v>, ty: &FieldType) -> Option<Cow<'v, [u8]>> {
    let owned = match value {
        Datum::Null => return None,
        Datum::Bytes(bytes) | Datum::Bit(bytes) => return Some(bytes),
        Datum::Int(value) if ty.tp == tp::YEAR => format!("{value:04}").into_bytes(),
        Datum::Int(value) => value.to_string().into_bytes(),
        Datum::Uint(value) => value.to_string().into_bytes(),
        Datum::Float32(value) => {
            let mut out = Vec::new();
            write_f32(value, &mut out);
            out
        }
        Datum::Float64(value) => {
            let mut out = Vec::new();
            write_f64(value, &mut out);
            out
        }
        Datum::Decimal(value) => {
            let mut out = Vec::new();
            value.write_text(&mut out);
            out
        }
        Datum::Time(value) => value.to_text().into_bytes(),
        Datum::Duration(value) => value.to_text().into_bytes(),
        Datum::Enum(index) => {
            let name = index.checked_sub(1).and_then(|at| ty.elems.get(at as usize));
            name.cloned().unwrap_or_default().into_bytes()
        }
        Datum::Set(mask) => {
            let mut names = Vec::new();
            for (bit, name) in ty.elems.iter().enumerate().take(64) {
                if mask >> bit & 1 == 1 {
                    names.push(name.as_str());
                }
            }
            names.join(",").into_bytes()
        }
        Datum::Json(json) => super::json::to_text(&json),
        Datum::Vector(bytes) => super::vector::to_text(&bytes),
    };
    Some(Cow::Owned(owned))
}

/// `value` rounded, halves to the even neighbour (TiDB's `RoundFloat`), if an integer of either signedness holds it.
fn round_to_int(value: f64) -> Option<i128> {
    let rounded = value.round_ties_even();
    (rounded >= i64::MIN as f64 && rounded < 18_446_744_073_709_551_616.0).then_some(rounded as i128)
}

pub(crate) fn to_int(value: Datum<'_>, frame: &Frame<'_>) -> Maybe<i128> {
    let lax = !frame.strict();
    Ok(Some(match value {
        Datum::Null => return Ok(None),
        Datum::Int(value) => i128::from(value),
        Datum::Uint(value) | Datum::Enum(value) | Datum::Set(value) => i128::from(value),
        Datum::Float32(value) => return real_to_int(f64::from(value), frame),
        Datum::Float64(value) => return real_to_int(value, frame),
        Datum::Decimal(value) => decimal_to_int(value, frame)?,
        Datum::Bytes(text) => {
            let negative = text.trim_ascii_start().first() == Some(&b'-');
            let (value, error) = if negative {
                let (value, error) = text_to_i64(&text, true, lax);
                (i128::from(value), error)
            } else {
                let (value, error) = text_to_u64(&text, true, lax);
                (i128::from(value), error)
            };
            frame.check(error)?;
            value
        }
        Datum::Bit(bytes) => match bit_number(&bytes) {
            Some(value) => i128::from(value),
            None => {
                frame.warn(truncated("BINARY", &bytes))?;
                i128::from(u64::MAX)
            }
        },
        Datum::Time(value) => {
            let rounded = value.round_to(0, frame.context.time()).unwrap_or(value);
            i128::from(rounded.to_number())
        }
        Datum::Duration(value) => i128::from(value.round_to(0).to_number()),
        Datum::Json(json) => return super::json::to_int(&json, frame),
        Datum::Vector(_) => return Err(TypeError::new(0, "a vector is no number")),
    }))
}

fn real_to_int(value: f64, frame: &Frame<'_>) -> Maybe<i128> {
    if let Some(value) = round_to_int(value) {
        return Ok(Some(value));
    }
    frame.warn(TypeError::new(code::CONSTANT_OVERFLOW, format!("constant {value} overflows bigint")))?;
    Ok(Some(if value < 0.0 { i128::from(i64::MIN) } else { i128::from(u64::MAX) }))
}

fn decimal_to_int(value: Decimal, frame: &Frame<'_>) -> Result<i128, TypeError> {
    let (rounded, _) = value.round(0, RoundMode::HalfUp);
    let (number, issue) = if rounded.is_negative() {
        let (number, issue) = rounded.to_i64();
        (i128::from(number), issue)
    } else {
        let (number, issue) = rounded.to_u64();
        (i128::from(number), issue)
    };
    if issue == Some(Issue::Overflow) {
        let mut text = Vec::new();
        value.write_text(&mut text);
        frame.warn(truncated("DECIMAL", &text))?;
    }
    Ok(number)
}

pub(crate) fn to_real(value: Datum<'_>, frame: &Frame<'_>) -> Maybe<f64> {
    Ok(Some(match value {
        Datum::Null => return Ok(None),
        Datum::Int(value) => value as f64,
        Datum::Uint(value) | Datum::Enum(value) | Datum::Set(value) => value as f64,
        Datum::Float32(value) => f64::from(value),
        Datum::Float64(value) => value,
        Datum::Decimal(value) => value.to_f64(),
        Datum::Bytes(text) => {
            let (value, error) = text_to_f64(&text, true, !frame.strict());
            frame.check(error)?;
            value
        }
        Datum::Bit(bytes) => bit_number(&bytes).unwrap_or(u64::MAX) as f64,
        Datum::Time(value) => value.to_f64(),
        Datum::Duration(value) => value.to_f64(),
        Datum::Json(json) => return super::json::to_real(&json, frame),
        Datum::Vector(_) => return Err(TypeError::new(0, "a vector is no number")),
    }))
}

pub(crate) fn to_decimal(value: Datum<'_>, frame: &Frame<'_>) -> Maybe<Decimal> {
    Ok(Some(match value {
        Datum::Null => return Ok(None),
        Datum::Int(value) => Decimal::from(value),
        Datum::Uint(value) | Datum::Enum(value) | Datum::Set(value) => Decimal::from(value),
        Datum::Float32(value) => {
            let mut text = Vec::new();
            write_f32(value, &mut text);
            Decimal::parse(&text).0
        }
        Datum::Float64(value) => Decimal::from_f64(value).0,
        Datum::Decimal(value) => value,
        Datum::Bytes(text) => {
            let (value, issue) = Decimal::parse(&text);
            if issue.is_some() {
                frame.warn(truncated("DECIMAL", &text))?;
            }
            value
        }
        Datum::Bit(bytes) => Decimal::from(bit_number(&bytes).unwrap_or(u64::MAX)),
        Datum::Time(value) => Decimal::parse(value.to_number_text().as_bytes()).0,
        Datum::Duration(value) => Decimal::parse(value.to_number_text().as_bytes()).0,
        Datum::Json(json) => return super::json::to_decimal(&json, frame),
        Datum::Vector(_) => return Err(TypeError::new(0, "a vector is no number")),
    }))
}

pub(crate) fn to_time(value: Datum<'_>, ty: &FieldType, frame: &Frame<'_>) -> Maybe<Time> {
    let session = frame.context.time();
    let read = match value {
        Datum::Null => return Ok(None),
        Datum::Time(value) => return Ok(Some(value)),
        Datum::Bytes(text) => {
            let digits = fraction_digits(&text);
            return text_to_time(&text, TimeKind::Datetime, digits, frame);
        }
        Datum::Int(year) if ty.tp == tp::YEAR => {
            Ok(Time { kind: TimeKind::Datetime, ..Time::date(year.clamp(0, 9999) as u16, 0, 0) })
        }
        Datum::Int(number) => Time::from_number(number, TimeKind::Datetime, 6, session),
        Datum::Uint(number) => {
            Time::from_number(i64::try_from(number).unwrap_or(i64::MAX), TimeKind::Datetime, 6, session)
        }
        Datum::Duration(span) => {
            let today = now(frame, 0);
            match span.on_date(&today) {
                Some(time) => Ok(time),
                None => Err(TypeError::new(code::TRUNCATED_WRONG_VALUE, "Incorrect datetime value")),
            }
        }
        Datum::Json(json) => {
            if let Some(time) = super::json::time_of(&json) {
                return Ok(Some(time));
            }
            Time::parse_datetime(&super::json::unquoted(&json), session)
        }
        other => {
            let text = to_text(other, ty).unwrap_or_default();
            Time::parse_number_text(&text, TimeKind::Datetime, 6, session)
        }
    };
    match read {
        Ok(time) => Ok(Some(time)),
        Err(error) => {
            frame.warn(error)?;
            Ok(None)
        }
    }
}

/// Text as a calendar time, rounded to `fsp` digits while it is read. Under NO_ZERO_DATE the zero date is none.
pub(crate) fn text_to_time(text: &[u8], kind: TimeKind, fsp: u8, frame: &Frame<'_>) -> Maybe<Time> {
    let error = match Time::parse(text, kind, fsp, frame.context.time()) {
        Ok(time) if time.is_zero() && frame.context.mode.no_zero_date() => {
            let message = format!("Incorrect datetime value: '{}'", time.to_text());
            TypeError::new(code::TRUNCATED_WRONG_VALUE, message)
        }
        Ok(time) => return Ok(Some(time)),
        Err(error) => error,
    };
    frame.warn(error).map(|()| None)
}

pub(crate) fn to_duration(value: Datum<'_>, frame: &Frame<'_>) -> Maybe<Duration> {
    let read = match value {
        Datum::Null => return Ok(None),
        Datum::Duration(value) => return Ok(Some(value)),
        Datum::Time(value) => return Ok(Some(Duration { fsp: value.fsp, ..value.to_duration() })),
        Datum::Int(number) => Duration::from_number(number, 0),
        Datum::Uint(number) => Duration::from_number(i64::try_from(number).unwrap_or(i64::MAX), 0),
        Datum::Json(json) => {
            if let Some(span) = super::json::duration_of(&json) {
                return Ok(Some(span));
            }
            let text = super::json::unquoted(&json);
            Duration::parse(&text, fraction_digits(&text), frame.context.time())
        }
        other => {
            let text = to_text(other, &FieldType::new(tp::NULL)).unwrap_or_default();
            Duration::parse(&text, fraction_digits(&text), frame.context.time())
        }
    };
    match read {
        Ok(span) => Ok(Some(span)),
        Err(error) => {
            frame.warn(error.error)?;
            Ok(error.nearest)
        }
    }
}

/// The session's moment, with `fsp` digits, cut.
pub(crate) fn now(frame: &Frame<'_>, fsp: u8) -> Time {
    let unit = 10i64.pow(u32::from(6 - fsp.min(6)));
    let micros = frame.context.now_micros.div_euclid(unit) * unit;
    Time::from_unix_micros(micros, &frame.context.zone, TimeKind::Datetime, fsp.min(6))
}
