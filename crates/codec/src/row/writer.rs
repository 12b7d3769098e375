//! Building a row value; all buffers are reused.

use super::{FLAG_LARGE, VERSION};

/// Collects the columns of one row in ascending order of id, then writes the value.
#[derive(Debug, Default)]
pub struct RowWriter {
    /// The columns' bytes, one after the other. Append, then call [`RowWriter::end_column`].
    pub data: Vec<u8>,
    ids: Vec<u32>,
    ends: Vec<u32>,
    null_ids: Vec<u32>,
    large_id: bool,
}

impl RowWriter {
    /// Starts the next row.
    pub fn clear(&mut self) {
        self.data.clear();
        self.ids.clear();
        self.ends.clear();
        self.null_ids.clear();
        self.large_id = false;
    }

    /// What was appended to `data` since the last column is the column `id`. Ids must ascend.
    #[inline]
    pub fn end_column(&mut self, id: u32) {
        debug_assert!(self.ids.last().is_none_or(|&last| last < id), "column ids must ascend");
        self.ids.push(id);
        self.ends.push(self.data.len() as u32);
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
        let columns = self.ids.len() + self.null_ids.len();
        out.reserve(6 + columns * 8 + self.data.len());
        let present = (self.ids.len() as u16).to_le_bytes();
        let nulls = (self.null_ids.len() as u16).to_le_bytes();
        let flags = if large { FLAG_LARGE } else { 0 };
        out.extend_from_slice(&[VERSION, flags, present[0], present[1], nulls[0], nulls[1]]);
        if large {
            for list in [&self.ids, &self.null_ids, &self.ends] {
                out.extend(list.iter().flat_map(|id| id.to_le_bytes()));
            }
        } else {
            out.extend(self.ids.iter().map(|&id| id as u8));
            out.extend(self.null_ids.iter().map(|&id| id as u8));
            for &end in &self.ends {
                out.extend_from_slice(&(end as u16).to_le_bytes());
            }
        }
        out.extend_from_slice(&self.data);
    }
}
