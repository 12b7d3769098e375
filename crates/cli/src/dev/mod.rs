//! `thunderhead dev`: tools for developing Thunderhead itself.

mod cases;
mod figures;
mod generate;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use th_codec::golden;
use th_gcs_double::GcsDouble;

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
    /// Serve Google Cloud Storage's XML API from memory, until Ctrl-C
    Gcs {
        /// Port on loopback
        #[arg(long, default_value_t = 4443)]
        port: u16,
        /// Buckets that are there at the start
        #[arg(long, default_value = "thunderhead")]
        bucket: Vec<String>,
    },
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
        DevCommand::Gcs { port, bucket } => match gcs(port, &bucket) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: cannot serve on port {port}: {error}");
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

fn gcs(port: u16, buckets: &[String]) -> std::io::Result<()> {
    tokio::runtime::Runtime::new()?.block_on(async {
        let double = GcsDouble::start(port).await?;
        for bucket in buckets {
            double.make_bucket(bucket);
        }
        println!("{}", double.endpoint());
        tokio::signal::ctrl_c().await
    })
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
