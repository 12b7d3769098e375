//! Pieces of files that were cut by looking: whether they begin between two rows, and where they really end.
//!
//! Only reading a piece tells whether the next one begins where it ends. So whoever has read a piece notes that in
//! the ledger, and nobody uses a piece's rows before a chain of such notes leads from the file's beginning to it.
//! Where a note is missing, because another worker is slower or gone, it is waited for, then read for oneself.
//! What is found is a fact of the file: all who look find the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use th_connect::fault;
use th_dump::{ReadOptions, RowReader, Store};
use th_env::Env;
use th_errors::{Code, Fault};
use th_ledger::{Chunk, CutFile, Job, Ledger, Plan};
use tokio::runtime::Handle;

/// Between two looks for a missing note.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Rows between two signs of life while a piece is read for its end.
const REPORT_ROWS: u64 = 4096;

/// What is known of the chunks of a job that are pieces.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    /// By the chunks' numbers; absent for chunks that are no such pieces.
    pieces: BTreeMap<usize, Piece>,
}

#[derive(Debug, Clone)]
struct Piece {
    number: u32,
    start: u64,
    file: Arc<CutFile>,
    beginning: Beginning,
}

/// Where a piece begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    /// Between two rows.
    Right,
    /// Inside a row, which the piece before has.
    Wrong,
    /// The piece at this offset must be read first.
    Unknown(u64),
}

/// Where a piece that was read ends: what others need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The file, see [`Chunk::cut_file`].
    pub number: u32,
    /// Where the piece begins.
    pub start: u64,
    /// Where the next one begins, or the uncompressed file's size.
    pub end: u64,
}

/// How missing notes are got.
pub struct Proof<'a> {
    /// Clock.
    pub env: &'a Env,
    /// Where notes are.
    pub ledger: &'a Ledger,
    /// The dump.
    pub source: &'a Store,
    /// How it is read.
    pub read: &'a ReadOptions,
    /// How long others are waited for.
    pub patience: Duration,
    /// Called now and then; an error ends the search.
    pub alive: &'a (dyn Fn() -> Result<(), Fault> + Send + Sync),
}

impl Pieces {
    /// Reads what the ledger has of a job's pieces.
    pub async fn of(ledger: &Ledger, plan: &Plan, job: &Job) -> Result<Self, Fault> {
        let mut pieces = Self::default();
        for (chunk, at) in job.chunks.iter().zip(0..) {
            let Some(number) = chunk.cut_file else { continue };
            let known = pieces.pieces.values().find(|piece| piece.number == number);
            let file = match known {
                Some(piece) => Arc::clone(&piece.file),
                None => {
                    Arc::new(ledger.cut_file(plan, number).await.map_err(|error| fault::of_ledger(&error))?)
                }
            };
            let start = chunk.range.as_ref().map_or(0, |range| range.start);
            let beginning = if start == 0 { Beginning::Right } else { Beginning::Unknown(0) };
            pieces.pieces.insert(at, Piece { number, start, file, beginning });
        }
        pieces.look(ledger).await?;
        Ok(pieces)
    }

    /// Whether a chunk begins inside a row: it has no rows then.
    pub fn is_void(&self, chunk: usize) -> bool {
        self.pieces.get(&chunk).is_some_and(|piece| piece.beginning == Beginning::Wrong)
    }

    /// Opens a chunk of the job.
    pub fn open(
        &self,
        number: usize,
        chunk: &Chunk,
        source: &Store,
        read: &ReadOptions,
        runtime: &Handle,
    ) -> Result<RowReader, Fault> {
        let reader = match (self.pieces.get(&number), &chunk.range) {
            (Some(piece), Some(range)) => {
                let cuts = &piece.file.cuts;
                RowReader::open_piece(source, &chunk.file, range.clone(), cuts, read, runtime)
            }
            _ => RowReader::open(source, &chunk.file, chunk.range.clone(), read, runtime),
        };
        let reader = reader.map_err(|error| fault::of_read(&error))?;
        Ok(match &chunk.columns {
            Some(columns) => reader.with_columns(columns.clone()),
            None => reader,
        })
    }

    /// What a chunk that was read to its end tells.
    pub fn found(&self, number: usize, reader: &RowReader) -> Option<Found> {
        let piece = self.pieces.get(&number)?;
        let end = reader.end().unwrap_or(piece.file.cuts.size);
        Some(Found { number: piece.number, start: piece.start, end })
    }

    /// The row ids that a chunk's rows may use: those of the pieces that turn out to be its own, too.
    pub fn row_ids(&self, number: usize, chunk: &Chunk) -> i64 {
        self.pieces.get(&number).map_or(chunk.row_id_count, |piece| piece.file.row_id_end - chunk.row_id_base)
    }

    /// Makes sure of every piece's beginning. Returns whether some piece turned out to have no rows.
    pub async fn settle(&mut self, proof: &Proof<'_>) -> Result<bool, Fault> {
        let void = |pieces: &Self| pieces.pieces.keys().filter(|&&chunk| pieces.is_void(chunk)).count();
        let before = void(self);
        let mut waited = Duration::ZERO;
        while let Some((number, at, file)) = self.unknown() {
            (proof.alive)()?;
            self.look(proof.ledger).await?;
            match self.unknown() {
                Some((again, same, _)) if (again, same) == (number, at) => {}
                _ => continue,
            }
            if waited < proof.patience {
                proof.env.sleep(LOOK_EVERY, "until another worker has read the piece before").await;
                waited += LOOK_EVERY;
                continue;
            }
            let object = proof.source.display(&file.file.path);
            tracing::info!(%object, from = at, "reading a piece to see where the next one begins");
            let end = end_of(proof, &file, at).await?;
            record(proof.ledger, &[Found { number, start: at, end }]).await?;
        }
        Ok(void(self) > before)
    }

    /// A beginning that is not known yet: its file, and the piece that must be read.
    fn unknown(&self) -> Option<(u32, u64, Arc<CutFile>)> {
        self.pieces.values().find_map(|piece| match piece.beginning {
            Beginning::Unknown(at) => Some((piece.number, at, Arc::clone(&piece.file))),
            _ => None,
        })
    }

    async fn look(&mut self, ledger: &Ledger) -> Result<(), Fault> {
        let mut known: BTreeMap<u32, BTreeMap<u64, u64>> = BTreeMap::new();
        for piece in self.pieces.values_mut() {
            if !matches!(piece.beginning, Beginning::Unknown(_)) {
                continue;
            }
            let found = match known.entry(piece.number) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    let found = ledger.found_cuts(piece.number).await;
                    entry.insert(found.map_err(|error| fault::of_ledger(&error))?)
                }
            };
            piece.beginning = beginning(found, piece.start);
        }
        Ok(())
    }
}

/// Follows the notes from the file's beginning.
fn beginning(found: &BTreeMap<u64, u64>, start: u64) -> Beginning {
    let mut at = 0;
    while at < start {
        match found.get(&at) {
            Some(&end) if end > at => at = end,
            _ => return Beginning::Unknown(at),
        }
    }
    if at == start { Beginning::Right } else { Beginning::Wrong }
}

/// Notes for others what was found.
pub async fn record(ledger: &Ledger, found: &[Found]) -> Result<(), Fault> {
    for &Found { number, start, end } in found {
        ledger.write_found_cut(number, start, end).await.map_err(|error| fault::of_ledger(&error))?;
    }
    Ok(())
}

/// Reads the piece that begins at `start`, between two rows, for where the next one begins.
async fn end_of(proof: &Proof<'_>, file: &CutFile, start: u64) -> Result<u64, Fault> {
    let size = file.cuts.size;
    let piece = start..file.cuts.at.iter().copied().find(|&cut| cut > start).unwrap_or(size);
    let runtime = Handle::current();
    let mut reader = RowReader::open_piece(proof.source, &file.file, piece, &file.cuts, proof.read, &runtime)
        .map_err(|error| fault::of_read(&error))?;
    loop {
        let reading = tokio::task::spawn_blocking(move || {
            for _ in 0..REPORT_ROWS {
                if reader.next()?.is_none() {
                    return Ok((true, reader));
                }
            }
            Ok((false, reader))
        });
        let (ended, read) = reading
            .await
            .map_err(|error| Fault::new(Code::Internal, format!("reading ended unexpectedly: {error}")))?
            .map_err(|error| fault::of_read(&error))?;
        reader = read;
        if ended {
            return Ok(reader.end().unwrap_or(size));
        }
        (proof.alive)()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_right_only_if_notes_lead_to_it() {
        let found = BTreeMap::from([(0, 100), (100, 300), (200, 290), (300, 400), (500, 600)]);
        for (start, expected) in [
            (0, Beginning::Right),
            (100, Beginning::Right),
            (200, Beginning::Wrong),
            (300, Beginning::Right),
            (400, Beginning::Right),
            (500, Beginning::Unknown(400)),
            (600, Beginning::Unknown(400)),
        ] {
            assert_eq!(beginning(&found, start), expected, "{start}");
        }
        assert_eq!(beginning(&BTreeMap::new(), 7), Beginning::Unknown(0));
        // A note that leads nowhere is none.
        assert_eq!(beginning(&BTreeMap::from([(0, 0)]), 7), Beginning::Unknown(0));
    }
}
