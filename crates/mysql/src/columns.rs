//! What the server says about a table.

use crate::{Server, SqlError};

/// A column, as far as writing rows needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    /// Name as defined.
    pub name: String,
    /// Whether its values are bytes or text in UTF-8, which both can be written in hexadecimal.
    pub bytes: bool,
    /// Whether the server computes it.
    pub generated: bool,
    /// Whether an INSERT without column list leaves it out.
    pub invisible: bool,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFacts {
    /// Its columns in order.
    pub columns: Vec<TableColumn>,
    /// Storage engine; empty where it says none (a view).
    pub engine: String,
}

impl TableFacts {
    /// Whether a transaction on it can be rolled back. A transaction is what keeps a repeated job from
    /// writing rows twice.
    pub fn is_transactional(&self) -> bool {
        !["myisam", "aria", "memory", "csv", "archive", "mrg_myisam"]
            .contains(&self.engine.to_ascii_lowercase().as_str())
    }
}

impl Server {
    /// A table's columns and engine; `None` if it is not there.
    pub async fn table(&self, db: &str, table: &str) -> Result<Option<TableFacts>, SqlError> {
        let dialect = self.dialect();
        let named = format!("TABLE_SCHEMA = {} AND TABLE_NAME = {}", dialect.text(db), dialect.text(table));
        let columns = self
            .ask(&format!(
                "SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_SET_NAME, EXTRA FROM information_schema.COLUMNS \
                 WHERE {named} ORDER BY ORDINAL_POSITION"
            ))
            .await?;
        if columns.is_empty() {
            return Ok(None);
        }
        let engine = self.ask(&format!("SELECT ENGINE FROM information_schema.TABLES WHERE {named}")).await?;
        let engine = engine.into_iter().next().and_then(|row| row.into_iter().next()).flatten();
        let columns = columns
            .into_iter()
            .map(|row| {
                let mut cells = row.into_iter().map(Option::unwrap_or_default);
                let mut next = || cells.next().unwrap_or_default();
                column(next(), &next(), &next(), &next())
            })
            .collect();
        Ok(Some(TableFacts { columns, engine: engine.unwrap_or_default() }))
    }
}

fn column(name: String, data_type: &str, charset: &str, extra: &str) -> TableColumn {
    let (data_type, extra) = (data_type.to_ascii_lowercase(), extra.to_ascii_uppercase());
    let bytes = ["binary", "blob", "bit", "geometry"].iter().any(|kind| data_type.contains(kind))
        || ["utf8", "utf8mb3", "utf8mb4", "binary"].contains(&charset);
    // `DEFAULT_GENERATED` is MySQL's word for a default that is an expression.
    let generated = ["VIRTUAL GENERATED", "STORED GENERATED", "PERSISTENT GENERATED"]
        .iter()
        .any(|word| extra.contains(word))
        || matches!(extra.as_str(), "VIRTUAL" | "PERSISTENT");
    TableColumn { name, bytes, generated, invisible: extra.contains("INVISIBLE") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_columns_are_told_from_generated_defaults() {
        let generated = |extra| column("c".into(), "int", "", extra).generated;
        assert!(generated("STORED GENERATED") && generated("VIRTUAL GENERATED"));
        assert!(!generated("DEFAULT_GENERATED on update CURRENT_TIMESTAMP") && !generated("auto_increment"));
        assert!(column("c".into(), "int", "", "INVISIBLE").invisible);
    }

    #[test]
    fn hexadecimal_is_for_text_and_bytes_not_for_numbers() {
        let bytes = |data_type, charset| column("c".into(), data_type, charset, "").bytes;
        assert!(bytes("varchar", "utf8mb4") && bytes("longblob", "") && bytes("varbinary", ""));
        assert!(!bytes("int", "") && !bytes("varchar", "latin1") && !bytes("json", ""));
    }

    #[test]
    fn engines_without_transactions_are_known() {
        let of =
            |engine: &str| TableFacts { columns: Vec::new(), engine: engine.to_owned() }.is_transactional();
        assert!(of("InnoDB") && of("") && !of("MyISAM") && !of("Aria"));
    }
}
