//! A deterministic dump of two well-known benchmark tables, in dumpling's format: sysbench's `sbtest1`
//! and TPC-H's `lineitem`. The same arguments give the same bytes on every machine.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

/// Bytes of one INSERT statement, as dumpling's default.
const STATEMENT_BYTES: usize = 1_000_000;

/// What to write.
#[derive(Debug, Clone, Args)]
pub struct GenerateArgs {
    /// Folder to write to; made if it does not exist
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Tables
    #[arg(long, value_enum, default_values_t = [Table::Sbtest, Table::Lineitem])]
    table: Vec<Table>,
    /// Megabytes of rows a table
    #[arg(long, default_value_t = 64)]
    megabytes: u64,
    /// Files a table
    #[arg(long, default_value_t = 4)]
    files: u64,
    /// Data format
    #[arg(long, value_enum, default_value_t = Format::Sql)]
    format: Format,
}

/// A benchmark table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Table {
    /// sysbench's `sbtest1`
    Sbtest,
    /// TPC-H's `lineitem`, with an index on part and supplier
    Lineitem,
}

/// A data format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// INSERT statements
    Sql,
    /// CSV with header and quotes
    Csv,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Table::Sbtest => "sbtest1",
            Table::Lineitem => "lineitem",
        }
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            Table::Sbtest => &["id", "k", "c", "pad"],
            Table::Lineitem => &[
                "l_orderkey",
                "l_partkey",
                "l_suppkey",
                "l_linenumber",
                "l_quantity",
                "l_extendedprice",
                "l_discount",
                "l_tax",
                "l_returnflag",
                "l_linestatus",
                "l_shipdate",
                "l_commitdate",
                "l_receiptdate",
                "l_shipinstruct",
                "l_shipmode",
                "l_comment",
            ],
        }
    }

    fn definition(self) -> &'static str {
        match self {
            Table::Sbtest => {
                "CREATE TABLE `sbtest1` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `k` int NOT NULL DEFAULT '0',\n  `c` char(120) NOT NULL DEFAULT '',\n  `pad` char(60) NOT NULL DEFAULT '',\n  PRIMARY KEY (`id`) /*T![clustered_index] CLUSTERED */,\n  KEY `k_1` (`k`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;\n"
            }
            Table::Lineitem => {
                "CREATE TABLE `lineitem` (\n  `l_orderkey` bigint NOT NULL,\n  `l_partkey` bigint NOT NULL,\n  `l_suppkey` bigint NOT NULL,\n  `l_linenumber` bigint NOT NULL,\n  `l_quantity` decimal(15,2) NOT NULL,\n  `l_extendedprice` decimal(15,2) NOT NULL,\n  `l_discount` decimal(15,2) NOT NULL,\n  `l_tax` decimal(15,2) NOT NULL,\n  `l_returnflag` char(1) NOT NULL,\n  `l_linestatus` char(1) NOT NULL,\n  `l_shipdate` date NOT NULL,\n  `l_commitdate` date NOT NULL,\n  `l_receiptdate` date NOT NULL,\n  `l_shipinstruct` char(25) NOT NULL,\n  `l_shipmode` char(10) NOT NULL,\n  `l_comment` varchar(44) NOT NULL,\n  PRIMARY KEY (`l_orderkey`,`l_linenumber`) /*T![clustered_index] CLUSTERED */,\n  KEY `l_part_supp` (`l_partkey`,`l_suppkey`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;\n"
            }
        }
    }

    /// The fields of row `number` (from 1); true = quoted.
    fn row(self, number: u64, random: &mut Random, fields: &mut Vec<(String, bool)>) {
        fields.clear();
        match self {
            Table::Sbtest => {
                fields.push((number.to_string(), false));
                fields.push(((random.below(1 << 22) + 1).to_string(), false));
                fields.push((random.digits(10), true));
                fields.push((random.digits(5), true));
            }
            Table::Lineitem => {
                // Orders of one to seven lines, by the row number alone, so that files are independent.
                let (order, line) = (number / 4 * 4 + 1, number % 4 + 1);
                let quantity = random.below(50) + 1;
                let price = quantity * (90_000 + random.below(110_000));
                fields.push((order.to_string(), false));
                fields.push(((random.below(2_000_000) + 1).to_string(), false));
                fields.push(((random.below(100_000) + 1).to_string(), false));
                fields.push((line.to_string(), false));
                fields.push((format!("{quantity}.00"), false));
                fields.push((format!("{}.{:02}", price / 100, price % 100), false));
                fields.push((format!("0.{:02}", random.below(11)), false));
                fields.push((format!("0.{:02}", random.below(9)), false));
                fields.push((random.pick(&["A", "N", "R"]).to_owned(), true));
                fields.push((random.pick(&["F", "O"]).to_owned(), true));
                for _ in 0..3 {
                    let date = format!(
                        "{}-{:02}-{:02}",
                        1992 + random.below(7),
                        random.below(12) + 1,
                        random.below(28) + 1
                    );
                    fields.push((date, true));
                }
                let instructions = ["COLLECT COD", "DELIVER IN PERSON", "NONE", "TAKE BACK RETURN"];
                fields.push((random.pick(&instructions).to_owned(), true));
                let modes = ["AIR", "FOB", "MAIL", "RAIL", "REG AIR", "SHIP", "TRUCK"];
                fields.push((random.pick(&modes).to_owned(), true));
                let mut comment = random.words();
                comment.truncate(10 + random.below(34) as usize);
                fields.push((comment.trim_end().to_owned(), true));
            }
        }
    }
}

/// Numbers that are the same everywhere (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// sysbench's groups of eleven digits.
    fn digits(&mut self, groups: usize) -> String {
        let mut text = String::with_capacity(groups * 12);
        for group in 0..groups {
            let _ = write!(text, "{}{:011}", if group > 0 { "-" } else { "" }, self.below(100_000_000_000));
        }
        text
    }

    fn words(&mut self) -> String {
        const WORDS: [&str; 16] = [
            "furiously",
            "final",
            "packages",
            "sleep",
            "blithely",
            "regular",
            "deposits",
            "across",
            "the",
            "ironic",
            "requests",
            "carefully",
            "express",
            "accounts",
            "nag",
            "quickly",
        ];
        let mut text = String::with_capacity(64);
        while text.len() < 48 {
            text.push_str(self.pick(&WORDS));
            text.push(' ');
        }
        text
    }
}

/// Writes the dump.
pub(crate) fn run(args: &GenerateArgs) -> io::Result<()> {
    fs::create_dir_all(&args.to)?;
    fs::write(args.to.join("bench-schema-create.sql"), "CREATE DATABASE `bench`;\n")?;
    for &table in &args.table {
        fs::write(args.to.join(format!("bench.{}-schema.sql", table.name())), table.definition())?;
        let mut next_row = 1;
        for file in 0..args.files.max(1) {
            let bytes = args.megabytes * 1_000_000 / args.files.max(1);
            next_row = write_file(&args.to, table, args.format, file, bytes, next_row)?;
        }
    }
    Ok(())
}

fn write_file(
    dir: &Path,
    table: Table,
    format: Format,
    file: u64,
    bytes: u64,
    first_row: u64,
) -> io::Result<u64> {
    let extension = if format == Format::Sql { "sql" } else { "csv" };
    let path = dir.join(format!("bench.{}.{file:09}.{extension}", table.name()));
    let mut out = io::BufWriter::with_capacity(1 << 20, fs::File::create(path)?);
    let mut random = Random(file << 32 | table as u64);
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
        let quote = if format == Format::Sql { '\'' } else { '"' };
        for (number, (text, quoted)) in fields.iter().enumerate() {
            if number > 0 {
                line.push(',');
            }
            if *quoted {
                let _ = write!(line, "{quote}{text}{quote}");
            } else {
                line.push_str(text);
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
    out.flush()?;
    Ok(row)
}
