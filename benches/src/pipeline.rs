//! Source bytes to checksummed pairs, as a worker's thread does it.

use std::error::Error;
use std::io::Cursor;
use std::sync::Arc;

use th_codec::{Checksum, Encoder, EncoderOptions, Pairs, Sums};
use th_dump::{ReadOptions, RowReader};
use th_generate::{Format, Table};
use th_schema::{DdlOptions, parse_create_table};
use th_types::Context;

/// A file of a table, in memory.
#[derive(Debug, Clone)]
pub struct Source {
    /// The table's definition.
    pub table: Arc<th_schema::Table>,
    /// SQL or CSV.
    pub format: Format,
    /// The file.
    pub bytes: Arc<[u8]>,
}

/// How pairs are summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summing {
    /// For the records and for each index, as a worker does.
    ByIndex,
    /// All into one checksum: less, to see what the former costs.
    Together,
}

/// What a run made of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Produced {
    /// Rows read.
    pub rows: u64,
    /// The checksum of all pairs, which also counts them.
    pub checksum: Checksum,
}

impl Source {
    /// Generates about `bytes` bytes of a table.
    ///
    /// # Errors
    /// None that a generated table could have, unless the parser of definitions is broken.
    pub fn generate(table: Table, format: Format, bytes: u64) -> Result<Self, Box<dyn Error>> {
        let mut file = Vec::new();
        th_generate::write_file(&mut file, table, format, 0, bytes, 1)?;
        let info = parse_create_table(table.definition(), &DdlOptions::default())?;
        Ok(Self { table: Arc::new(th_schema::Table::new("bench", info)?), format, bytes: file.into() })
    }

    fn reader(&self) -> Result<RowReader, Box<dyn Error>> {
        let format = match self.format {
            Format::Sql => th_dump::Format::Sql,
            Format::Csv => th_dump::Format::Csv,
        };
        let bytes = Box::new(Cursor::new(Arc::clone(&self.bytes)));
        Ok(RowReader::from_read(bytes, format, "memory", &ReadOptions::default())?)
    }

    /// Reads all rows; answers how many there are.
    pub fn parse(&self) -> Result<u64, Box<dyn Error>> {
        let mut reader = self.reader()?;
        let (mut rows, mut values) = (0, 0);
        while let Some(row) = reader.next()? {
            rows += 1;
            values += row.values.len();
        }
        std::hint::black_box(values);
        Ok(rows)
    }

    /// Reads, encodes and sums all rows.
    pub fn encode(&self, summing: Summing) -> Result<Produced, Box<dyn Error>> {
        let (mut sums, mut checksum) = (Sums::default(), Checksum::default());
        let rows = match summing {
            Summing::ByIndex => self.each_row(|pairs| sums.add(pairs))?,
            Summing::Together => self.each_row(|pairs| pairs.add_to(&mut checksum))?,
        };
        if summing == Summing::ByIndex {
            checksum = sums.total();
        }
        Ok(Produced { rows, checksum })
    }

    /// Reads and encodes all rows and shows each one's pairs; answers how many rows there are.
    fn each_row(&self, mut each: impl FnMut(&Pairs)) -> Result<u64, Box<dyn Error>> {
        let mut reader = self.reader()?;
        let context = Context::default();
        let options = EncoderOptions { context, auto_random_seed: 1, new_collation: true };
        let mut encoder = Encoder::new(Arc::clone(&self.table), options)?;
        let mut rows = 0;
        let mut columns_version = u64::MAX;
        while let Some(row) = reader.next()? {
            if row.columns_version != columns_version {
                columns_version = row.columns_version;
                encoder.set_columns(row.columns, &[])?;
            }
            rows += 1;
            each(encoder.encode(row.values, rows as i64)?);
        }
        Ok(rows)
    }

    /// All pairs of the source, key and value joined.
    pub fn pairs(&self) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
        let mut all = Vec::new();
        self.each_row(|pairs| all.extend(pairs.iter().map(|pair| [pair.key, pair.value].concat())))?;
        Ok(all)
    }
}
