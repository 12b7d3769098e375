//! Adding, dropping and changing columns.

use serde_json::Value;
use th_types::{FieldType, Time, TimeKind, TimeZone, flag, tp};

use super::Alter;
use crate::ddl::DdlOptions;
use crate::ddl::build::{build_column, default_from_literal};
use crate::ddl::column::parse_default;
use crate::ddl::cursor::Cursor;
use crate::ddl::syntax::{ColumnDefinition, DefaultValue};
use crate::{ColumnInfo, IndexInfo, Name, SchemaError};

/// Where a new or moved column goes.
pub(super) enum Position {
    Last,
    First,
    After(String),
}

impl Alter<'_> {
    pub(super) fn build(&self, definition: &ColumnDefinition) -> Result<ColumnInfo, SchemaError> {
        let charset = (self.table.charset.as_str(), self.table.collate.as_str());
        let built = build_column(definition, charset, self.options, self.blame)?;
        if !built.indexes.is_empty() || built.auto_random.is_some() {
            return Err(self.blame.unsupported("a key or AUTO_RANDOM on an added or changed column"));
        }
        Ok(built.info)
    }

    pub(super) fn add_column(
        &mut self,
        definition: &ColumnDefinition,
        position: Position,
    ) -> Result<(), SchemaError> {
        if self.find_column(&definition.name.lower).is_ok() {
            return Err(self
                .blame
                .invalid(format!("two columns have the name `{}`", definition.name.original)));
        }
        let mut column = self.build(definition)?;
        if column.field_type.has(flag::AUTO_INCREMENT) {
            return Err(self.blame.unsupported("adding an AUTO_INCREMENT column"));
        }
        if column.generated_stored {
            return Err(self.blame.unsupported("adding a stored generated column"));
        }
        if column.default_is_expr {
            return Err(self.blame.unsupported("adding a column whose default is an expression"));
        }
        column.origin_default = origin_default(&column, self.options);
        column.origin_default_bit = if column.field_type.tp == tp::BIT
            && !column.origin_default.is_null()
            && column.default.is_null()
        {
            Value::from("")
        } else {
            column.default_bit.clone()
        };
        self.table.max_column_id += 1;
        column.id = self.table.max_column_id;
        let at = self.offset_of(&position, None)?;
        self.table.columns.insert(at, column);
        self.renumber();
        Ok(())
    }

    /// The offset for a column at this position; hidden columns stay last.
    pub(super) fn offset_of(&self, position: &Position, moved: Option<usize>) -> Result<usize, SchemaError> {
        Ok(match position {
            Position::First => 0,
            Position::After(name) => self.find_column(name)? + 1,
            Position::Last => moved.unwrap_or(self.table.columns.len()),
        })
    }

    /// Numbers the columns anew and makes the indexes follow them.
    pub(super) fn renumber(&mut self) {
        for (offset, column) in self.table.columns.iter_mut().enumerate() {
            column.offset = offset;
        }
        let offsets: Vec<(String, usize, Name)> = self
            .table
            .columns
            .iter()
            .map(|column| (column.name.lower.clone(), column.offset, column.name.clone()))
            .collect();
        for part in self.table.indexes.iter_mut().flat_map(|index| &mut index.columns) {
            if let Some((_, offset, name)) = offsets.iter().find(|(lower, ..)| *lower == part.name.lower) {
                part.offset = *offset;
                part.name = name.clone();
            }
        }
    }

    pub(super) fn drop_column(&mut self, name: &str) -> Result<(), SchemaError> {
        let at = self.find_column(name)?;
        let lower = name.to_lowercase();
        let covers = |index: &IndexInfo| index.columns.iter().any(|part| part.name.lower == lower);
        if self.table.indexes.iter().any(|index| covers(index) && index.columns.len() > 1) {
            return Err(self
                .blame
                .invalid(format!("the column `{name}` stands in an index of several columns")));
        }
        let is_handle = self.table.columns.get(at).is_some_and(|column| column.field_type.has(flag::PRI_KEY));
        if is_handle {
            return Err(self.blame.invalid(format!("the column `{name}` stands in the primary key")));
        }
        self.table.indexes.retain(|index| !covers(index));
        self.table.columns.remove(at);
        self.renumber();
        Ok(())
    }

    pub(super) fn modify_column(
        &mut self,
        old: &str,
        definition: &ColumnDefinition,
        position: Position,
    ) -> Result<(), SchemaError> {
        let at = self.find_column(old)?;
        let key_flags = flag::PRI_KEY | flag::UNIQUE_KEY | flag::MULTIPLE_KEY;
        let mut column = self.build(definition)?;
        let Some(before) = self.table.columns.get(at) else { return Ok(()) };
        if let Some(other) = self.table.columns.iter().find(|other| other.name.lower == column.name.lower)
            && other.id != before.id
        {
            return Err(self.blame.invalid(format!("two columns have the name `{}`", column.name.original)));
        }
        column.field_type.flag |= before.field_type.flag & key_flags;
        if before.field_type.has(flag::PRI_KEY) {
            column.field_type.flag |= flag::NOT_NULL;
            if column.default.is_null() && !column.field_type.has(flag::AUTO_INCREMENT) {
                column.field_type.flag |= flag::NO_DEFAULT_VALUE;
            }
        }
        column.id = before.id;
        let rewrites = rewrites_rows(&before.field_type, &column.field_type);
        column.origin_default = before.origin_default.clone();
        column.origin_default_bit = before.origin_default_bit.clone();
        let renamed = before.name.lower != column.name.lower;
        let before_name = before.name.lower.clone();
        if renamed {
            for part in self.table.indexes.iter_mut().flat_map(|index| &mut index.columns) {
                if part.name.lower == before_name {
                    part.name = column.name.clone();
                }
            }
        }
        if rewrites {
            self.table.max_column_id += 1;
            column.id = self.table.max_column_id;
            for index in &mut self.table.indexes {
                if index.columns.iter().any(|part| part.offset == at) {
                    self.table.max_index_id += 1;
                    index.id = self.table.max_index_id;
                }
            }
        }
        self.table.columns.remove(at);
        let target = self.offset_of(&position, Some(at))?;
        self.table.columns.insert(target.min(self.table.columns.len()), column);
        self.renumber();
        Ok(())
    }

    pub(super) fn alter_default(&mut self, cursor: &mut Cursor<'_>, name: &str) -> Result<(), SchemaError> {
        let at = self.find_column(name)?;
        let Some(column) = self.table.columns.get_mut(at) else { return Ok(()) };
        if cursor.accept(&["drop", "default"]) {
            column.default = Value::Null;
            column.default_bit = Value::Null;
            column.default_is_expr = false;
            column.field_type.flag |= flag::NO_DEFAULT_VALUE;
            return Ok(());
        }
        cursor.expect(&["set", "default"])?;
        let value = parse_default(cursor)?;
        let default = default_from_literal(column, &value, self.options, self.blame)?;
        let is_null = matches!(value, DefaultValue::Null);
        if is_null && column.field_type.has(flag::NOT_NULL) {
            return Err(self.blame.invalid(format!("column `{name}` is NOT NULL and has DEFAULT NULL")));
        }
        default.store(column);
        column.field_type.flag &= !flag::NO_DEFAULT_VALUE;
        Ok(())
    }
}

/// `FIRST`, `AFTER column`, or nothing.
pub(super) fn parse_position(cursor: &mut Cursor<'_>) -> Result<Position, SchemaError> {
    if cursor.accept(&["first"]) {
        Ok(Position::First)
    } else if cursor.accept(&["after"]) {
        Ok(Position::After(cursor.identifier()?))
    } else {
        Ok(Position::Last)
    }
}

/// What rows written before the column was added hold in it (`generateOriginDefaultValue`).
fn origin_default(column: &ColumnInfo, options: &DdlOptions) -> Value {
    let field_type = &column.field_type;
    if column.is_generated() {
        return Value::Null;
    }
    if matches!(column.default.as_str(), Some("CURRENT_TIMESTAMP" | "CURRENT_DATE")) {
        let (kind, zone) = match field_type.tp {
            tp::TIMESTAMP => (TimeKind::Timestamp, &TimeZone::Fixed(0)),
            tp::DATETIME => (TimeKind::Datetime, &options.time_zone),
            _ => (TimeKind::Date, &options.time_zone),
        };
        let fsp = u8::try_from(field_type.decimal).unwrap_or(0);
        let second = 1_000_000;
        let unit = second / 10_i64.pow(u32::from(fsp.min(6)));
        let micros = options.now_micros.div_euclid(unit) * unit;
        return Value::from(Time::from_unix_micros(micros, zone, kind, fsp).to_text());
    }
    if !column.default.is_null() || !field_type.has(flag::NOT_NULL) {
        return column.default.clone();
    }
    match field_type.tp {
        tp::ENUM => field_type.elems.first().map_or(Value::Null, |member| Value::from(member.clone())),
        tp::DATE => Value::from("0000-00-00"),
        tp::DATETIME | tp::TIMESTAMP => Value::from("0000-00-00 00:00:00"),
        tp::DURATION => Value::from("00:00:00"),
        tp::JSON => Value::from("null"),
        tp::VECTOR => Value::from("[]"),
        tp::STRING if field_type.is_binary_string() => {
            Value::from("\0".repeat(usize::try_from(field_type.flen).unwrap_or(0).min(255)))
        }
        _ if field_type.is_string() || matches!(field_type.tp, tp::SET | tp::BIT) => Value::from(""),
        _ => Value::from("0"),
    }
}

/// Whether TiDB writes every row anew for this change, under a new column id (`needChangeColumnData`).
fn rewrites_rows(old: &FieldType, new: &FieldType) -> bool {
    let toggles_sign = old.is_unsigned() != new.is_unsigned();
    let shrinks = new.flen > 0 && (new.flen < old.flen || new.decimal < old.decimal);
    if old.tp == new.tp {
        return match old.tp {
            tp::NEW_DECIMAL => old.flen != new.flen || old.decimal != new.decimal || toggles_sign,
            tp::ENUM | tp::SET => !new.elems.starts_with(&old.elems),
            tp::STRING if old.is_binary_string() => old.flen != new.flen,
            _ if old.is_integer() => toggles_sign,
            _ => shrinks || toggles_sign,
        };
    }
    if old.is_integer() && new.is_integer() {
        let width = |code| crate::ddl::data_type::default_length(code).0;
        return width(new.tp) < width(old.tp) || toggles_sign;
    }
    let is_char = |code| matches!(code, tp::STRING | tp::VARCHAR | tp::VAR_STRING);
    let between_char_and_varchar = is_char(old.tp) && is_char(new.tp);
    between_char_and_varchar || !(old.is_string() && new.is_string()) || shrinks
}
