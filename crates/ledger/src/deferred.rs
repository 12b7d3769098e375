//! What of the target's definitions is put off until the rows are there.

use serde::{Deserialize, Serialize};

use crate::{Ledger, LedgerError, Put};

/// `deferred.json`: what tables had before anything was taken away for the import. Written before, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Deferred {
    /// See [`FORMAT`](crate::FORMAT).
    pub format: u32,
    /// The import.
    pub import_id: String,
    /// Tables of which something is put off.
    pub tables: Vec<DeferredTable>,
    /// The statements that make all of it again, for whoever has to do it by hand.
    pub statements: Vec<String>,
}

/// What one table had.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeferredTable {
    /// Database in the target.
    pub db: String,
    /// Table in the target.
    pub name: String,
    /// Indexes, in the order of the definition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<DeferredIndex>,
    /// Replicas in TiFlash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tiflash: Option<TiflashReplicas>,
}

/// An index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeferredIndex {
    /// Its name; `PRIMARY` for a primary key.
    pub name: String,
    /// The clause of ALTER TABLE that makes it again.
    pub add: String,
}

/// A table's replicas in TiFlash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TiflashReplicas {
    /// How many.
    pub count: u64,
    /// Labels of stores that replicas are spread by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub location_labels: Vec<String>,
}

impl Deferred {
    /// Whether indexes are to be made again.
    pub fn has_indexes(&self) -> bool {
        self.tables.iter().any(|table| !table.indexes.is_empty())
    }

    /// What a table had, if anything of it is put off.
    pub fn table(&self, db: &str, name: &str) -> Option<&DeferredTable> {
        self.tables.iter().find(|table| table.db == db && table.name == name)
    }
}

impl Ledger {
    /// What is put off, if anything is.
    pub async fn deferred(&self) -> Result<Option<Deferred>, LedgerError> {
        self.get(&self.layout.deferred()).await
    }

    /// Writes what is put off; whoever planned before has the last word, which is returned.
    pub async fn write_deferred(&self, deferred: Deferred) -> Result<Deferred, LedgerError> {
        match self.put_once(&self.layout.deferred(), &deferred).await? {
            Put::Created => Ok(deferred),
            Put::Existing(existing) => Ok(existing),
        }
    }
}
