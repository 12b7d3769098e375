//! Who else writes to a table: nobody, or with `parallel-import` other imports that are known and agreed with.

use std::collections::BTreeSet;

use th_cluster::meeting::Alive;
use th_cluster::{Cluster, ClusterError, ErrorKind, Leftovers, Meeting, RangeChecksum, SharedTable};
use th_connect::fault;
use th_errors::{Code, Fault};
use th_ledger::PlannedTable;
use th_schema::Table;

use crate::Planner;

/// The seats of an import that shares its tables with others.
pub(crate) struct Sharing {
    meeting: Meeting,
    joined: Vec<SharedTable>,
    /// The plan may be in the ledger, and may be resumed.
    is_writing: bool,
    _alive: Alive,
}

fn of_cluster(table: &Table, error: &ClusterError) -> Fault {
    fault::of_cluster(error).of_table(&table.db, &table.info.name.original)
}

fn in_use(table: &Table, by: &BTreeSet<String>) -> Fault {
    let (db, name) = (&table.db, &table.info.name.original);
    let by: Vec<&str> = by.iter().map(String::as_str).collect();
    let message = format!("the import {} writes to `{db}`.`{name}`", by.join(" and the import "));
    Fault::new(Code::TableInUse, message).of_table(db, name)
}

/// Other imports that have asked PD not to move parts of the table.
async fn at_work(cluster: &Cluster, import_id: &str, table: &Table) -> Result<BTreeSet<String>, Fault> {
    let ranges = th_connect::key_ranges([table]);
    let found = Leftovers::over(&cluster.pd, &ranges).await.map_err(|error| of_cluster(table, &error))?;
    Ok(found.imports().into_iter().filter(|&import| import != import_id).map(str::to_owned).collect())
}

impl Planner<'_> {
    fn meeting(&self) -> Result<Meeting, Fault> {
        let schema = &self.config.checkpoint.schema;
        self.cluster.meeting(schema, self.import_id).map_err(|error| fault::of_cluster(&error))
    }

    /// Where this import meets others, if it is to share its tables.
    pub(crate) fn sharing(&self) -> Result<Option<Sharing>, Fault> {
        if !self.config.tikv_importer.parallel_import {
            return Ok(None);
        }
        let meeting = self.meeting()?;
        let alive = meeting.keep_alive();
        Ok(Some(Sharing { meeting, joined: Vec::new(), is_writing: false, _alive: alive }))
    }

    /// Checks that no other import of ours writes to the table.
    pub(crate) async fn check_others(&self, table: &Table) -> Result<(), Fault> {
        let mut others = at_work(self.cluster, self.import_id, table).await?;
        let members = self.meeting()?.members(&shared_table(table)).await;
        others.extend(members.map_err(|error| of_cluster(table, &error))?);
        if others.is_empty() { Ok(()) } else { Err(in_use(table, &others)) }
    }

    /// Checks that the import is alone with the table, and that it is empty.
    pub(crate) async fn check_alone(&self, table: &Table) -> Result<(), Fault> {
        let (db, name) = (table.db.as_str(), table.info.name.original.as_str());
        self.check_others(table).await?;
        if self.tidb()?.is_empty(db, name).await.map_err(|error| fault::of_cluster(&error))? {
            return Ok(());
        }
        Err(crate::holds_rows(db, name))
    }
}

/// A table as imports know it that share it.
fn shared_table(table: &Table) -> SharedTable {
    SharedTable { id: table.info.id, db: table.db.clone(), name: table.info.name.original.clone() }
}

impl Sharing {
    /// Joins the imports that write to the table. The first of them sums what it holds.
    pub(crate) async fn join(&mut self, planner: &Planner<'_>, table: &Table) -> Result<(), Fault> {
        let shared = shared_table(table);
        let error = |error: ClusterError| of_cluster(table, &error);
        let sums = self.meeting.join(&shared).await.map_err(error)?;
        self.joined.push(shared.clone());
        let members = self.meeting.members(&shared).await.map_err(error)?;
        let mut strangers = at_work(planner.cluster, planner.import_id, table).await?;
        strangers.retain(|import| !members.contains(import));
        if !strangers.is_empty() {
            return Err(in_use(table, &strangers));
        }
        if sums {
            tracing::info!(db = %shared.db, table = %shared.name, "summing what the table holds");
            let summing = th_connect::table_checksum(planner.cluster, table);
            let held = self.meeting.while_summing(&shared, summing).await?;
            let base = RangeChecksum { crc64_xor: held.crc64, pairs: held.pairs, bytes: held.bytes };
            self.meeting.set_base(&shared, base).await.map_err(error)?;
        }
        Ok(())
    }

    /// Moves the table's jobs, by `move_by`, to row ids that are this import's alone.
    pub(crate) async fn reserve(
        &self,
        table: &Table,
        planned: &mut PlannedTable,
        move_by: impl FnOnce(u64) -> Option<()>,
    ) -> Result<(), Fault> {
        let count = u64::try_from(planned.row_id_end).unwrap_or(0);
        let shared = shared_table(table);
        let base = self
            .meeting
            .reserve(&shared, count, table.info.auto_random_limit())
            .await
            .map_err(|error| of_cluster(table, &error))?;
        let exhausted = || {
            let message = format!("the table has no {count} automatic ids left after {base}");
            Fault::new(Code::RowIdsExhausted, message).of_table(&planned.db, &planned.name)
        };
        let end = i64::try_from(base).ok().and_then(|base| planned.row_id_end.checked_add(base));
        planned.row_id_end = end.ok_or_else(exhausted)?;
        move_by(base).ok_or_else(exhausted)
    }

    /// Says that workers may write from now on.
    pub(crate) async fn begin_writing(&mut self) -> Result<(), Fault> {
        self.meeting.begin_writing(&self.joined).await.map_err(|error| match error.kind() {
            ErrorKind::Rejected => Fault::from_error(Code::TableInUse, &error),
            _ => fault::of_cluster(&error),
        })?;
        self.is_writing = true;
        Ok(())
    }

    /// Leaves the tables, unless a plan may have been made.
    pub(crate) async fn leave_unplanned(self) {
        if self.is_writing {
            return;
        }
        if let Err(error) = self.meeting.leave(&self.joined, true).await {
            tracing::warn!(%error, "other imports are not told that this one is not coming; they will see it in five minutes");
        }
    }
}
