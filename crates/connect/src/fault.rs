//! Library errors in the user's terms.

use th_cluster::{ClusterError, ErrorKind};
use th_codec::{EncodeError, PlanError};
use th_config::ConfigError;
use th_dump::{DumpError, DumpErrorKind, LocationError, ReadError, ReadErrorKind};
use th_errors::{Code, Fault};
use th_ledger::LedgerError;
use th_mysql::{Class, SqlError};
use th_queue::QueueError;
use th_row::Place;
use th_schema::SchemaError;
use th_sorter::SortError;

/// A wrong configuration.
pub fn of_config(error: &ConfigError) -> Fault {
    Fault::from_error(Code::BadConfig, error)
}

/// A location that cannot be opened.
pub fn of_location(error: &LocationError) -> Fault {
    let code = match error {
        LocationError::Local { .. } | LocationError::Client { .. } => Code::SourceUnreachable,
        _ => Code::BadConfig,
    };
    Fault::from_error(code, error)
}

/// A dump that cannot be made out.
pub fn of_dump(error: &DumpError) -> Fault {
    let code = match error.kind() {
        _ if matches!(error, DumpError::File { .. }) => Code::SourceUnreachable,
        DumpErrorKind::EmptySource => Code::SourceEmpty,
        DumpErrorKind::Config => Code::BadConfig,
        DumpErrorKind::Invalid => Code::BadSchema,
        _ => Code::SourceUnreachable,
    };
    Fault::from_error(code, error)
}

/// A file that cannot be read.
pub fn of_read(error: &ReadError) -> Fault {
    let code = match (error.kind(), error) {
        (_, ReadError::PrematureEnd { .. } | ReadError::Corrupt { .. }) => Code::BrokenSource,
        (_, ReadError::Column { .. }) => Code::BadColumns,
        (ReadErrorKind::Data, _) => Code::BadSyntax,
        (ReadErrorKind::Changed, _) => Code::SourceChanged,
        (ReadErrorKind::Config, _) => Code::BadConfig,
        _ => Code::SourceUnreachable,
    };
    // The messages carry their place already.
    Fault::from_error(code, error)
}

/// A table definition that cannot be used.
pub fn of_schema(error: &SchemaError, db: &str, table: &str) -> Fault {
    Fault::from_error(Code::BadSchema, error).of_table(db, table)
}

/// A table that cannot be encoded.
pub fn of_plan(error: &PlanError, db: &str, table: &str) -> Fault {
    Fault::from_error(Code::BadSchema, error).of_table(db, table)
}

/// A row that cannot be encoded.
pub fn of_encode(error: &EncodeError, place: &Place, db: &str, table: &str) -> Fault {
    // ER_WRONG_VALUE_COUNT_ON_ROW and ER_BAD_FIELD_ERROR are about the row's shape.
    let code = if matches!(error.code, 1136 | 1054 | 1110) { Code::BadColumns } else { Code::BadValue };
    Fault::from_error(code, error).at(place).of_table(db, table)
}

/// A failure of the sort folder.
pub fn of_sort(error: &SortError) -> Fault {
    Fault::from_error(Code::SortFolder, error)
}

/// A failure of the ledger.
pub fn of_ledger(error: &LedgerError) -> Fault {
    let code = match error {
        LedgerError::Conflict { .. } | LedgerError::NewerFormat { .. } | LedgerError::Damaged { .. } => {
            Code::LedgerConflict
        }
        LedgerError::NoConditionalPut { .. } => Code::BadConfig,
        _ => Code::LedgerUnavailable,
    };
    Fault::from_error(code, error)
}

/// A failure of the queue.
pub fn of_queue(error: &QueueError) -> Fault {
    Fault::from_error(Code::QueueUnavailable, error)
}

/// A failure of the cluster while it is asked or told something other than data.
pub fn of_cluster(error: &ClusterError) -> Fault {
    let code = match error.kind() {
        ErrorKind::Sql { .. } => Code::TargetSql,
        ErrorKind::DiskFull => Code::TargetDiskFull,
        ErrorKind::InvalidInput => Code::BadConfig,
        _ => Code::TargetUnreachable,
    };
    Fault::from_error(code, error)
}

/// A failure of the cluster while data is ingested.
pub fn of_ingest(error: &ClusterError) -> Fault {
    let code = match error.kind() {
        ErrorKind::DiskFull => Code::TargetDiskFull,
        _ => Code::IngestFailed,
    };
    Fault::from_error(code, error)
}

/// A failure of a server that is asked or told something other than rows.
pub fn of_sql(error: &SqlError) -> Fault {
    let code = match (error, error.class()) {
        (SqlError::Options(_), _) => Code::BadConfig,
        (_, Class::Retry) => Code::TargetUnreachable,
        _ => Code::TargetSql,
    };
    Fault::from_error(code, error)
}
