//! CREATE, DROP, TRUNCATE and RENAME: the catalog, the regions and the data go together.

use std::sync::Arc;

use th_schema::{DdlOptions, Name, TableInfo, parse_create_table};
use th_sst::memcomparable;

use crate::tidb::catalog::{Allocators, Database, Entry, SYSTEM_DATABASES, View, physical_ids};
use crate::tidb::error::SqlError;
use crate::tidb::outcome::Outcome;
use crate::tidb::session::Session;
use crate::tidb::statement::TableName;

/// Done, with one warning to be asked for.
fn done_with_warning(session: &mut Session, warning: SqlError) -> Outcome {
    session.warnings.push(warning);
    Outcome::Done { affected: 0, last_insert_id: 0, warnings: 1 }
}

fn collation_of(charset: &str) -> &'static str {
    match charset {
        "utf8" | "utf8mb3" => "utf8_bin",
        "latin1" => "latin1_bin",
        "ascii" => "ascii_bin",
        "binary" => "binary",
        "gbk" => "gbk_chinese_ci",
        "gb18030" => "gb18030_chinese_ci",
        _ => "utf8mb4_bin",
    }
}

/// Character set and collation of a database from what was written.
fn charset_and_collation(charset: Option<String>, collate: Option<String>) -> (String, String) {
    let charset = charset.map(|charset| charset.to_lowercase()).unwrap_or_else(|| {
        let of_collation =
            collate.as_deref().and_then(|collate| collate.split('_').next()).unwrap_or("utf8mb4");
        of_collation.to_lowercase()
    });
    let collate = collate.map_or_else(|| collation_of(&charset).to_owned(), |collate| collate.to_lowercase());
    (charset, collate)
}

pub(crate) fn create_database(
    session: &mut Session,
    name: &str,
    if_not_exists: bool,
    charset: Option<String>,
    collate: Option<String>,
) -> Result<Outcome, SqlError> {
    let tidb = Arc::clone(&session.tidb);
    if tidb.catalog.database_exists(name) {
        let error = SqlError::database_exists(name);
        return if if_not_exists { Ok(done_with_warning(session, error)) } else { Err(error) };
    }
    let (charset, collate) = charset_and_collation(charset, collate);
    let id = tidb.cluster.alloc_id()? as i64;
    tidb.catalog.put_database(&tidb.cluster, Database { id, name: name.to_owned(), charset, collate })?;
    Ok(Outcome::Done { affected: 1, last_insert_id: 0, warnings: 0 })
}

pub(crate) fn alter_database(
    session: &mut Session,
    name: Option<String>,
    charset: Option<String>,
    collate: Option<String>,
) -> Result<Outcome, SqlError> {
    let tidb = Arc::clone(&session.tidb);
    let name = name.or_else(|| session.db.clone()).ok_or_else(SqlError::no_database)?;
    let mut database = tidb.catalog.database(&name).ok_or_else(|| SqlError::unknown_database(&name))?;
    (database.charset, database.collate) = charset_and_collation(charset, collate);
    tidb.catalog.put_database(&tidb.cluster, database)?;
    Ok(Outcome::done())
}

pub(crate) fn drop_database(session: &mut Session, name: &str, if_exists: bool) -> Result<Outcome, SqlError> {
    let tidb = Arc::clone(&session.tidb);
    if SYSTEM_DATABASES.contains(&name.to_lowercase().as_str()) {
        return Err(SqlError::new(8200, "Unsupported drop of a system database"));
    }
    if tidb.catalog.database(name).is_none() {
        let error = SqlError::cannot_drop_database(name);
        return if if_exists { Ok(done_with_warning(session, error)) } else { Err(error) };
    }
    for entry in tidb.catalog.remove_database(&tidb.cluster, name)? {
        destroy(session, &entry.info)?;
    }
    if session.db.as_deref().is_some_and(|current| current.eq_ignore_ascii_case(name)) {
        session.db = None;
    }
    Ok(Outcome::done())
}

/// Settings of a new definition in this database.
pub(crate) fn ddl_options(session: &Session, db: &str, table_id: i64) -> Result<DdlOptions, SqlError> {
    let database = session.tidb.catalog.database(db).ok_or_else(|| SqlError::unknown_database(db))?;
    let context = session.context();
    Ok(DdlOptions {
        charset: database.charset,
        collate: database.collate,
        table_id,
        sql_mode: context.mode,
        time_zone: context.zone,
        ..DdlOptions::default()
    })
}

/// Takes cluster-wide ids for a table of so many partitions: the first one, its own.
fn table_ids(session: &Session, partitions: usize) -> Result<i64, SqlError> {
    let cluster = &session.tidb.cluster;
    // Ids are given one by one to whoever asks; a run without a gap is taken by asking again.
    let mut run: Vec<u64> = Vec::new();
    while run.len() < partitions + 1 {
        let id = cluster.alloc_id()?;
        if run.last().is_some_and(|last| last + 1 != id) {
            run.clear();
        }
        run.push(id);
    }
    Ok(run.first().copied().unwrap_or_default() as i64)
}

pub(crate) fn create_table(
    session: &mut Session,
    name: &TableName,
    if_not_exists: bool,
    text: &str,
) -> Result<Outcome, SqlError> {
    let db = session.database_of(name)?;
    let options = ddl_options(session, &db, 1)?;
    if session.tidb.catalog.find(&db, &name.table).is_some() {
        let error = SqlError::table_exists(&db, &name.table);
        return if if_not_exists { Ok(done_with_warning(session, error)) } else { Err(error) };
    }
    let text = text.trim().trim_end_matches(';');
    let draft = parse_create_table(text, &options)?;
    let partitions =
        draft.partition.as_ref().and_then(|partition| partition.definitions.as_ref()).map_or(0, Vec::len);
    let table_id = table_ids(session, partitions)?;
    let info = parse_create_table(text, &DdlOptions { table_id, ..options })?;
    add_table(session, &db, info, None)
}

pub(crate) fn create_table_like(
    session: &mut Session,
    name: &TableName,
    like: &TableName,
    if_not_exists: bool,
) -> Result<Outcome, SqlError> {
    let db = session.database_of(name)?;
    ddl_options(session, &db, 1)?;
    if session.tidb.catalog.find(&db, &name.table).is_some() {
        let error = SqlError::table_exists(&db, &name.table);
        return if if_not_exists { Ok(done_with_warning(session, error)) } else { Err(error) };
    }
    let mut info = session.table(like)?.info.clone();
    info.name = Name::new(name.table.clone());
    info.auto_inc_id = 0;
    info.auto_rand_id = 0;
    renumber(session, &mut info)?;
    add_table(session, &db, info, None)
}

fn renumber(session: &Session, info: &mut TableInfo) -> Result<(), SqlError> {
    let definitions = info.partition.as_mut().and_then(|partition| partition.definitions.as_mut());
    let count = definitions.as_ref().map_or(0, |definitions| definitions.len());
    info.id = table_ids(session, count)?;
    for (number, definition) in definitions.into_iter().flatten().enumerate() {
        definition.id = info.id + 1 + number as i64;
    }
    Ok(())
}

fn add_table(
    session: &mut Session,
    db: &str,
    mut info: TableInfo,
    view: Option<View>,
) -> Result<Outcome, SqlError> {
    let tidb = Arc::clone(&session.tidb);
    let timestamp = tidb.cluster.timestamp()?;
    info.rest.insert("update_timestamp".into(), timestamp.into());
    let base = |value: i64| u64::try_from(value).unwrap_or(0).max(1);
    let mut allocators = Allocators { auto_random: base(info.auto_rand_id), ..Allocators::default() };
    let entry_db = tidb.catalog.database(db).map_or_else(|| db.to_owned(), |database| database.name);
    let mut entry = Entry { db: entry_db, view, allocators, created: tidb.cluster.env.now_seconds(), info };
    if entry.separate_auto_increment() {
        allocators.auto_increment = base(entry.info.auto_inc_id);
    } else {
        allocators.row_id = base(entry.info.auto_inc_id);
    }
    entry.allocators = allocators;
    if entry.view.is_none() {
        split_regions(session, &entry.info)?;
    }
    tidb.catalog.put_table(&tidb.cluster, entry)?;
    Ok(Outcome::done())
}

/// Each physical table starts a region of its own, as TiDB does with `split-table`.
fn split_regions(session: &Session, info: &TableInfo) -> Result<(), SqlError> {
    let starts: Vec<Vec<u8>> = physical_ids(info)
        .into_iter()
        .map(|id| memcomparable::encode(&th_codec::keys::table_prefix(id)))
        .collect();
    session.tidb.cluster.split_at(&starts)?;
    Ok(())
}

/// Removes a table's data from every store.
fn destroy(session: &Session, info: &TableInfo) -> Result<(), SqlError> {
    let mut ids = physical_ids(info);
    ids.push(info.id);
    for id in ids {
        let (start, end) = th_codec::keys::table_range(id);
        for store in &session.tidb.cluster.stores {
            store.destroy_range(&memcomparable::encode(&start), &memcomparable::encode(&end))?;
        }
    }
    Ok(())
}

pub(crate) fn create_view(
    session: &mut Session,
    name: &TableName,
    or_replace: bool,
    columns: Vec<String>,
    select: String,
) -> Result<Outcome, SqlError> {
    let db = session.database_of(name)?;
    let options = ddl_options(session, &db, table_ids(session, 0)?)?;
    match session.tidb.catalog.find(&db, &name.table) {
        Some(entry) if entry.view.is_none() => {
            return Err(SqlError::new(1347, format!("'{db}.{}' is not VIEW", name.table)));
        }
        Some(_) if !or_replace => return Err(SqlError::table_exists(&db, &name.table)),
        _ => {}
    }
    // A view has no columns of its own here: its query is kept as text.
    let mut info = parse_create_table("CREATE TABLE v (a INT)", &options)?;
    info.name = Name::new(name.table.clone());
    info.columns.clear();
    info.view = Some(serde_json::json!({
        "view_algorithm": 0,
        "view_definer": {"Username": session.user, "Hostname": "%"},
        "view_security": 0,
        "view_select": select,
        "view_checkoption": 1,
        "view_cols": columns,
    }));
    add_table(session, &db, info, Some(View { columns, select }))
}

pub(crate) fn drop_tables(
    session: &mut Session,
    names: &[TableName],
    if_exists: bool,
    views: bool,
) -> Result<Outcome, SqlError> {
    let tidb = Arc::clone(&session.tidb);
    let mut missing = Vec::new();
    for name in names {
        let db = session.database_of(name)?;
        match tidb.catalog.find(&db, &name.table) {
            Some(entry) if entry.view.is_some() == views => {
                tidb.catalog.remove_table(&tidb.cluster, &db, &name.table)?;
                if !views {
                    destroy(session, &entry.info)?;
                }
            }
            _ => missing.push(format!("{db}.{}", name.table)),
        }
    }
    if missing.is_empty() {
        return Ok(Outcome::done());
    }
    let error = SqlError::unknown_table(&missing.join(","));
    if if_exists { Ok(done_with_warning(session, error)) } else { Err(error) }
}

pub(crate) fn truncate(session: &mut Session, name: &TableName) -> Result<Outcome, SqlError> {
    let tidb = Arc::clone(&session.tidb);
    let entry = session.table(name)?;
    if entry.view.is_some() {
        return Err(SqlError::no_such_table(&entry.db, &name.table));
    }
    destroy(session, &entry.info)?;
    let mut info = entry.info.clone();
    renumber(session, &mut info)?;
    split_regions(session, &info)?;
    tidb.catalog.change_table(&tidb.cluster, &entry.db, &name.table, |entry| {
        entry.info = info;
        entry.allocators = Allocators::default();
        Ok(())
    })?;
    Ok(Outcome::done())
}

pub(crate) fn rename(session: &mut Session, pairs: &[(TableName, TableName)]) -> Result<Outcome, SqlError> {
    let tidb = Arc::clone(&session.tidb);
    for (from, to) in pairs {
        let entry = session.table(from)?;
        let db = session.database_of(to)?;
        let target = tidb.catalog.database(&db).ok_or_else(|| SqlError::unknown_database(&db))?;
        if tidb.catalog.find(&db, &to.table).is_some() {
            return Err(SqlError::table_exists(&db, &to.table));
        }
        let mut renamed = Entry::clone(&entry);
        renamed.db = target.name;
        renamed.info.name = Name::new(to.table.clone());
        tidb.catalog.put_table(&tidb.cluster, renamed)?;
        tidb.catalog.remove_table(&tidb.cluster, &entry.db, &from.table)?;
    }
    Ok(Outcome::done())
}
