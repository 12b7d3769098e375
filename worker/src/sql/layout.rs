//! Which columns rows are written to, and which of their values.

use th_errors::{Code, Fault};
use th_ledger::{ConflictStrategy, PlannedColumn, PlannedTable};
use th_mysql::{Dialect, Parameters, Verb, insert_head, push_value};
use th_row::Value;

/// How the rows of a stretch of the source are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// `INSERT INTO … VALUES `.
    insert: String,
    /// The statement of the import's strategy; differs from `insert` with `replace` and `ignore`.
    usual: String,
    /// For each value of a row: whether it is written, and then whether to a column of text or bytes.
    values: Vec<Option<bool>>,
    /// Constants of routes, as SQL text.
    constants: Vec<u8>,
}

impl Layout {
    /// The layout of rows of `count` values under a column list. Without one, values are for all columns in
    /// order, or for those that the server does not compute; columns that a route makes of the source's names
    /// take no place.
    pub(super) fn new(
        table: &PlannedTable,
        strategy: ConflictStrategy,
        dialect: Dialect,
        listed: Option<&[String]>,
        count: usize,
        constants: &[(String, String)],
    ) -> Result<Self, Fault> {
        let is_constant = |name: &str| constants.iter().any(|(column, _)| column.eq_ignore_ascii_case(name));
        let named = |with_generated: bool| -> Vec<&str> {
            let takes = |column: &&PlannedColumn| {
                !column.invisible && (with_generated || !column.generated) && !is_constant(&column.name)
            };
            table.columns.iter().filter(takes).map(|column| column.name.as_str()).collect()
        };
        let bad = |message: String| Err(Fault::new(Code::BadColumns, message));
        let names: Vec<&str> = match listed {
            Some(listed) if listed.len() == count => listed.iter().map(String::as_str).collect(),
            Some(listed) => {
                return bad(format!("{} columns are listed, but the row has {count} values", listed.len()));
            }
            // `VALUES ()`: all defaults.
            None if count == 0 => Vec::new(),
            None => {
                let all = named(true);
                match named(false) {
                    _ if all.len() == count => all,
                    given if given.len() == count => given,
                    _ => return bad(format!("the row has {count} values, the table {} columns", all.len())),
                }
            }
        };
        let mut columns = Vec::with_capacity(count + constants.len());
        let mut values = Vec::with_capacity(count);
        for name in names {
            let column = table.columns.iter().find(|column| column.name == name);
            let dropped = table.ignored_columns.iter().any(|ignored| ignored == name)
                || is_constant(name)
                || column.is_some_and(|column| column.generated);
            values.push((!dropped).then(|| column.is_some_and(|column| column.bytes)));
            if !dropped {
                columns.push(name);
            }
        }
        let mut texts = Vec::new();
        for (column, value) in constants {
            if !columns.is_empty() {
                texts.push(b',');
            }
            columns.push(column);
            dialect.push_text(value.as_bytes(), &mut texts);
        }
        let verb = match strategy {
            ConflictStrategy::Error => Verb::Insert,
            ConflictStrategy::Replace => Verb::Replace,
            ConflictStrategy::Ignore => Verb::InsertIgnore,
        };
        let head = |verb| insert_head(verb, &table.db, &table.name, &columns);
        Ok(Self { insert: head(Verb::Insert), usual: head(verb), values, constants: texts })
    }

    /// The statement up to its rows; `plain` for an INSERT whatever the strategy.
    pub(super) fn head(&self, plain: bool) -> &str {
        if plain { &self.insert } else { &self.usual }
    }

    /// Number of values of a row that are written.
    pub(super) fn width(&self) -> usize {
        self.values.iter().flatten().count()
    }

    /// Appends a row's values; false if they cannot be bound and the row's text must be used.
    pub(super) fn bind_row(&self, row: &[Value<'_>], out: &mut Parameters) -> bool {
        let taken = row.iter().zip(&self.values).filter_map(|(value, bytes)| Some((value, (*bytes)?)));
        taken.into_iter().all(|(value, bytes)| out.push(value, bytes))
    }

    /// The statement of so many rows with question marks for their values.
    pub(super) fn prepared(&self, plain: bool, rows: usize) -> String {
        let mut row = vec![b'('];
        for number in 0..self.width() {
            row.extend_from_slice(if number > 0 { b",?" } else { b"?" });
        }
        row.extend_from_slice(&self.constants);
        row.push(b')');
        // Constants are texts of the session's character set, and everything else is ASCII.
        let row = String::from_utf8_lossy(&row);
        let mut statement = String::with_capacity(self.head(plain).len() + rows * (row.len() + 1));
        statement.push_str(self.head(plain));
        for number in 0..rows {
            statement.push_str(if number > 0 { "," } else { "" });
            statement.push_str(&row);
        }
        statement
    }

    /// Appends `(value,…)`.
    pub(super) fn push_row(&self, row: &[Value<'_>], dialect: Dialect, out: &mut Vec<u8>) {
        out.push(b'(');
        let start = out.len();
        for (value, taken) in row.iter().zip(&self.values) {
            let Some(bytes) = *taken else { continue };
            if out.len() > start {
                out.push(b',');
            }
            push_value(value, bytes, dialect, out);
        }
        out.extend_from_slice(&self.constants);
        out.push(b')');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;

    const DIALECT: Dialect = Dialect { backslash_escapes: true };

    fn table() -> PlannedTable {
        let column = |name: &str, generated, invisible| PlannedColumn {
            name: name.into(),
            bytes: false,
            generated,
            invisible,
        };
        PlannedTable {
            db: "d".into(),
            name: "t".into(),
            info: RawValue::NULL.to_owned(),
            columns: vec![
                column("a", false, false),
                column("g", true, false),
                column("hidden", false, true),
                column("b", false, false),
                column("c_schema", false, false),
            ],
            ignored_columns: vec!["skipped".into()],
            source_bytes: 0,
            jobs: 0..1,
            row_id_end: 0,
            before: th_ledger::Pairs::default(),
            gets_indexes: false,
        }
    }

    fn layout(listed: Option<&[&str]>, count: usize, constants: &[(&str, &str)]) -> Result<String, String> {
        let listed: Option<Vec<String>> =
            listed.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let constants: Vec<(String, String)> =
            constants.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let made =
            Layout::new(&table(), ConflictStrategy::Replace, DIALECT, listed.as_deref(), count, &constants);
        let made = made.map_err(|fault| fault.message)?;
        let values: Vec<Value<'_>> = (0..count as u64).map(Value::Uint).collect();
        let (mut bound, mut marks) = (Parameters::default(), made.prepared(false, 1));
        assert!(made.bind_row(&values, &mut bound));
        assert_eq!((bound.len(), marks.matches('?').count()), (made.width(), made.width()));
        let mut text = made.head(false).as_bytes().to_vec();
        made.push_row(&values, DIALECT, &mut text);
        // The same statement, but for its values.
        for value in values.iter().zip(&made.values).filter_map(|(value, taken)| taken.and(Some(value))) {
            let Value::Uint(number) = value else { continue };
            marks = marks.replacen('?', &number.to_string(), 1);
        }
        assert_eq!(marks.as_bytes(), text);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    #[test]
    fn values_without_a_column_list_are_for_all_columns_or_for_the_stored_ones() {
        assert_eq!(
            layout(None, 4, &[]).unwrap(),
            "REPLACE INTO `d`.`t` (`a`,`b`,`c_schema`) VALUES (0,2,3)",
            "the generated column's value is dropped"
        );
        assert_eq!(layout(None, 3, &[]).unwrap(), "REPLACE INTO `d`.`t` (`a`,`b`,`c_schema`) VALUES (0,1,2)");
        assert_eq!(
            layout(None, 2, &[("c_schema", "it's")]).unwrap(),
            "REPLACE INTO `d`.`t` (`a`,`b`,`c_schema`) VALUES (0,1,'it''s')",
            "a route's column takes no place"
        );
        assert_eq!(layout(None, 0, &[]).unwrap(), "REPLACE INTO `d`.`t` () VALUES ()");
        assert_eq!(layout(None, 1, &[]).unwrap_err(), "the row has 1 values, the table 4 columns");
    }

    #[test]
    fn listed_columns_are_written_unless_they_are_ignored() {
        assert_eq!(
            layout(Some(&["skipped", "b", "hidden"]), 3, &[]).unwrap(),
            "REPLACE INTO `d`.`t` (`b`,`hidden`) VALUES (1,2)"
        );
        assert_eq!(
            layout(Some(&["skipped"]), 1, &[("c_schema", "x")]).unwrap(),
            "REPLACE INTO `d`.`t` (`c_schema`) VALUES ('x')"
        );
        assert!(layout(Some(&["a", "b"]), 3, &[]).unwrap_err().starts_with("2 columns are listed"));
    }
}
