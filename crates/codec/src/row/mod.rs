//! TiDB's row format version 2: the value of a record, and of the columns that an index key cannot give
//! back.
//!
//! ```text
//! 0x80 ‖ flags ‖ u16 not null ‖ u16 null ‖ ids not null ‖ ids null ‖ end offsets ‖ data
//! ```
//!
//! Little endian. Both id lists ascend. Ids take one byte and offsets two, unless an id is above 255 or
//! the data is longer than 65,535 bytes: then the `large` flag is set and both take four.

mod reader;
mod writer;

pub use reader::{RowFormatError, RowView};
pub use writer::RowWriter;

/// First byte of the format.
pub const VERSION: u8 = 0x80;
/// Flag of the large form.
pub const FLAG_LARGE: u8 = 1;
/// Flag: checksums follow the data.
pub const FLAG_CHECKSUM: u8 = 2;

/// Appends a signed integer in the fewest of 1, 2, 4 or 8 bytes.
#[inline]
pub fn push_int(value: i64, out: &mut Vec<u8>) {
    let len = if value == i64::from(value as i8) {
        1
    } else if value == i64::from(value as i16) {
        2
    } else if value == i64::from(value as i32) {
        4
    } else {
        8
    };
    push_word(value as u64, len, out);
}

/// Appends an unsigned integer in the fewest of 1, 2, 4 or 8 bytes.
#[inline]
pub fn push_uint(value: u64, out: &mut Vec<u8>) {
    let len = if u8::try_from(value).is_ok() {
        1
    } else if u16::try_from(value).is_ok() {
        2
    } else if u32::try_from(value).is_ok() {
        4
    } else {
        8
    };
    push_word(value, len, out);
}

/// Appends the lowest `len` bytes. Eight bytes are stored and the surplus is dropped: a copy of a fixed
/// size is one instruction, one of a variable size is a call.
#[inline]
fn push_word(value: u64, len: usize, out: &mut Vec<u8>) {
    let end = out.len() + len;
    out.extend_from_slice(&value.to_le_bytes());
    out.truncate(end);
}

/// Reads what [`push_int`] wrote.
pub fn read_int(bytes: &[u8]) -> Option<i64> {
    Some(match *bytes {
        [a] => i64::from(a as i8),
        [a, b] => i64::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        _ => i64::from_le_bytes(bytes.try_into().ok()?),
    })
}

/// Reads what [`push_uint`] wrote.
pub fn read_uint(bytes: &[u8]) -> Option<u64> {
    Some(match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
        _ => u64::from_le_bytes(bytes.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Columns with ascending ids: what a table's plan gives the writer.
    fn columns() -> impl Strategy<Value = Vec<(u32, Option<Vec<u8>>)>> {
        proptest::collection::btree_map(
            1u32..400,
            proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
            0..20,
        )
        .prop_map(|map| map.into_iter().collect())
    }

    fn written(columns: &[(u32, Option<Vec<u8>>)]) -> Vec<u8> {
        let mut writer = RowWriter::default();
        for (id, value) in columns {
            match value {
                Some(bytes) => {
                    writer.data.extend_from_slice(bytes);
                    writer.end_column(*id);
                }
                None => writer.null_column(*id),
            }
        }
        let mut out = Vec::new();
        writer.finish(&mut out);
        out
    }

    #[test]
    fn more_than_65535_bytes_of_data_make_the_row_large() {
        let row = written(&[(1, Some(vec![b'x'; 65_535])), (2, Some(vec![]))]);
        assert_eq!(row[1] & FLAG_LARGE, 0);
        let row = written(&[(1, Some(vec![b'x'; 65_536]))]);
        assert_eq!(row[1] & FLAG_LARGE, FLAG_LARGE);
        assert_eq!(RowView::new(&row).unwrap().get(1), Some(Some(&vec![b'x'; 65_536][..])));
    }

    #[test]
    fn a_null_with_a_large_id_makes_the_row_large() {
        assert_eq!(written(&[(256, None)])[..10], [0x80, 1, 0, 0, 1, 0, 0, 1, 0, 0]);
        assert_eq!(written(&[(255, None)]), [0x80, 0, 0, 0, 1, 0, 255]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn a_row_comes_back(columns in columns(), other in 1u32..400) {
            let row = written(&columns);
            let view = RowView::new(&row).unwrap();
            for (id, value) in &columns {
                prop_assert_eq!(view.get(i64::from(*id)), Some(value.as_deref()));
            }
            if !columns.iter().any(|(id, _)| *id == other) {
                prop_assert_eq!(view.get(i64::from(other)), None);
            }
        }

        #[test]
        fn integers_come_back(value: i64, shift in 0u32..64) {
            let (mut signed, mut unsigned) = (Vec::new(), Vec::new());
            push_int(value >> shift, &mut signed);
            push_uint((value as u64) >> shift, &mut unsigned);
            prop_assert_eq!(read_int(&signed), Some(value >> shift));
            prop_assert_eq!(read_uint(&unsigned), Some((value as u64) >> shift));
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_read_but_never_panic(mut bytes: Vec<u8>, id in 0i64..300) {
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            if let Ok(view) = RowView::new(&bytes) {
                let _ = view.get(id);
            }
        }
    }
}
