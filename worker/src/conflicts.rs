//! Rows with equal keys: named with both their places.

use std::sync::Arc;

use th_codec::keys::{KeyParts, decode_key};
use th_connect::fault;
use th_errors::{Code, Fault};
use th_ledger::{Conflict, Job};
use th_row::Place;

use crate::Import;
use crate::encode::OFFSET_BITS;

/// Conflicts that are recorded with their places; further ones are only counted.
pub(crate) const MOST_RECORDED: usize = 10_000;

/// Two tags with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Collision {
    pub(crate) key: Vec<u8>,
    pub(crate) first: u64,
    pub(crate) second: u64,
}

/// Writes the conflicts to the ledger and returns the fault that names the first.
pub(crate) async fn report(import: &Import, job: &Job, collisions: Vec<Collision>, count: u64) -> Fault {
    match resolve(import, job, &collisions).await {
        Ok(conflicts) => {
            if let Err(error) = import.ledger.write_conflicts(job.job, &conflicts).await {
                return fault::of_ledger(&error);
            }
            let Some(first) = conflicts.first() else {
                return Fault::new(Code::DuplicateKeys, format!("{count} pairs of rows have equal keys"));
            };
            let more =
                if count > 1 { format!("; {} more conflicts in this job", count - 1) } else { String::new() };
            let message = format!(
                "the same key of index {} is written by the rows at {} and {}{more}",
                first.index, first.first, first.second
            );
            let found = Fault::new(Code::DuplicateKeys, message).at(&first.second);
            match import.table(job.table) {
                Ok((planned, _)) => found.of_table(&planned.db, &planned.name),
                Err(_) => found,
            }
        }
        Err(found) => found,
    }
}

async fn resolve(import: &Import, job: &Job, collisions: &[Collision]) -> Result<Vec<Conflict>, Fault> {
    let (_, table) = import.table(job.table)?;
    let mut tags: Vec<u64> =
        collisions.iter().flat_map(|collision| [collision.first, collision.second]).collect();
    tags.sort_unstable();
    tags.dedup();
    let mut places: Vec<(u64, Place)> = Vec::with_capacity(tags.len());
    for of_chunk in tags.chunk_by(|left, right| left >> OFFSET_BITS == right >> OFFSET_BITS) {
        let Some(chunk) = of_chunk.first().and_then(|tag| job.chunks.get((tag >> OFFSET_BITS) as usize))
        else {
            continue;
        };
        let offsets: Vec<u64> = of_chunk.iter().map(|tag| tag & ((1 << OFFSET_BITS) - 1)).collect();
        let lines = th_dump::line_of(&import.source, &chunk.file, &offsets, &import.plan.read.io)
            .await
            .map_err(|error| fault::of_read(&error))?;
        let object = import.source.display(&chunk.file.path);
        let place = |offset, line| Place { object: Arc::clone(&object), offset, line, column: 0 };
        places.extend(
            of_chunk
                .iter()
                .zip(&offsets)
                .zip(lines)
                .map(|((&tag, &offset), line)| (tag, place(offset, line))),
        );
    }
    let place = |tag: u64| {
        places
            .binary_search_by_key(&tag, |(tag, _)| *tag)
            .ok()
            .and_then(|at| places.get(at))
            .map_or_else(String::new, |(_, place)| place.to_string())
    };
    Ok(collisions
        .iter()
        .map(|collision| Conflict {
            index: match decode_key(&collision.key) {
                Ok(KeyParts::Index { index_id, .. }) => table
                    .info
                    .indexes
                    .iter()
                    .find(|index| index.id == index_id)
                    .map_or_else(|| index_id.to_string(), |index| index.name.original.clone()),
                _ => "PRIMARY".to_owned(),
            },
            key: collision.key.iter().map(|byte| format!("{byte:02x}")).collect(),
            first: place(collision.first),
            second: place(collision.second),
        })
        .collect())
}
