//! Tables whose definition and `TableInfo` JSON came from a TiDB server.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value;
use th_schema::{DdlOptions, TableInfo, apply_alter, parse_create_table};
use th_types::TimeZone;

/// The first line of a golden file.
pub(crate) struct Golden {
    pub(crate) name: String,
    pub(crate) line: Value,
}

impl Golden {
    pub(crate) fn text(&self, field: &str) -> &str {
        self.line.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn zone(&self) -> TimeZone {
        let name = self.text("time_zone");
        if let Some((hours, minutes)) = name.get(1..).and_then(|rest| rest.split_once(':'))
            && name.starts_with(['+', '-'])
        {
            let seconds = hours.parse::<i32>().unwrap() * 3600 + minutes.parse::<i32>().unwrap() * 60;
            return TimeZone::Fixed(if name.starts_with('-') { -seconds } else { seconds });
        }
        match name {
            "UTC" => TimeZone::Fixed(0),
            name => TimeZone::Named(jiff::tz::TimeZone::get(name).unwrap()),
        }
    }

    /// Settings of the session that executed the DDL (`sql_mode` was empty).
    pub(crate) fn options(&self) -> DdlOptions {
        DdlOptions {
            table_id: self.line["table_id"].as_i64().unwrap(),
            time_zone: self.zone(),
            ..DdlOptions::default()
        }
    }

    /// The definition as parsed here, ALTERs applied.
    pub(crate) fn parse(&self) -> Result<TableInfo, String> {
        let options = self.options();
        let mut info =
            parse_create_table(self.text("create_table"), &options).map_err(|error| error.to_string())?;
        for alter in self.line["alters"].as_array().into_iter().flatten() {
            let text = alter.as_str().unwrap();
            apply_alter(&mut info, text, &options).map_err(|error| format!("{text}: {error}"))?;
        }
        Ok(info)
    }
}

pub(crate) fn golden_tables() -> Vec<Golden> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../codec/testdata/golden");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".jsonl.gz"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no golden files");
    files
        .iter()
        .map(|path| {
            let mut line = String::new();
            BufReader::new(GzDecoder::new(File::open(path).unwrap())).read_line(&mut line).unwrap();
            let line: Value = serde_json::from_str(&line).unwrap();
            Golden { name: line["table"].as_str().unwrap().to_owned(), line }
        })
        .collect()
}
