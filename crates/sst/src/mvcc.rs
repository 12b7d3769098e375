//! Keys and records of TiKV's MVCC column families.
//!
//! | where | key | value |
//! |---|---|---|
//! | write | `z` ‖ memcomparable(user key) ‖ BE64(!commit_ts) | kind ‖ varint(start_ts) ‖ fields |
//! | default | `z` ‖ memcomparable(user key) ‖ BE64(!start_ts) | the value, when longer than 255 bytes |
//!
//! Newer timestamps sort first because they are stored inverted. An imported pair has
//! `start_ts == commit_ts`. Fields of a write record are tagged: `v` length byte and short value,
//! `S` varint transaction source, and others that an import never writes but a reader may meet.

use crate::{SstError, memcomparable};

/// What TiKV puts before every data key.
pub const DATA_PREFIX: u8 = b'z';
/// Longest value that is kept inside the write record.
pub const SHORT_VALUE_MAX_LEN: usize = 255;
const TIMESTAMP_LEN: usize = 8;

/// What a write record does to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteKind {
    /// A value was put.
    Put,
    /// The key was deleted.
    Delete,
    /// The key was locked and not changed.
    Lock,
    /// The transaction was rolled back.
    Rollback,
}

impl WriteKind {
    const fn tag(self) -> u8 {
        match self {
            WriteKind::Put => b'P',
            WriteKind::Delete => b'D',
            WriteKind::Lock => b'L',
            WriteKind::Rollback => b'R',
        }
    }
}

/// A decoded write record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteRecord<'a> {
    /// What the transaction did.
    pub kind: WriteKind,
    /// Its start timestamp: the version under which a long value stands in the default column family.
    pub start_ts: u64,
    /// The value, when it was short enough.
    pub short_value: Option<&'a [u8]>,
    /// Who wrote it (TiCDC's filter); 0 = an ordinary transaction.
    pub txn_source: u64,
}

/// Whether a value is kept inside the write record.
pub const fn is_short_value(value: &[u8]) -> bool {
    value.len() <= SHORT_VALUE_MAX_LEN
}

/// Appends `z ‖ memcomparable(user_key) ‖ !ts`.
pub fn encode_data_key_into(user_key: &[u8], ts: u64, out: &mut Vec<u8>) {
    out.push(DATA_PREFIX);
    memcomparable::encode_into(user_key, out);
    out.extend_from_slice(&(!ts).to_be_bytes());
}

/// `z ‖ memcomparable(user_key) ‖ !ts`.
pub fn encode_data_key(user_key: &[u8], ts: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + memcomparable::encoded_len(user_key.len()) + TIMESTAMP_LEN);
    encode_data_key_into(user_key, ts, &mut out);
    out
}

/// Splits a data key into `(memcomparable user key, timestamp)`.
pub fn split_data_key(data_key: &[u8]) -> Result<(&[u8], u64), SstError> {
    let key = data_key.strip_prefix(&[DATA_PREFIX]).ok_or(SstError::Corrupt("data key lacks its z"))?;
    let (user, ts) =
        key.split_last_chunk::<TIMESTAMP_LEN>().ok_or(SstError::Corrupt("data key has no timestamp"))?;
    Ok((user, !u64::from_be_bytes(*ts)))
}

/// Splits a data key into `(user key, timestamp)`.
pub fn decode_data_key(data_key: &[u8]) -> Result<(Vec<u8>, u64), SstError> {
    let (encoded, ts) = split_data_key(data_key)?;
    let (user_key, rest) = memcomparable::decode(encoded)?;
    if !rest.is_empty() {
        return Err(SstError::Corrupt("data key has bytes between user key and timestamp"));
    }
    Ok((user_key, ts))
}

/// Appends a write record.
pub fn encode_write_into(record: &WriteRecord<'_>, out: &mut Vec<u8>) {
    out.push(record.kind.tag());
    put_varint(record.start_ts, out);
    if let Some(value) = record.short_value {
        debug_assert!(is_short_value(value), "a long value belongs in the default column family");
        out.push(b'v');
        out.push(value.len() as u8);
        out.extend_from_slice(value);
    }
    if record.txn_source != 0 {
        out.push(b'S');
        put_varint(record.txn_source, out);
    }
}

/// Reads a write record.
pub fn decode_write(bytes: &[u8]) -> Result<WriteRecord<'_>, SstError> {
    let (&tag, mut rest) = bytes.split_first().ok_or(SstError::Corrupt("write record is empty"))?;
    let kind = match tag {
        b'P' => WriteKind::Put,
        b'D' => WriteKind::Delete,
        b'L' => WriteKind::Lock,
        b'R' => WriteKind::Rollback,
        _ => return Err(SstError::Corrupt("write record of an unknown kind")),
    };
    let start_ts = take_varint(&mut rest)?;
    let mut record = WriteRecord { kind, start_ts, short_value: None, txn_source: 0 };
    while let Some((&field, after)) = rest.split_first() {
        rest = after;
        match field {
            b'v' => {
                let (&len, after) =
                    rest.split_first().ok_or(SstError::Corrupt("short value lacks its length"))?;
                let (value, after) = after
                    .split_at_checked(usize::from(len))
                    .ok_or(SstError::Corrupt("short value ends early"))?;
                record.short_value = Some(value);
                rest = after;
            }
            b'S' => record.txn_source = take_varint(&mut rest)?,
            // An overlapped rollback is a bare mark.
            b'R' => {}
            // A GC fence is a timestamp; the last change is a timestamp and a version count.
            b'F' => skip_timestamp(&mut rest)?,
            b'l' => {
                skip_timestamp(&mut rest)?;
                take_varint(&mut rest)?;
            }
            // TiKV, too, ignores what a newer version may have added.
            _ => break,
        }
    }
    Ok(record)
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Result<u64, SstError> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(SstError::Corrupt("varint ends early"))?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(SstError::Corrupt("varint is longer than 64 bits"))
}

fn skip_timestamp(bytes: &mut &[u8]) -> Result<(), SstError> {
    let (_, rest) = bytes.split_at_checked(TIMESTAMP_LEN).ok_or(SstError::Corrupt("timestamp ends early"))?;
    *bytes = rest;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_newer_version_of_a_key_sorts_before_an_older_one_and_before_the_next_key() {
        let newer = encode_data_key(b"k", 20);
        let older = encode_data_key(b"k", 10);
        let next = encode_data_key(b"k\0", 30);
        assert!(newer < older && older < next);
        assert_eq!(decode_data_key(&newer).unwrap(), (b"k".to_vec(), 20));
    }

    #[test]
    fn an_imported_short_value_is_put_start_ts_v_len_value_source() {
        let mut out = Vec::new();
        let record = WriteRecord {
            kind: WriteKind::Put,
            start_ts: 300,
            short_value: Some(b"ab"),
            txn_source: 1 << 16,
        };
        encode_write_into(&record, &mut out);
        assert_eq!(out, [b'P', 0xAC, 0x02, b'v', 2, b'a', b'b', b'S', 0x80, 0x80, 0x04]);
        assert_eq!(decode_write(&out).unwrap(), record);
    }

    #[test]
    fn fields_that_an_import_never_writes_are_skipped() {
        let mut bytes = vec![b'P', 5, b'R', b'F'];
        bytes.extend_from_slice(&7u64.to_be_bytes());
        bytes.push(b'l');
        bytes.extend_from_slice(&9u64.to_be_bytes());
        bytes.extend_from_slice(&[3, b'v', 1, b'x']);
        let record = decode_write(&bytes).unwrap();
        assert_eq!((record.start_ts, record.short_value), (5, Some(&b"x"[..])));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn records_read_back(start_ts: u64, source: u64, value in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..=255))) {
            let record = WriteRecord { kind: WriteKind::Put, start_ts, short_value: value.as_deref(), txn_source: source };
            let mut out = Vec::new();
            encode_write_into(&record, &mut out);
            prop_assert_eq!(decode_write(&out).unwrap(), record);
        }

        #[test]
        fn reading_never_panics(bytes: Vec<u8>) {
            let _ = decode_write(&bytes);
            let _ = decode_data_key(&bytes);
        }
    }
}
