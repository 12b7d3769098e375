//! `thunderhead dev generate`: a deterministic dump of benchmark tables, in dumpling's format.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use th_generate::write_file;

/// What to write.
#[derive(Debug, Clone, Args)]
pub struct GenerateArgs {
    /// Folder to write to; made if it does not exist
    #[arg(long, value_name = "DIR")]
    pub(super) to: PathBuf,
    /// Tables
    #[arg(long, value_enum, default_values_t = [Table::Sbtest, Table::Lineitem])]
    pub(super) table: Vec<Table>,
    /// Megabytes of rows a table
    #[arg(long, default_value_t = 64)]
    pub(super) megabytes: u64,
    /// Files a table
    #[arg(long, default_value_t = 4)]
    pub(super) files: u64,
    /// Data format
    #[arg(long, value_enum, default_value_t = Format::Sql)]
    pub(super) format: Format,
}

/// A benchmark table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Table {
    /// sysbench's `sbtest1`
    Sbtest,
    /// TPC-H's `lineitem`, with an index on part and supplier
    Lineitem,
    /// JSON, long decimals and text of several languages
    Documents,
}

/// A data format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// INSERT statements
    Sql,
    /// CSV with header and quotes
    Csv,
}

impl From<Table> for th_generate::Table {
    fn from(table: Table) -> Self {
        match table {
            Table::Sbtest => Self::Sbtest,
            Table::Lineitem => Self::Lineitem,
            Table::Documents => Self::Documents,
        }
    }
}

impl From<Format> for th_generate::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Sql => Self::Sql,
            Format::Csv => Self::Csv,
        }
    }
}

/// Writes the dump.
pub(crate) fn run(args: &GenerateArgs) -> io::Result<()> {
    fs::create_dir_all(&args.to)?;
    fs::write(args.to.join("bench-schema-create.sql"), "CREATE DATABASE `bench`;\n")?;
    let format = th_generate::Format::from(args.format);
    for table in args.table.iter().map(|&table| th_generate::Table::from(table)) {
        fs::write(args.to.join(format!("bench.{}-schema.sql", table.name())), table.definition())?;
        let mut next_row = 1;
        for file in 0..args.files.max(1) {
            let bytes = args.megabytes * 1_000_000 / args.files.max(1);
            let name = format!("bench.{}.{file:09}.{}", table.name(), format.extension());
            let mut out = io::BufWriter::with_capacity(1 << 20, fs::File::create(args.to.join(name))?);
            next_row = write_file(&mut out, table, format, file, bytes, next_row)?;
            out.flush()?;
        }
    }
    Ok(())
}
