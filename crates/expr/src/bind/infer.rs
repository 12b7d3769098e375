//! Result types, by TiDB's rules.
//!
//! Lengths matter: they become the hidden column's `Flen` and `Decimal`. Where TiDB computes a length
//! that no key depends on, the value here is TiDB's base value for the type.

#![allow(clippy::unnecessary_wraps, reason = "one signature for all, so that the table can name them")]

use th_types::{Datum, FieldType, flag, tp};

use super::classes::{common_comparison_class, numeric_class};
use super::{Class, Derived, Detail, Term};
use crate::ExprError;

pub(super) const MAX_INT_WIDTH: i64 = 20;
pub(super) const MAX_REAL_WIDTH: i64 = 23;
pub(super) const MAX_DECIMAL_WIDTH: i64 = 65;
const MAX_DECIMAL_SCALE: i64 = 30;
const MAX_BLOB_WIDTH: i64 = 16_777_216;

/// What a function's inference reads and fills.
pub(crate) struct Shape<'b> {
    pub(crate) name: &'static str,
    pub(crate) args: &'b mut Vec<Term>,
    pub(crate) ty: FieldType,
    pub(crate) class: Class,
    pub(crate) derived: Derived,
    pub(crate) detail: &'b mut Detail,
}

pub(super) type Inferred = Result<(), ExprError>;

impl Shape<'_> {
    pub(crate) fn unsupported(&self) -> ExprError {
        ExprError::Unsupported(self.name.into())
    }

    pub(super) fn numeric(&mut self, code: u8, flen: i64, decimal: i64) {
        self.ty = FieldType::new(code);
        self.ty.flag = flag::BINARY;
        self.ty.flen = flen;
        self.ty.decimal = decimal;
        self.class = Class::of(&self.ty);
        self.derived = Derived::NUMBER;
    }

    // ---- plain results

    pub(crate) fn int(&mut self, flen: i64) -> Inferred {
        self.numeric(tp::LONGLONG, flen, 0);
        Ok(())
    }

    pub(crate) fn uint(&mut self, flen: i64) -> Inferred {
        self.numeric(tp::LONGLONG, flen, 0);
        self.ty.flag |= flag::UNSIGNED;
        Ok(())
    }

    pub(crate) fn boolean(&mut self) -> Inferred {
        self.numeric(tp::LONGLONG, 1, 0);
        self.ty.flag |= flag::IS_BOOLEAN;
        Ok(())
    }

    pub(crate) fn real(&mut self) -> Inferred {
        self.numeric(tp::DOUBLE, MAX_REAL_WIDTH, -1);
        Ok(())
    }

    pub(crate) fn date(&mut self) -> Inferred {
        self.numeric(tp::DATE, 10, 0);
        Ok(())
    }

    pub(crate) fn datetime(&mut self, fsp: i64) -> Inferred {
        self.numeric(tp::DATETIME, if fsp > 0 { 20 + fsp } else { 19 }, fsp);
        Ok(())
    }

    pub(crate) fn duration(&mut self, fsp: i64) -> Inferred {
        self.numeric(tp::DURATION, if fsp > 0 { 11 + fsp } else { 10 }, fsp);
        Ok(())
    }

    pub(crate) fn json(&mut self) -> Inferred {
        self.numeric(tp::JSON, MAX_BLOB_WIDTH, 0);
        self.ty.charset = "utf8mb4".into();
        self.ty.collate = "utf8mb4_bin".into();
        self.derived = Derived { collation: th_collation::Collation::Utf8mb4Bin, coercibility: 2 };
        Ok(())
    }

    /// Text whose collation comes from the text arguments.
    pub(crate) fn text(&mut self, flen: i64) -> Inferred {
        self.derived = Derived::merge(self.args.iter());
        self.text_result(flen)
    }

    /// Text whose collation comes from the first argument alone.
    pub(crate) fn text_like_first(&mut self, flen: i64) -> Inferred {
        self.derived = Derived::merge(self.args.first());
        self.text_result(flen)
    }

    /// Text made here (digits, names): the client's collation.
    pub(crate) fn own_text(&mut self, flen: i64) -> Inferred {
        self.derived = Derived::LITERAL;
        self.text_result(flen)
    }

    /// Bytes.
    pub(crate) fn binary(&mut self, flen: i64) -> Inferred {
        self.derived = Derived { collation: th_collation::Collation::Binary, coercibility: 2 };
        self.text_result(flen)
    }

    fn text_result(&mut self, flen: i64) -> Inferred {
        self.class = Class::Text;
        self.ty = FieldType::new(tp::VAR_STRING);
        self.ty.flen = if (0..=MAX_BLOB_WIDTH).contains(&flen) { flen } else { -1 };
        self.derived.apply(&mut self.ty);
        if self.ty.collate == "binary" {
            self.ty.flag |= flag::BINARY;
        }
        if flen > MAX_BLOB_WIDTH {
            self.ty.flen = MAX_BLOB_WIDTH;
        }
        Ok(())
    }

    /// Length of an argument as text.
    pub(crate) fn flen(&self, index: usize) -> i64 {
        self.args.get(index).map_or(-1, |term| term.ty().flen)
    }

    /// The sum of all arguments' lengths, as CONCAT's.
    pub(crate) fn flen_sum(&self) -> i64 {
        let mut sum = 0;
        for term in self.args.iter() {
            let flen = match term.class() {
                Class::Text => term.ty().flen,
                Class::Json | Class::Vector => -1,
                _ => text_width(term.ty()),
            };
            if flen < 0 {
                return MAX_BLOB_WIDTH;
            }
            sum += flen;
        }
        sum.min(MAX_BLOB_WIDTH)
    }

    /// A constant argument's integer.
    pub(crate) fn constant_int(&self, index: usize) -> Option<i64> {
        match self.args.get(index) {
            Some(Term::Literal { value: Datum::Int(value), .. }) => Some(*value),
            Some(Term::Literal { value: Datum::Uint(value), .. }) => i64::try_from(*value).ok(),
            _ => None,
        }
    }

    /// Fractional digits of an argument read as a time.
    pub(crate) fn fsp(&self, index: usize) -> i64 {
        let Some(term) = self.args.get(index) else { return 0 };
        match (term, term.class()) {
            (Term::Literal { value: Datum::Bytes(text), .. }, _) => {
                i64::from(th_types::time::fraction_digits(text))
            }
            (_, Class::Int) => 0,
            (_, Class::Time | Class::Duration | Class::Decimal) => term.ty().decimal.clamp(0, 6),
            _ => 6,
        }
    }

    // ---- arithmetic

    fn unsigned_argument(&self) -> bool {
        self.args.iter().any(|term| term.ty().is_unsigned())
    }

    /// The class of an arithmetic operation on the arguments.
    pub(crate) fn arithmetic_class(&self) -> Class {
        let classes: Vec<Class> = self.args.iter().map(numeric_class).collect();
        if classes.contains(&Class::Real) {
            Class::Real
        } else if classes.contains(&Class::Decimal) {
            Class::Decimal
        } else {
            Class::Int
        }
    }

    pub(crate) fn arithmetic(&mut self, multiply: bool) -> Inferred {
        match self.arithmetic_class() {
            Class::Int => {
                let unsigned = self.unsigned_argument();
                self.int(MAX_INT_WIDTH)?;
                if unsigned {
                    self.ty.flag |= flag::UNSIGNED;
                }
                Ok(())
            }
            class => {
                let real = class == Class::Real;
                let (flen, decimal) = self.real_or_decimal_size(real, multiply);
                self.numeric(if real { tp::DOUBLE } else { tp::NEW_DECIMAL }, flen, decimal);
                Ok(())
            }
        }
    }

    fn real_or_decimal_size(&self, real: bool, multiply: bool) -> (i64, i64) {
        let (Some(a), Some(b)) = (self.args.first(), self.args.get(1)) else { return (-1, -1) };
        let (a, b) = (a.ty(), b.ty());
        if a.decimal == -1 || b.decimal == -1 {
            return if real { (-1, -1) } else { (MAX_DECIMAL_WIDTH, MAX_DECIMAL_SCALE) };
        }
        let mut decimal = if multiply { a.decimal + b.decimal } else { a.decimal.max(b.decimal) };
        if !real {
            decimal = decimal.min(MAX_DECIMAL_SCALE);
        }
        if a.flen == -1 || b.flen == -1 {
            return (-1, decimal);
        }
        let (int_a, int_b) = (a.flen - a.decimal, b.flen - b.decimal);
        let flen = if multiply { int_a + int_b + decimal } else { int_a.max(int_b) + decimal + 1 };
        (flen.min(if real { MAX_REAL_WIDTH } else { MAX_DECIMAL_WIDTH }), decimal)
    }

    pub(crate) fn division(&mut self) -> Inferred {
        if self.arithmetic_class() == Class::Real {
            return self.real();
        }
        /// `div_precision_increment`, which the server fixes when it makes the type.
        const INCREMENT: i64 = 4;
        let (a, b) = (self.args[0].ty(), self.args[1].ty());
        let (dec_a, dec_b) = (a.decimal.max(0), b.decimal.max(0));
        let decimal = (dec_a + INCREMENT).min(MAX_DECIMAL_SCALE);
        let flen = if a.flen == -1 {
            MAX_DECIMAL_WIDTH
        } else {
            let sign = i64::from(!a.is_unsigned());
            let point = i64::from(a.decimal > 0);
            let precision = a.flen - point - sign + dec_b + INCREMENT;
            (precision + 2).clamp(1, MAX_DECIMAL_WIDTH)
        };
        self.numeric(tp::NEW_DECIMAL, flen, decimal);
        Ok(())
    }

    pub(crate) fn int_division(&mut self) -> Inferred {
        let class = match self.arithmetic_class() {
            Class::Int => Class::Int,
            _ => Class::Decimal,
        };
        let unsigned = self.unsigned_argument();
        self.int(MAX_INT_WIDTH)?;
        if unsigned {
            self.ty.flag |= flag::UNSIGNED;
        }
        self.class = class;
        Ok(())
    }

    pub(crate) fn modulo(&mut self) -> Inferred {
        let class = self.arithmetic_class();
        if class == Class::Int {
            let unsigned = self.args[0].ty().is_unsigned();
            self.int(MAX_INT_WIDTH)?;
            if unsigned {
                self.ty.flag |= flag::UNSIGNED;
            }
            return Ok(());
        }
        let (a, b) = (self.args[0].ty(), self.args[1].ty());
        let decimal = if a.decimal == -1 || b.decimal == -1 { -1 } else { a.decimal.max(b.decimal) };
        let flen = if a.flen == -1 || b.flen == -1 { -1 } else { a.flen.max(b.flen) };
        let (code, limit) = if class == Class::Real {
            (tp::DOUBLE, MAX_REAL_WIDTH)
        } else {
            (tp::NEW_DECIMAL, MAX_DECIMAL_WIDTH)
        };
        self.numeric(code, flen.min(limit), decimal);
        Ok(())
    }

    pub(crate) fn negation(&mut self) -> Inferred {
        let ty = self.args[0].ty().clone();
        let beyond = matches!(
            &self.args[0],
            Term::Literal { value: Datum::Uint(value), .. } if *value > 1 << 63
        );
        match numeric_class(&self.args[0]) {
            Class::Int if beyond => self.numeric(tp::NEW_DECIMAL, ty.flen + 1, 0),
            Class::Int => self.numeric(tp::LONGLONG, ty.flen + 1, 0),
            Class::Decimal => self.numeric(tp::NEW_DECIMAL, ty.flen + 1, ty.decimal),
            _ => self.numeric(tp::DOUBLE, if ty.flen == -1 { -1 } else { ty.flen + 1 }, ty.decimal),
        }
        Ok(())
    }

    /// A number of the argument's own class: ABS, ROUND and the like.
    pub(crate) fn like_number(&mut self) -> Inferred {
        let ty = self.args[0].ty().clone();
        match numeric_class(&self.args[0]) {
            Class::Int => {
                self.int(MAX_INT_WIDTH)?;
                self.ty.flag |= ty.flag & flag::UNSIGNED;
            }
            Class::Decimal => self.numeric(tp::NEW_DECIMAL, ty.flen, ty.decimal),
            _ => self.numeric(tp::DOUBLE, MAX_REAL_WIDTH, -1),
        }
        Ok(())
    }

    /// CEIL and FLOOR: an integer where the argument's integer part surely fits one.
    pub(crate) fn whole_number(&mut self) -> Inferred {
        let ty = self.args[0].ty().clone();
        match numeric_class(&self.args[0]) {
            Class::Int => self.like_number(),
            Class::Decimal => {
                let int_digits = if ty.flen == -1 { MAX_DECIMAL_WIDTH } else { ty.flen - ty.decimal.max(0) };
                if int_digits < 18 {
                    self.int(MAX_INT_WIDTH)?;
                } else {
                    self.numeric(tp::NEW_DECIMAL, int_digits, 0);
                }
                Ok(())
            }
            _ => self.real(),
        }
    }

    /// ROUND and TRUNCATE: the scale is the constant second argument, if there is one.
    pub(crate) fn rounded(&mut self) -> Inferred {
        self.like_number()?;
        if self.class == Class::Decimal {
            let scale = if self.args.len() == 1 { Some(0) } else { self.constant_int(1) };
            if let Some(scale) = scale {
                let kept = self.args[0].ty().decimal.max(0);
                self.ty.decimal = scale.clamp(0, MAX_DECIMAL_SCALE).min(kept.max(scale.clamp(0, 30)));
            }
        }
        Ok(())
    }

    // ---- comparison and control flow

    /// A comparison of all arguments: boolean, computed in their common class.
    pub(crate) fn comparison(&mut self) -> Inferred {
        let class = common_comparison_class(self.args);
        let derived = Derived::merge(self.args.iter());
        self.boolean()?;
        self.class = class;
        self.derived = derived;
        Ok(())
    }

    /// A boolean that looks at texts under their collation.
    pub(crate) fn text_test(&mut self) -> Inferred {
        let derived = Derived::merge(self.args.iter());
        self.boolean()?;
        self.derived = derived;
        self.class = Class::Text;
        Ok(())
    }

    /// An integer that looks at texts under their collation.
    pub(crate) fn text_position(&mut self, flen: i64) -> Inferred {
        let derived = Derived::merge(self.args.iter());
        self.int(flen)?;
        self.derived = derived;
        Ok(())
    }
}

/// Width of a number or time as text.
fn text_width(ty: &FieldType) -> i64 {
    match Class::of(ty) {
        Class::Int if ty.flen >= 0 => MAX_INT_WIDTH,
        Class::Decimal if ty.flen >= 0 => ty.flen + 3,
        Class::Real => MAX_REAL_WIDTH,
        _ => ty.flen,
    }
}
