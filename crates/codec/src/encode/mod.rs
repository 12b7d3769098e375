//! Rows to key-value pairs, byte for byte as TiDB Lightning's local backend encodes them.
//!
//! A table is compiled once ([`plan`]); each value then goes straight from the source into the row value
//! being built ([`fast`]), or through `th_types::convert` when it is out of the ordinary. Columns are
//! visited by ascending id, the order of the row value. What a key needs is kept as a [`crate::cell`].
//! Tables with expressions (generated columns, partial indexes, partition functions) also keep the
//! columns those read as datums; other tables never make one on the straight path.

mod auto_id;
mod column;
mod default;
mod expression;
mod fast;
mod from_datum;
mod index;
mod index_value;
mod multi_value;
mod partition;
mod plan;
mod row;
mod scratch;
mod source;

use std::sync::Arc;

use th_row::Value;
use th_schema::Table;
use th_types::{Context, Datum};

pub use auto_id::AutoBases;
pub(crate) use column::key_collation;
pub(crate) use default::{Constant, origin_default, zero};
pub(crate) use expression::TableExpression;
pub(crate) use from_datum::class_of;
pub(crate) use index::PARTITION_ID_FLAG;
pub(crate) use index_value::{COMMON_HANDLE_FLAG, MAX_OLD_LEN, VERSION_FLAG};

use self::auto_id::AutoIds;
use self::column::{Auto, Origin};
use self::index::HandleRef;
use self::plan::{HandlePlan, TablePlan};
use self::row::{RowReader, is_true};
use self::scratch::{KeyScratch, RowScratch};
use self::source::Sources;
use crate::cell::Class;
use crate::keys::{int_bytes, record_prefix};
use crate::pairs::{PairKind, Pairs};
use crate::{EncodeError, PlanError};

/// What decides how rows are encoded, apart from the table.
#[derive(Debug, Clone)]
pub struct EncoderOptions {
    /// SQL mode, time zone, now.
    pub context: Context,
    /// Chooses the shard bits of AUTO_RANDOM values that the encoder makes: one shard an encoder, so
    /// that the keys of a job stay together. Fix it with the job, and give each job another one.
    /// The shard of SHARD_ROW_ID_BITS is a function of the row id alone.
    pub auto_random_seed: u64,
    /// Whether the cluster uses the new collation framework (it does unless it was made before 6.0).
    pub new_collation: bool,
}

/// Encodes rows of one table. Everything it needs is reused from row to row.
#[derive(Debug)]
pub struct Encoder {
    plan: TablePlan,
    options: EncoderOptions,
    sources: Sources,
    ids: AutoIds,
    row: RowScratch,
    keys: KeyScratch,
    pairs: Pairs,
    /// The storage of a row of datums, empty between rows.
    datums: Vec<Datum<'static>>,
}

impl Encoder {
    /// Compiles a table. The columns are all insertable ones in order until [`Encoder::set_columns`].
    pub fn new(table: Arc<Table>, options: EncoderOptions) -> Result<Self, PlanError> {
        let plan = TablePlan::new(&table, &options)?;
        Ok(Self {
            sources: Sources::in_order(&plan.info),
            ids: AutoIds::new(&plan.info, options.auto_random_seed),
            row: RowScratch::default(),
            keys: KeyScratch::default(),
            pairs: Pairs::default(),
            datums: Vec::new(),
            plan,
            options,
        })
    }

    /// The columns of the rows that follow, lower case; `None`: all insertable columns in order, as an
    /// INSERT without column list or a CSV file without header has them (a generated column takes a
    /// place there). `_tidb_rowid` may be listed where the table has it. Columns in `ignored` are read
    /// and dropped. Forgets constants.
    ///
    /// Fails with 1054 for an unknown column and with 1110 for one that is listed twice.
    pub fn set_columns(&mut self, columns: Option<&[String]>, ignored: &[String]) -> Result<(), EncodeError> {
        self.sources = match columns {
            Some(names) => Sources::listed(&self.plan.info, names, ignored)?,
            None => Sources::in_order(&self.plan.info),
        };
        self.sources.ignore(&self.plan.info, ignored);
        Ok(())
    }

    /// Whether every column that the rows leave out has a default that can be had.
    ///
    /// Fails with the error that any row would have: an expression that is not supported, or no default at all
    /// (1364).
    pub fn check_defaults(&self) -> Result<(), EncodeError> {
        let left_out = self.plan.columns.iter().enumerate().filter(|(offset, column)| {
            let from_row = matches!(column.origin, Origin::Row) && column.auto == Auto::None;
            from_row && self.sources.is_missing(*offset)
        });
        for (_, column) in left_out {
            if let Err(error) = &column.default {
                return Err(EncodeError::of_column(error.clone(), &column.name, None));
            }
        }
        Ok(())
    }

    /// Columns that have the same text in every row, such as what a route takes from table names.
    pub fn set_constants(&mut self, constants: &[(String, Vec<u8>)]) -> Result<(), EncodeError> {
        self.sources.set_constants(&self.plan.info, constants)
    }

    /// Encodes one row; the pairs stay valid until the next call. A row that fails yields no pair.
    ///
    /// `row_id` is the row's number in the table's row-id range; ids that the row lacks are made of it.
    /// Missing values at the end of the row count as left out, surplus ones are not looked at.
    pub fn encode(&mut self, values: &[Value<'_>], row_id: i64) -> Result<&Pairs, EncodeError> {
        let Self { plan, options, sources, ids, row, keys, pairs, datums: kept } = self;
        pairs.clear();
        let mut datums = if plan.needs_row { recycle(std::mem::take(kept)) } else { Vec::new() };
        let reader = RowReader { plan, sources, ids, context: &options.context, values, row_id };
        let result = encode_row(reader, row, keys, &mut datums, pairs);
        if plan.needs_row {
            *kept = recycle(datums);
        }
        match result {
            Ok(()) => Ok(pairs),
            Err(error) => {
                pairs.clear();
                Err(error)
            }
        }
    }

    /// The highest ids seen so far.
    pub fn bases(&self) -> AutoBases {
        self.ids.bases()
    }
}

fn encode_row<'v>(
    mut reader: RowReader<'v, '_, 'v>,
    row: &mut RowScratch,
    keys: &mut KeyScratch,
    datums: &mut Vec<Datum<'v>>,
    pairs: &mut Pairs,
) -> Result<(), EncodeError> {
    let (plan, context) = (reader.plan, reader.context);
    let row_id = reader.read(row, datums)?;
    if let HandlePlan::Common(parts) = &plan.handle {
        row.build_handle(parts, keys);
    }
    let row = &*row;
    let handle = match &plan.handle {
        HandlePlan::Column(offset) => HandleRef::Int(row.view(*offset, Class::Int).number as i64),
        HandlePlan::RowId => HandleRef::Int(row_id),
        HandlePlan::Common(_) => HandleRef::Common(&row.handle),
    };
    let physical_id = match &plan.partition {
        Some(partition) => partition.locate(row, datums, keys, context)?,
        None => plan.info.id,
    };
    let out = pairs.buffer();
    out.extend_from_slice(&record_prefix(physical_id));
    match handle {
        HandleRef::Int(handle) => out.extend_from_slice(&int_bytes(handle)),
        HandleRef::Common(handle) => out.extend_from_slice(handle),
    }
    let value_start = out.len();
    row.writer.finish(out);
    pairs.push(value_start, PairKind::Record, true);
    for index in &plan.indexes {
        if let Some(condition) = &index.condition
            && !is_true(&condition.eval(datums, context)?, context)?
        {
            continue;
        }
        index.write(row, handle, plan.info.id, physical_id, keys, pairs);
    }
    Ok(())
}

/// An empty vector for datums of another lifetime, in the same memory: collecting from a vector's own
/// iterator reuses it.
fn recycle<'b>(mut datums: Vec<Datum<'_>>) -> Vec<Datum<'b>> {
    datums.clear();
    datums.into_iter().map(|_| Datum::Null).collect()
}
