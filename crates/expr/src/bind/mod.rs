//! Syntax tree to something that can be evaluated: columns found, functions resolved, types inferred.
//!
//! Types follow TiDB's inference, because the type of an expression index's hidden column, and with it
//! the index key, is what TiDB inferred. Everything that cannot be evaluated is refused here, once, so
//! that evaluation fails on values only.

mod build;
mod classes;
mod collate;
mod infer;
mod merge;

use std::borrow::Cow;

use th_collation::Collation;
use th_types::{Context, Datum, FieldType, TypeError, flag, tp};

use crate::ExprError;
use crate::ast::{Node, TimeUnit, TrimDirection};
use crate::eval::Frame;
use crate::functions::{Function, Kind};

pub(crate) use classes::{comparison_class, numeric_class};
pub(crate) use collate::Derived;
pub(crate) use infer::Shape;

/// The columns an expression may name.
pub trait Columns {
    /// Offset and type of the column of this lower-case name.
    fn find(&self, name: &str) -> Option<(usize, &FieldType)>;
}

/// An expression whose columns and types are known.
#[derive(Debug, Clone)]
pub struct Bound {
    root: Term,
    hidden: FieldType,
}

impl Bound {
    pub(crate) fn new(root: &Node, columns: &dyn Columns, defaults: bool) -> Result<Self, ExprError> {
        let root = build::Builder { columns, defaults }.term(root)?;
        let hidden = hidden_column_type(root.ty());
        Ok(Self { root, hidden })
    }

    /// The inferred result type, as TiDB infers it for the hidden column of an expression index.
    ///
    /// For `CAST(… AS … ARRAY)` this is the element's type with [`FieldType::array`] set.
    pub fn field_type(&self) -> &FieldType {
        &self.hidden
    }

    /// Evaluates for one row; `row[offset]` is the column's value, already of its column's type.
    ///
    /// The result is of the expression's own type; the column that receives it converts it once more.
    pub fn eval(&self, row: &[Datum<'_>], context: &Context) -> Result<Datum<'static>, TypeError> {
        self.eval_borrowed(row, context).map(Datum::into_owned)
    }

    /// Like [`Bound::eval`], but text that needed no change stays where it is.
    pub fn eval_borrowed<'v>(
        &'v self,
        row: &'v [Datum<'v>],
        context: &'v Context,
    ) -> Result<Datum<'v>, TypeError> {
        self.root.eval(&Frame { row, context })
    }

    /// The elements of `CAST(… AS … ARRAY)`, each of the element type, in order and with repetitions;
    /// `None` for NULL. A multi-valued index has one entry for each distinct element.
    ///
    /// Error 3903 if an element is not of the element's JSON type, 1406 or 1690 if it does not fit.
    /// An expression that is no such cast answers its one value.
    pub fn array_elements<'v>(
        &'v self,
        row: &'v [Datum<'v>],
        context: &'v Context,
    ) -> Result<Option<Vec<Datum<'v>>>, TypeError> {
        let frame = Frame { row, context };
        match &self.root {
            Term::Call(call) if call.ty.array => crate::eval::array_elements(call, &frame),
            other => {
                let value = other.eval(&frame)?;
                Ok(if value.is_null() { None } else { Some(vec![value]) })
            }
        }
    }

    /// Whether it answers something else for every row without reading it, as `UUID()` does.
    pub fn is_random(&self) -> bool {
        fn any(term: &Term) -> bool {
            matches!(term, Term::Call(call) if call.function.kind == Kind::Random || call.args.iter().any(any))
        }
        any(&self.root)
    }

    /// Whether a condition holds for a row; NULL is no.
    pub fn holds(&self, row: &[Datum<'_>], context: &Context) -> Result<bool, TypeError> {
        Ok(self.root.truth(&Frame { row, context })?.unwrap_or(false))
    }
}

/// What TiDB makes of an expression's type when it adds the hidden column.
fn hidden_column_type(ty: &FieldType) -> FieldType {
    let mut hidden = ty.clone();
    hidden.flag &= !(flag::PRI_KEY | flag::UNIQUE_KEY | flag::MULTIPLE_KEY | flag::AUTO_INCREMENT);
    let temporal = matches!(hidden.tp, tp::DATE | tp::DATETIME | tp::TIMESTAMP | tp::DURATION);
    if temporal && hidden.decimal == -1 {
        hidden.decimal = 6;
    }
    if hidden.array {
        // The collation has no meaning for JSON, but the key of an element is binary.
        hidden.charset = "binary".into();
        hidden.collate = "binary".into();
    }
    hidden
}

/// A node of a bound expression.
#[derive(Debug, Clone)]
pub(crate) enum Term {
    Column { offset: usize, ty: FieldType, derived: Derived },
    Literal { value: Datum<'static>, ty: FieldType, derived: Derived },
    Call(Box<Call>),
}

/// A function or operator with its arguments.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) function: &'static Function,
    pub(crate) args: Vec<Term>,
    pub(crate) ty: FieldType,
    /// What the function computes in: the type of an operation, of a comparison, of a result.
    pub(crate) class: Class,
    /// The collation of the result, and of comparisons within.
    pub(crate) derived: Derived,
    pub(crate) detail: Detail,
}

/// What a call has besides its arguments.
#[derive(Debug, Clone, Default)]
pub(crate) enum Detail {
    #[default]
    None,
    Unit(TimeUnit),
    Trim(TrimDirection),
    /// LIKE's escape character; whether case is ignored by the operator itself.
    Escape(char, bool),
    /// A compiled regular expression, when the pattern is constant.
    Regex(Box<regex::bytes::Regex>),
}

/// Types as far as evaluation tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Int,
    Real,
    Decimal,
    Text,
    Time,
    Duration,
    Json,
    Vector,
}

impl Class {
    /// TiDB's `EvalType`.
    pub(crate) fn of(ty: &FieldType) -> Self {
        match ty.tp {
            _ if ty.array => Class::Json,
            tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONGLONG | tp::YEAR | tp::BIT => Class::Int,
            tp::FLOAT | tp::DOUBLE => Class::Real,
            tp::NEW_DECIMAL => Class::Decimal,
            tp::DATE | tp::DATETIME | tp::TIMESTAMP | tp::NEW_DATE => Class::Time,
            tp::DURATION => Class::Duration,
            tp::JSON => Class::Json,
            tp::VECTOR => Class::Vector,
            _ => Class::Text,
        }
    }
}

impl Term {
    pub(crate) fn ty(&self) -> &FieldType {
        match self {
            Term::Column { ty, .. } | Term::Literal { ty, .. } => ty,
            Term::Call(call) => &call.ty,
        }
    }

    pub(crate) fn derived(&self) -> Derived {
        match self {
            Term::Column { derived, .. } | Term::Literal { derived, .. } => *derived,
            Term::Call(call) => call.derived,
        }
    }

    pub(crate) fn class(&self) -> Class {
        Class::of(self.ty())
    }

    pub(crate) fn is_null_literal(&self) -> bool {
        matches!(self, Term::Literal { value: Datum::Null, .. })
    }

    pub(crate) fn is_binary_literal(&self) -> bool {
        matches!(self, Term::Literal { value: Datum::Bit(_), .. })
    }

    /// Whether the value is the same for every row.
    pub(crate) fn is_constant(&self) -> bool {
        matches!(self, Term::Literal { .. })
    }

    /// Whether the bytes have no character set.
    pub(crate) fn is_binary_text(&self) -> bool {
        self.ty().is_binary_string()
    }

    pub(crate) fn eval<'v>(&'v self, frame: &Frame<'v>) -> Result<Datum<'v>, TypeError> {
        match self {
            Term::Column { offset, .. } => match frame.row.get(*offset) {
                Some(value) => Ok(borrowed(value)),
                None => Err(TypeError::new(0, format!("the row has no column at offset {offset}"))),
            },
            Term::Literal { value, .. } => Ok(borrowed(value)),
            Term::Call(call) => (call.function.eval)(call, frame),
        }
    }
}

impl Call {
    /// The argument at `index`, which the function's arity promises.
    pub(crate) fn arg(&self, index: usize) -> &Term {
        &self.args[index]
    }

    pub(crate) fn collation(&self) -> Collation {
        self.derived.collation
    }
}

/// The same value, borrowing what `value` holds.
pub(crate) fn borrowed<'v>(value: &'v Datum<'v>) -> Datum<'v> {
    match value {
        Datum::Bytes(bytes) => Datum::Bytes(Cow::Borrowed(bytes)),
        Datum::Bit(bytes) => Datum::Bit(Cow::Borrowed(bytes)),
        Datum::Vector(bytes) => Datum::Vector(Cow::Borrowed(bytes)),
        Datum::Json(json) => {
            Datum::Json(th_types::Json { type_code: json.type_code, body: Cow::Borrowed(json.body.as_ref()) })
        }
        other => other.clone(),
    }
}
