//! The same dump by SQL into a server that is there: by its own client, and by this program with text and with prepared
//! statements.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use super::process::{Process, Used, arguments};
use super::{dump, scratch, size};

/// What is written, and where.
#[derive(Debug, Clone, Args)]
pub struct SqlFigures {
    /// Megabytes of `lineitem` as SQL
    #[arg(long, default_value_t = 100)]
    megabytes: u64,
    /// The server, on this machine; its database `bench` is dropped
    #[arg(long)]
    port: u16,
    /// A user of it without password
    #[arg(long, default_value = "root")]
    user: String,
    /// Its client
    #[arg(long, default_value = "mariadb")]
    client: String,
    /// Transactions at once
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2])]
    threads: Vec<usize>,
    /// Folder for dump and ledger; a temporary one if not given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &SqlFigures) -> anyhow::Result<()> {
    let folder = scratch(args.dir.as_ref())?;
    let path = |name: &str| folder.path().join(name);
    dump(&path("dump"), args.megabytes)?;
    let bytes = size(&path("dump"))?;
    println!("lineitem SQL, {:.0} MB, by SQL into a server on this machine", bytes as f64 / 1e6);
    println!("by | wall s | its CPU s | peak memory MiB");
    let show = |by: &str, used: Used| {
        println!(
            "{by} | {:.1} | {:.1} | {:.0}",
            used.wall,
            used.cpu,
            used.memory as f64 / f64::from(1 << 20)
        );
    };
    client(args, None, folder.path())?;
    show(&format!("`{} < dump`", args.client), client(args, Some(&path("dump")), folder.path())?);
    for prepared in [false, true] {
        let config = path("config.toml");
        std::fs::write(&config, format!("[tikv-importer]\nlogical-import-prep-stmt = {prepared}\n"))?;
        for &threads in &args.threads {
            client(args, None, folder.path())?;
            let flags = [
                ("--config", config.display().to_string()),
                ("--backend", "tidb".to_owned()),
                ("--source", path("dump").display().to_string()),
                ("--ledger", path("ledger").display().to_string()),
                ("--import-id", format!("sql-{prepared}-{threads}")),
                ("--concurrency", threads.to_string()),
                ("--tidb-host", "127.0.0.1".to_owned()),
                ("--tidb-port", args.port.to_string()),
                ("--tidb-user", args.user.clone()),
            ];
            let used = Process::run(&arguments("import", &flags, &[]), folder.path())?;
            let how = if prepared { "prepared statements" } else { "text" };
            show(&format!("`thunderhead import`, {how}, {threads} at once"), used);
        }
    }
    Ok(())
}

/// Has the server's client run the files of a dump, or drop the database.
fn client(args: &SqlFigures, dump: Option<&Path>, folder: &Path) -> anyhow::Result<Used> {
    let input = folder.join("input.sql");
    let mut all = File::create(&input)?;
    match dump {
        None => std::io::Write::write_all(&mut all, b"DROP DATABASE IF EXISTS `bench`;\n")?,
        Some(dump) => {
            let mut files: Vec<PathBuf> =
                std::fs::read_dir(dump)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
            // The database, tables, rows.
            let rank = |path: &PathBuf| {
                let name = path.display().to_string();
                (!name.ends_with("-schema-create.sql"), !name.ends_with("-schema.sql"), name)
            };
            files.sort_by_key(rank);
            for (number, file) in files.iter().enumerate() {
                std::io::copy(&mut File::open(file)?, &mut all)?;
                if number == 0 {
                    std::io::Write::write_all(&mut all, b"USE `bench`;\n")?;
                }
            }
        }
    }
    let mut command = Command::new(&args.client);
    let port = format!("--port={}", args.port);
    command.args(["--no-defaults", "--host=127.0.0.1", &port, &format!("--user={}", args.user)]);
    command.arg("--max-allowed-packet=64M").stdin(File::open(&input)?);
    Process::start_command(command, &args.client, folder)?.wait()
}
