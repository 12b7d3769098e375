//! Deterministic data of benchmark tables, in dumpling's format: for `thunderhead dev generate` and for
//! the benchmarks.
//!
//! The same arguments give the same bytes on every machine. Files are independent of each other: a row
//! depends on its number, its file and its table alone.

pub mod conflicts;
mod random;
mod table;

use std::fmt::Write as _;
use std::io::{self, Write};

use random::Random;
pub use table::Table;

/// Bytes of one INSERT statement, as dumpling's default.
const STATEMENT_BYTES: usize = 1_000_000;

/// A data format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// INSERT statements.
    Sql,
    /// CSV with header and quotes.
    Csv,
}

impl Format {
    /// Of file names.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Sql => "sql",
            Format::Csv => "csv",
        }
    }
}

/// Writes one file of about `bytes` bytes whose first row has the number `first_row` (from 1); answers
/// the number after its last row. `file` chooses the file's random numbers.
pub fn write_file(
    out: &mut impl Write,
    table: Table,
    format: Format,
    file: u64,
    bytes: u64,
    first_row: u64,
) -> io::Result<u64> {
    let mut random = Random::new(file << 32 | table as u64);
    let (mut row, mut written, mut statement) = (first_row, 0u64, 0usize);
    let mut fields = Vec::new();
    let mut line = String::new();
    if format == Format::Csv {
        let names: Vec<String> = table.columns().iter().map(|name| format!("\"{name}\"")).collect();
        writeln!(out, "{}", names.join(","))?;
    } else {
        writeln!(out, "/*!40014 SET FOREIGN_KEY_CHECKS=0*/;\n/*!40101 SET NAMES binary*/;")?;
    }
    while written < bytes {
        table.row(row, &mut random, &mut fields);
        line.clear();
        if format == Format::Sql {
            line.push_str(match statement {
                0 => "INSERT INTO ",
                _ => ",\n(",
            });
            if statement == 0 {
                let _ = write!(line, "`{}` VALUES\n(", table.name());
            }
        }
        for (number, (text, quoted)) in fields.iter().enumerate() {
            if number > 0 {
                line.push(',');
            }
            match (quoted, format) {
                (false, _) => line.push_str(text),
                (true, Format::Sql) => push_quoted(text, '\'', &mut line),
                (true, Format::Csv) => push_quoted(text, '"', &mut line),
            }
        }
        line.push_str(if format == Format::Sql { ")" } else { "\n" });
        statement += line.len();
        written += line.len() as u64;
        row += 1;
        if format == Format::Sql && (statement >= STATEMENT_BYTES || written >= bytes) {
            line.push_str(";\n");
            statement = 0;
        }
        out.write_all(line.as_bytes())?;
    }
    Ok(row)
}

/// Quotes within a text are doubled. Backslashes do not occur.
fn push_quoted(text: &str, quote: char, line: &mut String) {
    line.push(quote);
    for piece in text.split_inclusive(quote) {
        line.push_str(piece);
        if piece.ends_with(quote) {
            line.push(quote);
        }
    }
    line.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(table: Table, format: Format) -> (String, u64) {
        let mut out = Vec::new();
        let next = write_file(&mut out, table, format, 3, 20_000, 1).expect("memory takes everything");
        (String::from_utf8(out).expect("the data are text"), next)
    }

    #[test]
    fn the_same_arguments_give_the_same_bytes() {
        for table in Table::ALL {
            assert_eq!(file(table, Format::Sql), file(table, Format::Sql));
            assert_ne!(file(table, Format::Sql).0, file(table, Format::Csv).0);
        }
    }

    #[test]
    fn a_csv_file_has_a_header_and_a_line_a_row() {
        for table in Table::ALL {
            let (text, next) = file(table, Format::Csv);
            assert_eq!(text.lines().count() as u64, next, "{}", table.name());
        }
    }

    #[test]
    fn quotes_are_doubled() {
        let mut line = String::new();
        push_quoted("a\"\"b\"", '"', &mut line);
        assert_eq!(line, "\"a\"\"\"\"b\"\"\"");
    }
}
