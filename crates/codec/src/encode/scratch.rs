//! The reused buffers of one encoder, and the row in them.

use super::column::Prefix;
use super::index::IndexPart;
use crate::cell::{Area, Cell, CellView, Class, Converted};
use crate::row::RowWriter;

/// The current row: every column as a cell, the row value as far as it is written, and the handle.
#[derive(Debug, Default)]
pub(crate) struct RowScratch {
    /// Columns that the row value holds.
    pub(crate) writer: RowWriter,
    /// Bytes of the columns that it leaves out.
    pub(crate) side: Vec<u8>,
    /// Cells by table offset.
    pub(crate) cells: Vec<Cell>,
    /// The encoded common handle.
    pub(crate) handle: Vec<u8>,
}

/// Buffers for building keys and index values.
#[derive(Debug, Default)]
pub(crate) struct KeyScratch {
    /// A sort key.
    pub(crate) sort_key: Vec<u8>,
    /// The partition columns of RANGE COLUMNS and LIST COLUMNS, as bytes that compare like them.
    pub(crate) partition: Vec<u8>,
    /// Restored data of an index value.
    pub(crate) restored: RowWriter,
}

impl RowScratch {
    pub(crate) fn clear(&mut self, columns: usize) {
        self.writer.clear();
        self.side.clear();
        self.handle.clear();
        // The cells that are read are set anew for every row; the others stay NULL.
        if self.cells.len() != columns {
            self.cells.clear();
            self.cells.resize(columns, Cell { null: true, ..Cell::default() });
        }
    }

    /// The buffer that takes the bytes of a column's conversion.
    #[inline]
    pub(crate) fn area(&mut self, area: Area) -> &mut Vec<u8> {
        match area {
            Area::Row => &mut self.writer.data,
            Area::Side => &mut self.side,
        }
    }

    /// Notes what a conversion left; bytes were appended from `start` on.
    #[inline]
    pub(crate) fn set_cell(&mut self, column: usize, converted: Converted, area: Area, start: usize) {
        let cell = match converted {
            Converted::Null => Cell { null: true, ..Cell::default() },
            Converted::Number(number) => Cell { number, ..Cell::default() },
            Converted::Bytes => {
                let end = self.area(area).len() as u32;
                Cell { start: start as u32, end, area, ..Cell::default() }
            }
        };
        if let Some(place) = self.cells.get_mut(column) {
            *place = cell;
        }
    }

    /// A column's value.
    #[inline]
    pub(crate) fn view(&self, column: usize, class: Class) -> CellView<'_> {
        let cell = self.cells.get(column).copied().unwrap_or(Cell { null: true, ..Cell::default() });
        let area = match cell.area {
            Area::Row => &self.writer.data,
            Area::Side => &self.side,
        };
        let bytes = area.get(cell.start as usize..cell.end as usize).unwrap_or_default();
        CellView { class, null: cell.null, number: cell.number, bytes }
    }

    /// A column's value, cut to an index's prefix length.
    #[inline]
    pub(crate) fn cut_view(&self, column: usize, class: Class, prefix: Option<Prefix>) -> CellView<'_> {
        let mut view = self.view(column, class);
        if let Some(prefix) = prefix
            && class == Class::Bytes
        {
            view.bytes = match self.cells.get(column).and_then(|cell| cell.mended) {
                Some((start, end)) => {
                    let mended = self.side.get(start as usize..end as usize).unwrap_or_default();
                    let cut = prefix.cut(mended);
                    if cut.len() < mended.len() { cut } else { view.bytes }
                }
                None => prefix.cut(view.bytes),
            };
        }
        view
    }

    /// For latin1, which takes any bytes: TiDB cuts a prefix of what is no UTF-8 with U+FFFD in the place
    /// of each such byte, and leaves a text alone that is short enough.
    #[cold]
    pub(crate) fn mend(&mut self, column: usize) {
        let text = self.view(column, Class::Bytes).bytes.to_vec();
        if std::str::from_utf8(&text).is_ok() {
            return;
        }
        let start = self.side.len() as u32;
        for chunk in text.utf8_chunks() {
            self.side.extend_from_slice(chunk.valid().as_bytes());
            chunk.invalid().iter().for_each(|_| self.side.extend_from_slice("\u{FFFD}".as_bytes()));
        }
        let end = self.side.len() as u32;
        if let Some(cell) = self.cells.get_mut(column) {
            cell.mended = Some((start, end));
        }
    }

    /// Makes the common handle of key parts; TiDB pads it to nine bytes so that it never looks like an
    /// integer handle.
    pub(crate) fn build_handle(&mut self, parts: &[IndexPart], keys: &mut KeyScratch) {
        const LEAST: usize = 9;
        let mut handle = std::mem::take(&mut self.handle);
        for part in parts {
            let value = self.cut_view(part.column, part.class, part.prefix);
            value.push_key(part.collation, &mut keys.sort_key, &mut handle);
        }
        if handle.len() < LEAST {
            handle.resize(LEAST, 0);
        }
        self.handle = handle;
    }
}
