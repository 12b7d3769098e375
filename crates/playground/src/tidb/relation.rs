//! Something that a SELECT reads: typed columns, and rows of datums.

use std::ops::ControlFlow;

use th_expr::Columns;
use th_types::{Datum, FieldType, flag, tp};

use crate::tidb::error::SqlError;

/// A column of a relation.
#[derive(Debug, Clone)]
pub(crate) struct RelationColumn {
    pub(crate) name: String,
    pub(crate) field_type: FieldType,
    /// Not part of `*`.
    pub(crate) hidden: bool,
}

/// Takes rows.
pub(crate) type RowVisitor<'v> = dyn FnMut(Vec<Datum<'static>>) -> Result<ControlFlow<()>, SqlError> + 'v;

/// Reads rows and gives them to a visitor until that breaks.
pub(crate) type RowScan = Box<dyn FnOnce(&mut RowVisitor<'_>) -> Result<(), SqlError> + Send>;

/// Counts rows without looking into them.
pub(crate) type RowCount = Box<dyn FnOnce() -> Result<u64, SqlError> + Send>;

/// Columns and rows.
pub(crate) struct Relation {
    pub(crate) columns: Vec<RelationColumn>,
    pub(crate) scan: RowScan,
    /// Where rows can be counted without decoding them.
    pub(crate) count: Option<RowCount>,
}

impl Relation {
    /// No column, one row: what a SELECT without FROM reads.
    pub(crate) fn one_row() -> Self {
        Self { columns: Vec::new(), scan: Box::new(|visit| visit(Vec::new()).map(|_| ())), count: None }
    }

    /// A table of text that is all here; columns whose name is in `numbers` hold integers.
    pub(crate) fn texts(columns: &[&str], numbers: &[&str], rows: Vec<Vec<Option<String>>>) -> Self {
        let columns: Vec<RelationColumn> = columns
            .iter()
            .map(|name| RelationColumn {
                name: (*name).to_owned(),
                field_type: if numbers.contains(name) { integer_type() } else { text_type() },
                hidden: false,
            })
            .collect();
        let kinds: Vec<bool> = columns.iter().map(|column| column.field_type.is_integer()).collect();
        let scan: RowScan = Box::new(move |visit| {
            for row in rows {
                let datums = row
                    .into_iter()
                    .zip(&kinds)
                    .map(|(value, number)| match value {
                        None => Datum::Null,
                        Some(text) if *number => text.parse().map_or(Datum::Null, Datum::Int),
                        Some(text) => Datum::Bytes(text.into_bytes().into()),
                    })
                    .collect();
                if visit(datums)?.is_break() {
                    break;
                }
            }
            Ok(())
        });
        Self { columns, scan, count: None }
    }
}

/// How names in expressions find a relation's columns.
pub(crate) struct RelationColumns<'r>(pub(crate) &'r [RelationColumn]);

impl Columns for RelationColumns<'_> {
    fn find(&self, name: &str) -> Option<(usize, &FieldType)> {
        let bare = name.rsplit('.').next().unwrap_or(name);
        self.0
            .iter()
            .enumerate()
            .find(|(_, column)| column.name.eq_ignore_ascii_case(bare) || column.name.to_lowercase() == bare)
            .map(|(offset, column)| (offset, &column.field_type))
    }
}

/// `VARCHAR` as the virtual tables have it.
pub(crate) fn text_type() -> FieldType {
    let mut field_type = FieldType::new(tp::VARCHAR);
    field_type.flen = 512;
    field_type.charset = "utf8mb4".into();
    field_type.collate = "utf8mb4_general_ci".into();
    field_type
}

/// `BIGINT`.
pub(crate) fn integer_type() -> FieldType {
    let mut field_type = FieldType::new(tp::LONGLONG);
    field_type.flen = 20;
    field_type.decimal = 0;
    field_type.flag = flag::BINARY;
    field_type
}
