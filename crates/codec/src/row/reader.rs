//! Reading a row value in place.

use super::{FLAG_LARGE, VERSION};

/// Bytes that are not a row value of version 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RowFormatError {
    /// Another version, or nothing at all.
    #[error("the row value does not start with the version byte 0x80")]
    Version,
    /// The header promises more than there is.
    #[error("the row value is shorter than its header says")]
    Short,
}

/// A row value, borrowed.
#[derive(Debug, Clone, Copy)]
pub struct RowView<'a> {
    large: bool,
    ids: &'a [u8],
    null_ids: &'a [u8],
    ends: &'a [u8],
    data: &'a [u8],
}

impl<'a> RowView<'a> {
    /// Checks the header; what it says of single columns is checked when they are read.
    pub fn new(row: &'a [u8]) -> Result<Self, RowFormatError> {
        let (&[version, flags, a, b, c, d], rest) =
            row.split_first_chunk::<6>().ok_or(if row.first() == Some(&VERSION) {
                RowFormatError::Short
            } else {
                RowFormatError::Version
            })?;
        if version != VERSION {
            return Err(RowFormatError::Version);
        }
        let large = flags & FLAG_LARGE != 0;
        let (id_size, end_size) = if large { (4, 4) } else { (1, 2) };
        let present = usize::from(u16::from_le_bytes([a, b]));
        let nulls = usize::from(u16::from_le_bytes([c, d]));
        let (ids, rest) = rest.split_at_checked(present * id_size).ok_or(RowFormatError::Short)?;
        let (null_ids, rest) = rest.split_at_checked(nulls * id_size).ok_or(RowFormatError::Short)?;
        let (ends, data) = rest.split_at_checked(present * end_size).ok_or(RowFormatError::Short)?;
        Ok(Self { large, ids, null_ids, ends, data })
    }

    /// The column of this id: `None` if the row does not have it, `Some(None)` if it is NULL.
    ///
    /// A column whose offsets are impossible counts as absent.
    pub fn get(&self, id: i64) -> Option<Option<&'a [u8]>> {
        let id = u32::try_from(id).ok()?;
        if let Some(index) = self.find(self.ids, id) {
            let start = match index.checked_sub(1) {
                Some(before) => self.end(before)?,
                None => 0,
            };
            return self.data.get(start..self.end(index)?).map(Some);
        }
        self.find(self.null_ids, id).map(|_| None)
    }

    /// Ids of all columns, those that are NULL last.
    pub fn ids(&self) -> impl Iterator<Item = u32> + 'a {
        let size = if self.large { 4 } else { 1 };
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |id, &byte| id << 8 | u32::from(byte));
        self.ids.chunks_exact(size).chain(self.null_ids.chunks_exact(size)).map(number)
    }

    fn find(&self, ids: &[u8], id: u32) -> Option<usize> {
        if self.large {
            ids.as_chunks::<4>().0.binary_search_by_key(&id, |bytes| u32::from_le_bytes(*bytes)).ok()
        } else {
            ids.binary_search(&u8::try_from(id).ok()?).ok()
        }
    }

    fn end(&self, index: usize) -> Option<usize> {
        if self.large {
            self.ends.as_chunks::<4>().0.get(index).map(|bytes| u32::from_le_bytes(*bytes) as usize)
        } else {
            self.ends.as_chunks::<2>().0.get(index).map(|bytes| usize::from(u16::from_le_bytes(*bytes)))
        }
    }
}
