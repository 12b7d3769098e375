//! Every key of the file by its path, and what is not a key.
//!
//! The tree is made of the sections' own field lists, so a key that is declared is known here. Names are
//! matched as Lightning's TOML library does: exactly, or in any case.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use toml::de::{DeTable, DeValue};

use crate::lightning::{
    Checkpoint, Conflict, Cron, Csv, Extractor, FileRule, IgnoreColumns, Lightning, Mydumper, PostRestore,
    Route, Security, Tidb, TikvImporter,
};
use crate::thunderhead::Thunderhead;

/// Other names of keys: (section, other name, name).
const ALIASES: [(&str, &str, &str); 6] = [
    ("lightning", "pprof-port", "status-addr"),
    ("mydumper", "ignore-columns", "ignore-data-columns"),
    ("routes.extract-schema", "schema-regexp", "regexp"),
    ("routes.extract-source", "source-regexp", "regexp"),
    ("routes.extract-table", "table-regexp", "regexp"),
    ("tikv-importer", "incremental-import", "parallel-import"),
];

/// What may stand at a place of the file.
#[derive(Debug)]
enum Shape {
    /// A value of its own.
    Value,
    /// Keys that are known.
    Table(BTreeMap<String, Shape>),
    /// A list of tables.
    List(Box<Shape>),
    /// A value or a table of whatever.
    Free,
}

fn table(fields: &[&str], inner: impl IntoIterator<Item = (&'static str, Shape)>) -> Shape {
    let name = |field: &&str| if *field == "kind" { "type".to_owned() } else { field.replace('_', "-") };
    let mut keys: BTreeMap<String, Shape> = fields.iter().map(|field| (name(field), Shape::Value)).collect();
    keys.extend(inner.into_iter().map(|(key, shape)| (key.to_owned(), shape)));
    Shape::Table(keys)
}

fn list(shape: Shape) -> Shape {
    Shape::List(Box::new(shape))
}

fn root() -> &'static Shape {
    static ROOT: OnceLock<Shape> = OnceLock::new();
    ROOT.get_or_init(|| {
        let extractor = || table(Extractor::FIELDS, []);
        let routes = table(
            Route::FIELDS,
            [
                ("extract-table", extractor()),
                ("extract-schema", extractor()),
                ("extract-source", extractor()),
            ],
        );
        let mydumper = table(
            Mydumper::FIELDS,
            [
                ("csv", table(Csv::FIELDS, [])),
                ("files", list(table(FileRule::FIELDS, []))),
                ("ignore-data-columns", list(table(IgnoreColumns::FIELDS, []))),
            ],
        );
        let tidb =
            table(Tidb::FIELDS, [("security", table(Security::FIELDS, [])), ("session-vars", Shape::Free)]);
        table(
            &[],
            [
                ("lightning", table(Lightning::FIELDS, [("max-error", Shape::Free)])),
                ("security", table(Security::FIELDS, [])),
                ("checkpoint", table(Checkpoint::FIELDS, [])),
                ("conflict", table(Conflict::FIELDS, [])),
                ("tikv-importer", table(TikvImporter::FIELDS, [])),
                ("mydumper", mydumper),
                ("routes", list(routes)),
                ("tidb", tidb),
                ("post-restore", table(PostRestore::FIELDS, [])),
                ("cron", table(Cron::FIELDS, [])),
                ("thunderhead", table(Thunderhead::FIELDS, [])),
            ],
        )
    })
}

impl Shape {
    /// What stands under a key of this table.
    fn get(&self, key: &str) -> Option<&Shape> {
        match self {
            Shape::Table(keys) => keys.get(key),
            Shape::List(inner) => inner.get(key),
            Shape::Value | Shape::Free => None,
        }
    }
}

/// The key's own name under `path` (`""` for the top), whatever case or older name was written.
pub(crate) fn canonical(path: &str, key: &str) -> Option<String> {
    let shape = shape_at(path)?;
    let lower = key.to_ascii_lowercase();
    let alias = ALIASES.iter().find(|(section, alias, _)| *section == path && *alias == lower);
    let name = alias.map_or(lower, |(_, _, name)| (*name).to_owned());
    shape.get(&name).is_some().then_some(name)
}

/// Whether the path (`section.key`) is a key or a section.
#[cfg(test)]
pub(crate) fn is_known(path: &str) -> bool {
    shape_at(path).is_some()
}

/// Whether everything below the path is free.
pub(crate) fn is_free(path: &str) -> bool {
    matches!(shape_at(path), Some(Shape::Free))
}

fn shape_at(path: &str) -> Option<&'static Shape> {
    path.split('.').filter(|part| !part.is_empty()).try_fold(root(), |shape, part| shape.get(part))
}

/// All paths of keys, sorted.
pub(crate) fn all() -> Vec<String> {
    fn collect(shape: &Shape, path: &str, out: &mut Vec<String>) {
        match shape {
            Shape::Table(keys) => {
                for (key, inner) in keys {
                    collect(inner, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, out);
                }
            }
            Shape::List(inner) => collect(inner, path, out),
            Shape::Value | Shape::Free => out.push(path.to_owned()),
        }
    }
    let mut out = Vec::new();
    collect(root(), "", &mut out);
    out
}

/// A key that nothing reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey {
    /// Its path, `section.key`.
    pub path: String,
    /// The line it stands in, from 1; 0 when it does not come from a file.
    pub line: usize,
    /// A key that may be meant.
    pub suggestion: Option<String>,
}

impl std::fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`", self.path)?;
        if self.line > 0 {
            write!(f, " in line {}", self.line)?;
        }
        match &self.suggestion {
            Some(suggestion) => write!(f, " (did you mean `{suggestion}`?)"),
            None => Ok(()),
        }
    }
}

/// Keys of a parsed file, known ones (by their own names, with their lines) and others, in the file's order.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) known: Vec<(String, usize)>,
    pub(crate) unknown: Vec<UnknownKey>,
}

/// Sorts the keys of a file.
pub(crate) fn look(text: &str, document: &DeTable<'_>) -> Found {
    let mut found = Found::default();
    walk(text, document, "", &mut found);
    found.known.sort_by_key(|(_, line)| *line);
    found.unknown.sort_by_key(|unknown| unknown.line);
    found
}

fn walk(text: &str, document: &DeTable<'_>, path: &str, found: &mut Found) {
    for (key, value) in document {
        let written = key.get_ref();
        let line = text.get(..key.span().start).map_or(0, |before| before.matches('\n').count() + 1);
        let joined = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let Some(name) = canonical(path, written) else {
            found.unknown.push(UnknownKey {
                suggestion: suggest(path, written),
                path: joined(written),
                line,
            });
            continue;
        };
        let name = joined(&name);
        match value.get_ref() {
            _ if is_free(&name) => found.known.push((name, line)),
            DeValue::Table(inner) => walk(text, inner, &name, found),
            DeValue::Array(items) if matches!(shape_at(&name), Some(Shape::List(_))) => {
                for item in items {
                    if let DeValue::Table(inner) = item.get_ref() {
                        walk(text, inner, &name, found);
                    }
                }
            }
            _ => found.known.push((name, line)),
        }
    }
}

/// The key that was meant: one that is spelled much like it, or has this name in another section.
pub(crate) fn suggest(path: &str, key: &str) -> Option<String> {
    let key = key.to_ascii_lowercase().replace('_', "-");
    let joined = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let close = |name: &str| {
        let distance = distance(&key, name);
        (distance <= (name.len().max(key.len()) / 3).clamp(1, 4)).then_some(distance)
    };
    if let Some(Shape::Table(keys)) = shape_at(path).map(|shape| match shape {
        Shape::List(inner) => inner,
        other => other,
    }) {
        let best = keys.keys().filter_map(|name| Some((close(name)?, name))).min();
        if let Some((_, name)) = best {
            return Some(joined(name));
        }
    }
    let mut elsewhere = all().into_iter().filter(|known| known.rsplit('.').next() == Some(&key));
    elsewhere.next().filter(|_| elsewhere.next().is_none())
}

/// Insertions, deletions, replacements and swaps of neighbours that make one word of the other.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, l) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, r) in right.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut cost = (at(&above, column) + usize::from(l != r))
                .min(at(&above, column + 1) + 1)
                .min(at(&current, column) + 1);
            let swapped =
                row > 0 && column > 0 && left.get(row - 1) == Some(r) && right.get(column - 1) == Some(l);
            if swapped {
                cost = cost.min(at(&before, column - 1) + 1);
            }
            current.push(cost);
        }
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_key_is_recognised_and_a_strange_one_is_not() {
        assert_eq!(suggest("lightning", "levle").as_deref(), Some("lightning.level"));
        assert_eq!(suggest("lightning", "max_error").as_deref(), Some("lightning.max-error"));
        assert_eq!(suggest("", "mydumpr").as_deref(), Some("mydumper"));
        assert_eq!(suggest("mydumper", "separator").as_deref(), Some("mydumper.csv.separator"));
        assert_eq!(suggest("lightning", "colour"), None);
    }

    #[test]
    fn older_names_and_other_cases_lead_to_the_key() {
        assert_eq!(canonical("tikv-importer", "incremental-import").as_deref(), Some("parallel-import"));
        assert_eq!(canonical("mydumper", "Ignore-Columns").as_deref(), Some("ignore-data-columns"));
        assert_eq!(canonical("routes.extract-table", "table-regexp").as_deref(), Some("regexp"));
        assert_eq!(canonical("", "nonsense"), None);
    }

    #[test]
    fn every_default_is_a_known_key() {
        fn check(path: &str, value: &toml::Value) {
            if let toml::Value::Table(inner) = value {
                for (key, value) in inner {
                    let joined = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    assert!(is_known(&joined), "{joined}");
                    check(&joined, value);
                }
            }
        }
        check("", &toml::Value::try_from(crate::Config::default()).unwrap());
        assert!(all().len() > 120, "{}", all().len());
    }
}
