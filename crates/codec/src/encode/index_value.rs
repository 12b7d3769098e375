//! Values of index entries.
//!
//! ```text
//! old         '0'  or  8 bytes of handle (unique, integer handle)
//! version 0   tail length ‖ options ‖ [padding to 10 bytes] ‖ [8 bytes of handle]
//! version 1   0 ‖ 0x7d ‖ 1 ‖ options          (clustered tables since TiDB 5.0)
//! options     [0x7f ‖ u16 length ‖ common handle] ‖ [0x7e ‖ partition id] ‖ [restored data, a row value]
//! ```
//!
//! Restored data are what sort keys have lost: in version 0 all indexed values, in version 1 the text,
//! or for `_bin` collations only the number of trailing spaces.

use super::column::Prefix;
use super::index::{HandleRef, PARTITION_ID_FLAG};
use super::scratch::RowScratch;
use crate::cell::{CellView, Class};
use crate::keys::int_bytes;
use crate::row::{RowWriter, push_int, push_uint};

/// Before a common handle.
pub(crate) const COMMON_HANDLE_FLAG: u8 = 0x7f;
/// Before the version number, at the second byte.
pub(crate) const VERSION_FLAG: u8 = 0x7d;
/// Values up to this length are of the old form.
pub(crate) const MAX_OLD_LEN: usize = 9;
/// Values of version 0 are padded to this length.
const LEAST_NEW_LEN: usize = 10;

/// Which value is restored.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Restored {
    /// The indexed value itself.
    Part {
        /// Its place in the index.
        part: usize,
    },
    /// The number of its trailing spaces.
    PartSpaces {
        /// Its place in the index.
        part: usize,
    },
    /// A primary key column, or the number of its trailing spaces.
    Handle {
        /// Table offset.
        column: usize,
        class: Class,
        prefix: Option<Prefix>,
        spaces: bool,
    },
}

/// One column of the restored data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RestoredPart {
    pub(crate) id: u32,
    pub(crate) what: Restored,
}

/// How an index's values are built.
#[derive(Debug, Clone)]
pub(crate) struct ValuePlan {
    clustered: bool,
    /// By ascending column id; `None`: no restored data.
    restored: Option<Vec<RestoredPart>>,
}

impl ValuePlan {
    pub(crate) fn new(clustered: bool, restored: Option<Vec<RestoredPart>>) -> Self {
        let restored = restored.map(|mut parts| {
            parts.sort_by_key(|part| part.id);
            parts
        });
        Self { clustered, restored }
    }

    /// Appends the value of an entry. `distinct`: the handle is not in the key. `global`: the partition
    /// id, for global indexes.
    pub(crate) fn write<'a>(
        &self,
        part: impl Fn(usize) -> CellView<'a>,
        row: &RowScratch,
        handle: HandleRef<'_>,
        distinct: bool,
        global: Option<i64>,
        writer: &mut RowWriter,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        let is_old = !self.clustered
            && self.restored.is_none()
            && global.is_none()
            && !(distinct && matches!(handle, HandleRef::Common(_)));
        if is_old {
            match handle {
                HandleRef::Int(handle) if distinct => out.extend_from_slice(&handle.to_be_bytes()),
                _ => out.push(b'0'),
            }
            return;
        }
        out.push(0);
        if self.clustered {
            out.extend_from_slice(&[VERSION_FLAG, 1]);
        }
        if let HandleRef::Common(handle) = handle
            && distinct
        {
            out.push(COMMON_HANDLE_FLAG);
            out.extend_from_slice(&(handle.len() as u16).to_be_bytes());
            out.extend_from_slice(handle);
        }
        if let Some(partition_id) = global {
            out.push(PARTITION_ID_FLAG);
            out.extend_from_slice(&int_bytes(partition_id));
        }
        if let Some(restored) = &self.restored {
            write_restored(restored, part, row, writer);
            writer.finish(out);
        }
        if self.clustered {
            return;
        }
        match handle {
            HandleRef::Int(handle) if distinct => {
                out.extend_from_slice(&handle.to_be_bytes());
                out[start] = 8;
            }
            _ => {
                let len = out.len() - start;
                if len < LEAST_NEW_LEN {
                    out.resize(start + LEAST_NEW_LEN, 0);
                    out[start] = (LEAST_NEW_LEN - len) as u8;
                }
            }
        }
    }
}

fn write_restored<'a>(
    restored: &[RestoredPart],
    part: impl Fn(usize) -> CellView<'a>,
    row: &RowScratch,
    writer: &mut RowWriter,
) {
    writer.clear();
    for &RestoredPart { id, what } in restored {
        match what {
            Restored::Part { part: index } => {
                let value = part(index);
                if value.null {
                    writer.null_column(id);
                    continue;
                }
                value.push_row(&mut writer.data);
            }
            // NULL counts as no spaces.
            Restored::PartSpaces { part: index } => {
                push_uint(trailing_spaces(part(index).bytes), &mut writer.data);
            }
            Restored::Handle { column, class, prefix, spaces } => {
                let value = row.cut_view(column, class, prefix);
                if spaces {
                    push_int(trailing_spaces(value.bytes) as i64, &mut writer.data);
                } else {
                    value.push_row(&mut writer.data);
                }
            }
        }
        writer.end_column(id);
    }
}

fn trailing_spaces(text: &[u8]) -> u64 {
    text.iter().rev().take_while(|&&byte| byte == b' ').count() as u64
}
