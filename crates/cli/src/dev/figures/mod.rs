//! `thunderhead dev figures`: measures whole imports, as processes of this very program.
//!
//! Processor time, not the clock, is what a busy machine leaves comparable; every figure comes from the operating
//! system's books of a process (`/proc`), so the playground's part never counts as the importer's.

mod conflicts;
mod import;
mod ledger;
mod process;
mod sql;
mod workers;

use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::dev::generate::{self, Format, GenerateArgs, Table};

/// What is measured
#[derive(Debug, Clone, Subcommand)]
pub enum FiguresCommand {
    /// One import: wall clock, processor time, memory, bytes written to the sort folder
    Import(import::ImportFigures),
    /// Imports in which very many rows have equal keys: does the memory grow with them?
    Conflicts(conflicts::ConflictsFigures),
    /// The same import by 1, 2, 4, 8 worker processes: is the work the same?
    Workers(workers::WorkersFigures),
    /// By SQL: a server's own client, text, prepared statements
    Sql(sql::SqlFigures),
    /// Finalizer and status with a plan of very many jobs
    Ledger(ledger::LedgerFigures),
}

/// Measures, and prints a table.
pub(crate) fn run(command: &FiguresCommand) -> anyhow::Result<()> {
    match command {
        FiguresCommand::Import(args) => import::run(args),
        FiguresCommand::Conflicts(args) => conflicts::run(args),
        FiguresCommand::Workers(args) => workers::run(args),
        FiguresCommand::Sql(args) => sql::run(args),
        FiguresCommand::Ledger(args) => ledger::run(args),
    }
}

/// Writes `lineitem` as SQL into a folder, in files of about 128 MB.
fn dump(folder: &Path, megabytes: u64) -> anyhow::Result<()> {
    let (table, files) = (vec![Table::Lineitem], megabytes.div_ceil(128));
    generate::run(&GenerateArgs { to: folder.to_owned(), table, megabytes, files, format: Format::Sql })?;
    Ok(())
}

/// The size of a folder's data files in bytes.
fn size(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

/// A folder for everything that a measurement writes.
fn scratch(wanted: Option<&PathBuf>) -> anyhow::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("thunderhead-figures-");
    Ok(match wanted {
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            builder.tempdir_in(folder)?
        }
        None => builder.tempdir()?,
    })
}
