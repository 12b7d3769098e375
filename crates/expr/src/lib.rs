//! SQL expressions of generated columns, expression indexes, partitioning and CHECK-less defaults:
//! parsed from TiDB's text, bound to a table's columns, and evaluated row by row.

mod ast;
mod bind;
mod error;
mod lexer;
mod parse;
mod restore;

pub use ast::TimeUnit;
pub use bind::{Bound, Columns};
pub use error::ExprError;
pub use parse::Expr;
