//! From tags and keys back to what people call them.

use std::sync::Arc;

use th_codec::keys::{KeyParts, decode_key};
use th_connect::fault;
use th_dump::{ReadOptions, Store};
use th_errors::Fault;
use th_ledger::Job;
use th_row::Place;
use th_schema::Table;

use crate::{chunk_of, offset_of};

/// The places of some rows of a job, in the order of their tags, each once. Lines are counted by reading the
/// files up to the last of them.
pub async fn places(
    source: &Store,
    read: &ReadOptions,
    job: &Job,
    mut tags: Vec<u64>,
) -> Result<Vec<(u64, Place)>, Fault> {
    tags.sort_unstable();
    tags.dedup();
    let mut places: Vec<(u64, Place)> = Vec::with_capacity(tags.len());
    for of_chunk in tags.chunk_by(|&left, &right| chunk_of(left) == chunk_of(right)) {
        let Some(chunk) = of_chunk.first().and_then(|&tag| job.chunks.get(chunk_of(tag))) else { continue };
        let offsets: Vec<u64> = of_chunk.iter().map(|&tag| offset_of(tag)).collect();
        let lines = th_dump::line_of(source, &chunk.file, &offsets, &read.io)
            .await
            .map_err(|error| fault::of_read(&error))?;
        let object = source.display(&chunk.file.path);
        let place = |offset, line| Place { object: Arc::clone(&object), offset, line, column: 0 };
        places.extend(
            of_chunk
                .iter()
                .zip(&offsets)
                .zip(lines)
                .map(|((&tag, &offset), line)| (tag, place(offset, line))),
        );
    }
    Ok(places)
}

/// The name of the index a key belongs to; `PRIMARY` for a row's own key.
pub fn index_name(table: &Table, key: &[u8]) -> String {
    match decode_key(key) {
        Ok(KeyParts::Index { index_id, .. }) => table
            .info
            .indexes
            .iter()
            .find(|index| index.id == index_id)
            .map_or_else(|| index_id.to_string(), |index| index.name.original.clone()),
        _ => "PRIMARY".to_owned(),
    }
}
