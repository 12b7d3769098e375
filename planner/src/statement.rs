//! Statements of a schema file, turned into those that the target gets.
//!
//! Only the head is looked at, up to the table's name; the definition itself is for the target to parse.

use th_ledger::TiflashReplicas;

/// Makes `CREATE TABLE IF NOT EXISTS` of the routed name out of a dump's `CREATE TABLE`; `None` if the
/// statement is something else.
pub(crate) fn retarget_create_table(statement: &str, db: &str, table: &str) -> Option<String> {
    let rest = keyword(statement, "CREATE")?;
    let rest = keyword(rest, "TABLE")?;
    let rest = match keyword(rest, "IF") {
        Some(rest) => keyword(keyword(rest, "NOT")?, "EXISTS")?,
        None => rest,
    };
    let rest = identifier(rest)?;
    let rest = match skip_blank(rest).strip_prefix('.') {
        Some(rest) => identifier(rest)?,
        None => rest,
    };
    Some(format!("CREATE TABLE IF NOT EXISTS {}.{}{rest}", quote(db), quote(table)))
}

/// Makes the same statement about the routed name out of a dump's `ALTER TABLE`, `CREATE INDEX` or `DROP INDEX`; `None`
/// if it is something else.
pub(crate) fn retarget_change(statement: &str, db: &str, table: &str) -> Option<String> {
    let statement = live(statement);
    let rest = match keyword(statement, "ALTER") {
        Some(rest) => keyword(keyword(rest, "IGNORE").unwrap_or(rest), "TABLE")?,
        None => on_table(statement)?,
    };
    let after = identifier(rest)?;
    let after = match skip_blank(after).strip_prefix('.') {
        Some(after) => identifier(after)?,
        None => after,
    };
    let head = statement.get(..statement.len() - rest.len())?;
    Some(format!("{head} {}.{}{after}", quote(db), quote(table)))
}

/// What follows `ON` in `CREATE … INDEX name … ON` and `DROP INDEX name ON`.
fn on_table(statement: &str) -> Option<&str> {
    let mut rest = match keyword(statement, "CREATE") {
        Some(mut rest) => loop {
            if let Some(rest) = keyword(rest, "INDEX") {
                break rest;
            }
            // UNIQUE, FULLTEXT and their like.
            rest = identifier(rest)?;
        },
        None => keyword(keyword(statement, "DROP")?, "INDEX")?,
    };
    for word in ["IF", "NOT", "EXISTS"] {
        rest = keyword(rest, word).unwrap_or(rest);
    }
    rest = identifier(rest)?;
    loop {
        if let Some(rest) = keyword(rest, "ON") {
            return Some(rest);
        }
        // USING BTREE.
        rest = identifier(rest)?;
    }
}

/// The contents of a statement that is a live comment as a whole, `/*!40000 … */`.
fn live(statement: &str) -> &str {
    let inner = statement.strip_prefix("/*!").and_then(|rest| rest.strip_suffix("*/"));
    let inner = inner.filter(|inner| !inner.contains("*/"));
    inner.map_or(statement, |inner| inner.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// What `ALTER TABLE … SET TIFLASH REPLICA n [LOCATION LABELS 'a', …]` asks for; `None` if the statement is something
/// else, or asks for none.
pub(crate) fn tiflash_replicas(statement: &str) -> Option<TiflashReplicas> {
    let rest = identifier(keyword(keyword(statement, "ALTER")?, "TABLE")?)?;
    let mut rest = match skip_blank(rest).strip_prefix('.') {
        Some(rest) => identifier(rest)?,
        None => rest,
    };
    for word in ["SET", "TIFLASH", "REPLICA"] {
        rest = keyword(rest, word)?;
    }
    let rest = skip_blank(rest);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let count = rest.get(..end)?.parse().ok().filter(|&count| count > 0)?;
    let mut location_labels = Vec::new();
    let mut labels = keyword(&rest[end..], "LOCATION").and_then(|rest| keyword(rest, "LABELS"));
    while let Some(rest) = labels {
        let rest = skip_blank(rest);
        let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let (label, after) = rest.get(1..)?.split_once(quote)?;
        location_labels.push(label.to_owned());
        labels = skip_blank(after).strip_prefix(',');
    }
    Some(TiflashReplicas { count, location_labels })
}

/// An identifier in backquotes.
fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The rest after white space and comments; the contents of `/*!40101 … */` and `/*T! … */` count as
/// comments here, because heads of dumped statements have only settings in them.
fn skip_blank(text: &str) -> &str {
    let mut rest = text.trim_start();
    loop {
        let after = if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map(|end| &comment[end + 2..])
        } else if rest.starts_with("-- ") || rest.starts_with('#') || rest.starts_with("--\n") {
            Some(rest.find('\n').map_or("", |end| &rest[end + 1..]))
        } else {
            None
        };
        match after {
            Some(after) => rest = after.trim_start(),
            None => return rest,
        }
    }
}

fn keyword<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let text = skip_blank(text);
    let head = text.get(..word.len())?;
    let rest = text.get(word.len()..)?;
    let ends = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
    (head.eq_ignore_ascii_case(word) && ends).then_some(rest)
}

fn identifier(text: &str) -> Option<&str> {
    let text = skip_blank(text);
    let Some(quoted) = text.strip_prefix('`') else {
        let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len());
        return (end > 0).then(|| &text[end..]);
    };
    let mut rest = quoted;
    loop {
        let end = rest.find('`')?;
        rest = &rest[end + 1..];
        match rest.strip_prefix('`') {
            Some(after) => rest = after,
            None => return Some(rest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_file_says_how_many_replicas_tiflash_gets() {
        let of = |text| tiflash_replicas(text).map(|found| (found.count, found.location_labels.join("+")));
        for (text, expected) in [
            ("ALTER TABLE `d`.`t` SET TIFLASH REPLICA 2", Some((2, ""))),
            ("alter table t set tiflash replica 1 location labels \"zone\", 'rack'", Some((1, "zone+rack"))),
            ("/* c */ ALTER TABLE t SET TIFLASH REPLICA 3 ", Some((3, ""))),
            ("ALTER TABLE t SET TIFLASH REPLICA 0", None),
            ("ALTER TABLE t SET TIFLASH REPLICA x", None),
            ("ALTER TABLE t ADD COLUMN tiflash INT", None),
            ("CREATE TABLE t (a INT)", None),
        ] {
            assert_eq!(of(text), expected.map(|(count, labels)| (count, labels.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_change_of_a_table_is_about_the_routed_one() {
        for (from, to) in [
            ("ALTER TABLE `a` ADD KEY (`b`)", "ALTER TABLE `d`.`t` ADD KEY (`b`)"),
            ("alter ignore table x.`y``z`add column c int", "alter ignore table `d`.`t`add column c int"),
            ("CREATE INDEX i ON a (b)", "CREATE INDEX i ON `d`.`t` (b)"),
            (
                "create unique index if not exists `on` using btree on x.a(b)",
                "create unique index if not exists `on` using btree on `d`.`t`(b)",
            ),
            ("DROP INDEX i ON a", "DROP INDEX i ON `d`.`t`"),
            ("/*!40000 ALTER TABLE `a` DISABLE KEYS */", " ALTER TABLE `d`.`t` DISABLE KEYS "),
        ] {
            assert_eq!(retarget_change(from, "d", "t").as_deref(), Some(to), "{from}");
        }
        for other in
            ["CREATE TABLE a (b INT)", "CREATE INDEX i", "DROP TABLE a", "ALTER TABLE", "", "SET x = 1"]
        {
            assert_eq!(retarget_change(other, "d", "t"), None, "{other}");
        }
    }

    #[test]
    fn only_the_name_of_the_table_changes() {
        for (from, to) in [
            ("CREATE TABLE `a` (`id` int)", "CREATE TABLE IF NOT EXISTS `d`.`t` (`id` int)"),
            ("create table if not exists x.`y``z`(a int)", "CREATE TABLE IF NOT EXISTS `d`.`t`(a int)"),
            (
                "/*!40101 SET x*/ CREATE /* c */ TABLE 表 (a int)",
                "CREATE TABLE IF NOT EXISTS `d`.`t` (a int)",
            ),
            ("-- note\nCREATE TABLE a.b LIKE c", "CREATE TABLE IF NOT EXISTS `d`.`t` LIKE c"),
        ] {
            assert_eq!(retarget_create_table(from, "d", "t").as_deref(), Some(to), "{from}");
        }
        for other in [
            "CREATE VIEW v AS SELECT 1",
            "CREATE",
            "",
            "CREATE TABLE `open",
            "CREATETABLE x",
            "/*",
            "ALTER TABLE x",
        ] {
            assert_eq!(retarget_create_table(other, "d", "t"), None, "{other}");
        }
        assert_eq!(
            retarget_create_table("CREATE TABLE a(b int)", "d`b", "t").as_deref(),
            Some("CREATE TABLE IF NOT EXISTS `d``b`.`t`(b int)")
        );
    }
}
