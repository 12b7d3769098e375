//! UPDATE and DELETE: the rows a condition holds for are encoded again, as they are and as they become.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use th_codec::keys::record_range;
use th_expr::Expr;
use th_types::Datum;

use crate::cluster::Cluster;
use crate::tidb::error::SqlError;
use crate::tidb::outcome::Outcome;
use crate::tidb::relation::{RelationColumn, RelationColumns};
use crate::tidb::rewrite::Rewriter;
use crate::tidb::rows;
use crate::tidb::select::holds;
use crate::tidb::session::Session;
use crate::tidb::statement::TableName;
use crate::tidb::transaction::Overlay;

/// UPDATE: `sets` are columns and the texts of their new values.
pub(crate) fn update(
    session: &mut Session,
    name: &TableName,
    sets: &[(String, String)],
    filter: Option<&str>,
) -> Result<Outcome, SqlError> {
    change(session, name, Some(sets), filter)
}

/// DELETE.
pub(crate) fn delete(
    session: &mut Session,
    name: &TableName,
    filter: Option<&str>,
) -> Result<Outcome, SqlError> {
    change(session, name, None, filter)
}

fn change(
    session: &mut Session,
    name: &TableName,
    sets: Option<&[(String, String)]>,
    filter: Option<&str>,
) -> Result<Outcome, SqlError> {
    let (cluster, context) = (Arc::clone(&session.tidb.cluster), session.context());
    let entry = session.table(name)?;
    let mut rewriter = Rewriter::new(&cluster, &context, &entry, &entry.info)?;
    let columns: Vec<RelationColumn> = rewriter
        .all_columns()
        .map(|column| RelationColumn {
            name: column.name.original.clone(),
            field_type: column.field_type.clone(),
            hidden: false,
        })
        .collect();
    let bind = |text: &str, place: &str| {
        Expr::parse(text)?.bind(&RelationColumns(&columns)).map_err(|error| match error {
            th_expr::ExprError::UnknownColumn(name) => SqlError::unknown_column(&name, place),
            other => other.into(),
        })
    };
    let filter = filter.map(|text| bind(text, "where clause")).transpose()?;
    let changed = sets
        .unwrap_or_default()
        .iter()
        .map(|(column, text)| {
            let own = rewriter.columns().iter().find(|(_, own)| own.name.lower == column.to_lowercase());
            let (at, own) = own.ok_or_else(|| SqlError::unknown_column(column, "field list"))?;
            Ok((*at, own.clone(), bind(text, "field list")?))
        })
        .collect::<Result<Vec<_>, SqlError>>()?;
    let mut overlay = session.overlay()?;
    let mut affected = 0;
    for (key, value) in rows_of(&overlay, &cluster, &entry.physical_ids())? {
        let mut row = rewriter.decode(&key, &value)?;
        if !holds(filter.as_ref(), &row, &context)? {
            continue;
        }
        let before: BTreeMap<Vec<u8>, Vec<u8>> = rewriter
            .encode(&key, &row)?
            .iter()
            .map(|pair| (pair.key.to_vec(), pair.value.to_vec()))
            .collect();
        let mut after = Vec::new();
        if sets.is_some() {
            for (at, column, bound) in &changed {
                let new = th_types::convert(bound.eval(&row, &context)?, &column.field_type, &context)?;
                if matches!(new, Datum::Null) && column.field_type.has(th_types::flag::NOT_NULL) {
                    let message = format!("Column '{}' cannot be null", column.name.original);
                    return Err(SqlError::new(1048, message));
                }
                let text = rows::text(&new, &column.field_type, &context);
                if let Some(cell) = row.get_mut(*at) {
                    *cell = text.map_or(Datum::Null, |text| Datum::Bytes(text.into()));
                }
            }
            let pairs = rewriter.encode(&key, &row)?;
            after.extend(pairs.iter().map(|pair| (pair.key.to_vec(), pair.value.to_vec(), pair.unique)));
        }
        if after.len() == before.len() && after.iter().all(|(key, value, _)| before.get(key) == Some(value)) {
            continue;
        }
        affected += 1;
        overlay.own.extend(before.into_keys().map(|key| (key, None)));
        for (key, value, unique) in after {
            if unique && overlay.get(&cluster, &key).is_some() {
                let message = format!("Duplicate entry by an UPDATE of '{}'", entry.info.name.original);
                return Err(SqlError::new(1062, message));
            }
            overlay.own.insert(key, Some(value));
        }
    }
    session.apply(overlay)?;
    Ok(Outcome::Done { affected, last_insert_id: 0, warnings: 0 })
}

/// The stored rows of physical tables: keys and values.
fn rows_of(overlay: &Overlay, cluster: &Cluster, ids: &[i64]) -> Result<Vec<(Vec<u8>, Vec<u8>)>, SqlError> {
    let mut found = Vec::new();
    for id in ids {
        overlay.scan(cluster, &record_range(*id), |key, value| {
            found.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })?;
    }
    Ok(found)
}
