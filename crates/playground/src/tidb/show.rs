//! SHOW: each kind makes a small table; LIKE filters its first column, WHERE any.

use std::sync::Arc;

use th_schema::{ColumnInfo, TableInfo};
use th_types::flag;

use crate::tidb::catalog::Entry;
use crate::tidb::error::SqlError;
use crate::tidb::info_schema::next_auto_increment;
use crate::tidb::like::like;
use crate::tidb::outcome::Outcome;
use crate::tidb::relation::Relation;
use crate::tidb::select::Plan;
use crate::tidb::session::Session;
use crate::tidb::statement::{Item, Select, Show, ShowKind, TableName};
use crate::tidb::{show_create, sysvar};
use crate::time_text::Civil;

type Row = Vec<Option<String>>;

fn some(texts: impl IntoIterator<Item = String>) -> Row {
    texts.into_iter().map(Some).collect()
}

/// Runs SHOW.
pub(crate) async fn run(session: &mut Session, show: Show) -> Result<Outcome, SqlError> {
    let (columns, mut rows) = table(session, &show.kind)?;
    if let Some(pattern) = &show.like {
        rows.retain(|row| row.first().and_then(Option::as_ref).is_some_and(|name| like(name, pattern)));
    }
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let Some(filter) = show.filter else { return Ok(Outcome::table(&columns, rows)) };
    let select = Select {
        items: vec![Item::Star],
        distinct: false,
        from: None,
        partitions: None,
        filter: Some(filter),
        group_by: Vec::new(),
        order_by: Vec::new(),
        offset: 0,
        limit: None,
        locking: false,
    };
    Plan::new(&select, Relation::texts(&columns, &[], rows), session.context())?.run().await
}

fn table(session: &mut Session, kind: &ShowKind) -> Result<(Vec<String>, Vec<Row>), SqlError> {
    let named = |columns: &[&str], rows: Vec<Row>| {
        Ok((columns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), rows))
    };
    match kind {
        ShowKind::Databases => {
            let mut names: Vec<String> =
                session.tidb.catalog.databases().into_iter().map(|database| database.name).collect();
            names.extend(["INFORMATION_SCHEMA", "METRICS_SCHEMA", "PERFORMANCE_SCHEMA"].map(str::to_owned));
            names.sort();
            named(&["Database"], names.into_iter().map(|name| some([name])).collect())
        }
        ShowKind::Tables { db, full } => tables(session, db.as_deref(), *full),
        ShowKind::TableStatus { db } => table_status(session, db.as_deref()),
        ShowKind::CreateTable(name) | ShowKind::CreateView(name) => {
            let entry = session.table(name)?;
            if let Some(view) = &entry.view {
                let text = show_create::create_view(&entry, view);
                let columns = ["View", "Create View", "character_set_client", "collation_connection"];
                let row =
                    some([entry.info.name.original.clone(), text, "utf8mb4".into(), "utf8mb4_bin".into()]);
                return named(&columns, vec![row]);
            }
            if matches!(kind, ShowKind::CreateView(_)) {
                return Err(SqlError::new(
                    1347,
                    format!("'{}.{}' is not VIEW", entry.db, entry.info.name.original),
                ));
            }
            let text = show_create::create_table(&entry);
            named(&["Table", "Create Table"], vec![some([entry.info.name.original.clone(), text])])
        }
        ShowKind::CreateDatabase { name, if_not_exists } => {
            let database =
                session.tidb.catalog.database(name).ok_or_else(|| SqlError::unknown_database(name))?;
            let text = show_create::create_database(&database, *if_not_exists);
            named(&["Database", "Create Database"], vec![some([database.name, text])])
        }
        ShowKind::Columns { table, full } => {
            let entry = session.table(table)?;
            let rows = entry
                .info
                .columns
                .iter()
                .filter(|column| !column.hidden)
                .map(|column| column_row(&entry.info, column, *full));
            let columns: &[&str] = if *full {
                &["Field", "Type", "Collation", "Null", "Key", "Default", "Extra", "Privileges", "Comment"]
            } else {
                &["Field", "Type", "Null", "Key", "Default", "Extra"]
            };
            named(columns, rows.collect())
        }
        ShowKind::Index(name) => {
            let columns = [
                "Table",
                "Non_unique",
                "Key_name",
                "Seq_in_index",
                "Column_name",
                "Collation",
                "Cardinality",
                "Sub_part",
                "Packed",
                "Null",
                "Index_type",
                "Comment",
                "Index_comment",
                "Visible",
                "Expression",
                "Clustered",
                "Global",
            ];
            named(&columns, index_rows(&*session.table(name)?))
        }
        ShowKind::Variables { global } => {
            let prefix = if *global { "global." } else { "" };
            let rows = sysvar::names().map(|name| {
                vec![
                    Some(name.to_owned()),
                    session.variable(&format!("{prefix}{name}")).map(|(_, value)| value),
                ]
            });
            named(&["Variable_name", "Value"], rows.collect())
        }
        ShowKind::Status => {
            let uptime = session.tidb.cluster.env.now_seconds()
                - session.tidb.cluster.started_micros.div_euclid(1_000_000);
            named(
                &["Variable_name", "Value"],
                vec![
                    some(["Uptime".into(), uptime.to_string()]),
                    some(["server_id".into(), "playground".into()]),
                ],
            )
        }
        ShowKind::Grants => {
            let all = || vec!["GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION".to_owned()];
            let grants = session.tidb.cluster.guises.grants().unwrap_or_else(all);
            named(&["Grants for User"], grants.into_iter().map(|grant| some([grant])).collect())
        }
        ShowKind::Warnings | ShowKind::Errors => {
            let level = if matches!(kind, ShowKind::Warnings) { "Note" } else { "Error" };
            let rows = match kind {
                ShowKind::Warnings => session.warnings.clone(),
                _ => Vec::new(),
            };
            let rows = rows
                .into_iter()
                .map(|warning| some([level.into(), warning.code.to_string(), warning.message]));
            named(&["Level", "Code", "Message"], rows.collect())
        }
        ShowKind::NextRowId(name) => {
            let entry = session.table(name)?;
            named(
                &["DB_NAME", "TABLE_NAME", "COLUMN_NAME", "NEXT_GLOBAL_ROW_ID", "ID_TYPE"],
                next_row_ids(&entry),
            )
        }
        ShowKind::Regions(name) => regions(session, name),
        ShowKind::ProcessList => {
            let row = some([
                session.id.to_string(),
                session.user.clone(),
                "127.0.0.1".into(),
                session.db.clone().unwrap_or_default(),
                "Query".into(),
                "0".into(),
                "autocommit".into(),
                "SHOW PROCESSLIST".into(),
            ]);
            named(&["Id", "User", "Host", "db", "Command", "Time", "State", "Info"], vec![row])
        }
        ShowKind::Engines => {
            let texts = [
                "InnoDB",
                "DEFAULT",
                "Supports transactions, row-level locking, and foreign keys",
                "YES",
                "YES",
                "YES",
            ];
            let columns = ["Engine", "Support", "Comment", "Transactions", "XA", "Savepoints"];
            named(&columns, vec![some(texts.map(str::to_owned))])
        }
        ShowKind::CharacterSet => {
            let rows = [
                ("utf8mb4", "utf8mb4_bin", "4"),
                ("utf8", "utf8_bin", "3"),
                ("latin1", "latin1_bin", "1"),
                ("ascii", "ascii_bin", "1"),
                ("binary", "binary", "1"),
                ("gbk", "gbk_chinese_ci", "2"),
            ];
            let rows = rows
                .into_iter()
                .map(|(name, collation, len)| some([name.into(), name.into(), collation.into(), len.into()]));
            named(&["Charset", "Description", "Default collation", "Maxlen"], rows.collect())
        }
        ShowKind::Collation => {
            let rows = [
                ("utf8mb4_bin", "utf8mb4", "46"),
                ("utf8mb4_general_ci", "utf8mb4", "45"),
                ("utf8mb4_unicode_ci", "utf8mb4", "224"),
                ("utf8mb4_0900_ai_ci", "utf8mb4", "255"),
                ("utf8mb4_0900_bin", "utf8mb4", "309"),
                ("utf8_bin", "utf8", "83"),
                ("latin1_bin", "latin1", "47"),
                ("ascii_bin", "ascii", "65"),
                ("binary", "binary", "63"),
            ];
            let rows = rows.into_iter().map(|(name, charset, id)| {
                some([name.into(), charset.into(), id.into(), String::new(), "Yes".into(), "1".into()])
            });
            named(&["Collation", "Charset", "Id", "Default", "Compiled", "Sortlen"], rows.collect())
        }
        ShowKind::MasterStatus => {
            let position = session.tidb.cluster.timestamp()?;
            let row = some([
                "tidb-binlog".into(),
                position.to_string(),
                String::new(),
                String::new(),
                String::new(),
            ]);
            named(&["File", "Position", "Binlog_Do_DB", "Binlog_Ignore_DB", "Executed_Gtid_Set"], vec![row])
        }
        ShowKind::Config => named(&["Type", "Instance", "Name", "Value"], Vec::new()),
        ShowKind::ImportJobs => {
            let jobs = session.tidb.cluster.guises.import_jobs().into_iter().enumerate();
            let rows = jobs.map(|(number, [table, status])| {
                let (id, source, phase) = ((number + 1).to_string(), "s3://elsewhere", "importing");
                some([id, source.to_owned(), table, phase.to_owned(), status])
            });
            named(&["Job_ID", "Data_Source", "Target_Table", "Phase", "Status"], rows.collect())
        }
    }
}

fn current(session: &Session, db: Option<&str>) -> Result<String, SqlError> {
    let db = db.map(str::to_owned).or_else(|| session.db.clone()).ok_or_else(SqlError::no_database)?;
    if session.tidb.catalog.database_exists(&db) { Ok(db) } else { Err(SqlError::unknown_database(&db)) }
}

fn sorted_tables(session: &Session, db: &str) -> Vec<Arc<Entry>> {
    let mut tables = session.tidb.catalog.tables(db);
    tables.sort_by(|a, b| a.info.name.lower.cmp(&b.info.name.lower));
    tables
}

fn tables(session: &Session, db: Option<&str>, full: bool) -> Result<(Vec<String>, Vec<Row>), SqlError> {
    let db = current(session, db)?;
    let mut columns = vec![format!("Tables_in_{db}")];
    if full {
        columns.push("Table_type".into());
    }
    let rows = sorted_tables(session, &db)
        .iter()
        .map(|entry| {
            let mut row = vec![Some(entry.info.name.original.clone())];
            if full {
                row.push(Some(if entry.view.is_some() { "VIEW" } else { "BASE TABLE" }.into()));
            }
            row
        })
        .collect();
    Ok((columns, rows))
}

fn table_status(session: &Session, db: Option<&str>) -> Result<(Vec<String>, Vec<Row>), SqlError> {
    let db = current(session, db)?;
    let columns = [
        "Name",
        "Engine",
        "Version",
        "Row_format",
        "Rows",
        "Avg_row_length",
        "Data_length",
        "Max_data_length",
        "Index_length",
        "Data_free",
        "Auto_increment",
        "Create_time",
        "Update_time",
        "Check_time",
        "Collation",
        "Checksum",
        "Create_options",
        "Comment",
    ];
    let rows = sorted_tables(session, &db)
        .iter()
        .map(|entry| {
            let view = entry.view.is_some();
            let base = |text: &str| (!view).then(|| text.to_owned());
            vec![
                Some(entry.info.name.original.clone()),
                base("InnoDB"),
                base("10"),
                base("Compact"),
                base("0"),
                base("0"),
                base("0"),
                base("0"),
                base("0"),
                base("0"),
                entry.auto_increment_column().map(|_| next_auto_increment(entry).to_string()),
                Some(Civil::from_unix(entry.created).sql()),
                None,
                None,
                base(&entry.info.collate),
                base(""),
                base(""),
                Some(if view { "VIEW".into() } else { entry.info.comment.clone() }),
            ]
        })
        .collect();
    Ok((columns.map(str::to_owned).to_vec(), rows))
}

/// `PRI`, `UNI`, `MUL` or nothing.
pub(crate) fn key_text(_info: &TableInfo, column: &ColumnInfo) -> &'static str {
    let field_type = &column.field_type;
    if field_type.has(flag::PRI_KEY) {
        "PRI"
    } else if field_type.has(flag::UNIQUE_KEY) {
        "UNI"
    } else if field_type.has(flag::MULTIPLE_KEY) {
        "MUL"
    } else {
        ""
    }
}

/// The default as SHOW COLUMNS prints it.
pub(crate) fn default_text(column: &ColumnInfo) -> Option<String> {
    match &column.default {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// `auto_increment`, `on update …`, `… GENERATED`.
pub(crate) fn extra_text(column: &ColumnInfo) -> String {
    let field_type = &column.field_type;
    if field_type.has(flag::AUTO_INCREMENT) {
        return "auto_increment".into();
    }
    if column.is_generated() {
        return if column.generated_stored { "STORED GENERATED" } else { "VIRTUAL GENERATED" }.into();
    }
    let now = if field_type.decimal > 0 {
        format!("CURRENT_TIMESTAMP({})", field_type.decimal)
    } else {
        "CURRENT_TIMESTAMP".into()
    };
    let mut extra = Vec::new();
    if column.default_is_expr
        || default_text(column).is_some_and(|text| text.to_uppercase().starts_with("CURRENT_TIMESTAMP"))
    {
        extra.push("DEFAULT_GENERATED".to_owned());
    }
    if field_type.has(flag::ON_UPDATE_NOW) {
        extra.push(format!("on update {now}"));
    }
    extra.join(" ")
}

fn column_row(info: &TableInfo, column: &ColumnInfo, full: bool) -> Row {
    let field_type = &column.field_type;
    let null = if field_type.has(flag::NOT_NULL) { "NO" } else { "YES" };
    let mut row = vec![Some(column.name.original.clone()), Some(show_create::type_text(field_type))];
    if full {
        let textual = field_type.charset != "binary" && !field_type.charset.is_empty();
        row.push(textual.then(|| field_type.collate.clone()));
    }
    row.extend([
        Some(null.to_owned()),
        Some(key_text(info, column).into()),
        default_text(column),
        Some(extra_text(column)),
    ]);
    if full {
        row.extend([Some("select,insert,update,references".into()), Some(column.comment.clone())]);
    }
    row
}

/// Rows of SHOW INDEX.
pub(crate) fn index_rows(entry: &Entry) -> Vec<Row> {
    let info = &entry.info;
    let table = &info.name.original;
    let mut rows = Vec::new();
    let mut add = |unique: bool,
                   key: &str,
                   seq: usize,
                   column: &str,
                   part: Option<i64>,
                   nullable: bool,
                   rest: (&str, bool, bool)| {
        let (comment, visible, clustered) = rest;
        rows.push(vec![
            Some(table.clone()),
            Some(if unique { "0" } else { "1" }.into()),
            Some(key.to_owned()),
            Some(seq.to_string()),
            Some(column.to_owned()),
            Some("A".into()),
            Some("0".into()),
            part.map(|part| part.to_string()),
            None,
            Some(if nullable { "YES" } else { "" }.into()),
            Some("BTREE".into()),
            Some(String::new()),
            Some(comment.to_owned()),
            Some(if visible { "YES" } else { "NO" }.into()),
            None,
            Some(if clustered { "YES" } else { "NO" }.into()),
            Some("NO".into()),
        ]);
    };
    if info.pk_is_handle
        && let Some(column) = info.columns.iter().find(|column| column.field_type.has(flag::PRI_KEY))
    {
        add(true, "PRIMARY", 1, &column.name.original, None, false, ("", true, true));
    }
    for index in &info.indexes {
        for (number, part) in index.columns.iter().enumerate() {
            let nullable =
                info.columns.get(part.offset).is_some_and(|column| !column.field_type.has(flag::NOT_NULL));
            let name = if index.is_primary { "PRIMARY" } else { &index.name.original };
            let length = (part.length >= 0).then_some(part.length);
            let clustered = index.is_primary && info.is_common_handle;
            let rest = (index.comment.as_str(), !index.is_invisible, clustered);
            add(index.is_unique, name, number + 1, &part.name.original, length, nullable, rest);
        }
    }
    rows
}

fn next_row_ids(entry: &Entry) -> Vec<Row> {
    let info = &entry.info;
    let auto = entry.auto_increment_column();
    let separate = entry.separate_auto_increment();
    let mut rows = Vec::new();
    let mut add = |column: &str, next: u64, kind: &str| {
        rows.push(some([
            entry.db.clone(),
            info.name.original.clone(),
            column.to_owned(),
            next.to_string(),
            kind.to_owned(),
        ]));
    };
    // TiDB names the AUTO_INCREMENT column only where it is the handle.
    let column = match auto {
        Some(column) if info.pk_is_handle => column.name.original.as_str(),
        _ => "_tidb_rowid",
    };
    if entry.has_implicit_row_id() || (auto.is_some() && !separate) {
        add(column, entry.allocators.row_id, "_TIDB_ROWID");
    }
    if auto.is_some() && separate {
        add(column, entry.allocators.auto_increment, "AUTO_INCREMENT");
    }
    if info.auto_random_bits > 0 {
        let key = info.columns.iter().find(|column| column.field_type.has(flag::PRI_KEY));
        add(
            key.map_or("", |column| column.name.original.as_str()),
            entry.allocators.auto_random,
            "AUTO_RANDOM",
        );
    }
    rows
}

/// `t_141_`, `t_141_r_5`, `t_141_i_1_…`: a region's boundary as TiDB prints it.
fn boundary_text(encoded: &[u8]) -> String {
    let Ok((key, _)) = th_sst::memcomparable::decode(encoded) else { return crate::hex::lower(encoded) };
    let id = |at: usize| {
        let bytes: [u8; 8] = key.get(at..at + 8)?.try_into().ok()?;
        Some(th_codec::keys::int_from_bytes(bytes))
    };
    let (Some(b't'), Some(table)) = (key.first(), id(1)) else { return crate::hex::lower(&key) };
    match key.get(9..11) {
        None if key.len() == 9 => format!("t_{table}_"),
        Some(b"_r") => match id(11) {
            Some(handle) if key.len() == 19 => format!("t_{table}_r_{handle}"),
            _ => format!("t_{table}_r_{}", crate::hex::lower(key.get(11..).unwrap_or_default())),
        },
        Some(b"_i") => match id(11) {
            Some(index) => {
                format!("t_{table}_i_{index}_{}", crate::hex::lower(key.get(19..).unwrap_or_default()))
            }
            None => format!("t_{table}_i_"),
        },
        _ => crate::hex::lower(&key),
    }
}

fn regions(session: &Session, name: &TableName) -> Result<(Vec<String>, Vec<Row>), SqlError> {
    let entry = session.table(name)?;
    let regions = session.tidb.cluster.regions();
    let mut rows = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for id in entry.physical_ids() {
        let (start, end) = th_codec::keys::table_range(id);
        let (start, end) = (th_sst::memcomparable::encode(&start), th_sst::memcomparable::encode(&end));
        for region in regions.scan(&start, &end, 0) {
            if !seen.insert(region.id) {
                continue;
            }
            let peers: Vec<String> = region.peers.iter().map(|peer| peer.id.to_string()).collect();
            let leader = region.leader().map_or(0, |peer| peer.id);
            rows.push(some([
                region.id.to_string(),
                boundary_text(&region.start),
                boundary_text(&region.end),
                leader.to_string(),
                region.leader_store.to_string(),
                peers.join(", "),
                "0".into(),
                "0".into(),
                "0".into(),
                "1".into(),
                "0".into(),
                String::new(),
                String::new(),
            ]));
        }
    }
    let columns = [
        "REGION_ID",
        "START_KEY",
        "END_KEY",
        "LEADER_ID",
        "LEADER_STORE_ID",
        "PEERS",
        "SCATTERING",
        "WRITTEN_BYTES",
        "READ_BYTES",
        "APPROXIMATE_SIZE(MB)",
        "APPROXIMATE_KEYS",
        "SCHEDULING_CONSTRAINTS",
        "SCHEDULING_STATE",
    ];
    Ok((columns.map(str::to_owned).to_vec(), rows))
}
