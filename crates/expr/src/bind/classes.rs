//! In which class operands meet: TiDB's rules for arithmetic and for comparison.

use th_types::tp;

use super::{Class, Term};

/// The class of a term in an arithmetic operation.
pub(crate) fn numeric_class(term: &Term) -> Class {
    let ty = term.ty();
    if matches!(ty.tp, tp::DATE | tp::DATETIME | tp::TIMESTAMP | tp::DURATION) {
        return if ty.decimal > 0 { Class::Decimal } else { Class::Int };
    }
    if term.is_binary_literal() || ty.tp == tp::BIT {
        return Class::Int;
    }
    match term.class() {
        class @ (Class::Int | Class::Decimal) => class,
        _ => Class::Real,
    }
}

/// In which class two terms are compared.
pub(crate) fn comparison_class(left: &Term, right: &Term) -> Class {
    use Class::*;
    let hybrid = |term: &Term| matches!(term.ty().tp, tp::ENUM | tp::SET | tp::BIT);
    let (a, b) = (left.class(), right.class());
    let int = |class: Class, term: &Term| class == Int || hybrid(term);
    if left.is_null_literal() {
        return b;
    }
    if right.is_null_literal() {
        return a;
    }
    if a == Vector || b == Vector {
        return Vector;
    }
    if a == Json || b == Json {
        return Json;
    }
    match (a, b) {
        (Time | Duration, Time | Duration) => {
            if a == b {
                a
            } else {
                Time
            }
        }
        (Time, Text) | (Text, Time) => Time,
        (Duration, Text) | (Text, Duration) => Duration,
        (Time, _) if right.ty().tp == tp::YEAR => Time,
        (_, Time) if left.ty().tp == tp::YEAR => Time,
        (Text, Text) => Text,
        // A constant is read as the column's decimal.
        (Decimal, Text) if right.is_constant() && !hybrid(right) => Decimal,
        (Text, Decimal) if left.is_constant() && !hybrid(left) => Decimal,
        _ if int(a, left) && int(b, right) => Int,
        _ if (int(a, left) || a == Decimal) && (int(b, right) || b == Decimal) => Decimal,
        _ => Real,
    }
}

pub(super) fn common_comparison_class(terms: &[Term]) -> Class {
    let Some((first, rest)) = terms.split_first() else { return Class::Text };
    let mut class: Option<Class> = None;
    for term in rest {
        let next = comparison_class(first, term);
        class = Some(match class {
            None => next,
            Some(before) if before == next => before,
            Some(Class::Int | Class::Decimal) if matches!(next, Class::Int | Class::Decimal) => {
                Class::Decimal
            }
            Some(Class::Time) | Some(Class::Text) if matches!(next, Class::Time | Class::Text) => Class::Time,
            Some(_) => Class::Real,
        });
    }
    class.unwrap_or(first.class())
}
