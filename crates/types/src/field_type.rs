//! A column's type as TiDB's `TableInfo` JSON has it.

use serde::{Deserialize, Serialize};

/// MySQL protocol type codes (`FieldType.Tp`).
pub mod tp {
    #![allow(missing_docs)]
    pub const TINY: u8 = 1;
    pub const SHORT: u8 = 2;
    pub const LONG: u8 = 3;
    pub const FLOAT: u8 = 4;
    pub const DOUBLE: u8 = 5;
    pub const NULL: u8 = 6;
    pub const TIMESTAMP: u8 = 7;
    pub const LONGLONG: u8 = 8;
    pub const INT24: u8 = 9;
    pub const DATE: u8 = 10;
    pub const DURATION: u8 = 11;
    pub const DATETIME: u8 = 12;
    pub const YEAR: u8 = 13;
    pub const NEW_DATE: u8 = 14;
    pub const VARCHAR: u8 = 15;
    pub const BIT: u8 = 16;
    pub const VECTOR: u8 = 225;
    pub const JSON: u8 = 245;
    pub const NEW_DECIMAL: u8 = 246;
    pub const ENUM: u8 = 247;
    pub const SET: u8 = 248;
    pub const TINY_BLOB: u8 = 249;
    pub const MEDIUM_BLOB: u8 = 250;
    pub const LONG_BLOB: u8 = 251;
    pub const BLOB: u8 = 252;
    pub const VAR_STRING: u8 = 253;
    pub const STRING: u8 = 254;
    pub const GEOMETRY: u8 = 255;
}

/// MySQL column flags (`FieldType.Flag`).
pub mod flag {
    #![allow(missing_docs)]
    pub const NOT_NULL: u32 = 1;
    pub const PRI_KEY: u32 = 2;
    pub const UNIQUE_KEY: u32 = 4;
    pub const MULTIPLE_KEY: u32 = 8;
    pub const BLOB: u32 = 16;
    pub const UNSIGNED: u32 = 32;
    pub const ZEROFILL: u32 = 64;
    pub const BINARY: u32 = 128;
    pub const ENUM: u32 = 256;
    pub const AUTO_INCREMENT: u32 = 512;
    pub const TIMESTAMP: u32 = 1024;
    pub const SET: u32 = 2048;
    pub const NO_DEFAULT_VALUE: u32 = 4096;
    pub const ON_UPDATE_NOW: u32 = 8192;
    pub const PART_KEY: u32 = 16384;
    pub const PARSE_TO_JSON: u32 = 1 << 18;
    pub const IS_BOOLEAN: u32 = 1 << 19;
    pub const PREVENT_NULL_INSERT: u32 = 1 << 20;
    pub const GENERATED_COLUMN: u32 = 1 << 23;
}

/// A column type, field for field what `FieldType` is in `TableInfo` JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldType {
    /// Type code, see [`tp`].
    #[serde(rename = "Tp")]
    pub tp: u8,
    /// Flags, see [`flag`].
    #[serde(rename = "Flag")]
    pub flag: u32,
    /// Length in characters (strings), bytes (binary), digits (numbers) or bits; -1 unspecified.
    #[serde(rename = "Flen")]
    pub flen: i64,
    /// Digits after the point, or fractional-second digits; -1 unspecified.
    #[serde(rename = "Decimal")]
    pub decimal: i64,
    /// Character set; `binary` for everything that is not text.
    #[serde(rename = "Charset")]
    pub charset: String,
    /// Collation; `binary` for everything that is not text.
    #[serde(rename = "Collate")]
    pub collate: String,
    /// Members of ENUM and SET, in order.
    #[serde(rename = "Elems", default, deserialize_with = "null_is_empty", serialize_with = "empty_is_null")]
    pub elems: Vec<String>,
    /// Which members were written as binary literals.
    #[serde(rename = "ElemsIsBinaryLit", default)]
    pub elems_is_binary_lit: Option<Vec<bool>>,
    /// Whether the type is the element type of a multi-valued index (`CAST(… AS … ARRAY)`).
    #[serde(rename = "Array", default)]
    pub array: bool,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default())
}

fn empty_is_null<S: serde::Serializer>(elems: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    if elems.is_empty() { serializer.serialize_none() } else { elems.serialize(serializer) }
}

/// The name of a type code as TiDB's messages have it.
pub(crate) fn type_name(type_code: u8) -> &'static str {
    match type_code {
        tp::TINY => "tinyint",
        tp::SHORT => "smallint",
        tp::INT24 => "mediumint",
        tp::LONG => "int",
        tp::LONGLONG => "bigint",
        tp::FLOAT => "float",
        tp::DOUBLE => "double",
        tp::NULL => "null",
        tp::TIMESTAMP => "timestamp",
        tp::DATE => "date",
        tp::DURATION => "time",
        tp::DATETIME => "datetime",
        tp::YEAR => "year",
        tp::VARCHAR => "varchar",
        tp::BIT => "bit",
        tp::VECTOR => "vector",
        tp::JSON => "json",
        tp::NEW_DECIMAL => "decimal",
        tp::ENUM => "enum",
        tp::SET => "set",
        tp::TINY_BLOB => "tinytext",
        tp::MEDIUM_BLOB => "mediumtext",
        tp::LONG_BLOB => "longtext",
        tp::BLOB => "text",
        tp::VAR_STRING => "var_string",
        tp::STRING => "char",
        tp::GEOMETRY => "geometry",
        _ => "unspecified",
    }
}

impl FieldType {
    /// A type of this code with nothing specified, binary collation.
    pub fn new(tp: u8) -> Self {
        Self {
            tp,
            flag: 0,
            flen: -1,
            decimal: -1,
            charset: "binary".into(),
            collate: "binary".into(),
            elems: Vec::new(),
            elems_is_binary_lit: None,
            array: false,
        }
    }

    /// Whether all of these flags are set.
    pub fn has(&self, flags: u32) -> bool {
        self.flag & flags == flags
    }

    /// Whether the column is UNSIGNED.
    pub fn is_unsigned(&self) -> bool {
        self.has(flag::UNSIGNED)
    }

    /// CHAR, VARCHAR, TEXT, BINARY, VARBINARY, BLOB and their sizes.
    pub fn is_string(&self) -> bool {
        matches!(
            self.tp,
            tp::VARCHAR
                | tp::VAR_STRING
                | tp::STRING
                | tp::TINY_BLOB
                | tp::MEDIUM_BLOB
                | tp::LONG_BLOB
                | tp::BLOB
        )
    }

    /// A string type whose bytes have no character set (BINARY, VARBINARY, BLOB).
    pub fn is_binary_string(&self) -> bool {
        self.is_string() && self.collate == "binary"
    }

    /// TINYINT to BIGINT (YEAR is not one).
    pub fn is_integer(&self) -> bool {
        matches!(self.tp, tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONGLONG)
    }

    /// The type with its length, as TiDB's messages have it: `decimal(5,2)`, `varchar(3)`,
    /// `enum('a','b')`. A length that is not specified is shown as the type's default.
    pub fn compact_name(&self) -> String {
        let name = match (type_name(self.tp), self.charset == "binary") {
            ("text", true) => "blob",
            ("tinytext", true) => "tinyblob",
            ("mediumtext", true) => "mediumblob",
            ("longtext", true) => "longblob",
            ("char", true) => "binary",
            ("varchar", true) => "varbinary",
            (name, _) => name,
        };
        let (default_flen, default_decimal) = self.default_length();
        let flen = if self.flen < 0 { default_flen } else { self.flen };
        let decimal = if self.decimal < 0 { default_decimal } else { self.decimal };
        let has_decimal = self.decimal > 0 && self.decimal != default_decimal;
        match self.tp {
            tp::ENUM | tp::SET => {
                let members: Vec<String> = self.elems.iter().map(|elem| elem.replace('\'', "''")).collect();
                format!("{name}('{}')", members.join("','"))
            }
            tp::TIMESTAMP | tp::DATETIME | tp::DURATION if has_decimal => format!("{name}({decimal})"),
            tp::FLOAT | tp::DOUBLE if has_decimal => format!("{name}({flen},{decimal})"),
            tp::NEW_DECIMAL => format!("{name}({flen},{decimal})"),
            tp::TINY | tp::SHORT | tp::INT24 | tp::LONG | tp::LONGLONG | tp::BIT | tp::YEAR => {
                format!("{name}({flen})")
            }
            tp::VARCHAR | tp::STRING | tp::VAR_STRING => format!("{name}({flen})"),
            tp::VECTOR if self.flen >= 0 => format!("{name}({flen})"),
            _ => name.to_owned(),
        }
    }

    /// Length and digits after the point that the type has when they are not specified.
    fn default_length(&self) -> (i64, i64) {
        match self.tp {
            tp::TINY => (4, 0),
            tp::SHORT => (6, 0),
            tp::INT24 => (9, 0),
            tp::LONG => (11, 0),
            tp::LONGLONG => (20, 0),
            tp::DOUBLE => (22, -1),
            tp::FLOAT => (12, -1),
            tp::NEW_DECIMAL => (10, 0),
            tp::DURATION => (10, 0),
            tp::DATE => (10, 0),
            tp::TIMESTAMP | tp::DATETIME => (19, 0),
            tp::YEAR => (4, 0),
            tp::BIT => (1, 0),
            tp::STRING => (1, 0),
            _ => (-1, -1),
        }
    }
}
