//! From source values to the cells of a row.

use th_expr::Bound;
use th_row::Value;
use th_types::{Context, Datum, FieldType, TypeError, code, convert, tp};

use super::auto_id::AutoIds;
use super::column::{Auto, ColumnPlan, Origin, Stored};
use super::default::{Constant, Default};
use super::fast::FastPath;
use super::from_datum::from_datum;
use super::plan::{HandlePlan, TablePlan};
use super::scratch::RowScratch;
use super::source::Sources;
use crate::EncodeError;
use crate::cell::{Area, Class, Converted};
use crate::keys::float_from_comparable;

/// One row on its way.
pub(super) struct RowReader<'e, 'r, 'v> {
    pub(super) plan: &'e TablePlan,
    pub(super) sources: &'e Sources,
    pub(super) ids: &'e mut AutoIds,
    pub(super) context: &'e Context,
    pub(super) values: &'r [Value<'v>],
    pub(super) row_id: i64,
}

/// What stands for a column in a row.
enum Given<'c, 'v> {
    /// A value, not yet of the column's type and not NULL.
    Value(Value<'v>),
    Null,
    /// A value of the column's type.
    Constant(&'c Constant),
    /// The same, of this row alone.
    Datum(Datum<'static>),
}

impl<'e, 'v> RowReader<'e, '_, 'v>
where
    'e: 'v,
{
    /// Fills the cells and the row value; datums only of the columns that are read as such. Answers the
    /// row's `_tidb_rowid` (0 if the table has none).
    pub(super) fn read(
        &mut self,
        row: &mut RowScratch,
        datums: &mut Vec<Datum<'v>>,
    ) -> Result<i64, EncodeError> {
        let result = self.read_columns(row, datums).and_then(|()| self.read_row_id());
        result.map_err(|error| self.first_error().unwrap_or(error))
    }

    fn read_columns(&mut self, row: &mut RowScratch, datums: &mut Vec<Datum<'v>>) -> Result<(), EncodeError> {
        let plan = self.plan;
        row.clear(plan.columns.len());
        if plan.needs_row {
            self.read_datums(datums)?;
        }
        for step in &plan.steps {
            let area = if step.stored == Stored::Never { Area::Side } else { Area::Row };
            let out = row.area(area);
            let start = out.len();
            let straight = match self.sources.value(step.offset, self.values) {
                Some(value) if step.straight => step.fast.convert(&value, out),
                _ => None,
            };
            let converted = match straight {
                Some(converted) => converted,
                None => self.read_otherwise(step.offset, datums, out)?,
            };
            if step.is_read {
                row.set_cell(step.offset, converted, area, start);
                if step.is_latin1 && converted == Converted::Bytes {
                    row.mend(step.offset);
                }
            }
            match (step.stored, converted) {
                (Stored::Never, _) | (Stored::UnlessNull, Converted::Null) => {}
                (Stored::Always, Converted::Null) => row.writer.null_column(step.id),
                (_, Converted::Number(number)) => {
                    step.class.push_row_number(number, &mut row.writer.data);
                    row.writer.end_column(step.id);
                }
                (_, Converted::Bytes) => row.writer.end_column(step.id),
            }
        }
        Ok(())
    }

    /// A column that is not simply a value of the source that the straight path takes.
    fn read_otherwise(
        &mut self,
        offset: usize,
        datums: &[Datum<'v>],
        out: &mut Vec<u8>,
    ) -> Result<Converted, EncodeError> {
        let plan = self.plan;
        let column = &plan.columns[offset];
        match &column.origin {
            _ if column.needs_datum || matches!(column.origin, Origin::Changing { .. }) => {
                let datum = datums.get(offset).unwrap_or(&Datum::Null);
                from_datum(datum, column.class, &column.field_type, &self.context.zone, out)
                    .map_err(|error| self.of_column(offset, error))
            }
            Origin::Fixed(constant) => Ok(push_constant(
                constant.as_ref().map_err(|error| self.of_column(offset, error.clone()))?,
                out,
            )),
            _ => self.read_cell(offset, column, out),
        }
    }

    /// Converts one column into `out`.
    fn read_cell(
        &mut self,
        offset: usize,
        column: &'e ColumnPlan,
        out: &mut Vec<u8>,
    ) -> Result<Converted, EncodeError> {
        if let Some(value) = self.sources.value(offset, self.values)
            && let Some(converted) = column.fast.convert(&value, out)
        {
            self.remember(column, converted);
            return Ok(converted);
        }
        match self.given(offset, column)? {
            Given::Constant(constant) => Ok(push_constant(constant, out)),
            Given::Null => Ok(Converted::Null),
            Given::Datum(datum) => {
                from_datum(&datum, column.class, &column.field_type, &self.context.zone, out)
                    .map_err(|error| self.of_column(offset, error))
            }
            Given::Value(value) => {
                let start = out.len();
                let converted =
                    self.general(column, value, out).map_err(|error| self.of_column(offset, error))?;
                if converted == Converted::Null && column.not_null {
                    out.truncate(start);
                    let datum = self.for_null(offset, column)?;
                    return from_datum(&datum, column.class, &column.field_type, &self.context.zone, out)
                        .map_err(|error| self.of_column(offset, error));
                }
                self.remember(column, converted);
                Ok(converted)
            }
        }
    }

    /// A made id goes through the straight path too if it can.
    fn general(
        &self,
        column: &ColumnPlan,
        value: Value<'v>,
        out: &mut Vec<u8>,
    ) -> Result<Converted, TypeError> {
        if let Some(converted) = column.fast.convert(&value, out) {
            return Ok(converted);
        }
        let datum = convert(datum_of(value), &column.field_type, self.context)?;
        from_datum(&datum, column.class, &column.field_type, &self.context.zone, out)
    }

    /// What the row, or else the definition, gives for a column.
    fn given(&self, offset: usize, column: &'e ColumnPlan) -> Result<Given<'e, 'v>, EncodeError> {
        let value = self.sources.value(offset, self.values);
        match (value, column.auto) {
            (Some(Value::Null), _) if !column.not_null => Ok(Given::Null),
            (None | Some(Value::Null), Auto::Increment) => Ok(Given::Value(Value::Int(self.row_id))),
            (None | Some(Value::Null), Auto::Random) => self.random_id(offset, column).map(Given::Value),
            (Some(Value::Null), Auto::None) => self.zero(offset, column).map(Given::Constant),
            (Some(value), _) => Ok(Given::Value(value)),
            (None, Auto::None) => match &column.default {
                Ok(Default::Fixed(constant)) => Ok(Given::Constant(constant)),
                Ok(Default::Random(expression)) => self.random_default(offset, column, expression),
                Err(error) => Err(self.of_column(offset, error.clone())),
            },
        }
    }

    /// What `UUID()` and its kind give this row: a function of the import's moment, the table, the row and the
    /// column, so that whoever encodes the row again gets the same.
    fn random_default(
        &self,
        offset: usize,
        column: &ColumnPlan,
        expression: &Bound,
    ) -> Result<Given<'e, 'v>, EncodeError> {
        let mut context = self.context.clone();
        for part in [self.context.now_micros, self.plan.info.id, self.row_id, offset as i64] {
            context.random = context.random_bits(0) ^ part as u64;
        }
        expression
            .eval(&[], &context)
            .and_then(|datum| convert(datum, &column.field_type, &context))
            .map(Given::Datum)
            .map_err(|error| self.of_column(offset, error))
    }

    /// A generated AUTO_RANDOM id; error 1467 where its bits are used up.
    fn random_id(&self, offset: usize, column: &ColumnPlan) -> Result<Value<'v>, EncodeError> {
        let id = self.ids.auto_random(self.row_id).ok_or_else(|| {
            let message = format!("AUTO_RANDOM of `{}` has no bits for the id {}", column.name, self.row_id);
            self.of_column(offset, TypeError::new(code::AUTO_ID_EXHAUSTED, message))
        })?;
        Ok(if column.field_type.is_unsigned() { Value::Uint(id as u64) } else { Value::Int(id) })
    }

    /// For NULL in a NOT NULL column: error 1048, or the type's zero when the SQL mode is not strict.
    fn zero(&self, offset: usize, column: &'e ColumnPlan) -> Result<&'e Constant, EncodeError> {
        column.zero.as_ref().ok_or_else(|| {
            let message = format!("column `{}` cannot be null", column.name);
            self.of_column(offset, TypeError::new(code::BAD_NULL, message))
        })
    }

    /// The same for a value that became NULL by its conversion.
    fn for_null(&self, offset: usize, column: &'e ColumnPlan) -> Result<Datum<'v>, EncodeError> {
        let id = match column.auto {
            Auto::Increment => Value::Int(self.row_id),
            Auto::Random => self.random_id(offset, column)?,
            Auto::None => return Ok(self.zero(offset, column)?.datum.clone()),
        };
        convert(datum_of(id), &column.field_type, self.context).map_err(|error| self.of_column(offset, error))
    }

    /// Notes the highest ids, as TiDB's allocators are moved while a row is converted.
    #[inline]
    fn remember(&mut self, column: &ColumnPlan, converted: Converted) {
        let (Converted::Number(number), true) = (converted, column.auto != Auto::None) else { return };
        let id = match column.class {
            Class::Float => float_from_comparable(number).round() as i64,
            _ => number as i64,
        };
        match column.auto {
            Auto::Increment => self.ids.saw_auto_increment(id),
            Auto::Random => self.ids.saw_auto_random(id),
            Auto::None => {}
        }
    }

    /// The columns that expressions read, then the generated ones in their order.
    fn read_datums(&mut self, datums: &mut Vec<Datum<'v>>) -> Result<(), EncodeError> {
        datums.clear();
        for (offset, column) in self.plan.columns.iter().enumerate() {
            let datum = if column.needs_datum { self.read_datum(offset, column)? } else { Datum::Null };
            datums.push(datum);
        }
        self.generate(datums)
    }

    fn read_datum(&mut self, offset: usize, column: &'e ColumnPlan) -> Result<Datum<'v>, EncodeError> {
        match &column.origin {
            Origin::Fixed(Ok(constant)) => return Ok(constant.datum.clone()),
            Origin::Fixed(Err(error)) => return Err(self.of_column(offset, error.clone())),
            Origin::Row => {}
            Origin::Generated(_) | Origin::Changing { .. } | Origin::Unwritten => return Ok(Datum::Null),
        }
        let datum = match self.given(offset, column)? {
            Given::Constant(constant) => return Ok(constant.datum.clone()),
            Given::Datum(datum) => return Ok(datum),
            Given::Null => return Ok(Datum::Null),
            Given::Value(value) => convert(datum_of(value), &column.field_type, self.context)
                .map_err(|error| self.of_column(offset, error))?,
        };
        let datum = if datum.is_null() && column.not_null { self.for_null(offset, column)? } else { datum };
        if column.auto != Auto::None {
            let mut bytes = Vec::new();
            let converted =
                from_datum(&datum, column.class, &column.field_type, &self.context.zone, &mut bytes)?;
            self.remember(column, converted);
        }
        Ok(datum)
    }

    /// Generated columns in the order of their offsets, and columns whose type is being changed.
    fn generate(&self, datums: &mut [Datum<'v>]) -> Result<(), EncodeError> {
        for &offset in &self.plan.generated {
            let column = &self.plan.columns[offset];
            let Origin::Generated(expression) = &column.origin else { continue };
            let value = expression.bound.eval(datums, self.context).and_then(|value| match value {
                Datum::Json(_) if column.field_type.array => Ok(value),
                value => convert(value, &column.field_type, self.context),
            });
            let value = value.map_err(|error| self.of_column(offset, error))?;
            if let Some(place) = datums.get_mut(offset) {
                *place = value;
            }
        }
        for (offset, column) in self.plan.columns.iter().enumerate() {
            let Origin::Changing { from } = column.origin else { continue };
            let value = datums.get(from).cloned().unwrap_or_default();
            let value = convert(value, &column.field_type, self.context)
                .map_err(|error| self.of_column(offset, error))?;
            if let Some(place) = datums.get_mut(offset) {
                *place = value;
            }
        }
        Ok(())
    }

    fn read_row_id(&mut self) -> Result<i64, EncodeError> {
        if !matches!(self.plan.handle, HandlePlan::RowId) {
            return Ok(0);
        }
        let Some(value) = self.sources.row_id(self.values) else {
            self.ids.saw_row_id(self.row_id);
            return Ok(self.ids.sharded_row_id(self.row_id));
        };
        const BIGINT: FastPath = FastPath::Int { min: i64::MIN, max: i64::MAX };
        let given = match BIGINT.convert(&value, &mut Vec::new()) {
            Some(Converted::Number(number)) => number as i64,
            _ => match convert(datum_of(value), &FieldType::new(tp::LONGLONG), self.context) {
                Ok(Datum::Int(number)) => number,
                Ok(_) => 0,
                Err(error) => {
                    return Err(EncodeError::of_column(error, "_tidb_rowid", self.sources.row_id_number()));
                }
            },
        };
        self.ids.saw_row_id(given);
        Ok(given)
    }

    /// The error that TiDB would report: of the first column, in the table's order, that has one.
    ///
    /// Columns are converted in the order of their ids, and those that expressions read before others.
    /// An error is rare, so the row is simply converted again.
    fn first_error(&mut self) -> Option<EncodeError> {
        let mut datums: Vec<Datum<'v>> = Vec::with_capacity(self.plan.columns.len());
        for (offset, column) in self.plan.columns.iter().enumerate() {
            match self.read_datum(offset, column) {
                Ok(datum) => datums.push(datum),
                Err(error) => return Some(error),
            }
        }
        self.read_row_id().and_then(|_| self.generate(&mut datums)).err()
    }

    fn of_column(&self, offset: usize, error: TypeError) -> EncodeError {
        let name = self.plan.columns.get(offset).map_or("", |column| column.name.as_str());
        EncodeError::of_column(error, name, self.sources.number(offset))
    }
}

fn push_constant(constant: &Constant, out: &mut Vec<u8>) -> Converted {
    out.extend_from_slice(&constant.bytes);
    constant.converted
}

/// A source value as a datum; a missing one counts as NULL.
fn datum_of(value: Value<'_>) -> Datum<'_> {
    match value {
        Value::Null | Value::Default => Datum::Null,
        Value::Int(number) => Datum::Int(number),
        Value::Uint(number) => Datum::Uint(number),
        Value::Float32(number) => Datum::Float32(number),
        Value::Float64(number) => Datum::Float64(number),
        Value::Text(text) => Datum::Bytes(text.into()),
        Value::Binary(bytes) => Datum::Bit(bytes.into()),
    }
}

/// Whether a condition holds: a number above zero.
pub(super) fn is_true(value: &Datum<'_>, context: &Context) -> Result<bool, TypeError> {
    Ok(match value {
        Datum::Null => false,
        Datum::Int(number) => *number > 0,
        Datum::Uint(number) => *number > 0,
        other => {
            matches!(convert(other.clone(), &FieldType::new(tp::LONGLONG), context)?, Datum::Int(number) if number > 0)
        }
    })
}
