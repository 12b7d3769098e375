//! Taking a key apart.

use super::{Handle, INDEX_PREFIX_LEN, KeyError, RECORD_PREFIX_LEN, int_from_bytes};

/// What a key of a table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyParts<'a> {
    /// A row.
    Record {
        /// Physical table id.
        table_id: i64,
        /// The row's handle.
        handle: Handle,
    },
    /// An index entry.
    Index {
        /// Physical table id.
        table_id: i64,
        /// Index id.
        index_id: i64,
        /// Encoded datums, and behind them the handle if the entry needs it to be unique.
        values: &'a [u8],
    },
}

/// Takes a record or index key apart.
///
/// Eight bytes of handle are an integer: encoded primary keys are padded to nine.
pub fn decode_key(key: &[u8]) -> Result<KeyParts<'_>, KeyError> {
    let Some((prefix, rest)) = key.split_first_chunk::<RECORD_PREFIX_LEN>() else {
        return Err(KeyError::NotTableKey);
    };
    let [b't', id @ .., b'_', kind] = prefix else { return Err(KeyError::NotTableKey) };
    let table_id = int_from_bytes(*id);
    match kind {
        b'r' => {
            let handle = match <[u8; 8]>::try_from(rest) {
                Ok(int) => Handle::Int(int_from_bytes(int)),
                Err(_) if rest.len() < 8 => return Err(KeyError::Short { at: RECORD_PREFIX_LEN }),
                Err(_) => Handle::Common(rest.to_vec()),
            };
            Ok(KeyParts::Record { table_id, handle })
        }
        b'i' => {
            let Some((index_id, values)) = rest.split_first_chunk::<8>() else {
                return Err(KeyError::Short { at: RECORD_PREFIX_LEN });
            };
            debug_assert_eq!(key.len() - values.len(), INDEX_PREFIX_LEN);
            Ok(KeyParts::Index { table_id, index_id: int_from_bytes(*index_id), values })
        }
        _ => Err(KeyError::NotTableKey),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{encode_int_handle, index_prefix};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn keys_come_apart_as_they_were_made(table_id: i64, index_id: i64, handle: i64, tail: Vec<u8>) {
            let record = encode_int_handle(table_id, handle);
            prop_assert_eq!(
                decode_key(&record).unwrap(),
                KeyParts::Record { table_id, handle: Handle::Int(handle) }
            );
            let mut index = index_prefix(table_id, index_id).to_vec();
            index.extend_from_slice(&tail);
            prop_assert_eq!(decode_key(&index).unwrap(), KeyParts::Index { table_id, index_id, values: &tail });
        }

        #[test]
        fn no_bytes_make_it_panic(key: Vec<u8>) {
            let _ = decode_key(&key);
        }
    }
}
