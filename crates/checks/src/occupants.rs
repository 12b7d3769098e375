//! Who else uses the target's tables: change feeds, log backups, other imports, schema changes.

use serde_json::Value;

use crate::Line;
use crate::size::{count, some};

/// Where TiCDC and log backup (PiTR) register: prefixes of keys in PD's etcd.
const CHANGE_FEEDS: &str = "/tidb/cdc/";
const LOG_BACKUPS: &str = "/tidb/br-stream/info/";
/// States of a change feed that reads, or will read again.
const ACTIVE: [&str; 7] = ["normal", "running", "pending", "warning", "stopped", "error", "failed"];
/// States of a DDL job that is over.
const OVER: [&str; 5] = ["synced", "done", "cancelled", "rollback done", "none"];

/// Whether somebody reads the cluster's changes, which ingested data are not among. Given all keys of etcd below
/// `/tidb/cdc/` and `/tidb/br-stream/info/` with their values.
pub fn change_capture(keys: &[(String, String)]) -> Line {
    const CHECK: &str = "change-capture";
    const WANTED: &str = "no change feed and no log backup";
    let feeds: Vec<String> = keys.iter().filter_map(|(key, value)| feed(key, value)).collect();
    let backups: Vec<String> = keys
        .iter()
        .filter_map(|(key, _)| key.strip_prefix(LOG_BACKUPS))
        .filter(|name| !name.is_empty())
        .map(|name| format!("log backup {name}"))
        .collect();
    let found = [feeds, backups].concat();
    if found.is_empty() {
        return Line::pass(CHECK, "none", WANTED);
    }
    let advice = "they would miss what is ingested: remove them, import, start them again; or use `backend = \"tidb\"`";
    Line::fail(CHECK, some(&found), WANTED, advice)
}

/// An active change feed, from `…/changefeed/info/{id}`: below the cluster's and namespace's names since TiCDC 6.2,
/// without them before.
fn feed(key: &str, value: &str) -> Option<String> {
    let parts: Vec<&str> = key.strip_prefix(CHANGE_FEEDS)?.split('/').collect();
    let (space, id) = match parts.as_slice() {
        ["changefeed", "info", id] => (String::new(), id),
        [cluster, namespace, "changefeed", "info", id] => (format!("{cluster}/{namespace}/"), id),
        _ => return None,
    };
    let info: Value = serde_json::from_str(value).ok()?;
    let state = info.get("state").and_then(Value::as_str).unwrap_or_default();
    ACTIVE.contains(&state).then(|| format!("change feed {space}{id} ({state})"))
}

/// A running `IMPORT INTO`, of `SHOW IMPORT JOBS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportJob {
    /// Its id.
    pub id: String,
    /// `` `db`.`table` ``.
    pub table: String,
    /// `pending`, `running`, `finished`, `failed`, `cancelled`.
    pub status: String,
}

/// Whether another import writes to the same tables: of ours (by ids of imports whose leases overlap), IMPORT
/// INTO, or a table that TiDB keeps in import mode. `shared`: `parallel-import` allows ours.
pub fn other_imports(ours: &[String], jobs: &[ImportJob], in_mode: &[String], shared: bool) -> Line {
    const CHECK: &str = "other-imports";
    const WANTED: &str = "no other import on these tables";
    let running: Vec<String> = jobs
        .iter()
        .filter(|job| ["pending", "running"].contains(&job.status.as_str()))
        .map(|job| format!("IMPORT INTO job {} on {}", job.id, job.table))
        .collect();
    let modes = in_mode.iter().map(|table| format!("{table} is in import mode"));
    let others = ours.iter().map(|id| format!("import {id}"));
    let mut found: Vec<String> = running.into_iter().chain(modes).collect();
    if !found.is_empty() || !shared {
        found.extend(others);
        return match found.as_slice() {
            [] => Line::pass(CHECK, "none", WANTED),
            found => Line::fail(
                CHECK,
                some(found),
                WANTED,
                "wait until it is over (`thunderhead cluster status` names imports of Thunderhead)",
            ),
        };
    }
    Line::pass(
        CHECK,
        format!("{} beside this one, as parallel-import allows", count(ours.len(), "import")),
        WANTED,
    )
}

/// A row of Lightning's `table_meta`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LightningTable {
    /// `` `db`.`table` ``, cut at 64 characters.
    pub table: String,
    /// `initialized`, `allocated`, `restore`, …
    pub status: String,
}

/// Whether Lightning left its books in the target, or uses them. `schema` is where they would be, `None` in
/// `found` that it does not exist; `tables` are ours, quoted.
pub fn lightning_metadata(schema: &str, found: Option<&[LightningTable]>, tables: &[String]) -> Line {
    const CHECK: &str = "lightning-metadata";
    let wanted = format!("no unfinished row about these tables in `{schema}`");
    let Some(found) = found else { return Line::pass(CHECK, "there is none", wanted) };
    let is_ours = |row: &&LightningTable| {
        tables.iter().any(|table| {
            let cut: String = table.chars().take(64).collect();
            cut.eq_ignore_ascii_case(&row.table)
        })
    };
    let open: Vec<String> = found
        .iter()
        .filter(is_ours)
        .filter(|row| !row.status.starts_with("finish"))
        .map(|row| format!("{} ({})", row.table, row.status))
        .collect();
    if !open.is_empty() {
        let advice = format!(
            "wait for the other Lightning; if it is dead, empty the tables and drop the database `{schema}`"
        );
        return Line::fail(CHECK, format!("Lightning imports {}", some(&open)), wanted, advice);
    }
    let measured = format!("`{schema}` exists, with {} about other tables", count(found.len(), "row"));
    Line::warn(CHECK, measured, wanted, format!("drop the database `{schema}` when no Lightning runs"))
}

/// A row of `ADMIN SHOW DDL JOBS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DdlJob {
    /// Database.
    pub db: String,
    /// Table.
    pub table: String,
    /// `add index`, `modify column`, …
    pub kind: String,
    /// `queueing`, `running`, `synced`, …
    pub state: String,
}

/// Whether a definition of a target table changes at this moment.
pub fn schema_changes(jobs: &[DdlJob], tables: &[(String, String)]) -> Line {
    const CHECK: &str = "schema-changes";
    const WANTED: &str = "none under way on these tables";
    let same = |left: &str, right: &str| left.eq_ignore_ascii_case(right);
    let found: Vec<String> = jobs
        .iter()
        .filter(|job| !OVER.contains(&job.state.as_str()))
        .filter(|job| tables.iter().any(|(db, table)| same(db, &job.db) && same(table, &job.table)))
        .map(|job| format!("{} of {}.{} ({})", job.kind, job.db, job.table, job.state))
        .collect();
    if found.is_empty() {
        return Line::pass(CHECK, "none", WANTED);
    }
    let advice = "wait until it is done: an index that is being added would not get the imported rows";
    Line::fail(CHECK, some(&found), WANTED, advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    fn capture(keys: &[(&str, &str)]) -> Line {
        let keys: Vec<_> = keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        change_capture(&keys)
    }

    #[test]
    fn change_feeds_of_both_layouts_are_found_while_they_are_active() {
        let line = capture(&[
            ("/tidb/cdc/default/default/changefeed/info/new", r#"{"state": "normal"}"#),
            ("/tidb/cdc/changefeed/info/old", r#"{"state": "stopped"}"#),
            ("/tidb/cdc/default/default/changefeed/info/gone", r#"{"state": "finished"}"#),
            ("/tidb/cdc/default/default/changefeed/info/removed", r#"{"state": "removed"}"#),
            ("/tidb/cdc/default/default/changefeed/status/new", r#"{"state": "normal"}"#),
            ("/tidb/cdc/default/__cdc_meta__/capture/1", "{}"),
            ("/tidb/cdc/default/default/changefeed/info/odd", "no json"),
        ]);
        assert_eq!(line.level, Level::Fail);
        assert_eq!(line.measured, "change feed default/default/new (normal), change feed old (stopped)");
        assert_eq!(capture(&[]).level, Level::Pass);
    }

    #[test]
    fn any_log_backup_counts() {
        let line = capture(&[("/tidb/br-stream/info/nightly", "\u{1}"), ("/tidb/br-stream/ranges/x", "")]);
        assert_eq!((line.level, line.measured.as_str()), (Level::Fail, "log backup nightly"));
    }

    #[test]
    fn another_import_is_named_unless_the_tables_are_shared() {
        let job = |status: &str| ImportJob { id: "7".into(), table: "`a`.`t`".into(), status: status.into() };
        let ours = ["other".to_owned()];
        assert_eq!(other_imports(&[], &[job("finished")], &[], false).level, Level::Pass);
        assert_eq!(other_imports(&[], &[job("running")], &[], true).measured, "IMPORT INTO job 7 on `a`.`t`");
        assert_eq!(other_imports(&ours, &[], &[], false).level, Level::Fail);
        assert_eq!(other_imports(&ours, &[], &[], true).level, Level::Pass);
        assert_eq!(other_imports(&[], &[], &["a.t".into()], true).level, Level::Fail);
    }

    #[test]
    fn lightnings_books_matter_as_far_as_they_are_about_our_tables() {
        let row = |status: &str| LightningTable { table: "`a`.`t`".into(), status: status.into() };
        let ours = ["`a`.`t`".to_owned()];
        assert_eq!(lightning_metadata("m", None, &ours).level, Level::Pass);
        assert_eq!(lightning_metadata("m", Some(&[]), &ours).level, Level::Warn);
        let line = lightning_metadata("m", Some(&[row("restore")]), &ours);
        assert_eq!(
            (line.level, line.measured.as_str()),
            (Level::Fail, "Lightning imports `a`.`t` (restore)")
        );
        assert_eq!(lightning_metadata("m", Some(&[row("finished")]), &ours).level, Level::Warn);
    }

    #[test]
    fn a_schema_change_of_another_table_does_not_matter() {
        let job = |table: &str, state: &str| DdlJob {
            db: "a".into(),
            table: table.into(),
            kind: "add index".into(),
            state: state.into(),
        };
        let ours = [("A".to_owned(), "t".to_owned())];
        assert_eq!(schema_changes(&[job("x", "running"), job("t", "synced")], &ours).level, Level::Pass);
        let line = schema_changes(&[job("T", "running")], &ours);
        assert_eq!((line.level, line.measured.as_str()), (Level::Fail, "add index of a.T (running)"));
    }
}
