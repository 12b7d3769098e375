//! Which value of a source row belongs to which column.

use th_row::Value;
use th_schema::{SchemaState, TableInfo};

use crate::EncodeError;

/// Name under which a source may give the hidden row id.
const ROW_ID_NAME: &str = "_tidb_rowid";
/// `ER_BAD_FIELD_ERROR`.
const UNKNOWN_COLUMN: u16 = 1054;
/// `ER_FIELD_SPECIFIED_TWICE`.
const COLUMN_TWICE: u16 = 1110;

/// Where a column's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The value at this index of the source row.
    Row(usize),
    /// One of the constants.
    Constant(usize),
    /// Nowhere: the default.
    Missing,
}

/// The column list of the rows that follow.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    /// By table offset.
    columns: Vec<Source>,
    /// Of `_tidb_rowid`.
    row_id: Source,
    constants: Vec<Vec<u8>>,
}

impl Sources {
    /// All columns in order, as an INSERT without column list has them: a generated column takes a
    /// place, its value is not used.
    pub(crate) fn in_order(info: &TableInfo) -> Self {
        let columns = info.columns.iter().enumerate().map(|(index, column)| {
            if is_insertable(info, index) && !column.is_generated() {
                Source::Row(index)
            } else {
                Source::Missing
            }
        });
        Self { columns: columns.collect(), row_id: Source::Missing, constants: Vec::new() }
    }

    /// A list of lower-case names.
    pub(crate) fn listed(
        info: &TableInfo,
        names: &[String],
        ignored: &[String],
    ) -> Result<Self, EncodeError> {
        let mut sources = Self {
            columns: vec![Source::Missing; info.columns.len()],
            row_id: Source::Missing,
            constants: Vec::new(),
        };
        for (index, name) in names.iter().enumerate() {
            if names[..index].contains(name) {
                let message = format!("column `{name}` is listed twice");
                return Err(EncodeError::new(COLUMN_TWICE, message));
            }
            if ignored.contains(name) {
                continue;
            }
            *sources.find(info, name)? = Source::Row(index);
        }
        Ok(sources)
    }

    /// Drops the columns of these names: they are read and not used.
    pub(crate) fn ignore(&mut self, info: &TableInfo, ignored: &[String]) {
        for (column, source) in info.columns.iter().zip(&mut self.columns) {
            if ignored.contains(&column.name.lower) {
                *source = Source::Missing;
            }
        }
    }

    /// Columns that have one value for all rows.
    pub(crate) fn set_constants(
        &mut self,
        info: &TableInfo,
        constants: &[(String, Vec<u8>)],
    ) -> Result<(), EncodeError> {
        for (name, value) in constants {
            let constant = Source::Constant(self.constants.len());
            let source = self.find(info, &name.to_lowercase())?;
            if matches!(source, Source::Row(_)) {
                let message = format!("column `{name}` has a value in the source and a constant one");
                return Err(EncodeError::new(COLUMN_TWICE, message));
            }
            *source = constant;
            self.constants.push(value.clone());
        }
        Ok(())
    }

    fn find(&mut self, info: &TableInfo, name: &str) -> Result<&mut Source, EncodeError> {
        if name == ROW_ID_NAME && !info.pk_is_handle && !info.is_common_handle {
            return Ok(&mut self.row_id);
        }
        let found = info.columns.iter().position(|column| column.name.lower == name);
        let found = found.filter(|&offset| is_insertable(info, offset));
        match found.and_then(|offset| self.columns.get_mut(offset)) {
            Some(source) => Ok(source),
            None => {
                let message = format!("table `{}` has no column `{name}`", info.name.original);
                Err(EncodeError::new(UNKNOWN_COLUMN, message))
            }
        }
    }

    /// Whether no row gives the column.
    pub(crate) fn is_missing(&self, offset: usize) -> bool {
        self.columns.get(offset).is_none_or(|source| *source == Source::Missing)
    }

    /// The value of a column in a row; `None` if it is left out.
    #[inline]
    pub(crate) fn value<'v>(&'v self, offset: usize, row: &[Value<'v>]) -> Option<Value<'v>> {
        self.resolve(*self.columns.get(offset)?, row)
    }

    /// The same for `_tidb_rowid`.
    #[inline]
    pub(crate) fn row_id<'v>(&'v self, row: &[Value<'v>]) -> Option<Value<'v>> {
        self.resolve(self.row_id, row)
    }

    /// Number of a column's value in the source row, from 1.
    pub(crate) fn number(&self, offset: usize) -> Option<usize> {
        number_of(*self.columns.get(offset)?)
    }

    /// The same for `_tidb_rowid`.
    pub(crate) fn row_id_number(&self) -> Option<usize> {
        number_of(self.row_id)
    }

    #[inline]
    fn resolve<'v>(&'v self, source: Source, row: &[Value<'v>]) -> Option<Value<'v>> {
        let value = match source {
            Source::Row(index) => *row.get(index)?,
            Source::Constant(index) => Value::Text(self.constants.get(index)?),
            Source::Missing => return None,
        };
        if matches!(value, Value::Default) { None } else { Some(value) }
    }
}

fn number_of(source: Source) -> Option<usize> {
    match source {
        Source::Row(index) => Some(index + 1),
        Source::Constant(_) | Source::Missing => None,
    }
}

fn is_insertable(info: &TableInfo, offset: usize) -> bool {
    info.columns.get(offset).is_some_and(|column| column.state == SchemaState::PUBLIC && !column.hidden)
}
