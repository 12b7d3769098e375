//! Files that are only read: SQL, CSV with and without quotes, Parquet.

use std::error::Error;
use std::io::Cursor;
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore as _, PutOptions};
use parquet::basic::Compression as Codec;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use th_dump::{Compression, DataFile, Format, ReadOptions, RowReader, Store};
use th_generate::Table;
use th_row::Value;
use tokio::runtime::Runtime;

/// Rows of a row group.
const GROUP_ROWS: usize = 50_000;

/// A file in memory, and how it is read.
pub struct File {
    /// What it is called.
    pub name: String,
    /// Its bytes, as stored.
    pub bytes: Arc<[u8]>,
    format: Format,
    options: ReadOptions,
    runtime: Runtime,
}

impl File {
    fn new(
        name: String,
        bytes: Vec<u8>,
        format: Format,
        options: ReadOptions,
    ) -> Result<Self, Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self { name, bytes: bytes.into(), format, options, runtime })
    }

    /// INSERT statements, or CSV with quotes around texts, as dumpling writes them: about `bytes` bytes.
    pub fn of_dumpling(
        table: Table,
        format: th_generate::Format,
        bytes: u64,
    ) -> Result<Self, Box<dyn Error>> {
        let mut file = Vec::new();
        th_generate::write_file(&mut file, table, format, 0, bytes, 1)?;
        let parsed = match format {
            th_generate::Format::Sql => Format::Sql,
            th_generate::Format::Csv => Format::Csv,
        };
        let quotes = if parsed == Format::Csv { " with quotes" } else { "" };
        let name = format!("{} {}{quotes}", table.name(), format.extension());
        Self::new(name, file, parsed, ReadOptions::default())
    }

    /// CSV without quotes, with `|` between fields.
    pub fn plain_csv(table: Table, bytes: u64) -> Result<Self, Box<dyn Error>> {
        let mut out = Vec::new();
        rows(table, bytes, |row| {
            for (number, value) in row.iter().enumerate() {
                out.extend((number > 0).then_some(b'|'));
                out.extend_from_slice(value);
            }
            out.push(b'\n');
        })?;
        let mut options = ReadOptions::default();
        options.csv.separator = "|".to_owned();
        options.csv.delimiter = String::new();
        options.csv.header = false;
        Self::new(format!("{} csv without quotes", table.name()), out, Format::Csv, options)
    }

    /// Parquet in Snappy, every column a text: about `bytes` bytes before it is compressed.
    pub fn parquet(table: Table, bytes: u64) -> Result<Self, Box<dyn Error>> {
        let columns: Vec<String> =
            table.columns().iter().map(|name| format!("required binary {name} (UTF8);")).collect();
        let schema = Arc::new(parse_message_type(&format!("message t {{ {} }}", columns.join(" ")))?);
        let mut cells: Vec<Vec<ByteArray>> = vec![Vec::new(); columns.len()];
        rows(table, bytes, |row| {
            for (column, value) in cells.iter_mut().zip(row) {
                column.push(ByteArray::from(value.to_vec()));
            }
        })?;
        let properties = Arc::new(WriterProperties::builder().set_compression(Codec::SNAPPY).build());
        let mut out = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut out, schema, properties)?;
        let count = cells.first().map_or(0, Vec::len);
        for start in (0..count).step_by(GROUP_ROWS) {
            let mut group = writer.next_row_group()?;
            for column in &cells {
                let Some(mut open) = group.next_column()? else { break };
                if let ColumnWriter::ByteArrayColumnWriter(writer) = open.untyped() {
                    let end = (start + GROUP_ROWS).min(count);
                    writer.write_batch(column.get(start..end).unwrap_or_default(), None, None)?;
                }
                open.close()?;
            }
            group.close()?;
        }
        writer.close()?;
        Self::new(format!("{} parquet", table.name()), out, Format::Parquet, ReadOptions::default())
    }

    /// Reads all rows; answers how many values they have, and how many bytes these.
    pub fn read(&self) -> Result<(u64, u64), Box<dyn Error>> {
        let mut reader = if self.format == Format::Parquet {
            let (store, file) = self.stored()?;
            RowReader::open(&store, &file, None, &self.options, self.runtime.handle())?
        } else {
            let bytes = Box::new(Cursor::new(Arc::clone(&self.bytes)));
            RowReader::from_read(bytes, self.format, "memory", &self.options)?
        };
        let (mut values, mut bytes) = (0, 0);
        while let Some(row) = reader.next()? {
            values += row.values.len() as u64;
            bytes += row.values.iter().map(|value| text(value).len() as u64).sum::<u64>();
        }
        Ok((values, bytes))
    }

    fn stored(&self) -> Result<(Store, DataFile), Box<dyn Error>> {
        let store = InMemory::new();
        let size = self.bytes.len() as u64;
        let path = Path::from("t");
        let put = store.put_opts(&path, self.bytes.to_vec().into(), PutOptions::default());
        self.runtime.block_on(put)?;
        let file = DataFile {
            path: "t".to_owned(),
            size,
            etag: None,
            version: None,
            last_modified: 0,
            format: self.format,
            compression: Compression::None,
            sort_key: String::new(),
            source: ("d".to_owned(), "t".to_owned()),
            constants: Vec::new(),
        };
        Ok((Store::new(Arc::new(store), Path::default(), "memory"), file))
    }
}

fn text<'a>(value: &Value<'a>) -> &'a [u8] {
    match value {
        Value::Text(text) => text,
        _ => b"",
    }
}

/// The table's rows as texts, as many as make `bytes` bytes of CSV.
fn rows(table: Table, bytes: u64, mut each: impl FnMut(&[&[u8]])) -> Result<(), Box<dyn Error>> {
    let mut file = Vec::new();
    th_generate::write_file(&mut file, table, th_generate::Format::Csv, 0, bytes, 1)?;
    let mut reader =
        RowReader::from_read(Box::new(Cursor::new(file)), Format::Csv, "memory", &ReadOptions::default())?;
    while let Some(row) = reader.next()? {
        let values: Vec<&[u8]> = row.values.iter().map(text).collect();
        each(&values);
    }
    Ok(())
}
