//! Columns: character set, length, flags and defaults.

use serde_json::{Map, Value};
use th_collation::{Charset, Collation};
use th_expr::Expr;
use th_types::{FieldType, flag, tp};

use super::Blame;
use super::default_value::{ColumnDefault, default_from_literal};
use crate::ddl::data_type::default_length;
use crate::ddl::options::DdlOptions;
use crate::ddl::syntax::{
    ColumnDefinition, ColumnOption, IndexDefinition, IndexKind, IndexOptions, IndexPart,
};
use crate::{ColumnInfo, SchemaError, SchemaState};

/// The version of column definitions whose TIMESTAMP defaults are in UTC.
const COLUMN_VERSION: u64 = 2;

/// A column and what its options ask of the table.
pub(crate) struct BuiltColumn {
    pub(crate) info: ColumnInfo,
    /// Indexes written at the column.
    pub(crate) indexes: Vec<IndexDefinition>,
    /// AUTO_RANDOM's shard and range bits.
    pub(crate) auto_random: Option<(u64, u64)>,
}

/// Character set and collation of something whose options name neither, one or both of them.
pub(crate) fn resolve_charset(
    charset: Option<&str>,
    collate: Option<&str>,
    default: (&str, &str),
    blame: Blame<'_>,
) -> Result<(String, String), SchemaError> {
    let known_charset = |name: &str| {
        Charset::by_name(name).ok_or_else(|| blame.unsupported(format!("the character set `{name}`")))
    };
    let known_collation = |name: &str| {
        Collation::by_name(name).ok_or_else(|| blame.unsupported(format!("the collation `{name}`")))
    };
    let (charset, collation) = match (charset, collate) {
        (None, None) => return Ok((default.0.to_owned(), default.1.to_owned())),
        (Some(charset), None) => {
            let charset = known_charset(charset)?;
            (charset, charset.default_collation())
        }
        (None, Some(collate)) => {
            let collation = known_collation(collate)?;
            (collation.charset(), collation)
        }
        (Some(charset), Some(collate)) => (known_charset(charset)?, known_collation(collate)?),
    };
    if collation.charset() != charset {
        return Err(blame.invalid(format!(
            "the collation {} does not belong to the character set {}",
            collation.name(),
            charset.name()
        )));
    }
    Ok((charset.name().to_owned(), collation.name().to_owned()))
}

fn needs_charset(field_type: &FieldType) -> bool {
    field_type.is_string() || matches!(field_type.tp, tp::ENUM | tp::SET)
}

/// Builds a column of a table whose default character set and collation are these. Id and offset are
/// the caller's to set.
pub(crate) fn build_column(
    definition: &ColumnDefinition,
    table_charset: (&str, &str),
    options: &DdlOptions,
    blame: Blame<'_>,
) -> Result<BuiltColumn, SchemaError> {
    let name = &definition.name;
    if name.lower == "_tidb_rowid" {
        return Err(blame.invalid("a column cannot have the name _tidb_rowid"));
    }
    let mut info = ColumnInfo {
        id: 0,
        name: name.clone(),
        offset: 0,
        origin_default: Value::Null,
        origin_default_bit: Value::Null,
        default: Value::Null,
        default_bit: Value::Null,
        default_is_expr: false,
        generated_expr_string: String::new(),
        generated_stored: false,
        dependences: None,
        field_type: complete_type(definition, table_charset, options, blame)?,
        state: SchemaState::PUBLIC,
        comment: String::new(),
        hidden: false,
        change_state_info: None,
        version: COLUMN_VERSION,
        rest: Map::new(),
    };
    let mut built = Vec::new();
    let mut auto_random = None;
    let mut has_default = false;
    for option in &definition.options {
        match option {
            ColumnOption::NotNull => info.field_type.flag |= flag::NOT_NULL,
            ColumnOption::Null => info.field_type.flag &= !flag::NOT_NULL,
            ColumnOption::AutoIncrement => info.field_type.flag |= flag::AUTO_INCREMENT | flag::NOT_NULL,
            ColumnOption::AutoRandom { shard_bits, range_bits } => {
                auto_random = Some((*shard_bits, *range_bits))
            }
            ColumnOption::Primary { clustered, global } => {
                if !info.field_type.has(flag::PRI_KEY) {
                    info.field_type.flag |= flag::PRI_KEY | flag::NOT_NULL;
                    built.push(column_index(definition, IndexKind::Primary, *clustered, *global));
                }
            }
            ColumnOption::Unique { global } => {
                if !info.field_type.has(flag::UNIQUE_KEY) {
                    info.field_type.flag |= flag::UNIQUE_KEY;
                    built.push(column_index(definition, IndexKind::Unique, None, *global));
                }
            }
            ColumnOption::Default(value) => {
                let default = default_from_literal(&info, value, options, blame)?;
                has_default = default != ColumnDefault::Ignored;
                default.store(&mut info);
            }
            ColumnOption::OnUpdateNow => {
                if !matches!(info.field_type.tp, tp::TIMESTAMP | tp::DATETIME) {
                    return Err(blame.invalid(format!(
                        "column `{}`: ON UPDATE needs a DATETIME or TIMESTAMP",
                        name.original
                    )));
                }
                info.field_type.flag |= flag::ON_UPDATE_NOW;
            }
            ColumnOption::Comment(comment) => info.comment.clone_from(comment),
            ColumnOption::Generated { expression, stored } => {
                generate(&mut info, expression, *stored, blame)?;
            }
            ColumnOption::Collate(_) => {}
        }
    }
    finish_flags(&mut info, has_default, blame)?;
    Ok(BuiltColumn { info, indexes: built, auto_random })
}

fn column_index(
    definition: &ColumnDefinition,
    kind: IndexKind,
    clustered: Option<bool>,
    global: bool,
) -> IndexDefinition {
    IndexDefinition {
        kind,
        name: None,
        parts: vec![IndexPart::Column { name: definition.name.clone(), length: None }],
        options: IndexOptions { clustered, global, ..IndexOptions::default() },
    }
}

fn generate(info: &mut ColumnInfo, text: &str, stored: bool, blame: Blame<'_>) -> Result<(), SchemaError> {
    let expression = Expr::parse(text)
        .map_err(|error| blame.invalid(format!("generated column `{}`: {error}", info.name.original)))?;
    info.generated_expr_string = expression.to_tidb_text();
    info.generated_stored = stored;
    info.dependences = Some(dependences(&expression));
    Ok(())
}

/// The columns that an expression reads, as `dependences` has them.
pub(super) fn dependences(expression: &Expr) -> Map<String, Value> {
    let mut columns = expression.columns();
    columns.sort_unstable();
    columns.into_iter().map(|column| (column, Value::Object(Map::new()))).collect()
}

/// The type with character set, collation, length and scale filled in.
fn complete_type(
    definition: &ColumnDefinition,
    table_charset: (&str, &str),
    options: &DdlOptions,
    blame: Blame<'_>,
) -> Result<FieldType, SchemaError> {
    let mut field_type = definition.field_type.clone();
    let collate = definition.options.iter().rev().find_map(|option| match option {
        ColumnOption::Collate(collate) => Some(collate.as_str()),
        _ => None,
    });
    if needs_charset(&field_type) {
        let bytes_only = field_type.collate == "binary";
        if !bytes_only {
            let charset = Some(field_type.charset.as_str()).filter(|charset| !charset.is_empty());
            let (charset, mut collation) = resolve_charset(charset, collate, table_charset, blame)?;
            let named = !field_type.charset.is_empty() && collate.is_some();
            // The BINARY attribute means the character set's default collation, unless both are named.
            if field_type.has(flag::BINARY)
                && !named
                && let Some(known) = Charset::by_name(&charset)
            {
                known.default_collation().name().clone_into(&mut collation);
            }
            field_type.charset = charset;
            field_type.collate = collation;
        }
    } else {
        field_type.charset = "binary".into();
        field_type.collate = "binary".into();
    }
    let (default_flen, default_decimal) = default_length(field_type.tp);
    if field_type.decimal < 0 {
        field_type.decimal = default_decimal;
    }
    if field_type.flen < 0 {
        field_type.flen = default_flen;
        // No room for a sign; BIGINT has the same width either way.
        if field_type.is_unsigned() && field_type.is_integer() && field_type.tp != tp::LONGLONG {
            field_type.flen -= 1;
        }
    } else if field_type.tp == tp::BLOB {
        fit_blob(&mut field_type);
    }
    check_varchar(&mut field_type, &definition.name.original, options, blame)?;
    Ok(field_type)
}

fn max_char_bytes(field_type: &FieldType) -> i64 {
    Charset::by_name(&field_type.charset).map_or(4, |charset| charset.max_char_bytes() as i64)
}

/// `TEXT(n)` and `BLOB(n)` become the smallest type that holds n characters.
fn fit_blob(field_type: &mut FieldType) {
    let bytes = field_type.flen.saturating_mul(max_char_bytes(field_type));
    for (code, limit) in [
        (tp::TINY_BLOB, 255),
        (tp::BLOB, 65_535),
        (tp::MEDIUM_BLOB, 16_777_215),
        (tp::LONG_BLOB, 4_294_967_295),
    ] {
        if bytes <= limit || code == tp::LONG_BLOB {
            field_type.tp = code;
            field_type.flen = limit;
            return;
        }
    }
}

/// A VARCHAR longer than a row becomes TEXT when the SQL mode is not strict.
fn check_varchar(
    field_type: &mut FieldType,
    column: &str,
    options: &DdlOptions,
    blame: Blame<'_>,
) -> Result<(), SchemaError> {
    let limit = 65_535 / max_char_bytes(field_type).max(1);
    if field_type.tp != tp::VARCHAR || field_type.flen <= limit {
        return Ok(());
    }
    if options.is_strict() {
        return Err(blame.invalid(format!("column `{column}` has up to {limit} characters; use TEXT")));
    }
    field_type.tp = tp::BLOB;
    fit_blob(field_type);
    Ok(())
}

/// Flags that follow from type, nullability and default (`processDefaultValue`, `processColumnFlags`).
pub(crate) fn finish_flags(
    info: &mut ColumnInfo,
    has_default: bool,
    blame: Blame<'_>,
) -> Result<(), SchemaError> {
    let field_type = &mut info.field_type;
    if field_type.tp == tp::YEAR && !has_default && field_type.has(flag::NOT_NULL) {
        info.default = Value::from("0000");
    }
    if !has_default && field_type.has(flag::NOT_NULL) && !field_type.has(flag::AUTO_INCREMENT) {
        field_type.flag |= flag::NO_DEFAULT_VALUE;
    }
    if has_default && info.default.is_null() && field_type.has(flag::NOT_NULL) {
        return Err(
            blame.invalid(format!("column `{}` is NOT NULL and has DEFAULT NULL", info.name.original))
        );
    }
    let is_string_kind = needs_charset(field_type)
        || matches!(
            field_type.tp,
            tp::DATE | tp::DATETIME | tp::TIMESTAMP | tp::DURATION | tp::JSON | tp::VECTOR
        );
    if is_string_kind {
        if field_type.charset == "binary" {
            field_type.flag |= flag::BINARY;
        } else {
            field_type.flag &= !flag::BINARY;
        }
    }
    match field_type.tp {
        tp::BIT => {
            field_type.flag &= !flag::BINARY;
            field_type.flag |= flag::UNSIGNED;
        }
        tp::YEAR => {
            field_type.flag &= !flag::BINARY;
            field_type.flag |= flag::ZEROFILL;
        }
        _ => {}
    }
    if field_type.has(flag::ZEROFILL) {
        field_type.flag |= flag::UNSIGNED;
    }
    Ok(())
}
