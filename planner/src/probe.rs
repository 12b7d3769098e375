//! A look at the beginning of a table's first file: which columns its rows have.

use th_connect::fault;
use th_dump::{ReadOptions, RowReader, Store, TableFiles};
use th_errors::{Code, Fault};

/// What the first file says about its columns.
#[derive(Debug, Default)]
pub(crate) struct SourceColumns {
    /// The column list, lower case, if there is one.
    pub(crate) names: Option<Vec<String>>,
}

/// Reads the first row of the first file.
pub(crate) async fn source_columns(
    store: &Store,
    files: &TableFiles,
    read: &ReadOptions,
) -> Result<SourceColumns, Fault> {
    let Some(file) = files.data.iter().find(|file| file.size > 0).cloned() else {
        return Ok(SourceColumns::default());
    };
    let mut options = read.clone();
    options.io.read_block = 256 << 10;
    options.io.prefetch = 1;
    let store = store.clone();
    let runtime = tokio::runtime::Handle::current();
    let looked = tokio::task::spawn_blocking(move || {
        let mut reader = RowReader::open(&store, &file, None, &options, &runtime)?;
        reader.next()?;
        Ok(SourceColumns { names: reader.columns().1.map(<[String]>::to_vec) })
    });
    looked
        .await
        .map_err(|error| Fault::new(Code::Internal, format!("the probe of a source file ended: {error}")))?
        .map_err(|error| fault::of_read(&error).of_table(&files.db, &files.table))
}
