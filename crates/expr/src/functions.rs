//! Every function and operator there is: name, arity, type inference, evaluation.
//!
//! One table, so that what is supported can be read in one place (and is, by the documentation's test).

mod infer;
mod table;

use crate::ExprError;
use crate::bind::Shape;
use crate::eval::EvalFn;

/// What a function is to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An operator or a form with a grammar of its own.
    Operator,
    /// A function whose value depends on its arguments alone.
    Pure,
    /// A function of the moment: only in a column's default.
    Moment,
    /// A function that answers something else for every row: only in a column's default, and made of
    /// [`th_types::Context::random`].
    Random,
}

/// A function or operator.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) min_args: usize,
    pub(crate) max_args: usize,
    pub(crate) infer: for<'b, 's> fn(&'s mut Shape<'b>) -> Result<(), ExprError>,
    pub(crate) eval: EvalFn,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// The function of this lower-case name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    table::FUNCTIONS
        .binary_search_by(|function| function.name.cmp(name))
        .ok()
        .and_then(|at| table::FUNCTIONS.get(at))
}

/// The names of all functions and operators, in alphabetical order.
pub fn supported_functions() -> impl Iterator<Item = &'static str> {
    table::FUNCTIONS.iter().map(|function| function.name)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_sorted_so_that_names_are_found() {
        for pair in super::table::FUNCTIONS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} before {}", pair[0].name, pair[1].name);
        }
    }
}
