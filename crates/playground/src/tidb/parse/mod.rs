//! SQL text to statements: which statement it is, and what several of them share.

mod ddl;
mod dml;
mod select;
mod show;

use crate::tidb::error::SqlError;
use crate::tidb::statement::{Assignment, Show, ShowKind, Statement, TableName};
use crate::tidb::token::{Cursor, Kind};

/// Words that end an expression of a SELECT.
const STOPS: [&str; 16] = [
    "from",
    "where",
    "group",
    "having",
    "order",
    "limit",
    "as",
    "asc",
    "desc",
    "for",
    "into",
    "union",
    "partition",
    "use",
    "ignore",
    "force",
];
/// Statements that are taken and have no effect here.
const NOTHING: [&str; 18] = [
    "lock",
    "unlock",
    "flush",
    "savepoint",
    "release",
    "grant",
    "revoke",
    "deallocate",
    "kill",
    "split",
    "recover",
    "optimize",
    "change",
    "refresh",
    "do",
    "purge",
    "import_noop",
    "load_noop",
];

/// Parses one statement; `None`: the text is empty.
pub(crate) fn parse(sql: &str) -> Result<Option<Statement>, SqlError> {
    let mut cursor = Cursor::new(sql)?;
    if cursor.at_end() {
        return Ok(None);
    }
    let statement = statement(&mut cursor)?;
    cursor.expect_end()?;
    Ok(Some(statement))
}

fn statement(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    if cursor.word("select") {
        return select::select(cursor).map(Statement::Select);
    }
    if cursor.word("show") {
        return show::show(cursor).map(Statement::Show);
    }
    if cursor.word("use") {
        return cursor.name().map(Statement::Use);
    }
    if cursor.word("set") {
        return set(cursor);
    }
    if cursor.word("create") {
        return ddl::create(cursor);
    }
    if cursor.word("drop") {
        return ddl::drop_statement(cursor);
    }
    if cursor.word("alter") {
        return ddl::alter(cursor);
    }
    if cursor.word("truncate") {
        cursor.word("table");
        return table_name(cursor).map(Statement::Truncate);
    }
    if cursor.words("rename table") {
        let rename = |cursor: &mut Cursor<'_>| {
            let from = table_name(cursor)?;
            cursor.expect_word("to")?;
            Ok((from, table_name(cursor)?))
        };
        return list(cursor, rename).map(Statement::Rename);
    }
    if cursor.words("admin checksum table") {
        return list(cursor, table_name).map(Statement::AdminChecksum);
    }
    if cursor.words("admin check table") {
        return list(cursor, table_name).map(Statement::AdminCheck);
    }
    if cursor.words("admin show ddl jobs") {
        rest(cursor);
        return Ok(Statement::AdminShowDdlJobs);
    }
    if cursor.words("analyze table") {
        let tables = list(cursor, table_name)?;
        rest(cursor);
        return Ok(Statement::Analyze(tables));
    }
    if cursor.word("desc") || cursor.word("describe") {
        let table = table_name(cursor)?;
        return Ok(Statement::Show(Show {
            kind: ShowKind::Columns { table, full: false },
            like: None,
            filter: None,
        }));
    }
    if cursor.word("insert") {
        return dml::insert(cursor, false);
    }
    if cursor.word("replace") {
        return dml::insert(cursor, true);
    }
    if cursor.words("delete from") {
        let table = table_name(cursor)?;
        let filter = if cursor.word("where") { Some(cursor.expression(&STOPS)?.to_owned()) } else { None };
        return Ok(Statement::Delete { table, filter });
    }
    if cursor.word("update") {
        return dml::update(cursor);
    }
    for (words, statement) in [
        ("begin", Statement::Begin),
        ("start transaction", Statement::Begin),
        ("commit", Statement::Commit),
        ("rollback", Statement::Rollback),
    ] {
        if cursor.words(words) {
            // PESSIMISTIC, WITH CONSISTENT SNAPSHOT, WORK: transactions are all of one kind here.
            rest(cursor);
            return Ok(statement);
        }
    }
    if NOTHING.iter().any(|word| cursor.is_word(word)) {
        rest(cursor);
        return Ok(Statement::Nothing);
    }
    match cursor.peek() {
        Some(Kind::Word(word)) => Err(SqlError::unsupported(format!("{} statements", word.to_uppercase()))),
        _ => Err(cursor.error()),
    }
}

fn set(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    if cursor.is_word("names")
        || cursor.is_word("character")
        || cursor.is_word("charset")
        || cursor.is_word("transaction")
        || cursor.is_word("password")
        || cursor.is_word("role")
        || cursor.is_word("default")
        || cursor.words("session transaction")
        || cursor.words("global transaction")
    {
        rest(cursor);
        return Ok(Statement::Nothing);
    }
    list(cursor, |cursor| {
        let mut global = cursor.word("global");
        let _ = cursor.word("session") || cursor.word("local");
        let user_variable = cursor.symbol("@");
        if cursor.symbol("@@") {
            if cursor.word("global") {
                global = true;
                cursor.expect_symbol(".")?;
            } else if cursor.word("session") || cursor.word("local") {
                cursor.expect_symbol(".")?;
            }
        }
        let mut name = cursor.name()?;
        while cursor.symbol(".") {
            name = format!("{name}.{}", cursor.name()?);
        }
        if user_variable {
            name = format!("@{name}");
        }
        if !cursor.symbol(":=") {
            cursor.expect_symbol("=")?;
        }
        let value = cursor.expression(&[])?.to_owned();
        Ok(Assignment { name: name.to_lowercase(), global, value })
    })
    .map(Statement::Set)
}

/// Takes whatever is left and gives its text.
fn rest<'s>(cursor: &mut Cursor<'s>) -> &'s str {
    let start = cursor.offset();
    while cursor.peek().is_some() && !cursor.symbol(";") {
        cursor.next();
    }
    cursor.sql.get(start..cursor.previous_end()).unwrap_or_default().trim_end_matches(';')
}

fn list<T>(
    cursor: &mut Cursor<'_>,
    mut one: impl FnMut(&mut Cursor<'_>) -> Result<T, SqlError>,
) -> Result<Vec<T>, SqlError> {
    let mut all = vec![one(cursor)?];
    while cursor.symbol(",") {
        all.push(one(cursor)?);
    }
    Ok(all)
}

fn table_name(cursor: &mut Cursor<'_>) -> Result<TableName, SqlError> {
    let first = cursor.name()?;
    if cursor.symbol(".") {
        return Ok(TableName { db: Some(first), table: cursor.name()? });
    }
    Ok(TableName { db: None, table: first })
}

fn if_not_exists(cursor: &mut Cursor<'_>) -> bool {
    cursor.words("if not exists")
}

fn number(cursor: &mut Cursor<'_>) -> Result<u64, SqlError> {
    let error = cursor.error();
    cursor.literal()?.parse().map_err(|_| error)
}

/// An identifier in back quotes.
pub(crate) fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidb::statement::{Aggregate, AlterSpec, Item};
    use proptest::prelude::*;

    fn parsed(sql: &str) -> Statement {
        parse(sql).unwrap_or_else(|error| panic!("{sql}: {error}")).unwrap()
    }

    #[test]
    fn selects_are_taken_apart() {
        let Statement::Select(select) = parsed(
            "SELECT COUNT(*), `a` AS x, t.b FROM `db`.`t` USE INDEX() WHERE id BETWEEN 1 AND 3 ORDER BY a DESC, b LIMIT 5, 10;",
        ) else {
            panic!("not a SELECT")
        };
        assert_eq!(
            select.items[0],
            Item::Aggregate { function: Aggregate::Count, argument: None, name: "COUNT(*)".into() }
        );
        assert_eq!(select.items[1], Item::Expression { text: "`a`".into(), name: "x".into() });
        assert_eq!(select.items[2], Item::Expression { text: "t.b".into(), name: "b".into() });
        assert_eq!(select.from, Some(TableName { db: Some("db".into()), table: "t".into() }));
        assert_eq!(select.filter.as_deref(), Some("id BETWEEN 1 AND 3"));
        assert_eq!(select.order_by, [("a".to_owned(), true), ("b".to_owned(), false)]);
        assert_eq!((select.offset, select.limit), (5, Some(10)));
    }

    #[test]
    fn the_statements_of_an_import_are_understood() {
        let sql = "ALTER TABLE `d`.`t` FORCE AUTO_INCREMENT=100";
        assert_eq!(
            parsed(sql),
            Statement::AlterTable {
                name: TableName { db: Some("d".into()), table: "t".into() },
                specs: vec![AlterSpec::AutoIncrement { base: 100, force: true }],
                text: sql.into()
            }
        );
        assert!(matches!(parsed("/*!40101 SET NAMES binary*/;"), Statement::Nothing));
        assert!(
            matches!(parsed("SET SESSION tidb_x = 1, @@global.y='a'"), Statement::Set(list) if list.len() == 2 && list[1].global)
        );
        assert!(matches!(parsed("CREATE TABLE `t` (a int) ENGINE=InnoDB;"), Statement::CreateTable { .. }));
        assert!(matches!(
            parsed("CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`%` SQL SECURITY DEFINER VIEW `v` (`a`) AS SELECT 1"),
            Statement::CreateView { select, .. } if select == "SELECT 1"
        ));
        assert!(matches!(
            parsed("SHOW TABLE d.t NEXT_ROW_ID"),
            Statement::Show(Show { kind: ShowKind::NextRowId(_), .. })
        ));
        assert!(
            matches!(parsed("ADMIN CHECKSUM TABLE d.t, d.u"), Statement::AdminChecksum(names) if names.len() == 2)
        );
        assert!(
            matches!(parsed("INSERT INTO t (a,b) VALUES (1,'x'),(2,DEFAULT)"), Statement::Insert(insert) if insert.rows.len() == 2)
        );
        assert_eq!(parse("  ; ").unwrap(), None);
        assert_eq!(parse("HANDLER t OPEN").unwrap_err().code, 1235);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn parsing_never_panics(sql in "(select|show|alter table|create|insert into|set)?[ a-z0-9'`(),.*=@;/]{0,60}") {
            let _ = parse(&sql);
        }
    }
}
