//! One column of a row group: decoded by batches, handed out value by value.

use std::sync::Arc;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType, FixedLenByteArray, Int96};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

use super::kind::Kind;
use super::object::ObjectRange;
use super::text::{self, Zone};
use crate::fields::{Field, ParsedRow, Span};

/// A reader and the values of its last batch, without the NULLs.
struct Values<T: DataType> {
    reader: ColumnReaderImpl<T>,
    values: Vec<T::T>,
}

impl<T: DataType> Values<T> {
    fn new(reader: ColumnReaderImpl<T>) -> Self {
        Self { reader, values: Vec::new() }
    }

    fn read(&mut self, rows: usize, levels: &mut Vec<i16>) -> Result<usize> {
        self.values.clear();
        let mut read = 0;
        // A call may end at a page's end.
        while read < rows {
            let (records, _, _) =
                self.reader.read_records(rows - read, Some(levels), None, &mut self.values)?;
            if records == 0 {
                break;
            }
            read += records;
        }
        Ok(read)
    }
}

enum Typed {
    Bool(Values<parquet::data_type::BoolType>),
    Int32(Values<parquet::data_type::Int32Type>),
    Int64(Values<parquet::data_type::Int64Type>),
    Int96(Values<parquet::data_type::Int96Type>),
    Float(Values<parquet::data_type::FloatType>),
    Double(Values<parquet::data_type::DoubleType>),
    Bytes(Values<parquet::data_type::ByteArrayType>),
    Fixed(Values<parquet::data_type::FixedLenByteArrayType>),
}

/// A column of the open row group.
pub(super) struct Column {
    name: String,
    kind: Kind,
    typed: Typed,
    /// Whether values can be NULL; then `levels` says which are there.
    optional: bool,
    levels: Vec<i16>,
    /// The next value of the batch.
    at: usize,
}

impl Column {
    /// Opens a column chunk.
    pub(super) fn open(
        chunk: &ColumnChunkMetaData,
        kind: Kind,
        range: Arc<ObjectRange>,
        rows: usize,
    ) -> Result<Self> {
        let descriptor = chunk.column_descr_ptr();
        let pages = SerializedPageReader::new(range, chunk, rows, None)?;
        let optional = descriptor.max_def_level() > 0;
        let name = descriptor.name().to_owned();
        let typed = match get_column_reader(descriptor, Box::new(pages)) {
            ColumnReader::BoolColumnReader(reader) => Typed::Bool(Values::new(reader)),
            ColumnReader::Int32ColumnReader(reader) => Typed::Int32(Values::new(reader)),
            ColumnReader::Int64ColumnReader(reader) => Typed::Int64(Values::new(reader)),
            ColumnReader::Int96ColumnReader(reader) => Typed::Int96(Values::new(reader)),
            ColumnReader::FloatColumnReader(reader) => Typed::Float(Values::new(reader)),
            ColumnReader::DoubleColumnReader(reader) => Typed::Double(Values::new(reader)),
            ColumnReader::ByteArrayColumnReader(reader) => Typed::Bytes(Values::new(reader)),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => Typed::Fixed(Values::new(reader)),
        };
        Ok(Self { name, kind, typed, optional, levels: Vec::new(), at: 0 })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Decodes the next `rows` rows.
    pub(super) fn read(&mut self, rows: usize) -> Result<()> {
        self.levels.clear();
        self.at = 0;
        let levels = &mut self.levels;
        let read = match &mut self.typed {
            Typed::Bool(values) => values.read(rows, levels),
            Typed::Int32(values) => values.read(rows, levels),
            Typed::Int64(values) => values.read(rows, levels),
            Typed::Int96(values) => values.read(rows, levels),
            Typed::Float(values) => values.read(rows, levels),
            Typed::Double(values) => values.read(rows, levels),
            Typed::Bytes(values) => values.read(rows, levels),
            Typed::Fixed(values) => values.read(rows, levels),
        }?;
        if read < rows {
            return Err(ParquetError::General(format!(
                "column `{}` has {} rows less than its row group",
                self.name,
                rows - read
            )));
        }
        Ok(())
    }

    /// Appends the value of row `index` of the batch. Rows are taken in order, each once.
    pub(super) fn push(
        &mut self,
        index: usize,
        zone: &Zone,
        row: &mut ParsedRow,
    ) -> std::result::Result<(), String> {
        if self.optional && self.levels.get(index).copied().unwrap_or(0) == 0 {
            row.fields.push(Field::Null);
            return Ok(());
        }
        let at = self.at;
        self.at += 1;
        let missing = || "a value is missing".to_owned();
        match &self.typed {
            Typed::Bool(column) => {
                row.fields.push(Field::Uint(u64::from(*column.values.get(at).ok_or_else(missing)?)));
            }
            Typed::Int32(column) => {
                let value = *column.values.get(at).ok_or_else(missing)?;
                if self.kind == Kind::Unsigned {
                    row.fields.push(Field::Uint(u64::from(value as u32)));
                } else {
                    integer(self.kind, i64::from(value), zone, row)?;
                }
            }
            Typed::Int64(column) => {
                let value = *column.values.get(at).ok_or_else(missing)?;
                if self.kind == Kind::Unsigned {
                    row.fields.push(Field::Uint(value as u64));
                } else {
                    integer(self.kind, value, zone, row)?;
                }
            }
            Typed::Int96(column) => {
                let value: &Int96 = column.values.get(at).ok_or_else(missing)?;
                let [low, high, day] = *value.data() else { return Err(missing()) };
                let nanos = u64::from(high) << 32 | u64::from(low);
                scratch(row, |out| text::int96(day, nanos, zone, out))?;
            }
            Typed::Float(column) => {
                row.fields.push(Field::Float32(*column.values.get(at).ok_or_else(missing)?))
            }
            Typed::Double(column) => {
                row.fields.push(Field::Float64(*column.values.get(at).ok_or_else(missing)?))
            }
            Typed::Bytes(column) => {
                let value: &ByteArray = column.values.get(at).ok_or_else(missing)?;
                bytes(self.kind, value.data(), row)?;
            }
            Typed::Fixed(column) => {
                let value: &FixedLenByteArray = column.values.get(at).ok_or_else(missing)?;
                bytes(self.kind, value.data(), row)?;
            }
        }
        Ok(())
    }
}

/// Appends a text that `write` writes.
fn scratch(
    row: &mut ParsedRow,
    write: impl FnOnce(&mut Vec<u8>) -> std::result::Result<(), String>,
) -> std::result::Result<(), String> {
    let start = row.scratch.len();
    write(&mut row.scratch)?;
    row.fields.push(Field::ScratchText(Span::new(start, row.scratch.len())));
    Ok(())
}

fn integer(kind: Kind, value: i64, zone: &Zone, row: &mut ParsedRow) -> std::result::Result<(), String> {
    match kind {
        Kind::Decimal(scale) => scratch(row, |out| {
            text::decimal(&value.to_be_bytes(), scale, out);
            Ok(())
        }),
        Kind::Date => scratch(row, |out| text::date(value, out)),
        Kind::Time(digits) => scratch(row, |out| text::time(value, digits, out)),
        Kind::Timestamp { digits, utc } => {
            scratch(row, |out| text::timestamp(value, digits, utc.then_some(zone), out))
        }
        _ => {
            row.fields.push(Field::Int(value));
            Ok(())
        }
    }
}

fn bytes(kind: Kind, value: &[u8], row: &mut ParsedRow) -> std::result::Result<(), String> {
    match kind {
        Kind::Decimal(scale) => scratch(row, |out| {
            text::decimal(value, scale, out);
            Ok(())
        }),
        Kind::Float16 => {
            let [low, high] = *value else { return Err("a half-precision float has two bytes".to_owned()) };
            row.fields.push(Field::Float32(text::half(u16::from_le_bytes([low, high]))));
            Ok(())
        }
        _ => scratch(row, |out| {
            out.extend_from_slice(value);
            Ok(())
        }),
    }
}
