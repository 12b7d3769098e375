//! The common type of several arguments: IF, IFNULL, COALESCE, CASE, GREATEST, LEAST.

#![allow(clippy::unnecessary_wraps, reason = "one signature for all, so that the table can name them")]

use th_types::{FieldType, flag, tp};

use super::classes::common_comparison_class;
use super::infer::{Inferred, MAX_DECIMAL_WIDTH, MAX_INT_WIDTH, MAX_REAL_WIDTH};
use super::{Class, Derived, Shape, Term};

impl Shape<'_> {
    /// GREATEST and LEAST.
    pub(crate) fn extreme(&mut self) -> Inferred {
        let class = common_comparison_class(self.args);
        let all_temporal = self.args.iter().all(|term| term.class() == Class::Time);
        let any_text = self.args.iter().any(|term| term.class() == Class::Text);
        self.merged(0, 1)?;
        self.class = match class {
            Class::Time | Class::Duration if any_text || !all_temporal && class == Class::Time => Class::Text,
            class => class,
        };
        match self.class {
            Class::Int if Class::of(&self.ty) != Class::Int => self.numeric(tp::LONGLONG, MAX_INT_WIDTH, 0),
            Class::Real if Class::of(&self.ty) != Class::Real => self.numeric(tp::DOUBLE, MAX_REAL_WIDTH, -1),
            Class::Text if Class::of(&self.ty) != Class::Text => return self.text(self.flen_max()),
            _ => {}
        }
        Ok(())
    }

    fn flen_max(&self) -> i64 {
        self.args.iter().map(|term| term.ty().flen).max().unwrap_or(-1)
    }

    /// The common type of `args[from]`, `args[from + step]`, … (`IF`, `IFNULL`, `COALESCE`, CASE).
    pub(crate) fn merged(&mut self, from: usize, step: usize) -> Inferred {
        let picked: Vec<usize> = (from..self.args.len()).step_by(step.max(1)).collect();
        self.merged_at(&picked)
    }

    /// The common type of these arguments.
    pub(crate) fn merged_at(&mut self, picked: &[usize]) -> Inferred {
        let terms: Vec<&Term> = picked
            .iter()
            .filter_map(|at| self.args.get(*at))
            .filter(|term| term.ty().tp != tp::NULL)
            .collect();
        let derived = Derived::merge(terms.iter().copied());
        let merged = match terms.as_slice() {
            [] => {
                let mut ty = FieldType::new(tp::NULL);
                ty.flag = flag::BINARY;
                (ty.flen, ty.decimal) = (0, 0);
                ty
            }
            [only] => only.ty().clone(),
            terms => merge_types(terms, derived),
        };
        self.class = Class::of(&merged);
        self.ty = merged;
        self.ty.flag &= flag::UNSIGNED | flag::BINARY | flag::IS_BOOLEAN | flag::ENUM | flag::SET;
        match self.class {
            Class::Int => self.ty.decimal = 0,
            Class::Text => self.ty.decimal = -1,
            _ => {}
        }
        if matches!(self.ty.tp, tp::ENUM | tp::SET) {
            self.ty.tp = tp::VARCHAR;
            self.ty.elems = Vec::new();
        }
        self.derived = if self.class == Class::Text { derived } else { Derived::NUMBER };
        Ok(())
    }
}

/// The common type of two or more typed terms.
fn merge_types(terms: &[&Term], derived: Derived) -> FieldType {
    let classes: Vec<Class> = terms.iter().map(|term| term.class()).collect();
    let all = |class| classes.iter().all(|c| *c == class);
    let any = |class| classes.contains(&class);
    let numbers_only = classes.iter().all(|c| matches!(c, Class::Int | Class::Real | Class::Decimal));
    let same_code = terms.windows(2).all(|pair| pair[0].ty().tp == pair[1].ty().tp);
    let decimal = terms.iter().map(|t| t.ty().decimal).max().unwrap_or(0);
    let unspecified_decimal = terms.iter().any(|t| t.ty().decimal == -1);
    let width = |decimal: i64| {
        let int_digits = terms
            .iter()
            .map(|t| match t.ty().flen {
                -1 => MAX_REAL_WIDTH,
                flen => flen - t.ty().decimal.max(0) - i64::from(!t.ty().is_unsigned()),
            })
            .max()
            .unwrap_or(0);
        int_digits + decimal + 1
    };
    let unsigned = terms.iter().all(|t| t.ty().is_unsigned());
    let mixed_sign = !unsigned && terms.iter().any(|t| t.ty().is_unsigned());
    let mut ty;
    if numbers_only {
        if any(Class::Real) {
            ty = FieldType::new(tp::DOUBLE);
            ty.decimal = if unspecified_decimal { -1 } else { decimal };
            ty.flen = terms
                .iter()
                .map(|t| if t.ty().flen < 0 { MAX_REAL_WIDTH } else { t.ty().flen })
                .max()
                .unwrap_or(-1);
        } else if any(Class::Decimal) || (mixed_sign && all(Class::Int)) {
            ty = FieldType::new(tp::NEW_DECIMAL);
            ty.decimal = decimal.max(0);
            ty.flen = width(ty.decimal).min(MAX_DECIMAL_WIDTH);
        } else {
            let widest = terms.iter().max_by_key(|t| int_rank(t.ty().tp)).map_or(tp::LONGLONG, |t| t.ty().tp);
            ty = FieldType::new(if widest == tp::YEAR || widest == tp::BIT { tp::LONGLONG } else { widest });
            ty.decimal = 0;
            ty.flen = width(0);
        }
        ty.flag = flag::BINARY | if unsigned { flag::UNSIGNED } else { 0 };
    } else if all(Class::Time) {
        ty = FieldType::new(if same_code { terms[0].ty().tp } else { tp::DATETIME });
        ty.flag = flag::BINARY;
        ty.decimal = decimal.max(0);
        ty.flen = match (ty.tp, ty.decimal) {
            (tp::DATE, _) => 10,
            (_, 0) => 19,
            (_, fsp) => 20 + fsp,
        };
    } else if all(Class::Duration) || all(Class::Json) || all(Class::Vector) {
        ty = terms[0].ty().clone();
        ty.decimal = ty.decimal.max(decimal);
    } else {
        ty = FieldType::new(tp::VARCHAR);
        ty.flen = if terms.iter().any(|t| t.ty().flen == -1) {
            -1
        } else {
            terms.iter().map(|t| t.ty().flen).max().unwrap_or(-1)
        };
        derived.apply(&mut ty);
        let not_text = terms.iter().any(|t| !t.ty().is_string() || t.ty().is_binary_string());
        if not_text || ty.collate == "binary" {
            ty.flag = flag::BINARY;
        }
    }
    ty
}

fn int_rank(code: u8) -> u8 {
    match code {
        tp::TINY => 0,
        tp::SHORT => 1,
        tp::INT24 => 2,
        tp::LONG => 3,
        _ => 4,
    }
}
