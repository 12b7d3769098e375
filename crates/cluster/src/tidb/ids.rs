//! Automatic ids: where a table's allocators stand, and moving them past what was imported.
//!
//! A table has one allocator for AUTO_INCREMENT and `_tidb_rowid`, or with `AUTO_ID_CACHE 1` two, or one for
//! AUTO_RANDOM, or none. An allocator left behind would hand out ids that imported rows have: so each
//! move is read back.

use super::{Tidb, query_on, quote_table};
use crate::{ClusterError, ErrorKind};

/// Which allocator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdKind {
    /// `_tidb_rowid`, and AUTO_INCREMENT where it has no allocator of its own.
    RowId,
    /// AUTO_INCREMENT with an allocator of its own (`AUTO_ID_CACHE 1`).
    AutoIncrement,
    /// AUTO_RANDOM.
    AutoRandom,
}

/// Where an allocator stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextId {
    /// Which.
    pub kind: IdKind,
    /// Column it fills.
    pub column: String,
    /// The next id it may hand out.
    pub next: u64,
}

/// Ids that allocators must not fall short of; `None` leaves an allocator alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RebaseTo {
    /// Next `_tidb_rowid`.
    pub row_id: Option<u64>,
    /// Next AUTO_INCREMENT.
    pub auto_increment: Option<u64>,
    /// Next AUTO_RANDOM base (the part below shard and sign bits).
    pub auto_random: Option<u64>,
}

impl Tidb {
    /// The allocators of a table.
    pub async fn next_ids(&self, db: &str, table: &str) -> Result<Vec<NextId>, ClusterError> {
        let sql = format!("SHOW TABLE {} NEXT_ROW_ID", quote_table(db, table));
        let rows = self.query(&sql).await?;
        let odd = || ClusterError::protocol(self.endpoint(), format!("{sql} answered {rows:?}"));
        (0..rows.rows.len())
            .map(|row| {
                let kind = match rows.cell(row, "ID_TYPE").ok_or_else(odd)? {
                    "AUTO_INCREMENT" => IdKind::AutoIncrement,
                    "AUTO_RANDOM" => IdKind::AutoRandom,
                    _ => IdKind::RowId,
                };
                Ok(NextId {
                    kind,
                    column: rows.cell(row, "COLUMN_NAME").ok_or_else(odd)?.to_owned(),
                    next: rows
                        .cell(row, "NEXT_GLOBAL_ROW_ID")
                        .and_then(|t| t.parse().ok())
                        .ok_or_else(odd)?,
                })
            })
            .collect()
    }

    /// Moves a table's allocators forward and returns where they stand afterwards. Never moves one backwards; moving
    /// again to the same ids changes nothing.
    pub async fn rebase_ids(&self, db: &str, table: &str, to: RebaseTo) -> Result<Vec<NextId>, ClusterError> {
        let before = self.next_ids(db, table).await?;
        let name = quote_table(db, table);
        let wanted = wanted(&before, to);
        let short = |ids: &[NextId], kind| {
            let goal = wanted.iter().find(|(wanted_kind, _)| *wanted_kind == kind).map(|&(_, next)| next)?;
            ids.iter().any(|id| id.kind == kind && id.next < goal).then_some(goal)
        };
        if let Some(next) = short(&before, IdKind::AutoRandom) {
            self.execute(&format!("ALTER TABLE {name} AUTO_RANDOM_BASE = {next}")).await?;
        }
        let separate = before.iter().any(|id| id.kind == IdKind::AutoIncrement);
        if let Some(next) = short(&before, IdKind::AutoIncrement) {
            self.execute(&format!("ALTER TABLE {name} AUTO_INCREMENT = {next}")).await?;
        }
        if let Some(next) = short(&before, IdKind::RowId) {
            if separate {
                self.use_up_row_id(&name, next.saturating_sub(1)).await?;
            } else {
                self.execute(&format!("ALTER TABLE {name} AUTO_INCREMENT = {next}")).await?;
            }
        }
        let after = self.next_ids(db, table).await?;
        for (kind, _) in &wanted {
            if let Some(goal) = short(&after, *kind) {
                return Err(ClusterError::protocol(
                    self.endpoint(),
                    format!("the {kind:?} allocator of {name} cannot be moved to {goal}: {after:?}"),
                ));
            }
        }
        Ok(after)
    }

    /// Moves the `_tidb_rowid` allocator where ALTER TABLE moves another one: inserting an explicit row id
    /// moves it at once, and stays when the insert itself is rolled back (or fails for its other columns).
    async fn use_up_row_id(&self, name: &str, row_id: u64) -> Result<(), ClusterError> {
        let mut connection = self.connection().await?;
        let (endpoint, limit) = (self.endpoint(), self.inner.timeout);
        let run = async {
            for sql in ["SET SESSION tidb_opt_write_row_id = 1", "SET SESSION sql_mode = ''", "BEGIN"] {
                query_on(endpoint, &mut connection, sql, limit).await?;
            }
            let insert = format!("INSERT INTO {name} (_tidb_rowid) VALUES ({row_id})");
            let inserted = query_on(endpoint, &mut connection, &insert, limit).await;
            query_on(endpoint, &mut connection, "ROLLBACK", limit).await?;
            match inserted {
                Err(error) if !matches!(error.kind(), ErrorKind::Sql { .. }) => Err(error),
                // The read back will tell whether it has moved.
                _ => Ok(()),
            }
        };
        let result = run.await;
        // Its sql_mode must not reach another user of the pool.
        drop(tokio::time::timeout(limit, connection.disconnect()).await);
        result
    }
}

/// Which allocator must reach what, given those the table has.
fn wanted(ids: &[NextId], to: RebaseTo) -> Vec<(IdKind, u64)> {
    let has = |kind| ids.iter().any(|id| id.kind == kind);
    let mut wanted = Vec::new();
    if has(IdKind::AutoIncrement) {
        wanted.extend(to.auto_increment.map(|next| (IdKind::AutoIncrement, next)));
        wanted.extend(to.row_id.map(|next| (IdKind::RowId, next)));
    } else {
        wanted.extend(to.auto_increment.max(to.row_id).map(|next| (IdKind::RowId, next)));
    }
    wanted.extend(to.auto_random.map(|next| (IdKind::AutoRandom, next)));
    wanted.retain(|&(kind, _)| has(kind));
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(kind: IdKind, next: u64) -> NextId {
        NextId { kind, column: "id".to_owned(), next }
    }

    #[test]
    fn one_shared_allocator_gets_the_larger_of_both() {
        let to = RebaseTo { row_id: Some(9), auto_increment: Some(500), auto_random: None };
        assert_eq!(wanted(&[id(IdKind::RowId, 1)], to), [(IdKind::RowId, 500)]);
        assert_eq!(
            wanted(&[id(IdKind::RowId, 1), id(IdKind::AutoIncrement, 1)], to),
            [(IdKind::AutoIncrement, 500), (IdKind::RowId, 9)]
        );
        assert_eq!(wanted(&[], to), [], "a table without automatic ids has nothing to move");
        let random = RebaseTo { auto_random: Some(7), ..Default::default() };
        assert_eq!(wanted(&[id(IdKind::AutoRandom, 1)], random), [(IdKind::AutoRandom, 7)]);
    }
}
