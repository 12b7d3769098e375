//! Expressions of a table, bound to its columns.

use th_expr::{Bound, Columns, Expr};
use th_schema::TableInfo;
use th_types::FieldType;

use crate::PlanError;

/// No columns at all: constants.
pub(crate) struct NoColumns;

impl Columns for NoColumns {
    fn find(&self, _name: &str) -> Option<(usize, &FieldType)> {
        None
    }
}

/// The columns of a table, by offset.
pub(crate) struct TableColumns<'a>(pub(crate) &'a TableInfo);

impl Columns for TableColumns<'_> {
    fn find(&self, name: &str) -> Option<(usize, &FieldType)> {
        let index = self.0.columns.iter().position(|column| column.name.lower == name)?;
        Some((index, &self.0.columns[index].field_type))
    }
}

/// A bound expression and the offsets of the columns it reads.
#[derive(Debug, Clone)]
pub(crate) struct TableExpression {
    pub(crate) bound: Bound,
    pub(crate) reads: Vec<usize>,
}

impl TableExpression {
    /// Parses and binds; `of` says whose expression it is, for the error.
    pub(crate) fn new(info: &TableInfo, text: &str, of: &str) -> Result<Self, PlanError> {
        let columns = TableColumns(info);
        let parsed = Expr::parse(text).and_then(|expression| {
            let bound = expression.bind(&columns)?;
            Ok((expression, bound))
        });
        match parsed {
            Ok((expression, bound)) => {
                let reads =
                    expression.columns().iter().filter_map(|name| Some(columns.find(name)?.0)).collect();
                Ok(Self { bound, reads })
            }
            Err(source) => {
                Err(PlanError::Expression { table: info.name.original.clone(), of: of.to_owned(), source })
            }
        }
    }
}
