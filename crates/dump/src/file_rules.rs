//! What a file is, from its name: the rules of `[[mydumper.files]]` and the default ones.
//!
//! Rules are tried in order, the first whose pattern matches decides. Patterns see the path relative to
//! the source location, with `/` between folders. Templates refer to captures as `$1`, `${name}`; `$$`
//! is a dollar sign. Names captured by the default rules are URL-unescaped (dumpling writes `%2E` for a
//! dot); those of custom rules are taken as they are.

use percent_encoding::percent_decode_str;
use regex::{Captures, Regex};
use serde::{Deserialize, Serialize};

use crate::dump::{Compression, Format};
use crate::error::DumpError;
use crate::glob::one_line;

/// A rule that sorts files by their path, as `[[mydumper.files]]` has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct FileRule {
    /// Regular expression over the relative path; either this or `path`.
    pub pattern: String,
    /// The exact relative path, or its end; templates are then taken literally.
    pub path: String,
    /// Template of the schema (database).
    pub schema: String,
    /// Template of the table.
    pub table: String,
    /// Template of the type: `schema-schema`, `table-schema`, `view-schema`, `sequence-schema`, `sql`,
    /// `csv`, `parquet`, `ignore`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Template of the sort key.
    pub key: String,
    /// Template of the compression: `gz`, `gzip`, `zst`, `zstd`, `snappy` or nothing.
    pub compression: String,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// `CREATE DATABASE`.
    DatabaseSchema,
    /// `CREATE TABLE` (also the placeholder of a view).
    TableSchema,
    /// `CREATE VIEW`.
    ViewSchema,
    /// `CREATE SEQUENCE`.
    SequenceSchema,
    /// Rows.
    Data(Format),
    /// Nothing of interest.
    Ignore,
}

/// A file sorted by a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutedFile {
    /// What it holds.
    pub kind: FileKind,
    /// Source database.
    pub schema: String,
    /// Source table, view or sequence; empty for a database schema.
    pub table: String,
    /// Sort key among the table's files, compared as text.
    pub key: String,
    /// How it is compressed.
    pub compression: Compression,
}

/// Compiled rules.
#[derive(Debug)]
pub struct FileRouter {
    rules: Vec<CompiledRule>,
}

#[derive(Debug)]
struct CompiledRule {
    pattern: Regex,
    rule: FileRule,
    /// Path rules take their templates literally.
    literal: bool,
    unescape: bool,
}

/// `(pattern, schema, table, type, key, compression)` of the default rules, in order.
const DEFAULT_RULES: [(&str, &str, &str, &str, &str, &str); 8] = [
    (r"(?i).*(-schema-trigger|-schema-post)\.sql(?:\.(\w*?))?$", "", "", "ignore", "", ""),
    (r"(?i).*\.(sql|csv|parquet)(\.(\w+))?\.(bak|BAK)$", "", "", "ignore", "", ""),
    (r"(?i)^(?:[^/]*/)*([^/.]+)-schema-create\.sql(?:\.(\w*?))?$", "$1", "", "schema-schema", "", "$2"),
    // Lightning has no rule for sequences: it takes the file for data and fails.
    (
        r"(?i)^(?:[^/]*/)*([^/.]+)\.(.*?)-schema-sequence\.sql(?:\.(\w*?))?$",
        "$1",
        "$2",
        "sequence-schema",
        "",
        "$3",
    ),
    (r"(?i)^(?:[^/]*/)*([^/.]+)\.(.*?)-schema\.sql(?:\.(\w*?))?$", "$1", "$2", "table-schema", "", "$3"),
    (r"(?i)^(?:[^/]*/)*([^/.]+)\.(.*?)-schema-view\.sql(?:\.(\w*?))?$", "$1", "$2", "view-schema", "", "$3"),
    // The compression that some writers put before `.parquet` is inside the file.
    (
        r"(?i)^(?:[^/]*/)*([^/.]+)\.(.*)\.([0-9]+)\.(?:snappy|gzip|gz|zstd|zst)\.parquet$",
        "$1",
        "$2",
        "parquet",
        "$3",
        "",
    ),
    (
        r"(?i)^(?:[^/]*/)*([^/.]+)\.(.*?)(?:\.([0-9]+))?\.(sql|csv|parquet)(?:\.(\w+))?$",
        "$1",
        "$2",
        "$4",
        "$3",
        "$5",
    ),
];

impl FileRouter {
    /// Compiles the custom rules and, when asked, the default ones after them.
    pub fn compile(custom: &[FileRule], default_rules: bool) -> Result<Self, DumpError> {
        let mut rules = Vec::new();
        for (index, rule) in custom.iter().enumerate() {
            let compiled = compile_rule(rule, false)
                .map_err(|problem| DumpError::FileRule { index: index + 1, problem })?;
            rules.push(compiled);
        }
        if default_rules {
            for (index, (pattern, schema, table, kind, key, compression)) in
                DEFAULT_RULES.into_iter().enumerate()
            {
                let rule = FileRule {
                    pattern: pattern.to_owned(),
                    path: String::new(),
                    schema: schema.to_owned(),
                    table: table.to_owned(),
                    kind: kind.to_owned(),
                    key: key.to_owned(),
                    compression: compression.to_owned(),
                };
                let compiled = compile_rule(&rule, true)
                    .map_err(|problem| DumpError::FileRule { index: custom.len() + index + 1, problem })?;
                rules.push(compiled);
            }
        }
        Ok(Self { rules })
    }

    /// Sorts a file by its relative path; `None` when no rule matches.
    ///
    /// The error (text only; the caller knows the object) says that a rule matched but what it captured
    /// is no type or compression that can be read.
    pub fn route(&self, path: &str) -> Result<Option<RoutedFile>, String> {
        self.rules
            .iter()
            .find_map(|rule| rule.pattern.captures(path).map(|captures| rule.apply(&captures)))
            .transpose()
    }
}

impl CompiledRule {
    fn apply(&self, captures: &Captures<'_>) -> Result<RoutedFile, String> {
        let kind = parse_kind(&self.expand(&self.rule.kind, captures))?;
        let mut routed = RoutedFile {
            kind,
            schema: String::new(),
            table: String::new(),
            key: String::new(),
            compression: Compression::None,
        };
        if kind == FileKind::Ignore {
            return Ok(routed);
        }
        routed.schema = self.name(&self.rule.schema, captures);
        if kind != FileKind::DatabaseSchema {
            routed.table = self.name(&self.rule.table, captures);
        }
        routed.key = self.expand(&self.rule.key, captures);
        routed.compression = parse_compression(&self.expand(&self.rule.compression, captures))?;
        if kind == FileKind::Data(Format::Parquet) && routed.compression != Compression::None {
            return Err("a parquet file compressed as a whole cannot be read; decompress it".to_owned());
        }
        if routed.schema.is_empty() {
            return Err("the rule that matches gives an empty schema name".to_owned());
        }
        if routed.table.is_empty() && kind != FileKind::DatabaseSchema {
            return Err("the rule that matches gives an empty table name".to_owned());
        }
        Ok(routed)
    }

    fn name(&self, template: &str, captures: &Captures<'_>) -> String {
        let raw = self.expand(template, captures);
        if !self.unescape || !raw.contains('%') {
            return raw;
        }
        match unescaped(&raw) {
            Some(name) => name,
            None => {
                tracing::warn!(name = raw, "file name is not properly URL-escaped, taken as it is");
                raw
            }
        }
    }

    fn expand(&self, template: &str, captures: &Captures<'_>) -> String {
        if self.literal {
            return template.to_owned();
        }
        let mut out = String::new();
        for piece in pieces(template) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Reference(name) => out.push_str(capture(captures, name).unwrap_or_default()),
            }
        }
        out
    }
}

fn capture<'t>(captures: &Captures<'t>, name: &str) -> Option<&'t str> {
    match name.parse::<usize>() {
        Ok(index) => captures.get(index),
        Err(_) => captures.name(name),
    }
    .map(|found| found.as_str())
}

/// Strict URL unescaping, as Go's `PathUnescape`: a stray `%` is an error.
fn unescaped(raw: &str) -> Option<String> {
    let bytes = raw.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let is_hex = |offset: usize| bytes.get(at + offset).is_some_and(u8::is_ascii_hexdigit);
        if *byte == b'%' && !(is_hex(1) && is_hex(2)) {
            return None;
        }
    }
    percent_decode_str(raw).decode_utf8().ok().map(|name| name.into_owned())
}

enum Piece<'t> {
    Text(&'t str),
    Reference(&'t str),
}

fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some(dollar) = rest.find('$') {
        let (text, tail) = rest.split_at(dollar);
        if !text.is_empty() {
            out.push(Piece::Text(text));
        }
        let after = tail.get(1..).unwrap_or_default();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        if let Some(next) = after.strip_prefix('$') {
            out.push(Piece::Text("$"));
            rest = next;
        } else if let Some((name, next)) = after
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'))
            .filter(|(name, _)| !name.is_empty() && name.chars().all(is_word))
        {
            out.push(Piece::Reference(name));
            rest = next;
        } else {
            let end = after.find(|c| !is_word(c)).unwrap_or(after.len());
            let (name, next) = after.split_at(end);
            out.push(if name.is_empty() { Piece::Text("$") } else { Piece::Reference(name) });
            rest = next;
        }
    }
    if !rest.is_empty() {
        out.push(Piece::Text(rest));
    }
    out
}

fn compile_rule(rule: &FileRule, default: bool) -> Result<CompiledRule, String> {
    let literal = !rule.path.is_empty();
    let source = match (rule.pattern.is_empty(), rule.path.is_empty()) {
        (true, true) => return Err("needs a pattern or a path".to_owned()),
        (false, false) => return Err("pattern and path exclude each other".to_owned()),
        (false, true) => rule.pattern.clone(),
        (true, false) => regex::escape(&rule.path),
    };
    let pattern = Regex::new(&source).map_err(|e| format!("pattern: {}", one_line(&e)))?;
    let ignore = rule.kind == "ignore";
    if rule.kind.is_empty() {
        return Err("type must be given".to_owned());
    }
    if !default && !ignore {
        if rule.schema.is_empty() {
            return Err("schema must be given".to_owned());
        }
        if rule.table.is_empty() && rule.kind != "schema-schema" {
            return Err("table must be given".to_owned());
        }
    }
    if !literal {
        for template in [&rule.schema, &rule.table, &rule.kind, &rule.key, &rule.compression] {
            check_references(&pattern, template)?;
        }
    }
    Ok(CompiledRule { pattern, rule: rule.clone(), literal, unescape: default })
}

fn check_references(pattern: &Regex, template: &str) -> Result<(), String> {
    for piece in pieces(template) {
        let Piece::Reference(name) = piece else { continue };
        let known = match name.parse::<usize>() {
            Ok(index) => index < pattern.captures_len(),
            Err(_) => pattern.capture_names().flatten().any(|known| known == name),
        };
        if !known {
            return Err(format!(
                "template {template:?} refers to ${name}, which the pattern does not capture"
            ));
        }
    }
    Ok(())
}

fn parse_kind(text: &str) -> Result<FileKind, String> {
    Ok(match text.trim().to_lowercase().as_str() {
        "schema-schema" => FileKind::DatabaseSchema,
        "table-schema" => FileKind::TableSchema,
        "view-schema" => FileKind::ViewSchema,
        "sequence-schema" => FileKind::SequenceSchema,
        "sql" => FileKind::Data(Format::Sql),
        "csv" => FileKind::Data(Format::Csv),
        "parquet" => FileKind::Data(Format::Parquet),
        "ignore" => FileKind::Ignore,
        other => return Err(format!("unknown source type {other:?}")),
    })
}

fn parse_compression(text: &str) -> Result<Compression, String> {
    Ok(match text.trim().to_lowercase().as_str() {
        "" => Compression::None,
        "gz" | "gzip" => Compression::Gzip,
        "zst" | "zstd" => Compression::Zstd,
        "snappy" => Compression::Snappy,
        known @ ("lz4" | "xz" | "lzo") => {
            return Err(format!(
                "compression {known:?} cannot be read; recompress with gzip, zstd or snappy, or move the file away"
            ));
        }
        other => {
            return Err(format!(
                "{other:?} is no compression that can be read (gz, zst, snappy); rename the file or ignore it by a rule"
            ));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default_router() -> FileRouter {
        FileRouter::compile(&[], true).unwrap()
    }

    fn routed(path: &str) -> (FileKind, String, String, String, Compression) {
        let r = default_router().route(path).unwrap().unwrap_or_else(|| panic!("{path} matches nothing"));
        (r.kind, r.schema, r.table, r.key, r.compression)
    }

    #[test]
    fn default_rules_know_what_dumpling_writes() {
        use FileKind::*;
        let s = str::to_owned;
        for (path, expected) in [
            ("shop-schema-create.sql", (DatabaseSchema, s("shop"), s(""), s(""), Compression::None)),
            ("a/b/shop-schema-create.sql.gz", (DatabaseSchema, s("shop"), s(""), s(""), Compression::Gzip)),
            ("shop.t-schema.sql", (TableSchema, s("shop"), s("t"), s(""), Compression::None)),
            ("shop.v-schema-view.sql", (ViewSchema, s("shop"), s("v"), s(""), Compression::None)),
            ("shop.q-schema-sequence.sql", (SequenceSchema, s("shop"), s("q"), s(""), Compression::None)),
            ("shop.t.sql", (Data(Format::Sql), s("shop"), s("t"), s(""), Compression::None)),
            ("shop.t.000001.SQL", (Data(Format::Sql), s("shop"), s("t"), s("000001"), Compression::None)),
            (
                "shop.t.0000000010000.csv.zst",
                (Data(Format::Csv), s("shop"), s("t"), s("0000000010000"), Compression::Zstd),
            ),
            ("x/shop.t.1.csv.snappy", (Data(Format::Csv), s("shop"), s("t"), s("1"), Compression::Snappy)),
            ("shop.a.b.c.parquet", (Data(Format::Parquet), s("shop"), s("a.b.c"), s(""), Compression::None)),
            (
                "shop.t.0001.snappy.parquet",
                (Data(Format::Parquet), s("shop"), s("t"), s("0001"), Compression::None),
            ),
            ("sh%2Eop.t%25x.sql", (Data(Format::Sql), s("sh.op"), s("t%x"), s(""), Compression::None)),
            (
                "app.odd `name`.000000000.sql",
                (Data(Format::Sql), s("app"), s("odd `name`"), s("000000000"), Compression::None),
            ),
            (
                "x`f\"n.exotic`table``name.sql",
                (Data(Format::Sql), s("x`f\"n"), s("exotic`table``name"), s(""), Compression::None),
            ),
            ("shop.100%.sql", (Data(Format::Sql), s("shop"), s("100%"), s(""), Compression::None)),
            ("shop.t-schema-trigger.sql", (Ignore, s(""), s(""), s(""), Compression::None)),
            ("shop-schema-post.sql.gz", (Ignore, s(""), s(""), s(""), Compression::None)),
            ("shop.t.1.sql.gz.bak", (Ignore, s(""), s(""), s(""), Compression::None)),
        ] {
            assert_eq!(routed(path), expected, "{path}");
        }
        for path in ["metadata", "shop.sql", "notes.txt", "shop.t.sql.", "a/b/"] {
            assert_eq!(default_router().route(path).unwrap(), None, "{path}");
        }
    }

    #[test]
    fn compressions_that_cannot_be_read_are_errors() {
        for (path, part) in [
            ("a.t.sql.lz4", "lz4"),
            ("a.t.csv.xz", "xz"),
            ("a.t.csv.lzo", "lzo"),
            ("a.t.1.csv.part", "part"),
            ("a.t.parquet.gz", "parquet"),
        ] {
            let error = default_router().route(path).expect_err(path);
            assert!(error.contains(part), "{path}: {error}");
        }
    }

    #[test]
    fn custom_rules_come_first_and_fill_templates() {
        let rules = [
            FileRule {
                pattern: r"(?i)^(?:[^/]*/)*(?P<db>[a-z0-9]+)/([a-z]+)[0-9]*\.(sql|csv)(?:\.([0-9]+))?$"
                    .into(),
                schema: "${db}".into(),
                table: "$2_$$".into(),
                kind: "$3".into(),
                key: "$4".into(),
                ..FileRule::default()
            },
            FileRule { pattern: "tmp".into(), kind: "ignore".into(), ..FileRule::default() },
            FileRule {
                path: "ff/test.DATA".into(),
                schema: "f$r".into(),
                table: "tbl".into(),
                kind: "sql".into(),
                ..FileRule::default()
            },
        ];
        let error = FileRouter::compile(&rules, false).unwrap_err().to_string();
        assert!(error.contains("$2_"), "{error}");
        let mut rules = rules;
        rules[0].table = "${2}_$$".into();
        let router = FileRouter::compile(&rules, false).unwrap();
        let r = router.route("x/shop/tbl12.csv.7").unwrap().unwrap();
        assert_eq!((r.schema.as_str(), r.table.as_str(), r.key.as_str()), ("shop", "tbl_$", "7"));
        assert_eq!(r.kind, FileKind::Data(Format::Csv));
        assert_eq!(router.route("tmp.x").unwrap().unwrap().kind, FileKind::Ignore);
        assert_eq!(router.route("ff/test.DATA").unwrap().unwrap().schema, "f$r");
        assert_eq!(router.route("shop.t.sql").unwrap(), None);
        let with_defaults = FileRouter::compile(&rules, true).unwrap();
        assert_eq!(with_defaults.route("shop.t.sql").unwrap().unwrap().table, "t");
    }

    #[test]
    fn rules_that_cannot_work_are_refused() {
        let base = FileRule {
            pattern: "(a)".into(),
            schema: "s".into(),
            table: "t".into(),
            kind: "sql".into(),
            ..FileRule::default()
        };
        for (rule, part) in [
            (FileRule { pattern: String::new(), ..base.clone() }, "pattern or a path"),
            (FileRule { path: "x".into(), ..base.clone() }, "exclude"),
            (FileRule { pattern: "(".into(), ..base.clone() }, "pattern"),
            (FileRule { schema: String::new(), ..base.clone() }, "schema"),
            (FileRule { table: String::new(), ..base.clone() }, "table"),
            (FileRule { kind: String::new(), ..base.clone() }, "type"),
            (FileRule { table: "$2".into(), ..base.clone() }, "$2"),
            (FileRule { table: "${name}".into(), ..base.clone() }, "$name"),
        ] {
            let error = FileRouter::compile(&[rule], false).unwrap_err().to_string();
            assert!(error.contains("rule 1") && error.contains(part), "{error}");
        }
        let router = FileRouter::compile(&[FileRule { kind: "$1".into(), ..base }], false).unwrap();
        assert!(router.route("a").unwrap_err().contains("unknown source type"));
    }
}
