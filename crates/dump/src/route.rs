//! Routes: source tables go to other target tables, and columns can be made of the source's names.
//!
//! A rule with a table pattern beats one without; two matches of one class are an error. Patterns are
//! globs, or regular expressions after a leading `~`.

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::error::DumpError;
use crate::glob::{compile_glob, compile_regex};

/// A `[[routes]]` rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Route {
    /// Pattern of the source schema.
    pub schema_pattern: String,
    /// Pattern of the source table; empty for a rule over whole schemas.
    pub table_pattern: String,
    /// The target schema.
    pub target_schema: String,
    /// The target table; empty keeps the source's name.
    pub target_table: String,
    /// A column made of the table's name.
    pub extract_table: Option<Extractor>,
    /// A column made of the schema's name.
    pub extract_schema: Option<Extractor>,
    /// A column made of the configured source id.
    pub extract_source: Option<Extractor>,
}

/// Makes a column's value of a name: all that the expression's groups capture, joined.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Extractor {
    /// The regular expression.
    #[serde(alias = "table-regexp", alias = "schema-regexp", alias = "source-regexp")]
    pub regexp: String,
    /// The column of the target table.
    pub target_column: String,
}

/// Where a source table goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// Target schema.
    pub schema: String,
    /// Target table; empty when a schema was asked for.
    pub table: String,
    /// Columns made of names: (column, value).
    pub constants: Vec<(String, String)>,
}

/// Compiled routes.
#[derive(Debug)]
pub struct Router {
    routes: Vec<CompiledRoute>,
    source_id: String,
}

#[derive(Debug)]
struct CompiledRoute {
    schema: Regex,
    table: Option<Regex>,
    target_schema: String,
    target_table: String,
    extract_table: Option<(Regex, String)>,
    extract_schema: Option<(Regex, String)>,
    extract_source: Option<(Regex, String)>,
}

impl Router {
    /// Compiles the rules; `source_id` is what `extract-source` looks at.
    pub fn compile(routes: &[Route], source_id: &str, case_sensitive: bool) -> Result<Self, DumpError> {
        let routes = routes
            .iter()
            .enumerate()
            .map(|(index, route)| {
                compile_route(route, case_sensitive)
                    .map_err(|problem| DumpError::Route { index: index + 1, problem })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { routes, source_id: source_id.to_owned() })
    }

    /// Where a source table goes.
    pub fn table(&self, schema: &str, table: &str) -> Result<Routed, DumpError> {
        let by_table = self.only_match(schema, table, |route| {
            route.table.as_ref().is_some_and(|pattern| pattern.is_match(table))
        })?;
        let route = match by_table {
            Some(route) => Some(route),
            None => self.only_match(schema, table, |route| route.table.is_none())?,
        };
        let Some(route) = route else {
            return Ok(Routed { schema: schema.to_owned(), table: table.to_owned(), constants: Vec::new() });
        };
        let target = if route.target_table.is_empty() { table } else { &route.target_table };
        let mut constants = Vec::new();
        for (extractor, text) in [
            (&route.extract_table, table),
            (&route.extract_schema, schema),
            (&route.extract_source, self.source_id.as_str()),
        ] {
            if let Some((regexp, column)) = extractor {
                constants.push((column.clone(), joined_captures(regexp, text)));
            }
        }
        Ok(Routed { schema: route.target_schema.clone(), table: target.to_owned(), constants })
    }

    /// Where a schema itself goes: only rules without a table pattern move it.
    pub fn schema(&self, schema: &str) -> Result<String, DumpError> {
        let route = self.only_match(schema, "", |route| route.table.is_none())?;
        Ok(route.map_or_else(|| schema.to_owned(), |route| route.target_schema.clone()))
    }

    fn only_match(
        &self,
        schema: &str,
        table: &str,
        of_class: impl Fn(&CompiledRoute) -> bool,
    ) -> Result<Option<&CompiledRoute>, DumpError> {
        let mut matches = self
            .routes
            .iter()
            .enumerate()
            .filter(|(_, route)| of_class(route) && route.schema.is_match(schema));
        let Some((first, route)) = matches.next() else { return Ok(None) };
        if let Some((second, _)) = matches.next() {
            return Err(DumpError::AmbiguousRoute {
                db: schema.to_owned(),
                table: table.to_owned(),
                first: first + 1,
                second: second + 1,
            });
        }
        Ok(Some(route))
    }
}

fn joined_captures(regexp: &Regex, text: &str) -> String {
    regexp.captures(text).map_or_else(String::new, |captures| {
        captures.iter().skip(1).flatten().map(|group| group.as_str()).collect()
    })
}

fn compile_route(route: &Route, case_sensitive: bool) -> Result<CompiledRoute, String> {
    if route.schema_pattern.is_empty() {
        return Err("schema-pattern must be given".to_owned());
    }
    if route.target_schema.is_empty() {
        return Err("target-schema must be given".to_owned());
    }
    let pattern = |text: &str| match text.strip_prefix('~') {
        Some(regex) => compile_regex(regex, case_sensitive),
        None => compile_glob(text, case_sensitive),
    };
    let extractor = |name: &str, extractor: &Option<Extractor>| {
        extractor
            .as_ref()
            .map(|extractor| {
                if extractor.target_column.is_empty() {
                    return Err(format!("{name} needs a target-column"));
                }
                let regexp = compile_regex(&extractor.regexp, true).map_err(|e| format!("{name}: {e}"))?;
                Ok((regexp, extractor.target_column.clone()))
            })
            .transpose()
    };
    Ok(CompiledRoute {
        schema: pattern(&route.schema_pattern).map_err(|e| format!("schema-pattern: {e}"))?,
        table: Some(&route.table_pattern)
            .filter(|text| !text.is_empty())
            .map(|text| pattern(text).map_err(|e| format!("table-pattern: {e}")))
            .transpose()?,
        target_schema: route.target_schema.clone(),
        target_table: route.target_table.clone(),
        extract_table: extractor("extract-table", &route.extract_table)?,
        extract_schema: extractor("extract-schema", &route.extract_schema)?,
        extract_source: extractor("extract-source", &route.extract_source)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(schema: &str, table: &str, target_schema: &str, target_table: &str) -> Route {
        Route {
            schema_pattern: schema.into(),
            table_pattern: table.into(),
            target_schema: target_schema.into(),
            target_table: target_table.into(),
            ..Route::default()
        }
    }

    #[test]
    fn a_table_rule_beats_a_schema_rule() {
        let routes = [route("shard_*", "", "all", ""), route("shard_*", "t?", "merged", "t")];
        let router = Router::compile(&routes, "", false).unwrap();
        let routed = router.table("SHARD_1", "t7").unwrap();
        assert_eq!((routed.schema.as_str(), routed.table.as_str()), ("merged", "t"));
        let routed = router.table("shard_1", "other").unwrap();
        assert_eq!((routed.schema.as_str(), routed.table.as_str()), ("all", "other"));
        assert_eq!(router.table("db", "t1").unwrap().schema, "db");
        assert_eq!(router.schema("shard_9").unwrap(), "all");
        assert_eq!(router.schema("db").unwrap(), "db");
    }

    #[test]
    fn a_tilde_starts_a_regular_expression() {
        let router = Router::compile(&[route("~^db_[0-9]+$", "~^t", "d", "")], "", true).unwrap();
        assert_eq!(router.table("db_12", "tx").unwrap().schema, "d");
        assert_eq!(router.table("db_x", "tx").unwrap().schema, "db_x");
        assert_eq!(router.schema("db_12").unwrap(), "db_12");
    }

    #[test]
    fn extractors_join_their_groups() {
        let mut rule = route("routes_a*", "t*", "routes_b", "u");
        let extractor = |regexp: &str, column: &str| {
            Some(Extractor { regexp: regexp.into(), target_column: column.into() })
        };
        rule.extract_table = extractor("t(.*)", "c_table");
        rule.extract_schema = extractor("r(o)utes_a(.*)", "c_schema");
        rule.extract_source = extractor("mysql-(.*)", "c_source");
        let routed = Router::compile(&[rule], "mysql-01", false).unwrap().table("routes_a0", "t1").unwrap();
        let expected = [("c_table", "1"), ("c_schema", "o0"), ("c_source", "01")];
        assert_eq!(routed.constants, expected.map(|(c, v)| (c.to_owned(), v.to_owned())));
    }

    #[test]
    fn ambiguous_and_broken_rules_are_errors() {
        let router =
            Router::compile(&[route("a*", "t", "x", ""), route("*", "t", "y", "")], "", false).unwrap();
        let error = router.table("ab", "t").unwrap_err().to_string();
        assert!(error.contains("routes 1 and 2"), "{error}");
        for (rule, part) in [
            (route("", "t", "x", ""), "schema-pattern"),
            (route("a", "t", "", ""), "target-schema"),
            (route("~(", "t", "x", ""), "schema-pattern"),
        ] {
            assert!(Router::compile(&[rule], "", false).unwrap_err().to_string().contains(part));
        }
    }
}
