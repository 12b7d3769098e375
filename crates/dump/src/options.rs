//! How data files are read: CSV dialect, character set, limits, I/O.
//!
//! Names and defaults are those of `tidb-lightning.toml`; [`CsvOptions::validate`] has Lightning's
//! rules about what cannot be told apart.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::charset::CharacterSet;
use crate::error::OptionError;

/// The `[mydumper.csv]` section, and the further options of `IMPORT INTO`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct CsvOptions {
    /// What stands between fields; not empty.
    pub separator: String,
    /// The quote; may be empty.
    pub delimiter: String,
    /// What ends a record; empty means each of `\r` and `\n`.
    pub terminator: String,
    /// Texts that mean NULL (after unescaping). A raw `\N` (escape character + `N`) in the list is
    /// matched before unescaping.
    pub null: Vec<String>,
    /// Whether the first non-empty record names the columns.
    pub header: bool,
    /// Whether the header's names are used; without, it is skipped and columns go by position.
    pub header_schema_match: bool,
    /// Whether no field can be NULL.
    pub not_null: bool,
    /// The escape character; empty for none.
    pub escaped_by: String,
    /// Whether one empty field at the end of a record is dropped.
    pub trim_last_separator: bool,
    /// Whether an empty line is a record with one empty field (`IMPORT INTO`).
    pub allow_empty_line: bool,
    /// Whether a quoted field is never NULL by the null list (`IMPORT INTO`).
    pub quoted_null_is_text: bool,
    /// Whether quotes within fields may stand unescaped (`IMPORT INTO`).
    pub unescaped_quote: bool,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            separator: ",".to_owned(),
            delimiter: "\"".to_owned(),
            terminator: String::new(),
            null: vec!["\\N".to_owned()],
            header: true,
            header_schema_match: true,
            not_null: false,
            escaped_by: "\\".to_owned(),
            trim_last_separator: false,
            allow_empty_line: false,
            quoted_null_is_text: false,
            unescaped_quote: false,
        }
    }
}

impl CsvOptions {
    /// Checks that records can be told apart.
    pub fn validate(&self) -> Result<(), OptionError> {
        let problem =
            |option: &'static str, problem: &str| Err(OptionError { option, problem: problem.to_owned() });
        if self.separator.is_empty() {
            return problem("mydumper.csv.separator", "must not be empty");
        }
        if !self.delimiter.is_empty()
            && (self.separator.starts_with(&self.delimiter) || self.delimiter.starts_with(&self.separator))
        {
            return problem(
                "mydumper.csv.separator",
                "separator and delimiter must not begin with each other",
            );
        }
        if !self.terminator.is_empty() && self.terminator == self.separator {
            return problem("mydumper.csv.terminator", "terminator and separator must differ");
        }
        if self.escaped_by.len() > 1 || !self.escaped_by.is_ascii() {
            return problem("mydumper.csv.escaped-by", "must be one ASCII character or empty");
        }
        if !self.escaped_by.is_empty() {
            for (option, other) in [
                ("mydumper.csv.separator", &self.separator),
                ("mydumper.csv.delimiter", &self.delimiter),
                ("mydumper.csv.terminator", &self.terminator),
            ] {
                if *other == self.escaped_by {
                    return problem(option, "must differ from escaped-by");
                }
            }
        }
        Ok(())
    }
}

/// How a file is fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct IoOptions {
    /// Bytes of one request.
    pub read_block: usize,
    /// Most requests in flight or waiting to be read, at least 1; how many there are follows the reader
    /// and the storage. A reader holds at most about `(prefetch + 2) * read_block` bytes.
    pub prefetch: usize,
    /// The longest wait for one request, all of the client's own retries included.
    pub request_timeout: Duration,
    /// Further attempts after a request failed for good in the client.
    pub retries: u32,
}

impl Default for IoOptions {
    fn default() -> Self {
        Self { read_block: 4 << 20, prefetch: 8, request_timeout: Duration::from_secs(200), retries: 2 }
    }
}

/// How data files are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct ReadOptions {
    /// The CSV dialect.
    pub csv: CsvOptions,
    /// Whether a backslash is an ordinary character in SQL strings (SQL mode `NO_BACKSLASH_ESCAPES`).
    pub no_backslash_escapes: bool,
    /// Character set of CSV files.
    pub data_character_set: CharacterSet,
    /// What an invalid byte sequence of a CSV field becomes.
    pub data_invalid_char_replace: String,
    /// The session's time zone, in which a Parquet file's instants are shown: a name, an offset like
    /// `+08:00`, or nothing for UTC. (Text formats hold times as they are.)
    pub time_zone: String,
    /// The largest row, in bytes of the (uncompressed) file.
    pub max_row_bytes: u64,
    /// How a file is fetched.
    pub io: IoOptions,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            csv: CsvOptions::default(),
            no_backslash_escapes: false,
            data_character_set: CharacterSet::Binary,
            data_invalid_char_replace: "\u{FFFD}".to_owned(),
            time_zone: String::new(),
            // TiDB's MaxTxnEntrySizeLimit.
            max_row_bytes: 120 << 20,
            io: IoOptions::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialects_that_cannot_be_told_apart_are_refused() {
        let base = CsvOptions::default;
        base().validate().unwrap();
        for (options, option) in [
            (CsvOptions { separator: String::new(), ..base() }, "separator"),
            (CsvOptions { separator: "\"".into(), ..base() }, "separator"),
            (CsvOptions { separator: "||".into(), delimiter: "|".into(), ..base() }, "separator"),
            (CsvOptions { separator: "|".into(), delimiter: "|+".into(), ..base() }, "separator"),
            (CsvOptions { escaped_by: "ab".into(), ..base() }, "escaped-by"),
            (CsvOptions { escaped_by: "é".into(), ..base() }, "escaped-by"),
            (CsvOptions { separator: "\\".into(), ..base() }, "separator"),
            (CsvOptions { delimiter: "\\".into(), ..base() }, "delimiter"),
            (CsvOptions { terminator: "\\".into(), ..base() }, "terminator"),
            (CsvOptions { terminator: ",".into(), ..base() }, "terminator"),
        ] {
            let error = options.validate().unwrap_err();
            assert!(error.option.ends_with(option), "{error}");
        }
        CsvOptions { separator: "##".into(), delimiter: "#-".into(), ..base() }.validate().unwrap();
    }
}
