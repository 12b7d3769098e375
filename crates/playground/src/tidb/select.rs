//! SELECT over one relation: filter, items, aggregates, order, limit.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;

use th_expr::{Bound, Expr};
use th_types::{Context, Datum, FieldType};
use tokio::sync::mpsc;

use crate::tidb::error::SqlError;
use crate::tidb::outcome::{Outcome, ResultColumn, ResultRow, ResultRows};
use crate::tidb::relation::{Relation, RelationColumns, integer_type};
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
                    let field_type = match (function, &argument) {
                        (Aggregate::Min | Aggregate::Max, Some(bound)) => bound.field_type().clone(),
                        (Aggregate::Sum, Some(bound)) => sum_type(bound.field_type()),
                        _ => integer_type(),
                    };
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
                state.add(output, &row, &context)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let rows = groups.into_values().map(|states| {
            outputs.iter().zip(states).map(|(output, state)| state.finish(output, &context)).collect()
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

    fn datum(&self, row: &[Datum<'static>], context: &Context) -> Result<Datum<'static>, SqlError> {
        match self {
            Output::Column { offset, .. } => Ok(row.get(*offset).cloned().unwrap_or_default()),
            Output::Computed { bound, .. } => Ok(bound.eval(row, context)?),
            Output::Aggregate { .. } => Ok(Datum::Null),
        }
    }
}

/// What an aggregate has gathered of one group; for other outputs, the first row's value.
#[derive(Default)]
struct State {
    count: u64,
    distinct: HashSet<Vec<u8>>,
    value: Option<Datum<'static>>,
    sum: f64,
    exact: i128,
}

impl State {
    fn add(&mut self, output: &Output, row: &[Datum<'static>], context: &Context) -> Result<(), SqlError> {
        let Output::Aggregate { function, argument, field_type } = output else {
            if self.value.is_none() {
                self.value = Some(output.datum(row, context)?);
            }
            return Ok(());
        };
        let datum = match argument {
            Some(bound) => bound.eval(row, context)?,
            None => Datum::Int(1),
        };
        if datum.is_null() {
            return Ok(());
        }
        self.count += 1;
        match function {
            Aggregate::Count => {}
            Aggregate::CountDistinct => {
                let of = argument.as_ref().map_or(field_type, Bound::field_type);
                self.distinct.extend(rows::text(&datum, of, context));
            }
            Aggregate::Sum => match &datum {
                Datum::Int(n) => self.exact += i128::from(*n),
                Datum::Uint(n) => self.exact += i128::from(*n),
                other => {
                    let text =
                        argument.as_ref().and_then(|bound| rows::text(other, bound.field_type(), context));
                    let text = String::from_utf8(text.unwrap_or_default()).unwrap_or_default();
                    self.sum += text.parse::<f64>().unwrap_or(0.0);
                }
            },
            Aggregate::Min | Aggregate::Max => {
                let better = self.value.as_ref().is_none_or(|best| {
                    let order = compare(&datum, best);
                    if *function == Aggregate::Min { order.is_lt() } else { order.is_gt() }
                });
                if better {
                    self.value = Some(datum);
                }
            }
        }
        Ok(())
    }

    fn finish(self, output: &Output, context: &Context) -> Option<Vec<u8>> {
        match output {
            Output::Aggregate { function: Aggregate::Count, .. } => Some(self.count.to_string().into_bytes()),
            Output::Aggregate { function: Aggregate::CountDistinct, .. } => {
                Some(self.distinct.len().to_string().into_bytes())
            }
            Output::Aggregate { function: Aggregate::Sum, argument, .. } => {
                let exact = argument.as_ref().is_some_and(|bound| bound.field_type().is_integer());
                (self.count > 0)
                    .then(|| if exact { self.exact.to_string() } else { self.sum.to_string() }.into_bytes())
            }
            _ => self.value.and_then(|value| rows::text(&value, output.field_type(), context)),
        }
    }
}

fn sum_type(argument: &FieldType) -> FieldType {
    let integer = argument.is_integer();
    let mut field_type =
        FieldType::new(if integer { th_types::tp::NEW_DECIMAL } else { th_types::tp::DOUBLE });
    field_type.flen = 65;
    field_type
}

fn holds(filter: Option<&Bound>, row: &[Datum<'static>], context: &Context) -> Result<bool, SqlError> {
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

/// An order for ORDER BY, MIN and MAX: NULL first; numbers by value; text by bytes (collations aside).
fn compare(left: &Datum<'_>, right: &Datum<'_>) -> Ordering {
    use Datum::*;
    match (left, right) {
        (Null, Null) => Ordering::Equal,
        (Null, _) => Ordering::Less,
        (_, Null) => Ordering::Greater,
        (Int(a), Int(b)) => a.cmp(b),
        (Uint(a) | Enum(a) | Set(a), Uint(b) | Enum(b) | Set(b)) => a.cmp(b),
        (Int(a), Uint(b)) => i128::from(*a).cmp(&i128::from(*b)),
        (Uint(a), Int(b)) => i128::from(*a).cmp(&i128::from(*b)),
        (Float32(a), Float32(b)) => a.total_cmp(b),
        (Float64(a), Float64(b)) => a.total_cmp(b),
        (Decimal(a), Decimal(b)) => a.cmp(b),
        (Bytes(a) | Bit(a) | Vector(a), Bytes(b) | Bit(b) | Vector(b)) => a.cmp(b),
        (Time(a), Time(b)) => a.compare(b),
        (Duration(a), Duration(b)) => a.nanos.cmp(&b.nanos),
        _ => format!("{left:?}").cmp(&format!("{right:?}")),
    }
}
