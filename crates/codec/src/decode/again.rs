//! Rows that a table holds, encoded again: from a record to all pairs of its row.

use std::sync::Arc;

use th_row::Value;
use th_schema::{ColumnInfo, Table};
use th_types::{Context, Datum, SqlMode};

use super::table::RowDecoder;
use super::text::text_of;
use crate::keys::{Handle, KeyParts, decode_key};
use crate::{DecodeError, Encoder, EncoderOptions, Pairs, PlanError};

/// Finds the pairs of rows by their records.
pub struct StoredRows {
    decoder: RowDecoder,
    encoder: Encoder,
    context: Context,
    /// Columns that are given to the encoder: position among the decoder's, definition.
    columns: Vec<(usize, ColumnInfo)>,
    with_row_id: bool,
}

impl StoredRows {
    /// Compiles a table.
    pub fn new(table: Arc<Table>, mut options: EncoderOptions) -> Result<Self, PlanError> {
        // What is stored was let in once, by whatever mode.
        options.context.mode = SqlMode::parse("ALLOW_INVALID_DATES").unwrap_or_default();
        let (context, info) = (options.context.clone(), &table.info);
        let with_row_id = !info.pk_is_handle && !info.is_common_handle;
        let decoder = RowDecoder::new(Arc::clone(&table))?;
        let columns: Vec<(usize, ColumnInfo)> = decoder
            .columns()
            .enumerate()
            .filter(|(_, column)| !column.is_generated())
            .map(|(at, column)| (at, column.clone()))
            .collect();
        let mut names: Vec<String> = columns.iter().map(|(_, column)| column.name.lower.clone()).collect();
        if with_row_id {
            names.push("_tidb_rowid".to_owned());
        }
        let mut encoder = Encoder::new(Arc::clone(&table), options)?;
        encoder.set_columns(Some(&names), &[]).map_err(|error| PlanError::Unsupported {
            table: info.name.original.clone(),
            what: error.to_string(),
        })?;
        Ok(Self { decoder, encoder, context, columns, with_row_id })
    }

    /// All pairs of the row with this record.
    pub fn pairs(&mut self, key: &[u8], value: &[u8]) -> Result<&Pairs, DecodeError> {
        let row = self.decoder.decode_row(key, value, &self.context)?;
        let texts: Vec<Option<Vec<u8>>> = self
            .columns
            .iter()
            .map(|(at, column)| row.get(*at).and_then(|datum| text_of(datum, &column.field_type)))
            .collect();
        let mut values: Vec<Value<'_>> = self
            .columns
            .iter()
            .zip(&texts)
            .map(|((at, _), text)| match (row.get(*at), text) {
                // By number, also where that is no member any more.
                (Some(Datum::Enum(number) | Datum::Set(number)), _) => Value::Uint(*number),
                (_, Some(text)) => Value::Text(text),
                (_, None) => Value::Null,
            })
            .collect();
        let handle = match decode_key(key)? {
            KeyParts::Record { handle: Handle::Int(handle), .. } => handle,
            _ => 0,
        };
        if self.with_row_id {
            values.push(Value::Int(handle));
        }
        self.encoder
            .encode(&values, handle)
            .map_err(|error| DecodeError::Again { message: error.to_string() })
    }
}
