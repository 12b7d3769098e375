//! `thunderhead lightning`: the command line of `tidb-lightning`, so that a wrapper or a link of that name
//! does the same import.
//!
//! Flags are Go's: one or two hyphens, `-flag value` or `-flag=value`, switches without a value or with
//! `=true`, `=0`. Each sets a key of the configuration, over the file.

use std::path::PathBuf;
use std::process::ExitCode;

use th_config::{Config, Override};
use th_connect::service;
use th_env::Env;
use th_errors::{Code, Fault};
use th_planner::command::new_import_id;

use crate::{import, progress};

/// (flag, key, what it says).
const FLAGS: [(&str, &str, &str); 20] = [
    ("d", "mydumper.data-source-dir", "folder or URL of the dump"),
    ("L", "lightning.level", "log level"),
    ("log-file", "lightning.file", "log file"),
    ("tidb-host", "tidb.host", "TiDB's host"),
    ("tidb-port", "tidb.port", "TiDB's SQL port"),
    ("tidb-user", "tidb.user", "TiDB's user"),
    ("tidb-password", "tidb.password", "TiDB's password"),
    ("tidb-status", "tidb.status-port", "TiDB's status port"),
    ("pd-urls", "tidb.pd-addr", "PD endpoints"),
    ("backend", "tikv-importer.backend", "local, tidb or importer"),
    ("sorted-kv-dir", "tikv-importer.sorted-kv-dir", "folder for sorting"),
    ("importer", "tikv-importer.addr", "address of an importer daemon"),
    ("checksum", "post-restore.checksum", "required, optional or off"),
    ("analyze", "post-restore.analyze", "required, optional or off"),
    ("status-addr", "lightning.status-addr", "address of the status server"),
    ("ca", "security.ca-path", "CA certificates"),
    ("cert", "security.cert-path", "client certificate"),
    ("key", "security.key-path", "client key"),
    ("import-id", "", "names the import, to resume it (not in tidb-lightning)"),
    ("ledger", "thunderhead.ledger", "folder or URL of the ledger (not in tidb-lightning)"),
];

/// Flags that are on without a value: (flag, key, what it says).
const SWITCHES: [(&str, &str, &str); 5] = [
    ("enable-checkpoint", "checkpoint.enable", "keep checkpoints"),
    ("no-schema", "mydumper.no-schema", "deprecated"),
    ("check-requirements", "lightning.check-requirements", "check before the import"),
    ("redact-info-log", "security.redact-info-log", "hide user data in logs"),
    ("server-mode", "lightning.server-mode", "wait for tasks over HTTP"),
];

/// What TiDB Lightning does where nobody says anything, and `thunderhead import` does not: values that do not fit are
/// changed to such that do.
pub(crate) fn defaults() -> [Override; 1] {
    [Override::default_of("tidb.sql-mode", th_types::SqlMode::LIGHTNING_DEFAULT.to_string())]
}

/// What a command line says.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Flags {
    /// `-c`, `-config`.
    pub(crate) config: Option<PathBuf>,
    /// What the flags set, in order; the last one of a key wins.
    pub(crate) overrides: Vec<Override>,
    /// `-import-id`.
    pub(crate) import_id: Option<String>,
    pub(crate) version: bool,
    help: bool,
}

impl Flags {
    /// Reads flags as Go's flag library does.
    pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Self, Fault> {
        let bad = |message: String| Fault::new(Code::BadConfig, message);
        let mut flags = Self::default();
        let mut filter: Vec<String> = Vec::new();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let Some(flag) =
                arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|f| !f.is_empty())
            else {
                return Err(bad(format!("unexpected argument `{arg}`; flags begin with a hyphen")));
            };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (flag.to_owned(), None),
            };
            if let Some((_, key, _)) = SWITCHES.iter().find(|(switch, _, _)| *switch == name) {
                let on = switch(value.as_deref().unwrap_or("true"))
                    .ok_or_else(|| bad(format!("flag -{name} is true or false")))?;
                flags.overrides.push(Override::new(key, on));
                continue;
            }
            match name.as_str() {
                "V" | "version" => flags.version = true,
                "h" | "help" => flags.help = true,
                _ => {
                    let known = FLAGS.iter().find(|(flag, _, _)| *flag == name);
                    if known.is_none() && !matches!(name.as_str(), "c" | "config" | "f") {
                        return Err(bad(format!("there is no flag -{name}; `-h` lists them all")));
                    }
                    let value = value
                        .or_else(|| args.next())
                        .ok_or_else(|| bad(format!("flag -{name} needs a value")))?;
                    match (name.as_str(), known) {
                        ("c" | "config", _) => flags.config = Some(value.into()),
                        ("f", _) => filter.push(value),
                        ("import-id", _) => flags.import_id = Some(value),
                        (_, Some((_, key, _))) => flags.overrides.push(Override::from_text(key, &value)),
                        (_, None) => {}
                    }
                }
            }
        }
        if !filter.is_empty() {
            flags.overrides.push(Override::new("mydumper.filter", filter));
        }
        Ok(flags)
    }
}

/// Whether a flag's value may stand behind it, apart.
pub(crate) fn takes_value(name: &str) -> bool {
    matches!(name, "c" | "config" | "f") || FLAGS.iter().any(|(flag, _, _)| *flag == name)
}

/// Go's words for true and false.
pub(crate) fn switch(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Runs the command line.
pub(crate) fn main(args: impl IntoIterator<Item = String>) -> ExitCode {
    let flags = match Flags::parse(args) {
        Ok(flags) => flags,
        Err(fault) => {
            eprintln!("error[{}]: {fault}", fault.code);
            return ExitCode::from(2);
        }
    };
    if flags.help {
        help();
        return ExitCode::SUCCESS;
    }
    if flags.version {
        println!("thunderhead {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    let _telemetry =
        service::LogArgs::from_environment().start(if progress::on_terminal() { "warn" } else { "info" });
    service::run(|env| run(flags, env))
}

async fn run(flags: Flags, env: Env) -> Result<(), Fault> {
    // Before the flags, which win.
    let settings: Vec<Override> = defaults().into_iter().chain(flags.overrides).collect();
    let mut config: Config = th_connect::load_config(flags.config.as_deref(), &settings)?;
    if config.lightning.server_mode {
        return Err(Fault::new(
            Code::BadConfig,
            "lightning.server-mode is not supported: start one `thunderhead lightning` a task",
        ));
    }
    let import_id = flags.import_id.unwrap_or_else(|| new_import_id(&env));
    if config.thunderhead.ledger.is_empty() {
        config.thunderhead.ledger = import::default_ledger();
    }
    let ledger = th_connect::ledger(&config, &import_id)?;
    let verdict = import::import(&config, &env, &import_id, &ledger).await?;
    print!("{}", th_finalizer::summary::table(&verdict));
    println!("ledger: {}", ledger.display());
    th_finalizer::command::outcome(verdict)
}

fn help() {
    println!(
        "Usage: thunderhead lightning [flags]\n\nThe flags of tidb-lightning, each over the configuration file:"
    );
    println!(
        "  -c, -config FILE       configuration, a tidb-lightning.toml\n  -f PATTERN             tables to import, repeatable [mydumper.filter]"
    );
    for (flag, key, about) in FLAGS {
        let key = if key.is_empty() { String::new() } else { format!(" [{key}]") };
        println!("  {:<22} {about}{key}", format!("-{flag} VALUE"));
    }
    for (flag, key, about) in SWITCHES {
        println!("  {:<22} {about} [{key}]", format!("-{flag}"));
    }
    println!("  -V                     version");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Flags, Fault> {
        Flags::parse(args.iter().map(|arg| (*arg).to_owned()))
    }

    #[test]
    fn flags_have_one_or_two_hyphens_and_their_value_behind_a_space_or_an_equals_sign() {
        let flags =
            parse(&["-c", "a.toml", "--tidb-port=4001", "-tidb-host", "db", "--checksum", "off"]).unwrap();
        assert_eq!(flags.config, Some("a.toml".into()));
        assert_eq!(
            flags.overrides,
            [
                Override::new("tidb.port", 4001),
                Override::new("tidb.host", "db"),
                Override::new("post-restore.checksum", "off")
            ]
        );
    }

    #[test]
    fn switches_take_no_separate_value() {
        let flags = parse(&["--no-schema=1", "-enable-checkpoint=0", "-redact-info-log", "-V"]).unwrap();
        let on: Vec<bool> = flags.overrides.iter().filter_map(|set| set.value.as_bool()).collect();
        assert_eq!(on, [true, false, true]);
        assert!(flags.version);
        assert!(parse(&["-no-schema=maybe"]).is_err());
    }

    #[test]
    fn filters_add_up_and_strange_flags_are_errors() {
        let flags = parse(&["-f", "a.*", "-f", "!a.b"]).unwrap();
        assert_eq!(flags.overrides, [Override::new("mydumper.filter", vec!["a.*", "!a.b"])]);
        for args in [&["-nonsense", "1"][..], &["word"], &["-d"], &["-"]] {
            assert_eq!(parse(args).unwrap_err().code, Code::BadConfig, "{args:?}");
        }
    }

    #[test]
    fn every_flag_sets_a_key() {
        for (_, key, _) in FLAGS.iter().chain(&SWITCHES).filter(|(_, key, _)| !key.is_empty()) {
            assert!(th_config::all_keys().iter().any(|known| known == key), "{key}");
        }
    }
}
