//! A table in which as many rows as wanted share a key with another.
//!
//! | rows | what they are |
//! |---|---|
//! | n/2 | first rows, one key by primary key and one by unique key each |
//! | n/2 | second rows: each has the primary key (even) or the unique key (odd) of one first row |
//! | n/2 | rows that share nothing, between the first rows |
//!
//! Of eight second rows one follows its first row at once; the others are in the second half of the files.

use std::io::{self, Write};

/// The table's name.
pub const TABLE: &str = "meeting";
/// Its definition.
pub const DEFINITION: &str = "CREATE TABLE `meeting` (\n  `id` bigint NOT NULL,\n  `code` varchar(24) NOT NULL,\n  \
     `note` varchar(80) NOT NULL,\n  PRIMARY KEY (`id`),\n  UNIQUE KEY `by_code` (`code`),\n  KEY `by_note` (`note`)\n);\n";

/// So many rows that share a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflicts {
    pairs: u64,
    halves: u64,
}

impl Conflicts {
    /// At least `rows` rows that share a key, in an even number of files.
    pub fn new(rows: u64, files: u64) -> Self {
        Self { pairs: rows.div_ceil(2), halves: files.div_ceil(2).max(1) }
    }

    /// Number of files.
    pub fn files(&self) -> u64 {
        2 * self.halves
    }

    /// Rows that share a key with another.
    pub fn rows(&self) -> u64 {
        2 * self.pairs
    }

    /// Pairs of rows that share a key: as many rows give way.
    pub fn pairs(&self) -> u64 {
        self.pairs
    }

    /// Rows that stay.
    pub fn staying(&self) -> u64 {
        2 * self.pairs
    }

    /// Writes a file, from 0: one statement, a row a line, the first on the second line.
    pub fn write_file(&self, out: &mut impl Write, file: u64) -> io::Result<()> {
        let (half, part) = (file / self.halves, file % self.halves);
        let first = |part: u64| self.pairs * part / self.halves;
        write!(out, "INSERT INTO `{TABLE}` VALUES")?;
        let mut separator = "";
        let mut row = |id: u64, code: String, kind: &str, number: u64| {
            let result = write!(
                out,
                "{separator}\n({id},'{code}','the {kind} row with the number {number:010}, of conflicts')"
            );
            separator = ",";
            result
        };
        for number in first(part)..first(part + 1) {
            let second = |row: &mut dyn FnMut(u64, String, &str, u64) -> io::Result<()>| match number % 2 {
                0 => row(number, format!("second{number}"), "second", number),
                _ => row(2 * self.pairs + number, format!("first{number}"), "second", number),
            };
            let at_once = number % 8 == 7;
            if half == 0 {
                row(number, format!("first{number}"), "first", number)?;
                if at_once {
                    second(&mut row)?;
                }
                row(4 * self.pairs + number, format!("free{number}"), "free", number)?;
            } else if !at_once {
                second(&mut row)?;
            }
        }
        writeln!(out, ";")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn as_many_rows_share_a_key_as_wanted() {
        let wanted = Conflicts::new(100, 4);
        let (mut rows, mut keys) = (0, HashMap::<String, u32>::new());
        for file in 0..wanted.files() {
            let mut text = Vec::new();
            wanted.write_file(&mut text, file).expect("text");
            for line in String::from_utf8(text).expect("text").lines().skip(1) {
                let mut fields = line.trim_start_matches('(').split(',');
                for _ in 0..2 {
                    *keys.entry(fields.next().expect("a key").to_owned()).or_default() += 1;
                }
                rows += 1;
            }
        }
        assert_eq!((rows, wanted.rows(), wanted.pairs()), (150, 100, 50));
        assert_eq!(keys.values().filter(|&&rows| rows == 2).count(), 50);
        assert!(keys.values().all(|&rows| rows <= 2));
    }
}
