//! The syntax tree: what TiDB's parser makes of an expression, no more and no less.
//!
//! The tree keeps parentheses and the spelling of names, because TiDB's restored text keeps them; it
//! drops what TiDB drops (the table part of a column, an introducer before a hexadecimal literal).

use th_types::FieldType;

/// One node of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// `NULL`.
    Null,
    /// `TRUE`, `FALSE`.
    Bool(bool),
    /// An integer literal that fits a signed integer.
    Int(i64),
    /// An integer literal beyond it.
    Uint(u64),
    /// A literal with a point, or an integer beyond 64 bits: digits as MySQL's decimal prints them.
    Decimal(String),
    /// A literal with an exponent.
    Float(f64),
    /// A string and the character set of its introducer (`utf8mb4` without one).
    Text { charset: String, value: String },
    /// `x'…'`, `0x…`.
    Hex(Vec<u8>),
    /// `b'…'`, `0b…`.
    Bits(Vec<u8>),
    /// `DATE '…'`, `TIME '…'`, `TIMESTAMP '…'`.
    Temporal { kind: TemporalKind, text: String },
    /// A column, spelled as written.
    Column(String),
    /// `( … )`.
    Paren(Box<Node>),
    /// `(a, b)` or `ROW(a, b)`.
    Row(Vec<Node>),
    /// A prefix operator.
    Unary(UnaryOp, Box<Node>),
    /// An infix operator.
    Binary(BinaryOp, Box<Node>, Box<Node>),
    /// `IS [NOT] NULL`.
    IsNull { operand: Box<Node>, not: bool },
    /// `IS [NOT] TRUE|FALSE`.
    IsTruth { operand: Box<Node>, not: bool, truth: bool },
    /// `[NOT] BETWEEN low AND high`.
    Between { operand: Box<Node>, low: Box<Node>, high: Box<Node>, not: bool },
    /// `[NOT] IN ( … )`.
    In { operand: Box<Node>, list: Vec<Node>, not: bool },
    /// `[NOT] LIKE … [ESCAPE …]`; `ilike` is TiDB's case-insensitive form.
    Like { operand: Box<Node>, pattern: Box<Node>, escape: char, not: bool, ilike: bool },
    /// `[NOT] REGEXP`, `RLIKE`.
    Regexp { operand: Box<Node>, pattern: Box<Node>, not: bool },
    /// `CASE [value] WHEN … THEN … [ELSE …] END`.
    Case { value: Option<Box<Node>>, branches: Vec<(Node, Node)>, otherwise: Option<Box<Node>> },
    /// `CAST`, `CONVERT(x, type)`, `BINARY x`.
    Cast { operand: Box<Node>, target: Box<FieldType>, explicit_charset: bool, form: CastForm },
    /// `x COLLATE name`.
    Collate(Box<Node>, String),
    /// A function call; the name is spelled as written. `CONVERT(x USING c)` is one, too.
    Call { name: String, args: Vec<Node> },
    /// A unit standing as a function's argument.
    Unit(TimeUnit),
    /// `BOTH`, `LEADING`, `TRAILING`, standing as TRIM's third argument.
    TrimDirection(TrimDirection),
    /// A character set's name standing as an argument (`CONVERT(… USING c)`, `CHAR(… USING c)`).
    CharsetName(String),
}

/// Which temporal literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TemporalKind {
    Date,
    Time,
    Timestamp,
}

/// How a cast was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CastForm {
    Cast,
    Convert,
    Binary,
}

/// Which side TRIM trims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrimDirection {
    Both,
    Leading,
    Trailing,
}

/// Prefix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOp {
    /// `NOT x`: binds loosely.
    Not,
    /// `!x`: binds tightly.
    Bang,
    Minus,
    Plus,
    BitNot,
}

/// Infix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    Or,
    Xor,
    And,
    Equal,
    NullSafeEqual,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    BitOr,
    BitAnd,
    ShiftLeft,
    ShiftRight,
    Plus,
    Minus,
    Multiply,
    Divide,
    IntDivide,
    Modulo,
    BitXor,
}

impl BinaryOp {
    /// TiDB's spelling in restored text, and whether it is a keyword (whose case the style decides).
    pub(crate) fn spelling(self) -> (&'static str, bool) {
        match self {
            BinaryOp::Or => ("OR", true),
            BinaryOp::Xor => ("XOR", true),
            BinaryOp::And => ("AND", true),
            BinaryOp::Equal => ("=", false),
            BinaryOp::NullSafeEqual => ("<=>", false),
            BinaryOp::NotEqual => ("!=", false),
            BinaryOp::Less => ("<", false),
            BinaryOp::LessOrEqual => ("<=", false),
            BinaryOp::Greater => (">", false),
            BinaryOp::GreaterOrEqual => (">=", false),
            BinaryOp::BitOr => ("|", false),
            BinaryOp::BitAnd => ("&", false),
            BinaryOp::ShiftLeft => ("<<", false),
            BinaryOp::ShiftRight => (">>", false),
            BinaryOp::Plus => ("+", false),
            BinaryOp::Minus => ("-", false),
            BinaryOp::Multiply => ("*", false),
            BinaryOp::Divide => ("/", false),
            BinaryOp::IntDivide => ("DIV", true),
            BinaryOp::Modulo => ("%", false),
            BinaryOp::BitXor => ("^", false),
        }
    }
}

/// Units of INTERVAL, EXTRACT and TIMESTAMPDIFF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are SQL's own")]
pub enum TimeUnit {
    Microsecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    SecondMicrosecond,
    MinuteMicrosecond,
    MinuteSecond,
    HourMicrosecond,
    HourSecond,
    HourMinute,
    DayMicrosecond,
    DaySecond,
    DayMinute,
    DayHour,
    YearMonth,
}

const UNITS: [(&str, TimeUnit); 20] = [
    ("MICROSECOND", TimeUnit::Microsecond),
    ("SECOND", TimeUnit::Second),
    ("MINUTE", TimeUnit::Minute),
    ("HOUR", TimeUnit::Hour),
    ("DAY", TimeUnit::Day),
    ("WEEK", TimeUnit::Week),
    ("MONTH", TimeUnit::Month),
    ("QUARTER", TimeUnit::Quarter),
    ("YEAR", TimeUnit::Year),
    ("SECOND_MICROSECOND", TimeUnit::SecondMicrosecond),
    ("MINUTE_MICROSECOND", TimeUnit::MinuteMicrosecond),
    ("MINUTE_SECOND", TimeUnit::MinuteSecond),
    ("HOUR_MICROSECOND", TimeUnit::HourMicrosecond),
    ("HOUR_SECOND", TimeUnit::HourSecond),
    ("HOUR_MINUTE", TimeUnit::HourMinute),
    ("DAY_MICROSECOND", TimeUnit::DayMicrosecond),
    ("DAY_SECOND", TimeUnit::DaySecond),
    ("DAY_MINUTE", TimeUnit::DayMinute),
    ("DAY_HOUR", TimeUnit::DayHour),
    ("YEAR_MONTH", TimeUnit::YearMonth),
];

impl TimeUnit {
    /// By name, case-insensitive, also `SQL_TSI_…`.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        let upper = name.to_ascii_uppercase();
        let plain = upper.strip_prefix("SQL_TSI_").unwrap_or(&upper);
        UNITS.iter().find(|(text, _)| *text == plain).map(|(_, unit)| *unit)
    }

    /// SQL's name, upper case.
    pub(crate) fn name(self) -> &'static str {
        UNITS.iter().find(|(_, unit)| *unit == self).map_or("", |(text, _)| text)
    }
}

impl Node {
    /// Calls `visit` for each column, in order of appearance.
    pub(crate) fn each_column<'n>(&'n self, visit: &mut dyn FnMut(&'n str)) {
        match self {
            Node::Column(name) => visit(name),
            Node::Null
            | Node::Bool(_)
            | Node::Int(_)
            | Node::Uint(_)
            | Node::Decimal(_)
            | Node::Float(_)
            | Node::Text { .. }
            | Node::Hex(_)
            | Node::Bits(_)
            | Node::Temporal { .. }
            | Node::Unit(_)
            | Node::TrimDirection(_)
            | Node::CharsetName(_) => {}
            Node::Paren(inner) | Node::Unary(_, inner) | Node::Collate(inner, _) => inner.each_column(visit),
            Node::IsNull { operand, .. } | Node::IsTruth { operand, .. } | Node::Cast { operand, .. } => {
                operand.each_column(visit);
            }
            Node::Binary(_, left, right)
            | Node::Like { operand: left, pattern: right, .. }
            | Node::Regexp { operand: left, pattern: right, .. } => {
                left.each_column(visit);
                right.each_column(visit);
            }
            Node::Between { operand, low, high, .. } => {
                for part in [operand, low, high] {
                    part.each_column(visit);
                }
            }
            Node::In { operand, list, .. } => {
                operand.each_column(visit);
                for item in list {
                    item.each_column(visit);
                }
            }
            Node::Row(items) | Node::Call { args: items, .. } => {
                for item in items {
                    item.each_column(visit);
                }
            }
            Node::Case { value, branches, otherwise } => {
                if let Some(value) = value {
                    value.each_column(visit);
                }
                for (condition, result) in branches {
                    condition.each_column(visit);
                    result.each_column(visit);
                }
                if let Some(otherwise) = otherwise {
                    otherwise.each_column(visit);
                }
            }
        }
    }
}
