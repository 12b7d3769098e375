//! Tables' rows out of the stores, through the decoder.

use std::ops::ControlFlow;
use std::sync::Arc;

use th_codec::decode::{RowDecoder, datum_text};
use th_codec::keys;
use th_schema::Table;
use th_sst::memcomparable;
use th_types::{Context, Datum, FieldType, tp};

use crate::cluster::Cluster;
use crate::regions::Region;
use crate::tidb::catalog::Entry;
use crate::tidb::error::SqlError;
use crate::tidb::outcome::Wire;
use crate::tidb::relation::{Relation, RelationColumn, integer_type};
use crate::tidb::transaction::{self, Changes};
use crate::tikv::mvcc::{self, ReadError};
use crate::tikv::store::StoreNode;

/// What TiDB says of a row value in no known format.
const UNKNOWN_ROW_FORMAT: &str = "[components/tidb_query_executors/src/table_scan_executor.rs:226]: Unable to decode row: column id must be VAR_INT";
/// First byte of a row value of version 2.
const ROW_V2: u8 = 0x80;

impl From<ReadError> for SqlError {
    fn from(error: ReadError) -> Self {
        SqlError::unknown(error)
    }
}

/// Regions (with the store that leads each) that cover `[start, end)` of user keys, each cut to it.
pub(crate) fn pieces(cluster: &Cluster, start: &[u8], end: &[u8]) -> Vec<(Arc<StoreNode>, Vec<u8>, Vec<u8>)> {
    let (start, end) =
        (memcomparable::encode(start), if end.is_empty() { Vec::new() } else { memcomparable::encode(end) });
    let regions = cluster.regions();
    let cut = |region: &Region| {
        let store = cluster.store(region.leader_store)?;
        let low = region.start.clone().max(start.clone());
        let high = match (region.end.is_empty(), end.is_empty()) {
            (true, _) => end.clone(),
            (false, true) => region.end.clone(),
            (false, false) => region.end.clone().min(end.clone()),
        };
        Some((Arc::clone(store), low, high))
    };
    regions.scan(&start, &end, 0).into_iter().filter_map(cut).collect()
}

/// Visits the pairs of `[start, end)` (user keys) at a timestamp, in order.
pub(crate) fn scan_pairs(
    cluster: &Cluster,
    (start, end): &(Vec<u8>, Vec<u8>),
    read_ts: u64,
    mut visit: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
) -> Result<(), SqlError> {
    for (store, low, high) in pieces(cluster, start, end) {
        let mut broken = false;
        mvcc::scan(&store, &low, &high, read_ts, |key, value| {
            let flow = visit(key, value);
            broken |= flow.is_break();
            flow
        })?;
        if broken {
            break;
        }
    }
    Ok(())
}

/// A table as a relation, at a timestamp, under the reader's own uncommitted changes.
pub(crate) fn relation(
    cluster: Arc<Cluster>,
    entry: &Entry,
    physical_ids: Vec<i64>,
    read_ts: u64,
    changes: Arc<Changes>,
    context: Context,
) -> Result<Relation, SqlError> {
    let table = Arc::new(Table::new(entry.db.clone(), entry.info.clone())?);
    let decoder = RowDecoder::new(table).map_err(SqlError::unknown)?;
    let mut columns: Vec<RelationColumn> = decoder
        .columns()
        .map(|column| RelationColumn {
            name: column.name.original.clone(),
            field_type: column.field_type.clone(),
            hidden: false,
        })
        .collect();
    let row_id = entry.has_implicit_row_id();
    if row_id {
        columns.push(RelationColumn { name: "_tidb_rowid".into(), field_type: integer_type(), hidden: true });
    }
    let (counted, counted_ids, counted_changes) =
        (Arc::clone(&cluster), physical_ids.clone(), Arc::clone(&changes));
    let count = Box::new(move || {
        let mut rows = 0;
        for id in counted_ids {
            transaction::scan(&counted, &keys::record_range(id), read_ts, &counted_changes, |_, _| {
                rows += 1;
                ControlFlow::Continue(())
            })?;
        }
        Ok(rows)
    });
    let scan =
        Box::new(move |visit: &mut crate::tidb::relation::RowVisitor<'_>| {
            for id in physical_ids {
                let mut failed = None;
                let mut broken = false;
                transaction::scan(&cluster, &keys::record_range(id), read_ts, &changes, |key, value| {
                    match decode(&decoder, key, value, &context, row_id).and_then(&mut *visit) {
                        Ok(flow) => {
                            broken |= flow.is_break();
                            flow
                        }
                        Err(error) => {
                            failed = Some(error);
                            ControlFlow::Break(())
                        }
                    }
                })?;
                if let Some(error) = failed {
                    return Err(error);
                }
                if broken {
                    break;
                }
            }
            Ok(())
        });
    Ok(Relation { columns, scan, count: Some(count) })
}

fn decode(
    decoder: &RowDecoder,
    key: &[u8],
    value: &[u8],
    context: &Context,
    row_id: bool,
) -> Result<Vec<Datum<'static>>, SqlError> {
    if value.first() != Some(&ROW_V2) {
        return Err(SqlError::unknown(UNKNOWN_ROW_FORMAT));
    }
    let mut row = decoder
        .decode_row(key, value, context)
        .map_err(|error| SqlError::unknown(format!("Unable to decode row: {error}")))?;
    if row_id {
        let handle = key.last_chunk::<8>().map(|bytes| keys::int_from_bytes(*bytes));
        row.push(handle.map_or(Datum::Null, Datum::Int));
    }
    Ok(row)
}

/// A datum as a client sees it.
pub(crate) fn text(datum: &Datum<'_>, field_type: &FieldType, context: &Context) -> Option<Vec<u8>> {
    datum_text(datum, field_type, &context.zone)
}

/// How a column of this type travels.
pub(crate) fn wire(field_type: &FieldType) -> Wire {
    match field_type.tp {
        _ if field_type.is_integer() && field_type.is_unsigned() => Wire::Uint,
        _ if field_type.is_integer() => Wire::Int,
        tp::YEAR => Wire::Int,
        tp::FLOAT | tp::DOUBLE => Wire::Double,
        tp::NEW_DECIMAL => Wire::Decimal,
        tp::BIT | tp::GEOMETRY => Wire::Bytes,
        _ if field_type.is_binary_string() => Wire::Bytes,
        _ => Wire::Text,
    }
}
