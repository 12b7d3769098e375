//! `thunderhead inspect`: what stands in a key, in a value, in an SST file.

mod bytes;
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use th_schema::{DdlOptions, Table, parse_create_table};
use th_types::{Context, TimeZone};

use self::bytes::{UserKey, parse, unwrap_key};
use self::show::Shower;

/// Look at stored bytes: keys, values, SST files
#[derive(Debug, Subcommand)]
pub(crate) enum InspectCommand {
    /// Say what a key is: of which table, which row, which index, with which values
    Key {
        /// In hexadecimal, or as TiKV's log writes it (`t\200\000…`): raw, memcomparable, or with its timestamp
        key: String,
        #[command(flatten)]
        names: Names,
    },
    /// Say what a row value or an index value holds
    Value {
        /// In hexadecimal or with escapes
        value: String,
        /// The value's key, which says whether it is a row's or an index entry's
        #[arg(long)]
        key: Option<String>,
        #[command(flatten)]
        names: Names,
    },
    /// List the pairs of an SST file of the `write` or `default` column family
    Sst {
        /// The file
        file: PathBuf,
        /// List at most so many pairs
        #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
        limit: u64,
        #[command(flatten)]
        names: Names,
    },
}

/// What gives names to columns.
#[derive(Debug, Clone, Args)]
pub(crate) struct Names {
    /// The table: a file with TiDB's TableInfo (JSON), or with its CREATE TABLE statement
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Time zone that TIMESTAMP columns are shown in
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    time_zone: String,
}

/// Runs the command.
pub(crate) fn run(command: InspectCommand) -> ExitCode {
    match inspect(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn inspect(command: InspectCommand) -> anyhow::Result<()> {
    match command {
        InspectCommand::Key { key, names } => {
            let key = unwrap_key(&parse(&key)?);
            println!("{}", shower(&names, key.table_id())?.key(&key));
        }
        InspectCommand::Value { value, key, names } => {
            let value = parse(&value)?;
            let key = key.map(|key| anyhow::Ok(unwrap_key(&parse(&key)?))).transpose()?;
            let shower = shower(&names, key.as_ref().and_then(UserKey::table_id))?;
            if let Some(key) = &key {
                println!("{}", shower.key(key));
            }
            println!("{}", shower.value(key.as_ref(), &value));
        }
        InspectCommand::Sst { file, limit, names } => return list(&file, limit, &names),
    }
    Ok(())
}

fn list(file: &Path, limit: u64, names: &Names) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut shower = None;
    let (mut listed, mut failed) = (0, None);
    let each = |key: &[u8], value: &[u8]| {
        let key = unwrap_key(key);
        if shower.is_none() {
            match self::shower(names, key.table_id()) {
                Ok(made) => shower = Some(made),
                Err(error) => {
                    failed = Some(error);
                    return false;
                }
            }
        }
        if let Some(shower) = &shower {
            println!("{}\n    {}", shower.key(&key), shower.stored(&key, value));
        }
        listed += 1;
        listed < limit
    };
    th_sst::read(file, scratch.path(), each)
        .with_context(|| format!("cannot read {} as an SST file", file.display()))?;
    match failed {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// A CREATE TABLE statement has no ids: its table is taken for the key's.
fn shower(names: &Names, table_id: Option<i64>) -> anyhow::Result<Shower> {
    let zone = TimeZone::parse(&names.time_zone).context("the time zone is not known")?;
    let context = Context { zone, ..Context::default() };
    let Some(path) = &names.table else { return Ok(Shower { table: None, context }) };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let is_json = text.trim_start().starts_with('{');
    let info = if is_json {
        serde_json::from_str(&text).with_context(|| format!("{} holds no TableInfo", path.display()))?
    } else {
        let options = DdlOptions { table_id: table_id.unwrap_or(1), ..DdlOptions::default() };
        let mut info = parse_create_table(&text, &options)
            .with_context(|| format!("{} holds no CREATE TABLE statement", path.display()))?;
        info.partition = None;
        info
    };
    let table = Table::new("", info).with_context(|| format!("cannot use {}", path.display()))?;
    if is_json && table_id.is_some_and(|id| !table.key_ids().contains(&id)) {
        bail!("{} is not the table of the key", path.display());
    }
    Ok(Shower { table: Some(table), context })
}
