//! VECTOR functions.

use std::cmp::Ordering;

use th_types::{Datum, TypeError};

use super::{Frame, Value, or_null, text};
use crate::bind::{Call, Term};

/// The floats of a vector's binary form.
fn floats(bytes: &[u8]) -> Vec<f32> {
    th_types::vector::elements(bytes).map(Iterator::collect).unwrap_or_default()
}

/// `[1,2.5]`.
pub(crate) fn to_text(bytes: &[u8]) -> Vec<u8> {
    th_types::vector::to_text(bytes).unwrap_or_default().into_bytes()
}

impl Term {
    fn vector<'v>(&'v self, frame: &Frame<'v>) -> Result<Option<Vec<f32>>, TypeError> {
        match self.eval(frame)? {
            Datum::Null => Ok(None),
            Datum::Vector(bytes) => Ok(Some(floats(&bytes))),
            Datum::Bytes(text) => {
                let mut out = Vec::new();
                th_types::vector::parse_into(&text, &mut out)?;
                Ok(Some(floats(&out)))
            }
            _ => Err(TypeError::new(0, "only text can be read as a vector")),
        }
    }
}

pub(crate) fn order<'v>(
    left: &'v Term,
    right: &'v Term,
    frame: &Frame<'v>,
) -> Result<Option<Ordering>, TypeError> {
    let Some(a) = left.vector(frame)? else { return Ok(None) };
    let Some(b) = right.vector(frame)? else { return Ok(None) };
    let first = a.iter().zip(&b).map(|(x, y)| x.total_cmp(y)).find(|order| order.is_ne());
    Ok(Some(first.unwrap_or(a.len().cmp(&b.len()))))
}

/// A distance of two vectors of as many dimensions.
fn distance<'v>(call: &'v Call, frame: &Frame<'v>, compute: fn(&[f32], &[f32]) -> f64) -> Value<'v> {
    let a = or_null!(call.arg(0).vector(frame));
    let b = or_null!(call.arg(1).vector(frame));
    if a.len() != b.len() {
        let message = format!("vectors have different dimensions: {} and {}", a.len(), b.len());
        return Err(TypeError::new(0, message));
    }
    let value = compute(&a, &b);
    Ok(if value.is_nan() { Datum::Null } else { Datum::Float64(value) })
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

pub(crate) fn l1_distance<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    distance(call, frame, |a, b| a.iter().zip(b).map(|(x, y)| f64::from((x - y).abs())).sum())
}

pub(crate) fn l2_distance<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    distance(call, frame, |a, b| {
        let square = |(x, y): (&f32, &f32)| f64::from(x - y) * f64::from(x - y);
        a.iter().zip(b).map(square).sum::<f64>().sqrt()
    })
}

pub(crate) fn negative_inner_product<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    distance(call, frame, |a, b| -dot(a, b))
}

pub(crate) fn cosine_distance<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    distance(call, frame, |a, b| {
        let similarity = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
        1.0 - similarity.clamp(-1.0, 1.0)
    })
}

pub(crate) fn l2_norm<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let a = or_null!(call.arg(0).vector(frame));
    Ok(Datum::Float64(dot(&a, &a).sqrt()))
}

pub(crate) fn dims<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    Ok(Datum::Int(or_null!(call.arg(0).vector(frame)).len() as i64))
}

pub(crate) fn from_text<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    let source = or_null!(call.arg(0).text(frame));
    let mut out = Vec::new();
    th_types::vector::parse_into(&source, &mut out)?;
    Ok(Datum::Vector(out.into()))
}

pub(crate) fn as_text<'v>(call: &'v Call, frame: &Frame<'v>) -> Value<'v> {
    match call.arg(0).eval(frame)? {
        Datum::Null => Ok(Datum::Null),
        Datum::Vector(bytes) => Ok(text(to_text(&bytes))),
        _ => Err(TypeError::new(0, "the argument is no vector")),
    }
}
