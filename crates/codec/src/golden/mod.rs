//! The judge: golden vectors made by TiDB's own code, compared byte for byte.
//!
//! A file holds a table, source rows, and for each row the pairs (or the error) that TiDB Lightning
//! made of it; at the end checksums and allocator bases. [`check`] encodes the same rows and reports the
//! first difference. The table comes from its `TableInfo` JSON or from its CREATE TABLE text.

mod file;
mod mask;
mod source;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use th_row::Value;
use th_schema::{DdlOptions, Table, TableInfo, apply_alter, parse_create_table};
use th_types::{Context, SqlMode, TimeZone};

pub(crate) use self::file::to_hex;
use self::file::{GoldenFile, GoldenRow, GoldenTable, from_hex};
use self::mask::ShardMask;
use self::source::{parse_csv, parse_tuple};
use crate::keys::decode_key;
use crate::{Checksum, EncodeError, Encoder, EncoderOptions, PairKind};

pub(crate) type Bytes = Vec<u8>;

/// Where the table's definition is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The server's `TableInfo` JSON.
    Json,
    /// The CREATE TABLE text and the ALTER TABLEs after it, through the schema crate's parser.
    Ddl,
}

/// A golden file that cannot be used, or a table that cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// The file cannot be read.
    #[error("cannot read the file")]
    Read(#[source] std::io::Error),
    /// The file is not a golden file.
    #[error("not a golden file: {0}")]
    Format(String),
    /// The table is refused.
    #[error("the table is refused: {0}")]
    Table(String),
}

/// What became of one file.
#[derive(Debug)]
pub struct Verdict {
    /// Table name, or the file's name if it cannot be read.
    pub table: String,
    /// Rows that agree.
    pub rows: usize,
    /// Differences, the first in full; empty when the table passes.
    pub differences: Vec<String>,
}

impl Verdict {
    /// Whether everything agrees.
    pub fn passes(&self) -> bool {
        self.differences.is_empty()
    }
}

/// Compares one file.
pub fn check(path: &Path, form: Form) -> Verdict {
    let file = match GoldenFile::read(path) {
        Ok(file) => file,
        Err(error) => {
            let table = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Verdict { table, rows: 0, differences: vec![error.to_string()] };
        }
    };
    let mut verdict = Verdict { table: file.table.table.clone(), rows: 0, differences: Vec::new() };
    match encoder(&file.table, form) {
        Ok((info, encoder)) => Comparison { file: &file, info, encoder, verdict: &mut verdict }.run(),
        Err(error) => verdict.differences.push(error.to_string()),
    }
    verdict
}

/// The golden files of a folder, by name.
pub fn files(folder: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".jsonl.gz") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Checks files and folders; `print` gets one line or block a table, and last `N passed, M failed`.
/// Answers how many failed.
pub fn run(paths: &[std::path::PathBuf], form: Form, mut print: impl FnMut(&str)) -> std::io::Result<usize> {
    let (mut passed, mut failed) = (0, 0);
    for path in paths {
        let files = if path.is_dir() { files(path)? } else { vec![path.clone()] };
        for verdict in files.iter().map(|file| check(file, form)) {
            if verdict.passes() {
                passed += 1;
                print(&format!("{}: pass ({} rows)", verdict.table, verdict.rows));
            } else {
                failed += 1;
                let count = verdict.differences.len();
                let first = verdict.differences.first().map_or("", String::as_str);
                print(&format!("{}: {count} differences, the first:\n{first}", verdict.table));
            }
        }
    }
    print(&format!("{passed} passed, {failed} failed"));
    Ok(failed)
}

/// The session of a golden table.
fn context(table: &GoldenTable) -> Result<Context, GoldenError> {
    let variable = |name: &str, default: u64| {
        table.sys_vars.get(name).and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    Ok(Context {
        mode: SqlMode(table.sql_mode_bits),
        zone: TimeZone::parse(&table.time_zone).map_err(|error| GoldenError::Format(error.to_string()))?,
        now_micros: table.timestamp * 1_000_000,
        random: 0,
        div_precision_increment: variable("div_precision_increment", 4) as u32,
        default_week_format: variable("default_week_format", 0) as u32,
        block_encryption_mode: table.sys_vars.get("block_encryption_mode").cloned().unwrap_or_default(),
        max_allowed_packet: variable("max_allowed_packet", 67_108_864),
    })
}

fn encoder(golden: &GoldenTable, form: Form) -> Result<(Arc<TableInfo>, Encoder), GoldenError> {
    let refused = |error: &dyn std::error::Error| {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        GoldenError::Table(text)
    };
    let info: TableInfo = match form {
        Form::Json => serde_json::from_value(golden.table_info.clone())
            .map_err(|error| GoldenError::Format(error.to_string()))?,
        Form::Ddl => {
            let options = DdlOptions {
                charset: "utf8mb4".into(),
                collate: "utf8mb4_bin".into(),
                table_id: golden.table_id,
                sql_mode: SqlMode(0),
                time_zone: TimeZone::parse(&golden.time_zone).map_err(|error| refused(&error))?,
                now_micros: golden.timestamp * 1_000_000,
            };
            let mut info =
                parse_create_table(&golden.create_table, &options).map_err(|error| refused(&error))?;
            for alter in golden.alters.iter().flatten() {
                apply_alter(&mut info, alter, &options).map_err(|error| refused(&error))?;
            }
            info
        }
    };
    let table = Table::new("golden", info).map_err(|error| refused(&error))?;
    let info = Arc::clone(&table.info);
    let options = EncoderOptions {
        context: context(golden)?,
        auto_random_seed: golden.auto_random_seed,
        new_collation: golden.new_collation_enabled,
    };
    let mut encoder = Encoder::new(Arc::new(table), options).map_err(|error| refused(&error))?;
    encoder.set_columns(golden.insert_columns.as_deref(), &[]).map_err(|error| refused(&error))?;
    Ok((info, encoder))
}

/// One file being compared.
struct Comparison<'a> {
    file: &'a GoldenFile,
    info: Arc<TableInfo>,
    encoder: Encoder,
    verdict: &'a mut Verdict,
}

impl Comparison<'_> {
    fn run(mut self) {
        let mask = ShardMask::new(&self.info);
        let mut sums: BTreeMap<String, Checksum> = BTreeMap::new();
        let mut total = Checksum::default();
        let (mut good, mut bad) = (0, 0);
        let file = self.file;
        for row in &file.rows {
            match self.encode(row) {
                Ok(mut pairs) => {
                    good += 1;
                    let expected = expected_pairs(row);
                    let plain: &mut Vec<_> = &mut pairs.iter().map(|(pair, _)| pair.clone()).collect();
                    if let Some(mask) = &mask {
                        mask.apply(&expected, plain);
                    }
                    for ((key, value), (_, kind)) in plain.iter().zip(&pairs) {
                        let group = match kind {
                            PairKind::Record => "data".to_owned(),
                            PairKind::Index(id) => id.to_string(),
                        };
                        sums.entry(group).or_default().update(key, value);
                        total.update(key, value);
                    }
                    pairs.clear();
                    self.compare_pairs(row, &expected, plain);
                }
                Err(error) => {
                    bad += 1;
                    self.compare_error(row, &error);
                }
            }
        }
        self.compare_totals(&total, &sums, good, bad);
    }

    fn encode(&mut self, row: &GoldenRow) -> Result<Vec<((Bytes, Bytes), PairKind)>, EncodeError> {
        let text = row.source().unwrap_or_default();
        let values = match self.file.table.format.as_str() {
            "csv" => parse_csv(&text),
            _ => parse_tuple(&text, self.file.table.sql_mode_bits),
        };
        let Some(values) = values else { return Err(EncodeError::new(0, "the row cannot be parsed")) };
        let values: Vec<Value<'_>> = values.iter().map(source::Owned::borrow).collect();
        let pairs = self.encoder.encode(&values, row.row_id)?;
        Ok(pairs.iter().map(|pair| ((pair.key.to_vec(), pair.value.to_vec()), pair.kind)).collect())
    }

    fn difference(&mut self, row: &GoldenRow, what: &str) {
        let text = String::from_utf8_lossy(&row.source().unwrap_or_default()).into_owned();
        self.verdict.differences.push(format!("  row {}: {text}\n{what}", row.row_id));
    }

    fn compare_pairs(&mut self, row: &GoldenRow, expected: &[(Bytes, Bytes)], actual: &[(Bytes, Bytes)]) {
        if let Some(error) = &row.error {
            return self
                .difference(row, &format!("  expected error {:?} {error}, got pairs", row.error_code));
        }
        if expected == actual {
            self.verdict.rows += 1;
            return;
        }
        let mut what = String::new();
        for index in 0..expected.len().max(actual.len()) {
            let (theirs, ours) = (expected.get(index), actual.get(index));
            if theirs == ours {
                continue;
            }
            for (name, pair) in [("expected", theirs), ("actual  ", ours)] {
                let Some((key, value)) = pair else {
                    let _ = writeln!(what, "  {name} no pair {index}");
                    continue;
                };
                let _ = writeln!(what, "  {name} key   {} {:?}", to_hex(key), decode_key(key));
                let _ = writeln!(what, "  {name} value {}", to_hex(value));
            }
            break;
        }
        self.difference(row, &what);
    }

    fn compare_error(&mut self, row: &GoldenRow, error: &EncodeError) {
        let Some(expected) = &row.error else {
            return self.difference(row, &format!("  expected pairs, got error: {error}"));
        };
        let column = expected.split_once("for column `").and_then(|(_, rest)| rest.split_once('`'));
        let column = column.map(|(column, _)| column);
        let number = expected.split_once("` (#").and_then(|(_, rest)| rest.split_once(')'));
        let number = number.and_then(|(number, _)| number.parse::<usize>().ok()).filter(|number| *number > 0);
        let same = error.code == row.error_code.unwrap_or(0)
            && error.column.as_deref() == column
            && (number.is_none() || error.column_number == number);
        if same {
            self.verdict.rows += 1;
        } else {
            let code = row.error_code;
            self.difference(row, &format!("  expected error {code:?} {expected}\n  got {error:?}"));
        }
    }

    fn compare_totals(&mut self, total: &Checksum, sums: &BTreeMap<String, Checksum>, good: u64, bad: u64) {
        let checksum = &self.file.checksum;
        let mut different = |what: String| self.verdict.differences.push(what);
        if (good, bad) != (checksum.rows, checksum.error_rows) {
            different(format!(
                "  rows: expected {} and {} errors, got {good} and {bad}",
                checksum.rows, checksum.error_rows
            ));
        }
        let empty = Checksum::default();
        let groups =
            checksum.groups.iter().map(|(name, sum)| (name.as_str(), sum, sums.get(name).unwrap_or(&empty)));
        for (name, theirs, ours) in groups.chain([("total", &checksum.total, total)]) {
            let same = theirs.checksum == ours.crc64.to_string()
                && (theirs.total_kvs, theirs.total_bytes) == (ours.pairs, ours.bytes);
            if !same {
                different(format!("  checksum of {name}: expected {theirs:?}, got {ours:?}"));
            }
        }
        let (theirs, ours) = (&checksum.alloc_bases, self.encoder.bases());
        if (theirs.row_id, theirs.auto_increment, theirs.auto_random)
            != (ours.row_id, ours.auto_increment, ours.auto_random)
        {
            different(format!("  bases: expected {theirs:?}, got {ours:?}"));
        }
    }
}

fn expected_pairs(row: &GoldenRow) -> Vec<(Bytes, Bytes)> {
    let bytes = |hex: &str| from_hex(hex).unwrap_or_default();
    row.kvs.iter().flatten().map(|(key, value)| (bytes(key), bytes(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden")
    }

    /// Runs all tables, or the one that `GOLDEN_TABLE` names.
    fn run_all(form: Form) {
        let mut report = String::new();
        let only = std::env::var("GOLDEN_TABLE").ok();
        for path in files(&folder()).expect("the golden files are committed") {
            if let Some(only) = &only
                && !path.to_string_lossy().ends_with(&format!("/{only}.jsonl.gz"))
            {
                continue;
            }
            let verdict = check(&path, form);
            if !verdict.passes() {
                let first = verdict.differences.iter().take(if only.is_some() { 20 } else { 1 });
                let first: Vec<&str> = first.map(String::as_str).collect();
                let _ = writeln!(
                    report,
                    "{}: {} differences\n{}",
                    verdict.table,
                    verdict.differences.len(),
                    first.join("\n")
                );
            }
        }
        assert!(report.is_empty(), "{report}");
    }

    #[test]
    fn every_table_from_its_json_has_tidbs_bytes() {
        run_all(Form::Json);
    }

    #[test]
    fn every_table_from_its_ddl_has_tidbs_bytes() {
        run_all(Form::Ddl);
    }
}
