//! Column types: every name and synonym, to TiDB's type code, length and flags.

use th_types::{FieldType, flag, tp};

use super::cursor::Cursor;
use crate::SchemaError;

/// What a column's type says beyond the [`FieldType`].
pub(crate) struct ParsedType {
    /// Empty character set and collation: not given.
    pub(crate) field_type: FieldType,
    /// `SERIAL`: NOT NULL AUTO_INCREMENT UNIQUE.
    pub(crate) serial: bool,
}

/// A type without a character set.
fn bare(code: u8) -> FieldType {
    FieldType { charset: String::new(), collate: String::new(), ..FieldType::new(code) }
}

/// A type of bytes, whose character set is `binary` whatever the table's.
fn binary(code: u8) -> FieldType {
    FieldType { flag: flag::BINARY, ..FieldType::new(code) }
}

/// Reads a column type.
pub(crate) fn parse_type(cursor: &mut Cursor<'_>) -> Result<ParsedType, SchemaError> {
    let mut serial = false;
    let name = cursor.identifier()?.to_ascii_lowercase();
    let field_type = match name.as_str() {
        "tinyint" | "int1" => integer(cursor, tp::TINY)?,
        "smallint" | "int2" => integer(cursor, tp::SHORT)?,
        "mediumint" | "int3" | "middleint" => integer(cursor, tp::INT24)?,
        "int" | "integer" | "int4" => integer(cursor, tp::LONG)?,
        "bigint" | "int8" => integer(cursor, tp::LONGLONG)?,
        "bool" | "boolean" => FieldType { flen: 1, ..bare(tp::TINY) },
        "serial" => {
            serial = true;
            FieldType { flag: flag::UNSIGNED, ..bare(tp::LONGLONG) }
        }
        "float" | "float4" => float(cursor, tp::FLOAT)?,
        "double" | "float8" => {
            cursor.accept(&["precision"]);
            float(cursor, tp::DOUBLE)?
        }
        "real" => float(cursor, tp::DOUBLE)?,
        "decimal" | "dec" | "numeric" | "fixed" => decimal(cursor)?,
        "bit" => {
            let bits = cursor.parenthesised_integer()?.unwrap_or(1);
            if !(1..=64).contains(&bits) {
                return Err(cursor.error("a BIT column has 1 to 64 bits"));
            }
            FieldType { flen: bits as i64, ..bare(tp::BIT) }
        }
        "date" => bare(tp::DATE),
        "datetime" => fractional(cursor, tp::DATETIME, 19)?,
        "timestamp" => fractional(cursor, tp::TIMESTAMP, 19)?,
        "time" => fractional(cursor, tp::DURATION, 10)?,
        "year" => {
            if !matches!(cursor.parenthesised_integer()?, None | Some(4)) {
                return Err(cursor.error("a YEAR column has 4 digits"));
            }
            numeric_attributes(cursor, FieldType { flen: 4, ..bare(tp::YEAR) })
        }
        "char" | "character" | "nchar" => {
            let varying = cursor.accept(&["varying"]);
            character(cursor, varying)?
        }
        "national" => {
            let varying = match cursor.accept_any(&["char", "character", "varchar", "varcharacter"]) {
                Some("varchar" | "varcharacter") => true,
                Some(_) => cursor.accept(&["varying"]),
                None => return Err(cursor.error("expected CHAR or VARCHAR after NATIONAL")),
            };
            character(cursor, varying)?
        }
        "varchar" | "varcharacter" | "nvarchar" => character(cursor, true)?,
        "binary" => FieldType { flen: length(cursor)?.unwrap_or(1), ..binary(tp::STRING) },
        "varbinary" => {
            let flen = length(cursor)?.ok_or_else(|| cursor.error("a VARBINARY column needs a length"))?;
            FieldType { flen, ..binary(tp::VARCHAR) }
        }
        "tinyblob" => binary(tp::TINY_BLOB),
        "blob" => FieldType { flen: length(cursor)?.unwrap_or(-1), ..binary(tp::BLOB) },
        "mediumblob" => binary(tp::MEDIUM_BLOB),
        "longblob" => binary(tp::LONG_BLOB),
        "tinytext" => charset_attributes(cursor, bare(tp::TINY_BLOB))?,
        "text" => {
            let field_type = FieldType { flen: length(cursor)?.unwrap_or(-1), ..bare(tp::BLOB) };
            charset_attributes(cursor, field_type)?
        }
        "mediumtext" => charset_attributes(cursor, bare(tp::MEDIUM_BLOB))?,
        "longtext" => charset_attributes(cursor, bare(tp::LONG_BLOB))?,
        "long" => {
            if cursor.accept(&["varbinary"]) {
                binary(tp::MEDIUM_BLOB)
            } else {
                if cursor.accept_any(&["varchar", "varcharacter"]).is_none()
                    && cursor.accept_any(&["char", "character"]).is_some()
                {
                    cursor.expect(&["varying"])?;
                }
                charset_attributes(cursor, bare(tp::MEDIUM_BLOB))?
            }
        }
        "enum" => members(cursor, tp::ENUM)?,
        "set" => members(cursor, tp::SET)?,
        "json" => FieldType { decimal: 0, flag: flag::BINARY, ..FieldType::new(tp::JSON) },
        "vector" => vector(cursor)?,
        other => return Err(cursor.error(format!("unknown column type `{other}`"))),
    };
    Ok(ParsedType { field_type, serial })
}

fn length(cursor: &mut Cursor<'_>) -> Result<Option<i64>, SchemaError> {
    let length = cursor.parenthesised_integer()?;
    match length {
        Some(length) if length > u64::from(u32::MAX) => {
            Err(cursor.error("the column length is over 4294967295"))
        }
        other => Ok(other.map(|length| length as i64)),
    }
}

fn integer(cursor: &mut Cursor<'_>, code: u8) -> Result<FieldType, SchemaError> {
    let field_type = FieldType { flen: length(cursor)?.unwrap_or(-1), ..bare(code) };
    Ok(numeric_attributes(cursor, field_type))
}

/// `UNSIGNED`, `SIGNED` and `ZEROFILL` (which implies UNSIGNED), in any order.
fn numeric_attributes(cursor: &mut Cursor<'_>, mut field_type: FieldType) -> FieldType {
    while let Some(attribute) = cursor.accept_any(&["unsigned", "signed", "zerofill"]) {
        match attribute {
            "unsigned" => field_type.flag |= flag::UNSIGNED,
            "zerofill" => field_type.flag |= flag::UNSIGNED | flag::ZEROFILL,
            _ => {}
        }
    }
    field_type
}

/// `(M)` or `(M, D)`.
fn precision(cursor: &mut Cursor<'_>) -> Result<Option<(u64, Option<u64>)>, SchemaError> {
    if !cursor.accept_symbol('(') {
        return Ok(None);
    }
    let digits = cursor.integer()?;
    let scale = if cursor.accept_symbol(',') { Some(cursor.integer()?) } else { None };
    cursor.expect_symbol(')')?;
    if digits > 255 || scale.is_some_and(|scale| scale > 30) {
        return Err(cursor.error("the precision is over 255 or the scale over 30"));
    }
    Ok(Some((digits, scale)))
}

fn float(cursor: &mut Cursor<'_>, code: u8) -> Result<FieldType, SchemaError> {
    let mut field_type = bare(code);
    match precision(cursor)? {
        Some((digits, Some(scale))) => {
            if scale > digits {
                return Err(cursor.error("the scale is over the precision"));
            }
            field_type.flen = digits as i64;
            field_type.decimal = scale as i64;
        }
        // FLOAT(p) only chooses between the two sizes.
        Some((25..=53, None)) if code == tp::FLOAT => field_type.tp = tp::DOUBLE,
        Some((0..=24, None)) if code == tp::FLOAT => {}
        Some(_) => return Err(cursor.error("FLOAT(p) takes up to 53 bits, DOUBLE needs (M, D)")),
        None => {}
    }
    Ok(numeric_attributes(cursor, field_type))
}

fn decimal(cursor: &mut Cursor<'_>) -> Result<FieldType, SchemaError> {
    let mut field_type = bare(tp::NEW_DECIMAL);
    if let Some((digits, scale)) = precision(cursor)? {
        let scale = scale.unwrap_or(0);
        // MySQL: precision 0 means the default.
        let digits = if digits == 0 && scale == 0 { 10 } else { digits };
        if digits > 65 || scale > digits {
            return Err(cursor
                .error("a DECIMAL has up to 65 digits, 30 of them and not more than all after the point"));
        }
        field_type.flen = digits as i64;
        field_type.decimal = scale as i64;
    }
    Ok(numeric_attributes(cursor, field_type))
}

fn fractional(cursor: &mut Cursor<'_>, code: u8, width: i64) -> Result<FieldType, SchemaError> {
    let digits = cursor.parenthesised_integer()?.unwrap_or(0);
    if digits > 6 {
        return Err(cursor.error("a time has up to 6 fractional digits"));
    }
    let digits = digits as i64;
    let flen = if digits > 0 { width + 1 + digits } else { width };
    Ok(FieldType { flen, decimal: digits, ..bare(code) })
}

fn character(cursor: &mut Cursor<'_>, varying: bool) -> Result<FieldType, SchemaError> {
    let given = length(cursor)?;
    let flen = match given {
        None if varying => return Err(cursor.error("a VARCHAR column needs a length")),
        None => 1,
        Some(length) => length,
    };
    if !varying && flen > 255 {
        return Err(cursor.error("a CHAR column has up to 255 characters; use VARCHAR or TEXT"));
    }
    let field_type = FieldType { flen, ..bare(if varying { tp::VARCHAR } else { tp::STRING }) };
    if cursor.accept(&["byte"]) {
        return Ok(FieldType { flen, ..binary(field_type.tp) });
    }
    charset_attributes(cursor, field_type)
}

/// `CHARACTER SET x`, `BINARY`, `ASCII`, in any order. (`COLLATE` is a column option.)
fn charset_attributes(cursor: &mut Cursor<'_>, mut field_type: FieldType) -> Result<FieldType, SchemaError> {
    loop {
        if cursor.accept(&["binary"]) {
            field_type.flag |= flag::BINARY;
        } else if cursor.accept(&["ascii"]) {
            field_type.charset = "latin1".into();
        } else if cursor.accept(&["character", "set"])
            || cursor.accept(&["char", "set"])
            || cursor.accept(&["charset"])
        {
            cursor.accept_equals();
            field_type.charset = cursor.name_or_text()?.to_ascii_lowercase();
        } else {
            return Ok(field_type);
        }
    }
}

fn members(cursor: &mut Cursor<'_>, code: u8) -> Result<FieldType, SchemaError> {
    let mut field_type = bare(code);
    cursor.expect_symbol('(')?;
    loop {
        let member = match cursor.take_binary() {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => cursor.text()?,
        };
        // Trailing spaces of members do not count.
        field_type.elems.push(member.trim_end_matches(' ').to_owned());
        if !cursor.accept_symbol(',') {
            break;
        }
    }
    cursor.expect_symbol(')')?;
    let lengths = field_type.elems.iter().map(|member| member.len() as i64);
    field_type.flen = if code == tp::ENUM {
        lengths.max().unwrap_or(0)
    } else {
        if field_type.elems.len() > 64 {
            return Err(cursor.error("a SET column has up to 64 members"));
        }
        lengths.sum::<i64>() + field_type.elems.len() as i64 - 1
    };
    charset_attributes(cursor, field_type)
}

fn vector(cursor: &mut Cursor<'_>) -> Result<FieldType, SchemaError> {
    if cursor.accept_symbol('<') {
        cursor.expect(&["float"])?;
        cursor.expect_symbol('>')?;
    }
    let dimensions = cursor.parenthesised_integer()?;
    if dimensions.is_some_and(|dimensions| dimensions == 0 || dimensions > 16383) {
        return Err(cursor.error("a VECTOR column has 1 to 16383 dimensions"));
    }
    let flen = dimensions.map_or(-1, |dimensions| dimensions as i64);
    Ok(FieldType { flen, decimal: 0, flag: flag::BINARY, ..FieldType::new(tp::VECTOR) })
}

/// The length and scale of a type that names none (`mysql.GetDefaultFieldLengthAndDecimal`).
pub(crate) fn default_length(code: u8) -> (i64, i64) {
    match code {
        tp::BIT => (1, 0),
        tp::TINY => (4, 0),
        tp::SHORT => (6, 0),
        tp::INT24 => (9, 0),
        tp::LONG => (11, 0),
        tp::LONGLONG => (20, 0),
        tp::DOUBLE => (22, -1),
        tp::FLOAT => (12, -1),
        tp::NEW_DECIMAL | tp::DURATION | tp::DATE => (10, 0),
        tp::TIMESTAMP | tp::DATETIME => (19, 0),
        tp::YEAR => (4, 0),
        tp::STRING => (1, 0),
        tp::VARCHAR | tp::VAR_STRING => (5, 0),
        tp::TINY_BLOB => (255, 0),
        tp::BLOB => (65_535, 0),
        tp::MEDIUM_BLOB => (16_777_215, 0),
        tp::LONG_BLOB | tp::JSON => (4_294_967_295, 0),
        _ => (-1, 0),
    }
}
