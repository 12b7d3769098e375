//! Statements that take indexes and TiFlash replicas from a table and give them back.

use super::{quote_name, quote_table, quote_text};

/// `ALTER TABLE … ADD …, ADD …`, of clauses that begin with ADD.
pub fn add_indexes<'a>(db: &str, table: &str, clauses: impl IntoIterator<Item = &'a str>) -> String {
    let clauses: Vec<&str> = clauses.into_iter().collect();
    format!("ALTER TABLE {} {}", quote_table(db, table), clauses.join(", "))
}

/// Drops an index, or the primary key if that is its name.
pub fn drop_index(db: &str, table: &str, index: &str) -> String {
    let table = quote_table(db, table);
    if index.eq_ignore_ascii_case("primary") {
        format!("ALTER TABLE {table} DROP PRIMARY KEY")
    } else {
        format!("ALTER TABLE {table} DROP INDEX {}", quote_name(index))
    }
}

/// Sets how many replicas TiFlash has; labels only where there are replicas.
pub fn set_tiflash_replicas(db: &str, table: &str, count: u64, location_labels: &[String]) -> String {
    let mut text = format!("ALTER TABLE {} SET TIFLASH REPLICA {count}", quote_table(db, table));
    if count > 0 && !location_labels.is_empty() {
        let labels: Vec<String> = location_labels.iter().map(|label| quote_text(label)).collect();
        text.push_str(&format!(" LOCATION LABELS {}", labels.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_are_quoted() {
        let clauses = ["ADD KEY `k` (`a`)", "ADD UNIQUE KEY `u` (`b`)"];
        assert_eq!(
            add_indexes("d", "t`x", clauses),
            "ALTER TABLE `d`.`t``x` ADD KEY `k` (`a`), ADD UNIQUE KEY `u` (`b`)"
        );
        assert_eq!(drop_index("d", "t", "a`b"), "ALTER TABLE `d`.`t` DROP INDEX `a``b`");
        assert_eq!(drop_index("d", "t", "PRIMARY"), "ALTER TABLE `d`.`t` DROP PRIMARY KEY");
        assert_eq!(
            set_tiflash_replicas("d", "t", 2, &["zone".into(), "it's".into()]),
            "ALTER TABLE `d`.`t` SET TIFLASH REPLICA 2 LOCATION LABELS 'zone', 'it''s'"
        );
        let none = "ALTER TABLE `d`.`t` SET TIFLASH REPLICA 0";
        assert_eq!(set_tiflash_replicas("d", "t", 0, &["zone".into()]), none);
    }
}
