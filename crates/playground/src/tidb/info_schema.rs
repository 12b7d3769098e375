//! The virtual tables that an import and its operator ask: `information_schema` and `mysql.tidb`.

use crate::tidb::error::SqlError;
use crate::tidb::relation::Relation;
use crate::tidb::session::{Session, server_version};
use crate::tidb::{catalog::Entry, show, show_create, sysvar};
use crate::time_text::Civil;

type Row = Vec<Option<String>>;

fn some(texts: impl IntoIterator<Item = String>) -> Row {
    texts.into_iter().map(Some).collect()
}

/// A virtual table as a relation; `None` if there is no such one.
pub(crate) fn relation(session: &Session, db: &str, table: &str) -> Result<Option<Relation>, SqlError> {
    let table = table.to_lowercase();
    let relation = match (db.to_lowercase().as_str(), table.as_str()) {
        ("information_schema", "schemata") => schemata(session),
        ("information_schema", "tables") => tables(session),
        ("information_schema", "columns") => columns(session),
        ("information_schema", "statistics") => statistics(session),
        ("information_schema", "partitions") => partitions(session),
        ("information_schema", "views") => views(session),
        ("information_schema", "cluster_info") => cluster_info(session),
        ("information_schema", "tikv_region_status") => regions(session),
        ("information_schema", "tikv_store_status") => stores(session),
        ("information_schema", "session_variables" | "global_variables") => variables(session),
        ("information_schema", "engines") => {
            Relation::texts(&["ENGINE", "SUPPORT"], &[], vec![some(["InnoDB".into(), "DEFAULT".into()])])
        }
        ("information_schema" | "metrics_schema" | "performance_schema" | "sys", _) => {
            return Err(SqlError::no_such_table(db, &table));
        }
        ("mysql", "tidb") => mysql_tidb(session),
        ("mysql", "stats_meta") => stats_meta(session),
        ("mysql", "user") => Relation::texts(&["Host", "User"], &[], vec![some(["%".into(), "root".into()])]),
        ("mysql", "gc_delete_range" | "gc_delete_range_done") => {
            Relation::texts(&["job_id", "element_id", "start_key", "end_key", "ts"], &["job_id"], Vec::new())
        }
        _ => return Ok(None),
    };
    Ok(Some(relation))
}

/// Estimated rows and bytes are left at zero: nothing here keeps statistics.
fn tables(session: &Session) -> Relation {
    let rows = session
        .tidb
        .catalog
        .all_tables()
        .into_iter()
        .map(|entry| {
            let info = &entry.info;
            let view = entry.view.is_some();
            let base = |text: String| (!view).then_some(text);
            let auto_increment =
                entry.auto_increment_column().map(|_| next_auto_increment(&entry).to_string());
            let partitioned = info.partition.as_ref().is_some_and(|partition| partition.enable);
            vec![
                Some("def".into()),
                Some(entry.db.clone()),
                Some(info.name.original.clone()),
                Some(if view { "VIEW" } else { "BASE TABLE" }.into()),
                base("InnoDB".into()),
                base("10".into()),
                base("Compact".into()),
                base("0".into()),
                base("0".into()),
                base("0".into()),
                base("0".into()),
                base("0".into()),
                base("0".into()),
                auto_increment,
                Some(Civil::from_unix(entry.created).sql()),
                None,
                None,
                base(info.collate.clone()),
                None,
                Some(if partitioned { "partitioned" } else { "" }.into()),
                Some(if view { "VIEW".into() } else { info.comment.clone() }),
                Some(info.id.to_string()),
                Some(
                    if info.pk_is_handle || info.is_common_handle { "CLUSTERED" } else { "NONCLUSTERED" }
                        .into(),
                ),
                Some(sharding(&entry)),
            ]
        })
        .collect();
    Relation::texts(
        &[
            "TABLE_CATALOG",
            "TABLE_SCHEMA",
            "TABLE_NAME",
            "TABLE_TYPE",
            "ENGINE",
            "VERSION",
            "ROW_FORMAT",
            "TABLE_ROWS",
            "AVG_ROW_LENGTH",
            "DATA_LENGTH",
            "MAX_DATA_LENGTH",
            "INDEX_LENGTH",
            "DATA_FREE",
            "AUTO_INCREMENT",
            "CREATE_TIME",
            "UPDATE_TIME",
            "CHECK_TIME",
            "TABLE_COLLATION",
            "CHECKSUM",
            "CREATE_OPTIONS",
            "TABLE_COMMENT",
            "TIDB_TABLE_ID",
            "TIDB_PK_TYPE",
            "TIDB_ROW_ID_SHARDING_INFO",
        ],
        &["TABLE_ROWS", "AVG_ROW_LENGTH", "DATA_LENGTH", "INDEX_LENGTH", "TIDB_TABLE_ID", "AUTO_INCREMENT"],
        rows,
    )
}

fn sharding(entry: &Entry) -> String {
    let info = &entry.info;
    if entry.view.is_some() {
        "NOT_SHARDED(VIEW)".into()
    } else if info.auto_random_bits > 0 {
        format!("PK_AUTO_RANDOM_BITS={}", info.auto_random_bits)
    } else if info.pk_is_handle || info.is_common_handle {
        "NOT_SHARDED(PK_IS_HANDLE)".into()
    } else if info.shard_row_id_bits > 0 {
        format!("SHARD_BITS={}", info.shard_row_id_bits)
    } else {
        "NOT_SHARDED".into()
    }
}

/// What AUTO_INCREMENT would give next.
pub(crate) fn next_auto_increment(entry: &Entry) -> u64 {
    if entry.separate_auto_increment() { entry.allocators.auto_increment } else { entry.allocators.row_id }
}

fn schemata(session: &Session) -> Relation {
    let mut rows: Vec<Row> = session
        .tidb
        .catalog
        .databases()
        .into_iter()
        .map(|database| {
            vec![
                Some("def".into()),
                Some(database.name),
                Some(database.charset),
                Some(database.collate),
                None,
            ]
        })
        .collect();
    for name in ["INFORMATION_SCHEMA", "METRICS_SCHEMA", "PERFORMANCE_SCHEMA"] {
        rows.push(vec![
            Some("def".into()),
            Some(name.into()),
            Some("utf8mb4".into()),
            Some("utf8mb4_bin".into()),
            None,
        ]);
    }
    let columns =
        ["CATALOG_NAME", "SCHEMA_NAME", "DEFAULT_CHARACTER_SET_NAME", "DEFAULT_COLLATION_NAME", "SQL_PATH"];
    Relation::texts(&columns, &[], rows)
}

fn columns(session: &Session) -> Relation {
    let mut rows = Vec::new();
    for entry in session.tidb.catalog.all_tables() {
        let visible = entry.info.columns.iter().filter(|column| !column.hidden);
        for (number, column) in visible.enumerate() {
            let field_type = &column.field_type;
            let full = show_create::type_text(field_type);
            let base = full.split(['(', ' ']).next().unwrap_or_default().to_owned();
            let textual = field_type.charset != "binary" && !field_type.charset.is_empty();
            rows.push(vec![
                Some("def".into()),
                Some(entry.db.clone()),
                Some(entry.info.name.original.clone()),
                Some(column.name.original.clone()),
                Some((number + 1).to_string()),
                show::default_text(column),
                Some(if field_type.has(th_types::flag::NOT_NULL) { "NO" } else { "YES" }.into()),
                Some(base),
                (field_type.is_string() && field_type.flen >= 0).then(|| field_type.flen.to_string()),
                textual.then(|| field_type.charset.clone()),
                textual.then(|| field_type.collate.clone()),
                Some(full),
                Some(show::key_text(&entry.info, column).into()),
                Some(show::extra_text(column)),
                Some("select,insert,update,references".into()),
                Some(column.comment.clone()),
                Some(column.generated_expr_string.clone()),
            ]);
        }
    }
    Relation::texts(
        &[
            "TABLE_CATALOG",
            "TABLE_SCHEMA",
            "TABLE_NAME",
            "COLUMN_NAME",
            "ORDINAL_POSITION",
            "COLUMN_DEFAULT",
            "IS_NULLABLE",
            "DATA_TYPE",
            "CHARACTER_MAXIMUM_LENGTH",
            "CHARACTER_SET_NAME",
            "COLLATION_NAME",
            "COLUMN_TYPE",
            "COLUMN_KEY",
            "EXTRA",
            "PRIVILEGES",
            "COLUMN_COMMENT",
            "GENERATION_EXPRESSION",
        ],
        &["ORDINAL_POSITION", "CHARACTER_MAXIMUM_LENGTH"],
        rows,
    )
}

fn statistics(session: &Session) -> Relation {
    let mut rows = Vec::new();
    for entry in session.tidb.catalog.all_tables() {
        for row in show::index_rows(&entry) {
            let mut at = row.into_iter();
            let mut next = || at.next().flatten();
            let (table, non_unique, key, seq, column) = (next(), next(), next(), next(), next());
            rows.push(vec![
                Some("def".into()),
                Some(entry.db.clone()),
                table,
                non_unique,
                Some(entry.db.clone()),
                key,
                seq,
                column,
            ]);
        }
    }
    Relation::texts(
        &[
            "TABLE_CATALOG",
            "TABLE_SCHEMA",
            "TABLE_NAME",
            "NON_UNIQUE",
            "INDEX_SCHEMA",
            "INDEX_NAME",
            "SEQ_IN_INDEX",
            "COLUMN_NAME",
        ],
        &["NON_UNIQUE", "SEQ_IN_INDEX"],
        rows,
    )
}

fn partitions(session: &Session) -> Relation {
    let mut rows = Vec::new();
    for entry in session.tidb.catalog.all_tables() {
        let definitions = entry.info.partition.as_ref().and_then(|partition| partition.definitions.as_ref());
        for (number, definition) in definitions.into_iter().flatten().enumerate() {
            rows.push(some([
                "def".into(),
                entry.db.clone(),
                entry.info.name.original.clone(),
                definition.name.original.clone(),
                (number + 1).to_string(),
                definition.less_than.as_ref().map(|bounds| bounds.join(",")).unwrap_or_default(),
                definition.id.to_string(),
            ]));
        }
    }
    Relation::texts(
        &[
            "TABLE_CATALOG",
            "TABLE_SCHEMA",
            "TABLE_NAME",
            "PARTITION_NAME",
            "PARTITION_ORDINAL_POSITION",
            "PARTITION_DESCRIPTION",
            "TIDB_PARTITION_ID",
        ],
        &["PARTITION_ORDINAL_POSITION", "TIDB_PARTITION_ID"],
        rows,
    )
}

fn views(session: &Session) -> Relation {
    let rows = session
        .tidb
        .catalog
        .all_tables()
        .into_iter()
        .filter_map(|entry| {
            let view = entry.view.as_ref()?;
            Some(some([
                "def".into(),
                entry.db.clone(),
                entry.info.name.original.clone(),
                view.select.clone(),
            ]))
        })
        .collect();
    Relation::texts(&["TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "VIEW_DEFINITION"], &[], rows)
}

fn cluster_info(session: &Session) -> Relation {
    let cluster = &session.tidb.cluster;
    let version = crate::cluster::VERSION;
    let start = Civil::from_unix(cluster.started_micros.div_euclid(1_000_000)).rfc3339();
    let mut rows = Vec::new();
    let mut add = |kind: &str, instance: String, status: String| {
        rows.push(some([
            kind.into(),
            instance,
            status,
            version.into(),
            "playground".into(),
            start.clone(),
            "0s".into(),
            "0".into(),
        ]));
    };
    if let Some(addresses) = session.tidb.addresses.get() {
        add("tidb", addresses.sql.to_string(), addresses.status.to_string());
        add("pd", addresses.pd.to_string(), addresses.pd.to_string());
    }
    for store in &cluster.stores {
        add("tikv", store.address().into(), store.status_address().into());
    }
    Relation::texts(
        &["TYPE", "INSTANCE", "STATUS_ADDRESS", "VERSION", "GIT_HASH", "START_TIME", "UPTIME", "SERVER_ID"],
        &["SERVER_ID"],
        rows,
    )
}

fn regions(session: &Session) -> Relation {
    let tables = session.tidb.catalog.all_tables();
    let regions = session.tidb.cluster.regions();
    let rows = regions
        .iter()
        .map(|region| {
            let owner = tables.iter().find(|entry| {
                entry.physical_ids().iter().any(|id| {
                    let (start, end) = th_codec::keys::table_range(*id);
                    let (start, end) =
                        (th_sst::memcomparable::encode(&start), th_sst::memcomparable::encode(&end));
                    region.start < end && region.is_before_end(&start)
                })
            });
            vec![
                Some(region.id.to_string()),
                Some(crate::hex::upper(&region.start)),
                Some(crate::hex::upper(&region.end)),
                owner.map(|entry| entry.info.id.to_string()),
                owner.map(|entry| entry.db.clone()),
                owner.map(|entry| entry.info.name.original.clone()),
                Some(region.conf_ver.to_string()),
                Some(region.version.to_string()),
            ]
        })
        .collect();
    Relation::texts(
        &[
            "REGION_ID",
            "START_KEY",
            "END_KEY",
            "TABLE_ID",
            "DB_NAME",
            "TABLE_NAME",
            "EPOCH_CONF_VER",
            "EPOCH_VERSION",
        ],
        &["REGION_ID", "TABLE_ID", "EPOCH_CONF_VER", "EPOCH_VERSION"],
        rows,
    )
}

fn stores(session: &Session) -> Relation {
    let cluster = &session.tidb.cluster;
    let regions = cluster.regions();
    let rows = cluster
        .stores
        .iter()
        .map(|store| {
            let count = regions.iter().filter(|region| region.peer_on(store.id).is_some()).count();
            let state = if cluster.faults.is_store_down(store.id) { "Disconnected" } else { "Up" };
            some([
                store.id.to_string(),
                store.address().into(),
                state.into(),
                crate::cluster::VERSION.into(),
                count.to_string(),
            ])
        })
        .collect();
    let columns = ["STORE_ID", "ADDRESS", "STORE_STATE_NAME", "VERSION", "REGION_COUNT"];
    Relation::texts(&columns, &["STORE_ID", "REGION_COUNT"], rows)
}

fn variables(session: &Session) -> Relation {
    let rows = sysvar::names()
        .map(|name| vec![Some(name.to_owned()), session.variable(name).map(|(_, value)| value)])
        .collect();
    Relation::texts(&["VARIABLE_NAME", "VARIABLE_VALUE"], &[], rows)
}

fn mysql_tidb(session: &Session) -> Relation {
    let cluster = &session.tidb.cluster;
    let safe_point = cluster.started_micros.div_euclid(1_000_000) - 600;
    let moment = |seconds: i64| format!("{}.000 +0000", Civil::from_unix(seconds).compact());
    let rows = [
        ("bootstrapped", "True".to_owned()),
        ("tidb_server_version", "254".into()),
        ("system_tz", "Etc/UTC".into()),
        ("new_collation_enabled", "True".into()),
        ("ddl_table_version", "4".into()),
        ("cluster_id", cluster.id.to_string()),
        ("tikv_gc_leader_uuid", "playground".into()),
        ("tikv_gc_leader_desc", format!("host:playground, version: {}", server_version())),
        ("tikv_gc_leader_lease", moment(cluster.env.now_seconds() + 120)),
        ("tikv_gc_auto_concurrency", "true".into()),
        ("tikv_gc_enable", "true".into()),
        ("tikv_gc_run_interval", "10m0s".into()),
        (
            "tikv_gc_life_time",
            session.variable("global.tidb_gc_life_time").map_or_else(|| "10m0s".into(), |(_, value)| value),
        ),
        ("tikv_gc_last_run_time", moment(safe_point + 600)),
        ("tikv_gc_safe_point", moment(safe_point)),
    ]
    .into_iter()
    .map(|(name, value)| vec![Some(name.to_owned()), Some(value), None])
    .collect();
    Relation::texts(&["VARIABLE_NAME", "VARIABLE_VALUE", "COMMENT"], &[], rows)
}

fn stats_meta(session: &Session) -> Relation {
    let tables = session.tidb.catalog.all_tables();
    let rows = tables
        .iter()
        .map(|entry| some(["0".into(), entry.info.id.to_string(), "0".into(), "0".into()]))
        .collect();
    let columns = ["version", "table_id", "modify_count", "count"];
    Relation::texts(&columns, &columns, rows)
}
