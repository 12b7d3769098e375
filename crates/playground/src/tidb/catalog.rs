//! Databases, tables, views and their id allocators, stored as they change.
//!
//! Readers take a table's entry as an `Arc` and are not disturbed by later changes of it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use th_schema::TableInfo;
use th_types::flag;

use crate::cluster::Cluster;
use crate::error::Result;
use crate::meta::MetaBatch;
use crate::tidb::error::SqlError;

/// Databases that exist from the start and hold nothing of the user's.
pub(crate) const SYSTEM_DATABASES: [&str; 5] =
    ["information_schema", "metrics_schema", "mysql", "performance_schema", "sys"];

/// A database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Database {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) charset: String,
    pub(crate) collate: String,
}

/// The next ids that a table's allocators would give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Allocators {
    pub(crate) row_id: u64,
    pub(crate) auto_increment: u64,
    pub(crate) auto_random: u64,
}

impl Default for Allocators {
    fn default() -> Self {
        Self { row_id: 1, auto_increment: 1, auto_random: 1 }
    }
}

/// A view's definition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct View {
    pub(crate) columns: Vec<String>,
    pub(crate) select: String,
}

/// A table or a view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Database as written when it was created.
    pub(crate) db: String,
    pub(crate) info: TableInfo,
    pub(crate) view: Option<View>,
    pub(crate) allocators: Allocators,
    /// Seconds since 1970.
    pub(crate) created: i64,
}

impl Entry {
    /// Ids that rows are stored under: the partitions', or the table's own.
    pub(crate) fn physical_ids(&self) -> Vec<i64> {
        physical_ids(&self.info)
    }

    /// The AUTO_INCREMENT column.
    pub(crate) fn auto_increment_column(&self) -> Option<&th_schema::ColumnInfo> {
        self.info.columns.iter().find(|column| column.field_type.has(flag::AUTO_INCREMENT))
    }

    /// Whether AUTO_INCREMENT has an allocator of its own (AUTO_ID_CACHE 1).
    pub(crate) fn separate_auto_increment(&self) -> bool {
        self.info.version >= 5 && self.info.auto_id_cache == 1
    }

    /// Whether rows get a hidden `_tidb_rowid`.
    pub(crate) fn has_implicit_row_id(&self) -> bool {
        self.view.is_none() && !self.info.pk_is_handle && !self.info.is_common_handle
    }
}

/// See [`Entry::physical_ids`].
pub(crate) fn physical_ids(info: &TableInfo) -> Vec<i64> {
    match info.partition.as_ref().filter(|partition| partition.enable) {
        Some(partition) => partition.definitions.iter().flatten().map(|definition| definition.id).collect(),
        None => vec![info.id],
    }
}

/// All of it.
pub(crate) struct Catalog {
    data: RwLock<Data>,
}

#[derive(Default)]
struct Data {
    databases: BTreeMap<String, Database>,
    tables: BTreeMap<(String, String), Arc<Entry>>,
}

fn database_key(name: &str) -> String {
    format!("database/{}", name.to_lowercase())
}

fn table_key(db: &str, table: &str) -> String {
    format!("table/{}/{}", db.to_lowercase(), table.to_lowercase())
}

impl Catalog {
    /// Reads what is stored; a new catalog has the system's databases and `test`.
    pub(crate) fn open(cluster: &Cluster) -> Result<Self> {
        let mut data = Data::default();
        for database in cluster.meta.scan::<Database>("database/")? {
            data.databases.insert(database.name.to_lowercase(), database);
        }
        for entry in cluster.meta.scan::<Entry>("table/")? {
            data.tables.insert((entry.db.to_lowercase(), entry.info.name.lower.clone()), Arc::new(entry));
        }
        let catalog = Self { data: RwLock::new(data) };
        if catalog.databases().is_empty() {
            for name in ["mysql", "sys", "test"] {
                let database = Database {
                    id: cluster.alloc_id()? as i64,
                    name: name.into(),
                    charset: "utf8mb4".into(),
                    collate: "utf8mb4_bin".into(),
                };
                catalog.put_database(cluster, database)?;
            }
        }
        Ok(catalog)
    }

    fn read<T>(&self, act: impl FnOnce(&Data) -> T) -> T {
        act(&self.data.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, act: impl FnOnce(&mut Data) -> T) -> T {
        act(&mut self.data.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Stored databases by name.
    pub(crate) fn databases(&self) -> Vec<Database> {
        self.read(|data| data.databases.values().cloned().collect())
    }

    /// A stored database.
    pub(crate) fn database(&self, name: &str) -> Option<Database> {
        self.read(|data| data.databases.get(&name.to_lowercase()).cloned())
    }

    /// Whether the database exists, virtual ones included.
    pub(crate) fn database_exists(&self, name: &str) -> bool {
        self.database(name).is_some() || SYSTEM_DATABASES.contains(&name.to_lowercase().as_str())
    }

    /// Adds or replaces a database.
    pub(crate) fn put_database(&self, cluster: &Cluster, database: Database) -> Result<()> {
        cluster.meta.put(&database_key(&database.name), &database)?;
        self.write(|data| data.databases.insert(database.name.to_lowercase(), database));
        Ok(())
    }

    /// Removes a database: the tables it had.
    pub(crate) fn remove_database(&self, cluster: &Cluster, name: &str) -> Result<Vec<Arc<Entry>>> {
        let tables = self.tables(name);
        let mut batch = MetaBatch::default();
        batch.delete(&database_key(name));
        for entry in &tables {
            batch.delete(&table_key(name, &entry.info.name.lower));
        }
        cluster.meta.write(batch)?;
        let lower = name.to_lowercase();
        self.write(|data| {
            data.databases.remove(&lower);
            data.tables.retain(|(db, _), _| *db != lower);
        });
        Ok(tables)
    }

    /// The tables of a database in order of their ids.
    pub(crate) fn tables(&self, db: &str) -> Vec<Arc<Entry>> {
        let lower = db.to_lowercase();
        let mut tables: Vec<Arc<Entry>> = self.read(|data| {
            data.tables
                .iter()
                .filter(|((db, _), _)| *db == lower)
                .map(|(_, entry)| Arc::clone(entry))
                .collect()
        });
        tables.sort_by_key(|entry| entry.info.id);
        tables
    }

    /// All tables.
    pub(crate) fn all_tables(&self) -> Vec<Arc<Entry>> {
        let mut tables: Vec<Arc<Entry>> = self.read(|data| data.tables.values().cloned().collect());
        tables.sort_by_key(|entry| entry.info.id);
        tables
    }

    /// A table or view, if it is there.
    pub(crate) fn find(&self, db: &str, table: &str) -> Option<Arc<Entry>> {
        self.read(|data| data.tables.get(&(db.to_lowercase(), table.to_lowercase())).cloned())
    }

    /// A table or view, or TiDB's error.
    pub(crate) fn table(&self, db: &str, table: &str) -> Result<Arc<Entry>, SqlError> {
        self.find(db, table).ok_or_else(|| SqlError::no_such_table(db, table))
    }

    /// Adds or replaces a table.
    pub(crate) fn put_table(&self, cluster: &Cluster, entry: Entry) -> Result<()> {
        cluster.meta.put(&table_key(&entry.db, &entry.info.name.lower), &entry)?;
        let key = (entry.db.to_lowercase(), entry.info.name.lower.clone());
        self.write(|data| data.tables.insert(key, Arc::new(entry)));
        Ok(())
    }

    /// Changes a table in one step: nobody else changes it between reading and storing.
    pub(crate) fn change_table<T>(
        &self,
        cluster: &Cluster,
        db: &str,
        table: &str,
        change: impl FnOnce(&mut Entry) -> Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        self.write(|data| {
            let key = (db.to_lowercase(), table.to_lowercase());
            let current = data.tables.get(&key).ok_or_else(|| SqlError::no_such_table(db, table))?;
            let mut entry = Entry::clone(current);
            let outcome = change(&mut entry)?;
            cluster.meta.put(&table_key(db, table), &entry)?;
            data.tables.insert(key, Arc::new(entry));
            Ok(outcome)
        })
    }

    /// Removes a table.
    pub(crate) fn remove_table(&self, cluster: &Cluster, db: &str, table: &str) -> Result<()> {
        let mut batch = MetaBatch::default();
        batch.delete(&table_key(db, table));
        cluster.meta.write(batch)?;
        self.write(|data| data.tables.remove(&(db.to_lowercase(), table.to_lowercase())));
        Ok(())
    }
}
