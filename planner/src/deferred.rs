//! What of the target's tables is put off until they have their rows: it is noted in the ledger, then taken away.

use futures::{StreamExt as _, TryStreamExt as _};
use th_config::TiflashReplicas as Policy;
use th_connect::{deferred, fault};
use th_dump::{Dump, TableFiles};
use th_env::Step;
use th_errors::Fault;
use th_ledger::{ConflictStrategy, Deferred, DeferredIndex, DeferredTable, FORMAT, TiflashReplicas};
use th_schema::{Table, deferrable_indexes};

use crate::Planner;
use crate::schemas::DumpedReplicas;

/// Tables that are looked at at a time.
const CONCURRENCY: usize = 8;

impl Planner<'_> {
    /// Takes away what tables get back later. What a planner before this one has noted is what counts: it may have
    /// taken away some of it.
    pub(crate) async fn put_off(
        &self,
        dump: &Dump,
        dumped: DumpedReplicas,
    ) -> Result<Option<Deferred>, Fault> {
        let noted = self.ledger.deferred().await.map_err(|error| fault::of_ledger(&error))?;
        let noted = match noted {
            Some(noted) => noted,
            None => {
                let tables = self.deferrable(dump, dumped).await?;
                if tables.is_empty() {
                    return Ok(None);
                }
                let statements = deferred::statements(&tables);
                let import_id = self.import_id.to_owned();
                let noted = Deferred { format: FORMAT, import_id, tables, statements };
                self.ledger.write_deferred(noted).await.map_err(|error| fault::of_ledger(&error))?
            }
        };
        Step::DefinitionsNoted.reached();
        deferred::take_away(self.cluster, self.env, &noted).await?;
        Step::DefinitionsReduced.reached();
        Ok(Some(noted))
    }

    async fn deferrable(&self, dump: &Dump, mut dumped: DumpedReplicas) -> Result<Vec<DeferredTable>, Fault> {
        if self.config.tikv_importer.parallel_import
            || (self.config.thunderhead.tiflash_replicas == Policy::Keep
                && !self.config.tikv_importer.add_index_by_sql)
        {
            self.set_now(dumped).await?;
            return Ok(Vec::new());
        }
        if self.config.thunderhead.tiflash_replicas == Policy::Keep {
            self.set_now(std::mem::take(&mut dumped)).await?;
        }
        let dumped = &dumped;
        let tables: Vec<Option<DeferredTable>> = futures::stream::iter(&dump.tables)
            .map(|files| self.deferrable_of(files, dumped))
            .buffered(CONCURRENCY)
            .try_collect()
            .await?;
        Ok(tables.into_iter().flatten().collect())
    }

    /// What of a table is put off. Nothing is, before it is known that nobody else has or writes rows there.
    async fn deferrable_of(
        &self,
        files: &TableFiles,
        dumped: &DumpedReplicas,
    ) -> Result<Option<DeferredTable>, Fault> {
        let (db, name) = (files.db.as_str(), files.table.as_str());
        let dumped = dumped.get(&(db.to_owned(), name.to_owned())).cloned();
        if files.data.is_empty() {
            let table =
                |tiflash| DeferredTable { db: db.into(), name: name.into(), indexes: Vec::new(), tiflash };
            return Ok(dumped.map(|replicas| table(Some(replicas))));
        }
        let info = deferred::definition(self.tidb()?, db, name).await?;
        let mut indexes = Vec::new();
        if self.config.tikv_importer.add_index_by_sql {
            // Which rows give way to others is seen by their keys.
            let is_needed =
                |unique: bool| unique && self.conflict_policy().strategy == ConflictStrategy::Replace;
            let deferrable = deferrable_indexes(&info).into_iter();
            indexes = deferrable
                .filter(|(index, _)| !is_needed(index.is_unique))
                .map(|(index, add)| DeferredIndex { name: index.name.original.clone(), add })
                .collect();
        }
        let tiflash = match self.config.thunderhead.tiflash_replicas {
            Policy::After => dumped.or_else(|| deferred::replicas_of(&info)),
            Policy::Keep => None,
        };
        if indexes.is_empty() && tiflash.is_none() {
            return Ok(None);
        }
        let table = Table::new(db, info).map_err(|error| fault::of_schema(&error, db, name))?;
        self.check_alone(&table).await?;
        Ok(Some(DeferredTable { db: db.to_owned(), name: name.to_owned(), indexes, tiflash }))
    }

    /// Replicas that the dump asks for and that are not put off.
    async fn set_now(&self, dumped: DumpedReplicas) -> Result<(), Fault> {
        for ((db, name), TiflashReplicas { count, location_labels }) in dumped {
            let text = th_cluster::alter::set_tiflash_replicas(&db, &name, count, &location_labels);
            let setting = self.tidb()?.execute_within(&text, th_connect::LONG_STATEMENT).await;
            setting.map_err(|error| fault::of_cluster(&error).of_table(&db, &name))?;
        }
        Ok(())
    }
}
