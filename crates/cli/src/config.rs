//! `thunderhead config`: is a configuration right, what does it amount to, and how does an older one look
//! today.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use th_config::{Config, ConfigError};
use th_connect::fault;
use th_dump::Location;
use th_errors::{Code, Fault};

/// Looks at configurations
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong with a configuration, and which of its keys do nothing here
    Check {
        /// A tidb-lightning.toml, with our own keys under [thunderhead]
        file: PathBuf,
    },
    /// Print a configuration as it is understood: every key, defaults included, secrets hidden
    Show {
        /// A tidb-lightning.toml; the defaults without one
        file: Option<PathBuf>,
    },
    /// Turn a configuration of Loader into a tidb-lightning.toml
    FromLoader {
        /// Loader's file
        file: PathBuf,
    },
}

/// Runs the command.
pub(crate) fn run(command: ConfigCommand) -> ExitCode {
    let result = match command {
        ConfigCommand::Check { file } => check(&file),
        ConfigCommand::Show { file } => show(file.as_deref()),
        ConfigCommand::FromLoader { file } => from_loader(&file),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error[{}]: {fault}", fault.code);
            ExitCode::FAILURE
        }
    }
}

fn text(file: &Path) -> Result<String, Fault> {
    std::fs::read_to_string(file).map_err(|error| {
        Fault::new(Code::BadConfig, format!("cannot read the configuration {}: {error}", file.display()))
    })
}

fn of_config(error: ConfigError) -> Fault {
    fault::of_config(&error)
}

fn check(file: &Path) -> Result<(), Fault> {
    let (name, text) = (file.display().to_string(), text(file)?);
    let config = th_connect::load_config(Some(file), &[])?;
    // What only the readers check.
    th_connect::read_options(&config)?;
    for (key, line, note) in th_config::remarks(&name, &text).map_err(of_config)? {
        println!("{name}:{line}: {key}: {note}");
    }
    println!("{name}: valid");
    Ok(())
}

fn show(file: Option<&Path>) -> Result<(), Fault> {
    let mut config = th_connect::load_config(file, &[])?;
    hide(&mut config);
    let text = toml::to_string(&config)
        .map_err(|error| Fault::new(Code::Internal, format!("cannot print the configuration: {error}")))?;
    print!("{text}");
    Ok(())
}

/// Hides what URLs may hold; passwords hide themselves.
fn hide(config: &mut Config) {
    for url in [&mut config.mydumper.data_source_dir, &mut config.thunderhead.ledger] {
        if url.contains('?') || url.contains('@') {
            *url = Location::parse(url).map_or_else(|_| "***".to_owned(), |location| location.to_string());
        }
    }
}

fn from_loader(file: &Path) -> Result<(), Fault> {
    let text = text(file)?;
    print!("{}", th_config::from_loader(&file.display().to_string(), &text).map_err(of_config)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_urls_are_hidden() {
        let mut config = Config::default();
        config.mydumper.data_source_dir =
            "s3://b/p?access-key=AKIA&secret-access-key=hunter2&region=eu-west-1".to_owned();
        config.thunderhead.ledger = "s3://user:hunter2@b/p".to_owned();
        hide(&mut config);
        let shown = toml::to_string(&config).unwrap();
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("eu-west-1"), "{shown}");
    }
}
