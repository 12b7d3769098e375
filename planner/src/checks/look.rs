//! A look at the source: is it there, does it stay, what do its files begin with.

use std::collections::BTreeSet;
use std::sync::Arc;

use th_checks::{Header, LargeFile};
use th_codec::{Encoder, EncoderOptions};
use th_connect::fault;
use th_dump::{Compression, DataFile, Dump, Format, ReadOptions, RowReader, TableFiles};
use th_errors::{Code, Fault};
use th_row::Value;
use th_schema::Table;

use super::Seen;
use crate::probe::Cutting;
use crate::{Planner, jobs, probe};

/// Listings of more files than this are not compared: it would take minutes.
const COMPARED_FILES: usize = 50_000;

/// What makes a file another one than before.
type Print = (String, u64, Option<String>, i64);

fn prints(dump: &Dump) -> BTreeSet<Print> {
    let files = dump.tables.iter().flat_map(|table| &table.data);
    files.map(|file| (file.path.clone(), file.size, file.etag.clone(), file.last_modified)).collect()
}

impl<T> Planner<'_, T> {
    /// Reads the beginning of the largest file: who may list may not always read.
    pub(super) async fn read_one(&self, dump: &Dump) -> Seen {
        let files = dump.tables.iter().flat_map(|table| &table.data);
        let count = files.clone().count();
        let Some(largest) = files.max_by_key(|file| file.size).filter(|file| file.size > 0) else {
            return Ok((count, None));
        };
        let name = self.source.display(&largest.path);
        let unreachable = |error: &(dyn std::error::Error + 'static)| {
            Fault::from_error(Code::SourceUnreachable, error).at(&name)
        };
        let path = self.source.path(&largest.path).map_err(|error| unreachable(&error))?;
        let read = object_store::ObjectStoreExt::get_range(&*self.source.object_store, &path, 0..1);
        read.await.map_err(|error| unreachable(&error))?;
        Ok((count, Some(name.to_string())))
    }

    /// Lists the source again and compares; names what differs.
    pub(super) async fn relist(&self, dump: &Dump) -> Result<Vec<String>, String> {
        let before = prints(dump);
        if before.len() > COMPARED_FILES {
            return Err(format!("{} files are too many to list twice", before.len()));
        }
        let again = th_dump::discover(self.source, &th_connect::rules(self.config))
            .await
            .map_err(|error| error.to_string())?;
        let now = prints(&again);
        let mut changed: Vec<String> =
            before.symmetric_difference(&now).map(|(path, ..)| path.clone()).collect();
        changed.dedup();
        Ok(changed)
    }

    /// Files that are one chunk whatever their size.
    pub(super) fn uncut(&self, dump: &Dump) -> Vec<LargeFile> {
        let sizes = jobs::JobSize::choose(self.config.thunderhead.job_size.0, dump);
        let (_, how) = self.cutting(sizes);
        let reason = |file: &DataFile| match (file.format, file.compression) {
            (Format::Parquet, _) => None,
            (_, Compression::None) if how == Cutting::No => Some("is not to be cut"),
            (Format::Sql, Compression::None) if how == Cutting::StrictFormat => {
                Some("is SQL, which strict-format does not cut")
            }
            (_, Compression::None) => None,
            _ => Some("is compressed as a whole"),
        };
        let files = dump.tables.iter().flat_map(|table| &table.data);
        files
            .filter_map(|file| {
                let reason = reason(file)?;
                Some(LargeFile { path: file.path.clone(), size: file.size, reason })
            })
            .collect()
    }

    /// The first record of a table's first CSV file, if it consists of names of its columns. `encoding`: to see
    /// whether it could be a row.
    pub(super) async fn header(
        &self,
        files: &TableFiles,
        columns: Vec<String>,
        encoding: Option<(Arc<Table>, EncoderOptions)>,
        read: &ReadOptions,
    ) -> Result<Option<Header>, Fault> {
        let first = files.data.iter().find(|file| file.size > 0 && file.format == Format::Csv);
        let Some(file) = first.cloned() else { return Ok(None) };
        let options = probe::small_reads(read);
        let (store, path) = (self.source.clone(), self.source.display(&file.path).to_string());
        let runtime = tokio::runtime::Handle::current();
        let looked = tokio::task::spawn_blocking(move || {
            let mut reader = RowReader::open(&store, &file, None, &options, &runtime)?;
            let Some(row) = reader.next()? else { return Ok(None) };
            let fields: Vec<String> = row.values.iter().map(text).collect();
            let known =
                |field: &String| columns.iter().any(|column| column.eq_ignore_ascii_case(field.trim()));
            if fields.is_empty() || !fields.iter().all(known) {
                return Ok(None);
            }
            let could_be_row = encoding.is_some_and(|(table, options)| {
                Encoder::new(table, options).is_ok_and(|mut encoder| encoder.encode(row.values, 1).is_ok())
            });
            Ok(Some(Header { path, fields, could_be_row }))
        });
        looked
            .await
            .map_err(|error| Fault::new(Code::Internal, format!("the look at a source file ended: {error}")))?
            .map_err(|error| fault::of_read(&error).of_table(&files.db, &files.table))
    }
}

fn text(value: &Value<'_>) -> String {
    match value {
        Value::Text(bytes) | Value::Binary(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Null | Value::Default | Value::Float32(_) | Value::Float64(_) => String::new(),
    }
}
