//! Settings from outside the file: flags and environment variables, laid over it before it is typed.
//!
//! They are applied to the parsed file, so a value that a flag replaces is never looked at.

use toml::{Table, Value};

use crate::keys;
use crate::load::ConfigError;

/// Environment variables of this prefix with `__` in them are settings:
/// `THUNDERHEAD_MYDUMPER__CSV__SEPARATOR` is `mydumper.csv.separator`.
const PREFIX: &str = "THUNDERHEAD_";

/// One setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// The key, `section.key`.
    pub key: String,
    /// Its value.
    pub value: Value,
    /// Whether it gives way to what the file or an override before it says.
    pub gives_way: bool,
}

impl Override {
    /// A setting of a key.
    pub fn new(key: &str, value: impl Into<Value>) -> Self {
        Self { key: key.to_owned(), value: value.into(), gives_way: false }
    }

    /// A setting for when neither the file nor an override before it has the key: another default.
    pub fn default_of(key: &str, value: impl Into<Value>) -> Self {
        Self { gives_way: true, ..Self::new(key, value) }
    }

    /// A setting from text, as its key's type wants it: a text stays one, anything else is read as TOML.
    pub fn from_text(key: &str, text: &str) -> Self {
        let as_toml = || toml::from_str::<Table>(&format!("v = {text}")).ok().and_then(|mut t| t.remove("v"));
        let value = match default(key) {
            Some(Value::String(_)) => None,
            Some(Value::Array(_)) => as_toml()
                .or_else(|| Some(Value::Array(text.split(',').map(|item| item.trim().into()).collect()))),
            _ => as_toml(),
        };
        Self::new(key, value.unwrap_or_else(|| text.into()))
    }
}

fn default(key: &str) -> Option<Value> {
    let defaults = Value::try_from(crate::Config::default()).ok()?;
    key.split('.').try_fold(defaults, |value, part| value.get(part).cloned())
}

/// The settings among environment variables.
///
/// # Errors
/// A variable with this prefix and `__` that names no key.
pub fn from_environment(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<Override>, ConfigError> {
    let mut found = Vec::new();
    for (name, value) in variables {
        let Some(path) = name.strip_prefix(PREFIX).filter(|rest| rest.contains("__")) else { continue };
        let path = path.to_ascii_lowercase().replace("__", ".").replace('_', "-");
        let (section, key) = path.rsplit_once('.').unwrap_or(("", &path));
        let free = keys::is_free(section);
        let key = if free { Some(key.replace('-', "_")) } else { keys::canonical(section, key) };
        match key {
            Some(key) if free => found.push(Override::new(&format!("{section}.{key}"), value)),
            Some(key) => found.push(Override::from_text(&format!("{section}.{key}"), &value)),
            None => {
                let suggestion = keys::suggest(section, key_of(&path));
                let unknown = keys::UnknownKey { path: path.clone(), line: 0, suggestion };
                return Err(ConfigError::Unknown { name, keys: vec![unknown] });
            }
        }
    }
    found.sort_by(|left, right| left.key.cmp(&right.key));
    Ok(found)
}

fn key_of(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Lays settings over a file.
pub(crate) fn apply(document: &mut Table, overrides: &[Override]) {
    for Override { key, value, gives_way } in overrides {
        let mut parts: Vec<&str> = key.split('.').collect();
        let last = parts.pop().unwrap_or_default();
        let mut at = &mut *document;
        for part in parts {
            let inner = at.entry(part).or_insert_with(|| Value::Table(Table::new()));
            if !inner.is_table() {
                *inner = Value::Table(Table::new());
            }
            match inner {
                Value::Table(inner) => at = inner,
                _ => return,
            }
        }
        if !(*gives_way && at.contains_key(last)) {
            at.insert(last.to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str, value: &str) -> Result<Vec<Override>, ConfigError> {
        from_environment([(name.to_owned(), value.to_owned()), ("HOME".to_owned(), "/".to_owned())])
    }

    #[test]
    fn variables_name_keys_and_keep_texts_texts() {
        let one = |name: &str, value: &str| environment(name, value).unwrap().remove(0);
        assert_eq!(one("THUNDERHEAD_TIDB__PORT", "4001"), Override::new("tidb.port", 4001));
        assert_eq!(one("THUNDERHEAD_TIDB__PASSWORD", "1234"), Override::new("tidb.password", "1234"));
        assert_eq!(
            one("THUNDERHEAD_MYDUMPER__CSV__HEADER", "false"),
            Override::new("mydumper.csv.header", false)
        );
        assert_eq!(
            one("THUNDERHEAD_MYDUMPER__FILTER", "a.*, !a.b"),
            Override::new("mydumper.filter", vec!["a.*", "!a.b"])
        );
        assert_eq!(
            one("THUNDERHEAD_TIDB__SESSION_VARS__TIDB_ENABLE_CLUSTERED_INDEX", "OFF"),
            Override::new("tidb.session-vars.tidb_enable_clustered_index", "OFF")
        );
        assert!(environment("THUNDERHEAD_LOG", "debug").unwrap().is_empty());
    }

    #[test]
    fn another_default_gives_way_to_the_file_and_to_what_was_set_before_it() {
        let default = Override::default_of("tidb.sql-mode", "A");
        let applied = |text: &str, overrides: &[Override]| {
            let mut document: Table = toml::from_str(text).unwrap();
            apply(&mut document, overrides);
            document["tidb"]["sql-mode"].as_str().unwrap().to_owned()
        };
        let flag = Override::new("tidb.sql-mode", "B");
        assert_eq!(applied("", std::slice::from_ref(&default)), "A");
        assert_eq!(applied("[tidb]\nsql-mode = 'C'", std::slice::from_ref(&default)), "C");
        assert_eq!(applied("", &[flag.clone(), default.clone()]), "B");
        assert_eq!(applied("[tidb]\nsql-mode = 'C'", &[default, flag]), "B");
    }

    #[test]
    fn a_variable_that_names_no_key_is_an_error_with_a_suggestion() {
        let error = environment("THUNDERHEAD_TIDB__HOTS", "x").unwrap_err().to_string();
        assert!(error.contains("THUNDERHEAD_TIDB__HOTS") && error.contains("tidb.host"), "{error}");
    }
}
