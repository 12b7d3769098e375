//! Damage on purpose: pairs that all stores lose or hold wrongly, at the timestamp at which they were written.

use std::ops::ControlFlow;

use th_sst::memcomparable;
use th_sst::mvcc::{WriteRecord, encode_data_key, encode_write_into};

use crate::error::{PlaygroundError, Result};
use crate::tikv::mvcc::{self, ReadError};
use crate::tikv::store::StoreNode;

/// What becomes of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoil {
    /// It was never written.
    Lose,
    /// Its value has another last byte.
    Alter,
}

/// Spoils the `nth` pair (from 0) of a half-open range of user keys; the answer is its key, `None` if there are fewer.
pub(crate) fn spoil(
    store: &StoreNode,
    start: &[u8],
    end: &[u8],
    nth: usize,
    how: Spoil,
) -> Result<Option<Vec<u8>>> {
    let unreadable =
        |error: ReadError| PlaygroundError::State { key: "a pair".into(), message: error.to_string() };
    let (mut left, mut pair) = (nth, None);
    let bounds = (memcomparable::encode(start), memcomparable::encode(end));
    mvcc::scan(store, &bounds.0, &bounds.1, u64::MAX, |key, value| {
        if left == 0 {
            pair = Some((key.to_vec(), value.to_vec()));
            return ControlFlow::Break(());
        }
        left -= 1;
        ControlFlow::Continue(())
    })
    .map_err(unreadable)?;
    let Some((key, mut value)) = pair else { return Ok(None) };
    let encoded = memcomparable::encode(&key);
    // Versions are eight bytes.
    let behind = [encoded.as_slice(), &[0xFF; 9]].concat();
    match how {
        Spoil::Lose => store.destroy_range(&encoded, &behind)?,
        Spoil::Alter => {
            if let Some(last) = value.last_mut() {
                *last ^= 1;
            }
            let (mut commit, mut long, mut written) = (0, None, Vec::new());
            mvcc::walk(store, &encoded, &behind, |_, commit_ts, record| {
                commit = commit_ts;
                match record.short_value {
                    None => long = Some(record.start_ts),
                    Some(_) => {
                        encode_write_into(&WriteRecord { short_value: Some(&value), ..record }, &mut written);
                    }
                }
                Ok(ControlFlow::Break(()))
            })
            .map_err(unreadable)?;
            match (long, store.write_cf()) {
                (Some(start_ts), _) => store.db.put(encode_data_key(&key, start_ts), value)?,
                (None, Some(cf)) => store.db.put_cf(cf, encode_data_key(&key, commit), written)?,
                (None, None) => {}
            }
        }
    }
    Ok(Some(key))
}
