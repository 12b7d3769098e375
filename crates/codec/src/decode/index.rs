//! Index entries, for looking at.

use th_schema::{IndexInfo, Table};
use th_types::{Context, Datum};

use super::column::from_key;
use crate::DecodeError;
use crate::encode::{COMMON_HANDLE_FLAG, MAX_OLD_LEN, PARTITION_ID_FLAG, VERSION_FLAG};
use crate::keys::{Handle, KeyParts, datum_len, decode_key, flag, int_from_bytes};
use crate::row::VERSION as RESTORED_FLAG;

/// What an index entry says besides its indexed values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IndexEntry {
    /// Version of the value's layout: 0, or 1 on clustered tables.
    pub version: u8,
    /// The row's handle, from the key or the value.
    pub handle: Option<Handle>,
    /// Partition, of global indexes.
    pub partition_id: Option<i64>,
    /// Restored data: a row value of the columns whose text the key cannot give back.
    pub restored: Option<Vec<u8>>,
}

/// The indexed values of an index key (strings as sort keys), and the handle if the key holds it.
pub fn decode_index_key(
    table: &Table,
    index: &IndexInfo,
    key: &[u8],
    context: &Context,
) -> Result<(Vec<Datum<'static>>, IndexEntry), DecodeError> {
    let KeyParts::Index { index_id, values: mut rest, .. } = decode_key(key)? else {
        return Err(DecodeError::OtherTable { table: table.info.name.original.clone() });
    };
    if index_id != index.id {
        return Err(DecodeError::OtherTable { table: table.info.name.original.clone() });
    }
    let mut datums = Vec::with_capacity(index.columns.len());
    for part in &index.columns {
        let (value, after) = rest.split_at_checked(datum_len(rest)?).unwrap_or((rest, &[]));
        rest = after;
        let column = table.info.columns.get(part.offset);
        let datum = column.and_then(|column| from_key(value, &column.field_type, context));
        datums.push(datum.ok_or_else(|| DecodeError::Column {
            column: part.name.original.clone(),
            kind: "key of its type",
        })?);
    }
    let mut entry = IndexEntry::default();
    if let [PARTITION_ID_FLAG, after @ ..] = rest
        && let Some((id, after)) = after.split_first_chunk::<8>()
    {
        entry.partition_id = Some(int_from_bytes(*id));
        rest = after;
    }
    entry.handle = match rest {
        [] => None,
        [flag::INT, handle @ ..] if handle.len() == 8 => {
            handle.first_chunk().map(|id| Handle::Int(int_from_bytes(*id)))
        }
        common => Some(Handle::Common(common.to_vec())),
    };
    Ok((datums, entry))
}

/// The parts of an index value.
pub fn decode_index_value(value: &[u8]) -> Result<IndexEntry, DecodeError> {
    let cut = |part| DecodeError::IndexValue { part };
    let mut entry = IndexEntry::default();
    if value.len() <= MAX_OLD_LEN {
        entry.handle = value.first_chunk().map(|handle| Handle::Int(i64::from_be_bytes(*handle)));
        return Ok(entry);
    }
    let Some((&tail_len, after)) = value.split_first() else { return Err(cut("header")) };
    let tail_start = after.len().checked_sub(usize::from(tail_len)).ok_or_else(|| cut("tail"))?;
    let (mut rest, tail) = after.split_at(tail_start);
    if tail_len <= 1
        && let [VERSION_FLAG, version, after @ ..] = rest
    {
        entry.version = *version;
        rest = after;
    } else if let Some(handle) = tail.first_chunk().filter(|_| tail.len() >= 8) {
        entry.handle = Some(Handle::Int(i64::from_be_bytes(*handle)));
    }
    if let [COMMON_HANDLE_FLAG, after @ ..] = rest {
        let (len, after) = after.split_first_chunk().ok_or_else(|| cut("common handle"))?;
        let len = usize::from(u16::from_be_bytes(*len));
        let (handle, after) = after.split_at_checked(len).ok_or_else(|| cut("common handle"))?;
        entry.handle = Some(Handle::Common(handle.to_vec()));
        rest = after;
    }
    if let [PARTITION_ID_FLAG, after @ ..] = rest {
        let (id, after) = after.split_first_chunk().ok_or_else(|| cut("partition id"))?;
        entry.partition_id = Some(int_from_bytes(*id));
        rest = after;
    }
    if rest.first() == Some(&RESTORED_FLAG) {
        entry.restored = Some(rest.to_vec());
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tail_of_padding_is_no_handle() {
        let value = [7, 0x7e, 0x80, 0, 0, 0, 0, 0, 0, 5];
        assert!(matches!(decode_index_value(&value), Err(DecodeError::IndexValue { .. }) | Ok(_)));
        let global = [0, 0x7e, 0x80, 0, 0, 0, 0, 0, 0, 5];
        assert_eq!(
            decode_index_value(&global).unwrap(),
            IndexEntry { partition_id: Some(5), ..IndexEntry::default() }
        );
        let unique = [8, 0x7e, 0x80, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 3];
        assert_eq!(decode_index_value(&unique).unwrap().handle, Some(Handle::Int(3)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn arbitrary_bytes_never_make_it_panic(value: Vec<u8>) {
            let _ = decode_index_value(&value);
        }
    }
}
