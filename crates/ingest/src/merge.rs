//! The merge, cut into pieces.

use th_cluster::PairBuffer;
use th_connect::fault;
use th_errors::Fault;
use th_sorter::{SortError, Sorted, merge};
use tokio::sync::mpsc;

use crate::Duplicates;

/// Merges and hands over pieces; ends early without an error when nobody takes them any more. Of pairs with
/// equal keys the one with the smallest tag is handed over.
pub(crate) fn pieces<D: Duplicates>(
    sorted: Sorted,
    piece_bytes: usize,
    mut duplicates: D,
    pieces: &mpsc::Sender<PairBuffer>,
) -> Result<D, Fault> {
    let sort_fault = |error: SortError| fault::of_sort(&error);
    let capacity = usize::try_from(sorted.pair_bytes()).unwrap_or(usize::MAX).min(piece_bytes);
    let mut merged = merge(vec![sorted]).map_err(sort_fault)?;
    let mut piece = PairBuffer::with_capacity(capacity, 0);
    loop {
        let next = merged.next(|found| duplicates.add(&found)).map_err(sort_fault)?;
        let Some((key, value, _)) = next else { break };
        if !piece.is_empty() && piece.bytes() + key.len() + value.len() > piece_bytes {
            let full = std::mem::replace(&mut piece, PairBuffer::with_capacity(capacity, 0));
            if pieces.blocking_send(full).is_err() {
                return Ok(duplicates);
            }
        }
        piece.push(key, value).map_err(|error| fault::of_ingest(&error))?;
    }
    if !piece.is_empty() {
        // A closed channel means that the delivery failed elsewhere, which is reported there.
        let _ = pieces.blocking_send(piece);
    }
    Ok(duplicates)
}
