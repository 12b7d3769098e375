//! The stable error codes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What the operator has to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The same again may succeed.
    TryAgain,
    /// Input, configuration or permissions must be corrected first.
    Fix,
    /// The cluster or the import needs an operator's decision.
    Stop,
}

/// A failure by its stable code. Codes are never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Code {
    /// The configuration cannot be used.
    #[serde(rename = "TH0001")]
    BadConfig,
    /// The source cannot be read.
    #[serde(rename = "TH0002")]
    SourceUnreachable,
    /// The source holds nothing to import.
    #[serde(rename = "TH0003")]
    SourceEmpty,
    /// A table has data files but no definition.
    #[serde(rename = "TH0004")]
    SchemaMissing,
    /// A table definition cannot be used.
    #[serde(rename = "TH0005")]
    BadSchema,
    /// The target cluster cannot be reached.
    #[serde(rename = "TH0006")]
    TargetUnreachable,
    /// The target table holds rows.
    #[serde(rename = "TH0007")]
    TargetNotEmpty,
    /// The target refused a statement.
    #[serde(rename = "TH0008")]
    TargetSql,
    /// An object of the source changed after the plan was made.
    #[serde(rename = "TH0010")]
    SourceChanged,
    /// An object of the source is truncated or damaged.
    #[serde(rename = "TH0011")]
    BrokenSource,
    /// The data cannot be parsed.
    #[serde(rename = "TH0012")]
    BadSyntax,
    /// A value does not fit its column.
    #[serde(rename = "TH0013")]
    BadValue,
    /// The row's columns do not match the table.
    #[serde(rename = "TH0014")]
    BadColumns,
    /// A chunk has more rows than row ids were reserved for.
    #[serde(rename = "TH0015")]
    RowIdsExhausted,
    /// A check before the import failed.
    #[serde(rename = "TH0016")]
    CheckFailed,
    /// Two source rows have the same unique key.
    #[serde(rename = "TH0020")]
    DuplicateKeys,
    /// The sort folder failed.
    #[serde(rename = "TH0021")]
    SortFolder,
    /// TiKV did not take the data.
    #[serde(rename = "TH0022")]
    IngestFailed,
    /// A TiKV store is out of disk space.
    #[serde(rename = "TH0023")]
    TargetDiskFull,
    /// The target does not hold what was imported.
    #[serde(rename = "TH0030")]
    ChecksumMismatch,
    /// A job failed too often.
    #[serde(rename = "TH0031")]
    JobFailed,
    /// Nobody works on the import.
    #[serde(rename = "TH0032")]
    Stalled,
    /// The import has open jobs.
    #[serde(rename = "TH0033")]
    NotFinished,
    /// Another import writes to the table.
    #[serde(rename = "TH0034")]
    TableInUse,
    /// The ledger cannot be read or written.
    #[serde(rename = "TH0040")]
    LedgerUnavailable,
    /// The ledger holds something else than this run would write.
    #[serde(rename = "TH0041")]
    LedgerConflict,
    /// The job queue cannot be used.
    #[serde(rename = "TH0042")]
    QueueUnavailable,
    /// The process was told to stop.
    #[serde(rename = "TH0050")]
    Interrupted,
    /// A bug in Thunderhead.
    #[serde(rename = "TH0099")]
    Internal,
}

impl Code {
    /// All codes, in order.
    pub const ALL: &[Code] = &[
        Code::BadConfig,
        Code::SourceUnreachable,
        Code::SourceEmpty,
        Code::SchemaMissing,
        Code::BadSchema,
        Code::TargetUnreachable,
        Code::TargetNotEmpty,
        Code::TargetSql,
        Code::SourceChanged,
        Code::BrokenSource,
        Code::BadSyntax,
        Code::BadValue,
        Code::BadColumns,
        Code::RowIdsExhausted,
        Code::CheckFailed,
        Code::DuplicateKeys,
        Code::SortFolder,
        Code::IngestFailed,
        Code::TargetDiskFull,
        Code::ChecksumMismatch,
        Code::JobFailed,
        Code::Stalled,
        Code::NotFinished,
        Code::TableInUse,
        Code::LedgerUnavailable,
        Code::LedgerConflict,
        Code::QueueUnavailable,
        Code::Interrupted,
        Code::Internal,
    ];

    /// `TH0007`.
    pub fn name(self) -> &'static str {
        match self {
            Code::BadConfig => "TH0001",
            Code::SourceUnreachable => "TH0002",
            Code::SourceEmpty => "TH0003",
            Code::SchemaMissing => "TH0004",
            Code::BadSchema => "TH0005",
            Code::TargetUnreachable => "TH0006",
            Code::TargetNotEmpty => "TH0007",
            Code::TargetSql => "TH0008",
            Code::SourceChanged => "TH0010",
            Code::BrokenSource => "TH0011",
            Code::BadSyntax => "TH0012",
            Code::BadValue => "TH0013",
            Code::BadColumns => "TH0014",
            Code::RowIdsExhausted => "TH0015",
            Code::CheckFailed => "TH0016",
            Code::DuplicateKeys => "TH0020",
            Code::SortFolder => "TH0021",
            Code::IngestFailed => "TH0022",
            Code::TargetDiskFull => "TH0023",
            Code::ChecksumMismatch => "TH0030",
            Code::JobFailed => "TH0031",
            Code::Stalled => "TH0032",
            Code::NotFinished => "TH0033",
            Code::TableInUse => "TH0034",
            Code::LedgerUnavailable => "TH0040",
            Code::LedgerConflict => "TH0041",
            Code::QueueUnavailable => "TH0042",
            Code::Interrupted => "TH0050",
            Code::Internal => "TH0099",
        }
    }

    /// What the operator has to do.
    pub fn kind(self) -> Kind {
        match self {
            Code::SourceUnreachable
            | Code::TargetUnreachable
            | Code::SortFolder
            | Code::IngestFailed
            | Code::LedgerUnavailable
            | Code::QueueUnavailable
            | Code::NotFinished
            | Code::Interrupted => Kind::TryAgain,
            Code::BadConfig
            | Code::SourceEmpty
            | Code::SchemaMissing
            | Code::BadSchema
            | Code::TargetNotEmpty
            | Code::TargetSql
            | Code::SourceChanged
            | Code::BrokenSource
            | Code::BadSyntax
            | Code::BadValue
            | Code::BadColumns
            | Code::RowIdsExhausted
            | Code::CheckFailed
            | Code::DuplicateKeys
            | Code::TableInUse => Kind::Fix,
            Code::TargetDiskFull
            | Code::ChecksumMismatch
            | Code::JobFailed
            | Code::Stalled
            | Code::LedgerConflict
            | Code::Internal => Kind::Stop,
        }
    }

    /// The advice in one line, lower case, without a full stop.
    pub fn hint(self) -> &'static str {
        match self {
            Code::BadConfig => "correct the named key or flag; `thunderhead import --help` lists them",
            Code::SourceUnreachable => {
                "check the URL, the network and the credentials' permission to list and read it"
            }
            Code::SourceEmpty => {
                "check the path and the table filter; `thunderhead plan --dry-run` lists what was found and ignored"
            }
            Code::SchemaMissing => "add `db.table-schema.sql` to the dump or create the table in the target",
            Code::BadSchema => "correct the named definition or leave the table out with a filter",
            Code::TargetUnreachable => "check host, ports, TLS and that TiDB, PD and TiKV are up",
            Code::TargetNotEmpty => {
                "empty the table, import into another one, or set `parallel-import = true`"
            }
            Code::TargetSql => "read the server's message; check the user's privileges",
            Code::SourceChanged => "make the dump immutable during an import and plan again",
            Code::BrokenSource => "upload the named object again and plan again",
            Code::BadSyntax => {
                "look at the named line; for CSV check separator, delimiter and escape in `[mydumper.csv]`"
            }
            Code::BadValue => "correct the value, relax `tidb.sql-mode`, or change the column",
            Code::BadColumns => "compare the column list, the CSV header and the table definition",
            Code::RowIdsExhausted => "plan again; the estimate of the rows in this file was too low",
            Code::CheckFailed => {
                "do what the line says, or import with `lightning.check-requirements = false`; `thunderhead check` shows all lines"
            }
            Code::DuplicateKeys => "remove one of the named rows, or set `[conflict] strategy`",
            Code::SortFolder => "give the worker a larger or healthier local disk (`--sort-dir`)",
            Code::IngestFailed => "look at the named store and region; the job is tried again",
            Code::TargetDiskFull => "add space or stores, then import again",
            Code::ChecksumMismatch => {
                "do not use the table; see which key ranges differ, drop it and import it again"
            }
            Code::JobFailed => {
                "read the job's last error, remove its cause, then import again with another import id"
            }
            Code::Stalled => "look why no worker finished a job, then import again with another import id",
            Code::NotFinished => "look again later; `thunderhead status` shows what it waits for",
            Code::TableInUse => "wait until it has ended, or set `parallel-import = true` for all of them",
            Code::LedgerUnavailable => {
                "check the ledger URL and the credentials' permission to read and write it"
            }
            Code::LedgerConflict => {
                "use another ledger folder or import id, or resume the import that is there"
            }
            Code::QueueUnavailable => "check the queue URL, the region and the credentials",
            Code::Interrupted => "start it again; finished jobs are not repeated",
            Code::Internal => "please report it with the log",
        }
    }

    /// The exit code of a command that ends with it: 75 (`EX_TEMPFAIL`) where nothing is wrong and the same
    /// command is to be run again later.
    pub fn exit_code(self) -> u8 {
        if self == Code::NotFinished { 75 } else { 1 }
    }

    /// The page of the manual.
    pub fn page(self) -> &'static str {
        match self {
            Code::BadConfig => include_str!("../../../docs/src/errors/TH0001.md"),
            Code::SourceUnreachable => include_str!("../../../docs/src/errors/TH0002.md"),
            Code::SourceEmpty => include_str!("../../../docs/src/errors/TH0003.md"),
            Code::SchemaMissing => include_str!("../../../docs/src/errors/TH0004.md"),
            Code::BadSchema => include_str!("../../../docs/src/errors/TH0005.md"),
            Code::TargetUnreachable => include_str!("../../../docs/src/errors/TH0006.md"),
            Code::TargetNotEmpty => include_str!("../../../docs/src/errors/TH0007.md"),
            Code::TargetSql => include_str!("../../../docs/src/errors/TH0008.md"),
            Code::SourceChanged => include_str!("../../../docs/src/errors/TH0010.md"),
            Code::BrokenSource => include_str!("../../../docs/src/errors/TH0011.md"),
            Code::BadSyntax => include_str!("../../../docs/src/errors/TH0012.md"),
            Code::BadValue => include_str!("../../../docs/src/errors/TH0013.md"),
            Code::BadColumns => include_str!("../../../docs/src/errors/TH0014.md"),
            Code::RowIdsExhausted => include_str!("../../../docs/src/errors/TH0015.md"),
            Code::CheckFailed => include_str!("../../../docs/src/errors/TH0016.md"),
            Code::DuplicateKeys => include_str!("../../../docs/src/errors/TH0020.md"),
            Code::SortFolder => include_str!("../../../docs/src/errors/TH0021.md"),
            Code::IngestFailed => include_str!("../../../docs/src/errors/TH0022.md"),
            Code::TargetDiskFull => include_str!("../../../docs/src/errors/TH0023.md"),
            Code::ChecksumMismatch => include_str!("../../../docs/src/errors/TH0030.md"),
            Code::JobFailed => include_str!("../../../docs/src/errors/TH0031.md"),
            Code::Stalled => include_str!("../../../docs/src/errors/TH0032.md"),
            Code::NotFinished => include_str!("../../../docs/src/errors/TH0033.md"),
            Code::TableInUse => include_str!("../../../docs/src/errors/TH0034.md"),
            Code::LedgerUnavailable => include_str!("../../../docs/src/errors/TH0040.md"),
            Code::LedgerConflict => include_str!("../../../docs/src/errors/TH0041.md"),
            Code::QueueUnavailable => include_str!("../../../docs/src/errors/TH0042.md"),
            Code::Interrupted => include_str!("../../../docs/src/errors/TH0050.md"),
            Code::Internal => include_str!("../../../docs/src/errors/TH0099.md"),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text is not a known code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an error code; they look like TH0007")]
pub struct UnknownCode(String);

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Code::ALL
            .iter()
            .copied()
            .find(|code| code.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownCode(text.to_owned()))
    }
}
