//! One column, compiled.

use th_collation::Collation;
use th_schema::{ColumnInfo, SchemaState, TableInfo};
use th_types::{Context, FieldType, TypeError, flag};

use super::default::{Constant, Default, is_strict, origin_default, zero};
use super::expression::TableExpression;
use super::fast::FastPath;
use super::from_datum::class_of;
use crate::PlanError;
use crate::cell::Class;

/// Whether the row value holds a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// No: it is in the key, or virtual.
    Never,
    /// Yes, also NULL.
    Always,
    /// Only if it is not NULL: absent means NULL.
    UnlessNull,
}

/// Ids that the encoder makes when the row has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auto {
    None,
    Increment,
    Random,
}

/// Where a column's value comes from, apart from the source row.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// The source row, or the default.
    Row,
    /// An expression over the row.
    Generated(TableExpression),
    /// Another column, cast: the column is the new form of one whose type is being changed.
    Changing {
        /// Offset of the column it is made from.
        from: usize,
    },
    /// The same value in every row: a column that is being added.
    Fixed(Result<Constant, TypeError>),
    /// The column does not exist for writers.
    Unwritten,
}

/// A prefix length of an index column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) length: usize,
    /// Whether `length` counts bytes (binary and ASCII columns), else characters.
    pub(crate) counts_bytes: bool,
}

/// A compiled column.
#[derive(Debug, Clone)]
pub(crate) struct ColumnPlan {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) class: Class,
    pub(crate) field_type: FieldType,
    pub(crate) fast: FastPath,
    pub(crate) stored: Stored,
    pub(crate) not_null: bool,
    pub(crate) auto: Auto,
    pub(crate) origin: Origin,
    /// For a value that the row leaves out.
    pub(crate) default: Result<Default, TypeError>,
    /// For NULL in a NOT NULL column when the SQL mode is not strict.
    pub(crate) zero: Option<Constant>,
    /// Some expression reads the column, so it is needed as a datum.
    pub(crate) needs_datum: bool,
}

impl Prefix {
    /// Of an index column's length, -1 meaning the whole column.
    pub(crate) fn new(length: i64, field_type: &FieldType) -> Option<Self> {
        let length = usize::try_from(length).ok()?;
        Some(Self { length, counts_bytes: matches!(field_type.charset.as_str(), "binary" | "ascii") })
    }

    /// The longer one, no prefix being the longest.
    pub(crate) fn longer(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        let (a, b) = (a?, b?);
        Some(if a.length > b.length { a } else { b })
    }

    /// The leading part of a text.
    #[inline]
    pub(crate) fn cut(self, text: &[u8]) -> &[u8] {
        if text.len() <= self.length {
            return text;
        }
        let end = if self.counts_bytes {
            self.length
        } else {
            let starts = text.iter().enumerate().filter(|(_, byte)| **byte & 0xc0 != 0x80);
            starts.map(|(at, _)| at).nth(self.length).unwrap_or(text.len())
        };
        &text[..end]
    }
}

/// The collation by which a column's strings are ordered in keys; `None`: by their bytes.
pub(crate) fn key_collation(field_type: &FieldType, new_collation: bool) -> Option<Collation> {
    if !new_collation || !field_type.is_string() {
        return None;
    }
    Collation::by_name(&field_type.collate).filter(|collation| *collation != Collation::Binary)
}

/// TiDB's `types.NeedRestoredData`.
pub(crate) fn needs_restored_data(field_type: &FieldType, new_collation: bool) -> bool {
    use th_types::tp::{VAR_STRING, VARCHAR};
    let is_varchar = matches!(field_type.tp, VARCHAR | VAR_STRING);
    key_collation(field_type, new_collation)
        .is_some_and(|collation| collation.needs_restored_data_in(is_varchar))
}

/// Whether writers must fill the column.
pub(crate) fn is_written(state: u8) -> bool {
    matches!(state, SchemaState::PUBLIC | SchemaState::WRITE_ONLY | SchemaState::WRITE_REORG)
}

impl ColumnPlan {
    /// Compiles the column at `offset`.
    pub(crate) fn new(
        info: &TableInfo,
        offset: usize,
        column: &ColumnInfo,
        context: &Context,
        new_collation: bool,
    ) -> Result<Self, PlanError> {
        let table = || info.name.original.clone();
        let field_type = &column.field_type;
        let Some(class) = class_of(field_type) else {
            let what = format!("the type {} of column `{}`", field_type.tp, column.name.original);
            return Err(PlanError::Unsupported { table: table(), what });
        };
        let Ok(id) = u32::try_from(column.id) else {
            let message = format!("column `{}` has the id {}", column.name.original, column.id);
            return Err(PlanError::Invalid { table: table(), message });
        };
        let is_public = column.state == SchemaState::PUBLIC;
        let origin = if !is_written(column.state) {
            Origin::Unwritten
        } else if !is_public && let Some(change) = &column.change_state_info {
            let from = change.get("relative_col_offset").and_then(serde_json::Value::as_u64);
            match from.and_then(|from| usize::try_from(from).ok()).filter(|from| *from < info.columns.len()) {
                Some(from) => Origin::Changing { from },
                None => {
                    let message = format!("column `{}` is changed from nowhere", column.name.original);
                    return Err(PlanError::Invalid { table: table(), message });
                }
            }
        } else if column.is_generated() {
            let of = format!("column `{}`", column.name.original);
            Origin::Generated(TableExpression::new(info, &column.generated_expr_string, &of)?)
        } else if is_public {
            Origin::Row
        } else {
            Origin::Fixed(origin_default(column, is_strict(context.mode), context))
        };
        let auto = if field_type.has(flag::AUTO_INCREMENT) {
            Auto::Increment
        } else if info.auto_random_offset() == Some(offset) {
            Auto::Random
        } else {
            Auto::None
        };
        let zero = (!is_strict(context.mode)).then(|| zero(column, context).ok()).flatten();
        Ok(Self {
            id,
            name: column.name.original.clone(),
            class,
            fast: FastPath::of(field_type, &context.zone),
            stored: stored(info, offset, column, new_collation),
            not_null: field_type.flag & (flag::NOT_NULL | flag::PREVENT_NULL_INSERT) != 0,
            auto,
            default: match origin {
                Origin::Row => Default::of(column, context),
                _ => Ok(Default::NULL),
            },
            origin,
            zero,
            needs_datum: false,
            field_type: field_type.clone(),
        })
    }
}

/// TiDB's `tables.CanSkip`, the part that does not depend on the value.
fn stored(info: &TableInfo, offset: usize, column: &ColumnInfo, new_collation: bool) -> Stored {
    if !is_written(column.state) {
        return Stored::Never;
    }
    // TiDB stores a column whose type is being changed without asking.
    if column.state != SchemaState::PUBLIC && column.change_state_info.is_some() {
        return Stored::Always;
    }
    let is_primary = column.field_type.has(flag::PRI_KEY);
    if is_primary && info.pk_is_handle {
        return Stored::Never;
    }
    if is_primary && info.is_common_handle {
        let primary = info.indexes.iter().find(|index| index.is_primary);
        let part = primary.and_then(|index| index.columns.iter().find(|part| part.offset == offset));
        if let Some(part) = part {
            let whole = part.length == -1 && !needs_restored_data(&column.field_type, new_collation);
            return if whole { Stored::Never } else { Stored::Always };
        }
    }
    if column.is_virtual() {
        return Stored::Never;
    }
    let no_default = column.default.is_null() && column.default_bit.is_null();
    let no_origin_default = column.origin_default.is_null() && column.origin_default_bit.is_null();
    if no_default && no_origin_default { Stored::UnlessNull } else { Stored::Always }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_cuts_at_characters_or_at_bytes() {
        let characters = Prefix { length: 2, counts_bytes: false };
        assert_eq!(characters.cut("äöü".as_bytes()), "äö".as_bytes());
        assert_eq!(characters.cut("äö".as_bytes()), "äö".as_bytes());
        assert_eq!(characters.cut(b"a"), b"a");
        let bytes = Prefix { length: 3, counts_bytes: true };
        assert_eq!(bytes.cut("äöü".as_bytes()), b"\xc3\xa4\xc3");
    }
}
