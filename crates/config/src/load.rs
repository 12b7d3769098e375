//! Reading the file.

use crate::Config;

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML, an unknown key, or a value of the wrong kind; the message shows the line.
    #[error("cannot use the configuration {name}: {message}")]
    Parse {
        /// The file.
        name: String,
        /// What is wrong and where.
        message: String,
    },
    /// Keys that contradict each other, or a value that is out of range.
    #[error("configuration key `{key}`: {message}")]
    Invalid {
        /// The key, `section.key`.
        key: &'static str,
        /// What is wrong and what would be right.
        message: String,
    },
}

/// Parses and validates a configuration. `name` is for messages.
pub fn parse(name: &str, text: &str) -> Result<Config, ConfigError> {
    let config: Config = toml::from_str(text)
        .map_err(|error| ConfigError::Parse { name: name.to_owned(), message: error.to_string() })?;
    validate(&config)?;
    Ok(config)
}

fn validate(config: &Config) -> Result<(), ConfigError> {
    let invalid = |key, message: &str| Err(ConfigError::Invalid { key, message: message.to_owned() });
    let csv = &config.mydumper.csv;
    if csv.separator.is_empty() {
        return invalid("mydumper.csv.separator", "must not be empty");
    }
    if !csv.delimiter.is_empty()
        && (csv.separator.starts_with(&csv.delimiter) || csv.delimiter.starts_with(&csv.separator))
    {
        return invalid(
            "mydumper.csv.delimiter",
            "neither of separator and delimiter may begin with the other",
        );
    }
    if let Some(escape) = &csv.escaped_by
        && escape.chars().count() > 1
    {
        return invalid("mydumper.csv.escaped-by", "must be one character or empty");
    }
    if !(0.0..1.0).contains(&config.mydumper.batch_import_ratio) {
        return invalid("mydumper.batch-import-ratio", "must be at least 0 and below 1");
    }
    if !config.routes.is_empty() && !config.mydumper.files.is_empty() {
        return invalid("routes", "`[[routes]]` and `[[mydumper.files]]` cannot be used together");
    }
    if !matches!(config.tikv_importer.backend.as_str(), "local" | "tidb" | "importer" | "import-into") {
        return invalid("tikv-importer.backend", "must be `local`, `tidb` or `importer`");
    }
    if !matches!(config.conflict.strategy.as_str(), "" | "error" | "replace" | "ignore" | "remove" | "record")
    {
        return invalid("conflict.strategy", "must be empty, `error`, `replace` or `ignore`");
    }
    if config.thunderhead.max_receives == 0 {
        return invalid("thunderhead.max-receives", "must be at least 1");
    }
    if config.thunderhead.piece_size.0 < 1 << 20 {
        return invalid("thunderhead.piece-size", "must be at least 1MiB");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_gives_lightnings_defaults() {
        let config = parse("empty", "").unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.tidb.sql_mode, "ONLY_FULL_GROUP_BY,NO_AUTO_CREATE_USER");
        assert_eq!(config.mydumper.csv.separator, ",");
        assert_eq!(config.cron.switch_mode.0.as_secs(), 300);
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it_and_its_line() {
        let error = parse("a.toml", "[lightning]\nlevle = \"debug\"\n").unwrap_err().to_string();
        assert!(error.contains("a.toml") && error.contains("levle") && error.contains("line 2"), "{error}");
    }

    #[test]
    fn contradicting_keys_are_named() {
        for (text, key) in [
            ("[mydumper.csv]\nseparator = ''", "mydumper.csv.separator"),
            ("[mydumper.csv]\nseparator = '\"x'", "mydumper.csv.delimiter"),
            ("[mydumper.csv]\nescaped-by = 'ab'", "mydumper.csv.escaped-by"),
            ("[tikv-importer]\nbackend = 'oracle'", "tikv-importer.backend"),
        ] {
            match parse("x", text).unwrap_err() {
                ConfigError::Invalid { key: found, .. } => assert_eq!(found, key),
                other => panic!("{text}: {other}"),
            }
        }
    }

    #[test]
    fn passwords_do_not_appear_when_a_configuration_is_printed() {
        let config = parse("x", "[tidb]\npassword = 'hunter2'").unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(!toml::to_string(&config).unwrap().contains("hunter2"));
        assert_eq!(config.tidb.password.reveal(), "hunter2");
    }
}
