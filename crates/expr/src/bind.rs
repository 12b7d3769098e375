//! Syntax tree to something that can be evaluated.

use th_types::{Context, Datum, FieldType, TypeError};

use crate::ExprError;
use crate::ast::Node;

/// The columns an expression may name.
pub trait Columns {
    /// Offset and type of the column of this lower-case name.
    fn find(&self, name: &str) -> Option<(usize, &FieldType)>;
}

/// An expression whose columns and types are known.
#[derive(Debug, Clone)]
pub struct Bound {}

impl Bound {
    pub(crate) fn new(_root: &Node, _columns: &dyn Columns) -> Result<Self, ExprError> {
        todo!()
    }

    /// The inferred result type, as TiDB infers it for the hidden column of an expression index.
    pub fn field_type(&self) -> &FieldType {
        todo!()
    }

    /// Evaluates for one row; `row[offset]` is the column's value, already of its column's type.
    pub fn eval(&self, _row: &[Datum<'_>], _context: &Context) -> Result<Datum<'static>, TypeError> {
        todo!()
    }
}
