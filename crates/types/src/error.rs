//! Errors of value conversion, with TiDB's (MySQL's) error numbers.

/// MySQL and TiDB error numbers used by conversions.
pub mod code {
    /// `ER_AUTOINC_READ_FAILED`: no automatic id is left.
    pub const AUTO_ID_EXHAUSTED: u16 = 1467;
    /// `ER_BAD_NULL_ERROR`: a NOT NULL column got NULL.
    pub const BAD_NULL: u16 = 1048;
    /// `ER_WRONG_VALUE_FOR_VAR`: a system variable cannot have this value.
    pub const WRONG_VALUE_FOR_VARIABLE: u16 = 1231;
    /// `ER_WARN_DATA_OUT_OF_RANGE`.
    pub const OUT_OF_RANGE: u16 = 1264;
    /// `WARN_DATA_TRUNCATED`.
    pub const DATA_TRUNCATED: u16 = 1265;
    /// `ER_UNKNOWN_TIME_ZONE`.
    pub const UNKNOWN_TIME_ZONE: u16 = 1298;
    /// `ER_TRUNCATED_WRONG_VALUE`.
    pub const TRUNCATED_WRONG_VALUE: u16 = 1292;
    /// `ER_NO_DEFAULT_FOR_FIELD`.
    pub const NO_DEFAULT: u16 = 1364;
    /// `ER_DIVISION_BY_ZERO`.
    pub const DIVISION_BY_ZERO: u16 = 1365;
    /// `ER_TRUNCATED_WRONG_VALUE_FOR_FIELD` (also "Incorrect string value").
    pub const WRONG_VALUE_FOR_FIELD: u16 = 1366;
    /// `ER_WRONG_VALUE_FOR_TYPE`: a value has no meaning in this type.
    pub const WRONG_VALUE_FOR_TYPE: u16 = 1411;
    /// `ER_DATA_TOO_LONG`.
    pub const DATA_TOO_LONG: u16 = 1406;
    /// `ER_DATETIME_FUNCTION_OVERFLOW`.
    pub const DATETIME_OVERFLOW: u16 = 1441;
    /// `ER_NO_PARTITION_FOR_GIVEN_VALUE`.
    pub const NO_PARTITION: u16 = 1526;
    /// `ER_DATA_OUT_OF_RANGE`: a constant overflows its type.
    pub const CONSTANT_OVERFLOW: u16 = 1690;
    /// `ER_INVALID_JSON_TEXT`.
    pub const INVALID_JSON: u16 = 3140;
    /// `ER_INVALID_JSON_CHARSET`: JSON cannot be made of binary data.
    pub const INVALID_JSON_CHARSET: u16 = 3144;
    /// TiDB's `ErrBadNumber`: an exponent beyond reason.
    pub const BAD_NUMBER: u16 = 8029;
    /// TiDB's `ErrIncorrectDatetimeValue`.
    pub const INCORRECT_DATETIME: u16 = 8034;
    /// `ER_INVALID_JSON_VALUE_FOR_FUNC_INDEX`.
    pub const INVALID_JSON_FOR_INDEX: u16 = 3903;
}

/// A value that cannot be converted: TiDB's error number (0 where TiDB itself gives none) and what
/// is wrong, without a place; the caller adds column, row and source position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (error {code})")]
pub struct TypeError {
    /// MySQL error number, see [`code`]; 0 if TiDB reports none.
    pub code: u16,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
}

impl TypeError {
    /// Whether the error only says that something was lost, so that a session without a strict mode
    /// goes on with what is left (TiDB's `HandleTruncate`).
    pub fn is_truncation(&self) -> bool {
        matches!(
            self.code,
            code::OUT_OF_RANGE
                | code::DATA_TRUNCATED
                | code::TRUNCATED_WRONG_VALUE
                | code::WRONG_VALUE_FOR_FIELD
                | code::DATA_TOO_LONG
                | code::WRONG_VALUE_FOR_TYPE
                | code::DATETIME_OVERFLOW
                | code::CONSTANT_OVERFLOW
                | code::BAD_NUMBER
                | code::INCORRECT_DATETIME
        )
    }

    /// A new error of this number.
    pub fn new(code: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
