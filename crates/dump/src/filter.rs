//! The table filter: which source tables are imported.
//!
//! TiDB's table-filter syntax, one rule a string: `[!]<schema>.<table>`, each part a glob, a quoted
//! literal (`` `a.b` `` or `"a.b"`) or a `/regular expression/`; the last rule that matches decides, and
//! what no rule matches is left out. `# comment` and blank rules are skipped.

use regex::Regex;

use crate::error::DumpError;
use crate::glob::{compile_regex, compile_whole, translate};

/// What Lightning filters by when nothing is configured: everything but the system schemas.
pub(crate) const DEFAULT_FILTER: [&str; 7] = [
    "*.*",
    "!mysql.*",
    "!sys.*",
    "!INFORMATION_SCHEMA.*",
    "!PERFORMANCE_SCHEMA.*",
    "!METRICS_SCHEMA.*",
    "!INSPECTION_SCHEMA.*",
];

/// A compiled table filter.
#[derive(Debug, Clone)]
pub struct TableFilter {
    rules: Vec<FilterRule>,
}

#[derive(Debug, Clone)]
struct FilterRule {
    include: bool,
    schema: Regex,
    table: Regex,
    /// The table part matches every name, so an exclusion takes the whole schema away.
    every_table: bool,
}

impl TableFilter {
    /// Compiles the rules; an empty list gives the default filter.
    pub fn compile(rules: &[String], case_sensitive: bool) -> Result<Self, DumpError> {
        if rules.is_empty() {
            return Self::from_rules(DEFAULT_FILTER, case_sensitive);
        }
        Self::from_rules(rules.iter().map(String::as_str), case_sensitive)
    }

    fn from_rules<'a>(
        rules: impl IntoIterator<Item = &'a str>,
        case_sensitive: bool,
    ) -> Result<Self, DumpError> {
        let mut compiled = Vec::new();
        for pattern in rules.into_iter().flat_map(str::lines) {
            let rule = parse_rule(pattern, case_sensitive)
                .map_err(|problem| DumpError::Filter { pattern: pattern.to_owned(), problem })?;
            compiled.extend(rule);
        }
        Ok(Self { rules: compiled })
    }

    /// Whether the source table is imported.
    pub fn matches_table(&self, schema: &str, table: &str) -> bool {
        self.rules
            .iter()
            .rev()
            .find(|rule| rule.schema.is_match(schema) && rule.table.is_match(table))
            .is_some_and(|rule| rule.include)
    }

    /// Whether any table of the schema can be imported.
    pub fn matches_schema(&self, schema: &str) -> bool {
        self.rules
            .iter()
            .rev()
            .find(|rule| rule.schema.is_match(schema) && (rule.include || rule.every_table))
            .is_some_and(|rule| rule.include)
    }
}

fn parse_rule(text: &str, case_sensitive: bool) -> Result<Option<FilterRule>, String> {
    let text = text.trim();
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    if text.starts_with('@') {
        return Err("rules in another file are not read; write them in the list".to_owned());
    }
    let (include, text) = match text.strip_prefix('!') {
        Some(rest) => (false, rest.trim_start()),
        None => (true, text),
    };
    let (schema, rest) = parse_part(text, case_sensitive)?;
    let rest = rest.strip_prefix('.').ok_or("needs the form schema.table")?;
    let every_table = rest == "*";
    let (table, rest) = parse_part(rest, case_sensitive)?;
    let rest = rest.trim_start();
    if !rest.is_empty() && !rest.starts_with('#') {
        return Err(format!("{rest:?} after the table pattern; quote names with special characters"));
    }
    Ok(Some(FilterRule { include, schema, table, every_table }))
}

/// One part and what follows it.
fn parse_part(text: &str, case_sensitive: bool) -> Result<(Regex, &str), String> {
    match text.chars().next() {
        None => Err("needs the form schema.table".to_owned()),
        Some('/') => {
            let body = text.get(1..).unwrap_or_default();
            let end = end_of_regex(body).ok_or("the regular expression misses its closing /")?;
            let (pattern, rest) = body.split_at(end);
            let regex = compile_regex(&pattern.replace("\\/", "/"), case_sensitive)?;
            Ok((regex, rest.get(1..).unwrap_or_default()))
        }
        Some(quote @ ('`' | '"')) => {
            let (name, rest) =
                unquote(text.get(1..).unwrap_or_default(), quote).ok_or("a quote is not closed")?;
            Ok((compile_whole(&regex::escape(&name), case_sensitive)?, rest))
        }
        Some(_) => {
            let end = end_of_glob(text)?;
            let (glob, rest) = text.split_at(end);
            if glob.is_empty() {
                return Err("needs the form schema.table".to_owned());
            }
            Ok((compile_whole(&translate(glob)?, case_sensitive)?, rest))
        }
    }
}

fn end_of_regex(body: &str) -> Option<usize> {
    let mut escaped = false;
    body.char_indices().find_map(|(at, c)| {
        let closes = c == '/' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(at)
    })
}

fn unquote(body: &str, quote: char) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = body.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            name.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == quote) {
            chars.next();
            name.push(quote);
        } else {
            return Some((name, body.get(at + 1..).unwrap_or_default()));
        }
    }
    None
}

/// Where an unquoted part ends: at a dot, a blank or the end. Other ASCII punctuation must be escaped.
fn end_of_glob(text: &str) -> Result<usize, String> {
    let mut chars = text.char_indices();
    let mut in_class = false;
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                chars.next();
            }
            '[' => in_class = true,
            ']' => in_class = false,
            _ if in_class => {}
            '.' | ' ' | '\t' | '#' => return Ok(at),
            '*' | '?' | '$' | '_' | '-' => {}
            c if c.is_alphanumeric() || !c.is_ascii() => {}
            c => return Err(format!("character {c:?} must be quoted or escaped")),
        }
    }
    Ok(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(rules: &[&str]) -> TableFilter {
        let rules: Vec<String> = rules.iter().map(|r| (*r).to_owned()).collect();
        TableFilter::compile(&rules, false).unwrap()
    }

    #[test]
    fn the_default_leaves_out_system_schemas() {
        let f = filter(&[]);
        assert!(f.matches_table("shop", "orders"));
        assert!(!f.matches_table("MySQL", "user"));
        assert!(!f.matches_table("information_schema", "tables"));
        assert!(!f.matches_schema("sys"));
        assert!(f.matches_schema("shop"));
    }

    #[test]
    fn the_last_rule_that_matches_decides() {
        let f = filter(&["*.*", "!shop.*", "shop.orders*", "!shop.orders_old"]);
        assert!(f.matches_table("other", "x"));
        assert!(!f.matches_table("shop", "users"));
        assert!(f.matches_table("shop", "orders_2024"));
        assert!(!f.matches_table("shop", "orders_old"));
        assert!(f.matches_schema("shop"));
        let f = filter(&["*.*", "!shop.*"]);
        assert!(!f.matches_schema("shop"));
        let f = filter(&["shop.t"]);
        assert!(f.matches_schema("shop") && !f.matches_schema("other") && !f.matches_table("shop", "tt"));
    }

    #[test]
    fn quotes_regexes_escapes_and_comments_are_understood() {
        let f = filter(&[
            "# only these",
            "",
            "`odd.db`.\"a \"\"b\"\"\"",
            "/^log_\\d+$/./^t[0-9]/  # shards",
            r"a\.b.c\*d",
            "中文庫.*",
        ]);
        assert!(f.matches_table("odd.db", "a \"b\""));
        assert!(f.matches_table("log_12", "t1x"));
        assert!(!f.matches_table("log_x", "t1"));
        assert!(f.matches_table("a.b", "c*d"));
        assert!(!f.matches_table("a.b", "cxd"));
        assert!(f.matches_table("中文庫", "中文表"));
    }

    #[test]
    fn case_matters_only_when_told() {
        let rules = ["Shop.Orders".to_owned()];
        assert!(TableFilter::compile(&rules, false).unwrap().matches_table("shop", "ORDERS"));
        assert!(!TableFilter::compile(&rules, true).unwrap().matches_table("shop", "ORDERS"));
    }

    #[test]
    fn wrong_rules_are_refused_with_the_pattern() {
        for bad in ["shop", "shop.", ".t", "@rules.txt", "/a.t", "`a.t", "a.b.c", "a.(b)", "a.[b", "/(/.t"] {
            let error = TableFilter::compile(&[bad.to_owned()], false).expect_err(bad);
            assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
        }
    }
}
