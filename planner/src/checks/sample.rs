//! Rows of a table's first file, encoded as a job would.

use std::collections::HashSet;
use std::sync::Arc;

use th_checks::{Misfit, Order};
use th_codec::PairKind;
use th_dump::{ReadOptions, Store, TableFiles};
use th_errors::{Code, Fault};
use th_job::{EncodedRow, JobContext, Pieces, Sink};
use th_ledger::{
    Backend, Chunk, ConflictPolicy, FORMAT, Job, JobId, Pairs, Plan, PlannedTable, Session, Target,
};
use th_schema::Table;

use crate::probe;

/// Rows and source bytes after which a sample is large enough.
const ROWS: u64 = 10 * 1024;
const BYTES: u64 = 10 << 20;
/// Bytes before a key's own part: the table's prefix and the mark of its kind.
const KEY_PREFIX: usize = 11;

/// What is sampled.
pub(super) struct Of {
    pub(super) source: Store,
    pub(super) files: TableFiles,
    pub(super) table: Arc<Table>,
    pub(super) session: Session,
    pub(super) read: ReadOptions,
    pub(super) ignored: Vec<String>,
}

/// A sample of a table.
#[derive(Debug, Clone)]
pub(super) struct Sampled {
    pub(super) order: Order,
    pub(super) misfits: Option<Misfit>,
    pub(super) conflicts: Option<Misfit>,
    /// Source bytes, as stored.
    pub(super) stored: u64,
    /// Bytes of keys and values.
    pub(super) pairs: u64,
    /// Columns that the source names.
    pub(super) columns: Option<Vec<String>>,
}

impl Sampled {
    /// Bytes of pairs that so many bytes of source make.
    pub(super) fn pairs_of(&self, source: u64) -> u64 {
        scaled(self.pairs, source, self.stored)
    }

    /// Rows that so many bytes of source hold.
    pub(super) fn rows_of(&self, source: u64) -> u64 {
        scaled(self.order.rows, source, self.stored)
    }
}

fn scaled(part: u64, source: u64, stored: u64) -> u64 {
    u64::try_from(u128::from(part) * u128::from(source) / u128::from(stored.max(1))).unwrap_or(u64::MAX)
}

#[derive(Default)]
struct Collect {
    rows: u64,
    out_of_order: u64,
    last: Vec<u8>,
    unique: HashSet<Vec<u8>>,
    misfits: u64,
    first_misfit: Option<String>,
    conflicts: u64,
    first_conflict: Option<String>,
    stored: u64,
    pairs: u64,
    full: bool,
}

impl Sink for Collect {
    fn row(&mut self, row: &EncodedRow<'_>) -> Result<(), Fault> {
        self.rows += 1;
        self.pairs += row.pairs.total_bytes() as u64;
        let mut equal = false;
        for pair in row.pairs.iter() {
            if pair.kind == PairKind::Record {
                let key = pair.key.get(KEY_PREFIX..).unwrap_or_default();
                self.out_of_order += u64::from(key < self.last.as_slice());
                self.last.clear();
                self.last.extend_from_slice(key);
            }
            equal |= pair.unique && !self.unique.insert(pair.key.to_vec());
        }
        if equal {
            self.conflicts += 1;
            self.first_conflict.get_or_insert_with(|| row.place().to_string());
        }
        Ok(())
    }

    fn misfit(&mut self, found: Fault, _: u64, _: &[u8]) -> Result<(), Fault> {
        self.rows += 1;
        self.misfits += 1;
        self.first_misfit.get_or_insert_with(|| said(&found));
        Ok(())
    }

    fn progress(&mut self, source_bytes: u64, _: u64) -> Result<(), Fault> {
        self.stored += source_bytes;
        self.full = self.rows >= ROWS || self.stored >= BYTES;
        if self.full { Err(Fault::new(Code::Interrupted, "the sample is large enough")) } else { Ok(()) }
    }
}

fn said(found: &Fault) -> String {
    match &found.place {
        Some(place) => format!("{place}: {}", found.message),
        None => found.message.clone(),
    }
}

/// Samples a table; `None` if it has no rows.
pub(super) async fn sample(of: Of) -> Option<Sampled> {
    let file = of.files.data.iter().find(|file| file.size > 0).cloned()?;
    let name = format!("{}.{}", of.files.db, of.files.table);
    let size = of.files.size();
    let columns = probe::source_columns(&of.source, &of.files, &of.read, &of.ignored).await.ok()?.names;
    let planned = PlannedTable {
        db: of.files.db.clone(),
        name: of.files.table.clone(),
        info: serde_json::value::RawValue::NULL.to_owned(),
        columns: Vec::new(),
        ignored_columns: of.ignored.clone(),
        source_bytes: file.size,
        jobs: 0..1,
        row_id_end: i64::MAX,
        before: Pairs::default(),
        gets_indexes: false,
    };
    let plan = Plan {
        format: FORMAT,
        import_id: "sample".to_owned(),
        version: String::new(),
        created_micros: 0,
        source: String::new(),
        backend: Backend::Local,
        target: Target { pd: Vec::new(), cluster_id: 0, version: String::new() },
        session: of.session,
        read: probe::small_reads(&of.read),
        max_rejected: 0,
        conflict: ConflictPolicy::default(),
        first_commit_ts: 0,
        tables: Vec::new(),
        jobs: 1,
        attempt: String::new(),
        shared: None,
        source_bytes: file.size,
    };
    let chunk =
        Chunk { file, range: None, columns: None, row_id_base: 0, row_id_count: i64::MAX, cut_file: None };
    let job = Job {
        format: FORMAT,
        import_id: "sample".to_owned(),
        job: JobId(0),
        table: 0,
        chunks: vec![chunk],
        commit_ts: 1,
        source_bytes: plan.source_bytes,
    };
    let runtime = tokio::runtime::Handle::current();
    let collected = tokio::task::spawn_blocking(move || {
        let mut collect = Collect::default();
        let context = JobContext {
            source: &of.source,
            plan: &plan,
            planned: &planned,
            table: &of.table,
            pieces: &Pieces::default(),
            runtime: &runtime,
        };
        if let Err(found) = th_job::encode(context, &job, &mut collect)
            && !collect.full
        {
            // The file cannot be read to here.
            collect.misfits += 1;
            collect.first_misfit.get_or_insert_with(|| said(&found));
        }
        collect
    });
    let found = collected.await.ok()?;
    let misfit = |rows: u64, first: Option<String>| {
        first.map(|first| Misfit { table: name.clone(), rows, of: found.rows, first })
    };
    Some(Sampled {
        misfits: misfit(found.misfits, found.first_misfit.clone()),
        conflicts: misfit(found.conflicts, found.first_conflict.clone()),
        stored: found.stored,
        pairs: found.pairs,
        columns,
        order: Order { table: name.clone(), size, rows: found.rows, out_of_order: found.out_of_order },
    })
}
