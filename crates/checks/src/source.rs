//! The dump: whether it can be read, is whole and stays as it is.

use th_errors::Fault;

use crate::Line;
use crate::size::{bytes, count, some};

/// A file that cannot be cut and is larger than this keeps one worker busy for long.
const LARGE: u64 = 10 << 30;

/// Whether the source can be listed and read: how many objects were listed, and the one that was read.
pub fn source_permission(found: Result<(usize, Option<String>), Fault>) -> Line {
    const CHECK: &str = "source-permission";
    const WANTED: &str = "list and read";
    match found {
        Ok((files, Some(read))) => {
            Line::pass(CHECK, format!("{} listed, {read} read", count(files, "file")), WANTED)
        }
        Ok((files, None)) => {
            Line::pass(CHECK, format!("{} listed, none with data", count(files, "file")), WANTED)
        }
        Err(fault) => Line::of_fault(CHECK, WANTED, fault),
    }
}

/// Whether the listing is the same a while later: paths that came, went or changed. `None`: not looked, with why.
pub fn stability(changed: Result<Vec<String>, String>) -> Line {
    const CHECK: &str = "source-stability";
    const WANTED: &str = "no file changes while it is looked at";
    match changed {
        Err(why) => Line::unknown(CHECK, WANTED, why),
        Ok(changed) if changed.is_empty() => Line::pass(CHECK, "two listings agree", WANTED),
        Ok(changed) => Line::fail(
            CHECK,
            format!("changed between two listings: {}", some(&changed)),
            WANTED,
            "wait until the dump is written",
        ),
    }
}

/// Whether the dumping tool noted that it was done: `None` without a `metadata` file, else its path and the time.
pub fn dump_metadata(found: Option<(&str, Option<&str>)>) -> Line {
    const CHECK: &str = "dump-metadata";
    const WANTED: &str = "the tool noted that the dump was finished";
    match found {
        None => Line::pass(CHECK, "there is no metadata file", ""),
        Some((path, Some(at))) => Line::pass(CHECK, format!("{path}: finished at {at}"), WANTED),
        Some((path, None)) => Line::warn(
            CHECK,
            format!("{path}: no `Finished dump at`"),
            WANTED,
            "make sure that the dump is whole: the tool was interrupted, or still runs",
        ),
    }
}

/// A data file that cannot be cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LargeFile {
    /// Its path.
    pub path: String,
    /// Bytes as stored.
    pub size: u64,
    /// Why it is not cut.
    pub reason: &'static str,
}

/// Whether large files can be shared by several workers. Given the files that cannot be cut.
pub fn large_files(uncut: &[LargeFile]) -> Line {
    const CHECK: &str = "large-files";
    let wanted = format!("files beyond {} can be cut", bytes(LARGE));
    let found: Vec<String> = uncut
        .iter()
        .filter(|file| file.size > LARGE)
        .map(|file| format!("{} has {} and {}", file.path, bytes(file.size), file.reason))
        .collect();
    if found.is_empty() {
        return Line::pass(CHECK, "none that is too large", wanted);
    }
    let advice = "dump into smaller files, uncompressed or Parquet; or let thunderhead.split-files be true";
    Line::warn(CHECK, some(&found), wanted, advice)
}

/// What the first record of a CSV file without header looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The file.
    pub path: String,
    /// Its first record.
    pub fields: Vec<String>,
    /// Whether all of it would fit the table as a row.
    pub could_be_row: bool,
}

/// Whether CSV files without header really have none. Given those whose first record consists of column names of
/// their table; one that could be a row is left to the user.
pub fn csv_header(looked_at: usize, like_headers: &[Header]) -> Line {
    const CHECK: &str = "csv-header";
    const WANTED: &str = "mydumper.csv.header says whether there is one";
    let say =
        |header: &Header| format!("{} begins with the column names {}", header.path, header.fields.join(","));
    const ADVICE: &str = "set mydumper.csv.header = true if it is a header";
    if let Some(header) = like_headers.iter().find(|header| !header.could_be_row) {
        return Line::fail(CHECK, say(header), WANTED, ADVICE);
    }
    if let Some(header) = like_headers.first() {
        return Line::warn(CHECK, say(header), WANTED, ADVICE);
    }
    Line::pass(CHECK, format!("{} looked at", count(looked_at, "file")), WANTED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    #[test]
    fn an_unfinished_dump_is_a_warning() {
        assert_eq!(dump_metadata(None).level, Level::Pass);
        assert_eq!(dump_metadata(Some(("metadata", Some("2026-01-01 00:00:00")))).level, Level::Pass);
        assert_eq!(dump_metadata(Some(("metadata", None))).level, Level::Warn);
    }

    #[test]
    fn a_source_that_changes_is_not_imported() {
        assert_eq!(stability(Ok(Vec::new())).level, Level::Pass);
        assert_eq!(stability(Ok(vec!["a.t.1.csv".into()])).level, Level::Fail);
        assert_eq!(stability(Err("too many files".into())).level, Level::Warn);
    }

    #[test]
    fn large_files_matter_where_they_cannot_be_cut() {
        let file = |size| LargeFile { path: "a.t.csv.gz".into(), size, reason: "is compressed" };
        assert_eq!(large_files(&[file(10 << 30)]).level, Level::Pass);
        let line = large_files(&[file(11 << 30)]);
        assert_eq!(
            (line.level, line.measured.as_str()),
            (Level::Warn, "a.t.csv.gz has 11.0 GiB and is compressed")
        );
    }

    #[test]
    fn a_header_that_could_be_a_row_is_left_to_the_user() {
        let header = |could_be_row| Header {
            path: "t.csv".into(),
            fields: vec!["id".into(), "v".into()],
            could_be_row,
        };
        assert_eq!(csv_header(2, &[]).level, Level::Pass);
        assert_eq!(csv_header(2, &[header(true)]).level, Level::Warn);
        let line = csv_header(2, &[header(true), header(false)]);
        assert_eq!(
            (line.level, line.measured.as_str()),
            (Level::Fail, "t.csv begins with the column names id,v")
        );
    }
}
