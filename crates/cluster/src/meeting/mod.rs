//! Several imports into one table: where they meet.
//!
//! Each import has a ledger of its own and knows nothing of the others'. So that their row ids never meet and that
//! the table can be compared with what all of them have written, they write down in two tables of the target who
//! writes to a table and what came of it:
//!
//! ```text
//! shared_tables   table_id │ table_name │ what the table held before the first of them │ who sums it now, until when
//! shared_imports  table_id, import_id │ state │ what the import has written │ until when it is believed to live
//!
//! planning ─▶ writing ─▶ written ─┬─▶ reported             others still write: the sum is left to the last
//!                 │               └─▶ verified, mismatch   the last: it has summed the table
//!                 └─▶ failed
//! ```
//! Every step is one pessimistic transaction that first locks the table's row in `shared_tables`, so the steps of all
//! imports have one order (`decide` says what each may do). Only two things take time and are therefore leased:
//!
//! - *Summing a table.* The first import sums what is there before anybody writes, the last one what is there at the
//!   end. Meanwhile nobody joins. If the one who sums dies, its lease ends and another takes its place; if it was only
//!   slow, its result is refused.
//! - *Writing.* Nobody waits for it. An import that has written everything while others still write leaves the sum
//!   to the last of them, whether they live or have died: a dead one is resumed and is then the last. The lease only
//!   says whether it is heard of.
//!
//! When the table is summed the imports' rows go, and the next import begins anew with what the table holds then.
//! Times are PD's, so no two clocks are compared.

mod decide;
mod finish;
mod store;

use std::future::Future;
use std::time::Duration;

use th_env::Env;
use tokio::task::JoinHandle;

use self::decide::{Joining, State, joining};
use crate::{ClusterError, ErrorKind, Pd, RangeChecksum, RebaseTo, SqlSession, Tidb, physical_millis};

/// How long a lease on summing holds; it is renewed three times as often.
const SUMMING: Duration = Duration::from_mins(1);
/// How long a process that is there is believed to live; renewed three times as often.
const ALIVE: Duration = Duration::from_mins(5);
/// How long an import may have neither planner nor finalizer: workers have no SQL to say that they live.
const UNTIL_FINALIZER: Duration = Duration::from_hours(2);
/// Between two looks at a table that somebody sums.
const POLL: Duration = Duration::from_millis(500);
/// How often the books are made while others remove them.
const OPENED: u32 = 50;
/// Tries of a step.
const TRIES: u32 = 5;
/// Longest import id that the books take.
const LONGEST_ID: usize = 200;

/// A table that imports share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedTable {
    /// TiDB's id.
    pub id: i64,
    /// Database.
    pub db: String,
    /// Name.
    pub name: String,
}

/// What an import does with a table that it has written everything to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// It is the last: the table must hold this, and the import must say what it found ([`Meeting::conclude`]).
    Last {
        /// What was there before, and what all imports have written.
        expected: RangeChecksum,
        /// The other imports that are in it.
        with: Vec<String>,
        /// Imports that failed: what they have written is not known.
        failed: Vec<String>,
    },
    /// Others still write; the last of them sums the table.
    Left(Vec<String>),
    /// It was summed already, with this outcome.
    Settled {
        /// Whether it held what it should.
        verified: bool,
    },
    /// Nothing is written down about the import: it was forgotten, or another finalizer of it has been here.
    Forgotten,
}

/// One import's seat where imports meet.
#[derive(Clone)]
pub struct Meeting {
    tidb: Tidb,
    pd: Pd,
    env: Env,
    schema: String,
    import_id: String,
    /// Names this process in leases.
    holder: String,
    /// Length of a lease on summing.
    summing: Duration,
}

/// How a try to join ended.
enum Joined {
    /// The import is among those of the table; whether it sums it.
    In { sums: bool },
    /// This one sums the table.
    Wait(String),
    /// There are no books.
    Nowhere,
}

/// Says until it is dropped that the import lives.
#[derive(Debug)]
pub struct Alive(JoinHandle<()>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Meeting {
    pub(crate) fn new(
        tidb: Tidb,
        pd: Pd,
        env: Env,
        schema: &str,
        import_id: &str,
    ) -> Result<Self, ClusterError> {
        if import_id.len() > LONGEST_ID {
            return Err(ClusterError::invalid(format!(
                "an import that shares tables has an id of at most {LONGEST_ID} bytes"
            )));
        }
        let holder = env.uuid();
        let (schema, import_id) = (schema.to_owned(), import_id.to_owned());
        Ok(Self { tidb, pd, env, schema, import_id, holder, summing: SUMMING })
    }

    /// The same with leases on summing of another length than a minute.
    #[must_use]
    pub fn with_lease(self, summing: Duration) -> Self {
        Self { summing, ..self }
    }

    /// Takes a step, again from its beginning where the connection broke, TiDB was busy or the lock was not to be had:
    /// a step that was taken already is taken to the same end.
    async fn again<T>(&self, step: impl AsyncFn() -> Result<T, ClusterError>) -> Result<T, ClusterError> {
        let mut attempt = 0;
        loop {
            match step().await {
                Err(error) if error.is_retryable() && attempt + 1 < TRIES => {
                    tracing::warn!(%error, attempt, "a step at a shared table is taken again");
                    let wait = self.env.backoff(attempt, POLL, Duration::from_secs(10));
                    self.env.sleep(wait, "the books of shared tables").await;
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    /// PD's time, milliseconds since 1970.
    async fn now(&self) -> Result<u64, ClusterError> {
        self.pd.tso(1).await.map(physical_millis)
    }

    /// Joins those that write to the table, as soon as nobody sums it. True: the import is the first, and the table
    /// is not empty, so it must be summed ([`Meeting::while_summing`], [`Meeting::set_base`]) before anything is written.
    pub async fn join(&self, table: &SharedTable) -> Result<bool, ClusterError> {
        let (mut said, mut opened) = (false, 0);
        self.again(async || self.open(table).await).await?;
        loop {
            match self.again(async || self.join_once(table).await).await? {
                Joined::In { sums } => return Ok(sums),
                Joined::Nowhere if opened < OPENED => {
                    opened += 1;
                    self.again(async || self.open(table).await).await?;
                }
                Joined::Nowhere => {
                    return Err(self.odd(table, "others remove the books again and again"));
                }
                Joined::Wait(by) => {
                    if !std::mem::replace(&mut said, true) {
                        tracing::info!(db = %table.db, table = %table.name, by, "waiting: another import sums the table");
                    }
                    self.env.sleep(POLL, "another import sums the table").await;
                }
            }
        }
    }

    async fn join_once(&self, table: &SharedTable) -> Result<Joined, ClusterError> {
        let mut tx = self.tidb.begin().await?;
        let Some(group) = self.read(&mut tx, table.id).await? else { return Ok(Joined::Nowhere) };
        let now = self.now().await?;
        let first = match joining(&group, &self.holder, now) {
            Joining::Wait(by) => return Ok(Joined::Wait(by)),
            Joining::First => true,
            Joining::Another => false,
        };
        // On another connection: this one's snapshot is older than the lock.
        let sums = first && !self.tidb.is_empty(&table.db, &table.name).await?;
        if first {
            self.remove_planning(&mut tx, table.id).await?;
        }
        self.put_member(&mut tx, table.id, now + millis(ALIVE)).await?;
        if sums {
            self.write_summing(&mut tx, table.id, now + millis(self.summing)).await?;
        } else {
            // Whoever summed until its lease ended has lost its turn.
            let base = if first { Some(RangeChecksum::default()) } else { group.base };
            self.write_base(&mut tx, table.id, base).await?;
        }
        tx.commit().await?;
        Ok(Joined::In { sums })
    }

    /// Does `work` while the lease on summing the table is renewed.
    pub async fn while_summing<T>(&self, table: &SharedTable, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            let renewal = async {
                self.env.sleep(self.summing / 3, "next renewal of the lease on summing").await;
                let now = self.now().await?;
                self.renew_summing(table.id, now + millis(self.summing)).await
            };
            tokio::select! {
                done = &mut work => return done,
                renewed = renewal => if let Err(error) = renewed {
                    tracing::warn!(%error, "the lease on summing the table is not renewed");
                },
            }
        }
    }

    /// Says what the table held before the imports.
    ///
    /// # Errors
    /// The lease on summing had ended and another import took over: the plan must be made again.
    pub async fn set_base(&self, table: &SharedTable, base: RangeChecksum) -> Result<(), ClusterError> {
        let step = async || {
            let mut tx = self.tidb.begin().await?;
            let group = self.read(&mut tx, table.id).await?.unwrap_or_default();
            if group.base == Some(base) && group.member(&self.import_id).is_some() {
                return Ok(());
            }
            self.check_turn(table, &group)?;
            self.write_base(&mut tx, table.id, Some(base)).await?;
            tx.commit().await
        };
        self.again(step).await
    }

    fn check_turn(&self, table: &SharedTable, group: &decide::Group) -> Result<(), ClusterError> {
        match &group.summing {
            Some((by, _)) if *by == self.holder => Ok(()),
            _ => Err(ClusterError::new(
                ErrorKind::Rejected,
                self.tidb.endpoint(),
                format!(
                    "summing `{}`.`{}` took longer than its lease, and another import went on",
                    table.db, table.name
                ),
            )),
        }
    }

    /// Reserves `count` automatic ids in all of the table's allocators and returns the id before the first; 0 if it
    /// has none. `auto_random_limit` is the largest base that AUTO_RANDOM has bits for.
    pub async fn reserve(
        &self,
        table: &SharedTable,
        count: u64,
        auto_random_limit: Option<u64>,
    ) -> Result<u64, ClusterError> {
        self.again(async || self.reserve_once(table, count, auto_random_limit).await).await
    }

    async fn reserve_once(
        &self,
        table: &SharedTable,
        count: u64,
        auto_random_limit: Option<u64>,
    ) -> Result<u64, ClusterError> {
        let mut tx = self.tidb.begin().await?;
        let group = self.read(&mut tx, table.id).await?.unwrap_or_default();
        if group.member(&self.import_id).is_none() {
            return Err(self.odd(table, "the import is not among those that write to it"));
        }
        // On other connections: statements that move allocators would end the transaction, and with it the lock.
        let ids = self.tidb.next_ids(&table.db, &table.name).await?;
        let base = ids.iter().map(|id| id.next.saturating_sub(1)).max().unwrap_or(0);
        if !ids.is_empty() {
            let next = base.saturating_add(count).saturating_add(1);
            let random = auto_random_limit.map_or(next, |limit| next.min(limit));
            let to = RebaseTo { row_id: Some(next), auto_increment: Some(next), auto_random: Some(random) };
            self.tidb.rebase_ids(&table.db, &table.name, to).await?;
            tracing::info!(db = %table.db, table = %table.name, base, count, "automatic ids reserved");
        }
        tx.commit().await?;
        Ok(base)
    }

    /// Says that from now on workers may write to the tables: before the plan is published.
    ///
    /// # Errors
    /// An import took the place of this one meanwhile: the plan must be made again.
    pub async fn begin_writing(&self, tables: &[SharedTable]) -> Result<(), ClusterError> {
        for table in tables {
            let step = async || {
                let mut tx = self.tidb.begin().await?;
                let group = self.read(&mut tx, table.id).await?.unwrap_or_default();
                if group.base.is_none() || group.member(&self.import_id).is_none() {
                    return Err(self.odd(table, "another import took this one for dead while it was planned"));
                }
                let until = self.now().await? + millis(UNTIL_FINALIZER);
                self.write_state(&mut tx, table.id, State::Writing, None, until).await?;
                tx.commit().await
            };
            self.again(step).await?;
        }
        Ok(())
    }

    /// Says from now on, until the value is dropped, that the import lives.
    pub fn keep_alive(&self) -> Alive {
        let meeting = self.clone();
        Alive(tokio::spawn(async move {
            loop {
                let said = async {
                    let now = meeting.now().await?;
                    meeting.renew_alive(now + millis(ALIVE)).await
                };
                if let Err(error) = said.await {
                    tracing::debug!(%error, "other imports do not hear that this one lives");
                }
                meeting.env.sleep(ALIVE / 3, "next sign of life").await;
            }
        }))
    }

    /// The tables that the import shares.
    pub async fn joined(&self) -> Result<Vec<SharedTable>, ClusterError> {
        self.tables_of_import().await
    }

    /// All other imports that share the table.
    pub async fn members(&self, table: &SharedTable) -> Result<Vec<String>, ClusterError> {
        let members = self.look(table.id).await?.members.into_iter().map(|member| member.import_id);
        Ok(members.filter(|import| *import != self.import_id).collect())
    }

    fn odd(&self, table: &SharedTable, what: &str) -> ClusterError {
        let message = format!(
            "`{}`.`{}`: {what} (import {}, books in `{}`)",
            table.db, table.name, self.import_id, self.schema
        );
        ClusterError::new(ErrorKind::Rejected, self.tidb.endpoint(), message)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The reading side of a transaction that holds the table's lock, and all SQL, are in `store`.
type Tx = SqlSession;
