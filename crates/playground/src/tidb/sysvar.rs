//! System variables: their defaults, and which of them are switches.

/// Name, default, and whether it is a switch (`@@x` reads 1 or 0, SHOW reads ON or OFF).
const VARIABLES: &[(&str, &str, bool)] = &[
    ("autocommit", "ON", true),
    ("auto_increment_increment", "1", false),
    ("auto_increment_offset", "1", false),
    ("block_encryption_mode", "aes-128-ecb", false),
    ("character_set_client", "utf8mb4", false),
    ("character_set_connection", "utf8mb4", false),
    ("character_set_database", "utf8mb4", false),
    ("character_set_filesystem", "binary", false),
    ("character_set_results", "utf8mb4", false),
    ("character_set_server", "utf8mb4", false),
    ("character_set_system", "utf8mb4", false),
    ("collation_connection", "utf8mb4_bin", false),
    ("collation_database", "utf8mb4_bin", false),
    ("collation_server", "utf8mb4_bin", false),
    ("default_storage_engine", "InnoDB", false),
    ("default_week_format", "0", false),
    ("div_precision_increment", "4", false),
    ("explicit_defaults_for_timestamp", "ON", true),
    ("foreign_key_checks", "ON", true),
    ("group_concat_max_len", "1024", false),
    ("have_openssl", "DISABLED", false),
    ("have_ssl", "DISABLED", false),
    ("hostname", "localhost", false),
    ("init_connect", "", false),
    ("innodb_lock_wait_timeout", "50", false),
    ("interactive_timeout", "28800", false),
    ("license", "Apache License 2.0", false),
    ("lower_case_table_names", "2", false),
    ("max_allowed_packet", "67108864", false),
    ("max_connections", "0", false),
    ("max_execution_time", "0", false),
    ("net_buffer_length", "16384", false),
    ("net_write_timeout", "60", false),
    ("performance_schema", "OFF", true),
    ("port", "4000", false),
    ("protocol_version", "10", false),
    ("query_cache_size", "1048576", false),
    ("query_cache_type", "OFF", false),
    ("read_only", "OFF", true),
    (
        "sql_mode",
        "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,\
         NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION",
        false,
    ),
    ("sql_require_primary_key", "OFF", true),
    ("sql_safe_updates", "OFF", true),
    ("sql_select_limit", "18446744073709551615", false),
    ("socket", "", false),
    ("ssl_ca", "", false),
    ("super_read_only", "OFF", true),
    ("system_time_zone", "UTC", false),
    ("tidb_allow_remove_auto_inc", "OFF", true),
    ("tidb_backoff_weight", "2", false),
    ("tidb_build_stats_concurrency", "2", false),
    ("tidb_checksum_table_concurrency", "4", false),
    ("tidb_config", "", false),
    ("tidb_constraint_check_in_place", "OFF", true),
    ("tidb_ddl_reorg_worker_cnt", "4", false),
    ("tidb_distsql_scan_concurrency", "15", false),
    ("tidb_enable_clustered_index", "ON", false),
    ("tidb_enable_table_partition", "ON", false),
    ("tidb_gc_life_time", "10m0s", false),
    ("tidb_gc_run_interval", "10m0s", false),
    ("tidb_index_serial_scan_concurrency", "1", false),
    ("tidb_opt_write_row_id", "OFF", true),
    ("tidb_placement_mode", "STRICT", false),
    ("tidb_row_format_version", "2", false),
    ("tidb_scatter_region", "", false),
    ("tidb_skip_utf8_check", "OFF", true),
    ("tidb_snapshot", "", false),
    ("tidb_txn_mode", "pessimistic", false),
    ("time_zone", "SYSTEM", false),
    ("tls_version", "TLSv1.2,TLSv1.3", false),
    ("transaction_isolation", "REPEATABLE-READ", false),
    ("transaction_read_only", "OFF", true),
    ("tx_isolation", "REPEATABLE-READ", false),
    ("tx_read_only", "OFF", true),
    ("unique_checks", "ON", true),
    ("version", "", false),
    ("version_comment", "TiDB Server (Apache License 2.0) Community Edition, MySQL 8.0 compatible", false),
    ("version_compile_os", "linux", false),
    ("wait_timeout", "28800", false),
];

/// The default of a variable (lower-case name).
pub(crate) fn default(name: &str) -> Option<String> {
    if name == "version" {
        return Some(super::session::server_version());
    }
    VARIABLES.iter().find(|(known, _, _)| *known == name).map(|(_, value, _)| (*value).to_owned())
}

/// Whether the variable is ON or OFF.
pub(crate) fn is_switch(name: &str) -> bool {
    VARIABLES.iter().any(|(known, _, switch)| *known == name && *switch)
}

/// All names, sorted.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    VARIABLES.iter().map(|(name, _, _)| *name)
}

/// The form a value is kept in: switches as ON and OFF.
pub(crate) fn normalize(name: &str, value: String) -> String {
    match value.to_lowercase().as_str() {
        "1" | "on" | "true" if is_switch(name) => "ON".into(),
        "0" | "off" | "false" if is_switch(name) => "OFF".into(),
        _ => value,
    }
}
