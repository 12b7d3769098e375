//! Loader's configuration (the SQL importer before Lightning) as a `tidb-lightning.toml`.

use std::fmt::Write as _;

use toml::{Table, Value};

use crate::load::ConfigError;

/// (Loader's key, the section and key here).
const KEYS: [(&str, &str, &str); 9] = [
    ("log-level", "lightning", "level"),
    ("log-file", "lightning", "file"),
    ("status-addr", "lightning", "status-addr"),
    ("dir", "mydumper", "data-source-dir"),
    ("db.host", "tidb", "host"),
    ("db.port", "tidb", "port"),
    ("db.user", "tidb", "user"),
    ("db.sql-mode", "tidb", "sql-mode"),
    ("db.max-allowed-packet", "tidb", "max-allowed-packet"),
];
/// The keys of a `[[route-rules]]`, the same here.
const ROUTE: [&str; 4] = ["schema-pattern", "table-pattern", "target-schema", "target-table"];

/// Translates; comments say what was left out and why. A password is not copied.
///
/// # Errors
/// Text that is not TOML, keys that Loader does not have.
pub fn from_loader(name: &str, text: &str) -> Result<String, ConfigError> {
    let failed = |message: String| ConfigError::Parse { name: name.to_owned(), message };
    let loader: Table = toml::from_str(text).map_err(|error| failed(error.to_string()))?;
    let mut sections: std::collections::BTreeMap<&str, Table> = std::collections::BTreeMap::new();
    let mut comments: Vec<String> = Vec::new();
    let mut routes = Vec::new();
    for (key, value) in flat(&loader) {
        match (key.as_str(), &value) {
            ("pool-size", _) => comments.push(
                "pool-size is left out: one thread a CPU is the default of lightning.region-concurrency"
                    .into(),
            ),
            ("checkpoint-schema", _) => comments.push(
                "checkpoint-schema is left out: an import is resumed from its ledger, by its id".into(),
            ),
            ("db.password", _) => comments.push(
                "db.password is left out: export TIDB_PASSWORD or set thunderhead.password-file".into(),
            ),
            ("route-rules", Value::Array(rules)) => {
                for rule in rules {
                    let Value::Table(rule) = rule else {
                        return Err(failed("route-rules holds no tables".into()));
                    };
                    if let Some(odd) = rule.keys().find(|key| !ROUTE.contains(&key.as_str())) {
                        return Err(failed(format!("loader has no key `route-rules.{odd}`")));
                    }
                    routes.push(Value::Table(rule.clone()));
                }
            }
            (key, value) => match KEYS.iter().find(|(from, _, _)| *from == key) {
                Some((_, section, to)) => {
                    sections.entry(section).or_default().insert((*to).to_owned(), value.clone());
                }
                None => return Err(failed(format!("loader has no key `{key}`"))),
            },
        }
    }
    sections.entry("tikv-importer").or_default().insert("backend".to_owned(), "tidb".into());
    let mut out = String::from("# made from a Loader configuration\n");
    for comment in comments {
        let _ = writeln!(out, "# {comment}");
    }
    let mut document: Table =
        sections.into_iter().map(|(name, table)| (name.to_owned(), Value::Table(table))).collect();
    if !routes.is_empty() {
        document.insert("routes".to_owned(), Value::Array(routes));
    }
    out.push('\n');
    out.push_str(&toml::to_string(&document).map_err(|error| failed(error.to_string()))?);
    Ok(out)
}

/// Keys with `db.` before those of the `[db]` section.
fn flat(table: &Table) -> Vec<(String, Value)> {
    let mut out = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(inner) if key == "db" => {
                out.extend(inner.iter().map(|(key, value)| (format!("db.{key}"), value.clone())));
            }
            _ => out.push((key.clone(), value.clone())),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loader_file_becomes_one_that_loads() {
        let text = "log-level = 'info'\npool-size = 16\ndir = './dump'\ncheckpoint-schema = 'tidb_loader'\n\
                    [db]\nhost = 'db'\nport = 4000\nuser = 'root'\npassword = 'hunter2'\n\
                    [[route-rules]]\nschema-pattern = 'a*'\ntarget-schema = 'b'\n";
        let translated = from_loader("l.toml", text).unwrap();
        assert!(!translated.contains("hunter2"), "{translated}");
        let config = crate::parse("x", &translated).unwrap();
        assert_eq!((config.tidb.host.as_str(), config.tidb.port), ("db", 4000));
        assert_eq!(config.tikv_importer.backend, "tidb");
        assert_eq!(config.mydumper.data_source_dir, "./dump");
        assert_eq!(config.routes[0].target_schema, "b");
    }

    #[test]
    fn a_key_that_loader_does_not_have_is_an_error() {
        assert!(from_loader("l", "pool-sise = 1").unwrap_err().to_string().contains("pool-sise"));
    }
}
