//! The session that a conversion happens in: SQL mode, time zone, the fixed "now".

use std::fmt;

use crate::TypeError;

/// The bits of MySQL's `sql_mode` that change how values are read, with TiDB's bit numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct SqlMode(pub u64);

/// Every mode's name and bit, in the order of the bits.
const MODES: [(&str, SqlMode); 33] = [
    ("REAL_AS_FLOAT", SqlMode::REAL_AS_FLOAT),
    ("PIPES_AS_CONCAT", SqlMode::PIPES_AS_CONCAT),
    ("ANSI_QUOTES", SqlMode::ANSI_QUOTES),
    ("IGNORE_SPACE", SqlMode::IGNORE_SPACE),
    ("NOT_USED", SqlMode(1 << 4)),
    ("ONLY_FULL_GROUP_BY", SqlMode::ONLY_FULL_GROUP_BY),
    ("NO_UNSIGNED_SUBTRACTION", SqlMode::NO_UNSIGNED_SUBTRACTION),
    ("NO_DIR_IN_CREATE", SqlMode(1 << 7)),
    ("POSTGRESQL", SqlMode(1 << 8)),
    ("ORACLE", SqlMode(1 << 9)),
    ("MSSQL", SqlMode(1 << 10)),
    ("DB2", SqlMode(1 << 11)),
    ("MAXDB", SqlMode(1 << 12)),
    ("NO_KEY_OPTIONS", SqlMode(1 << 13)),
    ("NO_TABLE_OPTIONS", SqlMode(1 << 14)),
    ("NO_FIELD_OPTIONS", SqlMode(1 << 15)),
    ("MYSQL323", SqlMode(1 << 16)),
    ("MYSQL40", SqlMode(1 << 17)),
    ("ANSI", SqlMode(1 << 18)),
    ("NO_AUTO_VALUE_ON_ZERO", SqlMode::NO_AUTO_VALUE_ON_ZERO),
    ("NO_BACKSLASH_ESCAPES", SqlMode::NO_BACKSLASH_ESCAPES),
    ("STRICT_TRANS_TABLES", SqlMode::STRICT_TRANS_TABLES),
    ("STRICT_ALL_TABLES", SqlMode::STRICT_ALL_TABLES),
    ("NO_ZERO_IN_DATE", SqlMode::NO_ZERO_IN_DATE),
    ("NO_ZERO_DATE", SqlMode::NO_ZERO_DATE),
    ("INVALID_DATES", SqlMode(1 << 25)),
    ("ERROR_FOR_DIVISION_BY_ZERO", SqlMode::ERROR_FOR_DIVISION_BY_ZERO),
    ("TRADITIONAL", SqlMode(1 << 27)),
    ("NO_AUTO_CREATE_USER", SqlMode(1 << 28)),
    ("HIGH_NOT_PRECEDENCE", SqlMode::HIGH_NOT_PRECEDENCE),
    ("NO_ENGINE_SUBSTITUTION", SqlMode(1 << 30)),
    ("PAD_CHAR_TO_FULL_LENGTH", SqlMode::PAD_CHAR_TO_FULL_LENGTH),
    ("ALLOW_INVALID_DATES", SqlMode::ALLOW_INVALID_DATES),
];

#[allow(missing_docs)] // the modes are MySQL's, by MySQL's names
impl SqlMode {
    pub const REAL_AS_FLOAT: SqlMode = SqlMode(1);
    pub const PIPES_AS_CONCAT: SqlMode = SqlMode(1 << 1);
    pub const ANSI_QUOTES: SqlMode = SqlMode(1 << 2);
    pub const IGNORE_SPACE: SqlMode = SqlMode(1 << 3);
    pub const ONLY_FULL_GROUP_BY: SqlMode = SqlMode(1 << 5);
    pub const NO_UNSIGNED_SUBTRACTION: SqlMode = SqlMode(1 << 6);
    pub const NO_AUTO_VALUE_ON_ZERO: SqlMode = SqlMode(1 << 19);
    pub const NO_BACKSLASH_ESCAPES: SqlMode = SqlMode(1 << 20);
    pub const STRICT_TRANS_TABLES: SqlMode = SqlMode(1 << 21);
    pub const STRICT_ALL_TABLES: SqlMode = SqlMode(1 << 22);
    pub const NO_ZERO_IN_DATE: SqlMode = SqlMode(1 << 23);
    pub const NO_ZERO_DATE: SqlMode = SqlMode(1 << 24);
    pub const ERROR_FOR_DIVISION_BY_ZERO: SqlMode = SqlMode(1 << 26);
    pub const HIGH_NOT_PRECEDENCE: SqlMode = SqlMode(1 << 29);
    pub const PAD_CHAR_TO_FULL_LENGTH: SqlMode = SqlMode(1 << 31);
    pub const ALLOW_INVALID_DATES: SqlMode = SqlMode(1 << 32);
    pub const TIME_TRUNCATE_FRACTIONAL: SqlMode = SqlMode(1 << 33);
}

impl SqlMode {
    /// What Lightning imports with when nothing is configured,
    /// `ONLY_FULL_GROUP_BY,NO_AUTO_CREATE_USER`: not strict.
    pub const LIGHTNING_DEFAULT: SqlMode = SqlMode(1 << 5 | 1 << 28);

    /// Reads a comma-separated list of mode names, in any case; empty parts count for nothing.
    ///
    /// As in Lightning, a combination such as `TRADITIONAL` is its own bit and does not stand for
    /// the modes it is made of in a server.
    pub fn parse(text: &str) -> Result<Self, TypeError> {
        let mut bits = 0;
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let known = MODES.iter().chain(&[("TIME_TRUNCATE_FRACTIONAL", Self::TIME_TRUNCATE_FRACTIONAL)]);
            let Some((_, mode)) = known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name))
            else {
                return Err(TypeError::new(
                    crate::code::WRONG_VALUE_FOR_VARIABLE,
                    format!("Variable 'sql_mode' can't be set to the value of '{name}'"),
                ));
            };
            bits |= mode.0;
        }
        Ok(Self(bits))
    }

    /// Whether all of these modes are on.
    pub fn has(self, modes: SqlMode) -> bool {
        self.0 & modes.0 == modes.0
    }

    /// A strict mode is on: a value that does not fit is an error instead of being made to fit.
    pub fn strict(self) -> bool {
        self.0 & (Self::STRICT_TRANS_TABLES.0 | Self::STRICT_ALL_TABLES.0) != 0
    }

    /// `NO_ZERO_DATE`: `0000-00-00` is an error in strict mode.
    pub fn no_zero_date(self) -> bool {
        self.has(Self::NO_ZERO_DATE)
    }

    /// `NO_ZERO_IN_DATE`: zero months and days are not stored.
    pub fn no_zero_in_date(self) -> bool {
        self.has(Self::NO_ZERO_IN_DATE)
    }

    /// `ALLOW_INVALID_DATES`: days up to 31 in every month.
    pub fn allow_invalid_dates(self) -> bool {
        self.has(Self::ALLOW_INVALID_DATES)
    }

    /// `ERROR_FOR_DIVISION_BY_ZERO`: an error in strict mode, else NULL as always.
    pub fn error_for_division_by_zero(self) -> bool {
        self.has(Self::ERROR_FOR_DIVISION_BY_ZERO)
    }

    /// `PAD_CHAR_TO_FULL_LENGTH`: CHAR values keep their padding when read.
    pub fn pad_char_to_full_length(self) -> bool {
        self.has(Self::PAD_CHAR_TO_FULL_LENGTH)
    }

    /// `NO_BACKSLASH_ESCAPES`: a backslash in a literal is a backslash.
    pub fn no_backslash_escapes(self) -> bool {
        self.has(Self::NO_BACKSLASH_ESCAPES)
    }

    /// `NO_AUTO_VALUE_ON_ZERO`: 0 in an AUTO_INCREMENT column is stored.
    pub fn no_auto_value_on_zero(self) -> bool {
        self.has(Self::NO_AUTO_VALUE_ON_ZERO)
    }

    /// `ANSI_QUOTES`: double quotes enclose names.
    pub fn ansi_quotes(self) -> bool {
        self.has(Self::ANSI_QUOTES)
    }

    /// `HIGH_NOT_PRECEDENCE`: NOT binds like `!`.
    pub fn high_not_precedence(self) -> bool {
        self.has(Self::HIGH_NOT_PRECEDENCE)
    }

    /// `PIPES_AS_CONCAT`: `||` joins strings.
    pub fn pipes_as_concat(self) -> bool {
        self.has(Self::PIPES_AS_CONCAT)
    }

    /// `NO_UNSIGNED_SUBTRACTION`: a difference of unsigned numbers is signed.
    pub fn no_unsigned_subtraction(self) -> bool {
        self.has(Self::NO_UNSIGNED_SUBTRACTION)
    }

    /// `REAL_AS_FLOAT`: REAL is FLOAT.
    pub fn real_as_float(self) -> bool {
        self.has(Self::REAL_AS_FLOAT)
    }

    /// `IGNORE_SPACE`: a function's name may stand apart from its parenthesis.
    pub fn ignore_space(self) -> bool {
        self.has(Self::IGNORE_SPACE)
    }
}

impl fmt::Display for SqlMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = MODES.iter().chain(&[("TIME_TRUNCATE_FRACTIONAL", Self::TIME_TRUNCATE_FRACTIONAL)]);
        let mut separator = "";
        for (name, _) in known.into_iter().filter(|(_, mode)| self.has(*mode)) {
            write!(f, "{separator}{name}")?;
            separator = ",";
        }
        Ok(())
    }
}

/// The session of one job: equal for every run of the job, so that encoding is a pure function.
#[derive(Debug, Clone)]
pub struct Context {
    /// SQL mode.
    pub mode: SqlMode,
    /// Session time zone, in which TIMESTAMP text is read.
    pub zone: TimeZone,
    /// What `CURRENT_TIMESTAMP` and `NOW()` answer, in microseconds since 1970-01-01 00:00:00 UTC.
    pub now_micros: i64,
    /// What `RAND()` and `UUID()` are made of: the same number gives the same answers.
    pub random: u64,
    /// `div_precision_increment`.
    pub div_precision_increment: u32,
    /// `default_week_format`.
    pub default_week_format: u32,
    /// `block_encryption_mode`, for AES_ENCRYPT in expressions.
    pub block_encryption_mode: String,
    /// `max_allowed_packet`, in bytes.
    pub max_allowed_packet: u64,
}

impl Context {
    /// Evenly distributed bits of [`Context::random`], another 64 for every `part` (SplitMix64).
    pub fn random_bits(&self, part: u64) -> u64 {
        let mut bits = self.random.wrapping_add((part + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    /// A session with TiDB's defaults for everything else.
    pub fn new(mode: SqlMode, zone: TimeZone, now_micros: i64) -> Self {
        Self {
            mode,
            zone,
            now_micros,
            random: 0,
            div_precision_increment: 4,
            default_week_format: 0,
            block_encryption_mode: "aes-128-ecb".into(),
            max_allowed_packet: 64 << 20,
        }
    }

    /// Whether a value that does not fit is made to fit instead of being an error.
    #[inline]
    pub fn lax(&self) -> bool {
        !self.mode.strict()
    }
}

impl Default for Context {
    /// Lightning's default SQL mode, in UTC, at 1970.
    fn default() -> Self {
        Self::new(SqlMode::LIGHTNING_DEFAULT, TimeZone::UTC, 0)
    }
}

/// A session time zone.
#[derive(Clone)]
pub enum TimeZone {
    /// A fixed offset, seconds east of UTC.
    Fixed(i32),
    /// A named zone of the IANA database.
    Named(jiff::tz::TimeZone),
}

impl TimeZone {
    /// UTC.
    pub const UTC: TimeZone = TimeZone::Fixed(0);

    /// Reads a `time_zone` as TiDB takes it: a name of the IANA database, an offset from `-12:59` to
    /// `+14:00`, or `SYSTEM` (or nothing), which is UTC: a job must not depend on where it runs.
    pub fn parse(text: &str) -> Result<Self, TypeError> {
        if text.is_empty() || ["SYSTEM", "UTC"].iter().any(|utc| utc.eq_ignore_ascii_case(text)) {
            return Ok(Self::UTC);
        }
        if let Some(seconds) = parse_offset(text) {
            return Ok(Self::Fixed(seconds));
        }
        jiff::tz::TimeZone::get(text).map(Self::Named).map_err(|_| {
            TypeError::new(
                crate::code::UNKNOWN_TIME_ZONE,
                format!("Unknown or incorrect time zone: '{text}'"),
            )
        })
    }

    /// Seconds east of UTC at an instant, in seconds since 1970.
    pub fn offset_at(&self, unix_seconds: i64) -> i32 {
        match self {
            TimeZone::Fixed(seconds) => *seconds,
            TimeZone::Named(zone) => {
                let nearest = if unix_seconds < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
                zone.to_offset(jiff::Timestamp::from_second(unix_seconds).unwrap_or(nearest)).seconds()
            }
        }
    }
}

/// `+HH:MM`, `-H:MM` in seconds, within MySQL's limits.
fn parse_offset(text: &str) -> Option<i32> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |part: &str| {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<i32>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let seconds = hours * 3600 + minutes * 60;
    let limit = if sign > 0 { 14 * 3600 } else { 12 * 3600 + 59 * 60 };
    (minutes < 60 && seconds <= limit).then_some(sign * seconds)
}

impl PartialEq for TimeZone {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (TimeZone::Fixed(left), TimeZone::Fixed(right)) => left == right,
            (TimeZone::Named(left), TimeZone::Named(right)) => left == right,
            _ => false,
        }
    }
}

impl fmt::Debug for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimeZone::Fixed(seconds) => write!(f, "Fixed({seconds})"),
            TimeZone::Named(zone) => write!(f, "Named({:?})", zone.iana_name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_have_the_bits_of_tidb() {
        let bits = |text: &str| SqlMode::parse(text).map(|mode| mode.0);
        assert_eq!(bits("ONLY_FULL_GROUP_BY,NO_AUTO_CREATE_USER"), Ok(0x1000_0020));
        assert_eq!(SqlMode::LIGHTNING_DEFAULT.0, 0x1000_0020);
        let strict = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,\
                      ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION";
        assert_eq!(bits(strict), Ok(0x55a0_0020));
        assert_eq!(SqlMode(0x55a0_0020).to_string(), strict);
        assert!(SqlMode(0x55a0_0020).strict() && !SqlMode::LIGHTNING_DEFAULT.strict());
        assert_eq!(bits(" allow_invalid_dates ,"), Ok(1 << 32));
        assert!(bits("STRICT").is_err());
        for (position, (_, mode)) in MODES.iter().enumerate() {
            assert_eq!(mode.0, 1 << position);
        }
    }

    #[test]
    fn zones_are_names_or_offsets() {
        assert_eq!(TimeZone::parse("+05:30"), Ok(TimeZone::Fixed(19_800)));
        assert_eq!(TimeZone::parse("-3:30"), Ok(TimeZone::Fixed(-12_600)));
        assert_eq!(TimeZone::parse("SYSTEM"), Ok(TimeZone::UTC));
        for wrong in ["+14:01", "-13:00", "+1:60", "+x:00", "Nowhere/Land", "+0800"] {
            assert!(TimeZone::parse(wrong).is_err(), "{wrong}");
        }
        let shanghai = TimeZone::parse("Asia/Shanghai").unwrap();
        assert_eq!(shanghai.offset_at(1_700_000_000), 28_800);
        assert_eq!(TimeZone::parse("America/New_York").unwrap().offset_at(1_700_000_000), -18_000);
    }
}
