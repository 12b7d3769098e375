//! Building a row value; all buffers are reused.

use super::{FLAG_LARGE, VERSION};

/// Collects the columns of one row in ascending order of id, then writes the value.
#[derive(Debug, Default)]
pub struct RowWriter {
    /// The columns' bytes, one after the other. Append, then call [`RowWriter::end_column`].
    pub data: Vec<u8>,
    /// Id and end in `data` of each column that is not NULL.
    columns: Vec<(u32, u32)>,
    null_ids: Vec<u32>,
    large_id: bool,
}

impl RowWriter {
    /// Starts the next row.
    pub fn clear(&mut self) {
        self.data.clear();
        self.columns.clear();
        self.null_ids.clear();
        self.large_id = false;
    }

    /// What was appended to `data` since the last column is the column `id`. Ids must ascend.
    #[inline]
    pub fn end_column(&mut self, id: u32) {
        debug_assert!(self.columns.last().is_none_or(|&(last, _)| last < id), "column ids must ascend");
        self.columns.push((id, self.data.len() as u32));
        self.large_id |= id > 255;
    }

    /// The column `id` is NULL. Ids must ascend.
    #[inline]
    pub fn null_column(&mut self, id: u32) {
        debug_assert!(self.null_ids.last().is_none_or(|&last| last < id), "column ids must ascend");
        self.null_ids.push(id);
        self.large_id |= id > 255;
    }

    /// Appends the row's value to `out`.
    pub fn finish(&self, out: &mut Vec<u8>) {
        let large = self.large_id || self.data.len() > usize::from(u16::MAX);
        let count = self.columns.len();
        out.reserve(6 + (count + self.null_ids.len()) * 8 + self.data.len());
        let present = (count as u16).to_le_bytes();
        let nulls = (self.null_ids.len() as u16).to_le_bytes();
        let flags = if large { FLAG_LARGE } else { 0 };
        out.extend_from_slice(&[VERSION, flags, present[0], present[1], nulls[0], nulls[1]]);
        if large {
            out.extend(self.columns.iter().flat_map(|(id, _)| id.to_le_bytes()));
            out.extend(self.null_ids.iter().flat_map(|id| id.to_le_bytes()));
            out.extend(self.columns.iter().flat_map(|(_, end)| end.to_le_bytes()));
        } else {
            out.extend(self.columns.iter().map(|&(id, _)| id as u8));
            out.extend(self.null_ids.iter().map(|&id| id as u8));
            let start = out.len();
            out.resize(start + count * 2, 0);
            let (places, _) = out[start..].as_chunks_mut::<2>();
            for (place, &(_, end)) in places.iter_mut().zip(&self.columns) {
                *place = (end as u16).to_le_bytes();
            }
        }
        out.extend_from_slice(&self.data);
    }
}
