//! A small dump that goes through every step of an import: a table of more than one region, an index, a
//! table without a primary key, a partitioned table.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Rows of `f.wide`, each of about two KiB: two regions of the smallest size.
pub const WIDE_ROWS: u64 = 900;
/// Rows of each of the other tables.
pub const SMALL_ROWS: u64 = 60;

/// Tables and their rows.
pub const TABLES: [(&str, u64); 3] =
    [("f.parts", SMALL_ROWS), ("f.plain", SMALL_ROWS), ("f.wide", WIDE_ROWS)];

fn rows(table: &str, count: u64, row: impl Fn(u64) -> String) -> String {
    let mut text = format!("INSERT INTO `{table}` VALUES\n");
    for number in 1..=count {
        let end = if number == count { ";\n" } else { ",\n" };
        let _ = write!(text, "{}{end}", row(number));
    }
    text
}

/// Text that LZ4 does not fold to nothing, the same in every run.
fn padding(number: u64) -> String {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = String::with_capacity(2000);
    while text.len() < 2000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let _ = write!(text, "{state:016x}");
    }
    text
}

/// Adds a file to `f.wide` whose rows have keys of others: they come later in the source, and lose.
pub fn write_rows_with_equal_keys(folder: &Path) {
    let again = rows("wide", 40, |n| format!("({},{},'{}')", n * 11, n, padding(n + 10_000)));
    fs::write(folder.join("f.wide.000000001.sql"), again).expect("the test's folder can be written");
}

/// Adds a row to `f.plain` whose price is none.
pub fn write_bad_value(folder: &Path) {
    let bad = "INSERT INTO `plain` VALUES\n('cheap','not a price');\n";
    fs::write(folder.join("f.plain.000000001.sql"), bad).expect("the test's folder can be written");
}

/// Adds a file to `f.plain` that ends within a row.
pub fn write_cut_off(folder: &Path) {
    let bad = "INSERT INTO `plain` VALUES\n('half a row',1.5),\n('the other";
    fs::write(folder.join("f.plain.000000001.sql"), bad).expect("the test's folder can be written");
}

/// Writes the dump as dumpling would.
pub fn write(folder: &Path) {
    let wide = rows("wide", WIDE_ROWS, |n| format!("({n},{},'{}')", n % 97, padding(n)));
    let plain = rows("plain", SMALL_ROWS, |n| format!("('name {n}',{}.25)", n * 3));
    let parts = rows("parts", SMALL_ROWS, |n| format!("({n},'2026-01-{:02} 00:00:00')", n % 28 + 1));
    for (name, text) in [
        ("f-schema-create.sql", "CREATE DATABASE `f`;\n".to_owned()),
        (
            "f.wide-schema.sql",
            "CREATE TABLE `wide` (`id` BIGINT NOT NULL PRIMARY KEY CLUSTERED, `k` INT, `pad` VARCHAR(3000), \
             KEY `k` (`k`));\n"
                .to_owned(),
        ),
        (
            "f.plain-schema.sql",
            "CREATE TABLE `plain` (`name` VARCHAR(40), `price` DECIMAL(12,2), UNIQUE KEY `name` (`name`));\n"
                .to_owned(),
        ),
        (
            "f.parts-schema.sql",
            "CREATE TABLE `parts` (`id` INT NOT NULL PRIMARY KEY, `day` DATETIME) \
             PARTITION BY HASH (`id`) PARTITIONS 3;\n"
                .to_owned(),
        ),
        ("f.wide.000000000.sql", wide),
        ("f.plain.000000000.sql", plain),
        ("f.parts.000000000.sql", parts),
    ] {
        fs::write(folder.join(name), text).expect("the test's folder can be written");
    }
}
