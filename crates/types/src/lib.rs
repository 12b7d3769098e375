//! MySQL's value types as TiDB represents them: decimals, times, durations, JSON, bits, enums, and
//! the conversions between them under each SQL mode.
//!
//! Nothing here knows of tables, keys or files. Every function that reads text takes bytes, never
//! panics on them, and reports errors by TiDB's own error number.

mod context;
pub mod convert;
mod datum;
pub mod decimal;
mod error;
mod field_type;
pub mod json;
pub mod number;
pub mod time;
pub mod vector;

pub use context::{Context, SqlMode, TimeZone};
pub use convert::convert;
pub use datum::Datum;
pub use decimal::Decimal;
pub use error::{TypeError, code};
pub use field_type::{FieldType, flag, tp};
pub use json::Json;
pub use time::{Duration, Time, TimeKind};
