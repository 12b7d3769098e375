//! Files to jobs: pure decisions.

use th_dump::{
    ChunkOptions, Compression, DataFile, Dump, OptionError, Split, TableFiles, plan_chunks_with_splits,
};
use th_ledger::{Chunk, CutFile, FORMAT, Job, JobId};

/// Smallest and largest job that is chosen by itself, in source bytes.
const SMALLEST: u64 = 32 << 20;
const LARGEST: u64 = 1 << 30;
/// A dump is cut into about so many jobs, within these bounds.
const PIECES: u64 = 64;
/// What a compressed byte is worth when jobs are sized.
const COMPRESSION_RATIO: u64 = 4;

/// Most chunks of a job: the sorter's tags number them with 16 bits, and a job's document stays small.
const MOST_CHUNKS: usize = 20_000;

/// The number of source bytes that one job should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSize(pub u64);

impl JobSize {
    /// As configured, or by the size of the dump if 0 is configured.
    pub fn choose(configured: u64, dump: &Dump) -> Self {
        if configured > 0 {
            return Self(configured);
        }
        let total: u64 = dump
            .tables
            .iter()
            .flat_map(|table| &table.data)
            .map(|file| weight(file.size, file.compression))
            .sum();
        Self((total / PIECES).clamp(SMALLEST, LARGEST))
    }
}

fn weight(size: u64, compression: Compression) -> u64 {
    match compression {
        Compression::None => size,
        _ => size.saturating_mul(COMPRESSION_RATIO),
    }
}

/// What the plan's jobs are.
#[derive(Debug, Default)]
pub struct Jobs {
    /// All jobs, by number.
    pub jobs: Vec<Job>,
    /// The files whose pieces begin where rows seem to, by the numbers that their chunks name.
    pub cut_files: Vec<CutFile>,
}

/// Cuts one table's files into jobs, in order, and appends them. `splits` cuts some files into
/// chunks (see [`plan_chunks_with_splits`]). Returns the end of the row ids given out. Commit timestamps
/// are still 0.
pub fn cut(
    import_id: &str,
    table: u32,
    files: TableFiles,
    splits: &[Option<Split>],
    columns: u64,
    first_base: u64,
    size: JobSize,
    Jobs { jobs, cut_files }: &mut Jobs,
) -> Result<i64, OptionError> {
    let options = ChunkOptions { columns, ..ChunkOptions::default() };
    let chunks = plan_chunks_with_splits(&files.data, splits, &options, first_base)?;
    let end = chunks.last().map_or(first_base, |chunk| chunk.row_id_base + chunk.row_id_count);
    let mut open: Vec<Chunk> = Vec::new();
    let (mut open_weight, mut open_bytes) = (0, 0);
    let close = |open: &mut Vec<Chunk>, bytes: u64, jobs: &mut Vec<Job>| {
        if !open.is_empty() {
            jobs.push(Job {
                format: FORMAT,
                import_id: import_id.to_owned(),
                job: JobId(jobs.len() as u32),
                table,
                chunks: std::mem::take(open),
                commit_ts: 0,
                source_bytes: bytes,
            });
        }
    };
    // Numbers of the files of this table that were cut by looking.
    let mut numbers = vec![None; files.data.len()];
    for (file_index, (file, split)) in files.data.iter().zip(splits).enumerate() {
        let Some(split) = split.as_ref().filter(|split| split.guessed) else { continue };
        let last = chunks.iter().rfind(|chunk| chunk.file_index == file_index);
        if let (Some(number), Some(last)) = (numbers.get_mut(file_index), last) {
            *number = Some(cut_files.len() as u32);
            cut_files.push(CutFile {
                format: FORMAT,
                file: file.clone(),
                cuts: split.cuts.clone(),
                row_id_end: (last.row_id_base + last.row_id_count) as i64,
            });
        }
    }
    let mut files: Vec<Option<DataFile>> = files.data.into_iter().map(Some).collect();
    let mut chunks = chunks.into_iter().peekable();
    while let Some(chunk) = chunks.next() {
        let goes_on = chunks.peek().is_some_and(|next| next.file_index == chunk.file_index);
        let file = files.get_mut(chunk.file_index);
        // A dump can have millions of files: those that are done with are not kept twice.
        let file = file.and_then(|file| if goes_on { file.clone() } else { file.take() });
        let Some(file) = file else { continue };
        let bytes = chunk.stored;
        // A piece's uncompressed size is known.
        let chunk_weight =
            if chunk.is_piece { chunk.end - chunk.start } else { weight(bytes, file.compression) };
        // A chunk that would overfill the job by more than it underfills it starts the next one.
        let full = open_weight > 0 && open_weight + chunk_weight / 2 > size.0;
        if full || open.len() == MOST_CHUNKS {
            close(&mut open, open_bytes, jobs);
            (open_weight, open_bytes) = (0, 0);
        }
        open.push(Chunk {
            range: chunk.range(),
            file,
            columns: chunk.columns,
            row_id_base: chunk.row_id_base as i64,
            row_id_count: chunk.row_id_count as i64,
            cut_file: numbers.get(chunk.file_index).copied().flatten(),
        });
        open_weight += chunk_weight;
        open_bytes += bytes;
    }
    close(&mut open, open_bytes, jobs);
    Ok(end as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use th_dump::{Cuts, Format};

    fn files(sizes: &[u64]) -> TableFiles {
        let data = sizes
            .iter()
            .enumerate()
            .map(|(number, &size)| DataFile {
                path: format!("d.t.{number}.sql"),
                size,
                etag: None,
                version: None,
                last_modified: 0,
                format: Format::Sql,
                compression: Compression::None,
                sort_key: number.to_string(),
                source: ("d".into(), "t".into()),
                constants: Vec::new(),
            })
            .collect();
        TableFiles { db: "d".into(), table: "t".into(), schema_file: None, data }
    }

    #[test]
    fn small_files_share_a_job_and_a_large_one_has_its_own() {
        let mut made = Jobs::default();
        let end = cut("i", 3, files(&[40, 40, 40, 500, 10]), &[], 2, 0, JobSize(100), &mut made).unwrap();
        let shape: Vec<Vec<u64>> =
            made.jobs.iter().map(|job| job.chunks.iter().map(|chunk| chunk.file.size).collect()).collect();
        assert_eq!(shape, [vec![40, 40, 40], vec![500], vec![10]]);
        assert_eq!(made.jobs.iter().map(|job| job.source_bytes).sum::<u64>(), 630);
        assert!(
            made.jobs
                .iter()
                .enumerate()
                .all(|(number, job)| job.job == JobId(number as u32) && job.table == 3)
        );
        let last = made.jobs.last().unwrap().chunks.last().unwrap();
        assert_eq!(end, last.row_id_base + last.row_id_count);
    }

    #[test]
    fn a_job_has_a_limited_number_of_chunks() {
        let mut made = Jobs::default();
        cut("i", 0, files(&vec![0; MOST_CHUNKS + 5]), &[], 1, 0, JobSize(100), &mut made).unwrap();
        let chunks: Vec<usize> = made.jobs.iter().map(|job| job.chunks.len()).collect();
        assert_eq!(chunks, [MOST_CHUNKS, 5]);
    }

    #[test]
    fn row_ids_of_chunks_never_meet_and_begin_after_the_tables_own() {
        let mut made = Jobs::default();
        cut("i", 0, files(&[100, 200, 300]), &[], 4, 30_000, JobSize(1), &mut made).unwrap();
        let mut next = 30_000;
        for chunk in made.jobs.iter().flat_map(|job| &job.chunks) {
            assert_eq!(chunk.row_id_base, next);
            next = chunk.row_id_base + chunk.row_id_count;
        }
    }

    #[test]
    fn pieces_whose_ends_are_guesses_name_their_file() {
        let cuts = Cuts { at: vec![40, 70], size: 100, frames: Vec::new() };
        let split = |guessed| Some(Split { cuts: cuts.clone(), columns: None, guessed, rows: Vec::new() });
        let splits = [None, split(true), split(false), split(true)];
        let mut made = Jobs::default();
        cut("i", 0, files(&[100; 4]), &splits, 2, 0, JobSize(50), &mut made).unwrap();
        let chunks: Vec<&Chunk> = made.jobs.iter().flat_map(|job| &job.chunks).collect();
        let named: Vec<Option<u32>> = chunks.iter().map(|chunk| chunk.cut_file).collect();
        let [none, first, second] = [None, Some(0), Some(1)];
        assert_eq!(named, [none, first, first, first, none, none, none, second, second, second]);
        for (number, last) in [(0, 3), (1, 9)] {
            assert_eq!(made.cut_files[number].file.path, chunks[last].file.path);
            assert_eq!(made.cut_files[number].cuts, cuts);
            assert_eq!(
                made.cut_files[number].row_id_end,
                chunks[last].row_id_base + chunks[last].row_id_count
            );
        }
    }

    #[test]
    fn a_table_without_data_has_no_job() {
        let mut made = Jobs::default();
        assert_eq!(cut("i", 0, files(&[]), &[], 1, 7, JobSize(1), &mut made).unwrap(), 7);
        assert!(made.jobs.is_empty());
    }
}
