//! The meeting's two tables in the target, and every statement on them.

use super::decide::{Group, Member, State};
use super::{Meeting, SharedTable, Tx};
use crate::{ClusterError, ErrorKind, RangeChecksum, SqlRows, quote_name, quote_table, quote_text};

/// Taken while books are made or dropped; imports by SQL take it for theirs, which are in the same database.
const LOCK: &str = "thunderhead books";
/// MySQL's numbers for a database and a table that are not there.
const MISSING: [u16; 2] = [1049, 1146];

impl Meeting {
    fn tables(&self) -> String {
        quote_table(&self.schema, "shared_tables")
    }

    fn imports(&self) -> String {
        quote_table(&self.schema, "shared_imports")
    }

    /// The condition on this import's row at a table.
    fn mine(&self, table: i64) -> String {
        format!("table_id = {table} AND import_id = {}", quote_text(&self.import_id))
    }

    /// Makes the books as far as they are not there, and the table's row in them.
    pub(super) async fn open(&self, table: &SharedTable) -> Result<(), ClusterError> {
        let statements = [
            format!("CREATE DATABASE IF NOT EXISTS {}", quote_name(&self.schema)),
            format!(
                "CREATE TABLE IF NOT EXISTS {} (table_id BIGINT NOT NULL PRIMARY KEY, table_name VARCHAR(300) NOT NULL, \
                 base_crc64 BIGINT UNSIGNED, base_pairs BIGINT UNSIGNED, base_bytes BIGINT UNSIGNED, \
                 summed_by VARCHAR(64) NOT NULL, summed_until BIGINT UNSIGNED NOT NULL) \
                 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='tables that several imports write to'",
                self.tables()
            ),
            format!(
                "CREATE TABLE IF NOT EXISTS {} (table_id BIGINT NOT NULL, import_id VARCHAR(200) NOT NULL, \
                 state VARCHAR(16) NOT NULL, crc64 BIGINT UNSIGNED NOT NULL, pairs BIGINT UNSIGNED NOT NULL, \
                 bytes BIGINT UNSIGNED NOT NULL, alive_until BIGINT UNSIGNED NOT NULL, PRIMARY KEY (table_id, import_id)) \
                 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin COMMENT='imports that write to shared tables'",
                self.imports()
            ),
            format!(
                "INSERT IGNORE INTO {} (table_id, table_name, summed_by, summed_until) VALUES ({}, {}, '', 0)",
                self.tables(),
                table.id,
                quote_text(&format!("{}.{}", table.db, table.name))
            ),
        ];
        let (mut session, _) = self.tidb.lock(LOCK).await?;
        for statement in &statements {
            session.query(statement).await?;
        }
        session.close().await;
        Ok(())
    }

    /// Drops the books if nothing is in them, and their database if it has no other table.
    pub(super) async fn close(&self) -> Result<(), ClusterError> {
        // Looked at first without the lock: most often there is nothing to drop.
        let count = format!("SELECT COUNT(*) FROM {}", self.tables());
        let empty = |rows: &SqlRows| rows.single() == Some("0");
        match self.tidb.query(&count).await {
            Err(error) if is_missing(&error) => return Ok(()),
            Ok(rows) if !empty(&rows) => return Ok(()),
            rows => drop(rows?),
        }
        // A server without named locks keeps the empty tables: somebody may be about to join.
        let (mut session, locked) = self.tidb.lock(LOCK).await?;
        let dropped = async {
            if !locked || !empty(&session.query(&count).await?) {
                return Ok(());
            }
            session.query(&format!("DROP TABLE IF EXISTS {}, {}", self.tables(), self.imports())).await?;
            let schema = quote_text(&self.schema);
            let others = format!(
                "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} LIMIT 1"
            );
            if session.query(&others).await?.rows.is_empty() {
                session.query(&format!("DROP DATABASE IF EXISTS {}", quote_name(&self.schema))).await?;
            }
            Ok(())
        };
        let dropped = dropped.await;
        session.close().await;
        match dropped {
            Err(error) if is_missing(&error) => Ok(()),
            dropped => dropped,
        }
    }

    /// What is written down about a table, locked until the transaction ends; `None` if nothing is.
    pub(super) async fn read(&self, tx: &mut Tx, table: i64) -> Result<Option<Group>, ClusterError> {
        // Only locking reads see what was committed after the transaction began.
        let head = match tx.query(&self.select_table(table, " FOR UPDATE")).await {
            Err(error) if is_missing(&error) => return Ok(None),
            head => head?,
        };
        if head.rows.is_empty() {
            return Ok(None);
        }
        let members = tx.query(&self.select_imports(table, " FOR UPDATE")).await?;
        self.group(&head, &members).map(Some)
    }

    /// The same without a lock.
    pub(super) async fn look(&self, table: i64) -> Result<Group, ClusterError> {
        let head = match self.tidb.query(&self.select_table(table, "")).await {
            Err(error) if is_missing(&error) => return Ok(Group::default()),
            head => head?,
        };
        let members = match self.tidb.query(&self.select_imports(table, "")).await {
            Err(error) if is_missing(&error) => return Ok(Group::default()),
            members => members?,
        };
        self.group(&head, &members)
    }

    fn select_table(&self, table: i64, more: &str) -> String {
        format!(
            "SELECT base_crc64, base_pairs, base_bytes, summed_by, summed_until FROM {} WHERE table_id = {table}{more}",
            self.tables()
        )
    }

    fn select_imports(&self, table: i64, more: &str) -> String {
        format!(
            "SELECT import_id, state, crc64, pairs, bytes, alive_until FROM {} WHERE table_id = {table}{more}",
            self.imports()
        )
    }

    fn group(&self, head: &SqlRows, members: &SqlRows) -> Result<Group, ClusterError> {
        let odd = |rows: &SqlRows| {
            ClusterError::protocol(
                self.tidb.endpoint(),
                format!("the books in `{}` say {rows:?}", self.schema),
            )
        };
        let number = |rows: &SqlRows, row, column| rows.cell(row, column)?.parse::<u64>().ok();
        let mut group = Group::default();
        if !head.rows.is_empty() {
            let base = |column| number(head, 0, column);
            if let (Some(crc64_xor), Some(pairs), Some(bytes)) =
                (base("base_crc64"), base("base_pairs"), base("base_bytes"))
            {
                group.base = Some(RangeChecksum { crc64_xor, pairs, bytes });
            }
            let by = head.cell(0, "summed_by").unwrap_or_default();
            if !by.is_empty() {
                group.summing = Some((by.to_owned(), base("summed_until").ok_or_else(|| odd(head))?));
            }
        }
        for row in 0..members.rows.len() {
            let member = || {
                let number = |column| number(members, row, column);
                Some(Member {
                    import_id: members.cell(row, "import_id")?.to_owned(),
                    state: State::of_word(members.cell(row, "state")?)?,
                    sum: RangeChecksum {
                        crc64_xor: number("crc64")?,
                        pairs: number("pairs")?,
                        bytes: number("bytes")?,
                    },
                    alive_until: number("alive_until")?,
                })
            };
            group.members.push(member().ok_or_else(|| odd(members))?);
        }
        Ok(group)
    }

    /// The tables at which the import is written down.
    pub(super) async fn tables_of_import(&self) -> Result<Vec<SharedTable>, ClusterError> {
        let sql = format!(
            "SELECT table_id FROM {} WHERE import_id = {}",
            self.imports(),
            quote_text(&self.import_id)
        );
        let rows = match self.tidb.query(&sql).await {
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            rows => rows?,
        };
        let mut tables = Vec::new();
        for row in 0..rows.rows.len() {
            let Some(id) = rows.cell(row, "table_id").and_then(|id| id.parse::<i64>().ok()) else { continue };
            let sql = format!("SELECT table_name FROM {} WHERE table_id = {id}", self.tables());
            let found = self.tidb.query(&sql).await?;
            let (db, name) = found.single().and_then(|name| name.split_once('.')).unwrap_or_default();
            tables.push(SharedTable { id, db: db.to_owned(), name: name.to_owned() });
        }
        Ok(tables)
    }

    /// Puts the import among those of the table, its plan being made.
    pub(super) async fn put_member(&self, tx: &mut Tx, table: i64, until: u64) -> Result<(), ClusterError> {
        self.remove_row(tx, table).await?;
        let sql = format!(
            "INSERT INTO {} VALUES ({table}, {}, '{}', 0, 0, 0, {until})",
            self.imports(),
            quote_text(&self.import_id),
            State::Planning.word()
        );
        tx.query(&sql).await.map(drop)
    }

    async fn remove_row(&self, tx: &mut Tx, table: i64) -> Result<(), ClusterError> {
        tx.query(&format!("DELETE FROM {} WHERE {}", self.imports(), self.mine(table))).await.map(drop)
    }

    /// Removes imports whose plan is being made: nobody who is first leaves any behind it.
    pub(super) async fn remove_planning(&self, tx: &mut Tx, table: i64) -> Result<(), ClusterError> {
        let sql = format!(
            "DELETE FROM {} WHERE table_id = {table} AND state = '{}'",
            self.imports(),
            State::Planning.word()
        );
        tx.query(&sql).await.map(drop)
    }

    /// Sets what the table held before, and that nobody sums it.
    pub(super) async fn write_base(
        &self,
        tx: &mut Tx,
        table: i64,
        base: Option<RangeChecksum>,
    ) -> Result<(), ClusterError> {
        let text =
            |number: Option<u64>| number.map_or_else(|| "NULL".to_owned(), |number| number.to_string());
        let sql = format!(
            "UPDATE {} SET base_crc64 = {}, base_pairs = {}, base_bytes = {}, summed_by = '', summed_until = 0 \
             WHERE table_id = {table}",
            self.tables(),
            text(base.map(|base| base.crc64_xor)),
            text(base.map(|base| base.pairs)),
            text(base.map(|base| base.bytes)),
        );
        tx.query(&sql).await.map(drop)
    }

    /// Says that this process sums the table.
    pub(super) async fn write_summing(
        &self,
        tx: &mut Tx,
        table: i64,
        until: u64,
    ) -> Result<(), ClusterError> {
        let sql = format!(
            "UPDATE {} SET summed_by = '{}', summed_until = {until} WHERE table_id = {table}",
            self.tables(),
            self.holder
        );
        tx.query(&sql).await.map(drop)
    }

    /// Goes on summing, if nobody has taken over.
    pub(super) async fn renew_summing(&self, table: i64, until: u64) -> Result<(), ClusterError> {
        let sql = format!(
            "UPDATE {} SET summed_until = {until} WHERE table_id = {table} AND summed_by = '{}'",
            self.tables(),
            self.holder
        );
        self.tidb.execute(&sql).await
    }

    /// Moves the import's lease on, which never goes back.
    pub(super) async fn renew_alive(&self, until: u64) -> Result<(), ClusterError> {
        let sql = format!(
            "UPDATE {} SET alive_until = {until} WHERE import_id = {} AND alive_until < {until} AND state IN ('{}', '{}')",
            self.imports(),
            quote_text(&self.import_id),
            State::Planning.word(),
            State::Writing.word()
        );
        self.tidb.execute(&sql).await
    }

    /// Moves the import to a state.
    pub(super) async fn write_state(
        &self,
        tx: &mut Tx,
        table: i64,
        state: State,
        sum: Option<RangeChecksum>,
        until: u64,
    ) -> Result<(), ClusterError> {
        let sum = sum.map_or_else(String::new, |sum| {
            format!(", crc64 = {}, pairs = {}, bytes = {}", sum.crc64_xor, sum.pairs, sum.bytes)
        });
        let sql = format!(
            "UPDATE {} SET state = '{}', alive_until = {until}{sum} WHERE {}",
            self.imports(),
            state.word(),
            self.mine(table)
        );
        tx.query(&sql).await.map(drop)
    }

    /// The table is summed: those whose finalizers may come back learn the outcome, the others go, and the next
    /// import begins anew.
    pub(super) async fn settle(&self, tx: &mut Tx, table: i64, outcome: State) -> Result<(), ClusterError> {
        let outcome = format!(
            "UPDATE {} SET state = '{}' WHERE table_id = {table} AND state = '{}'",
            self.imports(),
            outcome.word(),
            State::Written.word()
        );
        tx.query(&outcome).await?;
        self.remove_settled_rows(tx, table).await?;
        self.write_base(tx, table, None).await
    }

    /// Nobody is left to sum the table.
    pub(super) async fn remove_settled(&self, tx: &mut Tx, table: i64) -> Result<(), ClusterError> {
        self.remove_settled_rows(tx, table).await?;
        self.write_base(tx, table, None).await?;
        self.remove_member(tx, table).await
    }

    async fn remove_settled_rows(&self, tx: &mut Tx, table: i64) -> Result<(), ClusterError> {
        let sql = format!(
            "DELETE FROM {} WHERE table_id = {table} AND state IN ('{}', '{}')",
            self.imports(),
            State::Reported.word(),
            State::Failed.word()
        );
        tx.query(&sql).await.map(drop)
    }

    /// Removes the import from the table, and the table if it was the last one.
    pub(super) async fn remove_member(&self, tx: &mut Tx, table: i64) -> Result<(), ClusterError> {
        self.remove_row(tx, table).await?;
        if tx.query(&self.select_imports(table, " FOR UPDATE")).await?.rows.is_empty() {
            tx.query(&format!("DELETE FROM {} WHERE table_id = {table}", self.tables())).await?;
        }
        Ok(())
    }
}

fn is_missing(error: &ClusterError) -> bool {
    matches!(error.kind(), ErrorKind::Sql { code } if MISSING.contains(&code))
}
