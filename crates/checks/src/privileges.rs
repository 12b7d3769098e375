//! Whether the SQL user may do what the import will ask for, by what `SHOW GRANTS` says.

use crate::size::{count, some};
use crate::{Line, leading_name};

/// A privilege on something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// `SELECT`, `CREATE VIEW`, …
    pub privilege: &'static str,
    /// Database.
    pub db: String,
    /// Table; `None`: all of the database.
    pub table: Option<String>,
    /// Whether the import cannot do without it in any case.
    pub required: bool,
}

impl Need {
    /// A privilege on a whole database.
    pub fn on_database(privilege: &'static str, db: &str) -> Self {
        Self { privilege, db: db.to_owned(), table: None, required: true }
    }

    /// A privilege on one table.
    pub fn on_table(privilege: &'static str, db: &str, table: &str) -> Self {
        Self { privilege, db: db.to_owned(), table: Some(table.to_owned()), required: true }
    }

    /// The same, where only some tables need it.
    #[must_use]
    pub fn perhaps(self) -> Self {
        Self { required: false, ..self }
    }

    fn say(&self) -> String {
        format!("{} on {}.{}", self.privilege, self.db, self.table.as_deref().unwrap_or("*"))
    }
}

struct Grant<'a> {
    privileges: Vec<&'a str>,
    db: String,
    table: String,
}

/// Compares the lines of `SHOW GRANTS` with what is needed.
pub fn privileges(grants: &[String], needs: &[Need]) -> Line {
    const CHECK: &str = "privileges";
    let wanted = format!("{} (see the manual's page on privileges)", count(needs.len(), "privilege"));
    let known: Vec<Grant<'_>> = grants.iter().filter_map(|line| read(line)).collect();
    let missing: Vec<&Need> =
        needs.iter().filter(|need| !known.iter().any(|grant| grant.gives(need))).collect();
    if missing.is_empty() {
        return Line::pass(CHECK, "all are granted", wanted);
    }
    let said: Vec<String> = missing.iter().map(|need| need.say()).collect();
    let measured = format!("missing: {}", some(&said));
    // `GRANT 'role'@'%' TO 'user'@'%'` has no ON; what the role brings is not shown.
    if grants.iter().any(|line| !line.to_ascii_uppercase().contains(" ON ")) {
        let advice = "make sure that the user's roles bring them, and are default roles";
        return Line::warn(CHECK, measured, wanted, advice);
    }
    if missing.iter().any(|need| need.required) {
        return Line::fail(CHECK, measured, wanted, "grant them to the user, or use another one");
    }
    Line::warn(CHECK, measured, wanted, "grant them: automatic ids and statistics need them")
}

/// `GRANT a, b ON `db`.`table` TO …`.
fn read(line: &str) -> Option<Grant<'_>> {
    let rest = strip_word(line.trim(), "GRANT ")?;
    let at = rest.to_ascii_uppercase().find(" ON ")?;
    let (privileges, rest) = (rest.get(..at)?, rest.get(at + 4..)?);
    let object = strip_word(rest, "TABLE ").unwrap_or(rest);
    let (db, object) = name(object)?;
    let (table, _) = name(object.strip_prefix('.')?)?;
    Some(Grant { privileges: split(privileges), db, table })
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.get(..word.len()).filter(|head| head.eq_ignore_ascii_case(word)).and_then(|_| text.get(word.len()..))
}

/// A quoted name, a plain one or `*`, and what follows.
fn name(text: &str) -> Option<(String, &str)> {
    leading_name(text, |c| c == '.' || c.is_whitespace())
}

/// Privileges at commas; one on some columns only is none on the table.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text.get(start..at).unwrap_or_default().trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default().trim());
    parts.retain(|part| !part.contains('('));
    parts
}

impl Grant<'_> {
    fn gives(&self, need: &Need) -> bool {
        let all = ["ALL", "ALL PRIVILEGES"];
        let named = self.privileges.iter().any(|privilege| {
            privilege.eq_ignore_ascii_case(need.privilege)
                || all.iter().any(|all| privilege.eq_ignore_ascii_case(all))
        });
        let table = self.table == "*"
            || need.table.as_ref().is_some_and(|table| self.table.eq_ignore_ascii_case(table));
        named && table && like(&self.db.to_lowercase(), &need.db.to_lowercase())
    }
}

/// Whether a database name is of a pattern with `%`, `_` and backslashes; `*` is every one.
fn like(pattern: &str, name: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    matches(&pattern, &name)
}

fn matches(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], name) => name.is_empty(),
        (['%', rest @ ..], name) => (0..=name.len()).any(|at| matches(rest, &name[at..])),
        (['\\', exact, rest @ ..], [first, after @ ..]) => exact == first && matches(rest, after),
        (['_', rest @ ..], [_, after @ ..]) => matches(rest, after),
        ([exact, rest @ ..], [first, after @ ..]) => exact == first && matches(rest, after),
        (_, []) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    fn check(grants: &[&str], needs: &[Need]) -> Line {
        privileges(&grants.iter().map(|&grant| grant.to_owned()).collect::<Vec<_>>(), needs)
    }

    #[test]
    fn grants_of_every_scope_count() {
        let needs = [Need::on_database("SELECT", "app"), Need::on_table("SELECT", "mysql", "tidb")];
        assert_eq!(
            check(&["GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION"], &needs).level,
            Level::Pass
        );
        let some = ["GRANT USAGE ON *.* TO 'u'@'%'", "GRANT Select,INSERT ON `app`.* TO 'u'@'%'"];
        let line = check(&some, &needs);
        assert_eq!((line.level, line.measured.as_str()), (Level::Fail, "missing: SELECT on mysql.tidb"));
        let all = ["GRANT SELECT ON `ap%`.* TO 'u'@'%'", "GRANT SELECT ON mysql.tidb TO 'u'@'%'"];
        assert_eq!(check(&all, &needs).level, Level::Pass);
        let other = ["GRANT SELECT ON `app\\_x`.* TO 'u'@'%'", "GRANT SELECT ON `mysql`.`tidb` TO 'u'@'%'"];
        assert_eq!(check(&other, &needs).measured, "missing: SELECT on app.*");
    }

    #[test]
    fn what_only_some_tables_need_is_a_warning() {
        let needs = [Need::on_table("SELECT", "a", "t"), Need::on_table("ALTER", "a", "t").perhaps()];
        let line = check(&["GRANT SELECT ON `a`.* TO 'u'@'%'"], &needs);
        assert_eq!((line.level, line.measured.as_str()), (Level::Warn, "missing: ALTER on a.t"));
        assert_eq!(check(&["GRANT ALTER ON `a`.* TO 'u'@'%'"], &needs).level, Level::Fail);
    }

    #[test]
    fn a_privilege_on_columns_is_none_on_the_table() {
        let needs = [Need::on_table("INSERT", "a", "t")];
        let line = check(&["GRANT SELECT, INSERT (`x`, `y`), UPDATE ON `a`.`t` TO 'u'@'%'"], &needs);
        assert_eq!(line.level, Level::Fail);
    }

    #[test]
    fn roles_may_bring_what_is_missing() {
        let needs = [Need::on_database("CREATE", "a")];
        let line = check(&["GRANT USAGE ON *.* TO 'u'@'%'", "GRANT 'importer'@'%' TO 'u'@'%'"], &needs);
        assert_eq!((line.level, line.measured.as_str()), (Level::Warn, "missing: CREATE on a.*"));
    }
}
