//! SELECT over one relation: filter, items, aggregates, order, limit.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use th_expr::{Bound, Expr};
use th_types::{Context, Datum, FieldType};
use tokio::sync::mpsc;

use crate::tidb::aggregate::{State, compare, result_type};
use crate::tidb::error::SqlError;
use crate::tidb::outcome::{Outcome, ResultColumn, ResultRow, ResultRows};
use crate::tidb::relation::{Relation, RelationColumns};
use crate::tidb::rows;
use crate::tidb::statement::{Aggregate, Item, Select};

/// Rows that wait for the client before reading goes on.
const STREAM_ROWS: usize = 256;

/// One output column.
enum Output {
    Column { offset: usize, field_type: FieldType },
    Computed { bound: Bound, field_type: FieldType },
    Aggregate { function: Aggregate, argument: Option<Bound>, field_type: FieldType },
}

/// A SELECT that is ready to run.
pub(crate) struct Plan {
    relation: Relation,
    outputs: Vec<Output>,
    columns: Vec<ResultColumn>,
    filter: Option<Bound>,
    order_by: Vec<(OrderKey, bool)>,
    group_by: Vec<Bound>,
    distinct: bool,
    aggregated: bool,
    offset: u64,
    limit: Option<u64>,
    context: Context,
}

enum OrderKey {
    Output(usize),
    Bound(Bound),
}

fn bind(text: &str, relation: &Relation, place: &str) -> Result<Bound, SqlError> {
    Expr::parse(text)?.bind(&RelationColumns(&relation.columns)).map_err(|error| match error {
        th_expr::ExprError::UnknownColumn(name) => SqlError::unknown_column(&name, place),
        other => other.into(),
    })
}

impl Plan {
    /// Binds a SELECT to what it reads.
    pub(crate) fn new(select: &Select, relation: Relation, context: Context) -> Result<Self, SqlError> {
        let mut outputs = Vec::new();
        let mut columns = Vec::new();
        for item in &select.items {
            match item {
                Item::Star => {
                    for (offset, column) in
                        relation.columns.iter().enumerate().filter(|(_, column)| !column.hidden)
                    {
                        let field_type = column.field_type.clone();
                        columns
                            .push(ResultColumn { name: column.name.clone(), wire: rows::wire(&field_type) });
                        outputs.push(Output::Column { offset, field_type });
                    }
                }
                Item::Aggregate { function, argument, name } => {
                    let argument =
                        argument.as_ref().map(|text| bind(text, &relation, "field list")).transpose()?;
                    let field_type = result_type(*function, argument.as_ref().map(Bound::field_type));
                    columns.push(ResultColumn { name: name.clone(), wire: rows::wire(&field_type) });
                    outputs.push(Output::Aggregate { function: *function, argument, field_type });
                }
                Item::Expression { text, name } => {
                    let bound = bind(text, &relation, "field list")?;
                    let mut name = name.clone();
                    // A plain column keeps its own type, which says more than the expression's.
                    let plain = relation
                        .columns
                        .iter()
                        .enumerate()
                        .find(|(_, column)| column.name.eq_ignore_ascii_case(text.trim_matches('`')));
                    let output = match plain {
                        Some((offset, column)) => {
                            if name.eq_ignore_ascii_case(&column.name) {
                                name.clone_from(&column.name);
                            }
                            Output::Column { offset, field_type: column.field_type.clone() }
                        }
                        None => Output::Computed { field_type: bound.field_type().clone(), bound },
                    };
                    columns.push(ResultColumn { name, wire: rows::wire(output.field_type()) });
                    outputs.push(output);
                }
            }
        }
        let aggregated = !select.group_by.is_empty()
            || outputs.iter().any(|output| matches!(output, Output::Aggregate { .. }));
        let order_by = select
            .order_by
            .iter()
            .map(|(text, descending)| {
                let by_name = columns
                    .iter()
                    .position(|column| column.name.eq_ignore_ascii_case(text.trim_matches('`')));
                let by_number =
                    text.parse::<usize>().ok().filter(|number| (1..=columns.len()).contains(number));
                let key = match by_number.map(|number| number - 1).or(by_name) {
                    Some(output) => OrderKey::Output(output),
                    None => OrderKey::Bound(bind(text, &relation, "order clause")?),
                };
                Ok((key, *descending))
            })
            .collect::<Result<Vec<_>, SqlError>>()?;
        let filter = select.filter.as_ref().map(|text| bind(text, &relation, "where clause")).transpose()?;
        let group_by = select
            .group_by
            .iter()
            .map(|text| bind(text, &relation, "group statement"))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            relation,
            outputs,
            columns,
            filter,
            order_by,
            group_by,
            distinct: select.distinct,
            aggregated,
            offset: select.offset,
            limit: select.limit,
            context,
        })
    }

    /// Runs it on a blocking thread; rows stream where nothing has to be collected first.
    pub(crate) async fn run(mut self) -> Result<Outcome, SqlError> {
        let columns = std::mem::take(&mut self.columns);
        if !self.aggregated && self.order_by.is_empty() && !self.distinct {
            let (sender, receiver) = mpsc::channel(STREAM_ROWS);
            tokio::task::spawn_blocking(move || {
                let errors = sender.clone();
                if let Err(error) = self.stream(|row| sender.blocking_send(Ok(row)).is_ok()) {
                    let _ = errors.blocking_send(Err(error));
                }
            });
            return Ok(Outcome::Rows { columns, rows: ResultRows::Stream(receiver) });
        }
        let rows =
            tokio::task::spawn_blocking(
                move || if self.aggregated { self.aggregate() } else { self.sorted() },
            )
            .await
            .map_err(SqlError::unknown)??;
        Ok(Outcome::Rows { columns, rows: ResultRows::Ready(rows) })
    }

    fn stream(self, mut send: impl FnMut(ResultRow) -> bool) -> Result<(), SqlError> {
        let Plan { relation, outputs, filter, context, mut offset, limit, .. } = self;
        let mut left = limit.unwrap_or(u64::MAX);
        if left == 0 {
            return Ok(());
        }
        (relation.scan)(&mut |row| {
            if !holds(filter.as_ref(), &row, &context)? {
                return Ok(ControlFlow::Continue(()));
            }
            if offset > 0 {
                offset -= 1;
                return Ok(ControlFlow::Continue(()));
            }
            left -= 1;
            let sent = send(project(&outputs, &row, &context)?);
            Ok(if sent && left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })
    }

    fn sorted(self) -> Result<Vec<ResultRow>, SqlError> {
        let Plan { relation, outputs, filter, context, order_by, distinct, offset, limit, .. } = self;
        let mut seen = HashSet::new();
        let mut rows: Vec<(Vec<Datum<'static>>, ResultRow)> = Vec::new();
        (relation.scan)(&mut |row| {
            if holds(filter.as_ref(), &row, &context)? {
                let mut keys = Vec::with_capacity(order_by.len());
                for (key, _) in &order_by {
                    keys.push(match key {
                        OrderKey::Bound(bound) => bound.eval(&row, &context)?,
                        OrderKey::Output(output) => match outputs.get(*output) {
                            Some(output) => output.datum(&row, &context)?,
                            None => Datum::Null,
                        },
                    });
                }
                let projected = project(&outputs, &row, &context)?;
                if !distinct || seen.insert(projected.clone()) {
                    rows.push((keys, projected));
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        rows.sort_by(|(left, _), (right, _)| {
            left.iter()
                .zip(right)
                .zip(&order_by)
                .map(|((a, b), (_, descending))| if *descending { compare(b, a) } else { compare(a, b) })
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        });
        Ok(cut(rows.into_iter().map(|(_, row)| row), offset, limit))
    }

    fn aggregate(self) -> Result<Vec<ResultRow>, SqlError> {
        let Plan { mut relation, outputs, filter, context, group_by, offset, limit, .. } = self;
        if filter.is_none()
            && group_by.is_empty()
            && outputs.iter().all(Output::counts_rows)
            && let Some(count) = relation.count.take()
        {
            let rows = count()?.to_string().into_bytes();
            return Ok(cut(std::iter::once(vec![Some(rows); outputs.len()]), offset, limit));
        }
        let mut groups: BTreeMap<Vec<Option<Vec<u8>>>, Vec<State>> = BTreeMap::new();
        let fresh = || outputs.iter().map(|_| State::default()).collect::<Vec<_>>();
        if group_by.is_empty() {
            groups.insert(Vec::new(), fresh());
        }
        (relation.scan)(&mut |row| {
            if !holds(filter.as_ref(), &row, &context)? {
                return Ok(ControlFlow::Continue(()));
            }
            let mut key = Vec::with_capacity(group_by.len());
            for bound in &group_by {
                key.push(rows::text(&bound.eval(&row, &context)?, bound.field_type(), &context));
            }
            let states = groups.entry(key).or_insert_with(fresh);
            for (output, state) in outputs.iter().zip(states) {
                output.gather(state, &row, &context)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let rows = groups.into_values().map(|states| {
            outputs.iter().zip(states).map(|(output, state)| output.finish(state, &context)).collect()
        });
        Ok(cut(rows, offset, limit))
    }
}

impl Output {
    fn field_type(&self) -> &FieldType {
        match self {
            Output::Column { field_type, .. }
            | Output::Computed { field_type, .. }
            | Output::Aggregate { field_type, .. } => field_type,
        }
    }

    /// Whether this is `COUNT(*)`.
    fn counts_rows(&self) -> bool {
        matches!(self, Output::Aggregate { function: Aggregate::Count, argument: None, .. })
    }

    /// Takes a row into a group: its value into the aggregate, or, elsewhere, the group's first value.
    fn gather(&self, state: &mut State, row: &[Datum<'static>], context: &Context) -> Result<(), SqlError> {
        match self {
            Output::Aggregate { function, argument: Some(bound), .. } => {
                state.add(*function, bound.eval(row, context)?, bound.field_type(), context);
                Ok(())
            }
            Output::Aggregate { function, argument: None, field_type } => {
                state.add(*function, Datum::Int(1), field_type, context);
                Ok(())
            }
            _ => state.keep_first(|| self.datum(row, context)),
        }
    }

    fn finish(&self, state: State, context: &Context) -> Option<Vec<u8>> {
        let function = match self {
            Output::Aggregate { function, .. } => Some(*function),
            _ => None,
        };
        state.finish(function, self.field_type(), context)
    }

    fn datum(&self, row: &[Datum<'static>], context: &Context) -> Result<Datum<'static>, SqlError> {
        match self {
            Output::Column { offset, .. } => Ok(row.get(*offset).cloned().unwrap_or_default()),
            Output::Computed { bound, .. } => Ok(bound.eval(row, context)?),
            Output::Aggregate { .. } => Ok(Datum::Null),
        }
    }
}

/// Whether a condition holds for a row.
pub(crate) fn holds(
    filter: Option<&Bound>,
    row: &[Datum<'static>],
    context: &Context,
) -> Result<bool, SqlError> {
    filter.map_or(Ok(true), |bound| Ok(bound.holds(row, context)?))
}

fn project(outputs: &[Output], row: &[Datum<'static>], context: &Context) -> Result<ResultRow, SqlError> {
    outputs
        .iter()
        .map(|output| Ok(rows::text(&output.datum(row, context)?, output.field_type(), context)))
        .collect()
}

fn cut(rows: impl Iterator<Item = ResultRow>, offset: u64, limit: Option<u64>) -> Vec<ResultRow> {
    let bound = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    rows.skip(bound(offset)).take(limit.map_or(usize::MAX, bound)).collect()
}
