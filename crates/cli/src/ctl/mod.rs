//! `thunderhead ctl`: the command line of `tidb-lightning-ctl`, answered from the ledger.
//!
//! Lightning's checkpoints are the imports of the ledger here. A verb is about the import of `-import-id`, or about
//! all imports of the configured source that the ledger holds. An import's plan is one whole: what Lightning does to
//! the checkpoint of one table can be done here only where it leaves the others right, and is explained elsewhere.

mod checkpoint;
mod dump;
mod stores;

use std::process::ExitCode;

use th_config::Config;
use th_connect::service;
use th_env::Env;
use th_errors::{Code, Fault};

use crate::import::default_ledger;
use crate::lightning::{self, Flags};

/// Verbs with a value: (flag, what it says).
const VERBS: [(&str, &str); 7] = [
    ("switch-mode", "import or normal: the mode of every TiKV store"),
    ("checkpoint-remove", "all or `db`.`table`: forget an import"),
    ("checkpoint-error-ignore", "all or `db`.`table`: let a failed import go on"),
    ("checkpoint-error-destroy", "all or `db`.`table`: drop a failed import's tables and forget it"),
    ("checkpoint-dump", "folder for tables.csv, engines.csv, chunks.csv"),
    ("import-engine", "not here: there are no engines"),
    ("cleanup-engine", "not here: there are no engines"),
];

/// Verbs without one.
const SWITCHES: [(&str, &str); 3] = [
    ("compact", "compact every TiKV store"),
    ("fetch-mode", "show the mode of every TiKV store"),
    ("check-local-storage", "show what dead processes left in the sort folder"),
];

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verb {
    Compact,
    SwitchMode(String),
    FetchMode,
    Remove(Which),
    ErrorIgnore(Which),
    ErrorDestroy(Which),
    Dump(String),
    CheckLocalStorage,
    Engine(&'static str),
}

/// Which tables a verb is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    All,
    /// Database and table.
    Table(String, String),
}

impl Which {
    /// `all`, or a name, quoted or not.
    fn parse(text: &str) -> Result<Self, Fault> {
        if text == "all" {
            return Ok(Self::All);
        }
        let (db, rest) = name(text).ok_or_else(|| bad_name(text))?;
        let (table, rest) = rest.strip_prefix('.').and_then(name).ok_or_else(|| bad_name(text))?;
        if !rest.is_empty() || db.is_empty() || table.is_empty() {
            return Err(bad_name(text));
        }
        Ok(Self::Table(db, table))
    }

    fn has(&self, db: &str, table: &str) -> bool {
        match self {
            Self::All => true,
            Self::Table(wanted_db, wanted) => {
                wanted_db.eq_ignore_ascii_case(db) && wanted.eq_ignore_ascii_case(table)
            }
        }
    }
}

fn bad_name(text: &str) -> Fault {
    Fault::new(Code::BadConfig, format!("`{text}` is neither `all` nor a table like `db`.`table`"))
}

/// A name at the beginning, and what follows.
fn name(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('`') else {
        let end = text.find('.').unwrap_or(text.len());
        return Some((text.get(..end)?.to_owned(), text.get(end..)?));
    };
    let mut out = String::new();
    let mut rest = quoted;
    loop {
        let end = rest.find('`')?;
        out.push_str(rest.get(..end)?);
        rest = rest.get(end + 1..)?;
        match rest.strip_prefix('`') {
            Some(after) => {
                out.push('`');
                rest = after;
            }
            None => return Some((out, rest)),
        }
    }
}

/// The verb of a command line and the flags that configure it. Of several verbs the first in Lightning's order
/// counts, as there.
fn parse(args: impl IntoIterator<Item = String>) -> Result<(Option<Verb>, Flags), Fault> {
    let bad = |message: String| Fault::new(Code::BadConfig, message);
    let mut found: Vec<(String, String)> = Vec::new();
    let mut others = Vec::new();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let flag = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).unwrap_or_default().to_owned();
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (flag, None),
        };
        if SWITCHES.iter().any(|(switch, _)| *switch == name) {
            let on = lightning::switch(value.as_deref().unwrap_or("true"));
            if on.ok_or_else(|| bad(format!("flag -{name} is true or false")))? {
                found.push((name, String::new()));
            }
        } else if VERBS.iter().any(|(verb, _)| *verb == name) {
            let value =
                value.or_else(|| args.next()).ok_or_else(|| bad(format!("flag -{name} needs a value")))?;
            found.push((name, value));
        } else {
            let has_value_behind = value.is_none() && lightning::takes_value(&name);
            others.push(arg);
            others.extend(has_value_behind.then(|| args.next()).flatten());
        }
    }
    let value =
        |verb: &str| found.iter().rev().find(|(name, _)| name == verb).map(|(_, value)| value.as_str());
    let which = |verb: &str| value(verb).map(Which::parse).transpose();
    let verb = if value("compact").is_some() {
        Some(Verb::Compact)
    } else if let Some(mode) = value("switch-mode") {
        Some(Verb::SwitchMode(mode.to_owned()))
    } else if value("fetch-mode").is_some() {
        Some(Verb::FetchMode)
    } else if value("import-engine").is_some() {
        Some(Verb::Engine("import-engine"))
    } else if value("cleanup-engine").is_some() {
        Some(Verb::Engine("cleanup-engine"))
    } else if let Some(which) = which("checkpoint-remove")? {
        Some(Verb::Remove(which))
    } else if let Some(which) = which("checkpoint-error-ignore")? {
        Some(Verb::ErrorIgnore(which))
    } else if let Some(which) = which("checkpoint-error-destroy")? {
        Some(Verb::ErrorDestroy(which))
    } else if let Some(folder) = value("checkpoint-dump") {
        Some(Verb::Dump(folder.to_owned()))
    } else {
        value("check-local-storage").map(|_| Verb::CheckLocalStorage)
    };
    Ok((verb, Flags::parse(others)?))
}

/// Runs the command line.
pub(crate) fn main(args: impl IntoIterator<Item = String>) -> ExitCode {
    let (verb, flags) = match parse(args) {
        Ok(parsed) => parsed,
        Err(fault) => {
            eprintln!("error[{}]: {fault}", fault.code);
            return ExitCode::from(2);
        }
    };
    if flags.version {
        println!("thunderhead {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    let Some(verb) = verb else {
        help();
        // As Lightning's: without a verb there is nothing to do but to tell.
        return ExitCode::SUCCESS;
    };
    let _telemetry = service::LogArgs::from_environment().start("warn");
    service::run(|env| run(verb, flags, env))
}

async fn run(verb: Verb, flags: Flags, env: Env) -> Result<(), Fault> {
    let mut config: Config = th_connect::load_config(flags.config.as_deref(), &flags.overrides)?;
    if config.thunderhead.ledger.is_empty() {
        config.thunderhead.ledger = default_ledger();
    }
    let import_id = flags.import_id.as_deref();
    match verb {
        Verb::Compact => stores::compact(&config, &env).await,
        Verb::SwitchMode(mode) => stores::switch_mode(&config, &env, &mode).await,
        Verb::FetchMode => stores::fetch_mode(&config, &env).await,
        Verb::Remove(which) => checkpoint::remove(&config, &env, import_id, &which).await,
        Verb::ErrorIgnore(which) => checkpoint::ignore_errors(&config, &env, import_id, &which).await,
        Verb::ErrorDestroy(which) => checkpoint::destroy(&config, &env, import_id, &which).await,
        Verb::Dump(folder) => dump::dump(&config, import_id, std::path::Path::new(&folder)).await,
        Verb::CheckLocalStorage => {
            let left = th_connect::dead_sort_dirs(&config);
            for path in &left {
                println!("left\t{}", path.display());
            }
            println!("{} left; the next import with this sort folder removes them", left.len());
            Ok(())
        }
        Verb::Engine(flag) => Err(Fault::new(
            Code::BadConfig,
            format!(
                "-{flag} has nothing to work on: there are no engines, a job that was not finished is done again by \
                 `thunderhead import --import-id …`, and its sorted files went with its process"
            ),
        )),
    }
}

fn help() {
    println!("Usage: thunderhead ctl [flags]\n\nThe flags of tidb-lightning-ctl:");
    for (flag, about) in VERBS {
        println!("  {:<34} {about}", format!("-{flag} VALUE"));
    }
    for (flag, about) in SWITCHES {
        println!("  {:<34} {about}", format!("-{flag}"));
    }
    println!("  {:<34} the import meant (not in tidb-lightning-ctl)", "-import-id ID");
    println!("and those of `thunderhead lightning`, such as -c FILE, -d URL, -pd-urls, -ledger.");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verb(args: &[&str]) -> Result<(Option<Verb>, Flags), Fault> {
        parse(args.iter().map(|arg| (*arg).to_owned()))
    }

    #[test]
    fn verbs_and_lightnings_flags_stand_in_any_order() {
        let (found, flags) =
            verb(&["-c", "a.toml", "--checkpoint-remove=`a`.`t`", "-d", "/dump", "-import-id", "x"]).unwrap();
        assert_eq!(found, Some(Verb::Remove(Which::Table("a".into(), "t".into()))));
        assert_eq!(flags.config, Some("a.toml".into()));
        assert_eq!(flags.import_id.as_deref(), Some("x"));
        assert_eq!(flags.overrides.len(), 1);
        let (found, _) = verb(&["-switch-mode", "normal", "-no-schema"]).unwrap();
        assert_eq!(found, Some(Verb::SwitchMode("normal".into())));
        assert_eq!(verb(&["-compact=false"]).unwrap().0, None);
        assert_eq!(verb(&["--fetch-mode", "-compact"]).unwrap().0, Some(Verb::Compact));
        assert!(verb(&["-checkpoint-dump"]).is_err());
        assert!(verb(&["-nonsense", "1"]).is_err());
    }

    #[test]
    fn tables_are_named_with_and_without_quotes() {
        let table = |db: &str, table: &str| Which::Table(db.into(), table.into());
        assert_eq!(Which::parse("all").unwrap(), Which::All);
        assert_eq!(Which::parse("a.t").unwrap(), table("a", "t"));
        assert_eq!(Which::parse("`odd ``name`.`x.y`").unwrap(), table("odd `name", "x.y"));
        for odd in ["", "a", "`a`", "`a`.`t`x", "a."] {
            assert!(Which::parse(odd).is_err(), "{odd:?}");
        }
        assert!(table("A", "t").has("a", "T"));
    }
}
