//! Text to syntax tree.

mod call;
mod cast_type;
mod operand;
mod parser;

pub(crate) use cast_type::default_collation;

use crate::ast::Node;
use crate::restore::{Style, restore};
use crate::{Bound, Columns, ExprError};

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub(crate) root: Node,
}

impl Expr {
    /// Parses one expression, the whole text (TiDB and MySQL syntax).
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        parser::Parser::new(text)?.whole().map(|root| Self { root })
    }

    /// Parses the expression at the beginning of `text` and says how many bytes it takes; what follows
    /// (a comma, a closing parenthesis, an option of the column) is the caller's.
    ///
    /// The whole text must be made of this grammar's tokens, so pass a slice that ends with the statement.
    pub fn parse_prefix(text: &str) -> Result<(Self, usize), ExprError> {
        let mut parser = parser::Parser::new(text)?;
        let root = parser.expression(0)?;
        Ok((Self { root }, parser.offset()))
    }

    /// The text as TiDB restores it into `generated_expr_string` (lower-case functions, back-quoted
    /// columns, charset introducers on string literals), into `condition_expr_string`, and into the
    /// default of a column with `default_is_expr`.
    pub fn to_tidb_text(&self) -> String {
        restore(&self.root, Style::Generated)
    }

    /// The text as TiDB restores it into a partitioned table's `expr`: upper-case functions,
    /// parentheses around infix operators.
    pub fn to_tidb_partition_text(&self) -> String {
        restore(&self.root, Style::Partition)
    }

    /// The columns it reads, lower case, each once, in order of appearance.
    pub fn columns(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        self.root.each_column(&mut |name| {
            let lower = name.to_lowercase();
            if !names.contains(&lower) {
                names.push(lower);
            }
        });
        names
    }

    /// Resolves columns and functions and infers types.
    pub fn bind(&self, columns: &dyn Columns) -> Result<Bound, ExprError> {
        Bound::new(&self.root, columns, false)
    }

    /// Like [`Expr::bind`] for a column's default, where `NOW()` and its kind are allowed: they answer
    /// the session's fixed moment.
    pub fn bind_default(&self, columns: &dyn Columns) -> Result<Bound, ExprError> {
        Bound::new(&self.root, columns, true)
    }
}
