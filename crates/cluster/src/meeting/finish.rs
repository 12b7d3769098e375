//! The end of an import at a shared table: its turn, the comparison if it is the last one, and leaving.

use super::decide::{Finishing, State, finishing};
use super::{ALIVE, Meeting, POLL, SharedTable, Turn, millis};
use crate::{ClusterError, RangeChecksum};

impl Meeting {
    /// Says what the import has written to the table, which is everything, and takes its turn. Waits while another
    /// process sums it. With `sum` false the last import ends the table's books without a comparison.
    pub async fn finish(
        &self,
        table: &SharedTable,
        own: RangeChecksum,
        sum: bool,
    ) -> Result<Turn, ClusterError> {
        loop {
            match self.again(async || self.finish_once(table, own, sum).await).await? {
                Ok(turn) => return Ok(turn),
                Err(by) => {
                    tracing::debug!(db = %table.db, table = %table.name, by, "waiting: the table is being summed");
                    self.env.sleep(POLL, "another process sums the table").await;
                }
            }
        }
    }

    /// The import's turn, or (`Err`) who sums the table now.
    async fn finish_once(
        &self,
        table: &SharedTable,
        own: RangeChecksum,
        sum: bool,
    ) -> Result<Result<Turn, String>, ClusterError> {
        let mut tx = self.tidb.begin().await?;
        let group = self.read(&mut tx, table.id).await?.unwrap_or_default();
        let now = self.now().await?;
        let turn = match finishing(&group, &self.import_id, &self.holder, own, now) {
            Finishing::Wait(by) => return Ok(Err(by)),
            Finishing::Settled(state) => {
                return Ok(Ok(Turn::Settled { verified: state == State::Verified }));
            }
            Finishing::Unknown => return Ok(Ok(Turn::Forgotten)),
            Finishing::Left(to) => Turn::Left(to),
            Finishing::Last { expected, with, failed } => Turn::Last { expected, with, failed },
        };
        self.write_state(&mut tx, table.id, State::Written, Some(own), now + millis(ALIVE)).await?;
        match &turn {
            Turn::Last { .. } if sum => {
                self.write_summing(&mut tx, table.id, now + millis(self.summing)).await?;
            }
            Turn::Last { .. } => self.settle(&mut tx, table.id, State::Verified).await?,
            _ => {}
        }
        tx.commit().await?;
        Ok(Ok(turn))
    }

    /// Says how the comparison of the last import ended, and ends the table's books.
    ///
    /// # Errors
    /// The lease on summing had ended and others went on: the table must be summed again.
    pub async fn conclude(&self, table: &SharedTable, verified: bool) -> Result<(), ClusterError> {
        let outcome = if verified { State::Verified } else { State::Mismatch };
        let step = async || {
            let mut tx = self.tidb.begin().await?;
            let group = self.read(&mut tx, table.id).await?.unwrap_or_default();
            if group.member(&self.import_id).is_some_and(|me| me.state == outcome) {
                return Ok(());
            }
            self.check_turn(table, &group)?;
            self.settle(&mut tx, table.id, outcome).await?;
            tx.commit().await
        };
        self.again(step).await
    }

    /// Leaves the tables once the import's outcome stands. With `failed`, what is not written by now never will be.
    /// Books that nobody needs any more go.
    pub async fn leave(&self, tables: &[SharedTable], failed: bool) -> Result<(), ClusterError> {
        for table in tables {
            self.again(async || self.leave_once(table, failed).await).await?;
        }
        self.again(async || self.close().await).await
    }

    async fn leave_once(&self, table: &SharedTable, failed: bool) -> Result<(), ClusterError> {
        let mut tx = self.tidb.begin().await?;
        let Some(group) = self.read(&mut tx, table.id).await? else { return Ok(()) };
        let Some(me) = group.member(&self.import_id) else { return Ok(()) };
        let now = self.now().await?;
        let next = match me.state {
            State::Planning | State::Verified | State::Mismatch => None,
            State::Writing | State::Failed if !failed => Some(me.state),
            State::Writing | State::Failed => Some(State::Failed),
            State::Written | State::Reported => Some(State::Reported),
        };
        match next {
            Some(State::Failed) if group.unfinished(&self.import_id, now).next().is_none() => {
                tracing::warn!(db = %table.db, table = %table.name, "no import is left that could compare the table with what was written");
                self.remove_settled(&mut tx, table.id).await?;
            }
            Some(state) => self.write_state(&mut tx, table.id, state, None, now).await?,
            None => self.remove_member(&mut tx, table.id).await?,
        }
        tx.commit().await
    }
}
