//! Looks into a table's files before they are cut: which columns rows have, and where files can be cut.

use futures::{StreamExt as _, TryStreamExt as _};
use th_connect::fault;
use th_dump::{Format, ReadError, ReadOptions, RowReader, Split, Store, TableFiles};
use th_errors::{Code, Fault};

/// What the first file says about its columns.
#[derive(Debug, Default)]
pub(crate) struct SourceColumns {
    /// The column list, lower case, if there is one.
    pub(crate) names: Option<Vec<String>>,
}

/// Files that are looked at side by side.
const CONCURRENCY: usize = 16;

/// How large SQL and CSV files are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cutting {
    /// Not at all.
    No,
    /// Where rows are seen to begin.
    ByLooking,
    /// CSV after any terminator: none stands inside a field.
    StrictFormat,
}

/// Where the files of a table are cut: Parquet between row groups, others as `how` says. Files without cuts are
/// one chunk each.
pub(crate) async fn splits(
    store: &Store,
    files: &TableFiles,
    read: &ReadOptions,
    piece: u64,
    how: Cutting,
) -> Result<Vec<Option<Split>>, Fault> {
    let of_table = |error: ReadError| fault::of_read(&error).of_table(&files.db, &files.table);
    futures::stream::iter(&files.data)
        .map(|file| async move {
            match file.format {
                Format::Parquet => th_dump::parquet_split(store, file, read, piece).await.map(Some),
                Format::Csv if how == Cutting::StrictFormat => {
                    th_dump::split_csv(store, file, read, piece).await
                }
                _ if how == Cutting::No => Ok(None),
                Format::Csv | Format::Sql => th_dump::cut_by_looking(store, file, read, piece).await,
            }
        })
        .buffered(CONCURRENCY)
        .map_err(of_table)
        .try_collect()
        .await
}

/// The options for whoever reads the beginning of a file only.
pub(crate) fn small_reads(read: &ReadOptions) -> ReadOptions {
    let mut options = read.clone();
    options.io.read_block = 256 << 10;
    options.io.prefetch = 1;
    options
}

/// Reads the first row of the first file; columns in `ignored` may hold anything.
pub(crate) async fn source_columns(
    store: &Store,
    files: &TableFiles,
    read: &ReadOptions,
    ignored: &[String],
) -> Result<SourceColumns, Fault> {
    let Some(file) = files.data.iter().find(|file| file.size > 0).cloned() else {
        return Ok(SourceColumns::default());
    };
    let options = small_reads(read);
    let (store, ignored) = (store.clone(), ignored.to_vec());
    let runtime = tokio::runtime::Handle::current();
    let looked = tokio::task::spawn_blocking(move || {
        let mut reader = RowReader::open(&store, &file, None, &options, &runtime)?.without_columns(&ignored);
        reader.next()?;
        Ok(SourceColumns { names: reader.columns().1.map(<[String]>::to_vec) })
    });
    looked
        .await
        .map_err(|error| Fault::new(Code::Internal, format!("the probe of a source file ended: {error}")))?
        .map_err(|error| fault::of_read(&error).of_table(&files.db, &files.table))
}
