//! Keys that are accepted and do something else than in Lightning, or nothing: with the reason.

/// (key, what becomes of it). Whatever is not listed has Lightning's meaning.
const NOTES: &[(&str, &str)] = &[
    ("checkpoint.driver", "without effect: the ledger is the checkpoint, wherever it is kept"),
    ("checkpoint.dsn", "without effect: the ledger is the checkpoint, wherever it is kept"),
    ("checkpoint.enable", "without effect: an import is resumed by its id, never by chance"),
    (
        "checkpoint.keep-after-success",
        "written out as `remove` or `false`: jobs and results go from the ledger, plan and outcome stay; without it the ledger stays whole. With `backend = \"tidb\"`: whether the notes in the target stay",
    ),
    ("checkpoint.schema", "the target's database of notes, for `backend = \"tidb\"` and `parallel-import`"),
    ("conflict.max-record-rows", "without effect: every conflict is recorded, in conflicts/ in the ledger"),
    (
        "conflict.precheck-conflict-before-import",
        "without effect: rows of one job that meet are always found before they are ingested",
    ),
    ("conflict.strategy", "without one, rows with equal keys fail the import instead of its checksum"),
    ("cron.check-disk-quota", "without effect: the quota holds at every moment"),
    ("cron.log-progress", "without effect: `thunderhead status` and the progress line show it at any time"),
    (
        "lightning.check-requirements",
        "obeyed; missing definitions, rows in the target and CSV headers are looked at all the same",
    ),
    ("lightning.enable-diagnose-logs", "without effect: use THUNDERHEAD_LOG=debug"),
    ("lightning.file", "without effect: the log goes to standard error"),
    ("lightning.index-concurrency", "without effect: there are no engines; see thunderhead.concurrency"),
    ("lightning.io-concurrency", "without effect: each job reads ahead by itself"),
    ("lightning.level", "without effect: use THUNDERHEAD_LOG"),
    ("lightning.max-backups", "without effect: the log goes to standard error"),
    ("lightning.max-days", "without effect: the log goes to standard error"),
    (
        "lightning.max-error",
        "a number or `type`: rows with values that do not fit are left out and written to rejects/ in the ledger",
    ),
    ("lightning.max-error-records", "deprecated in Lightning: see conflict.threshold"),
    ("lightning.max-size", "without effect: the log goes to standard error"),
    ("lightning.meta-schema-name", "without effect: imports that share tables meet in checkpoint.schema"),
    ("lightning.server-mode", "not supported: start one `thunderhead` a task"),
    (
        "lightning.status-addr",
        "serves /health, /metrics and a status page; Lightning's task API is not there",
    ),
    ("lightning.table-concurrency", "without effect: there are no engines; see thunderhead.concurrency"),
    (
        "lightning.task-info-schema-name",
        "the first 10,000 rejected rows and conflicts go to its type_error_v2, conflict_error_v4 and conflict_records_v2; all are in the ledger",
    ),
    ("mydumper.batch-import-ratio", "without effect: there are no engines"),
    ("mydumper.batch-size", "without effect: there are no engines; see thunderhead.job-size"),
    ("mydumper.no-schema", "without effect, as in Lightning: a schema file is used if there is one"),
    ("mydumper.read-block-size", "without effect: blocks are read ahead from object storage by megabytes"),
    ("post-restore.post-process-at-last", "without effect: tables are verified when all jobs are done"),
    ("security.redact-info-log", "without effect: rows are never logged, only their places"),
    ("tidb.log-level", "without effect: TiDB's library is not used"),
    ("tidb.max-allowed-packet", "for `backend = \"tidb\"` only: no other statement is that large"),
    ("tikv-importer.addr", "for `backend = \"importer\"`: an importer, ours or the old tikv-importer"),
    ("tikv-importer.block-size", "without effect: sorted files have their own format"),
    ("tikv-importer.duplicate-resolution", "deprecated: taken for conflict.strategy"),
    ("tikv-importer.engine-mem-cache-size", "without effect: see thunderhead.sort-memory"),
    ("tikv-importer.local-writer-mem-cache-size", "without effect: see thunderhead.sort-memory"),
    ("tikv-importer.logical-import-batch-rows", "for `backend = \"tidb\"` only"),
    ("tikv-importer.logical-import-batch-size", "for `backend = \"tidb\"` only"),
    ("tikv-importer.logical-import-prep-stmt", "for `backend = \"tidb\"` only"),
    ("tikv-importer.max-kv-pairs", "without effect: stages are bounded by bytes"),
    ("tikv-importer.on-duplicate", "deprecated: taken for conflict.strategy"),
    ("tikv-importer.range-concurrency", "most requests of a process at one store; a busy one gets fewer"),
    (
        "tikv-importer.region-check-backoff-limit",
        "without effect: regions that are not scattered in time are reported and used",
    ),
    ("tikv-importer.region-split-batch-size", "without effect: requests have a fitting number of keys"),
    ("tikv-importer.region-split-concurrency", "without effect: requests run side by side anyway"),
    ("tikv-importer.send-kv-pairs", "without effect: messages are bounded by bytes"),
    ("tikv-importer.send-kv-size", "without effect: messages have a fitting size"),
];

/// What is to know about a key, if it differs from Lightning.
pub(crate) fn note(path: &str) -> Option<&'static str> {
    NOTES.iter().find(|(key, _)| *key == path).map(|(_, note)| *note)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_note_is_about_a_key() {
        for (key, _) in super::NOTES {
            assert!(crate::keys::is_known(key), "{key}");
        }
    }
}
