//! Reading a golden file: gzip of JSON lines.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value as Json;

use super::GoldenError;

/// Lines of a file longer than this (64 MiB) are refused.
const MAX_LINE: u64 = 64 << 20;

/// The first line: the table and the session.
#[derive(Debug, Deserialize)]
pub(super) struct GoldenTable {
    pub(super) table: String,
    pub(super) format: String,
    pub(super) create_table: String,
    #[serde(default)]
    pub(super) alters: Option<Vec<String>>,
    pub(super) table_id: i64,
    pub(super) table_info: Json,
    pub(super) new_collation_enabled: bool,
    pub(super) sql_mode_bits: u64,
    pub(super) time_zone: String,
    #[serde(default)]
    pub(super) sys_vars: std::collections::BTreeMap<String, String>,
    pub(super) timestamp: i64,
    pub(super) auto_random_seed: u64,
    pub(super) insert_columns: Option<Vec<String>>,
}

/// A row and what it must become.
#[derive(Debug, Deserialize)]
pub(super) struct GoldenRow {
    pub(super) row_id: i64,
    text: Option<String>,
    text_hex: Option<String>,
    pub(super) kvs: Option<Vec<(String, String)>>,
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) error_code: Option<u16>,
}

/// A checksum as the file writes it.
#[derive(Debug, Deserialize)]
pub(super) struct GoldenSum {
    pub(super) checksum: String,
    pub(super) total_kvs: u64,
    pub(super) total_bytes: u64,
}

/// The last line.
#[derive(Debug, Deserialize)]
pub(super) struct GoldenChecksum {
    pub(super) rows: u64,
    pub(super) error_rows: u64,
    pub(super) total: GoldenSum,
    pub(super) groups: std::collections::BTreeMap<String, GoldenSum>,
    pub(super) alloc_bases: GoldenBases,
}

/// Where the allocators stand after the rows.
#[derive(Debug, Deserialize)]
pub(super) struct GoldenBases {
    pub(super) row_id: i64,
    pub(super) auto_increment: i64,
    pub(super) auto_random: i64,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Line {
    Table(Box<GoldenTable>),
    Row(GoldenRow),
    Checksum(Box<GoldenChecksum>),
}

/// A whole file.
#[derive(Debug)]
pub(super) struct GoldenFile {
    pub(super) table: GoldenTable,
    pub(super) rows: Vec<GoldenRow>,
    pub(super) checksum: GoldenChecksum,
}

impl GoldenRow {
    /// The row's source text.
    pub(super) fn source(&self) -> Result<Vec<u8>, GoldenError> {
        match (&self.text, &self.text_hex) {
            (Some(text), _) => Ok(text.clone().into_bytes()),
            (None, Some(hex)) => {
                from_hex(hex).ok_or_else(|| GoldenError::Format("text_hex is not hex".into()))
            }
            (None, None) => Err(GoldenError::Format("a row without text".into())),
        }
    }
}

impl GoldenFile {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> Result<Self, GoldenError> {
        let file = std::fs::File::open(path).map_err(GoldenError::Read)?;
        let mut lines = BufReader::new(GzDecoder::new(file));
        let (mut table, mut rows, mut checksum) = (None, Vec::new(), None);
        let mut line = Vec::new();
        loop {
            line.clear();
            if lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).map_err(GoldenError::Read)? == 0 {
                break;
            }
            match serde_json::from_slice(&line).map_err(|error| GoldenError::Format(error.to_string()))? {
                Line::Table(line) => table = Some(*line),
                Line::Row(row) => rows.push(row),
                Line::Checksum(line) => checksum = Some(*line),
            }
        }
        match (table, checksum) {
            (Some(table), Some(checksum)) => Ok(Self { table, rows, checksum }),
            _ => Err(GoldenError::Format("the table or the checksum line is missing".into())),
        }
    }
}

/// Bytes of a hexadecimal text.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// Hexadecimal text of bytes.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
