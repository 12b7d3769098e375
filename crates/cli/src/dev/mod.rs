//! `thunderhead dev`: tools for developing Thunderhead itself.

mod cases;
mod figures;
mod generate;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use th_codec::golden;

/// Tools for developing Thunderhead itself
#[derive(Debug, Subcommand)]
pub enum DevCommand {
    /// Compare the encoder with recorded key-value pairs
    Golden {
        /// Folders with *.jsonl.gz files
        #[arg(required = true)]
        dirs: Vec<PathBuf>,
    },
    /// Make imports again that TiDB Lightning made, and compare how they end
    Cases {
        /// Folders of cases
        #[arg(required = true)]
        dirs: Vec<PathBuf>,
    },
    /// Write a deterministic dump of two benchmark tables in dumpling's format
    Generate(generate::GenerateArgs),
    /// Measure whole imports: processor time, memory, the bytes that are written
    #[command(subcommand)]
    Figures(figures::FiguresCommand),
}

/// Runs a tool.
pub(crate) fn run(command: DevCommand) -> ExitCode {
    match command {
        DevCommand::Golden { dirs } => golden(&dirs),
        DevCommand::Cases { dirs } => cases::run(&dirs),
        DevCommand::Figures(command) => match figures::run(&command) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        },
        DevCommand::Generate(args) => match generate::run(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

/// Each table from both its definitions, TiDB's JSON and the `CREATE TABLE` text; prints
/// `N passed, M failed` (tables) last.
fn golden(paths: &[PathBuf]) -> ExitCode {
    let (mut passed, mut failed) = (0, 0);
    for path in paths {
        let files = if path.is_dir() { golden::files(path) } else { Ok(vec![path.clone()]) };
        let files = match files {
            Ok(files) => files,
            Err(error) => {
                eprintln!("error: cannot list {}: {error}", path.display());
                return ExitCode::FAILURE;
            }
        };
        for file in files {
            let verdicts = [golden::Form::Json, golden::Form::Ddl].map(|form| golden::check(&file, form));
            let table = &verdicts[0].table;
            if verdicts.iter().all(golden::Verdict::passes) {
                passed += 1;
                println!("{table}: pass ({} rows)", verdicts[0].rows);
                continue;
            }
            failed += 1;
            for (verdict, form) in verdicts.iter().zip(["TableInfo", "CREATE TABLE"]) {
                if let Some(first) = verdict.differences.first() {
                    println!(
                        "{table}: from {form}, {} differences, the first:\n{first}",
                        verdict.differences.len()
                    );
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
