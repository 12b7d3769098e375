//! From text to a typed configuration: look for unknown keys, lay settings over it, type it, adjust it.

use serde::Deserialize as _;
use toml::de::DeTable;
use toml::{Table, Value};

use crate::keys::{self, UnknownKey};
use crate::overrides::{self, Override};
use crate::{Config, Secret, adjust, notes};

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, or a value of the wrong kind; the message shows the line.
    #[error("cannot use the configuration {name}: {message}")]
    Parse {
        /// The file.
        name: String,
        /// What is wrong and where.
        message: String,
    },
    /// Keys that nobody reads: most likely misspelled, so their settings would be lost.
    #[error("{name} has unknown keys: {}", .keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Unknown {
        /// The file, or the environment variable.
        name: String,
        /// All of them, in the file's order.
        keys: Vec<UnknownKey>,
    },
    /// Keys that contradict each other, or a value that is out of range.
    #[error("configuration key `{key}`: {message}")]
    Invalid {
        /// The key, `section.key`.
        key: &'static str,
        /// What is wrong and what would be right.
        message: String,
    },
    /// A file that the configuration refers to cannot be read.
    #[error("configuration key `{key}`: cannot read {path}: {message}")]
    File {
        /// The key, `section.key`.
        key: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        message: String,
    },
}

/// Parses and validates a configuration. `name` is for messages.
pub fn parse(name: &str, text: &str) -> Result<Config, ConfigError> {
    load(name, text, &[])
}

/// Parses a configuration, lays `overrides` over it (the last one of a key wins) and validates the result.
///
/// # Errors
/// All unknown keys at once; a value of the wrong kind; keys that contradict each other.
pub fn load(name: &str, text: &str, overrides: &[Override]) -> Result<Config, ConfigError> {
    let failed = |message: String| ConfigError::Parse { name: name.to_owned(), message };
    let document = DeTable::parse(text).map_err(|error| failed(error.to_string()))?;
    let unknown = keys::look(text, document.get_ref()).unknown;
    if !unknown.is_empty() {
        return Err(ConfigError::Unknown { name: name.to_owned(), keys: unknown });
    }
    let parsed: Table = toml::from_str(text).map_err(|error| failed(error.to_string()))?;
    let mut parsed = with_own_names("", parsed);
    overrides::apply(&mut parsed, overrides);
    let mut config = Config::deserialize(parsed).map_err(|error| {
        // The text itself gives the better message, with the line, if it is what is wrong.
        let of_text = toml::from_str::<Config>(text).err();
        failed(of_text.unwrap_or(error).to_string())
    })?;
    adjust::adjust(&mut config)?;
    Ok(config)
}

/// What is to know about the keys that a file sets: those that do nothing or something else here.
///
/// # Errors
/// Text that is not TOML.
pub fn remarks(name: &str, text: &str) -> Result<Vec<(String, usize, &'static str)>, ConfigError> {
    let document = DeTable::parse(text)
        .map_err(|error| ConfigError::Parse { name: name.to_owned(), message: error.to_string() })?;
    let known = keys::look(text, document.get_ref()).known;
    Ok(known.into_iter().filter_map(|(key, line)| notes::note(&key).map(|note| (key, line, note))).collect())
}

/// Every key there is, sorted.
pub fn all_keys() -> Vec<String> {
    keys::all()
}

/// Reads the files that a configuration refers to: filter rules (`@file`) and the password.
pub fn resolve(config: &mut Config) -> Result<(), ConfigError> {
    let read = |key, path: &str| {
        std::fs::read_to_string(path).map_err(|error| ConfigError::File {
            key,
            path: path.to_owned(),
            message: error.to_string(),
        })
    };
    let mut filter = Vec::with_capacity(config.mydumper.filter.len());
    for rule in std::mem::take(&mut config.mydumper.filter) {
        match rule.trim().strip_prefix('@') {
            Some(path) => {
                filter.extend(read("mydumper.filter", path.trim())?.lines().map(str::to_owned));
            }
            None => filter.push(rule),
        }
    }
    config.mydumper.filter = filter;
    if !config.thunderhead.password_file.is_empty() {
        let text = read("thunderhead.password-file", &config.thunderhead.password_file)?;
        config.tidb.password = Secret::new(text.trim_end_matches(['\r', '\n']));
    }
    Ok(())
}

/// The tables with older names and other cases replaced by the keys' own names.
fn with_own_names(path: &str, table: Table) -> Table {
    let mut out = Table::new();
    for (key, value) in table {
        let Some(name) = keys::canonical(path, &key) else {
            out.insert(key, value);
            continue;
        };
        let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let value = match value {
            Value::Table(table) if !keys::is_free(&inner) => Value::Table(with_own_names(&inner, table)),
            Value::Array(items) => Value::Array(
                items
                    .into_iter()
                    .map(|item| match item {
                        Value::Table(table) => Value::Table(with_own_names(&inner, table)),
                        item => item,
                    })
                    .collect(),
            ),
            // `pprof-port = 8289`
            Value::Integer(port) if inner == "lightning.status-addr" => Value::String(format!(":{port}")),
            value => value,
        };
        out.insert(name, value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_gives_lightnings_defaults() {
        let config = parse("empty", "").unwrap();
        assert_eq!(config.tidb.sql_mode, "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_AUTO_CREATE_USER");
        assert_eq!(config.mydumper.csv.separator, ",");
        assert_eq!(config.mydumper.csv.escaped_by.as_deref(), Some("\\"));
        assert_eq!(config.cron.switch_mode.0.as_secs(), 300);
        assert_eq!(config.conflict.threshold, 0);
    }

    #[test]
    fn unknown_keys_are_all_named_with_their_lines_and_a_guess() {
        let text = "[typo-1]\n[lightning]\nlevle = 'debug'\n[[typo-3]]\n[mydumper.csv]\nseperator = ';'\n";
        let error = parse("a.toml", text).unwrap_err().to_string();
        for part in ["a.toml", "`typo-1` in line 1", "`lightning.levle` in line 3", "`lightning.level`"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(
            error.contains("`typo-3` in line 4") && error.contains("`mydumper.csv.separator`"),
            "{error}"
        );
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named_with_its_line() {
        let error = parse("a.toml", "[tidb]\nport = 'x'").unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("port"), "{error}");
    }

    #[test]
    fn a_setting_over_the_file_replaces_even_nonsense() {
        let text = "[tidb]\nhost = 'xyz'\nport = 12345678";
        assert!(parse("x", text).is_err());
        let config = load("x", text, &[Override::new("tidb.port", 4000)]).unwrap();
        assert_eq!((config.tidb.host.as_str(), config.tidb.port), ("xyz", 4000));
    }

    #[test]
    fn older_names_are_taken_for_the_newer_ones() {
        let text = "[lightning]\npprof-port = 8289\n[tikv-importer]\nincremental-import = true\n\
                    [[mydumper.ignore-columns]]\ndb = 'd'\n[[routes]]\nschema-pattern='a'\ntarget-schema='b'\n\
                    extract-table = { table-regexp = '(.*)', target-column = 'c' }";
        let config = parse("x", text).unwrap();
        assert_eq!(config.lightning.status_addr, ":8289");
        assert!(config.tikv_importer.parallel_import);
        assert_eq!(config.mydumper.ignore_data_columns[0].db, "d");
        assert_eq!(config.routes[0].extract_table.as_ref().unwrap().regexp, "(.*)");
    }

    #[test]
    fn contradicting_keys_are_named() {
        for (text, key) in [
            ("[mydumper.csv]\nseparator = ''", "mydumper.csv.separator"),
            ("[mydumper.csv]\nseparator = '\"x'", "mydumper.csv.delimiter"),
            ("[mydumper.csv]\nescaped-by = 'ab'", "mydumper.csv.escaped-by"),
            ("[mydumper.csv]\nescaped-by = ','", "mydumper.csv.escaped-by"),
            ("[mydumper]\nstrict-format = true", "mydumper.strict-format"),
            ("[tikv-importer]\nbackend = 'oracle'", "tikv-importer.backend"),
            ("[conflict]\nstrategy = 'ignore'", "conflict.strategy"),
            ("[conflict]\nstrategy = 'error'\nthreshold = 4", "conflict.threshold"),
            (
                "[conflict]\nstrategy = 'error'\n[tikv-importer]\nduplicate-resolution = 'remove'",
                "tikv-importer.duplicate-resolution",
            ),
            (
                "[tikv-importer]\nbackend = 'tidb'\nlogical-import-batch-rows = 0",
                "tikv-importer.logical-import-batch-rows",
            ),
            (
                "[tikv-importer]\nbackend = 'tidb'\nlogical-import-batch-size = 0",
                "tikv-importer.logical-import-batch-size",
            ),
            ("[lightning]\nmax-error = 'many'", "lightning.max-error"),
        ] {
            match parse("x", text).unwrap_err() {
                ConfigError::Invalid { key: found, .. } => assert_eq!(found, key),
                other => panic!("{text}: {other}"),
            }
        }
    }

    #[test]
    fn older_words_for_conflicts_give_the_newer_strategy() {
        for (text, strategy, threshold) in [
            ("[tikv-importer]\nduplicate-resolution = 'record'", "replace", 10_000),
            ("[tikv-importer]\non-duplicate = 'error'", "error", 0),
            ("[tikv-importer]\nbackend = 'tidb'", "error", 0),
            (
                "[tikv-importer]\nbackend = 'tidb'\non-duplicate = 'ignore'\n[conflict]\nthreshold = 7",
                "ignore",
                7,
            ),
            ("[tikv-importer]\nduplicate-resolution = 'none'", "", 0),
        ] {
            let conflict = parse("x", text).unwrap().conflict;
            assert_eq!((conflict.strategy.as_str(), conflict.threshold), (strategy, threshold), "{text}");
        }
    }

    #[test]
    fn the_escape_character_follows_both_of_its_keys() {
        for (text, escape) in [
            ("", "\\"),
            ("backslash-escape = false", ""),
            ("escaped-by = ''", "\\"),
            ("escaped-by = '!'", "!"),
            ("escaped-by = ''\nbackslash-escape = false", ""),
        ] {
            let config = parse("x", &format!("[mydumper.csv]\n{text}")).unwrap();
            assert_eq!(config.mydumper.csv.escaped_by.as_deref(), Some(escape), "{text}");
        }
    }

    #[test]
    fn passwords_do_not_appear_when_a_configuration_is_printed() {
        let config = parse("x", "[tidb]\npassword = 'hunter2'").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!toml::to_string(&config).unwrap().contains("hunter2"));
        assert_eq!(config.tidb.password.reveal(), "hunter2");
    }

    #[test]
    fn keys_without_effect_are_explained_where_they_are_set() {
        let remarks = remarks("x", "[lightning]\nlevel = 'info'\nregion-concurrency = 3\n").unwrap();
        assert_eq!(remarks.len(), 1);
        assert_eq!((remarks[0].0.as_str(), remarks[0].1), ("lightning.level", 2));
    }
}
