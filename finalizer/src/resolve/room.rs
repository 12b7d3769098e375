//! Memory and disk for resolving one table's conflicts: as much as is configured, however many there are.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use th_connect::SortDir;
use th_errors::{Code, Fault};
use th_row::Place;
use th_sorter::{SortOptions, Sorter};

use crate::{Finalizer, verify};

/// Where rows come from that the source does not have.
pub(super) const TABLE: &str = "the table before the import";
/// Bytes of a row's place on disk.
const PLACE: usize = 20;

/// Where the work is done; gone with it.
pub(super) struct Room {
    dir: SortDir,
    /// Bytes of memory for one table.
    memory: u64,
}

impl Room {
    pub(super) fn new(finalizer: &Finalizer<'_>) -> Result<Self, Fault> {
        let tables = verify::tables_at_once(finalizer.config).min(finalizer.plan.tables.len()).max(1) as u64;
        let memory = th_connect::sort_memory(finalizer.config) / tables;
        Ok(Self { dir: SortDir::create(finalizer.config, finalizer.env)?, memory })
    }

    /// Memory for the set of keys.
    pub(super) fn of_keys(&self) -> u64 {
        self.memory / 4
    }

    /// A sorter; two are in use at most.
    pub(super) fn sorter(&self, name: &str) -> Sorter {
        Sorter::new(SortOptions {
            dir: self.dir.path.clone(),
            name: name.to_owned(),
            memory: usize::try_from(self.memory / 4).unwrap_or(usize::MAX),
            disk_quota: None,
        })
    }

    /// A list of places.
    pub(super) fn places(&self) -> Result<Places, Fault> {
        Places::create(&self.dir.path)
    }
}

/// Places of many rows: by their numbers, in a file.
pub(super) struct Places {
    objects: Vec<Arc<str>>,
    out: BufWriter<File>,
    rows: u64,
}

fn cannot(what: &str, error: &std::io::Error) -> Fault {
    Fault::new(Code::SortFolder, format!("cannot {what} the places of rows in the sort folder: {error}"))
}

impl Places {
    fn create(folder: &Path) -> Result<Self, Fault> {
        let mut options = File::options();
        let file = options.read(true).write(true).create_new(true).open(folder.join("places"));
        let out = BufWriter::with_capacity(1 << 16, file.map_err(|error| cannot("make", &error))?);
        Ok(Self { objects: Vec::new(), out, rows: 0 })
    }

    pub(super) fn len(&self) -> u64 {
        self.rows
    }

    pub(super) fn push(&mut self, place: &Place) -> Result<(), Fault> {
        if self.objects.last().is_none_or(|last| *last != place.object) {
            self.objects.push(Arc::clone(&place.object));
        }
        let mut bytes = [0; PLACE];
        let (object, numbers) = bytes.split_at_mut(4);
        let (offset, line) = numbers.split_at_mut(8);
        object.copy_from_slice(&(self.objects.len() as u32 - 1).to_le_bytes());
        offset.copy_from_slice(&place.offset.to_le_bytes());
        line.copy_from_slice(&place.line.to_le_bytes());
        self.rows += 1;
        self.out.write_all(&bytes).map_err(|error| cannot("write", &error))
    }

    /// Ends writing; places can be read from then on.
    pub(super) fn finish(&mut self) -> Result<(), Fault> {
        self.out.flush().map_err(|error| cannot("write", &error))
    }

    /// The place of a row, by its number, for people, and its offset.
    pub(super) fn text(&self, row: u64) -> Result<(String, u64), Fault> {
        let mut bytes = [0; PLACE];
        let file = self.out.get_ref();
        file.read_exact_at(&mut bytes, row * PLACE as u64).map_err(|error| cannot("read", &error))?;
        let number = |at: usize| {
            let part: [u8; 8] =
                bytes.get(at..at + 8).and_then(|part| part.try_into().ok()).unwrap_or_default();
            u64::from_le_bytes(part)
        };
        let object = (number(0) & u64::from(u32::MAX)) as usize;
        let Some(object) = self.objects.get(object) else { return Ok(Default::default()) };
        if **object == *TABLE {
            return Ok((TABLE.to_owned(), 0));
        }
        let place = Place { object: Arc::clone(object), offset: number(4), line: number(12), column: 0 };
        Ok((place.to_string(), place.offset))
    }
}

/// A mark a row.
#[derive(Debug, Default)]
pub(super) struct Marks(Vec<u64>);

impl Marks {
    pub(super) fn new(rows: u64) -> Self {
        Self(vec![0; usize::try_from(rows.div_ceil(64)).unwrap_or(0)])
    }

    pub(super) fn set(&mut self, row: u64) {
        if let Some(word) = self.0.get_mut((row / 64) as usize) {
            *word |= 1 << (row % 64);
        }
    }

    pub(super) fn has(&self, row: u64) -> bool {
        self.0.get((row / 64) as usize).is_some_and(|word| word & (1 << (row % 64)) != 0)
    }

    /// Marked rows before one.
    pub(super) fn count(&self, before: u64) -> u64 {
        let whole = (before / 64) as usize;
        let rest = self.0.get(whole).map_or(0, |word| word & ((1 << (before % 64)) - 1));
        let ones: u64 = self.0.iter().take(whole).map(|word| u64::from(word.count_ones())).sum();
        ones + u64::from(rest.count_ones())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_back_by_row() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut places = Places::create(folder.path()).expect("a file");
        for (object, offset, line) in [("a.sql", 5, 1), ("a.sql", 9, 2), ("b.sql", 7, 0), (TABLE, 0, 0)] {
            let place = Place { object: Arc::from(object), offset, line, column: 0 };
            places.push(&place).expect("it is written");
        }
        places.finish().expect("it is written");
        assert_eq!(places.len(), 4);
        let text = |row| places.text(row).expect("it is read");
        assert_eq!(text(1), ("a.sql:2".to_owned(), 9));
        assert_eq!(text(2), ("b.sql@7".to_owned(), 7));
        assert_eq!(text(3), (TABLE.to_owned(), 0));
        assert!(places.text(4).is_err());
    }

    #[test]
    fn marks_are_counted_up_to_a_row() {
        let mut marks = Marks::new(130);
        for row in [0, 63, 64, 129] {
            marks.set(row);
        }
        assert!(marks.has(64) && !marks.has(65) && !marks.has(1000));
        assert_eq!([0, 1, 64, 65, 129, 130].map(|row| marks.count(row)), [0, 1, 2, 3, 3, 4]);
    }
}
