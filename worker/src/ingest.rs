//! Sorted pairs to TiKV: split where needed, merge once, ingest piece by piece.
//!
//! The merge runs on a thread of its own and hands over pieces through a channel of one, so at most
//! `PIECES_IN_FLIGHT + 2` pieces are in memory.

use std::sync::Arc;

use th_cluster::PairBuffer;
use th_connect::fault;
use th_env::Step;
use th_errors::{Code, Fault};
use th_ledger::{Job, Stage};
use th_sorter::{SortError, Sorted, merge};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Instrument as _;

use crate::Worker;
use crate::conflicts::Collisions;
use crate::progress::JobProgress;

/// Pieces of one job on their way to TiKV at once.
const PIECES_IN_FLIGHT: usize = 2;
/// A job's pairs are split when they are more than this many regions' worth.
const SPLIT_FROM: f64 = 1.25;

/// What ingesting a job's pairs came to.
#[derive(Debug, Default)]
pub(crate) struct Ingested {
    pub(crate) pieces: u64,
    pub(crate) retries: u64,
    pub(crate) collisions: Collisions,
}

/// Ingests everything.
pub(crate) async fn run(
    worker: &Worker,
    job: &Job,
    sorted: Sorted,
    progress: &Arc<JobProgress>,
) -> Result<Ingested, Fault> {
    let import = &worker.import;
    let region_bytes = import.region_bytes;
    let parts = vec![sorted];
    let total: u64 = parts.iter().map(Sorted::pair_bytes).sum();
    if total as f64 > region_bytes as f64 * SPLIT_FROM {
        progress.enter(Stage::Split);
        let keys = Sorted::split_keys(&parts, region_bytes);
        import.split(&keys).await?;
        Step::RegionsSplit.reached();
    }
    progress.enter(Stage::Ingest);
    let (sender, mut receiver) = mpsc::channel(1);
    let piece_bytes = usize::try_from(worker.resources.piece_bytes).unwrap_or(usize::MAX);
    let collisions = Collisions::new(import, job)?;
    let merging = tokio::task::spawn_blocking(move || merge_pieces(parts, piece_bytes, collisions, &sender));
    let mut ingested = Ingested::default();
    let mut running: JoinSet<Result<u64, Fault>> = JoinSet::new();
    let mut failure = None;
    while let Some(piece) = receiver.recv().await {
        if worker.stop.is_set() {
            failure = Some(Fault::new(Code::Interrupted, "told to stop"));
        }
        while failure.is_none() && running.len() >= PIECES_IN_FLIGHT {
            match joined(running.join_next().await) {
                Ok(retries) => ingested.retries += retries,
                Err(found) => failure = Some(found),
            }
        }
        if failure.is_some() {
            break;
        }
        ingested.pieces += 1;
        let ingester = import.ingester.clone();
        let (progress, commit_ts) = (Arc::clone(progress), job.commit_ts);
        let ingest = async move {
            let stats = ingester
                .ingest_range(piece.pairs(), commit_ts)
                .await
                .map_err(|error| fault::of_ingest(&error))?;
            progress.ingested(&stats);
            Step::PieceIngested.reached();
            Ok(stats.refusals.values().sum())
        };
        running.spawn(ingest.in_current_span());
    }
    drop(receiver);
    while let Some(done) = running.join_next().await {
        match joined(Some(done)) {
            Ok(retries) => ingested.retries += retries,
            Err(found) => failure = failure.or(Some(found)),
        }
    }
    let merged = merging
        .await
        .map_err(|error| Fault::new(Code::Internal, format!("merging ended unexpectedly: {error}")))?;
    if let Some(found) = failure {
        return Err(found);
    }
    Ok(Ingested { collisions: merged?, ..ingested })
}

fn joined(done: Option<Result<Result<u64, Fault>, tokio::task::JoinError>>) -> Result<u64, Fault> {
    match done {
        Some(Ok(result)) => result,
        Some(Err(error)) => Err(Fault::new(Code::Internal, format!("ingesting ended unexpectedly: {error}"))),
        None => Ok(0),
    }
}

/// Merges and hands over pieces; ends early without an error when nobody takes them any more. Of pairs with
/// equal keys the first in the source is handed over.
fn merge_pieces(
    parts: Vec<Sorted>,
    piece_bytes: usize,
    mut collisions: Collisions,
    pieces: &mpsc::Sender<PairBuffer>,
) -> Result<Collisions, Fault> {
    let sort_fault = |error: SortError| fault::of_sort(&error);
    let total: usize = parts.iter().map(|part| part.pair_bytes() as usize).sum();
    let capacity = total.min(piece_bytes);
    let mut merged = merge(parts).map_err(sort_fault)?;
    let mut piece = PairBuffer::with_capacity(capacity, 0);
    loop {
        let next = merged.next(|found| collisions.add(&found)).map_err(sort_fault)?;
        let Some((key, value, _)) = next else { break };
        if !piece.is_empty() && piece.bytes() + key.len() + value.len() > piece_bytes {
            let full = std::mem::replace(&mut piece, PairBuffer::with_capacity(capacity, 0));
            if pieces.blocking_send(full).is_err() {
                return Ok(collisions);
            }
        }
        piece.push(key, value).map_err(|error| fault::of_ingest(&error))?;
    }
    if !piece.is_empty() {
        // A closed channel means that the job failed elsewhere, which is reported there.
        let _ = pieces.blocking_send(piece);
    }
    Ok(collisions)
}
