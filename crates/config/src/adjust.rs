//! What Lightning does to a configuration before it uses it: older keys become newer ones, texts get
//! their usual case, and what cannot work is refused.

use crate::load::ConfigError;
use crate::{Config, OneOrMany};

/// Threshold of conflicts where rows are dropped or replaced and none is configured.
const CONFLICT_THRESHOLD: i64 = 10_000;

fn invalid(key: &'static str, message: impl Into<String>) -> Result<(), ConfigError> {
    Err(ConfigError::Invalid { key, message: message.into() })
}

/// Normalises and validates.
pub(crate) fn adjust(config: &mut Config) -> Result<(), ConfigError> {
    backend(config)?;
    conflict(config)?;
    csv(config)?;
    mydumper(config)?;
    choices(config)?;
    if config.thunderhead.max_receives == 0 {
        return invalid("thunderhead.max-receives", "must be at least 1");
    }
    if config.thunderhead.piece_size.0 < 1 << 20 {
        return invalid("thunderhead.piece-size", "must be at least 1MiB");
    }
    Ok(())
}

fn backend(config: &mut Config) -> Result<(), ConfigError> {
    let importer = &mut config.tikv_importer;
    importer.backend.make_ascii_lowercase();
    if !matches!(importer.backend.as_str(), "local" | "tidb" | "importer" | "import-into") {
        return invalid("tikv-importer.backend", "must be `local`, `tidb`, `importer` or `import-into`");
    }
    if importer.parallel_import && importer.add_index_by_sql {
        return invalid(
            "tikv-importer.add-index-by-sql",
            "cannot be used together with `tikv-importer.parallel-import`",
        );
    }
    if !importer.keyspace_name.is_empty() {
        return invalid("tikv-importer.keyspace-name", "keyspaces (API v2) are not supported");
    }
    if importer.backend == "importer" && importer.addr.is_empty() {
        return invalid("tikv-importer.addr", "must name the importer, `host:port`");
    }
    if importer.backend == "tidb" {
        // The target checks and counts what it is given by SQL.
        config.post_restore.checksum = crate::Level::Off;
        config.post_restore.analyze = crate::Level::Off;
        if importer.logical_import_batch_size.0 == 0 {
            return invalid("tikv-importer.logical-import-batch-size", "must be larger than 0");
        }
        if importer.logical_import_batch_rows == 0 {
            return invalid("tikv-importer.logical-import-batch-rows", "must be larger than 0");
        }
    }
    Ok(())
}

/// `none` and nothing are the same; the words of older versions mean `replace`.
fn strategy(key: &'static str, text: &str) -> Result<&'static str, ConfigError> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "" | "none" => "",
        "error" => "error",
        "ignore" => "ignore",
        "replace" | "remove" | "record" => "replace",
        _ => {
            invalid(key, "must be empty, `error`, `replace` or `ignore`")?;
            ""
        }
    })
}

fn conflict(config: &mut Config) -> Result<(), ConfigError> {
    let own = strategy("conflict.strategy", &config.conflict.strategy)?;
    let on_duplicate = strategy("tikv-importer.on-duplicate", &config.tikv_importer.on_duplicate)?;
    let resolution =
        strategy("tikv-importer.duplicate-resolution", &config.tikv_importer.duplicate_resolution)?;
    let by_sql = config.tikv_importer.backend == "tidb";
    let newer = match (own, on_duplicate) {
        ("", "") if by_sql => "error",
        ("", older) => older,
        (own, _) => own,
    };
    if !newer.is_empty() && !resolution.is_empty() {
        return invalid(
            "tikv-importer.duplicate-resolution",
            "cannot be used together with `conflict.strategy` or `tikv-importer.on-duplicate`",
        );
    }
    let strategy = if newer.is_empty() { resolution } else { newer };
    if strategy == "ignore" && !by_sql {
        return invalid(
            "conflict.strategy",
            "`ignore` needs `tikv-importer.backend = \"tidb\"`; use `replace` or `error`",
        );
    }
    let conflict = &mut config.conflict;
    if conflict.precheck_conflict_before_import && by_sql {
        return invalid(
            "conflict.precheck-conflict-before-import",
            "cannot be used with `tikv-importer.backend = \"tidb\"`",
        );
    }
    if conflict.threshold > 0 && strategy == "error" {
        return invalid("conflict.threshold", "cannot be used with `conflict.strategy = \"error\"`");
    }
    if conflict.threshold < 0 {
        conflict.threshold = if matches!(strategy, "replace" | "ignore") { CONFLICT_THRESHOLD } else { 0 };
    }
    conflict.max_record_rows = if by_sql && strategy == "replace" { 0 } else { conflict.threshold };
    strategy.clone_into(&mut conflict.strategy);
    Ok(())
}

fn csv(config: &mut Config) -> Result<(), ConfigError> {
    let csv = &mut config.mydumper.csv;
    if csv.separator.is_empty() {
        return invalid("mydumper.csv.separator", "must not be empty");
    }
    if !csv.delimiter.is_empty()
        && (csv.separator.starts_with(&csv.delimiter) || csv.delimiter.starts_with(&csv.separator))
    {
        return invalid(
            "mydumper.csv.delimiter",
            "neither of separator and delimiter may begin with the other",
        );
    }
    let escape = csv.escaped_by.clone().unwrap_or_else(|| "\\".to_owned());
    if escape.len() > 1 {
        return invalid("mydumper.csv.escaped-by", "must be one ASCII character or empty");
    }
    // The older switch decides about the backslash, whatever the newer key says.
    let escape = match (csv.backslash_escape.unwrap_or(true), escape.as_str()) {
        (true, "") => "\\".to_owned(),
        (false, "\\") => String::new(),
        _ => escape,
    };
    if !escape.is_empty() && [&csv.separator, &csv.delimiter, &csv.terminator].contains(&&escape) {
        return invalid("mydumper.csv.escaped-by", "must differ from separator, delimiter and terminator");
    }
    csv.escaped_by = Some(escape);
    if !csv.not_null && csv.null == OneOrMany::Many(Vec::new()) {
        csv.null = OneOrMany::Many(vec![String::new()]);
    }
    Ok(())
}

fn mydumper(config: &mut Config) -> Result<(), ConfigError> {
    let mydumper = &mut config.mydumper;
    if !(0.0..1.0).contains(&mydumper.batch_import_ratio) {
        mydumper.batch_import_ratio = 0.75;
    }
    if mydumper.strict_format && mydumper.csv.terminator.is_empty() {
        return invalid(
            "mydumper.strict-format",
            "needs `mydumper.csv.terminator`, for example \"\\r\\n\": records are found by it",
        );
    }
    if mydumper.max_region_size.0 == 0 {
        mydumper.max_region_size.0 = 256 << 20;
    }
    let folder = mydumper.data_source_dir.strip_prefix("file://").unwrap_or(&mydumper.data_source_dir);
    for rule in &mut mydumper.files {
        if !rule.path.starts_with('/') {
            continue;
        }
        let below = rule.path.strip_prefix(folder.trim_end_matches('/')).filter(|_| !folder.is_empty());
        match below.and_then(|rest| rest.strip_prefix('/')) {
            Some(rest) => rule.path = rest.to_owned(),
            None => {
                return invalid("mydumper.files", format!("path {} is not below the source", rule.path));
            }
        }
    }
    if !config.routes.is_empty() && !config.mydumper.files.is_empty() {
        return invalid("routes", "`[[routes]]` and `[[mydumper.files]]` cannot be used together");
    }
    Ok(())
}

/// Keys whose value is one of a few words.
fn choices(config: &Config) -> Result<(), ConfigError> {
    let any = |value: &str, words: &[&str]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
    if !any(&config.tikv_importer.pause_pd_scheduler_scope, &["table", "global"]) {
        return invalid("tikv-importer.pause-pd-scheduler-scope", "must be `table` or `global`");
    }
    if !any(&config.tikv_importer.compress_kv_pairs, &["", "gzip", "gz"]) {
        return invalid("tikv-importer.compress-kv-pairs", "must be empty or `gzip`");
    }
    if !any(&config.checkpoint.driver, &["", "file", "mysql"]) {
        return invalid("checkpoint.driver", "must be `file` or `mysql`");
    }
    if !any(&config.tidb.tls, &["", "false", "cluster", "skip-verify", "preferred"]) {
        return invalid("tidb.tls", "must be empty, `false`, `cluster`, `skip-verify` or `preferred`");
    }
    if config.tidb.tls == "cluster" && config.security.ca_path.is_empty() {
        return invalid("tidb.tls", "`cluster` needs `security.ca-path`");
    }
    let sets = ["", "auto", "utf8", "utf8mb4", "gb18030", "gbk", "latin1", "binary"];
    if !any(&config.mydumper.character_set, &sets) {
        return invalid(
            "mydumper.character-set",
            "must be `auto`, `utf8mb4`, `gb18030`, `latin1` or `binary`",
        );
    }
    let sets = ["", "binary", "utf8", "utf8mb4", "gb18030", "gbk", "latin1", "ascii"];
    if !any(&config.mydumper.data_character_set, &sets) {
        return invalid(
            "mydumper.data-character-set",
            "must be `binary`, `utf8mb4`, `gb18030`, `gbk`, `latin1` or `ascii`",
        );
    }
    max_error(config)
}

/// A number, or a table of numbers of which `type` counts.
fn max_error(config: &Config) -> Result<(), ConfigError> {
    let wrong = || invalid("lightning.max-error", "must be a number, or a table like `{ type = 10 }`");
    match &config.lightning.max_error {
        None | Some(toml::Value::Integer(_)) => Ok(()),
        Some(toml::Value::Table(classes)) if classes.values().all(|value| value.is_integer()) => Ok(()),
        Some(_) => wrong(),
    }
}
