//! SQL expressions of generated columns, expression indexes, partitioning and CHECK-less defaults:
//! parsed from TiDB's text, bound to a table's columns, and evaluated row by row.
//!
//! Three steps, each refusing what the next cannot do: [`Expr::parse`] makes a tree of text (and
//! [`Expr::to_tidb_text`] TiDB's text of the tree), [`Expr::bind`] finds columns and functions and infers
//! TiDB's types, [`Bound::eval`] computes. A function that is not in the table is refused at binding,
//! never at a row.
//!
//! Evaluation is a function of the row and the session [`Context`](th_types::Context) alone.

mod ast;
mod bind;
mod error;
mod eval;
mod functions;
mod lexer;
mod parse;
mod restore;

pub use ast::TimeUnit;
pub use bind::{Bound, Columns};
pub use error::ExprError;
pub use functions::supported_functions;
pub use parse::Expr;
