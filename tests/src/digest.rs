//! Digests of tables, as read back by SQL.
//!
//! A row's checksum is the CRC-32 of its columns in order, joined by `|`, each as the upper-case hex of
//! its text (of its bytes if binary; a BIT is the hex of its number, a DOUBLE is written without exponent, as
//! CAST to CHAR does), `~` for NULL. A table's digest is the number of rows, and the XOR and the sum of
//! their checksums, so it does not depend on the rows' order.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, OptsBuilder, Row, Value};

/// Rows, XOR and sum of the rows' checksums.
pub type Digest = [u64; 3];

/// Connects to a server on loopback as root.
pub async fn connect(port: u16) -> Conn {
    let options = OptsBuilder::default().ip_or_hostname("127.0.0.1").tcp_port(port).user(Some("root"));
    Conn::new(options).await.expect("the SQL server can be reached")
}

/// The digests that a dump's tables must have, by `db.table`.
pub fn expected(file: &Path) -> BTreeMap<String, Digest> {
    let text = std::fs::read(file).expect("the expected digests");
    serde_json::from_slice(&text).expect("digests as JSON")
}

/// The digests of all user tables of a server.
pub async fn digests(port: u16) -> BTreeMap<String, Digest> {
    let system = [
        "information_schema",
        "mysql",
        "performance_schema",
        "metrics_schema",
        "sys",
        // What was left out, not what was imported.
        "lightning_task_info",
    ];
    digests_in(port, |database| !system.contains(&database.to_lowercase().as_str())).await
}

/// The digests of the tables in the databases that `wanted` chooses.
pub async fn digests_in(port: u16, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, Digest> {
    let mut conn = connect(port).await;
    conn.query_drop("SET time_zone = '+00:00'").await.expect("a time zone");
    let mut digests = BTreeMap::new();
    let databases: Vec<String> = conn.query("SHOW DATABASES").await.expect("databases");
    for database in databases.iter().filter(|name| wanted(name)) {
        let quoted = quote(database);
        let tables: Vec<(String, String)> =
            conn.query(format!("SHOW FULL TABLES FROM {quoted}")).await.expect("tables");
        for (table, kind) in tables.into_iter().filter(|(_, kind)| kind == "BASE TABLE") {
            let rows: Vec<Row> = conn
                .query(format!("SELECT * FROM {quoted}.{}", quote(&table)))
                .await
                .unwrap_or_else(|error| panic!("{kind} {database}.{table}: {error}"));
            let columns: Vec<Row> =
                conn.query(format!("SHOW COLUMNS FROM {quoted}.{}", quote(&table))).await.expect("columns");
            let types: Vec<String> = columns.iter().filter_map(|column| column.get("Type")).collect();
            digests.insert(format!("{database}.{table}"), digest(rows, &types));
        }
    }
    digests
}

fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn digest(rows: Vec<Row>, types: &[String]) -> Digest {
    let (mut count, mut xor, mut sum) = (0, 0, 0);
    let mut text = String::new();
    for row in rows {
        text.clear();
        let values = row.unwrap();
        assert_eq!(values.len(), types.len(), "{types:?}");
        for (position, (value, column_type)) in values.into_iter().zip(types).enumerate() {
            if position > 0 {
                text.push('|');
            }
            match value {
                Value::NULL => text.push('~'),
                Value::Bytes(bytes) if column_type.starts_with("bit") => {
                    let number = bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
                    let _ = write!(text, "{number:X}");
                }
                Value::Bytes(bytes) => {
                    let bytes =
                        if column_type.starts_with("double") { without_exponent(&bytes) } else { bytes };
                    for byte in bytes {
                        let _ = write!(text, "{byte:02X}");
                    }
                }
                other => panic!("{other:?} is not of the text protocol"),
            }
        }
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        count += 1;
        xor ^= u64::from(crc.sum());
        sum += u64::from(crc.sum());
    }
    [count, xor, sum]
}

/// `1e300` as a one and three hundred zeros.
fn without_exponent(number: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(number).expect("a number is ASCII");
    match text.parse::<f64>() {
        Ok(value) if text.contains('e') => value.to_string().into_bytes(),
        _ => number.to_vec(),
    }
}
