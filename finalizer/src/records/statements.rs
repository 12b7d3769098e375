//! Records as SQL: pure. Statements that TiDB, MySQL and MariaDB take, in any SQL mode.
//!
//! Servers' smallest limits hold: 4 MB a statement, 6 MB a row, 100 MB a transaction.

use std::fmt::Write as _;

use th_cluster::{quote_name, quote_table};
use th_ledger::SharedEntry;

use super::{Record, Records};

const TYPE_ERRORS: &str = "type_error_v2";
const CONFLICTS: &str = "conflict_records_v2";
const ENTRIES: &str = "conflict_error_v4";
const VIEW: &str = "conflict_view";
const TASKS: &str = "thunderhead_tasks";
/// Rows and bytes of one statement.
const BATCH: usize = 200;
const BATCH_BYTES: usize = 1 << 20;
/// Bytes of the longest row, and of all rows of a table together; what is more is for the ledger alone. Half of it is
/// what the server gets: bytes are written in hexadecimal.
const ROW_BYTES: usize = 8 << 20;
const MOST_BYTES: usize = 48 << 20;
/// Most bytes that a TEXT column takes.
const TEXT: usize = 65_535;

/// What is written where.
pub(super) struct Written<'a> {
    pub(super) schema: &'a str,
    pub(super) task: i64,
    pub(super) import_id: &'a str,
    pub(super) records: &'a Records,
}

/// The statements of [`statements`].
pub(super) struct Statements {
    /// Make the tables and the task's row where they are not there, each by itself.
    pub(super) before: Vec<Vec<u8>>,
    /// One transaction. The first locks the task's row, so that only one writes the task's records; what was there of
    /// them goes.
    pub(super) transaction: Vec<Vec<u8>>,
}

/// All statements, in order.
pub(super) fn statements(written: &Written<'_>) -> Statements {
    let Written { schema, task, import_id, records } = *written;
    let of_tasks = quote_table(schema, TASKS);
    let mut before = vec![
        format!("CREATE DATABASE IF NOT EXISTS {}", quote_name(schema)),
        format!(
            "CREATE TABLE IF NOT EXISTS {of_tasks} (`task_id` BIGINT NOT NULL PRIMARY KEY, `import_id` TEXT NOT NULL) \
             DEFAULT CHARSET=utf8mb4 COMMENT='imports with rows in the other tables'"
        ),
        format!("INSERT IGNORE INTO {of_tasks} VALUES ({task}, {})", literal(import_id)),
    ];
    let mut all = vec![format!("SELECT `task_id` FROM {of_tasks} WHERE `task_id` = {task} FOR UPDATE")];
    let head = |table: &str, columns: &str| {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (`id` BIGINT PRIMARY KEY AUTO_INCREMENT, `task_id` BIGINT NOT NULL, \
             `create_time` DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), `table_name` VARCHAR(261) NOT NULL, {columns}) \
             DEFAULT CHARSET=utf8mb4",
            quote_table(schema, table)
        )
    };
    let clear = |table: &str| format!("DELETE FROM {} WHERE `task_id` = {task}", quote_table(schema, table));
    let place = "`path` VARCHAR(2048) NOT NULL, `offset` BIGINT NOT NULL, `error` TEXT NOT NULL";
    if !records.errors.is_empty() {
        before.push(head(TYPE_ERRORS, &format!("{place}, `row_data` TEXT NOT NULL")));
        all.push(clear(TYPE_ERRORS));
        let to = format!(
            "{} (`task_id`, `table_name`, `path`, `offset`, `error`, `row_data`)",
            quote_table(schema, TYPE_ERRORS)
        );
        insert(&to, records.errors.iter().map(|record| row_of(task, record, "")), &mut all);
    }
    if !records.conflicts.is_empty() || !records.entries.is_empty() {
        // The view is of both.
        before.push(head(
            CONFLICTS,
            &format!(
                "{place}, `row_id` BIGINT NOT NULL, `row_data` TEXT NOT NULL, KEY (`task_id`, `table_name`)"
            ),
        ));
        before.push(head(
            ENTRIES,
            "`index_name` VARCHAR(128) NOT NULL, `key_data` TEXT NOT NULL, `row_data` TEXT NOT NULL, `raw_key` MEDIUMBLOB NOT NULL, \
             `raw_value` MEDIUMBLOB NOT NULL, `raw_handle` MEDIUMBLOB NOT NULL, `raw_row` MEDIUMBLOB NOT NULL, `kv_type` TINYINT(1) NOT NULL, \
             KEY (`task_id`, `table_name`), KEY (`index_name`), KEY (`table_name`, `index_name`), KEY (`kv_type`)",
        ));
        before.push(view(schema));
        all.extend([clear(CONFLICTS), clear(ENTRIES)]);
        let to = format!(
            "{} (`task_id`, `table_name`, `path`, `offset`, `error`, `row_data`, `row_id`)",
            quote_table(schema, CONFLICTS)
        );
        insert(&to, records.conflicts.iter().map(|record| row_of(task, record, ", 0")), &mut all);
        let to = format!(
            "{} (`task_id`, `table_name`, `index_name`, `key_data`, `row_data`, `raw_key`, `raw_value`, `raw_handle`, `raw_row`, `kv_type`)",
            quote_table(schema, ENTRIES)
        );
        insert(&to, records.entries.iter().map(|(table, entry)| entry_of(task, table, entry)), &mut all);
    }
    let bytes = |all: Vec<String>| all.into_iter().map(String::into_bytes).collect();
    Statements { before: bytes(before), transaction: bytes(all) }
}

/// `is_precheck_conflict` is 1 for rows with a place, as in TiDB Lightning.
fn view(schema: &str) -> String {
    let both = "`task_id`, `create_time`, `table_name`";
    let of_entries =
        "`index_name`, `key_data`, `row_data`, `raw_key`, `raw_value`, `raw_handle`, `raw_row`, `kv_type`";
    let of_rows = "`path`, `offset`, `error`, `row_id`";
    let nulls = |columns: &str| columns.replace(", ", ", NULL AS ");
    format!(
        "CREATE OR REPLACE VIEW {} AS SELECT 0 AS `is_precheck_conflict`, {both}, {of_entries}, NULL AS {} FROM {} \
         UNION ALL SELECT 1 AS `is_precheck_conflict`, {both}, NULL AS {}, `row_data`, NULL AS {}, {of_rows} FROM {}",
        quote_table(schema, VIEW),
        nulls(of_rows),
        quote_table(schema, ENTRIES),
        nulls("`index_name`, `key_data`"),
        nulls("`raw_key`, `raw_value`, `raw_handle`, `raw_row`, `kv_type`"),
        quote_table(schema, CONFLICTS)
    )
}

fn row_of(task: i64, record: &Record, more: &str) -> String {
    let Record { table, path, offset, error, row } = record;
    let [table, path, error, row] = [table, path, error, row].map(|text| literal(text));
    let offset = i64::try_from(*offset).unwrap_or(i64::MAX);
    format!("({task}, {table}, {path}, {offset}, {error}, {row}{more})")
}

fn entry_of(task: i64, table: &str, entry: &SharedEntry) -> String {
    let SharedEntry { index, key_data, row_data, key, value, handle, row } = entry;
    let [table, index, key_data, row_data] = [table, index, key_data, row_data].map(literal);
    // The key of a row's own entry is its handle's.
    let kind = u8::from(key == handle);
    format!(
        "({task}, {table}, {index}, {key_data}, {row_data}, x'{key}', x'{value}', x'{handle}', x'{row}', {kind})"
    )
}

/// Statements of so many rows.
fn insert(to: &str, rows: impl Iterator<Item = String>, all: &mut Vec<String>) {
    let (mut open, mut count) = (String::new(), 0);
    let mut room = MOST_BYTES;
    for row in rows.filter(|row| row.len() <= ROW_BYTES) {
        let Some(left) = room.checked_sub(row.len()) else { break };
        room = left;
        if count >= BATCH || open.len() + row.len() > BATCH_BYTES {
            all.extend((count > 0).then(|| std::mem::take(&mut open)));
            count = 0;
        }
        match count {
            0 => {
                let _ = write!(open, "INSERT INTO {to} VALUES {row}");
            }
            _ => {
                let _ = write!(open, ", {row}");
            }
        }
        count += 1;
    }
    all.extend((count > 0).then_some(open));
}

/// A text in hexadecimal: right in every SQL mode. What a column does not take is cut off.
fn literal(text: &str) -> String {
    let text = text.get(..text.floor_char_boundary(TEXT)).unwrap_or(text);
    let mut out = String::with_capacity(2 * text.len() + 3);
    out.push_str("x'");
    for byte in text.bytes() {
        let _ = write!(out, "{byte:02x}");
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(row: &str) -> Record {
        Record {
            table: "`d`.`t`".to_owned(),
            path: "d.t.csv".to_owned(),
            offset: 7,
            error: "wrong".to_owned(),
            row: row.to_owned(),
        }
    }

    fn texts(records: &Records) -> Vec<String> {
        let Statements { before, transaction } =
            statements(&Written { schema: "s", task: 5, import_id: "i", records });
        before
            .into_iter()
            .chain(transaction)
            .map(|statement| String::from_utf8(statement).expect("text"))
            .collect()
    }

    #[test]
    fn what_was_there_of_the_import_goes_before_anything_is_written() {
        let all = texts(&Records { errors: vec![record("a"); 201], ..Records::default() });
        let starts: Vec<&str> = all.iter().map(|text| text.split(" (").next().unwrap_or_default()).collect();
        assert_eq!(
            starts,
            [
                "CREATE DATABASE IF NOT EXISTS `s`",
                "CREATE TABLE IF NOT EXISTS `s`.`thunderhead_tasks`",
                "INSERT IGNORE INTO `s`.`thunderhead_tasks` VALUES",
                "CREATE TABLE IF NOT EXISTS `s`.`type_error_v2`",
                "SELECT `task_id` FROM `s`.`thunderhead_tasks` WHERE `task_id` = 5 FOR UPDATE",
                "DELETE FROM `s`.`type_error_v2` WHERE `task_id` = 5",
                "INSERT INTO `s`.`type_error_v2`",
                "INSERT INTO `s`.`type_error_v2`",
            ]
        );
        assert!(
            all[7].ends_with("VALUES (5, x'6064602e607460', x'642e742e637376', 7, x'77726f6e67', x'61')"),
            "{}",
            all[7]
        );
    }

    #[test]
    fn long_rows_are_cut_and_make_statements_of_their_own() {
        let long = "ä".repeat(40_000);
        let all = texts(&Records { conflicts: vec![record(&long); 40], ..Records::default() });
        let inserts: Vec<&String> = all.iter().filter(|text| text.starts_with("INSERT")).collect();
        assert!(inserts.len() > 1 && inserts.iter().all(|text| text.len() < BATCH_BYTES + 1000));
        assert!(literal(&long).len() <= 2 * TEXT + 3);
    }

    #[test]
    fn a_transaction_stays_below_the_smallest_limit_of_servers() {
        let all = texts(&Records { errors: vec![record(&"a".repeat(TEXT)); 10_000], ..Records::default() });
        let bytes: usize = all.iter().map(String::len).sum();
        assert!(bytes > MOST_BYTES / 2 && bytes < MOST_BYTES + (1 << 20), "{bytes}");
    }

    #[test]
    fn an_entry_is_a_rows_own_if_its_key_is_the_handles() {
        let entry = SharedEntry {
            index: "PRIMARY".to_owned(),
            key: "74".to_owned(),
            value: "80".to_owned(),
            handle: "74".to_owned(),
            row: "80".to_owned(),
            key_data: "1".to_owned(),
            row_data: "(1, \"a\")".to_owned(),
        };
        assert!(entry_of(5, "t", &entry).ends_with("x'74', x'80', x'74', x'80', 1)"));
        let other = SharedEntry { key: "75".to_owned(), ..entry };
        assert!(entry_of(5, "t", &other).ends_with(", 0)"));
    }
}
