//! Lightning's own sections, with Lightning's defaults.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::section::section;
use crate::types::{ByteSize, Level, OneOrMany, Secret, Span};

section! {
    /// `[lightning]`
    Lightning {
        /// HTTP status address; empty = off.
        @serde(alias = "pprof-port") status_addr: String = String::new(),
        /// Wait for tasks over HTTP.
        server_mode: bool = false,
        /// Run prechecks.
        check_requirements: bool = true,
        /// Lightning's index engines; without effect, engines are not used here.
        index_concurrency: Option<u64> = None,
        /// Lightning's data engines; without effect, engines are not used here.
        table_concurrency: Option<u64> = None,
        /// Encoding threads; 0 or absent = one a CPU.
        region_concurrency: Option<u64> = None,
        /// Parallel file reads.
        io_concurrency: u64 = 5,
        /// Lightning's metadata database for parallel imports; a leftover is looked for.
        meta_schema_name: String = "lightning_metadata".into(),
        /// Tolerated errors: a number of type errors, or a map by class.
        max_error: Option<toml::Value> = None,
        /// Deprecated in Lightning.
        max_error_records: Option<i64> = None,
        /// Database for error tables.
        task_info_schema_name: String = "lightning_task_info".into(),
        /// Log level.
        level: String = "info".into(),
        /// Log file; `-` = standard error.
        file: String = String::new(),
        /// Log rotation, MB.
        max_size: u64 = 512,
        /// Log rotation, days.
        max_days: u64 = 7,
        /// Log rotation, files.
        max_backups: u64 = 14,
        /// More logs.
        enable_diagnose_logs: bool = false,
    }
}

section! {
    /// `[security]` and `[tidb.security]`
    Security {
        /// CA certificates, PEM file.
        ca_path: String = String::new(),
        /// Client certificate, PEM file.
        cert_path: String = String::new(),
        /// Client key, PEM file.
        key_path: String = String::new(),
        /// Hide user data in logs.
        redact_info_log: bool = false,
    }
}

section! {
    /// `[checkpoint]`: the ledger is the checkpoint; these keys say whether and how long it is kept.
    Checkpoint {
        /// Resume where the last run ended.
        enable: bool = true,
        /// Lightning's checkpoint database or file stem.
        schema: String = "tidb_lightning_checkpoint".into(),
        /// `file` or `mysql`.
        driver: String = "file".into(),
        /// Lightning's checkpoint location.
        dsn: Secret = Secret::default(),
        /// `remove`, `rename`, `origin` or a boolean.
        keep_after_success: Option<toml::Value> = None,
    }
}

impl Checkpoint {
    /// What `keep-after-success` says, if it says anything: `remove` and `false` do not keep.
    pub fn keeps(&self) -> Option<bool> {
        let value = self.keep_after_success.as_ref()?;
        let is_remove =
            |word: &str| word.eq_ignore_ascii_case("remove") || word.eq_ignore_ascii_case("false");
        Some(value.as_bool().unwrap_or_else(|| !value.as_str().is_some_and(is_remove)))
    }
}

section! {
    /// `[conflict]`
    Conflict {
        /// Empty, `error`, `replace` or `ignore`.
        strategy: String = String::new(),
        /// Find conflicts before ingesting.
        precheck_conflict_before_import: bool = false,
        /// Most conflicting rows; -1 = by strategy.
        threshold: i64 = -1,
        /// Most recorded rows.
        max_record_rows: i64 = -1,
    }
}

section! {
    /// `[tikv-importer]`
    TikvImporter {
        /// `local`, `tidb`, `importer`, `import-into`.
        backend: String = "local".into(),
        /// Address of an importer daemon.
        addr: String = String::new(),
        /// Several imports into one table.
        @serde(alias = "incremental-import") parallel_import: bool = false,
        /// Deprecated: see `[conflict]`.
        on_duplicate: String = String::new(),
        /// Deprecated: see `[conflict]`.
        duplicate_resolution: String = String::new(),
        /// Pairs in one batch between Lightning's stages; without effect.
        max_kv_pairs: u64 = 4096,
        /// Deprecated in Lightning.
        send_kv_pairs: u64 = 32768,
        /// Bytes of one write message to TiKV.
        send_kv_size: ByteSize = ByteSize(16 << 10),
        /// `gzip` compresses what goes to TiKV.
        compress_kv_pairs: String = String::new(),
        /// Region size to split for; 0 = TiKV's own.
        region_split_size: ByteSize = ByteSize(0),
        /// Region keys to split for; 0 = TiKV's own.
        region_split_keys: u64 = 0,
        /// Split keys in one request.
        region_split_batch_size: u64 = 4096,
        /// Split requests at once; absent = one a CPU.
        region_split_concurrency: Option<u64> = None,
        /// Tries while waiting for split and scatter.
        region_check_backoff_limit: u64 = 1800,
        /// Folder for sorting.
        sorted_kv_dir: String = String::new(),
        /// Most bytes in the sort folder; absent = no limit.
        disk_quota: Option<ByteSize> = None,
        /// Writes and ingests with one TiKV store at once; 0 = 16.
        range_concurrency: u64 = 16,
        /// Lightning's memory for one engine; without effect.
        engine_mem_cache_size: ByteSize = ByteSize(512 << 20),
        /// Memory of one encoding thread for sorting.
        local_writer_mem_cache_size: ByteSize = ByteSize(128 << 20),
        /// Bytes a second to one TiKV store; 0 = no limit.
        store_write_bwlimit: ByteSize = ByteSize(0),
        /// SQL backend: bytes of one statement.
        logical_import_batch_size: ByteSize = ByteSize(96 << 10),
        /// SQL backend: rows of one statement.
        logical_import_batch_rows: u64 = 65536,
        /// SQL backend: prepared statements.
        logical_import_prep_stmt: bool = false,
        /// `table` or `global`.
        pause_pd_scheduler_scope: String = "table".into(),
        /// API v2 keyspace.
        keyspace_name: String = String::new(),
        /// Import rows only and add secondary indexes by SQL.
        add_index_by_sql: bool = false,
        /// Lightning's block size of sorted files; without effect.
        block_size: ByteSize = ByteSize(16 << 10),
    }
}

section! {
    /// `[mydumper]`
    Mydumper {
        /// Bytes of one read; the parser's buffer is a multiple.
        read_block_size: ByteSize = ByteSize(64 << 10),
        /// Lightning's engine size; here the size of a job. 0 = by the size of the table.
        batch_size: ByteSize = ByteSize(0),
        /// Lightning's staggering of engines; without effect.
        batch_import_ratio: f64 = 0.75,
        /// The dump's URL or path.
        data_source_dir: String = String::new(),
        /// For extractors with `extract-source`.
        source_id: String = String::new(),
        /// Deprecated in Lightning.
        no_schema: bool = false,
        /// Character set of schema files.
        character_set: String = "auto".into(),
        /// Character set of CSV files.
        data_character_set: String = "binary".into(),
        /// What an invalid character becomes.
        data_invalid_char_replace: String = "\u{FFFD}".into(),
        /// Whether routes and filters tell cases apart.
        case_sensitive: bool = false,
        /// Split large CSV files at terminators.
        strict_format: bool = false,
        /// Size of the pieces.
        max_region_size: ByteSize = ByteSize(256 << 20),
        /// Whether the default file rules follow `[[mydumper.files]]`; absent = only without own rules.
        default_file_rules: Option<bool> = None,
        /// Table filter.
        filter: Vec<String> = default_filter(),
        /// Columns of the source that are dropped.
        @serde(alias = "ignore-columns") ignore_data_columns: Vec<IgnoreColumns> = Vec::new(),
        /// File rules.
        files: Vec<FileRule> = Vec::new(),
        /// CSV dialect.
        csv: Csv = Csv::default(),
    }
}

/// Everything but the system databases.
fn default_filter() -> Vec<String> {
    [
        "*.*",
        "!mysql.*",
        "!sys.*",
        "!INFORMATION_SCHEMA.*",
        "!PERFORMANCE_SCHEMA.*",
        "!METRICS_SCHEMA.*",
        "!INSPECTION_SCHEMA.*",
    ]
    .map(str::to_owned)
    .to_vec()
}

section! {
    /// An entry of `mydumper.ignore-data-columns`.
    IgnoreColumns {
        /// Database.
        db: String = String::new(),
        /// Table.
        table: String = String::new(),
        /// Tables by filter.
        table_filter: Vec<String> = Vec::new(),
        /// Columns.
        columns: Vec<String> = Vec::new(),
    }
}

section! {
    /// `[[mydumper.files]]`
    FileRule {
        /// Regular expression on the path below the source.
        pattern: String = String::new(),
        /// One path.
        path: String = String::new(),
        /// Database, may refer to groups (`$1`).
        schema: String = String::new(),
        /// Table.
        table: String = String::new(),
        /// `schema-schema`, `table-schema`, `view-schema`, `sql`, `csv`, `parquet`, `ignore`.
        @serde(rename = "type") kind: String = String::new(),
        /// Sort key.
        key: String = String::new(),
        /// Compression.
        compression: String = String::new(),
    }
}

section! {
    /// `[mydumper.csv]`
    Csv {
        /// Between fields.
        separator: String = ",".into(),
        /// Around fields; may be empty.
        delimiter: String = "\"".into(),
        /// After records; empty = any of CR, LF.
        terminator: String = String::new(),
        /// Texts that mean NULL.
        null: OneOrMany = OneOrMany::One("\\N".into()),
        /// Whether the first record names the columns.
        header: bool = true,
        /// Whether the header is believed.
        header_schema_match: bool = true,
        /// Whether no field is NULL.
        not_null: bool = false,
        /// Deprecated: see `escaped-by`.
        backslash_escape: Option<bool> = None,
        /// Escape character; empty = none.
        escaped_by: Option<String> = None,
        /// Deprecated: a separator at the end of each record.
        trim_last_separator: bool = false,
    }
}

section! {
    /// `[[routes]]`
    Route {
        /// Databases it is for.
        schema_pattern: String = String::new(),
        /// Tables it is for.
        table_pattern: String = String::new(),
        /// Database to import into.
        target_schema: String = String::new(),
        /// Table to import into.
        target_table: String = String::new(),
        /// Column from the table's name.
        extract_table: Option<Extractor> = None,
        /// Column from the database's name.
        extract_schema: Option<Extractor> = None,
        /// Column from the source id.
        extract_source: Option<Extractor> = None,
    }
}

section! {
    /// An extractor of a route.
    Extractor {
        /// Regular expression; the value is all its groups joined.
        @serde(alias = "table-regexp", alias = "schema-regexp", alias = "source-regexp") regexp: String = String::new(),
        /// Column that gets the value.
        target_column: String = String::new(),
    }
}

section! {
    /// `[tidb]`
    Tidb {
        /// Host.
        host: String = "127.0.0.1".into(),
        /// SQL port; 0 = from the status port.
        port: u16 = 0,
        /// User.
        user: String = "root".into(),
        /// Password, plain or base64.
        password: Secret = Secret::default(),
        /// Status port.
        status_port: u16 = 10080,
        /// PD endpoints, comma-separated; empty = from the status port.
        pd_addr: String = String::new(),
        /// Log level of Lightning's TiDB library; without effect.
        log_level: String = "error".into(),
        /// `sql_mode`.
        sql_mode: String = "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_AUTO_CREATE_USER".into(),
        /// `false`, `cluster`, `skip-verify`, `preferred`.
        tls: String = String::new(),
        /// Bytes of one packet.
        max_allowed_packet: ByteSize = ByteSize(64 << 20),
        /// Session variable.
        build_stats_concurrency: u64 = 20,
        /// Session variable.
        distsql_scan_concurrency: u64 = 15,
        /// Session variable.
        index_serial_scan_concurrency: u64 = 20,
        /// Tables checksummed at once.
        checksum_table_concurrency: u64 = 2,
        /// TLS files; absent = those of `[security]`.
        security: Option<Security> = None,
        /// More session variables.
        session_vars: BTreeMap<String, String> = BTreeMap::new(),
    }
}

section! {
    /// `[post-restore]`
    PostRestore {
        /// Compare checksums.
        checksum: Level = Level::Required,
        /// ANALYZE TABLE.
        analyze: Level = Level::Optional,
        /// Compact level 1 after each table.
        level_1_compact: bool = false,
        /// Full compaction at the end.
        compact: bool = false,
        /// Checksum and analyze after all tables.
        post_process_at_last: bool = true,
        /// ADMIN CHECKSUM TABLE instead of the coprocessor.
        checksum_via_sql: bool = false,
    }
}

section! {
    /// `[cron]`
    Cron {
        /// Refresh of import mode; 0 = never switch.
        switch_mode: Span = Span(std::time::Duration::from_mins(5)),
        /// Progress in the log.
        log_progress: Span = Span(std::time::Duration::from_mins(5)),
        /// Check of the sort folder's quota.
        check_disk_quota: Span = Span(std::time::Duration::from_mins(1)),
    }
}
