//! Aggregate functions over the rows of a group.

use std::cmp::Ordering;
use std::collections::HashSet;

use th_types::{Context, Datum, Decimal, FieldType, flag, tp};

use crate::tidb::error::SqlError;
use crate::tidb::relation::integer_type;
use crate::tidb::rows;
use crate::tidb::statement::Aggregate;

/// The type of an aggregate's result.
pub(crate) fn result_type(function: Aggregate, argument: Option<&FieldType>) -> FieldType {
    match (function, argument) {
        (Aggregate::Min | Aggregate::Max, Some(argument)) => argument.clone(),
        (Aggregate::Sum, Some(argument)) => {
            let exact = argument.is_integer() || argument.tp == tp::NEW_DECIMAL;
            let mut field_type = FieldType::new(if exact { tp::NEW_DECIMAL } else { tp::DOUBLE });
            field_type.flen = 65;
            field_type.decimal = if argument.is_integer() { 0 } else { argument.decimal };
            field_type
        }
        (Aggregate::BitXor | Aggregate::BitAnd | Aggregate::BitOr, _) => {
            let mut field_type = integer_type();
            field_type.flag |= flag::UNSIGNED;
            field_type
        }
        _ => integer_type(),
    }
}

/// What a group has gathered for one output.
#[derive(Default)]
pub(crate) struct State {
    count: u64,
    distinct: HashSet<Vec<u8>>,
    value: Option<Datum<'static>>,
    bits: Option<u64>,
    approximate: f64,
    integers: i128,
    decimals: Decimal,
}

impl State {
    /// For an output that is no aggregate: the group's first value.
    pub(crate) fn keep_first(
        &mut self,
        value: impl FnOnce() -> Result<Datum<'static>, SqlError>,
    ) -> Result<(), SqlError> {
        if self.value.is_none() {
            self.value = Some(value()?);
        }
        Ok(())
    }

    /// Takes a value; NULL counts for nothing.
    pub(crate) fn add(
        &mut self,
        function: Aggregate,
        datum: Datum<'static>,
        field_type: &FieldType,
        context: &Context,
    ) {
        if datum.is_null() {
            return;
        }
        self.count += 1;
        match function {
            Aggregate::Count => {}
            Aggregate::CountDistinct => self.distinct.extend(rows::text(&datum, field_type, context)),
            Aggregate::Sum => match &datum {
                Datum::Int(n) => self.integers += i128::from(*n),
                Datum::Uint(n) => self.integers += i128::from(*n),
                Datum::Decimal(n) => self.decimals = self.decimals.add(n).0,
                other => self.approximate += number(other, field_type, context),
            },
            Aggregate::Min | Aggregate::Max => {
                let better = self.value.as_ref().is_none_or(|best| {
                    let order = compare(&datum, best);
                    if function == Aggregate::Min { order.is_lt() } else { order.is_gt() }
                });
                if better {
                    self.value = Some(datum);
                }
            }
            Aggregate::BitXor | Aggregate::BitAnd | Aggregate::BitOr => {
                let bits = match datum {
                    Datum::Int(n) => n.cast_unsigned(),
                    Datum::Uint(n) => n,
                    other => number(&other, field_type, context).round() as u64,
                };
                self.bits = Some(match (function, self.bits) {
                    (_, None) => bits,
                    (Aggregate::BitXor, Some(before)) => before ^ bits,
                    (Aggregate::BitAnd, Some(before)) => before & bits,
                    (_, Some(before)) => before | bits,
                });
            }
        }
    }

    /// The result as text; `function` is `None` for an output that is no aggregate.
    pub(crate) fn finish(
        self,
        function: Option<Aggregate>,
        field_type: &FieldType,
        context: &Context,
    ) -> Option<Vec<u8>> {
        let text = match function {
            Some(Aggregate::Count) => self.count.to_string(),
            Some(Aggregate::CountDistinct) => self.distinct.len().to_string(),
            Some(Aggregate::Sum) if self.count == 0 => return None,
            Some(Aggregate::Sum) if field_type.tp == tp::DOUBLE => self.approximate.to_string(),
            // Integers and decimals do not meet in one column.
            Some(Aggregate::Sum) if self.integers != 0 => self.integers.to_string(),
            Some(Aggregate::Sum) => {
                let mut text = Vec::new();
                self.decimals.write_text(&mut text);
                return Some(text);
            }
            Some(Aggregate::BitAnd) => self.bits.unwrap_or(u64::MAX).to_string(),
            Some(Aggregate::BitXor | Aggregate::BitOr) => self.bits.unwrap_or(0).to_string(),
            Some(Aggregate::Min | Aggregate::Max) | None => {
                return self.value.and_then(|value| rows::text(&value, field_type, context));
            }
        };
        Some(text.into_bytes())
    }
}

/// What a value of another type counts for as a number.
fn number(datum: &Datum<'_>, field_type: &FieldType, context: &Context) -> f64 {
    let text = rows::text(datum, field_type, context).unwrap_or_default();
    std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0.0)
}

/// An order for ORDER BY, MIN and MAX: NULL first; numbers by value; text by bytes (collations aside).
pub(crate) fn compare(left: &Datum<'_>, right: &Datum<'_>) -> Ordering {
    use Datum::*;
    match (left, right) {
        (Null, Null) => Ordering::Equal,
        (Null, _) => Ordering::Less,
        (_, Null) => Ordering::Greater,
        (Int(a), Int(b)) => a.cmp(b),
        (Uint(a) | Enum(a) | Set(a), Uint(b) | Enum(b) | Set(b)) => a.cmp(b),
        (Int(a), Uint(b)) => i128::from(*a).cmp(&i128::from(*b)),
        (Uint(a), Int(b)) => i128::from(*a).cmp(&i128::from(*b)),
        (Float32(a), Float32(b)) => a.total_cmp(b),
        (Float64(a), Float64(b)) => a.total_cmp(b),
        (Decimal(a), Decimal(b)) => a.cmp(b),
        (Bytes(a) | Bit(a) | Vector(a), Bytes(b) | Bit(b) | Vector(b)) => a.cmp(b),
        (Time(a), Time(b)) => a.compare(b),
        (Duration(a), Duration(b)) => a.nanos.cmp(&b.nanos),
        _ => format!("{left:?}").cmp(&format!("{right:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(function: Aggregate, values: &[Datum<'static>]) -> Option<String> {
        let (argument, context) = (integer_type(), Context::default());
        let mut state = State::default();
        for value in values {
            state.add(function, value.clone(), &argument, &context);
        }
        let text = state.finish(Some(function), &result_type(function, Some(&argument)), &context)?;
        String::from_utf8(text).ok()
    }

    #[test]
    fn aggregates_skip_null_and_have_their_own_answer_for_no_row() {
        let values = [Datum::Int(6), Datum::Null, Datum::Uint(3)];
        let expected = [
            (Aggregate::Count, "2", Some("0")),
            (Aggregate::CountDistinct, "2", Some("0")),
            (Aggregate::Sum, "9", None),
            (Aggregate::Min, "3", None),
            (Aggregate::Max, "6", None),
            (Aggregate::BitXor, "5", Some("0")),
            (Aggregate::BitAnd, "2", Some("18446744073709551615")),
            (Aggregate::BitOr, "7", Some("0")),
        ];
        for (function, some, none) in expected {
            assert_eq!(of(function, &values).as_deref(), Some(some), "{function:?}");
            assert_eq!(of(function, &[Datum::Null]).as_deref(), none, "{function:?} of nothing");
        }
    }
}
