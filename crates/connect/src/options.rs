//! Configuration keys to the libraries' options.

use th_cluster::{ClusterOptions, TidbOptions};
use th_config::Config;
use th_dump::{CsvOptions, Extractor, FileRule, IoOptions, ReadOptions, Route, Rules};
use th_errors::{Code, Fault};
use th_types::SqlMode;

/// How files become tables.
pub fn rules(config: &Config) -> Rules {
    let mydumper = &config.mydumper;
    let extractor = |from: &Option<th_config::Extractor>| {
        from.as_ref()
            .map(|from| Extractor { regexp: from.regexp.clone(), target_column: from.target_column.clone() })
    };
    Rules {
        files: mydumper
            .files
            .iter()
            .map(|rule| FileRule {
                pattern: rule.pattern.clone(),
                path: rule.path.clone(),
                schema: rule.schema.clone(),
                table: rule.table.clone(),
                kind: rule.kind.clone(),
                key: rule.key.clone(),
                compression: rule.compression.clone(),
            })
            .collect(),
        default_rules: mydumper.default_file_rules.unwrap_or(mydumper.files.is_empty()),
        filter: mydumper.filter.clone(),
        routes: config
            .routes
            .iter()
            .map(|route| Route {
                schema_pattern: route.schema_pattern.clone(),
                table_pattern: route.table_pattern.clone(),
                target_schema: route.target_schema.clone(),
                target_table: route.target_table.clone(),
                extract_table: extractor(&route.extract_table),
                extract_schema: extractor(&route.extract_schema),
                extract_source: extractor(&route.extract_source),
            })
            .collect(),
        source_id: mydumper.source_id.clone(),
        case_sensitive: mydumper.case_sensitive,
    }
}

/// The CSV dialect.
pub fn csv_options(config: &Config) -> CsvOptions {
    let csv = &config.mydumper.csv;
    let null = csv.null.clone().into_vec();
    CsvOptions {
        separator: csv.separator.clone(),
        delimiter: csv.delimiter.clone(),
        terminator: csv.terminator.clone(),
        // Without `not-null`, an empty list means that the empty text is NULL.
        null: if null.is_empty() && !csv.not_null { vec![String::new()] } else { null },
        header: csv.header,
        header_schema_match: csv.header_schema_match,
        not_null: csv.not_null,
        escaped_by: match (&csv.escaped_by, csv.backslash_escape) {
            (Some(escape), _) => escape.clone(),
            (None, Some(false)) => String::new(),
            (None, _) => "\\".to_owned(),
        },
        trim_last_separator: csv.trim_last_separator,
        ..CsvOptions::default()
    }
}

/// How data files are read.
pub fn read_options(config: &Config) -> Result<ReadOptions, Fault> {
    let bad = |message: String| Fault::new(Code::BadConfig, message);
    let csv = csv_options(config);
    csv.validate().map_err(|error| bad(error.to_string()))?;
    let mode =
        SqlMode::parse(&config.tidb.sql_mode).map_err(|error| bad(format!("tidb.sql-mode: {error}")))?;
    let character_set = config.mydumper.data_character_set.parse().map_err(|_| {
        bad(format!(
            "mydumper.data-character-set: `{}` is none of binary, utf8mb4, gb18030, gbk, latin1, ascii",
            config.mydumper.data_character_set
        ))
    })?;
    let mut io = IoOptions::default();
    io.prefetch = usize::try_from(config.thunderhead.read_ahead.0).unwrap_or(usize::MAX) / io.read_block;
    Ok(ReadOptions {
        csv,
        io,
        no_backslash_escapes: mode.no_backslash_escapes(),
        data_character_set: character_set,
        data_invalid_char_replace: config.mydumper.data_invalid_char_replace.clone(),
        ..ReadOptions::default()
    })
}

/// Jobs at once: as configured, or one a CPU.
pub fn slots(config: &Config) -> usize {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let region_concurrency = config.lightning.region_concurrency.unwrap_or(0) as usize;
    let configured = [config.thunderhead.concurrency, region_concurrency];
    configured.into_iter().find(|&slots| slots > 0).unwrap_or(cpus)
}

/// How to reach the cluster. `with_sql` is false for workers, which talk to PD and TiKV only.
pub fn cluster_options(config: &Config, pd: &[String], with_sql: bool) -> ClusterOptions {
    let endpoints: Vec<String> = if pd.is_empty() {
        config
            .tidb
            .pd_addr
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    } else {
        pd.to_vec()
    };
    let mut options = ClusterOptions::new(endpoints);
    options.tls = (!config.security.ca_path.is_empty()).then(|| crate::pem_files(&config.security));
    options.compress_writes = !config.tikv_importer.compress_kv_pairs.is_empty();
    options.store_write_limit = config.tikv_importer.store_write_bwlimit.0;
    if let requests @ 1.. = config.tikv_importer.range_concurrency {
        options.store_requests = u32::try_from(requests).unwrap_or(u32::MAX);
    }
    if with_sql {
        let tidb = &config.tidb;
        let mut session_vars: Vec<(String, String)> = [
            ("tidb_build_stats_concurrency", tidb.build_stats_concurrency),
            ("tidb_distsql_scan_concurrency", tidb.distsql_scan_concurrency),
            ("tidb_index_serial_scan_concurrency", tidb.index_serial_scan_concurrency),
            ("tidb_checksum_table_concurrency", tidb.checksum_table_concurrency),
        ]
        .map(|(name, number)| (name.to_owned(), number.to_string()))
        .into();
        session_vars.extend(tidb.session_vars.clone());
        options.tidb = Some(TidbOptions {
            host: config.tidb.host.clone(),
            port: config.tidb.port,
            status_port: config.tidb.status_port,
            user: config.tidb.user.clone(),
            password: config.tidb.password.reveal().to_owned(),
            tls: crate::server::tls(config),
            sql_mode: Some(config.tidb.sql_mode.clone()),
            session_vars,
            ..TidbOptions::default()
        });
    }
    options
}
