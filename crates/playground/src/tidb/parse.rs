//! SQL text to statements.

use crate::tidb::error::SqlError;
use crate::tidb::statement::*;
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
const NOTHING: [&str; 22] = [
    "begin",
    "commit",
    "rollback",
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
    "start",
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
        return select(cursor).map(Statement::Select);
    }
    if cursor.word("show") {
        return show(cursor).map(Statement::Show);
    }
    if cursor.word("use") {
        return cursor.name().map(Statement::Use);
    }
    if cursor.word("set") {
        return set(cursor);
    }
    if cursor.word("create") {
        return create(cursor);
    }
    if cursor.word("drop") {
        return drop_statement(cursor);
    }
    if cursor.word("alter") {
        return alter(cursor);
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
        return insert(cursor, false);
    }
    if cursor.word("replace") {
        return insert(cursor, true);
    }
    if cursor.words("delete from") {
        let table = table_name(cursor)?;
        let filter = if cursor.word("where") { Some(cursor.expression(&STOPS)?.to_owned()) } else { None };
        return Ok(Statement::Delete { table, filter });
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

/// CHARSET and COLLATE options of a database; others are taken without effect.
fn database_options(cursor: &mut Cursor<'_>) -> Result<(Option<String>, Option<String>), SqlError> {
    let (mut charset, mut collate) = (None, None);
    while cursor.peek().is_some() && !cursor.at_end() {
        cursor.word("default");
        if cursor.words("character set") || cursor.word("charset") {
            cursor.symbol("=");
            charset = Some(cursor.literal()?);
        } else if cursor.word("collate") {
            cursor.symbol("=");
            collate = Some(cursor.literal()?);
        } else {
            cursor.next();
        }
    }
    Ok((charset, collate))
}

fn create(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    if cursor.word("database") || cursor.word("schema") {
        let if_not_exists = if_not_exists(cursor);
        let name = cursor.name()?;
        let (charset, collate) = database_options(cursor)?;
        return Ok(Statement::CreateDatabase { name, if_not_exists, charset, collate });
    }
    if cursor.word("table") {
        let if_not_exists = if_not_exists(cursor);
        let name = table_name(cursor)?;
        let bracket = cursor.symbol("(");
        if cursor.word("like") {
            let like = table_name(cursor)?;
            if bracket {
                cursor.expect_symbol(")")?;
            }
            return Ok(Statement::CreateTableLike { name, like, if_not_exists });
        }
        rest(cursor);
        return Ok(Statement::CreateTable { name, if_not_exists, text: cursor.sql.to_owned() });
    }
    cursor.word("unique");
    if cursor.word("index") {
        cursor.words("if not exists");
        cursor.name()?;
        cursor.expect_word("on")?;
        let name = table_name(cursor)?;
        rest(cursor);
        return Ok(Statement::AlterTable {
            name,
            specs: vec![AlterSpec::Definition],
            text: cursor.sql.to_owned(),
        });
    }
    let or_replace = cursor.words("or replace");
    if cursor.word("algorithm") {
        cursor.symbol("=");
        cursor.next();
    }
    if cursor.word("definer") {
        while cursor.peek().is_some() && !cursor.is_word("sql") && !cursor.is_word("view") {
            cursor.next();
        }
    }
    if cursor.words("sql security") {
        cursor.next();
    }
    if cursor.word("view") {
        let name = table_name(cursor)?;
        let mut columns = Vec::new();
        if cursor.symbol("(") {
            columns = list(cursor, |cursor| cursor.name())?;
            cursor.expect_symbol(")")?;
        }
        cursor.expect_word("as")?;
        let select = rest(cursor).to_owned();
        return Ok(Statement::CreateView { name, or_replace, columns, select });
    }
    if cursor.word("user") || cursor.word("role") || cursor.word("binding") || cursor.words("global binding")
    {
        rest(cursor);
        return Ok(Statement::Nothing);
    }
    Err(SqlError::unsupported(format!("CREATE {}", rest(cursor))))
}

fn drop_statement(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    if cursor.word("database") || cursor.word("schema") {
        let if_exists = cursor.words("if exists");
        return Ok(Statement::DropDatabase { name: cursor.name()?, if_exists });
    }
    cursor.word("temporary");
    let views = cursor.word("view");
    if views || cursor.word("table") || cursor.word("tables") {
        let if_exists = cursor.words("if exists");
        let names = list(cursor, table_name)?;
        let _ = cursor.word("restrict") || cursor.word("cascade");
        return Ok(Statement::DropTables { names, if_exists, views });
    }
    if cursor.word("index") {
        cursor.words("if exists");
        cursor.name()?;
        cursor.expect_word("on")?;
        let name = table_name(cursor)?;
        return Ok(Statement::AlterTable {
            name,
            specs: vec![AlterSpec::Definition],
            text: cursor.sql.to_owned(),
        });
    }
    if cursor.word("user") || cursor.word("role") || cursor.word("stats") {
        rest(cursor);
        return Ok(Statement::Nothing);
    }
    Err(SqlError::unsupported(format!("DROP {}", rest(cursor))))
}

fn alter(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    if cursor.word("database") || cursor.word("schema") {
        let options = |cursor: &Cursor<'_>| {
            ["character", "charset", "collate", "default"].iter().any(|word| cursor.is_word(word))
        };
        let name = if options(cursor) { None } else { Some(cursor.name()?) };
        let (charset, collate) = database_options(cursor)?;
        return Ok(Statement::AlterDatabase { name, charset, collate });
    }
    if cursor.word("user") || cursor.word("instance") {
        rest(cursor);
        return Ok(Statement::Nothing);
    }
    cursor.expect_word("table")?;
    let name = table_name(cursor)?;
    let specs = if cursor.at_end() { Vec::new() } else { list(cursor, alter_spec)? };
    Ok(Statement::AlterTable { name, specs, text: cursor.sql.to_owned() })
}

fn alter_spec(cursor: &mut Cursor<'_>) -> Result<AlterSpec, SqlError> {
    let force = cursor.word("force");
    if cursor.word("auto_increment") {
        cursor.symbol("=");
        return Ok(AlterSpec::AutoIncrement { base: number(cursor)?, force });
    }
    if cursor.word("auto_random_base") {
        cursor.symbol("=");
        return Ok(AlterSpec::AutoRandomBase { base: number(cursor)?, force });
    }
    if force {
        return Ok(AlterSpec::Nothing);
    }
    if cursor.words("rename to") || cursor.words("rename as") {
        return table_name(cursor).map(AlterSpec::Rename);
    }
    if cursor.words("set tiflash replica") || cursor.words("enable keys") || cursor.words("disable keys") {
        while cursor.peek().is_some() && !matches!(cursor.peek(), Some(Kind::Symbol("," | ";"))) {
            cursor.next();
        }
        return Ok(AlterSpec::Nothing);
    }
    cursor.expression(&[]).map(|_| AlterSpec::Definition)
}

fn number(cursor: &mut Cursor<'_>) -> Result<u64, SqlError> {
    let error = cursor.error();
    cursor.literal()?.parse().map_err(|_| error)
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

fn show(cursor: &mut Cursor<'_>) -> Result<Show, SqlError> {
    let kind = show_kind(cursor)?;
    let like = if cursor.word("like") { Some(cursor.literal()?) } else { None };
    let filter = if cursor.word("where") { Some(cursor.expression(&[])?.to_owned()) } else { None };
    if cursor.word("limit") {
        rest(cursor);
    }
    Ok(Show { kind, like, filter })
}

fn from_db(cursor: &mut Cursor<'_>) -> Result<Option<String>, SqlError> {
    if cursor.word("from") || cursor.word("in") { cursor.name().map(Some) } else { Ok(None) }
}

fn show_kind(cursor: &mut Cursor<'_>) -> Result<ShowKind, SqlError> {
    let full = cursor.word("full");
    let global = cursor.word("global");
    let _ = cursor.word("session");
    if cursor.word("databases") || cursor.word("schemas") {
        return Ok(ShowKind::Databases);
    }
    if cursor.word("tables") {
        return Ok(ShowKind::Tables { db: from_db(cursor)?, full });
    }
    if cursor.words("table status") {
        return Ok(ShowKind::TableStatus { db: from_db(cursor)? });
    }
    if cursor.words("create table") {
        return table_name(cursor).map(ShowKind::CreateTable);
    }
    if cursor.words("create view") {
        return table_name(cursor).map(ShowKind::CreateView);
    }
    if cursor.words("create database") || cursor.words("create schema") {
        let if_not_exists = if_not_exists(cursor);
        return Ok(ShowKind::CreateDatabase { name: cursor.name()?, if_not_exists });
    }
    if cursor.word("columns") || cursor.word("fields") {
        return Ok(ShowKind::Columns { table: table_in_db(cursor)?, full });
    }
    if cursor.word("index") || cursor.word("indexes") || cursor.word("keys") {
        return table_in_db(cursor).map(ShowKind::Index);
    }
    if cursor.word("variables") {
        return Ok(ShowKind::Variables { global });
    }
    if cursor.word("table") {
        let table = table_name(cursor)?;
        if cursor.word("next_row_id") {
            return Ok(ShowKind::NextRowId(table));
        }
        cursor.expect_word("regions")?;
        return Ok(ShowKind::Regions(table));
    }
    for (words, kind) in [
        ("status", ShowKind::Status),
        ("warnings", ShowKind::Warnings),
        ("errors", ShowKind::Errors),
        ("processlist", ShowKind::ProcessList),
        ("engines", ShowKind::Engines),
        ("character set", ShowKind::CharacterSet),
        ("charset", ShowKind::CharacterSet),
        ("collation", ShowKind::Collation),
        ("master status", ShowKind::MasterStatus),
        ("binary log status", ShowKind::MasterStatus),
        ("config", ShowKind::Config),
        ("import jobs", ShowKind::ImportJobs),
    ] {
        if cursor.words(words) {
            return Ok(kind);
        }
    }
    if cursor.word("grants") {
        rest(cursor);
        return Ok(ShowKind::Grants);
    }
    Err(SqlError::unsupported(format!("SHOW {}", rest(cursor))))
}

fn table_in_db(cursor: &mut Cursor<'_>) -> Result<TableName, SqlError> {
    if !cursor.word("from") && !cursor.word("in") {
        return Err(cursor.error());
    }
    let mut name = table_name(cursor)?;
    if let Some(db) = from_db(cursor)? {
        name.db = Some(db);
    }
    Ok(name)
}

fn select(cursor: &mut Cursor<'_>) -> Result<Select, SqlError> {
    let distinct = cursor.word("distinct");
    for hint in ["all", "sql_no_cache", "sql_cache", "high_priority", "straight_join", "sql_calc_found_rows"]
    {
        cursor.word(hint);
    }
    let items = list(cursor, item)?;
    let mut select = Select {
        items,
        distinct,
        from: None,
        partitions: None,
        filter: None,
        group_by: Vec::new(),
        order_by: Vec::new(),
        offset: 0,
        limit: None,
    };
    if cursor.word("from") && !cursor.word("dual") {
        select.from = Some(table_name(cursor)?);
        from_options(cursor, &mut select)?;
    }
    if cursor.word("where") {
        select.filter = Some(cursor.expression(&STOPS)?.to_owned());
    }
    if cursor.words("group by") {
        select.group_by = list(cursor, |cursor| Ok(cursor.expression(&STOPS)?.to_owned()))?;
    }
    if cursor.is_word("having") {
        return Err(SqlError::unsupported("HAVING"));
    }
    if cursor.words("order by") {
        select.order_by = list(cursor, |cursor| {
            let text = cursor.expression(&STOPS)?.to_owned();
            let descending = cursor.word("desc");
            cursor.word("asc");
            Ok((text, descending))
        })?;
    }
    if cursor.word("limit") {
        let first = number(cursor)?;
        if cursor.symbol(",") {
            select.offset = first;
            select.limit = Some(number(cursor)?);
        } else {
            select.limit = Some(first);
            if cursor.word("offset") {
                select.offset = number(cursor)?;
            }
        }
    }
    if cursor.words("for update") || cursor.words("lock in share mode") {
        cursor.word("nowait");
    }
    if cursor.is_word("union") || cursor.is_word("into") {
        return Err(SqlError::unsupported(format!("SELECT … {}", rest(cursor))));
    }
    Ok(select)
}

/// PARTITION, alias and index hints behind a table's name.
fn from_options(cursor: &mut Cursor<'_>, select: &mut Select) -> Result<(), SqlError> {
    if cursor.word("partition") {
        cursor.expect_symbol("(")?;
        select.partitions = Some(list(cursor, |cursor| cursor.name())?);
        cursor.expect_symbol(")")?;
    }
    loop {
        let hint = cursor.words("use index")
            || cursor.words("use key")
            || cursor.words("ignore index")
            || cursor.words("force index")
            || cursor.words("ignore key")
            || cursor.words("force key");
        if hint {
            cursor.expect_symbol("(")?;
            while cursor.peek().is_some() && !cursor.symbol(")") {
                cursor.next();
            }
            continue;
        }
        if cursor.word("as") {
            cursor.name()?;
            continue;
        }
        let alias = matches!(cursor.peek(), Some(Kind::Word(word)) if !STOPS.iter().any(|stop| stop.eq_ignore_ascii_case(word))
            && !["join", "left", "right", "inner", "cross", "natural", "lock"].iter().any(|join| join.eq_ignore_ascii_case(word)))
            || matches!(cursor.peek(), Some(Kind::Quoted(_)));
        if !alias {
            break;
        }
        cursor.name()?;
    }
    match cursor.peek() {
        Some(Kind::Symbol(",")) => Err(SqlError::unsupported("joins")),
        Some(Kind::Word(word))
            if ["join", "left", "right", "inner", "cross", "natural"]
                .iter()
                .any(|join| join.eq_ignore_ascii_case(word)) =>
        {
            Err(SqlError::unsupported("joins"))
        }
        _ => Ok(()),
    }
}

fn item(cursor: &mut Cursor<'_>) -> Result<Item, SqlError> {
    if cursor.symbol("*") {
        return Ok(Item::Star);
    }
    if matches!(cursor.peek_at(1), Some(Kind::Symbol(".")))
        && matches!(cursor.peek_at(2), Some(Kind::Symbol("*")))
    {
        cursor.next();
        cursor.next();
        cursor.next();
        return Ok(Item::Star);
    }
    let text = cursor.expression(&STOPS)?.to_owned();
    let as_written = unquoted(&text);
    let name = if cursor.word("as") {
        cursor.literal()?
    } else {
        match cursor.peek() {
            Some(Kind::Word(word)) if !STOPS.iter().any(|stop| stop.eq_ignore_ascii_case(word)) => {
                cursor.name()?
            }
            Some(Kind::Quoted(_)) => cursor.name()?,
            _ => as_written,
        }
    };
    Ok(aggregate(&text, &name).unwrap_or(Item::Expression { text, name }))
}

/// `` `a` `` and `` t.`a` `` name the column `a`.
fn unquoted(text: &str) -> String {
    let mut cursor = match Cursor::new(text) {
        Ok(cursor) => cursor,
        Err(_) => return text.to_owned(),
    };
    loop {
        let Ok(name) = cursor.name() else { return text.to_owned() };
        if !cursor.symbol(".") {
            return if cursor.at_end() { name } else { text.to_owned() };
        }
    }
}

fn aggregate(text: &str, name: &str) -> Option<Item> {
    let mut cursor = Cursor::new(text).ok()?;
    let mut function = [
        ("count", Aggregate::Count),
        ("sum", Aggregate::Sum),
        ("min", Aggregate::Min),
        ("max", Aggregate::Max),
    ]
    .into_iter()
    .find(|(word, _)| cursor.word(word))?
    .1;
    cursor.symbol("(").then_some(())?;
    if cursor.word("distinct") && function == Aggregate::Count {
        function = Aggregate::CountDistinct;
    }
    let argument = if cursor.symbol("*") { None } else { Some(cursor.expression(&[]).ok()?.to_owned()) };
    (cursor.symbol(")") && cursor.at_end()).then_some(())?;
    let constant = argument.as_ref().is_some_and(|text| text.chars().all(|c| c.is_ascii_digit()));
    let argument = argument.filter(|_| !(constant && function == Aggregate::Count));
    Some(Item::Aggregate { function, argument, name: name.to_owned() })
}

fn insert(cursor: &mut Cursor<'_>, replace: bool) -> Result<Statement, SqlError> {
    let ignore = cursor.word("ignore");
    cursor.word("into");
    let table = table_name(cursor)?;
    let columns = if matches!(cursor.peek(), Some(Kind::Symbol("("))) {
        cursor.symbol("(");
        if cursor.symbol(")") {
            Some(Vec::new())
        } else {
            let columns = list(cursor, |cursor| cursor.name())?;
            cursor.expect_symbol(")")?;
            Some(columns)
        }
    } else {
        None
    };
    if !cursor.word("values") && !cursor.word("value") {
        return Err(SqlError::unsupported("INSERT without VALUES"));
    }
    let rows = list(cursor, |cursor| {
        cursor.expect_symbol("(")?;
        if cursor.symbol(")") {
            return Ok(Vec::new());
        }
        let row = list(cursor, |cursor| Ok(cursor.expression(&[])?.to_owned()))?;
        cursor.expect_symbol(")")?;
        Ok(row)
    })?;
    if cursor.is_word("on") {
        return Err(SqlError::unsupported("ON DUPLICATE KEY UPDATE"));
    }
    Ok(Statement::Insert(Insert { table, columns, rows, replace, ignore }))
}

/// An identifier in back quotes.
pub(crate) fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

#[cfg(test)]
mod tests {
    use super::*;
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
