//! What can be wrong with an expression before any row is read.

/// An expression that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExprError {
    /// The text is not an expression.
    #[error("cannot parse the expression at byte {offset}: {message}")]
    Syntax {
        /// Byte offset in the expression's text.
        offset: usize,
        /// What was expected or found.
        message: String,
    },
    /// The expression names a column that the table has not.
    #[error("unknown column `{0}` in the expression")]
    UnknownColumn(String),
    /// A function or operator that is not evaluated here.
    #[error("the function or operator `{0}` is not supported in expressions")]
    Unsupported(String),
}
