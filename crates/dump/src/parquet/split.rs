//! Where a Parquet file can be cut, and how many rows each piece has: the footer knows.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::runtime::Handle;

use super::{group_starts, read_footer};
use crate::dump::DataFile;
use crate::error::{ReadError, StorageFailure};
use crate::fetch::PinnedObject;
use crate::options::ReadOptions;
use crate::split::{Cuts, Split};
use crate::store::Store;

/// Reads the footer and cuts between row groups, into pieces of at least `piece` bytes (the last one may be
/// smaller). The rows of each piece are exact.
pub async fn parquet_split(
    store: &Store,
    file: &DataFile,
    options: &ReadOptions,
    piece: u64,
) -> Result<Split, ReadError> {
    let object = Arc::new(PinnedObject::of(store, file)?);
    let (name, options, runtime) = (Arc::clone(&object.name), options.clone(), Handle::current());
    let size = object.size;
    let read = tokio::task::spawn_blocking(move || {
        let metadata = read_footer(&object, &options, &Arc::new(AtomicU64::new(0)), &runtime)?;
        let starts: Vec<(u64, u64)> = group_starts(&metadata).collect();
        let total =
            metadata.row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).sum();
        Ok(cut(&starts, total, piece, size))
    });
    match read.await {
        Ok(result) => result,
        Err(stopped) => Err(ReadError::Storage {
            object: name.to_string(),
            offset: 0,
            failure: StorageFailure::new(&stopped),
        }),
    }
}

/// Pieces of row groups, given where each begins (byte, row). Groups that are not in order stay together.
fn cut(starts: &[(u64, u64)], total_rows: u64, piece: u64, size: u64) -> Split {
    let ordered = starts.windows(2).all(|pair| matches!(pair, [left, right] if left.0 < right.0));
    let mut cuts = Vec::new();
    let mut rows = Vec::new();
    let (mut piece_start, mut piece_row) = (0, 0);
    for (start, row) in starts.iter().copied().skip(1).filter(|_| ordered) {
        if start - piece_start >= piece.max(1) {
            cuts.push(start);
            rows.push(row - piece_row);
            (piece_start, piece_row) = (start, row);
        }
    }
    rows.push(total_rows - piece_row);
    let cuts = Cuts { at: cuts, size, frames: Vec::new() };
    Split { cuts, columns: None, guessed: false, rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_row_groups_with_exact_rows() {
        let starts = [(0, 0), (100, 10), (200, 30), (300, 60)];
        let split = cut(&starts, 100, 150, 400);
        assert_eq!((split.cuts.at, split.rows), (vec![200], vec![30, 70]));
        let split = cut(&starts, 100, 1, 400);
        assert_eq!((split.cuts.at, split.rows), (vec![100, 200, 300], vec![10, 20, 30, 40]));
        let split = cut(&[(0, 0), (300, 10), (200, 20)], 25, 1, 400);
        assert_eq!((split.cuts.at, split.rows), (vec![], vec![25]));
        assert_eq!(cut(&[], 0, 1, 4).rows, vec![0]);
    }
}
